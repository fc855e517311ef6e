package store

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

var registerRows = flag.Int("register-rows", 4_000, "payments in the register that TestRegisterPlans and BenchmarkRegister fill")

var fillProjects = []int64{210, 211, 212, 213, 220, 221, 222, 223}

// filled opens a database with -register-rows payments.
func filled(t testing.TB, engine string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: emptyURL(t, engine), Keyset: filepath.Join(t.TempDir(), "keyset"), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	began := time.Now()
	if err := FillRegister(t.Context(), s, *registerRows, fillProjects); err != nil {
		t.Fatal(err)
	}
	made := time.Now()
	if err := s.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d payments in %s, followed in %s", engine, *registerRows, made.Sub(began).Round(time.Millisecond), time.Since(made).Round(time.Millisecond))
	if engine == sqldb.Postgres.Name {
		if _, err := s.db.Writes.ExecContext(t.Context(), "VACUUM ANALYZE lookups, rollups"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// look is something that a user does with the register.
type look struct {
	name   string
	filter RegisterFilter
	page   RegisterPage
}

// looks are pages and searches of all kinds, at both ends of the register and in its midst.
func looks(s *Store) []look {
	n := *registerRows
	now := s.Now()
	year := now.Add(-365 * 24 * time.Hour)
	code := payout.CodeAccountData
	none := payout.CodeCustomerID
	middle := &Cursor{At: now.Add(-180 * 24 * time.Hour).UnixMicro(), ID: 1 << 50}
	all := RegisterFilter{Projects: fillProjects}
	with := func(change func(*RegisterFilter)) RegisterFilter {
		f := all
		change(&f)
		return f
	}
	page := RegisterPage{Limit: 50}
	return []look{
		{"newest page", all, page},
		{"page in the middle", all, RegisterPage{Place: middle, Limit: 50}},
		{"page before the middle", all, RegisterPage{Place: middle, Newer: true, Limit: 50}},
		{"one project", RegisterFilter{Projects: fillProjects[3:4]}, page},
		{"oldest day, 200 rows", with(func(f *RegisterFilter) { f.From, f.To = year, year.Add(24*time.Hour) }), RegisterPage{Limit: 200}},
		{"declined", with(func(f *RegisterFilter) { f.Statuses = []payout.Status{payout.Decline} }), page},
		{"a code", with(func(f *RegisterFilter) { f.Code = &code }), page},
		{"a code that no payment has", with(func(f *RegisterFilter) { f.Code = &none }), page},
		{"an amount that no payment has", with(func(f *RegisterFilter) { f.MinAmount, f.Currencies = 1<<40, []string{"KGS"} }), page},
		{"method, currency, interface", with(func(f *RegisterFilter) {
			f.Methods, f.Currencies, f.Interface = []string{"bank-transfer/sepa"}, []string{"EUR"}, 5
		}), page},
		{"open", with(func(f *RegisterFilter) { f.Situation = SituationOpen }), page},
		{"at risk", with(func(f *RegisterFilter) { f.Situation = SituationAtRisk }), page},
		{"disputed", with(func(f *RegisterFilter) { f.Situation = SituationDisputed }), page},
		{"discrepancy open", with(func(f *RegisterFilter) { f.Situation = SituationDiscrepancy }), page},
		{"callback failing", with(func(f *RegisterFilter) { f.Situation = SituationFailing }), page},
		{"search: payment id", with(func(f *RegisterFilter) { f.Search = fmt.Sprintf("ORDER-%d", n/3) }), page},
		{"search: operation id", with(func(f *RegisterFilter) { f.Search = fmt.Sprint(10_000 + n/3) }), page},
		{"search: customer id", with(func(f *RegisterFilter) { f.Search = fmt.Sprintf("customer-%d", n/30) }), page},
		{"search: provider's payment id", with(func(f *RegisterFilter) { f.Search = fmt.Sprintf("B%016d", n/3/20*20) }), page},
		{"search: account number", with(func(f *RegisterFilter) { f.Search = fmt.Sprintf("109%013d", n/11) }), page},
		{"search: customer id in capitals", with(func(f *RegisterFilter) { f.Search = fmt.Sprintf("CUSTOMER-%d", n/30) }), page},
		{"search: mask", with(func(f *RegisterFilter) { f.Search = fmt.Sprintf("109000…%04d", n/11%10_000) }), page},
		{"search: beginning of ids", with(func(f *RegisterFilter) { f.Search = fmt.Sprintf("order-%d", n/3)[:9] }), page},
		{"search: end of ids", with(func(f *RegisterFilter) { f.Search = fmt.Sprintf("-%d", n/3) }), page},
		{"search: family name", with(func(f *RegisterFilter) { f.Search = fmt.Sprintf("ОСМОНОВ%d", n/30) }), page},
		{"search: first name", with(func(f *RegisterFilter) { f.Search = "айгул" }), page},
		{"search: whole name", with(func(f *RegisterFilter) {
			f.Search = fmt.Sprintf("Бакыт Осмонов%d", 5*(n/150))
		}), page},
		{"search: several values", with(func(f *RegisterFilter) {
			f.Search = fmt.Sprintf("order-%d, customer-%d; B%016d", n/3, n/30, n/3/20*20)
		}), page},
		{"search: nothing", with(func(f *RegisterFilter) { f.Search = "nobody" }), page},
	}
}

// TestRegisterPlans holds that each statement of the register finds its rows by an index, on both engines: none reads
// or sorts the whole of a table that grows.
func TestRegisterPlans(t *testing.T) {
	t.Parallel()
	for _, engine := range engineNames {
		t.Run(engine, func(t *testing.T) {
			s := filled(t, engine)
			for _, l := range looks(s) {
				out, err := s.Register(t.Context(), l.filter, l.page)
				if err != nil {
					t.Fatalf("%s: %v", l.name, err)
				}
				if nothing := strings.Contains(l.name, "no payment has") || strings.Contains(l.name, "nothing"); nothing != (len(out.Rows) == 0) {
					t.Errorf("%s: %d rows", l.name, len(out.Rows))
				}
				for _, q := range statements(s, &l) {
					checkPlan(t, s, l.name, q)
				}
			}
			for name, q := range fixedStatements(s) {
				checkPlan(t, s, name, q)
			}
		})
	}
}

// statements are those that a look can run.
func statements(s *Store, l *look) []*sqldb.Statement {
	w := walk{
		dialect: s.db.Dialect, projects: l.filter.Projects, span: l.filter.span(l.page), newer: l.page.Newer, candidates: bounds.candidates,
		conditions: l.filter.conditions(s.Now(), s.vault), limit: l.page.Limit + 1,
	}
	out := []*sqldb.Statement{w.rows(), w.end(), w.totals()}
	for _, n := range []int{1, 256} {
		out = append(out, rowsOf(make([]callbackKey, n), w.span, l.filter.conditions(s.Now(), nil)))
	}
	if q := l.filter.Situation.keys(l.filter.Projects); q != nil {
		out = append(out, q)
	}
	return out
}

// fixedStatements are those that look payments up, join what belongs to them, and follow the journal.
func fixedStatements(s *Store) map[string]*sqldb.Statement {
	out := map[string]*sqldb.Statement{"followed": {Args: []any{int64(0), int64(1) << 50, int64(1) << 60, followBatch}}}
	out["followed"].Text(readFollowed)
	out["work by key"] = (&sqldb.Statement{Args: []any{"x"}}).Text(workByKey)
	f := &RegisterFilter{Projects: fillProjects}
	out["look up"] = byLookup(fillProjects, []int64{7, 8, 9})
	out["look up all"] = byAllLookups(fillProjects, []int64{7, 8, 9})
	out["listed"] = (&sqldb.Statement{Args: []any{int64(0), int64(1) << 50, followBatch}}).Text(readListed)
	for name, b := range map[string]*sqldb.Bulk{
		"operations": readNewestOperations, "ids": readIDs, "provider's payments": readProviderPayments, "requests": readRequests, "jobs": readCallbacks, "failing": readFailing,
	} {
		q := &sqldb.Statement{Args: make([]any, 0, 2*sqldb.BulkSizes[0])}
		for i := range sqldb.BulkSizes[0] {
			q.Args = append(q.Args, fillProjects[0], int64(i))
		}
		out[name] = q.Text(b.Texts(s.db.Dialect)[0])
	}
	for _, hours := range []int64{1, 24} {
		out[fmt.Sprint("rollups of ", hours)] = f.rollups(1, fillProjects, hours, 0, 1<<60)
	}
	out["by payment id"] = byPaymentID(fillProjects, "x")
	out["by operation"] = byOperation(fillProjects, 7)
	return out
}

// checkPlan fails where a plan reads a table from end to end.
func checkPlan(t *testing.T, s *Store, name string, q *sqldb.Statement) {
	t.Helper()
	explain, bad := "EXPLAIN QUERY PLAN ", []string{"SCAN payments", "SCAN operations", "SCAN o", "SCAN requests", "SCAN r", "SCAN discrepancies", "SCAN d", "SCAN lookups", "SCAN l", "SCAN rollups", "SCAN journal", "SCAN events", "SCAN e", "SCAN n", "SCAN callbacks", "SCAN c", "SCAN ledger_days", "SCAN transfers", "SCAN t", "USE TEMP B-TREE FOR ORDER BY"}
	if s.db.Dialect == &sqldb.Postgres {
		explain, bad = "EXPLAIN ", []string{"Seq Scan on ", "->  Sort  (", "\nSort  (", "Bitmap"}
	}
	plan := "\n" + explained(t, s, explain+q.String(), q.Args)
	if name == "followed" && !strings.Contains(plan, "events_payment") {
		t.Errorf("%s: events are not found by their payment:\n%s", name, plan)
	}
	for _, word := range bad {
		if strings.Contains(plan, word) {
			t.Errorf("%s: the plan has %q:\n%s\n%s", name, word, q.String(), plan)
		}
	}
}

func explained(t *testing.T, s *Store, text string, args []any) string {
	t.Helper()
	rows, err := s.db.Lists.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for rows.Next() {
		into := make([]any, len(columns))
		for i := range into {
			into[i] = new(any)
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, *into[len(into)-1].(*any))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// BenchmarkRegister measures each look, and the totals of what it shows, on a register of -register-rows payments.
func BenchmarkRegister(b *testing.B) {
	for _, engine := range engineNames {
		b.Run(engine, func(b *testing.B) {
			s := filled(b, engine)
			for _, l := range looks(s) {
				b.Run(l.name, func(b *testing.B) {
					measure(b, func() error {
						_, err := s.Register(b.Context(), l.filter, l.page)
						return err
					})
				})
			}
			for _, l := range looks(s)[:6] {
				b.Run("first totals: "+l.name, func(b *testing.B) {
					measure(b, func() error {
						_, err := s.Totals(b.Context(), l.filter, nil)
						return err
					})
				})
			}
		})
	}
}

func measure(b *testing.B, f func() error) {
	b.Helper()
	var times []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(began))
	}
	slices.SortFunc(times, cmp.Compare)
	for _, share := range []int{50, 99} {
		b.ReportMetric(float64(times[len(times)*share/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", share))
	}
}
