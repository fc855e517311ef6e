package store

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
)

// bulk is one statement over many rows: head, then row once for each, then tail. In row, %i is a parameter of type BIGINT,
// %s of TEXT, %b of bytes. It is prepared in a few fixed sizes; the writer's one on PostgreSQL takes an array for each
// parameter, whatever their length (arrays.go).
type bulk struct {
	head, row, tail string
	columns         int
	texts           map[*dialect][len(bulkSizes)]string
	types           []byte // of the parameters: i, s, b
	arrays          string
}

var bulkSizes = [...]int{256, 128, 64, 32, 16, 8, 4, 2, 1}

// newBulk makes a bulk statement. For the texts to be the same at each call, all are made here, once.
func newBulk(head, row, tail string) *bulk {
	b := &bulk{head: head, row: row, tail: tail, columns: strings.Count(row, "%"), texts: make(map[*dialect][len(bulkSizes)]string)}
	for _, d := range []*dialect{&sqliteDialect, &postgresDialect} {
		var texts [len(bulkSizes)]string
		for i, size := range bulkSizes {
			texts[i] = b.text(d, size)
		}
		b.texts[d] = texts
	}
	b.overArrays()
	return b
}

var parameter = regexp.MustCompile(`%[isb]`)

func (b *bulk) text(d *dialect, rows int) string {
	var sb strings.Builder
	sb.WriteString(b.head)
	n := 0
	for r := range rows {
		if r > 0 {
			sb.WriteString(", ")
		}
		sb.WriteString(parameter.ReplaceAllStringFunc(b.row, func(string) string {
			n++
			return d.position(n)
		}))
	}
	sb.WriteString(b.tail)
	return d.sql(orFail(d, sb.String()))
}

var writeWords = regexp.MustCompile(`\b(INSERT|UPDATE) (INTO )?([a-z_]+)`)

// orFail spares SQLite a copy of each page that a statement of many rows is about to change: it is made for the case that a
// row fails and the statement alone is undone. Here the whole transaction always is.
func orFail(d *dialect, text string) string {
	if d.name != "sqlite" {
		return text
	}
	return writeWords.ReplaceAllString(text, "$1 OR FAIL $2$3")
}

// read runs a query over all rows of args on a connection of a pool, outside of any transaction.
func (b *bulk) read(ctx context.Context, db *database, args []any, scan func(*sql.Rows) error) error {
	return b.split(db.dialect, args, func(text string, args []any) error { return db.read(ctx, text, scan, args...) })
}

// later executes the statement over all rows of args, which holds b.columns values a row: PostgreSQL gets it with the next
// round trip, SQLite at once. scan, where given, gets each row that comes back; what it uses may not be changed before flush.
func (b *bulk) later(ctx context.Context, s *session, args []any, scan func(row) error) error {
	if s.dialect == &postgresDialect {
		return b.queue(s, args, scan)
	}
	return b.split(s.dialect, args, func(text string, args []any) error {
		if scan != nil {
			return s.query(ctx, text, func(r *sql.Rows) error { return scan(r) }, args...)
		}
		_, err := s.exec(ctx, text, args...)
		return err
	})
}

// run is later whose rows have come when it returns.
func (b *bulk) run(ctx context.Context, s *session, args []any, scan func(row) error) error {
	if err := b.later(ctx, s, args, scan); err != nil {
		return err
	}
	return s.flush(ctx)
}

// split calls f with the text and the values of one fixed size after the other.
func (b *bulk) split(d *dialect, args []any, f func(text string, args []any) error) error {
	if err := b.whole(args); err != nil {
		return err
	}
	texts := b.texts[d]
	for i := 0; len(args) > 0; {
		size := bulkSizes[i] * b.columns
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
