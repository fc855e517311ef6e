// Package csvfile writes CSV files that people open in a spreadsheet. Cells hold what strangers typed, such as a payment's
// description, and a spreadsheet runs a cell that begins with "=" as a formula. It also cuts the file at separators of its
// own choosing: at commas in one country, at semicolons in another. So no cell begins a formula however the file is cut.
package csvfile

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Writer writes rows, one after the other: it holds no more than a buffer of the file. All exports are written by it.
type Writer struct {
	out       *bufio.Writer
	separator rune
}

// NewWriter writes to w, with cells separated by a comma, a semicolon or a tab. Another separator is an error: Write does
// not know what is safe behind it.
func NewWriter(w io.Writer, separator rune) (*Writer, error) {
	if !strings.ContainsRune(",;\t", separator) {
		return nil, fmt.Errorf("csvfile: separator %q: want a comma, a semicolon or a tab", separator)
	}
	return &Writer{out: bufio.NewWriter(w), separator: separator}, nil
}

// Write writes a row of cells, each in quotes. A cell that could begin a formula gets an apostrophe before it, at its head
// and behind each separator and line break inside it, which mark it as text; a plain number such as -5.00 stays one.
func (w *Writer) Write(cells ...string) error {
	for i, cell := range cells {
		if i > 0 {
			_, _ = w.out.WriteRune(w.separator) // the buffer keeps its error for the row's end
		}
		_, _ = w.out.WriteString(`"` + strings.ReplaceAll(defused(cell), `"`, `""`) + `"`)
	}
	if _, err := w.out.WriteString("\n"); err != nil {
		return fmt.Errorf("csvfile: %w", err)
	}
	return nil
}

// Flush sends on what is buffered.
func (w *Writer) Flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("csvfile: %w", err)
	}
	return nil
}

const (
	cuts     = ";,\t\r\n"  // where a spreadsheet may begin another cell
	formulas = "=+-@＝＋－＠"  // with which a formula begins
	ignored  = "\"'\ufeff" // what a spreadsheet may take away before it looks for one, beside white space
)

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

// beginsFormula tells whether a spreadsheet that begins a cell here may run it. It looks no further than the next cut.
func beginsFormula(text string) bool {
	text = strings.TrimLeftFunc(text, func(r rune) bool {
		return !strings.ContainsRune(cuts, r) && (strings.ContainsRune(ignored, r) || unicode.IsSpace(r) || !unicode.IsPrint(r))
	})
	first, size := utf8.DecodeRuneInString(text)
	return size > 0 && strings.ContainsRune(formulas, first)
}

// isNumber tells whether a cell is a number and nothing else: an optional minus, digits, optional decimals.
func isNumber(cell string) bool {
	whole, decimals, point := strings.Cut(strings.TrimPrefix(cell, "-"), ".")
	digits := func(s string) bool {
		return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	}
	return digits(whole) && (!point || digits(decimals))
}
