package accept

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/signature"
)

func hash(t testing.TB, body string) [32]byte {
	t.Helper()
	return ContentHash(Endpoint, "bank-transfer/kyrgyzstan", signature.Canonical(parse(t, body)).Lines())
}

func TestContentHash(t *testing.T) {
	same := []string{
		`{"general":{"payment_id":"7","project_id":210,"signature":"x"},"payment":{"amount":100},"sender":{"city":null}}`,
		`{"payment":{"amount":"100"},"sender":{"city":""},"general":{"project_id":"210","payment_id":7}}`,
		" {\"general\" : {\"signature\":\"other\",\"payment_id\":\"\\u0037\",\"project_id\":210}, \"sender\":{\"city\":null},\"payment\":{\"amount\":1e2}}\n",
	}
	want := hash(t, same[0])
	for _, body := range same[1:] {
		if hash(t, body) != want {
			t.Errorf("same content, other hash: %s", body)
		}
	}
	seen := map[[32]byte]string{want: same[0]}
	for _, body := range []string{
		`{"general":{"payment_id":"7","project_id":210},"payment":{"amount":100}}`, // absent is not null
		`{"general":{"payment_id":"8","project_id":210},"payment":{"amount":100},"sender":{"city":null}}`,
		`{"general":{"payment_id":"7","project_id":210},"payment":{"amount":101},"sender":{"city":null}}`,
		`{"general":{"payment_id":"7","project_id":210},"payment":{"amount":100},"sender":{"city":" "}}`,
		`{"general":{"payment_id":"7","project_id":210},"payment":{"amount":100},"sender":{"city":null},"more":1}`,
		`{"general":{"payment_id":"7","project_id":210},"payment":{"amount":100},"sender":{"zip":null}}`,
		`{"a":"b;c:d"}`, `{"a":"b","c":"d"}`, `{"a":"b:c"}`, `{"ab":":c"}`,
	} {
		h := hash(t, body)
		if other, taken := seen[h]; taken {
			t.Errorf("other content, same hash:\n%s\n%s", body, other)
		}
		seen[h] = body
	}
	lines := signature.Canonical(parse(t, same[0])).Lines()
	if ContentHash("/other", "bank-transfer/kyrgyzstan", lines) == want || ContentHash(Endpoint, "bank-transfer/africa", lines) == want {
		t.Error("endpoint and method must count")
	}
}

// last keeps what was to be accepted.
type last struct {
	payout *store.NewPayout
	err    error
}

func (l *last) Accept(_ context.Context, p *store.NewPayout) (store.Receipt, error) {
	l.payout = p
	return store.Receipt{RequestID: "r-1", PaymentID: p.PaymentID}, l.err
}

