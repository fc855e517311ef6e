package demo

import (
	"time"

	"flashpay/client"
)

// Kinds of records, in the order of a payout's way.
const (
	kindRequest  = "request"  // a request, about to be sent
	kindAnswer   = "answer"   // what came of it
	kindCallback = "callback" // one that verified
	kindAgain    = "again"    // one that is known already
	kindRefused  = "refused"  // one that did not verify
	kindStatus   = "status"   // a status query and its answer
)

// record is a line of the journal. Which members it has depends on its kind.
type record struct {
	Kind      string    `json:"kind"`
	At        time.Time `json:"at"`
	PaymentID string    `json:"payment_id,omitempty"`
	Batch     string    `json:"batch,omitempty"` // of requests that were sent at once
	Request   *request  `json:"request,omitempty"`
	Answer    *answer   `json:"answer,omitempty"`
	Fact      *fact     `json:"fact,omitempty"`
	Order     string    `json:"order,omitempty"` // in which a callback's signature fitted
	Body      string    `json:"body,omitempty"`
	Error     string    `json:"error,omitempty"`
}

// Why a request is sent.
const (
	whyFirst     = "first"
	whyRepeat    = "repeat"    // the same bytes again
	whyCorrected = "corrected" // its predecessor was refused, so the id is free
	whyChanged   = "changed"   // other content under a used id, to be refused
)

// request is what was asked for, and the signed bytes that ask for it.
type request struct {
	Why           string `json:"why"`
	Amount        int64  `json:"amount"` // minor units
	Account       string `json:"account"`
	Name          string `json:"name,omitempty"`
	Description   string `json:"description,omitempty"`
	Path          string `json:"path"`
	Body          string `json:"body"`
	SigningString string `json:"signing_string"`
	Signature     string `json:"signature"`
}

// sameAs reports whether two requests ask for the same.
func (r *request) sameAs(o *request) bool {
	return r.Amount == o.Amount && r.Account == o.Account && r.Name == o.Name && r.Description == o.Description
}

// Outcomes of a request.
const (
	outcomeAccepted = "accepted"
	outcomeRefused  = "refused" // nothing was created by it
	outcomeUnknown  = "unknown" // it may have been accepted
	outcomeUnsent   = "unsent"  // Gate was not reached: nothing was created by it
)

// answer is what came of a request: every attempt, and what they come to.
type answer struct {
	Outcome   string              `json:"outcome"`
	RequestID string              `json:"request_id,omitempty"`
	Code      string              `json:"code,omitempty"`
	Message   string              `json:"message,omitempty"`
	Fields    []client.FieldError `json:"fields,omitempty"`
	Attempts  []attempt           `json:"attempts,omitempty"`
}

// attempt is one sending of a request and what came back.
type attempt struct {
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took"`
	Status int           `json:"status,omitempty"` // HTTP; 0: no answer
	Body   string        `json:"body,omitempty"`
	Error  string        `json:"error,omitempty"`
}

// fact is what the platform has said about a payment, verified.
type fact struct {
	Status   client.Status `json:"status"`
	Date     time.Time     `json:"date"` // of the last change, by the platform's clock, whole seconds
	Code     string        `json:"code,omitempty"`
	Message  string        `json:"message,omitempty"`
	Amount   int64         `json:"amount"` // minor units
	Currency string        `json:"currency,omitempty"`
	Account  string        `json:"account,omitempty"` // masked
}

func factOf(p *client.Payment, op *client.Operation) *fact {
	f := &fact{
		Status: p.Status, Date: p.Date, Amount: p.Sum.Amount, Currency: p.Sum.Currency, Account: p.AccountNumber,
	}
	if op != nil {
		f.Code, f.Message = op.Code, op.Message
	}
	return f
}

// outranks reports whether a fact says more than what is known. Callbacks may
// come late and out of order, and dates have whole seconds, so the end of the
// way counts more than its beginning.
func (f *fact) outranks(known *fact) bool {
	if known == nil {
		return true
	}
	if f.rank() != known.rank() {
		return f.rank() > known.rank()
	}
	return !f.Date.Before(known.Date)
}

func (f *fact) rank() int {
	switch f.Status {
	case client.StatusReversed:
		return 2
	case client.StatusSuccess, client.StatusDecline:
		return 1
	}
	return 0
}
