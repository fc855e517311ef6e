package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
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
	SettledAt time.Time       // zero: open
	Reason    string          // of who settled it
	Decision  payout.Decision // empty: open, or settled before there were decisions
	Funds     string          // what the decision did with the sum; empty: nothing
	SettledBy string          // who acted, as in the audit log
	Owner     string          // who cares for it
	Note      string          // the operators' own
}

const discrepancyColumns = `d.id, d.project_id, d.payment, d.operation, d.kind, d.detail, d.opened_at, d.settled_at, d.reason, d.decision, d.funds,
	d.settled_by, d.owner, d.note`

func scanDiscrepancy(r *sql.Rows, more ...any) (d Discrepancy, err error) {
	var opened int64
	var settled sql.NullInt64
	err = r.Scan(append([]any{
		&d.ID, &d.ProjectID, &d.Payment, &d.Operation, &d.Kind, &d.Detail, &opened, &settled, &d.Reason, (*string)(&d.Decision), &d.Funds,
		&d.SettledBy, &d.Owner, &d.Note,
	}, more...)...)
	d.OpenedAt, d.SettledAt = sqldb.FromMicros(opened), sqldb.FromMicros(settled.Int64)
	return d, err
}

// Discrepancies lists a project's discrepancies, newest first, at most 1,000; of project 0 those whose payment is not
// known.
func (s *Store) Discrepancies(ctx context.Context, projectID int64) ([]Discrepancy, error) {
	const find = "SELECT " + discrepancyColumns + " FROM discrepancies d WHERE d.project_id = $1 ORDER BY d.opened_at DESC, d.id DESC LIMIT 1000"
	var out []Discrepancy
	err := sqldb.Query(ctx, s.db.Reads, find, projectID).Each(func(r *sql.Rows) error {
		d, err := scanDiscrepancy(r)
		out = append(out, d)
		return err
	})
	return out, s.db.Unavailable(err)
}

// OpenDiscrepancy is a discrepancy that nobody has settled, with the merchant's name for its payment.
type OpenDiscrepancy struct {
	Discrepancy
	PaymentID string // empty where the payment is not known
}

// OpenDiscrepancies lists what nobody has settled, newest first, at most limit: of one project, of 0 those whose payment
// is not known, or, where project is nil, all.
func (s *Store) OpenDiscrepancies(ctx context.Context, project *int64, limit int) ([]OpenDiscrepancy, error) {
	query := "SELECT " + discrepancyColumns + `, COALESCE(p.payment_id, '')
		FROM discrepancies d LEFT JOIN payments p ON p.project_id = d.project_id AND p.id = d.payment WHERE d.settled_at IS NULL`
	var args []any
	if project != nil {
		args = append(args, *project)
		query += " AND d.project_id = $1"
	}
	args = append(args, limit)
	query += fmt.Sprintf(" ORDER BY d.opened_at DESC, d.id DESC LIMIT $%d", len(args))
	var out []OpenDiscrepancy
	err := sqldb.Query(ctx, s.db.Reads, query, args...).Each(func(r *sql.Rows) error {
		var d OpenDiscrepancy
		var err error
		d.Discrepancy, err = scanDiscrepancy(r, &d.PaymentID)
		out = append(out, d)
		return err
	})
	return out, s.db.Unavailable(err)
}

// CountOpenDiscrepancies counts what nobody has settled, of all projects and of none. It reads one small table.
func (s *Store) CountOpenDiscrepancies(ctx context.Context) (int64, error) {
	var n int64
	err := sqldb.One(ctx, s.db.Reads, "SELECT COUNT(*) FROM discrepancies WHERE settled_at IS NULL").Scan(&n)
	if err != nil {
		return 0, s.db.Unavailable(fmt.Errorf("store: discrepancies: %w", err))
	}
	return n, nil
}

// discrepancy is one row for people to look at.
type discrepancy struct {
	project, payment, operation int64
	kind, detail, dedup         string
}

// dispute opens a discrepancy, once for each operation and kind.
func (t *Tx) dispute(p *payout.Payment, o *payout.Operation, kind string, detail Detail) {
	t.discrepancies = append(t.discrepancies, discrepancy{
		project: p.ProjectID, payment: p.ID, operation: o.ID, kind: kind, detail: detail.String(),
		dedup: dedupOf(o.ID, kind),
	})
}

func (t *Tx) writeDiscrepancies(ctx context.Context, _ []*command) error {
	slices.SortFunc(t.discrepancies, func(a, b discrepancy) int { return cmp.Compare(a.dedup, b.dedup) })
	for _, d := range t.discrepancies {
		const insert = `INSERT INTO discrepancies (id, project_id, payment, operation, kind, detail, dedup, opened_at, reason)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '') ON CONFLICT (dedup) DO NOTHING`
		_, err := t.Exec(ctx, insert, t.RowID(), d.project, d.payment, d.operation, d.kind, d.detail, d.dedup, t.now.UnixMicro())
		if err != nil {
			return err
		}
	}
	return nil
}
