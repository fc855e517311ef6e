package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
	"flashpay/internal/store/sqldb"
)

// StoredNotification is a provider's notification, stored as it came in, before anybody has read it.
type StoredNotification struct {
	ID       int64
	Provider string
	Tries    int
	provider.Notification
}

// notificationItem stores a notification, or moves one that is stored.
type notificationItem struct {
	stored *StoredNotification // to insert
	sealed []byte

	id     int64 // to move
	state  string
	err    string
	nextAt time.Time
}

// NotificationLease is how long a notification belongs to the process that took it.
const NotificationLease = 15 * time.Second

// SaveNotification stores a notification raw; when it returns nil, the provider may be told that it arrived.
func (s *Store) SaveNotification(ctx context.Context, name string, n provider.Notification) error {
	plain, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("store: notification: %w", err)
	}
	item := &notificationItem{stored: &StoredNotification{Provider: name, Notification: n}}
	if item.sealed, err = s.vault.Seal(plain, "notification/"+name); err != nil {
		return err
	}
	if err := s.do(ctx, &command{notification: item}); err != nil {
		return err
	}
	if s.engine != nil {
		s.engine.Notify(item.stored)
	}
	return nil
}

// WaitingNotifications counts the notifications that nobody has read, up to most.
func (s *Store) WaitingNotifications(ctx context.Context, most int64) (n int64, err error) {
	const count = "SELECT COUNT(*) FROM (SELECT 1 FROM notifications WHERE next_at IS NOT NULL LIMIT $1) AS waiting"
	err = sqldb.One(ctx, s.db.Reads, count, most).Scan(&n)
	return n, s.db.Unavailable(err)
}

// FinishNotification marks a notification as done, or, with an error's text, as refused: it is kept, and never believed.
func (s *Store) FinishNotification(ctx context.Context, id int64, refusal string) error {
	item := &notificationItem{id: id, state: "done", err: refusal}
	if refusal != "" {
		item.state = "refused"
	}
	return s.do(ctx, &command{notification: item})
}

// PostponeNotification gives a notification back, to be tried again later.
func (s *Store) PostponeNotification(ctx context.Context, id int64, cause string, nextAt time.Time) error {
	return s.do(ctx, &command{notification: &notificationItem{id: id, state: "new", err: cause, nextAt: nextAt}})
}

var insertNotifications = sqldb.NewBulk(
	"INSERT INTO notifications (id, shard, provider, sealed, received_at, state, error, tries, next_at, lease) VALUES ",
	"(%i, %i, %s, %b, %i, 'new', '', 0, %i, %i)", " ON CONFLICT (id) DO NOTHING")

var moveNotifications = sqldb.NewBulk("WITH v (id, state, error, next_at) AS (VALUES ",
	"(CAST(%i AS BIGINT), CAST(%s AS TEXT), CAST(%s AS TEXT), CAST(%i AS BIGINT))",
	`) UPDATE notifications SET state = v.state, error = v.error, next_at = v.next_at, lease = NULL, tries = notifications.tries + 1
		FROM v WHERE notifications.id = +v.id AND notifications.state = 'new'`)

func (t *Tx) writeNotifications(ctx context.Context, commands []*command) error {
	var inserts, moves []any
	shard := t.store.shard.Load()
	for _, c := range commands {
		n := c.notification
		if c.step != nil && c.step.won && c.step.before.Notification != 0 {
			n = &notificationItem{id: c.step.before.Notification, state: "done"}
		}
		switch {
		case n == nil:
		case n.stored != nil:
			if n.stored.ID == 0 { // else the commit before, whose outcome was not known, may have stored it
				n.stored.ID = t.RowID()
			}
			nextAt, lease := t.now.UnixMicro(), any(nil)
			if t.store.engine != nil { // it is offered this one, and has some time for it
				nextAt, lease = t.now.Add(NotificationLease).UnixMicro(), shard
			}
			inserts = append(inserts, n.stored.ID, shard, n.stored.Provider, n.sealed, t.now.UnixMicro(), nextAt, lease)
		default:
			moves = append(moves, n.id, n.state, n.err, optionalMicros(n.nextAt))
		}
	}
	if err := insertNotifications.Later(ctx, t.conn, inserts, nil); err != nil {
		return err
	}
	return moveNotifications.Later(ctx, t.conn, moves, nil)
}

// LeaseNotifications leases up to n notifications that nobody has handled, oldest first.
func (s *Store) LeaseNotifications(ctx context.Context, n int) ([]*StoredNotification, error) {
	due, err := s.db.Numbers(ctx, "SELECT id FROM notifications WHERE next_at <= $1 ORDER BY next_at LIMIT 1", s.Now().UnixMicro())
	if err != nil || len(due) == 0 {
		return nil, err
	}
	var out []*StoredNotification
	err = s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		out = out[:0]
		const lease = `WITH due AS MATERIALIZED (SELECT id FROM notifications WHERE next_at <= $1 ORDER BY next_at LIMIT $2{{skip_locked}})
			UPDATE notifications SET lease = $3, next_at = $4 FROM due WHERE notifications.id = due.id
			RETURNING notifications.id, provider, tries, sealed`
		return t.Query(ctx, lease, func(r *sql.Rows) error {
			stored := &StoredNotification{}
			var sealed []byte
			if err := r.Scan(&stored.ID, &stored.Provider, &stored.Tries, &sealed); err != nil {
				return err
			}
			out = append(out, stored)
			plain, err := s.vault.Unseal(sealed, "notification/"+stored.Provider)
			if err == nil {
				err = json.Unmarshal(plain, &stored.Notification)
			}
			return err
		}, t.now.UnixMicro(), n, t.store.shard.Load(), t.now.Add(NotificationLease).UnixMicro())
	}})
	return out, err
}

