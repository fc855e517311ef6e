package store

import (
	"context"
	"database/sql"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// PaymentRef identifies a payment by its project and the merchant's payment id, as references in a bank's books do.
type PaymentRef struct {
	ProjectID int64
	PaymentID string
}

var readSubmitted = sqldb.NewBulk("WITH v (project_id, payment_key) AS (VALUES ", "(CAST(%i AS BIGINT), CAST(%s AS TEXT))",
	`) SELECT o.provider_key, CASE WHEN o.stage = '`+string(payout.New)+`' AND o.submits = 0 THEN 0 ELSE 1 END
	FROM v CROSS JOIN payments p CROSS JOIN operations o
	WHERE p.project_id = v.project_id AND p.payment_key = v.payment_key AND o.project_id = p.project_id AND o.id = p.id`)

// SubmittedPayments reports which payments have been handed to their provider at least once. The map is keyed by the provider keys
// of their payouts; a payment that is not in the database has no entry.
func (s *Store) SubmittedPayments(ctx context.Context, names []PaymentRef) (map[string]bool, error) {
	args := make([]any, 0, 2*len(names))
	for _, n := range names {
		args = append(args, n.ProjectID, payout.Fold(n.PaymentID))
	}
	submitted := make(map[string]bool, len(names))
	err := readSubmitted.Read(ctx, s.db, args, func(r *sql.Rows) error {
		var key string
		var is int64
		err := r.Scan(&key, &is)
		submitted[key] = is != 0
		return err
	})
	return submitted, s.db.Unavailable(err)
}

// ProviderKey returns the idempotency key that a payment's payout carries towards its provider, whether or not the payment exists.
func (s *Store) ProviderKey(n PaymentRef) string {
	return s.vault.ProviderKey(n.ProjectID, payout.Fold(n.PaymentID), 1)
}
