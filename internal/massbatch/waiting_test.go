package massbatch_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"flashpay/internal/massbatch"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/storetest"
)

// TestEveryWayOutEndsTheApproval: however a batch that waits for a second person comes to its end, nobody is asked any more.
func TestEveryWayOutEndsTheApproval(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		other := massbatch.By{User: 18, Name: "Bakyt", Actor: "user 18"}
		command := massbatch.By{Name: "command line", Actor: "cli"}
		cancel := func(b *batches.Batch) func() error {
			return func() error { _, err := s.Cancel(t.Context(), b.ID, clerk()); return err }
		}
		decide := func(b *batches.Batch, state string, by massbatch.By) error {
			by.IdempotencyKey = state
			return s.Decide(t.Context(), store.Decision{ID: b.Approval, State: state, By: by.User, Decider: by.Name, Reason: "no"}, by)
		}
		for name, c := range map[string]struct {
			leave func(b *batches.Batch) error
			want  string // state of the approval
			by    string
		}{
			"cancelled by who sent it":        {func(b *batches.Batch) error { _, err := s.Cancel(t.Context(), b.ID, clerk()); return err }, store.ApprovalWithdrawn, "Aida"},
			"cancelled by somebody else":      {func(b *batches.Batch) error { _, err := s.Cancel(t.Context(), b.ID, other); return err }, store.ApprovalRejected, "Bakyt"},
			"cancelled on the command line":   {func(b *batches.Batch) error { _, err := s.Cancel(t.Context(), b.ID, command); return err }, store.ApprovalRejected, "command line"},
			"discarded":                       {func(b *batches.Batch) error { return s.Discard(t.Context(), b.ID, clerk()) }, store.ApprovalWithdrawn, "Aida"},
			"withdrawn":                       {func(b *batches.Batch) error { return decide(b, store.ApprovalWithdrawn, clerk()) }, store.ApprovalWithdrawn, "Aida"},
			"rejected":                        {func(b *batches.Batch) error { return decide(b, store.ApprovalRejected, other) }, store.ApprovalRejected, "Bakyt"},
			"cancelled by two clerks at once": {func(b *batches.Batch) error { return oneOf(cancel(b), cancel(b)) }, store.ApprovalWithdrawn, "Aida"},
			"cancelled and rejected at once": {func(b *batches.Batch) error {
				return oneOf(cancel(b), func() error { return decide(b, store.ApprovalRejected, other) })
			}, "", ""},
		} {
			b := send(t, s, take(t, s, 211, file(row(211, name, 120))).ID, false)
			if b.State != batches.Awaiting {
				t.Fatalf("%s: %+v", name, b)
			}
			if err := c.leave(b); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			a, err := s.Store.Approval(t.Context(), b.Approval)
			if err != nil {
				t.Fatal(err)
			}
			if c.want != "" && (a.State != c.want || a.Decider != c.by) || a.State == store.ApprovalWaiting || a.DecidedAt.IsZero() || a.DoneAt.IsZero() {
				t.Errorf("%s: %+v", name, a)
			}
			if b, err := batches.Get(t.Context(), s.Store, b.ID); err != nil || b.State != batches.Cancelled {
				t.Errorf("%s: %+v, %v", name, b, err)
			}
			if err := decide(b, store.ApprovalApproved, other); !errors.Is(err, store.ErrMoved) {
				t.Errorf("%s, then approved: %v", name, err)
			}
		}
		waiting, err := s.Store.DB().Numbers(t.Context(), "SELECT COUNT(1) FROM approvals WHERE state = 'waiting'")
		if err != nil || waiting[0] != 0 {
			t.Errorf("%v approvals wait, %v", waiting, err)
		}
		idle(t, s)
		paid(t, s, 211, 0, 0)
	})
}

// oneOf does several things at once, of which one happens: the others are told that it was moved before.
func oneOf(acts ...func() error) error {
	errs := make([]error, len(acts))
	var all sync.WaitGroup
	for i, act := range acts {
		all.Go(func() { errs[i] = act() })
	}
	all.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if !errors.Is(err, store.ErrMoved) {
			return err
		}
	}
	if done != 1 {
		return fmt.Errorf("%d of them happened: %w", done, errors.Join(errs...))
	}
	return nil
}

// TestAskedTogetherWithTheBatch: a batch that was cancelled before it was sent leaves no approval behind.
func TestAskedTogetherWithTheBatch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		for i := range 8 {
			b := take(t, s, 211, file(row(211, fmt.Sprint(i), 120)))
			var both sync.WaitGroup
			both.Go(func() { _, _ = s.Send(t.Context(), b.ID, false, clerk()) })
			both.Go(func() { _, _ = s.Cancel(t.Context(), b.ID, clerk()) })
			both.Wait()
			now, err := batches.Get(t.Context(), s.Store, b.ID)
			if err != nil {
				t.Fatal(err)
			}
			if now.State != batches.Cancelled && now.State != batches.Awaiting {
				t.Errorf("%+v", now)
			}
			waiting, err := s.Store.DB().Numbers(t.Context(), "SELECT id FROM approvals WHERE state = 'waiting' AND subject = $1", fmt.Sprint(b.ID))
			if err != nil || (len(waiting) == 1) != (now.State == batches.Awaiting) {
				t.Errorf("the batch is %s, approvals %v wait, %v", now.State, waiting, err)
			}
		}
	})
}
