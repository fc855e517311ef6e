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
		t.discrepancies = append(t.discrepancies, discrepancy{kind: payout.UnknownKey, detail: detail.String(), dedup: providerName + " " + key})
		return nil
	}})
}
