// Package account is the account doctor: it tells whether an account number can be a Kyrgyz settlement account,
// and what most likely happened to it where it cannot (product.md §12.1).
//
// A settlement account has 16 digits: 3 of the bank, 11 inside the bank, and 2 check digits, which are the first 14
// modulo 97 (Instruction 3/5 of 2005 of the National Bank of the Kyrgyz Republic).
package account

import (
	"fmt"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// Country is the country whose accounts the doctor knows, ISO 3166-1 alpha-2.
const Country = "KG"

const (
	length     = 16 // digits of a settlement account
	bankDigits = 3  // the first of them, which tell the bank
	checked    = 14 // digits that the last two check
)

// Verdict is what the doctor makes of a number: a closed set.
type Verdict uint8

// The verdicts.
const (
	OK               Verdict = iota // the number can be a settlement account; whether it exists only its bank knows
	NotDigits                       // something in it is not a digit
	WrongLength                     // digits, but not 16 of them
	WrongCheckDigits                // 16 digits whose last two do not fit the first 14
	CutBySpreadsheet                // a spreadsheet took it for a number and kept at most 15 digits of it
)

// String names the verdict for logs and the journal.
func (v Verdict) String() string {
	switch v {
	case OK:
		return "ok"
	case NotDigits:
		return "not digits"
	case WrongLength:
		return "wrong length"
	case WrongCheckDigits:
		return "wrong check digits"
	case CutBySpreadsheet:
		return "cut by a spreadsheet"
	default:
		return "verdict " + strconv.Itoa(int(v))
	}
}

// Finding is the doctor's answer. It never holds the account number, so it may stand in journals and logs.
type Finding struct {
	Verdict Verdict
	Bank    string // the bank's name where the first three digits are in the bank list; else empty
	Message string // one English sentence: what is found, and what to do where something is wrong
}

// OK tells whether nothing is wrong.
func (f Finding) OK() bool { return f.Verdict == OK }

// A number as a spreadsheet shows it when the column is not text: 1.09E+15, in some languages 1,09E+15.
var scientific = regexp.MustCompile(`^[0-9]([.,][0-9]+)?[eE]\+?[0-9]{1,3}$`)

// Check examines an account number as it was sent. banks names the bank by the first three digits and may be nil.
func Check(number string, banks Banks) Finding {
	if scientific.MatchString(number) {
		return Finding{Verdict: CutBySpreadsheet, Message: "Looks cut by a spreadsheet: the account number was turned into a " +
			"number such as 1.09E+15 and its digits are lost. Format the column as text and enter the account number again."}
	}
	if at := firstOther(number); at > 0 {
		return Finding{Verdict: NotDigits, Message: fmt.Sprintf("Character %d of the account number is not a digit: "+
			"an account in Kyrgyzstan has %d digits and nothing else.", at, length)}
	}
	f := Finding{}
	if len(number) >= bankDigits {
		f.Bank = banks[number[:bankDigits]]
	}
	if len(number) != length {
		f.Verdict = WrongLength
		f.Message = fmt.Sprintf("The account number has %d digits: an account in Kyrgyzstan has %d. "+
			"Look for digits that are missing or doubled.", len(number), length)
		return f
	}
	want := checkDigits(number)
	switch {
	case number[checked:] == want:
		f.Message = "The account number is well-formed" + ofBank(f.Bank) + "."
	case number[length-1] == '0':
		f.Verdict, f.Message = CutBySpreadsheet, cutMessage(number, want)
	default:
		f.Verdict = WrongCheckDigits
		f.Message = "The last two digits do not fit the others" + ofBank(f.Bank) + ": some digit of the account number " +
			"is wrong or two are swapped. Compare it with the customer's document."
	}
	return f
}

// cutMessage words a number that ends in 0 and fails its check. Where the first check digit is right, the number is
// very likely right but for its last digit, and the digit that fits is worth naming.
func cutMessage(number, want string) string {
	text := "Looks cut by a spreadsheet: spreadsheets keep 15 digits of a number and write 0 for the 16th, and the check " +
		"digits do not fit. Format the column as text and enter the account number again"
	if number[checked] == want[0] {
		return text + "; the last digit that fits is " + want[1:] + "."
	}
	return text + "."
}

// checkDigits computes the two check digits of a number of at least 14 digits: 00 to 96.
func checkDigits(number string) string {
	rest := 0
	for i := range checked {
		rest = (rest*10 + int(number[i]-'0')) % 97
	}
	return fmt.Sprintf("%02d", rest)
}

// firstOther gives the place, from 1 and in characters, of the first that is not an ASCII digit; 0 where all are.
func firstOther(s string) int {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return utf8.RuneCountInString(s[:i]) + 1
		}
	}
	return 0
}

func ofBank(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}
