package signature

import "strings"

// Ambiguity is a line that leaves open where lines begin and end in the signing
// string.
type Ambiguity struct {
	Path string // of the line
	Why  string // words that continue «the member at this path …»
}

// Why a line is ambiguous.
const (
	holdsStart = `must not hold ";" with a name and ":" right behind it, which in the signing string reads as the beginning of another ` +
		`member; put a space behind the semicolon`
	oddStart = "stands in a top-level member whose name is none: such a name has letters from A to Z, digits and any of _-.$@ only"
)

// Ambiguous returns the lines that leave open how the signing string is cut into
// lines, in tree order. Values are not escaped, so the string may fit another
// body as well:
//
//	{"name":"Doe;sum:9"} and {"name":"Doe","sum":9} give name:Doe;sum:9
//
// A body without such a line shares its lines with every other body that has the
// same signing string and no such line either: the string begins a line wherever
// ";" is followed by a name and ":", and nowhere else. Here a name is made of
// ASCII letters, digits and "_-.$@"; a top-level member that has another name is
// ambiguous, too.
//
// What remains open is where path and value meet ("a:b:c"). Whoever reads a body
// by a schema knows that, provided that no name holds ":" or is empty.
func (f *Form) Ambiguous() []Ambiguity {
	var found []Ambiguity
	begun := "" // a name that lines begin plainly with, and ":": most do as the line before
	for i := range f.lines {
		l := &f.lines[i]
		if begun == "" || !strings.HasPrefix(l.Path, begun) {
			var ok bool
			if begun, ok = plainBeginning(l.Path); !ok {
				found = append(found, Ambiguity{l.Path, oddStart})
				continue
			}
		}
		if startInPath(l.Path) || startInValue(l.Value, 0) >= 0 {
			found = append(found, Ambiguity{l.Path, holdsStart})
		}
	}
	return found
}

// Unambiguous returns a text that makes no line ambiguous as its value: a space
// stands behind each ";" that a name and ":" would follow. It is for texts from
// elsewhere that are to be signed.
func Unambiguous(value string) string {
	at := startInValue(value, 0)
	if at < 0 {
		return value
	}
	var b strings.Builder
	from := 0
	for ; at >= 0; at = startInValue(value, from) {
		b.WriteString(value[from:at])
		b.WriteByte(' ')
		from = at
	}
	b.WriteString(value[from:])
	return b.String()
}

// plainBeginning reports whether a path begins with a name that a reader of the
// signing string takes for the beginning of a line, and returns that name and the
// ":" behind it, where the path goes on.
func plainBeginning(path string) (begun string, ok bool) {
	n := nameLength(path)
	switch {
	case n == 0:
		return "", false
	case n == len(path):
		return "", true
	case path[n] == ':':
		return path[:n+1], true
	}
	return "", false
}

// startInPath reports whether a path, with the ":" behind it, holds what reads as
// the beginning of a line.
func startInPath(path string) bool {
	for i := strings.IndexByte(path, ';'); i >= 0; i = strings.IndexByte(path, ';') {
		path = path[i+1:]
		if _, ok := plainBeginning(path); ok {
			return true
		}
	}
	return false
}

// startInValue returns the place behind the first ";", at or after from, that a
// name and ":" follow; -1: there is none.
func startInValue(value string, from int) int {
	for {
		i := strings.IndexByte(value[from:], ';')
		if i < 0 {
			return -1
		}
		from += i + 1
		n := nameLength(value[from:])
		if n > 0 && from+n < len(value) && value[from+n] == ':' {
			return from
		}
	}
}

// nameLength returns how many bytes of a name a text begins with.
func nameLength(s string) int {
	for i := range len(s) {
		if !nameBytes[s[i]] {
			return i
		}
	}
	return len(s)
}

var nameBytes = func() (set [256]bool) {
	for c := range set {
		lower := c | 0x20
		set[c] = lower >= 'a' && lower <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("_-.$@", byte(c)) >= 0
	}
	return set
}()
