package merchant_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/money"
	"flashpay/internal/rates"
)

const kyrgyzstan = "bank-transfer/kyrgyzstan"

func methods() []*method.Method {
	return []*method.Method{
		{Path: "bank-transfer/africa", Currencies: []method.Currency{{Code: "NGN", Min: 100, Max: 500000}, {Code: "ZAR", Min: 200, Max: 900000}}},
		{Path: kyrgyzstan, Enabled: true, Currencies: []method.Currency{{Code: "KGS", Min: 1500, Max: 1500000}}},
	}
}

func everything(*merchant.Setting) bool { return true }

func shop() *merchant.Project {
	return &merchant.Project{ID: 210, Name: "Shop", Mode: merchant.Live, Settings: merchant.Settings{
		CallbackURL:   "https://shop.example/cb",
		CallbackRules: []merchant.CallbackRule{{Result: "decline", URL: "https://shop.example/no", Disabled: true}},
		Methods:       map[string]merchant.MethodSettings{"banks/gone": {Disabled: true}},
	}}
}

// Every setting is read, kept and shown in its text form.
func TestSettingsAreChangedByTheirTexts(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"name":                                  "  Other shop ",
		"callback_url":                          "https://other.example/cb?x=1",
		"threshold":                             "90m",
		"allow_ip":                              "192.0.2.7\n2001:db8::/32; 192.0.2.7",
		"account_check":                         "strict",
		"approval":                              "KGS=15000.00, USD=0.00 JPY=5",
		"conversion":                            "on",
		"base_source":                           "ecb",
		"margin":                                "1,50",
		"max_age":                               "48h",
		"main_balance":                          "USD",
		"reversal_fee":                          "keep",
		"callback_fee":                          "on",
		"methods." + kyrgyzstan + ".enabled":    "off",
		"methods." + kyrgyzstan + ".currencies": "KGS",
		"methods." + kyrgyzstan + ".min":        "KGS=20.00",
		"methods." + kyrgyzstan + ".max":        "KGS=10000.00",
	}
	before := shop()
	got, faults := merchant.Change(before, methods(), values, everything)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := shop()
	want.Name = "Other shop"
	want.Settings.CallbackURL = "https://other.example/cb?x=1"
	want.Settings.Threshold = merchant.Duration(90 * time.Minute)
	want.Settings.AllowIP = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32")}
	want.Settings.AccountCheck = account.Strict
	want.Settings.Approval = merchant.Sums{"KGS": 1500000, "USD": 0, "JPY": 5}
	want.Settings.Conversion = merchant.Conversion{On: true, BaseSource: rates.ECB, Margin: money.Whole(150).Shift(-2), MaxAge: merchant.Duration(48 * time.Hour), MainBalance: "USD"}
	want.Settings.ReversalFee, want.Settings.CallbackFee = merchant.KeepFee, true
	want.Settings.Methods[kyrgyzstan] = merchant.MethodSettings{
		Disabled: true, Currencies: []string{"KGS"}, Min: merchant.Sums{"KGS": 2000}, Max: merchant.Sums{"KGS": 1000000},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("changed project (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(shop(), before); diff != "" {
		t.Errorf("the project that was changed is not what it was:\n%s", diff)
	}
	texts := map[string]string{}
	for _, d := range merchant.Differences(before, got) {
		texts[d.Key()] = d.Before + " → " + d.After
	}
	wantTexts := map[string]string{
		"name": "Shop → Other shop", "callback_url": "https://shop.example/cb → https://other.example/cb?x=1", "threshold": " → 1h30m",
		"allow_ip": " → 192.0.2.7, 2001:db8::/32", "account_check": " → strict", "approval": " → JPY=5, KGS=15000.00, USD=0.00",
		"conversion": "off → on", "base_source": " → ecb", "margin": " → 1.50", "max_age": " → 48h", "main_balance": " → USD", "reversal_fee": " → keep", "callback_fee": "off → on",
		"methods." + kyrgyzstan + ".enabled": "on → off", "methods." + kyrgyzstan + ".currencies": " → KGS",
		"methods." + kyrgyzstan + ".min": " → KGS=20.00", "methods." + kyrgyzstan + ".max": " → KGS=10000.00",
	}
	if diff := cmp.Diff(wantTexts, texts); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

// What a field shows is a value that it takes, and emptying every field gives the defaults.
func TestSettingsTakeWhatTheyShow(t *testing.T) {
	t.Parallel()
	p := shop()
	p.Settings.Threshold, p.Settings.Approval = merchant.Duration(24*time.Hour), merchant.Sums{"KGS": 100}
	p.Settings.AllowIP = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	p.Settings.AccountCheck = account.Warn
	p.Settings.Methods[kyrgyzstan] = merchant.MethodSettings{Max: merchant.Sums{"KGS": 5000}}
	shown, empty := map[string]string{}, map[string]string{}
	for _, f := range merchant.Fields(p, methods()) {
		shown[f.Key()] = f.Text(p)
		if f.Editor != merchant.ByNobody && !f.Required && f.Method != nil || f.Path == "" && !f.Required && f.Editor != merchant.ByNobody {
			empty[f.Key()] = ""
		}
	}
	same, faults := merchant.Change(p, methods(), shown, func(*merchant.Setting) bool { return false })
	if len(faults) > 0 || len(merchant.Differences(p, same)) > 0 {
		t.Errorf("what is shown is not taken: %v", faults)
	}
	bare, faults := merchant.Change(p, methods(), empty, everything)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := &merchant.Project{ID: p.ID, Name: p.Name, Mode: p.Mode, Settings: merchant.Settings{
		CallbackRules: p.Settings.CallbackRules, Methods: map[string]merchant.MethodSettings{"banks/gone": {Disabled: true}},
	}}
	a, b := fmt.Sprintf("%+v", *want), fmt.Sprintf("%+v", *bare)
	if a != b {
		t.Errorf("emptied:\n%s\nwant\n%s", b, a)
	}
}

func TestSettingsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct{ key, value, id, words string }{
		{"name", " ", "required", "must not be empty"},
		{"name", strings.Repeat("я", 101), "too_long", "at most 100 characters, not 101"},
		{"name", "a\x00b", "characters", "control characters"},
		{"callback_url", "shop.example/cb", "address", "want an address"},
		{"callback_url", "ftp://shop.example/cb", "address", "want an address"},
		{"callback_url", "http://shop.example/cb", "address_https", "https addresses only"},
		{"callback_url", "https://a:b@shop.example/", "address_user", "leave user and password out"},
		{"callback_url", "https://shop.example/#x", "address_fragment", "from # on"},
		{"callback_url", "https://" + strings.Repeat("x", 2000), "too_long", "at most 2000"},
		{"callback_rules", "", "readonly", "shown only"},
		{"threshold", "soon", "period", "want a duration such as 24h"},
		{"threshold", "-1h", "period_bounds", "from 1s to 720h"},
		{"threshold", "721h", "period_bounds", "from 1s to 720h"},
		{"allow_ip", "192.0.2.0/33", "network", "192.0.2.0/33: want an address"},
		{"allow_ip", "192.0.2.1/24", "network_bits", "did you mean 192.0.2.0/24?"},
		{"account_check", "loose", "choice", "want off, warn, strict"},
		{"approval", "15000", "sum", "15000 is no sum"},
		{"approval", "KGS=15000", "decimals", "such as KGS=15000.00"},
		{"approval", "KGS=15000.0", "decimals", "with all its decimals"},
		{"approval", "KGS=-1.00", "decimals", "write the sum"},
		{"approval", "XXX=1.00", "currency", "XXX is no ISO 4217"},
		{"approval", "KGS=1.00 KGS=2.00", "currency_twice", "KGS stands twice"},
		{"conversion", "maybe", "choice", "want on, off"},
		{"base_source", "cbr", "choice", "want nbkr, ecb, manual"},
		{"margin", "50", "percent", "from 0 to below 50"},
		{"margin", "-1", "percent", "such as 1.5"},
		{"margin", "1,500,0", "percent", "such as 1.5"},
		{"margin", "0.1234567", "percent", "at most six decimals"},
		{"max_age", "30m", "period_bounds", "from 1h to 744h"},
		{"main_balance", "som", "currency", "som is no ISO 4217"},
		{"methods." + kyrgyzstan + ".enabled", "yes", "choice", "want on, off"},
		{"methods." + kyrgyzstan + ".currencies", "USD", "currency_of_method", "does not pay in USD; it pays in KGS"},
		{"methods." + kyrgyzstan + ".min", "KGS=14.99", "sum_bounds", "want a sum from KGS=15.00 to KGS=15000.00"},
		{"methods." + kyrgyzstan + ".max", "KGS=15000.01", "sum_bounds", "want a sum from"},
		{"methods." + kyrgyzstan + ".max", "USD=1.00", "currency_of_method", "does not pay in USD"},
		{"methods.banks/gone.max", "KGS=1.00", "no_method", "does not offer this method"},
		{"methods.bank-transfer/africa.max", "ZAR=5.00", "unknown", "no such setting; there are name, "},
		{"colour", "red", "unknown", "there are name, methods.bank-transfer/kyrgyzstan.enabled, "},
	}
	seen := map[string]bool{"forbidden": true, "min_above_max": true, "too_many": true}
	for _, test := range tests {
		changed, faults := merchant.Change(shop(), methods(), map[string]string{test.key: test.value}, everything)
		if changed != nil || len(faults) != 1 || faults[0].Key != test.key || faults[0].ID != test.id || !strings.Contains(faults[0].Error(), test.words) {
			t.Errorf("%s=%q: %v, want %s: %s", test.key, test.value, faults, test.id, test.words)
		}
		if len(faults) > 0 && strings.Contains(faults[0].Error(), "{") {
			t.Errorf("%s=%q: a parameter is left open: %s", test.key, test.value, faults[0].Error())
		}
		seen[test.id] = true
	}
	for id := range merchant.FaultTexts() {
		if !seen[id] {
			t.Errorf("no test shows the fault %s", id)
		}
	}
}

