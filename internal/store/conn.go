package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
)

// session is one connection with its prepared statements. It belongs to one goroutine.
type session struct {
	dialect    *dialect
	conn       *sql.Conn
	statements map[string]*sql.Stmt
	queued     []queuedStatement // what PostgreSQL gets with the next round trip
}

// queuedStatement is a statement that waits for the next round trip.
type queuedStatement struct {
	text   string
	params [][]byte        // in PostgreSQL's binary form
	scan   func(row) error // nil: no rows are wanted
}

// row is a row that comes back: *sql.Rows and pgx.Rows are.
type row interface{ Scan(into ...any) error }

func newSession(ctx context.Context, d *dialect, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: opening a connection: %w", err)
	}
	if d.settings != "" {
		if _, err := conn.ExecContext(ctx, d.settings); err != nil {
			return nil, errors.Join(fmt.Errorf("store: setting up a connection: %w", err), conn.Close())
		}
	}
	return &session{dialect: d, conn: conn, statements: make(map[string]*sql.Stmt)}, nil
}

// close ends the session and its connection, whatever state it is in: a pool must not hand it out again. Where no other
// session takes its place, its next statement fails as on a connection that broke.
func (s *session) close() {
	for _, stmt := range s.statements {
		_ = stmt.Close()
	}
	clear(s.statements)
	s.queued = nil
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn }) // the pool closes it
	_ = s.conn.Close()
}

// begin begins a transaction: on PostgreSQL with the first round trip.
func (s *session) begin(ctx context.Context) error {
	s.queued = nil
	return s.plain(ctx, s.dialect.words["begin"])
}

// commit ends a transaction, with the last round trip of it.
func (s *session) commit(ctx context.Context) error {
	if err := s.plain(ctx, "COMMIT"); err != nil {
		return err
	}
	return s.flush(ctx)
}

// rollback ends a transaction, and drops what waits.
func (s *session) rollback(ctx context.Context) error {
	s.queued = nil
	_, err := s.conn.ExecContext(ctx, "ROLLBACK")
	return err
}

// plain runs a statement without parameters: PostgreSQL gets it with the next round trip, SQLite, which is here, at once.
func (s *session) plain(ctx context.Context, text string) error {
	if s.dialect == &postgresDialect {
		s.queued = append(s.queued, queuedStatement{text: text})
		return nil
	}
	_, err := s.conn.ExecContext(ctx, text)
	return err
}

// flush sends what waits, all at once, and reads all answers.
func (s *session) flush(ctx context.Context) error {
	if len(s.queued) == 0 {
		return nil
	}
	queued := s.queued
	s.queued = nil
	return s.conn.Raw(func(raw any) error {
		conn := raw.(*stdlib.Conn).Conn()
		batch := new(pgconn.Batch)
		for _, q := range queued {
			statement, err := conn.Prepare(ctx, q.text, q.text) // the connection does so once
			if err != nil {
				return fmt.Errorf("store: preparing %q: %w", firstWords(q.text), err)
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
		return fmt.Errorf("store: %s: %w", firstWords(q.text), err)
	}
	return nil
}

// prepared returns the statement for text, whose {{words}} are filled in, prepared once.
func (s *session) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := s.statements[text]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, s.dialect.sql(text))
	if err != nil {
		return nil, fmt.Errorf("store: preparing %q: %w", firstWords(text), err)
	}
	s.statements[text] = stmt
	return stmt, nil
}

// exec runs a statement that returns no rows and says how many it changed.
func (s *session) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := s.flush(ctx); err != nil {
		return 0, err
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("store: %s: %w", firstWords(text), err)
	}
	return result.RowsAffected()
}

// query runs a statement and calls scan for each row.
func (s *session) query(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return fmt.Errorf("store: %s: %w", firstWords(text), err)
	}
	if err := eachRow(rows, scan); err != nil {
		return fmt.Errorf("store: %s: %w", firstWords(text), err)
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

func firstWords(text string) string {
	words := strings.Fields(text)
	return strings.Join(words[:min(6, len(words))], " ")
}
