package signature

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// MaxDepth is how deep arrays and objects may be nested; the root counts.
	MaxDepth = 16

	// linearNames is how many members are searched one by one for a duplicate
	// name before a map takes over.
	linearNames = 16
)

// SyntaxError says why [Parse] refused a body.
type SyntaxError struct {
	Offset int    // of the byte at which reading stopped, from 0
	Reason string // in English, without values of the body
}

// Error returns the reason with its place.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("signature: JSON refused at byte %d: %s", e.Offset, e.Reason)
}

// Parse reads a JSON text strictly and returns its tree. Beyond what RFC 8259
// forbids it refuses names that occur twice in an object, anything but white
// space after the value, text that is not UTF-8 (also a byte order mark and
// lone surrogates in escapes), nesting beyond [MaxDepth], more values than
// [MaxValues] and bodies whose signing string would pass [MaxForm]. The error
// is always a *[SyntaxError]. Work and memory are linear in the length of the
// body, which the caller bounds. The tree does not refer to body.
func Parse(body []byte) (*Value, error) {
	p := parser{text: string(body)}
	if !utf8.ValidString(p.text) {
		return nil, &SyntaxError{Offset: invalidAt(p.text), Reason: "text is not UTF-8"}
	}
	if at := tooMany(p.text); at >= 0 { // before memory is taken for any of them
		p.fail(at, manyValues(len(p.text)))
		err := p.err
		return nil, &err
	}
	p.skipSpace()
	root, ok := p.value()
	if ok {
		p.skipSpace()
		if p.pos < len(p.text) {
			ok = p.fail(p.pos, "unexpected data after the JSON value")
		}
	}
	if !ok {
		err := p.err // a copy, so that the parser itself can stay off the heap
		return nil, &err
	}
	return &root, nil
}

func invalidAt(s string) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return len(s)
}

// parser reads text from pos on. Members and items of containers that are still
// open wait on one stack each and are copied out when their container closes,
// so that a small body costs a handful of allocations.
type parser struct {
	text    string
	pos     int
	depth   int
	path    int // bytes of the path down to here
	form    int // bytes of the lines so far
	values  int // so far
	members []Member
	items   []Value
	slab    []Member // room for the members of closed objects
	err     SyntaxError
}

// fail notes the error and returns false, so that callers can return it.
func (p *parser) fail(at int, reason string) bool {
	p.err = SyntaxError{Offset: at, Reason: reason}
	return false
}

func (p *parser) skipSpace() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return
		}
	}
}

// next returns the byte at pos, or 0 at the end: no JSON token begins with NUL.
func (p *parser) next() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *parser) value() (v Value, ok bool) {
	start := p.pos
	if p.values++; p.values > MaxValues(len(p.text)) {
		return v, p.fail(start, manyValues(len(p.text)))
	}
	switch c := p.next(); {
	case c == '{':
		return p.container(Object)
	case c == '[':
		return p.container(Array)
	case c == '"':
		v.Kind = String
		v.Text, ok = p.str()
	case c == '-' || isDigit(c):
		v.Kind = Number
		v.Text, ok = p.number()
	case c == 't':
		v.Kind = Bool
		v.Text, ok = p.literal("true")
	case c == 'f':
		v.Kind = Bool
		v.Text, ok = p.literal("false")
	case c == 'n':
		_, ok = p.literal("null")
	default:
		return v, p.unexpected("a JSON value")
	}
	if !ok {
		return v, false
	}
	p.form += p.path + signedLength(&v) + 2
	if p.form > MaxForm(len(p.text)) {
		return v, p.fail(start, "signing string over "+strconv.Itoa(MaxForm(len(p.text)))+" bytes, which is too much for a body of this length; use shorter names")
	}
	return v, true
}

// signedLength returns how long a scalar is where it is signed: numbers with an
// exponent are written out.
func signedLength(v *Value) int {
	if v.Kind == Number && strings.ContainsAny(v.Text, "eE") {
		return len(plainDecimal(v.Text))
	}
	return len(v.Text)
}

