package accept

import (
	"regexp"
	"slices"
	"strconv"

	"flashpay/internal/method"
	"flashpay/signature"
)

// Paths of the members that every payout has.
const (
	PathProjectID   = "general.project_id"
	PathPaymentID   = "general.payment_id"
	PathAmount      = "payment.amount"
	PathCurrency    = "payment.currency"
	PathDescription = "payment.description"
	PathCustomerID  = "customer.id"
	PathCustomerIP  = "customer.ip_address"
	PathAccount     = "account.number"
)

// InputKind says how an input is filled in.
type InputKind uint8

// The kinds of inputs.
const (
	TextInput    InputKind = iota
	IntegerInput           // digits
	BooleanInput           // "true" or "false"
	ChoiceInput            // one of Values
	BankInput              // one of Banks, by its id
)

// Input is one value that a form or a file asks people for: what the common field table, the method and its currency ask of
// it together.
type Input struct {
	Path      string // of the request's member
	Kind      InputKind
	Required  bool
	MinLength int // in code points; 0: none
	MaxLength int
	Format    string   // of the field table: "email", "ip-address"; empty: none
	Patterns  []string // RE2, each matched against the whole value
	Values    []string
	Banks     []method.Bank

	patterns []*regexp.Regexp
}

// everyPayout lists what every payout is asked for beside project, method and sum, in the order of forms.
var everyPayout = []string{PathAccount, PathCustomerID, PathCustomerIP, PathDescription, PathPaymentID}

// Inputs lists what people are asked for beside project, method, currency and sum: the account first, what the method asks
// for in its own order, then what every payout has.
func Inputs(m *method.Method, currency string) []Input {
	paths := []string{PathAccount}
	for _, r := range m.RulesFor(currency) {
		if !slices.Contains(paths, r.Path) && r.Path != PathAmount && r.Path != PathCurrency {
			paths = append(paths, r.Path)
		}
	}
	for _, p := range everyPayout {
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	var inputs []Input
	for _, p := range paths {
		if in, ok := newInput(p, m, currency); ok {
			inputs = append(inputs, in)
		}
	}
	return inputs
}

// newInput is false for what people cannot fill in: objects and lists.
func newInput(path string, m *method.Method, currency string) (Input, bool) {
	row, _ := Payout.Row(path)
	in := Input{Path: path, Required: row.Required || path == PathAccount}
	var ok bool
	if in.Kind, ok = KindOf(path); !ok {
		return in, false
	}
	in.MinLength, _ = strconv.Atoi(row.MinLength)
	in.MaxLength, _ = strconv.Atoi(row.MaxLength)
	if name, ok := cutFormat(row.Pattern); ok {
		in.Format = name
	} else {
		in.addPattern(row.Pattern)
	}
	for _, r := range m.RulesFor(currency) {
		if r.Path == path {
			in.addRule(r)
		}
	}
	switch {
	case path == "account.bank_id" && len(m.Banks) > 0:
		in.Kind = BankInput
		for _, b := range m.Banks {
			if slices.Contains(b.Currencies, currency) {
				in.Banks = append(in.Banks, b)
			}
		}
	case len(in.Values) > 0:
		in.Kind = ChoiceInput
	}
	return in, true
}

// KindOf says how a member of the field table is filled in, whatever the method; ok is false for objects, lists and what the
// table does not know.
func KindOf(path string) (k InputKind, ok bool) {
	row, _ := Payout.Row(path)
	switch row.Type {
	case "string":
		return TextInput, true
	case "integer":
		return IntegerInput, true
	case "boolean":
		return BooleanInput, true
	}
	return 0, false
}

func cutFormat(pattern string) (string, bool) {
	const mark = "format:"
	if len(pattern) > len(mark) && pattern[:len(mark)] == mark {
		return pattern[len(mark):], true
	}
	return "", false
}

func (in *Input) addRule(r *method.Rule) {
	in.Required = in.Required || r.Required
	if r.MaxLength > 0 && (in.MaxLength == 0 || r.MaxLength < in.MaxLength) {
		in.MaxLength = r.MaxLength
	}
	in.addPattern(r.Pattern)
	if len(r.Values) == 0 {
		return
	}
	if in.Values == nil {
		in.Values = slices.Clone(r.Values)
		return
	}
	in.Values = slices.DeleteFunc(in.Values, func(v string) bool { return !slices.Contains(r.Values, v) })
}

func (in *Input) addPattern(pattern string) {
	if pattern == "" || slices.Contains(in.Patterns, pattern) {
		return
	}
	in.Patterns = append(in.Patterns, pattern)
	in.patterns = append(in.patterns, regexp.MustCompile(`\A(?:`+pattern+`)\z`)) // method files and field table were checked when they were read
}

// FailedPattern returns the first of Patterns that the value does not match; found is false where it matches them all.
func (in *Input) FailedPattern(value string) (pattern string, found bool) {
	for i, p := range in.patterns {
		if !p.MatchString(value) {
			return in.Patterns[i], true
		}
	}
	return "", false
}

// Value converts what a person filled in to the value that a request holds. A text that does not fit the kind stays a string, for
// the field table to refuse.
func (k InputKind) Value(text string) signature.Value {
	switch {
	case (k == IntegerInput || k == BankInput) && IsInteger(text):
		return signature.Value{Kind: signature.Number, Text: plainInteger(text)}
	case k == BooleanInput && (text == "true" || text == "false"):
		return signature.Boolean(text == "true")
	}
	return signature.Str(text)
}

// maxIntegerDigits is the most digits that an integer may have: any number of 18 digits fits an int64.
const maxIntegerDigits = 18

// IsInteger reports whether a text consists of 1 to 18 digits.
func IsInteger(text string) bool { return len(text) <= maxIntegerDigits && isDigits(text) }

// plainInteger drops the zeros at the front, which JSON does not know.
func plainInteger(digits string) string {
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	return digits
}
