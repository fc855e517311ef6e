package massbatch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/ledger"
	"flashpay/internal/massbatch"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/jobs"
	"flashpay/internal/storetest"
	"flashpay/internal/work"
)

const (
	funds = 10_000_000_000
	unit  = 10_000 // of the amounts of rows below: the method has a least sum
)

// setup opens a store with two projects of a merchant, 210 and 211, and one of another, 300. Sums above 10,000.00 KGS of
// project 211 need a second person.
func setup(t *testing.T, url string) *massbatch.Service {
	t.Helper()
	s := service(t, url)
	for _, p := range []*merchant.Project{
		{ID: 210, MerchantID: 7, Name: "shop", Mode: merchant.Test},
		{ID: 211, MerchantID: 7, Name: "wages", Mode: merchant.Test, Settings: merchant.Settings{Approval: merchant.Sums{"KGS": 1_000_000}}},
		{ID: 300, MerchantID: 8, Name: "other", Mode: merchant.Test},
	} {
		if err := s.Store.CreateProject(t.Context(), p, "key", map[string]int64{"KGS": funds}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// service is another node, or process, on the same database.
func service(t *testing.T, url string) *massbatch.Service {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true, Follow: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	methods, err := method.Load(accept.Payout.Known)
	if err != nil {
		t.Fatal(err)
	}
	route := func(*merchant.Project, *method.Method) (string, int64, bool) { return "sandbox", 21432, true }
	return &massbatch.Service{Store: s, Payouts: &accept.Service{Acceptor: s, Route: route}, Methods: methods}
}

const head = "operation_type;general.project_id;method;general.payment_id;payment.amount;payment.currency;account.number;customer.id;customer.ip_address"

func row(project int, id string, amount int) string {
	return fmt.Sprintf("payout;%d;bank-transfer/kyrgyzstan;%s;%d;KGS;10900000%08d;c-1;192.0.2.1", project, id, amount*unit, len(id))
}

func file(rows ...string) string { return head + "\n" + strings.Join(rows, "\n") + "\n" }

// many is a file of n rows of one unit.
func many(project, n int) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = row(project, fmt.Sprint("p", i), 1)
	}
	return file(rows...)
}

func clerk() massbatch.By { return massbatch.By{User: 17, Name: "Aida", Actor: "user 17"} }

func take(t *testing.T, s *massbatch.Service, project int64, text string) *batches.Batch {
	t.Helper()
	p, _ := s.Store.Project(project)
	b, report, err := s.CreateBatch(t.Context(), strings.NewReader(text), massbatch.Upload{Project: p, Name: "wages.csv", By: clerk()})
	if err != nil || b == nil {
		t.Fatalf("take: %v, report %+v", err, report)
	}
	return b
}

func send(t *testing.T, s *massbatch.Service, id int64, goodOnly bool) *batches.Batch {
	t.Helper()
	b, err := s.Send(t.Context(), id, goodOnly, clerk())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run starts a runner of batches; the returned function stops it.
func run(t *testing.T, s *massbatch.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		_ = work.NewRunner(work.RunnerConfig{Store: s.Store, Kinds: []work.JobKind{s.Job()}, Poll: 20 * time.Millisecond}).Run(ctx)
		close(done)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// await waits until a batch has come to a state.
func await(t *testing.T, s *massbatch.Service, id int64, want batches.State) *batches.Batch {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		b, err := batches.Get(t.Context(), s.Store, id)
		if err != nil {
			t.Fatal(err)
		}
		if b.State == want {
			return b
		}
		if time.Now().After(deadline) {
			t.Fatalf("a minute later the batch is %+v, not %s", b, want)
		}
	}
}

// paid checks that so many payments were made, each once, and that funds were held for them.
func paid(t *testing.T, s *massbatch.Service, project int64, count int, sum int64) {
	sum *= unit
	t.Helper()
	ids, err := s.Store.DB().Numbers(t.Context(), "SELECT id FROM payments WHERE project_id = $1", project)
	if err != nil || len(ids) != count {
		t.Errorf("project %d has %d payments, want %d: %v", project, len(ids), count, err)
	}
	all, err := s.Store.Balances(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	b := all["KGS"]
	if b.Sum(ledger.Held) != sum || b.Sum(ledger.Available) != funds-sum {
		t.Errorf("project %d: held %d, available %d, want %d held", project, b.Sum(ledger.Held), b.Sum(ledger.Available), sum)
	}
}

// counts reads a batch's counters when they have caught up, and checks them against the rows.
func counts(t *testing.T, s *massbatch.Service, id int64) map[string]int64 {
	t.Helper()
	if _, err := batches.Audit(t.Context(), s.Store, func(_ *batches.Batch, what string) { t.Errorf("audit: %s", what) }); err != nil {
		t.Fatal(err)
	}
	made := int64(0)
	for _, r := range rows(t, s, id) {
		if r.State == batches.Made {
			made++
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if err := s.Store.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		status, err := massbatch.ReadStatus(t.Context(), s.Store, id)
		if err != nil {
			t.Fatal(err)
		}
		all := status.ByStatus
		if all["processing"]+all["decline"] == made || time.Now().After(deadline) {
			all["paid already"] = status.PaidAlready
			return all
		}
	}
}

func rows(t *testing.T, s *massbatch.Service, id int64) (out []batches.Row) {
	t.Helper()
	out, err := batches.Rows(t.Context(), s.Store, batches.RowFilter{Batch: id, Limit: 100000})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestABatchIsPaidOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		text := file(row(210, "a", 1), row(210, "b", 0), row(211, "c", 3), row(300, "d", 1), row(210, "A", 1))
		b := take(t, s, 210, text)
		if b.State != batches.Checked || b.Rows != 5 || b.Good != 2 || b.Bad != 3 || b.Name != "wages.csv" || b.User != "Aida" {
			t.Errorf("checked: %+v", b)
		}
		if _, err := s.Send(t.Context(), b.ID, false, clerk()); !errors.Is(err, batches.ErrHasFaults) {
			t.Errorf("sent whole, with faults: %v", err)
		}
		paid(t, s, 210, 0, 0)
		run(t, s)
		var wg sync.WaitGroup
		for range 4 { // pressed twice, by two clerks
			wg.Go(func() {
				if _, err := s.Send(t.Context(), b.ID, true, clerk()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		b = await(t, s, b.ID, batches.Done)
		if b.Position != 6 || b.EndedAt.IsZero() {
			t.Errorf("done: %+v", b)
		}
		paid(t, s, 210, 1, 1)
		paid(t, s, 211, 1, 3)
		paid(t, s, 300, 0, 0)
		if c := counts(t, s, b.ID); c["processing"] != 2 || c[massbatch.WithFaults] != 3 || c[massbatch.NotSent] != 0 {
			t.Errorf("counters: %v", c)
		}
		for i, r := range rows(t, s, b.ID) {
			made := i == 0 || i == 2
			if made != (r.State == batches.Made) || made != (r.Payment != 0) || made != (r.Status == payout.Processing) || made == (r.Message != "") || r.Line != int64(i+2) {
				t.Errorf("row %d: %+v", i, r)
			}
		}
		// The same file once more, as it was and with its faults mended.
		again := take(t, s, 210, text)
		same, err := batches.SameFile(t.Context(), s.Store, 7, b.Digest)
		if err != nil || same.ID != again.ID || again.Digest != b.Digest {
			t.Errorf("the same file: %+v, %v", same, err)
		}
		send(t, s, again.ID, true)
		await(t, s, again.ID, batches.Done)
		if c := counts(t, s, again.ID); c["paid already"] != 2 || c["processing"] != 0 || c[massbatch.WithFaults] != 3 {
			t.Errorf("counters of the same file: %v", c)
		}
		mended := take(t, s, 210, file(row(210, "a", 1), row(210, "b", 5), row(211, "c", 3)))
		send(t, s, mended.ID, false)
		await(t, s, mended.ID, batches.Done)
		if c := counts(t, s, mended.ID); c["paid already"] != 2 || c["processing"] != 1 {
			t.Errorf("counters of the mended file: %v", c)
		}
		paid(t, s, 210, 2, 6)
		paid(t, s, 211, 1, 3)
	})
}

// TestTwoSendersAndManyEnds sends a batch from two nodes that lose their leases, fail and end in the middle, over and over: each
// row makes one payment.
func TestTwoSendersAndManyEnds(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		nodes := []*massbatch.Service{s, {Store: s.Store, Payouts: s.Payouts, Methods: s.Methods}}
		if s.Store.Path() == "" {
			nodes[1] = service(t, url)
		}
		const n = 1500
		b := take(t, s, 210, many(210, n))
		var calls atomic.Int64
		for i, node := range nodes {
			real := node.Store
			node.Payouts = &accept.Service{Route: s.Payouts.Route, Acceptor: acceptor{real, func(ctx context.Context, payouts []*store.NewPayout) ([]store.Receipt, []error) {
				receipts, errs := real.AcceptAll(ctx, payouts)
				for k := range errs {
					if calls.Add(1)%(211+int64(i)) == 0 { // it happened, and the answer was lost
						receipts[k], errs[k] = store.Receipt{}, store.ErrUnavailable
					}
				}
				return receipts, errs
			}}}
		}
		send(t, s, b.ID, false)
		var stale []*jobs.Run // of nodes that have lost their leases, and do not know it
		for _, node := range nodes {
			stale = append(stale, leased(t, node))
		}
		var lost sync.WaitGroup
		for i, node := range nodes {
			run(t, node)
			lost.Go(func() { _ = node.Job().Run(t.Context(), stale[i]) })
		}
		defer lost.Wait()
		await(t, s, b.ID, batches.Done)
		paid(t, s, 210, n, n)
		if c := counts(t, s, b.ID); c["processing"] != n || len(rows(t, s, b.ID)) != n {
			t.Errorf("counters: %v", c)
		}
	})
}

// leased leases the job for an instant. The clock of one node may be behind the other's, by which that instant is not over yet.
func leased(t *testing.T, node *massbatch.Service) *jobs.Run {
	t.Helper()
	for {
		runs, err := jobs.Lease(t.Context(), node.Store, massbatch.JobKind, 1, time.Nanosecond)
		if err != nil {
			t.Fatal(err)
		}
		if len(runs) == 1 {
			return runs[0]
		}
		time.Sleep(time.Millisecond)
	}
}

// acceptor takes the rows that are handed over together.
type acceptor struct {
	*store.Store
	all func(context.Context, []*store.NewPayout) ([]store.Receipt, []error)
}

func (a acceptor) AcceptAll(ctx context.Context, payouts []*store.NewPayout) ([]store.Receipt, []error) {
	return a.all(ctx, payouts)
}

// TestNothingIsSentAfterAPause stops batches in the middle: from the commit that pauses or cancels one, no row is paid.
func TestNothingIsSentAfterAPause(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		const n = 1200
		b := take(t, s, 210, many(210, n))
		made, reached, paused := make(chan struct{}), make(chan struct{}), make(chan struct{})
		goOn := sync.OnceFunc(func() { close(paused) })
		defer goOn()
		var calls atomic.Int64
		s.Payouts = &accept.Service{Route: s.Payouts.Route, Acceptor: acceptor{s.Store, func(ctx context.Context, payouts []*store.NewPayout) ([]store.Receipt, []error) {
			switch calls.Add(1) {
			case 1:
				defer close(made)
			case 2: // under way when the batch is paused
				<-made
				close(reached)
			default:
				<-paused
			}
			return s.Store.AcceptAll(ctx, payouts)
		}}}
		run(t, s)
		send(t, s, b.ID, false)
		<-reached
		count := func() int {
			ids, err := s.Store.DB().Numbers(t.Context(), "SELECT id FROM payments WHERE project_id = 210")
			if err != nil {
				t.Fatal(err)
			}
			return len(ids)
		}
		if p, err := s.Pause(t.Context(), b.ID, clerk()); err != nil || p.State != batches.Paused {
			t.Fatalf("paused: %+v, %v", p, err)
		}
		sent := count()
		goOn()
		if _, err := s.Pause(t.Context(), b.ID, clerk()); !errors.Is(err, store.ErrMoved) {
			t.Errorf("paused twice: %v", err)
		}
		idle(t, s)
		if now := count(); now != sent || sent == 0 || sent == n {
			t.Errorf("%d payments when it was paused, %d after it", sent, now)
		}
		if c := counts(t, s, b.ID); c["processing"] != int64(sent) || c[massbatch.NotSent] != int64(n-sent) {
			t.Errorf("counters: %v of %d sent", c, sent)
		}
		if _, err := s.Resume(t.Context(), b.ID, clerk()); err != nil {
			t.Fatal(err)
		}
		await(t, s, b.ID, batches.Done)
		paid(t, s, 210, n, n)
		if _, err := s.Cancel(t.Context(), b.ID, clerk()); !errors.Is(err, store.ErrMoved) {
			t.Errorf("cancelled when it was done: %v", err)
		}

		other := take(t, s, 211, many(211, 10))
		if c, err := s.Cancel(t.Context(), other.ID, clerk()); err != nil || c.State != batches.Cancelled {
			t.Errorf("cancelled: %+v, %v", c, err)
		}
		if _, err := s.Send(t.Context(), other.ID, false, clerk()); !errors.Is(err, store.ErrMoved) {
			t.Errorf("sent after it was cancelled: %v", err)
		}
		idle(t, s)
		paid(t, s, 211, 0, 0)
	})
}

// idle waits until no job is open.
func idle(t *testing.T, s *massbatch.Service) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		open, err := s.Store.DB().Numbers(t.Context(), "SELECT id FROM jobs WHERE next_at IS NOT NULL")
		if err != nil {
			t.Fatal(err)
		}
		if len(open) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a minute later a job is open")
		}
	}
}

