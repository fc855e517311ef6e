package store_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// failing are the numbers of the callbacks that fail in project 210, in ascending order.
func failing(t *testing.T, s *store.Store, most int) (numbers []int64, more bool) {
	t.Helper()
	found, more, err := s.FailingCallbacks(t.Context(), store.RegisterFilter{Projects: []int64{210}}, most)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		numbers = append(numbers, c.Number)
	}
	slices.Sort(numbers)
	return numbers, more
}

// resend makes failing callbacks of project 210 due, and says how many were.
func resend(t *testing.T, s *store.Store, numbers ...int64) (resent int) {
	t.Helper()
	var callbacks []store.FailingCallback
	for _, n := range numbers {
		callbacks = append(callbacks, store.FailingCallback{ProjectID: 210, Number: n})
	}
	act, err := s.ResendFailing(t.Context(), callbacks)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) (err error) {
		resent, err = act(ctx, tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return resent
}

func TestFailingCallbacksAreFoundAndSentAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		for _, id := range []string{"delivered", "repeated", "given up", "waiting"} {
			declined(t, s, id)
		}
		later := s.Now().Add(time.Hour)
		jobs := lease(t, s, 1, 2, 3, 4)
		slices.SortFunc(jobs, func(a, b *store.CallbackJob) int { return int(a.Event.Number - b.Event.Number) })
		save(t, s, jobs[0], 200, store.CallbackDelivered, time.Time{})
		save(t, s, jobs[1], 500, store.CallbackPending, later)
		save(t, s, jobs[2], 500, store.CallbackGivenUp, time.Time{})
		overtaken := declined(t, s, "overtaken")
		save(t, s, lease(t, s, 5)[0], 500, store.CallbackGivenUp, time.Time{})
		if got, more := failing(t, s, 10); !slices.Equal(got, []int64{2, 3, 5}) || more {
			t.Fatalf("failing: %v, more %v", got, more)
		}
		if got, more := failing(t, s, 2); !slices.Equal(got, []int64{3, 5}) || !more {
			t.Fatalf("the newest two: %v, more %v", got, more)
		}
		again(t, s, overtaken) // 6, which is not told yet
		if got, _ := failing(t, s, 10); !slices.Equal(got, []int64{2, 3, 5}) {
			t.Fatalf("beside a newer one that waits: %v", got)
		}
		if n := resend(t, s, 5); n != 0 || delivery(t, s, 5).State != store.CallbackGivenUp {
			t.Fatal("a callback was sent again while a newer one of its payment was under way")
		}
		save(t, s, lease(t, s, 6)[0], 200, store.CallbackDelivered, time.Time{})
		if got, _ := failing(t, s, 10); !slices.Equal(got, []int64{2, 3}) {
			t.Fatalf("after a newer one was delivered: %v", got)
		}
		if n := resend(t, s, 1, 2, 3, 3); n != 2 {
			t.Fatalf("%d were sent again, want the two that fail", n)
		}
		if d := delivery(t, s, 1); d.State != store.CallbackDelivered {
			t.Fatalf("one that was delivered: %+v", d)
		}
		for _, job := range lease(t, s, 2, 3) {
			if job.Scheduled != 0 || job.Attempts != 1 {
				t.Fatalf("no fresh schedule: %+v", job)
			}
			save(t, s, job, 200, store.CallbackDelivered, time.Time{})
		}
		if n := resend(t, s, 2, 3); n != 0 {
			t.Fatalf("%d delivered ones were sent again", n)
		}
		if got, _ := failing(t, s, 10); len(got) != 0 {
			t.Fatalf("in the end: %v", got)
		}
	})
}

// A batch has a callback of its own, which fails and is sent again as those of payments are, and is none of theirs.
func TestFailingCallbacksOfBatchesAreSentAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		createProject(t, s, 211, 1000)
		for batch := range int64(3) {
			err := s.Do(t.Context(), "", func(_ context.Context, tx *store.Tx) error {
				tx.AddBatchEvent(210, store.BatchEnd{Batch: batch + 1, State: "done", Rows: 1, Sent: 1})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		later := s.Now().Add(time.Hour)
		numbers := make(map[int64]int64) // by batch
		for _, job := range lease(t, s, 1, 2, 3) {
			numbers[job.Event.Batch.Batch] = job.Event.Number
			switch job.Event.Batch.Batch {
			case 1:
				save(t, s, job, 200, store.CallbackDelivered, time.Time{})
			case 2:
				save(t, s, job, 500, store.CallbackPending, later)
			case 3:
				save(t, s, job, 500, store.CallbackGivenUp, time.Time{})
			}
		}
		failing := func(projects ...int64) map[int64]bool {
			found, err := s.FailingBatches(t.Context(), projects, 10)
			if err != nil {
				t.Fatal(err)
			}
			out := make(map[int64]bool)
			for _, f := range found {
				if out[f.Batch] = f.GivenUp; f.Number != numbers[f.Batch] {
					t.Errorf("batch %d has callback %d, want %d", f.Batch, f.Number, numbers[f.Batch])
				}
			}
			return out
		}
		if got := failing(210, 211); !maps.Equal(got, map[int64]bool{2: false, 3: true}) {
			t.Fatalf("failing batches, and whether they were given up: %v", got)
		}
		// Those of payments are counted without them, also up to as few as there are.
		for kind, want := range map[store.CallbackKind]int{store.AnyCallback: 1, store.OfPayments: 0} {
			for name, count := range map[string]func(context.Context, store.CallbackKind, int) ([]store.Backlog, error){
				"repeated": s.CountRepeatedCallbacks, "given up": s.CountGivenUpCallbacks,
			} {
				if got, err := count(t.Context(), kind, 1); err != nil || len(got) != want {
					t.Errorf("%s, of kind %q: %+v, %v", name, kind, got, err)
				}
			}
		}
		if got := failing(211); len(got) != 0 {
			t.Fatalf("another project's: %v", got)
		}
		if n := resend(t, s, numbers[1], numbers[2], numbers[3]); n != 2 {
			t.Fatalf("%d were sent again, want 2", n)
		}
		lease(t, s, numbers[2], numbers[3])
	})
}
