package store

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// OperationProjects lists the projects that have an operation with a step due or under way.
func (s *Store) OperationProjects(ctx context.Context) ([]int64, error) {
	return s.db.Numbers(ctx, `WITH RECURSIVE l (project_id) AS (
		SELECT MIN(project_id) FROM operations WHERE next_at IS NOT NULL
		UNION ALL SELECT (SELECT MIN(project_id) FROM operations WHERE next_at IS NOT NULL AND project_id > l.project_id) FROM l WHERE l.project_id IS NOT NULL)
		SELECT project_id FROM l WHERE project_id IS NOT NULL`)
}

// Lease says what LeaseOperations leases.
type Lease struct {
	ProjectID      int64
	Provider       string
	N              int           // at most
	Submit         bool          // also operations that are not with their provider yet, to be submitted; else those only past their threshold
	Decline        bool          // also those, to be declined: they are leased as they are; not together with Submit
	SubmitDeadline time.Duration // how long from now a submit may take
	Duration       time.Duration // of the lease: longer than the call that it covers
}

// dueOperations is what a lease takes, oldest first; its last parameter is how many.
const dueOperations = `SELECT id FROM operations WHERE project_id = $1 AND next_at <= $2 AND provider = $3
	AND (stage <> $4 OR threshold_at <= $5 OR $6 = 1) ORDER BY next_at LIMIT $7`

// LeaseOperations leases due operations of a project and provider to this process, oldest first. Those that are not
// with their provider yet become «sending» by it: the lease is the intent, committed before the submit.
// Past its threshold nothing is submitted any more: such an operation is leased as it is, to be declined.
func (s *Store) LeaseOperations(ctx context.Context, l Lease) ([]*Work, error) {
	before, after, submitted, unsent := string(intent.From.Stage), string(intent.To.Stage), "", int64(0)
	if l.Submit {
		submitted = before // the stage that becomes after
	}
	if l.Submit || l.Decline {
		unsent = 1
	}
	now := s.Now().UnixMicro()
	due, err := s.db.Numbers(ctx, dueOperations, l.ProjectID, now, l.Provider, before, now, unsent, 1)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	var leased []payout.Operation
	var deadline time.Time
	err = s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		leased = leased[:0]
		deadline = t.now.Add(l.SubmitDeadline)
		const take = "WITH due AS MATERIALIZED (" + dueOperations + `{{skip_locked}})
			UPDATE operations SET lease = $8, next_at = $9, version = version + 1,
			stage = CASE WHEN stage = $10 AND threshold_at > $11 THEN $12 ELSE stage END,
			submits = CASE WHEN stage = $13 AND threshold_at > $14 THEN submits + 1 ELSE submits END,
			submit_deadline = CASE WHEN stage = $15 AND threshold_at > $16 THEN $17 ELSE submit_deadline END
			FROM due WHERE operations.project_id = $18 AND operations.id = due.id RETURNING ` + OperationColumns
		now := t.now.UnixMicro()
		return t.Query(ctx, take, func(r *sql.Rows) error {
			o, err := ScanOperation(r.Scan)
			leased = append(leased, o)
			return err
		}, l.ProjectID, now, l.Provider, before, now, unsent, l.N, t.store.shard.Load(), t.now.Add(l.Duration).UnixMicro(),
			submitted, now, after, submitted, now, submitted, now, deadline.UnixMicro(), l.ProjectID)
	}})
	if err != nil {
		return nil, err
	}
	work, err := s.works(ctx, leased)
	for _, w := range work {
		w.Submit = w.Operation.Stage == payout.Sending && w.Operation.SubmitDeadline.Equal(deadline)
	}
	return work, err
}

var readWorks = sqldb.NewBulk("WITH v (project_id, id) AS (VALUES ", "(CAST(%i AS BIGINT), CAST(%i AS BIGINT))",
	") SELECT "+paymentColumns+", r.sealed FROM v JOIN payments p ON p.project_id = +v.project_id AND p.id = +v.id JOIN requests r ON r.project_id = p.project_id AND r.payment = p.id")

// works adds payments and requests to operations.
func (s *Store) works(ctx context.Context, operations []payout.Operation) ([]*Work, error) {
	byPayment := make(map[int64]*Work, len(operations))
	work := make([]*Work, 0, len(operations))
	var args []any
	for _, o := range operations {
		w := &Work{Operation: o}
		work, byPayment[o.Payment] = append(work, w), w
		args = append(args, o.ProjectID, o.Payment)
	}
	err := readWorks.Read(ctx, s.db, args, func(r *sql.Rows) error {
		var sealed []byte
		p, err := scanPayment(func(into ...any) error { return r.Scan(append(into, &sealed)...) })
		if err != nil {
			return err
		}
		w := byPayment[p.ID]
		w.Payment = p
		return s.unseal(w, sealed)
	})
	if err == nil {
		err = s.addReturns(ctx, work)
	}
	if err != nil {
		return nil, s.db.Unavailable(err)
	}
	return work, nil
}
