package dashboard

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// operators are two people of the platform: what one asks for, the other decides.
func operators(s *site) (a, b *browser) {
	return s.signedIn(staff.Operator), s.signedIn(staff.Operator)
}

func TestMerchantsAndProjectsAreMade(t *testing.T) {
	s := newSite(t)
	operator, _ := operators(s)
	page := operator.get("/operate/merchants").wants(http.StatusOK).says("Merchant 1", "Merchant 2")
	operator.post("/operate/merchants", "name", "").wants(http.StatusUnprocessableEntity).says("Enter a name")
	for range 2 {
		operator.post("/operate/merchants", "once", page.field("once"), "name", "Бакери «Айда»").wants(http.StatusSeeOther)
	}
	if ms := s.Store.Merchants(); len(ms) != 3 || ms[2].Name != "Бакери «Айда»" {
		t.Fatalf("merchants %+v", ms)
	}
	operator.get("/operate/merchants/3").wants(http.StatusOK).says("This merchant has no project yet")
	operator.post("/operate/merchants/3", "name", "Aida’s").wants(http.StatusSeeOther)
	if m, _ := s.Store.Merchant(3); m.Name != "Aida’s" {
		t.Errorf("renamed %+v", m)
	}
	form := operator.get("/operate/merchants/3/project").wants(http.StatusOK)
	for _, c := range []struct{ id, name, mode, address, says string }{
		{"0", "Shop", "test", "", "whole number from 1"},
		{"4294967296", "Shop", "test", "", "whole number"},
		{"x", "Shop", "test", "", "whole number"},
		{"300", "", "test", "", "must not be empty"},
		{"300", "Shop", "prod", "", "Choose test or live"},
		{"300", "Shop", "live", "http://a.example/", "https addresses only"},
		{"210", "Shop", "test", "", "exists already"},
	} {
		operator.post("/operate/merchants/3/project", "once", form.field("once"), "id", c.id, "name", c.name, "mode", c.mode, "callback_url", c.address).
			wants(http.StatusUnprocessableEntity).says(c.says)
	}
	for range 2 { // the second click shows the same key
		a := operator.post("/operate/merchants/3/project", "once", form.field("once"), "id", "300", "name", "Shop", "mode", "test").wants(http.StatusOK).says("Project 300 is created")
		p, ok := s.Store.Project(300)
		if !ok || p.MerchantID != 3 || len(p.Keys) != 1 || !strings.Contains(a.Body, p.Keys[0].Secret) {
			t.Fatalf("project %+v", p)
		}
	}
	operator.get("/operate/merchants/99").wants(http.StatusNotFound)
	for _, role := range staff.MerchantRoles {
		s.signedIn(role).get("/operate/merchants").wants(http.StatusForbidden)
	}
}

func TestOperatorsStopAndLetGo(t *testing.T) {
	s := newSite(t)
	operator, _ := operators(s)
	operator.get("/projects/210").wants(http.StatusOK).says("Pause", "Block")
	operator.post("/operate/projects/210/stop", "act", "pause").wants(http.StatusUnprocessableEntity).says("Say why", "Shop")
	operator.post("/operate/projects/210/stop", "act", "explode", "reason", "x").wants(http.StatusBadRequest)
	operator.post("/operate/projects/210/stop", "act", "pause", "reason", "holiday").wants(http.StatusSeeOther)
	operator.get("/projects/210").wants(http.StatusOK).says("It is paused.", "This project is paused", "End the pause")
	operator.post("/operate/merchants/1/stop", "act", "block").wants(http.StatusUnprocessableEntity).says("Say why")
	operator.post("/operate/merchants/1/stop", "act", "block", "reason", "fraud").wants(http.StatusSeeOther)
	for id, want := range map[int64][2]bool{210: {true, true}, 211: {true, false}, 220: {false, false}} {
		if p, _ := s.Store.Project(id); p.Blocked != want[0] || p.Paused != want[1] {
			t.Errorf("project %d: blocked %v, paused %v", id, p.Blocked, p.Paused)
		}
	}
	s.signedIn(staff.MerchantAdmin).get("/projects/211").wants(http.StatusOK).says("This project is blocked").saysNot("End the block")
	operator.post("/operate/merchants/1/stop", "act", "unblock", "reason", "cleared").wants(http.StatusSeeOther)
	operator.post("/operate/projects/210/stop", "act", "resume", "reason", "over").wants(http.StatusSeeOther)
	if p, _ := s.Store.Project(210); p.Blocked || p.Paused {
		t.Errorf("still stopped: %+v", p)
	}
	operator.get("/operate/audit?object=merchant+1").wants(http.StatusOK).says("blocked a merchant", "fraud", "ended a merchant’s block", "cleared")
}

