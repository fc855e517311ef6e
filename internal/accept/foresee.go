package accept

import (
	"math"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/rule"
	"flashpay/internal/store"
)

// Foresight is what would come of a request if it were sent now and the funds sufficed.
type Foresight struct {
	Code    int // that declines it at once; payout.CodeSuccess: none does
	Policy  account.Policy
	Finding account.Finding // the account doctor's; counts where Policy is warn or strict
}

// Prospect is a request that Examine found good, as far as Foresee looks at it.
type Prospect struct {
	Project    *merchant.Project
	Method     *method.Method
	Amount     int64
	Currency   string
	Account    string
	BestBefore string
}

// Foresee asks the consistency check about a request without sending it. Funds are not looked at:
// whoever checks many requests adds them up. Where the service knows no routes, a live provider is assumed.
func (s *Service) Foresee(p *Prospect, now time.Time) Foresight {
	state, i := s.foreseen(p, now)
	f := Foresight{Policy: AccountPolicy(p.Project, p.Method)}
	if f.Policy == account.Warn || f.Policy == account.Strict {
		f.Finding = account.Check(p.Account, s.Banks)
		i.BadAccount = f.Policy == account.Strict && !f.Finding.OK()
	}
	f.Code = rule.Decide(state, i).Code
	return f
}

// foreseen is what the consistency check is asked about a request that is not sent.
func (s *Service) foreseen(p *Prospect, now time.Time) (rule.State, rule.Item) {
	n := &store.NewPayout{Amount: p.Amount, Currency: p.Currency}
	if p.BestBefore != "" {
		n.Options.BestBefore, _ = instant(p.BestBefore)
	}
	live := true
	if s.Route != nil {
		_, _, live = s.Route(p.Project, p.Method)
	}
	state := rule.State{Project: p.Project, LiveProvider: live, Available: math.MaxInt64, Now: now}
	if s.Rates != nil {
		state.Rates = s.Rates()
	}
	return state, item(p.Project, p.Method, n)
}

// Outlook is Foresee of many requests that differ in nothing but sum and account.
type Outlook struct {
	span   rule.Span
	policy account.Policy
	banks  account.Banks
}

// Outlook looks ahead at requests like this one, whatever their sum and account. It is nil where each must be foreseen by itself.
func (s *Service) Outlook(p *Prospect, now time.Time) *Outlook {
	if p.BestBefore != "" {
		return nil
	}
	span, ok := rule.SpanOf(s.foreseen(p, now))
	if !ok {
		return nil
	}
	return &Outlook{span: span, policy: AccountPolicy(p.Project, p.Method), banks: s.Banks}
}

// Clear tells whether Foresee has nothing to say about a request: no code declines it, and its account is without findings. Where
// it is false, Foresee decides.
func (o *Outlook) Clear(amount int64, number string) bool {
	if !o.span.Holds(amount) {
		return false
	}
	return o.policy != account.Warn && o.policy != account.Strict || account.Check(number, o.banks).OK()
}
