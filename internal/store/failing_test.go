package store_test

import (
	"context"
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
