// Package payout holds the central nouns: a payment of type payout, its operations, the one table of moves that
// decides every status, and the registry of response codes.
package payout

import "time"

// Type is the payment type of everything in this product, and the type of the operations that pay.
const Type = "payout"

// TypeReversal is the type of the operation that a return by the bank adds: the money came back after a success.
const TypeReversal = "payout reversal"

// Types lists the types of operations.
var Types = []string{Type, TypeReversal}

// Payment is one payout as the merchant knows it: (project, payment id), compared case-insensitively.
type Payment struct {
	ID          int64  // the platform's own, never on the wire
	ProjectID   int64  //
	PaymentID   string // the merchant's, spelled as sent
	PaymentKey  string // PaymentID folded by Fold: unique in the project
	RequestID   string // the first request's
	ContentHash [32]byte
	Status      Status
	Method      string // method path, such as "bank-transfer/kyrgyzstan"
	MethodTitle string // as it stood at acceptance
	Amount      int64  // minor units
	Currency    string
	Description string
	AccountMask string // the account number as callbacks show it
	CustomerID  string
	Interface   int // interface_type: 1 Gate, 5 Dashboard
	Options     Options
	CreatedAt   time.Time
	UpdatedAt   time.Time // last change of the status
	Events      int       // callbacks' events made so far
	Head        Head      // of the journal's hash chain
}

// Head is the end of a payment's journal: how many lines it has, and the hash of the last.
type Head struct {
	Seq  int64
	Hash [32]byte
}

// Options are the members of a request that change how its payment is handled.
type Options struct {
	CallbackURL        string        `json:"callback_url,omitempty"`         // general.merchant_callback_url
	SuccessCallbackURL string        `json:"success_callback_url,omitempty"` // general.merchant_success_callback_url
	DeclineCallbackURL string        `json:"decline_callback_url,omitempty"` // general.merchant_decline_callback_url
	CallbackDelay      time.Duration `json:"callback_delay,omitempty"`       // callback.delay
	CallbacksDisabled  bool          `json:"callbacks_disabled,omitempty"`   // callback.force_disable
	BestBefore         time.Time     `json:"best_before,omitzero"`           // payment.best_before
	AccountRemark      string        `json:"account_remark,omitempty"`       // what the account doctor said under policy warn
}

// Operation is one transfer to the customer on behalf of a payment, or its reversal.
type Operation struct {
	ID                int64
	ProjectID         int64
	Payment           int64 // Payment.ID
	Number            int   // 1 for the first of its payment
	Stage             Stage
	Status            Status // as the wire shows it
	Provider          string // provider's name; empty when none was chosen
	ProviderID        int64  // of the chosen provider; the wire shows ReachedProvider
	Key               string // towards the provider, for life
	ProviderPaymentID string
	AuthCode          string
	Amount            int64 // minor units, as the provider is asked to pay
	Currency          string
	Terms             *Terms // what it costs the project; nil: its own sum, of a balance in its currency
	Code              int    // of the registry
	Submits           int    // how often it was handed to the provider
	Inquiries         int    // since the last submit
	CreatedAt         time.Time
	UpdatedAt         time.Time
	SubmitDeadline    time.Time // of the last submit: after it nothing of ours can still be on its way
	ThresholdAt       time.Time // from then on the platform waits no longer
	NextAt            time.Time // next step due; zero when there is none
	Version           int64     // rises with each change: the compare-and-set of its steps
}

// Type is the operation's type: only a reversal is ever reversed.
func (o *Operation) Type() string { return TypeOf(o.Status) }

// TypeOf is the type of operations of a status.
func TypeOf(s Status) string {
	if s == Reversed {
		return TypeReversal
	}
	return Type
}

// ReachedProvider is operation.provider.id as the wire shows it: 0 while the operation was never handed to a provider.
func (o *Operation) ReachedProvider() int64 {
	if o.Submits == 0 && o.Status != Reversed { // a return comes from the provider
		return 0
	}
	return o.ProviderID
}
