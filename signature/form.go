package signature

import (
	"slices"
	"strconv"
	"strings"
)

// Line is one scalar of a body in its canonical form.
type Line struct {
	Path  string // names from the root down, ":" in them doubled, joined by ":"
	Value string // signed form; not escaped
}

// Form is the canonical form of a body: one line for each scalar that is
// signed. It keeps what it has computed, so trying several keys on one Form
// sorts once. It is not for use by several goroutines at once, and the Value
// that it was made from must not change while it is in use.
type Form struct {
	root    *Value
	lines   []Line    // in tree order
	strings [4][]byte // signing strings by order, nil until asked for
}

// Canonical flattens v. Members named "signature" and "frame_mode" are left out
// at any depth, whatever their kind.
func Canonical(v *Value) *Form {
	return &Form{root: v, lines: flatten(v, false)}
}

// Lines returns the lines in tree order: unsorted, members as they were sent.
// The slice is the caller's own.
func (f *Form) Lines() []Line { return slices.Clone(f.lines) }

// SigningString returns what is signed in order o, as the caller's own copy.
func (f *Form) SigningString(o Order) []byte { return slices.Clone(f.signingString(o)) }

func (f *Form) signingString(o Order) []byte {
	if f.strings[o] == nil {
		f.strings[o] = join(f.sorted(o))
	}
	return f.strings[o]
}

func (f *Form) sorted(o Order) []Line {
	if o == PerLevel {
		return flatten(f.root, true)
	}
	lines := slices.Clone(f.lines)
	slices.SortFunc(lines, o.comparison())
	return lines
}

func join(lines []Line) []byte {
	size := 0
	for i := range lines {
		size += len(lines[i].Path) + len(lines[i].Value) + 2
	}
	s := make([]byte, 0, size)
	for i := range lines {
		if i > 0 {
			s = append(s, ';')
		}
		s = append(s, lines[i].Path...)
		s = append(s, ':')
		s = append(s, lines[i].Value...)
	}
	return s
}

// unsigned reports whether members of this name are left out. The SDKs drop
// both names at every depth.
func unsigned(name string) bool { return name == "signature" || name == "frame_mode" }

// flattener collects lines. All paths stand behind each other in one builder,
// and each line's path is a part of it.
type flattener struct {
	perLevel bool   // members sorted by name as they are met
	prefix   []byte // path down to the value at hand
	paths    strings.Builder
	lines    []Line
}

func flatten(v *Value, perLevel bool) []Line {
	if v == nil {
		return nil
	}
	lines, bytes := measure(v, 0)
	var room [128]byte
	f := flattener{perLevel: perLevel, prefix: room[:0], lines: make([]Line, 0, lines)}
	f.paths.Grow(bytes)
	f.add(v)
	return f.lines
}

// measure returns how many lines v has and at least how many bytes their paths
// take, prefix being the length of the path of v.
func measure(v *Value, prefix int) (lines, bytes int) {
	switch v.Kind {
	case Object:
		for i := range v.Members {
			m := &v.Members[i]
			if unsigned(m.Name) {
				continue
			}
			l, b := measure(&m.Value, prefix+len(m.Name)+1)
			lines, bytes = lines+l, bytes+b
		}
	case Array:
		for i := range v.Items {
			l, b := measure(&v.Items[i], prefix+3)
			lines, bytes = lines+l, bytes+b
		}
	default:
		return 1, prefix
	}
	return lines, bytes
}

func (f *flattener) add(v *Value) {
	switch v.Kind {
	case Object:
		if f.perLevel {
			f.addSorted(v.Members)
			return
		}
		for i := range v.Members {
			f.addMember(&v.Members[i])
		}
	case Array:
		end := len(f.prefix)
		for i := range v.Items {
			f.prefix = append(strconv.AppendInt(f.prefix, int64(i), 10), ':')
			f.add(&v.Items[i])
			f.prefix = f.prefix[:end]
		}
	default:
		start := f.paths.Len()
		if len(f.prefix) > 0 {
			f.paths.Write(f.prefix[:len(f.prefix)-1])
		}
		f.lines = append(f.lines, Line{Path: f.paths.String()[start:], Value: signedForm(v)})
	}
}

func (f *flattener) addMember(m *Member) {
	if unsigned(m.Name) {
		return
	}
	end := len(f.prefix)
	f.prefix = append(appendName(f.prefix, m.Name), ':')
	f.add(&m.Value)
	f.prefix = f.prefix[:end]
}

func (f *flattener) addSorted(members []Member) {
	sorted := make([]*Member, len(members))
	for i := range members {
		sorted[i] = &members[i]
	}
	slices.SortStableFunc(sorted, func(a, b *Member) int { return compareUTF16(a.Name, b.Name) })
	for _, m := range sorted {
		f.addMember(m)
	}
}

// appendName appends name with each ":" doubled.
func appendName(dst []byte, name string) []byte {
	for {
		i := strings.IndexByte(name, ':')
		if i < 0 {
			return append(dst, name...)
		}
		dst = append(dst, name[:i]...)
		dst = append(dst, "::"...)
		name = name[i+1:]
	}
}

// signedForm returns the text under which a scalar is signed.
func signedForm(v *Value) string {
	switch v.Kind {
	case String:
		return v.Text
	case Bool:
		if v.Text == "true" {
			return "1"
		}
		return "0"
	case Number:
		return plainDecimal(v.Text)
	}
	return ""
}

// maxDecimal bounds the digits that a number may grow to when its exponent is
// written out. The longest decimal form of a binary 64-bit number fits.
const maxDecimal = 1100

// plainDecimal writes a JSON number without exponent, without zeros that end
// a fraction and without the sign of zero: 1.50 → 1.5, 1e3 → 1000, 2.5E-1 →
// 0.25, -0 → 0. Integers stay as they are, whatever their size. A number whose
// exponent asks for more than maxDecimal digits stays as written.
//
// SDKs agree on integers below 2^53 only, see the package documentation; for
// the rest this is the form that depends on no floating point arithmetic.
func plainDecimal(number string) string {
	if number == "-0" {
		return "0"
	}
	if !strings.ContainsAny(number, ".eE") {
		return number
	}
	mantissa, exponent := number, 0
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		n, err := strconv.Atoi(number[i+1:])
		if err != nil || n > maxDecimal || n < -maxDecimal {
			return number
		}
		mantissa, exponent = number[:i], n
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	point := len(whole) + exponent // digits before the decimal point
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	if point < 0 {
		digits, point = strings.Repeat("0", -point)+digits, 0
	}
	whole = strings.TrimLeft(digits[:point], "0")
	fraction = strings.TrimRight(digits[point:], "0")
	if whole == "" && fraction == "" {
		return "0"
	}
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return sign + whole
	}
	return sign + whole + "." + fraction
}
