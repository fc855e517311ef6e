// Package jobs keeps rare work in the database: files, reports, exports, imports, rebuilds, mass batches, schedules. A job is
// committed with the fact that it follows from. A node leases it, and another one takes it over when the lease has ended.
// What a job does, and how far it has come, are committed together and under its lease: so it is done once, whoever dies when.
//
// Payouts themselves are no jobs: on the road the operation's row is the job (docs/decisions/0017).
package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// State is where a job stands.
type State string

// The states of a job. The last three are final.
const (
	Queued    State = "queued" // due, or waiting for its time
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed" // given up
	Cancelled State = "cancelled"
)

// Ended tells whether a job of this state is never worked on again.
func (s State) Ended() bool { return s == Done || s == Failed || s == Cancelled }

// States lists them all.
func States() []State { return []State{Queued, Running, Done, Failed, Cancelled} }

// event is what moves a job.
type event string

const (
	leased    event = "leased"    // by a node, also from one whose lease has ended
	postponed event = "postponed" // to another time: after an error, or because the rest is not due yet
	finished  event = "finished"
	gaveUp    event = "gave up"
	cancelled event = "cancelled"
)

// moves is every move there is. Statements are made of it, so that the database is the referee.
var moves = []struct {
	from State
	on   event
	to   State
}{
	{Queued, leased, Running},
	{Running, leased, Running},
	{Running, postponed, Queued},
	{Running, finished, Done},
	{Running, gaveUp, Failed},
	{Queued, cancelled, Cancelled},
	{Running, cancelled, Cancelled},
}

// move is the part of a statement that moves a job: its new state, and a condition on its old one.
func move(on event) (to State, from string) {
	var states []string
	for _, m := range moves {
		if m.on == on {
			to = m.to
			states = append(states, "'"+string(m.from)+"'")
		}
	}
	return to, "state IN (" + strings.Join(states, ", ") + ")"
}

// Errors of the calls on jobs.
var (
	// ErrLost says that another node holds the job: its lease had ended. Nothing was written.
	ErrLost = errors.New("jobs: this lease has ended: another node works on the job")
	// ErrCancelled says that the job was cancelled. Nothing was written.
	ErrCancelled = errors.New("jobs: the job was cancelled")
	// ErrEnded says that the job has ended already, so that it cannot be cancelled.
	ErrEnded = errors.New("jobs: the job has ended")
)

// ApprovedPayout is the kind of the job that sends an approved payout where who approved it could not. Its key is the
// approval's id.
const ApprovedPayout = "approved payout"

// Topic wakes who runs jobs (store.Listen).
const Topic = "jobs"

// Job is a job as it stands.
type Job struct {
	ID         int64
	Kind       string
	Key        string // unique within the kind
	ProjectID  int64  // whose it is, these three; 0: nobody's
	MerchantID int64
	UserID     int64
	Params     []byte // what is to be done; lists leave it out
	State      State
	NextAt     time.Time // when it is due, or its lease ends; zero: it has ended
	Attempts   int       // leases since it last got on
	Position   []byte    // how far it has come, in its own words
	Done       int64     // progress, of Total
	Total      int64     // 0: not known
	Outcome    string    // what came of it, or the newest error
	CreatedAt  time.Time
	StartedAt  time.Time // zero: not yet
	UpdatedAt  time.Time
	EndedAt    time.Time // zero: not yet
	KeepFor    time.Duration

	version int64
	lease   sql.NullInt64
}

// New is a job to be added.
type New struct {
	Kind       string
	Key        string // names the job within its kind: added twice, it is one
	ProjectID  int64
	MerchantID int64
	UserID     int64
	Params     []byte        // kept sealed
	DueAt      time.Time     // zero: at once
	KeepFor    time.Duration // after its end; 0: 30 days
}

const keepFor = 30 * 24 * time.Hour

