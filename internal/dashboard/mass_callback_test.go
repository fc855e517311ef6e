package dashboard

import (
	"fmt"
	"net/http"
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
