package store_test

import (
	"testing"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// countedRight fails the test where the counted attempts are not those of the log, and returns how many rows there are.
func countedRight(t *testing.T, s *store.Store) int64 {
	t.Helper()
	off, rows, err := s.CheckCallbackRollups(t.Context(), 210)
	if err != nil || len(off) != 0 {
		t.Errorf("the counted attempts differ from the log by %v, %v", off, err)
	}
	return rows
}

// TestAttemptsAreCounted holds that each attempt is counted once, in the commit that logs it, also where it is logged twice and where a
// callback is sent again; and that wrong counts are found and counted anew.
func TestAttemptsAreCounted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		v := declined(t, s, "p")
		declined(t, s, "q")
		jobs := lease(t, s, 1, 2)
		save(t, s, jobs[0], 200, store.CallbackDelivered, time.Time{}) // the callback's own row has it
		save(t, s, jobs[0], 500, store.CallbackPending, s.Now())       // by a node whose lease had ended: it is no attempt of the log
		save(t, s, jobs[1], 500, store.CallbackPending, s.Now())
		save(t, s, jobs[1], 500, store.CallbackPending, s.Now()) // by a node whose lease had ended
		countedRight(t, s)
		if _, err := s.ResendCallback(t.Context(), "", 210, v.Payment.PaymentID, 0, "test"); err != nil {
			t.Fatal(err)
		}
		countedRight(t, s)
		for _, job := range lease(t, s, 1, 2) {
			save(t, s, job, 200, store.CallbackDelivered, time.Time{})
		}
		if countedRight(t, s) == 0 {
			t.Error("nothing is counted")
		}
		var attempts int64
		const sum = "SELECT CAST(SUM(attempts) AS BIGINT) FROM callback_rollups WHERE hours = 24"
		if err := s.DB().Writes.QueryRowContext(t.Context(), sum).Scan(&attempts); err != nil || attempts != 4 {
			t.Errorf("%d attempts are counted, want 4; %v", attempts, err)
		}

		const damage = "UPDATE callback_rollups SET attempts = attempts + 1 WHERE hours = 1 AND acknowledged = 0"
		if _, err := s.DB().Writes.ExecContext(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		if off, _, err := s.CheckCallbackRollups(t.Context(), 210); err != nil || len(off) != 1 {
			t.Errorf("an attempt too many is not found: %v, %v", off, err)
		}
		if _, err := s.RebuildRollups(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
		again(t, s, v) // an attempt while they are counted anew
		save(t, s, lease(t, s, 3)[0], 404, store.CallbackGivenUp, time.Time{})
		if err := s.CatchUpRollups(t.Context()); err != nil {
			t.Fatal(err)
		}
		countedRight(t, s)
	})
}
