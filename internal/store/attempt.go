package store

import (
	"context"
	"time"

	"flashpay/internal/store/sqldb"
)

// Attempt is one attempt to deliver a callback.
type Attempt struct {
	ProjectID  int64
	Number     int64 // of the event
	Attempt    int   // 1 for the first
	Scheduled  int   // attempts before it since the schedule was last started, as its CallbackJob had it
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
// callback that was superseded meanwhile stays so, and one that was resent meanwhile and is not acknowledged is due at
// once; their attempts are logged all the same.
func (s *Store) SaveAttempt(ctx context.Context, a Attempt, state CallbackState, nextAt time.Time) error {
	return s.do(ctx, &command{attempt: &attemptItem{Attempt: a, state: state, nextAt: nextAt}})
}

var moveCallbacks = sqldb.NewBulk(
	`WITH v (project_id, number, attempt, scheduled, state, next_at, last_at, duration, http_status, error, answer) AS (VALUES `,
	`(CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%s AS TEXT), CAST(%i AS BIGINT), CAST(%i AS BIGINT),
		CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%s AS TEXT), CAST(%b AS {{bytes}}))`,
	`) UPDATE callbacks SET
		state = CASE WHEN callbacks.state <> 'pending' THEN callbacks.state
			WHEN callbacks.scheduled <> v.scheduled AND v.state <> 'delivered' THEN 'pending' ELSE v.state END,
		next_at = CASE WHEN callbacks.state <> 'pending' THEN callbacks.next_at
			WHEN callbacks.scheduled <> v.scheduled AND v.state <> 'delivered' THEN v.last_at + v.duration ELSE v.next_at END,
		scheduled = CASE WHEN callbacks.scheduled <> v.scheduled THEN callbacks.scheduled ELSE v.scheduled + 1 END,
		lease = NULL, attempts = v.attempt, last_at = v.last_at, duration = v.duration,
		http_status = v.http_status, error = v.error, answer = v.answer
		FROM v WHERE callbacks.project_id = +v.project_id AND callbacks.number = +v.number AND callbacks.attempts = v.attempt - 1
		RETURNING callbacks.project_id, callbacks.number, callbacks.attempts, callbacks.created_at`)

var insertAttempts = sqldb.NewBulk(
	"INSERT INTO attempts (project_id, number, attempt, url, at, duration, http_status, error, answer) VALUES ",
	"(%i, %i, %i, %s, %i, %i, %i, %s, %b)", " ON CONFLICT (project_id, number, attempt) DO NOTHING")

// writeAttempts moves the callbacks, and notes which of them moved.
func (t *Tx) writeAttempts(ctx context.Context, commands []*command) error {
	var moves []any
	for _, c := range commands {
		a := c.attempt
		if a == nil {
			continue
		}
		moves = append(moves, a.ProjectID, a.Number, int64(a.Attempt.Attempt), int64(a.Scheduled), string(a.state), optionalMicros(a.nextAt),
			a.At.UnixMicro(), a.Duration.Microseconds(), int64(a.HTTPStatus), a.Error, a.answer())
	}
	t.attempted = make(map[attemptKey]int64, len(moves)/moveCallbacks.Columns)
	moved := func(r sqldb.Row) error {
		var k attemptKey
		var event int64
		err := r.Scan(&k.project, &k.number, &k.attempt, &event)
		t.attempted[k] = event
		return err
	}
	return moveCallbacks.Later(ctx, t.conn, moves, moved)
}

// logRow adds an attempt's row of the log, of insertAttempts. The first attempt's result stands in the callback's own row until a
// second one replaces it there; so there is a row for callbacks only that needed more than one.
func (a *attemptItem) logRow(rows []any) []any {
	if a.Attempt.Attempt == 1 && a.state == CallbackDelivered {
		return rows
	}
	return append(rows, a.ProjectID, a.Number, int64(a.Attempt.Attempt), a.URL, a.At.UnixMicro(), a.Duration.Microseconds(),
		int64(a.HTTPStatus), a.Error, a.answer())
}

// answer is the first part of the answer's body, where there was one.
func (a *attemptItem) answer() []byte {
	if a.Answer == nil {
		return []byte{}
	}
	return a.Answer
}
