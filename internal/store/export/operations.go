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
	s := operationScan{needs: r.needs, project: r.export.projects[project]}
	rows = make([]record.Operation, 0, r.export.page)
	err = r.export.store.DB().Stream(ctx, q.String(), func(cells *sqldb.Cells) error {
		rows = append(rows, record.Operation{})
		o := &rows[len(rows)-1]
		s.take(o, cells)
		if s.terms != "" {
			if err := json.Unmarshal([]byte(s.terms), &o.Terms); err != nil {
				return fmt.Errorf("export: terms of operation %d: %w", o.ID, err)
			}
		}
		if r.needs&record.Request != 0 {
			return r.openRequest(o, []byte(s.sealed))
		}
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

// operationScan takes operations from rows that begin with columns.
type operationScan struct {
	needs   record.Fields
	project *record.Project
	terms   string // of the row taken last: JSON; empty: none
	sealed  string
}

// take fills in an operation from a row, whose columns are those that columns has written.
func (s *operationScan) take(o *record.Operation, cells *sqldb.Cells) {
	n, t := cells.Numbers, cells.Texts
	o.Project = s.project
	o.Payment, o.PaymentID, o.PaymentStatus, o.Method, o.Amount, o.Currency, o.Interface = n[0], t[1], payout.Status(t[2]), t[3], n[4], t[5], int(n[6])
	o.PaymentCreatedAt, o.PaymentUpdatedAt = sqldb.FromMicros(n[7]), sqldb.FromMicros(n[8])
	o.ID, o.Number, o.Status, o.ConvertedAmount, o.ConvertedCurrency, o.Code = n[9], int(n[10]), payout.Status(t[11]), n[12], t[13], int(n[14])
	o.Reached = n[15] > 0 && o.Status.Final()
	o.CreatedAt, o.UpdatedAt = sqldb.FromMicros(n[16]), sqldb.FromMicros(n[17])
	at := 18
	if s.needs&record.Texts != 0 {
		o.RequestID, o.MethodTitle, o.Description, o.AccountMask, o.CustomerID = t[at], t[at+1], t[at+2], t[at+3], t[at+4]
		at += 5
	}
	if s.needs&record.Bank != 0 {
		o.ProviderPaymentID, o.AuthCode = t[at], t[at+1]
		at += 2
	}
	if s.needs&record.Terms != 0 {
		s.terms = t[at]
		at++
	}
	if s.needs&record.Request != 0 {
		o.PaymentKey, s.sealed = t[at], t[at+1]
	}
}

// inOrderOfPayments is the order of the stream.
func inOrderOfPayments(a, b record.Operation) int {
	return cmp.Or(a.PaymentCreatedAt.Compare(b.PaymentCreatedAt), cmp.Compare(a.Payment, b.Payment), cmp.Compare(a.Number, b.Number))
}
