package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/store/sqldb"
)

// MovementFilter chooses transfers by what the daily sums know of them.
type MovementFilter struct {
	Projects []int64
	From, To time.Time // as LedgerSums has them
	Currency string    // empty: of all
	Choose   func(kind ledger.Kind, debit, credit ledger.Account) bool
}

// LedgerMovement is a transfer in a list.
type LedgerMovement struct {
	ledger.Transfer
	PaymentID string // empty: it belongs to no payment
}

// MovementPlace is where a page of transfers ends: they are listed day by day, of each day by shard and project.
type MovementPlace struct{ Day, Shard, Project, ID int64 }

// String writes the place for an address.
func (p MovementPlace) String() string {
	return fmt.Sprintf("%d.%d.%d.%d", p.Day, p.Shard, p.Project, p.ID)
}

// ParseMovementPlace reads what String wrote.
func ParseMovementPlace(text string) (p MovementPlace, ok bool) {
	if strings.Count(text, ".") != 3 {
		return p, false
	}
	n, err := fmt.Sscanf(text, "%d.%d.%d.%d", &p.Day, &p.Shard, &p.Project, &p.ID)
	return p, err == nil && n == 4 && p.String() == text
}

func (p MovementPlace) compare(o MovementPlace) int {
	return cmp.Or(cmp.Compare(p.Day, o.Day), cmp.Compare(p.Shard, o.Shard), cmp.Compare(p.Project, o.Project), cmp.Compare(p.ID, o.ID))
}

// movementRun is the transfers of a day, shard and project that a list shows.
type movementRun struct {
	MovementPlace // before its first
	last          int64
	of            []LedgerDay
}

// movementDays is how many days of sums are looked at at a time.
const movementDays = 31

// Movements lists transfers, oldest first, behind a place where one is given: at most limit. next says where the list goes
// on; nil: nowhere.
func (s *Store) Movements(ctx context.Context, f MovementFilter, after *MovementPlace, limit int) (out []LedgerMovement, next *MovementPlace, err error) {
	p, begin := s.periodOf(f.From, f.To), MovementPlace{}
	if after != nil {
		begin = *after
	}
	begin.Day = max(begin.Day, startOf(p.from, 24))
	first, last, err := s.daysWith(ctx, &f, begin.Day, p.to)
	if err != nil || first < 0 {
		return nil, nil, s.db.Unavailable(err)
	}
	for day := first; day <= last; day += movementDays * 24 * time.Hour.Microseconds() {
		runs, err := s.movementRuns(ctx, &f, day, min(p.to, day+movementDays*24*time.Hour.Microseconds()))
		if err != nil {
			return nil, nil, s.db.Unavailable(err)
		}
		for _, r := range runs {
			if r.Day == begin.Day && after != nil {
				if cmp.Or(cmp.Compare(r.Shard, begin.Shard), cmp.Compare(r.Project, begin.Project)) < 0 {
					continue
				}
				if r.Shard == begin.Shard && r.Project == begin.Project {
					r.ID = max(r.ID, begin.ID)
				}
			}
			rows, err := s.movementsOf(ctx, r, p, limit+1-len(out))
			if err != nil {
				return nil, nil, s.db.Unavailable(err)
			}
			if out = append(out, rows...); len(out) > limit {
				out = out[:limit]
				return out, placeOf(&out[limit-1]), nil
			}
		}
	}
	return out, nil, nil
}

func placeOf(m *LedgerMovement) *MovementPlace {
	return &MovementPlace{startOf(m.At.UnixMicro(), 24), ShardOf(m.ID), m.ProjectID, m.ID}
}

// daysWith finds the first and the last day of a span of which there are sums at all; -1: none.
func (s *Store) daysWith(ctx context.Context, f *MovementFilter, from, to int64) (first, last int64, err error) {
	first, last = -1, -1
	for _, project := range f.Projects {
		const find = "SELECT COALESCE(MIN(day), -1), COALESCE(MAX(day), -1) FROM ledger_days WHERE project_id = $1 AND day >= $2 AND day < $3"
		err = s.db.Read(ctx, find, func(r *sql.Rows) error {
			var low, high int64
			err := r.Scan(&low, &high)
			if low >= 0 && (first < 0 || low < first) {
				first = low
			}
			last = max(last, high)
			return err
		}, project, from, to)
		if err != nil {
			return 0, 0, err
		}
	}
	return first, last, nil
}