// All faults are told at once, in the order of the fields; nothing is changed.
func TestSettingsTellAllFaults(t *testing.T) {
	t.Parallel()
	_, faults := merchant.Change(shop(), methods(), map[string]string{"threshold": "x", "name": "", "nobody": "1"}, everything)
	var at []string
	for _, f := range faults {
		at = append(at, f.Key)
	}
	if !slices.Equal(at, []string{"name", "threshold", "nobody"}) {
		t.Errorf("faults at %v", at)
	}
	many := make([]string, 201)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String()
	}
	_, faults = merchant.Change(shop(), methods(), map[string]string{"allow_ip": strings.Join(many, "\n")}, everything)
	if len(faults) != 1 || faults[0].ID != "too_many" {
		t.Errorf("201 addresses: %v", faults)
	}
	_, faults = merchant.Change(shop(), methods(), map[string]string{
		"methods." + kyrgyzstan + ".min": "KGS=200.00", "methods." + kyrgyzstan + ".max": "KGS=100.00",
	}, everything)
	if len(faults) != 1 || faults[0].ID != "min_above_max" || !strings.Contains(faults[0].Error(), "KGS=200.00 is above the largest one KGS=100.00") {
		t.Errorf("crossed limits: %v", faults)
	}
}

// Whoever may not change a setting may send it back as it is, and nothing else.
func TestSettingsHaveEditors(t *testing.T) {
	t.Parallel()
	staff := func(s *merchant.Setting) bool { return s.Editor == merchant.ByStaff }
	_, faults := merchant.Change(shop(), methods(), map[string]string{"threshold": "1h", "name": "New"}, staff)
	if len(faults) != 1 || faults[0].Key != "threshold" || faults[0].ID != "forbidden" {
		t.Errorf("staff changes the threshold: %v", faults)
	}
	changed, faults := merchant.Change(shop(), methods(), map[string]string{"threshold": "", "name": "New"}, staff)
	if len(faults) > 0 || changed.Name != "New" {
		t.Errorf("staff cannot change the name: %v", faults)
	}
}

