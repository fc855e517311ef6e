package store

import (
	"context"
	"time"
)

// How long some rows are kept after their last use; DeleteExpired deletes them then.
const (
	notificationLife   = 30 * 24 * time.Hour // of those that were read: what they said is in the journal
	refusedLife        = 7 * 24 * time.Hour  // of those that were not the provider's: anybody can post them
	idempotencyKeyLife = 24 * time.Hour

	// TryLife is how long a count of tries is kept behind its newest one: longer than any is remembered.
	TryLife = 48 * time.Hour
	// DeviceLife is how long a device is known after its newest sign-in.
	DeviceLife = 180 * 24 * time.Hour
)

// dropPiece is how many rows one commit of DeleteExpired deletes at most: the writer has other work. Tests make it smaller.
var dropPiece int64 = 1000

// DeleteExpired deletes what can no longer be asked for: old rejections, handled notifications, idempotency keys. It works in
// small commits, so that other commits are not held up, and returns when nothing is due.
func (s *Store) DeleteExpired(ctx context.Context) error {
	for _, d := range []struct {
		text string
		life time.Duration
	}{
		{"DELETE FROM rejections WHERE request_id IN (SELECT request_id FROM rejections WHERE at < $1 LIMIT $2)", rejectionLife},
		{"DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE received_at < $1 AND state = 'refused' LIMIT $2)", refusedLife},
		{"DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE received_at < $1 AND state = 'done' LIMIT $2)", notificationLife},
		{"DELETE FROM commands_done WHERE name IN (SELECT name FROM commands_done WHERE at < $1 LIMIT $2)", idempotencyKeyLife},
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
