// Package accept is the one way in for payouts, from Gate, mass payouts and Dashboard alike: it checks a request
// against the field table and its method, and hands the store a payout that is ready to be accepted. What needs the
// project's settings and funds is not its question; the store's consistency check asks that (product.md §2).
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

// Endpoint is what the content hash knows the payout request as, wherever it enters: a row of a file and the same
// request through Gate are one content.
const Endpoint = "/v2/payment/{group}/{payment_method}/payout"

// Interface types (interface_type of the platform).
const (
	InterfaceGate      = 1
	InterfaceDashboard = 5
)

// Acceptor makes a payout durable. It returns store.ErrOtherData where the payment id has other content, and
// store.ErrQueueFull or store.ErrUnavailable where nothing can be said.
type Acceptor interface {
	Accept(ctx context.Context, p *store.NewPayout) (store.Receipt, error)
}

// Service takes payout requests. Its fields are set once and then only read.
type Service struct {
	Acceptor Acceptor
	// Route chooses the provider for a project's mode and a method; ok is false where none is live.
	Route func(p *merchant.Project, m *method.Method) (name string, id int64, ok bool)
	// Rates are what Foresee converts by; nil: there are none.
	Rates func() *rates.Book
	// Banks names banks by the first three digits of an account, for the account doctor; nil knows none.
	Banks account.Banks
}

// In is a payout request whose sender is known: for Gate, its signature was verified. The other ways in ask for no
// signature; their requests have the same members otherwise.
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

// Refusal is why a request did not become a payment: nothing was stored. The HTTP status is 422 for code 2003,
// else 400.
type Refusal struct {
	Code   int // of the whole answer
	Faults []Fault
}

// Error says the code and what is wrong with which field; no value of the request is in it.
func (r *Refusal) Error() string {
	words := make([]string, 0, len(r.Faults))
	for i := range r.Faults {
		words = append(words, r.Faults[i].Description)
	}
	return strings.TrimSpace(fmt.Sprintf("refused with %d (%s) %s", r.Code, payout.Message(r.Code), strings.Join(words, "; ")))
}

// Payout checks a request and makes it durable. The error is a *Refusal (structure 2003, field faults together, method
// 2541, other content 3041, in this order), or the Acceptor's.
func (s *Service) Payout(ctx context.Context, in In) (store.Receipt, error) {
	if refusal := Examine(&in); refusal != nil {
		return store.Receipt{}, refusal
	}
	receipt, err := s.Acceptor.Accept(ctx, s.newPayout(&in))
	if errors.Is(err, store.ErrOtherData) {
		return receipt, otherData()
	}
	return receipt, err
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
