// Package alerts keeps what users are told of: each thing once to each of them, however many nodes look for it, and by which
// kinds they do not want to be told.
package alerts

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// The kinds of alerts.
const (
	Approval    = "approval"    // waits for who may decide it
	Batch       = "batch"       // of payouts ended, and not all of its rows were paid
	Callbacks   = "callbacks"   // of a project fail
	Discrepancy = "discrepancy" // with a bank was opened
)

// Kinds are all of them.
var Kinds = []string{Approval, Batch, Callbacks, Discrepancy}

// Alert is what one user is told of.
type Alert struct {
	ID        int64
	UserID    int64
	Kind      string
	Subject   string // what it is about
	ProjectID int64  // 0: of none
	Link      string // path of Dashboard
	At        time.Time
	Seen      bool
}

// keptFor is how long alerts are kept. They stay longer than what they are about is looked for.
const keptFor = 90 * 24 * time.Hour

// Add tells of something in a commit. false: the user has been told of it.
func Add(ctx context.Context, t *store.Tx, a *Alert) (bool, error) {
	a.ID, a.At = t.RowID(), t.Now()
	const insert = `INSERT INTO alerts (id, user_id, kind, subject, project_id, link, at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
		ON CONFLICT (user_id, kind, subject) DO NOTHING`
	n, err := t.Exec(ctx, insert, a.ID, a.UserID, a.Kind, a.Subject, a.ProjectID, a.Link, a.At.UnixMicro())
	return n == 1, err
}

const columns = "id, user_id, kind, subject, project_id, link, at, seen_at"

func scan(into *[]Alert) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var a Alert
		var at, seen int64
		err := r.Scan(&a.ID, &a.UserID, &a.Kind, &a.Subject, &a.ProjectID, &a.Link, &at, &seen)
		a.At, a.Seen = sqldb.FromMicros(at), seen != 0
		*into = append(*into, a)
		return err
	}
}

// List lists a user's newest alerts.
func List(ctx context.Context, s *store.Store, user int64, most int) (out []Alert, err error) {
	err = s.DB().List(ctx, "SELECT "+columns+" FROM alerts WHERE user_id = $1 ORDER BY at DESC, id DESC LIMIT $2", scan(&out), user, most)
	return out, s.DB().Unavailable(err)
}

// Of finds alerts of a user by their numbers, oldest first.
func Of(ctx context.Context, s *store.Store, user int64, ids []int64) (out []Alert, err error) {
	q := &sqldb.Statement{}
	q.Text("SELECT "+columns+" FROM alerts WHERE user_id = ").Arg(user).Text(" AND ").In("id", sqldb.IntArgs(ids)).Text(" ORDER BY at, id")
	err = s.DB().List(ctx, q.String(), scan(&out), q.Args...)
	return out, s.DB().Unavailable(err)
}

// Told are the alerts since a moment, of all users: those need not be added again.
func Told(ctx context.Context, s *store.Store, since time.Time) (out []Alert, err error) {
	err = s.DB().List(ctx, "SELECT "+columns+" FROM alerts WHERE at > $1", scan(&out), since.UnixMicro())
	return out, s.DB().Unavailable(err)
}

// Unseen counts what a user has not seen, up to a number.
func Unseen(ctx context.Context, s *store.Store, user int64, most int) (n int, err error) {
	const count = "SELECT COUNT(*) FROM (SELECT 1 FROM alerts WHERE user_id = $1 AND seen_at = 0 LIMIT $2) AS unseen"
	err = s.DB().Read(ctx, count, func(r *sql.Rows) error { return r.Scan(&n) }, user, most)
	return n, s.DB().Unavailable(err)
}

// Saw notes that a user has seen all up to a number.
func Saw(ctx context.Context, s *store.Store, user, last int64) error {
	return s.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		_, err := t.Exec(ctx, "UPDATE alerts SET seen_at = $1 WHERE user_id = $2 AND seen_at = 0 AND at <= (SELECT at FROM alerts WHERE id = $3)", t.Now().UnixMicro(), user, last)
		return err
	})
}

// Off are the kinds that a user does not want to be told of.
func Off(ctx context.Context, s *store.Store, user int64) ([]string, error) {
	all, err := off(ctx, s, " WHERE user_id = $1", user)
	return all[user], err
}

// OffOfAll are the kinds that users do not want to be told of, by user.
func OffOfAll(ctx context.Context, s *store.Store) (map[int64][]string, error) {
	return off(ctx, s, "")
}

func off(ctx context.Context, s *store.Store, where string, args ...any) (map[int64][]string, error) {
	out := make(map[int64][]string)
	err := s.DB().List(ctx, "SELECT user_id, kind FROM alerts_off"+where, func(r *sql.Rows) error {
		var user int64
		var kind string
		err := r.Scan(&user, &kind)
		out[user] = append(out[user], kind)
		return err
	}, args...)
	return out, s.DB().Unavailable(err)
}

// SetOff says which of the kinds a user does not want to be told of.
func SetOff(ctx context.Context, s *store.Store, once string, user *staff.User, kinds []string) error {
	return s.Do(ctx, once, func(ctx context.Context, t *store.Tx) error {
		if _, err := t.Exec(ctx, "DELETE FROM alerts_off WHERE user_id = $1", user.ID); err != nil {
			return err
		}
		detail := store.Detail{}
		for _, kind := range Kinds {
			if !slices.Contains(kinds, kind) {
				continue
			}
			if _, err := t.Exec(ctx, "INSERT INTO alerts_off (user_id, kind) VALUES ($1, $2)", user.ID, kind); err != nil {
				return err
			}
			detail = detail.Text(kind, "off")
		}
		return t.Audit(ctx, user.Actor(), "alerts", user.Object(), detail)
	})
}

// DropOld deletes alerts whose time is over.
func DropOld(ctx context.Context, s *store.Store) error {
	return s.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		_, err := t.Exec(ctx, "DELETE FROM alerts WHERE at < $1", t.Now().Add(-keptFor).UnixMicro())
		return err
	})
}
