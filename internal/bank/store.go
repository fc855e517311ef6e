package bank

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"flashpay/internal/vault"
)

// store is the bank's database: SQLite in a file of its own, or the schema sandbox_bank of a PostgreSQL database,
// which several processes may share. One SQL text serves both; {s} stands for the schema's prefix.
//
// It has nothing in common with the platform's store: another company's computer.
type store struct {
	postgres bool
	prefix   string
	writer   *sql.DB // one connection
	reader   *sql.DB
	vault    *vault.Vault         // seals the secrets of notifications
	prepared map[string]*sql.Stmt // of the writer, by SQL text; not changed after openStore
}

// schema is created at every start where it is missing. Times are microseconds UTC.
const schema = `
CREATE TABLE IF NOT EXISTS {s}transfers (
	transfer_key TEXT PRIMARY KEY,
	reference    TEXT NOT NULL,
	amount       BIGINT NOT NULL,
	currency     TEXT NOT NULL,
	account      TEXT NOT NULL,
	endpoint     BIGINT NOT NULL,
	submissions  BIGINT NOT NULL,
	executed     BIGINT NOT NULL,
	state        BIGINT NOT NULL,
	reason       TEXT NOT NULL,
	accepted_at  BIGINT NOT NULL,
	result_at    BIGINT NOT NULL,
	returned_at  BIGINT NOT NULL
){tail};
CREATE TABLE IF NOT EXISTS {s}endpoints (
	id     BIGINT PRIMARY KEY,
	url    TEXT NOT NULL,
	secret TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS {s}tasks (
	id       TEXT PRIMARY KEY,
	endpoint BIGINT NOT NULL,
	born_at  BIGINT NOT NULL,
	due_at   BIGINT NOT NULL,
	next_at  BIGINT NOT NULL,
	attempts BIGINT NOT NULL
){tail};
CREATE INDEX IF NOT EXISTS tasks_next ON {s}tasks (next_at);
`

// transferColumns are in the order in which scanTransfer reads them.
const transferColumns = "transfer_key, reference, amount, currency, account, endpoint, submissions, executed, state, reason, accepted_at, result_at, returned_at"

// schemaLock keeps two starting processes from creating the schema at once. The number only has to be the bank's own.
const schemaLock = 7_226_215_001

