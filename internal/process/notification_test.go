package process_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
)

// exec runs a statement beside the store.
func (r *road) exec(statement string) {
	r.t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(r.url, "sqlite:")+"?_pragma=busy_timeout(10000)")
	if err == nil {
		_, err = db.ExecContext(r.t.Context(), statement)
	}
	if err != nil {
		r.t.Error(err)
	}
	_ = db.Close()
}

// waiting checks how many notifications nobody has read.
func (r *road) waiting(want int64) {
	r.t.Helper()
	if n, err := r.store.WaitingNotifications(r.t.Context(), 100); err != nil || n != want {
		r.t.Errorf("%d notifications wait, %v; want %d", n, err, want)
	}
}

// What a notification says is not lost with a database that does not take it, or does not tell what it is about: it is read
// again, by itself.
func TestANotificationThatCannotBeApplied(t *testing.T) {
	faults := map[string]struct {
		wait         time.Duration // until what was submitted is out of memory
		begins, ends string
	}{
		"writing": {0, "CREATE TRIGGER fault BEFORE UPDATE ON operations BEGIN SELECT RAISE(ABORT, 'fault'); END", "DROP TRIGGER fault"},
		"reading": {2 * time.Minute, "ALTER TABLE operations RENAME TO away", "ALTER TABLE away RENAME TO operations"},
	}
	for name, f := range faults {
		for _, body := range []string{"paid", "all"} {
			t.Run(name+", "+body, func(t *testing.T) {
				drive(t, newScripted(), func(r *road) {
					r.accept("p")
					time.Sleep(f.wait)
					r.exec(f.begins)
					r.notify(body)
					time.Sleep(500 * time.Millisecond)
					r.waiting(1)
					r.exec(f.ends)
					r.want("p", payout.Processing, payout.Sending, payout.CodeAwaiting, 900, 100, 0)
					time.Sleep(2500 * time.Millisecond) // it is put off for a second, and found soon; its lease has 15 s
					r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
					r.waiting(0)
				})
			})
		}
	}
}

// A notification is read once, whatever it makes of its operation.
func TestNotificationsAreReadOnce(t *testing.T) {
	drive(t, newScripted(), func(r *road) {
		r.accept("p")
		for _, body := range []string{"accepted", "foreign", "garbage", "paid", "paid", "accepted", "all"} {
			r.notify(body)
			time.Sleep(100 * time.Millisecond)
			r.waiting(0)
		}
		r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
		v, err := r.store.PaymentView(r.t.Context(), 210, "p")
		if err != nil {
			t.Error(err)
			return
		}
		var kinds []string
		lines, err := r.store.Journal(r.t.Context(), 210, v.Payment.ID)
		for _, l := range lines {
			kinds = append(kinds, l.Kind)
		}
		want := []string{"accepted", "succeeded", "repeated", "repeated", "repeated", "repeated"} // the last of one report that comes twice
		if err != nil || !slices.Equal(kinds, want) {
			t.Errorf("journal %q, %v; want %q", kinds, err, want)
		}
	})
}

// A return is known by the name that the bank gives it: told again it says nothing new, another one is for people.
func TestAReturnIsKnownByItsName(t *testing.T) {
	bank := newScripted()
	drive(t, bank, func(r *road) {
		r.accept("p")
		r.notify("paid")
		for _, said := range []struct {
			name string
			open int
		}{{"R1", 0}, {"R1", 0}, {"R2", 1}} {
			bank.reports = provider.Outcome{Kind: provider.Returned, ReturnID: said.name, Returned: 100}
			r.notify("reports")
			time.Sleep(100 * time.Millisecond)
			if v, err := r.store.PaymentView(r.t.Context(), 210, "p"); err != nil || v.Payment.Status != payout.Reversed {
				t.Errorf("after %s: %s, %v; want it reversed", said.name, v.Payment.Status, err)
			}
			if found, err := r.store.Discrepancies(r.t.Context(), 210); err != nil || len(found) != said.open {
				t.Errorf("after %s: discrepancies %+v, %v; want %d", said.name, found, err, said.open)
			}
		}
	})
}
