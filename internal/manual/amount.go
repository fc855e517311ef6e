package manual

import (
	"errors"
	"strings"

	"flashpay/internal/method"
	"flashpay/internal/money"
)

// parseAmount reads a sum as clerks type it.
func parseAmount(text, currency string) (int64, *Fault) {
	if strings.TrimSpace(text) == "" {
		return 0, faultAt(Amount, "required")
	}
	amount, err := money.ParseTyped(text, currency)
	switch {
	case err == nil:
		return amount, nil
	case errors.Is(err, money.ErrUnknownCurrency):
		return 0, faultAt(Currency, "currency")
	case errors.Is(err, money.ErrWholeUnits):
		return 0, faultAt(Amount, "amount_whole", "currency", currency)
	case errors.Is(err, money.ErrTooManyDecimals):
		c, _ := money.Lookup(currency)
		return 0, faultAt(Amount, "amount_decimals", "currency", currency, "count", c.Exponent)
	case errors.Is(err, money.ErrTooLarge):
		return 0, faultAt(Amount, "amount_large")
	}
	return 0, faultAt(Amount, "amount_form")
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