// TestASecondPersonApprovesABatch: above the project's sum, of the batch as a whole, another person decides.
func TestASecondPersonApprovesABatch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		run(t, s)
		large := func(prefix string) string { return file(row(211, prefix+"1", 60), row(211, prefix+"2", 60)) }
		approved, rejected := take(t, s, 210, large("a")), take(t, s, 210, large("r"))
		for _, b := range []*batches.Batch{approved, rejected} {
			now := send(t, s, b.ID, false)
			if now.State != batches.Awaiting || now.Approval == 0 {
				t.Fatalf("sent: %+v", now)
			}
			b.Approval = now.Approval
			if again := send(t, s, b.ID, false); again.State != batches.Awaiting || again.Approval != now.Approval {
				t.Errorf("sent again: %+v", again)
			}
		}
		decide := func(b *batches.Batch, state string, by int64) error {
			return s.Decide(t.Context(), store.Decision{ID: b.Approval, State: state, By: by, Decider: "person"}, massbatch.By{User: by, Actor: fmt.Sprint("user ", by)})
		}
		if err := decide(approved, store.ApprovalApproved, 17); !errors.Is(err, store.ErrSamePerson) {
			t.Errorf("approved by who sent it: %v", err)
		}
		idle(t, s)
		paid(t, s, 211, 0, 0)
		if err := decide(rejected, store.ApprovalRejected, 18); err != nil {
			t.Error(err)
		}
		if b := await(t, s, rejected.ID, batches.Cancelled); b.Reason != store.ApprovalRejected {
			t.Errorf("rejected: %+v", b)
		}
		if err := decide(approved, store.ApprovalApproved, 18); err != nil {
			t.Error(err)
		}
		await(t, s, approved.ID, batches.Done)
		paid(t, s, 211, 2, 120)

		small := take(t, s, 211, file(row(211, "s1", 90)))
		if b := send(t, s, small.ID, false); b.State != batches.Sending && b.State != batches.Done {
			t.Errorf("below the sum: %+v", b)
		}
		more := take(t, s, 211, file(row(211, "m1", 20)))
		if b := send(t, s, more.ID, false); b.State != batches.Awaiting {
			t.Errorf("with what the same person sent before it is above the sum: %+v", b)
		}
		if _, err := s.Cancel(t.Context(), more.ID, clerk()); err != nil {
			t.Error(err)
		}
		if err := decide(&batches.Batch{Approval: approvalOf(t, s, more.ID)}, store.ApprovalApproved, 18); !errors.Is(err, store.ErrMoved) {
			t.Errorf("approved after it was cancelled: %v", err)
		}
		// Decided on another page, which knows nothing of batches.
		other := take(t, s, 210, large("o"))
		b := send(t, s, other.ID, false)
		if err := s.Store.DecideApproval(t.Context(), "once", store.Decision{ID: b.Approval, State: store.ApprovalApproved, By: 18}, "test"); err != nil {
			t.Fatal(err)
		}
		if err := s.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		await(t, s, other.ID, batches.Done)
	})
}

