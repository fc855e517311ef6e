package store_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"flashpay/internal/audit"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestRollupsAreCountedAnew holds that a new build of rollups takes the place of a wrong one when it is complete and not
// before, that payouts go on meanwhile, and that the old one is deleted.
func TestRollupsAreCountedAnew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Serve: true, Follow: time.Hour}) // nobody follows by himself
		createProject(t, s, 210, 1_000_000)
		payAll(t, s, "first", 12)
		if w := wrongRollups(t, s); w != "" {
			t.Fatal(w)
		}
		s.Execute(t, "UPDATE rollups SET payments = payments + 1 WHERE cube = 5")
		build, err := s.RebuildRollups(t.Context(), "test")
		if err != nil || build != 2 {
			t.Fatalf("build %d, %v", build, err)
		}
		if again, err := s.RebuildRollups(t.Context(), "test"); err != nil || again != build {
			t.Errorf("asked for twice: build %d, %v", again, err)
		}
		if builds, err := s.RollupBuilds(t.Context()); err != nil || len(builds) != 2 || builds[1].Behind == 0 || builds[0].Behind != 0 {
			t.Errorf("%+v, %v", builds, err)
		}
		payAll(t, s, "meanwhile", 6)
		if wrongRollups(t, s) == "" {
			t.Error("what is read has changed before the new build is complete")
		}
		canceled, stop := context.WithCancel(t.Context())
		stop()
		_ = s.CatchUpRollups(canceled) // one that dies
		if err := s.CatchUpRollups(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w := wrongRollups(t, s); w != "" {
			t.Error(w)
		}
		if live, whole, err := s.LiveRollupBuild(t.Context()); err != nil || live != build || !whole {
			t.Errorf("build %d is read, whole %t, %v", live, whole, err)
		}
		payAll(t, s, "then", 6)
		if w := wrongRollups(t, s); w != "" {
			t.Error(w)
		}
		defer store.SetDropPiece(7)()
		s.ShiftClock(3 * time.Minute)
		if err := s.CatchUpRollups(t.Context()); err != nil {
			t.Fatal(err)
		}
		const left = "SELECT build FROM rollups UNION SELECT build FROM rolled UNION SELECT build FROM rollup_builds"
		if left, err := s.DB().Numbers(t.Context(), left); err != nil || !slices.Equal(left, []int64{build}) {
			t.Errorf("builds that are left: %d, %v", left, err)
		}
	})
}

// TestRollupsOfAnOlderProgram holds that a database from before the cubes keeps its totals, and gets the rest counted from
// its first line on.
func TestRollupsOfAnOlderProgram(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Serve: true, Follow: time.Hour}) // nobody follows by himself
		createProject(t, s, 210, 1_000_000)
		payAll(t, s, "first", 8)
		for _, step := range []string{
			"DROP TABLE rolled", "DROP TABLE rollup_builds", "ALTER TABLE rollups RENAME TO newer",
			`CREATE TABLE rollups (project_id BIGINT NOT NULL, hours BIGINT NOT NULL, start BIGINT NOT NULL, method TEXT NOT NULL, currency TEXT NOT NULL,
				status TEXT NOT NULL, payments BIGINT NOT NULL, amount BIGINT NOT NULL, PRIMARY KEY (project_id, hours, start, method, currency, status))`,
			"INSERT INTO rollups SELECT project_id, hours, start, method, currency, status, payments, amount FROM newer WHERE cube = 1 AND hours IN (1, 24)",
			"DROP TABLE newer", s.Migration(t, "rollups"), s.Migration(t, "rollup_periods"),
		} {
			s.Execute(t, step)
		}
		payments := func() int64 {
			t.Helper()
			totals, err := s.Totals(t.Context(), store.RegisterFilter{Projects: []int64{210}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return totals.Payments()
		}
		if n := payments(); n != 8 {
			t.Errorf("%d payments in the totals after the migration", n)
		}
		if _, whole, err := s.LiveRollupBuild(t.Context()); err != nil || whole {
			t.Errorf("whole: %t, %v", whole, err)
		}
		payAll(t, s, "then", 4)
		if n := payments(); n != 12 {
			t.Errorf("%d payments in the totals, 4 more were made", n)
		}
		if err := s.CatchUpRollups(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w := wrongRollups(t, s); w != "" {
			t.Error(w)
		}
		if _, whole, err := s.LiveRollupBuild(t.Context()); err != nil || !whole {
			t.Errorf("whole: %t, %v", whole, err)
		}
	})
}

