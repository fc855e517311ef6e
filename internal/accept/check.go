package accept

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"flashpay/internal/payout"
	"flashpay/signature"
)

// maxFaults is how many faults are looked for in arrays: more help nobody, and whoever knows a project's number could
// ask for thousands before the request's signature is looked at. Fields outside of arrays have one fault each at most.
const maxFaults = 100

// Report is what a field table finds in a request.
type Report struct {
	// Shape holds the containers that stand where scalars are due, and the reverse: the request is refused with
	// 422 before anything else in it counts.
	Shape []Fault
	// Faults holds everything else, in the table's order.
	Faults []Fault
}

// Check compares a request with the table. An explicit null is an absent member; a required member that is null or
// an empty text is missing, since both are signed alike; members that the table does not know are accepted.
func (t *Table) Check(root *signature.Value) Report {
	var r Report
	r.value(t.root, root, "")
	slices.SortStableFunc(r.Faults, func(a, b Fault) int { return a.order - b.order })
	slices.SortStableFunc(r.Shape, func(a, b Fault) int { return a.order - b.order })
	return r
}

// value checks v, which stands at path; the path is empty wherever it is the field's own.
func (r *Report) value(f *field, v *signature.Value, path string) {
	switch f.kind {
	case object:
		if v.Kind != signature.Object && !isEmptyObject(f, v) {
			r.shape(f, path, "an object", v)
			return
		}
		r.members(f, v, path)
	case array:
		if v.Kind != signature.Array {
			r.shape(f, path, "an array", v)
			return
		}
		if f.maxLength >= 0 && len(v.Items) > f.maxLength {
			r.fault(f, path, fmt.Sprintf("must have at most %d elements; it has %d", f.maxLength, len(v.Items)))
		}
		for i := range v.Items {
			if f.item != nil && len(r.Faults)+len(r.Shape) < maxFaults {
				r.value(f.item, &v.Items[i], joined(f, path)+"."+strconv.Itoa(i))
			}
		}
	default:
		if v.Kind == signature.Object || v.Kind == signature.Array {
			r.shape(f, path, "a single value", v)
			return
		}
		r.scalar(f, v, path)
	}
}

// isEmptyObject tells whether v is the [] that PHP writes for an empty object; both are signed alike. The whole body is
// an object, or there is no request.
func isEmptyObject(f *field, v *signature.Value) bool {
	return f.path != "" && v.Kind == signature.Array && len(v.Items) == 0
}

func joined(f *field, path string) string {
	if path == "" {
		return f.path
	}
	return path
}

func (r *Report) shape(f *field, path, want string, v *signature.Value) {
	path = joined(f, path)
	if path == "" {
		path = "the body"
	}
	r.Shape = append(r.Shape, Fault{
		Field: path, Code: payout.CodeInvalidJSON, Message: payout.Message(payout.CodeInvalidJSON),
		Description: fmt.Sprintf("%s must be %s; it is of type %s", path, want, v.Kind), order: f.order,
	})
}

func (r *Report) members(f *field, v *signature.Value, path string) {
	var seen uint64
	for i := range v.Members {
		m := &v.Members[i]
		child := f.byName[m.Name]
		if child == nil {
			r.unknown(f, m, joined(f, path))
			continue
		}
		if m.Value.Kind == signature.Null {
			continue
		}
		if child.required && !child.codes.keepEmpty && m.Value.Kind == signature.String && m.Value.Text == "" {
			continue
		}
		seen |= child.bit
		at := ""
		if path != "" {
			at = path + "." + m.Name
		}
		r.value(child, &m.Value, at)
	}
	if f.must&^seen == 0 {
		return
	}
	for _, child := range f.children {
		if child.required && seen&child.bit == 0 {
			r.missing(child, path)
		}
	}
}

// missing reports a required member and, where it is an object, what that would have to hold.
func (r *Report) missing(f *field, parent string) {
	fault := f.absent
	at := ""
	if parent != "" {
		at = parent + "." + f.name
		fault.Field, fault.Description = at, strings.Replace(fault.Description, f.path, at, 1)
	}
	r.Faults = append(r.Faults, fault)
	for _, child := range f.children {
		if child.required {
			r.missing(child, at)
		}
	}
}

func (r *Report) fault(f *field, path, words string) {
	r.Faults = append(r.Faults, invalid(f, joined(f, path), words))
}

func (r *Report) scalar(f *field, v *signature.Value, path string) {
	switch f.kind {
	case integer:
		r.integer(f, v, path)
	case boolean:
		if v.Kind != signature.Bool {
			r.fault(f, path, "must be true or false, without quotation marks")
		}
	default:
		if v.Kind == signature.String || f.integerTaken && isInteger(v) {
			r.text(f, v.Text, path)
			return
		}
		r.fault(f, path, "must be a string, in quotation marks; it is a "+kindWord(v.Kind))
	}
}

func kindWord(k signature.Kind) string {
	if k == signature.Bool {
		return "boolean"
	}
	return k.String()
}

// isInteger tells whether v is a number that is written as what it is signed as: without fraction, exponent and the sign
// of zero.
func isInteger(v *signature.Value) bool {
	return v.Kind == signature.Number && !strings.ContainsAny(v.Text, ".eE") && v.Text != "-0"
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func (r *Report) integer(f *field, v *signature.Value, path string) {
	if !isInteger(v) && !(f.digitsTaken && v.Kind == signature.String && isDigits(v.Text)) {
		r.fault(f, path, notInteger(f, v))
		return
	}
	if digits := len(strings.TrimPrefix(v.Text, "-")); f.maxLength >= 0 && digits > f.maxLength {
		r.fault(f, path, fmt.Sprintf("must have at most %d digits; it has %d", f.maxLength, digits))
	}
	if !f.bounded {
		return
	}
	n, err := strconv.ParseInt(v.Text, 10, 64)
	if err != nil || n < f.minimum || n > f.maximum {
		r.fault(f, path, "must be an integer"+f.rangeWords)
	}
}

// notInteger says what is wrong with a value that is no integer, without repeating it.
func notInteger(f *field, v *signature.Value) string {
	switch {
	case v.Kind == signature.Number && v.Text == "-0":
		return "must be an integer; write 0, not -0"
	case v.Kind == signature.Number:
		return "must be an integer; it is written with a decimal point or an exponent: write 100000, not 100000.0 or 1e5"
	case f.digitsTaken && v.Kind == signature.String:
		return "must be an integer; as a string it may hold digits only"
	}
	return "must be an integer without quotation marks, fraction and exponent"
}

// edge holds the characters that a payment id may not begin or end with.
const edge = " \t\v\x00\r\n"

func (r *Report) text(f *field, s, path string) {
	if f.minLength > 0 || f.maxLength >= 0 && len(s) > f.maxLength {
		n := utf8.RuneCountInString(s)
		if n < f.minLength {
			r.fault(f, path, fmt.Sprintf("must have at least %d characters; it has %d", f.minLength, n))
		}
		if f.maxLength >= 0 && n > f.maxLength {
			r.fault(f, path, fmt.Sprintf("must have at most %d characters; it has %d", f.maxLength, n))
		}
	}
	if f.fits != nil && !f.fits(s) {
		r.fault(f, path, f.want)
	}
	if f.integerTaken && s != strings.Trim(s, edge) {
		r.fault(f, path, "must not begin or end with a space, tab, vertical tab, NUL, carriage return or line feed")
		return
	}
	if strings.IndexByte(s, 0) >= 0 {
		r.fault(f, path, "must not contain the character NUL")
	}
}
