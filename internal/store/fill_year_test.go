package store

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

var yearFigures = flag.Bool("year-figures", false, "BenchmarkFillYear makes only what is counted of payments, which is all that figures and statements read")

// openYear opens the database that the flags of package storetest name, which tests inside this package cannot import. nil: there
// is none.
func openYear(b *testing.B) *Store {
	b.Helper()
	url, keyset := flag.Lookup("year-database").Value.String(), flag.Lookup("year-keyset").Value.String()
	if url == "" {
		return nil
	}
	s, err := Open(b.Context(), Config{URL: url, Keyset: keyset, Serve: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// beside is what is counted and booked of payments as they are made up, so that no journal has to be followed afterwards: rollups,
// and the ledger's sums of days.
type beside struct {
	lines     []followedLine
	transfers []any
	row       int64
}

func (b *beside) add(l *followedLine, id int64, status payout.Status, code int) {
	l.after = result{status: status}
	if status != payout.Processing {
		l.after.code, l.ended = int64(code), status
	}
	b.lines = append(b.lines, *l)
	book := func(debit, credit ledger.Account, kind ledger.Kind, at int64) {
		b.row++
		b.transfers = append(b.transfers, b.row, l.project, l.currency, int64(debit), int64(credit), l.amount, string(kind), id, id, "", at)
	}
	book(ledger.Available, ledger.Held, ledger.Hold, l.created)
	switch status {
	case payout.Success:
		book(ledger.Held, ledger.Settlement, ledger.Spend, l.at)
	case payout.Decline:
		book(ledger.Held, ledger.Available, ledger.Return, l.at)
	}
}

// flush writes sums; the transfers themselves only of the year's first and last days, where periods begin and end that are not
// whole days.
func (b *beside) flush(ctx context.Context, f *filling) error {
	early, late := f.from.AddDate(0, 0, 2).UnixMicro(), f.from.AddDate(0, 0, 363).UnixMicro()
	for i := 0; i < len(b.transfers); i += insertTransfers.Columns {
		if at := b.transfers[i+10].(int64); at < early || at > late {
			f.add("transfers", b.transfers[i:i+insertTransfers.Columns]...)
		}
	}
	build, _, err := f.s.LiveRollupBuild(ctx)
	if err != nil {
		return err
	}
	on, err := sqldb.Connect(ctx, f.s.db.Dialect, f.s.db.Writes) // the writer's statements have not the time for so many rows
	if err != nil {
		return err
	}
	defer on.Close()
	if f.s.db.Dialect == &sqldb.Postgres {
		if _, err := on.Exec(ctx, "SET idle_in_transaction_session_timeout = 0"); err != nil { // nobody waits for this one
			return err
		}
	}
	if err := on.Begin(ctx); err != nil {
		return err
	}
	if err := addRollups.Run(ctx, on, rollupArgs([]int64{build}, rollUp(b.lines)), nil); err != nil {
		return err
	}
	if err := addLedgerDays.Run(ctx, on, daysOf(b.transfers), nil); err != nil {
		return err
	}
	b.lines, b.transfers = b.lines[:0], nil
	return on.Commit(ctx)
}

// BenchmarkFillYear makes a database of a year's payments for the benchmarks of figures, statements and pages of the Data API. It
// has no journal, callbacks and lookups. docs/performance.md says how it is run.
func BenchmarkFillYear(b *testing.B) {
	s := openYear(b)
	if s == nil {
		return
	}
	began := time.Now()
	for _, id := range fillProjects {
		p := &merchant.Project{ID: id, MerchantID: 7, Name: fmt.Sprint("Project ", id), Mode: merchant.Test}
		if err := s.CreateProject(b.Context(), p, "secret", nil, "benchmark"); err != nil {
			b.Fatal(err)
		}
	}
	f := newFilling(s, *registerRows, fillProjects)
	f.beside, f.batch = &beside{row: f.row + 1<<36}, 50_000
	if *yearFigures {
		if err := f.fillFigures(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.Logf("figures of %d payments in %s", *registerRows, time.Since(began).Round(time.Second))
		return
	}
	if err := f.fill(b.Context()); err != nil {
		b.Fatal(err)
	}
	for project, number := range f.numbers {
		if _, err := s.db.Writes.ExecContext(b.Context(), "UPDATE counters SET events = $1 WHERE project_id = $2", number, project); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d payments in %s", *registerRows, time.Since(began).Round(time.Second))
}

// fillFigures makes what is counted of the payments, day by day: of 25 banks, and one in 20 declined for one of nine reasons.
func (f *filling) fillFigures(ctx context.Context) error {
	reasons := []int{
		payout.CodeGeneralDecline, payout.CodeAccountData, payout.CodeInsufficientFunds, payout.CodeCustomerID, payout.CodeAutoDecline, 20102, 20106, 20204, 20501,
	}
	random := rand.New(rand.NewPCG(7, 7))
	day := int64(-1)
	for i := range f.n {
		at := f.from.Add(time.Duration(i) * f.step)
		if today := startOf(at.UnixMicro(), 24); today != day {
			if err := f.flushFigures(ctx); err != nil {
				return err
			}
			day = today
		}
		project := f.projects[0]
		if i%2 == 1 {
			project = f.projects[i/2%len(f.projects)]
		}
		status, code := payout.Success, payout.CodeSuccess
		switch {
		case i >= f.n-max(f.n/1000, 2):
			status, code = payout.Processing, payout.CodeAwaiting
		case random.IntN(20) == 0:
			status, code = payout.Decline, reasons[random.IntN(len(reasons))]
		}
		m := fillMethods[i%7%3]
		took := time.Duration(200+random.IntN(200)*random.IntN(200)) * time.Millisecond
		if done := at.Add(took).UnixMicro(); startOf(done, 1) != startOf(at.UnixMicro(), 1) { // a day's rows are written once
			took = 0
		}
		f.beside.add(&followedLine{
			project: project, at: at.Add(took).UnixMicro(), created: at.UnixMicro(), method: m.path, currency: m.currency, amount: int64(i%100_000 + 1),
			bank: strconv.Itoa(101 + random.IntN(25)),
		}, 10_000+int64(i), status, code)
	}
	if err := f.flushFigures(ctx); err != nil {
		return err
	}
	_, err := f.s.db.Writes.ExecContext(ctx, "VACUUM ANALYZE")
	return err
}

// flushFigures writes what a day's payments count: PostgreSQL copies what no other day adds to.
func (f *filling) flushFigures(ctx context.Context) error {
	if f.s.db.Dialect == &sqldb.SQLite {
		defer clear(f.rows)
		return f.beside.flush(ctx, f)
	}
	lines := f.beside.lines
	args := rollupArgs([]int64{1}, rollUp(lines))
	f.beside.lines = nil
	var long []any
	var rows [][]any
	for row := range slices.Chunk(args, addRollups.Columns) {
		if row[3].(int64) > 24 {
			long = append(long, row...)
		} else {
			rows = append(rows, row)
		}
	}
	if err := f.beside.flush(ctx, f); err != nil { // the ledger's days
		return err
	}
	clear(f.rows)
	conn, err := f.s.db.Writes.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	err = conn.Raw(func(driver any) error {
		names := strings.Split("build cube project_id hours start method currency status code bank bucket payments amount", " ")
		_, err := driver.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{"rollups"}, names, pgx.CopyFromRows(rows))
		return err
	})
	if err != nil {
		return err
	}
	on, err := sqldb.Connect(ctx, f.s.db.Dialect, f.s.db.Writes)
	if err != nil {
		return err
	}
	defer on.Close()
	if err := on.Begin(ctx); err != nil {
		return err
	}
	if err := addRollups.Run(ctx, on, long, nil); err != nil {
		return err
	}
	return on.Commit(ctx)
}

// BenchmarkYearStatement reads the statement of the year of a database that BenchmarkFillYear has made.
func BenchmarkYearStatement(b *testing.B) {
	s := openYear(b)
	if s == nil {
		return
	}
	from, to := s.Now().AddDate(-1, 0, 0).Add(30*time.Hour), s.Now().Add(-30*time.Hour)
	measure(b, func() error {
		sums, err := s.LedgerSums(b.Context(), fillProjects, from, to)
		if err == nil && len(sums.Within) == 0 {
			err = ErrNotFound
		}
		return err
	})
}
