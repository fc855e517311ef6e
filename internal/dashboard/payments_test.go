package dashboard

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashpay/internal/evidence"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/rule"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/tariff"
	"flashpay/signature"
)

const paidAccount = "1090000012345678"

// pay accepts a payout in a project, as Gate would have; event, where given, is what the bank says then.
func (s *site) pay(project int64, id string, amount int64, event payout.Event, change ...func(*store.NewPayout)) *store.View {
	s.t.Helper()
	body := fmt.Sprintf(`{"general":{"project_id":%d,"payment_id":%q},"account":{"number":%q}}`, project, id, paidAccount)
	sum, err := signature.Sign([]byte(body), fmt.Sprintf("secret-%d", project))
	if err != nil {
		s.t.Fatal(err)
	}
	p := &store.NewPayout{
		ProjectID: project, PaymentID: id, ContentHash: [32]byte{byte(amount)}, Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan",
		Amount: amount, Currency: "KGS", Account: paidAccount, AccountMask: "109000******5678", CustomerID: "customer-1", Description: "salary",
		Request:   []byte(strings.Replace(body, `"payment_id"`, `"signature":"`+sum+`","payment_id"`, 1)),
		Interface: 1, Threshold: time.Hour, Provider: "sandbox", ProviderID: 1, Options: payout.Options{CallbackURL: "http://127.0.0.1:1/callback?token=hidden"},
		Check: rule.Item{Method: "bank-transfer/kyrgyzstan", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 1 << 40, Amount: amount, Currency: "KGS"},
	}
	for _, f := range change {
		f(p)
	}
	if _, err := s.Store.Accept(s.t.Context(), p); err != nil {
		s.t.Fatal(err)
	}
	v, err := s.Store.PaymentView(s.t.Context(), project, id)
	if err != nil {
		s.t.Fatal(err)
	}
	if event != 0 {
		s.step(v, event, payout.CodeGeneralDecline)
		if v, err = s.Store.PaymentView(s.t.Context(), project, id); err != nil {
			s.t.Fatal(err)
		}
	}
	return v
}

