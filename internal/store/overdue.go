package store

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// Queries of the operators' desk. Each of them is bounded: it counts up to a limit, and uses an index that holds only what is
// open or unusual.

// Backlog is overdue work of one project.
type Backlog struct {
	ProjectID int64
	Count     int       // at most as many as were counted
	Oldest    time.Time // since when the oldest waits
}

// CountOverdueOperations counts, by project, the operations whose next step was due before a time, up to most of each project.
func (s *Store) CountOverdueOperations(ctx context.Context, before time.Time, most int) ([]Backlog, error) {
	projects, err := s.OperationProjects(ctx)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	const count = `SELECT COUNT(*), MIN(next_at) FROM
		(SELECT next_at FROM operations WHERE project_id = $1 AND next_at < $2 ORDER BY next_at LIMIT $3) l`
	return s.backlogs(ctx, projects, count, before.UnixMicro(), most)
}

// CallbackKind is what callbacks tell of, as a condition on the table.
type CallbackKind string

// Which callbacks are counted. Those of payments are the ones that the register can list.
const (
	AnyCallback CallbackKind = ""
	OfPayments  CallbackKind = " AND NOT EXISTS (SELECT 1 FROM batch_events b WHERE b.project_id = callbacks.project_id AND b.number = callbacks.number)"
)

// CountRepeatedCallbacks counts, by project, the callbacks of a kind that were attempted, not acknowledged, and will be attempted again, up
// to most of each project. Oldest is when the next attempt is due.
func (s *Store) CountRepeatedCallbacks(ctx context.Context, kind CallbackKind, most int) ([]Backlog, error) {
	projects, err := s.DB().Numbers(ctx, `WITH RECURSIVE l (project_id) AS (
		SELECT MIN(project_id) FROM callbacks WHERE next_at IS NOT NULL AND attempts > 0
		UNION ALL SELECT (SELECT MIN(project_id) FROM callbacks WHERE next_at IS NOT NULL AND attempts > 0 AND project_id > l.project_id)
		FROM l WHERE l.project_id IS NOT NULL) SELECT project_id FROM l WHERE project_id IS NOT NULL`)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	count := `SELECT COUNT(*), MIN(next_at) FROM (SELECT next_at FROM callbacks WHERE project_id = $1 AND next_at IS NOT NULL
		AND attempts > 0 AND next_at > $2` + string(kind) + ` ORDER BY next_at LIMIT $3) l`
	return s.backlogs(ctx, projects, count, 0, most)
}

// CountGivenUpCallbacks counts, by project, the callbacks of a kind whose schedule has ended without an acknowledgement, up to most of each
// project. Oldest is left zero.
func (s *Store) CountGivenUpCallbacks(ctx context.Context, kind CallbackKind, most int) ([]Backlog, error) {
	projects, err := s.DB().Numbers(ctx, `WITH RECURSIVE l (project_id) AS (
		SELECT MIN(project_id) FROM callbacks WHERE state = 'given up'
		UNION ALL SELECT (SELECT MIN(project_id) FROM callbacks WHERE state = 'given up' AND project_id > l.project_id)
		FROM l WHERE l.project_id IS NOT NULL) SELECT project_id FROM l WHERE project_id IS NOT NULL`)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	count := `SELECT COUNT(*), NULL FROM (SELECT number FROM callbacks WHERE project_id = $1 AND state = 'given up' AND number > $2` + string(kind) + `
		ORDER BY number LIMIT $3) l`
	return s.backlogs(ctx, projects, count, 0, most)
}

// backlogs counts project by project; what has none is left out.
func (s *Store) backlogs(ctx context.Context, projects []int64, count string, bound int64, most int) ([]Backlog, error) {
	var out []Backlog
	for _, project := range projects {
		b := Backlog{ProjectID: project}
		err := s.DB().Read(ctx, count, func(r *sql.Rows) error {
			var oldest sql.NullInt64
			err := r.Scan(&b.Count, &oldest)
			b.Oldest = sqldb.FromMicros(oldest.Int64)
			return err
		}, project, bound, most)
		if err != nil {
			return nil, s.DB().Unavailable(err)
		}
		if b.Count > 0 {
			out = append(out, b)
		}
	}
	return out, nil
}

// OpenOperation is an operation that has steps left, with the merchant's id of its payment.
type OpenOperation struct {
	PaymentID string
	payout.Operation
}

// nearScan is how many of a project's operations that are due before a threshold are looked at.
const nearScan = 10_000

// OperationsNearThreshold lists up to limit open payouts of a project that will be declined before a time unless a result comes,
// soonest first. No step is due later than the threshold, so it looks at the first 10,000 operations that are due before that
// time.
func (s *Store) OperationsNearThreshold(ctx context.Context, projectID int64, until time.Time, limit int) ([]OpenOperation, error) {
	const find = `SELECT p.payment_id, ` + OperationColumns + ` FROM (SELECT id FROM operations WHERE project_id = $1 AND next_at <= $2
		ORDER BY next_at LIMIT $3) l JOIN operations ON operations.project_id = $4 AND operations.id = l.id
		JOIN payments p ON p.project_id = operations.project_id AND p.id = operations.payment
		WHERE operations.threshold_at <= $5 AND operations.stage IN ('new', 'sending') ORDER BY operations.threshold_at LIMIT $6`
	return s.openOperations(ctx, find, projectID, until.UnixMicro(), nearScan, projectID, until.UnixMicro(), limit)
}

