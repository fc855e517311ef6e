package csvfile_test

import (
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	"flashpay/internal/csvfile"
)

func written(t *testing.T, separator rune, rows ...[]string) string {
	t.Helper()
	var out strings.Builder
	w, err := csvfile.NewWriter(&out, separator)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Write(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestEveryCellIsQuoted(t *testing.T) {
	t.Parallel()
	got := written(t, ';', []string{"id", "", `a "b"`}, []string{"1", "-5.00", "line\nbreak; and more"})
	want := "\"id\";\"\";\"a \"\"b\"\"\"\n\"1\";\"-5.00\";\"line\nbreak; and more\"\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is no formula is read as it was.
func TestTextsAndNumbersStayAsTheyAre(t *testing.T) {
	t.Parallel()
	row := []string{"", "-5.00", "-5,00", "1,25", "12", "0.1", "salary, May", "a=b", "Doe-Smith", `say "yes"`, "Иванов; Пётр", "a\nb", "2026-11-28T02:10:20Z", "'quoted'"}
	for _, separator := range ",;\t" {
		r := csv.NewReader(strings.NewReader(written(t, separator, row)))
		r.Comma = separator
		got, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		for i := range row {
			if got[i] != row[i] {
				t.Errorf("with %q: got %q, want %q", separator, got[i], row[i])
			}
		}
	}
}

// A spreadsheet that cuts elsewhere takes the whole row for one cell, which the first one begins.
func TestNegativeNumberAtTheHeadOfARow(t *testing.T) {
	t.Parallel()
	got := written(t, ',', []string{"-5", "0+cmd|' /C calc'!A0", "-5"}, []string{"5", "-5"})
	if want := "\"'-5\",\"0+cmd|' /C calc'!A0\",\"-5\"\n\"5\",\"-5\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCellByCell(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w, err := csvfile.NewWriter(&out, ';')
	if err != nil {
		t.Fatal(err)
	}
	w.Mark()
	w.Cell("=1+1")
	w.Append(func(b []byte) []byte { return append(b, "-5,00"...) })
	_ = w.End()
	w.Append(func(b []byte) []byte { return append(b, "-5,00"...) })
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	if err := w.Write("a"); err != nil || out.Len() > 0 {
		t.Errorf("%q is written before it is flushed: %v", out.String(), err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "\ufeff\"'=1+1\";\"-5,00\"\n\"'-5,00\"\n\"a\"\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestOtherSeparatorsAreRefused(t *testing.T) {
	t.Parallel()
	for _, separator := range "|'=\n" {
		if _, err := csvfile.NewWriter(&strings.Builder{}, separator); err == nil {
			t.Errorf("%q is taken", separator)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestWriterSaysThatTheFileIsBroken(t *testing.T) {
	t.Parallel()
	w, err := csvfile.NewWriter(broken{}, ',')
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write("a"); err != nil { // it is still buffered
		t.Fatal(err)
	}
	if w.Flush() == nil || w.Write("a") == nil || w.Write(strings.Repeat("a", 100_000)) == nil || w.Flush() == nil {
		t.Error("the error is lost")
	}
}

// cutByBreaks is the simplest of readers: it knows no quotes, but takes those away that stand around a cell.
func cutByBreaks(text, separator string) (cells []string) {
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		for _, cell := range strings.Split(line, separator) {
			cells = append(cells, cell, strings.ReplaceAll(cell, `"`, ""))
		}
	}
	return cells
}

// cutByQuotes reads like spreadsheets: quotes count at the head of a cell, and what stands behind the closing one belongs
// to the cell.
func cutByQuotes(text string, separator rune) (cells []string) {
	var cell strings.Builder
	quoted, head := false, true
	letters := []rune(text)
	for i := 0; i < len(letters); i++ {
		switch r := letters[i]; {
		case r == '"' && head:
			quoted, head = true, false
		case r == '"' && quoted && i+1 < len(letters) && letters[i+1] == '"':
			cell.WriteRune('"')
			i++
		case r == '"' && quoted:
			quoted = false
		case !quoted && (r == separator || r == '\n' || r == '\r'):
			cells, head = append(cells, cell.String()), true
			cell.Reset()
		default:
			cell.WriteRune(r)
			head = false
		}
	}
	return append(cells, cell.String())
}

// isFormula tells whether a spreadsheet would run a cell: white space before it does not help, and a number alone is none.
func isFormula(cell string) bool {
	cell = strings.TrimSpace(cell)
	if cell == "" || !strings.ContainsRune("=+-@＝＋－＠", []rune(cell)[0]) {
		return false
	}
	return strings.Trim(cell, "-0123456789.,\"") != ""
}

func checkFile(t *testing.T, text string) {
	t.Helper()
	for _, separator := range ",;\t" {
		for _, cell := range append(cutByBreaks(text, string(separator)), cutByQuotes(text, separator)...) {
			if isFormula(cell) {
				t.Errorf("read with %q, the cell %q of\n%q\nbegins a formula", separator, cell, text)
			}
		}
		r := csv.NewReader(strings.NewReader(text))
		r.Comma, r.LazyQuotes, r.FieldsPerRecord = separator, true, -1
		rows, err := r.ReadAll()
		if err != nil {
			continue // such a reader shows nothing at all
		}
		for _, row := range rows {
			for _, cell := range row {
				if isFormula(cell) {
					t.Errorf("read with %q, the cell %q of\n%q\nbegins a formula", separator, cell, text)
				}
			}
		}
	}
}

var attacks = []string{
	"=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "\u00a0=1+1", "\ufeff=1+1", "＝1+1", "＠A1", `"=1+1"`,
	"a;=1+1", "a,=1+1", "a\t=1+1", "a\r=1+1", "a\n=1+1", "a\r\n=1+1", "a; =1+1", `a;"=1+1"`, `a";"=1+1`, `a";=1+1;"`, `a","=1+1`, "a;;=1+1", "a;\n,=1+1",
	"a;'=1+1", "a;''\"=1+1", "-5.00;=1+1", "-5+cmd", "--5", "-5.0.0", "a;-5+1", "a;＝1+1", "a;\x00=1+1",
}

// However a file is cut, no cell begins a formula.
func TestNoCellBeginsAFormula(t *testing.T) {
	t.Parallel()
	for _, separator := range ",;\t" {
		for _, attack := range attacks {
			checkFile(t, written(t, separator, []string{"before", attack, "behind"}, []string{attack, attack}))
		}
	}
}

func FuzzNoCellBeginsAFormula(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack, attack)
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		for _, separator := range ",;\t" {
			checkFile(t, written(t, separator, []string{one, other}, []string{"x", one}))
		}
	})
}

// What people mend and bring back says what it said.
func TestWrittenCellsAreRestored(t *testing.T) {
	t.Parallel()
	pieces := []string{"", "=", "-", "+", "@", "'", "\"", ";", ",", "\t", "\n", " ", "\u00a0", "5", ".", "a", "ж", "＝", "\ufeff"}
	var cells []string
	for _, a := range pieces {
		for _, b := range pieces {
			for _, c := range pieces {
				cells = append(cells, a+b+c, a+b+c+"5")
			}
		}
	}
	for _, cell := range cells {
		r := csv.NewReader(strings.NewReader(written(t, ';', []string{cell, cell})))
		r.Comma = ';'
		got, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if back := csvfile.Restored(got[i], i == 0); back != cell {
				t.Errorf("cell %d: %q was written %q and came back %q", i, cell, got[i], back)
			}
		}
	}
}
