package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestEventsAfter: pages join without gaps, tell what the callbacks tell, and a commit wakes who listens for its project.
func TestEventsAfter(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		var woken, others int
		s.Listen(store.EventsTopic(210), func() { woken++ })
		s.Listen(store.EventsTopic(211), func() { others++ })
		eventsAre(t, s, 210, 0, 10, 0)
		var views []*store.View
		for i := range 5 {
			views = append(views, declined(t, s, fmt.Sprint("p-", i)))
		}
		again(t, s, views[1]) // supersedes a callback, and is one more event
		if woken != 6 || others != 0 {
			t.Errorf("woken %d times, and %d times for another project", woken, others)
		}
		eventsAre(t, s, 210, 0, 4, 6, 1, 2, 3, 4)
		eventsAre(t, s, 210, 4, 4, 6, 5, 6)
		eventsAre(t, s, 210, 6, 4, 6)
		eventsAre(t, s, 210, 9, 4, 6)
		eventsAre(t, s, 999, 0, 4, 0)

		events, _, err := s.EventsAfter(t.Context(), 210, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			job, err := s.CallbackJob(t.Context(), 210, e.Event.Number)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := e.Body().AppendJSON(nil), job.Body().AppendJSON(nil); string(got) != string(want) {
				t.Errorf("event %d:\n%s\nwant\n%s", e.Event.Number, got, want)
			}
		}
	})
}

func eventsAre(t *testing.T, s *store.Store, project, after int64, limit int, last int64, want ...int64) {
	t.Helper()
	events, newest, err := s.EventsAfter(t.Context(), project, after, limit)
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, e := range events {
		got = append(got, e.Event.Number)
	}
	if !slices.Equal(got, want) || newest != last {
		t.Errorf("after %d: %v and newest %d, want %v and %d", after, got, newest, want, last)
	}
}

// TestALostEventIsNoGap: a feed that would have a gap is an error, not a shorter answer.
func TestALostEventIsNoGap(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		for i := range 3 {
			declined(t, s, fmt.Sprint("p-", i))
		}
		for _, lost := range []int64{2, 3} {
			if _, err := s.DB().Writes.ExecContext(t.Context(), "DELETE FROM callbacks WHERE number = $1", lost); err != nil {
				t.Fatal(err)
			}
			if _, err := s.DB().Writes.ExecContext(t.Context(), "DELETE FROM events WHERE number = $1", lost); err != nil {
				t.Fatal(err)
			}
			_, _, err := s.EventsAfter(t.Context(), 210, lost-1, 10)
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("event %d of project 210 is missing", lost)) {
				t.Errorf("after losing event %d: %v", lost, err)
			}
		}
	})
}
