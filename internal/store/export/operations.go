package export

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store/sqldb"
	"flashpay/signature"
)

// Operations calls each for every operation that the filter chooses. The statuses are those of operations. What is
// handed over is valid until each returns; its parts that needs does not name may be empty.
func (x *Export) Operations(ctx context.Context, f Filter, needs record.Fields, each func(*record.Operation) error) error {
	return x.operationPages(ctx, &f, needs, func(page []record.Operation) error {
		for i := range page {
			if o := &page[i]; f.fits(o.Status, o.Code) {
				if err := each(o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Payments is Operations for payments: each comes once, with its newest operation. The statuses are those of payments.
func (x *Export) Payments(ctx context.Context, f Filter, needs record.Fields, each func(*record.Operation) error) error {
	return x.operationPages(ctx, &f, needs, func(page []record.Operation) error {
		for i := range page {
			o := &page[i]
			if newest := i == len(page)-1 || page[i+1].Payment != o.Payment; newest && f.fits(o.PaymentStatus, o.Code) {
				if err := each(o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (f *Filter) fits(status payout.Status, code int) bool {
	return (len(f.Statuses) == 0 || slices.Contains(f.Statuses, status)) && (len(f.Codes) == 0 || slices.Contains(f.Codes, code))
}

// operationPages reads the operations of pages of payments, those of one payment together.
func (x *Export) operationPages(ctx context.Context, f *Filter, needs record.Fields, each func([]record.Operation) error) error {
	r := &operationReader{export: x, needs: needs, conditions: f.conditions()}
	plan := func(yield func(pageRange) error) error {
		for _, project := range f.Projects {
			if err := x.planPayments(ctx, f, project, yield); err != nil {
				return err
			}
		}
		return nil
	}
	err := inOrder(ctx, x.readers, plan, r.read, each)
	return x.store.DB().Unavailable(err)
}

// planPayments cuts a project's payments into pages, by the index by time alone.
func (x *Export) planPayments(ctx context.Context, f *Filter, project int64, yield func(pageRange) error) error {
	const find = `SELECT created_at, id FROM payments WHERE project_id = $1 AND (created_at, id) > ($2, $3) AND created_at < $4
		ORDER BY created_at, id LIMIT 1 OFFSET $5`
	after, end := place{math.MinInt64, 0}, int64(math.MaxInt64)
	if !f.From.IsZero() {
		after = place{f.From.UnixMicro() - 1, math.MaxInt64}
	}
	if !f.To.IsZero() {
		end = f.To.UnixMicro()
	}
	for {
		to := place{end - 1, math.MaxInt64}
		last := true
		err := x.store.DB().Read(ctx, find, func(r *sql.Rows) error {
			last = false
			return r.Scan(&to.at, &to.id)
		}, project, after.at, after.id, end, x.page-1)
		if err != nil {
			return err
		}
		if err := yield(pageRange{project, after, to}); err != nil || last {
			return err
		}
		after = to
	}
}

// conditions are what the filter asks of a payment p beyond project and period and what can change: a status or code may
// be another now than at the watermark, so they are looked at afterwards.
func (f *Filter) conditions() (out []func(*sqldb.Statement)) {
	list := func(column string, values []any) {
		if len(values) > 0 {
			out = append(out, func(q *sqldb.Statement) { q.In(column, values) })
		}
	}
	list("p.method", sqldb.TextArgs(f.Methods))
	list("p.currency", sqldb.TextArgs(f.Currencies))
	compare := func(column string, bound int64) {
		if bound != 0 {
			out = append(out, func(q *sqldb.Statement) { q.Text(column).Arg(bound) })
		}
	}
	compare("p.amount >= ", f.MinAmount)
	compare("p.amount <= ", f.MaxAmount)
	return out
}

// operationReader reads pages of operations.
type operationReader struct {
	export     *Export
	needs      record.Fields
	conditions []func(*sqldb.Statement)
}

const (
	alwaysColumns  = `p.id, p.payment_id, p.status, p.method, p.amount, p.currency, p.interface, p.created_at, p.updated_at, o.id, o.number, o.status, o.amount, o.currency, o.code, o.submits, o.created_at, o.updated_at`
	textColumns    = ", p.request_id, p.method_title, p.description, p.account_mask, p.customer_id"
	bankColumns    = ", o.provider_payment_id, o.auth_code"
	termsColumns   = ", COALESCE(o.terms, '')"
	requestColumns = ", p.payment_key, r.sealed"
)

// which are the two ways in which a payment's operations are found: the first, and later ones.
var which = [...]string{"o.id = p.id", "o.payment = p.id AND o.number > 1"}

func (r *operationReader) read(ctx context.Context, in pageRange) ([]record.Operation, error) {
	rows, err := r.readRows(ctx, in, which[0])
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	const any = "SELECT 1 FROM operations WHERE project_id = $1 AND number > 1 LIMIT 1"
	more, err := r.export.store.DB().Numbers(ctx, any, in.project)
	if err != nil {
		return nil, err
	}
	if len(more) > 0 {
		later, err := r.readRows(ctx, in, which[1])
		if err != nil {
			return nil, err
		}
		rows = append(rows, later...)
		slices.SortFunc(rows, inOrderOfPayments)
	}
	return r.export.takeBack(ctx, rows)
}

// columns begins a statement over payments p, operations o and, where what is needed says so, requests r.
func (r *operationReader) columns(q *sqldb.Statement) *sqldb.Statement {
	q.Text("SELECT " + alwaysColumns)
	if r.needs&record.Texts != 0 {
		q.Text(textColumns)
	}
	if r.needs&record.Bank != 0 {
		q.Text(bankColumns)
	}
	if r.needs&record.Terms != 0 {
		q.Text(termsColumns)
	}
	if r.needs&record.Request != 0 {
		q.Text(requestColumns)
	}
	return q
}

// statement reads the rows of a page.
func (r *operationReader) statement(in pageRange, which string) *sqldb.Statement {
	q := r.columns(&sqldb.Statement{})
	q.Text(" FROM payments p CROSS JOIN operations o")
	if r.needs&record.Request != 0 {
		q.Text(" CROSS JOIN requests r")
	}
	q.Text(" WHERE p.project_id = ").Arg(in.project)
	q.Text(" AND (p.created_at, p.id) > (").Arg(in.after.at).Text(", ").Arg(in.after.id)
	q.Text(") AND (p.created_at, p.id) <= (").Arg(in.to.at).Text(", ").Arg(in.to.id).Text(")")
	q.Text(" AND o.project_id = p.project_id AND " + which)
	if r.needs&record.Request != 0 {
		q.Text(" AND r.project_id = p.project_id AND r.payment = p.id")
	}
	return q.Where(r.conditions).Text(" ORDER BY p.created_at, p.id")
}

func (r *operationReader) readRows(ctx context.Context, in pageRange, which string) (rows []record.Operation, err error) {
	return r.scan(ctx, r.statement(in, which), in.project)
}

// scan runs a statement that begins with columns, over one project.
func (r *operationReader) scan(ctx context.Context, q *sqldb.Statement, project int64) (rows []record.Operation, err error) {
	s := newOperationScan(r.needs)
	rows = make([]record.Operation, 0, r.export.page)
	err = r.export.store.DB().List(ctx, q.String(), func(row *sql.Rows) error {
		if err := row.Scan(s.into...); err != nil {
			return err
		}
		o := s.record()
		o.Project = r.export.projects[project]
		if s.terms != "" {
			if err := json.Unmarshal([]byte(s.terms), &o.Terms); err != nil {
				return fmt.Errorf("export: terms of operation %d: %w", o.ID, err)
			}
		}
		if r.needs&record.Request != 0 {
			if err := r.openRequest(&o, s.sealed); err != nil {
				return err
			}
		}
		rows = append(rows, o)
		return nil
	}, q.Args...)
	return rows, err
}

// openRequest takes out of a sealed request what the record shows of it.
func (r *operationReader) openRequest(o *record.Operation, sealed []byte) error {
	body, err := r.export.store.UnsealRequest(o.Project.ID, o.PaymentKey, sealed)
	if err != nil {
		return err
	}
	tree, err := signature.Parse(body)
	if err != nil {
		return errors.Join(errors.New("export: stored request"), err)
	}
	o.CustomerIP, o.CustomerEmail = textAt(tree, "customer", "ip_address"), textAt(tree, "customer", "email")
	return nil
}

func textAt(tree *signature.Value, path ...string) string {
	if v := tree.Get(path...); v != nil && v.Kind == signature.String {
		return v.Text
	}
	return ""
}

// operationScan is where a row is scanned into.
type operationScan struct {
	into                            []any
	row                             record.Operation
	created, updated, begun, closed int64
	sealed                          []byte
	terms                           string // JSON; empty: none
	submits                         int
}

func newOperationScan(needs record.Fields) *operationScan {
	s := &operationScan{}
	o := &s.row
	s.into = []any{
		&o.Payment, &o.PaymentID, (*string)(&o.PaymentStatus), &o.Method, &o.Amount, &o.Currency, &o.Interface, &s.created, &s.updated,
		&o.ID, &o.Number, (*string)(&o.Status), &o.ConvertedAmount, &o.ConvertedCurrency, &o.Code, &s.submits, &s.begun, &s.closed,
	}
	if needs&record.Texts != 0 {
		s.into = append(s.into, &o.RequestID, &o.MethodTitle, &o.Description, &o.AccountMask, &o.CustomerID)
	}
	if needs&record.Bank != 0 {
		s.into = append(s.into, &o.ProviderPaymentID, &o.AuthCode)
	}
	if needs&record.Terms != 0 {
		s.into = append(s.into, &s.terms)
	}
	if needs&record.Request != 0 {
		s.into = append(s.into, &o.PaymentKey, &s.sealed)
	}
	return s
}

func (s *operationScan) record() record.Operation {
	o := s.row
	o.PaymentCreatedAt, o.PaymentUpdatedAt = sqldb.FromMicros(s.created), sqldb.FromMicros(s.updated)
	o.CreatedAt, o.UpdatedAt = sqldb.FromMicros(s.begun), sqldb.FromMicros(s.closed)
	o.Reached = s.submits > 0 && o.Status.Final()
	return o
}

// inOrderOfPayments is the order of the stream.
func inOrderOfPayments(a, b record.Operation) int {
	return cmp.Or(a.PaymentCreatedAt.Compare(b.PaymentCreatedAt), cmp.Compare(a.Payment, b.Payment), cmp.Compare(a.Number, b.Number))
}
