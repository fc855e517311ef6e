package money

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Decimal is an exact decimal number: a rate, a percentage. It is never changed; its zero value is 0.
type Decimal struct{ value apd.Decimal }

// maxDecimalText bounds what ParseDecimal reads: no rate and no percentage is longer.
const maxDecimalText = 40

// ParseDecimal reads digits with at most one point between them, such as "87.4500". Signs and exponents are refused.
func ParseDecimal(text string) (Decimal, error) {
	whole, fraction, hasPoint := strings.Cut(text, ".")
	if len(text) > maxDecimalText || !digitsOnly(whole) || hasPoint && !digitsOnly(fraction) {
		return Decimal{}, fmt.Errorf("%q: want digits with at most one point between them, such as 87.4500", text)
	}
	var d Decimal
	if _, _, err := d.value.SetString(text); err != nil {
		return Decimal{}, fmt.Errorf("%q: %w", text, err)
	}
	return d, nil
}

// Whole is the decimal of a whole number.
func Whole(n int64) Decimal {
	var d Decimal
	d.value.SetInt64(n)
	return d
}

// String writes the number plainly, with all the decimals that it was written with.
func (d Decimal) String() string { return d.value.Text('f') }

// MarshalText writes the number as String does.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDecimal reads.
func (d *Decimal) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDecimal(string(text))
	return err
}

// Sign is 0 for zero, else 1 or -1.
func (d Decimal) Sign() int { return d.value.Sign() }

// Abs is the number without its sign.
func (d Decimal) Abs() Decimal {
	var abs Decimal
	abs.value.Abs(&d.value)
	return abs
}

// Cmp is -1, 0 or 1 where d is less than, equal to or more than e.
func (d Decimal) Cmp(e Decimal) int { return d.value.Cmp(&e.value) }

// Equal tells whether two numbers are the same, however they are written.
func (d Decimal) Equal(e Decimal) bool { return d.Cmp(e) == 0 }

// exact computes without rounding: only operations on bounded texts go through it.
var exact = apd.BaseContext

// Add is d + e.
func (d Decimal) Add(e Decimal) Decimal {
	var sum Decimal
	_, _ = exact.Add(&sum.value, &d.value, &e.value) // without rounding nothing can go wrong
	return sum
}

// Sub is d - e.
func (d Decimal) Sub(e Decimal) Decimal {
	var difference Decimal
	_, _ = exact.Sub(&difference.value, &d.value, &e.value)
	return difference
}

// Mul is d × e, exactly.
func (d Decimal) Mul(e Decimal) Decimal {
	var product Decimal
	_, _ = exact.Mul(&product.value, &d.value, &e.value)
	return product
}

// Shift is d × 10^places, exactly.
func (d Decimal) Shift(places int) Decimal { return d.Mul(Decimal{*apd.New(1, int32(places))}) }

// Quo is d / e, rounded half to even to so many significant digits and without trailing zeros: for people to read, never
// to compute with. A division by zero is 0.
func (d Decimal) Quo(e Decimal, digits uint32) Decimal {
	context := apd.BaseContext.WithPrecision(digits)
	context.Rounding = apd.RoundHalfEven
	var quotient Decimal
	if _, err := context.Quo(&quotient.value, &d.value, &e.value); err != nil {
		return Decimal{}
	}
	quotient.value.Reduce(&quotient.value)
	return quotient
}

// ErrTooLarge is returned where a sum in minor units does not fit an int64.
var ErrTooLarge = errors.New("the sum is larger than any can be")

// Prorate is amount × numerator / denominator in minor units: computed exactly and rounded once, half to even. None of
// them may be below zero, and the denominator not zero; ErrTooLarge where the result is no int64.
func Prorate(amount int64, numerator, denominator Decimal) (int64, error) {
	if amount < 0 || numerator.Sign() < 0 || denominator.Sign() <= 0 {
		return 0, fmt.Errorf("prorating %d by %s / %s: want numbers above zero", amount, numerator, denominator)
	}
	over, under := apd.NewBigInt(amount), new(apd.BigInt).Set(&denominator.value.Coeff)
	over.Mul(over, &numerator.value.Coeff)
	if shift := int64(numerator.value.Exponent) - int64(denominator.value.Exponent); shift >= 0 {
		over.Mul(over, tenTo(shift))
	} else {
		under.Mul(under, tenTo(-shift))
	}
	rest := new(apd.BigInt)
	whole, _ := new(apd.BigInt).QuoRem(over, under, rest)
	half := rest.Lsh(rest, 1).Cmp(under)
	if half > 0 || half == 0 && whole.Bit(0) == 1 {
		whole.Add(whole, apd.NewBigInt(1))
	}
	if !whole.IsInt64() || whole.Int64() == math.MaxInt64 {
		return 0, ErrTooLarge
	}
	return whole.Int64(), nil
}

func tenTo(n int64) *apd.BigInt {
	return new(apd.BigInt).Exp(apd.NewBigInt(10), apd.NewBigInt(n), nil)
}
