// Package csvfile writes CSV files that people open in a spreadsheet. Cells hold what strangers typed, such as a payment's
// description, and a spreadsheet runs a cell that begins with "=" as a formula. It also cuts the file at separators of its
// own choosing: at commas in one country, at semicolons in another. So no cell begins a formula however the file is cut.
package csvfile

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Writer writes rows, one after the other: it holds no more than a buffer of the file. All exports are written by it.
type Writer struct {
	out       io.Writer
	separator rune
	buffer    []byte
	begun     bool  // the row has a cell
	err       error // the first one: nothing is written after it
}

// full is the size of the buffer that is written.
const full = 64 << 10

// NewWriter writes to w, with cells separated by a comma, a semicolon or a tab. Another separator is an error: Write does
// not know what is safe behind it.
func NewWriter(w io.Writer, separator rune) (*Writer, error) {
	if !strings.ContainsRune(",;\t", separator) {
		return nil, fmt.Errorf("csvfile: separator %q: want a comma, a semicolon or a tab", separator)
	}
	return &Writer{out: w, separator: separator}, nil
}

// Mark writes the mark at the beginning of a file by which some spreadsheets know that it is UTF-8.
func (w *Writer) Mark() { w.buffer = append(w.buffer, "\ufeff"...) }

// Write writes a row of cells, each in quotes. A cell that could begin a formula gets an apostrophe before it, at its head
// and behind each separator and line break inside it, which mark it as text; a plain number such as -5.00 or -5,00 stays one,
// but at the head of the row: a spreadsheet that cuts the row elsewhere would go on reading behind the minus.
func (w *Writer) Write(cells ...string) error {
	for _, cell := range cells {
		w.Cell(cell)
	}
	return w.End()
}

// Cell writes one cell of a row, as Write does. End ends the row, and has its errors.
func (w *Writer) Cell(cell string) {
	first := w.open()
	switch {
	case harmless(cell):
		w.buffer = append(w.buffer, cell...)
	case first && strings.HasPrefix(cell, "-") && isNumber(cell):
		w.buffer = append(w.buffer, '\'')
		fallthrough
	default:
		w.buffer = append(w.buffer, strings.ReplaceAll(defused(cell), `"`, `""`)...)
	}
	w.buffer = append(w.buffer, '"')
}

// Append writes a cell that add appends to what it is given: a number or a time that the program has put into text itself.
// It has no quotes, and nothing in it is defused.
func (w *Writer) Append(add func([]byte) []byte) {
	first, head := w.open(), len(w.buffer)
	w.buffer = append(add(w.buffer), '"')
	if first && w.buffer[head] == '-' {
		w.buffer = slices.Insert(w.buffer, head, '\'')
	}
}

// open begins a cell, and says whether it is the first of its row.
func (w *Writer) open() (first bool) {
	first = !w.begun
	if w.begun {
		w.buffer = utf8.AppendRune(w.buffer, w.separator)
	}
	w.begun = true
	w.buffer = append(w.buffer, '"')
	return first
}

// End ends the row. Its error is the first of what was written so far.
func (w *Writer) End() error {
	w.buffer = append(w.buffer, '\n')
	w.begun = false
	if len(w.buffer) < full {
		return w.err
	}
	return w.Flush()
}

// Flush sends on what is buffered.
func (w *Writer) Flush() error {
	if w.err == nil && len(w.buffer) > 0 {
		if _, err := w.out.Write(w.buffer); err != nil {
			w.err = fmt.Errorf("csvfile: %w", err)
		}
	}
	w.buffer = w.buffer[:0]
	return w.err
}

const (
	cuts     = ";,\t\r\n"  // where a spreadsheet may begin another cell
	formulas = "=+-@＝＋－＠"  // with which a formula begins
	ignored  = "\"'\ufeff" // what a spreadsheet may take away before it looks for one, beside white space
)

// harmless tells of most cells at a glance that they are written as they are: no quotes or line breaks are in them, and a
// letter or digit stands wherever a spreadsheet could begin a cell, spaces before it aside.
func harmless(cell string) bool {
	head := true
	for i := range len(cell) {
		switch c := cell[i]; {
		case c == '"', c < ' ':
			return false
		case c == ';', c == ',':
			head = true
		case head && c != ' ':
			if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
			head = false
		}
	}
	return true
}

// defused puts an apostrophe wherever a formula could begin.
func defused(cell string) string {
	if isNumber(cell) {
		return cell
	}
	var out strings.Builder
	atHead := true
	for i, r := range cell {
		if atHead && beginsFormula(cell[i:]) {
			out.WriteByte('\'')
		}
		out.WriteRune(r)
		atHead = strings.ContainsRune(cuts, r)
	}
	return out.String()
}

// Restored is the cell that Write has written like this: without the apostrophes that mark text. first is whether it stood at
// the head of its row. It is for files that people mend and bring back.
func Restored(written string, first bool) string {
	if strings.IndexByte(written, '\'') < 0 {
		return written
	}
	if number := strings.TrimPrefix(written, "'"); first && strings.HasPrefix(number, "-") && isNumber(number) {
		return number
	}
	var out strings.Builder
	atHead := true
	for i, r := range written {
		if atHead && r == '\'' && beginsFormula(written[i+1:]) {
			atHead = false
			continue
		}
		out.WriteRune(r)
		atHead = strings.ContainsRune(cuts, r)
	}
	return out.String()
}

// beginsFormula tells whether a spreadsheet that begins a cell here may run it. It looks no further than the next cut.
func beginsFormula(text string) bool {
	text = strings.TrimLeftFunc(text, func(r rune) bool {
		return !strings.ContainsRune(cuts, r) && (strings.ContainsRune(ignored, r) || unicode.IsSpace(r) || !unicode.IsPrint(r))
	})
	first, size := utf8.DecodeRuneInString(text)
	return size > 0 && strings.ContainsRune(formulas, first)
}

// isNumber tells whether a cell is a number and nothing else: an optional minus, digits, optional decimals behind a point
// or a comma. Whoever cuts it at the comma has two numbers.
func isNumber(cell string) bool {
	whole, decimals := strings.TrimPrefix(cell, "-"), "0"
	if i := strings.IndexAny(whole, ".,"); i >= 0 {
		whole, decimals = whole[:i], whole[i+1:]
	}
	digits := func(s string) bool {
		return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	}
	return digits(whole) && digits(decimals)
}
