package gate

import (
	"context"
	"errors"
	"net/http"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/store"
	"flashpay/internal/wire"
)

func servePayout(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	if f := x.authenticate(ctx); f != nil {
		return dst, f
	}
	m, ok := x.gate.Methods.Get("bank-transfer/" + x.param)
	if !ok {
		m = nil
	}
	receipt, err := x.gate.payouts.Payout(ctx, accept.In{
		Project: x.project, Method: m, Tree: x.tree, Form: x.form, Body: x.body, Interface: accept.InterfaceGate, Report: &x.report,
	})
	if err != nil {
		return dst, x.reject(ctx, err)
	}
	x.requestID, x.repeat = receipt.RequestID, receipt.Repeat
	if receipt.Repeat {
		x.paymentID = receipt.PaymentID // as the first request spelled it
	}
	return wire.AppendAccepted(dst, x.requestID, x.projectID, x.paymentID), nil
}

// serveOtherGroup refuses methods that this platform knows of and does not serve, once it knows who asks.
func serveOtherGroup(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	if f := x.authenticate(ctx); f != nil {
		return dst, f
	}
	if len(x.report.Faults) > 0 {
		return dst, x.keep(ctx, fieldFaults(x))
	}
	return dst, x.keep(ctx, unknownMethod(x))
}

// fieldFaults refuses with what the endpoint's own table found.
func fieldFaults(x *exchange) *failure {
	return faulty(http.StatusBadRequest, accept.BodyCode(x.report.Faults), x.report.Faults)
}

// reject turns an error of accept into a failure, and keeps it where the request is to blame.
func (x *exchange) reject(ctx context.Context, err error) *failure {
	f := failed(err)
	var refusal *accept.Refusal
	if !errors.As(err, &refusal) {
		return f
	}
	if len(f.items) == 0 {
		f = unknownMethod(x)
	}
	return x.keep(ctx, f)
}

// keep saves a refusal for status requests. That it cannot be saved does not change the answer: the log says so.
func (x *exchange) keep(ctx context.Context, f *failure) *failure {
	x.requestID = x.gate.Rejections.NewRequestID()
	r := store.Rejection{RequestID: x.requestID, ProjectID: x.projectID, Status: f.status, Body: x.refuse(nil, f), At: time.Now().UTC()}
	x.saveErr = x.gate.Rejections.SaveRejection(ctx, r)
	return f
}
