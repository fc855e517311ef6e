package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flashpay/internal/browsertest"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

func TestTabs(t *testing.T) {
	t.Parallel()
	open := readTabs([]string{"1.1", " 1.2 ", "", "1.1"})
	if !slices.Equal(open.all, []string{"1.1", "1.2"}) || open.shown != "1.1" {
		t.Errorf("read %+v", open)
	}
	if again := readTabs(open.named()); !slices.Equal(again.all, open.all) || again.shown != open.shown {
		t.Errorf("%v is read as %+v", open.named(), again)
	}
	for i := range 10 {
		open = open.with(fmt.Sprintf("2.%d", i))
	}
	if len(open.all) != maxTabs || open.all[0] != "2.4" || open.shown != "2.9" {
		t.Errorf("after ten more: %+v", open)
	}
	if left := open.without("2.9"); left.shown != "2.8" || len(left.all) != maxTabs-1 {
		t.Errorf("the last, shown one closed: %+v", left)
	}
	if left := open.with("2.5").without("2.5"); left.shown != "2.6" {
		t.Errorf("one in the midst closed: %+v", left)
	}
	if left := open.without("2.4"); left.shown != "2.9" {
		t.Errorf("another one closed: %+v", left)
	}
	if left := open.without("7.7"); len(left.all) != maxTabs {
		t.Errorf("one closed that is not open: %+v", left)
	}
	if left := readTabs([]string{"1.1"}).without("1.1"); len(left.all) != 0 || left.shown != "" {
		t.Errorf("the only one closed: %+v", left)
	}
}

// openOf is a register's address with payments open beside it.
func openOf(query string, views ...*store.View) string {
	for _, v := range views {
		query += "&open=" + tabName(v.Payment.ProjectID, v.Payment.ID)
	}
	return "/payments?" + query
}

func TestPaymentsOpenBesideTheList(t *testing.T) {
	s := newSite(t)
	a, b := s.pay(210, "order-a", 100, payout.Succeeded), s.pay(210, "order-b", 200, payout.Declined)
	foreign := s.pay(220, "foreign", 300, payout.Succeeded)
	support := s.signedIn(staff.Support)
	page := support.get(openOf("status=success", a, b)).wants(http.StatusOK)
	page.says("Payment order-b", "order-a").saysNot("Payment order-a")
	if n := strings.Count(page.Body, "<h1"); n != 1 {
		t.Errorf("%d first headings", n)
	}
	for _, id := range []string{"facts", "operations", "callbacks", "timeline", "panel-title"} {
		if n := strings.Count(page.Body, `id="`+id+`"`); n != 1 {
			t.Errorf("%d elements are called %s", n, id)
		}
	}
	// What leads on keeps the filter and what is open.
	for _, words := range []string{"Refresh", "Paid", "order-a"} {
		query := strings.SplitN(page.link(words), "?", 2)[1]
		if q, _ := url.ParseQuery(query); len(q["open"]) < 2 {
			t.Errorf("%s leads to %s", words, query)
		}
	}
	support.get(openOf("", a, foreign)).wants(http.StatusOK).says("There is no such payment", "order-a").saysNot("foreign")
	for _, malformed := range []string{"x", "210", "210.", ".1", "210.x", "210.999999", "99999999999999999999.1", "<script>alert(1)</script>"} {
		page := support.get("/payments?open="+url.QueryEscape(malformed)).wants(http.StatusOK).says("There is no such payment", "order-a")
		if strings.Contains(page.Body, "<script>alert") {
			t.Errorf("%q became markup", malformed)
		}
	}
}

// htmx gets the panel and nothing else: the list is not read a second time.
func TestHtmxGetsThePanelAlone(t *testing.T) {
	s := newSite(t)
	a := s.pay(210, "order-a", 100, payout.Succeeded)
	s.pay(210, "order-b", 200, payout.Declined)
	support := s.signedIn(staff.Support)
	support.header.Set("Hx-Request", "true")
	support.header.Set("Hx-Target", panelID)
	page := support.get(openOf("status=success", a)).wants(http.StatusOK).says("Payment order-a").saysNot("Download CSV", "order-b")
	if strings.Contains(page.Body, "<table class=\"table card-table table-vcenter") || strings.Contains(page.Body, "<html") {
		t.Errorf("the answer is more than the panel:\n%s", page.text())
	}
	if got := page.Header.Get("Hx-Push-Url"); got != openOf("", a)[:len("/payments?")]+"open="+tabName(210, a.Payment.ID)+"&status=success" {
		t.Errorf("the address becomes %s", got)
	}
	support.header.Set("Hx-Current-Url", "http://127.0.0.1"+page.Header.Get("Hx-Push-Url"))
	if got := support.get(openOf("status=success", a)).Header.Get("Hx-Push-Url"); got != "false" {
		t.Errorf("refreshed, the address becomes %s", got)
	}
	support.get("/payments?status=success").wants(http.StatusOK).saysNot("Payment order-a")
	form := []string{"once", "0123456789abcdef", "list", strings.SplitN(openOf("status=success", a), "?", 2)[1], "beside", "yes"}
	sent := support.post(pageOf(a)+"/resend", form...).wants(http.StatusSeeOther)
	support.get(sent.Location).wants(http.StatusOK).says("Payment order-a", "is being sent again")
}

