// Package rule is the consistency check: the decision on a payout by its project's settings and funds, as a pure function with a
// fixed order of checks (product.md §2). The caller provides the state, carries forward what a verdict changes, and stores the
// outcome in one commit.
package rule

import (
	"cmp"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/tariff"
)

// Item is the payout to be decided on.
type Item struct {
	Method     string // method path
	Currencies []string
	Target     string // where the request's currency is not to be paid in: the one that the payout is converted to; else empty
	MinAmount  int64  // the method's limits in the currency that is paid, minor units
	MaxAmount  int64
	Step       int64 // the method takes multiples of it only; 0 or 1: any sum
	Amount     int64 // as requested
	Currency   string
	BestBefore time.Time // zero: none
	BadAccount bool      // the account doctor refused it, and the policy is strict
}

// State is what the decision on an item depends on.
type State struct {
	Project      *merchant.Project
	LiveProvider bool        // there is a provider for this method and the project's mode
	Available    int64       // funds in the currency of the balance that pays
	Rates        *rates.Book // asked where the project may convert
	Now          time.Time
}

// Verdict is the decision on an item.
type Verdict struct {
	Code     int   // declines it; 0 (payout.CodeSuccess): it may go on
	Amount   int64 // what the provider is to pay: the request's sum, or what it was converted to
	Currency string
	Terms    *payout.Terms
}

// Decide decides on an item. The order of the checks is fixed, so the same request is always declined for the same reason.
func Decide(s State, i Item) Verdict {
	v := Verdict{Amount: i.Amount, Currency: i.Currency}
	settings := s.Project.Settings.Methods[i.Method]
	switch {
	case s.Project.Blocked:
		v.Code = payout.CodeMerchantBlocked
	case settings.Disabled:
		v.Code = payout.CodeNotAllowed
	case !s.LiveProvider:
		v.Code = payout.CodeNoPayoutMethod
	default:
		v.Code = cmp.Or(v.convert(s, i, settings), v.limits(i, settings), i.fault(s.Now))
		// Black lists and risk, then velocity, have their place here: before the funds.
		if v.Code == payout.CodeSuccess {
			v.Code = v.fund(s, i)
		}
	}
	return v
}

// convert finds the currency and the sum that are paid.
func (v *Verdict) convert(s State, i Item, settings merchant.MethodSettings) (code int) {
	if settings.Pays(i.Currency, i.Currencies) {
		return payout.CodeSuccess
	}
	c := &s.Project.Settings.Conversion
	if !c.On || !settings.Pays(i.Target, i.Currencies) {
		return payout.CodeCurrencyDisabled
	}
	rate, ok := c.Rate(s.Rates, i.Currency, i.Target, s.Now)
	if !ok {
		return payout.CodeNoRate
	}
	step := int64(0)
	if i.Step > 1 {
		step = i.Step
	}
	amount, err := rate.Converted(i.Amount, c.Margin, step)
	switch {
	case err != nil:
		return payout.CodeConvertedAbove
	case amount == 0:
		return payout.CodeConvertedBelowUnit
	}
	v.Amount, v.Currency = amount, i.Target
	v.Terms = &payout.Terms{Amount: amount, Currency: i.Target, Request: &payout.Conversion{Rate: rate, Margin: c.Margin, Step: step}}
	return payout.CodeSuccess
}

func (v *Verdict) limits(i Item, settings merchant.MethodSettings) (code int) {
	least, most := settings.Limits(v.Currency, i.MinAmount, i.MaxAmount)
	switch {
	case v.Amount > most && v.Terms != nil:
		return payout.CodeConvertedAbove
	case v.Amount > most:
		return payout.CodeAboveLimit
	case v.Amount < least:
		return payout.CodeBelowLimit
	case i.Step > 1 && v.Amount%i.Step != 0:
		return payout.CodeInvalidAmount
	}
	return payout.CodeSuccess
}

