package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// The page of a batch shows where the callback of its end stands, and who may sends it again: once for each click, and to the address
// of now.
func TestTheCallbackOfABatchIsSentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	set := func(on bool, address string) {
		p, _ := s.Store.Project(210)
		changed := *p
		changed.Settings.BatchCallback, changed.Settings.CallbackURL = on, address
		if err := s.Store.SaveProject(t.Context(), &changed, store.By{Actor: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	set(true, "https://shop.example/first")
	clerk := s.signedIn(staff.Operations)
	path := clerk.takes("210", "wages.csv", massFile(massRow(210, "w1", 500)))
	again := `action="` + path + `/resend"`
	if page := clerk.get(path); strings.Contains(page.Body, again) {
		t.Error("a callback that there is not can be sent again")
	}
	clerk.post(path+"/resend", "once", "0123456789abcdef-0").wants(http.StatusNotFound)
	clerk.post(path+"/send", "once", "0123456789abcdef-1").wants(http.StatusSeeOther)
	s.sendBatches()
	list, err := s.Store.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: 210})
	if err != nil || len(list) != 1 || list[0].Batch == 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	d := list[0]
	attempt := store.Attempt{ProjectID: 210, Number: d.Number, Attempt: 1, URL: d.URL, At: s.Store.Now(), HTTPStatus: http.StatusOK}
	if err := s.Store.SaveAttempt(t.Context(), attempt, store.CallbackDelivered, time.Time{}); err != nil {
		t.Fatal(err)
	}
	page := clerk.get(path).says(fmt.Sprint("Callback ", d.Number), "delivered", "https://shop.example/first", "HTTP 200")
	if !strings.Contains(page.Body, again) {
		t.Error("it cannot be sent again")
	}

	set(true, "https://shop.example/second")
	for range 2 { // pressed twice
		clerk.post(path+"/resend", "once", "0123456789abcdef-2").wants(http.StatusSeeOther)
	}
	list, err = s.Store.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: 210})
	if err != nil || len(list) != 1 || list[0].State != store.CallbackPending || list[0].NextAt.IsZero() || list[0].URL != "https://shop.example/second" {
		t.Fatalf("%+v, %v", list, err)
	}
	clerk.get(path).says("https://shop.example/second", "is being sent again", "waiting")
	set(true, "")
	clerk.post(path+"/resend", "once", "0123456789abcdef-3").wants(http.StatusConflict)
	s.signedIn(staff.Finance).post(path+"/resend", "once", "0123456789abcdef-4").wants(http.StatusForbidden)
}

