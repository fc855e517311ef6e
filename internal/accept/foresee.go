package accept

import (
	"math"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/rule"
	"flashpay/internal/store"
)

// Foresight is what would come of a request if it were sent now and the funds sufficed.
type Foresight struct {
	Code    int // that declines it at once; payout.CodeSuccess: none does
	Policy  account.Policy
	Finding account.Finding // the account doctor's; counts where Policy is warn or strict
}

// Foresee asks the consistency check about a request that Examine found good, without sending it. Funds are not looked at:
// whoever checks many requests adds them up. Where the service knows no routes, a live provider is assumed.
func (s *Service) Foresee(in *In, now time.Time) Foresight {
	payment := in.Tree.Get("payment")
	n := &store.NewPayout{
		Amount: integerAt(payment, "amount"), Currency: textAt(payment, "currency"),
	}
	if best := textAt(payment, "best_before"); best != "" {
		n.Options.BestBefore, _ = instant(best)
	}
	i := item(in.Project, in.Method, n)
	f := Foresight{Policy: AccountPolicy(in.Project, in.Method)}
	if f.Policy == account.Warn || f.Policy == account.Strict {
		f.Finding = account.Check(textAt(in.Tree, "account", "number"), s.Banks)
		i.BadAccount = f.Policy == account.Strict && !f.Finding.OK()
	}
	live := true
	if s.Route != nil {
		_, _, live = s.Route(in.Project, in.Method)
	}
	state := rule.State{Project: in.Project, LiveProvider: live, Available: math.MaxInt64, Now: now}
	if s.Rates != nil {
		state.Rates = s.Rates()
	}
	f.Code = rule.Decide(state, i).Code
	return f
}
