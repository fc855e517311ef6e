package process_test

import (
	"fmt"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/process"
	"flashpay/internal/provider"
	"flashpay/internal/store"
)

// A submit that does not get through says that the bank is ill; an inquiry that finds a key unknown says nothing of the kind.
func TestWhatTheBreakerCounts(t *testing.T) {
	t.Run("not sent", func(t *testing.T) {
		bank := newScripted()
		bank.submit = func(int, provider.Transfer) provider.Outcome { return answer(provider.NotSent) }
		drive(t, bank, func(r *road) {
			for i := range 7 {
				r.accept(fmt.Sprint("p", i))
			}
			// Each is sent at once, about 2 s and 6 s later; the twentieth opens the breaker for ten seconds. Without one each is
			// sent again about 14 s after the first time.
			time.Sleep(15 * time.Second)
			if n := bank.submitted(); n < 20 || n > 21 {
				t.Errorf("%d submits; want 21, or one less: the breaker opens", n)
			}
			r.accept("late") // while it is open
			v, err := r.store.PaymentView(r.t.Context(), 210, "late")
			if err != nil || v.Operations[0].Stage != payout.New || v.Operations[0].Submits != 0 {
				t.Errorf("accepted while the breaker is open: %+v, %v; want it to wait unsent", v, err)
			}
		})
	})
	t.Run("key not known", func(t *testing.T) {
		bank := newScripted()
		bank.submit = func(n int, _ provider.Transfer) provider.Outcome {
			if n <= 9 {
				return answer(provider.Unknown)
			}
			return answer(provider.Succeeded)
		}
		bank.inquire = always(provider.NotSent)
		bank.traits.Idempotent, bank.traits.SubmitDeadline, bank.traits.SettleTime = false, time.Second, 0 // so that it is only asked again and again
		drive(t, bank, func(r *road) {
			for i := range 9 {
				r.accept(fmt.Sprint("p", i))
			}
			time.Sleep(7 * time.Second)
			if n := len(bank.inquired()); n != 18 {
				t.Errorf("%d inquiries so far; want two of each payout", n)
			}
			r.accept("next")
			time.Sleep(time.Second)
			r.want("next", payout.Success, payout.Closed, 0, 0, 900, 0)
		})
	})
}

// What has waited for its turn until its deadline is not sent then: it gets another deadline first.
func TestNothingIsSentPastItsDeadline(t *testing.T) {
	bank := newScripted()
	bank.traits.Concurrency = 1
	bank.submit = func(n int, _ provider.Transfer) provider.Outcome {
		if n == 1 {
			time.Sleep(bank.traits.SubmitDeadline + time.Second) // an adapter that does not keep to its own
		}
		return answer(provider.Succeeded)
	}
	drive(t, bank, func(r *road) {
		r.accept("slow")
		r.accept("waits")
		time.Sleep(time.Minute)
		r.want("waits", payout.Success, payout.Closed, 0, 800, 0, 0)
		v, err := r.store.PaymentView(r.t.Context(), 210, "waits")
		if err != nil || v.Operations[0].Submits != 2 || bank.submitted() != 2 {
			t.Errorf("%d intents, %d submits of both, %v; want 2 intents, of which one was sent", v.Operations[0].Submits, bank.submitted(), err)
		}
	})
}

// Another node has moved an operation before this one would put its inquiry off: the result is heard all the same.
func TestAnInquiryThatAnotherNodeHasPutOff(t *testing.T) {
	bank := newScripted()
	drive(t, bank, func(r *road) {
		r.accept("p")
		time.Sleep(500 * time.Millisecond)
		v, err := r.store.PaymentView(r.t.Context(), 210, "p")
		if err == nil {
			_, err = r.store.Apply(r.t.Context(), store.Step{Payment: v.Payment, Operation: v.Operations[0], NextAt: r.store.Now().Add(time.Hour)})
		}
		if err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		r.notify("paid")
		time.Sleep(500 * time.Millisecond)
		r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
	})
}

// The times are those of product.md §4.
func TestDefaultTimes(t *testing.T) {
	const want = "{[2s 5s 10s 30s 1m0s 2m0s 5m0s 15m0s] 30m0s 1h0m0s 720h0m0s 1s 1m0s 250ms}"
	if got := fmt.Sprint(process.DefaultTimes()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
