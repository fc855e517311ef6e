package dashboard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"flashpay/internal/browsertest"
	"flashpay/internal/staff"
)

// ended ends the session of somebody whose window stays open.
func (b *browser) ended() {
	b.site.t.Helper()
	b.post("/sign-out").wants(http.StatusSeeOther)
}

// signIn goes through the pages of the sign-in that is open.
func (p *person) signIn(b *browser) {
	p.t.Helper()
	p.fill("email", b.user.Email)
	p.fill("password", sitePassword)
	p.follow(`form[action="/sign-in"] .btn-primary`)
	p.fill("code", p.s.code(0))
	p.follow(`form[action="/sign-in/factor"] .btn-primary`)
}

// put is what somebody types or chooses in a field.
func (p *person) put(name, value string) {
	p.t.Helper()
	if browsertest.Eval[bool](p.Page, fmt.Sprintf(`document.querySelector('[name=%q]').matches("input:not([type=radio])")`, name)) {
		p.fill(name, value)
		return
	}
	browsertest.Eval[bool](p.Page, fmt.Sprintf(`(() => {
		const field = document.querySelector('[name=%[1]q][value=%[2]q]') ?? document.querySelector('[name=%[1]q]')
		field.type === "radio" ? field.click() : field.value = %[2]q
		field.dispatchEvent(new Event("input", {bubbles: true}))
		return true })()`, name, value))
}

// holds compares a field with what was typed.
func (p *person) holds(where, name, value string) {
	p.t.Helper()
	got := browsertest.Eval[string](p.Page, fmt.Sprintf(`(document.querySelector('[name=%[1]q]:checked') ?? document.querySelector('[name=%[1]q]:not([type=radio])'))?.value ?? "(no such field)"`, name))
	if got != value {
		p.t.Errorf("%s: %s holds %q, want %q", where, name, got, value)
	}
}

// longForms are the forms that take long to fill in, with what somebody types there.
var longForms = []struct {
	name, path, button string
	as                 staff.Role
	typed              [][2]string
}{
	{
		"payout", "/manual/new?project=210&method=bank-transfer/kyrgyzstan", "#payout .btn-primary", staff.Operations,
		[][2]string{{"payment.amount", "1 234,50"}, {"account.number", "1090000000000060"}, {"customer.id", "Асанова-7"}},
	},
	{
		"settings", "/projects/210/callbacks", `main form[action="/projects/210/callbacks"] .btn-primary`, staff.MerchantAdmin,
		[][2]string{{"callback_url", "https://shop.example.kg/callbacks"}},
	},
	{
		"report", "/reports/new", "#report .acts .btn-primary", staff.Finance,
		[][2]string{{"code", "20102"}, {"separator", "semicolon"}},
	},
	{
		"schedule", "/reports/schedules/new", "#schedule .acts .btn-primary", staff.Finance,
		[][2]string{{"every", "month"}, {"name", "Жылдык"}},
	},
	{
		"tariff", "/finance/210/tariff?method=bank-transfer/kyrgyzstan&currency=KGS", `main form[action="/finance/210/tariff"] .btn-primary`, staff.Operator,
		[][2]string{{"fixed", "12.50"}, {"percent", "1.25"}},
	},
	{
		"settle", "{case}", "main form.card .btn-primary", staff.Operator,
		[][2]string{{"decision", "bank"}, {"reason", "the bank’s letter of 3 November"}, {"note", "rang them twice"}},
	},
	{
		"funds", "/operate/funds/210", "main form .btn-primary", staff.Operator,
		[][2]string{{"amount", "2500,75"}, {"reason", "wire of 26 November"}},
	},
}

