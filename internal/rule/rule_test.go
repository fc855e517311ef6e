package rule

import (
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
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
