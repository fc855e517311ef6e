package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// Delivery is where a callback stands.
type Delivery struct {
	ProjectID     int64
	Number        int64  // of the event, without gaps within the project
	PaymentID     string // empty: it is of a batch
	Batch         int64  // 0: it is of a payment
	PaymentStatus payout.Status
	State         CallbackState
	URL           string
	CreatedAt     time.Time
	NextAt        time.Time // when it is due, or its lease ends; zero: never
	Attempts      int       // made so far
	LastAt        time.Time // of the last attempt, as are the fields below; zero: none was made
	HTTPStatus    int
	Error         string
}

// DeliveryFilter chooses callbacks of a project.
type DeliveryFilter struct {
	ProjectID int64
	PaymentID string        // empty: of all payments
	Batch     int64         // 0: of all payments and batches
	State     CallbackState // empty: in all states
	Before    int64         // only numbers below this one; 0: all
	Limit     int           // at most this many, newest first; 0: 100
}

// deliveries is what scanDelivery reads.
const deliveries = `SELECT c.project_id, c.number, COALESCE(p.payment_id, ''), e.payment_status, c.state, c.url, c.created_at, c.next_at, c.attempts, c.last_at,
	c.http_status, c.error, COALESCE(b.batch, 0) FROM callbacks c JOIN events e ON e.project_id = c.project_id AND e.number = c.number
	LEFT JOIN payments p ON p.project_id = e.project_id AND p.id = e.payment
	LEFT JOIN batch_events b ON b.project_id = e.project_id AND b.number = e.number`

// Deliveries lists callbacks, newest first.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter) ([]Delivery, error) {
	query := deliveries + " WHERE c.project_id = $1 AND c.number < $2"
	args := []any{f.ProjectID, f.Before}
	if f.Before == 0 {
		args[1] = int64(1) << 62
	}
	if f.State != "" {
		args = append(args, string(f.State))
		query += fmt.Sprintf(" AND c.state = $%d", len(args))
	}
	if f.PaymentID != "" {
		args = append(args, payout.Fold(f.PaymentID))
		query += fmt.Sprintf(" AND p.payment_key = $%d", len(args))
	}
	if f.Batch != 0 {
		args = append(args, f.Batch)
		query += fmt.Sprintf(" AND b.batch = $%d", len(args))
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	args = append(args, f.Limit)
	query += fmt.Sprintf(" ORDER BY c.number DESC LIMIT $%d", len(args))
	var out []Delivery
	err := sqldb.Query(ctx, s.DB().Reads, query, args...).Each(func(r *sql.Rows) error {
		d, err := scanDelivery(r)
		out = append(out, d)
		return err
	})
	return out, s.DB().Unavailable(err)
}

func scanDelivery(r *sql.Rows) (Delivery, error) {
	var d Delivery
	var created int64
	var next, last, status sql.NullInt64
	var reason sql.NullString
	err := r.Scan(&d.ProjectID, &d.Number, &d.PaymentID, (*string)(&d.PaymentStatus), (*string)(&d.State), &d.URL, &created, &next,
		&d.Attempts, &last, &status, &reason, &d.Batch)
	d.CreatedAt, d.NextAt, d.LastAt = sqldb.FromMicros(created), sqldb.FromMicros(next.Int64), sqldb.FromMicros(last.Int64)
	d.HTTPStatus, d.Error = int(status.Int64), reason.String
	return d, err
}

// DeliveryAttempts lists the attempts of a callback, oldest first: the delivery log.
func (s *Store) DeliveryAttempts(ctx context.Context, projectID, number int64) ([]Attempt, error) {
	const find = `SELECT attempt, url, at, duration, http_status, error, answer FROM attempts WHERE project_id = $1 AND number = $2
		UNION ALL SELECT attempts, url, last_at, duration, http_status, error, answer FROM callbacks c
		WHERE project_id = $3 AND number = $4 AND last_at IS NOT NULL AND NOT EXISTS
		(SELECT 1 FROM attempts a WHERE a.project_id = c.project_id AND a.number = c.number AND a.attempt = c.attempts) ORDER BY 1`
	var out []Attempt
	err := sqldb.Query(ctx, s.DB().Reads, find, projectID, number, projectID, number).Each(func(r *sql.Rows) error {
		a := Attempt{ProjectID: projectID, Number: number}
		var at, duration int64
		err := r.Scan(&a.Attempt, &a.URL, &at, &duration, &a.HTTPStatus, &a.Error, &a.Answer)
		a.At, a.Duration = sqldb.FromMicros(at), time.Duration(duration)*time.Microsecond
		out = append(out, a)
		return err
	})
	return out, s.DB().Unavailable(err)
}
