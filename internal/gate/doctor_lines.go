package gate

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"flashpay/signature"
)

// wrongLines are the signing strings of clients that write single lines otherwise than the rest do: each mistake in
// natural order, which most clients have, and in the byte order of whole lines, which Go and Java have.
func wrongLines(tree *signature.Value, form *signature.Form) []candidate {
	tried := [][]byte{form.SigningString(signature.Natural), form.SigningString(signature.LineBytes)}
	var all []candidate
	add := func(mistake string, text []byte) {
		if !slices.ContainsFunc(tried, func(t []byte) bool { return bytes.Equal(t, text) }) {
			tried = append(tried, text)
			all = append(all, candidate{mistake, text})
		}
	}
	for _, m := range lineMistakes {
		altered := change(tree, m.change)
		changed := signature.Canonical(&altered)
		add(m.mistake, finish(changed.SigningString(signature.Natural)))
		var lines [][]byte
		for _, l := range changed.Lines() {
			lines = append(lines, finish([]byte(l.Path+":"+l.Value)))
		}
		slices.SortFunc(lines, bytes.Compare)
		add(m.mistake, bytes.Join(lines, []byte(";")))
	}
	return all
}

// Marks in an altered tree of what finish makes of its signing string.
const (
	colon = "\x02" // in a name: a colon that is not doubled
	bare  = "\x03" // before a value: its line has no path
)

var pathOfBare = regexp.MustCompile(`[^;]*:` + bare)

func finish(text []byte) []byte {
	return bytes.ReplaceAll(pathOfBare.ReplaceAll(text, nil), []byte(colon), []byte(":"))
}

// lineMistakes are the mistakes in single lines that clients are known to make.
var lineMistakes = []struct {
	mistake string
	change  edit
}{
	{`":" in names was not doubled; write "::"`, func(name string, v signature.Value) (string, signature.Value, bool) {
		return strings.ReplaceAll(name, ":", colon), v, true
	}},
	{"fractions of numbers were cut off, as Go does that decodes into integers; sign numbers as they are written", onNumbers(wholePart)},
	{"numbers were written with an exponent, as Go's %v writes floats (1e+06); write all digits", onNumbers(withExponent)},
	{"whole numbers were written as floats (100000.0), but sent as integers; sign what you send", onNumbers(withPoint)},
	{"true and false were signed without their path; write path:1 and path:0", func(name string, v signature.Value) (string, signature.Value, bool) {
		if v.Kind == signature.Bool {
			v = signature.Str(bare + bit(v.Text))
		}
		return name, v, true
	}},
}

func bit(text string) string {
	if text == "true" {
		return "1"
	}
	return "0"
}

func onNumbers(f func(plain string) string) edit {
	return func(name string, v signature.Value) (string, signature.Value, bool) {
		if v.Kind == signature.Number {
			v = signature.Str(f(signature.Canonical(&v).Lines()[0].Value))
		}
		return name, v, true
	}
}

func wholePart(plain string) string {
	whole, _, _ := strings.Cut(plain, ".")
	return whole
}

func withPoint(plain string) string {
	if strings.Contains(plain, ".") {
		return plain
	}
	return plain + ".0"
}

// withExponent writes a number of seven digits and more before its point as a float is written by default: 1234500 as
// 1.2345e+06.
func withExponent(plain string) string {
	digits, sign := strings.CutPrefix(plain, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	if len(whole) < 7 {
		return plain
	}
	all := strings.TrimRight(whole+fraction, "0")
	text := all[:1]
	if len(all) > 1 {
		text += "." + all[1:]
	}
	exponent := strconv.Itoa(len(whole) - 1)
	if len(exponent) < 2 {
		exponent = "0" + exponent
	}
	if sign {
		text = "-" + text
	}
	return text + "e+" + exponent
}