func (s *site) step(v *store.View, event payout.Event, code int) {
	s.t.Helper()
	_, err := s.Store.Apply(s.t.Context(), store.Step{
		Payment: v.Payment, Operation: v.Operations[0], Event: event, Kind: event.String(), Code: code, ProviderPaymentID: "BANK-" + v.Payment.PaymentID,
		Detail: store.Detail{}.Text("by", "notification").Text("outcome", event.String()), NextAt: s.Store.Now().Add(time.Hour),
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// dispute makes a payout that was handed to the bank and declined at its threshold.
func (s *site) dispute(project int64, id string) *store.View {
	s.t.Helper()
	s.pay(project, id, 700, 0)
	leased, err := s.Store.LeaseOperations(s.t.Context(), store.Lease{
		ProjectID: project, Provider: "sandbox", N: 100, Submit: true, SubmitDeadline: time.Second, Duration: time.Minute,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, w := range leased {
		if w.Payment.PaymentID == id {
			s.step(&store.View{Payment: w.Payment, Operations: []payout.Operation{w.Operation}}, payout.Threshold, payout.CodeAutoDecline)
		}
	}
	v, err := s.Store.PaymentView(s.t.Context(), project, id)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func pageOf(v *store.View) string { return paymentAddress(v.Payment.ProjectID, v.Payment.ID, "") }

// link is the address behind words in a page.
func (a *answer) link(words string) string {
	a.t.Helper()
	for _, m := range regexp.MustCompile(`(?s)<a[^>]*\shref="([^"]*)"[^>]*>(.*?)</a>`).FindAllStringSubmatch(a.Body, -1) {
		if strings.Contains(html.UnescapeString(tagPattern.ReplaceAllString(m[2], "")), words) {
			return html.UnescapeString(m[1])
		}
	}
	a.t.Fatalf("there is no link %q in\n%s", words, a.text())
	return ""
}

func TestRegisterShowsWhatTheUserSees(t *testing.T) {
	s := newSite(t)
	s.signedIn(staff.Support).get("/payments").wants(http.StatusOK).says("There are no payments yet")
	s.pay(210, "mine", 12345, payout.Succeeded)
	s.pay(220, "theirs", 200, payout.Succeeded)
	clerk := s.signedIn(staff.Support)
	clerk.get("/payments").wants(http.StatusOK).says("mine", "success", "123.45\u00a0KGS", "109000******5678").saysNot("theirs", paidAccount)
	clerk.get("/payments?project=220").wants(http.StatusOK).says("“220” does not exist").saysNot("theirs")
	s.signedIn(staff.Operator).get("/payments").says("mine", "theirs")
	granted := s.signedInAs(&staff.User{MerchantID: 1, Email: "one@example.kg", Roles: []staff.Role{staff.Support}, Projects: []int64{211}})
	granted.get("/payments").says("There are no payments yet").saysNot("mine")
}

func TestRegisterFilters(t *testing.T) {
	s := newSite(t)
	s.pay(210, "paid", 10_000, payout.Succeeded)
	s.pay(210, "refused", 20_000, payout.Declined)
	s.pay(210, "waiting", 30_000, 0)
	s.dispute(210, "disputed")
	b := s.signedIn(staff.Operations)
	all := []string{"paid", "refused", "waiting", "disputed"}
	now := s.Store.Now()
	for query, want := range map[string][]string{
		"": all, "status=success": {"paid"}, "status=decline": {"refused", "disputed"}, "status=decline&status=success": {"paid", "refused", "disputed"},
		"situation=open": {"waiting"}, "situation=disputed": {"disputed"}, "situation=discrepancy": nil, "situation=at+risk": nil,
		"code=20000": {"refused"}, "code=0": {"paid"}, "currency=KGS&min=150&max=200.00": {"refused"}, "currency=KGS&min=300,00": {"waiting"},
		"currency=EUR": nil, "interface=5": nil, "interface=1": all, "method=bank-transfer%2Fsepa": nil, "project=211": nil,
		"from=2020-01-01T00%3A00%3A00": all, "to=2020-01-01T00%3A00": nil, "q=PAID": {"paid"}, "q=BANK-refused&status=success": nil,
		"from=" + url.QueryEscape(now.Add(-time.Hour).Format("2006-01-02T15:04:05")) + "&to=" + url.QueryEscape(now.Add(time.Hour).Format("2006-01-02T15:04:05")): all,
	} {
		page := b.get("/payments?" + query).wants(http.StatusOK)
		for _, id := range all {
			if shown := strings.Contains(page.Body, ">"+id+"<"); shown != contains(want, id) {
				t.Errorf("%s: shows %s: %v", query, id, shown)
			}
		}
	}
	for query, fault := range map[string]string{
		"from=yesterday": "Enter a date and time", "code=x": "Enter the number of a response code", "min=5": "Choose exactly one currency",
		"currency=KGS&min=1.234": "no more decimals", "currency=KGS&min=9&max=3": "below the lower one", "situation=lost": "Choose one of the list",
		"from=2026-01-02&to=2026-01-01": "before the beginning", "interface=7": "Choose one of the list",
		"status=paid": "“paid” does not exist", "status=decline&method=card": "“card” does not exist", "currency=kgs": "“kgs” does not exist", "project=x": "“x” does not exist",
		"from_time=10:00": "Enter a date", "to=31.02.2026": "Enter a date",
	} {
		b.get("/payments?" + query).wants(http.StatusOK).says(fault).saysNot("refused")
	}
	b.get("/payments?status=decline&from=&min=").wants(http.StatusSeeOther)
}

func contains(list []string, text string) bool {
	for _, l := range list {
		if l == text {
			return true
		}
	}
	return false
}

func TestRegisterPagesByKey(t *testing.T) {
	s := newSite(t)
	for i := range 120 {
		s.pay(210, fmt.Sprintf("p%03d", i), 100, 0)
	}
	b := s.signedIn(staff.Support)
	first := b.get("/payments?status=processing").says("p119", "p070").saysNot("p069")
	second := b.get(first.link("Next")).says("p069", "p020").saysNot("p070", "p019")
	third := b.get(second.link("Next")).says("p019", "p000").saysNot("p020")
	if strings.Contains(third.Body, `rel="next"`) {
		t.Error("the last page leads on")
	}
	again := b.get(third.link("Previous")).says("p069", "p020").saysNot("p070")
	b.get(again.link("Previous")).says("p119", "p070").saysNot("p069")
	open := b.get(second.link("p042")).says("Payment p042", "p069", "p020").saysNot("p070", "p019")
	if !strings.Contains(open.link("On its own page"), "list=") {
		t.Error("a payment's page does not know where it was opened")
	}
	b.get(b.get(open.link("On its own page")).link("Back to the list")).says("Payment p042", "p069", "p020")
	b.get(open.link("Back to the list")).saysNot("Payment p042").says("p069", "p020")
}

func TestSearchLeadsToThePayment(t *testing.T) {
	s := newSite(t)
	mine := s.pay(210, "Order/1", 100, payout.Succeeded)
	s.pay(210, "order-2", 100, payout.Succeeded)
	theirs := s.pay(220, "secret", 100, payout.Succeeded)
	if err := s.Store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := s.signedIn(staff.Support)
	for _, text := range []string{"ORDER/1", fmt.Sprint(mine.Payment.ID), "BANK-Order/1"} {
		to := b.get("/search?q=" + url.QueryEscape(text)).wants(http.StatusSeeOther).Location
		if !strings.HasPrefix(to, pageOf(mine)) {
			t.Errorf("%s leads to %s", text, to)
		}
	}
	for _, text := range []string{"customer-1", paidAccount, "1090 0000 1234 5678"} {
		b.get(b.get("/search?q="+url.QueryEscape(text)).wants(http.StatusSeeOther).Location).says("Order/1", "order-2").saysNot("secret")
	}
	for _, text := range []string{"secret", "BANK-secret", fmt.Sprint(theirs.Payment.ID)} {
		b.get(b.get("/search?q=" + url.QueryEscape(text)).wants(http.StatusSeeOther).Location).says("Nothing matches")
	}
}

func TestTotalsPanel(t *testing.T) {
	s := newSite(t)
	for i := range 7 {
		s.pay(210, fmt.Sprint("p", i), 1000, payout.Succeeded)
	}
	s.pay(210, "no", 500, payout.Declined)
	if err := s.Store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := s.signedIn(staff.Support)
	b.get("/payments/totals").wants(http.StatusOK).says("8 payments", "75.00", "70.00", "5.00")
	b.header.Set("HX-Request", "true")
	for query, want := range map[string]string{"": "8 payments", "status=success": "7 payments", "code=20000": "1 payment", "code=77": "0 payments"} {
		if got := b.get("/payments/totals?" + query).wants(http.StatusOK).says(want); strings.Contains(got.Body, "<html") {
			t.Error("a fragment is a whole page")
		}
	}
	// What a request carries is of the browser: whatever it says, nothing breaks.
	for _, have := range []string{"x", "e30", "eyJsIjpbXSwiciI6W3siQXQiOjEsIklEIjoxfV0sIm4iOjF9", strings.Repeat("A", 60_000)} {
		b.get("/payments/totals?code=0&have=" + have).wants(http.StatusOK)
	}
}

func TestExport(t *testing.T) {
	s := newSite(t)
	for i := range 2300 {
		s.pay(210, fmt.Sprintf("p%04d", i), int64(100+i), 0)
	}
	s.pay(210, "evil", 314, 0, func(p *store.NewPayout) { p.Description, p.CustomerID = "=HYPERLINK(\"http://x\")", "@SUM(1)" })
	s.pay(220, "theirs", 100, 0)
	got := s.signedIn(staff.Finance).get("/payments/export?status=processing").wants(http.StatusOK)
	if !strings.HasPrefix(got.Body, `"project_id","payment_id",`) {
		t.Errorf("a cell without quotes: %.100s", got.Body)
	}
	rows, err := csv.NewReader(strings.NewReader(got.Body)).ReadAll()
	if err != nil || len(rows) != 2302 || rows[0][1] != "payment_id" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if rows[1][1] != "evil" || rows[1][4] != "3.14" || rows[1][5] != "KGS" || rows[1][11] != "'@SUM(1)" || rows[1][16] != `'=HYPERLINK("http://x")` {
		t.Errorf("%q", rows[1])
	}
	seen := make(map[string]bool)
	for _, row := range rows[1:] {
		seen[row[1]] = true
	}
	if len(seen) != 2301 || seen["theirs"] {
		t.Errorf("%d payments, another merchant's %v", len(seen), seen["theirs"])
	}
	if name := got.Header.Get("Content-Disposition"); !strings.Contains(name, "payments_all_") {
		t.Error(name)
	}
	if strings.Contains(got.Body, paidAccount) {
		t.Error("the file holds an account number")
	}
}

func TestSavedFiltersAndColumns(t *testing.T) {
	s := newSite(t)
	s.pay(210, "one", 100, 0)
	b := s.signedIn(staff.Support)
	page := b.get("/payments?status=processing&project=210")
	idempotencyKey := page.field("once")
	for range 2 { // a second click does nothing more
		b.post("/payments/filters", "name", "Mine & open", "query", "project=210&status=processing&once=x", "once", idempotencyKey+"-save").wants(http.StatusSeeOther)
	}
	saved := b.get("/payments").says("Mine & open").link("Mine & open")
	if saved != "/payments?project=210&status=processing" {
		t.Errorf("the saved filter is %s", saved)
	}
	s.signedIn(staff.Support).get("/payments").saysNot("Mine & open")
	b.post("/payments/filters", "name", " ", "query", "").wants(http.StatusBadRequest)
	b.post("/payments/filters/delete", "name", "Mine & open", "query", "", "once", strings.Repeat("d", 20)).wants(http.StatusSeeOther)
	b.get("/payments").says("is deleted")
	b.get("/payments").saysNot("Mine & open")

	to := b.post("/payments/columns", "column", "amount", "column", "id", "column", "nonsense", "place_id", "1", "place_amount", "2", "query", "status=processing").wants(http.StatusSeeOther).Location
	if to != "/payments?columns=id%2Camount&status=processing" {
		t.Errorf("leads to %s", to)
	}
	b.get("/payments").says("ID Amount one 1.00\u00a0KGS")
	b.get("/payments?columns=status,id").says("Status ID")
	b.post("/payments/columns", "default", "yes").wants(http.StatusSeeOther)
	b.get("/payments").says("Made Account Amount Status ID")
}

func TestPaymentPage(t *testing.T) {
	s := newSite(t)
	paid, refused, disputed := s.pay(210, "paid", 100, payout.Succeeded), s.pay(210, "refused", 100, payout.Declined), s.dispute(210, "disputed")
	waiting := s.pay(210, "waiting", 100, 0)
	b := s.signedIn(staff.Operations)
	b.get(pageOf(paid)).wants(http.StatusOK).says("Nothing to do. The customer has the money.", "Accepted, the sum is held", "Paid, says the bank", "BANK-paid", "Callback", "waiting", "http://127.0.0.1:1/callback", "109000******5678").
		saysNot("token=hidden", paidAccount)
	b.get(pageOf(refused)).says("20000", "General decline", "Declined by the bank")
	b.get(pageOf(waiting)).says("left until the threshold", "do not send it again", "No callback has been made yet")
	clarified := b.get(pageOf(disputed)).says("7.00\u00a0KGS are held in dispute", "603", "Do not send again. The bank may have paid")
	if regexp.MustCompile(`(?i)you may send a new payout`).MatchString(clarified.text()) {
		t.Error("a disputed payout may be sent again")
	}
	again, err := s.Store.PaymentView(t.Context(), 210, "disputed")
	if err != nil {
		t.Fatal(err)
	}
	s.step(again, payout.Succeeded, 0)
	b.get(pageOf(disputed)).says("The bank paid after the payout had been declined", "Do not send again. The bank and the platform differ")
	for _, path := range []string{"/payments/210/7", "/payments/210/x", "/payments/x/7", "/payments/220/1", "/payments/999/1"} {
		b.get(path).wants(http.StatusNotFound)
	}
	theirs := s.pay(220, "theirs", 100, payout.Succeeded)
	b.get(pageOf(theirs)).wants(http.StatusNotFound)
	b.get(pageOf(theirs) + "/evidence").wants(http.StatusNotFound)
	b.post(pageOf(theirs) + "/resend").wants(http.StatusNotFound)
}

// What a payout cost, and by which tariff, rate, source and margin, stands on its page and in its evidence.
func TestPaymentPageShowsWhatItCosts(t *testing.T) {
	s := newSite(t)
	project, _ := s.Store.Project(210)
	p := *project
	p.Settings.Conversion = merchant.Conversion{On: true, Margin: money.Whole(1)}
	if err := s.Store.UpdateProject(t.Context(), &p, "test"); err != nil {
		t.Fatal(err)
	}
	tr, err := tariff.Parse([]string{"fixed=10.00", "percent=1.5", "max=100.00"}, "KGS")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store.SetTariff(t.Context(), 210, tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: "KGS"}, tariff.Holding{Tariff: tr}, store.By{Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	q := rates.Quote{Source: rates.NBKR, Series: rates.Daily, Base: "USD", Term: "KGS", Value: money.Whole(874500).Shift(-4), ValidFrom: s.Store.Now().Add(-time.Hour)}
	if _, err := s.Store.AddRates(t.Context(), []rates.Quote{q}, store.By{Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	v := s.pay(210, "dollars", 100, payout.Succeeded, func(p *store.NewPayout) {
		p.Currency, p.Check.Currency, p.Check.Target = "USD", "USD", "KGS"
	})
	b := s.signedIn(staff.MerchantAdmin)
	b.get(pageOf(v)).wants(http.StatusOK).says("Debited from the balance", "97.88\u00a0KGS = 86.58\u00a0KGS + fee 11.30\u00a0KGS",
		"1 USD = 87.4500 KGS (National Bank of the Kyrgyz Republic), margin 1 %, holds since")
	files := bundleOf(t, b.post(pageOf(v)+"/evidence").wants(http.StatusOK))
	var payment struct {
		Operations []struct {
			Cost struct {
				Amount, Fee int64
				Currency    string
				Terms       *payout.Terms
			}
		}
	}
	decode(t, files["payment.json"], &payment)
	cost := payment.Operations[0].Cost
	if cost.Amount != 8658 || cost.Fee != 1130 || cost.Currency != "KGS" || cost.Terms.Tariff.Version != 1 || cost.Terms.Request.Source != rates.NBKR || cost.Terms.Request.Margin.String() != "1" {
		t.Errorf("evidence: %s", files["payment.json"])
	}
	for _, want := range []string{"97.88 KGS = 86.58 KGS + fee 11.30 KGS", "1 USD = 87.4500 KGS (National Bank of the Kyrgyz Republic), margin 1 %, holds since"} {
		if page := readable(files["evidence.html"]); !strings.Contains(page, want) {
			t.Errorf("the page lacks %q: %s", want, page)
		}
	}
	if !strings.Contains(files["ledger.json"], `"credit": "fees"`) {
		t.Errorf("evidence: %s", files["ledger.json"])
	}
}

// TestAdviceNeverSendsAgain holds that while the bank may have a payout, no advice of any code is to send it again.
func TestAdviceNeverSendsAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []payout.Status{payout.Processing, payout.Decline} {
		for _, stage := range []payout.Stage{payout.New, payout.Sending, payout.Disputed, payout.Unsettled} {
			for code := range 30_000 {
				if status == payout.Decline && stage == payout.New {
					continue
				}
				got := adviceFor(&payout.Payment{Status: status}, &payout.Operation{Stage: stage, Code: code}, nil)
				if strings.Contains(got, "resend") || got == "payments.advice.correct" {
					t.Fatalf("%s, %s, %d: %s", status, stage, code, got)
				}
			}
		}
	}
	open := []store.Discrepancy{{Kind: payout.PaidAfterDecline}}
	if got := adviceFor(&payout.Payment{Status: payout.Decline}, &payout.Operation{Stage: payout.Closed, Code: payout.CodeGeneralDecline}, open); got != "payments.advice.discrepancy" {
		t.Error(got)
	}
}

func TestResend(t *testing.T) {
	s := newSite(t)
	v := s.pay(210, "paid", 100, payout.Succeeded)
	s.signedIn(staff.Finance).post(pageOf(v) + "/resend").wants(http.StatusForbidden)
	s.signedIn(staff.Finance).get(pageOf(v)).saysNot("Send again")
	b := s.signedIn(staff.Support)
	callback := func() store.PaymentCallback {
		all, err := s.Store.PaymentCallbacks(t.Context(), 210, v.Payment.ID)
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		return all[0]
	}
	number := fmt.Sprint(callback().Job.Event.Number)
	idempotencyKey := strings.Repeat("o", 26) + "-1"
	first := store.Attempt{ProjectID: 210, Number: callback().Job.Event.Number, Attempt: 1, At: s.Store.Now(), HTTPStatus: 200, Answer: []byte("OK <b>")}
	if err := s.Store.SaveAttempt(t.Context(), first, store.CallbackDelivered, time.Time{}); err != nil {
		t.Fatal(err)
	}
	b.get(pageOf(v)).says("delivered", "200", "OK <b>")
	b.post(pageOf(v)+"/resend", "number", number, "once", idempotencyKey).wants(http.StatusSeeOther)
	if callback().State != store.CallbackPending {
		t.Error("the callback is not due again")
	}
	second := store.Attempt{ProjectID: 210, Number: first.Number, Attempt: 2, At: s.Store.Now(), HTTPStatus: 200}
	if err := s.Store.SaveAttempt(t.Context(), second, store.CallbackDelivered, time.Time{}); err != nil {
		t.Fatal(err)
	}
	b.post(pageOf(v)+"/resend", "number", number, "once", idempotencyKey).wants(http.StatusSeeOther) // the second click of the same act
	if callback().State != store.CallbackDelivered {
		t.Error("a second click has sent the callback again")
	}
	if got := callback(); len(got.Attempts) != 2 {
		t.Errorf("%d attempts are shown", len(got.Attempts))
	}
	b.post(pageOf(v)+"/resend", "number", "999", "once", strings.Repeat("p", 26)).wants(http.StatusNotFound)
	b.post(pageOf(v)+"/resend", "number", "x").wants(http.StatusNotFound)
}

// TestEvidence takes the bundle apart and verifies it as its README says, without the platform's help.
func TestEvidence(t *testing.T) {
	s := newSite(t)
	for i := range 5 { // neighbours under the same seal
		s.pay(210, fmt.Sprint("other", i), 100, payout.Succeeded)
	}
	v := s.pay(210, "paid", 100, payout.Succeeded) // and nothing is sealed yet
	b := s.signedIn(staff.MerchantAdmin)
	full, masked := b.post(pageOf(v)+"/evidence").wants(http.StatusOK), b.get(pageOf(v)+"/evidence").wants(http.StatusOK)
	for _, a := range []*answer{full, masked} {
		if r := evidence.Verify([]byte(a.Body), ""); !r.OK || r.PaymentID != v.Payment.PaymentID || r.Lines != 2 || len(r.Seals) != 1 {
			t.Errorf("verified: %+v", r)
		}
	}
	files := bundleOf(t, full)
	if !strings.Contains(files["request.json"], paidAccount) || !strings.Contains(files["signature.json"], `"valid"`) {
		t.Errorf("%s\n%s", files["request.json"], files["signature.json"])
	}
	var lines []struct {
		ProjectID int64 `json:"project_id"`
		Payment   int64 `json:"payment"`
		Seq       int64 `json:"seq"`
		At        int64 `json:"at_microseconds"`
		Operation int64 `json:"operation"`
		Kind      string
		Detail    string
		Hash      string
	}
	var seals []struct {
		Sealed   bool
		Root     string
		Hash     string
		Previous string `json:"previous_hash"`
		Path     []struct{ Neighbour, Stands string }
		Shard    int64
		Number   int64
		LastRow  int64 `json:"last_row"`
		Lines    int64
		At       int64 `json:"at_microseconds"`
	}
	decode(t, files["journal.json"], &lines)
	decode(t, files["seals.json"], &seals)
	previous := make([]byte, 32)
	for i, l := range lines {
		text := append([]byte{}, previous...)
		for _, n := range []int64{l.ProjectID, l.Payment, l.Seq, l.At, l.Operation} {
			text = binary.BigEndian.AppendUint64(text, uint64(n))
		}
		for _, part := range []string{l.Kind, l.Detail} {
			text = append(binary.BigEndian.AppendUint64(text, uint64(len(part))), part...)
		}
		previous = digest(text)
		if hex.EncodeToString(previous) != l.Hash {
			t.Errorf("line %d breaks the chain", i+1)
		}
		node := digest([]byte{0}, previous)
		for _, step := range seals[i].Path {
			beside, err := hex.DecodeString(step.Neighbour)
			if err != nil {
				t.Fatal(err)
			}
			if step.Stands == "left" {
				node = digest([]byte{1}, beside, node)
			} else {
				node = digest([]byte{1}, node, beside)
			}
		}
		if !seals[i].Sealed || hex.EncodeToString(node) != seals[i].Root {
			t.Errorf("line %d is not under its seal", i+1)
		}
		before, err := hex.DecodeString(seals[i].Previous)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int64{seals[i].Shard, seals[i].Number, seals[i].LastRow, seals[i].Lines, seals[i].At} {
			before = binary.BigEndian.AppendUint64(before, uint64(n))
		}
		if hex.EncodeToString(digest(before, node)) != seals[i].Hash {
			t.Errorf("the seal of line %d has another hash", i+1)
		}
	}
	if len(lines) != 2 || !strings.Contains(files["payment.json"], hex.EncodeToString(previous)) {
		t.Errorf("%d lines; the head is another one", len(lines))
	}
	var ledger []struct {
		Kind   string
		Amount int64
	}
	decode(t, files["ledger.json"], &ledger)
	if len(ledger) != 2 || ledger[0].Amount != 100 {
		t.Errorf("ledger: %+v", ledger)
	}
	if !strings.Contains(files["callbacks.json"], `"payment"`) {
		t.Errorf("callbacks: %s", files["callbacks.json"])
	}
}

// A signature is a secret, and an account number is shown in full to few: those who may edit the project, with a second
// factor that is fresh, and only where they ask for it.
func TestEvidenceHoldsBackWhatIsSecret(t *testing.T) {
	s := newSite(t)
	var body []byte
	const name = "Үсөнов Бакыт Нурланович"
	v := s.pay(210, "paid", 100, payout.Succeeded, func(p *store.NewPayout) {
		body = fmt.Appendf(nil, `{"general":{"project_id":210,"payment_id":"paid"},"account":{"number":%q,"customer_name":%q}}`, paidAccount, name)
		sum, err := signature.Sign(body, "secret-210")
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.Replace(body, []byte(`"payment_id"`), []byte(`"signature":"`+sum+`","payment_id"`), 1)
		p.Request = body
	})
	tree, err := signature.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	sent, signed := signature.Find(tree)
	if !signed {
		t.Fatalf("%s is not signed", body)
	}
	secrets := []string{paidAccount, name, sent, "signed_string"}
	for _, role := range staff.Roles {
		files := bundleOf(t, s.signedIn(role).get(pageOf(v)+"/evidence").wants(http.StatusOK))
		for file, text := range files {
			for _, secret := range secrets {
				if strings.Contains(text, secret) || strings.Contains(html.UnescapeString(text), secret) {
					t.Errorf("%s: %s holds %s", role, file, secret)
				}
			}
		}
		if !strings.Contains(files["evidence.html"], v.Payment.AccountMask) {
			t.Errorf("%s: the page has no masked account number", role)
		}
		if !role.Gives(staff.EditProjects) {
			s.signedIn(role).post(pageOf(v) + "/evidence").wants(http.StatusForbidden)
		}
	}
	b := s.signedIn(staff.MerchantAdmin)
	files := bundleOf(t, b.post(pageOf(v)+"/evidence").wants(http.StatusOK))
	for _, secret := range secrets {
		if !strings.Contains(files["request.json"]+files["signature.json"], secret) {
			t.Errorf("in full: %s is not there", secret)
		}
	}
	s.stale(b.user)
	if got := b.post(pageOf(v) + "/evidence"); strings.HasPrefix(got.Body, "PK") {
		t.Error("the whole bundle is given without a fresh second factor")
	}
}

func digest(parts ...[]byte) []byte {
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return sum[:]
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

func bundleOf(t *testing.T, a *answer) map[string]string {
	t.Helper()
	r, err := zip.NewReader(strings.NewReader(a.Body), int64(len(a.Body)))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}
