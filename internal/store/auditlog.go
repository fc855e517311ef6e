package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// LogPlace is where a line stands in the log.
type LogPlace struct {
	At time.Time
	ID int64
}

// Place is where the line stands in the log.
func (a *Act) Place() LogPlace { return LogPlace{a.At, a.ID} }

// LogFilter says which lines are listed; what is empty fits everything, and names are compared whole.
type LogFilter struct {
	Actor, Action, Object string
	From, Until           time.Time // until is not part of the period
	After                 LogPlace  // continue behind this line; zero: from the newest
	Limit                 int
}

// AuditLog lists lines of the audit log, newest first.
func (s *Store) AuditLog(ctx context.Context, f LogFilter) ([]Act, error) {
	var c conditions
	for _, exact := range [][2]string{{"actor = ?", f.Actor}, {"action = ?", f.Action}, {"object = ?", f.Object}} {
		if exact[1] != "" {
			c.add(exact[0], exact[1])
		}
	}
	if !f.From.IsZero() {
		c.add("at >= ?", f.From.UnixMicro())
	}
	if !f.Until.IsZero() {
		c.add("at < ?", f.Until.UnixMicro())
	}
	if !f.After.At.IsZero() {
		c.add("(at, id) < (?, ?)", f.After.At.UnixMicro(), f.After.ID)
	}
	c.args = append(c.args, f.Limit)
	query := "SELECT id, at, actor, action, object, detail FROM audit_log" + c.where() + fmt.Sprintf(" ORDER BY at DESC, id DESC LIMIT $%d", len(c.args))
	var out []Act
	err := s.read(ctx, query, func(r *sql.Rows) error {
		var a Act
		var at int64
		err := r.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Object, &a.Detail)
		a.At = fromMicros(at)
		out = append(out, a)
		return err
	}, c.args...)
	return out, s.unavailable(err)
}