// A session ends while somebody types, and they press the button: after the sign-in the form is there as they left it, and
// nothing was done. A reload before, and the way back from another page, lose nothing either.
func TestTypingOutlivesTheSession(t *testing.T) {
	s := newSite(t)
	record := s.contradict("Salary-42")
	chromium := browsertest.Start(t)
	p := seat(t, chromium, s, atADesk)
	for _, form := range longForms {
		t.Run(form.name, func(t *testing.T) {
			p := &person{Page: p.For(t), t: t, url: p.url, s: s}
			who := s.signedIn(form.as)
			p.as(who)
			p.open(strings.ReplaceAll(form.path, "{case}", record))
			for _, typed := range form.typed {
				p.put(typed[0], typed[1])
			}
			all := func(where string) {
				t.Helper()
				for _, typed := range form.typed {
					p.holds(where, typed[0], typed[1])
				}
			}
			const token = `document.querySelector('main form[data-typed] [name="once"]')?.value ?? ""`
			once := browsertest.Eval[string](p.Page, token)
			p.again(`location.reload()`)
			all("after a reload")
			if got := browsertest.Eval[string](p.Page, token); got != once {
				t.Errorf("after a reload the form is another act: its token is %q, and was %q", got, once)
			}
			p.follow(`#sections a[href="/profile"]`)
			p.again(`history.back()`)
			all("on the way back")

			who.ended()
			p.again(`location.reload()`)
			p.signIn(who)
			p.settled()
			all("reloaded over the sign-in")

			again := s.signInAgain(who.user)
			p.as(again)
			again.ended()
			p.unchecked(form.button)
			p.shows("a session that ended", map[string]bool{`input[name="password"]`: true})
			if address := browsertest.Eval[string](p.Page, "location.href"); strings.Contains(address, form.typed[0][1]) || strings.Contains(address, "kept") {
				t.Errorf("what was typed stands in the address %s", address)
			}
			p.fill("email", who.user.Email)
			p.fill("password", sitePassword)
			p.follow(`form[action="/sign-in"] .btn-primary`)
			p.fill("code", s.code(1)) // of the next half minute: this one was used
			p.follow(`form[action="/sign-in/factor"] .btn-primary`)
			p.Wait("nothing has been done with it yet")
			all("after the sign-in")
			p.Screenshot("typing-kept-"+form.name, false)
		})
	}
	s.wantsAvailable(100_000_000)
}

var leavings int

// again does what leads to another document, and waits until what was typed is there, if it comes.
func (p *person) again(script string) {
	p.t.Helper()
	leavings++ // a page may come back as it was, with its mark
	browsertest.Eval[int](p.Page, fmt.Sprintf(`(document.documentElement.dataset.left = "%d", setTimeout(() => {%s}, 0))`, leavings, script))
	p.WaitFor(fmt.Sprintf(`document.documentElement.dataset.left !== "%d"`, leavings))
	p.settled()
}

// settled waits until nothing is under way.
func (p *person) settled() { p.WaitFor(`!document.querySelector(".htmx-request")`) }

// unchecked presses a button of a form past the browser's own checks.
func (p *person) unchecked(button string) {
	p.t.Helper()
	browsertest.Eval[bool](p.Page, fmt.Sprintf(`(document.querySelector(%q).form.noValidate = true)`, button))
	p.follow(button)
}

// The session ends, and what the page asks by itself is told so: the form stays, the sign-in opens beside it, and afterwards one
// types on.
func TestTheAccountFieldKeepsTheForm(t *testing.T) {
	m := newManualSite(t)
	chromium := browsertest.Start(t)
	p := seat(t, chromium, m.site, browsertest.View{Width: 390, Height: 844})
	who := m.people["aida"]
	p.as(who)
	p.open("/manual/new?project=210&method=bank-transfer/kyrgyzstan")
	p.fill("payment.amount", "500,50")
	who.ended()
	p.fill("account.number", "1090000000000060")
	p.Wait("Your session has ended")
	for _, over := range p.Overflows() {
		t.Error(over)
	}
	p.Screenshot("typing-ended", false)
	p.holds("as the session ended", "payment.amount", "500,50")
	p.holds("as the session ended", "account.number", "1090000000000060")

	beside := seat(t, chromium, m.site, atADesk) // the same profile: another tab
	beside.url = p.url
	href := browsertest.Eval[string](p.Page, `document.querySelector("#ended a[target=_blank]").getAttribute("href")`)
	beside.open(href)
	beside.signIn(who)
	beside.Wait("This tab can be closed")
	p.WaitGone("Your session has ended")
	p.fill("customer.id", "c-1")
	p.follow("#payout .btn-primary")
	p.Wait("Check before sending", "500.50")
	m.payments(0)

	// Where nothing was typed the page gives way to the sign-in, so that nobody reads on.
	p.open("/manual/new?project=210&method=bank-transfer/kyrgyzstan")
	again := m.signInAgain(who.user)
	p.as(again)
	again.ended()
	browsertest.Eval[bool](p.Page, `(htmx.trigger("#entries", "asked"), true)`)
	p.WaitFor(`location.pathname === "/sign-in"`)
}

