package accept

import (
	"math"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/internal/tariff"
)

// PrecheckResult is what the consistency check would decide about a request that is sent now, if the project had the funds.
type PrecheckResult struct {
	Cost    Cost // where it would go on
	Code    int  // the code with which it would be declined at once; payout.CodeSuccess: it would go on
	Policy  account.Policy
	Finding account.Finding // of the account doctor; it counts where Policy is warn or strict
}

// Cost is what a payout takes from a balance of its project.
type Cost struct {
	Amount   int64 // what the balance pays for it, minor units
	Fee      int64 // on top
	Currency string
}

// Candidate is what Precheck needs to know of a request that has passed Validate.
type Candidate struct {
	Project    *merchant.Project
	Method     *method.Method
	Amount     int64 // minor units
	Currency   string
	Account    string // account.number, in clear
	BestBefore string // payment.best_before; empty: there is none
}

// Precheck runs the consistency check on a request without sending it and stores nothing. It assumes sufficient funds:
// callers that check many requests add up the sums themselves. Where the service has no Route, it assumes a live provider.
func (s *Service) Precheck(c *Candidate, now time.Time) PrecheckResult {
	state, i := s.precheckItem(c, now)
	r := PrecheckResult{Policy: AccountPolicy(c.Project, c.Method)}
	if r.Policy == account.Warn || r.Policy == account.Strict {
		r.Finding = account.Check(c.Account, s.Banks)
		i.BadAccount = r.Policy == account.Strict && !r.Finding.OK()
	}
	v := rule.Decide(state, i)
	r.Code, r.Cost = v.Code, costOf(&v)
	return r
}

// Cost is what a request that is sent now would take from a balance of its project: the sum, the fee by the tariff that holds, and
// the currency of that balance.
func (s *Service) Cost(c *Candidate, now time.Time) (amount, fee int64, currency string) {
	v := rule.Decide(s.precheckItem(c, now))
	cost := costOf(&v)
	return cost.Amount, cost.Fee, cost.Currency
}

func costOf(v *rule.Verdict) (c Cost) {
	o := payout.Operation{Amount: v.Amount, Currency: v.Currency, Terms: v.Terms}
	c.Amount, c.Fee, c.Currency = o.Cost()
	return c
}

// precheckItem is the input of the consistency check for a request that is not sent.
func (s *Service) precheckItem(c *Candidate, now time.Time) (rule.State, rule.Item) {
	n := &store.NewPayout{Amount: c.Amount, Currency: c.Currency}
	if c.BestBefore != "" {
		n.Options.BestBefore, _ = instant(c.BestBefore)
	}
	live := true
	if s.Route != nil {
		_, _, live = s.Route(c.Project, c.Method)
	}
	state := rule.State{Project: c.Project, LiveProvider: live, Available: math.MaxInt64, Now: now}
	if s.Rates != nil {
		state.Rates = s.Rates()
	}
	return state, item(c.Project, c.Method, n)
}

// Prechecker answers Precheck quickly for many requests that differ only in sum and account. It is safe for use by many goroutines.
type Prechecker struct {
	span     rule.Span
	policy   account.Policy
	banks    account.Banks
	currency string
	tariff   *tariff.Tariff // nil: there is no fee
}

// Prechecker prepares a Prechecker for requests like c, whose sum and account do not count. It is nil where each request must go
// through Precheck by itself.
func (s *Service) Prechecker(c *Candidate, now time.Time) *Prechecker {
	if c.BestBefore != "" {
		return nil
	}
	span, ok := rule.SpanOf(s.precheckItem(c, now))
	if !ok {
		return nil
	}
	p := &Prechecker{span: span, policy: AccountPolicy(c.Project, c.Method), banks: s.Banks, currency: c.Currency}
	if t, ok := c.Project.Tariffs.At(tariff.Key{Method: c.Method.Path, Currency: c.Currency}, now); ok {
		p.tariff = &t.Tariff
	}
	return p
}

// Cost is what a payout costs that Passes; amount is in minor units. Its sum is paid by a balance in its own currency.
func (p *Prechecker) Cost(amount int64) Cost {
	c := Cost{Amount: amount, Currency: p.currency}
	if p.tariff != nil {
		c.Fee, _ = p.tariff.Fee(amount) // the span ends where no sum could hold it
	}
	return c
}

// Passes reports whether Precheck would find nothing: no code declines the request, and the account doctor has no finding. amount
// is in minor units. Where it is false, ask Precheck, which decides.
func (p *Prechecker) Passes(amount int64, number string) bool {
	if !p.span.Holds(amount) {
		return false
	}
	return p.policy != account.Warn && p.policy != account.Strict || account.Check(number, p.banks).OK()
}
