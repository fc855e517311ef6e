// Package paid tells what was paid before, of many payouts at once: by their own ids, and by account and sum. It is for whoever
// is about to send many, as files do, and reads by keys only.
package paid

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Payments are those of a database. It is safe for concurrent use.
type Payments struct{ store *store.Store }

// New looks into a store.
func New(s *store.Store) *Payments { return &Payments{s} }

// ID names a payment as its merchant does.
type ID struct {
	ProjectID int64
	PaymentID string // letter case does not count
}

// Payment is one that exists.
type Payment struct {
	PaymentID string // as it was requested
	Status    payout.Status
	At        time.Time // when it was accepted

	content [32]byte
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
		var i, at int64
		var content []byte
		var known Payment
		if err := r.Scan(&i, &known.PaymentID, &content, &known.Status, &at); err != nil {
			return err
		}
		if copy(known.content[:], content) != len(known.content) {
			return fmt.Errorf("store: the content's digest of a payment has %d bytes", len(content))
		}
		known.At = sqldb.FromMicros(at)
		found(int(i), known)
		return nil
	}))
}

// SameContent tells whether a request with this content (accept.ContentHash) is the one that made the payment.
func (p *Payments) SameContent(known *Payment, content [32]byte) bool {
	return p.store.Vault().Digest("content", content[:]) == known.content
}

// Sum is what a payout pays, and to whom.
type Sum struct {
	ProjectID int64
	Account   string
	Currency  string
	Amount    int64 // minor units
}

// Recent looks among the payments of the last time. It remembers where they begin, so one serves a whole file.
type Recent struct {
	payments *Payments
	since    time.Time

	mu      sync.Mutex
	buckets map[int64][2]int64 // by project: the first and the last bucket of lookups that may hold them; the first above the last: none
}

// Since looks among the payments that were accepted since a moment. Those of the last seconds may not be found yet
// (store.FollowLag).
func (p *Payments) Since(at time.Time) *Recent {
	return &Recent{payments: p, since: at, buckets: make(map[int64][2]int64)}
}

// bySum finds payments that took money or may take it yet.
var bySum = sqldb.NewBulk("WITH v (n, bucket, account_key, project_id, amount, currency, since) AS (VALUES ",
	"(CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%s AS TEXT), CAST(%i AS BIGINT))", `)
	SELECT v.n, p.payment_id, p.status, p.created_at FROM v CROSS JOIN lookups l CROSS JOIN payments p
	WHERE l.bucket = v.bucket AND l.key = v.account_key AND l.project_id = v.project_id
		AND p.project_id = l.project_id AND p.id = l.payment AND p.amount = v.amount AND p.currency = v.currency
		AND p.created_at >= v.since AND p.status IN ('processing', 'awaiting retry', 'success')`)

// sumKey is where lookups have the payments of a sum's account.
type sumKey struct{ n, bucket, account int64 }

// BySum calls found for the payments of the same project, account, currency and sum, with the sum's place among them, in no
// order.
func (r *Recent) BySum(ctx context.Context, sums []Sum, found func(i int, known Payment)) error {
	keys, err := r.keys(ctx, sums)
	if err != nil || len(keys) == 0 {
		return err
	}
	args := make([]any, 0, len(keys)*bySum.Columns)
	for _, k := range keys {
		s := &sums[k.n]
		args = append(args, k.n, k.bucket, k.account, s.ProjectID, s.Amount, s.Currency, r.since.UnixMicro())
	}
	db := r.payments.store.DB()
	return db.Unavailable(bySum.Read(ctx, db, args, func(rows *sql.Rows) error {
		var i, at int64
		var known Payment
		if err := rows.Scan(&i, &known.PaymentID, &known.Status, &at); err != nil {
			return err
		}
		known.At = sqldb.FromMicros(at)
		found(int(i), known)
		return nil
	}))
}

// keys are in the order of the index, so that neighbours are read together.
func (r *Recent) keys(ctx context.Context, sums []Sum) ([]sumKey, error) {
	var keys []sumKey
	for i := range sums {
		span, err := r.span(ctx, sums[i].ProjectID)
		if err != nil {
			return nil, err
		}
		if span[0] > span[1] {
			continue
		}
		account := r.payments.store.Vault().Index("account", sums[i].Account)
		for bucket := span[0]; bucket <= span[1]; bucket++ {
			keys = append(keys, sumKey{int64(i), bucket, account})
		}
	}
	slices.SortFunc(keys, func(a, b sumKey) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.account, b.account))
	})
	return keys, nil
}

const (
	firstSince = "SELECT id FROM payments WHERE project_id = $1 AND created_at >= $2 ORDER BY created_at, id LIMIT 1"
	lastBucket = "SELECT COALESCE(MAX(bucket), -1) FROM lookups"
)

// span finds in which buckets a project's recent payments stand. Ids rise with time but for nodes that take them in turns, so
// it begins a bucket earlier.
func (r *Recent) span(ctx context.Context, project int64) ([2]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if span, ok := r.buckets[project]; ok {
		return span, nil
	}
	span := [2]int64{0, -1}
	db := r.payments.store.DB()
	var first int64
	err := sqldb.One(ctx, db.Lists, firstSince, project, r.since.UnixMicro()).Scan(&first)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return span, db.Unavailable(err)
	default:
		span[0] = max(0, first/store.LookupBucket-1)
		if err := sqldb.One(ctx, db.Lists, lastBucket).Scan(&span[1]); err != nil {
			return span, db.Unavailable(err)
		}
	}
	r.buckets[project] = span
	return span, nil
}

const usualSums = `SELECT COALESCE(SUM(payments), 0), COALESCE(SUM(amount), 0) FROM rollups
	WHERE build = $4 AND cube = 1 AND project_id = $1 AND hours = 24 AND start >= $2 AND currency = $3 AND status = 'success'`

// Usual is how many payouts of a currency a project has made since a day, and their sum.
func (p *Payments) Usual(ctx context.Context, projectID int64, currency string, since time.Time) (payments, amount int64, err error) {
	db := p.store.DB()
	build, _, err := p.store.LiveBuild(ctx)
	if err != nil {
		return 0, 0, err
	}
	err = sqldb.One(ctx, db.Lists, usualSums, projectID, since.UnixMicro(), currency, build).Scan(&payments, &amount)
	return payments, amount, db.Unavailable(err)
}
