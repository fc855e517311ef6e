package snapshot

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Payment is a payment as it stands in the database, whether it makes sense or not, with its sealed request.
type Payment struct {
	ID, ProjectID                    int64
	PaymentKey, PaymentID, RequestID string
	ContentHash, HeadHash            []byte
	Status                           payout.Status
	Amount                           int64
	Currency, Description            string
	AccountMask, CustomerID, Options string
	Method                           string // path
	CreatedAt, UpdatedAt             int64  // microseconds
	Events, HeadSeq                  int64
	Project                          bool // its project exists
	Sealed                           []byte
	AccountKey                       sql.NullInt64 // null: it has no request
	EmailKey, PhoneKey, IPKey        sql.NullInt64
}

// Request opens the payment's sealed request.
func (reader *Reader) Request(p *Payment) ([]byte, error) {
	return reader.store.Vault().Unseal(p.Sealed, store.RequestPlace(p.ProjectID, p.PaymentKey))
}

// Payments reads up to n payments behind a place with ids up to last, in the order of places; on PostgreSQL of one
// project. There are none left where it reads none.
func (v *Snapshot) Payments(ctx context.Context, after Place, last int64, n int) ([]Payment, error) {
	where, args := v.within("p.project_id", "p.id", Range{after, End})
	query := fmt.Sprintf(`SELECT p.id, p.project_id, p.payment_key, p.payment_id, p.request_id, p.content_hash, p.head_hash, p.status,
		p.amount, p.currency, p.description, p.account_mask, p.customer_id, p.method, p.options, p.created_at, p.updated_at, p.events, p.head_seq,
		EXISTS (SELECT 1 FROM projects o WHERE o.id = p.project_id), r.sealed, r.account_key, r.email_key, r.phone_key, r.ip_key
		FROM payments p LEFT JOIN requests r ON r.project_id = p.project_id AND r.payment = p.id
		WHERE %s AND p.id <= $%d ORDER BY %s LIMIT $%d`, where, len(args)+1, v.order("p.project_id", "p.id"), len(args)+2)
	out := make([]Payment, 0, n)
	err := v.each(ctx, query, func(r *sql.Rows) error {
		var p Payment
		err := r.Scan(&p.ID, &p.ProjectID, &p.PaymentKey, &p.PaymentID, &p.RequestID, &p.ContentHash, &p.HeadHash, (*string)(&p.Status),
			&p.Amount, &p.Currency, &p.Description, &p.AccountMask, &p.CustomerID, &p.Method, &p.Options, &p.CreatedAt, &p.UpdatedAt, &p.Events, &p.HeadSeq,
			&p.Project, &p.Sealed, &p.AccountKey, &p.EmailKey, &p.PhoneKey, &p.IPKey)
		out = append(out, p)
		return err
	}, append(args, last, n)...)
	if v.store.DB().Dialect == &sqldb.Postgres {
		for i := range out {
			if out[i].ProjectID != out[0].ProjectID {
				return out[:i], err
			}
		}
	}
	return out, err
}

// Operation is an operation as it stands in the database.
type Operation struct {
	payout.Operation
	Due   bool // next_at is set
	Lease bool // lease is set
}

var auditedColumns = "o." + strings.Join(strings.Fields(strings.NewReplacer(",", " ", "operations.", "").Replace(store.OperationColumns)), ", o.") +
	", o.next_at IS NOT NULL, o.lease IS NOT NULL"

// auditWhich are the two ways in which a payment's operations are found: the first, and later ones.
var whichOperations = []string{"o.id = p.id", "o.payment = p.id AND o.number > 1"}

