package manual

import (
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"

	"flashpay/internal/accept"
	"flashpay/internal/method"
	"flashpay/signature"
)

// Paths of the fields that every payout has.
const (
	PaymentID   = accept.PathPaymentID
	Amount      = accept.PathAmount
	Currency    = accept.PathCurrency
	Description = accept.PathDescription
	CustomerID  = accept.PathCustomerID
	CustomerIP  = accept.PathCustomerIP
	Account     = accept.PathAccount
)

// inputFault says what is wrong with a value that was typed; ok is true where nothing is.
func inputFault(f *accept.Input, value string) (fault Fault, ok bool) {
	n := utf8.RuneCountInString(value)
	switch {
	case value == "" && f.Required:
		return newFault(f.Path, "required"), false
	case value == "":
		return Fault{}, true
	case f.Kind == accept.ChoiceInput && !slices.Contains(f.Values, value), f.Kind == accept.BankInput && !hasBank(f.Banks, value):
		return newFault(f.Path, "choice"), false
	case f.Kind == accept.BooleanInput && value != "true" && value != "false":
		return newFault(f.Path, "choice"), false
	case f.Kind == accept.IntegerInput && !accept.IsInteger(value):
		return newFault(f.Path, "integer"), false
	case f.MaxLength > 0 && n > f.MaxLength:
		return newFault(f.Path, "length", "max", f.MaxLength, "length", n), false
	case n < f.MinLength:
		return newFault(f.Path, "short", "min", f.MinLength), false
	}
	if pattern, found := f.FailedPattern(value); found {
		shape := ShapeOf(pattern)
		return newFault(f.Path, "shape_"+shape.Word, shape.Args...), false
	}
	if signature.Unambiguous(value) != value {
		return newFault(f.Path, "semicolon"), false
	}
	return Fault{}, true
}

func hasBank(banks []method.Bank, value string) bool {
	return slices.ContainsFunc(banks, func(b method.Bank) bool { return strconv.FormatInt(b.ID, 10) == value })
}

// Shape is a pattern as people read it: a word and what stands in it.
type Shape struct {
	Word string // "digits", "digits_range", "letters_digits", "date", or "pattern" for all others
	Args []any  // name, value pairs
}

var (
	digitsForm = regexp.MustCompile(`^\^\[0-9\]\{(\d+)(?:,(\d+))?\}\$$`)
	alnumForm  = regexp.MustCompile(`^\^\[0-9A-Za-z\]\{\d+,(\d+)\}\$$`)
)

// ShapeOf reads the patterns that payout methods mostly have.
func ShapeOf(pattern string) Shape {
	if m := digitsForm.FindStringSubmatch(pattern); m != nil {
		if m[2] == "" {
			return Shape{"digits", []any{"count", number(m[1])}}
		}
		return Shape{"digits_range", []any{"min", number(m[1]), "max", number(m[2])}}
	}
	if m := alnumForm.FindStringSubmatch(pattern); m != nil {
		return Shape{"letters_digits", []any{"max", number(m[1])}}
	}
	if pattern == `^\d{2}-\d{2}-\d{4}$` {
		return Shape{Word: "date"}
	}
	return Shape{"pattern", []any{"pattern", pattern}}
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits) // the form has digits there only
	return n
}

// Shapes are the shapes of all patterns of an input, for a hint beside it.
func Shapes(in *accept.Input) []Shape {
	var all []Shape
	for _, p := range in.Patterns {
		all = append(all, ShapeOf(p))
	}
	return all
}

// Describe says in English what a field holds, as the field table does; empty: the table does not know the field.
func Describe(path string) string { return rowOf(path).Description }

func rowOf(path string) accept.Row {
	row, _ := accept.Payout.Row(path)
	return row
}

// BankName names a bank of the method's list by its id; the id itself where the list does not have it.
func BankName(m *method.Method, id string) string {
	n, err := strconv.ParseInt(id, 10, 64)
	if b, ok := m.Bank(n); ok && err == nil {
		return b.Name
	}
	return id
}
