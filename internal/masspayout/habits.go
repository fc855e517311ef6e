package masspayout

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"flashpay/internal/money"
)

// What spreadsheets do to what is typed into them, as it looks in the file that they save.

// plainBytes are those of cells that no habit shows in: what is left needs a closer look.
var plainBytes = func() (set [256]bool) {
	for c := '!'; c <= '~'; c++ {
		set[c] = true
	}
	set['#'] = false
	return set
}()

// isPlain tells whether a cell has visible ASCII characters only.
func isPlain(cell string) bool {
	for i := range len(cell) {
		if !plainBytes[cell[i]] {
			return false
		}
	}
	return true
}

// isScientific tells whether a cell is a number as a spreadsheet shows a long one: 1E+05, 1,5E+15, 1.09E15.
func isScientific(cell string) bool {
	i := digitsAt(cell, 0)
	if i == 0 || i == len(cell) || cell[0] == '0' {
		return false
	}
	if cell[i] == '.' || cell[i] == ',' {
		from := i + 1
		if i = digitsAt(cell, from); i == from {
			return false
		}
	}
	if i == len(cell) || cell[i]|0x20 != 'e' {
		return false
	}
	if i++; i < len(cell) && (cell[i] == '+' || cell[i] == '-') {
		i++
	}
	end := digitsAt(cell, i)
	return end == len(cell) && end > i && end-i <= 3
}

// digitsAt is where the digits end that stand at i.
func digitsAt(s string, i int) int {
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	return i
}

// isDigits tells whether a text has digits, and nothing else.
func isDigits(s string) bool { return s != "" && digitsAt(s, 0) == len(s) }

// formulaErrors are what spreadsheets show in the place of a value that they cannot compute, in English and in Russian.
var formulaErrors = []string{
	"#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!", "#GETTING_DATA",
	"#ССЫЛКА!", "#Н/Д", "#ЗНАЧ!", "#ДЕЛ/0!", "#ИМЯ?", "#ЧИСЛО!", "#ПУСТО!",
}

// lostValue says what stands in the place of a value that the spreadsheet did not have or did not show; empty: it has one.
func lostValue(cell string) string {
	first := strings.TrimSpace(cell)
	switch {
	case strings.HasPrefix(first, "###") && strings.Trim(first, "#") == "":
		return "The column was too narrow in the spreadsheet, so that signs were saved and not the value. Widen it, and save the file again."
	case strings.HasPrefix(first, "#"):
		for _, e := range formulaErrors {
			if strings.EqualFold(first, e) {
				return fmt.Sprintf("A formula of the spreadsheet has failed (%s). Mend the formula, or enter the value itself.", e)
			}
		}
	case strings.HasPrefix(first, "Err:") && isDigits(first[4:]), strings.HasPrefix(first, "Ош:") && isDigits(first[len("Ош:"):]):
		return fmt.Sprintf("A formula of the spreadsheet has failed (%s). Mend the formula, or enter the value itself.", quoted(first))
	}
	if i := strings.IndexRune(cell, utf8.RuneError); i >= 0 {
		return fmt.Sprintf("Character %d is lost: the text went through a wrong character set on its way. Enter it again. %s", utf8.RuneCountInString(cell[:i])+1, excelToCSV)
	}
	return ""
}

// invisibles name the characters that nobody sees, and which come along with what is copied from web pages and documents.
var invisibles = map[rune]string{
	'\u00a0': "a non-breaking space", '\u202f': "a narrow non-breaking space", '\u2007': "a figure space", '\u2009': "a thin space",
	'\u200b': "a zero-width space", '\u200c': "a zero-width non-joiner", '\u200d': "a zero-width joiner", '\u2060': "a word joiner",
	'\ufeff': "a byte order mark", '\u00ad': "a soft hyphen", '\u200e': "a left-to-right mark", '\u200f': "a right-to-left mark",
	'\u2800': "a Braille blank",
	'\t':     "a tab", '\n': "a line break", '\r': "a line break",
}

