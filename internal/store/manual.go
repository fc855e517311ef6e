package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"flashpay/internal/payout"
)

// PaymentPlace is where a payment stands in a list by time.
type PaymentPlace struct {
	At time.Time
	ID int64
}

// fewProjects is up to how many projects each one's payments are found by themselves and then merged: each takes a few
// rows from the index, however many payments others have.
const fewProjects = 50

// ManualPayments lists payments that entered by Dashboard, newest first, behind a place (zero: from the newest): of
// these projects, or of all where the list is nil.
func (s *Store) ManualPayments(ctx context.Context, projects []int64, after PaymentPlace, limit int) ([]payout.Payment, error) {
	if projects == nil || len(projects) > fewProjects {
		return s.manualPayments(ctx, projects, after, limit)
	}
	var all []payout.Payment
	for _, id := range projects {
		list, err := s.manualPayments(ctx, []int64{id}, after, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b payout.Payment) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return all[:min(limit, len(all))], nil
}

func (s *Store) manualPayments(ctx context.Context, projects []int64, after PaymentPlace, limit int) ([]payout.Payment, error) {
	var c conditions
	c.add("p.interface = 5") // a literal, as in the indexes
	if projects != nil {
		in(&c, "p.project_id", projects)
	}
	if !after.At.IsZero() {
		c.add("(p.created_at, p.id) < (?, ?)", after.At.UnixMicro(), after.ID)
	}
	c.args = append(c.args, int64(limit))
	query := "SELECT " + paymentColumns + " FROM payments p" + c.where() + fmt.Sprintf(" ORDER BY p.created_at DESC, p.id DESC LIMIT $%d", len(c.args))
	return s.payments(ctx, query, c.args...)
}

func (s *Store) payments(ctx context.Context, query string, args ...any) ([]payout.Payment, error) {
	rows, err := s.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.unavailable(fmt.Errorf("store: payments: %w", err))
	}
	var out []payout.Payment
	err = eachRow(rows, func(r *sql.Rows) error {
		p, err := scanPayment(r.Scan)
		out = append(out, p)
		return err
	})
	return out, s.unavailable(err)
}

// Twins finds payments of a project that paid the same sum to the same account since a time and were not declined, newest
// first, at most 5. The account is found by its keyed index.
func (s *Store) Twins(ctx context.Context, projectID int64, account string, amount int64, currency string, since time.Time) ([]payout.Payment, error) {
	const find = "SELECT " + paymentColumns + ` FROM payments p JOIN requests r ON r.project_id = p.project_id AND r.payment = p.id
		WHERE p.project_id = $1 AND p.created_at > $2 AND p.amount = $3 AND p.currency = $4 AND p.status <> 'decline' AND r.account_key = $5
		ORDER BY p.created_at DESC, p.id DESC LIMIT 5`
	return s.payments(ctx, find, projectID, since.UnixMicro(), amount, currency, s.vault.Index("account", account))
}
