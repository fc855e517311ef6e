package main

import (
	"context"
	"errors"
	"fmt"

	"flashpay/internal/resend"
	"flashpay/internal/store"
)

type callbackCmd struct {
	List   callbackListCmd   `cmd:"" help:"List a project's callbacks, newest first."`
	Show   callbackShowCmd   `cmd:"" help:"Show a callback and its attempts."`
	Resend callbackResendCmd `cmd:"" help:"Send a callback again, with a fresh schedule."`
}

type callbackResendCmd struct {
	databaseFlag
	ID        int64  `required:"" aliases:"project" placeholder:"N" help:"The project's number."`
	PaymentID string `name:"payment-id" aliases:"payment" placeholder:"ID" help:"The merchant's id of the payment: its newest callback is sent."`
	Number    int64  `placeholder:"N" help:"The callback's number within the project, to name one."`
	Failing   bool   `help:"Send all callbacks of the project that fail, of payments and of mass payouts: repeated or given up, and no newer one of the payment delivered."`
	JSON      bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *callbackResendCmd) Help() string {
	return `The body is the same as before; it is signed anew, and goes where the settings of now say. A server on the same database
sends it.

  flashpay callback resend --database sqlite:flashpay.db --id 210 --payment-id salary-42
  flashpay callback resend --database sqlite:flashpay.db --id 210 --number 17

With --failing, at most 10,000 are ordered at once, the newest first; what they are is kept as a job of the database, and a server
with the role engine works on it. One that is acknowledged in the meantime is left alone.

  flashpay callback resend --database sqlite:flashpay.db --project 210 --failing`
}

// Run makes the callback due.
func (c *callbackResendCmd) Run(a *app) error {
	switch one := c.PaymentID != "" || c.Number != 0; {
	case c.Failing && one:
		return usagef("--failing sends all that fail: leave --payment-id and --number out, or --failing")
	case c.Failing:
		return c.with(a, func(s *store.Store) error { return c.all(a, s) })
	case !one:
		return usagef("no callback: give --payment-id ID for the newest of a payment, --number N, or --failing for all that fail")
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

// failingOf names the callbacks of a project that fail, at most `most`: those of payments, then those of batches. more: there are, or
// may be, others.
func failingOf(ctx context.Context, s *store.Store, project int64, most int) (callbacks []store.FailingCallback, more bool, err error) {
	callbacks, more, err = s.FailingCallbacks(ctx, store.RegisterFilter{Projects: []int64{project}}, most)
	if err != nil {
		return nil, false, err
	}
	batches, err := s.FailingBatches(ctx, []int64{project}, most+1)
	if err != nil {
		return nil, false, err
	}
	for _, b := range batches {
		callbacks = append(callbacks, b.FailingCallback)
	}
	if len(callbacks) > most {
		callbacks, more = callbacks[:most], true
	}
	return callbacks, more, nil
}

// all orders that all failing callbacks of the project be sent again.
func (c *callbackResendCmd) all(a *app, s *store.Store) error {
	p, ok := s.Project(c.ID)
	if !ok {
		return unknownProject(c.ID)
	}
	callbacks, more, err := failingOf(a.ctx, s, p.ID, resend.Most)
	if err != nil {
		return err
	}
	out := struct {
		ID        int64 `json:"id"`
		Callbacks int   `json:"callbacks"`
		More      bool  `json:"more"`
		Job       int64 `json:"job,omitempty"`
	}{ID: c.ID, Callbacks: len(callbacks), More: more}
	if len(callbacks) > 0 {
		if out.Job, err = resend.Add(a.ctx, s, "", resend.Order{Callbacks: callbacks, Actor: actor(), Filter: "failing"}); err != nil {
			return err
		}
	}
	switch {
	case c.JSON:
		return a.printJSON(out)
	case out.Callbacks == 0:
		fmt.Fprintf(a.stdout, "No callback of project %d fails.\n", c.ID)
		return nil
	}
	fmt.Fprintf(a.stdout, "%d failing callbacks of project %d will be sent again, by job %d.\n", out.Callbacks, c.ID, out.Job)
	if more {
		fmt.Fprintln(a.stdout, "There are more: run the command again when these are through.")
	}
	return nil
}
