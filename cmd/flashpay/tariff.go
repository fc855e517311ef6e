package main

import (
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/store"
	"flashpay/internal/tariff"
)

type tariffCmd struct {
	Set     tariffSetCmd     `cmd:"" help:"Set what a project pays for payouts by a method, from a day on."`
	Show    tariffShowCmd    `cmd:"" help:"Show the tariffs of a project that hold now or will."`
	History tariffHistoryCmd `cmd:"" help:"List all versions of a project's tariffs, the newest first."`
}

type tariffSetCmd struct {
	databaseFlag
	ID       int64    `required:"" placeholder:"N" help:"The project's number."`
	Method   string   `required:"" placeholder:"PATH" help:"The payment method, such as bank-transfer/kyrgyzstan."`
	Currency string   `required:"" placeholder:"CUR" help:"The currency of the balance that pays: the fee is charged in it."`
	Parts    []string `arg:"" name:"PART=VALUE" help:"fixed=10.00 percent=1.5 min=5.00 max=100.00; each may be left out. Sums have all decimals of the currency."`
	From     string   `placeholder:"DATE" help:"From when it holds: such as 2026-07-01 (its begin in UTC) or 2026-07-01T00:00:00+06:00. Default: from now on."`
	Methods  string   `var:"FLASHPAY_METHODS" type:"existingdir" placeholder:"DIR" help:"A folder of method files, beside those that ship with the program."`
	JSON     bool     `help:"Print JSON."`
}

// Help is shown by --help.
func (c *tariffSetCmd) Help() string {
	return `The fee is fixed plus percent of what the balance pays, never less than min nor more than max, rounded half to even. It is
held with the payout, charged when this succeeds and given back when it is declined; reversals follow the project's setting
reversal_fee. Payouts that were accepted keep the tariff of that moment. fixed=0 ends fees.

  flashpay tariff set --database sqlite:flashpay.db --id 210 --method bank-transfer/kyrgyzstan --currency KGS fixed=10.00 percent=1.5 min=5.00 max=100.00
  flashpay tariff set --id 210 --method bank-transfer/kyrgyzstan --currency USD percent=2 --from 2026-07-01`
}

// Run sets the tariff.
func (c *tariffSetCmd) Run(a *app) error {
	if !money.Valid(c.Currency) {
		return usagef("--currency=%s: want an ISO 4217 currency code, such as KGS", c.Currency)
	}
	methods, err := loadMethods(c.Methods)
	if err != nil {
		return err
	}
	if _, ok := methods.Get(c.Method); !ok {
		return usagef("--method=%s: there is no such method: want one such as bank-transfer/kyrgyzstan", c.Method)
	}
	tr, err := tariff.Parse(c.Parts, c.Currency)
	if err != nil {
		return usagef("%v", err)
	}
	return c.with(a, func(s *store.Store) error {
		from, err := c.from(s.Now())
		if err != nil {
			return err
		}
		k := tariff.Key{Method: c.Method, Currency: c.Currency}
		version, err := s.SetTariff(a.ctx, c.ID, k, tariff.Holding{Tariff: tr, From: from}, store.By{Actor: actor()})
		switch {
		case errors.Is(err, store.ErrNotFound):
			return unknownProject(c.ID)
		case errors.Is(err, store.ErrTariffPast):
			return usagef("--from=%s has passed: payouts that were accepted keep their fees; leave it out for from now on", c.From)
		case err != nil:
			return err
		}
		all, err := s.Tariffs(a.ctx, c.ID)
		if err != nil {
			return err
		}
		for i := range all {
			if v := &all[i]; v.Key == k && v.Version == version {
				return c.print(a, v)
			}
		}
		return fmt.Errorf("version %d of the tariff is not there", version)
	})
}

// from is from when on the tariff shall hold; zero: from now on. A day that has begun means now.
func (c *tariffSetCmd) from(now time.Time) (time.Time, error) {
	if tariff.HasBegun(c.From, now.UTC()) {
		return time.Time{}, nil
	}
	return parseMoment(c.From)
}

func (c *tariffSetCmd) print(a *app, v *store.TariffVersion) error {
	if c.JSON {
		return a.printJSON(tariffViewOf(v))
	}
	_, err := fmt.Fprintf(a.stdout, "Version %d: payouts of project %d by %s that a balance in %s pays cost %s, from %s on.\n",
		v.Version, v.ProjectID, v.Method, v.Currency, v.Text(v.Currency), v.From.UTC().Format("2006-01-02 15:04 MST"))
	return err
}

