package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"flashpay/internal/payout"
)

// ApprovalFilter says which approvals are listed.
type ApprovalFilter struct {
	Projects []int64       // of these; nil: of all
	Kinds    []string      // of these; nil: all
	State    string        // ApprovalWaiting and so on; empty: any
	After    ApprovalPlace // continue behind this one; zero: from the newest
	Limit    int
}

// ApprovalPlace is where an approval stands in the list.
type ApprovalPlace struct {
	At time.Time
	ID int64
}

// Place is where the approval stands in the list.
func (a *Approval) Place() ApprovalPlace { return ApprovalPlace{a.RequestedAt, a.ID} }

// conditions gathers what a statement asks for, with its arguments in order.
type conditions struct {
	texts []string
	args  []any
}

// add adds a condition; each ? in it takes one of the arguments.
func (c *conditions) add(text string, args ...any) {
	var b strings.Builder
	for _, r := range text {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		c.args = append(c.args, args[0])
		args = args[1:]
		fmt.Fprintf(&b, "$%d", len(c.args))
	}
	c.texts = append(c.texts, b.String())
}

// in adds that a column has one of the values; of none, nothing fits.
func in[T any](c *conditions, column string, values []T) {
	if len(values) == 0 {
		c.add("1 = 0")
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	c.add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", args...)
}

// where is the statement's WHERE; without conditions there is none.
func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.texts, " AND ")
}

func (f *ApprovalFilter) conditions(now time.Time) conditions {
	var c conditions
	if f.Projects != nil {
		in(&c, "project_id", f.Projects)
	}
	if f.Kinds != nil {
		in(&c, "kind", f.Kinds)
	}
	switch f.State {
	case "":
	case ApprovalWaiting:
		c.add("state = 'waiting' AND expires_at > ?", now.UnixMicro())
	case ApprovalLapsed:
		c.add("(state = 'lapsed' OR state = 'waiting' AND expires_at <= ?)", now.UnixMicro())
	default:
		c.add("state = ?", f.State)
	}
	if !f.After.At.IsZero() {
		c.add("(requested_at, id) < (?, ?)", f.After.At.UnixMicro(), f.After.ID)
	}
	return c
}

// Approvals lists approvals without their contents, newest first.
func (s *Store) Approvals(ctx context.Context, f ApprovalFilter) ([]Approval, error) {
	now := s.Now()
	c := f.conditions(now)
	c.args = append(c.args, int64(f.Limit))
	query := "SELECT " + approvalColumns + " FROM approvals" + c.where() + fmt.Sprintf(" ORDER BY requested_at DESC, id DESC LIMIT $%d", len(c.args))
	return s.approvals(ctx, now, query, c.args...)
}

// WaitingApproval finds the approval of a subject that waits, such as of a payment id. ErrNotFound where none does.
func (s *Store) WaitingApproval(ctx context.Context, projectID int64, subject string) (int64, error) {
	var id int64
	const find = "SELECT id FROM approvals WHERE project_id = $1 AND subject = $2 AND state = 'waiting' AND subject <> '' AND expires_at > $3"
	err := s.reads.QueryRowContext(ctx, find, projectID, payout.Fold(subject), s.Now().UnixMicro()).Scan(&id)
	return id, s.unavailable(notFound(err))
}

// UnfinishedApprovals lists what was approved before a time and is not done yet, oldest first, at most 100.
func (s *Store) UnfinishedApprovals(ctx context.Context, kind string, before time.Time) ([]Approval, error) {
	const find = "SELECT " + approvalColumns + ` FROM approvals WHERE state = 'approved' AND done_at IS NULL AND kind = $1 AND decided_at < $2
		ORDER BY decided_at, id LIMIT 100`
	return s.approvals(ctx, s.Now(), find, kind, before.UnixMicro())
}

func (s *Store) approvals(ctx context.Context, now time.Time, query string, args ...any) ([]Approval, error) {
	rows, err := s.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.unavailable(fmt.Errorf("store: approvals: %w", err))
	}
	var out []Approval
	err = eachRow(rows, func(r *sql.Rows) error {
		a, _, err := scanApproval(r.Scan, now)
		out = append(out, a)
		return err
	})
	return out, s.unavailable(err)
}
