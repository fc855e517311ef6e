package store_test

import (
	"database/sql"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

func connect(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// A node whose shard was taken over while it was silent makes nothing more with that shard's numbers, and leaves the
// lease to its new owner.
func TestATakenShardIsGivenUp(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.Postgres)
	s, db := open(t, url), connect(t, url)
	createProject(t, s, 210, 1000)
	until := time.Now().Add(time.Hour).UnixMicro()
	if _, err := db.ExecContext(t.Context(), "UPDATE shards SET owner = 'another', lease_until = $1 WHERE shard = 0", until); err != nil {
		t.Fatal(err)
	}
	// What a lease of ten seconds is believed for: the rest is what a transaction may take that begins just before.
	if err := s.AgeShard(t.Context(), 3*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
		t.Fatal(err)
	}
	v, err := s.PaymentView(t.Context(), 210, "p")
	if err != nil || v.Payment.ID/1_000_000_000_000 != 1 {
		t.Errorf("payment %+v, %v; want its number to be of shard 1", v, err)
	}
	var owner string
	var lease int64
	if err := db.QueryRowContext(t.Context(), "SELECT owner, lease_until FROM shards WHERE shard = 0").Scan(&owner, &lease); err != nil {
		t.Fatal(err)
	}
	if owner != "another" || lease != until {
		t.Errorf("shard 0 is %q's until %d; want it to be another's until %d", owner, lease, until)
	}
}

// Two nodes number events of one project at once: the second waits for the first, and goes on from its number.
func TestEventsOfTwoNodesAreNumberedInTurn(t *testing.T) {
	t.Parallel()
	for name, event := range map[string]func(t *testing.T, s *store.Store) error{
		"a step": func(t *testing.T, s *store.Store) error {
			v, err := s.PaymentView(t.Context(), 210, "there")
			if err != nil {
				return err
			}
			_, err = s.Apply(t.Context(), store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: payout.Succeeded, Kind: "succeeded"})
			return err
		},
		"no funds": func(t *testing.T, s *store.Store) error {
			_, err := s.Accept(t.Context(), newPayout(210, "dear", 5000))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := storetest.URL(t, storetest.Postgres)
			s, db := open(t, url), connect(t, url)
			createProject(t, s, 210, 1000)
			if _, err := s.Accept(t.Context(), newPayout(210, "there", 100)); err != nil {
				t.Fatal(err)
			}
			other, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = other.Rollback() }()
			if _, err := other.ExecContext(t.Context(), "UPDATE counters SET events = events + 1 WHERE project_id = 210"); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- event(t, s) }()
			until(t, "the node waits for the counter", func() bool {
				var waiting int
				const locks = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
				if err := db.QueryRowContext(t.Context(), locks).Scan(&waiting); err != nil {
					t.Fatal(err)
				}
				return waiting > 0
			})
			if err := other.Commit(); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			var counter, number int64
			const numbers = "SELECT (SELECT events FROM counters WHERE project_id = 210), (SELECT number FROM events WHERE project_id = 210)"
			if err := db.QueryRowContext(t.Context(), numbers).Scan(&counter, &number); err != nil {
				t.Fatal(err)
			}
			if counter != 2 || number != 2 {
				t.Errorf("the event has number %d, the counter is %d; want 2 after the other node's 1", number, counter)
			}
		})
	}
}

// TestATakenShardIsNotSealedBeyondItself seals while a node's newest line is of the shard that it has taken since.
func TestATakenShardIsNotSealedBeyondItself(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
		createProject(t, s, 210, 1000)
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Fatal(err)
		}
		seals := func() (ends []int64) {
			t.Helper()
			ends, err := s.DB().Numbers(t.Context(), "SELECT last_row FROM seals")
			if err != nil {
				t.Fatal(err)
			}
			return ends
		}
		back := s.MoveNewestLine(1)
		if err := s.SealJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if ends := seals(); len(ends) > 0 {
			t.Errorf("a shard is sealed up to %v, rows of the next one", ends)
		}
		back()
		if err := s.SealJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if ends := seals(); len(ends) != 1 {
			t.Errorf("then the seals end at %v, want one", ends)
		}
	})
}
