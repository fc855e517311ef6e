package store_test

import (
	"fmt"
	"testing"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestDropOldClearsWhatIsDue: an hour that brings more than one commit deletes is cleared at its end, and what is not due stays.
func TestDropOldClearsWhatIsDue(t *testing.T) {
	const rows = 2_500
	storetest.Each(t, func(t *testing.T, url string) {
		clock := storetest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Clock: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close(t.Context()) })
		save := func(prefix string, n int) {
			t.Helper()
			saved := make(chan error, n)
			for i := range n {
				go func() {
					saved <- s.SaveRejection(t.Context(), store.Rejection{RequestID: fmt.Sprint(prefix, i), ProjectID: 210, Status: 400, Body: []byte("{}")})
				}()
			}
			for range n {
				if err := <-saved; err != nil {
					t.Fatal(err)
				}
			}
		}
		save("old-", rows)
		clock.Advance(25 * time.Hour)
		save("new-", 1)
		if err := s.DeleteExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.Advance(-25 * time.Hour) // in whose eyes the old ones can still be asked for
		for i := range rows {
			if _, err := s.RejectionByRequest(t.Context(), 210, fmt.Sprint("old-", i)); err == nil {
				t.Fatalf("rejection %d of %d is left", i, rows)
			}
		}
		if _, err := s.RejectionByRequest(t.Context(), 210, "new-0"); err != nil {
			t.Errorf("the new one: %v", err)
		}
	})
}

// TestDropOldKeepsUp: rows that come for a week beyond their longest life, more of them between two clean-ups than one
// commit deletes, stay as many as their lives are long. It is 100 rows a second, each of them standing for 216,000: a node
// cleans up every hour, here every twelve.
func TestDropOldKeepsUp(t *testing.T) {
	const (
		step = 12 * time.Hour
		rows = 20 // of each kind in a step
		days = 37
	)
	defer store.SetDropPiece(6)()
	most := map[string]int{"rejections": rows * (2 + 1), "commands": rows * (2 + 1), "refused": rows * (7*2 + 1), "read": rows * (30*2 + 1)}
	storetest.Each(t, func(t *testing.T, url string) {
		clock := storetest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Clock: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close(t.Context()) })
		for i := range days * int(24*time.Hour/step) {
			kept, err := s.AddPassing(t.Context(), fmt.Sprint(i), rows)
			if err != nil {
				t.Fatal(err)
			}
			for kind, n := range kept {
				if n > most[kind] {
					t.Fatalf("day %d: %d %s are kept, want %d at most", i/2, n, kind, most[kind])
				}
			}
			clock.Advance(step)
			if err := s.DeleteExpired(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
