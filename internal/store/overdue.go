package store

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// What the operators' desk looks at. Every query is bounded: it counts up to a number, and reads by an index that holds
// what is open, or what is out of the ordinary.

// Backlog is work of one project that should have been done.
type Backlog struct {
	ProjectID int64
	Count     int       // at most as many as were counted
	Oldest    time.Time // since when the oldest waits
}

// CountOverdueOperations counts, by project, operations whose next step has been due since before a time; of each project at
// most the first `most`.
func (s *Store) CountOverdueOperations(ctx context.Context, before time.Time, most int) ([]Backlog, error) {
	projects, err := s.OperationProjects(ctx)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	const count = `SELECT COUNT(*), MIN(next_at) FROM
		(SELECT next_at FROM operations WHERE project_id = $1 AND next_at < $2 ORDER BY next_at LIMIT $3) l`
	return s.backlogs(ctx, projects, count, before.UnixMicro(), most)
}

// CountRepeatedCallbacks counts, by project, callbacks that were attempted and not acknowledged, and will be tried again; of
// each project at most the first `most`. Oldest is when the next attempt is due.
func (s *Store) CountRepeatedCallbacks(ctx context.Context, most int) ([]Backlog, error) {
	projects, err := s.DB().Numbers(ctx, `WITH RECURSIVE l (project_id) AS (
		SELECT MIN(project_id) FROM callbacks WHERE next_at IS NOT NULL AND attempts > 0
		UNION ALL SELECT (SELECT MIN(project_id) FROM callbacks WHERE next_at IS NOT NULL AND attempts > 0 AND project_id > l.project_id)
		FROM l WHERE l.project_id IS NOT NULL) SELECT project_id FROM l WHERE project_id IS NOT NULL`)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	const count = `SELECT COUNT(*), MIN(next_at) FROM (SELECT next_at FROM callbacks WHERE project_id = $1 AND next_at IS NOT NULL
		AND attempts > 0 AND next_at > $2 ORDER BY next_at LIMIT $3) l`
	return s.backlogs(ctx, projects, count, 0, most)
}

// CountGivenUpCallbacks counts, by project, callbacks whose schedule has ended; of each project at most the first `most`.
// Oldest is left zero.
func (s *Store) CountGivenUpCallbacks(ctx context.Context, most int) ([]Backlog, error) {
	projects, err := s.DB().Numbers(ctx, `WITH RECURSIVE l (project_id) AS (
		SELECT MIN(project_id) FROM callbacks WHERE state = 'given up'
		UNION ALL SELECT (SELECT MIN(project_id) FROM callbacks WHERE state = 'given up' AND project_id > l.project_id)
		FROM l WHERE l.project_id IS NOT NULL) SELECT project_id FROM l WHERE project_id IS NOT NULL`)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	const count = `SELECT COUNT(*), NULL FROM (SELECT number FROM callbacks WHERE project_id = $1 AND state = 'given up' AND number > $2
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

// OpenOperation is an operation that has steps left, with the merchant's name for its payment.
type OpenOperation struct {
	PaymentID string
	payout.Operation
}

// nearScan is how many of a project's operations that are due before a threshold are looked at.
const nearScan = 10_000

// OperationsNearThreshold lists a project's open payouts that will be declined before a time unless a result comes, soonest first,
// at most limit. Nothing is due later than its threshold, so those are found among the first 10,000 that are due before
// that time.
func (s *Store) OperationsNearThreshold(ctx context.Context, projectID int64, until time.Time, limit int) ([]OpenOperation, error) {
	const find = `SELECT p.payment_id, ` + OperationColumns + ` FROM (SELECT id FROM operations WHERE project_id = $1 AND next_at <= $2
		ORDER BY next_at LIMIT $3) l JOIN operations ON operations.project_id = $4 AND operations.id = l.id
		JOIN payments p ON p.project_id = operations.project_id AND p.id = operations.payment
		WHERE operations.threshold_at <= $5 AND operations.stage IN ('new', 'sending') ORDER BY operations.threshold_at LIMIT $6`
	return s.openOperations(ctx, find, projectID, until.UnixMicro(), nearScan, projectID, until.UnixMicro(), limit)
}

// CountOperationsNearThreshold counts, by project, open payouts that will be declined before a time unless a result comes,
// among the first 10,000 of each project that are due before that time; of each project at most the first `most`. Oldest
// is the nearest threshold.
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

// OverdueOperations lists a project's operations whose next step has been due since before a time, oldest first, at most limit.
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

// RefusedNotification is a notification that its provider's adapter did not believe.
type RefusedNotification struct {
	ID         int64
	Provider   string
	Error      string
	ReceivedAt time.Time
}

// RefusedNotifications lists those that are still kept, newest first, at most limit.
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

// CallbackHealth is how a project's newest callbacks fared.
type CallbackHealth struct {
	Delivered int // acknowledged
	Repeated  int // attempted and not acknowledged; will be tried again
	GivenUp   int // the schedule has ended
}

// CallbackHealth looks at a project's newest callbacks, at most `newest` of them.
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

// UnacknowledgedCallbacks lists a project's callbacks that were attempted and not acknowledged: those that will be tried again,
// the soonest first, then those whose schedule has ended, the newest first; of each at most limit.
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
