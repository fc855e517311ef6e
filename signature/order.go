package signature

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Order is a way in which clients make a signing string out of the lines of a
// body: how they sort them, and with [AsWritten] how they write numbers. The
// orders give different strings only for arrays of eleven elements and more, for
// sibling names that differ in digits, and for a name that continues another one.
type Order uint8

// The orders, in the sequence in which they are tried.
const (
	// Natural compares paths as people do, runs of digits by their value: f2
	// before f10. It is the order of the documentation and of PHP (strnatcmp,
	// case-sensitive). We sign in it.
	Natural Order = iota
	// PerLevel sorts the names of each object plainly (by UTF-16 code units) and
	// leaves arrays in the order of their indexes: JavaScript.
	PerLevel
	// PathBytes compares paths byte by byte: Python.
	PathBytes
	// LineBytes compares whole lines, "path:value", byte by byte: Go and Java.
	LineBytes
	// NaturalLine compares whole lines, "path:value", as Natural does paths:
	// clients that make the lines first and sort them afterwards.
	NaturalLine
)

// AsWritten is added to an order where numbers stand in the signing string as
// they do in the body, "100000.0" or "1e5", and not in plain decimal: clients in
// Python, Java and Rust. Without such numbers in a body it makes no difference.
const AsWritten Order = 8

// orders are all the orders, in the sequence in which they are tried.
var orders = [...]Order{Natural, PerLevel, PathBytes, LineBytes, NaturalLine}

// Orders returns all orders that [Form.Verify] tries, in its sequence.
func Orders() []Order {
	all := slices.Clone(orders[:])
	for _, o := range orders {
		all = append(all, o+AsWritten)
	}
	return all
}

// String returns the order's name for people and for JSON output.
func (o Order) String() string {
	name := "order " + strconv.Itoa(int(o))
	switch o &^ AsWritten {
	case Natural:
		name = "natural"
	case PerLevel:
		name = "per level"
	case PathBytes:
		name = "path bytes"
	case LineBytes:
		name = "line bytes"
	case NaturalLine:
		name = "natural line"
	}
	if o&AsWritten != 0 {
		name += ", numbers as written"
	}
	return name
}

// comparison returns the order as a comparison of lines. Each is total: lines
// that it calls equal are the same line, so the outcome of a sort does not
// depend on the order of members in the body.
func (o Order) comparison() func(a, b Line) int {
	switch o &^ AsWritten {
	case Natural:
		return func(a, b Line) int {
			if c := compareNatural(a.Path, b.Path); c != 0 {
				return c
			}
			return comparePath(a, b)
		}
	case LineBytes:
		return compareLine
	case NaturalLine:
		return func(a, b Line) int {
			if c := compareNaturalLine(&a, &b); c != 0 {
				return c
			}
			return compareLine(a, b)
		}
	}
	return comparePath
}

func comparePath(a, b Line) int {
	if c := strings.Compare(a.Path, b.Path); c != 0 {
		return c
	}
	return strings.Compare(a.Value, b.Value)
}

// compareLine compares path:value with path:value without building them.
func compareLine(a, b Line) int {
	n := min(len(a.Path), len(b.Path))
	if c := strings.Compare(a.Path[:n], b.Path[:n]); c != 0 {
		return c
	}
	if len(a.Path) == len(b.Path) {
		return strings.Compare(a.Value, b.Value)
	}
	for i := n; ; i++ {
		ca, okA := a.at(i)
		cb, okB := b.at(i)
		if !okA || !okB || ca != cb {
			return cmp.Or(compareBool(okA, okB), cmp.Compare(ca, cb), comparePath(a, b))
		}
	}
}