// OpenUnknownKey keeps a provider's report on a key that the platform never made as a discrepancy.
func (s *Store) OpenUnknownKey(ctx context.Context, providerName, key string, detail Detail) error {
	return s.do(ctx, &command{exec: func(_ context.Context, t *Tx) error {
		t.open = append(t.open, discrepancy{kind: payout.UnknownKey, detail: detail.String(), dedup: providerName + " " + key})
		return nil
	}})
}

// SaveRejection keeps a refused request whose signature was good, for 24 hours.
func (s *Store) SaveRejection(ctx context.Context, r Rejection) error {
	if err := s.roomForMore(); err != nil {
		return err
	}
	return s.do(ctx, &command{rejection: &r})
}

var insertRejections = sqldb.NewBulk("INSERT INTO rejections (request_id, project_id, status, body, at) VALUES ", "(%s, %i, %i, %b, %i)",
	" ON CONFLICT (request_id) DO NOTHING")

func (t *Tx) writeRejections(ctx context.Context, commands []*command) error {
	var args []any
	for _, c := range commands {
		if r := c.rejection; r != nil {
			args = append(args, r.RequestID, r.ProjectID, int64(r.Status), r.Body, t.now.UnixMicro())
		}
	}
	return insertRejections.Later(ctx, t.conn, args, nil)
}

// rejectionLife is how long a rejection can be asked for (product.md §2).
const rejectionLife = 24 * time.Hour

// RejectionByRequest finds a kept rejection. ErrNotFound: none of this project, or older than 24 hours.
func (s *Store) RejectionByRequest(ctx context.Context, projectID int64, requestID string) (*Rejection, error) {
	r := &Rejection{RequestID: requestID, ProjectID: projectID}
	var at int64
	const find = "SELECT status, body, at FROM rejections WHERE request_id = $1 AND project_id = $2 AND at > $3"
	err := sqldb.One(ctx, s.db.Reads, find, requestID, projectID, s.Now().Add(-rejectionLife).UnixMicro()).Scan(&r.Status, &r.Body, &at)
	if err != nil {
		return nil, s.db.Unavailable(sqldb.NotFound(err))
	}
	r.At = sqldb.FromMicros(at)
	return r, nil
}

// What nobody can ask for any more is deleted after a while.
const (
	notificationLife = 30 * 24 * time.Hour // of those that were read: what they said is in the journal
	refusedLife      = 7 * 24 * time.Hour  // of those that were not the provider's: anybody can post them
	commandLife      = 24 * time.Hour

	// TryLife is how long a count of tries is kept behind its newest one: longer than any is remembered.
	TryLife = 48 * time.Hour
	// DeviceLife is how long a device is known after its newest sign-in.
	DeviceLife = 180 * 24 * time.Hour
)

// dropPiece is how many rows one commit of DropOld deletes at most: the writer has other work. Tests make it smaller.
var dropPiece int64 = 1000

// DropOld deletes what nobody can ask for any more: old rejections, handled notifications, and the names of acts that are
// done. It deletes a piece to a commit, between which others have their turn, until nothing is due.
func (s *Store) DropOld(ctx context.Context) error {
	for _, d := range []struct {
		text string
		life time.Duration
	}{
		{"DELETE FROM rejections WHERE request_id IN (SELECT request_id FROM rejections WHERE at < $1 LIMIT $2)", rejectionLife},
		{"DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE received_at < $1 AND state = 'refused' LIMIT $2)", refusedLife},
		{"DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE received_at < $1 AND state = 'done' LIMIT $2)", notificationLife},
		{"DELETE FROM commands_done WHERE name IN (SELECT name FROM commands_done WHERE at < $1 LIMIT $2)", commandLife},
		{"DELETE FROM sent_alone WHERE id IN (SELECT id FROM sent_alone WHERE at < $1 LIMIT $2)", aloneWithin},
		{"DELETE FROM sign_in_tries WHERE digest IN (SELECT digest FROM sign_in_tries WHERE at < $1 LIMIT $2)", TryLife},
		{"DELETE FROM user_sessions WHERE id IN (SELECT id FROM user_sessions WHERE expires_at < $1 LIMIT $2)", 0},
		{"DELETE FROM user_devices WHERE (user_id, token) IN (SELECT user_id, token FROM user_devices WHERE seen_at < $1 LIMIT $2)", DeviceLife},
	} {
		before := s.Now().Add(-d.life).UnixMicro() // once, or what becomes due meanwhile would keep it here
		for gone := dropPiece; gone == dropPiece; {
			err := s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) (err error) {
				gone, err = t.Exec(ctx, d.text, before, dropPiece)
				return err
			}})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
