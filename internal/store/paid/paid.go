// Package paid tells what was paid before, of many payouts at once: by their own ids, and by account and sum. It is for whoever
// is about to send many, as files do, and reads by keys only.
package paid

import (
	"context"
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

// SameContent tells whether a request with this content (accept.ContentHash) is the one that made the payment.
func (p *Payments) SameContent(known *Payment, content [32]byte) bool {
	return p.store.Vault().Digest("content", content[:]) == known.content
}

const usualSums = `SELECT COALESCE(SUM(payments), 0), COALESCE(SUM(amount), 0) FROM rollups
	WHERE build = $4 AND cube = 1 AND project_id = $1 AND hours = 24 AND start >= $2 AND currency = $3 AND status = 'success'`

// Usual is how many payouts of a currency a project has made since a day, and their sum.
func (p *Payments) Usual(ctx context.Context, projectID int64, currency string, since time.Time) (payments, amount int64, err error) {
	db := p.store.DB()
	build, _, err := p.store.LiveRollupBuild(ctx)
	if err != nil {
		return 0, 0, err
	}
	err = sqldb.One(ctx, db.Lists, usualSums, projectID, since.UnixMicro(), currency, build).Scan(&payments, &amount)
	return payments, amount, db.Unavailable(err)
}
