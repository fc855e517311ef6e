package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

type discrepancyShowCmd struct {
	databaseFlag
	ID   string `arg:"" name:"ID" help:"The discrepancy's number; or PROJECT/PAYMENT of a payout whose hold is disputed while the bank is still being inquired."`
	JSON bool   `help:"Print JSON: sums in minor units."`
}

// Help is shown by --help.
func (c *discrepancyShowCmd) Help() string {
	return `Says what happened, what to do, what was decided, or, while it is open, what either decision would move on which balance.

  flashpay discrepancy show --database sqlite:flashpay.db 4503599627370497
  flashpay discrepancy show --database sqlite:flashpay.db 210/Salary-42`
}

// Run shows a discrepancy.
func (c *discrepancyShowCmd) Run(a *app) error {
	return c.withCase(a, c.ID, func(s *store.Store, found *store.Case) error {
		if c.JSON {
			return a.printJSON(caseViewOf(found))
		}
		printCase(a, found)
		if project, ok := s.Project(found.ProjectID); ok && found.SettledAt.IsZero() && found.NeedsSecond(project) {
			fmt.Fprintln(a.stdout, needsSecond)
		}
		if found.SettledAt.IsZero() {
			for _, d := range decisions {
				printEffect(a, found, d)
			}
		}
		return nil
	})
}

type discrepancySettleCmd struct {
	databaseFlag
	ID       string `arg:"" name:"ID" help:"The discrepancy's number; or PROJECT/PAYMENT of a payout whose hold is disputed while the bank is still being inquired."`
	Decision string `required:"" enum:"bank,ours" placeholder:"bank|ours" help:"Whose word holds: the bank's last one, or ours."`
	Reason   string `required:"" placeholder:"TEXT" help:"Why. The merchant sees it."`
	Owner    string `placeholder:"NAME" help:"Who cares for it. Default: as it was, else who runs this."`
	Note     string `placeholder:"TEXT" help:"For operators only."`
	Yes      bool   `help:"Do not ask: for scripts."`
}

// Help is shown by --help.
func (c *discrepancySettleCmd) Help() string {
	return `Prints what the decision moves on which balance, asks, and then records it: the transfer, the reason, the line of the payment's journal
and the line of the audit log are one commit. The payment's status stays. What the project's available balance does not cover, it owes
(receivable). The same command once again changes nothing; another decision is refused.

Above the project's approval sum one person does not settle: the command then makes a request, says so and ends with 1, and the decision
counts when an operator approves it in Dashboard, under Operators' desk, Work.

  flashpay discrepancy settle --database sqlite:flashpay.db 4503599627370497 --decision bank --reason "statement of 3 May, line 17"
  flashpay discrepancy settle --database sqlite:flashpay.db 210/Salary-42 --decision ours --reason "the bank confirms: not executed" --yes`
}

// Run settles a discrepancy.
func (c *discrepancySettleCmd) Run(a *app) error {
	return c.withCase(a, c.ID, func(s *store.Store, found *store.Case) error {
		decision := payout.Decision(c.Decision)
		printCase(a, found)
		if found.SettledAt.IsZero() {
			printEffect(a, found, decision)
			if !c.Yes && !a.confirmed() {
				return errors.New("nothing was changed: answer yes, or give --yes")
			}
		}
		m := store.SettlementOf(found, decision, c.Reason)
		m.Owner, m.Note = c.Owner, c.Note
		switch err := s.Settle(a.ctx, m, store.By{Actor: actor()}); {
		case errors.Is(err, store.ErrNeedsSecond):
			return c.ask(a, s, found, m)
		case errors.Is(err, store.ErrSettled):
			return fmt.Errorf("discrepancy %s is settled already, with another decision or reason: see `flashpay discrepancy show %s`", c.ID, c.ID)
		case errors.Is(err, store.ErrMoved):
			return fmt.Errorf("nothing was changed: the payout has moved meanwhile, see `flashpay discrepancy show %s`: %w", c.ID, err)
		case err != nil:
			return err
		}
		_, err := fmt.Fprintln(a.stdout, "settled")
		return err
	})
}