func (p *parser) unexpected(want string) bool {
	if p.pos >= len(p.text) {
		return p.fail(p.pos, "text ends where "+want+" is due")
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	return p.fail(p.pos, "found "+strconv.QuoteRune(r)+" where "+want+" is due")
}

func (p *parser) literal(word string) (string, bool) {
	if len(p.text)-p.pos < len(word) || p.text[p.pos:p.pos+len(word)] != word {
		return "", p.unexpected("true, false or null")
	}
	p.pos += len(word)
	return word, true
}

func (p *parser) container(kind Kind) (v Value, ok bool) {
	if p.depth == MaxDepth {
		return v, p.fail(p.pos, "nested deeper than "+strconv.Itoa(MaxDepth)+" levels")
	}
	p.depth++
	p.pos++
	p.skipSpace()
	v.Kind = kind
	if kind == Object {
		v.Members, ok = p.object()
	} else {
		v.Items, ok = p.array()
	}
	p.depth--
	return v, ok
}

// object reads from the first member, or the closing brace, on.
func (p *parser) object() ([]Member, bool) {
	base, path := len(p.members), p.path
	var seen map[string]struct{}
	for p.next() != '}' || len(p.members) > base {
		at := p.pos
		if p.next() != '"' {
			return nil, p.unexpected("a member's name")
		}
		name, ok := p.str()
		if !ok {
			return nil, false
		}
		if seen, ok = unique(p.members[base:], seen, name); !ok {
			return nil, p.fail(at, "member name "+quoteName(name)+" occurs twice")
		}
		p.skipSpace()
		if p.next() != ':' {
			return nil, p.unexpected("a colon")
		}
		p.pos++
		p.skipSpace()
		p.path = path + len(name) + strings.Count(name, ":") + 1
		v, ok := p.value()
		if !ok {
			return nil, false
		}
		p.members = append(doubled(p.members), Member{Name: name, Value: v})
		p.skipSpace()
		if p.next() == '}' {
			break
		}
		if p.next() != ',' {
			return nil, p.unexpected("a comma or a closing brace")
		}
		p.pos++
		p.skipSpace()
	}
	p.pos++
	p.path = path
	closed := p.keep(p.members[base:])
	p.members = p.members[:base]
	return closed, true
}

// doubled makes room for one more. It doubles a full stack: append alone grows
// a long one by a quarter, and a hostile body would pay for five copies of it.
func doubled[T any](stack []T) []T {
	if len(stack) < cap(stack) {
		return stack
	}
	return slices.Grow(stack, max(1, len(stack)))
}

// unique reports whether name is new among the members, and returns the set of
// their names once there are enough of them to need one.
func unique(members []Member, seen map[string]struct{}, name string) (map[string]struct{}, bool) {
	if len(members) < linearNames {
		for i := range members {
			if members[i].Name == name {
				return nil, false
			}
		}
		return nil, true
	}
	if seen == nil {
		seen = make(map[string]struct{}, 4*linearNames)
		for i := range members {
			seen[members[i].Name] = struct{}{}
		}
	}
	before := len(seen)
	seen[name] = struct{}{}
	return seen, len(seen) > before
}

// keep copies members off the stack, several objects to one allocation.
func (p *parser) keep(members []Member) []Member {
	n := len(members)
	if n == 0 {
		return nil
	}
	if n > cap(p.slab)-len(p.slab) {
		p.slab = make([]Member, 0, max(n, 16))
	}
	from := len(p.slab)
	p.slab = append(p.slab, members...)
	return p.slab[from : from+n : from+n]
}

// array reads from the first element, or the closing bracket, on.
func (p *parser) array() ([]Value, bool) {
	base, path := len(p.items), p.path
	p.path += 6 // an index and its colon, about
	for p.next() != ']' || len(p.items) > base {
		v, ok := p.value()
		if !ok {
			return nil, false
		}
		p.items = append(doubled(p.items), v)
		p.skipSpace()
		if p.next() == ']' {
			break
		}
		if p.next() != ',' {
			return nil, p.unexpected("a comma or a closing bracket")
		}
		p.pos++
		p.skipSpace()
	}
	p.pos++
	p.path = path
	var closed []Value
	if len(p.items) > base {
		closed = append(make([]Value, 0, len(p.items)-base), p.items[base:]...)
	}
	p.items = p.items[:base]
	return closed, true
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? and keeps it as
// written.
func (p *parser) number() (string, bool) {
	start := p.pos
	if p.next() == '-' {
		p.pos++
	}
	if p.next() == '0' {
		p.pos++
		if isDigit(p.next()) {
			return "", p.fail(start, "number begins with a superfluous zero")
		}
	} else if !p.digits() {
		return "", p.unexpected("a digit")
	}
	if p.next() == '.' {
		p.pos++
		if !p.digits() {
			return "", p.unexpected("a digit after the decimal point")
		}
	}
	if c := p.next(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.next(); c == '+' || c == '-' {
			p.pos++
		}
		if !p.digits() {
			return "", p.unexpected("a digit of the exponent")
		}
	}
	return p.text[start:p.pos], true
}

// digits skips digits and reports whether there was one.
func (p *parser) digits() bool {
	start := p.pos
	for isDigit(p.next()) {
		p.pos++
	}
	return p.pos > start
}

// str reads a string from its opening quotation mark on. Without escapes it is
// a part of the body's copy.
func (p *parser) str() (string, bool) {
	p.pos++
	start := p.pos
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '"':
			s := p.text[start:p.pos]
			p.pos++
			return s, true
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", p.fail(p.pos, "control character in a string is not escaped")
		}
		p.pos++
	}
	return "", p.unexpected("the end of a string")
}

// escaped goes on with a string that began at start at its first backslash.
func (p *parser) escaped(start int) (string, bool) {
	buf := append(make([]byte, 0, p.pos-start+32), p.text[start:p.pos]...)
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			return string(buf), true
		case c < ' ':
			return "", p.fail(p.pos, "control character in a string is not escaped")
		case c != '\\':
			buf = append(buf, c)
			p.pos++
		default:
			r, ok := p.escape()
			if !ok {
				return "", false
			}
			buf = utf8.AppendRune(buf, r)
		}
	}
	return "", p.unexpected("the end of a string")
}

// escape reads one escape sequence; of surrogates, both halves.
func (p *parser) escape() (rune, bool) {
	at := p.pos
	p.pos++
	c := p.next()
	p.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
	default:
		return 0, p.fail(at, "unknown escape sequence")
	}
	r, ok := p.hex4()
	if !ok {
		return 0, p.fail(at, `\u is not followed by four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(r) {
		return r, true
	}
	if len(p.text)-p.pos >= 6 && p.text[p.pos] == '\\' && p.text[p.pos+1] == 'u' {
		p.pos += 2
		low, ok := p.hex4()
		if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
			return pair, true
		}
	}
	return 0, p.fail(at, "lone surrogate in an escape sequence")
}

func (p *parser) hex4() (rune, bool) {
	if len(p.text)-p.pos < 4 {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.text[p.pos : p.pos+4]) {
		r <<= 4
		switch {
		case isDigit(c):
			r |= rune(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r |= rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
	}
	p.pos += 4
	return r, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// quoteName quotes a member's name for an error message, cut to a sane length.
func quoteName(name string) string {
	const limit = 64
	if len(name) <= limit {
		return strconv.Quote(name)
	}
	cut := limit
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strconv.Quote(name[:cut]) + "…"
}
