package main

import (
	"errors"
	"fmt"

	"flashpay/internal/store"
)

type callbackCmd struct {
	List   callbackListCmd   `cmd:"" help:"List a project's callbacks, newest first."`
	Show   callbackShowCmd   `cmd:"" help:"Show a callback and its attempts."`
	Resend callbackResendCmd `cmd:"" help:"Send a callback again, with a fresh schedule."`
}

type callbackResendCmd struct {
	databaseFlag
	ID        int64  `required:"" placeholder:"N" help:"The project's number."`
	PaymentID string `name:"payment-id" aliases:"payment" placeholder:"ID" help:"The merchant's id of the payment: its newest callback is sent."`
	Number    int64  `placeholder:"N" help:"The callback's number within the project, to name one."`
	JSON      bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *callbackResendCmd) Help() string {
	return `The body is the same as before; it is signed anew, and goes where the settings of now say. A server on the same database
sends it.

  flashpay callback resend --database sqlite:flashpay.db --id 210 --payment-id salary-42
  flashpay callback resend --database sqlite:flashpay.db --id 210 --number 17`
}

// Run makes the callback due.
func (c *callbackResendCmd) Run(a *app) error {
	if c.PaymentID == "" && c.Number == 0 {
		return usagef("no callback: give --payment-id ID for the newest of a payment, or --number N")
	}
	return c.with(a, func(s *store.Store) error {
		p, ok := s.Project(c.ID)
		if !ok {
			return unknownProject(c.ID)
		}
		number, err := s.ResendCallback(a.ctx, "", p.ID, c.PaymentID, c.Number, actor())
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("project %d has no such callback: see `flashpay callback list --id %d`; a payment has none before its status is final", c.ID, c.ID)
		case errors.Is(err, store.ErrNewerCallback):
			return fmt.Errorf("a newer callback of this payment is still being sent: resend that one (`flashpay callback resend --id %d --payment-id …`), or wait until it has ended", c.ID)
		case errors.Is(err, store.ErrNoCallbackURL):
			return fmt.Errorf("project %d and the payment have no callback URL, so nobody would get it", c.ID)
		case err != nil:
			return err
		}
		if c.JSON {
			return a.printJSON(struct {
				ID     int64 `json:"id"`
				Number int64 `json:"number"`
			}{c.ID, number})
		}
		fmt.Fprintf(a.stdout, "Callback %d of project %d is due now.\n", number, c.ID)
		return nil
	})
}
