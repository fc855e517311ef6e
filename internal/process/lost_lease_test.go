package process_test

import (
	"fmt"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
)

// A call outlives its lease, and meanwhile the operation is asked about and sent again. What the call then says of not
// having been paid was true of the submit before; applied to the new one, which is with the bank, it would pay twice.
func TestLateNotPaidOfALostLeaseIsDropped(t *testing.T) {
	late := map[string]provider.Outcome{
		"not sent": answer(provider.NotSent),
		"no funds": {Kind: provider.Declined, Code: payout.CodeProviderOutOfFunds},
	}
	for said, stale := range late {
		for _, call := range []string{"submit", "inquire"} {
			t.Run(fmt.Sprint(said, " by ", call), func(t *testing.T) {
				bank := newScripted()
				const returns = 5 * time.Minute
				slow := func(is bool, otherwise provider.Kind) provider.Outcome {
					if is {
						time.Sleep(returns)
						return stale
					}
					return answer(otherwise)
				}
				bank.submit = func(n int, _ provider.Transfer) provider.Outcome {
					if n == 1 {
						return slow(call == "submit", provider.Unknown)
					}
					return answer(provider.Accepted)
				}
				bank.inquire = func(n int) provider.Outcome {
					switch {
					case n == 1 && call == "inquire":
						return slow(true, provider.Accepted)
					case bank.submitted() < 2:
						return answer(provider.NotSent)
					}
					return answer(provider.Accepted)
				}
				driveFor(t, bank, time.Second, func(r *road) {
					r.accept("p")
					time.Sleep(returns - time.Minute)
					if n := bank.submitted(); n != 2 {
						t.Fatalf("%d submits before the late answer", n)
					}
					r.want("p", payout.Processing, payout.Sending, payout.CodeAwaiting, 900, 100, 0)
					time.Sleep(10 * time.Minute)
					r.want("p", payout.Processing, payout.Sending, payout.CodeAwaiting, 900, 100, 0)
					if n := bank.submitted(); n != 2 {
						t.Errorf("%d submits", n)
					}
				})
			})
		}
	}
}
