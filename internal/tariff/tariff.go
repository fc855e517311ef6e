// Package tariff says what a project pays for a payout on top of its sum: a fixed part and percent of what its balance pays,
// with a least and a most, by method and by the currency of that balance. Tariffs have versions, each with a moment from
// which it holds. Everything is computed in exact decimals and rounded once, half to even.
package tariff

import (
	"fmt"
	"math"
	"strings"
	"time"

	"flashpay/internal/money"
)

// Tariff is how a fee is computed. Sums are minor units of its currency.
type Tariff struct {
	Version int64         `json:"version"`          // from 1, by project, method and currency
	Fixed   int64         `json:"fixed,omitempty"`  // of each payout
	Percent money.Decimal `json:"percent,omitzero"` // of what the balance pays for it
	Min     int64         `json:"min,omitempty"`    // no fee is smaller
	Max     int64         `json:"max,omitempty"`    // no fee is larger; 0: there is no most
}

// Fee is the fee for a payout for which the balance pays so much, in minor units. money.ErrTooLarge where no sum can hold
// it.
func (t *Tariff) Fee(amount int64) (int64, error) {
	share, err := money.Prorate(amount, t.Percent, money.Whole(100))
	switch {
	case err != nil && t.Max > 0: // whatever it is, it is above the most
		return t.Max, nil
	case err != nil:
		return 0, err
	case share > math.MaxInt64-t.Fixed && t.Max > 0:
		return t.Max, nil
	case share > math.MaxInt64-t.Fixed:
		return 0, money.ErrTooLarge
	}
	fee := max(share+t.Fixed, t.Min)
	if t.Max > 0 {
		fee = min(fee, t.Max)
	}
	return fee, nil
}

// Equal tells whether two tariffs make the same fees, whatever their versions are.
func (t *Tariff) Equal(o *Tariff) bool {
	return t.Fixed == o.Fixed && t.Percent.Equal(o.Percent) && t.Min == o.Min && t.Max == o.Max
}

// Text is a tariff in a currency as the command line takes it: "fixed=10.00 percent=1.5 min=5.00 max=100.00", without what is
// not set.
func (t *Tariff) Text(currency string) string {
	var parts []string
	sum := func(name string, amount int64) {
		if major, err := money.Major(amount, currency); err == nil && amount != 0 {
			parts = append(parts, name+"="+major)
		}
	}
	sum("fixed", t.Fixed)
	if t.Percent.Sign() > 0 {
		parts = append(parts, "percent="+t.Percent.String())
	}
	sum("min", t.Min)
	sum("max", t.Max)
	if len(parts) == 0 {
		return "fixed=0"
	}
	return strings.Join(parts, " ")
}

// Why is what is wrong with a part of a tariff.
type Why string

// What can be wrong.
const (
	NoSum      Why = "sum"         // it is no sum in the currency
	NoNumber   Why = "number"      // it is no decimal number
	OutOfRange Why = "range"       // less than can be, or more
	BelowMin   Why = "below_min"   // the most is below the least
	BelowFixed Why = "below_fixed" // the most is below the fixed part
	Nothing    Why = "nothing"     // no part is given
)

// Fault says what is wrong with a part of a tariff.
type Fault struct {
	Part string // fixed, percent, min or max
	Why  Why
	text string
}

// Error is the fault as the command line tells it.
func (f *Fault) Error() string { return f.text }

// Read reads a tariff in a currency from its parts by name, and tells all that is wrong with them. What is not given is not
// set; something must be.
func Read(parts map[string]string, currency string) (t Tariff, faults []*Fault) {
	for _, part := range []struct {
		name string
		sum  *int64
	}{{"fixed", &t.Fixed}, {"percent", nil}, {"min", &t.Min}, {"max", &t.Max}} {
		value, given := parts[part.name]
		if !given {
			continue
		}
		why := NoSum
		var err error
		if part.sum == nil {
			why = NoNumber
			t.Percent, err = money.ParseDecimal(value)
		} else {
			*part.sum, err = money.ParseMajor(value, currency)
		}
		if err != nil {
			faults = append(faults, &Fault{part.name, why, fmt.Sprintf("%s=%s: %v", part.name, value, err)})
		}
	}
	switch {
	case len(parts) == 0:
		faults = append(faults, &Fault{
			"fixed", Nothing,
			"it says nothing: give fixed=10.00, percent=1.5 or both, and min and max where there are such; fixed=0 ends fees",
		})
	case len(faults) == 0:
		faults = t.faults(currency)
	}
	return t, faults
}

