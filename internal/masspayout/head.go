package masspayout

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"flashpay/internal/accept"
	"flashpay/internal/csvfile"
)

// column is a column of one file.
type column struct {
	name string // as in the file, without blanks around it
	use  use
	kind accept.InputKind
	code bool // machines read its cells: nothing invisible belongs into them
}

// head is what the beginning of a file says of the rest.
type head struct {
	separator byte
	bom       bool
	crlf      bool
	line      int64 // of the column names
	columns   []column
	raw       []string       // the names as they stand in the file
	index     map[string]int // of the columns that have a use
	mended    bool           // it is a faults' download, most likely with faults mended
	warnings  []Warning
}

// readHead reads everything before the first row of values. The error is an *Unreadable, or the reader's.
func readHead(s *source, name string) (*head, error) {
	if err := s.fill(); err != nil {
		return nil, err
	}
	if isBlank(s.pending) && s.ended {
		return nil, unreadable(FileEmpty, 0, "", "Nothing is in the file. Download the method's template and fill it in.")
	}
	if u := sniff(s.pending); u != nil {
		return nil, u
	}
	if u := checkName(name); u != nil {
		return nil, u
	}
	h := &head{}
	if h.bom = bytes.HasPrefix(s.pending, []byte(byteOrderMark)); h.bom {
		s.drop(len(byteOrderMark))
	}
	if u := h.readSeparator(s); u != nil {
		return nil, u
	}
	text := string(s.pending)
	end := rowEnd(text, s.separator, s.ended)
	if end < 0 || end > maxRow {
		return nil, longRow(text, s.separator, s.line, nil)
	}
	row := text[:end]
	h.line, h.crlf = s.line, strings.HasSuffix(row, "\r\n")
	s.drop(end)
	row = trimLineBreak(row)
	if !utf8.ValidString(row) || strings.IndexByte(row, 0) >= 0 {
		return nil, notUTF8(row, h.line)
	}
	cells, fault := cutRow(row, h.separator, nil, 0)
	if fault != nil {
		return nil, brokenHead(fault, h.line)
	}
	if u := h.readColumns(cells); u != nil {
		return nil, u
	}
	s.columns = h.columns
	return h, nil
}

func brokenHead(f *cellFault, line int64) *Unreadable {
	if f.what == loneReturn {
		return unreadable(FileBroken, line, "", "Lines end with a carriage return (CR) alone, as on very old Macs, so that the file is one long line. "+asCSV)
	}
	return unreadable(FileBroken, line+int64(f.lines), "", fmt.Sprintf("In cell %d of the column names, %s. Write the names without quotation marks.", f.cell+1, f.what))
}

func isBlank(text []byte) bool {
	return len(bytes.TrimFunc(bytes.TrimPrefix(text, []byte(byteOrderMark)), unicode.IsSpace)) == 0
}

// trimLineBreak takes away the line break at a row's end.
func trimLineBreak(row string) string {
	if n := len(row); n > 0 && row[n-1] == '\n' {
		row = row[:n-1]
	}
	if n := len(row); n > 0 && row[n-1] == '\r' {
		row = row[:n-1]
	}
	return row
}

// readSeparator finds what stands between the cells: what a line «sep=;» says, else that of «;» and «,» which cuts the first
// row into names.
func (h *head) readSeparator(s *source) *Unreadable {
	line, _, _ := bytes.Cut(s.pending[:min(len(s.pending), maxRow)], []byte{'\n'})
	first := strings.Trim(strings.TrimSpace(string(line)), `"`)
	if said, ok := cutFold(first, "sep="); ok {
		if said != ";" && said != "," {
			return unreadable(FormatIncorrect, s.line, "", "The line sep= names a separator other than «;» and «,». "+asCSV)
		}
		h.separator = said[0]
		h.warnings = append(h.warnings, Warning{
			Line: s.line, Kind: SpreadsheetHabit,
			Message: "The first line tells Excel which separator the file has; it is taken as such, and the second line as the column names.",
		})
		s.drop(min(len(line)+1, len(s.pending)))
		s.separator = h.separator
		return nil
	}
	switch {
	case strings.Contains(first, ";"):
		h.separator = ';'
	case strings.Contains(first, ","):
		h.separator = ','
	case strings.Contains(first, "\t"):
		return unreadable(FormatIncorrect, s.line, "", "Tabs stand between the cells. "+asCSV)
	case strings.Contains(first, "|"):
		return unreadable(FormatIncorrect, s.line, "", "«|» stands between the cells. "+asCSV)
	default:
		h.separator = ';'
	}
	s.separator = h.separator
	return nil
}

