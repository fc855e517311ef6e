// Package money holds currencies and the two forms of a sum: minor units, which is what everything counts in,
// and major units, which is what people read and type. It knows no exchange rates and no floats.
package money

import (
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Currency is one currency of ISO 4217.
type Currency struct {
	Code     string // alpha-3, such as "KGS"
	Numeric  string // three digits, such as "417"
	Exponent int    // digits after the point: one major unit is 10^Exponent minor units
}

// ErrUnknownCurrency is wrapped by every error about a code that Lookup does not find.
var ErrUnknownCurrency = errors.New("unknown currency")

// ISO 4217, the codes in use that have a minor unit (so no precious metals, no test codes, no XDR).
//
//go:embed currencies.csv
var currenciesCSV string

var currencies = mustReadCurrencies(currenciesCSV)

// mustReadCurrencies reads the embedded table; a fault in it is a fault of the build, which any test run shows.
func mustReadCurrencies(text string) map[string]Currency {
	_, rows, _ := strings.Cut(strings.TrimSpace(text), "\n") // the first line names the columns
	table := make(map[string]Currency)
	for row := range strings.Lines(rows) {
		cells := strings.Split(strings.TrimSpace(row), ",")
		if len(cells) != 3 {
			panic(fmt.Sprintf("currencies.csv: row %q: want code,numeric,exponent", row))
		}
		exponent, err := strconv.Atoi(cells[2])
		if err != nil {
			panic(fmt.Sprintf("currencies.csv: row %q: %v", row, err))
		}
		table[cells[0]] = Currency{Code: cells[0], Numeric: cells[1], Exponent: exponent}
	}
	return table
}

// Lookup finds a currency by its alpha-3 code in capitals; ok is false where there is none.
func Lookup(code string) (c Currency, ok bool) {
	c, ok = currencies[code]
	return c, ok
}

// Valid tells whether code is the alpha-3 code, in capitals, of a currency that Lookup finds.
func Valid(code string) bool {
	_, ok := currencies[code]
	return ok
}

// Format shows a sum of minor units to people: "1,000.00 KGS", "-5 JPY". A code that is not a currency has no
// known exponent; its sum is shown as what it is: "100000 minor units of ABC".
func Format(amount int64, currency string) string {
	major, err := Major(amount, currency)
	if err != nil {
		return strconv.FormatInt(amount, 10) + " minor units of " + currency
	}
	sign := ""
	if major[0] == '-' {
		sign, major = "-", major[1:]
	}
	whole, fraction, hasPoint := strings.Cut(major, ".")
	if hasPoint {
		fraction = "." + fraction
	}
	return sign + groupThousands(whole) + fraction + " " + currency
}

// groupThousands puts a comma before each third digit from the right.
func groupThousands(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Major writes a sum of minor units in major units, plainly: 100000 KGS is "1000.00", 5 JPY is "5".
// It wraps ErrUnknownCurrency.
func Major(amount int64, currency string) (string, error) {
	c, ok := Lookup(currency)
	if !ok {
		return "", unknownCurrency(currency)
	}
	sign, abs := "", uint64(amount)
	if amount < 0 {
		sign, abs = "-", -abs // in uint64, so that the smallest int64 has its absolute value too
	}
	digits := strconv.FormatUint(abs, 10)
	if c.Exponent == 0 {
		return sign + digits, nil
	}
	if missing := c.Exponent + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - c.Exponent
	return sign + digits[:point] + "." + digits[point:], nil
}

// ParseMajor reads a sum that a person typed in major units and gives minor units, exactly: "314.15" KGS is 31415.
// The decimal mark is a point; there is no sign, no thousands separator, no exponent, and no more digits after the
// point than the currency has, not even zeros. Errors say what is wrong and what to type; one of them wraps
// ErrUnknownCurrency.
func ParseMajor(text, currency string) (int64, error) {
	c, ok := Lookup(currency)
	if !ok {
		return 0, unknownCurrency(currency)
	}
	if text == "" {
		return 0, fmt.Errorf("the amount is empty: type it in %s, such as %s", currency, example(c))
	}
	if strings.Contains(text, ",") {
		return 0, fmt.Errorf("amount %q: write a point as decimal mark and no thousands separators, such as %s", text, example(c))
	}
	whole, fraction, hasPoint := strings.Cut(text, ".")
	if !digitsOnly(whole) || (hasPoint && !digitsOnly(fraction)) {
		return 0, fmt.Errorf("amount %q: digits with at most one point between them, such as %s", text, example(c))
	}
	if hasPoint && c.Exponent == 0 {
		return 0, fmt.Errorf("amount %q: %s has no digits after the point", text, currency)
	}
	if len(fraction) > c.Exponent {
		return 0, fmt.Errorf("amount %q: %s has at most %d digits after the point, not %d", text, currency, c.Exponent, len(fraction))
	}
	amount, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", c.Exponent-len(fraction)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("amount %q: larger than any sum can be (%s)", text, Format(math.MaxInt64, currency))
	}
	return amount, nil
}

// example is an amount in the currency's own form, for error texts.
func example(c Currency) string {
	if c.Exponent == 0 {
		return "314"
	}
	return "314." + "1500"[:c.Exponent]
}

func digitsOnly(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func unknownCurrency(code string) error {
	return fmt.Errorf("%w %q: want an alpha-3 code of ISO 4217 in capitals, such as KGS", ErrUnknownCurrency, code)
}