// needsSecond says of a case that one person may not settle it.
const needsSecond = "  The sum is above the project's approval sum: what one person decides waits until an operator approves it in Dashboard."

// ask lets the decision wait for an operator in Dashboard. That ends in an error, because nothing is settled yet.
func (c *discrepancySettleCmd) ask(a *app, s *store.Store, found *store.Case, m store.Settlement) error {
	id, err := s.RequestSettlementApproval(a.ctx, found, m, nil, store.By{Actor: actor(), IdempotencyKey: rand.Text()})
	switch {
	case errors.Is(err, store.ErrApprovalWaits):
		return errors.New("nothing was changed: a decision on it waits already for an operator, in Dashboard under Operators' desk, Work")
	case err != nil:
		return err
	}
	return fmt.Errorf("not settled yet: the sum is above the project's approval sum, so request %d waits until an operator approves it, in Dashboard under Operators' desk, Work", id)
}

// confirmed asks at the terminal.
func (a *app) confirmed() bool {
	fmt.Fprint(a.stdout, "Settle it so? Type yes: ")
	line, _ := bufio.NewReader(a.stdin).ReadString('\n') // an end without a line is no yes
	return strings.TrimSpace(line) == "yes"
}

var decisions = []payout.Decision{payout.BankIsRight, payout.WeAreRight}

// withCase opens the database and finds a case as it is named: by the number of its discrepancy, or by its payment.
func (d *databaseFlag) withCase(a *app, text string, do func(s *store.Store, found *store.Case) error) error {
	id, err := strconv.ParseInt(text, 10, 64)
	number, payment, byPayment := strings.Cut(text, "/")
	project, errProject := strconv.ParseInt(number, 10, 64)
	if err != nil && (!byPayment || errProject != nil || payment == "") {
		return usagef("%q: want a discrepancy's number, or PROJECT/PAYMENT of a payout whose hold is disputed", text)
	}
	return d.with(a, func(s *store.Store) error {
		var c *store.Case
		var err error
		if byPayment {
			c, err = s.DisputedCase(a.ctx, project, payment)
		} else {
			c, err = s.Case(a.ctx, id)
		}
		switch {
		case errors.Is(err, store.ErrNotDisputed):
			return fmt.Errorf("the hold of %s is not disputed, or no longer being inquired: its discrepancies are in `flashpay discrepancy list --id %d`", text, project)
		case errors.Is(err, store.ErrNotFound) && byPayment:
			return fmt.Errorf("project %d has no payment %q in this database", project, payment)
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("there is no discrepancy %d in this database: see `flashpay discrepancy list`", id)
		case err != nil:
			return err
		}
		return do(s, c)
	})
}

// printCase says what happened, what to do, and what was decided.
func printCase(a *app, c *store.Case) {
	words := wordsOf(c.Kind)
	name := "of a payment that is not known"
	if c.Payment != 0 {
		name = fmt.Sprintf("of %d/%s, %s, %s", c.ProjectID, c.PaymentID, money.Format(c.Operation.Amount, c.Operation.Currency), c.Status)
	}
	if c.ID != 0 {
		fmt.Fprintf(a.stdout, "Discrepancy %d ", c.ID)
	}
	fmt.Fprintf(a.stdout, "«%s» %s, since %s\n  %s\n", c.Kind, name, c.OpenedAt.Format(time.RFC3339), words.meaning)
	if c.Detail != "{}" {
		fmt.Fprintf(a.stdout, "  Detail: %s\n", printable([]byte(c.Detail)))
	}
	for _, line := range [][2]string{{"Owner", c.Owner}, {"Note", c.Note}} {
		if line[1] != "" {
			fmt.Fprintf(a.stdout, "  %s: %s\n", line[0], printable([]byte(line[1])))
		}
	}
	if c.SettledAt.IsZero() {
		fmt.Fprintf(a.stdout, "  What to do: %s\n", words.advice)
		return
	}
	fmt.Fprintf(a.stdout, "  Settled on %s by %s: %s %s\n  Reason: %s\n", c.SettledAt.Format(time.RFC3339), c.SettledBy, c.Decision, movedText(c.Funds), printable([]byte(c.Reason)))
}

