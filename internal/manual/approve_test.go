package manual_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/manual"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/work"
)

const (
	clerk  = 17
	second = 18
)

func ask(t *testing.T, s *manual.Service, idempotencyKey string, change ...string) int64 {
	t.Helper()
	id, err := s.Ask(t.Context(), idempotencyKey, order(t, s, append([]string{manual.Amount, "2000"}, change...)...), clerk, "Aida", "user 17 <aida@example.kg>")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func approve(s *manual.Service, ctx context.Context, idempotencyKey string, id, by int64) error {
	return s.Approve(ctx, idempotencyKey, store.Decision{ID: id, By: by, Decider: fmt.Sprint("person ", by)}, fmt.Sprint("user ", by))
}

func approval(t *testing.T, s *manual.Service, id int64) *store.Approval {
	t.Helper()
	a, err := s.Store.Approval(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// payments counts the payments, and fails where one is there twice or has another status than processing.
func payments(t *testing.T, s *manual.Service, want int) {
	t.Helper()
	list, err := s.Store.ManualPayments(t.Context(), nil, nil, 100)
	if err != nil || len(list) != want {
		t.Errorf("%d payments, want %d: %v", len(list), want, err)
	}
}

func TestASecondPersonSendsTheOrder(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := ask(t, s, "once-1")
	payments(t, s, 0)
	if err := approve(s, t.Context(), "d-1", id, clerk); !errors.Is(err, store.ErrSamePerson) {
		t.Errorf("approved by who asked: %v", err)
	}
	payments(t, s, 0)
	var wg sync.WaitGroup
	for i := range 10 { // two people, five clicks each
		wg.Go(func() {
			if err := approve(s, t.Context(), fmt.Sprint("d-", second+i%2), id, int64(second+i%2)); err != nil && !errors.Is(err, store.ErrMoved) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	payments(t, s, 1)
	a := approval(t, s, id)
	if a.State != store.ApprovalApproved || a.DoneAt.IsZero() || a.Outcome != manual.OutcomeAccepted || a.DecidedBy < second {
		t.Errorf("approval: %+v", a)
	}
	view, err := s.Store.PaymentView(t.Context(), 210, "manual-1")
	if err != nil || view.Payment.Amount != 200000 || view.Payment.Interface != accept.InterfaceDashboard {
		t.Errorf("payment: %+v, %v", view, err)
	}
}

func TestWhatIsRejectedOrWithdrawnIsNeverSent(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for i, d := range []store.Decision{{State: store.ApprovalRejected, By: second}, {State: store.ApprovalWithdrawn, By: clerk}} {
		d.ID = ask(t, s, fmt.Sprint("once-", i))
		if err := s.Store.DecideApproval(t.Context(), fmt.Sprint("d-", i), d, "test"); err != nil {
			t.Fatal(err)
		}
		if err := approve(s, t.Context(), fmt.Sprint("late-", i), d.ID, second); !errors.Is(err, store.ErrMoved) {
			t.Errorf("approved after it was %s: %v", d.State, err)
		}
		if err := s.Finish(t.Context(), d.ID); err != nil {
			t.Error(err)
		}
	}
	payments(t, s, 0)
}

// TestCrashesOfAnApproval stops the two steps of an approval at each place where a process may end, and lets another
// process go on: one payment is made, whatever the place.
func TestCrashesOfAnApproval(t *testing.T) {
	t.Parallel()
	s := setup(t)
	decide := func(id int64) {
		d := store.Decision{ID: id, State: store.ApprovalApproved, By: second, Decider: "Bakyt"}
		if err := s.Store.DecideApproval(t.Context(), fmt.Sprint("d-", id), d, "test"); err != nil {
			t.Fatal(err)
		}
	}
	before := ask(t, s, "once-1", manual.PaymentID, "before the payment")
	decide(before)
	after := ask(t, s, "once-2", manual.PaymentID, "after the payment")
	decide(after)
	o, refusal, err := s.Waiting(approval(t, s, after))
	if err != nil || refusal != nil {
		t.Fatal(refusal, err)
	}
	if _, err := s.Send(t.Context(), o, "user 17"); err != nil {
		t.Fatal(err)
	}
	payments(t, s, 1)

	var wg sync.WaitGroup
	for range 8 { // several processes find what is left at once
		wg.Go(func() {
			for _, id := range []int64{before, after} {
				if err := s.Finish(t.Context(), id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	payments(t, s, 2)
	for _, id := range []int64{before, after} {
		if a := approval(t, s, id); a.Outcome != manual.OutcomeAccepted || a.DoneAt.IsZero() {
			t.Errorf("approval: %+v", a)
		}
	}
	// The clerk's second click after all of it is answered as the first one was.
	if err := approve(s, t.Context(), fmt.Sprint("d-", before), before, second); err != nil {
		t.Error(err)
	}
	payments(t, s, 2)
}

// TestTheJobSendsWhatIsLeft approves in a process that ends before it has sent anything: the job that was committed with
// the decision does so, by whichever runner there is, and once.
func TestTheJobSendsWhatIsLeft(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := ask(t, s, "once-1")
	ended, end := context.WithCancel(t.Context())
	s.Payouts.Acceptor = acceptorFunc(func(context.Context, *store.NewPayout) (store.Receipt, error) {
		end()
		return store.Receipt{}, context.Canceled
	})
	if err := approve(s, ended, "d-1", id, second); !errors.Is(err, context.Canceled) {
		t.Fatalf("the process did not end: %v", err)
	}
	payments(t, s, 0)
	s.Payouts.Acceptor = s.Store
	j, err := jobs.Find(t.Context(), s.Store, jobs.ApprovedPayout, strconv.FormatInt(id, 10))
	if err != nil || j.State != jobs.Queued || !j.NextAt.After(s.Store.Now()) || j.ProjectID != 210 || j.UserID != clerk {
		t.Fatalf("job: %+v, %v", j, err)
	}
	running, stop := context.WithCancel(t.Context())
	var runners sync.WaitGroup
	for range 2 {
		runner := work.NewRunner(work.RunnerConfig{Store: s.Store, Kinds: []work.JobKind{s.Job()}, Poll: 50 * time.Millisecond})
		runners.Go(func() { _ = runner.Run(running) })
	}
	for deadline := time.Now().Add(2 * time.Minute); j.State != jobs.Done && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if j, err = jobs.Get(t.Context(), s.Store, j.ID); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	runners.Wait()
	payments(t, s, 1)
	if a := approval(t, s, id); j.State != jobs.Done || a.Outcome != manual.OutcomeAccepted || a.DoneAt.IsZero() {
		t.Errorf("job %+v, approval %+v", j, a)
	}
}

// acceptorFunc is an Acceptor that is one function.
type acceptorFunc func(context.Context, *store.NewPayout) (store.Receipt, error)

func (f acceptorFunc) Accept(ctx context.Context, p *store.NewPayout) (store.Receipt, error) {
	return f(ctx, p)
}

func TestSettingsOfNowCountAtTheApproval(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, other := ask(t, s, "once-1"), ask(t, s, "once-2", manual.PaymentID, "other")
	change := func(f func(p *merchant.Project)) {
		t.Helper()
		now, _ := s.Store.Project(210)
		p := *now
		f(&p)
		if err := s.Store.UpdateProject(t.Context(), &p, "test"); err != nil {
			t.Fatal(err)
		}
	}
	// The payout is made, and declined by the project's settings of now.
	change(func(p *merchant.Project) {
		p.Settings.Methods = map[string]merchant.MethodSettings{"bank-transfer/kyrgyzstan": {Disabled: true}}
	})
	if err := approve(s, t.Context(), "d-1", id, second); err != nil {
		t.Fatal(err)
	}
	view, err := s.Store.PaymentView(t.Context(), 210, "manual-1")
	if err != nil || view.Payment.Status != payout.Decline || view.Operations[0].Code != payout.CodeNotAllowed {
		t.Errorf("payment: %+v, %v", view, err)
	}
	// A payment id that was taken meanwhile is found when it is sent.
	change(func(p *merchant.Project) { p.Settings.Methods = nil })
	if _, err := s.Send(t.Context(), order(t, s, manual.PaymentID, "OTHER"), "user 17"); err != nil {
		t.Fatal(err)
	}
	if err := approve(s, t.Context(), "d-2", other, second); err != nil {
		t.Fatal(err)
	}
	if code, ok := manual.RefusedOutcome(approval(t, s, other).Outcome); !ok || code != payout.CodePaymentIDExists {
		t.Errorf("outcome %q", approval(t, s, other).Outcome)
	}
	// A method that is gone altogether leaves the decision open.
	gone := ask(t, s, "once-3", manual.PaymentID, "gone")
	m, _ := s.Methods.Get("bank-transfer/kyrgyzstan")
	m.Enabled = false
	var refusal *accept.Refusal
	if err := approve(s, t.Context(), "d-3", gone, second); !errors.As(err, &refusal) || refusal.Code != payout.CodeUnknownMethod {
		t.Errorf("a disabled method: %v", err)
	}
	if a := approval(t, s, gone); a.State != store.ApprovalWaiting {
		t.Errorf("approval: %+v", a)
	}
	payments(t, s, 2)
}

func TestTwoOrdersOfOnePaymentIDDoNotWaitAtOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := ask(t, s, "once-1")
	if again := ask(t, s, "once-1"); again != id {
		t.Errorf("the same request again: %d, then %d", id, again)
	}
	if _, err := s.Ask(t.Context(), "once-2", order(t, s, manual.Amount, "3000"), clerk, "Aida", "test"); !errors.Is(err, store.ErrApprovalWaits) {
		t.Errorf("another order of the same id: %v", err)
	}
	if err := s.Store.DecideApproval(t.Context(), "d-1", store.Decision{ID: id, State: store.ApprovalWithdrawn, By: clerk}, "test"); err != nil {
		t.Fatal(err)
	}
	if other := ask(t, s, "once-1", manual.Amount, "3000"); other == id {
		t.Error("the form was changed and sent again, and the first request answered")
	}
}
