package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestNodesHaveShardsOfTheirOwn opens two nodes on one database: their numbers never meet, and a node that is gone
// leaves its shard to the next.
func TestNodesHaveShardsOfTheirOwn(t *testing.T) {
	url := storetest.URL(t, storetest.Postgres)
	a := open(t, url)
	createProject(t, a, 210, 10_000)
	b, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[int64]bool)
	for i := range 20 {
		s := []*store.Store{a, b}[i%2]
		id := fmt.Sprint("p", i)
		if _, err := s.Accept(t.Context(), newPayout(210, id, 100)); err != nil {
			t.Fatal(err)
		}
		v, err := s.PaymentView(t.Context(), 210, id)
		if err != nil {
			t.Fatal(err)
		}
		if shard := v.Payment.ID / 1_000_000_000_000; shard != int64(i%2) || ids[v.Payment.ID] {
			t.Errorf("payment %d of node %d", v.Payment.ID, i%2)
		}
		ids[v.Payment.ID] = true
	}
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	c := open(t, url)
	if _, err := c.Accept(t.Context(), newPayout(210, "next", 100)); err != nil {
		t.Fatal(err)
	}
	v, err := c.PaymentView(t.Context(), 210, "next")
	if err != nil || v.Payment.ID/1_000_000_000_000 != 1 || ids[v.Payment.ID] {
		t.Errorf("after a restart: %+v, %v", v, err)
	}
}

// TestLeasesOfAClosedNodeAreFree leases an operation, accepts another one to be submitted by the node itself, and closes the
// node: the next one gets both at once.
func TestLeasesOfAClosedNodeAreFree(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
		if err != nil {
			t.Fatal(err)
		}
		createProject(t, s, 210, 1000)
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Fatal(err)
		}
		lease := store.Lease{ProjectID: 210, Provider: "sandbox", N: 10, Submit: true, SubmitDeadline: time.Minute, Duration: time.Hour}
		if work, err := s.LeaseOperations(t.Context(), lease); err != nil || len(work) != 1 || !work[0].Submit {
			t.Fatalf("%+v, %v", work, err)
		}
		s.SetEngine(&engine{})
		if _, err := s.Accept(t.Context(), newPayout(210, "q", 100)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		next := open(t, url)
		work, err := next.LeaseOperations(t.Context(), lease)
		if err != nil || len(work) != 2 {
			t.Fatalf("after a restart: %+v, %v", work, err)
		}
		for _, w := range work {
			if w.Submit || w.Operation.Stage != payout.Sending {
				t.Errorf("after a restart it is inquired, not submitted: %+v", w)
			}
		}
	})
}

// Each block of numbers is taken when it is used up, whatever the other one has left.
func TestBlocksOfNumbersAreTakenApart(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		if before, after, err := s.ReserveNumbers(t.Context()); err != nil || before == 0 || after != before {
			t.Errorf("%d numbers of rows are left after a block of operations' numbers was taken, %v; there were %d", after, err, before)
		}
	})
}
