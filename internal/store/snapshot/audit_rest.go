package snapshot

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// Part is a row that belongs to a payment, seen from the row's own table.
type Part struct {
	Place
	Payment int64
	Number  int64 // of an operation, else 0
	Found   bool  // the payment exists
}

// Parts reads up to n rows of a table behind a place, in the order of places: requests, or operations.
func (reader *Reader) Parts(ctx context.Context, table string, after Place, n int) (parts []Part, err error) {
	id, number := "t.id", "t.number"
	if table == "requests" {
		id, number = "t.payment", "0"
	}
	err = reader.Read(ctx, func(v *Snapshot) error {
		where, args := v.within("t.project_id", id, Range{after, End})
		query := fmt.Sprintf(`SELECT t.project_id, %s, t.payment, %s, p.id IS NOT NULL FROM %s t
			LEFT JOIN payments p ON p.project_id = t.project_id AND p.id = t.payment WHERE %s ORDER BY %s LIMIT $%d`,
			id, number, table, where, v.order("t.project_id", id), len(args)+1)
		return v.each(ctx, query, func(r *sql.Rows) error {
			var p Part
			err := r.Scan(&p.Project, &p.ID, &p.Payment, &p.Number, &p.Found)
			parts = append(parts, p)
			return err
		}, append(args, n)...)
	})
	return parts, err
}

// Notification is a notification as it stands in the database.
type Notification struct {
	ID, Received int64 // microseconds
	State        string
	Due, Lease   bool // next_at, lease are set
	DueAt        int64
	Opens        error // why it cannot be opened; nil: it can
}

// Notifications reads up to n notifications with ids above after, in their order.
func (reader *Reader) Notifications(ctx context.Context, after int64, n int, each func(*Notification) error) error {
	const query = "SELECT id, received_at, state, next_at, lease IS NOT NULL, provider, sealed FROM notifications WHERE id > $1 ORDER BY id LIMIT $2"
	return reader.Read(ctx, func(v *Snapshot) error {
		return v.each(ctx, query, func(r *sql.Rows) error {
			var a Notification
			var due sql.NullInt64
			var provider string
			var sealed sql.RawBytes
			if err := r.Scan(&a.ID, &a.Received, &a.State, &due, &a.Lease, &provider, &sealed); err != nil {
				return err
			}
			a.Due, a.DueAt = due.Valid, due.Int64
			_, a.Opens = reader.store.Vault().Unseal(sealed, "notification/"+provider)
			return each(&a)
		}, after, n)
	})
}

// Discrepancy is a discrepancy as it stands in the database.
type Discrepancy struct {
	store.Discrepancy
	Settled bool
	Found   bool // its payment exists, or it belongs to none
}

// Discrepancies reads up to n discrepancies with ids above after, in their order.
func (reader *Reader) Discrepancies(ctx context.Context, after int64, n int, each func(*Discrepancy) error) error {
	const query = `SELECT d.id, d.project_id, d.payment, d.operation, d.kind, d.settled_at IS NOT NULL, d.reason, d.decision, p.id IS NOT NULL OR d.payment = 0
		FROM discrepancies d LEFT JOIN payments p ON p.project_id = d.project_id AND p.id = d.payment WHERE d.id > $1 ORDER BY d.id LIMIT $2`
	return reader.Read(ctx, func(v *Snapshot) error {
		return v.each(ctx, query, func(r *sql.Rows) error {
			var d Discrepancy
			if err := r.Scan(&d.ID, &d.ProjectID, &d.Payment, &d.Operation, &d.Kind, &d.Settled, &d.Reason, (*string)(&d.Decision), &d.Found); err != nil {
				return err
			}
			return each(&d)
		}, after, n)
	})
}

// BankOperation is an operation as a bank's books are compared with it.
type BankOperation struct {
	Operation
	PaymentID   string
	PaymentKey  string
	Request     []byte // the body as received; nil: it cannot be opened
	SucceededBy int64  // of a success: id of the journal line that says so
	Discrepancy bool   // one is recorded, settled or not
}

// Name names a payment as a bank's books do.
type Name struct {
	ProjectID  int64
	PaymentKey string
}

// ByName reads the operations of payments, in no order.
func (reader *Reader) ByName(ctx context.Context, names []Name, each func(*BankOperation) error) error {
	rows := make([]string, len(names))
	args := make([]any, 0, 2*len(names))
	for i, n := range names {
		rows[i] = "(CAST(" + reader.store.DB().Dialect.Position(2*i+1) + " AS BIGINT), CAST(" + reader.store.DB().Dialect.Position(2*i+2) + " AS TEXT))"
		args = append(args, n.ProjectID, n.PaymentKey)
	}
	with := "WITH v (project_id, payment_key) AS (VALUES " + strings.Join(rows, ", ") + ") SELECT "
	const payments = " FROM v CROSS JOIN payments p CROSS JOIN operations o" + joinRequest +
		" WHERE p.project_id = v.project_id AND p.payment_key = v.payment_key AND o.project_id = p.project_id AND "
	for _, which := range whichOperations {
		if err := reader.bank(ctx, with+bankColumns+payments+which, args, each); err != nil {
			return err
		}
	}
	return nil
}

// ByKey reads the operations that carry keys towards their provider, in no order. It looks through all buckets of
// the index for each (workByKey): for the few that AuditByName does not find.
func (reader *Reader) ByKey(ctx context.Context, keys []string, each func(*BankOperation) error) error {
	places := make([]string, len(keys))
	args := make([]any, len(keys))
	for i, k := range keys {
		places[i], args[i] = reader.store.DB().Dialect.Position(i+1), k
	}
	const payments = " FROM b CROSS JOIN operations o JOIN payments p ON p.project_id = o.project_id AND p.id = o.payment" + joinRequest +
		" WHERE o.id / 4096 = b.bucket AND o.provider_key IN ("
	return reader.bank(ctx, store.KeyBuckets+" SELECT "+bankColumns+payments+strings.Join(places, ", ")+")", args, each)
}

var bankColumns = auditedColumns + `, p.payment_id, p.payment_key, r.sealed,
	COALESCE((SELECT MIN(j.id) FROM journal j WHERE j.project_id = p.project_id AND j.payment = p.id AND j.kind IN ('` +
	payout.Succeeded.String() + "', '" + payout.Returned.String() + `')), 0),
	EXISTS (SELECT 1 FROM discrepancies d WHERE d.project_id = p.project_id AND d.payment = p.id)`

const joinRequest = " LEFT JOIN requests r ON r.project_id = p.project_id AND r.payment = p.id"

func (reader *Reader) bank(ctx context.Context, query string, args []any, each func(*BankOperation) error) error {
	return reader.Read(ctx, func(v *Snapshot) error {
		return v.each(ctx, query, func(r *sql.Rows) error {
			var o BankOperation
			var sealed []byte
			var err error
			o.Operation, err = scanOperation(r, &o.PaymentID, &o.PaymentKey, &sealed, &o.SucceededBy, &o.Discrepancy)
			if err != nil {
				return err
			}
			if o.Key == "" { // a reversal was never handed to the provider
				return nil
			}
			if o.Request, err = reader.store.Vault().Unseal(sealed, store.RequestPlace(o.ProjectID, o.PaymentKey)); err != nil {
				o.Request = nil
			}
			return each(&o)
		}, args...)
	})
}