func methods(t testing.TB) *method.Registry {
	t.Helper()
	r, err := method.Load(Payout.Known)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func kyrgyzstan(t testing.TB) *method.Method {
	t.Helper()
	m, ok := methods(t).Get("bank-transfer/kyrgyzstan")
	if !ok {
		t.Fatal("no method bank-transfer/kyrgyzstan")
	}
	return m
}

func in(t testing.TB, v *signature.Value) In {
	return In{
		Project: &merchant.Project{ID: 210, Mode: merchant.Test}, Method: kyrgyzstan(t), Tree: v, Form: signature.Canonical(v),
		Body: v.AppendJSON(nil), Interface: InterfaceGate,
	}
}

func TestPayoutReadsTheRequest(t *testing.T) {
	body := `{"general":{"project_id":"210","payment_id":42,"signature":"s","merchant_callback_url":"https://a.kg/c",
		"merchant_success_callback_url":"https://a.kg/s","merchant_decline_callback_url":"http://a.kg:8080/d"},
		"customer":{"id":"c","ip_address":"192.0.2.1","email":"a@b.kg","phone":"996555123456"},
		"payment":{"amount":1500,"currency":"KGS","description":"за март","best_before":"2026-01-31T12:00:00+0600"},
		"account":{"number":"0000459800000045"},"callback":{"delay":30,"force_disable":true},"sender":null,"extra":[1]}`
	request := in(t, parse(t, body))
	var got last
	s := Service{Acceptor: &got, Route: func(*merchant.Project, *method.Method) (string, int64, bool) { return "sandbox", 6, true }}
	receipt, err := s.Payout(context.Background(), request)
	if err != nil || receipt.RequestID != "r-1" {
		t.Fatalf("receipt %+v, error %v", receipt, err)
	}
	best := time.Date(2026, 1, 31, 6, 0, 0, 0, time.UTC)
	want := &store.NewPayout{
		ProjectID: 210, PaymentID: "42", ContentHash: ContentHash(Endpoint, request.Method.Path, request.Form.Lines()),
		Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan", Amount: 1500, Currency: "KGS",
		Account: "0000459800000045", AccountMask: "000045******0045", CustomerID: "c", Description: "за март", Email: "a@b.kg",
		Phone: "996555123456", IP: "192.0.2.1", Request: request.Body, Parsed: request.Tree, Interface: 1, Threshold: 24 * time.Hour,
		Provider: "sandbox", ProviderID: 6,
		Options: payout.Options{
			CallbackURL: "https://a.kg/c", SuccessCallbackURL: "https://a.kg/s", DeclineCallbackURL: "http://a.kg:8080/d",
			CallbackDelay: 30 * time.Second, CallbacksDisabled: true, BestBefore: best,
		},
		Check: rule.Item{
			Method: "bank-transfer/kyrgyzstan", Currencies: []string{"KGS"}, MinAmount: 1500, MaxAmount: 1500000, Step: 1,
			Amount: 1500, Currency: "KGS", BestBefore: best,
		},
	}
	if diff := cmp.Diff(want, got.payout); diff != "" {
		t.Errorf("payout (-want +got):\n%s", diff)
	}
}

func TestSettingsThresholdAndNoProvider(t *testing.T) {
	request := in(t, parse(t, seed))
	request.Project.Settings.Threshold = merchant.Duration(time.Hour)
	var got last
	s := Service{Acceptor: &got, Route: func(*merchant.Project, *method.Method) (string, int64, bool) { return "x", 1, false }}
	if _, err := s.Payout(context.Background(), request); err != nil {
		t.Fatal(err)
	}
	if got.payout.Threshold != time.Hour || got.payout.Provider != "" || got.payout.ProviderID != 0 {
		t.Errorf("threshold %s, provider %q %d", got.payout.Threshold, got.payout.Provider, got.payout.ProviderID)
	}
}

func TestOtherCurrencyIsLeftToTheConsistencyCheck(t *testing.T) {
	var got last
	s := Service{Acceptor: &got}
	if _, err := s.Payout(context.Background(), in(t, set(t, "payment.currency", `"USD"`))); err != nil {
		t.Fatal(err)
	}
	state := rule.State{Project: &merchant.Project{}, LiveProvider: true, Available: 1 << 40, Now: time.Now()}
	if code := rule.Decide(state, got.payout.Check).Code; code != payout.CodeCurrencyDisabled {
		t.Errorf("decided %d, want 3023", code)
	}
}

func TestRefusals(t *testing.T) {
	live := func(i *In) { i.Project.Mode = merchant.Live }
	as := func(path string) func(*In) {
		return func(i *In) { i.Method, _ = methods(t).Get(path) }
	}
	enabled := func(path string) func(*In) {
		return func(i *In) {
			m, _ := methods(t).Get(path)
			copied := *m
			copied.Enabled = true
			i.Method = &copied
		}
	}
	for _, c := range []struct {
		name, path, json string
		change           func(*In)
		code             int
		fields           string
		first            int
	}{
		{"shape before faults", "account", `"x"`, nil, 2003, "account", 2003},
		{"missing method member", "account", ``, nil, 2004, "account.number", 3242},
		{"account empty object", "account", `{}`, nil, 2004, "account.number", 3242},
		{"method's pattern", "account.number", `"12 34"`, nil, 702, "account.number", 702},
		{"method's length", "account.number", quoted("1", 35), nil, 702, "account.number", 702},
		{"currency that does not exist", "payment.currency", `"ZZZ"`, nil, 3121, "payment.currency", 3121},
		{"callback over http, live", "general.merchant_callback_url", `"http://a.kg/"`, live, 702, "general.merchant_callback_url", 702},
		{"success callback over http, live", "general.merchant_success_callback_url", `"http://a.kg/"`, live, 702, "general.merchant_success_callback_url", 702},
		{"decline callback over http, live", "general.merchant_decline_callback_url", `"http://a.kg/"`, live, 702, "general.merchant_decline_callback_url", 702},
		{"callback not a URL", "general.merchant_callback_url", `"a.kg/callback"`, nil, 702, "general.merchant_callback_url", 702},
		{"callback of another scheme", "general.merchant_callback_url", `"ftp://a.kg/callback"`, nil, 702, "general.merchant_callback_url", 702},
		{"callback without host", "general.merchant_callback_url", `"https:///callback"`, nil, 702, "general.merchant_callback_url", 702},
		{"callback with a bad port", "general.merchant_callback_url", `"https://a.kg:70000/"`, nil, 702, "general.merchant_callback_url", 702},
		{"callback with the port after the last", "general.merchant_callback_url", `"https://a.kg:65536/"`, nil, 702, "general.merchant_callback_url", 702},
		{"callback with port 0", "general.merchant_callback_url", `"https://a.kg:0/"`, nil, 702, "general.merchant_callback_url", 702},
		{"callback with a password", "general.merchant_callback_url", `"https://shop:secret@a.kg/"`, nil, 702, "general.merchant_callback_url", 702},
		{"callback with a space", "general.merchant_callback_url", `"https://a.kg/a b"`, nil, 702, "general.merchant_callback_url", 702},
		{"best before", "payment.best_before", `"soon"`, nil, 702, "payment.best_before", 702},
		{"unknown method", "", ``, func(i *In) { i.Method = nil }, 2541, "", 0},
		{"disabled method", "", ``, as("bank-transfer/africa"), 2541, "", 0},
		{"faults before the method", "payment.amount", `0`, as("bank-transfer/africa"), 702, "payment.amount", 702},
		{"a disabled method asks for nothing of its own", "customer.email", ``, as("bank-transfer/africa"), 2541, "", 0},
		{
			"another method's members", "payment.currency", `"NGN"`, enabled("bank-transfer/africa"), 2004,
			"customer.first_name customer.last_name customer.email account.number account.bank_id", 2004,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := parse(t, seed)
			if c.path != "" {
				v = set(t, c.path, c.json)
			}
			request := in(t, v)
			if c.change != nil {
				c.change(&request)
			}
			var got last
			_, err := (&Service{Acceptor: &got}).Payout(context.Background(), request)
			var refusal *Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("error %v, want a refusal", err)
			}
			if refusal.Code != c.code || fieldsOf(refusal.Faults) != c.fields {
				t.Errorf("refused with %d in %q, want %d in %q: %v", refusal.Code, fieldsOf(refusal.Faults), c.code, c.fields, err)
			}
			if c.first != 0 && (len(refusal.Faults) == 0 || refusal.Faults[0].Code != c.first) {
				t.Errorf("first fault %+v, want code %d", refusal.Faults, c.first)
			}
			if got.payout != nil {
				t.Error("a refused request reached the store")
			}
			if strings.Contains(err.Error(), "00004598") {
				t.Errorf("the error shows the account: %v", err)
			}
		})
	}
}

func TestAcceptorsErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{{store.ErrOtherData, 3041}, {store.ErrQueueFull, 0}, {store.ErrUnavailable, 0}} {
		_, err := (&Service{Acceptor: &last{err: c.err}}).Payout(context.Background(), in(t, parse(t, seed)))
		var refusal *Refusal
		if errors.As(err, &refusal) {
			if refusal.Code != c.want {
				t.Errorf("%v became %v", c.err, err)
			}
		} else if c.want != 0 || !errors.Is(err, c.err) {
			t.Errorf("%v became %v", c.err, err)
		}
	}
}

func TestAccountDoctorsPolicy(t *testing.T) {
	m := kyrgyzstan(t)
	other := *m
	other.Country = "GE"
	for _, c := range []struct {
		mode    merchant.Mode
		project account.Policy
		method  *method.Method
		number  string
		remark  bool
		bad     bool
	}{
		{merchant.Test, "", m, "00004598", false, false},
		{merchant.Test, "off", m, "00004598", false, false},
		{merchant.Test, "warn", m, "00004598", true, false},
		{merchant.Test, "strict", m, "00004598", true, true},
		{merchant.Live, "", m, "00004598", m.AccountCheck != account.Off, m.AccountCheck == account.Strict},
		{merchant.Live, "strict", m, "00004598", true, true},
		{merchant.Live, "strict", &other, "00004598", false, false},
		{merchant.Live, "strict", m, "1030120000000000"[:14] + checkDigits("10301200000000"), false, false},
	} {
		request := in(t, set(t, "account.number", `"`+c.number+`"`))
		request.Project.Mode, request.Project.Settings.AccountCheck, request.Method = c.mode, c.project, c.method
		var got last
		if _, err := (&Service{Acceptor: &got}).Payout(context.Background(), request); err != nil {
			t.Fatal(err)
		}
		p := got.payout
		if (p.Options.AccountRemark != "") != c.remark || p.Check.BadAccount != c.bad {
			t.Errorf("%s, project %q, %s: remark %q, bad %t", c.mode, c.project, c.number, p.Options.AccountRemark, p.Check.BadAccount)
		}
	}
}

