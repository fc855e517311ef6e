package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/ratefeed"
	"flashpay/internal/rates"
	"flashpay/internal/store"
)

type ratesCmd struct {
	Import  ratesImportCmd  `cmd:"" help:"Import rates from a central bank's file, or from its address."`
	Set     ratesSetCmd     `cmd:"" help:"Set a rate by hand, or ask an operator to approve it."`
	Feed    ratesFeedCmd    `cmd:"" help:"Import a central bank's file by itself, once a day."`
	Waiting ratesWaitingCmd `cmd:"" help:"List the rates by hand that wait for a second person."`
	Approve ratesApproveCmd `cmd:"" help:"Approve a rate by hand that an operator asked for in Dashboard."`
	Reject  ratesRejectCmd  `cmd:"" help:"Reject a rate by hand that waits, or withdraw one that this command asked for."`
	List    ratesListCmd    `cmd:"" help:"List the rates that were imported or set, the newest first."`
	Show    ratesShowCmd    `cmd:"" help:"Show the rate of two currencies at a moment, by each source."`
}

type ratesImportCmd struct {
	databaseFlag
	Source string `required:"" enum:"nbkr,ecb" placeholder:"SOURCE" help:"Whose file it is: nbkr (National Bank of the Kyrgyz Republic, daily or weekly) or ecb (European Central Bank, daily or 90 days)."`
	From   string `arg:"" name:"FILE|URL" help:"The file, or an address that begins with https://."`
	JSON   bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *ratesImportCmd) Help() string {
	return `A file is imported as a whole or not at all. What is known already changes nothing; what says otherwise of the same day
corrects it from now on. Rates of the National Bank hold from the begin of their day in Bishkek, those of the European
Central Bank from 15:00 UTC of theirs. Redirects are not followed.

  flashpay rates import --database sqlite:flashpay.db --source nbkr daily.xml
  flashpay rates import --source nbkr https://www.nbkr.kg/XML/daily.xml
  flashpay rates import --source ecb https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist-90d.xml`
}

// ratesImported is what an import did.
type ratesImported struct {
	Rates   int      `json:"rates"`
	Added   int      `json:"added"`
	Skipped []string `json:"skipped"`
}

// Run imports the file.
func (c *ratesImportCmd) Run(a *app) error {
	file, err := c.read(a)
	if err != nil {
		return err
	}
	return c.with(a, func(s *store.Store) error {
		added, err := s.AddRates(a.ctx, file.Quotes, store.By{Actor: actor()})
		if err != nil {
			return fmt.Errorf("nothing was imported: %w", err)
		}
		if c.JSON {
			return a.printJSON(ratesImported{len(file.Quotes), added, append([]string{}, file.Skipped...)})
		}
		fmt.Fprintf(a.stdout, "%d rates of %s, %d of them new.\n", len(file.Quotes), c.Source, added)
		if len(file.Skipped) > 0 {
			fmt.Fprintf(a.stdout, "Left out, because they are no currencies in use: %s.\n", strings.Join(file.Skipped, ", "))
		}
		return nil
	})
}

func (c *ratesImportCmd) read(a *app) (*rates.File, error) {
	if strings.Contains(c.From, "://") {
		file, err := ratefeed.New(nil).Fetch(a.ctx, rates.Source(c.Source), c.From)
		if fault := new(ratefeed.Fault); errors.As(err, &fault) {
			err = fault.Err
		}
		return file, err
	}
	f, err := os.Open(c.From)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, rates.MaxFile+1))
	if err != nil {
		return nil, err
	}
	file, err := rates.Read(rates.Source(c.Source), content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.From, err)
	}
	return file, nil
}

type ratesListCmd struct {
	databaseFlag
	Days int  `default:"31" placeholder:"N" help:"How many days back. Default: 31."`
	JSON bool `help:"Print JSON, one rate a line."`
}

// Help is shown by --help.
func (c *ratesListCmd) Help() string {
	return `valid from is when a rate begins to hold, until the next one of its source and pair; a revision above 1 corrects what was
imported before.

  flashpay rates list --database sqlite:flashpay.db --json
  {"source":"nbkr","series":"daily","base":"USD","term":"KGS","value":"87.4500","valid_from":"2026-05-22T18:00:00Z","revision":1,"recorded_at":"2026-05-22T12:00:00Z","actor":"cli:root"}`
}

