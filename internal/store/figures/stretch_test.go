package figures_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"flashpay/internal/store/figures"
	"flashpay/internal/storetest"
)

// TestStretchesAreTheirHours holds that what is read by stretches of time comes to what their hours come to, wherever the
// reader's days begin, and that most of it is read as longer periods.
func TestStretchesAreTheirHours(t *testing.T) {
	t.Parallel()
	s := filled(t, storetest.URL(t, storetest.SQLite))
	f := figures.Of(s)
	to := s.Now().Truncate(24 * time.Hour).Add(30 * time.Hour) // so that no end has a whole day of another zone, whatever the hour
	from := to.AddDate(-1, 0, -3)
	for _, zone := range []int{0, 6, -5} { // hours before UTC
		for name, step := range map[string][2]int{"day": {0, 1}, "week": {0, 7}, "month": {1, 0}} {
			t.Run(fmt.Sprint(name, zone), func(t *testing.T) {
				points := []time.Time{from}
				for at := from.Truncate(24 * time.Hour).Add(time.Duration(24-zone) * time.Hour); at.Before(to); at = at.AddDate(0, step[0], step[1]) {
					points = append(points, at)
				}
				points = append(points, to)
				q := figures.Query{What: figures.Payments, Projects: projects, From: from, To: to, By: []figures.Column{figures.Hour, figures.Status}}
				read := func() map[string]int64 {
					rows, err := f.Sum(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					sums := make(map[string]int64)
					for _, r := range rows {
						i := 0
						for i+2 < len(points) && !r.Hour.Before(points[i+1]) {
							i++
						}
						sums[fmt.Sprint(i, r.Status)] += r.Payments
					}
					return sums
				}
				hours := read()
				q.Points = points
				if got := read(); !maps.Equal(got, hours) {
					t.Errorf("%v, by their hours %v", got, hours)
				}
				longest := slices.Max(figures.Lengths(&q))
				want := int64(24)
				if name == "day" {
					want = map[int]int64{0: 24, 6: 6, -5: 1}[zone]
				}
				if longest != want {
					t.Errorf("periods of %d hours are read, want %d", longest, want)
				}
			})
		}
	}
}

// TestAYearByBankIsReadInLongPeriods holds how much of a year is read where figures are told apart by bank or code, whose days have many
// rows each: some 23 periods and the days and hours at both ends.
func TestAYearByBankIsReadInLongPeriods(t *testing.T) {
	t.Parallel()
	for shift := range 16 * 24 {
		from := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(shift) * time.Hour)
		q := figures.Query{What: figures.Results, Projects: projects, From: from, To: from.AddDate(1, 0, 0), By: []figures.Column{figures.Bank}}
		periods, end := map[int64]int64{}, from.UnixMicro()
		for _, p := range figures.Parts(&q) {
			if p.From != end || p.To <= p.From || p.From%(p.Hours*time.Hour.Microseconds()) != 0 {
				t.Fatalf("from %s: %+v", from, figures.Parts(&q))
			}
			end = p.To
			periods[p.Hours] += (p.To - p.From) / (p.Hours * time.Hour.Microseconds())
		}
		if end != q.To.UnixMicro() || periods[16*24] < 21 || periods[24] > 30 || periods[1] > 46 {
			t.Fatalf("from %s: %v", from, periods)
		}
	}
}
