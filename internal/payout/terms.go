package payout

import (
	"encoding/json"
	"fmt"

	"flashpay/internal/money"
	"flashpay/internal/rates"
	"flashpay/internal/tariff"
)

// Terms are what an operation costs its project, where that is not simply the operation's own sum. They are agreed when
// the payout is accepted and never change: whatever moves later, moves these sums, unit for unit.
type Terms struct {
	Amount   int64          `json:"amount"`             // what the project's balance pays for the payout, minor units
	Currency string         `json:"currency"`           // of the balance that pays
	Fee      int64          `json:"fee,omitempty"`      // on top, in the same currency
	Tariff   *tariff.Tariff `json:"tariff,omitempty"`   // by which the fee was computed; nil: there was none
	KeepFee  bool           `json:"keep_fee,omitempty"` // a reversal does not give the fee back
	TellFee  bool           `json:"tell_fee,omitempty"` // the callback of its success tells the fee
	Request  *Conversion    `json:"request,omitempty"`  // of the request's sum to the operation's; nil: they are one
	Balance  *Conversion    `json:"balance,omitempty"`  // of the operation's sum to what the balance pays; nil: not by a rate
}

// Conversion is a rate and the margin that was added to it.
type Conversion struct {
	rates.Rate
	Margin money.Decimal `json:"margin"`         // percent
	Step   int64         `json:"step,omitempty"` // the result is a multiple of it; 0: of one minor unit
}

// Cost is what an operation takes from a balance of its project: the sum and the fee, both in one currency.
func (o *Operation) Cost() (amount, fee int64, currency string) {
	if o.Terms == nil {
		return o.Amount, 0, o.Currency
	}
	return o.Terms.Amount, o.Terms.Fee, o.Terms.Currency
}

// Total is what the project's balance pays, sum and fee.
func (t *Terms) Total() int64 { return t.Amount + t.Fee }

// Conversions lists the rates that were used, in the order in which they were.
func (t *Terms) Conversions() (out []*Conversion) {
	for _, c := range []*Conversion{t.Request, t.Balance} {
		if c != nil {
			out = append(out, c)
		}
	}
	return out
}

// ShowsFee reports whether the callback shows the merchant the fee: the project asked for that when the payout was accepted, and
// the status is success, which charges it.
func (t *Terms) ShowsFee(status Status) bool {
	return t != nil && t.TellFee && t.Tariff != nil && status == Success
}

// KeepsFee tells whether a reversal of the operation leaves its fee charged.
func (o *Operation) KeepsFee() bool { return o.Terms != nil && o.Terms.KeepFee }

// Exceeds tells whether an operation costs more than is available in the currency of its cost.
func (o *Operation) Exceeds(available int64) bool {
	amount, fee, _ := o.Cost()
	return amount > available || fee > 0 && fee > available-amount
}

// Check recomputes the terms of an operation whose request asked for a sum. An error says what does not follow from the
// rates that they name.
func (t *Terms) Check(amount int64, currency string, o *Operation) error {
	if t == nil || t.Request == nil {
		if o.Amount != amount || o.Currency != currency {
			return fmt.Errorf("it pays %d %s for %d %s, and no rate says why", o.Amount, o.Currency, amount, currency)
		}
	} else if err := t.Request.check(amount, currency, o.Amount, o.Currency, t.Request.converted); err != nil {
		return err
	}
	if t == nil {
		return nil
	}
	if err := t.checkFee(); err != nil {
		return err
	}
	switch {
	case t.Balance != nil:
		return t.Balance.check(o.Amount, o.Currency, t.Amount, t.Currency, t.Balance.cost)
	case t.Currency == o.Currency && t.Amount == o.Amount, t.Currency == currency && t.Amount == amount && t.Request != nil:
		return nil
	}
	return fmt.Errorf("its balance pays %d %s for %d %s, and no rate says why", t.Amount, t.Currency, o.Amount, o.Currency)
}

// checkFee recomputes the fee.
func (t *Terms) checkFee() error {
	if t.Tariff == nil {
		if t.Fee != 0 {
			return fmt.Errorf("its fee is %d %s, and no tariff says why", t.Fee, t.Currency)
		}
		return nil
	}
	if fee, err := t.Tariff.Fee(t.Amount); err != nil || fee != t.Fee {
		return fmt.Errorf("its fee is %d %s; by version %d of the tariff it is %d", t.Fee, t.Currency, t.Tariff.Version, fee)
	}
	return nil
}

func (c *Conversion) converted(amount int64) (int64, error) {
	return c.Converted(amount, c.Margin, c.Step)
}

func (c *Conversion) cost(amount int64) (int64, error) { return c.Cost(amount, c.Margin) }

func (c *Conversion) check(amount int64, currency string, result int64, in string, compute func(int64) (int64, error)) error {
	computed, err := compute(amount)
	if err != nil || computed != result || c.From != currency || c.To != in {
		return fmt.Errorf("%d %s were made of %d %s; by the rate of %s in %s they are %d", result, in, amount, currency, c.From, c.To, computed)
	}
	return nil
}

// ParseTerms reads what is stored of terms; an empty text is none.
func ParseTerms(text string) (*Terms, error) {
	if text == "" {
		return nil, nil
	}
	t := &Terms{}
	if err := json.Unmarshal([]byte(text), t); err != nil {
		return nil, fmt.Errorf("terms of an operation: %w", err)
	}
	return t, nil
}

// String is the form in which terms are stored; empty for none.
func (t *Terms) String() string {
	if t == nil {
		return ""
	}
	text, err := json.Marshal(t)
	if err != nil { // texts and numbers always marshal
		return ""
	}
	return string(text)
}