func TestDeclarationsAreSound(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range merchant.Declared() {
		if names[s.Name] {
			t.Errorf("%s is declared twice", s.Name)
		}
		names[s.Name] = true
		if (s.Kind == merchant.Choice) != (len(s.Choices) > 0) {
			t.Errorf("%s: choices are of a choice", s.Name)
		}
		if wants := !s.Required && s.Kind != merchant.Switch && s.Kind != merchant.Routes; wants != (s.Default != "") {
			t.Errorf("%s: the default is %q", s.Name, s.Default)
		}
	}
	if !maps.Equal(names, map[string]bool{
		"name": true, "enabled": true, "currencies": true, "min": true, "max": true, "callback_url": true, "callback_rules": true,
		"allow_ip": true, "account_check": true, "threshold": true, "approval": true, "mass_retention": true, "reversal_fee": true, "callback_fee": true, "batch_callback": true,
		"conversion": true, "base_source": true, "margin": true, "max_age": true, "main_balance": true,
	}) {
		t.Errorf("settings %v: names stay for good", slices.Sorted(maps.Keys(names)))
	}
}

func TestNeedsApproval(t *testing.T) {
	t.Parallel()
	s := merchant.Settings{Approval: merchant.Sums{"KGS": 100, "USD": 0}}
	for _, test := range []struct {
		amount   int64
		currency string
		want     bool
	}{{100, "KGS", false}, {101, "KGS", true}, {1, "USD", true}, {1 << 40, "EUR", false}} {
		if got := s.NeedsApproval(test.amount, test.currency); got != test.want {
			t.Errorf("%d %s: %v", test.amount, test.currency, got)
		}
	}
}