// cutFold is strings.CutPrefix, whatever the letters' case.
func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// codes are the columns, beside those of numbers, whose cells machines read.
var codes = []string{
	colOperationType, colMethod, colPaymentID, colCurrency, colAccount, colCustomerID, colCustomerIP, colPhone, "customer.email", "customer.country", "customer.zip",
}

func (h *head) readColumns(cells []string) *Unreadable {
	h.raw, h.index = cells, make(map[string]int)
	var twice []string
	seen := make(map[string]bool)
	for _, cell := range cells {
		c := column{name: strings.TrimFunc(cell, isEdge)}
		if c.name != "" && seen[c.name] && !slices.Contains(twice, c.name) {
			twice = append(twice, c.name)
		}
		seen[c.name] = true
		c.use, c.kind = columnUse(c.name)
		c.code = c.use != unused && (c.kind == accept.IntegerInput || slices.Contains(codes, c.name))
		if c.name != "" && c.use != unused {
			h.index[c.name] = len(h.columns)
		}
		h.columns = append(h.columns, c)
	}
	if len(twice) > 0 {
		return unreadable(ColumnsDuplicated, h.line, twice[0], fmt.Sprintf("Twice in the first row: %s. Rename or delete one of each.", strings.Join(twice, ", ")))
	}
	if u := h.checkRequired(); u != nil {
		return u
	}
	_, hasError := h.index[colError]
	_, hasAdvice := h.index[colAdvice]
	h.mended = hasError && hasAdvice
	for _, c := range h.columns {
		if c.use == unused && c.name != "" {
			h.warnings = append(h.warnings, Warning{Line: h.line, Column: quoted(c.name), Kind: UnknownColumn, Message: unknownColumn(c.name)})
		}
	}
	return nil
}

// cut cuts a row into its cells. Those of a faults' download come back without what kept a spreadsheet from running them.
func (h *head) cut(raw string, cells []string) ([]string, *cellFault) {
	cells, form := cutRow(raw, h.separator, cells, len(h.columns))
	if h.mended {
		for i := range cells {
			cells[i] = csvfile.Restored(cells[i], i == 0)
		}
	}
	return cells, form
}

// cutAll is cut with a cell for each column.
func (h *head) cutAll(raw string, cells []string) []string {
	cells, _ = h.cut(raw, cells)
	for len(cells) < len(h.columns) {
		cells = append(cells, "")
	}
	return cells
}

// isEdge tells what is taken away around a column's name.
func isEdge(r rune) bool { return unicode.IsSpace(r) || invisible(r) != "" }

func unknownColumn(name string) string {
	text := fmt.Sprintf("The column %s is not read; it is kept for the result.", quoted(name))
	if near := nearest(name); near != "" {
		text += fmt.Sprintf(" If %s is meant, rename it.", near)
	}
	return text
}

func (h *head) checkRequired() *Unreadable {
	var missing, advice []string
	for _, name := range required {
		if _, ok := h.index[name]; ok {
			continue
		}
		missing = append(missing, name)
		for _, c := range h.columns {
			if c.use == unused && nearest(c.name) == name {
				advice = append(advice, fmt.Sprintf(" The column %s may be meant for %s: rename it.", quoted(c.name), name))
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	text := fmt.Sprintf("Missing: %s. The first row must hold the column names.%s", strings.Join(missing, ", "), strings.Join(advice, ""))
	switch {
	case len(h.index) == 0 && len(h.columns) > 1:
		text = "The first row holds no column names that are known. " + text
	case len(h.columns) == 1 && strings.TrimSpace(h.raw[0]) == "":
		text = "The first row is empty. " + text
	}
	return unreadable(ColumnsMissing, h.line, missing[0], text)
}

// maxQuoted is how many characters of a file's own text a message repeats.
const maxQuoted = 60

// quoted is a text of the file as a message repeats it: short, and with what cannot be seen spelled out.
func quoted(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > maxQuoted {
			b.WriteString("…")
			break
		}
		if invisible(r) != "" || !unicode.IsPrint(r) {
			fmt.Fprintf(&b, "<U+%04X>", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
