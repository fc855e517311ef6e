package store

import (
	"context"
	"database/sql"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// PaymentName names a payment as a bank's books do.
type PaymentName struct {
	ProjectID int64
	PaymentID string
}

var readHanded = sqldb.NewBulk("WITH v (project_id, payment_key) AS (VALUES ", "(CAST(%i AS BIGINT), CAST(%s AS TEXT))",
	`) SELECT o.provider_key, CASE WHEN o.stage = '`+string(payout.New)+`' AND o.submits = 0 THEN 0 ELSE 1 END
	FROM v CROSS JOIN payments p CROSS JOIN operations o
	WHERE p.project_id = v.project_id AND p.payment_key = v.payment_key AND o.project_id = p.project_id AND o.id = p.id`)

// Handed tells of payments, by the keys that their payouts carry towards their provider, whether they have been handed to it. A
// payment that is not there has no key.
func (s *Store) Handed(ctx context.Context, names []PaymentName) (map[string]bool, error) {
	args := make([]any, 0, 2*len(names))
	for _, n := range names {
		args = append(args, n.ProjectID, payout.Fold(n.PaymentID))
	}
	handed := make(map[string]bool, len(names))
	err := readHanded.Read(ctx, s.db, args, func(r *sql.Rows) error {
		var key string
		var is int64
		err := r.Scan(&key, &is)
		handed[key] = is != 0
		return err
	})
	return handed, s.db.Unavailable(err)
}

// ProviderKey is the key that a payment's payout carries towards its provider, whether or not the payment is there.
func (s *Store) ProviderKey(n PaymentName) string {
	return s.vault.ProviderKey(n.ProjectID, payout.Fold(n.PaymentID), 1)
}
