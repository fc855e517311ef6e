package dashboard

import (
	"cmp"
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

// TestRegisterFitsInABrowser holds that the register's usual columns fit desks of both widths in each language, that a
// telephone has several payments in sight, and that no mask wraps.
func TestRegisterFitsInABrowser(t *testing.T) {
	s := newSite(t)
	s.fillRecipients()
	browser := browsertest.Start(t)
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	for _, view := range []struct {
		name, lang, path string
		browsertest.View
	}{
		{"1440-en", "en", "/payments", browsertest.View{Width: 1440, Height: 900}},
		{"1440-ru-open", "ru", "open", browsertest.View{Width: 1440, Height: 900}},
		{"1024-ru", "ru", "/payments", browsertest.View{Width: 1024, Height: 768}},
		{"1024-ky-dark", "ky", "/payments", browsertest.View{Width: 1024, Height: 768, Dark: true}},
		{"390-ru", "ru", "/payments", browsertest.View{Width: 390, Height: 844}},
		{"390-ky-payee", "ky", "payee", browsertest.View{Width: 390, Height: 844}},
		{"1440-ru-payee", "ru", "payee", browsertest.View{Width: 1440, Height: 900}},
	} {
		t.Run(view.name, func(t *testing.T) {
			b := s.signedInAs(&staff.User{MerchantID: 1, Email: view.name + "@example.kg", Name: "Aida", Roles: []staff.Role{staff.Operations}, AllProjects: true, Language: view.lang, Zone: "Asia/Bishkek"})
			v, err := s.Store.PaymentView(t.Context(), 210, "salary-2026-11/0007")
			if err != nil {
				t.Fatal(err)
			}
			path := map[string]string{"open": "/payments?open=" + tabName(210, v.Payment.ID), "payee": payeeAddress("account", 210, v.Payment.ID)}[view.path]
			p := browser.Open(t, view.View)
			p.SetCookie(server.URL, s.sessionCookie(), b.cookies[s.sessionCookie()])
			p.Goto(server.URL + cmp.Or(path, view.path))
			p.WaitFor(`document.querySelector("#totals strong") !== null`)
			p.Screenshot("register-"+view.name, false)
			for _, wide := range p.Overflows() {
				t.Error(wide)
			}
			for _, v := range p.Axe() {
				t.Error(v)
			}
			if over := browsertest.Eval[float64](p, `Math.max(0, ...[...document.querySelectorAll(".register-list .table-responsive")].filter((e) => e.checkVisibility()).map((e) => e.scrollWidth - e.clientWidth))`); over > 0 {
				t.Errorf("the list is %v pixels wider than its place", over)
			}
			if tall := browsertest.Eval[float64](p, `Math.max(...[...document.querySelectorAll('.register td[data-column="account"] span')].map((e) => e.getClientRects().length))`); tall > 1 {
				t.Errorf("a mask wraps into %v lines", tall)
			}
			if rows := browsertest.Eval[float64](p, `Math.max(...[...document.querySelectorAll(".register tbody tr")].map((e) => e.getBoundingClientRect().height))`); view.Width < 400 && rows > 115 {
				t.Errorf("a payment is %v pixels high on a telephone", rows)
			}
		})
	}
}

// fillRecipients makes payouts to people and companies in two projects.
func (s *site) fillRecipients() {
	s.t.Helper()
	names := []string{"Абдыкадырова Айгүл Турсунбековна", "ОсОО «Строительная компания Ак-Кеме Плюс»", "Ли А.", "Осмонов Бакыт Нурланович", "Токтогулов Үмүт", "Смирнова-Константинопольская Екатерина"}
	for i := range 26 {
		project := int64(210 + i%5/4)
		event := []payout.Event{payout.Succeeded, payout.Succeeded, payout.Declined, 0}[i%4]
		s.pay(project, fmt.Sprintf("salary-2026-11/%04d", i), int64(1_000_000+i*1_234_567), event, holder(fmt.Sprintf("109%013d", i%6), names[i%6], fmt.Sprintf("employee-%d", i)))
	}
	if err := s.Store.FollowJournal(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}