// A clerk opens two payments, comes back by the browser's button, loads the page anew, sends a callback again, and closes them.
func TestThePanelInABrowser(t *testing.T) {
	s := newSite(t)
	for i := range 60 {
		s.pay(210, fmt.Sprintf("filler-%02d", i), 100, payout.Succeeded)
	}
	a, b := s.pay(210, "order-a-"+strings.Repeat("long", 20), 100, payout.Succeeded), s.pay(210, "order-b", 200, payout.Declined)
	clerk := s.signedIn(staff.Operations)
	chromium := browsertest.Start(t)
	row := func(v *store.View) string {
		return fmt.Sprintf(`.register a[data-open=%q]`, tabName(v.Payment.ProjectID, v.Payment.ID))
	}
	shown := func(v *store.View) string {
		return fmt.Sprintf(`document.querySelector("#panel .panel")?.dataset.shown === %q`, tabName(v.Payment.ProjectID, v.Payment.ID))
	}
	look := func(t *testing.T, p *person) {
		t.Helper()
		for _, over := range p.Overflows() {
			t.Error(over)
		}
		for _, v := range p.Axe() {
			t.Error(v)
		}
	}
	t.Run("wide", func(t *testing.T) {
		p := seat(t, chromium, s, atADesk)
		p.as(clerk)
		p.open("/payments?status=success&status=decline")
		browsertest.Eval[bool](p.Page, `(document.documentElement.dataset.old = "yes", true)`)
		p.Click(row(b))
		p.WaitFor(shown(b))
		p.shows("the row", map[string]bool{row(b) + `[aria-current="true"]`: true})
		if got := browsertest.Eval[string](p.Page, "document.activeElement.id"); got != "panel-title" {
			t.Errorf("the focus is on %q", got)
		}
		p.Click(row(a))
		p.WaitFor(shown(a))
		look(t, p)
		if n := browsertest.Eval[int](p.Page, `document.querySelectorAll(".panel-tabs li").length`); n != 2 {
			t.Errorf("%d tabs", n)
		}
		p.Click(`.panel form[action$="/resend"] button`)
		p.Wait("is being sent again")
		p.WaitFor(shown(a))
		if browsertest.Eval[string](p.Page, `document.documentElement.dataset.old`) != "yes" {
			t.Error("the list was loaded anew")
		}
		browsertest.Eval[bool](p.Page, "(history.back(), true)")
		p.WaitFor(shown(b))
		browsertest.Eval[bool](p.Page, "(history.forward(), true)")
		p.WaitFor(shown(a))
		browsertest.Eval[bool](p.Page, `(document.documentElement.dataset.old = "yes", location.reload(), true)`)
		p.WaitFor(`document.documentElement.dataset.old !== "yes" && ` + shown(a) + ` && document.querySelectorAll(".panel-tabs li").length === 2`)
		p.Do(chromedp.KeyEvent(kb.Escape))
		p.WaitFor(shown(b))
		p.Do(chromedp.KeyEvent(kb.Escape))
		p.WaitFor(`document.querySelector("#panel .panel") === null`)
		if got := browsertest.Eval[string](p.Page, `location.search`); got != "?status=success&status=decline" {
			t.Errorf("the address is %s", got)
		}
		if got := browsertest.Eval[string](p.Page, `document.activeElement.dataset.open ?? document.activeElement.outerHTML.slice(0, 200)`); got != tabName(b.Payment.ProjectID, b.Payment.ID) {
			t.Errorf("the focus is on %q, not on the row", got)
		}
		// The list stays where it was, and other payments open from further down.
		browsertest.Eval[bool](p.Page, `(document.querySelector(".register tbody tr:nth-child(40)").scrollIntoView({block: "center"}), true)`)
		before := browsertest.Eval[float64](p.Page, `document.querySelector(".register tbody tr:nth-child(40)").getBoundingClientRect().top`)
		p.Click(`.register tbody tr:nth-child(40) a[data-open]`)
		p.WaitFor(`document.querySelector("#panel .panel") !== null`)
		after := browsertest.Eval[float64](p.Page, `document.querySelector(".register tbody tr:nth-child(40)").getBoundingClientRect().top`)
		if d := after - before; d > 40 || d < -40 {
			t.Errorf("the row moved by %.0f pixels", d)
		}
	})
	t.Run("session over", func(t *testing.T) {
		p := seat(t, chromium, s, atADesk)
		other := s.signInAgain(clerk.user)
		p.as(other)
		p.open("/payments")
		other.post("/sign-out").wants(http.StatusSeeOther)
		p.Click(row(b))
		p.WaitFor(`document.querySelector("input[name=password]") !== null`)
	})
	t.Run("narrow", func(t *testing.T) {
		p := seat(t, chromium, s, onAPhone)
		p.as(clerk)
		p.open("/payments")
		p.Click(row(b))
		p.WaitFor(shown(b))
		if browsertest.Eval[bool](p.Page, `document.querySelector(".register").checkVisibility()`) {
			t.Error("the list is still there")
		}
		look(t, p)
		p.Click(".panel-back")
		p.WaitFor(`document.querySelector("#panel .panel") === null && document.querySelector(".register").checkVisibility()`)
	})
	t.Run("without script", func(t *testing.T) {
		view := atADesk
		view.NoScript = true
		p := seat(t, chromium, s, view)
		p.as(clerk)
		p.open("/payments")
		p.Click(row(b))
		p.Wait("Payment order-b", "CSV for programs")
	})
}
