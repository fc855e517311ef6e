package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/store"
)

// anySetting is what the command line may change: whoever has the database has everything.
func anySetting(*merchant.Setting) bool { return true }

// methodsFlag is part of every command that must know the payout methods.
type methodsFlag struct {
	Methods string `var:"FLASHPAY_METHODS" type:"existingdir" placeholder:"DIR" help:"A folder of method files, beside those that ship with the program."`
}

func (f *methodsFlag) load() ([]*method.Method, error) {
	registry, err := loadMethods(f.Methods)
	if err != nil {
		return nil, err
	}
	return registry.All(), nil
}

type projectSettingsCmd struct {
	databaseFlag
	methodsFlag
	ID   int64 `required:"" placeholder:"N" help:"The project's number."`
	JSON bool  `help:"Print JSON: each setting's text by its name; an empty text is the default."`
}

// Run lists the settings.
func (c *projectSettingsCmd) Run(a *app) error {
	methods, err := c.load()
	if err != nil {
		return err
	}
	return c.with(a, func(s *store.Store) error {
		p, ok := s.Project(c.ID)
		if !ok {
			return unknownProject(c.ID)
		}
		return printSettings(a, p, methods, c.JSON)
	})
}

func printSettings(a *app, p *merchant.Project, methods []*method.Method, asJSON bool) error {
	texts := make(map[string]string)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, f := range merchant.Fields(p, methods) {
		texts[f.Key()] = f.Text(p)
		lines := strings.Split(cmp.Or(f.Text(p), "("+cmp.Or(f.Default, "none")+")"), "\n")
		for i, line := range lines {
			fmt.Fprintf(w, "%s\t%s\n", map[bool]string{true: f.Key()}[i == 0], line)
		}
	}
	if asJSON {
		return a.printJSON(texts)
	}
	return w.Flush()
}

type projectSetCmd struct {
	databaseFlag
	methodsFlag
	ID     int64    `required:"" placeholder:"N" help:"The project's number."`
	Values []string `arg:"" sep:"none" name:"NAME=VALUE" help:"Settings by name, as project settings lists them; an empty value is the default."`
	JSON   bool     `help:"Print all settings as JSON."`
}

// Help is shown by --help.
func (c *projectSetCmd) Help() string {
	return `Everything that is wrong is told at once, and nothing is changed then. Sums of settings are in major units with all their
decimals. Each change is a version of its own: see flashpay project history.

  flashpay project set --database sqlite:flashpay.db --id 210 name="Web shop" threshold=12h
  flashpay project set --id 210 "approval=KGS=15000.00, USD=200.00" "allow_ip=192.0.2.7, 2001:db8::/32"
  flashpay project set --id 210 methods.bank-transfer/kyrgyzstan.max=KGS=10000.00 methods.bank-transfer/kyrgyzstan.enabled=on
  flashpay project set --id 210 account_check= callback_url=https://shop.example/callback`
}

// Run changes the settings.
func (c *projectSetCmd) Run(a *app) error {
	methods, err := c.load()
	if err != nil {
		return err
	}
	values := make(map[string]string)
	for _, text := range c.Values {
		name, value, ok := strings.Cut(text, "=")
		if _, twice := values[name]; !ok || twice {
			return usagef("%q: want each setting once, as NAME=VALUE, such as threshold=12h", text)
		}
		values[name] = value
	}
	return c.with(a, func(s *store.Store) error {
		p, ok := s.Project(c.ID)
		if !ok {
			return unknownProject(c.ID)
		}
		changed, faults := merchant.Change(p, methods, values, anySetting)
		if len(faults) > 0 {
			var texts []string
			for _, f := range faults {
				texts = append(texts, fmt.Sprintf("%s=%s: %v", f.Key, values[f.Key], f))
			}
			return usagef("nothing was changed: %s", strings.Join(texts, "\n  "))
		}
		err := s.UpdateProject(a.ctx, changed, actor())
		if errors.Is(err, store.ErrMoved) {
			return fmt.Errorf("somebody else changed project %d in this moment: look at `flashpay project settings --id %d` and repeat", c.ID, c.ID)
		}
		if err != nil {
			return err
		}
		stored, ok := s.Project(c.ID)
		if !ok {
			return unknownProject(c.ID)
		}
		if c.JSON {
			return printSettings(a, stored, methods, true)
		}
		printDifferences(a, merchant.Differences(p, stored))
		return nil
	})
}

func printDifferences(a *app, differences []merchant.Difference) {
	if len(differences) == 0 {
		fmt.Fprintln(a.stdout, "Nothing differs.")
	}
	for _, d := range differences {
		fmt.Fprintf(a.stdout, "%s: %s → %s\n", d.Key(), cmp.Or(d.Before, "(default)"), cmp.Or(d.After, "(default)"))
	}
}

// checkLine checks a short text for people.
func checkLine(flag, text string) error {
	if len([]rune(text)) > 100 || slices.ContainsFunc([]rune(text), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return usagef("%s: want at most 100 characters on one line", flag)
	}
	return nil
}
