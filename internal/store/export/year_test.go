package export_test

import (
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/export"
	"flashpay/internal/storetest"
)

// BenchmarkPage reads pages of the Data API at offsets that become deeper. docs/performance.md says how it is run.
func BenchmarkPage(b *testing.B) {
	s := storetest.OpenYear(b)
	if s == nil {
		return
	}
	last, err := s.DB().Numbers(b.Context(), "SELECT events FROM counters WHERE project_id = $1", 210)
	if err != nil {
		b.Fatal(err)
	}
	declined, err := s.DB().Numbers(b.Context(), "SELECT COUNT(*) FROM events WHERE project_id = $1 AND operation_status = 'decline'", 211)
	if err != nil {
		b.Fatal(err)
	}
	now, paid := s.Now(), []payout.Status{payout.Success}
	for name, page := range map[string]export.Page{
		"first page": {}, "middle": {Offset: last[0] / 2}, "end": {Offset: last[0] - 100}, "newest first, middle": {Offset: last[0] / 2, Newest: true},
		"half a year, middle of it": {From: now.AddDate(-1, 0, 30), To: now.AddDate(0, -6, 0), Offset: last[0] / 4},
		"all projects, middle":      {Projects: []int64{210, 211, 212, 213, 220, 221, 222, 223}, Offset: last[0] + last[0]/3},
		"paid, 1,000":               {Statuses: paid, Offset: 1000},
		"paid, middle":              {Statuses: paid, Offset: last[0] / 3},
		"paid, newest first":        {Statuses: paid, Offset: last[0] / 3, Newest: true},
		"paid, half a year":         {Statuses: paid, From: now.AddDate(-1, 0, 30), To: now.AddDate(0, -6, 0), Offset: last[0] / 5},
		"paid, all projects":        {Statuses: paid, Projects: []int64{210, 211, 212, 213, 220, 221, 222, 223}, Offset: last[0]},
		"declined, the last page":   {Statuses: []payout.Status{payout.Decline}, Projects: []int64{211}, Offset: declined[0] - 100},
		"a customer":                {Customers: []string{"customer-7"}},
	} {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			if page.Limit = 100; len(page.Projects) == 0 {
				page.Projects = []int64{210}
			}
			var longest time.Duration
			for b.Loop() {
				began := time.Now()
				rows, err := export.Read(b.Context(), s, page)
				if err != nil || len(rows) == 0 {
					b.Fatal(len(rows), err)
				}
				longest = max(longest, time.Since(began))
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms")
		})
	}
}
