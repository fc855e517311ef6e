package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// fewProjects is up to how many projects each one's payments are found by themselves and then merged: each takes a few
// rows from the index, however many payments others have.
const fewProjects = 50

// ManualPayments lists payments that entered by Dashboard, newest first, behind a place (nil: from the newest): of these
// projects, or of all where the list is nil.
func (s *Store) ManualPayments(ctx context.Context, projects []int64, after *Cursor, limit int) ([]payout.Payment, error) {
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

func (s *Store) manualPayments(ctx context.Context, projects []int64, after *Cursor, limit int) (out []payout.Payment, err error) {
	q := manualQuery(projects, after, limit)
	err = s.DB().List(ctx, q.String(), func(r *sql.Rows) error {
		p, err := scanPayment(r.Scan)
		out = append(out, p)
		return err
	}, q.Args...)
	return out, s.DB().Unavailable(err)
}

// manualQuery walks an index of payments by hand; one project's is its own.
func manualQuery(projects []int64, after *Cursor, limit int) *sqldb.Statement {
	q := &sqldb.Statement{}
	q.Text("SELECT " + paymentColumns + " FROM payments p WHERE p.interface = 5") // a literal, as in the indexes
	switch {
	case len(projects) == 1:
		q.Text(" AND p.project_id = ").Arg(projects[0])
	case projects != nil:
		q.Text(" AND ").In("p.project_id + 0", sqldb.IntArgs(projects)) // an expression: the index by time alone is walked, and nothing sorted
	}
	if after != nil {
		q.Text(" AND (p.created_at, p.id) < (").Arg(after.At).Text(", ").Arg(after.ID).Text(")")
	}
	return q.Text(" ORDER BY p.created_at DESC, p.id DESC LIMIT ").Arg(int64(limit))
}
