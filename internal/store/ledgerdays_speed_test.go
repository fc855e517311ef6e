package store

import (
	"context"
	"database/sql"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/store/sqldb"
)

var statementDay = flag.Int("statement-day", 60, "payouts a day and project that TestStatementPlans and BenchmarkStatement fill: 3425 makes 10,000,000 a year")

// filledLedger opens a database whose ledger has a year of days. Of the transfers only those of the days at the ends of the
// period exist: no statement reads others.
func filledLedger(t testing.TB, engine string) (s *Store, from, to time.Time) {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: emptyURL(t, engine), Keyset: filepath.Join(t.TempDir(), "keyset"), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	last := s.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	first := last.AddDate(-1, 0, 0)
	from, to = first.Add(10*time.Hour), last.Add(15*time.Hour)
	row := s.shard.Load()*shardSpan + 1_000_000
	for day := first; !day.After(last); day = day.Add(24 * time.Hour) {
		var transfers []any
		for _, project := range fillProjects {
			for i := range *statementDay {
				at := day.Add(24 * time.Hour * time.Duration(i) / time.Duration(*statementDay)).UnixMicro()
				end := []any{int64(ledger.Held), int64(ledger.Settlement), int64(100), string(ledger.Spend)}
				if i%20 == 0 {
					end = []any{int64(ledger.Held), int64(ledger.Available), int64(100), string(ledger.Return)}
				}
				currency := []string{"KGS", "EUR", "USD"}[i%3]
				transfers = append(transfers, row, project, currency, int64(ledger.Available), int64(ledger.Held), int64(100), string(ledger.Hold), row, row, "", at)
				transfers = append(transfers, row+1, project, currency, end[0], end[1], end[2], end[3], row, row, "", at)
				row += 2
			}
		}
		err := s.DoRepeatable(t.Context(), func(ctx context.Context, tx *Tx) error {
			if day.Equal(first) || day.Equal(last) {
				if err := insertTransfers.Run(ctx, tx.conn, transfers, nil); err != nil {
					return err
				}
			}
			return addLedgerDays.Run(ctx, tx.conn, daysOf(transfers), nil)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if engine == sqldb.Postgres.Name {
		if _, err := s.db.Writes.ExecContext(t.Context(), "VACUUM ANALYZE ledger_days, transfers"); err != nil {
			t.Fatal(err)
		}
	}
	return s, from, to
}

// TestStatementPlans holds that a statement and its lists find days and transfers by their keys, on both engines.
func TestStatementPlans(t *testing.T) {
	t.Parallel()
	for _, engine := range engineNames {
		t.Run(engine, func(t *testing.T) {
			s, from, to := filledLedger(t, engine)
			p := s.periodOf(from, to)
			sums, err := s.LedgerSums(t.Context(), fillProjects, from, to)
			if err != nil || len(sums.Before) == 0 || len(sums.Within) == 0 {
				t.Fatal(sums, err)
			}
			f := MovementFilter{Projects: fillProjects, From: from, To: to, Choose: func(kind ledger.Kind, _, _ ledger.Account) bool { return kind == ledger.Return }}
			if rows, next, err := s.Movements(t.Context(), f, nil, 5); err != nil || len(rows) != 5 || next == nil {
				t.Fatal(rows, next, err)
			}
			statements := map[string]*sqldb.Statement{
				"whole days": wholeDays(fillProjects, p), "days of a list": f.days(fillProjects, p.to, p.to+1), "ends of a day": rangesOfDay(fillProjects, startOf(p.from, 24)),
			}
			ranges, err := s.dayRanges(t.Context(), fillProjects, startOf(p.from, 24))
			if err != nil || len(ranges) == 0 {
				t.Fatal(ranges, err)
			}
			statements["part of a day"] = s.partOfDay(ranges[0], startOf(p.from, 24), p)
			runs, err := s.movementRuns(t.Context(), &f, startOf(p.to, 24), p.to)
			if err != nil || len(runs) == 0 {
				t.Fatal(runs, err)
			}
			statements["list"] = s.movements(runs[0], p, 50)
			for name, q := range statements {
				checkPlan(t, s, name, q)
			}
		})
	}
}

// BenchmarkStatement measures the statement of a year, with both ends in the midst of a day, and a page of a list.
func BenchmarkStatement(b *testing.B) {
	for _, engine := range engineNames {
		b.Run(engine, func(b *testing.B) {
			s, from, to := filledLedger(b, engine)
			b.Run("a year", func(b *testing.B) {
				measure(b, func() error {
					_, err := s.LedgerSums(b.Context(), fillProjects, from, to)
					return err
				})
			})
			b.Run("page of returns", func(b *testing.B) {
				f := MovementFilter{Projects: fillProjects, From: to.Add(-12 * time.Hour), To: to, Choose: func(kind ledger.Kind, _, _ ledger.Account) bool { return kind == ledger.Return }}
				measure(b, func() error {
					_, _, err := s.Movements(b.Context(), f, nil, 50)
					return err
				})
			})
		})
	}
}

// TestDaysOfAnOlderDatabase holds that the migration makes of transfers the sums that their commits would have written.
func TestDaysOfAnOlderDatabase(t *testing.T) {
	t.Parallel()
	for _, engine := range engineNames {
		t.Run(engine, func(t *testing.T) {
			s, _, _ := filledLedger(t, engine)
			ctx := t.Context()
			read := func() (rows []string) {
				const find = "SELECT project_id || ' ' || day || ' ' || currency || ' ' || kind || ' ' || debit || ' ' || credit || ' ' || shard || ' ' || transfers || ' ' || amount || ' ' || first_id || ' ' || last_id FROM ledger_days WHERE day IN (SELECT MIN(day) FROM ledger_days UNION SELECT MAX(day) FROM ledger_days) ORDER BY 1"
				err := sqldb.Query(ctx, s.db.Reads, find).Each(func(r *sql.Rows) error {
					var row string
					err := r.Scan(&row)
					rows = append(rows, row)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				return rows
			}
			want := read()
			file, err := migrations.ReadFile("migrations/0017_ledger_days.sql")
			if err != nil {
				t.Fatal(err)
			}
			_, fill, _ := strings.Cut(string(file), "INSERT INTO")
			for _, text := range []string{"DELETE FROM ledger_days", "INSERT INTO" + fill} {
				if _, err := s.db.Writes.ExecContext(ctx, text); err != nil {
					t.Fatal(err)
				}
			}
			if got := read(); len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("the migration makes\n%s\nthe commits made\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
