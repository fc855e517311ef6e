package jobs

import (
	"context"
	"database/sql"
	"slices"
	"time"
	"unicode/utf8"

	"flashpay/internal/store"
)

// Run is a job that this process has leased. Whatever it writes is refused once the lease is another node's, or the job was
// cancelled. It is for one goroutine, but for Keep.
type Run struct {
	Job
	store *store.Store
	lease time.Duration
	ended bool
}

// Due lists the kinds of which a job is due now: it is cheap to ask.
func Due(ctx context.Context, s *store.Store) (kinds []string, err error) {
	err = s.DB().Read(ctx, "SELECT DISTINCT kind FROM jobs WHERE next_at <= $1", func(r *sql.Rows) error {
		var kind string
		err := r.Scan(&kind)
		kinds = append(kinds, kind)
		return err
	}, s.Now().UnixMicro())
	return kinds, s.DB().Unavailable(err)
}

// Waiting tells whether a job of a kind is due, and nobody works on it.
func Waiting(ctx context.Context, s *store.Store, kind string) (bool, error) {
	kinds, err := Due(ctx, s)
	return slices.Contains(kinds, kind), err
}

// Lease takes up to n due jobs of a kind for this process, those first that wait longest. Each lease must be renewed (Keep,
// Checkpoint) before its time has passed, or another process may take the job over.
func Lease(ctx context.Context, s *store.Store, kind string, n int, lease time.Duration) (runs []*Run, err error) {
	to, from := move(leased)
	// The inner condition repeats the outer one: on PostgreSQL a row may have been moved since it was found.
	take := `UPDATE jobs SET state = $1, next_at = $2, lease = $3, version = version + 1, attempts = attempts + 1, updated_at = $4,
		started_at = CASE WHEN started_at = 0 THEN $5 ELSE started_at END
		WHERE id IN (SELECT id FROM jobs WHERE next_at <= $6 AND kind = $7 AND ` + from + ` ORDER BY next_at, id LIMIT $8{{skip_locked}}) AND ` + from + `
		RETURNING ` + columns + `, sealed`
	err = s.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		runs = nil
		now := t.Now().UnixMicro()
		return t.Query(ctx, take, func(r *sql.Rows) error {
			var sealed []byte
			j, err := scan(r, &sealed)
			if err != nil {
				return err
			}
			runs = append(runs, &Run{Job: j, store: s, lease: lease})
			return runs[len(runs)-1].unseal(s, sealed)
		}, string(to), t.Now().Add(lease).UnixMicro(), t.Shard(), now, now, now, kind, n)
	})
	return runs, err
}

// renew is what each commit of a run begins with: the lease is still this run's, and is renewed.
const renew = "UPDATE jobs SET next_at = $1, lease = $2, updated_at = $3 WHERE id = $4 AND version = $5 AND state = 'running'"

// Keep renews the lease.
func (r *Run) Keep(ctx context.Context) error {
	return r.store.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, renew, t.Now().Add(r.lease).UnixMicro(), t.Shard(), t.Now().UnixMicro(), r.ID, r.version)
		return r.held(ctx, t, n, err)
	})
}

// held says why a statement of this run changed nothing.
func (r *Run) held(ctx context.Context, t *store.Tx, changed int64, err error) error {
	if err != nil || changed == 1 {
		return err
	}
	state, err := stateOf(ctx, t, r.ID)
	switch {
	case err != nil:
		return err
	case state == Cancelled:
		return ErrCancelled
	}
	return ErrLost
}

