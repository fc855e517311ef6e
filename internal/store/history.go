package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"flashpay/internal/store/sqldb"
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

// ActsOf lists what some actors did, newest first, at most limit; behind an act where one is given, of which At and ID
// count.
func (s *Store) ActsOf(ctx context.Context, actors []string, behind Act, limit int) ([]Act, error) {
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
	var out []Act
	err := sqldb.Query(ctx, s.DB().Reads, query, args...).Each(func(r *sql.Rows) error {
		var a Act
		var at int64
		err := r.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Object, &a.Detail)
		a.At = sqldb.FromMicros(at)
		out = append(out, a)
		return err
	})
	return out, s.DB().Unavailable(err)
}
