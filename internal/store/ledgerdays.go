package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/store/sqldb"
)

// Statements are made of the sums of whole days, which the commits of transfers keep, and of the transfers themselves on
// the two days at the ends of a period. A day's row says between which ids its transfers lie, so that these few are found
// without an index by time, which each transfer would have to pay for.

// LedgerDay names a row of the daily sums.
type LedgerDay struct {
	ProjectID     int64
	Day           int64 // when it began, microseconds
	Currency      string
	Kind          ledger.Kind
	Debit, Credit ledger.Account
	Shard         int64
}

// LedgerDayOf is the row that a transfer is counted in.
func LedgerDayOf(t *ledger.Transfer) LedgerDay {
	return LedgerDay{t.ProjectID, startOf(t.At.UnixMicro(), 24), t.Currency, t.Kind, t.Debit, t.Credit, ShardOf(t.ID)}
}

func (d LedgerDay) compare(o LedgerDay) int {
	return cmp.Or(cmp.Compare(d.ProjectID, o.ProjectID), cmp.Compare(d.Day, o.Day), cmp.Compare(d.Currency, o.Currency), cmp.Compare(d.Kind, o.Kind),
		cmp.Compare(d.Debit, o.Debit), cmp.Compare(d.Credit, o.Credit), cmp.Compare(d.Shard, o.Shard))
}

// LedgerDaySum is what the transfers of a row of the daily sums add up to.
type LedgerDaySum struct {
	Transfers, Amount int64
	First, Last       int64 // of their ids
}

// Add takes in a transfer.
func (d *LedgerDaySum) Add(id, amount int64) {
	if d.Transfers == 0 {
		d.First, d.Last = id, id
	}
	d.Transfers, d.Amount, d.First, d.Last = d.Transfers+1, d.Amount+amount, min(d.First, id), max(d.Last, id)
}

var addLedgerDays = sqldb.NewBulk(
	"INSERT INTO ledger_days (project_id, day, currency, kind, debit, credit, shard, transfers, amount, first_id, last_id) VALUES ",
	"(%i, %i, %s, %s, %i, %i, %i, %i, %i, %i, %i)", ` ON CONFLICT (project_id, day, currency, kind, debit, credit, shard) DO UPDATE
		SET transfers = ledger_days.transfers + excluded.transfers, amount = ledger_days.amount + excluded.amount,
		first_id = CASE WHEN excluded.first_id < ledger_days.first_id THEN excluded.first_id ELSE ledger_days.first_id END,
		last_id = CASE WHEN excluded.last_id > ledger_days.last_id THEN excluded.last_id ELSE ledger_days.last_id END`)

// daysOf are the daily sums of transfers, as they are about to be inserted: in the order of their keys, like all locks.
func daysOf(transfers []any) (args []any) {
	if len(transfers) == 0 {
		return nil
	}
	sums := make(map[LedgerDay]*LedgerDaySum)
	for i := 0; i < len(transfers); i += insertTransfers.Columns {
		row := transfers[i : i+insertTransfers.Columns]
		id, amount := row[0].(int64), row[5].(int64)
		k := LedgerDay{
			row[1].(int64), startOf(row[10].(int64), 24), row[2].(string), ledger.Kind(row[6].(string)),
			ledger.Account(row[3].(int64)), ledger.Account(row[4].(int64)), ShardOf(id),
		}
		if sums[k] == nil {
			sums[k] = &LedgerDaySum{}
		}
		sums[k].Add(id, amount)
	}
	for _, k := range slices.SortedFunc(maps.Keys(sums), LedgerDay.compare) {
		d := sums[k]
		args = append(args, k.ProjectID, k.Day, k.Currency, string(k.Kind), int64(k.Debit), int64(k.Credit), k.Shard, d.Transfers, d.Amount, d.First, d.Last)
	}
	return args
}

// LedgerSum is what the transfers of one kind between two accounts of a project and currency add up to.
type LedgerSum struct {
	ProjectID int64
	Currency  string
	ledger.Moved
}

// LedgerPeriod is what was moved in the accounts of projects before a period, and within it.
type LedgerPeriod struct{ Before, Within []LedgerSum }

// period is a period in microseconds; to is exclusive.
type period struct{ from, to int64 }

// periodOf makes a period. One without an end, or whose end is not past yet, has none: all that is booked belongs to it.
func (s *Store) periodOf(from, to time.Time) period {
	p := period{to: startOf(1<<62, 24)}
	if !from.IsZero() {
		p.from = max(0, from.UnixMicro())
	}
	if !to.IsZero() && !to.After(s.Now()) {
		p.to = max(p.from, to.UnixMicro())
	}
	return p
}

