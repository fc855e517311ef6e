package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
	"flashpay/internal/vault"
)

// condition adds that a payment lies in the span, as the index by time has it.
func (s span) condition(q *sqldb.Statement, table string) *sqldb.Statement {
	q.Text("(" + table + "created_at, " + table + "id) > (").Arg(s.after.At).Text(", ").Arg(s.after.ID)
	return q.Text(") AND (" + table + "created_at, " + table + "id) < (").Arg(s.before.At).Text(", ").Arg(s.before.ID).Text(")")
}

// conditions are what the filter asks of a payment p beyond projects and period. v, where given, makes the search a
// condition, too: else its payments are known already.
func (f *RegisterFilter) conditions(now time.Time, v *vault.Vault) (out []func(*sqldb.Statement)) {
	list := func(column string, values []any) {
		if len(values) > 0 {
			out = append(out, func(q *sqldb.Statement) { q.In(column, values) })
		}
	}
	compare := func(column string, value int64) {
		if value != 0 {
			out = append(out, func(q *sqldb.Statement) { q.Text(column).Arg(value) })
		}
	}
	list("p.status", sqldb.TextArgs(f.Statuses))
	list("p.method", sqldb.TextArgs(f.Methods))
	list("p.currency", sqldb.TextArgs(f.Currencies))
	compare("p.amount >= ", f.MinAmount)
	compare("p.amount <= ", f.MaxAmount)
	compare("p.interface = ", int64(f.Interface))
	if f.Bank != "" { // as bankOf reads it
		out = append(out, func(q *sqldb.Statement) { q.Text("SUBSTR(p.account_mask, 1, 3) = ").Arg(f.Bank) })
	}
	if f.Code != nil {
		out = append(out, f.ofCode)
	}
	if c := f.Situation.condition(now); c != nil {
		out = append(out, c)
	}
	if f.Payee != nil {
		out = append(out, f.Payee.condition)
	}
	if v != nil && f.Search != "" {
		out = append(out, f.matches(v))
	}
	return out
}

// ofCode asks for an operation's code. Most payments succeed, and their operations need not be looked at for another code.
func (f *RegisterFilter) ofCode(q *sqldb.Statement) {
	if *f.Code != payout.CodeSuccess {
		q.Text("p.status <> '" + string(payout.Success) + "' AND ")
	}
	q.Text("(EXISTS (SELECT 1 FROM operations o WHERE o.project_id = p.project_id AND o.id = p.id AND o.code = ").Arg(int64(*f.Code))
	q.Text(") OR EXISTS (SELECT 1 FROM operations o WHERE o.project_id = p.project_id AND o.payment = p.id AND o.number > 1 AND o.code = ")
	q.Arg(int64(*f.Code)).Text("))")
}

const openPayment = "p.status IN ('" + string(payout.Processing) + "', '" + string(payout.AwaitingRetry) + "')"

func (s Situation) condition(now time.Time) func(*sqldb.Statement) {
	const operation = "EXISTS (SELECT 1 FROM operations o WHERE o.project_id = p.project_id AND o.id = p.id AND "
	switch s {
	case SituationOpen:
		return func(q *sqldb.Statement) { q.Text(openPayment) }
	case SituationAtRisk:
		return func(q *sqldb.Statement) {
			q.Text(openPayment + " AND " + operation + "(o.threshold_at - ").Arg(now.UnixMicro()).Text(") * 10 < o.threshold_at - o.created_at)")
		}
	case SituationDisputed:
		return func(q *sqldb.Statement) {
			q.Text("p.status = '" + string(payout.Decline) + "' AND " + operation + "o.stage IN ('" + string(payout.Disputed) + "', '" + string(payout.Unsettled) + "'))")
		}
	case SituationDiscrepancy:
		return func(q *sqldb.Statement) {
			q.Text("EXISTS (SELECT 1 FROM discrepancies d WHERE d.project_id = p.project_id AND d.payment = p.id AND d.settled_at IS NULL)")
		}
	case SituationFailing:
		return func(q *sqldb.Statement) { q.Text("EXISTS (SELECT 1 FROM " + failingCallbacks("p") + ")") }
	}
	return nil
}

// walk goes through the payments of projects by time, merged as it goes: a project is read no further than the others.
type walk struct {
	dialect    *sqldb.Dialect
	projects   []int64
	span       span
	newer      bool
	candidates int
	conditions []func(*sqldb.Statement)
	limit      int
}

// candidatesOf adds the payments that a walk looks at, in its order. Both engines merge the projects' parts of the index
// by time lazily: SQLite by itself, PostgreSQL where each part is asked for in order.
func (w *walk) candidatesOf(q *sqldb.Statement, columns, limit string) {
	open, end := "", ""
	if w.dialect == &sqldb.Postgres {
		open, end = "(", w.order()+")"
	}
	q.Text("SELECT " + columns + " FROM (")
	for i, p := range w.projects {
		if i > 0 {
			q.Text(" UNION ALL ")
		}
		q.Text(open + "SELECT " + columns + " FROM payments p WHERE p.project_id = ").Arg(p).Text(" AND ")
		w.span.condition(q, "p.").Text(end)
	}
	q.Text(") p" + w.order() + limit)
}

func (w *walk) order() string {
	if w.newer {
		return " ORDER BY p.created_at, p.id"
	}
	return " ORDER BY p.created_at DESC, p.id DESC"
}

// rows is the statement that reads the rows that fit.
func (w *walk) rows() *sqldb.Statement {
	q := &sqldb.Statement{}
	limit := fmt.Sprintf(" LIMIT %d", w.limit)
	if len(w.conditions) == 0 {
		w.candidatesOf(q, registerColumns, limit)
		return q
	}
	q.Text("SELECT " + registerColumns + " FROM (")
	w.candidatesOf(q, registerColumns, fmt.Sprintf(" LIMIT %d", w.candidates))
	q.Text(") p WHERE 1 = 1").Where(w.conditions).Text(w.order() + limit)
	return q
}

// end is the statement that finds the last of the candidates, where there are as many.
func (w *walk) end() *sqldb.Statement {
	q := &sqldb.Statement{}
	w.candidatesOf(q, "p.created_at, p.id", fmt.Sprintf(" LIMIT 1 OFFSET %d", w.candidates-1))
	return q
}

// totals is the statement that adds the candidates up that fit.
func (w *walk) totals() *sqldb.Statement {
	q := &sqldb.Statement{}
	q.Text("SELECT p.currency, p.status, COUNT(*), CAST(SUM(p.amount) AS BIGINT) FROM (")
	w.candidatesOf(q, registerColumns, fmt.Sprintf(" LIMIT %d", w.candidates))
	q.Text(") p WHERE 1 = 1").Where(w.conditions).Text(" GROUP BY p.currency, p.status")
	return q
}

func (s *Store) walkRows(ctx context.Context, w *walk) (out []RegisterRow, err error) {
	q := w.rows()
	err = s.DB().List(ctx, q.String(), func(r *sql.Rows) error {
		row, err := scanRegisterRow(r)
		out = append(out, row)
		return err
	}, q.Args...)
	return out, err
}

// walkEnd is where a walk stopped because it had looked at enough; nil: it has seen everything.
func (s *Store) walkEnd(ctx context.Context, w *walk) (end *Cursor, err error) {
	q := w.end()
	err = s.DB().List(ctx, q.String(), func(r *sql.Rows) error {
		end = &Cursor{}
		return r.Scan(&end.At, &end.ID)
	}, q.Args...)
	return end, err
}
