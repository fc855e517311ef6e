package store

import (
	"errors"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/rule"
	"flashpay/internal/store/sqldb"
	"flashpay/signature"
)

// Errors that callers act upon.
var (
	ErrQueueFull   = errors.New("store: too many requests are waiting; nothing was stored")
	ErrUnavailable = sqldb.ErrUnavailable
	ErrNotFound    = sqldb.ErrNotFound
	ErrOtherData   = errors.New("store: this payment id belongs to a payment of other content")
	ErrMoved       = errors.New("store: somebody else moved it first")
)

// Unavailable says whether an error of this package, also one that is wrapped, means that the database cannot be used now,
// and not that something is wrong with what was asked for.
func Unavailable(err error) bool { return sqldb.Unavailable(err) }

// NewPayout is a checked request on its way to become a payment. The caller folds nothing and chooses no ids: the
// store does, in the commit.
type NewPayout struct {
	ProjectID   int64
	PaymentID   string
	ContentHash [32]byte // product.md §2 «Repeats»
	Method      string   // path
	MethodTitle string
	Amount      int64
	Currency    string
	Account     string // account.number, in clear: sealed and indexed by the store, kept masked beside it
	AccountMask string
	CustomerID  string
	Description string
	Email       string // customer.email, customer.phone and customer.ip_address: searchable, never stored in clear
	Phone       string
	IP          string
	Options     payout.Options
	Request     []byte           // the body as received: sealed
	Parsed      *signature.Value // what it says, where it was parsed already
	Interface   int              // interface_type: 1 Gate, 5 Dashboard
	Batch       BatchRow         // that it is of; zero: of none
	Actor       string           // who sends it, for the audit log; a user sends alone, see ErrNeedsSecond; empty: nobody, a program did
	Check       rule.Item
	Threshold   time.Duration // how long the platform waits for a final result
	Provider    string        // chosen provider; empty: none is live for this method and mode
	ProviderID  int64
}

// Receipt is what became of a NewPayout.
type Receipt struct {
	RequestID string // the first request's, for a repeat too
	PaymentID string // as the first request spelled it
	Repeat    bool   // the same content had been accepted before; nothing was stored now
}

// View is a payment with its operations, oldest first.
type View struct {
	Payment    payout.Payment
	Operations []payout.Operation
}

// Rejection is a request that was refused although its signature was good; kept for 24 hours (product.md §2).
type Rejection struct {
	RequestID string
	ProjectID int64
	Status    int    // HTTP status of the answer
	Body      []byte // the answer's body
	At        time.Time
}
