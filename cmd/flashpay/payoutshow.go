package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

type payoutShowCmd struct {
	databaseFlag
	ID        int64  `required:"" placeholder:"N" help:"The project's number."`
	PaymentID string `required:"" name:"payment-id" aliases:"payment" placeholder:"ID" help:"The merchant's id of the payout."`
	JSON      bool   `help:"Print JSON; sums are minor units."`
}

// Help is shown by --help.
func (c *payoutShowCmd) Help() string {
	return `Reads the database. cost is what the project's balance pays: the sum and the fee, by the rates, margin and tariff that were
agreed when the payout was accepted.

  flashpay payout show --database sqlite:flashpay.db --id 210 --payment-id salary-42`
}

// costView is what an operation costs its project, as --json shows it.
type costView struct {
	Amount   int64         `json:"amount"`
	Fee      int64         `json:"fee"`
	Currency string        `json:"currency"`
	Terms    *payout.Terms `json:"terms,omitempty"` // absent: the operation's own sum, without a fee
}

// operationView is an operation as --json shows it.
type operationView struct {
	ID        int64     `json:"id"`
	Status    string    `json:"status"`
	Stage     string    `json:"stage"`
	Code      int       `json:"code"`
	Message   string    `json:"message"`
	Amount    int64     `json:"amount"` // as the provider is asked to pay
	Currency  string    `json:"currency"`
	Provider  string    `json:"provider"`
	Cost      costView  `json:"cost"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// shownPayout is a payout as --json shows it.
type shownPayout struct {
	ProjectID  int64           `json:"project_id"`
	PaymentID  string          `json:"payment_id"`
	RequestID  string          `json:"request_id"`
	Status     string          `json:"status"`
	Method     string          `json:"method"`
	Amount     int64           `json:"amount"` // as requested
	Currency   string          `json:"currency"`
	Account    string          `json:"account"` // masked
	CreatedAt  time.Time       `json:"created_at"`
	UpdatedAt  time.Time       `json:"updated_at"`
	Operations []operationView `json:"operations"`
}

// Run shows the payout.
func (c *payoutShowCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		v, err := s.PaymentView(a.ctx, c.ID, c.PaymentID)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("project %d has no payout %q: see `flashpay payout list --id %d`", c.ID, c.PaymentID, c.ID)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return a.printJSON(shownPayoutOf(v))
		}
		return printShown(a, v)
	})
}

func shownPayoutOf(v *store.View) shownPayout {
	p := &v.Payment
	out := shownPayout{
		p.ProjectID, p.PaymentID, p.RequestID, string(p.Status), p.Method, p.Amount, p.Currency, p.AccountMask, p.CreatedAt, p.UpdatedAt, nil,
	}
	for i := range v.Operations {
		o := &v.Operations[i]
		amount, fee, currency := o.Cost()
		out.Operations = append(out.Operations, operationView{
			o.ID, string(o.Status), string(o.Stage), o.Code, payout.Message(o.Code), o.Amount, o.Currency, o.Provider,
			costView{amount, fee, currency, o.Terms},
			o.CreatedAt, o.UpdatedAt,
		})
	}
	return out
}

func printShown(a *app, v *store.View) error {
	p := &v.Payment
	fmt.Fprintf(a.stdout, "Payment %s: %s, %s, account %s\n", p.PaymentID, p.Status, money.Format(p.Amount, p.Currency), p.AccountMask)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for i := range v.Operations {
		o := &v.Operations[i]
		amount, fee, currency := o.Cost()
		fmt.Fprintf(w, "  operation %d\t%s, %s, code %d %s\n", o.ID, o.Status, o.Stage, o.Code, payout.Message(o.Code))
		fmt.Fprintf(w, "  the provider pays\t%s\n", money.Format(o.Amount, o.Currency))
		fmt.Fprintf(w, "  the balance pays\t%s", money.Format(amount, currency))
		if o.Terms == nil {
			fmt.Fprintln(w)
			continue
		}
		if t := o.Terms.Tariff; t != nil {
			fmt.Fprintf(w, " + fee %s (version %d of the tariff: %s)", money.Format(fee, currency), t.Version, t.Text(currency))
		}
		fmt.Fprintln(w)
		for _, c := range o.Terms.Conversions() {
			fmt.Fprintf(w, "  rate\t1 %s = %s %s  %s  since %s, margin %s %%\n", c.From, c.Value(), c.To, c.Source, c.ValidFrom().UTC().Format("2006-01-02 15:04 MST"), c.Margin)
		}
	}
	return w.Flush()
}
