package store_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/pgtest"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// What this process submits itself is its own until the submit must have ended: nobody leases it before, and then it is inquired.
func TestWhatIsBeingSubmittedIsNobodyElses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		clock := storetest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset(), Clock: clock.Now})
		createProject(t, s, 210, 1000)
		s.SetEngine(&engine{})
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Fatal(err)
		}
		lease := store.Lease{ProjectID: 210, Provider: "sandbox", N: 10, Submit: true, SubmitDeadline: time.Minute, Duration: time.Hour}
		for _, step := range []struct {
			later time.Duration
			due   int
		}{{0, 0}, {time.Minute + store.LeaseMargin - time.Microsecond, 0}, {time.Microsecond, 1}} {
			clock.Advance(step.later)
			work, err := s.LeaseOperations(t.Context(), lease)
			if err != nil || len(work) != step.due {
				t.Fatalf("at %s: leased %+v, %v; want %d", clock.Now(), work, err, step.due)
			}
			for _, w := range work {
				if w.Submit || w.Operation.Stage != payout.Sending || w.Operation.Submits != 1 {
					t.Errorf("leased %+v; want it to be inquired", w)
				}
			}
		}
	})
}

// Two nodes that insert the same payments must not wait for each other: both insert in the order of the keys.
func TestPaymentsAreInsertedInTheOrderOfTheirKeys(t *testing.T) {
	t.Parallel()
	s := openAs(t, store.Config{URL: pgtest.URL(t), Keyset: storetest.Keyset()})
	createProject(t, s, 210, 1000)
	createProject(t, s, 211, 1000)
	var calls []func()
	for _, p := range []*store.NewPayout{newPayout(211, "a", 1), newPayout(210, "c", 1), newPayout(211, "b", 1), newPayout(210, "B", 1)} {
		calls = append(calls, func() {
			if _, err := s.Accept(t.Context(), p); err != nil {
				t.Error(err)
			}
		})
	}
	if err := s.Together(t.Context(), calls...); err != nil {
		t.Fatal(err)
	}
	var order []string
	err := s.Query(t.Context(), "SELECT project_id || payment_key FROM payments ORDER BY ctid", func(r *sql.Rows) error {
		var key string
		err := r.Scan(&key)
		order = append(order, key)
		return err
	})
	if want := []string{"210b", "210c", "211a", "211b"}; err != nil || !slices.Equal(order, want) {
		t.Errorf("inserted %v, %v; want %v", order, err, want)
	}
}

// Some of several payouts that are handed over together cannot be taken, each for its own reason; those before and after are.
func TestPayoutsTogetherAreAnsweredOneByOne(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		createProject(t, s, 210, 1000)
		e := &engine{}
		s.SetEngine(e)
		if _, err := s.Accept(t.Context(), newPayout(210, "there", 100)); err != nil {
			t.Fatal(err)
		}
		e.check(t, "one by itself", 1, 0, 0)
		all := []*store.NewPayout{
			newPayout(210, "a", 100), newPayout(210, "there", 101), newPayout(210, "b", 200), newPayout(210, "there", 100), newPayout(210, "dear", 5000),
			newPayout(210, "c", 300), newPayout(210, "c", 301), newPayout(210, "c", 300),
		}
		receipts, errs := s.AcceptAll(t.Context(), all)
		e.check(t, "together", 3, 5, 0)
		for i, want := range []struct {
			err    error
			repeat bool
		}{{}, {err: store.ErrOtherData}, {}, {repeat: true}, {}, {}, {err: store.ErrOtherData}, {repeat: true}} {
			r := receipts[i]
			if !errors.Is(errs[i], want.err) || r.Repeat != want.repeat || (r.PaymentID == all[i].PaymentID) != (want.err == nil) {
				t.Errorf("payout %d: %+v, %v; want %v, repeat %t", i, r, errs[i], want.err, want.repeat)
			}
		}
		if a, h, _ := balance(t, s, 210); a != 300 || h != 700 {
			t.Errorf("available %d, held %d", a, h)
		}
	})
}
