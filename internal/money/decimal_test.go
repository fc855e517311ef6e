package money

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestDecimalText(t *testing.T) {
	for _, text := range []string{"87.4500", "0", "0.0000", "1", "0.000000000001", "999999999999.999"} {
		d, err := ParseDecimal(text)
		if err != nil || d.String() != text {
			t.Errorf("%q reads as %s, %v", text, d, err)
		}
	}
	for _, text := range []string{"", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "1.2.3", "NaN", "Infinity", "0x10", "12345678901234567890123456789012345678901"} {
		if d, err := ParseDecimal(text); err == nil {
			t.Errorf("%q reads as %s, want an error", text, d)
		}
	}
}

func TestQuoIsForPeople(t *testing.T) {
	for _, c := range []struct{ over, under, want string }{
		{"1", "87.4500", "0.01143510577"}, {"1", "4", "0.25"}, {"100", "1", "100"}, {"1", "0", "0"},
	} {
		if have := decimal(t, c.over).Quo(decimal(t, c.under), 10).String(); have != c.want {
			t.Errorf("%s / %s = %s, want %s", c.over, c.under, have, c.want)
		}
	}
}

func TestProrateRoundsHalfToEven(t *testing.T) {
	for _, c := range []struct {
		amount      int64
		over, under string
		want        int64
	}{
		{5, "1", "2", 2},
		{7, "1", "2", 4},
		{3, "1", "2", 2},
		{1, "1", "2", 0}, // halves go to the even neighbour
		{25, "0.1", "1", 2},
		{35, "0.1", "1", 4},
		{10, "1", "3", 3},
		{20, "1", "3", 7},
		{0, "87.45", "1", 0},
		{100, "87.4500", "1", 8745},
		{math.MaxInt64 - 1, "1", "1", math.MaxInt64 - 1},
	} {
		have, err := Prorate(c.amount, decimal(t, c.over), decimal(t, c.under))
		if err != nil || have != c.want {
			t.Errorf("%d × %s / %s = %d, %v; want %d", c.amount, c.over, c.under, have, err, c.want)
		}
	}
	if _, err := Prorate(math.MaxInt64, Whole(2), Whole(1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("twice the largest sum: %v", err)
	}
	for _, bad := range [][2]Decimal{{Whole(1), Whole(0)}, {Whole(0).Sub(Whole(1)), Whole(1)}} {
		if n, err := Prorate(1, bad[0], bad[1]); err == nil {
			t.Errorf("1 × %s / %s = %d, want an error", bad[0], bad[1], n)
		}
	}
}

// TestProrateIsExact compares with rational numbers: the result is the nearest whole number, of two equally near ones the even.
func TestProrateIsExact(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		number := rapid.Custom(func(r *rapid.T) Decimal {
			return Whole(rapid.Int64Range(1, 1e12).Draw(r, "digits")).Shift(rapid.IntRange(-12, 3).Draw(r, "places"))
		})
		amount, over, under := rapid.Int64Range(0, 1e13).Draw(r, "amount"), number.Draw(r, "over"), number.Draw(r, "under")
		have, err := Prorate(amount, over, under)
		rat := func(d Decimal) *big.Rat {
			x, _ := new(big.Rat).SetString(d.String())
			return x
		}
		want := new(big.Rat).Quo(new(big.Rat).Mul(new(big.Rat).SetInt64(amount), rat(over)), rat(under))
		if errors.Is(err, ErrTooLarge) {
			if want.Cmp(new(big.Rat).SetInt64(math.MaxInt64-1)) < 0 {
				r.Fatalf("%d × %s / %s is not too large", amount, over, under)
			}
			return
		}
		off := new(big.Rat).Abs(new(big.Rat).Sub(want, new(big.Rat).SetInt64(have)))
		switch half := off.Cmp(big.NewRat(1, 2)); {
		case err != nil, half > 0, half == 0 && have%2 != 0:
			r.Fatalf("%d × %s / %s = %d, %v; it is %s", amount, over, under, have, err, want.FloatString(6))
		}
	})
}

func decimal(t *testing.T, text string) Decimal {
	t.Helper()
	d, err := ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
