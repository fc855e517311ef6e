package report_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"flashpay/internal/report"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/storetest"
	"flashpay/internal/work"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		every  report.Every
		on     int
		hour   int
		zone   string
		after  string
		at     string // all UTC
		from   string
		to     string
		second string // at of the turn after it
	}{
		{"each day", report.Day, 0, 6, "Asia/Bishkek", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", "2026-03-09T18:00:00Z", "2026-03-10T18:00:00Z", "2026-03-12T00:00:00Z"},
		{"the hour is today's still", report.Day, 0, 6, "UTC", "2026-03-10T05:59:59Z", "2026-03-10T06:00:00Z", "2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z", "2026-03-11T06:00:00Z"},
		{"the day of 23 hours", report.Day, 0, 0, "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29T22:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"},
		{"the day of 25 hours", report.Day, 0, 0, "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25T23:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z"},
		{"an hour that is left out", report.Day, 0, 2, "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-30T00:00:00Z"},
		{"an hour that comes twice", report.Day, 0, 2, "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:00:00Z", "2026-10-23T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-26T01:00:00Z"},
		{"a midnight that is left out", report.Day, 0, 0, "Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-23T22:00:00Z", "2026-04-22T22:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},
		{"each week", report.Week, 0, 6, "UTC", "2026-03-11T00:00:00Z", "2026-03-16T06:00:00Z", "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z", "2026-03-23T06:00:00Z"},
		{"each week on Sunday", report.Week, 7, 6, "UTC", "2026-03-11T00:00:00Z", "2026-03-15T06:00:00Z", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z", "2026-03-22T06:00:00Z"},
		{"each month", report.Month, 0, 6, "UTC", "2026-01-01T06:00:00Z", "2026-02-01T06:00:00Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T06:00:00Z"},
		{"a month's end", report.Month, 31, 6, "UTC", "2026-01-31T06:00:00Z", "2026-02-28T06:00:00Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-31T06:00:00Z"},
		{"February of a leap year", report.Month, 30, 23, "UTC", "2028-02-01T00:00:00Z", "2028-02-29T23:00:00Z", "2028-01-01T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-30T23:00:00Z"},
		{"the turn of a year", report.Month, 0, 0, "Asia/Bishkek", "2026-12-31T17:59:59Z", "2026-12-31T18:00:00Z", "2026-11-30T18:00:00Z", "2026-12-31T18:00:00Z", "2027-01-31T18:00:00Z"},
	} {
		s := report.Schedule{Order: report.Order{Request: report.Request{Zone: c.zone}}, Every: c.every, On: c.on, Hour: c.hour}
		if err := s.Check(); err != nil {
			t.Fatal(c.name, err)
		}
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		first, err := s.Next(after)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.Next(first.At)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(first.At.Format(time.RFC3339), first.From.Format(time.RFC3339), first.To.Format(time.RFC3339), second.At.Format(time.RFC3339))
		if want := fmt.Sprint(c.at, c.from, c.to, c.second); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, want)
		}
		if !second.From.Equal(first.To) {
			t.Errorf("%s: the period after the one that ends at %s begins at %s", c.name, first.To, second.From)
		}
	}
}

func TestSchedulesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, s := range []report.Schedule{
		{Every: "year"},
		{Every: report.Day, Hour: 24},
		{Every: report.Day, Hour: -1},
		{Every: report.Day, On: 1},
		{Every: report.Week, On: 8},
		{Every: report.Month, On: 32},
		{Every: report.Day, Order: report.Order{Request: report.Request{From: time.Unix(1, 0)}}},
	} {
		if s.Check() == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

// After a time when no node ran, each period has its report, and each has one, however many nodes there are.
func TestSchedule(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		services := []*report.Service{d.Service, {Store: d.Store}}
		if d.Store.Path() == "" { // PostgreSQL has any number of nodes
			services[1].Store = d.open()
		}
		sc := report.Schedule{Order: d.order(d.user, "kind=operations&columns=payment_id&zone=Asia/Bishkek"), Every: report.Day, Hour: 6}
		id, err := d.AddSchedule(t.Context(), "form-1", sc)
		d.must(err)
		if again, err := d.AddSchedule(t.Context(), "form-1", sc); err != nil || again != id {
			t.Fatalf("begun twice: %d and %d, %v", id, again, err)
		}
		d.advance(5 * 24 * time.Hour)
		ready := func(n int) func() bool {
			return func() bool {
				found, err := d.List(t.Context(), d.user, nil, 100)
				d.must(err)
				done := 0
				for _, r := range found {
					if r.State == jobs.Done {
						done++
					}
				}
				return done >= n
			}
		}
		d.run(ready(5), services...)
		d.advance(24 * time.Hour)
		d.run(ready(6), services...)
		found, err := d.List(t.Context(), d.user, nil, 100)
		d.must(err)
		if len(found) != 6 {
			t.Errorf("%d reports of 6 days", len(found))
		}
		days := make(map[time.Time]bool)
		for _, r := range found {
			q := r.Order.Request
			if r.Order.Schedule != id || q.To.Sub(q.From) != 24*time.Hour || q.From.Hour() != 18 || days[q.From] {
				t.Errorf("schedule %d, %s to %s", r.Order.Schedule, q.From, q.To)
			}
			days[q.From] = true
		}
		list, err := d.Schedules(t.Context(), d.user, 10)
		if err != nil || len(list) != 1 || list[0].State.Ended() || !list[0].Next.After(d.now()) || list[0].Every != report.Day {
			t.Errorf("schedules %+v, %v", list, err)
		}
		if err := d.CancelSchedule(t.Context(), d.user+1, id, "test"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("ended by somebody else: %v", err)
		}
		d.must(d.CancelSchedule(t.Context(), d.user, id, "test"))
		ended := d.now()
		d.advance(3 * 24 * time.Hour)
		other, err := d.Add(t.Context(), "", d.order(d.user, "kind=callbacks"))
		d.must(err)
		d.make(other)
		found, err = d.List(t.Context(), d.user, nil, 100)
		d.must(err)
		for _, r := range found {
			if r.ID != other && r.CreatedAt.After(ended) {
				t.Errorf("the schedule has ended, and made %s", r.Key)
			}
		}
	})
}

// A node that dies between any two commits of a schedule leaves it to another one: no period is left out or made twice.
func TestScheduleThatIsTakenOver(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := newDesk(t, url)
		_, err := d.AddSchedule(t.Context(), "", report.Schedule{Order: d.order(d.user, "kind=callbacks"), Every: report.Day})
		d.must(err)
		d.advance(10 * 24 * time.Hour)
		schedule := d.Jobs()[1].Run
		var pause *work.JobPause
		for range 30 { // each time it dies a little later
			leased, err := jobs.Lease(t.Context(), d.Store, report.JobSchedule, 1, time.Minute)
			if err != nil || len(leased) != 1 {
				t.Fatal(len(leased), err)
			}
			dying, die := context.WithCancel(t.Context())
			var killer sync.WaitGroup
			killer.Go(func() {
				for {
					found, err := d.List(t.Context(), d.user, nil, 100)
					if err != nil || len(found)%4 == 3 || dying.Err() != nil {
						die()
						return
					}
				}
			})
			err = schedule(dying, leased[0])
			die()
			killer.Wait()
			if errors.As(err, &pause) {
				break
			}
			d.advance(2 * time.Minute)
		}
		if pause == nil {
			d.run(func() bool {
				found, err := d.List(t.Context(), d.user, nil, 100)
				d.must(err)
				return len(found) >= 10
			}, d.Service)
		}
		found, err := d.List(t.Context(), d.user, nil, 100)
		d.must(err)
		keys := make(map[string]bool)
		for _, r := range found {
			keys[r.Key] = true
		}
		if len(found) != 10 || len(keys) != 10 {
			t.Errorf("%d reports under %d keys, want 10", len(found), len(keys))
		}
	})
}

// Who loses the right to reports has no more of them made.
func TestScheduleOfWhoMayNot(t *testing.T) {
	t.Parallel()
	d := newDesk(t, storetest.URL(t, storetest.SQLite))
	_, err := d.AddSchedule(t.Context(), "", report.Schedule{Order: d.order(d.user, "kind=callbacks"), Every: report.Day})
	d.must(err)
	d.change(d.user, func(u *staff.User) { u.Withheld = []staff.Right{staff.ManageReports} })
	d.advance(48 * time.Hour)
	d.run(func() bool {
		list, err := d.Schedules(t.Context(), 0, 10)
		d.must(err)
		return list[0].State == jobs.Failed
	}, d.Service)
	if found, err := d.List(t.Context(), 0, nil, 10); err != nil || len(found) != 0 {
		t.Errorf("%d reports, %v", len(found), err)
	}
}
