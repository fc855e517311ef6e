package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"text/tabwriter"
	"time"

	"flashpay/internal/store"
)

type callbackListCmd struct {
	databaseFlag
	ID        int64  `required:"" placeholder:"N" help:"The project's number."`
	PaymentID string `name:"payment-id" aliases:"payment" placeholder:"ID" help:"Only those of one payment."`
	State     string `placeholder:"STATE" help:"Only those that are pending, delivered, superseded, disabled or given up."`
	Before    int64  `placeholder:"N" help:"Only numbers below N: the next page."`
	Limit     int    `default:"100" placeholder:"100" help:"At most as many, 1 to 1000. Default: 100."`
	JSON      bool   `help:"Print one line of JSON for each."`
}

// Help is shown by --help.
func (c *callbackListCmd) Help() string {
	return `Newest first. Numbers have no gaps within a project, and are in the order in which the results came about.

  flashpay callback list --database sqlite:flashpay.db --id 210
  flashpay callback list --database sqlite:flashpay.db --id 210 --state pending --json`
}

var callbackStates = []store.CallbackState{
	store.CallbackPending, store.CallbackDelivered, store.CallbackSuperseded, store.CallbackDisabled, store.CallbackGivenUp,
}

// callbackView is a callback as the command line shows it.
type callbackView struct {
	Number        int64               `json:"number"`
	PaymentID     string              `json:"payment_id,omitempty"`
	Batch         int64               `json:"batch,omitempty"` // it tells the end of a batch; then there is no payment
	PaymentStatus string              `json:"payment_status"`  // of a batch its state
	State         store.CallbackState `json:"state"`
	URL           string              `json:"url"`
	CreatedAt     time.Time           `json:"created_at"`
	Attempts      int                 `json:"attempts"`
	NextAt        time.Time           `json:"next_at,omitzero"` // when it is due, or its lease ends
	LastAt        time.Time           `json:"last_at,omitzero"` // of the last attempt, as are the members below
	HTTPStatus    int                 `json:"http_status,omitempty"`
	Error         string              `json:"error,omitempty"`
}

func showDelivery(d *store.Delivery) callbackView {
	return callbackView{
		Number: d.Number, PaymentID: d.PaymentID, Batch: d.Batch, PaymentStatus: string(d.PaymentStatus), State: d.State, URL: d.URL,
		CreatedAt: d.CreatedAt, Attempts: d.Attempts, NextAt: d.NextAt, LastAt: d.LastAt, HTTPStatus: d.HTTPStatus, Error: d.Error,
	}
}

// about is what a callback is about, in a table of payments.
func (v *callbackView) about() string {
	if v.Batch != 0 {
		return v.subject()
	}
	return v.PaymentID
}

// subject is what a callback is about, in a sentence.
func (v *callbackView) subject() string {
	if v.Batch != 0 {
		return fmt.Sprintf("batch %d", v.Batch)
	}
	return "payment " + v.PaymentID
}

// Run lists the callbacks.
func (c *callbackListCmd) Run(a *app) error {
	if c.State != "" && !slices.Contains(callbackStates, store.CallbackState(c.State)) {
		return usagef("--state=%s: want pending, delivered, superseded, disabled or \"given up\"", c.State)
	}
	if c.Limit < 1 || c.Limit > 1000 {
		return usagef("--limit=%d: want 1 to 1000; --before gives the next page", c.Limit)
	}
	return c.with(a, func(s *store.Store) error {
		if _, ok := s.Project(c.ID); !ok {
			return unknownProject(c.ID)
		}
		found, err := s.Deliveries(a.ctx, store.DeliveryFilter{
			ProjectID: c.ID, PaymentID: c.PaymentID, State: store.CallbackState(c.State), Before: c.Before, Limit: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.print(a, found)
	})
}

func (c *callbackListCmd) print(a *app, found []store.Delivery) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	if !c.JSON {
		fmt.Fprintln(w, "NUMBER\tPAYMENT\tRESULT\tSTATE\tATTEMPTS\tLAST\tURL")
	}
	for i := range found {
		v := showDelivery(&found[i])
		if c.JSON {
			if err := a.printJSON(v); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\t%s\n", v.Number, v.about(), v.PaymentStatus, v.State, v.Attempts, attemptWords(v.HTTPStatus, v.Error), v.URL)
	}
	return w.Flush()
}

// attemptWords says in a few words how an attempt ended.
func attemptWords(status int, fault string) string {
	switch {
	case status > http.StatusOK && status < http.StatusMultipleChoices:
		return fmt.Sprintf("answered %d: no acknowledgement, only 200 is", status)
	case status != 0:
		return fmt.Sprintf("answered %d", status)
	}
	return cmp.Or(fault, "-")
}

type callbackShowCmd struct {
	databaseFlag
	ID     int64 `required:"" placeholder:"N" help:"The project's number."`
	Number int64 `required:"" placeholder:"N" help:"The callback's number within the project."`
	JSON   bool  `help:"Print JSON."`
}

// attemptView is a line of the delivery log.
type attemptView struct {
	Attempt    int       `json:"attempt"`
	At         time.Time `json:"at"`
	URL        string    `json:"url"`
	Seconds    string    `json:"seconds"`
	HTTPStatus int       `json:"http_status"` // 0: no answer
	Error      string    `json:"error,omitempty"`
	Answer     string    `json:"answer,omitempty"` // first part of the answer's body
}

// Help is shown by --help.
func (c *callbackShowCmd) Help() string {
	return `Example:

  flashpay callback show --database sqlite:flashpay.db --id 210 --number 17`
}

// Run shows a callback with its attempts.
func (c *callbackShowCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		if _, ok := s.Project(c.ID); !ok {
			return unknownProject(c.ID)
		}
		found, err := s.Deliveries(a.ctx, store.DeliveryFilter{ProjectID: c.ID, Before: c.Number + 1, Limit: 1})
		if err != nil {
			return err
		}
		if len(found) == 0 || found[0].Number != c.Number {
			return fmt.Errorf("project %d has no callback %d: see `flashpay callback list --id %d`", c.ID, c.Number, c.ID)
		}
		attempts, err := s.DeliveryAttempts(a.ctx, c.ID, c.Number)
		if err != nil {
			return err
		}
		return c.print(a, showDelivery(&found[0]), attempts)
	})
}

func (c *callbackShowCmd) print(a *app, v callbackView, attempts []store.Attempt) error {
	log := []attemptView{}
	for _, t := range attempts {
		log = append(log, attemptView{
			Attempt: t.Attempt, At: t.At, URL: t.URL, HTTPStatus: t.HTTPStatus, Error: t.Error, Answer: printable(t.Answer),
			Seconds: fmt.Sprintf("%d.%03d", t.Duration.Milliseconds()/1000, t.Duration.Milliseconds()%1000),
		})
	}
	if c.JSON {
		return a.printJSON(struct {
			callbackView
			Log []attemptView `json:"log"`
		}{v, log})
	}
	fmt.Fprintf(a.stdout, "Callback %d: %s, %s; %s\n", v.Number, v.subject(), v.PaymentStatus, v.State)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, t := range log {
		fmt.Fprintf(w, "  %d\t%s\t%s s\t%s\t%s\t%s\n", t.Attempt, t.At.Format(time.RFC3339), t.Seconds, attemptWords(t.HTTPStatus, t.Error), t.URL, t.Answer)
	}
	return w.Flush()
}