func openStore(ctx context.Context, address string, seals *vault.Vault) (*store, error) {
	s := &store{prepared: map[string]*sql.Stmt{}}
	var err error
	if strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://") {
		err = s.openPostgres(ctx, address)
	} else {
		err = s.openSQLite(ctx, address)
	}
	if err == nil {
		err = s.openVault(ctx, seals, address)
	}
	if err == nil {
		err = s.sealOld(ctx)
	}
	if err == nil {
		err = s.prepareAll(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *store) openSQLite(ctx context.Context, path string) error {
	if path == "" {
		return errors.New("bank: no state given: name a file, or a postgres:// address")
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("bank: state %q: %w", path, err)
	}
	if err := keepPrivate(full); err != nil {
		return err
	}
	address := func(pragmas ...string) string {
		q := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
		return (&url.URL{Scheme: "file", Path: filepath.ToSlash(full), RawQuery: q.Encode()}).String()
	}
	if s.writer, err = sql.Open("sqlite", address("busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(10000)", "cache_size(-16384)", "temp_store(memory)")); err != nil {
		return fmt.Errorf("bank: open %s: %w", path, err)
	}
	s.writer.SetMaxOpenConns(1)
	if _, err := s.writer.ExecContext(ctx, s.text(schema)); err != nil {
		return fmt.Errorf("bank: open %s (is it the bank's own SQLite file, in a directory that exists?): %w", path, err)
	}
	if s.reader, err = sql.Open("sqlite", address("busy_timeout(10000)", "query_only(1)")); err != nil {
		return fmt.Errorf("bank: open %s for reading: %w", path, err)
	}
	s.reader.SetMaxOpenConns(4)
	s.reader.SetMaxIdleConns(4)
	// A file has one bank: what its predecessor had leased is free again.
	if _, err := s.writer.ExecContext(ctx, "UPDATE tasks SET next_at = due_at WHERE next_at <> due_at"); err != nil {
		return fmt.Errorf("bank: free the leases in %s: %w", path, err)
	}
	return nil
}

func (s *store) openPostgres(ctx context.Context, address string) error {
	s.postgres, s.prefix = true, "sandbox_bank."
	var err error
	if s.writer, err = openPrimary(address, byKey); err != nil {
		return fmt.Errorf("bank: the PostgreSQL address: %w", err)
	}
	s.writer.SetMaxOpenConns(1)
	if s.reader, err = openPrimary(address, ""); err != nil {
		return fmt.Errorf("bank: the PostgreSQL address: %w", err)
	}
	s.reader.SetMaxOpenConns(4)
	s.reader.SetMaxIdleConns(4)
	if err := s.createPostgres(ctx); err != nil {
		return fmt.Errorf("bank: create schema sandbox_bank: %w", err)
	}
	return nil
}

// openPrimary opens a pool none of whose connections leads to a standby: what stands there may be old. settings are statements
// that set each of them up; as parameters of the start, a pooler would refuse them.
func openPrimary(address, settings string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	if settings != "" {
		config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error { return conn.Exec(ctx, settings).Close() }
	}
	return stdlib.OpenDB(*config), nil
}

// byKey sets up connections that find rows by key: tasks come and go so fast that PostgreSQL's planner would now and then read
// the whole table, with all that are dead.
const byKey = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"

// createPostgres makes what is missing, in one transaction.
func (s *store) createPostgres(ctx context.Context) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	statements := append([]string{
		"SELECT pg_advisory_xact_lock(" + strconv.Itoa(schemaLock) + ")",
		"CREATE SCHEMA IF NOT EXISTS sandbox_bank",
	}, strings.Split(strings.TrimSpace(s.text(schema)), ";\n")...)
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func (s *store) close() error {
	var errs []error
	for _, statement := range s.prepared {
		errs = append(errs, statement.Close())
	}
	for _, db := range []*sql.DB{s.writer, s.reader} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// listPlaceholder is a placeholder of a VALUES list (values).
var listPlaceholder = regexp.MustCompile(`\{(\d+)\}`)

// text makes one SQL text fit the engine.
func (s *store) text(query string) string {
	// A transaction that fails is rolled back as a whole: SQLite need not be able to undo one statement of it.
	tail, skip, fail, placeholder := " WITHOUT ROWID", "", " OR FAIL", "?"
	if s.postgres {
		tail, skip, fail, placeholder = "", " FOR UPDATE SKIP LOCKED", "", "$$${1}"
	}
	query = listPlaceholder.ReplaceAllString(query, placeholder)
	return strings.NewReplacer("{s}", s.prefix, "{tail}", tail, "{skip}", skip, "{fail}", fail).Replace(query)
}

// prepareAll makes the writer's statements. It comes before the first transaction, which holds the only connection.
func (s *store) prepareAll(ctx context.Context) error {
	for _, query := range writerQueries() {
		if _, err := s.prepare(ctx, query); err != nil {
			return fmt.Errorf("bank: prepare %q: %w", query, err)
		}
	}
	return nil
}

// prepare makes and keeps one statement, which close closes.
func (s *store) prepare(ctx context.Context, query string) (statement, error) {
	p, err := s.writer.PrepareContext(ctx, s.text(query))
	if err != nil {
		return nil, err
	}
	s.prepared[query] = p
	return p, nil
}

// transfer reads one transfer by key; false where no submission of it ever came in.
func (s *store) transfer(ctx context.Context, key string) (transfer, bool, error) {
	row := s.reader.QueryRowContext(ctx, s.text("SELECT "+transferColumns+" FROM {s}transfers WHERE transfer_key = $1"), key)
	t, err := scanTransfer(row)
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, nil
	}
	if err != nil {
		return t, false, fmt.Errorf("read transfer %s: %w", key, err)
	}
	return t, true, nil
}

// page reads transfers in order of their keys, after the given one.
func (s *store) page(ctx context.Context, after string, limit int) ([]transfer, error) {
	return s.list(ctx, "WHERE transfer_key > $1 ORDER BY transfer_key LIMIT $2", after, limit)
}

// newest reads the transfers that were recorded last, newest first. It reads all books for that: an index would cost each
// transfer something, and the list is wanted once in a while.
func (s *store) newest(ctx context.Context, limit int) ([]transfer, error) {
	return s.list(ctx, "WHERE state <> $1 ORDER BY accepted_at DESC, transfer_key LIMIT $2", int64(unrecorded), limit)
}

func (s *store) list(ctx context.Context, which string, args ...any) ([]transfer, error) {
	rows, err := s.reader.QueryContext(ctx, s.text("SELECT "+transferColumns+" FROM {s}transfers "+which), args...)
	if err != nil {
		return nil, fmt.Errorf("list transfers: %w", err)
	}
	defer rows.Close()
	var page []transfer
	for rows.Next() {
		t, err := scanTransfer(rows)
		if err != nil {
			return nil, fmt.Errorf("list transfers: %w", err)
		}
		page = append(page, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list transfers: %w", err)
	}
	return page, nil
}

// soonest is when the next task is due, in microseconds; false where there is none.
func (s *store) soonest(ctx context.Context) (int64, bool, error) {
	var at sql.NullInt64
	if err := s.reader.QueryRowContext(ctx, s.text("SELECT MIN(next_at) FROM {s}tasks")).Scan(&at); err != nil {
		return 0, false, fmt.Errorf("read the next task's time: %w", err)
	}
	return at.Int64, at.Valid, nil
}

// endpoint reads where notices of that number go.
func (s *store) endpoint(ctx context.Context, id int64) (endpoint, error) {
	e := endpoint{id: id}
	err := s.reader.QueryRowContext(ctx, s.text("SELECT url, secret FROM {s}endpoints WHERE id = $1"), id).Scan(&e.url, &e.secret)
	if err != nil {
		return e, fmt.Errorf("read endpoint %d: %w", id, err)
	}
	e.secret, err = s.unsealSecret(id, e.secret)
	return e, err
}

func scanTransfer(row interface{ Scan(...any) error }) (transfer, error) {
	var t transfer
	err := row.Scan(&t.key, &t.reference, &t.amount, &t.currency, &t.account, &t.endpoint, &t.submissions, &t.executed,
		&t.state, &t.reason, &t.acceptedAt, &t.resultAt, &t.returnedAt)
	return t, err
}

// again reports whether a commit that failed with err was rolled back for a reason that passes, so that it may be
// run again. A lost connection is not among them: the commit may have happened.
func again(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40P01" || pg.Code == "40001" // deadlock, serialization failure
	}
	return false
}

// keepPrivate makes the bank's file, and those beside it that are there, readable by their owner only: account numbers
// stand in them. Files that SQLite makes take after the first.
func keepPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("bank: open %s (is it the bank's own SQLite file, in a directory that exists?): %w", path, err)
	}
	_ = f.Close()
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("bank: %s must be readable by its owner only: %w", name, err)
		}
	}
	return nil
}
