package dashboard

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/resend"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
)

// giveUp makes a paid payout whose callback was given up.
func (s *site) giveUp(project int64, id string) *store.View {
	s.t.Helper()
	v := s.pay(project, id, 100, payout.Succeeded)
	all, err := s.Store.PaymentCallbacks(s.t.Context(), project, v.Payment.ID)
	if err != nil || len(all) != 1 {
		s.t.Fatalf("%v, %v", all, err)
	}
	a := store.Attempt{ProjectID: project, Number: all[0].Job.Event.Number, Attempt: 1, At: s.Store.Now(), HTTPStatus: 500}
	if err := s.Store.SaveAttempt(s.t.Context(), a, store.CallbackGivenUp, time.Time{}); err != nil {
		s.t.Fatal(err)
	}
	return v
}

// callbackState is where the only callback of a payment stands.
func (s *site) callbackState(v *store.View) store.CallbackState {
	s.t.Helper()
	all, err := s.Store.PaymentCallbacks(s.t.Context(), v.Payment.ProjectID, v.Payment.ID)
	if err != nil || len(all) != 1 {
		s.t.Fatalf("%v, %v", all, err)
	}
	return all[0].State
}

// work does the jobs of a kind, and says how many there were.
func (s *site) work(kind string) int {
	s.t.Helper()
	runs, err := jobs.Lease(s.t.Context(), s.Store, kind, 10, time.Minute)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range runs {
		if err := resend.Job().Run(s.t.Context(), r); err != nil {
			s.t.Fatal(err)
		}
	}
	return len(runs)
}

func TestFailingCallbacksAreSentAgain(t *testing.T) {
	s := newSite(t)
	first, second := s.giveUp(210, "first"), s.giveUp(211, "second")
	others := s.giveUp(220, "theirs")
	s.pay(210, "fine", 100, payout.Succeeded)
	b := s.signedIn(staff.Support)
	const list = "/payments?situation=callback+failing"
	page := b.get(list).wants(http.StatusOK).says("first", "second", "Send the chosen again").saysNot("fine", "theirs")
	if got := page.link("Callback failing"); got != list {
		t.Errorf("the quick filter leads to %s", got)
	}
	b.get("/payments/totals?situation=callback+failing").says("2 payments")
	if csv := b.get("/payments/export?situation=callback+failing"); strings.Count(csv.Body, "\n") != 3 || !strings.Contains(csv.Body, "second") {
		t.Errorf("the CSV:\n%s", csv.Body)
	}
	b.get("/payments").saysNot("Send the chosen again")
	b.post("/payments/filters", "name", "Look at these", "query", "situation=callback+failing").wants(http.StatusSeeOther)
	if got := b.get("/payments").link("Look at these"); got != list {
		t.Errorf("the saved filter leads to %s", got)
	}
	finance := s.signedIn(staff.Finance)
	finance.get(list).wants(http.StatusOK).says("first").saysNot("Send the chosen again")
	finance.get("/payments/resend?situation=callback+failing").wants(http.StatusForbidden)
	finance.post("/payments/resend", "query", "", "count", "2").wants(http.StatusForbidden)

	// Chosen rows: of another merchant's, none.
	row := func(v *store.View) string { return "row=" + tabName(v.Payment.ProjectID, v.Payment.ID) }
	b.get("/payments/resend?situation=callback+failing&chosen=yes").wants(http.StatusOK).says("Nothing is chosen").saysNot("again at once")
	ask := b.get("/payments/resend?" + row(first) + "&" + row(others)).wants(http.StatusOK).says("1 callback will be sent again")
	once := ask.field("once")
	sent := b.post("/payments/resend", "once", once, "query", ask.field("query"), "count", ask.field("count")).wants(http.StatusSeeOther)
	b.get(sent.Location).wants(http.StatusOK).says("0 of 1 are due again")
	if s.work(resend.Kind) != 1 || s.callbackState(first) != store.CallbackPending || s.callbackState(second) != store.CallbackGivenUp || s.callbackState(others) != store.CallbackGivenUp {
		t.Fatalf("%s, %s, %s", s.callbackState(first), s.callbackState(second), s.callbackState(others))
	}
	b.get(sent.Location).says("1 of 1 is being sent again")
	s.signedIn(staff.Support).get(sent.Location).wants(http.StatusNotFound)

	// A second click, also when nothing fails any more, is the same order.
	deliver := store.Attempt{ProjectID: 210, Number: 1, Attempt: 2, At: s.Store.Now(), HTTPStatus: 200}
	if err := s.Store.SaveAttempt(t.Context(), deliver, store.CallbackDelivered, time.Time{}); err != nil {
		t.Fatal(err)
	}
	again := b.post("/payments/resend", "once", once, "query", ask.field("query"), "count", "1").wants(http.StatusSeeOther)
	if again.Location != sent.Location || s.work(resend.Kind) != 0 || s.callbackState(first) != store.CallbackDelivered {
		t.Errorf("a second click: %s, %s", again.Location, s.callbackState(first))
	}

	// All of the filter, and no more than were agreed to.
	third := s.giveUp(210, "third")
	ask = b.get(b.get(list).link("Send all of this filter again")).says("2 callbacks will be sent again")
	s.giveUp(210, "fourth")
	b.post("/payments/resend", "once", ask.field("once"), "query", ask.field("query"), "count", ask.field("count")).wants(http.StatusSeeOther)
	if s.work(resend.Kind) != 1 {
		t.Fatal("no order")
	}
	failing, _, err := s.Store.FailingCallbacks(t.Context(), store.RegisterFilter{Projects: []int64{210, 211, 220}}, 10)
	if n := len(failing); err != nil || n != 4 || s.callbackState(third) != store.CallbackPending { // those two are repeated until they are acknowledged
		t.Errorf("%d fail, %v; the third's is %s", n, err, s.callbackState(third))
	}
	log := s.signedIn(staff.Operator).get("/operate/audit?action=callbacks+resend").says("sent failing callbacks again", "project 211")
	if got := strings.Count(log.text(), "sent failing callbacks again"); got < 2 {
		t.Errorf("%d lines in the audit log", got)
	}
}

