// Package rates holds exchange rates: what sources say of a currency pair from a moment on, how the rate of two currencies
// at a moment follows from it, and what it makes of a sum. It reads the files that central banks publish. Everything is
// computed in exact decimals and rounded once, half to even.
package rates

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"flashpay/internal/money"
)

// Source is who says what a currency is worth.
type Source string

// The sources.
const (
	NBKR   Source = "nbkr"   // the National Bank of the Kyrgyz Republic: som for one unit of each currency
	ECB    Source = "ecb"    // the European Central Bank: units of each currency for one euro; it has no som
	Manual Source = "manual" // the platform's operators
)

// Sources lists all sources in the order in which they stand in for each other.
func Sources() []Source { return []Source{NBKR, ECB, Manual} }

// Base is the currency through which two others of a source are compared.
func (s Source) Base() string {
	if s == ECB {
		return "EUR"
	}
	return "KGS"
}

// Order lists the sources as a project asks them: its base source, then the others.
func Order(base Source) []Source {
	order := []Source{base}
	for _, s := range Sources() {
		if s != base {
			order = append(order, s)
		}
	}
	return order
}

// Series is one of the files that a source publishes.
type Series string

// The series. The National Bank sets a few currencies daily and the rest weekly; one may stand in both.
const (
	Daily  Series = "daily"
	Weekly Series = "weekly"
	ByHand Series = "by hand"
)

// preference lists the series: one that a currency has in several of them is taken from the first.
var preference = []Series{ByHand, Daily, Weekly}

// Quote is what a source says: from a moment on, until it says otherwise, one unit of Base is worth Value units of Term.
type Quote struct {
	Source    Source        `json:"source"`
	Series    Series        `json:"series"`
	Base      string        `json:"base"`
	Term      string        `json:"term"`
	Value     money.Decimal `json:"value"`
	ValidFrom time.Time     `json:"valid_from"`
}

// MaxDigits is how many digits before and after its point a rate may have.
const MaxDigits = 12

// Check tells what is wrong with a quote; nil: nothing.
func (q *Quote) Check() error {
	largest := money.Whole(1).Shift(MaxDigits)
	switch {
	case !slices.Contains(Sources(), q.Source):
		return fmt.Errorf("there is no source %q of rates", q.Source)
	case !money.Valid(q.Base) || !money.Valid(q.Term):
		return fmt.Errorf("%s/%s: want two alpha-3 codes of ISO 4217 in capitals, such as USD and KGS", q.Base, q.Term)
	case q.Base == q.Term:
		return fmt.Errorf("%s is always worth itself: want two currencies", q.Base)
	case q.Value.Sign() <= 0 || q.Value.Cmp(largest) >= 0 || q.Value.Cmp(money.Whole(1).Shift(-MaxDigits)) < 0:
		return fmt.Errorf("a rate of %s for %s/%s: want a number above zero with at most %d digits before and after its point", q.Value, q.Base, q.Term, MaxDigits)
	}
	return nil
}

// Leg is a quote as a rate uses it: as it stands, or backwards.
type Leg struct {
	Quote
	Inverse bool `json:"inverse,omitempty"` // one unit of Term is worth 1/Value of Base
}

// Rate says what one unit of From is worth in To: by one quote, or by two through the source's base currency.
type Rate struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Source Source `json:"source"`
	Legs   []Leg  `json:"legs"`
}

// fraction is the rate as numerator and denominator: a decimal could not hold all of it.
func (r *Rate) fraction() (over, under money.Decimal) {
	over, under = money.Whole(1), money.Whole(1)
	for _, l := range r.Legs {
		if l.Inverse {
			under = under.Mul(l.Value)
		} else {
			over = over.Mul(l.Value)
		}
	}
	return over, under
}

// shownDigits are the significant digits of a rate that is not a quote as it stands.
const shownDigits = 10

// Value is the rate for people: a quote's own value, and of what is computed ten significant digits.
func (r *Rate) Value() money.Decimal {
	over, under := r.fraction()
	if len(r.Legs) == 1 && !r.Legs[0].Inverse {
		return over
	}
	return over.Quo(under, shownDigits)
}

// ValueLess is for people what Converted makes of one unit when the platform keeps a margin, in percent.
func (r *Rate) ValueLess(margin money.Decimal) money.Decimal {
	return r.part(money.Whole(100).Sub(margin))
}

// ValuePlus is for people what Cost makes of one unit when a margin, in percent, comes on top.
func (r *Rate) ValuePlus(margin money.Decimal) money.Decimal {
	return r.part(money.Whole(100).Add(margin))
}

func (r *Rate) part(percent money.Decimal) money.Decimal {
	over, under := r.fraction()
	if len(r.Legs) == 1 && !r.Legs[0].Inverse {
		return over.Mul(percent).Shift(-2)
	}
	return over.Mul(percent).Quo(under.Shift(2), shownDigits)
}

// ValidFrom is since when the rate holds: the older of its quotes counts.
func (r *Rate) ValidFrom() time.Time {
	var oldest time.Time
	for _, l := range r.Legs {
		if oldest.IsZero() || l.ValidFrom.Before(oldest) {
			oldest = l.ValidFrom
		}
	}
	return oldest
}

// Converted is what a sum in From becomes in To when the platform keeps a margin, in percent, of it: minor units,
// rounded half to even, to a multiple of step where that is above 1. money.ErrTooLarge where no sum can hold it.
func (r *Rate) Converted(amount int64, margin money.Decimal, step int64) (int64, error) {
	return r.times(amount, money.Whole(100).Sub(margin), max(step, 1))
}

// Cost is what a sum in From costs in To when a margin, in percent, comes on top.
func (r *Rate) Cost(amount int64, margin money.Decimal) (int64, error) {
	return r.times(amount, money.Whole(100).Add(margin), 1)
}

// ErrCurrency is returned for a rate between what are no currencies.
var ErrCurrency = errors.New("rates: a currency without a known minor unit")

func (r *Rate) times(amount int64, percent money.Decimal, step int64) (int64, error) {
	from, known := money.Lookup(r.From)
	to, alsoKnown := money.Lookup(r.To)
	if !known || !alsoKnown {
		return 0, ErrCurrency
	}
	over, under := r.fraction()
	steps, err := money.Prorate(amount, over.Mul(percent).Shift(to.Exponent-from.Exponent-2), under.Mul(money.Whole(step)))
	if err != nil || steps > math.MaxInt64/step {
		return 0, cmp.Or(err, money.ErrTooLarge)
	}
	return steps * step, nil
}
