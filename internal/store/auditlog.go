package store

import (
	"context"
	"database/sql"
	"time"
)

// Place is where the line stands in the log.
func (a *Act) Place() Cursor { return Cursor{a.At.UnixMicro(), a.ID} }

// LogFilter says which lines are listed; what is empty fits everything, and names are compared whole.
type LogFilter struct {
	Actor, Action, Object string
	From, Until           time.Time // until is not part of the period
	After                 *Cursor   // continue behind this line; nil: from the newest
	Limit                 int
}

// AuditLog lists lines of the audit log, newest first.
func (s *Store) AuditLog(ctx context.Context, f LogFilter) ([]Act, error) {
	q := &query{}
	q.text("SELECT id, at, actor, action, object, detail FROM audit_log WHERE 1 = 1").where(f.conditions())
	q.text(" ORDER BY at DESC, id DESC LIMIT ").arg(int64(f.Limit))
	var out []Act
	err := s.db.read(ctx, q.String(), func(r *sql.Rows) error {
		var a Act
		var at int64
		err := r.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Object, &a.Detail)
		a.At = fromMicros(at)
		out = append(out, a)
		return err
	}, q.args...)
	return out, s.db.unavailable(err)
}

func (f *LogFilter) conditions() (out []func(*query)) {
	exact := func(column, value string) {
		if value != "" {
			out = append(out, func(q *query) { q.text(column + " = ").arg(value) })
		}
	}
	exact("actor", f.Actor)
	exact("action", f.Action)
	exact("object", f.Object)
	if !f.From.IsZero() {
		out = append(out, func(q *query) { q.text("at >= ").arg(f.From.UnixMicro()) })
	}
	if !f.Until.IsZero() {
		out = append(out, func(q *query) { q.text("at < ").arg(f.Until.UnixMicro()) })
	}
	if f.After != nil {
		out = append(out, func(q *query) { q.text("(at, id) < (").arg(f.After.At).text(", ").arg(f.After.ID).text(")") })
	}
	return out
}
