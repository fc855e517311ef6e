package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// BatchEnd is what the callback of a mass batch reports: how the batch ended, and the counts of its rows. It never changes; later
// results of the payments are reported by their own callbacks.
type BatchEnd struct {
	Batch       int64
	State       string // done or cancelled
	Rows        int64
	Sent        int64 // of the rows, as are the fields below: made a payment
	PaidAlready int64
	Refused     int64
	WithFaults  int64
	NotSent     int64
}

// AddBatchEvent adds the event of a batch's end to the commit that ends it.
func (t *Tx) AddBatchEvent(projectID int64, end BatchEnd) {
	t.events = append(t.events, &event{
		Event: Event{ProjectID: projectID, PaymentStatus: payout.Status(end.State), At: t.now, Batch: &end}, first: true,
	})
}

// writeBatchEvent keeps what an event tells of a batch. That a batch is told once is the table's word, too.
func (t *Tx) writeBatchEvent(ctx context.Context, e *event) error {
	const insert = `INSERT INTO batch_events (project_id, number, batch, state, row_count, sent, paid_already, refused, with_faults, not_sent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	b := e.Batch
	_, err := t.Exec(ctx, insert, e.ProjectID, e.Number, b.Batch, b.State, b.Rows, b.Sent, b.PaidAlready, b.Refused, b.WithFaults, b.NotSent)
	return err
}

const batchEvents = `SELECT e.project_id, e.number, e.payment_status, e.at, c.url, c.lane, c.attempts, c.scheduled,
	b.batch, b.state, b.row_count, b.sent, b.paid_already, b.refused, b.with_faults, b.not_sent
	FROM batch_events b JOIN events e ON e.project_id = b.project_id AND e.number = b.number
	JOIN callbacks c ON c.project_id = b.project_id AND c.number = b.number WHERE b.project_id = $1 AND b.number > $2 AND b.number <= $3 ORDER BY b.number`

// batchJobs loads the callbacks of batches of a project with numbers above one, up to another.
func (s *Store) batchJobs(ctx context.Context, projectID, after, to int64) (jobs []*CallbackJob, err error) {
	err = s.db.Read(ctx, batchEvents, func(r *sql.Rows) error {
		job, b := &CallbackJob{}, &BatchEnd{}
		e := &job.Event
		var at int64
		err := r.Scan(&e.ProjectID, &e.Number, (*string)(&e.PaymentStatus), &at, &job.URL, &job.Lane, &job.Attempts, &job.Scheduled,
			&b.Batch, &b.State, &b.Rows, &b.Sent, &b.PaidAlready, &b.Refused, &b.WithFaults, &b.NotSent)
		e.At, e.Batch = sqldb.FromMicros(at), b
		jobs = append(jobs, job)
		return err
	}, projectID, after, to)
	return jobs, err
}

// addBatches loads those of the wanted callbacks that are of batches: they have no payment.
func (s *Store) addBatches(ctx context.Context, jobs []*CallbackJob, wanted []callbackKey, until time.Time) ([]*CallbackJob, error) {
	if len(jobs) == len(wanted) {
		return jobs, nil
	}
	known := make(map[callbackKey]bool, len(jobs))
	for _, job := range jobs {
		known[callbackKey{job.Event.ProjectID, job.Event.Number}] = true
	}
	for _, k := range wanted {
		if known[k] {
			continue
		}
		found, err := s.batchJobs(ctx, k.project, k.number-1, k.number)
		if err != nil {
			return nil, err
		}
		for _, job := range found {
			job.LeasedUntil = until
		}
		jobs = append(jobs, found...)
	}
	return jobs, nil
}

// withBatches puts the events of batches between those of payments, by their numbers.
func (s *Store) withBatches(ctx context.Context, events []*CallbackJob, projectID, after, to int64) ([]*CallbackJob, error) {
	if int64(len(events)) == to-after {
		return events, nil
	}
	found, err := s.batchJobs(ctx, projectID, after, to)
	if err != nil {
		return nil, err
	}
	events = append(events, found...)
	slices.SortFunc(events, func(a, b *CallbackJob) int { return int(a.Event.Number - b.Event.Number) })
	return events, nil
}
