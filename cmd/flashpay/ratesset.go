package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/rates"
	"flashpay/internal/store"
)

type ratesSetCmd struct {
	databaseFlag
	From string `required:"" placeholder:"CUR" help:"One unit of this currency …"`
	To   string `required:"" placeholder:"CUR" help:"… in this one …"`
	Rate string `required:"" placeholder:"87.4500" help:"… is worth so much."`
}

// Help is shown by --help.
func (c *ratesSetCmd) Help() string {
	return `A rate by hand is a source of its own, manual: projects use it where it is their base source, and where their base source
has no usable rate. It takes two people: the command makes a request, says so and ends with 1, and the rate holds from when an
operator approves it in Dashboard, under Operators' desk, Currency rates. As long as the platform has no operator who may do so, the
rate holds at once. The audit log keeps who asked and who decided.

  flashpay rates set --database sqlite:flashpay.db --from USD --to KGS --rate 87.4500`
}

// Run sets the rate, or asks for it.
func (c *ratesSetCmd) Run(a *app) error {
	value, err := money.ParseDecimal(c.Rate)
	if err != nil {
		return usagef("--rate=%v", err)
	}
	q := rates.Quote{Source: rates.Manual, Series: rates.ByHand, Base: c.From, Term: c.To, Value: value}
	if err := q.Check(); err != nil {
		return usagef("%v", err)
	}
	return c.with(a, func(s *store.Store) error {
		by := store.By{Actor: actor(), IdempotencyKey: rand.Text()}
		switch _, err := s.AddRates(a.ctx, []rates.Quote{q}, by); {
		case errors.Is(err, store.ErrNeedsSecond):
			return c.ask(a, s, &q, by)
		case err != nil:
			return err
		}
		fmt.Fprintf(a.stdout, "From now on 1 %s is %s %s. There is no operator who could approve it, so one person was enough.\n", q.Base, q.Value, q.Term)
		return nil
	})
}

// ask lets the rate wait for an operator in Dashboard. That ends in an error, because nothing is set yet.
func (c *ratesSetCmd) ask(a *app, s *store.Store, q *rates.Quote, by store.By) error {
	id, err := s.RequestRateApproval(a.ctx, q, nil, by)
	switch {
	case errors.Is(err, store.ErrApprovalWaits):
		return fmt.Errorf("nothing was changed: a rate of %s/%s waits already, see `flashpay rates waiting`", q.Base, q.Term)
	case err != nil:
		return err
	}
	return fmt.Errorf("not set yet: request %d waits until an operator approves it, in Dashboard under Operators' desk, Currency rates; `flashpay rates reject %d` withdraws it", id, id)
}

type ratesWaitingCmd struct {
	databaseFlag
	JSON bool `help:"Print JSON, one request a line."`
}

// Help is shown by --help.
func (c *ratesWaitingCmd) Help() string {
	return `What an operator asked for in Dashboard another operator approves there, or whoever runs ` + "`flashpay rates approve`" + `; what
` + "`flashpay rates set`" + ` asked for an operator approves in Dashboard. A request waits for seven days.

  flashpay rates waiting --database sqlite:flashpay.db --json
  {"request":4503599627370497,"from":"USD","to":"KGS","rate":"87.4500","asked_by":"cli:root","asked_at":"2026-05-23T04:00:00Z","until":"2026-05-30T04:00:00Z"}`
}

// rateRequest is a rate that waits, as --json shows it.
type rateRequest struct {
	Request int64         `json:"request"`
	From    string        `json:"from"`
	To      string        `json:"to"`
	Rate    money.Decimal `json:"rate"`
	AskedBy string        `json:"asked_by"`
	AskedAt time.Time     `json:"asked_at"`
	Until   time.Time     `json:"until"`
}

// Run lists the requests.
func (c *ratesWaitingCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		const most = 1000
		found, err := s.Approvals(a.ctx, store.ApprovalFilter{Kinds: []string{store.ApprovalRate}, State: store.ApprovalWaiting, Limit: most})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		if len(found) > 0 && !c.JSON {
			fmt.Fprintln(w, "request\trate\tasked by\tasked at\tuntil")
		}
		for i := range found {
			full, err := s.Approval(a.ctx, found[i].ID)
			if err != nil {
				return err
			}
			q, err := full.Rate()
			if err != nil {
				return err
			}
			if c.JSON {
				err = a.printJSON(rateRequest{full.ID, q.Base, q.Term, q.Value, full.Requester, full.RequestedAt, full.ExpiresAt})
			} else {
				_, err = fmt.Fprintf(w, "%d\t%s/%s %s\t%s\t%s\t%s\n", full.ID, q.Base, q.Term, q.Value, full.Requester,
					full.RequestedAt.Format(time.RFC3339), full.ExpiresAt.Format(time.RFC3339))
			}
			if err != nil {
				return err
			}
		}
		if len(found) == 0 && !c.JSON {
			fmt.Fprintln(a.stdout, "No rate waits for a second person.")
		}
		return w.Flush()
	})
}

// rateDecision is a command that decides on a rate that waits.
type rateDecision struct {
	databaseFlag
	ID int64 `arg:"" name:"REQUEST" help:"The request's number."`
}

// decide decides as the command line, which is nobody's account.
func (c *rateDecision) decide(a *app, state, reason string) error {
	return c.with(a, func(s *store.Store) error {
		found, err := s.Approval(a.ctx, c.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && found.Kind != store.ApprovalRate {
			return fmt.Errorf("no rate was asked for under the number %d: see `flashpay rates waiting`", c.ID)
		}
		if err != nil {
			return err
		}
		if state == store.ApprovalRejected && found.RequestedBy == 0 {
			state = store.ApprovalWithdrawn
		}
		by := store.By{Actor: actor(), IdempotencyKey: rand.Text()}
		err = s.DecideRate(a.ctx, store.Decision{ID: c.ID, State: state, Decider: by.Actor, Reason: reason}, by)
		switch {
		case errors.Is(err, store.ErrSamePerson):
			return errors.New("the command line asked for it: an operator must approve it, in Dashboard under Operators' desk, Currency rates")
		case errors.Is(err, store.ErrLapsed):
			return errors.New("nobody decided in time: ask for it anew")
		case errors.Is(err, store.ErrMoved):
			return errors.New("it has been decided already: see Dashboard under Operators' desk, Currency rates")
		case errors.Is(err, store.ErrRequesterGone):
			return errors.New("who asked for it has been deactivated: reject it, and ask anew")
		case err != nil:
			return err
		}
		fmt.Fprintf(a.stdout, "%s %s\n", strings.ToUpper(state[:1])+state[1:]+":", found.Title)
		return nil
	})
}

type ratesApproveCmd struct{ rateDecision }

// Help is shown by --help.
func (c *ratesApproveCmd) Help() string {
	return `Whoever runs this is the second person: an operator asked for the rate in Dashboard, and it holds from now on. It serves a
platform with one operator. What ` + "`flashpay rates set`" + ` asked for takes an operator's approval in Dashboard.

  flashpay rates approve --database sqlite:flashpay.db 4503599627370497`
}

// Run approves the rate.
func (c *ratesApproveCmd) Run(a *app) error { return c.decide(a, store.ApprovalApproved, "") }

type ratesRejectCmd struct {
	rateDecision
	Reason string `placeholder:"TEXT" help:"Why."`
}

// Run rejects or withdraws the rate.
func (c *ratesRejectCmd) Run(a *app) error { return c.decide(a, store.ApprovalRejected, c.Reason) }