// fault is what is wrong with the payout itself.
func (i Item) fault(now time.Time) (code int) {
	switch {
	case i.BadAccount:
		return payout.CodeAccountData
	case !i.BestBefore.IsZero() && !i.BestBefore.After(now):
		return payout.CodeAutoDecline
	}
	return payout.CodeSuccess
}

// fund finds which balance pays, how much and with which fee, and whether it has as much.
func (v *Verdict) fund(s State, i Item) (code int) {
	if code := cmp.Or(v.exchange(s, i), v.charge(s, i)); code != payout.CodeSuccess {
		return code
	}
	o := payout.Operation{Amount: v.Amount, Currency: v.Currency, Terms: v.Terms}
	if o.Exceeds(s.Available) {
		return payout.CodeInsufficientFunds
	}
	return payout.CodeSuccess
}

// exchange finds what a balance in another currency pays. The sum of the request itself is paid by a balance in its
// currency as it is: it is not converted back.
func (v *Verdict) exchange(s State, i Item) (code int) {
	pays := s.Project.PayingBalance(v.Currency, i.Currency)
	if pays == v.Currency {
		return payout.CodeSuccess
	}
	terms := payout.Terms{Amount: i.Amount, Currency: pays}
	if v.Terms != nil {
		terms.Request = v.Terms.Request
	}
	if pays != i.Currency {
		c := &s.Project.Settings.Conversion
		rate, ok := c.Rate(s.Rates, v.Currency, pays, s.Now)
		if !ok {
			return payout.CodeNoRate
		}
		cost, err := rate.Cost(v.Amount, c.Margin)
		switch {
		case err != nil:
			return payout.CodeConvertedAbove
		case cost == 0:
			return payout.CodeConvertedBelowUnit
		}
		terms.Amount, terms.Balance = cost, &payout.Conversion{Rate: rate, Margin: c.Margin}
	}
	v.Terms = &terms
	return payout.CodeSuccess
}

// charge adds the fee, by the tariff of the method and of the currency of the balance that pays.
func (v *Verdict) charge(s State, i Item) (code int) {
	o := payout.Operation{Amount: v.Amount, Currency: v.Currency, Terms: v.Terms}
	amount, _, currency := o.Cost()
	t, ok := s.Project.Tariffs.At(tariff.Key{Method: i.Method, Currency: currency}, s.Now)
	if !ok {
		return payout.CodeSuccess
	}
	terms := payout.Terms{Amount: amount, Currency: currency}
	if v.Terms != nil {
		terms = *v.Terms
	}
	var err error
	if terms.Fee, err = t.Fee(amount); err != nil {
		return payout.CodeAboveLimit
	}
	terms.Tariff, terms.KeepFee, terms.TellFee = &t.Tariff, s.Project.Settings.ReversalFee == merchant.KeepFee, s.Project.Settings.CallbackFee
	v.Terms = &terms
	return payout.CodeSuccess
}

// CallbackURL says where the callback of a payment with this status goes: protocol.md §5.2, highest first. It is
// empty where nobody wants it.
func CallbackURL(p *merchant.Project, o payout.Options, method string, status payout.Status) string {
	switch {
	case status == payout.Success && o.SuccessCallbackURL != "":
		return o.SuccessCallbackURL
	case status == payout.Decline && o.DeclineCallbackURL != "":
		return o.DeclineCallbackURL
	case o.CallbackURL != "":
		return o.CallbackURL
	}
	for _, r := range p.Settings.CallbackRules {
		if !r.Disabled && fits(r.Type, payout.Type) && fits(r.Result, string(status)) && fits(r.Method, method) {
			return r.URL
		}
	}
	return p.Settings.CallbackURL
}

// BatchCallbackURL says where the callback of a batch's end goes: rules choose by what only payments have, unless they choose
// everything.
func BatchCallbackURL(p *merchant.Project) string {
	for _, r := range p.Settings.CallbackRules {
		if !r.Disabled && r.Type == "" && r.Result == "" && r.Method == "" {
			return r.URL
		}
	}
	return p.Settings.CallbackURL
}

func fits(condition, value string) bool { return condition == "" || condition == value }