// tariffView is a version of a tariff as --json shows it; sums are minor units.
type tariffView struct {
	ProjectID  int64         `json:"project_id"`
	Method     string        `json:"method"`
	Currency   string        `json:"currency"`
	Version    int64         `json:"version"`
	From       time.Time     `json:"from"`
	Holds      bool          `json:"holds"`
	Fixed      int64         `json:"fixed"`
	Percent    money.Decimal `json:"percent"`
	Min        int64         `json:"min"`
	Max        int64         `json:"max"` // 0: there is no most
	RecordedAt time.Time     `json:"recorded_at"`
	Actor      string        `json:"actor"`
}

func tariffViewOf(v *store.TariffVersion) tariffView {
	return tariffView{v.ProjectID, v.Method, v.Currency, v.Version, v.From, false, v.Fixed, v.Percent, v.Min, v.Max, v.RecordedAt, v.Actor}
}

// tariffFlags are those of the commands that show tariffs.
type tariffFlags struct {
	databaseFlag
	ID   int64 `required:"" placeholder:"N" help:"The project's number."`
	JSON bool  `help:"Print JSON, one version a line; sums are minor units."`
}

// list prints the versions that are wanted; holds tells whether one holds now.
func (c *tariffFlags) list(a *app, newestFirst bool, want func(v *store.TariffVersion, holds bool, now time.Time) bool) error {
	return c.with(a, func(s *store.Store) error {
		p, ok := s.Project(c.ID)
		if !ok {
			return unknownProject(c.ID)
		}
		all, err := s.Tariffs(a.ctx, c.ID)
		if err != nil {
			return err
		}
		now := s.Now()
		var views []tariffView
		for i := range all {
			v := &all[i]
			holding, ok := p.Tariffs.At(v.Key, now)
			holds := ok && holding.Version == v.Version
			if want(v, holds, now) {
				view := tariffViewOf(v)
				view.Holds = holds
				views = append(views, view)
			}
		}
		if newestFirst {
			slices.SortStableFunc(views, func(x, y tariffView) int { return y.RecordedAt.Compare(x.RecordedAt) })
		}
		return c.print(a, views)
	})
}

func (c *tariffFlags) print(a *app, views []tariffView) error {
	if c.JSON {
		for i := range views {
			if err := a.printJSON(views[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(views) == 0 {
		_, err := fmt.Fprintf(a.stdout, "Project %d has no tariff: its payouts cost their sums alone. See `flashpay tariff set --help`.\n", c.ID)
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "from\tmethod\tbalance\tversion\ttariff\tholds\tset by")
	for i := range views {
		v := &views[i]
		holds := "no"
		if v.Holds {
			holds = "now"
		}
		t := tariff.Tariff{Fixed: v.Fixed, Percent: v.Percent, Min: v.Min, Max: v.Max}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", v.From.UTC().Format("2006-01-02 15:04 MST"), v.Method, v.Currency, v.Version, t.Text(v.Currency), holds, v.Actor)
	}
	return w.Flush()
}

type tariffShowCmd struct{ tariffFlags }

// Help is shown by --help.
func (c *tariffShowCmd) Help() string {
	return `balance is the currency of the balance that pays: its tariff counts, and its funds are charged.

  flashpay tariff show --database sqlite:flashpay.db --id 210 --json
  {"project_id":210,"method":"bank-transfer/kyrgyzstan","currency":"KGS","version":1,"from":"2026-07-01T00:00:00Z","holds":true,"fixed":1000,"percent":"1.5","min":500,"max":10000,"recorded_at":"2026-06-20T09:00:00Z","actor":"cli:root"}`
}

// Run shows what holds or will.
func (c *tariffShowCmd) Run(a *app) error {
	return c.list(a, false, func(v *store.TariffVersion, holds bool, now time.Time) bool { return holds || v.From.After(now) })
}

type tariffHistoryCmd struct{ tariffFlags }

// Help is shown by --help.
func (c *tariffHistoryCmd) Help() string {
	return `Of several versions with one beginning the highest counts. A version is never changed.

  flashpay tariff history --database sqlite:flashpay.db --id 210`
}

// Run lists all versions.
func (c *tariffHistoryCmd) Run(a *app) error {
	return c.list(a, true, func(*store.TariffVersion, bool, time.Time) bool { return true })
}
