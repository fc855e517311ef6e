package main

import (
	"errors"
	"fmt"
	"net/url"

	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

type reportTemplateCmd struct {
	Save   templateSaveCmd   `cmd:"" help:"Keep what a report asks for under a name; one of the same name is replaced."`
	List   templateListCmd   `cmd:"" help:"List the templates of the command line."`
	Run    templateRunCmd    `cmd:"" help:"Make a report by a template."`
	Delete templateDeleteCmd `cmd:"" help:"Delete a template."`
}

type templateSaveCmd struct {
	databaseFlag
	Name string `arg:"" help:"The template's name."`
	reportFlags
}

// Help is shown by --help.
func (c *templateSaveCmd) Help() string {
	return `Kind, columns, filters and form of the file are kept; the interval is given each time. Templates of the command line are its own:
in Dashboard everybody has theirs.

  flashpay report template save payroll payments --database sqlite:flashpay.db --project 210 --separator semicolon --decimal comma --bom
  flashpay report template run payroll --database sqlite:flashpay.db --from 2026-03-01 --to 2026-03-31 --wait --output march.csv`
}

const maxTemplateName = 60

// Run keeps the template.
func (c *templateSaveCmd) Run(a *app) error {
	if err := checkLine("NAME", c.Name); err != nil {
		return err
	}
	if c.Name == "" || len([]rune(c.Name)) > maxTemplateName {
		return usagef("NAME: give 1 to %d characters", maxTemplateName)
	}
	return c.with(a, func(s *store.Store) error {
		if _, err := c.request(s, "", ""); err != nil {
			return err
		}
		err := people.New(s).SaveTemplate(a.ctx, "", 0, people.Template{Name: c.Name, Query: c.values("", "").Encode()}, actor())
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "The template %s is saved. Make reports by it with flashpay report template run %[1]q\n", c.Name)
		return nil
	})
}

type templateListCmd struct {
	databaseFlag
	JSON bool `help:"Print one line of JSON for each."`
}

// Run lists the templates.
func (c *templateListCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		all, err := people.New(s).Templates(a.ctx, 0)
		if err != nil {
			return err
		}
		for _, t := range all {
			values, err := url.ParseQuery(t.Query)
			if err != nil {
				return fmt.Errorf("template %s: %w", t.Name, err)
			}
			if !c.JSON {
				fmt.Fprintf(a.stdout, "%s\t%s\n", t.Name, values.Get("kind"))
				continue
			}
			err = a.printJSON(struct {
				Name string     `json:"name"`
				Form url.Values `json:"form"`
			}{t.Name, values})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

type templateRunCmd struct {
	databaseFlag
	Name   string `arg:"" help:"The template's name."`
	From   string `placeholder:"TIME" help:"Only rows from this day or second on, such as 2026-03-01 or 2026-03-01T10:00:00. Default: from the first."`
	To     string `placeholder:"TIME" help:"Only rows up to this day or second, which is included. Default: up to the last."`
	Wait   bool   `help:"Wait until it is ready; without a server that works on the database, make it here."`
	Output string `placeholder:"FILE" help:"Save it there when it is ready; - is stdout."`
}

// Run makes a report.
func (c *templateRunCmd) Run(a *app) error {
	if c.Output != "" && !c.Wait {
		return usagef("--output=%s: give --wait, too; or save it later with flashpay report get", c.Output)
	}
	return c.with(a, func(s *store.Store) error {
		t, err := people.New(s).Template(a.ctx, 0, c.Name)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no template %q: see flashpay report template list", c.Name)
		}
		if err != nil {
			return err
		}
		values, err := url.ParseQuery(t.Query)
		if err != nil {
			return fmt.Errorf("template %s: %w", t.Name, err)
		}
		values.Set("from", c.From)
		values.Set("to", c.To)
		q, err := requestOf(s, values)
		if err != nil {
			return err
		}
		return askForReport(a, s, q, c.Wait, c.Output)
	})
}

type templateDeleteCmd struct {
	databaseFlag
	Name string `arg:"" help:"The template's name."`
}

// Run deletes the template.
func (c *templateDeleteCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		err := people.New(s).DropTemplate(a.ctx, "", 0, c.Name, actor())
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no template %q: see flashpay report template list", c.Name)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "The template %s is deleted.\n", c.Name)
		return nil
	})
}
