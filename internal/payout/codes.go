package payout

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

// Codes of the registry that the platform itself gives; the registry (codes.csv) has them all.
const (
	CodeSuccess            = 0
	CodeAccessDenied       = 303
	CodeConvertedAbove     = 309
	CodeNotAllowed         = 310
	CodeInternal           = 501
	CodeAutoDecline        = 603
	CodeMalformed          = 702
	CodeInvalidJSON        = 2003
	CodeRequired           = 2004
	CodeCustomerID         = 2124
	CodeProjectNotFound    = 2442
	CodeUnknownMethod      = 2541
	CodeAboveLimit         = 2642
	CodeCurrencyDisabled   = 3023
	CodePaymentID          = 3024
	CodeInsufficientFunds  = 3028
	CodePaymentIDExists    = 3041
	CodeNotFound           = 3061
	CodeInvalidAmount      = 3104
	CodeNoRate             = 3119
	CodeCurrency           = 3121
	CodeAccountRequired    = 3242
	CodeSignature          = 3261
	CodeSignatureMissing   = 3262
	CodeConvertedBelowUnit = 3281
	CodeAmountRequired     = 3286
	CodeCurrencyRequired   = 3287
	CodeNoPayoutMethod     = 3293
	CodeMerchantBlocked    = 3299
	CodeBelowLimit         = 3358
	CodeGeneralDecline     = 20000
	CodeAccountData        = 20102
	CodeProviderOutOfFunds = 20504
	CodeAwaiting           = 29999
)

// Code is one entry of the registry.
type Code struct {
	Code    int
	Message string // exact, as on the wire
	Action  string // what the registry recommends: none, correct, resend, resend_later, support, wait …
}

//go:embed codes.csv
var codesCSV string

var registry = mustReadRegistry(codesCSV)

// LookUp returns the registry's entry for code.
func LookUp(code int) (Code, bool) {
	c, ok := registry[code]
	return c, ok
}

// Message returns the registry's text for code; a code that is not in the registry reads «General decline».
func Message(code int) string {
	if c, ok := registry[code]; ok {
		return c.Message
	}
	return registry[CodeGeneralDecline].Message
}

func mustReadRegistry(text string) map[int]Code {
	codes, err := readRegistry(text)
	if err != nil {
		panic("payout: embedded codes.csv: " + err.Error())
	}
	return codes
}

func readRegistry(text string) (map[int]Code, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	codes := make(map[int]Code, len(rows))
	for i, row := range rows[1:] {
		n, err := strconv.Atoi(row[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: code %q is not a number", i+2, row[0])
		}
		if _, twice := codes[n]; twice {
			return nil, fmt.Errorf("line %d: code %d stands twice", i+2, n)
		}
		codes[n] = Code{Code: n, Message: row[1], Action: row[2]}
	}
	return codes, nil
}
