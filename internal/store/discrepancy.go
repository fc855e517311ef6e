package store

import (
	"context"
	"database/sql"
	"time"
)

// Discrepancy is something that does not fit and that a person must look at (product.md §3.5, §3.6).
type Discrepancy struct {
	ID        int64
	ProjectID int64 // 0 where the payment is not known
	Payment   int64
	Operation int64
	Kind      string // of payout's kinds
	Detail    string // JSON without personal data
	OpenedAt  time.Time
	SettledAt time.Time // zero: open
	Reason    string    // of who settled it
}

// Discrepancies lists a project's discrepancies, newest first, at most 1,000; of project 0 those whose payment is not
// known.
func (s *Store) Discrepancies(ctx context.Context, projectID int64) ([]Discrepancy, error) {
	const find = `SELECT id, project_id, payment, operation, kind, detail, opened_at, settled_at, reason FROM discrepancies
		WHERE project_id = $1 ORDER BY opened_at DESC, id DESC LIMIT 1000`
	rows, err := s.reads.QueryContext(ctx, find, projectID)
	if err != nil {
		return nil, err
	}
	var out []Discrepancy
	err = eachRow(rows, func(r *sql.Rows) error {
		var d Discrepancy
		var opened int64
		var settled sql.NullInt64
		err := r.Scan(&d.ID, &d.ProjectID, &d.Payment, &d.Operation, &d.Kind, &d.Detail, &opened, &settled, &d.Reason)
		d.OpenedAt, d.SettledAt = fromMicros(opened), fromMicros(settled.Int64)
		out = append(out, d)
		return err
	})
	return out, err
}
