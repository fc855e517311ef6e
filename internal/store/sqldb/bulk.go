package sqldb

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
	"sync"
)

// Bulk is one statement over many rows: head, then row once for each, then tail. In row, %i is a parameter of type BIGINT,
// %s of TEXT, %b of bytes. It is prepared in a few fixed sizes; the writer's one on PostgreSQL takes an array for each
// parameter, whatever their length (arrays.go).
type Bulk struct {
	head, row, tail string
	Columns         int // values a row
	texts           map[*Dialect]func() *[len(BulkSizes)]string
	types           []byte // of the parameters: i, s, b
	Arrays          string
}

// BulkSizes are the numbers of rows for which a bulk statement is prepared.
var BulkSizes = [...]int{256, 128, 64, 32, 16, 8, 4, 2, 1}

// NewBulk makes a bulk statement.
func NewBulk(head, row, tail string) *Bulk {
	b := &Bulk{head: head, row: row, tail: tail, Columns: strings.Count(row, "%"), texts: make(map[*Dialect]func() *[len(BulkSizes)]string)}
	for _, d := range []*Dialect{&SQLite, &Postgres} {
		// Made when they are first needed: a command that reads one payout would wait for megabytes of statements.
		b.texts[d] = sync.OnceValue(func() *[len(BulkSizes)]string {
			var texts [len(BulkSizes)]string
			for i, size := range BulkSizes {
				texts[i] = b.text(d, size)
			}
			return &texts
		})
	}
	b.overArrays()
	return b
}

// Texts are the statement over so many rows as BulkSizes says, the same ones at each call.
func (b *Bulk) Texts(d *Dialect) *[len(BulkSizes)]string { return b.texts[d]() }

var parameter = regexp.MustCompile(`%[isb]`)

func (b *Bulk) text(d *Dialect, rows int) string {
	var sb strings.Builder
	sb.WriteString(b.head)
	n := 0
	for r := range rows {
		if r > 0 {
			sb.WriteString(", ")
		}
		sb.WriteString(parameter.ReplaceAllStringFunc(b.row, func(string) string {
			n++
			return d.Position(n)
		}))
	}
	sb.WriteString(b.tail)
	return d.SQL(orFail(d, sb.String()))
}

var writeWords = regexp.MustCompile(`\b(INSERT|UPDATE) (INTO )?([a-z_]+)`)

// orFail spares SQLite a copy of each page that a statement of many rows is about to change: it is made for the case that a
// row fails and the statement alone is undone. Here the whole transaction always is.
func orFail(d *Dialect, text string) string {
	if d.Name != "sqlite" {
		return text
	}
	return writeWords.ReplaceAllString(text, "$1 OR FAIL $2$3")
}

// Read runs a query over all rows of args on a connection of a pool, outside of any transaction.
func (b *Bulk) Read(ctx context.Context, db *DB, args []any, scan func(*sql.Rows) error) error {
	return b.Split(db.Dialect, args, func(text string, args []any) error { return db.Read(ctx, text, scan, args...) })
}

// Later executes the statement over all rows of args, which holds b.columns values a row: PostgreSQL gets it with the next
// round trip, SQLite at once. scan, where given, gets each row that comes back; what it uses may not be changed before Flush.
func (b *Bulk) Later(ctx context.Context, s *Conn, args []any, scan func(Row) error) error {
	if s.Dialect == &Postgres {
		return b.queue(s, args, scan)
	}
	return b.Split(s.Dialect, args, func(text string, args []any) error {
		if scan != nil {
			return s.Query(ctx, text, func(r *sql.Rows) error { return scan(r) }, args...)
		}
		_, err := s.Exec(ctx, text, args...)
		return err
	})
}

// Run is Later whose rows have come when it returns.
func (b *Bulk) Run(ctx context.Context, s *Conn, args []any, scan func(Row) error) error {
	if err := b.Later(ctx, s, args, scan); err != nil {
		return err
	}
	return s.Flush(ctx)
}

// Split calls f with the text and the values of one fixed size after the other.
func (b *Bulk) Split(d *Dialect, args []any, f func(text string, args []any) error) error {
	if err := b.whole(args); err != nil {
		return err
	}
	texts := b.Texts(d)
	for i := 0; len(args) > 0; {
		size := BulkSizes[i] * b.Columns
		if len(args) < size {
			i++
			continue
		}
		if err := f(texts[i], args[:size]); err != nil {
			return err
		}
		args = args[size:]
	}
	return nil
}
