package figures_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/sample"
	"flashpay/internal/store"
	"flashpay/internal/store/figures"
	"flashpay/internal/storetest"
)

var projects = []int64{210, 211}

// filled is a database with a year of payouts that are followed.
func filled(t *testing.T, url string) *store.Store {
	t.Helper()
	_, err := sample.Fill(t.Context(), sample.Config{
		Store: store.Config{URL: url, Keyset: storetest.Keyset()}, Payouts: 60, Seed: 3,
		Shop: sample.Project{ID: 210, Name: "Shop", Key: "a"}, Salaries: sample.Project{ID: 211, Name: "Salaries", Key: "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	if err := s.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFiguresAreTheRegisters holds that figures come to what the register's totals and the ledger say, for whole hours
// anywhere, and by whatever they are told apart.
func TestFiguresAreTheRegisters(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := filled(t, url)
		f := figures.Of(s)
		end := s.Now().Truncate(time.Hour).Add(time.Hour)
		for _, from := range []time.Time{end.AddDate(-1, -1, 0), end.AddDate(0, 0, -91).Add(-5 * time.Hour), end.Add(-30 * time.Hour)} {
			to := end.Add(-2 * time.Hour)
			totals, err := s.Totals(t.Context(), store.RegisterFilter{Projects: projects, From: from, To: to}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, by := range [][]figures.Column{
				{}, {figures.Project, figures.Method}, {figures.Code}, {figures.Bank, figures.Code}, {figures.Hour}, {figures.Hour, figures.Bank},
			} {
				q := figures.Query{What: figures.Payments, Projects: projects, From: from, To: to, By: append(by, figures.Currency, figures.Status)}
				rows, err := f.Sum(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				got := &store.Totals{}
				for _, r := range rows {
					got.Add([]store.Total{{Currency: r.Currency, Status: r.Status, Payments: r.Payments, Amount: r.Amount}})
				}
				if !slices.Equal(got.Lines, totals.Lines) {
					t.Errorf("from %s by %v: %v, the register has %v", from, by, got.Lines, totals.Lines)
				}
			}
			ended, err := f.Sum(t.Context(), figures.Query{What: figures.Results, Projects: projects, From: from, To: to, Statuses: []payout.Status{payout.Success}, Currencies: []string{"KGS"}})
			if err != nil {
				t.Fatal(err)
			}
			var paid int64
			for _, r := range ended {
				paid += r.Amount
			}
			const spent = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM transfers WHERE kind = 'spend' AND currency = 'KGS' AND at >= $1 AND at < $2"
			if ledger, err := s.DB().Numbers(t.Context(), spent, from.UnixMicro(), to.UnixMicro()); err != nil || ledger[0] != paid {
				t.Errorf("from %s: results of %d, the ledger has %d, %v", from, paid, ledger, err)
			}
		}
	})
}

// TestPlans holds that figures are found by the key of rollups.
func TestPlans(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		bad := []string{"SCAN rollups"}
		if s.DialectName() != storetest.SQLite {
			bad = []string{"Seq Scan on ", "Bitmap"}
		}
		end := s.Now()
		for what := figures.Payments; what <= figures.Times; what++ {
			for _, by := range [][]figures.Column{nil, {figures.Hour, figures.Status}, {figures.Bank, figures.Code}} {
				q := figures.Query{
					What: what, Projects: projects, From: end.AddDate(-1, 0, 0), To: end, By: by, Methods: []string{"bank-transfer/kyrgyzstan"},
					Currencies: []string{"KGS"}, Banks: []string{"109"}, Statuses: []payout.Status{payout.Decline},
				}
				for _, statement := range q.Statements(1) {
					plan := storetest.Plan(t, s, statement.String(), statement.Args)
					for _, word := range bad {
						if strings.Contains(plan, word) {
							t.Errorf("the plan has %q:\n%s\n%s", word, statement.String(), plan)
						}
					}
					if !boundByKey.MatchString(plan) {
						t.Errorf("rows are not found by length and time:\n%s\n%s", statement.String(), plan)
					}
				}
			}
		}
	})
}

// boundByKey are plans that read the part of the key that a stretch of time is, and nothing else.
var boundByKey = regexp.MustCompile(`SEARCH rollups USING PRIMARY KEY \(build=\? AND cube=\? AND project_id=\? AND hours=\? AND start>\? AND start<\?\)|Index Cond: \(\(build = .*\(cube = .*\(hours = .*\(start >= .*\(start < `)
