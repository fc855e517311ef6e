package record

import (
	"testing"

	"flashpay/internal/payout"
)

// What a payout charged, and its reversal gave back, adds up to what the project paid.
func TestChargedFee(t *testing.T) {
	fee := &payout.Terms{Fee: 150}
	kept := &payout.Terms{Fee: 150, KeepFee: true}
	for _, c := range []struct {
		terms  *payout.Terms
		status payout.Status
		want   int64
	}{
		{nil, payout.Success, 0},
		{fee, payout.Processing, 0},
		{fee, payout.Decline, 0},
		{fee, payout.Success, 150},
		{fee, payout.Reversed, -150},
		{kept, payout.Success, 150},
		{kept, payout.Reversed, 0},
	} {
		o := Operation{Terms: c.terms, Status: c.status}
		if got := o.chargedFee(); got != c.want {
			t.Errorf("%s with %+v: %d, want %d", c.status, c.terms, got, c.want)
		}
	}
}
