package accept

import "flashpay/internal/payout"

// fieldCodes are the codes of the registry that errors[] carries for a field.
type fieldCodes struct {
	missing int
	invalid int
	// keepEmpty: an empty text is judged by its length, not as missing. An empty signature has a code of its own,
	// which the signature check gives.
	keepEmpty bool
}

// Codes that only single fields have.
const (
	codeInvalidEmail   = 2426
	codeInvalidBirth   = 2609
	codeInvalidCountry = 2610
	codeBankNotFound   = 2801
	codeBankRequired   = 3244
	codeEmptySignature = payout.CodeSignatureMissing
)

// specific holds the fields with codes of their own; the others have 2004 and 702.
var specific = map[string]fieldCodes{
	"general.payment_id":    {missing: payout.CodeRequired, invalid: payout.CodePaymentID},
	"general.signature":     {missing: codeEmptySignature, invalid: payout.CodeSignature, keepEmpty: true},
	"signature":             {missing: codeEmptySignature, invalid: payout.CodeSignature, keepEmpty: true},
	"customer.id":           {missing: payout.CodeRequired, invalid: payout.CodeCustomerID},
	"customer.email":        {missing: payout.CodeRequired, invalid: codeInvalidEmail},
	"customer.country":      {missing: payout.CodeRequired, invalid: codeInvalidCountry},
	"customer.day_of_birth": {missing: payout.CodeRequired, invalid: codeInvalidBirth},
	"payment.amount":        {missing: payout.CodeAmountRequired, invalid: payout.CodeMalformed},
	"payment.currency":      {missing: payout.CodeCurrencyRequired, invalid: payout.CodeCurrency},
	"account":               {missing: payout.CodeAccountRequired, invalid: payout.CodeMalformed},
	"account.number":        {missing: payout.CodeAccountRequired, invalid: payout.CodeMalformed},
	"account.bank_id":       {missing: codeBankRequired, invalid: payout.CodeMalformed},
}

func codesFor(path string) fieldCodes {
	if c, ok := specific[path]; ok {
		return c
	}
	return fieldCodes{missing: payout.CodeRequired, invalid: payout.CodeMalformed}
}

// Fault is one thing that is wrong with a request.
type Fault struct {
	Field       string // path of the member, such as "account.number"
	Code        int    // of the registry
	Message     string // the registry's
	Description string // what is wrong and what to do; no value of the request is in it
	Missing     bool   // the member is required and not there

	order int
}

// BodyCode is the code of the whole answer to a request with these faults: 2004 where anything required is missing,
// else 3024, 2124 or 3121 where the payment id, customer id or currency is wrong, else 702.
func BodyCode(faults []Fault) int {
	best, rank := payout.CodeMalformed, 4
	for i := range faults {
		code, r := payout.CodeMalformed, 4
		switch {
		case faults[i].Missing:
			code, r = payout.CodeRequired, 0
		case faults[i].Field == "general.payment_id":
			code, r = payout.CodePaymentID, 1
		case faults[i].Field == "customer.id":
			code, r = payout.CodeCustomerID, 2
		case faults[i].Field == "payment.currency":
			code, r = payout.CodeCurrency, 3
		}
		if r < rank {
			best, rank = code, r
		}
	}
	return best
}

func missing(f *field) Fault {
	return Fault{
		Field: f.path, Code: f.codes.missing, Message: payout.Message(f.codes.missing),
		Description: f.path + " is required; it is missing, null or empty", Missing: true, order: f.order,
	}
}

func invalid(f *field, path, words string) Fault {
	return Fault{
		Field: path, Code: f.codes.invalid, Message: payout.Message(f.codes.invalid),
		Description: path + " " + words, order: f.order,
	}
}
