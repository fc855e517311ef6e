package manual_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/account"
	"flashpay/internal/manual"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// methods are those that ship with the program, africa and sepa enabled, africa with banks.
func methods(t *testing.T) *method.Registry {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"africa", "sepa"} {
		text, err := os.ReadFile("../method/files/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		enabled := strings.Replace(string(text), "enabled: false", "enabled: true", 1)
		enabled = strings.Replace(enabled, "banks: []", `banks:
  - {id: 7, abbr: GTB, name: Guaranty Trust, min: 1, limit_currency: NGN, currencies: [NGN]}
  - {id: 8, abbr: ABSA, name: Absa, min: 1, limit_currency: ZAR, currencies: [ZAR]}`, 1)
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(enabled), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := method.Load(accept.Payout.Known, os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func setup(t *testing.T) *manual.Service {
	t.Helper()
	url := storetest.URL(t, storetest.SQLite)
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	p := &merchant.Project{ID: 210, MerchantID: 7, Name: "shop", Mode: merchant.Test, Settings: merchant.Settings{
		CallbackURL: "http://127.0.0.1:1/", Approval: merchant.Sums{"KGS": 100000},
	}}
	if err := s.CreateProject(t.Context(), p, "key", map[string]int64{"KGS": 10000000}, "test"); err != nil {
		t.Fatal(err)
	}
	route := func(*merchant.Project, *method.Method) (string, int64, bool) { return "sandbox", 21432, true }
	return &manual.Service{Store: s, Methods: methods(t), Payouts: &accept.Service{Acceptor: s, Route: route}, Banks: account.Banks{"109": "Optima"}}
}

func draft(t *testing.T, s *manual.Service, change ...string) manual.Draft {
	t.Helper()
	p, ok := s.Store.Project(210)
	m, known := s.Methods.Get("bank-transfer/kyrgyzstan")
	if !ok || !known {
		t.Fatal("no project or method")
	}
	d := manual.Draft{Project: p, Method: m, Currency: "KGS", Values: map[string]string{
		manual.Amount: "500.00", manual.Account: "1090000000000000", manual.CustomerID: "c-1", manual.CustomerIP: "192.0.2.1",
		manual.PaymentID: "Manual-1", manual.Description: "Salary <b>",
	}}
	for i := 0; i+1 < len(change); i += 2 {
		d.Values[change[i]] = change[i+1]
	}
	return d
}

func order(t *testing.T, s *manual.Service, change ...string) *manual.Order {
	t.Helper()
	o, faults := s.Check(draft(t, s, change...))
	if len(faults) > 0 {
		t.Fatalf("faults: %+v", faults)
	}
	return o
}

func needsApproval(t *testing.T, s *manual.Service, o *manual.Order) bool {
	t.Helper()
	_, needs, err := s.NeedsApproval(t.Context(), o, 17)
	if err != nil {
		t.Fatal(err)
	}
	return needs
}

func TestTheRequestIsTheOneThatGateWouldGet(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := order(t, s, manual.Amount, " 1 234,5 ", manual.Description, " ", manual.Account, "1090 0000 0000\u00a00000")
	const want = `{"general":{"project_id":210,"payment_id":"Manual-1"},"account":{"number":"1090000000000000"},` +
		`"customer":{"id":"c-1","ip_address":"192.0.2.1"},"payment":{"amount":123450,"currency":"KGS"}}`
	if string(o.Body) != want {
		t.Errorf("body %s\nwant %s", o.Body, want)
	}
	if !needsApproval(t, s, o) || needsApproval(t, s, order(t, s, manual.Amount, "1000")) {
		t.Error("a sum above the limit needs a second person, the limit itself does not")
	}
	o = order(t, s)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := s.Send(t.Context(), o, "user 17"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := s.Store.ManualPayments(t.Context(), nil, nil, 10)
	if err != nil || len(list) != 1 || list[0].Interface != accept.InterfaceDashboard || list[0].Description != "Salary <b>" {
		t.Fatalf("payments: %+v, %v", list, err)
	}
	_, err = s.Send(t.Context(), order(t, s, manual.Amount, "501"), "user 17")
	if faults, ok := manual.Refused(err); !ok || len(faults) != 1 || faults[0].Path != manual.PaymentID || faults[0].Word != "exists" {
		t.Errorf("other content: %v", err)
	}
}

func TestSumsAsTheyAreTyped(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for text, want := range map[string]any{
		"314.15": int64(31415), "314,15": int64(31415), "1 500": int64(150000), "1 500,5": int64(150050), "1\u00a0500": int64(150000), "1\u202f500,50": int64(150050), "12 345.00": int64(1234500), "1,500.00": int64(150000), "15": int64(1500),
		"": "required", "abc": "amount_form", "-15": "amount_form", "1.500,00": "amount_form", "1,5,0": "amount_form", "15.": "amount_form",
		"1 50": "amount_form", "1e3": "amount_form", "١٥": "amount_form", "15.001": "amount_decimals", "1,500": "amount_decimals",
		"14.99": "below", "15000.01": "above", "99999999999999999999": "amount_large",
	} {
		o, faults := s.Check(draft(t, s, manual.Amount, text))
		switch want := want.(type) {
		case int64:
			if o == nil || o.Amount != want {
				t.Errorf("%q: %+v, want %d", text, faults, want)
			}
		case string:
			if len(faults) != 1 || faults[0].Path != manual.Amount || faults[0].Word != want {
				t.Errorf("%q: %+v, want %s", text, faults, want)
			}
		}
	}
}

func TestFaultsOfFields(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for _, c := range []struct{ path, value, word string }{
		{manual.Account, "", "required"},
		{manual.Account, "KG-12", "shape_letters_digits"},
		{manual.Account, strings.Repeat("1", 35), "length"},
		{manual.CustomerID, "", "required"},
		{manual.CustomerIP, "", "required"},
		{manual.CustomerIP, "300.1.1.1", "ip"},
		{manual.PaymentID, "", "required"},
		{manual.PaymentID, strings.Repeat("я", 256), "length"},
		{manual.Description, strings.Repeat("d", 256), "length"},
		{manual.Description, "Doe;payment:amount:900000", "semicolon"},
		{manual.CustomerID, "c;general:payment_id:NEW", "semicolon"},
	} {
		if _, faults := s.Check(draft(t, s, c.path, c.value)); len(faults) != 1 || faults[0].Path != c.path || faults[0].Word != c.word {
			t.Errorf("%s = %q: %+v, want %s", c.path, c.value, faults, c.word)
		}
	}
	d := draft(t, s)
	d.Values = nil
	if _, faults := s.Check(d); len(faults) != 5 {
		t.Errorf("an empty form: %+v", faults)
	}
	d = draft(t, s)
	d.Currency = "USD"
	if _, faults := s.Check(d); len(faults) != 1 || faults[0].Word != "currency" {
		t.Errorf("a currency that the method lacks: %+v", faults)
	}
}

func TestTheAccountDoctor(t *testing.T) {
	t.Parallel()
	s := setup(t)
	d := draft(t, s)
	for policy, want := range map[account.Policy]string{account.Off: "", account.Warn: "", account.Strict: "account_wrong_check_digits"} {
		p := *d.Project
		p.Settings.AccountCheck = policy
		d.Project = &p
		d.Values[manual.Account] = "1090000000000001"
		o, faults := s.Check(d)
		switch {
		case want == "" && (o == nil || o.Policy != policy || policy == account.Warn && o.Finding.OK()):
			t.Errorf("%s: %+v, %+v", policy, o, faults)
		case want != "" && (len(faults) != 1 || faults[0].Path != manual.Account || faults[0].Word != want):
			t.Errorf("%s: %+v", policy, faults)
		}
	}
	p := *d.Project
	p.Settings.AccountCheck = account.Warn
	if policy, finding := s.Validate(&p, d.Method, "1091234567890120"); policy != account.Warn || finding.Verdict != account.CutBySpreadsheet || finding.Bank != "Optima" {
		t.Errorf("cut: %s, %+v", policy, finding)
	}
}

func paths(fields []accept.Input, required bool) []string {
	var all []string
	for _, f := range fields {
		if f.Required == required {
			all = append(all, strings.TrimPrefix(strings.TrimPrefix(f.Path, "customer."), "account."))
		}
	}
	return all
}

func TestFieldsFollowTheMethodsFile(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for _, c := range []struct{ method, currency, required, optional string }{
		{"bank-transfer/kyrgyzstan", "KGS", "number id ip_address general.payment_id", "payment.description"},
		{"bank-transfer/africa", "NGN", "number first_name last_name email bank_id id ip_address general.payment_id", "type security_code payment.description"},
		{"bank-transfer/africa", "ZAR", "number first_name last_name email bank_id id ip_address general.payment_id", "type payment.description"},
		{
			"bank-transfer/sepa", "EUR", "number first_name last_name email address city zip day_of_birth customer_name id ip_address general.payment_id",
			"payment.description",
		},
		{
			"bank-transfer/sepa", "AUD", "number first_name last_name email address city zip day_of_birth customer_name bank_code id ip_address general.payment_id",
			"payment.description",
		},
	} {
		m, _ := s.Methods.Get(c.method)
		fields := accept.Inputs(m, c.currency)
		if got := strings.Join(paths(fields, true), " "); got != c.required {
			t.Errorf("%s %s requires %s", c.method, c.currency, got)
		}
		if got := strings.Join(paths(fields, false), " "); got != c.optional {
			t.Errorf("%s %s offers %s", c.method, c.currency, got)
		}
	}
	d := draft(t, s)
	d.Method, _ = s.Methods.Get("bank-transfer/africa")
	d.Currency = "NGN"
	for path, value := range map[string]string{
		manual.Amount: "99999", manual.Account: "123456789", "customer.first_name": "Ada", "customer.email": "ada", "account.bank_id": "8", "account.type": "gold",
		"account.security_code": "1",
	} {
		d.Values[path] = value
	}
	_, faults := s.Check(d)
	var got []string
	for _, f := range faults {
		got = append(got, f.Path+" "+f.Word)
	}
	want := []string{
		"account.number shape_digits", "customer.last_name required", "account.bank_id choice", "account.type choice",
		"account.security_code shape_digits", "customer.email email",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("faults %v\nwant %v", got, want)
	}
	for path, value := range map[string]string{
		manual.Account: "1234567890", "customer.last_name": "Obi", "customer.email": "ada@example.ng", "account.bank_id": "7", "account.type": "savings",
		"account.security_code": "",
	} {
		d.Values[path] = value
	}
	o, faults := s.Check(d)
	if len(faults) > 0 {
		t.Fatalf("faults: %+v", faults)
	}
	var body struct {
		Account struct {
			BankID int64 `json:"bank_id"`
			Type   string
		}
	}
	if err := json.Unmarshal(o.Body, &body); err != nil || body.Account.BankID != 7 || body.Account.Type != "savings" {
		t.Errorf("body %s, %v", o.Body, err)
	}
}

func TestWhatAProjectOffers(t *testing.T) {
	t.Parallel()
	s := setup(t)
	p := *draft(t, s).Project
	p.Settings.Methods = map[string]merchant.MethodSettings{
		"bank-transfer/africa": {Disabled: true}, "bank-transfer/sepa": {Currencies: []string{"EUR"}, Max: merchant.Sums{"EUR": 500}},
	}
	var got []string
	for _, m := range s.Offered(&p) {
		for _, c := range manual.Currencies(&p, m) {
			got = append(got, fmt.Sprintf("%s %s %d-%d", m.Path, c.Code, c.Min, c.Max))
		}
	}
	if want := []string{"bank-transfer/kyrgyzstan KGS 1500-1500000", "bank-transfer/sepa EUR 1-500"}; !slices.Equal(got, want) {
		t.Errorf("offered %v, want %v", got, want)
	}
	at := time.Date(2026, 11, 25, 14, 30, 15, 0, time.UTC)
	seen := make(map[string]bool)
	for range 100 {
		id := manual.NewPaymentID(at)
		if !regexp.MustCompile(`^manual-20261125-143015-[A-Z2-9]{4}$`).MatchString(id) {
			t.Fatalf("payment id %q", id)
		}
		seen[id] = true
	}
	if len(seen) < 95 { // of 2^20
		t.Errorf("%d of 100 proposed payment ids differ", len(seen))
	}
}

func TestPossibleDuplicates(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for _, change := range [][]string{
		{manual.PaymentID, "first"},
		{manual.PaymentID, "other sum", manual.Amount, "501"},
		{manual.PaymentID, "other account", manual.Account, "1090000000000001"},
		{manual.PaymentID, "second"},
		{manual.PaymentID, "by its customer", manual.CustomerID, "1090000000000000", manual.Account, "2"},
	} {
		if _, err := s.Send(t.Context(), order(t, s, change...), "user 17"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"third": "second first", "FIRST": "second"} {
		twins, err := s.PossibleDuplicates(t.Context(), order(t, s, manual.PaymentID, id))
		var got []string
		for _, r := range twins {
			got = append(got, r.PaymentID)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("twins of %s: %v, %v", id, got, err)
		}
	}
}
