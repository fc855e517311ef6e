package audit_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/audit"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// traffic makes payouts and finishes them until it is stopped.
type traffic struct {
	store *store.Store
	done  sync.WaitGroup
	stop  atomic.Bool
	made  atomic.Int64
	err   atomic.Pointer[error]
}

func (w *traffic) start(t *testing.T, projects ...int64) {
	for i := range 8 {
		w.done.Go(func() {
			for n := 0; !w.stop.Load(); n++ {
				project := projects[(i+n)%len(projects)]
				if err := w.payout(t.Context(), project, fmt.Sprintf("busy-%d-%d", i, n), n); err != nil {
					w.err.Store(&err)
					return
				}
				w.made.Add(1)
				time.Sleep(5 * time.Millisecond) // SQLite's lock is not fair: others want it, too
			}
		})
	}
	w.done.Go(func() {
		for !w.stop.Load() {
			if err := w.store.SealJournal(t.Context()); err != nil {
				w.err.Store(&err)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}

// payout takes one payout through the road; how, its number says.
func (w *traffic) payout(ctx context.Context, project int64, id string, n int) error {
	p := newPayout(project, id, 10)
	if n%7 == 0 {
		p.Check.BadAccount = true
	}
	p.Provider = fmt.Sprintf("bank-%s", id) // a worker of its own
	if _, err := w.store.Accept(ctx, p); err != nil || n%7 == 0 {
		return err
	}
	work, err := w.store.LeaseOperations(ctx, store.Lease{
		ProjectID: project, Provider: p.Provider, N: 1, Submit: true, SubmitDeadline: time.Second, Duration: 2 * time.Second,
	})
	if err != nil || len(work) != 1 {
		return errors.Join(err, fmt.Errorf("leased %d", len(work)))
	}
	event, code := payout.Succeeded, 0
	if n%3 == 0 {
		event, code = payout.Declined, 20000
	}
	after, err := w.store.Apply(ctx, store.Step{
		Payment: work[0].Payment, Operation: work[0].Operation, Event: event, Kind: event.String(), Code: code,
		Detail: store.Detail{}.Int("code", int64(code)),
	})
	if err != nil || n%5 == 0 {
		return err
	}
	found, err := w.store.Deliveries(ctx, store.DeliveryFilter{ProjectID: project, PaymentID: after.Payment.PaymentID})
	if err != nil || len(found) != 1 {
		return errors.Join(err, fmt.Errorf("%d callbacks", len(found)))
	}
	for attempt, status := range []int{500, 200} {
		a := store.Attempt{
			ProjectID: project, Number: found[0].Number, Attempt: attempt + 1, Scheduled: attempt, URL: found[0].URL, At: w.store.Now(), HTTPStatus: status,
		}
		state, next := store.CallbackDelivered, time.Time{}
		if status != 200 {
			state, next = store.CallbackPending, w.store.Now().Add(time.Hour)
		}
		if err := w.store.SaveAttempt(ctx, a, state, next); err != nil {
			return err
		}
	}
	return nil
}

func (w *traffic) end(t *testing.T) {
	t.Helper()
	w.stop.Store(true)
	w.done.Wait()
	if err := w.err.Load(); err != nil {
		t.Fatal(*err)
	}
}

// TestBesideABusyServer audits a database while it is written: sound, it must stay clean, and damage must be found.
func TestBesideABusyServer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		server := open(t, url, true)
		r := &road{t, server}
		r.project(210, 1<<40)
		r.project(211, 1<<40)
		auditor := open(t, url, false)
		w := &traffic{store: server}
		w.start(t, 210, 211)
		defer w.end(t)
		audits := 0
		for begun := time.Now(); audits < 4 || w.made.Load() < 60; audits++ {
			if time.Since(begun) > time.Minute {
				t.Fatalf("only %d audits beside %d payouts in a minute", audits, w.made.Load())
			}
			if err := auditor.TopUp(t.Context(), 210, "KGS", 5, "more", "test"); err != nil && !errors.Is(err, store.ErrUnavailable) {
				t.Fatal(err)
			}
			clean(t, run(t, audit.Config{Store: auditor}))
		}
		driver, address := "sqlite", strings.TrimPrefix(url, "sqlite:")+"?_pragma=busy_timeout(10000)"
		if strings.HasPrefix(url, "postgres") {
			driver, address = "pgx", url
		}
		db, err := sql.Open(driver, address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		const lose = "DELETE FROM transfers WHERE id = (SELECT MIN(t.id) FROM transfers t JOIN payments p ON p.id = t.payment WHERE t.kind = 'spend')"
		if _, err := db.Exec(lose); err != nil {
			t.Fatal(err)
		}
		report := run(t, audit.Config{Store: auditor})
		named := 0
		for _, f := range report.Findings {
			if f.Kind == audit.KindTransfer && strings.Contains(f.What, "lacks a transfer: spend") && strings.Contains(f.Name(), "/busy-") {
				named++
			}
		}
		if named != 1 || report.Failures[audit.KindBalance] != 3 || len(report.Failures) != 2 {
			t.Errorf("one lost transfer of a busy database:\n%v\n%s", report.Failures, list(report))
		}
	})
}

// TestMemoryIsBounded audits a database with many payments and looks at how the heap grows meanwhile: not with them.
func TestMemoryIsBounded(t *testing.T) {
	s := open(t, storetest.URL(t, storetest.SQLite), true)
	r := &road{t, s}
	r.project(210, 1<<40)
	fill := func(from, to int) {
		var done sync.WaitGroup
		for worker := range 256 {
			done.Go(func() {
				for i := from + worker; i < to; i += 256 {
					p := newPayout(210, fmt.Sprint("many-", i), 10)
					p.Check.BadAccount = i%2 == 0 // an event for each second one
					if _, err := s.Accept(t.Context(), p); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		done.Wait()
	}
	peak := func() uint64 {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		var most atomic.Uint64
		ended := make(chan struct{})
		var watch sync.WaitGroup
		watch.Go(func() {
			for {
				select {
				case <-ended:
					return
				case <-time.After(5 * time.Millisecond):
					var now runtime.MemStats
					runtime.ReadMemStats(&now)
					most.Store(max(most.Load(), now.HeapAlloc))
				}
			}
		})
		report := run(t, audit.Config{Store: s})
		close(ended)
		watch.Wait()
		clean(t, report)
		t.Logf("%d payments in %d ms", report.Checked["payments"], report.DurationMS)
		return most.Load() - min(before.HeapAlloc, most.Load())
	}
	few, many := 1_000, 10_000
	if sparing {
		few, many = 200, 2_000
	}
	fill(0, few)
	small := peak()
	fill(few, many)
	large := peak()
	t.Logf("heap grew by %d KB, with ten times the payments by %d KB", small>>10, large>>10)
	if large > 2*small+(16<<20) {
		t.Errorf("the heap grew by %d KB over %d payments, by %d KB over %d", large>>10, many, small>>10, few)
	}
}
