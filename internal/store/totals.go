package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// Total is how many payments of one currency and status there are, and their sum.
type Total struct {
	Currency string
	Status   payout.Status
	Payments int64
	Amount   int64 // minor units
}

// Totals are the totals of what a filter chooses.
type Totals struct {
	Lines []Total   // by currency and status
	Rest  []Cursor  // where counting must go on, one place for each group of projects; empty: everything is counted
	AsOf  time.Time // of rollups: when they were brought up last; zero: counted in the payments themselves
}

// Payments is the number of payments in all lines.
func (t *Totals) Payments() (n int64) {
	for _, l := range t.Lines {
		n += l.Payments
	}
	return n
}

// Add adds lines to the totals.
func (t *Totals) Add(lines []Total) {
	for _, l := range lines {
		i, found := slices.BinarySearchFunc(t.Lines, l, Total.compare)
		if !found {
			t.Lines = slices.Insert(t.Lines, i, l)
			continue
		}
		t.Lines[i].Payments += l.Payments
		t.Lines[i].Amount += l.Amount
	}
}

func (t Total) compare(o Total) int {
	return cmp.Or(cmp.Compare(t.Currency, o.Currency), cmp.Compare(t.Status, o.Status))
}

// RolledUp tells whether rollups can say the filter's totals, but for the hours at the ends of its period.
func (f *RegisterFilter) RolledUp() bool {
	return f.Situation == "" && f.MinAmount == 0 && f.MaxAmount == 0 && f.Code == nil && f.Interface == 0 && f.Bank == "" && f.Search == "" && f.Payee == nil
}

// Totals adds up what a filter chooses. Where rollups fit, they say it at once; else the payments themselves are counted
// in steps that take some 50 ms each: call it again with the Rest of the answer before, and Add the lines up.
func (s *Store) Totals(ctx context.Context, f RegisterFilter, rest []Cursor) (*Totals, error) {
	out := &Totals{}
	if len(f.Projects) == 0 {
		return out, nil
	}
	var err error
	if f.RolledUp() && rest == nil {
		err = s.rolledUp(ctx, &f, out)
	} else {
		err = s.count(ctx, &f, rest, out)
	}
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	return out, nil
}

