package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// ErrNewerCallback says that a callback is not sent again because a newer one of the same payment is still being delivered: a
// payment has at most one under way.
var ErrNewerCallback = errors.New("store: a newer callback of this payment is still being sent: resend that one, or wait until it has ended")

// CallbackLane is a lane that has callbacks to deliver.
type CallbackLane struct {
	ProjectID int64
	Lane      int64
	DueAt     time.Time // when its first one is due, or the lease of one ends
}

// CallbackLanes lists the lanes that have a callback waiting or being delivered.
func (s *Store) CallbackLanes(ctx context.Context) ([]CallbackLane, error) {
	const find = `WITH RECURSIVE l (lane) AS (
		SELECT MIN(lane) FROM callbacks WHERE next_at IS NOT NULL
		UNION ALL SELECT (SELECT MIN(lane) FROM callbacks WHERE next_at IS NOT NULL AND lane > l.lane) FROM l WHERE l.lane IS NOT NULL)
		SELECT l.lane, (SELECT MIN(c.next_at) FROM callbacks c WHERE c.next_at IS NOT NULL AND c.lane = l.lane),
		(SELECT c.project_id FROM callbacks c WHERE c.next_at IS NOT NULL AND c.lane = l.lane ORDER BY c.next_at LIMIT 1) FROM l WHERE l.lane IS NOT NULL`
	var lanes []CallbackLane
	err := sqldb.Query(ctx, s.db.Reads, find).Each(func(r *sql.Rows) error {
		var lane, due, project int64
		err := r.Scan(&lane, &due, &project)
		lanes = append(lanes, CallbackLane{ProjectID: project, Lane: lane, DueAt: sqldb.FromMicros(due)})
		return err
	})
	return lanes, err
}

// LeaseCallbacks leases up to n due callbacks of a lane to this process, oldest first.
func (s *Store) LeaseCallbacks(ctx context.Context, lane int64, n int) ([]*CallbackJob, error) {
	var leased []callbackKey
	var until time.Time
	err := s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		leased, until = leased[:0], t.now.Add(CallbackLease)
		const lease = `WITH due AS MATERIALIZED (SELECT project_id, number FROM callbacks WHERE lane = $1 AND next_at <= $2
				ORDER BY next_at LIMIT $3{{skip_locked}})
			UPDATE callbacks SET lease = $4, next_at = $5 FROM due
			WHERE callbacks.project_id = due.project_id AND callbacks.number = due.number RETURNING callbacks.project_id, callbacks.number`
		return t.Query(ctx, lease, func(r *sql.Rows) error {
			var k callbackKey
			err := r.Scan(&k.project, &k.number)
			leased = append(leased, k)
			return err
		}, lane, t.now.UnixMicro(), n, t.store.shard.Load(), until.UnixMicro())
	}})
	if err != nil {
		return nil, err
	}
	return s.callbackJobs(ctx, leased, until)
}

// callbackKey names a callback.
type callbackKey struct{ project, number int64 }

// callbackColumns are what scanCallback reads.
const callbackColumns = `e.project_id, e.number, e.payment, e.operation, e.payment_status, e.operation_status, e.code, e.provider_id,
		e.provider_payment_id, e.auth_code, e.at, c.url, c.lane, c.attempts, c.scheduled, o.amount, o.currency, o.terms, o.created_at, ` + paymentColumns

// ofEvents joins to events what their callbacks are rendered from.
const ofEvents = ` JOIN callbacks c ON c.project_id = e.project_id AND c.number = e.number
		JOIN payments p ON p.project_id = e.project_id AND p.id = e.payment
		JOIN operations o ON o.project_id = e.project_id AND o.id = e.operation`

var readCallbacks = sqldb.NewBulk("WITH v (project_id, number) AS (VALUES ", "(CAST(%i AS BIGINT), CAST(%i AS BIGINT))",
	") SELECT "+callbackColumns+" FROM v JOIN events e ON e.project_id = +v.project_id AND e.number = +v.number"+ofEvents)

// callbackJobs loads callbacks with all that their bodies are rendered from.
func (s *Store) callbackJobs(ctx context.Context, keys []callbackKey, until time.Time) ([]*CallbackJob, error) {
	jobs := make([]*CallbackJob, 0, len(keys))
	args := make([]any, 0, 2*len(keys))
	for _, k := range keys {
		args = append(args, k.project, k.number)
	}
	err := readCallbacks.Read(ctx, s.db, args, func(r *sql.Rows) error {
		job, err := scanCallback(r)
		job.LeasedUntil = until
		jobs = append(jobs, job)
		return err
	})
	if err == nil {
		jobs, err = s.addBatches(ctx, jobs, keys, until)
	}
	if err != nil {
		return nil, s.db.Unavailable(err)
	}
	return jobs, nil
}

