package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"flashpay/internal/pgtest"
	"flashpay/internal/store"
)

// Another client of PostgreSQL that holds a lock, on a row or on a table, and does nothing: whoever hands a payout over learns
// so as soon as from a database that is away. When it lets go, all goes on by itself, and nothing that was accepted is lost.
func TestALockThatOthersHoldIsSaidSoon(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]string{
		"a row":   "SELECT 1 FROM balances WHERE project_id = 210 FOR UPDATE",
		"a shard": "SELECT 1 FROM shards FOR UPDATE",
		"a table": "LOCK TABLE payments, operations, callbacks IN ACCESS EXCLUSIVE MODE",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.URL(t)
			s := openAs(t, store.Config{URL: database, Serve: true})
			createProject(t, s, 210, 100_000)
			if _, err := s.Accept(t.Context(), newPayout(210, "before", 100)); err != nil {
				t.Fatal(err)
			}
			release := pgtest.HoldLock(t, database, lock)
			if name == "a shard" { // which is renewed now and then only
				if err := s.AgeShard(t.Context(), 5*time.Second); err != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Error(err)
				}
			}
			refusedSoon(t, s)
			if name == "a table" {
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it never came back
				_, err := s.PaymentView(ctx, 210, "before")
				cancel()
				if !errors.Is(err, store.ErrUnavailable) || time.Since(begun) > 4*time.Second {
					t.Errorf("a look at a payment: %v, after %s", err, time.Since(begun))
				}
			}
			release()
			until(t, "it is ready again", func() bool { return s.Ready(t.Context()) == nil })
			if decline(t, s, "before") != 1 {
				t.Error("what was accepted before does not come to its end")
			}
			if r, err := s.Accept(t.Context(), newPayout(210, "p0", 100)); err != nil || r.Repeat {
				t.Errorf("a payout that was refused, again: %+v, %v", r, err)
			}
			if a, h, _ := balance(t, s, 210); a != 99_900 || h != 100 {
				t.Errorf("available %d, held %d", a, h)
			}
		})
	}
}
