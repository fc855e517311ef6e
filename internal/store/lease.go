package store

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/payout"
)

// OperationProjects lists the projects that have an operation with a step due or under way.
func (s *Store) OperationProjects(ctx context.Context) ([]int64, error) {
	return s.loose(ctx, `WITH RECURSIVE l (project_id) AS (
		SELECT MIN(project_id) FROM operations WHERE next_at IS NOT NULL
		UNION ALL SELECT (SELECT MIN(project_id) FROM operations WHERE next_at IS NOT NULL AND project_id > l.project_id) FROM l WHERE l.project_id IS NOT NULL)
		SELECT project_id FROM l WHERE project_id IS NOT NULL`)
}

// LeaseOperations leases up to n due operations of a project to this process, oldest first, for the time given.
// Those that are not with their provider yet become «sending» by it: the lease is the intent, committed before the
// submit, which must end before submitDeadline from now.
func (s *Store) LeaseOperations(ctx context.Context, projectID int64, n int, submitDeadline, lease time.Duration) ([]*Work, error) {
	due, err := s.loose(ctx, "SELECT id FROM operations WHERE project_id = $1 AND next_at <= $2 LIMIT 1", projectID, s.Now().UnixMicro())
	if err != nil || len(due) == 0 {
		return nil, err
	}
	var leased []payout.Operation
	err = s.do(ctx, &command{exec: func(ctx context.Context, t *tx) error {
		leased = leased[:0]
		// Past its threshold nothing is submitted any more: such an operation is leased as it is, and declined.
		const take = `UPDATE operations SET lease = $1, next_at = $2, version = version + 1,
			stage = CASE WHEN stage = 'new' AND threshold_at > $3 THEN 'sending' ELSE stage END,
			submits = CASE WHEN stage = 'new' AND threshold_at > $4 THEN submits + 1 ELSE submits END,
			submit_deadline = CASE WHEN stage = 'new' AND threshold_at > $5 THEN $6 ELSE submit_deadline END
			WHERE project_id = $7 AND id IN
			(SELECT id FROM operations WHERE project_id = $8 AND next_at <= $9 ORDER BY next_at LIMIT $10{{skip_locked}})
			RETURNING ` + operationColumns
		now := t.now.UnixMicro()
		return t.query(ctx, take, func(r *sql.Rows) error {
			o, err := scanOperation(r.Scan)
			leased = append(leased, o)
			return err
		}, t.store.shard.Load(), t.now.Add(lease).UnixMicro(), now, now, now, t.now.Add(submitDeadline).UnixMicro(), projectID, projectID, now, n)
	}})
	if err != nil {
		return nil, err
	}
	work := make([]*Work, 0, len(leased))
	for _, o := range leased {
		w, err := s.work(ctx, o)
		if err != nil {
			return work, err
		}
		work = append(work, w)
	}
	return work, nil
}
