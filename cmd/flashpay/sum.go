package main

import (
	"strconv"
	"strings"

	"flashpay/internal/money"
)

// parseSum reads a sum in the one form that the command line has: major units, with all decimals of the currency. A whole
// number could be either kind of unit, so it is refused rather than guessed; the error shows both readings.
func parseSum(text, currency string) (int64, error) {
	c, known := money.Lookup(currency)
	if !known {
		return 0, usagef("%q is no ISO 4217 currency code, such as KGS", currency)
	}
	amount, err := money.ParseMajor(text, currency)
	if err != nil {
		return 0, usagef("%v", err)
	}
	if _, decimals, _ := strings.Cut(text, "."); len(decimals) == c.Exponent {
		return amount, nil
	}
	major, err := money.Major(amount, currency)
	if err != nil {
		return 0, usagef("%v", err)
	}
	minor, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, usagef("amount %q: write all decimals: %s", text, major)
	}
	asMinor, err := money.Major(minor, currency)
	if err != nil {
		return 0, usagef("%v", err)
	}
	return 0, usagef("amount %q: write major units with all decimals: %s, or %s if you meant minor units", text, major, asMinor)
}

// parseSums reads sums such as KGS=1000.00, each currency once.
func parseSums(texts []string) (map[string]int64, error) {
	sums := make(map[string]int64)
	for _, text := range texts {
		currency, digits, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usagef("%q is not a sum: want a currency and an amount, such as KGS=1000.00", text)
		}
		amount, err := parseSum(digits, currency)
		if err != nil {
			return nil, usagef("%s: %v", text, err)
		}
		if _, twice := sums[currency]; twice {
			return nil, usagef("%s stands twice: give each currency once", currency)
		}
		sums[currency] = amount
	}
	return sums, nil
}