// Add adds a job in a transaction, with whatever else the transaction makes true. A job of this kind and key that is there
// already, in whatever state, stays as it is: then added is false, and the id is its.
func Add(ctx context.Context, t *store.Tx, n New) (id int64, added bool, err error) {
	var sealed any
	if n.Params != nil {
		if sealed, err = t.Vault().Seal(n.Params, place(n.Kind, n.Key)); err != nil {
			return 0, false, err
		}
	}
	if n.KeepFor == 0 {
		n.KeepFor = keepFor
	}
	now := t.Now()
	if n.DueAt.IsZero() {
		n.DueAt = now
	}
	id = t.RowID()
	const insert = `INSERT INTO jobs (id, kind, key, project_id, merchant_id, user_id, sealed, state, next_at, version, attempts, done, total, outcome,
		created_at, started_at, updated_at, ended_at, keep_for) VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, 0, 0, 0, 0, '', $9, 0, $10, 0, $11)
		ON CONFLICT (kind, key) DO NOTHING`
	changed, err := t.Exec(ctx, insert, id, n.Kind, n.Key, n.ProjectID, n.MerchantID, n.UserID, sealed, n.DueAt.UnixMicro(), now.UnixMicro(),
		now.UnixMicro(), n.KeepFor.Microseconds())
	if err != nil {
		return 0, false, err
	}
	if changed == 1 {
		t.Wake(Topic)
		return id, true, nil
	}
	err = t.Query(ctx, "SELECT id FROM jobs WHERE kind = $1 AND key = $2", func(r *sql.Rows) error { return r.Scan(&id) }, n.Kind, n.Key)
	return id, false, err
}

// place binds sealed parameters to their job.
func place(kind, key string) string { return "job/" + kind + "/" + key }

// Cancel ends a job: one that waits never begins, and one that runs writes nothing more and ends soon. A second time changes
// nothing. ErrEnded where it has ended otherwise, ErrNotFound where there is none.
func Cancel(ctx context.Context, t *store.Tx, id int64) error {
	to, from := move(cancelled)
	n, err := t.Exec(ctx, "UPDATE jobs SET state = $1, next_at = NULL, lease = NULL, ended_at = $2, updated_at = $3 WHERE id = $4 AND "+from,
		string(to), t.Now().UnixMicro(), t.Now().UnixMicro(), id)
	if err != nil || n == 1 {
		return err
	}
	state, err := stateOf(ctx, t, id)
	switch {
	case err != nil:
		return err
	case state == Cancelled:
		return nil
	}
	return ErrEnded
}

// stateOf reads a job's state inside a transaction.
func stateOf(ctx context.Context, t *store.Tx, id int64) (state State, err error) {
	err = t.Query(ctx, "SELECT state FROM jobs WHERE id = $1", func(r *sql.Rows) error { return r.Scan(&state) }, id)
	if err == nil && state == "" {
		return "", fmt.Errorf("%w: job %d", store.ErrNotFound, id)
	}
	return state, err
}

const columns = `id, kind, key, project_id, merchant_id, user_id, state, next_at, lease, version, attempts, position, done, total, outcome,
	created_at, started_at, updated_at, ended_at, keep_for`

// scan reads a row of columns, and what the statement has behind them.
func scan(r *sql.Rows, more ...any) (j Job, err error) {
	var next sql.NullInt64
	var created, started, updated, ended, keep int64
	into := []any{
		&j.ID, &j.Kind, &j.Key, &j.ProjectID, &j.MerchantID, &j.UserID, &j.State, &next, &j.lease, &j.version, &j.Attempts, &j.Position,
		&j.Done, &j.Total, &j.Outcome, &created, &started, &updated, &ended, &keep,
	}
	if err := r.Scan(append(into, more...)...); err != nil {
		return j, err
	}
	j.NextAt, j.CreatedAt, j.StartedAt = sqldb.FromMicros(next.Int64), sqldb.FromMicros(created), sqldb.FromMicros(started)
	j.UpdatedAt, j.EndedAt, j.KeepFor = sqldb.FromMicros(updated), sqldb.FromMicros(ended), time.Duration(keep)*time.Microsecond
	return j, nil
}

// unseal fills in a job's parameters.
func (j *Job) unseal(s *store.Store, sealed []byte) (err error) {
	if sealed == nil {
		return nil
	}
	j.Params, err = s.Vault().Unseal(sealed, place(j.Kind, j.Key))
	return err
}

// known tells whether there is such a state.
func known(s State) bool { return slices.Contains(States(), s) }
