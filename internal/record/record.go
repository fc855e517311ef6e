// Package record holds what is known of an operation, of a movement of a balance, of a row of a mass payout and of a callback, and
// the tables of columns that reports, the Data API and lists show of them: each column's name, its type on the wire and how it is taken
// from a record. The columns of operations are those of data-api-columns.csv.
package record

import (
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/payout"
)

// Project is what records say of their project. Records share it.
type Project struct {
	ID           int64
	Name         string
	MerchantID   int64
	MerchantName string
}

// Operation is what is known of an operation and of its payment at one moment.
type Operation struct {
	Project *Project

	Payment          int64 // payout.Payment.ID
	PaymentID        string
	PaymentKey       string // PaymentID folded; with Request only
	RequestID        string
	PaymentStatus    payout.Status
	Method           string // path
	MethodTitle      string
	Amount           int64 // minor units, as requested
	Currency         string
	Description      string
	AccountMask      string
	CustomerID       string
	Interface        int // interface_type: 1 Gate, 5 Dashboard
	PaymentCreatedAt time.Time
	PaymentUpdatedAt time.Time // last change of the payment's status

	ID                int64
	Number            int // 1 for the first of its payment
	Status            payout.Status
	ConvertedAmount   int64 // minor units, as the provider is asked to pay
	ConvertedCurrency string
	Code              int  // of the registry
	Reached           bool // its result is a provider's: false while there is none, and where it was never handed to one
	ProviderPaymentID string
	AuthCode          string
	CreatedAt         time.Time
	UpdatedAt         time.Time // last change of the operation's status

	Terms *payout.Terms // with Terms only; nil: the balance in the payment's currency pays, without a fee

	CustomerIP    string // these two stand in the sealed request: empty unless it was asked for (Needs)
	CustomerEmail string
}

// Completed is when the operation got its final status; zero while it has none.
func (o *Operation) Completed() time.Time {
	if !o.Status.Final() {
		return time.Time{}
	}
	return o.UpdatedAt
}

// Movement is a transfer of the ledger: it debits one account of a project and credits another.
type Movement struct {
	ledger.Transfer
	Project   *Project
	PaymentID string // the merchant's; empty where the transfer belongs to no payment
}

// Available is by how much the movement changes what payouts may spend, in minor units.
func (m *Movement) Available() int64 {
	switch {
	case m.Credit == ledger.Available:
		return m.Amount
	case m.Debit == ledger.Available:
		return -m.Amount
	}
	return 0
}

// Callback is an event that a merchant was told of, and where its delivery stands.
type Callback struct {
	Project         *Project
	Number          int64  // without gaps within the project
	Batch           int64  // that it tells the end of: then there is no payment; 0: it is of a payment
	BatchState      string // done or cancelled; empty: it is of a payment
	PaymentID       string // empty, as are the fields below up to Method, where it is of a batch
	Operation       int64
	PaymentStatus   payout.Status
	OperationStatus payout.Status
	Code            int
	Amount          int64 // of the payment, minor units
	Currency        string
	Method          string // path
	At              time.Time
	State           string
	URL             string
	Attempts        int
	LastAt          time.Time // of the newest attempt, as are the fields below; zero: none was made
	HTTPStatus      int       // 0: no answer
	Error           string
}

// BatchRow is a row of a mass payout, and what became of it.
type BatchRow struct {
	Batch       int64
	File        string    // its name
	SentAt      time.Time // when its batch began to be sent
	Line        int64     // of the file, where the row begins
	Project     *Project  // that it counts to: the one that it names, or the batch's where that is none of the merchant's
	ProjectID   int64     // that it names; 0: it names none readably. With Uploaded only, as are the fields below up to Currency
	Method      string    // path
	PaymentID   string
	AccountMask string
	Amount      int64  // minor units
	Currency    string // empty: the row has no readable sum
	Status      string // its payment's, or what the row counts as that made none
	Code        string // of the registry; empty: there is none yet
	Message     string
	Operation   int64     // that it made; 0: none
	At          time.Time // last change of the payment's status; zero: it made none
}
