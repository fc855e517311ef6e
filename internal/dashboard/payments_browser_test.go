package dashboard

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"flashpay/internal/browsertest"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// TestPaymentsInABrowser walks through the section at a desk, light, and on a telephone, dark: nothing is wider than
// the window, axe-core finds nothing, and the totals arrive by themselves.
func TestPaymentsInABrowser(t *testing.T) {
	browser := browsertest.Start(t)
	for _, view := range []struct {
		name, lang string
		browsertest.View
	}{
		{"desk", "en", browsertest.View{}},
		{"phone-dark", "ky", browsertest.View{Width: 360, Height: 800, Dark: true}},
	} {
		t.Run(view.name, func(t *testing.T) {
			s := newSite(t)
			b := s.signedInAs(&staff.User{MerchantID: 1, Email: "aida@example.kg", Name: "Aida", Roles: []staff.Role{staff.Operations}, AllProjects: true, Language: view.lang, Zone: "Asia/Bishkek"})
			server := httptest.NewServer(s.handler)
			t.Cleanup(server.Close)
			p := browser.Open(t, view.View)
			p.SetCookie(server.URL, s.sessionCookie(), b.cookies[s.sessionCookie()])
			say := func(id string, args ...any) string { return s.pages[view.lang].words.say(id, args...) }
			look := func(name string) {
				t.Helper()
				p.Screenshot("payments-"+name+"-"+view.name, true)
				for _, wide := range p.Overflows() {
					t.Errorf("%s: %s", name, wide)
				}
				for _, v := range p.Axe() {
					t.Errorf("%s: %s", name, v)
				}
			}
			p.Goto(server.URL + "/payments")
			p.Wait(say("payments.empty"))
			look("empty")

			disputed := s.fillPages()
			p.Goto(server.URL + "/payments")
			p.Wait(say("payments.found", "count", 66))
			look("list")
			p.Click(".register-totals summary")
			p.Click(".register-filter summary")
			look("filter")
			p.Goto(server.URL + "/payments?from=never&status=decline")
			p.Wait(say("payments.fault_time"))
			look("fault")
			p.Goto(server.URL + "/payments?status=decline&currency=EUR")
			p.Wait(say("payments.empty_filter"))
			look("nothing")
			p.Goto(server.URL + pageOf(disputed))
			p.Wait(say("payments.timeline"))
			p.Click("details summary")
			look("payment")
		})
	}
}

// fillPages makes payments of all kinds, and returns one that is in dispute.
func (s *site) fillPages() *store.View {
	disputed := s.dispute(210, "salary-2026-11/disputed")
	for i := range 65 {
		v := s.pay(210, fmt.Sprintf("salary-2026-11/%04d", i), int64(1_000_000+i*12_345), []payout.Event{payout.Succeeded, payout.Succeeded, payout.Declined, 0}[i%4],
			func(p *store.NewPayout) {
				p.CustomerID, p.Description = fmt.Sprintf("employee-%d", i), "Айлык акы, ноябрь"
			})
		if v.Payment.Status != payout.Success {
			continue
		}
		a := store.Attempt{ProjectID: 210, Number: int64(v.Payment.Events), Attempt: 1, At: s.Store.Now(), Duration: 83 * time.Millisecond, HTTPStatus: 500, Error: "answered 500: only 200 acknowledges", Answer: []byte("<h1>busy</h1>")}
		if err := s.Store.SaveAttempt(s.t.Context(), a, store.CallbackPending, s.Store.Now().Add(time.Minute)); err != nil {
			s.t.Fatal(err)
		}
	}
	v, err := s.Store.PaymentView(s.t.Context(), 210, disputed.Payment.PaymentID)
	if err != nil {
		s.t.Fatal(err)
	}
	s.step(v, payout.Succeeded, 0)
	if err := s.Store.FollowJournal(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return disputed
}