// invisible names a character that nobody sees; empty: it is none. A plain space is none.
func invisible(r rune) string {
	if name := invisibles[r]; name != "" {
		return name
	}
	if r != ' ' && (unicode.In(r, unicode.Cf, unicode.Zs, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || unicode.IsControl(r)) {
		return "an invisible character"
	}
	return ""
}

// hidden says what a cell holds that nobody sees, and where; empty: nothing.
func hidden(cell string) string {
	n := 0
	for _, r := range cell {
		n++
		if name := invisible(r); name != "" {
			return fmt.Sprintf("Character %d is %s (U+%04X), which cannot be seen. Delete it: enter the value by hand.", n, name, r)
		}
	}
	return ""
}

const scientific = "A spreadsheet has turned the value into a number and shortened it, and its digits are lost. Format the column as text, and enter the value again."

// codeHabit says why a cell that machines read cannot be what was meant; empty: it may be.
func codeHabit(cell string) string {
	if isPlain(cell) {
		if isScientific(cell) {
			return scientific
		}
		return ""
	}
	if lost := lostValue(cell); lost != "" {
		return lost
	}
	return hidden(cell)
}

// textHabit is codeHabit for what people read: there non-breaking spaces and line breaks are text.
func textHabit(cell string) string {
	if lost := lostValue(cell); lost != "" {
		return lost
	}
	if strings.Contains(cell, "??") && !strings.ContainsFunc(cell, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return "The letters are lost: question marks stand in their place, as a character set without Cyrillic leaves them. Enter the text again. " + excelToCSV
	}
	return ""
}

// amountAdvice says what is wrong with an amount that is none, and how it is written.
func amountAdvice(cell, currency string) string {
	const rule = "Amounts are whole numbers of minor units, in digits only"
	c, known := money.Lookup(currency)
	text := strings.TrimSpace(cell)
	switch {
	case lostValue(text) != "":
		return lostValue(text)
	case isScientific(text):
		return scientific
	case isDigits(text) && text != cell:
		return "Spaces stand around the digits. Delete them."
	case isDigits(text) && text[0] == '0':
		return rule + ", from 1, without zeros at the front."
	case isDigits(text):
		return fmt.Sprintf("%s, at most %d.", rule, maxAmount)
	}
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "(") || strings.HasPrefix(text, "−") {
		return rule + ", from 1: nothing can be paid with a minus."
	}
	digits := grouping.Replace(text)
	whole, fraction, mark := cutLast(digits, ".,")
	switch {
	case !mark && isDigits(digits):
		return "Spaces or marks stand between the digits. " + rule + "."
	case mark && isDigits(fraction) && isDigits(strings.NewReplacer(".", "", ",", "").Replace(whole)):
		plain := strings.TrimLeft(strings.NewReplacer(".", "", ",", "").Replace(whole), "0")
		if known && len(fraction) <= c.Exponent {
			minor := strings.TrimLeft(plain+fraction+strings.Repeat("0", c.Exponent-len(fraction)), "0")
			return fmt.Sprintf("The amount has a decimal mark. %s: %s stands for %s.%s %s.", rule, minor, plain, fraction, currency)
		}
		return fmt.Sprintf("The amount has a decimal mark, or a mark between thousands. %s.", rule)
	}
	if h := hidden(text); h != "" {
		return h
	}
	return rule + ": no currency, no formula, no text."
}

// grouping takes away what stands between thousands.
var grouping = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "\u2009", "", "\u2007", "", "'", "", "’", "")

// cutLast cuts a text at the last of some marks.
func cutLast(s, marks string) (before, after string, found bool) {
	i := strings.LastIndexAny(s, marks)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// birthAdvice recognises what spreadsheets make of a date; empty: it is nothing known.
func birthAdvice(cell string) string {
	if days, err := strconv.Atoi(cell); err == nil && days > 366 && days < 73050 { // 1901 to 2099
		at := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days)
		return fmt.Sprintf("A spreadsheet has turned the date into the number of its day. %s would be %s. Format the column as text, and write dates as DD-MM-YYYY.", cell, at.Format("02-01-2006"))
	}
	for _, layout := range []string{"2.1.2006", "2006-1-2", "2/1/2006", "1/2/2006", "2.1.06", "2-1-2006"} {
		if _, err := time.Parse(layout, cell); err == nil {
			return "A spreadsheet writes dates in its own way. Format the column as text, and write dates as DD-MM-YYYY."
		}
	}
	return ""
}

// sumWords are what stands beside a sum at the bottom of a sheet.
var sumWords = []string{"total", "sum", "итого", "всего", "сумма", "жыйынтык", "жыйынтыгы", "баары", "жалпы", "grand total"}

func isSumWord(cell string) bool {
	word := strings.ToLower(strings.Trim(strings.TrimSpace(cell), ":="))
	for _, w := range sumWords {
		if word == w {
			return true
		}
	}
	return false
}
