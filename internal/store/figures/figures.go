// Package figures reads the sums that whoever follows the journal keeps: payments, results and times by hour, day and longer. It
// never reads payments. How often callbacks were attempted is kept with each attempt.
package figures

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// ErrCounting says that the figures of an older database are still being counted.
var ErrCounting = errors.New("figures: they are being counted")

// Of reads the figures of a database.
func Of(s *store.Store) *Figures { return &Figures{store: s} }

// Figures reads figures.
type Figures struct{ store *store.Store }

// Metric says what is counted.
type Metric uint8

// What can be counted.
const (
	Payments  Metric = iota + 1 // payments with the status they have, by when they were made
	Results                     // results of operations, by when they came
	Times                       // first results of payments, by when these were made, in buckets of time
	Callbacks                   // attempts of callbacks by when they began; told apart by Hour, Project, Acknowledged and Bucket only
)

// Column is what figures can be told apart by.
type Column string

// The columns.
const (
	Hour     Column = "start"
	Project  Column = "project_id"
	Method   Column = "method"
	Currency Column = "currency"
	Status   Column = "status"
	Code     Column = "code"
	Bank     Column = "bank"
	Bucket   Column = "bucket"

	Acknowledged Column = "acknowledged"
)

// Query chooses figures. Empty lists choose everything, but for Projects, which is never wider than what the asking user sees.
type Query struct {
	What       Metric
	Projects   []int64
	From, To   time.Time // whole hours; To is exclusive
	Methods    []string
	Currencies []string
	Statuses   []payout.Status
	Banks      []string
	By         []Column

	// Points are where stretches of time begin, and where the last one ends: whole hours, between From and To. Where they are
	// given, Hour tells these stretches apart, and no more: whole days within them come as one row.
	Points []time.Time
}

// Row is a figure. Of what the query does not tell apart it has nothing.
type Row struct {
	Hour             time.Time
	Length           time.Duration // of the period that begins with Hour
	Project          int64
	Method, Currency string
	Status           payout.Status
	Code             int
	Bank             string
	Bucket           time.Duration // the longest time of the bucket; of callbacks from the event to its acknowledgement
	Acknowledged     bool
	Payments, Amount int64 // of callbacks: attempts, and nothing
}

func (q *Query) by(c Column) bool { return slices.Contains(q.By, c) }

// cube is the smallest one that knows what is asked for.
func (q *Query) cube() store.Cube {
	detail := q.by(Code) || q.by(Bank) || len(q.Banks) > 0
	switch {
	case q.What == Times:
		return store.CubeTimes
	case q.What == Results && detail:
		return store.CubeResultsDetailed
	case q.What == Results:
		return store.CubeResults
	case detail:
		return store.CubePaymentsDetailed
	}
	return store.CubePayments
}

const hour = int64(time.Hour / time.Microsecond)

// part is a stretch of rows of one length.
type part struct{ hours, from, to int64 }

// partCost is what it costs to ask for a part, in periods of which rows are read meanwhile.
const partCost = 8

// parts are the longest periods where these suffice, and shorter ones at the ends. Where stretches of time are so short, or begin at such
// hours, that there would be very many parts, they are of fewer lengths.
func (q *Query) parts() []part {
	hours := store.CallbackHours
	if q.What != Callbacks {
		hours = q.cube().Hours()
	}
	points := []time.Time{q.From, q.To}
	if q.by(Hour) {
		if len(q.Points) < 2 {
			hours = hours[:1]
		} else {
			points = q.Points
		}
	}
	var best []part
	for lengths := range 1 << (len(hours) - 1) {
		var parts []part
		used := []int64{hours[0]}
		for i, h := range hours[1:] {
			if lengths>>i&1 == 0 {
				used = append(used, h)
			}
		}
		for i := range len(points) - 1 {
			parts = inPeriods(parts, points[i].UnixMicro()/hour*hour, points[i+1].UnixMicro()/hour*hour, used)
		}
		if best == nil || costOf(parts) < costOf(best) {
			best = parts
		}
	}
	return best
}

func costOf(parts []part) (cost int64) {
	for _, p := range parts {
		cost += partCost + (p.to-p.from)/(p.hours*hour)
	}
	return cost
}

// inPeriods adds the whole periods of the greatest length that a stretch has, and shorter ones at both ends. What follows the part
// before, in periods of the same length, is one with it.
func inPeriods(parts []part, from, to int64, hours []int64) []part {
	if from >= to {
		return parts
	}
	longest := hours[len(hours)-1]
	length := longest * hour
	first, last := (from+length-1)/length*length, to/length*length
	switch n := len(parts) - 1; {
	case longest == 1 && n >= 0 && parts[n].hours == 1 && parts[n].to == from:
		parts[n].to = to
		return parts
	case longest == 1:
		return append(parts, part{1, from, to})
	case first >= last:
		return inPeriods(parts, from, to, hours[:len(hours)-1])
	}
	parts = inPeriods(parts, from, first, hours[:len(hours)-1])
	if n := len(parts) - 1; n >= 0 && parts[n].hours == longest && parts[n].to == first {
		parts[n].to = last
	} else {
		parts = append(parts, part{longest, first, last})
	}
	return inPeriods(parts, last, to, hours[:len(hours)-1])
}

