package wire

import (
	"strconv"
	"time"

	"flashpay/signature"
)

// maxSigned is how many elements an array in a signed body may have: from the eleventh on the SDKs sort the indexes
// differently (protocol.md §4.2).
const maxSigned = 10

// Sum is an amount in minor units of a currency.
type Sum struct {
	Amount   int64
	Currency string // ISO 4217 alpha-3
}

// PaymentFacts are what a merchant is told about a payment.
type PaymentFacts struct {
	ProjectID   int64
	PaymentID   string // spelled as the merchant sent it
	Type        string // "payout"
	Status      string // protocol.md §6.1
	Date        time.Time
	MethodTitle string // such as "Bank transfer Kyrgyzstan"
	Amount      int64  // as requested, in minor units
	Currency    string // as requested, ISO 4217 alpha-3
	Description string // may be empty
	AccountMask string // made by Mask: the number itself never comes here
	CustomerID  string
}

// OperationFacts are what a merchant is told about one operation.
type OperationFacts struct {
	ID                int64 // below 2^53, or some SDKs cannot verify the body
	Type              string
	Status            string // protocol.md §6.2
	Date              time.Time
	CreatedDate       time.Time
	RequestID         string
	Initial           Sum  // before conversion
	Converted         Sum  // after it, in the provider's currency
	Fee               *Sum // what the project was charged; nil: it is not told
	Code              int  // of the registry; a string on the wire
	Message           string
	ProviderID        int64  // 0 when no provider was reached
	ProviderPaymentID string // may be empty
	AuthCode          string // may be empty
}

// CallbackFacts are the facts of one callback.
type CallbackFacts struct {
	Payment   PaymentFacts
	Operation OperationFacts
	Decision  string      // remark of the risk check; empty: none, which the wire shows as "T"
	Errors    []ErrorItem // the first ten are shown
}

// Callback builds the body of a callback, to be signed: every member of the seed's samples, in their order, and errors
// where there are any (protocol.md §5.4, product.md §5). The same facts make the same body.
func Callback(f *CallbackFacts) *signature.Value {
	decision := f.Decision
	if decision == "" {
		decision = "T"
	}
	members := append(paymentMembers(&f.Payment),
		object("decision", text("message", decision)),
		signature.Field("operation", operation(&f.Operation)),
	)
	v := signature.Obj(withErrors(members, f.Errors)...)
	return &v
}

// StatusFacts are the facts of an answer to a status request.
type StatusFacts struct {
	Payment    PaymentFacts
	Operations []OperationFacts // oldest first; of more than ten the newest ten are shown
	Errors     []ErrorItem      // the first ten are shown
}

// Status builds the answer about a payment, to be signed (protocol.md §7.1).
func Status(f *StatusFacts) *signature.Value {
	newest := f.Operations[max(0, len(f.Operations)-maxSigned):]
	items := make([]signature.Value, 0, len(newest))
	for i := range newest {
		items = append(items, operation(&newest[i]))
	}
	members := append(paymentMembers(&f.Payment), signature.Field("operations", signature.Arr(items...)))
	v := signature.Obj(withErrors(members, f.Errors)...)
	return &v
}

// StatusError builds the answer to a status request that found no payment, to be signed (protocol.md §7.2): payment
// unknown (3061), its data not there yet (3062), or, asked by request id, the errors of a refused request.
// paymentID is left out where it is empty.
func StatusError(projectID int64, paymentID string, errs []ErrorItem) *signature.Value {
	var payment []signature.Member
	if paymentID != "" {
		payment = append(payment, text("id", paymentID))
	}
	v := signature.Obj(withErrors([]signature.Member{
		number("project_id", projectID),
		object("payment", append(payment, text("status", "error"))...),
		signature.Field("operations", signature.Arr()),
	}, errs)...)
	return &v
}

// paymentMembers are the members that callbacks and status answers begin with.
func paymentMembers(p *PaymentFacts) []signature.Member {
	members := make([]signature.Member, 0, 8) // with room for the rest and the signature
	return append(members,
		number("project_id", p.ProjectID),
		object(
			"payment",
			text("id", p.PaymentID),
			text("type", p.Type),
			text("status", p.Status),
			text("date", Date(p.Date)),
			text("method", p.MethodTitle),
			sum("sum", Sum{p.Amount, p.Currency}),
			text("description", p.Description),
		),
		object("account", text("number", p.AccountMask)),
		object("customer", text("id", p.CustomerID)),
	)
}

func operation(o *OperationFacts) signature.Value {
	members := []signature.Member{
		number("id", o.ID),
		text("type", o.Type),
		text("status", o.Status),
		text("date", Date(o.Date)),
		text("created_date", Date(o.CreatedDate)),
		text("request_id", o.RequestID),
		sum("sum_initial", o.Initial),
		sum("sum_converted", o.Converted),
		text("code", strconv.Itoa(o.Code)),
		text("message", o.Message),
		object(
			"provider",
			number("id", o.ProviderID),
			text("payment_id", o.ProviderPaymentID),
			text("auth_code", o.AuthCode),
		),
	}
	if o.Fee != nil {
		members = append(members, sum("operation_fee", *o.Fee))
	}
	return signature.Obj(members...)
}

func withErrors(members []signature.Member, errs []ErrorItem) []signature.Member {
	if len(errs) == 0 {
		return members
	}
	shown := errs[:min(len(errs), maxSigned)]
	items := make([]signature.Value, 0, len(shown))
	for i := range shown {
		items = append(items, shown[i].value(text))
	}
	return append(members, signature.Field("errors", signature.Arr(items...)))
}

func object(name string, members ...signature.Member) signature.Member {
	return signature.Field(name, signature.Obj(members...))
}

func sum(name string, s Sum) signature.Member {
	return object(name, number("amount", s.Amount), text("currency", s.Currency))
}