// Funds move when another operator approves, once; who asked can only withdraw.
func TestFundsTakeTwoOperators(t *testing.T) {
	s := newSite(t)
	aida, bakyt := operators(s)
	available := func() int64 {
		t.Helper()
		all, err := s.Store.Balances(t.Context(), 210)
		if err != nil {
			t.Fatal(err)
		}
		b := all["KGS"]
		return b.Sum(ledger.Available)
	}
	ask := func(kind, amount, reason string) *answer {
		page := aida.get("/operate/funds/210").wants(http.StatusOK)
		return aida.post("/operate/funds/210", "once", page.field("once"), "kind", kind, "amount", amount, "currency", "KGS", "reason", reason)
	}
	for _, c := range [][4]string{
		{"top-up", "0", "why", "Enter a sum"},
		{"top-up", "-5", "why", "Write the sum in digits"},
		{"top-up", "1,000", "why", "at most 2 digits"},
		{"top-up", "5.00", "", "Say why"},
		{"gift", "5.00", "why", "Choose top-up"},
	} {
		ask(c[0], c[1], c[2]).wants(http.StatusUnprocessableEntity).says(c[3])
	}
	decide := func(who *browser, state string) *answer {
		t.Helper()
		waiting, err := s.Store.Approvals(t.Context(), store.ApprovalFilter{State: store.ApprovalWaiting, Limit: 1})
		if err != nil || len(waiting) != 1 {
			t.Fatalf("waiting %+v, %v", waiting, err)
		}
		return who.post(fmt.Sprintf("/operate/funds/%d/decide", waiting[0].ID), "once", "0123456789abcdef", "state", state)
	}
	ask("top-up", "2500", "wire 4711").wants(http.StatusSeeOther)
	aida.get("/operate/funds").wants(http.StatusOK).says("2,500.00", "wire 4711", "Another operator decides").saysNot("Approve and book")
	bakyt.get("/operate/funds").wants(http.StatusOK).says("2,500.00", "Approve and book", "Reject")
	decide(aida, "approved").wants(http.StatusConflict).says("You asked for this yourself")
	decide(bakyt, "withdrawn").wants(http.StatusConflict).says("Only who asked for it")
	decide(bakyt, "lost").wants(http.StatusBadRequest)
	if available() != 100_000_000 {
		t.Errorf("something was booked: %d", available())
	}
	decide(bakyt, "approved").wants(http.StatusSeeOther)
	if available() != 100_250_000 {
		t.Errorf("available %d after the top-up", available())
	}
	ask("correction", "-1000.50", "wrong sum").wants(http.StatusSeeOther)
	decide(bakyt, "approved").wants(http.StatusSeeOther)
	ask("top-up", "7.00", "mistake").wants(http.StatusSeeOther)
	decide(aida, "withdrawn").wants(http.StatusSeeOther)
	ask("top-up", "8.00", "unknown").wants(http.StatusSeeOther)
	decide(bakyt, "rejected").wants(http.StatusSeeOther)
	if available() != 100_149_950 {
		t.Errorf("available %d at the end", available())
	}
	bakyt.get("/operate/funds").wants(http.StatusOK).says("Nothing waits for a decision", "Decided lately", "wrong sum", "mistake")
	finance := s.signedIn(staff.Finance)
	finance.get("/finance").wants(http.StatusOK).says("1,001,499.50", "Shop · 210", "Salaries · 211").saysNot("Another merchant", "Top up or correct")
	finance.get("/finance/210").wants(http.StatusOK).says("wire 4711", "2,500.00", "−1,000.50", "opening balance")
	s.signedIn(staff.Operations).get("/finance").wants(http.StatusForbidden)
	finance.get("/operate/funds").wants(http.StatusForbidden)
}