func scanCallback(r *sql.Rows) (job *CallbackJob, err error) {
	job = &CallbackJob{}
	e, o := &job.Event, &job.Operation
	var at, created int64
	var terms sql.NullString
	job.Payment, err = scanPayment(func(payment ...any) error {
		return r.Scan(append([]any{
			&e.ProjectID, &e.Number, &e.Payment, &e.Operation, (*string)(&e.PaymentStatus), (*string)(&e.OperationStatus), &e.Code,
			&e.ProviderID, &e.ProviderPaymentID, &e.AuthCode, &at, &job.URL, &job.Lane, &job.Attempts, &job.Scheduled,
			&o.Amount, &o.Currency, &terms, &created,
		}, payment...)...)
	})
	if err == nil {
		o.Terms, err = payout.ParseTerms(terms.String)
	}
	e.At, o.CreatedAt, o.ID, o.ProjectID, o.Payment = sqldb.FromMicros(at), sqldb.FromMicros(created), e.Operation, e.ProjectID, e.Payment
	return job, err
}

// ConfirmCallbackLease reports whether a callback that has waited in this process is still pending and leased to it for at least
// need, the longest that the attempt may take. A lease that would end too early is renewed. Where it is false the callback must
// not be sent: another process has it, or it has ended.
func (s *Store) ConfirmCallbackLease(ctx context.Context, job *CallbackJob, need time.Duration) (bool, error) {
	e := &job.Event
	if job.LeasedUntil.Sub(s.Now()) >= need {
		const held = "SELECT number FROM callbacks WHERE project_id = $1 AND number = $2 AND state = $3 AND lease = $4 AND next_at = $5"
		found, err := s.db.Numbers(ctx, held, e.ProjectID, e.Number, string(CallbackPending), s.shard.Load(), job.LeasedUntil.UnixMicro())
		return len(found) == 1, err
	}
	var until time.Time
	changed := int64(0)
	err := s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) (err error) {
		until = t.now.Add(CallbackLease)
		const renew = "UPDATE callbacks SET next_at = $1 WHERE project_id = $2 AND number = $3 AND state = $4 AND lease = $5 AND next_at = $6"
		changed, err = t.Exec(ctx, renew, until.UnixMicro(), e.ProjectID, e.Number, string(CallbackPending), t.store.shard.Load(),
			job.LeasedUntil.UnixMicro())
		return err
	}})
	if err != nil || changed == 0 {
		return false, err
	}
	job.LeasedUntil = until
	return true, nil
}

// CallbackJob loads a callback with everything that its body is rendered from. ErrNotFound where there is none.
func (s *Store) CallbackJob(ctx context.Context, projectID, number int64) (*CallbackJob, error) {
	jobs, err := s.callbackJobs(ctx, []callbackKey{{projectID, number}}, time.Time{})
	if err == nil && len(jobs) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return jobs[0], nil
}

// ResendCallback makes a callback due at once, as the first attempt of a new schedule, to the URL that the current settings name.
// number 0 means the newest callback of the payment; the number that was chosen is returned. A callback that is being sent right
// now is sent again after that attempt, unless it is acknowledged. Calls with the same idempotency key take effect once; without
// a key every call does. ErrNotFound where there is no such callback, ErrNoCallbackURL where no URL is set, ErrNewerCallback
// where a newer one of the payment is under way.
func (s *Store) ResendCallback(ctx context.Context, idempotencyKey string, projectID int64, paymentID string, number int64, actor string) (int64, error) {
	if number == 0 {
		const newest = `SELECT MAX(e.number) FROM payments p JOIN events e ON e.payment = p.id AND +e.project_id = p.project_id
			WHERE p.project_id = $1 AND p.payment_key = $2`
		var found sql.NullInt64
		if err := sqldb.One(ctx, s.db.Reads, newest, projectID, payout.Fold(paymentID)).Scan(&found); err != nil {
			return 0, fmt.Errorf("store: newest callback: %w", err)
		}
		if number = found.Int64; !found.Valid {
			return 0, ErrNotFound
		}
	}
	job, err := s.CallbackJob(ctx, projectID, number)
	if err != nil {
		return 0, err
	}
	if paymentID != "" && job.Payment.PaymentKey != payout.Fold(paymentID) {
		return 0, ErrNotFound
	}
	if job.URL = s.callbackTarget(job); job.URL == "" {
		return 0, ErrNoCallbackURL
	}
	err = s.Do(ctx, idempotencyKey, func(ctx context.Context, t *Tx) error {
		if err := t.resend(ctx, job); err != nil {
			return err
		}
		detail := Detail{}.Int("number", number)
		if b := job.Event.Batch; b != nil {
			detail = detail.Int("batch", b.Batch)
		} else {
			detail = detail.Text("payment_id", job.Payment.PaymentID)
		}
		return t.Audit(ctx, actor, "callback resend", projectObject(projectID), detail)
	})
	if err == nil && s.callbacks != nil {
		s.callbacks.Wake()
	}
	return number, err
}