func movedText(funds string) string {
	if funds == "" {
		return "(nothing moved)"
	}
	return "(" + funds + ")"
}

// printEffect says what a decision states, and what it moves.
func printEffect(a *app, c *store.Case, d payout.Decision) {
	words := wordsOf(c.Kind)
	states := map[payout.Decision]string{payout.BankIsRight: words.bank, payout.WeAreRight: words.ours}[d]
	fmt.Fprintf(a.stdout, "Decision %s: %s\n", d, states)
	e := c.Effect(d)
	if !e.Moves {
		fmt.Fprintln(a.stdout, "  No funds move.")
		return
	}
	for _, t := range e.Transfers {
		fmt.Fprintf(a.stdout, "  %s: %s → %s\n", money.Format(t.Amount, t.Currency), t.Debit, t.Credit)
	}
	for _, account := range []ledger.Account{ledger.Available, ledger.Disputed, ledger.Receivable} {
		before, after := c.Balance.Sum(account), e.After.Sum(account)
		if account == ledger.Receivable {
			before, after = c.Balance.Owed(), e.After.Owed()
		}
		if before != after {
			fmt.Fprintf(a.stdout, "  %s: %s, then %s\n", account, money.Format(before, c.Balance.Currency), money.Format(after, c.Balance.Currency))
		}
	}
}

// caseView is a case as JSON.
type caseView struct {
	discrepancyView
	Owner     string                          `json:"owner,omitempty"`
	Note      string                          `json:"note,omitempty"`
	SettledAt *time.Time                      `json:"settled_at,omitempty"`
	SettledBy string                          `json:"settled_by,omitempty"`
	Decision  payout.Decision                 `json:"decision,omitempty"`
	Funds     string                          `json:"funds,omitempty"` // what the decision did with the sum
	Reason    string                          `json:"reason,omitempty"`
	Decisions map[payout.Decision]*effectView `json:"decisions,omitempty"` // while it is open: what either would do
}

type effectView struct {
	States    string         `json:"states"`
	Transfers []transferView `json:"transfers"`
	Balance   *balanceView   `json:"balance,omitempty"` // after it
}

type transferView struct {
	Debit    string `json:"debit"`
	Credit   string `json:"credit"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

func caseViewOf(c *store.Case) caseView {
	words := wordsOf(c.Kind)
	v := caseView{
		discrepancyView: discrepancyView{
			ID: c.ID, OpenedAt: c.OpenedAt, ProjectID: c.ProjectID, PaymentID: c.PaymentID, Operation: c.Discrepancy.Operation, Kind: c.Kind,
			Detail: json.RawMessage(c.Detail), Meaning: words.meaning, Advice: words.advice,
		},
		Owner: c.Owner, Note: c.Note, SettledBy: c.SettledBy, Decision: c.Decision, Funds: c.Funds, Reason: c.Reason,
	}
	if !c.SettledAt.IsZero() {
		v.SettledAt = &c.SettledAt
		return v
	}
	v.Decisions = map[payout.Decision]*effectView{
		payout.BankIsRight: effectViewOf(c, payout.BankIsRight, words.bank), payout.WeAreRight: effectViewOf(c, payout.WeAreRight, words.ours),
	}
	return v
}

func effectViewOf(c *store.Case, d payout.Decision, states string) *effectView {
	e := c.Effect(d)
	v := &effectView{States: states, Transfers: []transferView{}}
	for _, t := range e.Transfers {
		v.Transfers = append(v.Transfers, transferView{t.Debit.String(), t.Credit.String(), t.Amount, t.Currency})
	}
	if e.Moves {
		b := e.After
		v.Balance = &balanceView{b.Sum(ledger.Available), b.Sum(ledger.Held), b.Sum(ledger.Disputed), b.Owed()}
	}
	return v
}
