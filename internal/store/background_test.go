package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestAPayoutIsNotBehindTheRowsOfAFile has the rows of a file wait when a payout of Gate comes: it is in the next commit, with
// few of them.
func TestAPayoutIsNotBehindTheRowsOfAFile(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		createProject(t, s, 210, 100_000)
		const n = 300
		rows := make([]*store.NewPayout, n)
		for i := range rows {
			rows[i] = newPayout(210, fmt.Sprint("row ", i), 1)
		}
		held, free := make(chan struct{}), make(chan struct{})
		var hold sync.Once
		var all sync.WaitGroup
		all.Go(func() {
			err := s.Exec(t.Context(), func() {
				hold.Do(func() { close(held) })
				<-free
			})
			if err != nil {
				t.Error(err)
			}
		})
		waiting := func(n int) {
			for s.Stats().Queued != n {
				time.Sleep(time.Millisecond)
			}
		}
		<-held
		all.Go(func() {
			_, errs := s.AcceptAll(t.Context(), rows)
			for i, err := range errs {
				if err != nil {
					t.Errorf("row %d: %v", i, err)
				}
			}
		})
		waiting(n)
		all.Go(func() {
			if _, err := s.Accept(t.Context(), newPayout(210, "gate", 1)); err != nil {
				t.Error(err)
			}
		})
		waiting(n + 1)
		close(free)
		all.Wait()
		v, err := s.PaymentView(t.Context(), 210, "gate")
		if err != nil {
			t.Fatal(err)
		}
		counts, err := s.DB().Numbers(t.Context(), `SELECT COUNT(*) FROM payments WHERE project_id = 210
			UNION ALL SELECT COUNT(*) FROM payments WHERE project_id = 210 AND created_at <= $1`, v.Payment.CreatedAt.UnixMicro())
		if err != nil || len(counts) != 2 || counts[0] != n+1 {
			t.Fatalf("%v payments, %v", counts, err)
		}
		if beside := counts[1] - 1; beside > store.BesideOthers || beside == 0 {
			t.Errorf("%d rows in the commit of the payout and before it, want %d at most, and some", beside, store.BesideOthers)
		}
	})
}
