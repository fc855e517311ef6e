package wire

import (
	"time"

	"flashpay/signature"
)

// BatchFacts are what a merchant is told about a batch that has ended.
type BatchFacts struct {
	ProjectID   int64
	ID          int64
	Status      string // done or cancelled
	Date        time.Time
	Rows        int64
	Sent        int64 // of the rows, as are the fields below: made a payment
	PaidAlready int64
	Refused     int64
	WithFaults  int64
	NotSent     int64
}

// BatchCallback builds the body of a batch's callback, to be signed: batch stands in the place of payment.
func BatchCallback(f *BatchFacts) *signature.Value {
	v := signature.Obj(
		number("project_id", f.ProjectID),
		object(
			"batch",
			number("id", f.ID),
			text("type", "payout"),
			text("status", f.Status),
			text("date", Date(f.Date)),
			number("rows", f.Rows),
			number("sent", f.Sent),
			number("paid_already", f.PaidAlready),
			number("refused", f.Refused),
			number("with_faults", f.WithFaults),
			number("not_sent", f.NotSent),
		),
	)
	return &v
}
