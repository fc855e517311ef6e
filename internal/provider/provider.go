// Package provider is the shape of a payout provider: a bank, or whatever else executes transfers.
// It holds no adapter; those live in folders below and declare what they promise through Traits.
package provider

import (
	"context"
	"time"
)

// Provider is one adapter to one bank.
//
// None of its methods may fold «not known» into «declined»: where the answer was lost, timed out or made no
// sense, the outcome is Unknown, and the platform resolves it by inquiry.
type Provider interface {
	// Name is the provider's name in configuration and in the path of its notifications; lower case, never changed.
	Name() string
	// Traits tells what the adapter promises. It answers the same for the life of the process.
	Traits() Traits
	// Submit hands one transfer to the bank. The context carries the submit deadline; past it nothing may be sent.
	Submit(ctx context.Context, t Transfer) Outcome
	// Inquire asks what became of a transfer, by its key. NotSent means that the bank does not know the key.
	Inquire(ctx context.Context, q Query) Outcome
	// ReadNotification verifies and reads what the bank posted to us. An error means that the notification is
	// not the bank's or cannot be read; it is then kept, and never believed.
	ReadNotification(ctx context.Context, n Notification) ([]Report, error)
}

// BulkSubmitter is what a Provider with Traits.TransfersPerCall above 1 is besides: it hands several transfers over in one call.
type BulkSubmitter interface {
	// SubmitBulk hands transfers to the bank, under the rules of Submit for each of them, and tells told the outcome
	// of each by its index, once and as soon as it is known. What one transfer meets is its own: a refusal of one says
	// nothing of the others. A transfer whose answer did not come is Unknown, whatever the others were answered. It
	// returns when all outcomes are told. told is called by one goroutine at a time.
	SubmitBulk(ctx context.Context, transfers []Transfer, told func(i int, o Outcome))
}

// Books is what a Provider is besides whose bank lists what it has taken. The platform asks at its start whether the bank is
// ahead of the database, as it is after a restore.
type Books interface {
	// Newest reads up to n transfers that the bank took last, newest first. An error means that the list is not whole.
	Newest(ctx context.Context, n int) ([]Booked, error)
}

// Booked is a transfer in a bank's books. The bank may have taken it from somebody else: the key tells.
type Booked struct {
	Key       string
	Reference string // as in Transfer
	At        time.Time
}

// Traits are an adapter's declarations.
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

// Transfer is what a provider is asked to execute.
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
	// Details gives sender's and customer's texts as received, by path of the field table, such as "customer.first_name". It reads the
	// request again, so an adapter calls it only where its bank wants them.
	Details func() map[string]string
}

// Query names the transfer that an inquiry asks for.
type Query struct {
	Key       string
	ProjectID int64
	Account   string
}

// Notification is a provider's message to us as it came in.
type Notification struct {
	Header map[string]string // canonical header names, first value of each
	Body   []byte
}

// Report is one thing that a notification says.
type Report struct {
	Key     string
	Outcome Outcome
}

// Kind is the kind of an Outcome: a closed set.
type Kind uint8

// The outcomes. The zero value is Unknown, so that a forgotten outcome is the careful one.
const (
	Unknown   Kind = iota // nobody knows: the answer was lost, late, or made no sense
	Accepted              // the bank has it and has not finished
	Succeeded             // the money has gone
	Declined              // finally refused, with a code
	NotSent               // submit: certainly never reached the bank; inquire: the bank does not know the key
	Returned              // the money came back after a success (notifications and inquiries only)
)

// String names the kind for logs and the journal.
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

// Outcome is what a call or notification told.
type Outcome struct {
	Kind      Kind
	Code      int    // of Declined: a code of the registry (codes.csv)
	Message   string // the bank's own words or reason code, for the journal; no personal data
	PaymentID string // the bank's id of the transfer; may be empty
	AuthCode  string // may be empty
	At        time.Time
	// What the bank says it was asked to pay. Amount 0, or an empty string, means that it did not say.
	// The platform compares them with what it asked; a difference is a discrepancy, never a result.
	Amount   int64
	Currency string
	Account  string
	// Of Returned: the bank's name of the return, and how much came back; empty and 0 where it did not say. A part of the sum
	// is a difference as well.
	ReturnID string
	Returned int64
	// Blameless marks a failure that says nothing about the provider's health, so the breaker does not count it.
	Blameless bool
}