func approvalOf(t *testing.T, s *massbatch.Service, id int64) int64 {
	t.Helper()
	b, err := batches.Get(t.Context(), s.Store, id)
	if err != nil {
		t.Fatal(err)
	}
	return b.Approval
}

// TestSettingsOfNowCount changes the projects' settings between the check and the sending: what is refused then makes no
// payment, and what had faults at the check is not sent although it has none now.
func TestSettingsOfNowCount(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		change := func(id int64, disabled bool) {
			p, _ := s.Store.Project(id)
			changed := *p
			changed.Settings.Methods = map[string]merchant.MethodSettings{"bank-transfer/kyrgyzstan": {Disabled: disabled}}
			if err := s.Store.SaveProject(t.Context(), &changed, store.By{Actor: "test"}); err != nil {
				t.Fatal(err)
			}
		}
		change(211, true)
		b := take(t, s, 210, file(row(210, "a", 1), row(211, "b", 1)))
		if b.Good != 1 || b.Bad != 1 {
			t.Fatalf("checked: %+v", b)
		}
		change(211, false)
		change(210, true)
		run(t, s)
		send(t, s, b.ID, true)
		await(t, s, b.ID, batches.Done)
		paid(t, s, 211, 0, 0)
		list := rows(t, s, b.ID)
		if list[0].State != batches.Refused && list[0].Status != payout.Decline || list[1].State != batches.Bad {
			t.Errorf("rows: %+v", list)
		}
		counts(t, s, b.ID)
	})
}

// TestOldBatchesGo, with their rows, counters and files, and so do rows whose batch was never made.
func TestOldBatchesGo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		take(t, s, 210, many(210, 3))
		if err := batches.AddRows(t.Context(), s.Store, 1<<40, []batches.Row{{Line: 2, State: batches.Good}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Store.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE batches SET drop_at = 1")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := batches.DeleteExpired(t.Context(), s.Store); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"batches", "batch_rows", "batch_counts"} {
			left, err := s.Store.DB().Numbers(t.Context(), "SELECT COUNT(1) FROM "+table)
			if err != nil || left[0] != 0 {
				t.Errorf("%s: %d rows left, %v", table, left, err)
			}
		}
	})
}
