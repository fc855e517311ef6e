package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
)

// Conn is one connection with its prepared statements. It belongs to one goroutine.
type Conn struct {
	Dialect    *Dialect
	conn       *sql.Conn
	statements map[string]*sql.Stmt
	Queued     []queuedStatement // what PostgreSQL gets with the next round trip
}

// queuedStatement is a statement that waits for the next round trip.
type queuedStatement struct {
	text   string
	params [][]byte        // in PostgreSQL's binary form
	scan   func(Row) error // nil: no rows are wanted
}

// Row is a row that comes back: *sql.Rows and pgx.Rows are.
type Row interface{ Scan(into ...any) error }

// Connect takes a connection out of a pool, for as long as the Conn lives, and sets it up for writing.
func Connect(ctx context.Context, d *Dialect, db *sql.DB) (*Conn, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: opening a connection: %w", err)
	}
	if d.settings != "" {
		if _, err := conn.ExecContext(ctx, d.settings); err != nil {
			return nil, errors.Join(fmt.Errorf("store: setting up a connection: %w", err), conn.Close())
		}
	}
	return &Conn{Dialect: d, conn: conn, statements: make(map[string]*sql.Stmt)}, nil
}

// Close ends the connection, whatever state it is in: a pool must not hand it out again. Where no other
// takes its place, its next statement fails as on a connection that broke.
func (s *Conn) Close() {
	for _, stmt := range s.statements {
		_ = stmt.Close()
	}
	clear(s.statements)
	s.Queued = nil
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn }) // the pool closes it
	_ = s.conn.Close()
}

// Begin begins a transaction: on PostgreSQL with the first round trip.
func (s *Conn) Begin(ctx context.Context) error {
	s.Queued = nil
	return s.plain(ctx, s.Dialect.words["begin"])
}

// Commit ends a transaction, with the last round trip of it.
func (s *Conn) Commit(ctx context.Context) error {
	if err := s.plain(ctx, "COMMIT"); err != nil {
		return err
	}
	return s.Flush(ctx)
}

// Rollback ends a transaction, and drops what waits.
func (s *Conn) Rollback(ctx context.Context) error {
	s.Queued = nil
	_, err := s.conn.ExecContext(ctx, "ROLLBACK")
	return err
}

// WaitForLocks sets how long PostgreSQL waits for a lock, between transactions.
func (s *Conn) WaitForLocks(ctx context.Context, d time.Duration) error {
	_, err := s.conn.ExecContext(ctx, fmt.Sprintf("SET lock_timeout = %d", d.Milliseconds()))
	return err
}

// plain runs a statement without parameters: PostgreSQL gets it with the next round trip, SQLite, which is here, at once.
func (s *Conn) plain(ctx context.Context, text string) error {
	if s.Dialect == &Postgres {
		s.Queued = append(s.Queued, queuedStatement{text: text})
		return nil
	}
	_, err := s.conn.ExecContext(ctx, text)
	return err
}

// Flush sends what waits, all at once, and reads all answers.
func (s *Conn) Flush(ctx context.Context) error {
	if len(s.Queued) == 0 {
		return nil
	}
	queued := s.Queued
	s.Queued = nil
	return s.conn.Raw(func(raw any) error {
		conn := raw.(*stdlib.Conn).Conn()
		batch := new(pgconn.Batch)
		for _, q := range queued {
			statement, err := conn.Prepare(ctx, q.text, q.text) // the connection does so once
			if err != nil {
				return fmt.Errorf("store: preparing %q: %w", FirstWords(q.text), err)
			}
			batch.ExecStatement(statement, q.params, binaryFormat, binaryFormat)
		}
		answers := conn.PgConn().ExecBatch(ctx, batch)
		for i := range queued {
			if err := queued[i].read(conn.TypeMap(), answers); err != nil {
				return errors.Join(err, answers.Close())
			}
		}
		return answers.Close()
	})
}

var binaryFormat = []int16{pgx.BinaryFormatCode}

// read reads the answer to a statement.
func (q *queuedStatement) read(types *pgtype.Map, answers *pgconn.MultiResultReader) error {
	var err error
	switch {
	case !answers.NextResult():
		err = cmp.Or(answers.Close(), io.ErrUnexpectedEOF)
	case q.scan == nil:
		_, err = answers.ResultReader().Close()
	default:
		rows := pgx.RowsFromResultReader(types, answers.ResultReader())
		for err == nil && rows.Next() {
			err = q.scan(rows)
		}
		rows.Close()
		err = errors.Join(err, rows.Err())
	}
	if err != nil {
		return fmt.Errorf("store: %s: %w", FirstWords(q.text), err)
	}
	return nil
}

// prepared returns the statement for text, whose {{words}} are filled in, prepared once.
func (s *Conn) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := s.statements[text]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, s.Dialect.SQL(text))
	if err != nil {
		return nil, fmt.Errorf("store: preparing %q: %w", FirstWords(text), err)
	}
	s.statements[text] = stmt
	return stmt, nil
}

// Exec runs a statement that returns no rows and says how many it changed.
func (s *Conn) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := s.Flush(ctx); err != nil {
		return 0, err
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, storables(args)...)
	if err != nil {
		return 0, fmt.Errorf("store: %s: %w", FirstWords(text), err)
	}
	return result.RowsAffected()
}

// Query runs a statement and calls scan for each row.
func (s *Conn) Query(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	if err := s.Flush(ctx); err != nil {
		return err
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, storables(args)...)
	if err != nil {
		return fmt.Errorf("store: %s: %w", FirstWords(text), err)
	}
	if err := eachRow(rows, scan); err != nil {
		return fmt.Errorf("store: %s: %w", FirstWords(text), err)
	}
	return nil
}

// eachRow calls scan for each row and closes them.
func eachRow(rows *sql.Rows, scan func(*sql.Rows) error) error {
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// FirstWords says which statement an error is about.
func FirstWords(text string) string {
	words := strings.Fields(text)
	return strings.Join(words[:min(6, len(words))], " ")
}
