package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"flashpay/internal/pgtest"
	"flashpay/internal/store/sqldb"
)

// engineNames are the engines, for the tests inside this package: storetest imports it.
var engineNames = []string{sqldb.SQLite.Name, sqldb.Postgres.Name}

// emptyURL returns the address of a fresh database without a schema.
func emptyURL(t testing.TB, engine string) string {
	t.Helper()
	if engine == sqldb.Postgres.Name {
		return pgtest.URL(t)
	}
	return "sqlite:" + filepath.Join(t.TempDir(), "flashpay.db")
}

// MigrateTo makes a database as an older program left it: at a version, with rows of its time.
func MigrateTo(ctx context.Context, url string, version int64, statements ...string) error {
	d, address, err := sqldb.ParseURL(url)
	if err != nil {
		return err
	}
	s := &Store{db: &sqldb.DB{Dialect: d}, url: url}
	defer s.release()
	if err := s.connect(ctx, address, Config{}); err != nil {
		return err
	}
	p, err := s.migrator()
	if err != nil {
		return err
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return err
	}
	for _, statement := range statements {
		_, e := s.db.Writes.ExecContext(ctx, statement)
		err = errors.Join(err, e)
	}
	return err
}

// Query reads rows as no call of the store does.
func (s *Store) Query(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	return s.db.Read(ctx, text, scan, args...)
}

// ExplainReads gives the plan of each statement that was read by so far, by its text: the one that the engine has for any
// arguments, and on PostgreSQL for tables that are large.
func (s *Store) ExplainReads(ctx context.Context) (map[string]string, error) {
	c, err := s.db.Reads.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	plans := make(map[string]string)
	var failed error
	for text := range s.db.Prepared() {
		plan, err := s.explain(ctx, c, text)
		plans[text] = plan
		failed = errors.Join(failed, err)
	}
	return plans, failed
}

func (s *Store) explain(ctx context.Context, c *sql.Conn, text string) (string, error) {
	places := strings.Count(text, "?") // a statement has one kind of places or the other
	for strings.Contains(text, fmt.Sprintf("$%d", places+1)) {
		places++
	}
	explain := "EXPLAIN QUERY PLAN " + text
	args := make([]any, places)
	if s.db.Dialect == &sqldb.Postgres {
		for _, set := range []string{"SET plan_cache_mode = force_generic_plan", "SET enable_seqscan = off", "PREPARE looked AS " + text} {
			if _, err := c.ExecContext(ctx, set); err != nil {
				return "", fmt.Errorf("%s: %w", set, err)
			}
		}
		defer func() { _, _ = c.ExecContext(ctx, "DEALLOCATE looked") }()
		explain, args = "EXPLAIN EXECUTE looked", nil
		if places > 0 {
			explain += "(NULL" + strings.Repeat(", NULL", places-1) + ")"
		}
	}
	var plan strings.Builder
	err := sqldb.Query(ctx, c, explain, args...).Each(func(r *sql.Rows) error {
		columns, err := r.Columns()
		if err != nil {
			return err
		}
		row := make([]any, len(columns))
		for i := range row {
			row[i] = new(any)
		}
		err = r.Scan(row...)
		fmt.Fprintln(&plan, *row[len(row)-1].(*any))
		return err
	})
	return plan.String(), err
}

// SaveKeyUse commits what KeyUsed has noted.
func (s *Store) SaveKeyUse(ctx context.Context) error { return s.saveKeyUse(ctx) }

// Ids are kept for good, and the wire's integers are read as floats by some: shards stay what they are, and below 2^53.
func TestShardsStay(t *testing.T) {
	t.Parallel()
	if CommandShard != 9000 || maxShard >= CommandShard || shardSpan != 1_000_000_000_000 {
		t.Errorf("commands have shard %d, servers those up to %d, of %d ids each: databases have ids of them", CommandShard, maxShard, shardSpan)
	}
	if _, last := ShardRange(CommandShard); last >= 1<<53 {
		t.Errorf("the last id of a shard is %d", last)
	}
	if ShardOf(-1) >= 0 || ShardOf(0) != 0 || ShardOf(shardSpan-1) != 0 || ShardOf(shardSpan) != 1 || RowOf(shardSpan+7) != 7 {
		t.Error("ids and shards do not fit")
	}
	if after, last := ShardRange(1); ShardOf(after+1) != 1 || ShardOf(last) != 1 || ShardOf(last+1) != 2 {
		t.Errorf("shard 1 has the ids above %d, up to %d", after, last)
	}
}

// A connection that breaks while an existing payment is looked for is no fault of the item that asks for it: the commit runs again.
func TestALookUpOnABrokenConnectionRunsAgain(t *testing.T) {
	t.Parallel()
	for _, engine := range engineNames {
		url := emptyURL(t, engine)
		d, address, err := sqldb.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		s := &Store{db: &sqldb.DB{Dialect: d}, url: url}
		t.Cleanup(s.release)
		if err := s.connect(t.Context(), address, Config{}); err != nil {
			t.Fatal(err)
		}
		conn, err := sqldb.Connect(t.Context(), d, s.db.Writes)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		tx := &Tx{conn: conn, store: s, newPayments: []*acceptItem{{NewPayout: &NewPayout{ProjectID: 210}}}}
		if err := tx.resolveDuplicates(t.Context(), nil); err == nil || sqldb.Classify(err) != sqldb.FaultLost {
			t.Errorf("%s: %v, of which the item would be told", engine, err)
		}
	}
}

// Request ids are kept by merchants, and places of seals by what is sealed: both stay what they are. No two requests have one nonce.
func TestNamesOfRequestsStay(t *testing.T) {
	t.Parallel()
	if got := requestID("nonce", 255, 7); got != "nonce-ff-00000008" {
		t.Errorf("a request of payment 255, shard 7: %s", got)
	}
	if got := RequestPlace(210, "p"); got != "request/210/p" {
		t.Errorf("its place: %s", got)
	}
	s := &Store{}
	s.shard.Store(7)
	first, second := s.NewRequestID(), s.NewRequestID()
	if len(first) != 41 || !strings.HasSuffix(first, "-00000008") || first == second || first[:16] == second[:16] {
		t.Errorf("of no payment: %s, %s", first, second)
	}
}