// ends are the days that a period cuts in two.
func (p period) ends() (days []int64) {
	for _, at := range []int64{p.from, p.to} {
		if day := startOf(at, 24); day != at && !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	return days
}

// LedgerSums adds up what was moved in the accounts of projects. A zero from begins with the first transfer, a zero to, or
// one that is not past yet, ends with the last one.
func (s *Store) LedgerSums(ctx context.Context, projects []int64, from, to time.Time) (*LedgerPeriod, error) {
	out, p := &LedgerPeriod{}, s.periodOf(from, to)
	for group := range slices.Chunk(projects, registerGroup) {
		if err := s.addSums(ctx, wholeDays(group, p), out); err != nil {
			return nil, s.db.Unavailable(err)
		}
		for _, day := range p.ends() {
			ranges, err := s.dayRanges(ctx, group, day)
			if err != nil {
				return nil, s.db.Unavailable(err)
			}
			for _, r := range ranges {
				if err := s.addSums(ctx, s.partOfDay(r, day, p), out); err != nil {
					return nil, s.db.Unavailable(err)
				}
			}
		}
	}
	out.Before, out.Within = together(out.Before), together(out.Within)
	return out, nil
}

const ledgerSumColumns = "project_id, currency, kind, debit, credit"

// wholeDays is the statement that adds up the days before a period and within it, but for those that it cuts in two.
func wholeDays(projects []int64, p period) *sqldb.Statement {
	q := &sqldb.Statement{}
	q.Text("SELECT "+ledgerSumColumns+", CASE WHEN day < ").Arg(p.from).Text(` THEN 0 ELSE 1 END AS part, CAST(SUM(transfers) AS BIGINT), CAST(SUM(amount) AS BIGINT)
		FROM ledger_days WHERE `).In("project_id", sqldb.IntArgs(projects)).Text(" AND day < ").Arg(p.to)
	for _, day := range p.ends() {
		q.Text(" AND day <> ").Arg(day)
	}
	return q.Text(" GROUP BY " + ledgerSumColumns + ", part")
}

// dayRange is where the transfers of a day lie: of one project on PostgreSQL, whose key begins with it, else of several.
type dayRange struct {
	projects    []int64
	first, last int64
}

// dayRanges finds where the transfers of a day lie.
func (s *Store) dayRanges(ctx context.Context, projects []int64, day int64) (out []dayRange, err error) {
	q := rangesOfDay(projects, day)
	byShard := make(map[int64]int)
	err = s.db.List(ctx, q.String(), func(r *sql.Rows) error {
		var project, shard int64
		var in dayRange
		if err := r.Scan(&project, &shard, &in.first, &in.last); err != nil {
			return err
		}
		in.projects = []int64{project}
		if i, found := byShard[shard]; found && s.db.Dialect == &sqldb.SQLite {
			d := &out[i]
			d.projects, d.first, d.last = append(d.projects, project), min(d.first, in.first), max(d.last, in.last)
			return nil
		}
		byShard[shard] = len(out)
		out = append(out, in)
		return nil
	}, q.Args...)
	return out, err
}

func rangesOfDay(projects []int64, day int64) *sqldb.Statement {
	q := &sqldb.Statement{}
	q.Text("SELECT project_id, shard, MIN(first_id), MAX(last_id) FROM ledger_days WHERE ").In("project_id", sqldb.IntArgs(projects))
	return q.Text(" AND day = ").Arg(day).Text(" GROUP BY project_id, shard")
}

// ofProjects chooses transfers of projects: on SQLite they are found by id alone.
func (s *Store) ofProjects(q *sqldb.Statement, column string, projects []int64) *sqldb.Statement {
	if s.db.Dialect == &sqldb.SQLite {
		column = "+" + column
	}
	return q.In(column, sqldb.IntArgs(projects))
}

// partOfDay is the statement that adds up the transfers of a day that lie before a period or within it.
func (s *Store) partOfDay(r dayRange, day int64, p period) *sqldb.Statement {
	q := &sqldb.Statement{}
	q.Text("SELECT " + ledgerSumColumns + ", CASE WHEN at < ").Arg(p.from).Text(" THEN 0 ELSE 1 END AS part, CAST(COUNT(*) AS BIGINT), CAST(SUM(amount) AS BIGINT) FROM transfers WHERE ")
	s.ofProjects(q, "project_id", r.projects).Text(" AND id >= ").Arg(r.first).Text(" AND id <= ").Arg(r.last)
	end := min(p.to, day+24*time.Hour.Microseconds())
	return q.Text(" AND at >= ").Arg(day).Text(" AND at < ").Arg(end).Text(" GROUP BY " + ledgerSumColumns + ", part")
}

func (s *Store) addSums(ctx context.Context, q *sqldb.Statement, out *LedgerPeriod) error {
	return s.db.List(ctx, q.String(), func(r *sql.Rows) error {
		var l LedgerSum
		var debit, credit, part int64
		if err := r.Scan(&l.ProjectID, &l.Currency, (*string)(&l.Kind), &debit, &credit, &part, &l.Transfers, &l.Amount); err != nil {
			return err
		}
		l.Debit, l.Credit = ledger.Account(debit), ledger.Account(credit)
		into := &out.Within
		if part == 0 {
			into = &out.Before
		}
		*into = append(*into, l)
		return nil
	}, q.Args...)
}

func (l LedgerSum) compare(o LedgerSum) int {
	return cmp.Or(cmp.Compare(l.ProjectID, o.ProjectID), cmp.Compare(l.Currency, o.Currency), cmp.Compare(l.Kind, o.Kind),
		cmp.Compare(l.Debit, o.Debit), cmp.Compare(l.Credit, o.Credit))
}

// together adds up sums of the same transfers, in a fixed order.
func together(sums []LedgerSum) (out []LedgerSum) {
	slices.SortFunc(sums, LedgerSum.compare)
	for _, l := range sums {
		if n := len(out) - 1; n >= 0 && out[n].compare(l) == 0 {
			out[n].Transfers, out[n].Amount = out[n].Transfers+l.Transfers, out[n].Amount+l.Amount
			continue
		}
		out = append(out, l)
	}
	return out
}
