package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// database is an open database: its engine and its pools of connections. It is safe for concurrent use.
type database struct {
	dialect *dialect
	reads   *sql.DB
	lists   *sql.DB  // reads by key and index only (dialect.byKey)
	writes  *sql.DB  // the writer's connection, and those of what must not wait for it
	readers sync.Map // *sql.Stmt on lists, by their texts
}

// Errors of every call.
var (
	ErrUnavailable = errors.New("store: the database does not answer; whether it was stored is not known, repeat the request")
	ErrNotFound    = errors.New("store: not found")
)

// unavailable says of an error of a broken connection that the database does not answer.
func (db *database) unavailable(err error) error {
	if err == nil || errors.Is(err, ErrNotFound) || classify(err) != faultLost {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Unavailable says whether an error of this package, also one that is wrapped, means that the database cannot be used now,
// and not that something is wrong with what was asked for.
func Unavailable(err error) bool {
	return errors.Is(err, ErrUnavailable) || err != nil && classify(err) == faultLost
}

// notFound turns «no rows» into ErrNotFound.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// read runs a query outside of any transaction, prepared once for each of the pool's connections; on PostgreSQL by keys
// and indexes only (dialect.byKey).
func (db *database) read(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	known, ok := db.readers.Load(text)
	if !ok {
		stmt, err := db.lists.PrepareContext(ctx, text)
		if err != nil {
			return fmt.Errorf("store: preparing %q: %w", firstWords(text), err)
		}
		var twice bool
		if known, twice = db.readers.LoadOrStore(text, stmt); twice {
			_ = stmt.Close()
		}
	}
	rows, err := known.(*sql.Stmt).QueryContext(ctx, args...)
	if err != nil {
		return fmt.Errorf("store: %s: %w", firstWords(text), err)
	}
	return eachRow(rows, scan)
}

// list runs a query of the register.
func (db *database) list(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	rows, err := db.lists.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("store: register: %w", err)
	}
	if err := eachRow(rows, scan); err != nil {
		return fmt.Errorf("store: register: %w", err)
	}
	return nil
}

// numbers runs a query that returns one number a row.
func (db *database) numbers(ctx context.Context, query string, args ...any) (out []int64, err error) {
	err = db.read(ctx, query, func(r *sql.Rows) error {
		var v int64
		err := r.Scan(&v)
		out = append(out, v)
		return err
	}, args...)
	return out, err
}