// movementRuns are the runs of some days, in the list's order.
func (s *Store) movementRuns(ctx context.Context, f *MovementFilter, from, to int64) (out []movementRun, err error) {
	runs := make(map[MovementPlace]*movementRun)
	for group := range slices.Chunk(f.Projects, registerGroup) {
		q := f.days(group, from, to)
		err := s.db.List(ctx, q.String(), func(r *sql.Rows) error {
			var d LedgerDay
			var debit, credit, first, last int64
			if err := r.Scan(&d.ProjectID, &d.Day, &d.Currency, (*string)(&d.Kind), &debit, &credit, &d.Shard, &first, &last); err != nil {
				return err
			}
			d.Debit, d.Credit = ledger.Account(debit), ledger.Account(credit)
			if f.Choose != nil && !f.Choose(d.Kind, d.Debit, d.Credit) {
				return nil
			}
			k := MovementPlace{Day: d.Day, Shard: d.Shard, Project: d.ProjectID}
			if runs[k] == nil {
				runs[k] = &movementRun{k, last, nil}
				runs[k].ID = first - 1
			}
			run := runs[k]
			run.ID, run.last, run.of = min(run.ID, first-1), max(run.last, last), append(run.of, d)
			return nil
		}, q.Args...)
		if err != nil {
			return nil, err
		}
	}
	for _, r := range runs {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b movementRun) int { return a.compare(b.MovementPlace) })
	return out, nil
}

func (f *MovementFilter) days(projects []int64, from, to int64) *sqldb.Statement {
	q := &sqldb.Statement{}
	q.Text("SELECT project_id, day, currency, kind, debit, credit, shard, first_id, last_id FROM ledger_days WHERE ").In("project_id", sqldb.IntArgs(projects))
	q.Text(" AND day >= ").Arg(from).Text(" AND day < ").Arg(to)
	if f.Currency != "" {
		q.Text(" AND currency = ").Arg(f.Currency)
	}
	return q
}

func (s *Store) movementsOf(ctx context.Context, r movementRun, p period, limit int) (out []LedgerMovement, err error) {
	q := s.movements(r, p, limit)
	err = s.db.List(ctx, q.String(), func(rows *sql.Rows) error {
		m := LedgerMovement{}
		m.ProjectID = r.Project
		var debit, credit, at int64
		err := rows.Scan(&m.ID, &m.Currency, &debit, &credit, &m.Amount, (*string)(&m.Kind), &m.Payment, &m.Operation, &m.Reason, &at, &m.PaymentID)
		m.Debit, m.Credit, m.At = ledger.Account(debit), ledger.Account(credit), sqldb.FromMicros(at)
		out = append(out, m)
		return err
	}, q.Args...)
	return out, err
}

// movements is the statement that lists the transfers of a run.
func (s *Store) movements(r movementRun, p period, limit int) *sqldb.Statement {
	q := &sqldb.Statement{}
	q.Text(`SELECT t.id, t.currency, t.debit, t.credit, t.amount, t.kind, t.payment, t.operation, t.reason, t.at, COALESCE(p.payment_id, '')
		FROM transfers t LEFT JOIN payments p ON p.project_id = t.project_id AND p.id = t.payment WHERE `)
	s.ofProjects(q, "t.project_id", []int64{r.Project}).Text(" AND t.id > ").Arg(r.ID).Text(" AND t.id <= ").Arg(r.last)
	q.Text(" AND t.at >= ").Arg(max(p.from, r.Day)).Text(" AND t.at < ").Arg(min(p.to, r.Day+24*time.Hour.Microseconds())).Text(" AND (")
	for i, d := range r.of {
		if i > 0 {
			q.Text(" OR ")
		}
		q.Text("t.currency = ").Arg(d.Currency).Text(" AND t.kind = ").Arg(string(d.Kind)).Text(" AND t.debit = ").Arg(int64(d.Debit)).Text(" AND t.credit = ").Arg(int64(d.Credit))
	}
	return q.Text(") ORDER BY t.id LIMIT ").Arg(limit)
}
