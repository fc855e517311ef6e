package dataapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store/export"
	"flashpay/signature"
)

// most is how many operations one answer has at most, and has unless fewer are asked for.
const most = 1000

// longWait is how long a request over a long interval waits for its turn.
const longWait = 40 * time.Second

// operationsGet lists operations by the time of their last action.
func operationsGet(ctx context.Context, c *call) (signature.Value, *refusal) {
	return listOperations(ctx, c, record.Operations)
}

// financialOperations lists operations with what was charged for them. Its parameters are those of operations/get.
func financialOperations(ctx context.Context, c *call) (signature.Value, *refusal) {
	return listOperations(ctx, c, record.FinancialOperations)
}

func listOperations(ctx context.Context, c *call, table record.Table[record.Operation]) (signature.Value, *refusal) {
	w := c.parameters()
	zone := w.zone()
	page := export.Page{Projects: w.projects(), Statuses: w.statuses(), Customers: w.texts("customer_id"), Email: w.text("customer_email")}
	page.From, page.To = w.interval("interval", zone)
	page.Newest = page.To.IsZero()
	page.Limit, page.Offset = int(w.number("limit", most, most)), w.number("offset", 0, 1<<53)
	columns := w.columns(table)
	types := w.texts("operation_type")
	if w.fault != nil {
		return signature.Value{}, w.fault
	}
	if page.To.IsZero() || page.To.Sub(page.From) > longInterval {
		waiting, stop := context.WithTimeout(ctx, longWait)
		defer stop()
		leave, err := c.api.endless.enter(waiting, c.user.ID)
		if err != nil {
			refused := refuse(http.StatusTooManyRequests, "another request of this account over a long interval runs: send one at a time, 10 s apart")
			refused.wait = longPause
			return signature.Value{}, refused
		}
		defer leave()
	}
	page.Needs = record.Needs(columns)
	var rows []record.Operation
	var some bool
	if page.Statuses, some = ofTypes(page.Statuses, types); page.Limit > 0 && some {
		var err error
		if rows, err = export.Read(ctx, c.api.Store, page); err != nil {
			return signature.Value{}, failed(err)
		}
	}
	return operations(rows, columns, zone), nil
}

// ofTypes are those of the statuses that operations of the types can have; without statuses all count, and without types too.
// some is false where there are none.
func ofTypes(statuses []payout.Status, types []string) (left []payout.Status, some bool) {
	if len(types) == 0 {
		return statuses, true
	}
	for _, name := range statusNames {
		s := payout.Status(name)
		if (len(statuses) == 0 || slices.Contains(statuses, s)) && slices.Contains(types, payout.TypeOf(s)) {
			left = append(left, s)
		}
	}
	return left, len(left) > 0
}

// columns reads fields: which columns are answered, in the documentation's order whatever the order of their names. Without
// it they are the required ones.
func (w *wanted) columns(table record.Table[record.Operation]) (out []*record.Column[record.Operation]) {
	names := w.texts("fields")
	for i := range table {
		c := &table[i]
		object, _, part := strings.Cut(c.Name, ".")
		if len(names) == 0 && c.Required && !part || slices.Contains(names, c.Name) && !(part && slices.Contains(names, object)) {
			out = append(out, c)
		}
	}
	for _, name := range names {
		if _, ok := table.Find(name); !ok {
			w.refuse(http.StatusBadRequest, "fields: there is no column "+name)
		}
	}
	return out
}

// operationsByPayment lists the operations of a payment, newest first.
func operationsByPayment(ctx context.Context, c *call) (signature.Value, *refusal) {
	w := c.parameters()
	zone, projects, id := w.zone(), w.projects(), w.text("payment_id")
	if w.fault == nil && id == "" {
		w.bad("payment_id", "a string")
	}
	if w.fault != nil {
		return signature.Value{}, w.fault
	}
	var columns []*record.Column[record.Operation]
	for i := range record.OperationsOfPayment {
		columns = append(columns, &record.OperationsOfPayment[i])
	}
	rows, err := export.OfPayment(ctx, c.api.Store, projects, id, record.Needs(columns))
	if err != nil {
		return signature.Value{}, failed(err)
	}
	return operations(rows, columns, zone), nil
}

// operations renders rows.
func operations(rows []record.Operation, columns []*record.Column[record.Operation], zone *time.Location) signature.Value {
	items := make([]signature.Value, 0, len(rows))
	for i := range rows {
		items = append(items, operation(&rows[i], columns, zone))
	}
	return signature.Obj(signature.Field("operations", signature.Arr(items...)))
}

// operation renders a row. Columns with a dotted name are members of an object, in which they stand beside each other.
func operation(o *record.Operation, columns []*record.Column[record.Operation], zone *time.Location) signature.Value {
	members := make([]signature.Member, 0, len(columns))
	for _, column := range columns {
		v := render(column, column.Value(o), zone)
		object, part, dotted := strings.Cut(column.Name, ".")
		if !dotted {
			members = append(members, signature.Field(column.Name, v))
			continue
		}
		if last := len(members) - 1; last >= 0 && members[last].Name == object {
			members[last].Value.Members = append(members[last].Value.Members, signature.Field(part, v))
			continue
		}
		members = append(members, signature.Field(object, signature.Obj(signature.Field(part, v))))
	}
	return signature.Obj(members...)
}

// answerTime is how times are written in answers.
const answerTime = "2006-01-02T15:04:05-07:00"

// render writes a value as the documentation has its column.
func render(column *record.Column[record.Operation], v record.Value, zone *time.Location) signature.Value {
	switch v.Kind {
	case record.Object:
		return signature.Obj(signature.Field("amount", signature.Int(v.Amount)), signature.Field("currency", signature.Str(v.Currency)))
	case record.Moment:
		if v.At.IsZero() {
			return signature.Str("")
		}
		return signature.Str(v.At.In(zone).Format(answerTime))
	case record.Number, record.Sum:
		n := signature.Int(v.Amount)
		if column.Type == "string" {
			return signature.Str(n.Text)
		}
		return n
	}
	return signature.Str(v.Text)
}
