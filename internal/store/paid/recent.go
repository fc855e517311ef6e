package paid

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"sort"
	"sync"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Sum is what a payout pays, and to whom.
type Sum struct {
	ProjectID int64
	Account   string
	Currency  string
	Amount    int64 // minor units
}

// Recent looks among the payments of the last time. It remembers where they begin and what they paid, so one serves a whole file.
// It is safe for concurrent use.
type Recent struct {
	payments *Payments
	since    time.Time

	mu       sync.Mutex
	projects map[int64]*recentProject
}

// recentProject is where a project's recent payments stand.
type recentProject struct {
	buckets []int64 // of lookups, that may hold them
	sums    recentSums
}

// Since looks among the payments that were accepted since a moment. Those of the last seconds may not be found yet
// (store.FollowLag).
func (p *Payments) Since(at time.Time) *Recent {
	return &Recent{payments: p, since: at, projects: make(map[int64]*recentProject)}
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

// keys are those of the sums that may have been paid, in the order of the index, so that neighbours are read together.
func (r *Recent) keys(ctx context.Context, sums []Sum) ([]sumKey, error) {
	var keys []sumKey
	var p *recentProject
	for i := range sums {
		s := &sums[i]
		if i == 0 || sums[i-1].ProjectID != s.ProjectID {
			var err error
			if p, err = r.project(ctx, s.ProjectID); err != nil {
				return nil, err
			}
		}
		if len(p.buckets) == 0 || !p.sums.may(s) {
			continue
		}
		account := r.payments.store.Vault().Index("account", s.Account)
		for _, bucket := range p.buckets {
			keys = append(keys, sumKey{int64(i), bucket, account})
		}
		if err := p.sums.asked(ctx, r, s.ProjectID, int64(len(p.buckets))); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(keys, func(a, b sumKey) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.account, b.account))
	})
	return keys, nil
}

const (
	firstSince = "SELECT id FROM payments WHERE project_id = $1 AND created_at >= $2 ORDER BY created_at, id LIMIT 1"
	allBuckets = `WITH RECURSIVE b (bucket) AS (SELECT MIN(bucket) FROM lookups
		UNION ALL SELECT (SELECT MIN(l.bucket) FROM lookups l WHERE l.bucket > b.bucket) FROM b WHERE b.bucket IS NOT NULL)
		SELECT bucket FROM b WHERE bucket IS NOT NULL`
	// Ids alone are a key on SQLite, and within a project on PostgreSQL.
	nextFrom         = "SELECT created_at FROM payments WHERE id >= $1 AND id < $2 AND $3 = $3 ORDER BY id LIMIT 1"
	nextFromPostgres = "SELECT created_at FROM payments WHERE id >= $1 AND id < $2 AND project_id = $3 ORDER BY project_id, id LIMIT 1"
)

// project finds in which buckets a project's recent payments stand.
func (r *Recent) project(ctx context.Context, id int64) (*recentProject, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.projects[id]; p != nil {
		return p, nil
	}
	p := &recentProject{}
	db := r.payments.store.DB()
	var first int64
	err := sqldb.One(ctx, db.Lists, firstSince, id, r.since.UnixMicro()).Scan(&first)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return nil, db.Unavailable(err)
	default:
		if p.buckets, err = r.buckets(ctx, id); err != nil {
			return nil, db.Unavailable(err)
		}
	}
	r.projects[id] = p
	return p, nil
}

// buckets are those that may hold a project's recent payments. Each shard has ids of its own, which rise with time, so that its
// buckets are those from some moment on; of one size, and those of an older program of another.
func (r *Recent) buckets(ctx context.Context, project int64) (buckets []int64, err error) {
	all, err := r.payments.store.DB().Numbers(ctx, allBuckets)
	if err != nil {
		return nil, err
	}
	for len(all) > 0 {
		first, last := store.LookupsFrom(all[0])
		n := 1
		for ; n < len(all); n++ {
			if from, end := store.LookupsFrom(all[n]); store.ShardOf(from) != store.ShardOf(first) || end-from != last-first {
				break
			}
		}
		recent, err := r.recent(ctx, project, all[:n])
		if err != nil {
			return nil, err
		}
		buckets, all = append(buckets, recent...), all[n:]
	}
	return buckets, nil
}

// recent are the last of a shard's buckets: from two before the first one behind whose beginning all is recent. Of these one may hold
// both, and one is for payments whose commits did not come in the order of their ids.
func (r *Recent) recent(ctx context.Context, project int64, buckets []int64) ([]int64, error) {
	first, _ := store.LookupsFrom(buckets[0])
	end, db, text := store.ShardEnd(first), r.payments.store.DB(), nextFrom
	if db.Dialect == &sqldb.Postgres {
		text = nextFromPostgres
	}
	var failed error
	at := sort.Search(len(buckets), func(i int) bool {
		from, _ := store.LookupsFrom(buckets[i])
		var created int64
		err := sqldb.One(ctx, db.Lists, text, from, end, project).Scan(&created)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			failed = cmp.Or(failed, err)
		}
		return err != nil || created >= r.since.UnixMicro()
	})
	return buckets[max(0, at-2):], failed
}