// A batch whose callback fails is found from the overview and from the menu, in the list of its kind; the words that lead to payments
// do not count it.
func TestABatchWhoseCallbackFailsIsFound(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, _ := s.Store.Project(210)
	changed := *p
	changed.Settings.BatchCallback, changed.Settings.CallbackURL = true, "https://shop.example/callbacks"
	if err := s.Store.SaveProject(t.Context(), &changed, store.By{Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	clerk, operator := s.signedIn(staff.Operations), s.signedIn(staff.Operator)
	batch := func(name, id string) (path string, d store.Delivery) {
		path = clerk.takes("210", name, massFile(massRow(210, id, 500)))
		clerk.post(path+"/send", "once", "0123456789abcdef-"+id).wants(http.StatusSeeOther)
		s.sendBatches()
		list, err := s.Store.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: 210})
		if err != nil || len(list) == 0 || list[0].Batch == 0 {
			t.Fatalf("%+v, %v", list, err)
		}
		return path, list[0]
	}
	ends := func(d store.Delivery, run int, state store.CallbackState, status int) {
		attempt := store.Attempt{ProjectID: 210, Number: d.Number, Attempt: run, URL: d.URL, At: s.Store.Now(), HTTPStatus: status}
		if err := s.Store.SaveAttempt(t.Context(), attempt, state, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	_, good := batch("good.csv", "w1")
	ends(good, 1, store.CallbackDelivered, http.StatusOK)
	clerk.get("/manual/mass").saysNot("Callback failing")
	path, bad := batch("bad.csv", "w2")
	ends(bad, 1, store.CallbackGivenUp, http.StatusInternalServerError)
	s.shelf.forget(clerk.user.ID)
	const words = "Mass payouts whose callback fails"
	overview := clerk.get("/overview").wants(http.StatusOK).says(words).saysNot("Callbacks given up")
	if !strings.Contains(overview.Body, `href="/manual/mass?callback=failing"`) {
		t.Error("the overview does not lead to them")
	}
	if got := overview.badgeOf("/manual"); !strings.Contains(got, words+": 1") {
		t.Errorf("the menu's badge is %q", got)
	}
	clerk.get("/manual/mass?callback=failing").says("bad.csv").saysNot("good.csv")
	clerk.get("/manual/mass?callback=failing&file=csv").saysNot("good.csv")
	clerk.get("/payments?situation=callback+failing").says(words + ": 1")
	operator.get("/overview").says("Callbacks given up").saysNot(words)
	operator.get("/manual/mass").says("Callback failing 1")
	operator.get("/manual/mass?callback=failing").says("bad.csv").saysNot("good.csv")
	support := s.signedIn(staff.Support) // has no list of batches to go to
	support.get("/overview").says("Callbacks given up").saysNot(words)
	if got := support.get("/payments?situation=callback+failing").says(words + ": 1"); strings.Contains(got.Body, "/manual/mass") {
		t.Error("who may not see mass payouts is led there")
	}
	if desk := operator.get("/operate/work/210"); !strings.Contains(desk.Body, `href="`+path+`"`) {
		t.Error("the desk does not lead to the batch")
	}
	clerk.post(path+"/resend", "once", "0123456789abcdef-again").wants(http.StatusSeeOther)
	clerk.get("/manual/mass?callback=failing").says("bad.csv") // it fails until it is acknowledged
	ends(bad, 2, store.CallbackDelivered, http.StatusOK)
	clerk.get("/manual/mass?callback=failing").says("No mass payout has a callback that fails")
	both := clerk.takes("210", "both.csv", massFile(massRow(210, "w3", 500), massRow(211, "w4", 500)))
	id, err := strconv.ParseInt(strings.TrimPrefix(both, "/manual/mass/"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	s.failBatches(210, id)
	clerk.get("/manual/mass").says("Callback failing 1")
	some := s.signedInAs(&staff.User{MerchantID: 1, Email: "some@example.kg", Name: "Some", Roles: []staff.Role{staff.Operations}, Projects: []int64{210}})
	some.get("/manual/mass").says("bad.csv").saysNot("both.csv", "Callback failing")
	some.get("/overview").saysNot(words)
	s.signedInAs(&staff.User{MerchantID: 2, Email: "other@example.kg", Name: "Other", Roles: []staff.Role{staff.Operations}, AllProjects: true}).
		get("/overview").saysNot(words)
}

// Callbacks of batches take no callback of a payment out of the overview's counts, and batches that are gone are not told of.
func TestCallbacksOfBatchesHideNoneOfPayments(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	clerk := s.signedIn(staff.Operations)
	p, _ := s.Store.Project(210)
	changed := *p
	changed.Settings.BatchCallback, changed.Settings.CallbackURL = true, "https://shop.example/callbacks"
	if err := s.Store.SaveProject(t.Context(), &changed, store.By{Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	s.giveUp(210, "salary")
	gone := make([]int64, overviewMax+1)
	for i := range gone {
		gone[i] = int64(1_000_000 + i)
	}
	s.failBatches(210, gone...)
	clerk.get("/overview").says("Callbacks given up 1").saysNot("Mass payouts whose callback fails")
	s.signedIn(staff.Support).get("/overview").says("Callbacks given up 99+")
}

// failBatches ends batches of a project, and gives up their callbacks.
func (s *site) failBatches(project int64, ids ...int64) {
	s.t.Helper()
	err := s.Store.Do(s.t.Context(), "", func(_ context.Context, tx *store.Tx) error {
		for _, id := range ids {
			tx.AddBatchEvent(project, store.BatchEnd{Batch: id, State: "done", Rows: 1, Sent: 1})
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	newest, err := s.Store.Deliveries(s.t.Context(), store.DeliveryFilter{ProjectID: project})
	if err != nil || len(newest) == 0 || newest[0].Batch == 0 {
		s.t.Fatalf("%+v, %v", newest, err)
	}
	for i := range int64(len(ids)) {
		a := store.Attempt{ProjectID: project, Number: newest[0].Number - i, Attempt: 1, At: s.Store.Now(), HTTPStatus: http.StatusInternalServerError}
		if err := s.Store.SaveAttempt(s.t.Context(), a, store.CallbackGivenUp, time.Time{}); err != nil {
			s.t.Fatal(err)
		}
	}
}
