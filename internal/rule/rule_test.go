package rule

import (
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/tariff"
)

// TestDecideInOrder breaks one condition after the other, from the last to the first: each time the code must be that
// of the newest break, since the order of the checks is fixed.
func TestDecideInOrder(t *testing.T) {
	now := time.Now()
	project := &merchant.Project{Settings: merchant.Settings{Methods: map[string]merchant.MethodSettings{}}}
	s := State{Project: project, LiveProvider: true, Available: 1000, Now: now}
	i := Item{Method: "m", Currencies: []string{"KGS"}, MinAmount: 10, MaxAmount: 5000, Amount: 1000, Currency: "KGS"}
	want := func(code int) {
		t.Helper()
		if got := Decide(s, i).Code; got != code {
			t.Errorf("code %d, want %d", got, code)
		}
	}
	want(payout.CodeSuccess)
	s.Available = 999
	want(payout.CodeInsufficientFunds)
	i.BestBefore = now
	want(payout.CodeAutoDecline)
	i.BadAccount = true
	want(payout.CodeAccountData)
	i.Step = 300
	want(payout.CodeInvalidAmount)
	i.MinAmount = 1001
	want(payout.CodeBelowLimit)
	i.MaxAmount = 999
	want(payout.CodeAboveLimit)
	i.Currency = "USD"
	want(payout.CodeCurrencyDisabled)
	s.LiveProvider = false
	want(payout.CodeNoPayoutMethod)
	project.Settings.Methods["m"] = merchant.MethodSettings{Disabled: true}
	want(payout.CodeNotAllowed)
	project.Blocked = true
	want(payout.CodeMerchantBlocked)
}

func TestProjectsOwnLimitsReplaceTheMethods(t *testing.T) {
	project := &merchant.Project{Settings: merchant.Settings{Methods: map[string]merchant.MethodSettings{
		"m": {Min: merchant.Sums{"KGS": 100}, Max: merchant.Sums{"KGS": 200}, Currencies: []string{"KGS"}},
	}}}
	for amount, code := range map[int64]int{99: payout.CodeBelowLimit, 100: 0, 200: 0, 201: payout.CodeAboveLimit} {
		i := Item{Method: "m", Currencies: []string{"KGS", "USD"}, MinAmount: 1, MaxAmount: 150, Amount: amount, Currency: "KGS"}
		if got := Decide(State{Project: project, LiveProvider: true, Available: 1000}, i).Code; got != code {
			t.Errorf("%d: code %d, want %d", amount, got, code)
		}
		i.Currency = "USD"
		if got := Decide(State{Project: project, LiveProvider: true, Available: 1000}, i).Code; got != payout.CodeCurrencyDisabled {
			t.Errorf("a currency that the project has not: %d", got)
		}
	}
}

// TestFee takes the fee to the terms, with what was agreed about it, and to what the balance must have.
func TestFee(t *testing.T) {
	t.Parallel()
	percent, err := money.ParseDecimal("1.5")
	if err != nil {
		t.Fatal(err)
	}
	agreed := tariff.Tariff{Fixed: 100, Percent: percent}
	project := &merchant.Project{
		Settings: merchant.Settings{ReversalFee: merchant.KeepFee, CallbackFee: true},
		Tariffs:  tariff.Book{{Method: "m", Currency: "KGS"}: {{Tariff: agreed}}},
	}
	s := State{Project: project, LiveProvider: true, Available: 10_250, Now: today}
	i := Item{Method: "m", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 1 << 62, Amount: 10_000, Currency: "KGS"}
	v := Decide(s, i)
	if v.Code != payout.CodeSuccess || v.Amount != 10_000 || v.Terms == nil || v.Terms.Amount != 10_000 || v.Terms.Currency != "KGS" || v.Terms.Fee != 250 ||
		!v.Terms.KeepFee || !v.Terms.TellFee || v.Terms.Tariff == nil || v.Terms.Tariff.Fixed != 100 || !v.Terms.Tariff.Percent.Equal(percent) {
		t.Errorf("%+v, terms %+v", v, v.Terms)
	}
	s.Available--
	if v := Decide(s, i); v.Code != payout.CodeInsufficientFunds {
		t.Errorf("one unit too few for sum and fee: code %d", v.Code)
	}
	project.Settings = merchant.Settings{}
	if v := Decide(s, i); v.Terms == nil || v.Terms.KeepFee || v.Terms.TellFee || v.Terms.Fee != 250 {
		t.Errorf("by default the fee is given back and not told: %+v", v.Terms)
	}
	i.Amount = 1 << 62
	project.Tariffs = tariff.Book{{Method: "m", Currency: "KGS"}: {{Tariff: tariff.Tariff{Fixed: 1 << 62, Percent: money.Whole(150)}}}}
	if v := Decide(s, i); v.Code != payout.CodeAboveLimit {
		t.Errorf("a fee that no sum holds: code %d", v.Code)
	}
	i.Method, i.Amount = "other", 10_000
	if v := Decide(s, i); v.Code != payout.CodeSuccess || v.Terms != nil {
		t.Errorf("a method without tariff: %+v", v)
	}
}