// Run lists the rates.
func (c *ratesListCmd) Run(a *app) error {
	if c.Days < 1 || c.Days > 36500 {
		return usagef("--days=%d: want a number from 1 to 36500", c.Days)
	}
	return c.with(a, func(s *store.Store) error {
		now := s.Now()
		stored, err := s.RateQuotes(a.ctx, now.AddDate(0, 0, -c.Days), now.Add(store.MaxRateAhead))
		if err != nil {
			return err
		}
		slices.Reverse(stored)
		if !c.JSON {
			return printRates(a, stored)
		}
		for i := range stored {
			if err := a.printJSON(&stored[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func printRates(a *app, stored []store.RateQuote) error {
	if len(stored) == 0 {
		fmt.Fprintln(a.stdout, "There are no rates: import some with `flashpay rates import --source nbkr FILE`.")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "valid from\tsource\tpair\trate\trevision\tby")
	for i := range stored {
		q := &stored[i]
		fmt.Fprintf(w, "%s\t%s, %s\t%s/%s\t%s\t%d\t%s\n", q.ValidFrom.Format("2006-01-02 15:04 MST"), q.Source, q.Series, q.Base, q.Term, q.Value, q.Revision, q.Actor)
	}
	return w.Flush()
}

type ratesShowCmd struct {
	databaseFlag
	From string `required:"" placeholder:"CUR" help:"One unit of this currency …"`
	To   string `required:"" placeholder:"CUR" help:"… in this one."`
	At   string `placeholder:"TIME" help:"When: such as 2026-05-23, 2026-05-23T14:00 (both UTC) or 2026-05-23T14:00:00+06:00. Default: now."`
	JSON bool   `help:"Print JSON, one source a line."`
}

// Help is shown by --help.
func (c *ratesShowCmd) Help() string {
	return `Where a source has no rate of the pair itself, its rate is computed through the som (nbkr, manual) or the euro (ecb).

  flashpay rates show --database sqlite:flashpay.db --from USD --to KGS --at 2026-05-23T14:00
  1 USD = 87.4500 KGS  nbkr  since 2026-05-22 18:00 UTC`
}

// rateView is a rate as --json shows it.
type rateView struct {
	From      string        `json:"from"`
	To        string        `json:"to"`
	Rate      money.Decimal `json:"rate"`
	Source    rates.Source  `json:"source"`
	ValidFrom time.Time     `json:"valid_from"`
	Legs      []rates.Leg   `json:"legs"`
}

// Run shows the rates.
func (c *ratesShowCmd) Run(a *app) error {
	for _, code := range []string{c.From, c.To} {
		if !money.Valid(code) {
			return usagef("%q is no ISO 4217 currency code, such as KGS", code)
		}
	}
	return c.with(a, func(s *store.Store) error {
		at, err := parseMoment(cmp.Or(c.At, s.Now().Format(time.RFC3339Nano)))
		if err != nil {
			return err
		}
		book, err := s.RatesAt(a.ctx, at)
		if err != nil {
			return err
		}
		found := 0
		for _, source := range rates.Sources() {
			r, ok := book.Rate(c.From, c.To, at, rates.MaxAge, []rates.Source{source})
			if !ok {
				continue
			}
			found++
			if err := printRate(a, &r, c.JSON); err != nil {
				return err
			}
		}
		if found == 0 {
			return fmt.Errorf("no source has a rate of %s in %s at %s that is not older than 31 days: see `flashpay rates list`", c.From, c.To, at.UTC().Format(time.RFC3339))
		}
		return nil
	})
}

func printRate(a *app, r *rates.Rate, asJSON bool) error {
	if asJSON {
		return a.printJSON(rateView{r.From, r.To, r.Value(), r.Source, r.ValidFrom(), r.Legs})
	}
	through := ""
	if len(r.Legs) > 1 {
		through = ", through " + r.Source.Base()
	}
	_, err := fmt.Fprintf(a.stdout, "1 %s = %s %s  %s%s  since %s\n", r.From, r.Value(), r.To, r.Source, through, r.ValidFrom().Format("2006-01-02 15:04 MST"))
	return err
}

// parseMoment reads a moment: with its zone, or in UTC.
func parseMoment(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usagef("%q is no time: want one such as 2026-05-23, 2026-05-23T14:00 or 2026-05-23T14:00:00+06:00", text)
}
