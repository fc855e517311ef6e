package money

import (
	"errors"
	"testing"
)

func TestTypedSums(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, currency string
		want           int64
		fault          error
	}{
		{"314.15", "KGS", 31415, nil},
		{"314,15", "KGS", 31415, nil},
		{" 15 ", "KGS", 1500, nil},
		{"1 234,50", "KGS", 123450, nil},
		{"1\u00a0234,5", "KGS", 123450, nil},
		{"1\u202f234.50", "KGS", 123450, nil},
		{"1,234.50", "KGS", 123450, nil},
		{"12,345,678.90", "KGS", 1234567890, nil},
		{"1 500", "JPY", 1500, nil},
		{"0,001", "KWD", 1, nil},
		{"1,500", "KGS", 0, ErrTooManyDecimals},
		{"1,500", "JPY", 0, ErrWholeUnits},
		{"1.500,00", "KGS", 0, ErrNotASum},
		{"12,34.50", "KGS", 0, ErrNotASum},
		{"1 50", "KGS", 0, ErrNotASum},
		{"1,5,0", "KGS", 0, ErrNotASum},
		{"15.", "KGS", 0, ErrNotASum},
		{"-15", "KGS", 0, ErrNotASum},
		{"1e3", "KGS", 0, ErrNotASum},
		{"١٥", "KGS", 0, ErrNotASum},
		{"", "KGS", 0, ErrNotASum},
		{"99999999999999999999", "KGS", 0, ErrTooLarge},
		{"1", "KGZ", 0, ErrUnknownCurrency},
	} {
		got, err := ParseTyped(c.text, c.currency)
		if got != c.want || !errors.Is(err, c.fault) {
			t.Errorf("%q %s: %d, %v; want %d, %v", c.text, c.currency, got, err, c.want, c.fault)
		}
	}
}

func TestTypedDecimals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"87.4500": "87.4500", "87,4500": "87.4500", "12 650,25": "12650.25", "12,650.25": "12650.25", "12650": "12650", "12.650": "12.650",
		" 1,5 ": "1.5", "0,125": "0.125", "1234,567": "1234.567",
	} {
		if got, err := ParseTypedDecimal(text); err != nil || got.String() != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"12,650", "1,000", " 123,456 "} { // a thousand times the one, or the other
		if got, err := ParseTypedDecimal(text); !errors.Is(err, ErrTwoReadings) {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "1,2,3", "1.500,00", "-"} {
		if got, err := ParseTypedDecimal(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}