// at returns byte i of path:value.
func (l *Line) at(i int) (byte, bool) {
	n := len(l.Path)
	switch {
	case i < n:
		return l.Path[i], true
	case i == n:
		return ':', true
	case i-n-1 < len(l.Value):
		return l.Value[i-n-1], true
	}
	return 0, false
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// compareNatural compares as PHP's strnatcmp does, in the C locale:
//
//   - bytes are compared as unsigned numbers, runs of digits as numbers;
//   - where a run begins with a zero on either side, digit by digit from the
//     left, so a01 is before a1; but zeros that begin the whole text are skipped;
//   - white space is skipped, except at the end of a run of digits.
//
// Texts that differ only in what is skipped compare equal. That makes it a
// total preorder; callers break ties by bytes.
func compareNatural(a, b string) int {
	i := samePlain(a, b)
	j := i
	if len(a) == i || len(b) == j {
		return cmp.Compare(len(a), len(b))
	}
	if i == 0 {
		i, j = leadingZeros(a), leadingZeros(b)
	}
	for {
		i, j = skipSpace(a, i), skipSpace(b, j)
		if isDigit(byteAt(a, i)) && isDigit(byteAt(b, j)) {
			endA, endB := digitsEnd(a, i), digitsEnd(b, j)
			if c := compareDigits(a[i:endA], b[j:endB]); c != 0 {
				return c
			}
			i, j = endA, endB
			if i == len(a) || j == len(b) {
				return compareBool(i < len(a), j < len(b))
			}
		}
		if c := cmp.Compare(byteAt(a, i), byteAt(b, j)); c != 0 {
			return c
		}
		i++
		j++
		if i >= len(a) || j >= len(b) {
			return compareBool(i < len(a), j < len(b))
		}
	}
}

// compareNaturalLine is compareNatural of path:value and path:value, without
// building them. No run of digits reaches from a path into a value.
func compareNaturalLine(a, b *Line) int {
	i := samePlain(a.Path, b.Path)
	j := i
	if i == 0 {
		i, j = leadingZeros(a.Path), leadingZeros(b.Path)
	}
	for {
		i, j = a.skipSpace(i), b.skipSpace(j)
		ca, _ := a.at(i)
		cb, _ := b.at(j)
		if isDigit(ca) && isDigit(cb) {
			runA, runB := a.digits(i), b.digits(j)
			if c := compareDigits(runA, runB); c != 0 {
				return c
			}
			i, j = i+len(runA), j+len(runB)
			if i == a.size() || j == b.size() {
				return compareBool(i < a.size(), j < b.size())
			}
			ca, _ = a.at(i)
			cb, _ = b.at(j)
		}
		if c := cmp.Compare(ca, cb); c != 0 {
			return c
		}
		i++
		j++
		if i >= a.size() || j >= b.size() {
			return compareBool(i < a.size(), j < b.size())
		}
	}
}

func (l *Line) size() int { return len(l.Path) + 1 + len(l.Value) }

func (l *Line) skipSpace(i int) int {
	for c, _ := l.at(i); isSpace(c); c, _ = l.at(i) {
		i++
	}
	return i
}

// digits returns the run of digits that begins at i.
func (l *Line) digits(i int) string {
	text := l.Path
	if i > len(l.Path) {
		text, i = l.Value, i-len(l.Path)-1
	}
	return text[i:digitsEnd(text, i)]
}

// samePlain returns how many bytes a and b begin with in common, up to the
// first digit or white space: the part for which natural order is plain.
func samePlain(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] || isDigit(a[i]) || isSpace(a[i]) {
			return i
		}
	}
	return n
}

// byteAt returns 0 behind the end, as C strings do.
func byteAt(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

func leadingZeros(s string) int {
	i := 0
	for byteAt(s, i) == '0' && isDigit(byteAt(s, i+1)) {
		i++
	}
	return i
}

func skipSpace(s string, i int) int {
	for isSpace(byteAt(s, i)) {
		i++
	}
	return i
}

func digitsEnd(s string, i int) int {
	for isDigit(byteAt(s, i)) {
		i++
	}
	return i
}

// compareDigits compares two runs of digits: as fractions (from the left) when
// one begins with a zero, else as integers.
func compareDigits(a, b string) int {
	if a[0] != '0' && b[0] != '0' && len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// compareUTF16 compares texts by UTF-16 code units, as JavaScript does. It
// differs from byte order only where a character beyond the basic plane meets
// one between U+E000 and U+FFFF.
func compareUTF16(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) || i == len(b) {
		return cmp.Compare(len(a), len(b))
	}
	for i > 0 && (!utf8.RuneStart(a[i]) || !utf8.RuneStart(b[i])) {
		i--
	}
	ra, _ := utf8.DecodeRuneInString(a[i:])
	rb, _ := utf8.DecodeRuneInString(b[i:])
	if (ra > 0xFFFF) != (rb > 0xFFFF) && ra >= 0xE000 && rb >= 0xE000 {
		return -cmp.Compare(ra, rb)
	}
	return cmp.Compare(ra, rb)
}