// rolledUp adds whole days, whole hours at both ends, and what is left of the period.
func (s *Store) rolledUp(ctx context.Context, f *RegisterFilter, out *Totals) error {
	from, to := int64(0), startOf(1<<62, 24)
	if !f.From.IsZero() {
		from = max(0, f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		to = f.To.UnixMicro()
	}
	hours := [2]int64{roundUp(from, 1), startOf(to, 1)}
	days := [2]int64{roundUp(from, 24), startOf(to, 24)}
	if hours[0] > hours[1] { // the period lies within an hour
		return s.countAll(ctx, *f, from, to, out)
	}
	if days[0] > days[1] {
		days = [2]int64{hours[1], hours[1]}
	}
	for _, part := range []struct{ hours, from, to int64 }{{1, hours[0], days[0]}, {24, days[0], days[1]}, {1, days[1], hours[1]}} {
		if err := s.addRollups(ctx, f, part.hours, part.from, part.to, out); err != nil {
			return err
		}
	}
	for _, end := range [][2]int64{{from, hours[0]}, {hours[1], to}} {
		if err := s.countAll(ctx, *f, end[0], end[1], out); err != nil {
			return err
		}
	}
	return s.asOf(ctx, out)
}

func roundUp(at, hours int64) int64 {
	if start := startOf(at, hours); start < at {
		return start + hours*time.Hour.Microseconds()
	}
	return at
}

func (s *Store) addRollups(ctx context.Context, f *RegisterFilter, hours, from, to int64, out *Totals) error {
	if from >= to {
		return nil
	}
	build, _, err := s.LiveRollupBuild(ctx)
	if err != nil {
		return err
	}
	for projects := range slices.Chunk(f.Projects, registerGroup) {
		lines, err := s.totalLines(ctx, f.rollups(build, projects, hours, from, to))
		if err != nil {
			return err
		}
		out.Add(lines)
	}
	return nil
}

// rollups is the statement that adds rollups of a length up.
func (f *RegisterFilter) rollups(build int64, projects []int64, hours, from, to int64) *sqldb.Statement {
	q := &sqldb.Statement{}
	q.Text("SELECT currency, status, CAST(SUM(payments) AS BIGINT), CAST(SUM(amount) AS BIGINT) FROM rollups WHERE build = ").Arg(build)
	q.Text(" AND cube = ").Arg(int64(CubePayments)).Text(" AND ").In("project_id", sqldb.IntArgs(projects)).Text(" AND hours = ").Arg(hours).Text(" AND start >= ").Arg(from).Text(" AND start < ").Arg(to)
	for _, l := range []struct {
		column string
		values []any
	}{{"status", sqldb.TextArgs(f.Statuses)}, {"method", sqldb.TextArgs(f.Methods)}, {"currency", sqldb.TextArgs(f.Currencies)}} {
		if len(l.values) > 0 {
			q.Text(" AND ").In(l.column, l.values)
		}
	}
	return q.Text(" GROUP BY currency, status HAVING SUM(payments) <> 0")
}

func (s *Store) totalLines(ctx context.Context, q *sqldb.Statement) (lines []Total, err error) {
	err = s.DB().List(ctx, q.String(), func(r *sql.Rows) error {
		var l Total
		err := r.Scan(&l.Currency, (*string)(&l.Status), &l.Payments, &l.Amount)
		lines = append(lines, l)
		return err
	}, q.Args...)
	return lines, err
}

// countAll counts a part of an hour to its end.
func (s *Store) countAll(ctx context.Context, f RegisterFilter, from, to int64, out *Totals) error {
	if from >= to {
		return nil
	}
	f.From, f.To = sqldb.FromMicros(from), sqldb.FromMicros(to)
	var rest []Cursor
	for {
		part := &Totals{}
		if err := s.count(ctx, &f, rest, part); err != nil {
			return err
		}
		out.Add(part.Lines)
		if rest = part.Rest; len(rest) == 0 {
			return nil
		}
	}
}

// asOf is when rollups were brought up last.
func (s *Store) asOf(ctx context.Context, out *Totals) error {
	var at sql.NullInt64
	err := sqldb.One(ctx, s.DB().Lists, "SELECT MAX(at) FROM followed").Scan(&at)
	out.AsOf = sqldb.FromMicros(at.Int64)
	return err
}

// counted is the place of a group of projects that is counted to its end.
var counted = Cursor{}

// count counts the next payments of each group of projects.
func (s *Store) count(ctx context.Context, f *RegisterFilter, rest []Cursor, out *Totals) error {
	found, ok, err := s.registerKeys(ctx, f)
	if err != nil {
		return err
	}
	if ok {
		return s.countFound(ctx, f, found, out)
	}
	groups := slices.Collect(slices.Chunk(f.Projects, registerGroup))
	places := make([]Cursor, len(groups))
	left := false
	for i, projects := range groups {
		page := RegisterPage{}
		if rest != nil && i < len(rest) {
			if rest[i] == counted {
				continue
			}
			page.Place = &rest[i]
		}
		w := walk{dialect: s.DB().Dialect, projects: projects, span: f.span(page), candidates: bounds.counted / len(groups), conditions: f.conditions(s.Now(), s.vault)}
		lines, err := s.totalLines(ctx, w.totals())
		if err != nil {
			return err
		}
		out.Add(lines)
		end, err := s.walkEnd(ctx, &w)
		if err != nil {
			return err
		}
		if end != nil {
			places[i], left = *end, true
		}
	}
	if left {
		out.Rest = places
	}
	return nil
}

func (s *Store) countFound(ctx context.Context, f *RegisterFilter, keys []callbackKey, out *Totals) error {
	rows, err := s.registerRows(ctx, f, keys, f.span(RegisterPage{}))
	for _, r := range rows {
		out.Add([]Total{{Currency: r.Currency, Status: r.Status, Payments: 1, Amount: r.Amount}})
	}
	return err
}