// CountOperationsNearThreshold counts, by project, what OperationsNearThreshold lists, up to most of each project. Oldest is the
// nearest threshold.
func (s *Store) CountOperationsNearThreshold(ctx context.Context, until time.Time, most int) ([]Backlog, error) {
	projects, err := s.OperationProjects(ctx)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	var out []Backlog
	for _, project := range projects {
		near, err := s.OperationsNearThreshold(ctx, project, until, most)
		if err != nil {
			return nil, err
		}
		if len(near) > 0 {
			out = append(out, Backlog{ProjectID: project, Count: len(near), Oldest: near[0].ThresholdAt})
		}
	}
	return out, nil
}

// OverdueOperations lists up to limit operations of a project whose next step was due before a time, oldest first.
func (s *Store) OverdueOperations(ctx context.Context, projectID int64, before time.Time, limit int) ([]OpenOperation, error) {
	const find = `SELECT p.payment_id, ` + OperationColumns + ` FROM operations
		JOIN payments p ON p.project_id = operations.project_id AND p.id = operations.payment
		WHERE operations.project_id = $1 AND operations.next_at < $2 ORDER BY operations.next_at LIMIT $3`
	return s.openOperations(ctx, find, projectID, before.UnixMicro(), limit)
}

func (s *Store) openOperations(ctx context.Context, query string, args ...any) ([]OpenOperation, error) {
	var out []OpenOperation
	err := s.DB().Read(ctx, query, func(r *sql.Rows) error {
		var o OpenOperation
		var err error
		o.Operation, err = ScanOperation(func(into ...any) error { return r.Scan(append([]any{&o.PaymentID}, into...)...) })
		out = append(out, o)
		return err
	}, args...)
	return out, s.DB().Unavailable(err)
}

// RefusedNotification is a notification that its provider's adapter could not verify or parse.
type RefusedNotification struct {
	ID         int64
	Provider   string
	Error      string
	ReceivedAt time.Time
}

// RefusedNotifications lists up to limit of those that are still kept, newest first.
func (s *Store) RefusedNotifications(ctx context.Context, limit int) ([]RefusedNotification, error) {
	const find = "SELECT id, provider, error, received_at FROM notifications WHERE state = 'refused' ORDER BY received_at DESC LIMIT $1"
	var out []RefusedNotification
	err := s.DB().Read(ctx, find, func(r *sql.Rows) error {
		var n RefusedNotification
		var at int64
		err := r.Scan(&n.ID, &n.Provider, &n.Error, &at)
		n.ReceivedAt = sqldb.FromMicros(at)
		out = append(out, n)
		return err
	}, limit)
	return out, s.DB().Unavailable(err)
}

// CallbackHealth counts a project's newest callbacks by their results.
type CallbackHealth struct {
	Delivered int // acknowledged
	Repeated  int // attempted and not acknowledged; will be tried again
	GivenUp   int // the schedule has ended
}

// CallbackHealth counts the results of a project's newest callbacks, at most newest of them.
func (s *Store) CallbackHealth(ctx context.Context, projectID int64, newest int) (CallbackHealth, error) {
	const find = `SELECT state, attempts, COUNT(*) FROM (SELECT state, CASE WHEN attempts > 0 THEN 1 ELSE 0 END AS attempts FROM callbacks
		WHERE project_id = $1 ORDER BY number DESC LIMIT $2) l GROUP BY state, attempts`
	var h CallbackHealth
	err := s.DB().Read(ctx, find, func(r *sql.Rows) error {
		var state CallbackState
		var attempted, n int
		err := r.Scan((*string)(&state), &attempted, &n)
		switch {
		case state == CallbackDelivered:
			h.Delivered += n
		case state == CallbackGivenUp:
			h.GivenUp += n
		case state == CallbackPending && attempted > 0:
			h.Repeated += n
		}
		return err
	}, projectID, newest)
	return h, s.DB().Unavailable(err)
}

// UnacknowledgedCallbacks lists a project's callbacks that were attempted and not acknowledged: up to limit that will be
// attempted again, soonest first, then up to limit whose schedule has ended, newest first.
func (s *Store) UnacknowledgedCallbacks(ctx context.Context, projectID int64, limit int) ([]Delivery, error) {
	var out []Delivery
	for _, which := range []string{
		"project_id = $2 AND next_at IS NOT NULL AND attempts > 0 ORDER BY next_at LIMIT $3) ORDER BY c.next_at",
		"project_id = $2 AND state = 'given up' ORDER BY number DESC LIMIT $3) ORDER BY c.number DESC",
	} {
		// The inner query asks for no more than its index holds, so that it is read by that.
		find := deliveries + " WHERE c.project_id = $1 AND c.number IN (SELECT number FROM callbacks WHERE " + which
		err := s.DB().Read(ctx, find, func(r *sql.Rows) error {
			d, err := scanDelivery(r)
			out = append(out, d)
			return err
		}, projectID, projectID, limit)
		if err != nil {
			return nil, s.DB().Unavailable(err)
		}
	}
	return out, nil
}
