package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/vault"
)

// condition adds that a payment lies in the span, as the index by time has it.
func (s span) condition(q *query, table string) *query {
	q.text("(" + table + "created_at, " + table + "id) > (").arg(s.after.At).text(", ").arg(s.after.ID)
	return q.text(") AND (" + table + "created_at, " + table + "id) < (").arg(s.before.At).text(", ").arg(s.before.ID).text(")")
}

// conditions are what the filter asks of a payment p beyond projects and period. v, where given, makes the search a
// condition, too: else its payments are known already.
func (f *RegisterFilter) conditions(now time.Time, v *vault.Vault) (out []func(*query)) {
	list := func(column string, values []any) {
		if len(values) > 0 {
			out = append(out, func(q *query) { q.in(column, values) })
		}
	}
	compare := func(column string, value int64) {
		if value != 0 {
			out = append(out, func(q *query) { q.text(column).arg(value) })
		}
	}
	list("p.status", anys(f.Statuses))
	list("p.method", anys(f.Methods))
	list("p.currency", anys(f.Currencies))
	compare("p.amount >= ", f.MinAmount)
	compare("p.amount <= ", f.MaxAmount)
	compare("p.interface = ", int64(f.Interface))
	if f.Code != nil {
		out = append(out, f.ofCode)
	}
	if c := f.Situation.condition(now); c != nil {
		out = append(out, c)
	}
	if v != nil && f.Search != "" {
		out = append(out, f.matches(v))
	}
	return out
}

// ofCode asks for an operation's code. Most payments succeed, and their operations need not be looked at for another code.
func (f *RegisterFilter) ofCode(q *query) {
	if *f.Code != payout.CodeSuccess {
		q.text("p.status <> '" + string(payout.Success) + "' AND ")
	}
	q.text("(EXISTS (SELECT 1 FROM operations o WHERE o.project_id = p.project_id AND o.id = p.id AND o.code = ").arg(int64(*f.Code))
	q.text(") OR EXISTS (SELECT 1 FROM operations o WHERE o.project_id = p.project_id AND o.payment = p.id AND o.number > 1 AND o.code = ")
	q.arg(int64(*f.Code)).text("))")
}

const openPayment = "p.status IN ('" + string(payout.Processing) + "', '" + string(payout.AwaitingRetry) + "')"

func (s Situation) condition(now time.Time) func(*query) {
	const operation = "EXISTS (SELECT 1 FROM operations o WHERE o.project_id = p.project_id AND o.id = p.id AND "
	switch s {
	case SituationOpen:
		return func(q *query) { q.text(openPayment) }
	case SituationAtRisk:
		return func(q *query) {
			q.text(openPayment + " AND " + operation + "(o.threshold_at - ").arg(now.UnixMicro()).text(") * 10 < o.threshold_at - o.created_at)")
		}
	case SituationDisputed:
		return func(q *query) {
			q.text("p.status = '" + string(payout.Decline) + "' AND " + operation + "o.stage IN ('" + string(payout.Disputed) + "', '" + string(payout.Unsettled) + "'))")
		}
	case SituationDiscrepancy:
		return func(q *query) {
			q.text("EXISTS (SELECT 1 FROM discrepancies d WHERE d.project_id = p.project_id AND d.payment = p.id AND d.settled_at IS NULL)")
		}
	}
	return nil
}

// matches asks for what is searched for where more payments match than an index may name: then one in few does.
func (f *RegisterFilter) matches(v *vault.Vault) func(*query) {
	return func(q *query) {
		q.text("(p.payment_key = ").arg(payout.Fold(f.Search)).text(" OR p.customer_id = ").arg(f.Search)
		q.text(" OR EXISTS (SELECT 1 FROM requests r WHERE r.project_id = p.project_id AND r.payment = p.id AND r.account_key = ")
		q.arg(v.Index(lookupAccount, f.Search)).text("))")
	}
}

// walk goes through the payments of projects by time, merged as it goes: a project is read no further than the others.
type walk struct {
	dialect    *dialect
	projects   []int64
	span       span
	newer      bool
	candidates int
	conditions []func(*query)
	limit      int
}

// candidatesOf adds the payments that a walk looks at, in its order. Both engines merge the projects' parts of the index
// by time lazily: SQLite by itself, PostgreSQL where each part is asked for in order.
func (w *walk) candidatesOf(q *query, columns, limit string) {
	open, end := "", ""
	if w.dialect == &postgresDialect {
		open, end = "(", w.order()+")"
	}
	q.text("SELECT " + columns + " FROM (")
	for i, p := range w.projects {
		if i > 0 {
			q.text(" UNION ALL ")
		}
		q.text(open + "SELECT " + columns + " FROM payments p WHERE p.project_id = ").arg(p).text(" AND ")
		w.span.condition(q, "p.").text(end)
	}
	q.text(") p" + w.order() + limit)
}

func (w *walk) order() string {
	if w.newer {
		return " ORDER BY p.created_at, p.id"
	}
	return " ORDER BY p.created_at DESC, p.id DESC"
}

// rows is the statement that reads the rows that fit.
func (w *walk) rows() *query {
	q := &query{}
	limit := fmt.Sprintf(" LIMIT %d", w.limit)
	if len(w.conditions) == 0 {
		w.candidatesOf(q, registerColumns, limit)
		return q
	}
	q.text("SELECT " + registerColumns + " FROM (")
	w.candidatesOf(q, registerColumns, fmt.Sprintf(" LIMIT %d", w.candidates))
	q.text(") p WHERE 1 = 1").where(w.conditions).text(w.order() + limit)
	return q
}

// end is the statement that finds the last of the candidates, where there are as many.
func (w *walk) end() *query {
	q := &query{}
	w.candidatesOf(q, "p.created_at, p.id", fmt.Sprintf(" LIMIT 1 OFFSET %d", w.candidates-1))
	return q
}

// totals is the statement that adds the candidates up that fit.
func (w *walk) totals() *query {
	q := &query{}
	q.text("SELECT p.currency, p.status, COUNT(*), CAST(SUM(p.amount) AS BIGINT) FROM (")
	w.candidatesOf(q, registerColumns, fmt.Sprintf(" LIMIT %d", w.candidates))
	q.text(") p WHERE 1 = 1").where(w.conditions).text(" GROUP BY p.currency, p.status")
	return q
}

func (s *Store) walkRows(ctx context.Context, w *walk) (out []RegisterRow, err error) {
	q := w.rows()
	err = s.db.list(ctx, q.String(), func(r *sql.Rows) error {
		row, err := scanRegisterRow(r)
		out = append(out, row)
		return err
	}, q.args...)
	return out, err
}

// walkEnd is where a walk stopped because it had looked at enough; nil: it has seen everything.
func (s *Store) walkEnd(ctx context.Context, w *walk) (end *Cursor, err error) {
	q := w.end()
	err = s.db.list(ctx, q.String(), func(r *sql.Rows) error {
		end = &Cursor{}
		return r.Scan(&end.At, &end.ID)
	}, q.args...)
	return end, err
}
