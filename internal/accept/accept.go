// Package accept is the only way in for payouts, whether they come from Gate, a file or Dashboard. It validates a request against
// the field table and its method, and hands the store a payout that is ready to be accepted. Checks that need the project's
// settings and funds belong to the store's consistency check (package rule; product.md §2).
package accept

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/store"
	"flashpay/signature"
)

// Endpoint is the endpoint that the content hash of every payout names, wherever it enters: a row of a file and the same
// request through Gate have the same content.
const Endpoint = "/v2/payment/{group}/{payment_method}/payout"

// Interface types (interface_type of the platform).
const (
	InterfaceGate      = 1
	InterfaceDashboard = 5
)

// Acceptor makes a payout durable before it returns. Its errors are those of store.Store.Accept: store.ErrOtherData where the
// payment id exists with other content, store.ErrQueueFull where nothing was stored, store.ErrUnavailable where it is not known
// whether something was.
type Acceptor interface {
	Accept(ctx context.Context, p *store.NewPayout) (store.Receipt, error)
}

// AllAcceptor is an Acceptor that takes many payouts at once, which nobody waits for one by one: it returns a receipt and an
// error for each.
type AllAcceptor interface {
	AcceptAll(ctx context.Context, payouts []*store.NewPayout) ([]store.Receipt, []error)
}

// Service accepts payout requests. Its fields must not change once it is in use; it is then safe for use by many goroutines.
type Service struct {
	Acceptor Acceptor
	// Route chooses the provider for a project's mode and a method; ok is false where none is live.
	Route func(p *merchant.Project, m *method.Method) (name string, id int64, ok bool)
	// Rates returns the exchange rates that Precheck uses; nil: there are none.
	Rates func() *rates.Book
	// Banks maps the first three digits of an account to a bank, for the account doctor; nil: no bank is known.
	Banks account.Banks
}

// In is a payout request whose sender has been authenticated: by the signature where it came through Gate. Requests that enter
// otherwise are not signed and have the same members apart from that.
type In struct {
	Project   *merchant.Project
	Method    *method.Method // nil: unknown
	Tree      *signature.Value
	Form      *signature.Form // of Tree
	Body      []byte          // the request as received, to be sealed
	Interface int             // InterfaceGate or InterfaceDashboard
	Actor     string          // the person who sends it, for the audit log; empty: a program does
	Batch     store.BatchRow  // the row of a mass batch that it is; zero: it is none
	Report    *Report         // what Payout.Check found in Tree and CheckLines in Form; nil: not checked yet
}

// Refusal says why a request did not become a payment. Nothing was stored. Gate answers it with HTTP status 422 for code 2003,
// and 400 for all others.
type Refusal struct {
	Code   int // of the whole answer
	Faults []Fault
}

// Error names the code and the fields at fault. It contains no value of the request.
func (r *Refusal) Error() string {
	words := make([]string, 0, len(r.Faults))
	for i := range r.Faults {
		words = append(words, r.Faults[i].Description)
	}
	return strings.TrimSpace(fmt.Sprintf("refused with %d (%s) %s", r.Code, payout.Message(r.Code), strings.Join(words, "; ")))
}

// Payout validates a request and makes it durable. The error is a *Refusal (in this order: structure 2003, all field faults
// together, method 2541, payment id with other content 3041), or the Acceptor's. The same request again gets the first receipt.
func (s *Service) Payout(ctx context.Context, in In) (store.Receipt, error) {
	p, refusal := s.Prepare(in)
	if refusal != nil {
		return store.Receipt{}, refusal
	}
	receipt, err := s.Acceptor.Accept(ctx, p)
	return receipt, told(err)
}

// Prepare validates a request as Payout does, and makes of it what PayoutAll takes.
func (s *Service) Prepare(in In) (*store.NewPayout, *Refusal) {
	if refusal := Validate(&in); refusal != nil {
		return nil, refusal
	}
	return s.newPayout(&in), nil
}

// PayoutAll makes many payouts durable that Prepare has found good. For each it returns what Payout does.
func (s *Service) PayoutAll(ctx context.Context, payouts []*store.NewPayout) (receipts []store.Receipt, errs []error) {
	if a, ok := s.Acceptor.(AllAcceptor); ok {
		receipts, errs = a.AcceptAll(ctx, payouts)
	} else {
		receipts, errs = make([]store.Receipt, len(payouts)), make([]error, len(payouts))
		for i, p := range payouts {
			receipts[i], errs[i] = s.Acceptor.Accept(ctx, p)
		}
	}
	for i := range errs {
		errs[i] = told(errs[i])
	}
	return receipts, errs
}

// told is an Acceptor's error as callers are told it: a *Refusal where the payment id has other content.
func told(err error) error {
	if errors.Is(err, store.ErrOtherData) {
		return otherData()
	}
	return err
}

func textAt(v *signature.Value, path ...string) string {
	if v = v.Get(path...); v == nil {
		return ""
	}
	return v.Text // empty for null
}

// integerAt reads an integer that the table has checked; 0 where there is none.
func integerAt(v *signature.Value, path ...string) int64 {
	n, _ := strconv.ParseInt(textAt(v, path...), 10, 64)
	return n
}