// TestLimitsAndStepsAreInclusive asks at the limit of a converted sum, and for the smallest step that means anything.
func TestLimitsAndStepsAreInclusive(t *testing.T) {
	t.Parallel()
	project := &merchant.Project{Balances: []string{"KGS"}, Settings: merchant.Settings{Conversion: merchant.Conversion{On: true}}}
	s := State{Project: project, LiveProvider: true, Available: 1 << 40, Rates: book(t), Now: today}
	for most, code := range map[int64]int{950_000: payout.CodeSuccess, 949_999: payout.CodeConvertedAbove} {
		i := Item{Method: "m", Currencies: []string{"KGS"}, Target: "KGS", MinAmount: 1, MaxAmount: most, Amount: 10_000, Currency: "EUR"}
		if v := Decide(s, i); v.Code != code || v.Amount != 950_000 {
			t.Errorf("950,000 where at most %d are taken: %+v", most, v)
		}
	}
	for amount, code := range map[int64]int{10: payout.CodeSuccess, 11: payout.CodeInvalidAmount} {
		i := Item{Method: "m", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 100, Step: 2, Amount: amount, Currency: "KGS"}
		if v := Decide(s, i); v.Code != code {
			t.Errorf("%d in steps of 2: code %d", amount, v.Code)
		}
	}
}

// Only a rule without conditions is for the callbacks of batches.
func TestBatchCallbackURL(t *testing.T) {
	t.Parallel()
	rules := []merchant.CallbackRule{
		{URL: "off", Disabled: true}, {URL: "by type", Type: "payout"}, {URL: "by result", Result: "success"}, {URL: "by method", Method: "m"}, {URL: "all"},
	}
	for n, want := range map[int]string{len(rules): "all", len(rules) - 1: "project"} {
		p := &merchant.Project{Settings: merchant.Settings{CallbackURL: "project", CallbackRules: rules[:n]}}
		if got := BatchCallbackURL(p); got != want {
			t.Errorf("by the first %d rules: %q, want %q", n, got, want)
		}
	}
}

func TestCallbackURLPriorities(t *testing.T) {
	p := &merchant.Project{Settings: merchant.Settings{CallbackURL: "project", CallbackRules: []merchant.CallbackRule{
		{URL: "off", Disabled: true},
		{Result: "decline", URL: "declines"},
		{Result: "success", Method: "other", URL: "never"},
	}}}
	cases := []struct {
		options payout.Options
		status  payout.Status
		want    string
	}{
		{payout.Options{}, payout.Success, "project"},
		{payout.Options{}, payout.Decline, "declines"},
		{payout.Options{CallbackURL: "own"}, payout.Decline, "own"},
		{payout.Options{CallbackURL: "own", SuccessCallbackURL: "yes"}, payout.Success, "yes"},
		{payout.Options{CallbackURL: "own", SuccessCallbackURL: "yes"}, payout.Decline, "own"},
		{payout.Options{DeclineCallbackURL: "no"}, payout.Decline, "no"},
		{payout.Options{DeclineCallbackURL: "no"}, payout.AwaitingRetry, "project"},
	}
	for _, c := range cases {
		if got := CallbackURL(p, c.options, "m", c.status); got != c.want {
			t.Errorf("%+v %s: %q, want %q", c.options, c.status, got, c.want)
		}
	}
	if got := CallbackURL(&merchant.Project{}, payout.Options{}, "m", payout.Success); got != "" {
		t.Errorf("nobody wants it: %q", got)
	}
}
