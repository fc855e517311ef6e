package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"text/tabwriter"

	"flashpay/internal/ledger"
	"flashpay/internal/money"
	"flashpay/internal/store"
)

type balanceCmd struct {
	Show  balanceShowCmd  `cmd:"" help:"Show a project's balances."`
	TopUp balanceTopUpCmd `cmd:"" name:"topup" help:"Add funds to a project."`
}

type balanceShowCmd struct {
	databaseFlag
	ID   int64 `required:"" placeholder:"N" help:"The project's number."`
	JSON bool  `help:"Print JSON: sums in minor units by currency and position."`
}

// Help is shown by --help.
func (c *balanceShowCmd) Help() string {
	return `available can be spent; held is reserved for payouts that are under way; disputed is reserved for payouts that were
declined while the bank may yet have executed them; receivable is what the project owes the platform.

  flashpay balance show --database sqlite:flashpay.db --id 210 --json
  {"KGS":{"available":99900000,"held":100000,"disputed":0,"receivable":0}}`
}

// Run shows the balances.
func (c *balanceShowCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error { return printBalances(a, s, c.ID, c.JSON) })
}

type balanceView struct {
	Available  int64 `json:"available"`
	Held       int64 `json:"held"`
	Disputed   int64 `json:"disputed"`
	Receivable int64 `json:"receivable"`
}

func printBalances(a *app, s *store.Store, id int64, asJSON bool) error {
	if _, ok := s.Project(id); !ok {
		return unknownProject(id)
	}
	balances, err := s.Balances(a.ctx, id)
	if err != nil {
		return err
	}
	views := make(map[string]balanceView, len(balances))
	for currency, b := range balances {
		views[currency] = balanceView{b.Sum(ledger.Available), b.Sum(ledger.Held), b.Sum(ledger.Disputed), b.Owed()}
	}
	if asJSON {
		return a.printJSON(views)
	}
	if len(views) == 0 {
		fmt.Fprintf(a.stdout, "Project %d has no balance: add funds with `flashpay balance topup --id %d KGS=1000.00`.\n", id, id)
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "available\theld\tdisputed\treceivable\t")
	for _, currency := range slices.Sorted(maps.Keys(views)) {
		v := views[currency]
		for _, sum := range []int64{v.Available, v.Held, v.Disputed, v.Receivable} {
			fmt.Fprintf(w, "%s\t", money.Format(sum, currency))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

type balanceTopUpCmd struct {
	databaseFlag
	ID       int64    `required:"" placeholder:"N" help:"The project's number."`
	Sums     []string `arg:"" optional:"" name:"CUR=AMOUNT" help:"Sums with all decimals, such as KGS=1000.00."`
	Currency string   `placeholder:"CUR" help:"Another way to give one sum: its currency …"`
	Amount   string   `placeholder:"1000.00" help:"… and its amount, with all decimals."`
	Reason   string   `default:"top-up" placeholder:"TEXT" help:"Why; kept in the ledger and the audit log. Default: top-up."`
	JSON     bool     `help:"Print the new balances as JSON."`
}

// Help is shown by --help.
func (c *balanceTopUpCmd) Help() string {
	return `What the project owes (receivable) is paid first, the rest becomes available. Prints the balances afterwards.

  flashpay balance topup --database sqlite:flashpay.db --id 210 KGS=1000.00 --reason "bank transfer 4711"
  flashpay balance topup --database sqlite:flashpay.db --id 210 --currency KGS --amount 1000.00`
}

// Run books the top-ups, one after the other.
func (c *balanceTopUpCmd) Run(a *app) error {
	texts := c.Sums
	if c.Currency != "" || c.Amount != "" {
		texts = append(slices.Clone(texts), c.Currency+"="+c.Amount)
	}
	sums, err := parseSums(texts)
	if err != nil {
		return err
	}
	if len(sums) == 0 {
		return usagef("no sum: give one or more, such as KGS=1000.00")
	}
	for currency, amount := range sums {
		if amount == 0 {
			return usagef("%s adds nothing: give the sum to add", money.Format(0, currency))
		}
	}
	return c.with(a, func(s *store.Store) error {
		for _, currency := range slices.Sorted(maps.Keys(sums)) {
			err := s.TopUp(a.ctx, c.ID, currency, sums[currency], c.Reason, actor())
			switch {
			case errors.Is(err, store.ErrNotFound):
				return unknownProject(c.ID)
			case errors.Is(err, ledger.ErrTransfer):
				return fmt.Errorf("%s cannot be added: a balance holds at most %s: %w", money.Format(sums[currency], currency), money.Format(math.MaxInt64, currency), err)
			case err != nil:
				return err
			}
		}
		return printBalances(a, s, c.ID, c.JSON)
	})
}
