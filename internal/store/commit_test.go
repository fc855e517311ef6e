package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/merchant"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestOnlyTheCheckedAccountIsPaid gives a request a second member that differs from account in case only: what an
// operation that is loaded from the database pays to is what Gate has checked.
func TestOnlyTheCheckedAccountIsPaid(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		p := newPayout(210, "p", 100)
		p.Request = []byte(`{"account":{"number":"1090000000000000","Number":"2"},"Account":{"number":"99990000"}}`)
		if _, err := s.Accept(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		lease := store.Lease{ProjectID: 210, Provider: "sandbox", N: 1, Submit: true, SubmitDeadline: time.Minute, Duration: time.Hour}
		work, err := s.LeaseOperations(t.Context(), lease)
		if err != nil || len(work) != 1 || work[0].Account != "1090000000000000" {
			t.Fatalf("%+v, %v", work, err)
		}
	})
}

// TestAPanicFailsAlone panics inside a commit: its transaction is rolled back, what shared it passes, and the next
// commits go on.
func TestAPanicFailsAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 10_000)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Exec(t.Context(), func() { panic("a fault of ours") }); err == nil || !strings.Contains(err.Error(), "panicked") {
				t.Errorf("the one that panics: %v", err)
			}
		})
		for i := range 20 {
			wg.Go(func() {
				if _, err := s.Accept(t.Context(), newPayout(210, strings.Repeat("p", i+1), 100)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := s.Accept(t.Context(), newPayout(210, "after", 100)); err != nil {
			t.Error(err)
		}
		if _, h, _ := balance(t, s, 210); h != 2100 {
			t.Errorf("held %d", h)
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("not ready: %v", err)
		}
	})
}

// TestActsOfPeopleHappenOnce loses the answer to a commit that went through: a top-up is not booked twice, and a
// notification is not stored twice.
func TestActsOfPeopleHappenOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		s.LoseNextCommitsAnswer()
		if err := s.TopUp(t.Context(), 210, "KGS", 50, "wire", "test"); err != nil {
			t.Fatal(err)
		}
		if a, _, _ := balance(t, s, 210); a != 1050 {
			t.Errorf("available %d after a top-up of 50", a)
		}
		s.LoseNextCommitsAnswer()
		if err := s.AddKey(t.Context(), 210, merchant.Key{Secret: "second"}, store.By{Actor: "test"}); err != nil {
			t.Fatal(err)
		}
		if p, _ := s.Project(210); len(p.Keys) != 2 {
			t.Errorf("%d keys", len(p.Keys))
		}
		s.LoseNextCommitsAnswer()
		if r, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil || r.Repeat || r.RequestID == "" {
			t.Errorf("accept: %+v, %v", r, err)
		}
	})
}

func TestReadyTellsOfAWriterThatCannotCommit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		restore := s.BreakWriter()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := s.Accept(ctx, newPayout(210, "p", 100)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("accept without a writer: %v", err)
		}
		if err := s.Ready(t.Context()); err == nil {
			t.Error("ready, though nothing can be committed")
		}
		restore()
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Error(err)
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("not ready again: %v", err)
		}
	})
}

// TestWriterIsDurable reads the pragma where it counts: on the connection that commits.
func TestWriterIsDurable(t *testing.T) {
	t.Parallel()
	s := open(t, storetest.URL(t, storetest.SQLite))
	if level, err := s.WriterSynchronous(t.Context()); err != nil || level != 2 {
		t.Errorf("PRAGMA synchronous = %d, %v; want 2 (FULL)", level, err)
	}
}
