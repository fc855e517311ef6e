package store

import "context"

// AnnounceAgain makes another event of a payment's first operation. The table of moves makes one event a payment today;
// what supersedes is there for the statuses that will make more of them.
func (s *Store) AnnounceAgain(ctx context.Context, v *View) error {
	p, o := v.Payment, v.Operations[0]
	p.Events = 2
	return s.do(ctx, &command{exec: func(_ context.Context, t *tx) error {
		t.announce(&p, &o, t.now)
		return nil
	}})
}

// Subtrees says how many subtrees the tree keeps: its memory.
func (m *Merkle) Subtrees() int { return len(m.subtrees) }

// ApproveTopUp approves with an act in the commit of the decision: the top-up that was asked for, and then fail's answer.
func (s *Store) ApproveTopUp(ctx context.Context, once string, d Decision, fail func() error) error {
	return s.decideApproval(ctx, once, d, "test", func(ctx context.Context, t *tx, a *Approval) error {
		if err := t.topUp(ctx, a.ProjectID, a.Currency, a.Amount, a.Title); err != nil {
			return err
		}
		return fail()
	})
}
