package store

import (
	"context"
	"hash/fnv"
	"net/url"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// Event is what a callback tells: committed with the fact, never changed, numbered without gaps within its project.
type Event struct {
	ProjectID         int64
	Number            int64
	Payment           int64
	Operation         int64
	PaymentStatus     payout.Status
	OperationStatus   payout.Status
	Code              int
	ProviderID        int64
	ProviderPaymentID string
	AuthCode          string
	At                time.Time

	Batch *BatchEnd // the event is of a batch: it has no payment, and PaymentStatus is the batch's state; else nil
}

// Dispatcher is what sends callbacks in this process. Where it has room, the callback is leased to it by the commit
// that makes it.
type Dispatcher interface {
	// Reserve takes a place in a lane of a project.
	Reserve(projectID, lane int64) bool
	// Release gives a reserved place back unused.
	Release(projectID, lane int64)
	// Start uses a reserved place: the callback is committed and leased to this process.
	Start(job *CallbackJob)
	// Wake says that there is something due in the database.
	Wake()
}

// CallbackState says where a callback stands.
type CallbackState string

// The states of a callback.
const (
	CallbackPending    CallbackState = "pending"
	CallbackDelivered  CallbackState = "delivered"
	CallbackSuperseded CallbackState = "superseded" // a newer one of the same payment took its place
	CallbackDisabled   CallbackState = "disabled"   // switched off for the payment, or nobody wants it
	CallbackGivenUp    CallbackState = "given up"   // the schedule has ended
)

// CallbackJob is a callback to be sent, with all that its body is rendered from.
type CallbackJob struct {
	Event     Event
	URL       string
	Lane      int64
	Attempts  int // made so far
	Scheduled int // of them since the schedule was last started
	Payment   payout.Payment
	Operation payout.Operation // its ids, sum, terms and time of creation; what changes stands in Event

	LeasedUntil time.Time // when it stops belonging to this process
}

// CallbackLease is how long a callback that was handed out belongs to its process: longer than one attempt may take.
const CallbackLease = 25 * time.Second

// event is an Event in the writer.
type event struct {
	Event
	payment   payout.Payment
	operation payout.Operation
	first     bool  // of its payment
	old       bool  // a newer one of its payment is made in the same commit
	notBefore int64 // when an older callback's attempt must have ended; 0: none is under way
}

// Lane is where a callback queues: one lane for each project and host, so that no endpoint waits for another.
func Lane(projectID int64, address string) int64 {
	host := address
	if u, err := url.Parse(address); err == nil {
		host = u.Host
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(strconv.FormatInt(projectID, 10) + " " + host))
	return int64(h.Sum64() >> 1)
}

// announce makes the event of a status that the merchant is told of.
func (t *Tx) announce(p *payout.Payment, o *payout.Operation, at time.Time) {
	t.events = append(t.events, &event{
		Event: Event{
			ProjectID: p.ProjectID, Payment: p.ID, Operation: o.ID, PaymentStatus: p.Status, OperationStatus: o.Status, Code: o.Code,
			ProviderID: o.ReachedProvider(), ProviderPaymentID: o.ProviderPaymentID, AuthCode: o.AuthCode, At: at,
		},
		payment: *p, operation: *o, first: p.Events == 1,
	})
}

var lockCounters = map[string]*sqldb.Bulk{
	"sqlite":   sqldb.NewBulk("SELECT project_id, events FROM counters WHERE project_id IN (VALUES ", "(%i)", ")"),
	"postgres": sqldb.NewBulk("SELECT project_id, events FROM counters WHERE project_id IN (VALUES ", "(CAST(%i AS BIGINT))", ") ORDER BY project_id FOR UPDATE"),
}

var updateCounters = sqldb.NewBulk("WITH v (project_id, events) AS (VALUES ", "(CAST(%i AS BIGINT), CAST(%i AS BIGINT))",
	") UPDATE counters SET events = v.events FROM v WHERE counters.project_id = +v.project_id")

var insertEvents = sqldb.NewBulk(
	"INSERT INTO events (project_id, number, payment, operation, payment_status, operation_status, code, provider_id, provider_payment_id, auth_code, at) VALUES ",
	"(%i, %i, %i, %i, %s, %s, %i, %i, %s, %s, %i)", "")

var insertCallbacks = sqldb.NewBulk(
	"INSERT INTO callbacks (project_id, number, payment, state, url, lane, attempts, scheduled, next_at, lease, created_at) VALUES ",
	"(%i, %i, %i, %s, %s, %i, 0, 0, %i, %i, %i)", "")

// lockNumbers locks the counters of the projects whose merchants are told of a step. They are the last rows that a commit
// locks, so that projects' numbers are held for the shortest time.
func (t *Tx) lockNumbers(ctx context.Context, _ []*command) error {
	var projects []int64
	for _, c := range t.steps {
		if i := c.step; i.won && i.moves && i.move.Callback {
			projects = append(projects, i.after.Operation.ProjectID)
		}
	}
	return t.lockCounters(ctx, projects)
}

// lockCounters locks the counters of projects that are not locked yet, and reads them with the next round trip.
func (t *Tx) lockCounters(ctx context.Context, projects []int64) error {
	if t.newestEvents == nil {
		t.newestEvents = make(map[int64]int64)
	}
	slices.Sort(projects)
	var args []any
	for _, p := range slices.Compact(projects) {
		if _, ok := t.newestEvents[p]; !ok {
			args = append(args, p)
		}
	}
	return lockCounters[t.conn.Dialect.Name].Later(ctx, t.conn, args, func(r sqldb.Row) error {
		var project, events int64
		err := r.Scan(&project, &events)
		t.newestEvents[project] = events
		return err
	})
}

// writeEvents numbers the events of this commit.
func (t *Tx) writeEvents(ctx context.Context, _ []*command) error {
	if len(t.events) == 0 {
		return nil
	}
	if err := t.numberEvents(ctx); err != nil {
		return err
	}
	events := make([]any, 0, len(t.events)*insertEvents.Columns)
	callbacks := make([]any, 0, len(t.events)*insertCallbacks.Columns)
	for _, e := range t.events {
		if !e.first {
			if err := t.supersede(ctx, e); err != nil {
				return err
			}
		}
		events = append(events, e.ProjectID, e.Number, e.Payment, e.Operation, string(e.PaymentStatus), string(e.OperationStatus),
			int64(e.Code), e.ProviderID, e.ProviderPaymentID, e.AuthCode, e.At.UnixMicro())
		callbacks = append(callbacks, t.callbackRow(e)...)
		if e.Batch != nil {
			if err := t.writeBatchEvent(ctx, e); err != nil {
				return err
			}
		}
	}
	if err := insertEvents.Later(ctx, t.conn, events, nil); err != nil {
		return err
	}
	return insertCallbacks.Later(ctx, t.conn, callbacks, nil)
}

func (t *Tx) numberEvents(ctx context.Context) error {
	var others []int64 // what was declined for lack of funds is known only now
	for _, e := range t.events {
		if _, ok := t.newestEvents[e.ProjectID]; !ok {
			others = append(others, e.ProjectID)
		}
	}
	if len(others) > 0 {
		if err := t.lockCounters(ctx, others); err != nil {
			return err
		}
		if err := t.conn.Flush(ctx); err != nil {
			return err
		}
	}
	numbered := make(map[int64]bool)
	for _, e := range t.events {
		t.newestEvents[e.ProjectID]++
		e.Number = t.newestEvents[e.ProjectID]
		numbered[e.ProjectID] = true
	}
	var args []any
	for project := range numbered {
		args = append(args, project, t.newestEvents[project])
		t.Wake(EventsTopic(project))
	}
	return updateCounters.Later(ctx, t.conn, args, nil)
}

// callbackRow makes the row of an event's callback, and keeps its job for this process where there is room.
func (t *Tx) callbackRow(e *event) []any {
	project, ok := t.store.Project(e.ProjectID)
	if !ok {
		project = &merchant.Project{ID: e.ProjectID}
	}
	target := targetOf(project, &e.Event, &e.payment)
	lane := Lane(e.ProjectID, target)
	state := CallbackPending
	if target == "" || e.payment.Options.CallbacksDisabled {
		state = CallbackDisabled
	}
	if e.old && state == CallbackPending {
		state = CallbackSuperseded
	}
	nextAt, lease := any(nil), any(nil)
	if state == CallbackPending {
		nextAt = max(e.notBefore, t.now.Add(e.payment.Options.CallbackDelay).UnixMicro())
		if e.first && e.payment.Options.CallbackDelay == 0 && t.store.callbacks != nil && t.store.callbacks.Reserve(e.ProjectID, lane) {
			until := t.now.Add(CallbackLease)
			nextAt, lease = until.UnixMicro(), t.store.shard.Load()
			t.jobs = append(t.jobs, &CallbackJob{
				Event: e.Event, URL: target, Lane: lane, Payment: e.payment, Operation: e.operation, LeasedUntil: until,
			})
		}
	}
	return []any{e.ProjectID, e.Number, e.Payment, string(state), target, lane, nextAt, lease, t.now.UnixMicro()}
}