// TestLongerPeriodsOfAnOlderDatabase holds that a database whose rollups have hours and days only gets the other periods of these, right
// as they are, and that a node of the older program no longer counts beside newer ones.
func TestLongerPeriodsOfAnOlderDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Serve: true, Follow: time.Hour}) // nobody follows by himself
		createProject(t, s, 210, 1_000_000)
		payAll(t, s, "first", 8)
		s.Execute(t, "DELETE FROM rollups WHERE hours NOT IN (1, 24)")
		s.Execute(t, "ALTER TABLE rolled RENAME COLUMN line TO last_row")
		s.Execute(t, s.Migration(t, "rollup_periods"))
		if w := wrongRollups(t, s); w != "" {
			t.Error(w)
		}
		payAll(t, s, "then", 8)
		if w := wrongRollups(t, s); w != "" {
			t.Error(w)
		}
		if _, err := s.DB().Writes.ExecContext(t.Context(), "UPDATE rolled SET last_row = 1"); err == nil {
			t.Error("an older program moves what it does not know")
		}
	})
}

// TestRollupsOfReversals holds that a success which is reversed counts as both results, one whose return is heard first too, and
// that the payment counts once, with the status it has: as this node follows its own commits, and as they are read again.
func TestRollupsOfReversals(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Serve: true, Follow: time.Hour}) // nobody follows by himself
		createProject(t, s, 210, 1_000_000)
		payAll(t, s, "before", 2) // what comes then is in the tail, not read
		for i, events := range [][]payout.Event{
			{payout.Succeeded, payout.Returned}, {payout.Returned}, {payout.Succeeded, 0, payout.Returned}, {0, payout.Returned},
		} {
			p := newPayout(210, fmt.Sprint("back", i), 1000)
			accept(t, s, p)
			for _, e := range events {
				if e == 0 {
					payAll(t, s, "", 0)
					continue
				}
				v, err := s.PaymentView(t.Context(), 210, p.PaymentID)
				if err != nil {
					t.Fatal(err)
				}
				step := store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: e, Kind: e.String()}
				if _, err := s.Apply(t.Context(), step); err != nil {
					t.Fatal(err)
				}
			}
		}
		payAll(t, s, "after", 0)
		check := func(when string) {
			t.Helper()
			if w := wrongRollups(t, s); w != "" {
				t.Errorf("%s: %s", when, w)
			}
			totals, err := s.Totals(t.Context(), store.RegisterFilter{Projects: []int64{210}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := map[payout.Status]int64{}
			for _, row := range totals.Lines {
				got[row.Status] += row.Payments
			}
			if want := map[payout.Status]int64{payout.Success: 1, payout.Decline: 1, payout.Reversed: 4}; !maps.Equal(got, want) {
				t.Errorf("%s: totals %v, want %v", when, got, want)
			}
			report, err := audit.Rollups(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range report.Findings {
				t.Errorf("%s: %+v", when, f)
			}
		}
		check("followed")
		if _, err := s.RebuildRollups(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
		if err := s.CatchUpRollups(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("counted anew")
	})
}

// payAll makes payouts of every fate, and has the journal followed.
func payAll(t *testing.T, s *store.Store, name string, n int) {
	t.Helper()
	for i := range n {
		p := newPayout(210, fmt.Sprint(name, i), int64(100+i))
		if i%4 == 3 {
			p.AccountMask = "KG1234******5678"
		}
		if _, err := s.Accept(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		v, err := s.PaymentView(t.Context(), 210, p.PaymentID)
		if err != nil {
			t.Fatal(err)
		}
		step := store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: payout.Succeeded, Kind: "succeeded", ProviderPaymentID: p.PaymentID}
		switch i % 4 {
		case 1:
			step.Event, step.Kind, step.Code = payout.Declined, "declined", payout.CodeGeneralDecline
		case 2:
			continue
		}
		if _, err := s.Apply(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func wrongRollups(t *testing.T, s *store.Store) string {
	t.Helper()
	wrong, err := s.CheckRollups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return wrong
}

func TestTimeBuckets(t *testing.T) {
	for took, want := range map[time.Duration]int64{
		0: 100, 100 * time.Microsecond: 100, 101 * time.Microsecond: 125, time.Second: 1_000_000, 1001 * time.Millisecond: 1_250_000,
		24 * time.Hour: 100_000_000_000, 11 * 24 * time.Hour: 1_000_000_000_000,
	} {
		if got := store.TimeBucket(took); got != want {
			t.Errorf("%s: %d, want %d", took, got, want)
		}
	}
}
