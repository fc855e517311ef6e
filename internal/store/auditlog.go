package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"flashpay/internal/store/sqldb"
)

// Place is where the line stands in the log.
func (a *AuditEntry) Place() Cursor { return Cursor{a.At.UnixMicro(), a.ID} }

// AuditFilter says which lines are listed; what is empty fits everything, and names are compared whole.
type AuditFilter struct {
	Actor, Action, Object string
	From, Until           time.Time // until is not part of the period
	After                 *Cursor   // continue behind this line; nil: from the newest
	Limit                 int
}

// AuditLog lists lines of the audit log, newest first.
func (s *Store) AuditLog(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	q := &sqldb.Statement{}
	q.Text("SELECT id, at, actor, action, object, detail FROM audit_log WHERE 1 = 1").Where(f.conditions())
	q.Text(" ORDER BY at DESC, id DESC LIMIT ").Arg(int64(f.Limit))
	var out []AuditEntry
	err := s.db.Read(ctx, q.String(), func(r *sql.Rows) error {
		var a AuditEntry
		var at int64
		err := r.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Object, &a.Detail)
		a.At = sqldb.FromMicros(at)
		out = append(out, a)
		return err
	}, q.Args...)
	return out, s.db.Unavailable(err)
}

func (f *AuditFilter) conditions() (out []func(*sqldb.Statement)) {
	exact := func(column, value string) {
		if value != "" {
			out = append(out, func(q *sqldb.Statement) { q.Text(column + " = ").Arg(value) })
		}
	}
	exact("actor", f.Actor)
	exact("action", f.Action)
	exact("object", f.Object)
	if !f.From.IsZero() {
		out = append(out, func(q *sqldb.Statement) { q.Text("at >= ").Arg(f.From.UnixMicro()) })
	}
	if !f.Until.IsZero() {
		out = append(out, func(q *sqldb.Statement) { q.Text("at < ").Arg(f.Until.UnixMicro()) })
	}
	if f.After != nil {
		out = append(out, func(q *sqldb.Statement) { q.Text("(at, id) < (").Arg(f.After.At).Text(", ").Arg(f.After.ID).Text(")") })
	}
	return out
}

// AuditEntry is a line of the audit log.
type AuditEntry struct {
	ID     int64
	At     time.Time
	Actor  string // "user 17 <aida@example.kg>", "cli:root"
	Action string
	Object string
	Detail string // JSON, without account numbers and secrets
}

// AuditEntriesOf lists what some actors did, newest first, at most limit; behind an act where one is given, of which At and ID
// count.
func (s *Store) AuditEntriesOf(ctx context.Context, actors []string, behind AuditEntry, limit int) ([]AuditEntry, error) {
	if len(actors) == 0 {
		return nil, nil
	}
	if behind.At.IsZero() {
		behind.At = s.Now().Add(time.Hour)
	}
	args := make([]any, 0, len(actors)+4)
	marks := make([]string, 0, len(actors))
	for _, actor := range actors {
		args = append(args, actor)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	at, n := behind.At.UnixMicro(), len(args)
	args = append(args, at, at, behind.ID, limit)
	query := fmt.Sprintf(`SELECT id, at, actor, action, object, detail FROM audit_log WHERE actor IN (%s)
		AND at <= $%d AND (at < $%d OR id < $%d) ORDER BY at DESC, id DESC LIMIT $%d`, strings.Join(marks, ", "), n+1, n+2, n+3, n+4)
	var out []AuditEntry
	err := sqldb.Query(ctx, s.DB().Reads, query, args...).Each(func(r *sql.Rows) error {
		var a AuditEntry
		var at int64
		err := r.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Object, &a.Detail)
		a.At = sqldb.FromMicros(at)
		out = append(out, a)
		return err
	})
	return out, s.DB().Unavailable(err)
}
