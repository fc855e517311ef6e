package store

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/payout"
)

// Attempt is one attempt to deliver a callback.
type Attempt struct {
	ProjectID  int64
	Number     int64 // of the event
	Attempt    int   // 1 for the first
	URL        string
	At         time.Time
	Duration   time.Duration
	HTTPStatus int    // 0: no answer
	Error      string // why there was no answer, or why it does not count
	Answer     []byte // the first part of the answer's body
}

// attemptItem is an Attempt in the writer, with what it makes of its callback.
type attemptItem struct {
	Attempt
	state  CallbackState
	nextAt time.Time
}

// SaveAttempt logs an attempt and moves its callback: to delivered, to the next attempt at nextAt, or to given up. A
// callback that was superseded meanwhile stays so; its attempt is logged all the same.
func (s *Store) SaveAttempt(ctx context.Context, a Attempt, state CallbackState, nextAt time.Time) error {
	return s.do(ctx, &command{attempt: &attemptItem{Attempt: a, state: state, nextAt: nextAt}})
}

var moveCallbacks = newBulk(
	`WITH v (project_id, number, attempt, state, next_at, last_at, duration, http_status, error, answer) AS (VALUES `,
	`(CAST(% AS BIGINT), CAST(% AS BIGINT), CAST(% AS BIGINT), CAST(% AS TEXT), CAST(% AS BIGINT), CAST(% AS BIGINT), CAST(% AS BIGINT),
		CAST(% AS BIGINT), CAST(% AS TEXT), CAST(% AS {{bytes}}))`,
	`) UPDATE callbacks SET state = CASE WHEN callbacks.state = 'pending' THEN v.state ELSE callbacks.state END,
		next_at = CASE WHEN callbacks.state = 'pending' THEN v.next_at ELSE callbacks.next_at END,
		lease = NULL, attempts = v.attempt, scheduled = callbacks.scheduled + 1, last_at = v.last_at, duration = v.duration,
		http_status = v.http_status, error = v.error, answer = v.answer
		FROM v WHERE callbacks.project_id = v.project_id AND callbacks.number = v.number AND callbacks.attempts = v.attempt - 1`)

var insertAttempts = newBulk(
	"INSERT INTO attempts (project_id, number, attempt, url, at, duration, http_status, error, answer) VALUES ",
	"(%, %, %, %, %, %, %, %, %)", " ON CONFLICT (project_id, number, attempt) DO NOTHING")

// writeAttempts moves the callbacks. The first attempt's result stands in the callback's own row until a second one
// replaces it there; so a row of attempts is only written for callbacks that needed more than one.
func (t *tx) writeAttempts(ctx context.Context, commands []*command) error {
	var moves, logs []any
	for _, c := range commands {
		a := c.attempt
		if a == nil {
			continue
		}
		answer := a.Answer
		if answer == nil {
			answer = []byte{}
		}
		moves = append(moves, a.ProjectID, a.Number, int64(a.Attempt.Attempt), string(a.state), optionalMicros(a.nextAt), a.At.UnixMicro(),
			a.Duration.Microseconds(), int64(a.HTTPStatus), a.Error, answer)
		if a.Attempt.Attempt > 1 || a.state != CallbackDelivered {
			logs = append(logs, a.ProjectID, a.Number, int64(a.Attempt.Attempt), a.URL, a.At.UnixMicro(), a.Duration.Microseconds(),
				int64(a.HTTPStatus), a.Error, answer)
		}
	}
	if err := moveCallbacks.run(ctx, t.session, moves, nil); err != nil {
		return err
	}
	return insertAttempts.run(ctx, t.session, logs, nil)
}

// CallbackLanes lists the lanes that have a callback waiting or under way.
func (s *Store) CallbackLanes(ctx context.Context) ([]int64, error) {
	return s.loose(ctx, `WITH RECURSIVE l (lane) AS (
		SELECT MIN(lane) FROM callbacks WHERE next_at IS NOT NULL
		UNION ALL SELECT (SELECT MIN(lane) FROM callbacks WHERE next_at IS NOT NULL AND lane > l.lane) FROM l WHERE l.lane IS NOT NULL)
		SELECT lane FROM l WHERE lane IS NOT NULL`)
}

// loose runs a query that returns one number a row.
func (s *Store) loose(ctx context.Context, query string, args ...any) ([]int64, error) {
	rows, err := s.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	var out []int64
	err = eachRow(rows, func(r *sql.Rows) error {
		var v int64
		err := r.Scan(&v)
		out = append(out, v)
		return err
	})
	return out, err
}

