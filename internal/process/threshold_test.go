package process_test

import (
	"fmt"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
)

// The last inquiry is made at the threshold, and what it tells decides.
func TestLastInquiryDecidesAtTheThreshold(t *testing.T) {
	answers := map[string]struct {
		last      provider.Outcome
		status    payout.Status
		code      int
		available int64
	}{
		"paid":     {answer(provider.Succeeded), payout.Success, payout.CodeSuccess, 900},
		"declined": {provider.Outcome{Kind: provider.Declined, Code: 20102}, payout.Decline, 20102, 1000},
	}
	for name, c := range answers {
		t.Run(name, func(t *testing.T) {
			bank := newScripted()
			var threshold time.Time
			bank.inquire = func(int) provider.Outcome {
				if time.Now().Before(threshold) {
					return answer(provider.Accepted)
				}
				return c.last
			}
			driveFor(t, bank, time.Minute, func(r *road) {
				threshold = time.Now().Add(24 * time.Hour)
				r.accept("p")
				time.Sleep(24*time.Hour + 2*time.Minute) // it comes by itself, not with the next one of every half hour
				r.want("p", c.status, payout.Closed, c.code, c.available, 0, 0)
			})
		})
	}
}

// The breaker is open when the threshold comes: nobody asked the bank, so the money may be there, and is not given back.
func TestRefusedInquiryAtTheThresholdIsNotNotKnown(t *testing.T) {
	bank := newScripted()
	bank.submit = func(int, provider.Transfer) provider.Outcome { return answer(provider.Unknown) }
	bank.inquire = always(provider.Unknown)
	const payouts = 10 // more than the breaker lets through when it tries whether the bank is back
	driveFor(t, bank, time.Second, func(r *road) {
		for i := range payouts {
			r.acceptFor(fmt.Sprint("p", i), 2*time.Minute)
		}
		time.Sleep(time.Minute) // the breaker has opened, and all is past the submits' deadline and the settle time
		before := len(bank.inquired())
		time.Sleep(90 * time.Second)
		if asked := len(bank.inquired()) - before; asked > 90*4/10 {
			t.Errorf("the bank was asked %d times: the breaker was not open", asked)
		}
		for i := range payouts {
			r.want(fmt.Sprint("p", i), payout.Decline, payout.Disputed, payout.CodeAutoDecline, 0, 0, 100*payouts)
		}
	})
}

// What certainly is not with the bank is sent again until the threshold, and never from then on.
func TestNothingIsSubmittedPastTheThreshold(t *testing.T) {
	bank := newScripted()
	var last time.Time
	bank.submit = func(int, provider.Transfer) provider.Outcome {
		last = time.Now()
		return answer(provider.NotSent)
	}
	driveFor(t, bank, time.Second, func(r *road) {
		begun := time.Now()
		const threshold = 10 * time.Minute
		r.acceptFor("p", threshold)
		time.Sleep(threshold + 2*time.Second)
		r.want("p", payout.Decline, payout.Closed, payout.CodeAutoDecline, 1000, 0, 0)
		time.Sleep(threshold)
		if at := last.Sub(begun); at >= threshold || at < threshold/2 {
			t.Errorf("the last submit was %s after the acceptance, the threshold %s", at, threshold)
		}
	})
}
