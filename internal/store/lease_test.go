package store_test

import (
	"errors"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// leaseOne leases the only operation that is due.
func leaseOne(t *testing.T, s *store.Store, l store.Lease) *store.Work {
	t.Helper()
	l.ProjectID, l.Provider, l.N = 210, "sandbox", 10
	work, err := s.LeaseOperations(t.Context(), l)
	if err != nil || len(work) != 1 {
		t.Fatalf("leased %+v, %v; want one operation", work, err)
	}
	return work[0]
}

// Whoever lost a lease has nothing to say any more: each lease raises the version that a step compares.
func TestAnExpiredHolderDoesNotCommit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Fatal(err)
		}
		accepted, err := s.PaymentView(t.Context(), 210, "p")
		if err != nil {
			t.Fatal(err)
		}
		paid := func(o payout.Operation) error {
			_, err := s.Apply(t.Context(), store.Step{Payment: accepted.Payment, Operation: o, Event: payout.Succeeded, Kind: "succeeded"})
			return err
		}
		first := leaseOne(t, s, store.Lease{Submit: true, SubmitDeadline: time.Minute}) // its lease ends at once
		second := leaseOne(t, s, store.Lease{Submit: true, SubmitDeadline: time.Minute, Duration: time.Hour})
		for name, o := range map[string]payout.Operation{"before the lease": accepted.Operations[0], "of the first lease": first.Operation} {
			if err := paid(o); !errors.Is(err, store.ErrMoved) {
				t.Errorf("a step %s: %v, want %v", name, err, store.ErrMoved)
			}
		}
		if a, h, _ := balance(t, s, 210); a != 900 || h != 100 {
			t.Errorf("available %d, held %d: an expired holder moved funds", a, h)
		}
		if err := paid(second.Operation); err != nil {
			t.Errorf("a step of the lease that lives: %v", err)
		}
	})
}

// Past its threshold an operation is leased as it is, to be declined.
func TestALeasePastTheThresholdIsNoIntent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		p := newPayout(210, "p", 100)
		p.Threshold = time.Microsecond
		if _, err := s.Accept(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		for _, submit := range []bool{true, false} {
			w := leaseOne(t, s, store.Lease{Submit: submit, SubmitDeadline: time.Minute})
			if o := w.Operation; w.Submit || o.Stage != payout.New || o.Submits != 0 || !o.SubmitDeadline.IsZero() {
				t.Errorf("leased with submit %t: %+v; want it unsent, not to be submitted", submit, w)
			}
		}
	})
}

// The answer to a commit that went through is lost: the writer runs it again, and finds its own journal line there. The step has
// succeeded, once. One that a different step had forestalled has not.
func TestAStepWhoseAnswerWasLostIsDone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Fatal(err)
		}
		w := leaseOne(t, s, store.Lease{Submit: true, SubmitDeadline: time.Minute, Duration: time.Hour})
		step := store.Step{Payment: w.Payment, Operation: w.Operation, Event: payout.Succeeded, Kind: "succeeded"}
		s.LoseNextCommitsAnswer()
		got, err := s.Apply(t.Context(), step)
		if err != nil || got.Operation.Status != payout.Success || got.Payment.Status != payout.Success {
			t.Errorf("%+v, %v; want a success", got, err)
		}
		step.Kind = "succeeded elsewhere"
		s.LoseNextCommitsAnswer()
		if _, err := s.Apply(t.Context(), step); !errors.Is(err, store.ErrMoved) {
			t.Errorf("another step from the same state: %v, want %v", err, store.ErrMoved)
		}
		lines, err := s.Journal(t.Context(), 210, w.Payment.ID)
		if err != nil || len(lines) != 2 {
			t.Errorf("%d journal lines, %v; want those of acceptance and success", len(lines), err)
		}
		if a, h, _ := balance(t, s, 210); a != 900 || h != 0 {
			t.Errorf("available %d, held %d", a, h)
		}
	})
}

// The answer to a lease is lost, and the commit that runs again finds nothing due: what the first one returned must not be worked on,
// since it may have been rolled back. The lease ends, and the operation is inquired.
func TestALeaseWhoseAnswerWasLostIsNotWorkedOn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Fatal(err)
		}
		lease := store.Lease{ProjectID: 210, Provider: "sandbox", N: 10, Submit: true, SubmitDeadline: time.Minute, Duration: time.Hour}
		s.LoseNextCommitsAnswer()
		if work, err := s.LeaseOperations(t.Context(), lease); err != nil || len(work) != 0 {
			t.Errorf("leased %+v, %v; want nothing to work on", work, err)
		}
		v, err := s.PaymentView(t.Context(), 210, "p")
		if err != nil || v.Operations[0].Stage != payout.Sending || v.Operations[0].Submits != 1 {
			t.Errorf("%+v, %v; want an intent", v, err)
		}
	})
}

// Of several steps of one operation that share a commit the first is made and the others have lost; those of other operations are
// not concerned.
func TestStepsOfOneCommit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		createProject(t, s, 210, 1000)
		step := func(id string, event payout.Event, kind string) store.Step {
			t.Helper()
			v, err := s.PaymentView(t.Context(), 210, id)
			if err != nil {
				t.Fatal(err)
			}
			return store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: event, Kind: kind, Code: payout.CodeGeneralDecline}
		}
		for _, id := range []string{"p", "q"} {
			if _, err := s.Accept(t.Context(), newPayout(210, id, 100)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.LeaseOperations(t.Context(), store.Lease{ProjectID: 210, Provider: "sandbox", N: 10, Submit: true, SubmitDeadline: time.Minute, Duration: time.Hour}); err != nil {
			t.Fatal(err)
		}
		steps := []store.Step{step("p", payout.Succeeded, "succeeded"), step("p", payout.Declined, "declined"), step("q", payout.Declined, "declined")}
		var errs [3]error
		var calls []func()
		for i := range steps {
			calls = append(calls, func() { _, errs[i] = s.Apply(t.Context(), steps[i]) })
		}
		if err := s.Together(t.Context(), calls...); err != nil {
			t.Fatal(err)
		}
		if errs[0] != nil || !errors.Is(errs[1], store.ErrMoved) || errs[2] != nil {
			t.Errorf("%v; want the second alone to have lost", errs)
		}
		if a, h, _ := balance(t, s, 210); a != 900 || h != 0 {
			t.Errorf("available %d, held %d; want one success and one decline", a, h)
		}
	})
}
