package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/pgtest"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
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

// A row of one project that another client holds is no matter of the others: what shares a commit with those of its project is
// taken while the row is held, and they are refused. The next commit, which knows of it, does not try them together again.
func TestAHeldRowRefusesItsProjectOnly(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	var log bytes.Buffer
	s := openAs(t, store.Config{URL: database, Keyset: storetest.Keyset(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for project := range int64(3) {
		createProject(t, s, 210+project, 100_000)
	}
	if _, err := s.Accept(t.Context(), newPayout(212, "before", 100)); err != nil {
		t.Fatal(err)
	}
	v, err := s.PaymentView(t.Context(), 212, "before")
	if err != nil {
		t.Fatal(err)
	}
	step := store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: payout.Declined, Kind: "declined", Code: 20000}
	all := func(round int) (errs []error) {
		errs = make([]error, 7)
		calls := []func(){func() { _, errs[6] = s.Apply(t.Context(), step) }}
		for i := range errs[:6] {
			calls = append(calls, func() {
				_, errs[i] = s.Accept(t.Context(), newPayout(210+int64(i)%3, fmt.Sprint("p", round, i), 100))
			})
		}
		if err := s.Together(t.Context(), calls...); err != nil {
			t.Fatal(err)
		}
		return errs
	}
	release := pgtest.HoldLock(t, database, "SELECT 1 FROM balances WHERE project_id = 210 FOR UPDATE")
	other := pgtest.HoldLock(t, database, "SELECT 1 FROM operations WHERE project_id = 212 FOR UPDATE")
	for round := range 2 {
		for i, err := range all(round) {
			project := []int64{210, 211, 212, 210, 211, 212, 212}[i]
			if held := project == 210 || project == 212 && round == 0; held != errors.Is(err, store.ErrUnavailable) || !held && err != nil {
				t.Errorf("round %d, command %d: %v", round, i, err)
			}
		}
		if round == 0 {
			other()
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("round %d: not ready: %v", round, err)
		}
	}
	if n := strings.Count(log.String(), "another client holds rows"); n != 1 {
		t.Errorf("it was found out %d times: %s", n, &log)
	}
	release()
	for i, err := range all(0) {
		if err != nil && i != 6 {
			t.Errorf("after it was released, command %d: %v", i, err)
		}
	}
	if a, h, _ := balance(t, s, 210); a != 99_800 || h != 200 {
		t.Errorf("available %d, held %d", a, h)
	}
	err = s.DoRepeatable(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.Query(ctx, "SELECT current_setting('lock_timeout')", func(r *sql.Rows) error {
			var is string
			err := r.Scan(&is)
			if is != "300ms" {
				t.Errorf("a lock is waited for %s", is)
			}
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
}
