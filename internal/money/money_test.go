package money

import (
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLookup(t *testing.T) {
	want := []Currency{
		{"KGS", "417", 2},
		{"USD", "840", 2},
		{"EUR", "978", 2},
		{"JPY", "392", 0},
		{"VND", "704", 0},
		{"CLP", "152", 0},
		{"PYG", "600", 0},
		{"KWD", "414", 3},
		{"TND", "788", 3},
		{"CLF", "990", 4},
		{"GEL", "981", 2},
		{"NGN", "566", 2},
		{"ZAR", "710", 2},
		{"ALL", "008", 2}, // the zeros in front belong to the code
		// Currencies that CLDR, and so x/text, rounds to whole units in print, while ISO 4217 gives them two digits.
		{"AFN", "971", 2},
		{"UZS", "860", 2},
		{"MMK", "104", 2},
		{"IDR", "360", 2},
	}
	for _, w := range want {
		got, ok := Lookup(w.Code)
		if !ok || got != w {
			t.Errorf("Lookup(%s) = %+v, %v; want %+v", w.Code, got, ok, w)
		}
	}
	for _, code := range []string{"", "kgs", "KG", "KGSS", "ABC", "XXX", "XTS", "XAU", "code"} {
		if Valid(code) {
			t.Errorf("Valid(%q) = true, want false", code)
		}
	}
}

func TestTableIsWellFormed(t *testing.T) {
	if len(currencies) < 150 {
		t.Fatalf("%d currencies, want all of ISO 4217", len(currencies))
	}
	code, numeric := regexp.MustCompile(`^[A-Z]{3}$`), regexp.MustCompile(`^[0-9]{3}$`)
	byNumber := map[string]string{}
	for k, c := range currencies {
		if k != c.Code || !code.MatchString(c.Code) || !numeric.MatchString(c.Numeric) || c.Exponent < 0 || c.Exponent > 4 {
			t.Errorf("bad row %+v", c)
		}
		if other, taken := byNumber[c.Numeric]; taken {
			t.Errorf("%s and %s share the number %s", c.Code, other, c.Numeric)
		}
		byNumber[c.Numeric] = c.Code
	}
}

func TestBrokenTableIsRefused(t *testing.T) {
	for _, text := range []string{"code,numeric,exponent\nKGS,417\n", "code,numeric,exponent\nKGS,417,two\n"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("table %q was taken", text)
				}
			}()
			mustReadCurrencies(text)
		}()
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		amount   int64
		currency string
		format   string
		major    string
	}{
		{100000, "KGS", "1,000.00 KGS", "1000.00"},
		{0, "KGS", "0.00 KGS", "0.00"},
		{5, "KGS", "0.05 KGS", "0.05"},
		{99999, "KGS", "999.99 KGS", "999.99"},
		{123456789, "KGS", "1,234,567.89 KGS", "1234567.89"},
		{-100000, "KGS", "-1,000.00 KGS", "-1000.00"},
		{-5, "KGS", "-0.05 KGS", "-0.05"},
		{200, "JPY", "200 JPY", "200"},
		{1000, "JPY", "1,000 JPY", "1000"},
		{150155, "KWD", "150.155 KWD", "150.155"},
		{1, "CLF", "0.0001 CLF", "0.0001"},
		{math.MaxInt64, "JPY", "9,223,372,036,854,775,807 JPY", "9223372036854775807"},
		{math.MinInt64, "KGS", "-92,233,720,368,547,758.08 KGS", "-92233720368547758.08"},
	} {
		if got := Format(c.amount, c.currency); got != c.format {
			t.Errorf("Format(%d, %s) = %q, want %q", c.amount, c.currency, got, c.format)
		}
		if got, err := Major(c.amount, c.currency); err != nil || got != c.major {
			t.Errorf("Major(%d, %s) = %q, %v; want %q", c.amount, c.currency, got, err, c.major)
		}
	}
	if got, want := Format(100000, "ABC"), "100000 minor units of ABC"; got != want {
		t.Errorf("Format of an unknown currency = %q, want %q", got, want)
	}
	if _, err := Major(1, "ABC"); !errors.Is(err, ErrUnknownCurrency) {
		t.Errorf("Major of an unknown currency: %v", err)
	}
}

func TestParseMajor(t *testing.T) {
	for _, c := range []struct {
		text, currency string
		want           int64
	}{
		{"314.15", "KGS", 31415},
		{"314.1", "KGS", 31410},
		{"314", "KGS", 31400},
		{"0.01", "KGS", 1},
		{"0", "KGS", 0},
		{"00015.00", "KGS", 1500},
		{"200", "JPY", 200},
		{"150.155", "KWD", 150155},
		{"92233720368547758.07", "KGS", math.MaxInt64},
	} {
		if got, err := ParseMajor(c.text, c.currency); err != nil || got != c.want {
			t.Errorf("ParseMajor(%q, %s) = %d, %v; want %d", c.text, c.currency, got, err, c.want)
		}
	}
}

func TestParseMajorErrors(t *testing.T) {
	for _, c := range []struct{ text, currency, says string }{
		{"", "KGS", "empty"},
		{"314,15", "KGS", "point as decimal mark"},
		{"1,000.00", "KGS", "no thousands separators"},
		{"314.155", "KGS", "at most 2 digits"},
		{"314.150", "KGS", "at most 2 digits"},
		{"314.5", "JPY", "no digits after the point"},
		{"314.", "JPY", "such as 314"},
		{"314.", "KGS", "such as 314.15"},
		{".5", "KGS", "at most one point"},
		{".", "KGS", "at most one point"},
		{"1.2.3", "KGS", "at most one point"},
		{"-5", "KGS", "digits"},
		{"+5", "KGS", "digits"},
		{" 5", "KGS", "digits"},
		{"1e3", "KGS", "digits"},
		{"٣", "KGS", "digits"},
		{"92233720368547758.08", "KGS", "larger than any sum"},
		{"5", "kgs", "unknown currency"},
	} {
		got, err := ParseMajor(c.text, c.currency)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("ParseMajor(%q, %s) = %d, %v; want an error with %q", c.text, c.currency, got, err, c.says)
		}
	}
}

func TestMajorAndParseMajorAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Min(0).Draw(t, "amount")
		code := rapid.SampledFrom([]string{"JPY", "KGS", "KWD", "CLF"}).Draw(t, "currency")
		text, err := Major(amount, code)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseMajor(text, code); err != nil || back != amount {
			t.Fatalf("%d %s → %q → %d, %v", amount, code, text, back, err)
		}
	})
}
