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
// sorts once; it never holds a whole signing string. It is not for use by
// several goroutines at once, and the Value that it was made from must not
// change while it is in use.
type Form struct {
	root      *Value
	lines     []Line               // in tree order
	sequences [len(orders)][]int32 // of lines, by order; nil until asked for
	written   *Form                // by asWritten; nil until asked for
}

// Canonical flattens v. Members named "signature" and "frame_mode" are left out
// at any depth, whatever their kind.
func Canonical(v *Value) *Form {
	return &Form{root: v, lines: flatten(v)}
}

// Lines returns the lines in tree order: unsorted, members as they were sent.
// The slice is the caller's own.
func (f *Form) Lines() []Line { return slices.Clone(f.lines) }

// Len returns the length of the signing string in bytes, which is the same in
// all orders that write numbers in plain decimal.
func (f *Form) Len() int {
	n := max(0, len(f.lines)-1)
	for i := range f.lines {
		n += len(f.lines[i].Path) + 1 + len(f.lines[i].Value)
	}
	return n
}

// SigningString returns what is signed in order o, as the caller's own copy. To
// sign and to verify it is not needed: [Form.Sign] and [Form.Verify] do without.
func (f *Form) SigningString(o Order) []byte {
	f, o = f.in(o)
	return f.Head(o, f.Len())
}

// Head returns the first n bytes of what is signed in order o, or all of it
// where it is shorter.
func (f *Form) Head(o Order, n int) []byte {
	f, o = f.in(o)
	head := make([]byte, 0, min(n, f.Len()))
	f.pieces(o, func(piece string) bool {
		head = append(head, piece[:min(len(piece), n-len(head))]...)
		return len(head) < n
	})
	return head
}

// pieces hands the signing string over in order o, piece by piece, until more
// says that there is no need of more.
func (f *Form) pieces(o Order, more func(piece string) bool) {
	separator := ""
	for _, i := range f.sequence(o) {
		l := &f.lines[i]
		if !more(separator) || !more(l.Path) || !more(":") || !more(l.Value) {
			return
		}
		separator = ";"
	}
}

// sequence returns the lines' indexes as order o sorts them.
func (f *Form) sequence(o Order) []int32 {
	if f.sequences[o] != nil {
		return f.sequences[o]
	}
	s := make([]int32, 0, len(f.lines))
	if o == PerLevel {
		s, _ = appendPerLevel(s, f.root, 0)
	} else {
		for i := range f.lines {
			s = append(s, int32(i))
		}
		compare := o.comparison()
		slices.SortFunc(s, func(a, b int32) int { return compare(f.lines[a], f.lines[b]) })
	}
	f.sequences[o] = s
	return s
}

// appendPerLevel appends the indexes of v's lines, the members of each object
// sorted by name. first is the index of v's first line in tree order, next the
// one behind its last.
func appendPerLevel(s []int32, v *Value, first int) (sequence []int32, next int) {
	if v == nil {
		return s, first
	}
	switch v.Kind {
	case Object:
		sorted := make([]place, 0, len(v.Members))
		for i := range v.Members {
			if m := &v.Members[i]; !unsigned(m.Name) {
				sorted = append(sorted, place{m, first})
				first += countLines(&m.Value)
			}
		}
		slices.SortStableFunc(sorted, func(a, b place) int { return compareUTF16(a.member.Name, b.member.Name) })
		for _, p := range sorted {
			s, _ = appendPerLevel(s, &p.member.Value, p.first)
		}
		return s, first
	case Array:
		for i := range v.Items {
			s, first = appendPerLevel(s, &v.Items[i], first)
		}
		return s, first
	}
	return append(s, int32(first)), first + 1
}

// place is a member and the index of its first line.
type place struct {
	member *Member
	first  int
}

func countLines(v *Value) int {
	n, _ := measure(v, 0)
	return n
}

// unsigned reports whether members of this name are left out. The SDKs drop
// both names at every depth.
func unsigned(name string) bool { return name == "signature" || name == "frame_mode" }

// flattener collects lines. All paths stand behind each other in one builder,
// and each line's path is a part of it.
type flattener struct {
	prefix []byte // path down to the value at hand
	paths  strings.Builder
	lines  []Line
}

func flatten(v *Value) []Line {
	if v == nil {
		return nil
	}
	lines, bytes := measure(v, 0)
	var room [128]byte
	f := flattener{prefix: room[:0], lines: make([]Line, 0, lines)}
	f.paths.Grow(bytes)
	f.add(v)
	return f.lines
}

// measure returns how many lines v has and how many bytes their paths take at
// most, prefix being the length of the path of v with the colon behind it.
func measure(v *Value, prefix int) (lines, bytes int) {
	switch v.Kind {
	case Object:
		for i := range v.Members {
			m := &v.Members[i]
			if unsigned(m.Name) {
				continue
			}
			l, b := measure(&m.Value, prefix+len(m.Name)+strings.Count(m.Name, ":")+1)
			lines, bytes = lines+l, bytes+b
		}
	case Array:
		for i := range v.Items {
			l, b := measure(&v.Items[i], prefix+digitsOf(i)+1)
			lines, bytes = lines+l, bytes+b
		}
	default:
		return 1, prefix
	}
	return lines, bytes
}

// digitsOf returns how many digits an index is written with.
func digitsOf(i int) int {
	n := 1
	for ; i > 9; i /= 10 {
		n++
	}
	return n
}

func (f *flattener) add(v *Value) {
	switch v.Kind {
	case Object:
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
