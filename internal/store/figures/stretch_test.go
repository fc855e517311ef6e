package figures_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"flashpay/internal/store/figures"
	"flashpay/internal/storetest"
)

// TestStretchesAreTheirHours holds that what is read by stretches of time comes to what their hours come to, wherever the
// reader's days begin, and that most of it is read as whole days.
func TestStretchesAreTheirHours(t *testing.T) {
	t.Parallel()
	s := filled(t, storetest.URL(t, storetest.SQLite))
	f := figures.Of(s)
	to := s.Now().Truncate(time.Hour).Add(time.Hour)
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
				want := read()
				q.Points = points
				if got := read(); !maps.Equal(got, want) {
					t.Errorf("%v, by their hours %v", got, want)
				}
				days := false
				for _, length := range figures.Lengths(&q) {
					days = days || length == 24
				}
				if aligned := zone == 0 || name != "day"; days != aligned {
					t.Errorf("days are read: %v, want %v", days, aligned)
				}
			})
		}
	}
}
