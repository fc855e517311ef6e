package process_test

import (
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
	"flashpay/internal/store"
)

func (r *road) stop(restriction store.Restriction, on bool) {
	r.t.Helper()
	if err := r.store.RestrictProject(r.t.Context(), 210, restriction, on, "test", store.By{Actor: "test"}); err != nil {
		r.t.Fatal(err)
	}
}

// While a project is paused its payouts are accepted, hold funds and wait: no intent is committed, nobody is called.
func TestPausedPayoutsWait(t *testing.T) {
	bank := newScripted()
	bank.submit = func(int, provider.Transfer) provider.Outcome { return answer(provider.Succeeded) }
	drive(t, bank, func(r *road) {
		r.stop(store.Paused, true)
		r.accept("p")
		r.accept("q")
		time.Sleep(time.Hour)
		r.want("p", payout.Processing, payout.New, payout.CodeAwaiting, 800, 200, 0)
		if v, err := r.store.PaymentView(r.t.Context(), 210, "p"); err != nil || v.Operations[0].Submits != 0 {
			t.Errorf("an intent was committed: %+v, %v", v.Operations, err)
		}
		if bank.submitted() != 0 {
			t.Fatalf("%d submits of a paused project", bank.submitted())
		}
		r.stop(store.Paused, false)
		time.Sleep(5 * time.Second)
		r.want("p", payout.Success, payout.Closed, 0, 800, 0, 0)
		r.want("q", payout.Success, payout.Closed, 0, 800, 0, 0)
		if bank.submitted() != 2 {
			t.Errorf("%d submits after the pause", bank.submitted())
		}
	})
}

// What a project had handed over when it was paused goes its way; a merchant's pause is its projects'.
func TestPauseLetsWhatIsUnderWayFinish(t *testing.T) {
	bank := newScripted()
	bank.inquire = always(provider.Succeeded)
	drive(t, bank, func(r *road) {
		r.accept("p")
		time.Sleep(time.Second)
		r.stop(store.Paused, true)
		time.Sleep(time.Minute)
		r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
	})
}

// A pause does not stop the clock: at the threshold what waits is declined, and its hold returns.
func TestPausedPayoutsMeetTheirThreshold(t *testing.T) {
	driveFor(t, newScripted(), 10*time.Minute, func(r *road) {
		r.stop(store.Paused, true)
		r.accept("p")
		time.Sleep(23 * time.Hour)
		r.want("p", payout.Processing, payout.New, payout.CodeAwaiting, 900, 100, 0)
		time.Sleep(2 * time.Hour)
		r.want("p", payout.Decline, payout.Closed, payout.CodeAutoDecline, 1000, 0, 0)
		if r.bank.submitted() != 0 {
			t.Errorf("%d submits", r.bank.submitted())
		}
	})
}

// Blocking declines what waits unsent, returns its hold, and declines what comes; what may be with the bank is cleared
// up as ever.
func TestBlockStopsWhatWasNotSent(t *testing.T) {
	bank := newScripted()
	var succeed atomic.Bool
	bank.inquire = func(int) provider.Outcome {
		if succeed.Load() {
			return answer(provider.Succeeded)
		}
		return answer(provider.Accepted)
	}
	drive(t, bank, func(r *road) {
		r.accept("sent")
		time.Sleep(time.Second)
		r.stop(store.Paused, true)
		r.accept("waiting")
		time.Sleep(10 * time.Second)
		r.stop(store.Blocked, true)
		time.Sleep(5 * time.Second)
		r.want("waiting", payout.Decline, payout.Closed, payout.CodeMerchantBlocked, 900, 100, 0)
		r.want("sent", payout.Processing, payout.Sending, payout.CodeAwaiting, 900, 100, 0)
		r.accept("late")
		r.want("late", payout.Decline, payout.Closed, payout.CodeMerchantBlocked, 900, 100, 0)
		succeed.Store(true)
		time.Sleep(time.Minute)
		r.want("sent", payout.Success, payout.Closed, 0, 900, 0, 0)
		r.stop(store.Blocked, false)
		r.stop(store.Paused, false)
		r.accept("again")
		time.Sleep(time.Minute)
		r.want("again", payout.Success, payout.Closed, 0, 800, 0, 0)
		if bank.submitted() != 2 {
			t.Errorf("%d submits, want those of sent and again", bank.submitted())
		}
	})
}

// What the bank certainly does not have is unsent, too, however often it was tried.
func TestBlockStopsWhatIsBetweenTwoSubmits(t *testing.T) {
	bank := newScripted()
	bank.submit = func(int, provider.Transfer) provider.Outcome { return answer(provider.NotSent) }
	drive(t, bank, func(r *road) {
		r.accept("p")
		time.Sleep(90 * time.Second)
		if bank.submitted() == 0 {
			t.Fatal("nothing was tried")
		}
		r.want("p", payout.Processing, payout.New, payout.CodeAwaiting, 900, 100, 0)
		r.stop(store.Blocked, true)
		time.Sleep(3 * time.Minute)
		r.want("p", payout.Decline, payout.Closed, payout.CodeMerchantBlocked, 1000, 0, 0)
	})
}
