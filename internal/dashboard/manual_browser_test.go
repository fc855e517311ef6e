package dashboard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"

	"flashpay/internal/browsertest"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// inBrowsers serves a site to browsers: /as/NAME signs somebody in and leads to the path behind it.
func (m *manualSite) inBrowsers() string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /as/{name}/{path...}", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: m.sessionCookie(), Value: m.people[r.PathValue("name")].cookies[m.sessionCookie()], Path: "/"})
		http.Redirect(w, r, "/"+r.PathValue("path")+"?"+r.URL.RawQuery, http.StatusSeeOther)
	})
	mux.Handle("/", m.handler)
	server := httptest.NewServer(mux)
	m.t.Cleanup(server.Close)
	return server.URL
}

// choose chooses from a select, as a person does: the page hears of it.
func choose(p *browsertest.Page, name, value string) {
	browsertest.Eval[bool](p, fmt.Sprintf(`(() => { const s = document.querySelector('select[name="%s"]'); s.value = '%s';
		s.dispatchEvent(new Event('change', {bubbles: true})); return true })()`, name, value))
}

func typed(p *browsertest.Page, name, value string) {
	selector := `input[name="` + name + `"]`
	browsertest.Eval[bool](p, fmt.Sprintf("(() => { document.querySelector('%s').select(); return true })()", selector))
	p.Do(chromedp.SendKeys(chromedp.CSS(selector), value))
}

// pay lets the bank pay what is due.
func (m *manualSite) pay() {
	m.t.Helper()
	work, err := m.store.LeaseOperations(m.t.Context(), store.Lease{ProjectID: 210, Provider: "sandbox", N: 9, Submit: true, SubmitDeadline: 10e9, Duration: 12e9})
	if err != nil || len(work) == 0 {
		m.t.Fatal(work, err)
	}
	for _, w := range work {
		step := store.Step{Payment: w.Payment, Operation: w.Operation, Event: payout.Succeeded, Kind: "succeeded", ProviderPaymentID: fmt.Sprint("b-", w.Operation.ID)}
		if _, err := m.store.Apply(m.t.Context(), step); err != nil {
			m.t.Fatal(err)
		}
	}
}

func TestASinglePayoutInABrowser(t *testing.T) {
	browser := browsertest.Start(t)
	for _, view := range []struct {
		name string
		browsertest.View
	}{{"desk", browsertest.View{}}, {"phone", browsertest.View{Width: 360, Height: 800, Dark: true}}} {
		t.Run(view.name, func(t *testing.T) {
			m := newManualSite(t)
			address := m.inBrowsers()
			p := browser.Open(t, view.View)
			p.Goto(address + "/as/aida/manual")
			p.Wait("No manual payouts yet")
			p.Screenshot("manual-empty-"+view.name, true)
			fits(t, p, "")
			p.Goto(address + "/manual/new?project=210")
			typed(p, "payment.amount", "500,50")
			choose(p, "method", "bank-transfer/sepa")
			p.Wait("Date of birth")
			p.Screenshot("manual-sepa-"+view.name, true)
			fits(t, p, "")
			choose(p, "method", "bank-transfer/kyrgyzstan")
			p.WaitGone("Date of birth")
			if got := p.Value(`input[name="payment.amount"]`); got != "500,50" {
				t.Errorf("choosing a method turned the sum into %q", got)
			}
			typed(p, "account.number", "1091234567890120")
			p.Wait("Looks cut by a spreadsheet", "The bank: Optima")
			p.Screenshot("manual-doctor-"+view.name, true)
			fits(t, p, "")
			typed(p, "account.number", "1090000000000060")
			p.Wait("The account number is well-formed")
			p.Click("#payout .btn-primary")
			p.Wait("One field needs your attention", "Fill in this field")
			p.Screenshot("manual-faults-"+view.name, true)
			fits(t, p, "")
			typed(p, "customer.id", "c-1")
			p.Click("#payout .btn-primary")
			p.Wait("Check before sending", "500.50")
			p.Screenshot("manual-confirm-"+view.name, true)
			fits(t, p, "")
			p.Click("form .btn-primary")
			p.Wait("The result appears here by itself")
			p.Screenshot("manual-under-way-"+view.name, true)
			m.pay()
			p.Wait("The bank has paid it")
			p.Screenshot("manual-paid-"+view.name, true)
			fits(t, p, "")
			p.Goto(address + "/manual")
			p.Wait("109000******0060")
			p.Screenshot("manual-list-"+view.name, true)
			fits(t, p, "")
		})
	}
}

// TestTheWayBack: an answer to a form cannot be come back to, and a browser's own page about that is no answer. The form is.
func TestTheWayBack(t *testing.T) {
	m := newManualSite(t)
	address := m.inBrowsers()
	p := browsertest.Start(t).Open(t, browsertest.View{})
	p.Goto(address + "/as/aida/manual")
	p.Goto(address + "/manual/new?project=210&method=bank-transfer/kyrgyzstan")
	p.Click("#payout .btn-primary")
	p.Wait("Fill in this field")
	typed(p, "payment.amount", "500,50")
	typed(p, "account.number", "1090000000000060")
	typed(p, "customer.id", "c-1")
	p.Click("#payout .btn-primary")
	p.Wait("Check before sending")
	p.Click("form .btn-primary")
	p.Wait("The result appears here by itself")
	walks := 0
	walk := func(steps int) {
		walks++ // a page may come back as it was, with its mark
		browsertest.Eval[int](p, fmt.Sprintf(`(document.documentElement.dataset.left = "%d", setTimeout(() => history.go(%d), 0))`, walks, steps))
		p.WaitFor(fmt.Sprintf(`document.documentElement.dataset.left !== "%d"`, walks))
	}
	const form = `location.pathname + location.search === "/manual/new?project=210&method=bank-transfer/kyrgyzstan"`
	walk(-1) // to the confirmation, if the browser still has it as it was, else to the form
	p.WaitFor(form)
	walk(-1) // past the faults
	p.Wait("Single payout")
	p.WaitFor(form)
	walk(2)
	p.Wait("The result appears here by itself")
	m.payments(1)
}

