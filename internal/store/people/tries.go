package people

import (
	"bytes"
	"context"
	"database/sql"
	"slices"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Try is one count of tries, such as those of an account from a network.
type Try struct {
	Digest [32]byte // keyed digest of what is counted
	Free   int      // failures without a delay
	Base   time.Duration
	Most   time.Duration
	Forget time.Duration // without a failure, after which the count begins anew
}

// delay is how long after its failures the next try has to wait: Base behind the free ones, then twice as long each, up
// to Most.
func (t *Try) delay(failures int) time.Duration {
	if failures < t.Free {
		return 0
	}
	d := t.Base
	for range failures - t.Free {
		if d *= 2; d >= t.Most {
			return t.Most
		}
	}
	return min(d, t.Most)
}

// NextTry says when a try that counts in all of tries may be made: a time that is not after now means now. It writes
// nothing.
func (dir *Directory) NextTry(ctx context.Context, tries []Try) (next time.Time, err error) {
	for _, c := range tries {
		const find = "SELECT next_at FROM sign_in_tries WHERE digest = $1"
		err := dir.store.DB().Read(ctx, find, func(r *sql.Rows) error {
			var at int64
			err := r.Scan(&at)
			if at := sqldb.FromMicros(at); at.After(next) {
				next = at
			}
			return err
		}, c.Digest[:])
		if err != nil {
			return next, dir.store.DB().Unavailable(err)
		}
	}
	return next, nil
}

// TakeTry counts a try as failed before it is made, in all of tries, so that tries at the same time on several nodes are
// counted all. A time after now is when the next may be made; then nothing was counted. Whoever succeeds gives it back
// with ForgetTries.
func (dir *Directory) TakeTry(ctx context.Context, tries []Try) (next time.Time, err error) {
	err = dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		next = time.Time{}
		slices.SortFunc(tries, func(a, b Try) int { return bytes.Compare(a.Digest[:], b.Digest[:]) }) // locked in one order by all
		found := make([]int, len(tries))
		for i, c := range tries {
			failures, at, err := lockTry(ctx, t, &c)
			if err != nil {
				return err
			}
			if found[i] = failures; at.After(t.Now()) && at.After(next) {
				next = at
			}
		}
		if !next.IsZero() {
			return nil
		}
		for i, c := range tries {
			const update = "UPDATE sign_in_tries SET failures = $1, next_at = $2, at = $3 WHERE digest = $4"
			n := found[i] + 1
			if _, err := t.Exec(ctx, update, n, t.Now().Add(c.delay(n)).UnixMicro(), t.Now().UnixMicro(), c.Digest[:]); err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}

// lockTry makes and locks the row of a count, and returns its failures that are not forgotten.
func lockTry(ctx context.Context, t *store.Tx, c *Try) (failures int, next time.Time, err error) {
	const insert = "INSERT INTO sign_in_tries (digest, failures, next_at, at) VALUES ($1, 0, 0, $2) ON CONFLICT (digest) DO NOTHING"
	if _, err := t.Exec(ctx, insert, c.Digest[:], t.Now().UnixMicro()); err != nil {
		return 0, next, err
	}
	const find = "SELECT failures, next_at, at FROM sign_in_tries WHERE digest = $1{{for_update}}"
	err = t.Query(ctx, find, func(r *sql.Rows) error {
		var nextAt, at int64
		err := r.Scan(&failures, &nextAt, &at)
		if next = sqldb.FromMicros(nextAt); t.Now().Sub(sqldb.FromMicros(at)) > c.Forget {
			failures = 0
		}
		return err
	}, c.Digest[:])
	return failures, next, err
}

// GiveBackTry takes back what TakeTry counted, because the try was right: counts that are forgotten are deleted, those
// that are only given back lose one failure, and their delay.
func (dir *Directory) GiveBackTry(ctx context.Context, forget, giveBack []Try) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		for _, c := range forget {
			if _, err := t.Exec(ctx, "DELETE FROM sign_in_tries WHERE digest = $1", c.Digest[:]); err != nil {
				return err
			}
		}
		for _, c := range giveBack {
			const update = "UPDATE sign_in_tries SET failures = failures - 1, next_at = 0 WHERE digest = $1 AND failures > 0"
			if _, err := t.Exec(ctx, update, c.Digest[:]); err != nil {
				return err
			}
		}
		return nil
	})
}
