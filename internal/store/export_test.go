package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"flashpay/internal/store/sqldb"
)

// AnnounceAgain makes another event of a payment's first operation. The table of moves makes one event a payment today;
// what supersedes is there for the statuses that will make more of them.
func (s *Store) AnnounceAgain(ctx context.Context, v *View) error {
	p, o := v.Payment, v.Operations[0]
	p.Events = 2
	return s.do(ctx, &command{exec: func(_ context.Context, t *Tx) error {
		t.announce(&p, &o, t.now)
		return nil
	}})
}

// Subtrees says how many subtrees the tree keeps: its memory.
func (m *Merkle) Subtrees() int { return len(m.subtrees) }

// ApproveTopUp approves with an act in the commit of the decision: the top-up that was asked for, and then fail's answer.
func (s *Store) ApproveTopUp(ctx context.Context, once string, d Decision, fail func() error) error {
	return s.decideApproval(ctx, once, d, "test", func(ctx context.Context, t *Tx, a *Approval) error {
		if err := t.topUp(ctx, a.ProjectID, a.Currency, a.Amount, a.Title); err != nil {
			return err
		}
		return fail()
	})
}

// SetDropPiece has a commit of DropOld delete fewer rows, and returns what undoes it.
func SetDropPiece(n int64) (undo func()) {
	before := dropPiece
	dropPiece = n
	return func() { dropPiece = before }
}

// AddPassing enters rows of all kinds that are deleted after a while, n of each, dated now, and returns how many of each
// are kept.
func (s *Store) AddPassing(ctx context.Context, name string, n int) (kept map[string]int, err error) {
	kept = make(map[string]int)
	now := s.Now().UnixMicro()
	err = s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		for i := range n {
			id := fmt.Sprint(name, "-", i)
			const reject = "INSERT INTO rejections (request_id, project_id, status, body, at) VALUES ($1, 210, 400, $2, $3)"
			if _, err := t.Exec(ctx, reject, id, []byte("{}"), now); err != nil {
				return err
			}
			if _, err := t.Exec(ctx, "INSERT INTO commands_done (name, at) VALUES ($1, $2)", id, now); err != nil {
				return err
			}
			for _, state := range []string{"done", "refused"} {
				const insert = "INSERT INTO notifications (id, shard, provider, sealed, received_at, state, error, tries) VALUES ($1, 0, 'bank', $2, $3, $4, '', 1)"
				if _, err := t.Exec(ctx, insert, t.RowID(), []byte("{}"), now, state); err != nil {
					return err
				}
			}
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	for kind, count := range map[string]string{
		"rejections": "SELECT COUNT(*) FROM rejections", "commands": "SELECT COUNT(*) FROM commands_done",
		"read": "SELECT COUNT(*) FROM notifications WHERE state = 'done'", "refused": "SELECT COUNT(*) FROM notifications WHERE state = 'refused'",
	} {
		var n int
		if err := s.db.Reads.QueryRowContext(ctx, count).Scan(&n); err != nil {
			return nil, err
		}
		kept[kind] = n
	}
	return kept, nil
}

// SetRegisterBounds makes pages of the register give up earlier, and returns what undoes it.
func SetRegisterBounds(candidates, found int) (undo func()) {
	before := bounds
	bounds.candidates, bounds.found, bounds.counted = candidates, found, 2*candidates
	return func() { bounds = before }
}

// CheckRollups compares rollups with a recount of the payments; empty: they are equal.
func (s *Store) CheckRollups(ctx context.Context) (wrong string, err error) {
	const compare = `WITH recount AS (SELECT project_id, 1 AS hours, created_at - created_at % 3600000000 AS start, method, currency, status, COUNT(*) AS n, SUM(amount) AS amount
			FROM payments GROUP BY 1, 2, 3, 4, 5, 6
			UNION ALL SELECT project_id, 24, created_at - created_at % 86400000000, method, currency, status, COUNT(*), SUM(amount) FROM payments GROUP BY 1, 2, 3, 4, 5, 6)
		SELECT 'missing', project_id, hours, start, status, n, 0 FROM recount c WHERE NOT EXISTS (SELECT 1 FROM rollups r WHERE r.project_id = c.project_id
			AND r.hours = c.hours AND r.start = c.start AND r.method = c.method AND r.currency = c.currency AND r.status = c.status AND r.payments = c.n AND r.amount = c.amount)
		UNION ALL SELECT 'too many', project_id, hours, start, status, 0, payments FROM rollups r WHERE (payments <> 0 OR amount <> 0) AND NOT EXISTS (SELECT 1 FROM recount c
			WHERE r.project_id = c.project_id AND r.hours = c.hours AND r.start = c.start AND r.method = c.method AND r.currency = c.currency AND r.status = c.status)`
	err = sqldb.Query(ctx, s.db.Reads, compare).Each(func(r *sql.Rows) error {
		var what, status string
		var project, hours, start, want, have int64
		err := r.Scan(&what, &project, &hours, &start, &status, &want, &have)
		wrong += fmt.Sprintf("%s: project %d, %d hours from %d, %s: %d, rollup has %d\n", what, project, hours, start, status, want, have)
		return err
	})
	return wrong, err
}

// ShiftClock sets the clock that the store reads.
func (s *Store) ShiftClock(by time.Duration) { s.shifted.Store(int64(by)) }

// AddNode enters a node whose lease on its shard ends at the given time.
func (s *Store) AddNode(ctx context.Context, shard int64, until time.Time) error {
	_, err := s.db.Writes.ExecContext(ctx, "INSERT INTO shards (shard, owner, lease_until, next_number, next_row) VALUES ($1, 'node', $2, 1, 1)", shard, until.UnixMicro())
	return err
}