// The desk shows what should have been done, and the payouts behind the numbers.
func TestTheDeskShowsWorkOverdue(t *testing.T) {
	s := newSite(t)
	operator, _ := operators(s)
	operator.get("/operate").wants(http.StatusOK).says("Nothing needs you")
	p := &store.NewPayout{
		ProjectID: 210, PaymentID: "near-1", ContentHash: [32]byte{1}, Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan",
		Amount: 15000, Currency: "KGS", Account: "1090000000000000", AccountMask: "109000******0000", CustomerID: "c-1",
		Request: []byte(`{"account":{"number":"1090000000000000"}}`), Interface: 1, Threshold: 10 * time.Minute, Provider: "sandbox", ProviderID: 1,
	}
	p.Check.Method, p.Check.Currencies, p.Check.MinAmount, p.Check.MaxAmount, p.Check.Amount, p.Check.Currency = p.Method, []string{"KGS"}, 1, 1<<40, p.Amount, "KGS"
	if _, err := s.Store.Accept(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	operator.get("/operate").wants(http.StatusOK).says("Near their threshold", "Shop · 210").saysNot("Nothing needs you")
	operator.get("/operate/work/210").wants(http.StatusOK).says("near-1", "waits to be sent", "150.00")
	operator.get("/operate/work/999").wants(http.StatusNotFound)
	operator.get("/operate/work/220").wants(http.StatusOK).says("Nothing needs you")
}

func TestAuditLogIsFilteredAndPaged(t *testing.T) {
	s := newSite(t)
	operator, _ := operators(s)
	for i := range listLength + 3 {
		if err := s.Store.RestrictProject(t.Context(), 220, store.Paused, i%2 == 0, fmt.Sprintf("reason %d", i), store.By{Actor: "cli:root"}); err != nil {
			t.Fatal(err)
		}
	}
	first := operator.get("/operate/audit?actor=cli:root").wants(http.StatusOK).says("reason 27", "paused a project", "project 220").saysNot("reason 2 ", "reason 1 ")
	_, next, ok := strings.Cut(first.Body, `rel="next" href="`)
	if !ok {
		t.Fatal("there is no next page")
	}
	next, _, _ = strings.Cut(next, `"`)
	operator.get(strings.ReplaceAll(next, "&amp;", "&")).wants(http.StatusOK).says("reason 0", "reason 2").saysNot("reason 27")
	operator.get("/operate/audit?action=project+create&object=project+211").wants(http.StatusOK).says("created a project", "Salaries").saysNot("reason")
	operator.get("/operate/audit?from=2100-01-01T00:00").wants(http.StatusOK).says("Nothing fits")
	lines, err := s.Store.AuditLog(t.Context(), store.AuditFilter{Actor: "cli:root", Limit: 1})
	if err != nil || len(lines) != 1 {
		t.Fatal(lines, err)
	}
	zone, err := time.LoadLocation(operator.user.Zone)
	if err != nil {
		t.Fatal(err)
	}
	newest := lines[0].At.In(zone)
	day := newest.Format(time.DateOnly)
	operator.get("/operate/audit?actor=cli:root&from="+day+"&until="+day).wants(http.StatusOK).says("reason 27", "Without a time the whole day counts")
	operator.get("/operate/audit?actor=cli:root&until=" + newest.AddDate(0, 0, -2).Format("02.01.2006")).wants(http.StatusOK).says("Nothing fits")
	second := operator.get("/operate/audit?actor=cli:root&until=" + day + "&until_time=" + newest.Format(time.TimeOnly)).wants(http.StatusOK).says("reason 27")
	if second.field("until") != day || second.field("until_time") != newest.Format(time.TimeOnly) {
		t.Errorf("the bound became %q, %q", second.field("until"), second.field("until_time"))
	}
	operator.get("/operate/audit?until=yesterday").wants(http.StatusOK).says("This is no date and time")
	s.signedIn(staff.MerchantAdmin).get("/operate/audit").wants(http.StatusForbidden)
}

// What people enter stands in pages as text.
func TestNamesAreNoMarkup(t *testing.T) {
	s := newSite(t)
	operator, admin := s.signedIn(staff.Operator), s.signedIn(staff.MerchantAdmin)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>`
	p, _ := s.Store.Project(210)
	changed := *p
	changed.Name = evil
	changed.Settings.CallbackRules = []merchant.CallbackRule{{URL: evil, Result: evil}}
	if err := s.Store.UpdateProject(t.Context(), &changed, evil); err != nil {
		t.Fatal(err)
	}
	if err := s.Store.AddKey(t.Context(), 210, merchant.Key{Secret: "x", Label: evil}, store.By{Actor: evil}); err != nil {
		t.Fatal(err)
	}
	if err := s.Store.RestrictProject(t.Context(), 210, store.Paused, true, evil, store.By{Actor: evil}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store.CreateMerchant(t.Context(), 9, evil, store.By{Actor: evil}); err != nil {
		t.Fatal(err)
	}
	for path, who := range map[string]*browser{
		"/projects": admin, "/projects/210": admin, "/projects/210/callbacks": admin, "/projects/210/keys": admin, "/projects/210/history": admin,
		"/projects/210/keys/2/revoke": admin, "/finance": admin, "/finance/210": admin, "/operate/merchants": operator, "/operate/merchants/9": operator,
		"/operate/merchants/9/project": operator, "/operate/audit": operator, "/operate/funds": operator, "/operate/funds/210": operator,
		"/operate/work/210": operator,
	} {
		if a := who.get(path).wants(http.StatusOK); strings.Contains(a.Body, "<script>alert") || strings.Contains(a.Body, "<img src=x") {
			t.Errorf("%s shows markup that somebody entered", path)
		}
	}
}
