package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

type payoutListCmd struct {
	databaseFlag
	ID        int64  `placeholder:"N" help:"Only those of one project. Default: of all."`
	Status    string `placeholder:"STATUS" help:"Only those with this status, such as decline."`
	Situation string `placeholder:"open|at risk|disputed|discrepancy" help:"Only those that are not final, near their threshold, disputed, or contradicted by the bank."`
	Search    string `placeholder:"TEXT" help:"Only those with this payment id, operation id, customer id, bank's id or account number, as a whole."`
	Before    string `placeholder:"PLACE" help:"The next page: the place that the page before ended with."`
	Limit     int    `default:"100" placeholder:"100" help:"At most as many, 1 to 1000. Default: 100."`
	JSON      bool   `help:"Print one line of JSON for each."`
}

// Help is shown by --help.
func (c *payoutListCmd) Help() string {
	return `Reads the database, newest first. A merchant's web service asks Gate of one payout: flashpay payout status.

  flashpay payout list --database sqlite:flashpay.db --id 210
  flashpay payout list --database sqlite:flashpay.db --situation open --json
  flashpay payout list --database sqlite:flashpay.db --search 00004598`
}

var payoutStatuses = []payout.Status{payout.Processing, payout.AwaitingRetry, payout.Success, payout.Decline, payout.Reversed}

// payoutView is a payout as the list shows it.
type payoutView struct {
	ProjectID int64     `json:"project_id"`
	PaymentID string    `json:"payment_id"`
	Status    string    `json:"status"`
	Code      int       `json:"code"`
	Amount    int64     `json:"amount"` // minor units
	Currency  string    `json:"currency"`
	Account   string    `json:"account"` // masked
	Method    string    `json:"method"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Place     string    `json:"place"` // for --before
}

// Run lists the payouts.
func (c *payoutListCmd) Run(a *app) error {
	filter, page, err := c.filter()
	if err != nil {
		return err
	}
	return c.with(a, func(s *store.Store) error {
		if _, ok := s.Project(c.ID); !ok && c.ID != 0 {
			return unknownProject(c.ID)
		}
		for _, p := range s.Projects() {
			if c.ID == 0 || c.ID == p.ID {
				filter.Projects = append(filter.Projects, p.ID)
			}
		}
		found, err := s.Register(a.ctx, filter, page)
		for err == nil && len(found.Rows) == 0 && found.Until != nil { // few fit: look further back
			page.Place = found.Until
			found, err = s.Register(a.ctx, filter, page)
		}
		if err != nil {
			return err
		}
		return c.print(a, found)
	})
}

func (c *payoutListCmd) filter() (f store.RegisterFilter, page store.RegisterPage, err error) {
	if c.Limit < 1 || c.Limit > 1000 {
		return f, page, usagef("--limit=%d: want 1 to 1000; --before gives the next page", c.Limit)
	}
	f.Search, page.Limit = c.Search, c.Limit
	if c.Status != "" {
		if f.Statuses = []payout.Status{payout.Status(c.Status)}; !slices.Contains(payoutStatuses, f.Statuses[0]) {
			return f, page, usagef("--status=%s: want one of %s", c.Status, joinedWords(payoutStatuses))
		}
	}
	if f.Situation = store.Situation(c.Situation); c.Situation != "" && !slices.Contains(store.Situations, f.Situation) {
		return f, page, usagef("--situation=%s: want one of %s", c.Situation, joinedWords(store.Situations))
	}
	if c.Before != "" {
		place, err := store.ParseCursor(c.Before)
		if err != nil {
			return f, page, usagef("--before=%s: want a place that a list ended with, such as 1764300000000000-42", c.Before)
		}
		page.Place = &place
	}
	return f, page, nil
}

// joinedWords lists words for an error's text.
func joinedWords[T ~string](words []T) string {
	texts := make([]string, 0, len(words))
	for _, word := range words {
		texts = append(texts, string(word))
	}
	return strings.Join(texts, ", ")
}

func (c *payoutListCmd) print(a *app, found *store.Register) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	if !c.JSON {
		fmt.Fprintln(w, "CREATED\tPROJECT\tPAYMENT\tSTATUS\tCODE\tSUM\tACCOUNT")
	}
	for i := range found.Rows {
		r := &found.Rows[i]
		v := payoutView{
			ProjectID: r.ProjectID, PaymentID: r.PaymentID, Status: string(r.Status), Code: r.Code, Amount: r.Amount, Currency: r.Currency,
			Account: r.AccountMask, Method: r.Method, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Place: r.Place().String(),
		}
		if c.JSON {
			if err := a.printJSON(v); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%s\t%s\n", v.CreatedAt.Format(time.RFC3339), v.ProjectID, v.PaymentID, v.Status, v.Code, money.Format(v.Amount, v.Currency), v.Account)
	}
	if err := w.Flush(); err != nil || c.JSON {
		return err
	}
	if next := nextPage(found); next != "" {
		fmt.Fprintf(a.stdout, "There are more: --before %s\n", next)
	}
	return nil
}

// nextPage is where a list goes on; empty where it has ended.
func nextPage(found *store.Register) string {
	switch {
	case found.Until != nil:
		return found.Until.String()
	case found.More && len(found.Rows) > 0:
		return found.Rows[len(found.Rows)-1].Place().String()
	}
	return ""
}
