package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Act is a line of the audit log.
type Act struct {
	ID     int64
	At     time.Time
	Actor  string // "user 17 <aida@example.kg>", "cli:root"
	Action string
	Object string
	Detail string // JSON, without account numbers and secrets
}

// ActsOf lists what some actors did, newest first, at most limit, before a time where one is given.
func (s *Store) ActsOf(ctx context.Context, actors []string, before time.Time, limit int) ([]Act, error) {
	if len(actors) == 0 {
		return nil, nil
	}
	if before.IsZero() {
		before = s.Now().Add(time.Hour)
	}
	args := make([]any, 0, len(actors)+2)
	marks := make([]string, 0, len(actors))
	for _, actor := range actors {
		args = append(args, actor)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	args = append(args, before.UnixMicro(), limit)
	query := fmt.Sprintf(`SELECT id, at, actor, action, object, detail FROM audit_log WHERE actor IN (%s) AND at < $%d
		ORDER BY at DESC, id DESC LIMIT $%d`, strings.Join(marks, ", "), len(args)-1, len(args))
	rows, err := s.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.unavailable(fmt.Errorf("store: audit log: %w", err))
	}
	var out []Act
	err = eachRow(rows, func(r *sql.Rows) error {
		var a Act
		var at int64
		err := r.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Object, &a.Detail)
		a.At = fromMicros(at)
		out = append(out, a)
		return err
	})
	return out, s.unavailable(err)
}
