package gate

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/wire"
	"flashpay/signature"
)

// serveStatus answers what is known about a payment id; that nothing is known is an answer too (protocol.md §7.2).
func serveStatus(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	if f := x.signedRequest(ctx); f != nil {
		return dst, f
	}
	view, err := x.gate.Payments.PaymentView(ctx, x.projectID, x.paymentID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return x.signed(dst, wire.StatusError(x.projectID, x.paymentID, notFound())), nil
	case err != nil:
		return dst, failed(err)
	}
	return x.signed(dst, wire.Status(statusFacts(view))), nil
}

// serveStatusRequest answers what became of one request: the payment that it made, or its errors (protocol.md §7.4, the
// newer form).
func serveStatusRequest(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	if f := x.signedRequest(ctx); f != nil {
		return dst, f
	}
	id := x.tree.Get("request_id").Text
	view, err := x.gate.Payments.PaymentViewByRequest(ctx, x.projectID, id)
	if err == nil {
		return x.signed(dst, wire.Status(statusFacts(view))), nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return dst, failed(err)
	}
	kept, err := x.gate.Rejections.RejectionByRequest(ctx, x.projectID, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return dst, fail(http.StatusNotFound, payout.CodeNotFound, "request_id", "no payment of this project was made by this request, and "+
			"no refusal of it is kept; refusals are kept for 24 hours")
	case err != nil:
		return dst, failed(err)
	}
	paymentID, items, err := readRejection(kept.Body)
	if err != nil {
		return dst, internal(err)
	}
	return x.signed(dst, wire.StatusError(x.projectID, paymentID, items)), nil
}

// signedRequest authenticates, and refuses the field faults that the endpoint's own table found.
func (x *exchange) signedRequest(ctx context.Context) *failure {
	if f := x.authenticate(ctx); f != nil {
		return f
	}
	if len(x.report.Faults) > 0 {
		return fieldFaults(x)
	}
	return nil
}

// signed renders a body that is signed with the key that verified the request.
func (x *exchange) signed(dst []byte, v *signature.Value) []byte {
	return append(dst, wire.SignedJSON(v, x.key.Secret)...)
}

func notFound() []wire.ErrorItem {
	return []wire.ErrorItem{{Code: payout.CodeNotFound, Message: payout.Message(payout.CodeNotFound)}}
}

// readRejection gets the errors out of an answer that refuse made.
func readRejection(body []byte) (paymentID string, items []wire.ErrorItem, err error) {
	v, err := signature.Parse(body)
	if err != nil {
		return "", nil, err
	}
	if id := v.Get("payment_id"); id != nil {
		paymentID = id.Text
	}
	list := v.Get("errors")
	if list == nil {
		return paymentID, []wire.ErrorItem{readItem(v)}, nil
	}
	for i := range list.Items {
		items = append(items, readItem(&list.Items[i]))
	}
	return paymentID, items, nil
}

func readItem(v *signature.Value) wire.ErrorItem {
	text := func(name string) string {
		if m := v.Get(name); m != nil {
			return m.Text
		}
		return ""
	}
	code, _ := strconv.Atoi(text("code")) // 0 where an item has none
	return wire.ErrorItem{Code: code, Message: text("message"), Field: text("field"), Description: text("description")}
}

func statusFacts(v *store.View) *wire.StatusFacts {
	p := &v.Payment
	sum := wire.Sum{Amount: p.Amount, Currency: p.Currency}
	f := &wire.StatusFacts{
		Payment: wire.PaymentFacts{
			ProjectID: p.ProjectID, PaymentID: p.PaymentID, Type: payout.Type, Status: string(p.Status), Date: p.UpdatedAt,
			MethodTitle: p.MethodTitle, Amount: p.Amount, Currency: p.Currency, Description: p.Description, AccountMask: p.AccountMask,
			CustomerID: p.CustomerID,
		},
		Operations: make([]wire.OperationFacts, 0, len(v.Operations)),
	}
	for i := range v.Operations {
		f.Operations = append(f.Operations, operationFacts(p, &v.Operations[i], sum))
	}
	return f
}

func operationFacts(p *payout.Payment, o *payout.Operation, sum wire.Sum) wire.OperationFacts {
	code := o.Code
	if o.Status == payout.Processing && code == payout.CodeSuccess {
		code = payout.CodeAwaiting // nothing has come of it yet
	}
	var fee *wire.Sum
	if o.Terms.ShowsFee(o.Status) {
		fee = &wire.Sum{Amount: o.Terms.Fee, Currency: o.Terms.Currency}
	}
	return wire.OperationFacts{
		ID: o.ID, Type: o.Type(), Status: string(o.Status), Date: o.UpdatedAt, CreatedDate: o.CreatedAt, RequestID: p.RequestID,
		Initial: sum, Converted: wire.Sum{Amount: o.Amount, Currency: o.Currency}, Fee: fee, Code: code, Message: payout.Message(code),
		ProviderID: o.ReachedProvider(), ProviderPaymentID: o.ProviderPaymentID, AuthCode: o.AuthCode,
	}
}
