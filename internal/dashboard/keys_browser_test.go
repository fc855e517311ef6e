package dashboard

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flashpay/internal/browsertest"
	"flashpay/internal/staff"
)

// Keys lead to the search, to the sections that the user has, and to their list; never while one types, never with a
// modifier, and not where they are turned off.
func TestKeysLead(t *testing.T) {
	s := newSite(t)
	p := seat(t, browsertest.Start(t), s, atADesk)
	p.as(s.signedIn(staff.Support))
	p.open("/overview")
	key := func(keys string, o ...chromedp.KeyOption) {
		for _, k := range keys {
			p.Do(chromedp.KeyEvent(string(k), o...))
		}
	}
	is := func(what, expression string) {
		t.Helper()
		if !browsertest.Eval[bool](p.Page, expression) {
			t.Errorf("%s: %s is not so at %s", what, expression, browsertest.Eval[string](p.Page, `location.pathname + " " + document.activeElement.outerHTML.slice(0, 200)`))
		}
	}
	const opened, closed = `document.getElementById("keys").open`, `!document.getElementById("keys").open`

	key("gp")
	p.WaitFor(`location.pathname === "/payments" && document.readyState === "complete"`)
	key("/")
	is("the slash", `document.activeElement.id === "search"`)
	key("gj?")
	is("typing", `document.activeElement.value.endsWith("gj?") && `+closed)
	browsertest.Eval[bool](p.Page, `(document.activeElement.blur(), true)`)
	key("j")
	key("g")
	key("xj")
	key("gt") // no section of theirs
	for _, modifier := range []chromedp.KeyOption{chromedp.KeyModifiers(chromedp.ModifierCtrl), chromedp.KeyModifiers(chromedp.ModifierAlt)} {
		key("g")
		key("j", modifier)
	}
	is("what leads nowhere", `location.pathname === "/payments" && `+closed)

	key("?")
	is("the question mark", opened+` && document.activeElement.closest("dialog").id === "keys"`)
	if list := browsertest.Eval[string](p.Page, `document.getElementById("keys").innerText`); !strings.Contains(list, "Payments") || strings.Contains(list, "Finance") {
		t.Errorf("the list is of others' sections:\n%s", list)
	}
	for _, v := range p.Axe() {
		t.Error(v)
	}
	p.Screenshot("dashboard-keys", false)
	key("gj") // the list is a dialog: what is behind it rests
	key(kb.Escape)
	p.WaitFor(closed)
	is("after the list", `location.pathname === "/payments"`)

	// The same places of a Cyrillic keyboard, as the browser tells them.
	browsertest.Eval[bool](p.Page, `(["KeyG", "KeyJ"].forEach((code, i) => document.body.dispatchEvent(new KeyboardEvent("keydown", {code, key: "по"[i], bubbles: true}))), true)`)
	p.WaitFor(`location.pathname === "/projects" && document.readyState === "complete"`)

	key("?")
	p.Click("[data-keys]")
	key(kb.Escape)
	p.WaitFor(closed)
	key("?")
	key("gp")
	is("turned off", `location.pathname === "/projects" && `+closed)
	p.Click(".me-button")
	p.Click(".keys-button")
	p.WaitFor(opened + ` && !document.querySelector("[data-keys]").checked`)
}
