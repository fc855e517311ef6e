package process_test

import (
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
)

// The bank names another sum, currency or account than it was given: that is no success of this payout, wherever it is
// said, but a discrepancy; the money stays held until the threshold, and disputed then.
func TestWhatTheBankPaidIsComparedWithWhatItWasAsked(t *testing.T) {
	right := provider.Outcome{Kind: provider.Succeeded, Amount: 100, Currency: "KGS", Account: "123"}
	wrong := map[string]func(o *provider.Outcome){
		"amount":   func(o *provider.Outcome) { o.Amount = 10000 },
		"currency": func(o *provider.Outcome) { o.Currency = "USD" },
		"account":  func(o *provider.Outcome) { o.Account = "124" },
	}
	for member, change := range wrong {
		said := right
		change(&said)
		said.Message = "ACSC"
		for _, call := range []string{"submit", "inquire", "notification", "notification of several"} {
			t.Run(member+" by "+call, func(t *testing.T) {
				bank := newScripted()
				switch call {
				case "submit":
					bank.submit = func(int, provider.Transfer) provider.Outcome { return said }
				case "inquire":
					bank.inquire = func(int) provider.Outcome { return said }
				}
				bank.reports = said
				driveFor(t, bank, time.Minute, func(r *road) {
					r.accept("p")
					switch call {
					case "notification":
						r.notify("reports")
					case "notification of several":
						r.notify("reports twice")
					}
					time.Sleep(5 * time.Minute)
					r.want("p", payout.Processing, payout.Sending, payout.CodeAwaiting, 900, 100, 0)
					found, err := r.store.Discrepancies(r.t.Context(), 210)
					if err != nil || len(found) != 1 || found[0].Kind != payout.Mismatch {
						t.Errorf("discrepancies %+v, %v", found, err)
					}
					time.Sleep(25 * time.Hour)
					r.want("p", payout.Decline, payout.Disputed, payout.CodeAutoDecline, 900, 0, 100)
				})
			})
		}
	}
}
