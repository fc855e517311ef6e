package process

import (
	"testing"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestReturnsThatDoNotFit: a part of the sum, and a further return under another name, are for people; the same return said
// again, or the success before it, changes nothing.
func TestReturnsThatDoNotFit(t *testing.T) {
	e := &Engine{store: storetest.Open(t, storetest.URL(t, storetest.SQLite)), times: DefaultTimes()}
	for _, c := range []struct {
		status  payout.Status
		outcome provider.Outcome
		kind    string
		opens   string
	}{
		{payout.Success, provider.Outcome{Kind: provider.Returned, ReturnID: "R1", Returned: 40}, "mismatch", payout.Mismatch},
		{payout.Success, provider.Outcome{Kind: provider.Returned, ReturnID: "R1", Returned: 100}, "returned", ""},
		{payout.Success, provider.Outcome{Kind: provider.Returned}, "returned", ""},
		{payout.Reversed, provider.Outcome{Kind: provider.Returned, ReturnID: "R1"}, "repeated", ""},
		{payout.Reversed, provider.Outcome{Kind: provider.Returned}, "repeated", ""},
		{payout.Reversed, provider.Outcome{Kind: provider.Returned, ReturnID: "R2"}, "returned again", ""},
		{payout.Reversed, provider.Outcome{Kind: provider.Returned, ReturnID: "R2", Returned: 40}, "mismatch", payout.Mismatch},
		{payout.Reversed, provider.Outcome{Kind: provider.Succeeded}, "repeated", ""},
	} {
		w := &store.Work{Payment: payout.Payment{Status: c.status}, Operation: payout.Operation{Stage: payout.Closed, Amount: 100}, Returned: "R1"}
		step := e.decide(w, c.outcome, source{call: "notification"})
		if step == nil || step.Kind != c.kind || step.Discrepancy != c.opens {
			t.Errorf("%s, %+v: %+v", c.status, c.outcome, step)
		}
	}
}
