package figures_test

import (
	"cmp"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/figures"
	"flashpay/internal/storetest"
)

// stretches are points from one time to another, so many months and days apart, as a reader in Bishkek has them: six hours before the
// days of rollups.
func stretches(from, to time.Time, months, days int) (out []time.Time) {
	for at := from.Truncate(24 * time.Hour).Add(18 * time.Hour); at.Before(to); at = at.AddDate(0, months, days) {
		out = append(out, at)
	}
	return append(out, to)
}

// BenchmarkSum reads figures of a year, as the tiles of Analytics do. docs/performance.md says how it is run.
func BenchmarkSum(b *testing.B) {
	s := storetest.OpenYear(b)
	if s == nil {
		return
	}
	f := figures.Of(s)
	to := s.Now().Add(time.Hour)
	from := to.AddDate(-1, 0, 0)
	all := []int64{210, 211, 212, 213, 220, 221, 222, 223}
	for name, q := range map[string]figures.Query{
		"totals":              {What: figures.Payments, By: []figures.Column{figures.Currency, figures.Status}},
		"by_hour_a_year":      {What: figures.Payments, By: []figures.Column{figures.Hour, figures.Currency, figures.Status}},
		"by_hour_a_month":     {What: figures.Payments, From: to.AddDate(0, -7, 0), To: to.AddDate(0, -6, 0), By: []figures.Column{figures.Hour, figures.Currency, figures.Status}},
		"by_week_half_a_year": {What: figures.Payments, From: to.AddDate(0, 0, -189), Points: stretches(to.AddDate(0, 0, -189), to, 0, 7), By: []figures.Column{figures.Hour, figures.Currency, figures.Status}},
		"by_month_a_year":     {What: figures.Payments, Points: stretches(from, to, 1, 0), By: []figures.Column{figures.Hour, figures.Currency, figures.Status}},
		"by_day_a_year":       {What: figures.Payments, Points: stretches(from, to, 0, 1), By: []figures.Column{figures.Hour, figures.Currency, figures.Status}},
		"by_method":           {What: figures.Results, By: []figures.Column{figures.Method, figures.Currency, figures.Status}},
		"by_code":             {What: figures.Results, Statuses: []payout.Status{payout.Decline}, By: []figures.Column{figures.Code}},
		"by_bank":             {What: figures.Results, By: []figures.Column{figures.Bank, figures.Status}},
		"by_bank_month":       {What: figures.Results, From: to.AddDate(0, -7, 0), To: to.AddDate(0, -6, 0), By: []figures.Column{figures.Bank, figures.Status}},
		"by_bank_project":     {What: figures.Results, Projects: []int64{211}, By: []figures.Column{figures.Bank, figures.Code}},
		"times":               {What: figures.Times, By: []figures.Column{figures.Bucket}},
	} {
		b.Run(name, func(b *testing.B) {
			if len(q.Projects) == 0 {
				q.Projects = all
			}
			if q.To = cmp.Or(q.To, to); q.From.IsZero() {
				q.From = from
			}
			for b.Loop() {
				if rows, err := f.Sum(b.Context(), q); err != nil || len(rows) == 0 {
					b.Fatal(len(rows), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms")
		})
	}
}
