package store

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// ApprovalFilter says which approvals are listed.
type ApprovalFilter struct {
	Projects []int64  // of these; nil: of all
	Merchant int64    // with Projects, also what is about this merchant's accounts; 0: nobody's
	Kinds    []string // of these; nil: all
	State    string   // ApprovalWaiting and so on; empty: any
	After    *Cursor  // continue behind this one; nil: from the newest
	Limit    int
}

// Place is where the approval stands in the list.
func (a *Approval) Place() Cursor { return Cursor{a.RequestedAt.UnixMicro(), a.ID} }

// Approvals lists approvals without their contents, newest first.
func (s *Store) Approvals(ctx context.Context, f ApprovalFilter) ([]Approval, error) {
	if f.Projects != nil && len(f.Projects) == 0 && f.Merchant == 0 {
		return nil, nil
	}
	now := s.Now()
	q := &sqldb.Statement{}
	q.Text("SELECT " + approvalColumns + " FROM approvals WHERE 1 = 1").Where(f.conditions(now))
	q.Text(" ORDER BY requested_at DESC, id DESC LIMIT ").Arg(int64(f.Limit))
	return s.approvals(ctx, now, q.String(), q.Args...)
}

func (f *ApprovalFilter) conditions(now time.Time) (out []func(*sqldb.Statement)) {
	switch {
	case len(f.Projects) > 0 && f.Merchant != 0:
		out = append(out, func(q *sqldb.Statement) {
			q.Text("(").In("project_id", sqldb.IntArgs(f.Projects)).Text(" OR project_id = 0 AND merchant_id = ").Arg(f.Merchant).Text(")")
		})
	case len(f.Projects) > 0:
		out = append(out, func(q *sqldb.Statement) { q.In("project_id", sqldb.IntArgs(f.Projects)) })
	case f.Merchant != 0:
		out = append(out, func(q *sqldb.Statement) { q.Text("project_id = 0 AND merchant_id = ").Arg(f.Merchant) })
	}
	if len(f.Kinds) > 0 {
		out = append(out, func(q *sqldb.Statement) { q.In("kind", sqldb.TextArgs(f.Kinds)) })
	}
	switch f.State {
	case "":
	case ApprovalWaiting:
		out = append(out, func(q *sqldb.Statement) { q.Text("state = 'waiting' AND expires_at > ").Arg(now.UnixMicro()) })
	case ApprovalLapsed:
		out = append(out, func(q *sqldb.Statement) {
			q.Text("(state = 'lapsed' OR state = 'waiting' AND expires_at <= ").Arg(now.UnixMicro()).Text(")")
		})
	default:
		out = append(out, func(q *sqldb.Statement) { q.Text("state = ").Arg(f.State) })
	}
	if f.After != nil {
		out = append(out, func(q *sqldb.Statement) {
			q.Text("(requested_at, id) < (").Arg(f.After.At).Text(", ").Arg(f.After.ID).Text(")")
		})
	}
	return out
}

// WaitingApproval finds the approval of a kind and subject that waits, such as of a payout and its payment id. ErrNotFound where none does.
func (s *Store) WaitingApproval(ctx context.Context, projectID int64, kind, subject string) (int64, error) {
	var id int64
	const find = "SELECT id FROM approvals WHERE project_id = $1 AND kind = $2 AND subject = $3 AND state = 'waiting' AND subject <> '' AND expires_at > $4"
	err := sqldb.One(ctx, s.db.Reads, find, projectID, kind, payout.Fold(subject), s.Now().UnixMicro()).Scan(&id)
	return id, s.db.Unavailable(sqldb.NotFound(err))
}

// UnfinishedApprovals lists what was approved before a time and is not done yet, oldest first, at most 100.
func (s *Store) UnfinishedApprovals(ctx context.Context, kind string, before time.Time) ([]Approval, error) {
	const find = "SELECT " + approvalColumns + ` FROM approvals WHERE state = 'approved' AND done_at IS NULL AND kind = $1 AND decided_at < $2
		ORDER BY decided_at, id LIMIT 100`
	return s.approvals(ctx, s.Now(), find, kind, before.UnixMicro())
}

func (s *Store) approvals(ctx context.Context, now time.Time, query string, args ...any) (out []Approval, err error) {
	err = s.db.List(ctx, query, func(r *sql.Rows) error {
		a, _, err := scanApproval(r.Scan, now)
		out = append(out, a)
		return err
	}, args...)
	return out, s.db.Unavailable(err)
}
