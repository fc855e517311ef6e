package record

import (
	"strconv"

	"flashpay/internal/payout"
)

// Payments are the columns of payments: what is said of the operation is said of the newest one.
var Payments = Table[Operation]{
	{Name: "project_id", take: func(o *Operation) Value { return digits(o.Project.ID) }},
	{Name: "payment_id", take: func(o *Operation) Value { return text(o.PaymentID) }},
	{Name: "type", take: func(*Operation) Value { return text(payout.Type) }},
	{Name: "status", take: func(o *Operation) Value { return text(string(o.PaymentStatus)) }},
	{Name: "amount", take: func(o *Operation) Value { return sum(o.Amount, o.Currency) }},
	{Name: "currency", take: func(o *Operation) Value { return text(o.Currency) }},
	{Name: "method", take: func(o *Operation) Value { return text(o.Method) }},
	{Name: "created_at", take: func(o *Operation) Value { return moment(o.PaymentCreatedAt) }},
	{Name: "updated_at", take: func(o *Operation) Value { return moment(o.PaymentUpdatedAt) }},
	{Name: "code", take: func(o *Operation) Value { return codeText(o.Code) }},
	{Name: "message", take: func(o *Operation) Value { return text(payout.Message(o.Code)) }},
	{Name: "customer_id", Needs: Texts, take: func(o *Operation) Value { return text(o.CustomerID) }},
	{Name: "account_number", Needs: Texts, take: func(o *Operation) Value { return text(o.AccountMask) }},
	{Name: "operation_id", take: func(o *Operation) Value { return digits(o.ID) }},
	{Name: "provider_payment_id", Needs: Bank, take: func(o *Operation) Value { return text(o.ProviderPaymentID) }},
	{Name: "interface_type", take: func(o *Operation) Value { return text(strconv.Itoa(o.Interface)) }},
	{Name: "description", Needs: Texts, take: func(o *Operation) Value { return text(o.Description) }},
	{Name: "completed_at", take: paymentCompleted},
	{Name: "method_name", Needs: Texts, take: func(o *Operation) Value { return text(o.MethodTitle) }},
	{Name: "project_name", take: func(o *Operation) Value { return text(o.Project.Name) }},
	{Name: "merchant_id", take: func(o *Operation) Value { return digits(o.Project.MerchantID) }},
	{Name: "merchant_name", take: func(o *Operation) Value { return text(o.Project.MerchantName) }},
	{Name: "request_id", Needs: Texts, take: func(o *Operation) Value { return text(o.RequestID) }},
	{Name: "customer_ip", Needs: Request, take: func(o *Operation) Value { return text(o.CustomerIP) }},
	{Name: "customer_email", Needs: Request, take: func(o *Operation) Value { return text(o.CustomerEmail) }},
}

// Movements are the columns of balance movements.
var Movements = Table[Movement]{
	{Name: "movement_id", take: func(m *Movement) Value { return digits(m.ID) }},
	{Name: "booked_at", take: func(m *Movement) Value { return moment(m.At) }},
	{Name: "project_id", take: func(m *Movement) Value { return digits(m.Project.ID) }},
	{Name: "kind", take: func(m *Movement) Value { return text(string(m.Kind)) }},
	{Name: "debit", take: func(m *Movement) Value { return text(m.Debit.String()) }},
	{Name: "credit", take: func(m *Movement) Value { return text(m.Credit.String()) }},
	{Name: "amount", take: func(m *Movement) Value { return sum(m.Amount, m.Currency) }},
	{Name: "currency", take: func(m *Movement) Value { return text(m.Currency) }},
	{Name: "available_change", take: func(m *Movement) Value { return sum(m.Available(), m.Currency) }},
	{Name: "payment_id", take: func(m *Movement) Value { return text(m.PaymentID) }},
	{Name: "operation_id", take: func(m *Movement) Value { return id(m.Operation) }},
	{Name: "reason", take: func(m *Movement) Value { return text(m.Reason) }},
	{Name: "project_name", take: func(m *Movement) Value { return text(m.Project.Name) }},
	{Name: "merchant_id", take: func(m *Movement) Value { return digits(m.Project.MerchantID) }},
	{Name: "merchant_name", take: func(m *Movement) Value { return text(m.Project.MerchantName) }},
}

