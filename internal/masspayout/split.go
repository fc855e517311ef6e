package masspayout

import (
	"strings"
)

// maxRow is how many bytes a row may have. A payout is far smaller; a quote that is never closed makes rows without end.
const maxRow = 64 << 10

// rowEnd finds the end of the row that a text begins with, behind its line break; -1: the row goes on behind the text. Quotes
// are read as everywhere in this package: one that begins a cell opens it, and a doubled one inside of it is a quote.
func rowEnd(text string, separator byte, last bool) int {
	line := strings.IndexByte(text, '\n')
	head := text
	if line >= 0 {
		head = text[:line]
	}
	if strings.IndexByte(head, '"') < 0 {
		return endAt(text, line, last)
	}
	for i, first := 0, true; ; {
		if first && i < len(text) && text[i] == '"' {
			closed := closingQuote(text, i+1, last)
			if closed < 0 {
				return -1
			}
			i, first = closed+1, false
			continue
		}
		for i < len(text) && text[i] != separator && text[i] != '\n' {
			i++
		}
		if i == len(text) {
			return endAt(text, -1, last)
		}
		if text[i] == '\n' {
			return i + 1
		}
		i, first = i+1, true
	}
}

func endAt(text string, line int, last bool) int {
	switch {
	case line >= 0:
		return line + 1
	case last:
		return len(text)
	}
	return -1
}

// closingQuote is where the quote stands that closes a cell whose text begins at i; -1 where it does not stand in the text, or
// may yet turn out to be the first of two.
func closingQuote(text string, i int, last bool) int {
	for {
		j := strings.IndexByte(text[i:], '"')
		if j < 0 {
			return -1
		}
		i += j
		switch {
		case i+1 == len(text):
			if last {
				return i
			}
			return -1
		case text[i+1] != '"':
			return i
		}
		i += 2
	}
}

// cellFault is what is wrong with a row's form.
type cellFault struct {
	cell  int // from 0
	lines int // behind the row's first line, where it is found
	what  string
}

// The faults of a row's form.
const (
	textBehindQuote = "text stands behind the closing quote"
	quotesSwallow   = "quotes swallow rows"
	loneReturn      = "a carriage return stands alone"
)

// cutRow cuts a row into its cells. The row has no line break at its end. Cells share the row's memory where no quote in them
// is doubled. columns is how many cells rows have.
func cutRow(row string, separator byte, cells []string, columns int) ([]string, *cellFault) {
	cells = cells[:0]
	if strings.IndexByte(row, '"') < 0 {
		return cutPlain(row, separator, cells)
	}
	var fault *cellFault
	lines := 0
	for {
		if row == "" || row[0] != '"' {
			i := strings.IndexByte(row, separator)
			if i < 0 {
				return append(cells, row), firstFault(fault, returnFault(row, len(cells), lines))
			}
			fault = firstFault(fault, returnFault(row[:i], len(cells), lines))
			cells, row = append(cells, row[:i]), row[i+1:]
			continue
		}
		text, rest := unquote(row[1:])
		fault = firstFault(fault, swallowed(text, separator, len(cells), lines, columns))
		lines += strings.Count(text, "\n")
		cells = append(cells, text)
		if rest == "" {
			return cells, fault
		}
		if rest[0] != separator {
			fault = firstFault(fault, &cellFault{len(cells) - 1, lines, textBehindQuote})
			i := strings.IndexByte(rest, separator)
			if i < 0 {
				return cells, fault
			}
			rest = rest[i:]
		}
		row = rest[1:]
	}
}

func cutPlain(row string, separator byte, cells []string) ([]string, *cellFault) {
	var fault *cellFault
	if i := strings.IndexByte(row, '\r'); i >= 0 {
		fault = &cellFault{strings.Count(row[:i], string(separator)), 0, loneReturn}
	}
	for {
		i := strings.IndexByte(row, separator)
		if i < 0 {
			return append(cells, row), fault
		}
		cells, row = append(cells, row[:i]), row[i+1:]
	}
}

func firstFault(a, b *cellFault) *cellFault {
	if a != nil {
		return a
	}
	return b
}

func returnFault(cell string, at, lines int) *cellFault {
	if strings.IndexByte(cell, '\r') < 0 {
		return nil
	}
	return &cellFault{at, lines, loneReturn}
}

// unquote reads a quoted cell behind its first quote, and returns what stands behind the closing one.
func unquote(s string) (text, rest string) {
	i := strings.IndexByte(s, '"')
	if i < 0 {
		return s, ""
	}
	if i+1 == len(s) || s[i+1] != '"' {
		return s[:i], s[i+1:]
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 { // the splitter has found the closing one
			b.WriteString(s)
			return b.String(), ""
		}
		b.WriteString(s[:i])
		if i+1 == len(s) || s[i+1] != '"' {
			return b.String(), s[i+1:]
		}
		b.WriteByte('"')
		s = s[i+2:]
	}
}

// swallowed finds a cell that may hold rows: line breaks in it, and as many separators as a row has. Where a quote is
// missing, this is what another one behind it makes of the rows between, and the cells on both sides fit together.
func swallowed(text string, separator byte, at, lines, columns int) *cellFault {
	if columns < 2 || strings.IndexByte(text, '\n') < 0 || strings.Count(text, string(separator)) < columns-1 {
		return nil
	}
	return &cellFault{at, lines, quotesSwallow}
}
