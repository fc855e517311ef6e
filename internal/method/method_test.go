package method

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"flashpay/internal/account"
)

func mustLoad(t *testing.T, dirs ...fstest.MapFS) *Registry {
	t.Helper()
	r := &Registry{}
	var err error
	switch len(dirs) {
	case 0:
		r, err = Load(nil)
	case 1:
		r, err = Load(nil, dirs[0])
	default:
		t.Fatal("one directory at most")
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func get(t *testing.T, r *Registry, path string) *Method {
	t.Helper()
	m, ok := r.Get(path)
	if !ok {
		t.Fatalf("no method %s", path)
	}
	return m
}

func TestKyrgyzstan(t *testing.T) {
	got := get(t, mustLoad(t), "bank-transfer/kyrgyzstan")
	want := &Method{
		Path: "bank-transfer/kyrgyzstan", Group: "bank-transfer", Name: "kyrgyzstan", Title: "Bank transfer Kyrgyzstan",
		Country: "KG", Enabled: true, Currencies: []Currency{{Code: "KGS", Min: 1500, Max: 1500000, Step: 1}},
		Threshold: 24 * time.Hour, AccountCheck: account.Warn,
		Rules: []Rule{{Path: "account.number", Required: true, MaxLength: 34, Pattern: `^[0-9A-Za-z]{1,34}$`}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Method{}, Rule{})); diff != "" {
		t.Errorf("bank-transfer/kyrgyzstan differs (-want +got):\n%s", diff)
	}
	if got.MainCurrency() != "KGS" || got.HasBankList() {
		t.Errorf("main currency %s, bank list %v", got.MainCurrency(), got.HasBankList())
	}
	if r := got.Required("KGS"); !slices.Equal(r, []string{"account.number"}) {
		t.Errorf("Required(KGS) = %v", r)
	}
}

func TestKyrgyzAccountNumbers(t *testing.T) {
	rules := get(t, mustLoad(t), "bank-transfer/kyrgyzstan").RulesFor("KGS")
	for number, fine := range map[string]bool{
		"00004598":              true,
		"1234567890123456":      true,
		"ACC1230000006789":      true,
		"a":                     true,
		strings.Repeat("9", 34): true,
		strings.Repeat("9", 35): false,
		"":                      false,
		"1234 5678":             false,
		"123-456":               false,
		"0000459８":              false, // a digit, not an ASCII one
		"123\n":                 false, // «whole value» has no exception for a newline at the end
		"\n123":                 false,
		"Счёт1":                 false,
	} {
		var faults []string
		for _, r := range rules {
			if f := r.Fault(number); f != "" {
				faults = append(faults, f)
			}
		}
		if (len(faults) == 0) != fine {
			t.Errorf("%q: faults %q, want fine = %v", number, faults, fine)
		}
	}
}

func TestShippedMethods(t *testing.T) {
	type line struct {
		path     string
		enabled  bool
		currency string
		required string
	}
	names := "customer.first_name customer.last_name customer.email"
	sepa := names + " customer.address customer.city customer.zip customer.day_of_birth account.number account.customer_name"
	var got []line
	for _, m := range mustLoad(t).All() {
		for _, c := range m.Currencies {
			got = append(got, line{m.Path, m.Enabled, c.Code, strings.Join(m.Required(c.Code), " ")})
		}
	}
	want := []line{
		{"bank-transfer/africa", false, "NGN", names + " account.number account.bank_id"},
		{"bank-transfer/africa", false, "ZAR", names + " account.number account.bank_id"},
		{"bank-transfer/georgia", false, "GEL", "customer.email account.number account.customer_name account.bank_id"},
		{"bank-transfer/kyrgyzstan", true, "KGS", "account.number"},
		{"bank-transfer/sepa", false, "EUR", sepa},
		{"bank-transfer/sepa", false, "AUD", sepa + " account.bank_code"},
		{"bank-transfer/sepa", false, "CAD", sepa + " account.bank_code"},
		{"bank-transfer/sepa", false, "JPY", sepa + " account.bank_name"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("shipped methods differ (-want +got):\n%s", diff)
	}
	if _, ok := mustLoad(t).Get("bank-transfer/nowhere"); ok {
		t.Error("bank-transfer/nowhere exists")
	}
}

func TestRulesByCurrency(t *testing.T) {
	r := mustLoad(t)
	for _, c := range []struct{ method, currency, path, value, fault string }{
		{"africa", "NGN", "account.number", "0123456789", ""},
		{"africa", "NGN", "account.number", "01234567890", "must match ^[0-9]{10}$"},
		{"africa", "ZAR", "account.number", "01234567890", ""},
		{"africa", "ZAR", "account.number", "012345678901", "must match ^[0-9]{10,11}$"},
		{"africa", "ZAR", "account.type", "savings", ""},
		{"africa", "ZAR", "account.type", "Savings", "must be one of cheque, savings, transmission"},
		{"africa", "NGN", "account.security_code", "1", "must match ^[0-9]{11}$"},
		{"africa", "ZAR", "account.security_code", "1", ""},
		{"sepa", "EUR", "account.number", "DE02120300000000202051", ""},
		{"sepa", "EUR", "account.number", "0123456789", "must match ^[A-Z]{2}[0-9]{2}[0-9A-Za-z]{11,30}$"},
		{"sepa", "AUD", "account.number", "0123456789", ""},
		{"sepa", "AUD", "account.bank_code", "123456", ""},
		{"sepa", "CAD", "account.bank_code", "123456", "must match ^[0-9]{9}$"},
		{"kyrgyzstan", "KGS", "account.number", strings.Repeat("é", 35), "must have at most 34 characters"},
		{"kyrgyzstan", "USD", "account.number", "1-2", "must match ^[0-9A-Za-z]{1,34}$"}, // a foreign currency: the common rules
		{"africa", "USD", "account.number", "1-2", ""},                                   // has none for that
	} {
		fault := ""
		for _, rule := range get(t, r, "bank-transfer/"+c.method).RulesFor(c.currency) {
			if f := rule.Fault(c.value); rule.Path == c.path && f != "" {
				fault = f
			}
		}
		if fault != c.fault {
			t.Errorf("%s %s %s %q: fault %q, want %q", c.method, c.currency, c.path, c.value, fault, c.fault)
		}
	}
}

func TestLengthsCountCodePoints(t *testing.T) {
	r := Rule{MaxLength: 3}
	if f := r.Fault("өтү"); f != "" {
		t.Errorf("three letters in six bytes: %s", f)
	}
	if f := r.Fault("өтүн"); f == "" {
		t.Error("four letters were taken")
	}
}

func TestAmounts(t *testing.T) {
	r := mustLoad(t)
	kgs, _ := get(t, r, "bank-transfer/kyrgyzstan").Currency("KGS")
	gel, _ := get(t, r, "bank-transfer/georgia").Currency("GEL")
	for _, c := range []struct {
		currency Currency
		amount   int64
		want     AmountFault
	}{
		{kgs, 1499, AmountBelowMin},
		{kgs, 1500, AmountOK},
		{kgs, 1501, AmountOK},
		{kgs, 1500000, AmountOK},
		{kgs, 1500001, AmountAboveMax},
		{kgs, 0, AmountBelowMin},
		{kgs, -1500, AmountBelowMin},
		{gel, 100, AmountOK},
		{gel, 1000, AmountOK},
		{gel, 1050, AmountNotAStep},
		{gel, 10_000_000_000_000, AmountOK},
		{gel, 10_000_000_000_100, AmountAboveMax},
	} {
		if got := c.currency.Check(c.amount); got != c.want {
			t.Errorf("%s %d: %d, want %d", c.currency.Code, c.amount, got, c.want)
		}
	}
	if _, ok := get(t, r, "bank-transfer/kyrgyzstan").Currency("USD"); ok {
		t.Error("kyrgyzstan takes USD")
	}
}

// mongolia is a method that does not exist; the tests bend it.
const mongolia = `path: bank-transfer/mongolia
title: Bank transfer Mongolia
enabled: true
country: MN
currencies:
  - code: MNT
    min: 1000
    max: 5000000
    step: 100
  - {code: USD}
threshold: 48h
base_time: 90m
account_check: off
rules:
  - path: account.number
    required: true
    max_length: 20
    pattern: "[0-9]+"
  - path: account.bank_id
    required: true
    currencies: [MNT]
banks:
  - id: 7
    abbr: TST
    name: Test bank
    native_name: Туршилтын банк
    min: 1000
    max: 2000000
    limit_currency: MNT
    currencies: [MNT, USD]
notes: A method for tests.
`

func TestOneFileAddsAMethod(t *testing.T) {
	r := mustLoad(t, fstest.MapFS{
		"asia/mongolia.yml": {Data: []byte(mongolia)}, // folders below count, and both endings
		"README.txt":        {Data: []byte("not a method")},
	})
	m := get(t, r, "bank-transfer/mongolia")
	if m.Threshold != 48*time.Hour || m.BaseTime != 90*time.Minute || m.Title != "Bank transfer Mongolia" {
		t.Errorf("read as %+v", m)
	}
	if len(r.All()) != 5 {
		t.Errorf("%d methods, want the four that ship and this one", len(r.All()))
	}
	bank, ok := m.Bank(7)
	want := Bank{
		ID: 7, Abbr: "TST", Name: "Test bank", NativeName: "Туршилтын банк",
		Min: 1000, Max: 2000000, LimitCurrency: "MNT", Currencies: []string{"MNT", "USD"},
	}
	if diff := cmp.Diff(want, bank); !ok || diff != "" {
		t.Errorf("bank 7 (-want +got):\n%s", diff)
	}
	if _, ok := m.Bank(8); ok {
		t.Error("bank 8 exists")
	}
	if f := m.RulesFor("MNT")[0].Fault("12a"); f != "must match [0-9]+" {
		t.Errorf("a pattern without anchors matched a part: %q", f)
	}
	if c, _ := m.Currency("USD"); c != (Currency{Code: "USD", Min: 1, Max: 10_000_000_000_000, Step: 1}) {
		t.Errorf("a currency without limits has %+v, want Gate's own", c)
	}
	if got := m.Required("USD"); !slices.Equal(got, []string{"account.number"}) {
		t.Errorf("Required(USD) = %v", got)
	}
}

func TestAFileReplacesAShippedMethod(t *testing.T) {
	r := mustLoad(t, fstest.MapFS{"kg.yaml": {Data: []byte(
		strings.NewReplacer("mongolia", "kyrgyzstan", "country: MN", "country: KG", "account_check: off", "account_check: strict").
			Replace(mongolia))}})
	m := get(t, r, "bank-transfer/kyrgyzstan")
	if m.MainCurrency() != "MNT" || m.AccountCheck != account.Strict || len(r.All()) != 4 {
		t.Errorf("not replaced whole: %+v, %d methods", m, len(r.All()))
	}
}

func TestLoadNamesTheFilesAtFault(t *testing.T) {
	_, err := Load(nil, fstest.MapFS{
		"a.yaml": {Data: []byte(mongolia)},
		"b.yaml": {Data: []byte(mongolia)},
		"c.yaml": {Data: []byte("titel: x\n")},
	})
	for _, want := range []string{"method files a.yaml and b.yaml both describe bank-transfer/mongolia", `c.yaml, line 1: unknown field "titel"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	if _, err := Load(nil, fstest.MapFS{"README.txt": {}}); err == nil || !strings.Contains(err.Error(), "ends in .yaml") {
		t.Errorf("a directory without methods: %v", err)
	}
}

func TestUnknownFieldPathsAreRefused(t *testing.T) {
	known := func(path string) bool { return path != "account.bank_id" && path != "account.nummer" }
	_, err := Parse("m.yaml", []byte(mongolia), known)
	if err == nil || !strings.Contains(err.Error(), `m.yaml, line 19: field "account.bank_id" is not in the field table`) {
		t.Errorf("error %v", err)
	}
	if _, err := Load(known); err == nil {
		t.Error("shipped files are not checked against the field table")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, says string }{
		{"title:", "titel:", `line 2: unknown field "titel": correct its spelling`},
		{"    step: 100", "    stpe: 100", `line 9: unknown field "stpe"`},
		{"enabled: true", "enabled: true\nenabled: false", `line 4: mapping key "enabled" already defined`},
		{"path: bank-transfer/mongolia", "path: mongolia", `line 1: path "mongolia": want group/name`},
		{"path: bank-transfer/mongolia", "path: Bank-Transfer/Mongolia", "want group/name"},
		{"path: bank-transfer/mongolia", "path: banks/mongolia", `line 3: a method of group "banks" cannot be enabled`},
		{"title: Bank transfer Mongolia\n", "", "title is missing"},
		{"title: Bank transfer Mongolia", "title:", "line 2: a key without a value"},
		{"enabled: true\n", "", "enabled is missing"},
		{"enabled: true", "enabled: yes", "line 3: a text stands where a true or false belongs"},
		{"country: MN", "country: Mongolia", `line 4: country "Mongolia"`},
		{"min: 1000\n    max: 5000000", "min: 10.5\n    max: 5000000", `line 7: "10.5": want a whole number`},
		{"max: 5000000", "max: \"5000000\"", `line 8: "5000000": want a whole number`},
		{"max: 5000000", "max: 5_000_000", "line 8"},
		{"max: 5000000", "max: 99999999999999999999", "line 8"},
		{"max: 5000000", "max: 10000000000001", "line 8: max 10000000000001: Gate takes at most 10000000000000"},
		{"max: 5000000", "max: 999", "line 8: max 999 is below min 1000"},
		{"max: 5000000", "max:", "line 8: a key without a value"},
		{"min: 1000\n    max: 5000000", "min: 0\n    max: 5000000", "line 7: min 0: want at least 1"},
		{"step: 100", "step: 0", "line 9: step 0"},
		{"step: 100", "step: 9000000", "line 9: step 9000000: no multiple of it"},
		{"code: MNT", "code: mnt", `line 6: currency "mnt": want an alpha-3 code`},
		{"{code: USD}", "{code: MNT}", "currency MNT stands twice"},
		{"threshold: 48h", "threshold: 48", `line 11: "48": want a time such as 24h`},
		{"threshold: 48h", "threshold: 0h", "threshold 0s"},
		{"threshold: 48h\n", "", "threshold 0s: want a time"},
		{"base_time: 90m", "base_time: 49h", "base_time 49h0m0s"},
		{"account_check: off", "account_check: on", `line 13: account_check "on": want off, warn or strict`},
		{"account_check: off", "account_check: warn", "line 13: account_check warn: the account doctor knows accounts of country KG only"},
		{"account_check: off\n", "", "account_check"},
		{"  - path: account.number\n    required", "  - required", "path is missing"},
		{"max_length: 20", "max_length: 0", "line 17: max_length 0"},
		{`pattern: "[0-9]+"`, `pattern: "[0-9"`, "line 18: pattern"},
		{`pattern: "[0-9]+"`, `values: [a, ""]`, "values hold an empty one"},
		{"  - path: account.bank_id\n    required: true", "  - path: account.bank_id", "the rule for account.bank_id asks nothing"},
		{"currencies: [MNT]", "currencies: [EUR]", `line 21: currency "EUR" is not one of this method's`},
		{"- id: 7", "- id: 0", "bank id 0"},
		{"    name: Test bank\n", "", "bank 7 has no name"},
		{"max: 2000000", "max: 2000000000", "bank 7: limits 1000 to 2000000000"},
		{"limit_currency: MNT", "limit_currency: XXX", `line 29: currency "XXX"`},
		{"currencies: [MNT, USD]", "currencies: []", "bank 7 has no currencies"},
		{"currencies: [MNT, USD]", "currencies: [MNT, ABC]", `line 30: currency "ABC"`},
		{mongolia, "", "m.yaml is empty"},
		{mongolia, "# nothing\n", "m.yaml is empty"},
		{mongolia, "path: [\n", "m.yaml, line 1"},
		{mongolia, "just text\n", "m.yaml, line 1"},
		{"notes:", "---\nnotes:", "a second document: keep one method in a file"},
	} {
		text := strings.Replace(mongolia, c.old, c.new, 1)
		if text == mongolia {
			t.Errorf("%q is not in the file", c.old)
		}
		_, err := Parse("m.yaml", []byte(text), nil)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "m.yaml") {
			t.Errorf("%q instead of %q: error %v; want %q in it", c.new, c.old, err, c.says)
		}
	}
}

func TestParseNamesEveryFault(t *testing.T) {
	text := strings.NewReplacer("title: Bank", "title: ''\nnotes: Bank", "notes: A", "country: x\n# ", "code: MNT", "code: mnt", "48h", "-1h").Replace(mongolia)
	text = strings.Replace(text, "country: MN\n", "", 1)
	_, err := Parse("m.yaml", []byte(text), nil)
	for _, want := range []string{"title is missing", `country "x"`, `currency "mnt"`, "threshold -1h0m0s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func TestAnEnabledMethodNeedsItsBanks(t *testing.T) {
	head, _, _ := strings.Cut(mongolia, "banks:")
	if _, err := Parse("m.yaml", []byte(head+"banks: []\n"), nil); err == nil || !strings.Contains(err.Error(), "banks are empty") {
		t.Errorf("error %v", err)
	}
	m, err := Parse("m.yaml", []byte(strings.Replace(head, "enabled: true", "enabled: false", 1)+"banks: []\n"), nil)
	if err != nil || !m.HasBankList() {
		t.Errorf("a disabled one may wait for them: %v", err)
	}
}

func TestABankStandsOnce(t *testing.T) {
	_, banks, _ := strings.Cut(mongolia, "banks:\n")
	bank, _, _ := strings.Cut(banks, "notes:")
	_, err := Parse("m.yaml", []byte(strings.Replace(mongolia, bank, bank+bank, 1)), nil)
	if err == nil || !strings.Contains(err.Error(), "bank id 7 stands twice") {
		t.Errorf("error %v", err)
	}
}
