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

// Kind says how a field is filled in.
type Kind uint8

// The kinds of fields.
const (
	Text    Kind = iota
	Integer      // digits
	Boolean      // yes or no
	Choice       // one of Values
	Bank         // one of Banks, by its id
)

// Paths of the fields that every payout has.
const (
	PaymentID   = "general.payment_id"
	Amount      = "payment.amount"
	Currency    = "payment.currency"
	Description = "payment.description"
	CustomerID  = "customer.id"
	CustomerIP  = "customer.ip_address"
	Account     = "account.number"
)

// Field is one field of the form: what the common field table, the method and its currency ask of it together.
type Field struct {
	Path      string // of the request's member, and the input's name
	Kind      Kind
	Required  bool
	MinLength int // in code points; 0: none
	MaxLength int
	Format    string   // of the field table: "email", "ip-address"; empty: none
	Patterns  []string // RE2, each matched against the whole value
	Values    []string
	Banks     []method.Bank

	patterns []*regexp.Regexp
}

// common are the fields that every payout has, in the form's order; the sum is asked for with the method.
var common = []string{Account, CustomerID, CustomerIP, Description, PaymentID}

var table = readTable()

func readTable() map[string]accept.Row {
	rows := make(map[string]accept.Row)
	for _, r := range accept.Payout.Rows() {
		rows[r.Path] = r
	}
	return rows
}

// Fields lists what the form asks for beside project, method, currency and sum: the account first, what the method asks
// for in its own order, then what every payout has.
func Fields(m *method.Method, currency string) []Field {
	paths := []string{Account}
	for _, r := range m.RulesFor(currency) {
		if !slices.Contains(paths, r.Path) && r.Path != Amount && r.Path != Currency {
			paths = append(paths, r.Path)
		}
	}
	for _, p := range common {
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	var fields []Field
	for _, p := range paths {
		if f, ok := newField(p, m, currency); ok {
			fields = append(fields, f)
		}
	}
	return fields
}

// newField is false for what a form cannot hold: objects and lists.
func newField(path string, m *method.Method, currency string) (Field, bool) {
	row := table[path]
	f := Field{Path: path, Required: row.Required || path == Account}
	switch row.Type {
	case "string":
	case "integer":
		f.Kind = Integer
	case "boolean":
		f.Kind = Boolean
	default:
		return f, false
	}
	f.MinLength, _ = strconv.Atoi(row.MinLength)
	f.MaxLength, _ = strconv.Atoi(row.MaxLength)
	if name, ok := cutFormat(row.Pattern); ok {
		f.Format = name
	} else {
		f.addPattern(row.Pattern)
	}
	for _, r := range m.RulesFor(currency) {
		if r.Path == path {
			f.addRule(r)
		}
	}
	switch {
	case path == "account.bank_id" && len(m.Banks) > 0:
		f.Kind = Bank
		for _, b := range m.Banks {
			if slices.Contains(b.Currencies, currency) {
				f.Banks = append(f.Banks, b)
			}
		}
	case len(f.Values) > 0:
		f.Kind = Choice
	}
	return f, true
}

func cutFormat(pattern string) (string, bool) {
	const mark = "format:"
	if len(pattern) > len(mark) && pattern[:len(mark)] == mark {
		return pattern[len(mark):], true
	}
	return "", false
}

func (f *Field) addRule(r *method.Rule) {
	f.Required = f.Required || r.Required
	if r.MaxLength > 0 && (f.MaxLength == 0 || r.MaxLength < f.MaxLength) {
		f.MaxLength = r.MaxLength
	}
	f.addPattern(r.Pattern)
	if len(r.Values) == 0 {
		return
	}
	if f.Values == nil {
		f.Values = slices.Clone(r.Values)
		return
	}
	f.Values = slices.DeleteFunc(f.Values, func(v string) bool { return !slices.Contains(r.Values, v) })
}

func (f *Field) addPattern(pattern string) {
	if pattern == "" || slices.Contains(f.Patterns, pattern) {
		return
	}
	f.Patterns = append(f.Patterns, pattern)
	f.patterns = append(f.patterns, regexp.MustCompile(`\A(?:`+pattern+`)\z`)) // method files and field table were checked when they were read
}

// fault says what is wrong with a value that was typed; ok is true where nothing is.
func (f *Field) fault(value string) (fault Fault, ok bool) {
	n := utf8.RuneCountInString(value)
	switch {
	case value == "" && f.Required:
		return newFault(f.Path, "required"), false
	case value == "":
		return Fault{}, true
	case f.Kind == Choice && !slices.Contains(f.Values, value), f.Kind == Bank && !f.hasBank(value):
		return newFault(f.Path, "choice"), false
	case f.Kind == Boolean && value != "true" && value != "false":
		return newFault(f.Path, "choice"), false
	case f.Kind == Integer && !isInteger(value):
		return newFault(f.Path, "integer"), false
	case f.MaxLength > 0 && n > f.MaxLength:
		return newFault(f.Path, "length", "max", f.MaxLength, "length", n), false
	case n < f.MinLength:
		return newFault(f.Path, "short", "min", f.MinLength), false
	}
	for i, p := range f.patterns {
		if !p.MatchString(value) {
			shape := ShapeOf(f.Patterns[i])
			return newFault(f.Path, "shape_"+shape.Word, shape.Args...), false
		}
	}
	if signature.Unambiguous(value) != value {
		return newFault(f.Path, "semicolon"), false
	}
	return Fault{}, true
}

func (f *Field) hasBank(value string) bool {
	return slices.ContainsFunc(f.Banks, func(b method.Bank) bool { return strconv.FormatInt(b.ID, 10) == value })
}

var integerForm = regexp.MustCompile(`^[0-9]{1,18}$`)

func isInteger(s string) bool { return integerForm.MatchString(s) }

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

// Shapes are the shapes of all patterns of the field, for a hint beside it.
func (f *Field) Shapes() []Shape {
	var all []Shape
	for _, p := range f.Patterns {
		all = append(all, ShapeOf(p))
	}
	return all
}

// Describe says in English what a field holds, as the field table does; empty: the table does not know the field.
func Describe(path string) string { return table[path].Description }

// BankName names a bank of the method's list by its id; the id itself where the list does not have it.
func BankName(m *method.Method, id string) string {
	n, err := strconv.ParseInt(id, 10, 64)
	if b, ok := m.Bank(n); ok && err == nil {
		return b.Name
	}
	return id
}
