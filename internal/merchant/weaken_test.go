package merchant

import (
	"net/netip"
	"testing"

	"flashpay/internal/account"
)

func TestEverySettingSaysWhatWeakensIt(t *testing.T) {
	t.Parallel()
	for _, s := range Declared() {
		if s.weakens == nil {
			t.Errorf("%s does not say which changes weaken control", s.Name)
		}
	}
}

func TestWhatWeakensControl(t *testing.T) {
	t.Parallel()
	networks := func(texts ...string) (out []netip.Prefix) {
		for _, text := range texts {
			out = append(out, netip.MustParsePrefix(text))
		}
		return out
	}
	const path = "bank-transfer/kyrgyzstan"
	method := func(m MethodSettings) func(*Project) {
		return func(p *Project) { p.Settings.Methods = map[string]MethodSettings{path: m} }
	}
	approval := func(s Sums) func(*Project) { return func(p *Project) { p.Settings.Approval = s } }
	allow := func(texts ...string) func(*Project) {
		return func(p *Project) { p.Settings.AllowIP = networks(texts...) }
	}
	check := func(mode Mode, policy account.Policy) func(*Project) {
		return func(p *Project) { p.Mode, p.Settings.AccountCheck = mode, policy }
	}
	converting := func(on bool) func(*Project) { return func(p *Project) { p.Settings.Conversion.On = on } }
	address := func(text string) func(*Project) { return func(p *Project) { p.Settings.CallbackURL = text } }
	for _, c := range []struct {
		name          string
		before, after func(*Project)
		weakens       bool
	}{
		{"conversion switched on", converting(false), converting(true), true},
		{"conversion switched off", converting(true), converting(false), false},
		{"approval raised", approval(Sums{"KGS": 100}), approval(Sums{"KGS": 101}), true},
		{"approval lowered", approval(Sums{"KGS": 100}), approval(Sums{"KGS": 99}), false},
		{"approval of one currency removed", approval(Sums{"KGS": 100, "USD": 1}), approval(Sums{"KGS": 100}), true},
		{"approval of one more", approval(Sums{"KGS": 100}), approval(Sums{"KGS": 100, "USD": 1}), false},
		{"approval emptied", approval(Sums{"KGS": 100}), approval(nil), true},
		{"network added", allow("192.0.2.0/24"), allow("192.0.2.0/24", "198.51.100.7/32"), true},
		{"network widened", allow("192.0.2.0/24"), allow("192.0.0.0/16"), true},
		{"network narrowed", allow("192.0.2.0/24"), allow("192.0.2.7/32"), false},
		{"network removed", allow("192.0.2.0/24", "198.51.100.7/32"), allow("192.0.2.0/24"), false},
		{"list emptied", allow("192.0.2.0/24"), allow(), true},
		{"list begun", allow(), allow("192.0.2.0/24"), false},
		{"other family", allow("0.0.0.0/0"), allow("::/0"), true},
		{"callback address", address("https://a.example"), address("https://b.example"), true},
		{"first callback address", address(""), address("https://b.example"), true},
		{"no callback address", address("https://a.example"), address(""), true},
		{"method on", method(MethodSettings{Disabled: true}), method(MethodSettings{}), true},
		{"method off", method(MethodSettings{}), method(MethodSettings{Disabled: true}), false},
		{"one more currency", method(MethodSettings{Currencies: []string{"KGS"}}), method(MethodSettings{Currencies: []string{"KGS", "USD"}}), true},
		{"all currencies", method(MethodSettings{Currencies: []string{"KGS"}}), method(MethodSettings{}), true},
		{"fewer currencies", method(MethodSettings{}), method(MethodSettings{Currencies: []string{"KGS"}}), false},
		{"limit raised", method(MethodSettings{Max: Sums{"KGS": 5}}), method(MethodSettings{Max: Sums{"KGS": 6}}), true},
		{"limit gone", method(MethodSettings{Max: Sums{"KGS": 5}}), method(MethodSettings{}), true},
		{"limit lowered", method(MethodSettings{}), method(MethodSettings{Max: Sums{"KGS": 5}}), false},
		{"least sum", method(MethodSettings{Min: Sums{"KGS": 5}}), method(MethodSettings{Min: Sums{"KGS": 1}}), false},
		{"check off", check(Test, account.Strict), check(Test, account.Off), true},
		{"check by default in test mode", check(Test, account.Warn), check(Test, ""), true},
		{"off is the default in test mode", check(Test, account.Off), check(Test, ""), false},
		{"the default of a live project may be strict", check(Live, ""), check(Live, account.Warn), true},
		{"strict", check(Live, ""), check(Live, account.Strict), false},
		{"the default of a live project may be off", check(Live, account.Warn), check(Live, ""), true},
		{"name", func(p *Project) { p.Name = "a" }, func(p *Project) { p.Name = "b" }, false},
	} {
		before, after := &Project{}, &Project{}
		c.before(before)
		c.after(after)
		if got := len(Weakening(before, after)) > 0; got != c.weakens {
			t.Errorf("%s: weakens control: %v", c.name, got)
		}
	}
}