// Operations reads the operations of a range's payments.
func (v *Snapshot) Operations(ctx context.Context, in Range, each func(*Operation) error) error {
	where, args := v.within("p.project_id", "p.id", in)
	for _, which := range whichOperations {
		query := "SELECT " + auditedColumns + " FROM payments p CROSS JOIN operations o WHERE " + where + " AND o.project_id = p.project_id AND " + which
		err := v.each(ctx, query, func(r *sql.Rows) error {
			o, err := scanOperation(r)
			if err != nil {
				return err
			}
			return each(&o)
		}, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

func scanOperation(r *sql.Rows, more ...any) (o Operation, err error) {
	o.Operation, err = store.ScanOperation(func(into ...any) error {
		return r.Scan(append(append(into, &o.Due, &o.Lease), more...)...)
	})
	return o, err
}

// Lines reads the journals of a range's payments: payment by payment, each in its order.
func (v *Snapshot) Lines(ctx context.Context, in Range, each func(*store.JournalLine) error) error {
	where, args := v.within("p.project_id", "p.id", in)
	query := "SELECT j.id, j.project_id, j.payment, j.seq, j.at, j.kind, j.operation, j.detail, j.hash FROM payments p CROSS JOIN journal j WHERE " +
		where + " AND j.project_id = p.project_id AND j.payment = p.id ORDER BY " + v.order("p.project_id", "p.id") + ", j.seq"
	return v.each(ctx, query, func(r *sql.Rows) error {
		var l store.JournalLine
		var hash sql.RawBytes
		var at int64
		if err := r.Scan(&l.ID, &l.ProjectID, &l.Payment, &l.Seq, &at, &l.Kind, &l.Operation, &l.Detail, &hash); err != nil {
			return err
		}
		l.At = time.UnixMicro(at).UTC()
		if err := fill(&l.Hash, hash); err != nil {
			l.Hash = [32]byte{}
		}
		return each(&l)
	}, args...)
}

// Event is an event with its callback's state.
type Event struct {
	store.Event
	State store.CallbackState // empty: it has no callback
}

const eventColumns = `e.project_id, e.number, e.payment, e.operation, e.payment_status, e.operation_status, e.code, e.provider_id,
	e.provider_payment_id, e.auth_code, e.at, c.state`

func scanEvent(r *sql.Rows, more ...any) (e Event, err error) {
	var at int64
	var state sql.NullString
	err = r.Scan(append([]any{
		&e.ProjectID, &e.Number, &e.Payment, &e.Operation, (*string)(&e.PaymentStatus), (*string)(&e.OperationStatus), &e.Code,
		&e.ProviderID, &e.ProviderPaymentID, &e.AuthCode, &at, &state,
	}, more...)...)
	e.At, e.State = time.UnixMicro(at).UTC(), store.CallbackState(state.String)
	return e, err
}

// Events reads the events of a range's payments, in no order; by their payment: without the sign before the project, all
// events of a project might be read, payment after payment.
func (v *Snapshot) Events(ctx context.Context, in Range, each func(*Event) error) error {
	where, args := v.within("p.project_id", "p.id", in)
	query := "SELECT " + eventColumns + ` FROM payments p CROSS JOIN events e
		LEFT JOIN callbacks c ON c.project_id = e.project_id AND c.number = e.number WHERE ` + where +
		" AND e.payment = p.id AND +e.project_id = p.project_id"
	return v.each(ctx, query, func(r *sql.Rows) error {
		e, err := scanEvent(r)
		if err != nil {
			return err
		}
		return each(&e)
	}, args...)
}

// Discrepancies reads those of a range's payments.
func (v *Snapshot) Discrepancies(ctx context.Context, in Range, each func(*store.Discrepancy) error) error {
	where, args := v.within("p.project_id", "p.id", in)
	query := "SELECT d.id, d.project_id, d.payment, d.operation, d.kind, d.decision, d.funds FROM payments p CROSS JOIN discrepancies d WHERE " + where +
		" AND d.project_id = p.project_id AND d.payment = p.id"
	return v.each(ctx, query, func(r *sql.Rows) error {
		var d store.Discrepancy
		if err := r.Scan(&d.ID, &d.ProjectID, &d.Payment, &d.Operation, &d.Kind, (*string)(&d.Decision), &d.Funds); err != nil {
			return err
		}
		return each(&d)
	}, args...)
}

// Callback is a callback as it stands in the database, with the event of its number.
type Callback struct {
	Event     *Event // nil: there is none of this number
	PaymentID string // the event's; empty: no such payment
	Batch     string // how the event says that a batch ended; empty: it is of no batch
	Options   string // of the payment

	ProjectID, Number, Payment, Lane int64
	State                            store.CallbackState
	URL                              string
	Attempts, Scheduled              int64
	Due, Lease                       bool // next_at, lease are set
	LastAt, Duration, HTTPStatus     sql.NullInt64
	Error                            sql.NullString
	Answer                           bool // answer is set
}

const callbackColumns = `c.project_id, c.number, c.payment, c.lane, c.state, c.url, c.attempts, c.scheduled, c.next_at IS NOT NULL,
	c.lease IS NOT NULL, c.last_at, c.duration, c.http_status, c.error, c.answer IS NOT NULL`

func (c *Callback) columns() []any {
	return []any{
		&c.ProjectID, &c.Number, &c.Payment, &c.Lane, (*string)(&c.State), &c.URL, &c.Attempts, &c.Scheduled, &c.Due, &c.Lease,
		&c.LastAt, &c.Duration, &c.HTTPStatus, &c.Error, &c.Answer,
	}
}

// NextProject finds the next project that has a row where callbacks are numbered, or is one. ok is false behind the last.
func (v *Snapshot) NextProject(ctx context.Context, after int64) (project int64, ok bool, err error) {
	const query = `SELECT MIN(project_id) FROM (SELECT MIN(id) AS project_id FROM projects WHERE id > $1
		UNION ALL SELECT MIN(project_id) FROM counters WHERE project_id > $2 UNION ALL SELECT MIN(project_id) FROM events WHERE project_id > $3
		UNION ALL SELECT MIN(project_id) FROM callbacks WHERE project_id > $4
		UNION ALL SELECT MIN(project_id) FROM attempts WHERE project_id > $5) AS found`
	found, err := v.one(ctx, query, after, after, after, after, after)
	return found.Int64, found.Valid, err
}

// NextNumber finds the next number that an event, callback or attempt of a project has. ok is false behind the last.
func (v *Snapshot) NextNumber(ctx context.Context, project, after int64) (number int64, ok bool, err error) {
	const query = `SELECT MIN(number) FROM (SELECT MIN(number) AS number FROM events WHERE project_id = $1 AND number > $2
		UNION ALL SELECT MIN(number) FROM callbacks WHERE project_id = $3 AND number > $4
		UNION ALL SELECT MIN(number) FROM attempts WHERE project_id = $5 AND number > $6) AS found`
	found, err := v.one(ctx, query, project, after, project, after, project, after)
	return found.Int64, found.Valid, err
}

// Counter reads a project's counter of events. found is false where it has none, project where there is no such project.
func (v *Snapshot) Counter(ctx context.Context, projectID int64) (events int64, found, project bool, err error) {
	counter, err := v.one(ctx, "SELECT events FROM counters WHERE project_id = $1", projectID)
	if err != nil {
		return 0, false, false, err
	}
	row, err := v.one(ctx, "SELECT id FROM projects WHERE id = $1", projectID)
	return counter.Int64, counter.Valid, row.Valid, err
}

// Callbacks reads a project's callbacks with numbers from first to last, in their order; then the events without one,
// whose AuditCallback has no more than Event, PaymentID and Options.
func (v *Snapshot) Callbacks(ctx context.Context, project, first, last int64, each func(*Callback) error) error {
	read := func(query string, scan func(*sql.Rows) error) error {
		return v.each(ctx, query, scan, project, first, last)
	}
	const callbacks = "SELECT " + callbackColumns + " FROM callbacks c WHERE c.project_id = $1 AND c.number BETWEEN $2 AND $3 ORDER BY c.number"
	rows := make(map[int64]*Callback)
	err := read(callbacks, func(r *sql.Rows) error {
		c := &Callback{}
		err := r.Scan(c.columns()...)
		rows[c.Number] = c
		return err
	})
	if err != nil {
		return err
	}
	const events = "SELECT " + eventColumns + `, COALESCE(p.payment_id, ''), COALESCE(p.options, ''), COALESCE(b.state, '') FROM events e
		LEFT JOIN batch_events b ON b.project_id = e.project_id AND b.number = e.number
		LEFT JOIN callbacks c ON c.project_id = e.project_id AND c.number = e.number
		LEFT JOIN payments p ON p.project_id = e.project_id AND p.id = e.payment
		WHERE e.project_id = $1 AND e.number BETWEEN $2 AND $3 ORDER BY e.number`
	err = read(events, func(r *sql.Rows) error {
		c := &Callback{}
		e, err := scanEvent(r, &c.PaymentID, &c.Options, &c.Batch)
		if row := rows[e.Number]; row != nil {
			row.PaymentID, row.Options, row.Batch, c = c.PaymentID, c.Options, c.Batch, row
		}
		c.Event = &e
		rows[e.Number] = c
		return err
	})
	if err != nil {
		return err
	}
	for number := first; number <= last; number++ {
		if c := rows[number]; c != nil {
			if err := each(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// Attempts reads the attempts of a project's callbacks with numbers from first to last, in the order of numbers
// and attempts. Their answers are left out.
func (v *Snapshot) Attempts(ctx context.Context, project, first, last int64, each func(*store.Attempt) error) error {
	const query = `SELECT project_id, number, attempt, url, at, duration, http_status, error FROM attempts
		WHERE project_id = $1 AND number BETWEEN $2 AND $3 ORDER BY number, attempt`
	var a store.Attempt
	return v.each(ctx, query, func(r *sql.Rows) error {
		var at, duration int64
		if err := r.Scan(&a.ProjectID, &a.Number, &a.Attempt, &a.URL, &at, &duration, &a.HTTPStatus, &a.Error); err != nil {
			return err
		}
		a.At, a.Duration = time.UnixMicro(at).UTC(), time.Duration(duration)*time.Microsecond
		return each(&a)
	}, project, first, last)
}
