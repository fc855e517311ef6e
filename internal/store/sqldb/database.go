// Package sqldb is SQL on two engines, SQLite and PostgreSQL, from one text: connections, prepared and bulk statements,
// pools for reading, and what an error of either engine means. It knows no word of payouts. Only internal/store and the
// packages below it use it.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
)

// DB is an open database: its engine and its pools of connections. It is safe for concurrent use.
type DB struct {
	Dialect  *Dialect
	Reads    *sql.DB
	Lists    *sql.DB      // reads by key and index only (Dialect.ByKey)
	Writes   *sql.DB      // the writer's connection, and those of what must not wait for it
	Probes   *sql.DB      // of PostgreSQL: each connection is new
	prepared sync.Map     // *sql.Stmt on Lists, by their texts
	direct   direct       // of SQLite: what Stream reads by
	lost     atomic.Int64 // how often the database was lost
}

// Errors of every call.
var (
	ErrUnavailable = errors.New("store: the database does not answer; whether it was stored is not known, repeat the request")
	ErrNotFound    = errors.New("store: not found")
	ErrLost        = errors.New("store: the connection is lost")
)

// Unavailable says of an error of a broken connection, or of a lock that others hold, that the database does not answer.
func (db *DB) Unavailable(err error) error {
	if err == nil || errors.Is(err, ErrNotFound) || Classify(err) == FaultItem {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Unavailable says whether an error of this package, also one that is wrapped, means that the database cannot be used now,
// and not that something is wrong with what was asked for.
func Unavailable(err error) bool {
	return errors.Is(err, ErrUnavailable) || err != nil && Classify(err) != FaultItem
}

// NotFound turns «no rows» into ErrNotFound.
func NotFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// Read runs a query outside of any transaction, prepared once for each of the pool's connections; on PostgreSQL by keys
// and indexes only (Dialect.ByKey).
func (db *DB) Read(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	known, ok := db.prepared.Load(text)
	if !ok {
		stmt, err := db.Lists.PrepareContext(ctx, text)
		if err != nil {
			return fmt.Errorf("store: preparing %q: %w", FirstWords(text), err)
		}
		var twice bool
		if known, twice = db.prepared.LoadOrStore(text, stmt); twice {
			_ = stmt.Close()
		}
	}
	rows, err := known.(*sql.Stmt).QueryContext(ctx, storables(args)...)
	if err != nil {
		return fmt.Errorf("store: %s: %w", FirstWords(text), err)
	}
	return eachRow(rows, scan)
}

// Result is what a query answers: Each runs it.
type Result struct {
	query func() (*sql.Rows, error)
	words string
}

// Query is a query on a pool or a connection of its own; it runs with Each.
func Query(ctx context.Context, on interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}, text string, args ...any,
) Result {
	return Result{func() (*sql.Rows, error) { return on.QueryContext(ctx, text, storables(args)...) }, FirstWords(text)}
}

// Each calls scan for each row of the answer. Its error is the query's or the first of scan's.
func (r Result) Each(scan func(*sql.Rows) error) error {
	rows, err := r.query()
	if err == nil {
		err = eachRow(rows, scan)
	}
	if err != nil {
		return fmt.Errorf("store: %s: %w", r.words, err)
	}
	return nil
}

// Prepared lists the texts that Read has met, for tests of their plans.
func (db *DB) Prepared() iter.Seq[string] {
	return func(yield func(string) bool) {
		db.prepared.Range(func(text, _ any) bool { return yield(text.(string)) })
	}
}

// List runs a query whose text differs from call to call, so that it is not kept prepared; on PostgreSQL by keys and
// indexes only.
func (db *DB) List(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	return Query(ctx, db.Lists, text, args...).Each(scan)
}

// DropConnections sees to it that no connection is used again that was made before now: the database was lost.
func (db *DB) DropConnections() { db.lost.Add(1) }

// Answers asks the server, on a new connection, whether it is there. One that has no connection to give is.
func (db *DB) Answers(ctx context.Context) error {
	err := db.Probes.PingContext(ctx)
	var said *pgconn.PgError
	if errors.As(err, &said) && strings.HasPrefix(said.Code, "53") {
		return nil
	}
	return err
}

// Losses says how often the database was lost.
func (db *DB) Losses() int64 { return db.lost.Load() }

// Numbers runs a query that returns one number a row.
func (db *DB) Numbers(ctx context.Context, query string, args ...any) (out []int64, err error) {
	err = db.Read(ctx, query, func(r *sql.Rows) error {
		var v int64
		err := r.Scan(&v)
		out = append(out, v)
		return err
	}, args...)
	return out, err
}
