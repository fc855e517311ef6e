package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// Keys towards providers are kept by buckets of ids: one is found in the newest bucket, in the oldest, and behind a gap.
func TestKeysAreFoundInEveryBucket(t *testing.T) {
	t.Parallel()
	for _, engine := range engineNames {
		t.Run(engine, func(t *testing.T) {
			s := filled(t, engine)
			ids := queried[int64](t, s, "SELECT id FROM operations ORDER BY id")
			oldest, newest := ids[0], ids[len(ids)-1]
			if oldest/4096 == newest/4096 {
				t.Fatalf("operations %d to %d are in one bucket", oldest, newest)
			}
			far := newest + 50*4096
			if _, err := s.db.Writes.ExecContext(t.Context(), fmt.Sprintf("UPDATE operations SET id = %d WHERE id = %d", far, newest)); err != nil {
				t.Fatal(err)
			}
			for _, id := range []int64{oldest, ids[len(ids)/2], far} {
				key := queried[string](t, s, fmt.Sprintf("SELECT provider_key FROM operations WHERE id = %d", id))
				if got := queried[int64](t, s, "SELECT id FROM ("+workByKey+") AS found", key[0]); !slices.Equal(got, []int64{id}) {
					t.Errorf("the key of operation %d leads to %v", id, got)
				}
			}
			if _, err := s.WorkByKey(t.Context(), "nobody's"); !errors.Is(err, ErrNotFound) {
				t.Errorf("a key that is not ours: %v", err)
			}
		})
	}
}

func queried[T any](t *testing.T, s *Store, text string, args ...any) (out []T) {
	t.Helper()
	err := s.Query(t.Context(), text, func(r *sql.Rows) error {
		var v T
		err := r.Scan(&v)
		out = append(out, v)
		return err
	}, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A database of before migration 6 keeps what it lays out anew, and has the indexes of a fresh one.
func TestMigrationKeepsEventsAndCallbacks(t *testing.T) {
	t.Parallel()
	for _, engine := range engineNames {
		t.Run(engine, func(t *testing.T) { migrationKeepsEventsAndCallbacks(t, emptyURL(t, engine)) })
	}
}

func migrationKeepsEventsAndCallbacks(t *testing.T, url string) {
	err := MigrateTo(t.Context(), url, 5,
		`INSERT INTO events (project_id, number, payment, operation, payment_status, operation_status, code, provider_id, provider_payment_id, auth_code, at)
					VALUES (210, 1, 7, 7, 'success', 'success', 0, 1, 'B1', 'A1', 1700000000000000), (210, 2, 8, 8, 'decline', 'decline', 402, 1, '', '', 1700000000000001)`,
		`INSERT INTO callbacks (project_id, number, payment, state, url, lane, attempts, scheduled, next_at, created_at, http_status, error)
					VALUES (210, 1, 7, 'delivered', 'http://a.example/', 3, 1, 1, NULL, 1700000000000000, 200, ''),
					(210, 2, 8, 'pending', 'http://a.example/', 3, 2, 2, 1700000000000009, 1700000000000001, 500, 'busy')`)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{URL: url, Keyset: filepath.Join(t.TempDir(), "keyset"), Serve: true, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	const all = `SELECT e.number || ' ' || e.payment || ' ' || e.payment_status || ' ' || e.provider_payment_id || ' ' || e.at || ' ' ||
				c.state || ' ' || c.attempts || ' ' || COALESCE(c.next_at, 0) || ' ' || c.http_status || ' ' || c.error
				FROM events e JOIN callbacks c ON c.project_id = e.project_id AND c.number = e.number ORDER BY e.number`
	want := []string{"1 7 success B1 1700000000000000 delivered 1 0 200 ", "2 8 decline  1700000000000001 pending 2 1700000000000009 500 busy"}
	if got := queried[string](t, s, all); !slices.Equal(got, want) {
		t.Errorf("kept %q\nwant %q", got, want)
	}
}