// Checkpoint commits how far the job has come together with what that took: act runs in the same transaction, and may be
// nil. Whoever goes on with the job, begins at this position. ErrLost and ErrCancelled: nothing was written, and the job is to
// be left at once.
func (r *Run) Checkpoint(ctx context.Context, position []byte, done, total int64, act func(ctx context.Context, t *store.Tx) error) error {
	err := r.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		const save = `UPDATE jobs SET position = $1, done = $2, total = $3, attempts = 0, next_at = $4, lease = $5, updated_at = $6
			WHERE id = $7 AND version = $8 AND state = 'running'`
		n, err := t.Exec(ctx, save, position, done, total, t.Now().Add(r.lease).UnixMicro(), t.Shard(), t.Now().UnixMicro(), r.ID, r.version)
		if err := r.held(ctx, t, n, err); err != nil || act == nil {
			return err
		}
		return act(ctx, t)
	})
	if err == nil {
		r.Position, r.Done, r.Total, r.Attempts = position, done, total, 0
	}
	return err
}

// Step is a Checkpoint whose position follows from what was done: act returns it.
func (r *Run) Step(ctx context.Context, done, total int64, act func(ctx context.Context, t *store.Tx) (position []byte, err error)) error {
	var position []byte
	err := r.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, renew, t.Now().Add(r.lease).UnixMicro(), t.Shard(), t.Now().UnixMicro(), r.ID, r.version)
		if err := r.held(ctx, t, n, err); err != nil {
			return err
		}
		if position, err = act(ctx, t); err != nil {
			return err
		}
		const save = "UPDATE jobs SET position = $1, done = $2, total = $3, attempts = 0 WHERE id = $4 AND version = $5"
		_, err = t.Exec(ctx, save, position, done, total, r.ID, r.version)
		return err
	})
	if err == nil {
		r.Position, r.Done, r.Total, r.Attempts = position, done, total, 0
	}
	return err
}

// Finish ends the job together with its last act, which may be nil. Lists show the outcome, in a few words without personal
// data. A job whose function returns nil without it is finished with an empty one.
func (r *Run) Finish(ctx context.Context, outcome string, act func(ctx context.Context, t *store.Tx) error) error {
	return r.end(ctx, finished, outcome, act)
}

// Fail gives the job up.
func (r *Run) Fail(ctx context.Context, reason string) error { return r.end(ctx, gaveUp, reason, nil) }

func (r *Run) end(ctx context.Context, on event, outcome string, act func(ctx context.Context, t *store.Tx) error) error {
	to, from := move(on)
	err := r.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, "UPDATE jobs SET state = $1, next_at = NULL, lease = NULL, outcome = $2, updated_at = $3, ended_at = $4 WHERE id = $5 AND version = $6 AND "+from,
			string(to), brief(outcome), t.Now().UnixMicro(), t.Now().UnixMicro(), r.ID, r.version)
		if err := r.held(ctx, t, n, err); err != nil || act == nil {
			return err
		}
		return act(ctx, t)
	})
	r.ended = r.ended || err == nil
	return err
}

// Ended tells whether Finish or Fail has ended the job.
func (r *Run) Ended() bool { return r.ended }

// Postpone gives the job back until a time. The attempt counts, unless it was no fault of the job's.
func (r *Run) Postpone(ctx context.Context, until time.Time, outcome string, counts bool) error {
	to, from := move(postponed)
	attempts := r.Attempts
	if !counts {
		attempts = max(0, attempts-1)
	}
	return r.store.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, "UPDATE jobs SET state = $1, next_at = $2, lease = NULL, outcome = $3, attempts = $4, updated_at = $5 WHERE id = $6 AND version = $7 AND "+from,
			string(to), until.UnixMicro(), brief(outcome), attempts, t.Now().UnixMicro(), r.ID, r.version)
		if n == 0 && err == nil {
			if state, e := stateOf(ctx, t, r.ID); e == nil && state == Queued { // this very act, whose commit's outcome was not known
				return nil
			}
		}
		t.Wake(Topic)
		return r.held(ctx, t, n, err)
	})
}

// Store is the store that the job is of.
func (r *Run) Store() *store.Store { return r.store }

// maxOutcome bounds what lists show of an error, in bytes.
const maxOutcome = 500

// brief cuts a text where it is too long for a list.
func brief(text string) string {
	if len(text) <= maxOutcome {
		return text
	}
	cut := maxOutcome
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + " …"
}
