package massbatch_test

import (
	"context"
	"fmt"
	"testing"

	"flashpay/client"
	"flashpay/internal/massbatch"
	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/export"
	"flashpay/internal/storetest"
	"flashpay/internal/wire"
)

// tell switches the callbacks of batches on, for all projects.
func tell(t *testing.T, s *massbatch.Service) {
	t.Helper()
	for _, id := range []int64{210, 211} {
		p, _ := s.Store.Project(id)
		changed := *p
		changed.Settings.BatchCallback, changed.Settings.CallbackURL = true, "https://shop.example/callback"
		if err := s.Store.SaveProject(t.Context(), &changed, store.By{Actor: "test"}); err != nil {
			t.Fatal(err)
		}
	}
}

// told reads what the feed tells of the ends of batches, verified as a merchant's program does; the feed has no gap.
func told(t *testing.T, s *massbatch.Service, project int64) (out []client.BatchEnd, numbers []int64) {
	t.Helper()
	events, last, err := s.Store.EventsAfter(t.Context(), project, 0, 1000)
	if err != nil || int64(len(events)) != last {
		t.Fatalf("%d events of %d: %v", len(events), last, err)
	}
	for _, e := range events {
		if e.Event.Batch == nil {
			continue
		}
		cb, err := client.ParseCallback(wire.SignedJSON(e.Body(), "key"), "key")
		if err != nil || cb.Batch == nil || cb.ProjectID != project || cb.ID != "" || cb.Batch.Date.IsZero() {
			t.Fatalf("%+v, %v", cb, err)
		}
		b := *cb.Batch
		b.Date = b.Date.Truncate(0)
		out, numbers = append(out, b), append(numbers, e.Event.Number)
	}
	return out, numbers
}

// TestTheEndOfABatchIsTold once, in the commit that ends it, where the project asks for that, whichever way it ends.
func TestTheEndOfABatchIsTold(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		silent := take(t, s, 210, file(row(210, "silent", 1)))
		run(t, s)
		send(t, s, silent.ID, false)
		await(t, s, silent.ID, batches.Done)
		tell(t, s)

		first := take(t, s, 210, file(row(210, "silent", 1), row(210, "a", 1), row(210, "b", 0), row(210, "c", 1)))
		send(t, s, first.ID, true)
		await(t, s, first.ID, batches.Done)
		for range 2 { // it has ended: nothing of this moves it, or tells it again
			_, _ = s.Cancel(t.Context(), first.ID, clerk())
			send(t, s, first.ID, true)
		}
		discarded := take(t, s, 211, file(row(211, "never asked for", 1)))
		if err := s.Discard(t.Context(), discarded.ID, clerk()); err != nil {
			t.Fatal(err)
		}
		rejected := send(t, s, take(t, s, 211, file(row(211, "r", 120))).ID, false)
		by := massbatch.By{User: 18, Name: "Bakyt", Actor: "user 18", IdempotencyKey: "no"}
		if err := s.Decide(t.Context(), store.Decision{ID: rejected.Approval, State: store.ApprovalRejected, By: 18, Decider: "Bakyt", Reason: "no"}, by); err != nil {
			t.Fatal(err)
		}
		idle(t, s)

		done, numbers := told(t, s, 210)
		if len(done) != 1 || done[0].ID != first.ID || done[0].Status != "done" || done[0].Rows != 4 || done[0].Sent != 2 || done[0].PaidAlready != 1 || done[0].WithFaults != 1 || done[0].NotSent != 0 {
			t.Errorf("told: %+v", done)
		}
		others, _ := told(t, s, 211)
		if len(others) != 1 || others[0].ID != rejected.ID || others[0].Status != "cancelled" || others[0].NotSent != 1 || others[0].Sent != 0 {
			t.Errorf("told: %+v", others)
		}
		if _, err := batches.Audit(t.Context(), s.Store, func(_ *batches.Batch, what string) { t.Errorf("audit: %s", what) }); err != nil {
			t.Fatal(err)
		}

		list, err := s.Store.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: 210, Batch: first.ID})
		if err != nil || len(list) != 1 || list[0].Number != numbers[0] || list[0].State != store.CallbackPending || list[0].URL != "https://shop.example/callback" || list[0].PaymentID != "" {
			t.Fatalf("%+v, %v", list, err)
		}
		if number, err := s.Store.ResendCallback(t.Context(), "", 210, "", numbers[0], "test"); err != nil || number != numbers[0] {
			t.Errorf("sent again: %d, %v", number, err)
		}
		reported(t, s, first.ID, numbers[0])
		if again, _ := told(t, s, 210); len(again) != 1 || fmt.Sprint(again) != fmt.Sprint(done) {
			t.Errorf("told after it was sent again: %+v", again)
		}
	})
}

// reported checks that the report of callbacks has that of a batch, without a word of a payment, and that a filter by what only payments
// have leaves it out.
func reported(t *testing.T, s *massbatch.Service, batch, event int64) {
	t.Helper()
	x := snapshot(t, s, 210)
	read := func(f export.Filter) (out []record.Callback) {
		f.Projects = []int64{210}
		if err := x.Callbacks(t.Context(), f, func(c *record.Callback) error { out = append(out, *c); return nil }); err != nil {
			t.Fatal(err)
		}
		return out
	}
	all := read(export.Filter{})
	if len(all) != 1 || all[0].Batch != batch || all[0].BatchState != "done" || all[0].Number != event || all[0].URL != "https://shop.example/callback" || all[0].State != "pending" {
		t.Fatalf("the report of callbacks has %+v", all)
	}
	for _, name := range []string{"payment_id", "operation_id", "payment_status", "operation_status", "code", "message", "amount", "currency", "method"} {
		if c, ok := record.Callbacks.Find(name); !ok || c.Value(&all[0]) != (record.Value{}) {
			t.Errorf("%s of a batch's callback: %+v", name, c.Value(&all[0]))
		}
	}
	for name, f := range map[string]export.Filter{
		"status": {Statuses: []payout.Status{payout.Success, "done"}}, "code": {Codes: []int{0}}, "currency": {Currencies: []string{"KGS"}}, "sum": {MaxAmount: 1},
		"method": {Methods: []string{""}}, "later": {From: s.Store.Now()},
	} {
		if found := read(f); len(found) != 0 {
			t.Errorf("a filter by %s has %+v", name, found)
		}
	}
}

// TestTwoNodesTellABatchOnce sends a batch from two nodes, and by a job whose lease was lost: its end is told once.
func TestTwoNodesTellABatchOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := setup(t, url)
		tell(t, s)
		other := &massbatch.Service{Store: s.Store, Payouts: s.Payouts, Methods: s.Methods}
		if s.Store.Path() == "" {
			other = service(t, url)
		}
		b := take(t, s, 210, many(210, 300))
		send(t, s, b.ID, false)
		ctx, end := context.WithCancel(t.Context())
		defer end()
		stale := leased(t, s)
		for _, node := range []*massbatch.Service{s, other} {
			run(t, node)
			lost := *stale // a process has its own
			go func() { _ = node.Job().Run(ctx, &lost) }()
		}
		await(t, s, b.ID, batches.Done)
		idle(t, s)
		if all, _ := told(t, s, 210); len(all) != 1 || all[0].Sent != 300 {
			t.Errorf("told: %+v", all)
		}
	})
}
