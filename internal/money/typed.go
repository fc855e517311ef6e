package money

import (
	"errors"
	"regexp"
	"strings"
)

// ErrTwoReadings says that a typed decimal has one comma, with three digits behind it: it separates thousands, or decimals.
var ErrTwoReadings = errors.New("a comma with three digits behind it can be read in two ways: write a point for decimals, and nothing for thousands")

// Errors of ParseTyped, beside ErrTooLarge and ErrUnknownCurrency.
var (
	ErrNotASum         = errors.New("this is no sum")
	ErrWholeUnits      = errors.New("the currency has whole sums only")
	ErrTooManyDecimals = errors.New("the sum has more decimals than the currency")
)

var (
	spaced    = regexp.MustCompile(`^[0-9]{1,3}([ \x{00a0}\x{202f}][0-9]{3})+([.,][0-9]+)?$`)
	commas    = regexp.MustCompile(`^[0-9]{1,3}(,[0-9]{3})+\.[0-9]+$`)
	eitherWay = regexp.MustCompile(`^[1-9][0-9]{0,2},[0-9]{3}$`)
	typedForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	blanks    = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "")
)

// plainText is a number as people type it, without separators of thousands and with a point as its decimal mark.
func plainText(text string) string {
	text = strings.TrimSpace(text)
	switch {
	case spaced.MatchString(text):
		text = blanks.Replace(text)
	case commas.MatchString(text):
		text = strings.ReplaceAll(text, ",", "")
	}
	if !strings.Contains(text, ".") {
		text = strings.Replace(text, ",", ".", 1)
	}
	return text
}

// ParseTypedDecimal reads a decimal as people type it, as ParseTyped reads sums: 1.5, 1,5, 12 650,25, 12,650.25. Where a sum of
// "12,650" has too many decimals, nothing is known of a decimal's: it is ErrTwoReadings.
func ParseTypedDecimal(text string) (Decimal, error) {
	if eitherWay.MatchString(strings.TrimSpace(text)) {
		return Decimal{}, ErrTwoReadings
	}
	return ParseDecimal(plainText(text))
}

// ParseTyped reads a sum in major units as people type it or copy it from a page, and returns minor units: 1234.5, 1234,50,
// 1 234,50 and 1,234.50 are accepted. A comma separates thousands only where a decimal point follows; "1,500" KGS therefore has
// too many decimals and is refused. The sum has no sign. Errors are those above and ErrTooLarge, or wrap ErrUnknownCurrency.
func ParseTyped(text, currency string) (int64, error) {
	text = plainText(text)
	c, ok := Lookup(currency)
	if !ok {
		return 0, unknownCurrency(currency)
	}
	if !typedForm.MatchString(text) {
		return 0, ErrNotASum
	}
	_, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > c.Exponent {
		if c.Exponent == 0 {
			return 0, ErrWholeUnits
		}
		return 0, ErrTooManyDecimals
	}
	amount, err := ParseMajor(text, currency)
	if err != nil { // what is left is a sum that no int64 holds
		return 0, ErrTooLarge
	}
	return amount, nil
}