// The payout form by reload and back: the method that was chosen comes back with its own fields. What was sent does not.
func TestAPayoutFormComesBack(t *testing.T) {
	m := newManualSite(t)
	p := seat(t, browsertest.Start(t), m.site, atADesk)
	p.as(m.people["aida"])
	p.open("/manual/new?project=210")
	p.fill("payment.amount", "77,10")
	choose(p.Page, "method", "bank-transfer/sepa")
	p.Wait("Date of birth")
	p.fill("customer.first_name", "Aigul")
	p.again(`location.reload()`)
	p.Wait("Date of birth", "What you had typed is here again")
	p.holds("after a reload", "method", "bank-transfer/sepa")
	p.holds("after a reload", "payment.amount", "77,10")
	p.holds("after a reload", "customer.first_name", "Aigul")
	p.Screenshot("typing-restored", false)
	p.again(`document.querySelector("[data-afresh]").click()`)
	p.holds("begun afresh", "payment.amount", "")

	p.open("/manual/new?project=210&method=bank-transfer/kyrgyzstan")
	p.fill("payment.amount", "500,50")
	p.fill("account.number", "1090000000000060")
	p.fill("customer.id", "c-1")
	p.follow("#payout .btn-primary")
	p.Wait("Check before sending")
	p.again(`history.back()`)
	p.holds("back from the confirmation", "account.number", "1090000000000060")
	p.again(`document.querySelector("#payout .btn-primary").click()`) // by script: the page may have come back as it was
	p.Wait("Check before sending")
	p.again(`document.querySelector("main form .btn-primary").click()`)
	p.Wait("The result appears here by itself")
	m.payments(1)
	p.open("/manual/new?project=210&method=bank-transfer/kyrgyzstan")
	p.holds("after it was sent", "account.number", "")
	p.again(`location.reload()`)
	p.holds("reloaded after it was sent", "account.number", "")
}

// On a slow line a hasty hand clicks twice before there is an answer: it is one payout.
func TestASecondClickOnASlowLine(t *testing.T) {
	m := newManualSite(t)
	var arrived atomic.Int64
	open := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/manual/send" {
			arrived.Add(1)
			<-open
		}
		m.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	p := seat(t, browsertest.Start(t), m.site, atADesk)
	p.url = slow.URL
	p.as(m.people["aida"])
	p.open("/manual/new?project=210&method=bank-transfer/kyrgyzstan")
	p.fill("payment.amount", "500,50")
	p.fill("account.number", "1090000000000060")
	p.fill("customer.id", "c-1")
	p.follow("#payout .btn-primary")
	busy := browsertest.Eval[bool](p.Page, `(() => {
		const button = document.querySelector("main form .btn-primary")
		button.click(); button.click(); button.form.requestSubmit()
		return button.form.getAttribute("aria-busy") === "true" })()`)
	close(open)
	if !busy {
		t.Error("a form that was sent does not show it")
	}
	p.Wait("The result appears here by itself")
	if n := arrived.Load(); n != 1 {
		t.Errorf("the form was sent %d times", n)
	}
	m.payments(1)
}