// statement adds a part up.
func (q *Query) statement(build int64, p part) *sqldb.Statement {
	s := &sqldb.Statement{}
	s.Text("SELECT ")
	for _, c := range q.By {
		s.Text(string(c) + ", ")
	}
	if q.What == Callbacks {
		s.Text("CAST(SUM(attempts) AS BIGINT), 0 FROM callback_rollups WHERE ")
	} else {
		s.Text("CAST(SUM(payments) AS BIGINT), CAST(SUM(amount) AS BIGINT) FROM rollups WHERE build = ").Arg(build)
		s.Text(" AND cube = ").Arg(int64(q.cube())).Text(" AND ")
	}
	s.In("project_id", sqldb.IntArgs(q.Projects))
	s.Text(" AND hours = ").Arg(p.hours).Text(" AND start >= ").Arg(p.from).Text(" AND start < ").Arg(p.to)
	for _, l := range []struct {
		column Column
		values []any
	}{
		{Status, sqldb.TextArgs(q.Statuses)}, {Method, sqldb.TextArgs(q.Methods)}, {Currency, sqldb.TextArgs(q.Currencies)}, {Bank, sqldb.TextArgs(q.Banks)},
	} {
		if len(l.values) > 0 {
			s.Text(" AND ").In(string(l.column), l.values)
		}
	}
	if len(q.By) > 0 {
		names := make([]string, len(q.By))
		for i, c := range q.By {
			names[i] = string(c)
		}
		s.Text(" GROUP BY " + strings.Join(names, ", "))
	}
	if q.What == Callbacks {
		return s.Text(" HAVING SUM(attempts) <> 0")
	}
	return s.Text(" HAVING SUM(payments) <> 0")
}

// source is the build of rollups that is read. ErrCounting: what is asked for is not there yet.
func (f *Figures) source(ctx context.Context, what Metric) (build int64, err error) {
	var whole bool
	if what == Callbacks {
		whole, err = f.store.CallbacksCounted(ctx)
	} else {
		build, whole, err = f.store.LiveRollupBuild(ctx)
	}
	if err == nil && !whole {
		err = ErrCounting
	}
	return build, err
}

// Sum adds figures up. Rows come in no order. ErrCounting: they are not there yet.
func (f *Figures) Sum(ctx context.Context, q Query) ([]Row, error) {
	if len(q.Projects) == 0 {
		return nil, nil
	}
	build, err := f.source(ctx, q.What)
	if err != nil {
		return nil, err
	}
	return f.of(ctx, build, q)
}

// of adds figures of a build up.
func (f *Figures) of(ctx context.Context, build int64, q Query) ([]Row, error) {
	sums := make(map[Row]*Row)
	for _, p := range q.parts() {
		if p.from >= p.to {
			continue
		}
		s := q.statement(build, p)
		err := f.store.DB().List(ctx, s.String(), func(r *sql.Rows) error {
			row, err := q.scan(r)
			if q.by(Hour) {
				row.Length = time.Duration(p.hours) * time.Hour
			}
			key := row
			key.Payments, key.Amount = 0, 0
			if old := sums[key]; old != nil {
				old.Payments += row.Payments
				old.Amount += row.Amount
				return err
			}
			sums[key] = &row
			return err
		}, s.Args...)
		if err != nil {
			return nil, f.store.DB().Unavailable(fmt.Errorf("figures: %w", err))
		}
	}
	rows := make([]Row, 0, len(sums))
	for _, r := range sums {
		rows = append(rows, *r)
	}
	return rows, nil
}

func (q *Query) scan(r *sql.Rows) (row Row, err error) {
	var start, bucket, acknowledged int64
	into := make([]any, 0, len(q.By)+2)
	for _, c := range q.By {
		into = append(into, map[Column]any{
			Hour: &start, Project: &row.Project, Method: &row.Method, Currency: &row.Currency, Status: (*string)(&row.Status), Code: &row.Code,
			Bank: &row.Bank, Bucket: &bucket, Acknowledged: &acknowledged,
		}[c])
	}
	err = r.Scan(append(into, &row.Payments, &row.Amount)...)
	if q.by(Hour) {
		row.Hour = sqldb.FromMicros(start)
	}
	row.Bucket, row.Acknowledged = time.Duration(bucket)*time.Microsecond, acknowledged == 1
	return row, err
}

// Mark is how far figures have come.
type Mark struct {
	At    time.Time // when they were brought up last
	Lines int64     // rises with each line of the journal that they hold, on whichever node
}

// Mark reads how far the figures have come.
func (f *Figures) Mark(ctx context.Context) (m Mark, err error) {
	var at, lines sql.NullInt64
	err = sqldb.One(ctx, f.store.DB().Lists, "SELECT MAX(at), CAST(SUM(line % 1000000000000) AS BIGINT) FROM rolled").Scan(&at, &lines)
	m.At, m.Lines = sqldb.FromMicros(at.Int64), lines.Int64
	return m, f.store.DB().Unavailable(err)
}