// BatchRows are the columns of the rows of mass payouts.
var BatchRows = Table[BatchRow]{
	{Name: "batch_id", take: func(r *BatchRow) Value { return digits(r.Batch) }},
	{Name: "file", take: func(r *BatchRow) Value { return text(r.File) }},
	{Name: "sent_at", take: func(r *BatchRow) Value { return moment(r.SentAt) }},
	{Name: "line", take: func(r *BatchRow) Value { return number(r.Line) }},
	{Name: "project_id", Needs: Uploaded, take: func(r *BatchRow) Value { return id(r.ProjectID) }},
	{Name: "payment_id", Needs: Uploaded, take: func(r *BatchRow) Value { return text(r.PaymentID) }},
	{Name: "method", Needs: Uploaded, take: func(r *BatchRow) Value { return text(r.Method) }},
	{Name: "account_number", Needs: Uploaded, take: func(r *BatchRow) Value { return text(r.AccountMask) }},
	{Name: "amount", Needs: Uploaded, take: func(r *BatchRow) Value {
		if r.Currency == "" {
			return Value{}
		}
		return sum(r.Amount, r.Currency)
	}},
	{Name: "currency", Needs: Uploaded, take: func(r *BatchRow) Value { return text(r.Currency) }},
	{Name: "status", take: func(r *BatchRow) Value { return text(r.Status) }},
	{Name: "code", take: func(r *BatchRow) Value { return text(r.Code) }},
	{Name: "message", take: func(r *BatchRow) Value { return text(r.Message) }},
	{Name: "operation_id", take: func(r *BatchRow) Value { return id(r.Operation) }},
	{Name: "updated_at", take: func(r *BatchRow) Value { return moment(r.At) }},
	{Name: "project_name", take: func(r *BatchRow) Value { return text(r.Project.Name) }},
	{Name: "merchant_id", take: func(r *BatchRow) Value { return digits(r.Project.MerchantID) }},
	{Name: "merchant_name", take: func(r *BatchRow) Value { return text(r.Project.MerchantName) }},
}

// Callbacks are the columns of callbacks.
var Callbacks = Table[Callback]{
	{Name: "project_id", take: func(c *Callback) Value { return digits(c.Project.ID) }},
	{Name: "number", take: func(c *Callback) Value { return number(c.Number) }},
	{Name: "payment_id", take: func(c *Callback) Value { return text(c.PaymentID) }},
	{Name: "operation_id", take: func(c *Callback) Value { return id(c.Operation) }},
	{Name: "payment_status", take: func(c *Callback) Value { return text(string(c.PaymentStatus)) }},
	{Name: "operation_status", take: func(c *Callback) Value { return text(string(c.OperationStatus)) }},
	{Name: "code", take: ofPayment(func(c *Callback) Value { return codeText(c.Code) })},
	{Name: "message", take: ofPayment(func(c *Callback) Value { return text(payout.Message(c.Code)) })},
	{Name: "amount", take: ofPayment(func(c *Callback) Value { return sum(c.Amount, c.Currency) })},
	{Name: "currency", take: func(c *Callback) Value { return text(c.Currency) }},
	{Name: "event_at", take: func(c *Callback) Value { return moment(c.At) }},
	{Name: "delivery", take: func(c *Callback) Value { return text(c.State) }},
	{Name: "attempts", take: func(c *Callback) Value { return number(int64(c.Attempts)) }},
	{Name: "last_attempt_at", take: func(c *Callback) Value { return moment(c.LastAt) }},
	{Name: "http_status", take: func(c *Callback) Value {
		if c.LastAt.IsZero() {
			return Value{}
		}
		return number(int64(c.HTTPStatus))
	}},
	{Name: "error", take: func(c *Callback) Value { return text(c.Error) }},
	{Name: "url", take: func(c *Callback) Value { return text(c.URL) }},
	{Name: "method", take: func(c *Callback) Value { return text(c.Method) }},
	{Name: "project_name", take: func(c *Callback) Value { return text(c.Project.Name) }},
	{Name: "batch_id", take: func(c *Callback) Value { return id(c.Batch) }},
	{Name: "batch_status", take: func(c *Callback) Value { return text(c.BatchState) }},
}

// ofPayment is a column that callbacks of batches leave empty.
func ofPayment(take func(*Callback) Value) func(*Callback) Value {
	return func(c *Callback) Value {
		if c.Batch != 0 {
			return Value{}
		}
		return take(c)
	}
}
