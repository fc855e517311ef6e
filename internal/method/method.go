// Package method holds payout methods. A method is configuration, not code: one YAML file says what it is called,
// which currencies and sums it takes and what a request must hold. The package ships some files and reads more
// from a directory; adding a sibling of bank-transfer/kyrgyzstan takes one file (product.md §1).
package method

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"flashpay/internal/account"
)

// Method is one payout method. It is shared by all requests: nobody may change it.
type Method struct {
	Path         string         // group and name, such as "bank-transfer/kyrgyzstan": the code in Dashboard and files
	Group        string         // "bank-transfer"
	Name         string         // {payment_method} of the endpoint: "kyrgyzstan"
	Title        string         // payment.method of callbacks: "Bank transfer Kyrgyzstan"
	Country      string         // ISO 3166-1 alpha-2; empty where the method serves several countries
	Enabled      bool           // a disabled method is refused with 2541
	Currencies   []Currency     // at least one; the first is the main currency
	Threshold    time.Duration  // a payout that is not final after this time is declined (603)
	BaseTime     time.Duration  // the usual time to a result; 0 where none is published
	AccountCheck account.Policy // the account doctor's policy for live projects without one of their own
	Rules        []Rule         // what a request must hold, beyond the common field table
	Banks        []Bank         // nil: the method has no bank list; empty: it has one, and nothing is in it yet
	Notes        string         // what a merchant should know, for documentation and forms

	byCurrency map[string]view // Rules as they apply to each currency; "" for a currency that the method lacks
}

// view is what of Method.Rules applies to requests in one currency.
type view struct {
	rules    []*Rule
	required []string
}

// Currency is one currency of a method, with its limits in minor units.
type Currency struct {
	Code string // ISO 4217 alpha-3
	Min  int64  // smallest sum, inclusive, at least 1
	Max  int64  // largest sum, inclusive
	Step int64  // every sum is a multiple of it, at least 1; 100 means whole units where the exponent is 2
}

// AmountFault tells what a method finds wrong with a sum.
type AmountFault uint8

// The faults of a sum; AmountOK is none.
const (
	AmountOK AmountFault = iota
	AmountBelowMin
	AmountAboveMax
	AmountNotAStep
)

// Check compares a sum in minor units with the limits, the minimum first, the step last.
func (c Currency) Check(amount int64) AmountFault {
	switch {
	case amount < c.Min:
		return AmountBelowMin
	case amount > c.Max:
		return AmountAboveMax
	case amount%c.Step != 0:
		return AmountNotAStep
	default:
		return AmountOK
	}
}

// Rule is what a method asks of one field of the request, beyond the common field table.
type Rule struct {
	Path       string   // of the request's field, such as "account.number"
	Required   bool     // the field must be there and not be empty
	MaxLength  int      // in code points; 0 is no limit
	Pattern    string   // RE2, matched against the whole value; empty is no pattern
	Values     []string // the values that are allowed; empty is any
	Currencies []string // the rule holds for requests in these currencies; empty is all

	fits func(string) bool // of Pattern; nil without one
}

// Fault tells what the rule finds wrong with a value, as words that continue «account.number …»: "must have at
// most 34 characters". It is empty where nothing is wrong. Whether the field is there is not its question.
func (r *Rule) Fault(value string) string {
	if r.MaxLength > 0 && utf8.RuneCountInString(value) > r.MaxLength {
		return fmt.Sprintf("must have at most %d characters", r.MaxLength)
	}
	if r.fits != nil && !r.fits(value) {
		return "must match " + r.Pattern
	}
	if len(r.Values) > 0 && !slices.Contains(r.Values, value) {
		return "must be one of " + strings.Join(r.Values, ", ")
	}
	return ""
}

// appliesTo tells whether the rule holds for requests in the currency.
func (r *Rule) appliesTo(currency string) bool {
	return len(r.Currencies) == 0 || slices.Contains(r.Currencies, currency)
}

// Bank is one bank of a method's bank list, as the bank list answer shows it (protocol.md §2.5).
type Bank struct {
	ID            int64    // account.bank_id of requests, at least 1
	Abbr          string   // short name
	Name          string   // in English
	NativeName    string   // in the country's language; may be empty
	Min, Max      int64    // limits of one payout in minor units of LimitCurrency, at most 10^9
	LimitCurrency string   // ISO 4217 alpha-3
	Currencies    []string // what the bank takes, ISO 4217 alpha-3
}

// MainCurrency is the currency that a payout is converted to where the project allows conversion: the first one.
func (m *Method) MainCurrency() string { return m.Currencies[0].Code }

// Currency finds the limits of one of the method's currencies; ok is false where the method lacks it.
func (m *Method) Currency(code string) (c Currency, ok bool) {
	for _, c := range m.Currencies {
		if c.Code == code {
			return c, true
		}
	}
	return Currency{}, false
}

// Required lists the paths, in the file's order, that a request in the currency must hold beyond those that the
// common field table requires of every payout. Where the method lacks the currency, it lists what every currency
// needs. The slice is shared: callers only read it.
func (m *Method) Required(currency string) []string { return m.viewOf(currency).required }

// RulesFor lists the rules for requests in the currency, in the file's order; where the method lacks the currency,
// those that hold for every currency. The slice is shared: callers only read it.
func (m *Method) RulesFor(currency string) []*Rule { return m.viewOf(currency).rules }

func (m *Method) viewOf(currency string) view {
	if v, ok := m.byCurrency[currency]; ok {
		return v
	}
	return m.byCurrency[""]
}

// HasBankList tells whether merchants choose a bank by account.bank_id.
func (m *Method) HasBankList() bool { return m.Banks != nil }

// Bank finds a bank of the method's list by its id.
func (m *Method) Bank(id int64) (b Bank, ok bool) {
	for _, b := range m.Banks {
		if b.ID == id {
			return b, true
		}
	}
	return Bank{}, false
}

// prepare compiles the patterns and sorts the rules by currency; nothing is compiled while requests run.
func (m *Method) prepare() {
	m.byCurrency = make(map[string]view)
	for i := range m.Rules {
		if r := &m.Rules[i]; r.Pattern != "" {
			r.fits, _ = CompilePattern(r.Pattern) // the file's checks have tried it
		}
	}
	m.byCurrency[""] = m.buildView("")
	for _, c := range m.Currencies {
		m.byCurrency[c.Code] = m.buildView(c.Code)
	}
}

func (m *Method) buildView(currency string) view {
	var v view
	for i := range m.Rules {
		r := &m.Rules[i]
		if !r.appliesTo(currency) {
			continue
		}
		v.rules = append(v.rules, r)
		if r.Required && !slices.Contains(v.required, r.Path) {
			v.required = append(v.required, r.Path)
		}
	}
	return v
}

// anchored makes a pattern match whole values only, whatever it says itself.
func anchored(pattern string) string { return `\A(?:` + pattern + `)\z` }
