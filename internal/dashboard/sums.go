package dashboard

import (
	"errors"
	"strings"

	"flashpay/internal/money"
)

// Sums of settings are stored as "KGS=15000.00, USD=200.00". People type and read them as all other sums.

// enteredSums is the text of the sums that a form gives a setting.
func (v *visit) enteredSums(field *fieldView, f *Form) (text string, ok bool) {
	var entries []string
	for _, in := range field.Sums {
		ok = ok || f.Values.Has(in.Name)
		typed := f.Get(in.Name)
		if typed == "" {
			continue
		}
		amount, err := money.ParseTyped(typed, in.Currency)
		if err != nil {
			f.Fault(in.Name, v.typedFault(err, in.Currency))
			continue
		}
		major, err := money.Major(amount, in.Currency)
		if err == nil {
			entries = append(entries, in.Currency+"="+major)
		}
	}
	for _, in := range field.Sums {
		if f.Faults[in.Name] != "" {
			return "", false
		}
	}
	return strings.Join(entries, ", "), ok
}

// typedFault says what is wrong with a sum that was typed.
func (v *visit) typedFault(err error, currency string) string {
	switch c, _ := money.Lookup(currency); {
	case errors.Is(err, money.ErrUnknownCurrency):
		return v.t("projects.fault.currency", "text", currency)
	case errors.Is(err, money.ErrWholeUnits):
		return v.t("manual.fault.amount_whole", "currency", currency)
	case errors.Is(err, money.ErrTooManyDecimals):
		return v.t("manual.fault.amount_decimals", "currency", currency, "count", c.Exponent)
	case errors.Is(err, money.ErrTooLarge):
		return v.t("manual.fault.amount_large")
	}
	return v.t("manual.fault.amount_form")
}

// decimalFault says what is wrong with a typed decimal; other is the word of what is no number.
func (v *visit) decimalFault(err error, other string) string {
	if errors.Is(err, money.ErrTwoReadings) {
		return v.t("manual.fault.two_readings")
	}
	return v.t(other)
}

// typed writes a stored sum as a field for sums holds it: as people write it, without the currency. Where the currency has
// no decimals, English leaves out the commas: they could be read as a decimal mark.
func (w *words) typed(major, currency string) string {
	amount, err := money.ParseMajor(major, currency)
	if err != nil {
		return major
	}
	if c, _ := money.Lookup(currency); c.Exponent == 0 && w.lang == "en" {
		return major
	}
	return strings.TrimSuffix(w.sum(amount, currency), "\u00a0"+currency)
}

// sums writes stored sums as people do; any other text stays.
func (w *words) sums(text string) string {
	entries := strings.Split(text, ", ")
	for i, entry := range entries {
		currency, major, ok := strings.Cut(entry, "=")
		if !ok {
			return text
		}
		amount, err := money.ParseMajor(major, currency)
		if err != nil {
			return text
		}
		entries[i] = w.sum(amount, currency)
	}
	return strings.Join(entries, "; ")
}