// TestALargeOrderEndsWhereItWasLeft has an order's node die in its midst.
func TestALargeOrderEndsWhereItWasLeft(t *testing.T) {
	s := newSite(t)
	var all []*store.View
	for i := range 60 {
		all = append(all, s.giveUp(210, fmt.Sprint("p", i)))
	}
	callbacks, more, err := s.Store.FailingCallbacks(t.Context(), store.RegisterFilter{Projects: []int64{210}}, 100)
	if err != nil || more || len(callbacks) != 60 {
		t.Fatalf("%d, %v, %v", len(callbacks), more, err)
	}
	id, err := resend.Add(t.Context(), s.Store, "", resend.Order{Callbacks: callbacks, Actor: "test"})
	if err != nil {
		t.Fatal(err)
	}
	runs, err := jobs.Lease(t.Context(), s.Store, resend.Kind, 1, time.Nanosecond)
	if err != nil || len(runs) != 1 {
		t.Fatalf("%v, %v", runs, err)
	}
	dead := runs[0]
	dead.Done = 50 // its next step would be the last ten
	if s.work(resend.Kind) != 1 {
		t.Fatal("nobody takes the order over")
	}
	if err := resend.Job().Run(t.Context(), dead); err == nil {
		t.Error("who has lost the order wrote on")
	}
	for _, v := range all {
		if s.callbackState(v) != store.CallbackPending {
			t.Fatalf("%s was left out", v.Payment.PaymentID)
		}
	}
	p, err := resend.Get(t.Context(), s.Store, 0, id)
	if err != nil || p.Resent != 60 || p.Done != 60 || !p.Ended {
		t.Errorf("%+v, %v", p, err)
	}
}