// LeaseCallbacks leases up to n due callbacks of a lane to this process, oldest first.
func (s *Store) LeaseCallbacks(ctx context.Context, lane int64, n int) ([]*CallbackJob, error) {
	due, err := s.loose(ctx, "SELECT number FROM callbacks WHERE lane = $1 AND next_at <= $2 LIMIT 1", lane, s.Now().UnixMicro())
	if err != nil || len(due) == 0 {
		return nil, err
	}
	type key struct{ project, number int64 }
	var leased []key
	err = s.do(ctx, &command{exec: func(ctx context.Context, t *tx) error {
		leased = leased[:0]
		const lease = `UPDATE callbacks SET lease = $1, next_at = $2 WHERE (project_id, number) IN
			(SELECT project_id, number FROM callbacks WHERE lane = $3 AND next_at <= $4 ORDER BY next_at LIMIT $5{{skip_locked}})
			RETURNING project_id, number`
		return t.query(ctx, lease, func(r *sql.Rows) error {
			var k key
			err := r.Scan(&k.project, &k.number)
			leased = append(leased, k)
			return err
		}, t.store.shard.Load(), t.now.Add(CallbackLease).UnixMicro(), lane, t.now.UnixMicro(), n)
	}})
	if err != nil {
		return nil, err
	}
	jobs := make([]*CallbackJob, 0, len(leased))
	for _, k := range leased {
		job, err := s.CallbackJob(ctx, k.project, k.number)
		if err != nil {
			return jobs, err
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// CallbackJob loads a callback with all that its body is rendered from.
func (s *Store) CallbackJob(ctx context.Context, projectID, number int64) (*CallbackJob, error) {
	job := &CallbackJob{}
	e := &job.Event
	var at int64
	const find = `SELECT e.project_id, e.number, e.payment, e.operation, e.payment_status, e.operation_status, e.code, e.provider_id,
		e.provider_payment_id, e.auth_code, e.at, c.url, c.lane, c.attempts, c.scheduled
		FROM events e JOIN callbacks c ON c.project_id = e.project_id AND c.number = e.number WHERE e.project_id = $1 AND e.number = $2`
	err := s.reads.QueryRowContext(ctx, find, projectID, number).Scan(&e.ProjectID, &e.Number, &e.Payment, &e.Operation,
		(*string)(&e.PaymentStatus), (*string)(&e.OperationStatus), &e.Code, &e.ProviderID, &e.ProviderPaymentID, &e.AuthCode, &at,
		&job.URL, &job.Lane, &job.Attempts, &job.Scheduled)
	if err != nil {
		return nil, notFound(err)
	}
	e.At = fromMicros(at)
	view, err := s.viewByID(ctx, projectID, e.Payment)
	if err != nil {
		return nil, err
	}
	job.Payment = view.Payment
	for _, o := range view.Operations {
		if o.ID == e.Operation {
			job.Operation = o
		}
	}
	return job, nil
}

// ResendCallback makes a callback due at once, as the first attempt of a fresh schedule. number 0 means the newest of
// the payment. It returns the number that was chosen, ErrNotFound where there is none.
func (s *Store) ResendCallback(ctx context.Context, projectID int64, paymentID string, number int64, actor string) (int64, error) {
	if number == 0 {
		const newest = `SELECT MAX(e.number) FROM events e JOIN payments p ON p.project_id = e.project_id AND p.id = e.payment
			WHERE p.project_id = $1 AND p.payment_key = $2`
		var found sql.NullInt64
		if err := s.reads.QueryRowContext(ctx, newest, projectID, payout.Fold(paymentID)).Scan(&found); err != nil {
			return 0, err
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
	target := s.callbackTarget(job)
	if target == "" {
		return 0, ErrNoCallbackURL
	}
	err = s.do(ctx, &command{exec: func(ctx context.Context, t *tx) error {
		const again = `UPDATE callbacks SET state = $1, next_at = $2, lease = NULL, scheduled = 0, url = $3, lane = $4
			WHERE project_id = $5 AND number = $6`
		if _, err := t.exec(ctx, again, string(CallbackPending), t.now.UnixMicro(), target, Lane(projectID, target), projectID, number); err != nil {
			return err
		}
		return t.audit(ctx, actor, "callback resend", projectObject(projectID), Detail{}.Int("number", number).Text("payment_id", job.Payment.PaymentID))
	}})
	if err == nil && s.callbacks != nil {
		s.callbacks.Wake()
	}
	return number, err
}
