package manual

import (
	"regexp"
	"strings"

	"flashpay/internal/method"
	"flashpay/internal/money"
)

var (
	grouped    = regexp.MustCompile(`^[0-9]{1,3}([ \x{00a0}\x{202f}][0-9]{3})+([.,][0-9]+)?$`)
	amountForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	blanks     = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "")
)

// parseAmount reads a sum as clerks type it: with a point or a comma as decimal mark, and blanks between thousands. A
// comma is never read as a separator of thousands: "1,500" som has too many digits after it, and is refused.
func parseAmount(text, currency string) (int64, *Fault) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, faultAt(Amount, "required")
	}
	if grouped.MatchString(text) {
		text = blanks.Replace(text)
	}
	if !strings.Contains(text, ".") {
		text = strings.Replace(text, ",", ".", 1)
	}
	if !amountForm.MatchString(text) {
		return 0, faultAt(Amount, "amount_form")
	}
	c, ok := money.Lookup(currency)
	if !ok {
		return 0, faultAt(Currency, "currency")
	}
	_, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > c.Exponent {
		if c.Exponent == 0 {
			return 0, faultAt(Amount, "amount_whole", "currency", currency)
		}
		return 0, faultAt(Amount, "amount_decimals", "currency", currency, "count", c.Exponent)
	}
	amount, err := money.ParseMajor(text, currency)
	if err != nil { // what is left is a sum that no int64 holds
		return 0, faultAt(Amount, "amount_large")
	}
	return amount, nil
}

// limitFault compares a sum with the limits of project and method.
func limitFault(amount int64, limits method.Currency) *Fault {
	switch limits.Check(amount) {
	case method.AmountBelowMin:
		return faultAt(Amount, "below", "limit", Sum{limits.Min, limits.Code})
	case method.AmountAboveMax:
		return faultAt(Amount, "above", "limit", Sum{limits.Max, limits.Code})
	case method.AmountNotAStep:
		return faultAt(Amount, "step", "step", Sum{limits.Step, limits.Code})
	}
	return nil
}

// Sum is an amount in minor units, as an argument of words: whoever words it writes it as its reader's language does.
type Sum struct {
	Amount   int64
	Currency string
}