// Parse reads the parts of a tariff in a currency as Text writes them, each at most once.
func Parse(parts []string, currency string) (t Tariff, err error) {
	values := make(map[string]string)
	for _, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		if _, seen := values[name]; !ok || seen {
			return t, fmt.Errorf("%q: want each of fixed=10.00, percent=1.5, min=5.00 and max=100.00 at most once", part)
		}
		switch name {
		case "fixed", "percent", "min", "max":
			values[name] = value
		default:
			return t, fmt.Errorf("%s: want fixed, percent, min or max", part)
		}
	}
	t, faults := Read(values, currency)
	if len(faults) > 0 {
		return t, faults[0]
	}
	return t, nil
}

// HasBegun tells whether a tariff from a day on, as text, holds from now on: the day is today where now is, or none is given.
func HasBegun(day string, now time.Time) bool { return day == "" || day == now.Format(time.DateOnly) }

// maxPercent is the largest percentage: more is a slip of the hand.
const maxPercent = 100

// maxPercentText is how long a percentage can be written.
const maxPercentText = 12

// maxSum is the largest sum in a tariff, so that a fee and its payout stay sums.
const maxSum = math.MaxInt64 / 8

// Check tells what is wrong with a tariff in a currency; nil: nothing.
func (t *Tariff) Check(currency string) error {
	if faults := t.faults(currency); len(faults) > 0 {
		return faults[0]
	}
	return nil
}

func (t *Tariff) faults(currency string) (faults []*Fault) {
	add := func(part string, why Why, format string, args ...any) {
		faults = append(faults, &Fault{part, why, fmt.Sprintf(format, args...)})
	}
	for _, s := range []struct {
		name string
		sum  int64
	}{{"fixed", t.Fixed}, {"min", t.Min}, {"max", t.Max}} {
		if s.sum < 0 || s.sum > maxSum {
			add(s.name, OutOfRange, "%s=%s: want a sum from 0 to %s", s.name, money.Format(s.sum, currency), money.Format(maxSum, currency))
		}
	}
	if t.Percent.Sign() < 0 || t.Percent.Cmp(money.Whole(maxPercent)) > 0 || len(t.Percent.String()) > maxPercentText {
		add("percent", OutOfRange, "percent=%s: want a number from 0 to %d of at most %d characters, such as 1.5", t.Percent, maxPercent, maxPercentText)
	}
	switch {
	case len(faults) > 0:
	case t.Max > 0 && t.Max < t.Min:
		add("max", BelowMin, "max=%s is below min=%s", money.Format(t.Max, currency), money.Format(t.Min, currency))
	case t.Max > 0 && t.Max < t.Fixed:
		add("max", BelowFixed, "max=%s is below fixed=%s, which every payout pays", money.Format(t.Max, currency), money.Format(t.Fixed, currency))
	}
	return faults
}

// Holding is a version of a tariff and the moment from which it holds.
type Holding struct {
	Tariff
	From time.Time
}

// Key is what there is one tariff of, in one project.
type Key struct {
	Method   string // path
	Currency string // of the balance that pays
}

// Book is the tariffs of a project: of each key all versions, in any order.
type Book map[Key][]Holding

// At is the tariff that holds at a moment: of the versions that hold from then or earlier the one that began last, of several
// with one beginning the newest. ok is false where none does.
func (b Book) At(k Key, at time.Time) (t Holding, ok bool) {
	for _, h := range b[k] {
		if h.From.After(at) || ok && (h.From.Before(t.From) || h.From.Equal(t.From) && h.Version < t.Version) {
			continue
		}
		t, ok = h, true
	}
	return t, ok
}

// Next is the tariff that holds next after a moment, from its From on. ok is false where nothing is to change.
func (b Book) Next(k Key, after time.Time) (t Holding, ok bool) {
	for _, h := range b[k] {
		if h.From.After(after) && (!ok || h.From.Before(t.From) || h.From.Equal(t.From) && h.Version > t.Version) {
			t, ok = h, true
		}
	}
	return t, ok
}
