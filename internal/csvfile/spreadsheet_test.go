package csvfile_test

import (
	"os"
	"path/filepath"
	"testing"
)

// spreadsheetCells are what spreadsheets like to change: long numbers, zeros at the head, dates, line breaks, other alphabets, what
// could be a formula.
var spreadsheetCells = []string{
	"00004598", "1091234567890123456", "12345678901234567890123456", "Айгүл Осмонова", "two\nlines, and; more", "=1+1", "@SUM(A1)", "+996700123456", "-5.00", "-12,50",
	`say "yes"`, "1e5", "2026-11-28T02:10:20Z", "2026-11-28 02:10:20", "TRUE", "1/2", "'quoted", "  spaces  ", "12345.60", "12345,60",
}

// TestSpreadsheetFiles holds the files that scripts/spreadsheet.sh takes through LibreOffice and back: they are what is written
// now. Where this fails, write them anew and run the script.
func TestSpreadsheetFiles(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"kind", "cell"}}
	for _, cell := range spreadsheetCells {
		rows = append(rows, []string{"row", cell})
	}
	for name, separator := range map[string]rune{"comma": ',', "semicolon": ';'} {
		kept, err := os.ReadFile(filepath.Join("testdata", "spreadsheet-"+name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		if got := written(t, separator, rows...); got != string(kept) {
			t.Errorf("%s: now it is\n%s\nLibreOffice has seen\n%s", name, got, kept)
		}
	}
}