// A quick hand chooses again before the page has come to rest, and types while the answer is under way: both count.
func TestAQuickHandLosesNothing(t *testing.T) {
	m := newManualSite(t)
	address := m.inBrowsers()
	p := browsertest.Start(t).Open(t, browsertest.View{})
	p.Goto(address + "/as/aida/manual")
	p.Goto(address + "/manual/new?project=210")
	browsertest.Eval[bool](p, `(() => {
		const choose = (path) => {
			const method = document.querySelector('select[name="method"]')
			method.value = path
			method.dispatchEvent(new Event('change', {bubbles: true}))
		}
		document.addEventListener('htmx:afterSwap', () => choose('bank-transfer/kyrgyzstan'), {once: true})
		choose('bank-transfer/sepa')
		document.querySelector('input[name="payment.amount"]').value = '77.10'
		return true
	})()`)
	p.WaitFor(`document.querySelector('select[name="method"]').value === 'bank-transfer/kyrgyzstan' && !document.querySelector('.htmx-request')`)
	p.WaitGone("Date of birth")
	if got := p.Value(`input[name="payment.amount"]`); got != "77.10" {
		t.Errorf("what was typed while the form was under way became %q", got)
	}
}

func TestAnApprovalInABrowser(t *testing.T) {
	browser := browsertest.Start(t)
	m := newManualSite(t)
	address := m.inBrowsers()
	m.as("aida", "/manual/send", payoutEntries()).must(t, 200)
	if err := m.store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := m.as("aida", "/manual/send", payoutEntries("payment.amount", "2000", "general.payment_id", "Manual-2")).must(t, 200)
	for _, view := range []struct {
		name string
		browsertest.View
	}{{"desk", browsertest.View{}}, {"phone", browsertest.View{Width: 360, Height: 800, Dark: true}}} {
		p := browser.Open(t, view.View)
		p.Goto(address + "/as/aida" + asked.path)
		p.Wait("a second person must decide")
		p.Screenshot("manual-asked-"+view.name, true)
		fits(t, p, "")
		p.Goto(address + "/as/bakyt/manual/waiting")
		p.Wait("Manual-2")
		p.Screenshot("manual-waiting-"+view.name, true)
		fits(t, p, "")
		p.Goto(address + asked.path)
		p.Wait("Approve and pay")
		p.Screenshot("manual-approve-"+view.name, true)
		fits(t, p, "")
		if view.name == "phone" {
			p.Click("form.card .btn-primary")
			p.Wait("approved", "See the payout")
			p.Screenshot("manual-approved-"+view.name, true)
			fits(t, p, "")
		}
	}
	m.payments(2)
}

func TestASinglePayoutWithoutScript(t *testing.T) {
	m := newManualSite(t)
	address := m.inBrowsers()
	p := browsertest.Start(t).Open(t, browsertest.View{NoScript: true})
	p.Goto(address + "/as/aida/manual/new?project=210")
	choose(p, "method", "bank-transfer/kyrgyzstan")
	typed(p, "payment.amount", "500")
	p.Click(`noscript button, button[formaction="/manual/new"]`)
	p.Wait("Latin letters and digits")
	if got := p.Value(`input[name="payment.amount"]`); got != "500" {
		t.Errorf("showing the fields turned the sum into %q", got)
	}
	typed(p, "account.number", "1090000000000060")
	typed(p, "customer.id", "c-1")
	p.Click("#payout .btn-primary")
	p.Wait("Check before sending", "well-formed")
	p.Click("form .btn-primary")
	p.Wait("processing", "Refresh")
	m.pay()
	p.Click(`noscript a, #live a[href*="/manual/payouts/"]`)
	p.Wait("The bank has paid it")
}

// The pages in the other languages, for those who look at pictures; what they say is checked word by word elsewhere.
func TestManualPagesInAllLanguages(t *testing.T) {
	browser := browsertest.Start(t)
	m := newManualSite(t)
	address := m.inBrowsers()
	for lang, words := range map[string][]string{"ru": {"Номер счёта", "Проверьте перед отправкой"}, "ky": {"Эсептин номери", "Жөнөтүүдөн мурун текшериңиз"}} {
		u := *m.people["aida"].user
		now, err := people.New(m.store).User(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		u = now.User
		u.Language = lang
		if err := people.New(m.store).SaveProfile(t.Context(), &u, "test"); err != nil {
			t.Fatal(err)
		}
		p := browser.Open(t, browsertest.View{Width: 360, Height: 800})
		p.Goto(address + "/as/aida/manual/new?" + url.Values{"project": {"210"}, "method": {"bank-transfer/kyrgyzstan"}}.Encode())
		p.Wait(words[0])
		p.Screenshot("manual-new-"+lang, true)
		fits(t, p, "")
		typed(p, "payment.amount", "2000")
		typed(p, "account.number", "1090000000000060")
		typed(p, "customer.id", "c-1")
		p.Click("#payout .btn-primary")
		p.Wait(words[1])
		p.Screenshot("manual-confirm-"+lang, true)
		fits(t, p, "")
	}
}
