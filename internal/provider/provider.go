// Package provider defines what a payout provider is: a bank, or anything else that executes transfers. Adapters live in packages
// below this one and declare their guarantees through Traits.
package provider

import (
	"context"
	"time"
)

// Provider is an adapter to one bank.
//
// No method may report «declined» where the result is not known. Where the answer was lost, timed out or made no sense, the
// outcome is Unknown, and the platform resolves it by inquiry.
type Provider interface {
	// Name returns the provider's name in the configuration and in the path of its notifications. It is in lower case and never
	// changes.
	Name() string
	// Traits returns the adapter's guarantees. They stay the same for the life of the process.
	Traits() Traits
	// Submit hands one transfer to the bank. The context carries the submit deadline, after which nothing may be sent any more.
	Submit(ctx context.Context, t Transfer) Outcome
	// Inquire asks the bank for the result of a transfer by its key. NotSent means that the bank does not know the key.
	Inquire(ctx context.Context, q Query) Outcome
	// ReadNotification verifies and parses what the bank posted. An error means that the notification is not the bank's or cannot
	// be parsed; it is then kept, and never acted upon.
	ReadNotification(ctx context.Context, n Notification) ([]Report, error)
}

// BulkSubmitter is implemented by a Provider whose Traits.TransfersPerCall is above 1: it hands several transfers over in one
// call.
type BulkSubmitter interface {
	// SubmitBulk hands transfers to the bank; the rules of Submit hold for each of them. It calls told with the outcome of each
	// transfer exactly once, by its index and as soon as it is known, from one goroutine at a time, and returns when all outcomes
	// are told. Outcomes are independent: a refusal of one transfer says nothing about the others, and a transfer whose answer
	// did not come is Unknown whatever the others were answered.
	SubmitBulk(ctx context.Context, transfers []Transfer, told func(i int, o Outcome))
}

// Books is implemented by a Provider whose bank lists the transfers that it has accepted. At its start the platform uses it to
// find out whether the bank is ahead of the database, as it is after a restore.
type Books interface {
	// Newest returns the n transfers that the bank accepted last, or all where there are fewer, newest first. An error means that
	// the list is incomplete.
	Newest(ctx context.Context, n int) ([]Booked, error)
}

// Booked is a transfer in a bank's books. Others may have submitted it: only its key says whether it is ours.
type Booked struct {
	Key       string
	Reference string // as in Transfer
	At        time.Time
}

// Traits are the guarantees and limits that an adapter declares.
type Traits struct {
	ID               int64         // the number shown as operation.provider.id
	Live             bool          // may serve live projects; the sandbox never does
	Idempotent       bool          // submit is idempotent by key: sending a key again never pays again
	SubmitDeadline   time.Duration // the longest that one Submit may take
	InquireDeadline  time.Duration // the longest that one Inquire may take
	SettleTime       time.Duration // after a submit's deadline: until then «key not known» proves nothing
	Concurrency      int           // calls at once
	PerSecond        int           // submits a second; 0 is no limit
	TransfersPerCall int           // transfers that one call may carry (BulkSubmitter); 0 and 1: one
}

// Transfer is a transfer that a provider is asked to execute.
type Transfer struct {
	Key         string // ours, one per operation for life, at most 35 characters of A-Z2-7
	Reference   string // project id "/" merchant's payment id, for people
	ProjectID   int64
	PaymentID   string
	Amount      int64 // minor units
	Currency    string
	Account     string
	Description string
	Threshold   time.Time // when the platform stops waiting for the result
	// Details returns the texts about sender and customer as received, by path of the field table, such as "customer.first_name".
	// It parses the request again, so an adapter calls it only where its bank wants these texts.
	Details func() map[string]string
}

// Query identifies the transfer of an inquiry.
type Query struct {
	Key       string
	ProjectID int64
	Account   string
}

// Notification is a provider's message to the platform as it was received.
type Notification struct {
	Header map[string]string // canonical header names, first value of each
	Body   []byte
}

// Report is what a notification says about one transfer.
type Report struct {
	Key     string
	Outcome Outcome
}

// Kind is the kind of an Outcome. The set is closed.
type Kind uint8

// The kinds. The zero value is Unknown, so that an outcome that was not filled in is the safe one.
const (
	Unknown   Kind = iota // nobody knows: the answer was lost, late, or made no sense
	Accepted              // the bank has it and has not finished
	Succeeded             // the money has gone
	Declined              // finally refused, with a code
	NotSent               // submit: certainly never reached the bank; inquire: the bank does not know the key
	Returned              // the money came back after a success (notifications and inquiries only)
)

// String returns the kind's name for logs and the journal.
func (k Kind) String() string {
	switch k {
	case Accepted:
		return "accepted"
	case Succeeded:
		return "succeeded"
	case Declined:
		return "declined"
	case NotSent:
		return "not sent"
	case Returned:
		return "returned"
	default:
		return "unknown"
	}
}

// Outcome is the result of a call, or what a notification reported.
type Outcome struct {
	Kind      Kind
	Code      int    // of Declined: a code of the registry (codes.csv)
	Message   string // the bank's own words or reason code, for the journal; no personal data
	PaymentID string // the bank's id of the transfer; may be empty
	AuthCode  string // may be empty
	At        time.Time
	// What the bank says that it was asked to pay, in minor units. Amount 0 or an empty string means that it did not say. The
	// platform compares them with its request; a difference is a discrepancy, never a result.
	Amount   int64
	Currency string
	Account  string
	// Of Returned: the bank's id of the return, and how much came back in minor units; empty and 0 where it did not say. Part of
	// the sum is a difference as well.
	ReturnID string
	Returned int64
	// Blameless marks a failure that says nothing about the provider's health, so that the circuit breaker does not count it.
	Blameless bool
}
