package export_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/export"
	"flashpay/internal/storetest"
)

// A list by status has what the whole list has of it, page by page from both ends, where rollups say how much is skipped: beside
// clocks that differ, an event that is of no operation, and what has not ended.
func TestPagesByStatusSkipByRollups(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		clock := storetest.NewClock(time.Date(2026, 3, 10, 21, 47, 0, 0, time.UTC))
		r := &road{t, storetest.OpenAs(t, store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true, Clock: clock.Now})}
		r.addProjects()
		began := clock.Now()
		r.spread(clock, 0, 90)
		r.must(r.store.FollowJournal(t.Context()))
		forever := export.Page{Projects: []int64{210, 211}}
		days := export.Page{Projects: []int64{210}, From: began.Add(3*time.Hour + time.Minute), To: began.Add(31 * time.Hour)}
		if jumps := skips(t, r.store, forever, 5) + skips(t, r.store, days, 4); jumps < 30 {
			t.Errorf("rollups were used %d times", jumps)
		}
		r.spread(clock, 90, 100) // which rollups may not have come to
		skips(t, r.store, forever, 17)

		_, err := r.store.DB().Writes.ExecContext(t.Context(), "UPDATE rollups SET payments = payments + 1 WHERE cube = $1", int64(store.CubeResults))
		r.must(err)
		if jumps := skips(t, r.store, days, 9); jumps > 0 {
			t.Errorf("rollups whose sums are not those of the events were used %d times", jumps)
		}
	})
}

// spread makes payouts over some days, two of three in project 210; each seventh does not end. Each tenth has a clock that is
// behind, so that events are not in the order of their times, at an hour's end too.
func (r *road) spread(clock *storetest.Clock, from, to int) {
	r.t.Helper()
	for i := from; i < to; i++ {
		project, id := 210+int64(i%3/2), fmt.Sprint("S-", i)
		clock.Advance(25 * time.Minute)
		if i%10 == 0 { // just after the hour, and just before it
			clock.Advance(clock.Now().Truncate(time.Hour).Add(time.Hour + time.Second).Sub(clock.Now()))
			r.must(r.end(clock, project, id, i))
			clock.Advance(-2 * time.Second)
			id += "-behind"
		}
		r.must(r.end(clock, project, id, i))
		if i == 40 {
			r.must(r.store.Do(r.t.Context(), "a batch ends", func(_ context.Context, tx *store.Tx) error {
				tx.AddBatchEvent(210, store.BatchEnd{Batch: 1, State: "done"})
				return nil
			}))
		}
	}
}

// end makes a payout and has it end a moment later: each third as a success.
func (r *road) end(clock *storetest.Clock, project int64, id string, i int) error {
	if err := r.accept(r.t.Context(), project, id, int64(100+i), "KGS"); err != nil || i%7 == 6 {
		return err
	}
	clock.Advance(time.Millisecond)
	if i%3 == 1 {
		return r.settle(r.t.Context(), project, id, payout.Succeeded, 0)
	}
	return r.settle(r.t.Context(), project, id, payout.Declined, 20000)
}

// skips compares pages by status with the whole list, each so many operations, and says how often rollups were used.
func skips(t *testing.T, s *store.Store, page export.Page, step int) (jumps int) {
	t.Helper()
	for _, newest := range []bool{false, true} {
		page.Newest, page.Limit, page.Offset, page.Statuses = newest, 1000, 0, nil
		whole, err := export.Read(t.Context(), s, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, statuses := range [][]payout.Status{{payout.Success}, {payout.Decline, payout.Processing}} {
			var want []string
			for i := range whole {
				if slices.Contains(statuses, whole[i].Status) {
					want = append(want, whole[i].PaymentID)
				}
			}
			for offset := 1; offset <= len(want)+step; offset += step {
				page.Statuses, page.Limit, page.Offset = statuses, 5, int64(offset)
				rows, used, err := export.ReadSkipping(t.Context(), s, page, 1)
				if err != nil {
					t.Fatal(err)
				}
				jumps += used
				expected := want[min(offset, len(want)):min(offset+page.Limit, len(want))]
				if got := ids(rows); !slices.Equal(got, expected) {
					t.Fatalf("newest %t, %v from %d: %v, want %v", newest, statuses, offset, got, expected)
				}
			}
		}
	}
	return jumps
}

func ids(rows []record.Operation) (out []string) {
	for i := range rows {
		out = append(out, rows[i].PaymentID)
	}
	return out
}

// TestPagePlans holds that pages are looked for and read by keys alone, in the order of the key.
func TestPagePlans(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		bad := []string{"SCAN ", "TEMP B-TREE"}
		if s.DialectName() != storetest.SQLite {
			bad = []string{"Seq Scan on ", "Bitmap", "Sort"}
		}
		pages := []export.Page{
			{},
			{Statuses: []payout.Status{payout.Success}},
			{Statuses: []payout.Status{payout.Success, payout.Decline}, Newest: true},
			{Customers: []string{"c-1"}},
			{Email: "aida@example.kg", Statuses: []payout.Status{payout.Success}},
		}
		for _, page := range pages {
			page.Projects, page.Limit, page.Offset, page.Needs = []int64{210}, 100, 5000, everything
			for i, statement := range export.PageStatements(s, page) {
				plan := storetest.Plan(t, s, statement.String(), statement.Args)
				for _, word := range bad {
					if strings.Contains(plan, word) && !(i == 1 && word != "SCAN " && word != "Seq Scan on ") { // the open ones are few, and put in order
						t.Errorf("the plan has %q:\n%s\n%s", word, statement.String(), plan)
					}
				}
			}
		}
	})
}