func (t *Tx) resend(ctx context.Context, job *CallbackJob) error {
	e := &job.Event
	pending, err := t.pendingCallbacks(ctx, e)
	if err != nil {
		return err
	}
	due, sending := t.now, false
	for _, c := range pending {
		switch {
		case c.number > e.Number:
			return ErrNewerCallback
		case c.number == e.Number:
			sending = c.until.After(t.now)
		}
		if c.until.After(due) {
			due = c.until
		}
	}
	if err := t.endPending(ctx, e); err != nil {
		return err
	}
	// The row's own last attempt is logged before the next one takes its place there.
	const keep = `INSERT INTO attempts (project_id, number, attempt, url, at, duration, http_status, error, answer)
		SELECT project_id, number, attempts, url, last_at, duration, http_status, error, answer FROM callbacks
		WHERE project_id = $1 AND number = $2 AND attempts > 0 ON CONFLICT (project_id, number, attempt) DO NOTHING`
	if _, err := t.Exec(ctx, keep, e.ProjectID, e.Number); err != nil {
		return err
	}
	again := "UPDATE callbacks SET state = $1, next_at = $2, lease = NULL, scheduled = 0, url = $3, lane = $4 WHERE project_id = $5 AND number = $6"
	if sending { // its lease stays with the attempt
		again = "UPDATE callbacks SET state = $1, next_at = $2, scheduled = 0, url = $3, lane = $4 WHERE project_id = $5 AND number = $6"
	}
	_, err = t.Exec(ctx, again, string(CallbackPending), due.UnixMicro(), job.URL, Lane(e.ProjectID, job.URL), e.ProjectID, e.Number)
	return err
}

// pendingCallback is a callback of a payment that is not acknowledged.
type pendingCallback struct {
	number int64
	until  time.Time // when an attempt that is under way must have ended; zero: none is
}

// pendingCallbacks reads, and locks, the callbacks of an event's payment that are not acknowledged.
func (t *Tx) pendingCallbacks(ctx context.Context, e *Event) ([]pendingCallback, error) {
	var pending []pendingCallback
	const find = `SELECT number, CASE WHEN lease IS NULL THEN 0 ELSE next_at END FROM callbacks WHERE project_id = $1 AND state = $2
		AND number IN (SELECT number FROM events WHERE payment = $3 AND +project_id = $4) ORDER BY number{{for_update}}`
	const alone = `SELECT number, CASE WHEN lease IS NULL THEN 0 ELSE next_at END FROM callbacks WHERE project_id = $1 AND state = $2
		AND number = $3{{for_update}}`
	query, args := find, []any{e.ProjectID, string(CallbackPending), e.Payment, e.ProjectID}
	if e.Batch != nil { // a batch has one event
		query, args = alone, []any{e.ProjectID, string(CallbackPending), e.Number}
	}
	err := t.Query(ctx, query, func(r *sql.Rows) error {
		var c pendingCallback
		var until int64
		err := r.Scan(&c.number, &until)
		c.until = sqldb.FromMicros(until)
		pending = append(pending, c)
		return err
	}, args...)
	return pending, err
}

// endPending supersedes the callbacks of an event's payment that are older than the event and not acknowledged.
func (t *Tx) endPending(ctx context.Context, e *Event) error {
	if e.Batch != nil {
		return nil
	}
	const end = `UPDATE callbacks SET state = $1, next_at = NULL, lease = NULL WHERE project_id = $2 AND state = $3
		AND number IN (SELECT number FROM events WHERE payment = $4 AND number < $5 AND +project_id = $6)`
	_, err := t.Exec(ctx, end, string(CallbackSuperseded), e.ProjectID, string(CallbackPending), e.Payment, e.Number, e.ProjectID)
	return err
}

// supersede ends the older callbacks of a payment that are not acknowledged: it has at most one under way. Where one
// is being sent right now, the newer waits until that attempt must have ended.
func (t *Tx) supersede(ctx context.Context, e *event) error {
	pending, err := t.pendingCallbacks(ctx, &e.Event)
	if err != nil || len(pending) == 0 {
		return err
	}
	for _, c := range pending {
		if !c.until.IsZero() {
			e.notBefore = max(e.notBefore, c.until.UnixMicro())
		}
	}
	return t.endPending(ctx, &e.Event)
}
