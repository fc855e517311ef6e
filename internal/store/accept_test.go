package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
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

// A step and payouts of one commit, of which one cannot be paid for: each has what is its own.
func TestAStepBesidePayouts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		createProject(t, s, 210, 1000)
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Fatal(err)
		}
		v, err := s.PaymentView(t.Context(), 210, "p")
		if err != nil {
			t.Fatal(err)
		}
		calls := []func(){func() {
			if _, err := s.Apply(t.Context(), store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: payout.Succeeded, Kind: "succeeded"}); err != nil {
				t.Error(err)
			}
		}}
		for id, amount := range map[string]int64{"q": 200, "dear": 5000} {
			calls = append(calls, func() {
				if _, err := s.Accept(t.Context(), newPayout(210, id, amount)); err != nil {
					t.Error(err)
				}
			})
		}
		if err := s.Together(t.Context(), calls...); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]payout.Status{"p": payout.Success, "q": payout.Processing, "dear": payout.Decline} {
			v, err := s.PaymentView(t.Context(), 210, id)
			if err != nil || v.Payment.Status != want || v.Operations[0].Status != want {
				t.Errorf("%s: %+v, %v; want %s", id, v, err, want)
				continue
			}
			if lines, err := s.Journal(t.Context(), 210, v.Payment.ID); err != nil || (len(lines) == 2) != (id == "p") || len(lines) == 0 {
				t.Errorf("%s: %d lines of the journal, %v", id, len(lines), err)
			}
		}
		if a, h, _ := balance(t, s, 210); a != 700 || h != 200 {
			t.Errorf("available %d, held %d", a, h)
		}
	})
}

// What the books cannot bear is not committed: neither the hold of a payout nor what a step moves.
func TestWhatTheBooksCannotBearIsNotCommitted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		createProject(t, s, 210, 1000)
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Fatal(err)
		}
		held := func(sum int64) {
			t.Helper()
			if _, err := s.DB().Writes.ExecContext(t.Context(), fmt.Sprint("UPDATE balances SET held = ", sum, " WHERE project_id = 210")); err != nil {
				t.Fatal(err)
			}
		}
		held(math.MaxInt64)
		if r, err := s.Accept(t.Context(), newPayout(210, "q", 100)); err == nil {
			t.Errorf("more is held than there can be: %+v", r)
		}
		if _, err := s.PaymentView(t.Context(), 210, "q"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a payout whose funds could not be held: %v", err)
		}
		held(99)
		v, err := s.PaymentView(t.Context(), 210, "p")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Apply(t.Context(), store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: payout.Succeeded, Kind: "succeeded"}); err == nil {
			t.Error("more is paid than is held")
		}
		if v, err = s.PaymentView(t.Context(), 210, "p"); err != nil || v.Payment.Status != payout.Processing {
			t.Errorf("%+v, %v; want it as it was", v, err)
		}
	})
}

// A project that is gone pays nothing.
func TestAProjectThatIsGonePaysNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		if _, err := s.Accept(t.Context(), newPayout(999, "p", 100)); err != nil {
			t.Fatal(err)
		}
		v, err := s.PaymentView(t.Context(), 999, "p")
		if err != nil || v.Payment.Status != payout.Decline || v.Operations[0].Code != payout.CodeMerchantBlocked {
			t.Errorf("%+v, %v; want it declined as of a blocked project", v, err)
		}
	})
}

// A payout is whole or not there: where any of its rows cannot be written, it fails alone, whichever row it is.
func TestAPayoutIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		createProject(t, s, 210, 1000)
		rename := func(from, to string) {
			t.Helper()
			if _, err := s.DB().Writes.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
				t.Fatal(err)
			}
		}
		for _, table := range []string{"payments", "operations", "requests", "journal", "transfers", "balances", "ledger_days", "audit_log"} {
			p := newPayout(210, table, 100)
			p.Actor = "test"
			rename(table, "gone")
			if _, err := s.Accept(t.Context(), p); err == nil || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("without %s: %v", table, err)
			}
			rename("gone", table)
			if _, err := s.PaymentView(t.Context(), 210, table); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("without %s there is a payment, %v", table, err)
			}
			if r, err := s.Accept(t.Context(), p); err != nil || r.Repeat {
				t.Errorf("%s is back: %+v, %v", table, r, err)
			}
		}
		if a, h, _ := balance(t, s, 210); a != 200 || h != 800 {
			t.Errorf("available %d, held %d", a, h)
		}
	})
}

// However many ids a commit has, of each the request that came first is taken.
func TestOfManyIDsInOneCommitTheFirstIsTaken(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		createProject(t, s, 210, 100_000)
		const ids = 20
		var calls []func()
		for i := range 3 * ids {
			calls = append(calls, func() {
				r, err := s.Accept(t.Context(), newPayout(210, fmt.Sprint("p", i%ids), 100+int64(i/ids%2)))
				if second := i/ids == 1; second != errors.Is(err, store.ErrOtherData) || !second && (err != nil || r.Repeat != (i/ids == 2)) {
					t.Errorf("request %d of p%d: %+v, %v", i/ids, i%ids, r, err)
				}
			})
		}
		if err := s.Together(t.Context(), calls...); err != nil {
			t.Fatal(err)
		}
		if a, h, _ := balance(t, s, 210); a != 98_000 || h != 2_000 {
			t.Errorf("available %d, held %d", a, h)
		}
	})
}

// What a request is found by stands beside it, keyed; what it does not have is not there.
func TestRequestsAreFoundByTheirKeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		createProject(t, s, 210, 1000)
		whole, bare := newPayout(210, "whole", 100), newPayout(210, "bare", 100)
		whole.Email, whole.Phone = "aida@example.kg", "996700000000"
		bare.IP = ""
		for _, p := range []*store.NewPayout{whole, bare} {
			if _, err := s.Accept(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		var got [][4]sql.NullInt64
		find := "SELECT account_key, email_key, phone_key, ip_key FROM requests ORDER BY payment"
		err := s.Query(t.Context(), find, func(r *sql.Rows) error {
			var row [4]sql.NullInt64
			err := r.Scan(&row[0], &row[1], &row[2], &row[3])
			got = append(got, row)
			return err
		})
		index := func(field, value string) sql.NullInt64 {
			return sql.NullInt64{Int64: s.Vault().Index(field, value), Valid: true}
		}
		account := index("account", whole.Account)
		want := [][4]sql.NullInt64{{account, index("email", whole.Email), index("phone", whole.Phone), index("ip", whole.IP)}, {account}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	})
}