func checkDigits(first14 string) string {
	rest := 0
	for _, c := range first14 {
		rest = (rest*10 + int(c-'0')) % 97
	}
	return string([]byte{byte('0' + rest/10), byte('0' + rest%10)})
}

func TestExamineStoresNothing(t *testing.T) {
	request := in(t, parse(t, seed))
	if r := Validate(&request); r != nil {
		t.Errorf("the seed's request: %v", r)
	}
	request = in(t, set(t, "payment.amount", `100000.0`))
	if r := Validate(&request); r == nil || r.Code != 702 || !strings.Contains(r.Error(), "decimal point") {
		t.Errorf("an amount with a decimal point: %v", r)
	}
}

func TestOnlyGateAsksForASignature(t *testing.T) {
	request := in(t, set(t, "general.signature", ""))
	if r := Validate(&request); r == nil || r.Code != payout.CodeRequired {
		t.Errorf("through Gate: %v", r)
	}
	request.Interface = InterfaceDashboard
	if r := Validate(&request); r != nil {
		t.Errorf("through Dashboard: %v", r)
	}
	request = in(t, set(t, "account.number", ""))
	request.Interface = InterfaceDashboard
	if r := Validate(&request); r == nil || len(r.Faults) != 1 {
		t.Errorf("without account through Dashboard: %v", r)
	}
}

func TestFitsLimits(t *testing.T) {
	m := &method.Method{Currencies: []method.Currency{{Code: "GEL", Min: 100, Max: 1000, Step: 100}}}
	for _, c := range []struct {
		settings merchant.MethodSettings
		currency string
		amount   int64
		want     bool
	}{
		{merchant.MethodSettings{}, "", 0, true},
		{merchant.MethodSettings{}, "GEL", 0, true},
		{merchant.MethodSettings{}, "GEL", 100, true},
		{merchant.MethodSettings{}, "GEL", 1000, true},
		{merchant.MethodSettings{}, "GEL", 150, false},
		{merchant.MethodSettings{}, "GEL", 99, false},
		{merchant.MethodSettings{}, "GEL", 1100, false},
		{merchant.MethodSettings{}, "KGS", 100, false},
		{merchant.MethodSettings{Currencies: []string{"USD"}}, "GEL", 100, false},
		{merchant.MethodSettings{Min: merchant.Sums{"GEL": 200}}, "GEL", 100, false},
		{merchant.MethodSettings{Max: merchant.Sums{"GEL": 2000}}, "GEL", 2000, true},
	} {
		if got := FitsLimits(c.settings, m, c.currency, c.amount); got != c.want {
			t.Errorf("%+v, %d %s: %t", c.settings, c.amount, c.currency, got)
		}
	}
}

func BenchmarkPayout(b *testing.B) {
	v := parse(b, seed)
	request := in(b, v)
	s := Service{Acceptor: &last{}}
	b.ReportAllocs()
	for b.Loop() {
		request.Report = nil
		if _, err := s.Payout(context.Background(), request); err != nil {
			b.Fatal(err)
		}
	}
}
