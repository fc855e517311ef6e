package store

import (
	"flashpay/internal/payout"
	"flashpay/internal/wire"
	"flashpay/signature"
)

// Body renders a callback, unsigned. It reads the event and what never changes in its payment and operation, so that it
// is the same at every attempt, whatever became of the payment since.
func (job *CallbackJob) Body() *signature.Value {
	e, p, o := &job.Event, &job.Payment, &job.Operation
	if b := e.Batch; b != nil {
		return wire.BatchCallback(&wire.BatchFacts{
			ProjectID: e.ProjectID, ID: b.Batch, Status: b.State, Date: e.At, Rows: b.Rows, Sent: b.Sent, PaidAlready: b.PaidAlready, Refused: b.Refused,
			WithFaults: b.WithFaults, NotSent: b.NotSent,
		})
	}
	var fee *wire.Sum
	if o.Terms.ShowsFee(e.OperationStatus) {
		fee = &wire.Sum{Amount: o.Terms.Fee, Currency: o.Terms.Currency}
	}
	return wire.Callback(&wire.CallbackFacts{
		Payment: wire.PaymentFacts{
			ProjectID: e.ProjectID, PaymentID: p.PaymentID, Type: payout.Type, Status: string(e.PaymentStatus), Date: e.At,
			MethodTitle: p.MethodTitle, Amount: p.Amount, Currency: p.Currency, Description: p.Description, AccountMask: p.AccountMask,
			CustomerID: p.CustomerID,
		},
		Operation: wire.OperationFacts{
			ID: e.Operation, Type: payout.TypeOf(e.OperationStatus), Status: string(e.OperationStatus), Date: e.At, CreatedDate: o.CreatedAt, RequestID: p.RequestID,
			Initial:   wire.Sum{Amount: p.Amount, Currency: p.Currency},
			Converted: wire.Sum{Amount: o.Amount, Currency: o.Currency},
			Fee:       fee,
			Code:      e.Code, Message: payout.Message(e.Code),
			ProviderID: e.ProviderID, ProviderPaymentID: e.ProviderPaymentID, AuthCode: e.AuthCode,
		},
		Errors: faults(e),
	})
}

// faulty names the member of the request that a code of the consistency check speaks of.
var faulty = map[int]string{
	payout.CodeAboveLimit:         "payment.amount",
	payout.CodeBelowLimit:         "payment.amount",
	payout.CodeInvalidAmount:      "payment.amount",
	payout.CodeCurrencyDisabled:   "payment.currency",
	payout.CodeNoRate:             "payment.currency",
	payout.CodeConvertedAbove:     "payment.amount",
	payout.CodeConvertedBelowUnit: "payment.amount",
	payout.CodeAccountData:        "account.number",
}

// faults are the errors that a callback carries: of a decline that the platform's own consistency check made because of
// a member of the request, that member. A bank's decline has none, nor has one for reasons outside of the request (funds,
// a blocked merchant, the threshold): operation.code and message say all that is known.
func faults(e *Event) []wire.ErrorItem {
	field := faulty[e.Code]
	if field == "" || e.PaymentStatus != payout.Decline || e.ProviderID != 0 {
		return nil
	}
	return []wire.ErrorItem{{Code: e.Code, Message: payout.Message(e.Code), Field: field}}
}
