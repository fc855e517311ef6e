package paid

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// IDs looks for payments by their own ids, many at a time. Ids of one file are mostly neighbours: they are numbered, or begin
// alike. So it reads what there is between the first and the last of them, which is nothing, or just them; only where others
// stand between, each is looked for by itself. It remembers whether that was so, so one serves a whole file. It is safe for
// concurrent use.
type IDs struct {
	payments *Payments
	apart    atomic.Int64 // how often in a row others stood between
	skip     atomic.Int64 // so many calls look for each id by itself at once
}

// IDs is for the ids of one file.
func (p *Payments) IDs() *IDs { return &IDs{payments: p} }

const (
	moreBetween = 64 // others that may stand between
	mostApart   = 7  // 127 calls in a row look for each by itself, then neighbours are tried again
)

// Find calls found for each of the ids that has a payment, with its place among them, in no order.
func (s *IDs) Find(ctx context.Context, ids []ID, found func(i int, known Payment)) error {
	if len(ids) < 8 || s.skip.Add(-1) >= 0 {
		return s.payments.ByID(ctx, ids, found)
	}
	for from := 0; from < len(ids); {
		to := from + 1
		for to < len(ids) && ids[to].ProjectID == ids[from].ProjectID {
			to++
		}
		if err := s.between(ctx, ids[from:to], func(i int, known Payment) { found(from+i, known) }); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// Within one project, on either engine: PostgreSQL compares texts by the rules of its own, so it finds the first and the last.
const (
	between = `SELECT p.payment_key, p.payment_id, p.content_hash, p.status, p.created_at FROM payments p
		WHERE p.project_id = $1 AND p.payment_key >= $2 AND p.payment_key <= $3 LIMIT $4`
	betweenPostgres = `WITH v AS (SELECT MIN(k) AS low, MAX(k) AS high FROM UNNEST($2::text[]) AS a (k))
		SELECT p.payment_key, p.payment_id, p.content_hash, p.status, p.created_at FROM v CROSS JOIN payments p
		WHERE p.project_id = $1 AND p.payment_key >= v.low AND p.payment_key <= v.high LIMIT $3`
)

// between reads what stands between ids of one project.
func (s *IDs) between(ctx context.Context, ids []ID, found func(i int, known Payment)) error {
	db := s.payments.store.DB()
	most := len(ids) + moreBetween
	text, args := between, []any{ids[0].ProjectID, "", "", int64(most)}
	if db.Dialect == &sqldb.Postgres {
		keys := make([]string, len(ids))
		for i := range ids {
			keys[i] = payout.Fold(ids[i].PaymentID)
		}
		text, args = betweenPostgres, []any{ids[0].ProjectID, keys, int64(most)}
	} else {
		low := payout.Fold(ids[0].PaymentID)
		high := low
		for i := range ids {
			key := payout.Fold(ids[i].PaymentID)
			low, high = min(low, key), max(high, key)
		}
		args[1], args[2] = low, high
	}
	read := 0
	var known map[string]Payment
	err := db.Read(ctx, text, func(r *sql.Rows) error {
		var key string
		p, err := scanPayment(r, &key)
		if known == nil {
			known = make(map[string]Payment, len(ids))
		}
		known[key] = p
		read++
		return err
	}, args...)
	if err != nil {
		return db.Unavailable(err)
	}
	if read == most {
		s.skip.Store(1<<min(mostApart, s.apart.Add(1)) - 1)
		return s.payments.ByID(ctx, ids, found)
	}
	s.apart.Store(0)
	if len(known) == 0 {
		return nil
	}
	for i := range ids {
		if p, ok := known[payout.Fold(ids[i].PaymentID)]; ok {
			found(i, p)
		}
	}
	return nil
}

// scanPayment reads a payment behind another value.
func scanPayment(r *sql.Rows, first any) (p Payment, err error) {
	var at int64
	var content []byte
	if err := r.Scan(first, &p.PaymentID, &content, &p.Status, &at); err != nil {
		return p, err
	}
	if copy(p.content[:], content) != len(p.content) {
		return p, fmt.Errorf("store: the content's digest of a payment has %d bytes", len(content))
	}
	p.At = sqldb.FromMicros(at)
	return p, nil
}

const idRow = "(CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%s AS TEXT))"

var byID = sqldb.NewBulk("WITH v (n, project_id, payment_key) AS (VALUES ", idRow, `)
	SELECT v.n, p.payment_id, p.content_hash, p.status, p.created_at FROM v CROSS JOIN payments p
	WHERE p.project_id = v.project_id AND p.payment_key = v.payment_key`)

// ByID calls found for each of the ids that has a payment, with its place among them, in no order.
func (p *Payments) ByID(ctx context.Context, ids []ID, found func(i int, known Payment)) error {
	args := make([]any, 0, len(ids)*byID.Columns)
	for i := range ids {
		args = append(args, int64(i), ids[i].ProjectID, payout.Fold(ids[i].PaymentID))
	}
	db := p.store.DB()
	return db.Unavailable(byID.Read(ctx, db, args, func(r *sql.Rows) error {
		var i int64
		known, err := scanPayment(r, &i)
		if err == nil {
			found(int(i), known)
		}
		return err
	}))
}
