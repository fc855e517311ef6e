package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestLostConnectionsLoseAndDoubleNothing breaks the writer's connection again and again, in and between commits: the
// outcome of a commit is then not known, it runs again with the same ids, and finds its own rows.
func TestLostConnectionsLoseAndDoubleNothing(t *testing.T) {
	url := storetest.URL(t, storetest.Postgres)
	s := open(t, url)
	createProject(t, s, 210, 1_000_000)
	killer, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = killer.Close() }()
	var stop atomic.Bool
	var wg sync.WaitGroup
	var answers, accepted, moved atomic.Int64
	for worker := range 16 {
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				id := fmt.Sprintf("p%d-%d", worker, i)
				first, err := s.Accept(t.Context(), newPayout(210, id, 100))
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				answers.Add(1)
				again, err := s.Accept(t.Context(), newPayout(210, id, 100))
				if err != nil || !again.Repeat || again.RequestID != first.RequestID {
					t.Errorf("%s again: %+v, %v; first %+v", id, again, err, first)
					return
				}
				accepted.Add(1)
				moved.Add(decline(t, s, id))
			}
		})
	}
	for begun, breaks := time.Now(), 0; breaks < 25 || accepted.Load() < 20 && time.Since(begun) < time.Minute; breaks++ {
		time.Sleep(40 * time.Millisecond)
		if breaks > 10 { // on a slow machine something must get through between two breaks, or nothing ever does
			for before, since := answers.Load(), time.Now(); answers.Load() == before && time.Since(since) < 5*time.Second; {
				time.Sleep(5 * time.Millisecond)
			}
		}
		const kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
		var n int
		if err := killer.QueryRowContext(t.Context(), kill).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	wg.Wait()
	if accepted.Load() < 20 {
		t.Errorf("only %d payouts in 25 breaks", accepted.Load())
	}
	want := 100 * (accepted.Load() - moved.Load())
	if a, h, _ := balance(t, s, 210); h != want || a != 1_000_000-want {
		t.Errorf("available %d, held %d, want held %d", a, h, want)
	}
	var lines, events, newest int64
	const count = `SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM events), (SELECT events FROM counters WHERE project_id = 210)`
	if err := killer.QueryRowContext(t.Context(), count).Scan(&lines, &events, &newest); err != nil {
		t.Fatal(err)
	}
	if lines != accepted.Load()+moved.Load() || events != moved.Load() || newest != moved.Load() {
		t.Errorf("%d lines, %d events, newest %d; want %d accepted and %d declined", lines, events, newest, accepted.Load(), moved.Load())
	}
	t.Logf("%d payouts accepted, %d declined over 25 broken connections", accepted.Load(), moved.Load())
}

// decline declines a payment that was just accepted; reads may meet a broken connection, and are made again.
func decline(t *testing.T, s *store.Store, id string) int64 {
	t.Helper()
	for {
		v, err := s.PaymentView(t.Context(), 210, id)
		if errors.Is(err, store.ErrUnavailable) {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", id, err)
			return 0
		}
		if v.Payment.Status == payout.Decline {
			return 1
		}
		step := store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: payout.Declined, Kind: "declined", Code: 20000}
		if _, err := s.Apply(t.Context(), step); err != nil {
			t.Errorf("%s: %v", id, err)
			return 0
		}
		return 1
	}
}

// TestOneBadItemFailsAlone sends a payout that the database must refuse in one batch with good ones.
func TestOneBadItemFailsAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 100_000)
		var wg sync.WaitGroup
		var failed atomic.Int64
		for i := range 60 {
			wg.Go(func() {
				p := newPayout(210, fmt.Sprint("p", i), 100)
				if i%20 == 7 {
					p.Amount, p.Check.Amount = -100, -100 // a hold of less than nothing: the ledger refuses it
					p.Check.MinAmount = -1000
				}
				if _, err := s.Accept(t.Context(), p); err != nil {
					failed.Add(1)
					if i%20 != 7 {
						t.Errorf("p%d: %v", i, err)
					}
				}
			})
		}
		wg.Wait()
		if a, h, _ := balance(t, s, 210); failed.Load() != 3 || h != 5700 || a != 94300 {
			t.Errorf("%d failed, available %d, held %d", failed.Load(), a, h)
		}
		if _, err := s.PaymentView(t.Context(), 210, "p7"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the bad one: %v", err)
		}
	})
}

func TestCancelledCallerLearnsThatNothingIsKnown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Accept(ctx, newPayout(210, "p", 100))
		if err == nil {
			return // it was taken before the context was looked at
		}
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		if r, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil || r.RequestID == "" {
			t.Errorf("again: %+v, %v", r, err)
		}
	})
}

// A writer whose reconnecting failed takes a new connection with its next commit; nobody's request fails for it.
func TestWriterHealsAfterAFailedReconnect(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		if err := s.LoseSession(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Errorf("the commit after: %v", err)
		}
	})
}
