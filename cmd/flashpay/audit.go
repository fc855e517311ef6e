package main

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"flashpay/internal/audit"
	"flashpay/internal/store"
)

type auditCmd struct {
	databaseFlag
	BankURL string `name:"bank-url" placeholder:"URL" help:"The simulated bank, to compare its books as well."`
	JSON    bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *auditCmd) Help() string {
	return `Checks the whole database: every balance against its transfers, held and disputed funds against open payouts, each status
against the table of moves and its journal, hash chains and seals, sealed requests, and that each final status has a
callback whose numbers have no gaps; with --bank-url also that the bank executed each success once and nothing else. It
runs beside a working server and only reads. The exit code is 1 where something does not hold; what does not is named.

  flashpay audit --database sqlite:flashpay.db
  flashpay audit --database sqlite:flashpay.db --bank-url http://127.0.0.1:8084 --json`
}

// Run audits the database.
func (c *auditCmd) Run(a *app) error {
	if c.BankURL != "" {
		if u, err := url.Parse(c.BankURL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return usagef("--bank-url=%s: want an address such as http://127.0.0.1:8084", c.BankURL)
		}
	}
	return c.with(a, func(s *store.Store) error {
		report, err := audit.Run(a.ctx, audit.Config{Store: s, BankURL: c.BankURL})
		if err != nil {
			return err
		}
		if c.JSON {
			err = a.printJSON(report)
		} else {
			err = printAudit(a.stdout, report)
		}
		if err == nil && !report.OK {
			err = errNo
		}
		return err
	})
}

func printAudit(w io.Writer, r *audit.Report) error {
	var text strings.Builder
	for _, f := range r.Findings {
		name := f.Name()
		if name != "" {
			name += ": "
		}
		fmt.Fprintf(&text, "FAILED %s: %s%s\n", f.Kind, name, f.What)
	}
	total := int64(0)
	for _, n := range r.Failures {
		total += n
	}
	if hidden := total - int64(len(r.Findings)); hidden > 0 {
		fmt.Fprintf(&text, "FAILED … and %d more\n", hidden)
	}
	fmt.Fprintf(&text, "Checked in %d ms (%s): %s.\n", r.DurationMS, r.Engine, counts(r.Checked))
	for _, what := range slices.Sorted(maps.Keys(r.Information)) {
		fmt.Fprintf(&text, "For information: %s: %d\n", what, r.Information[what])
	}
	if r.OK {
		text.WriteString("Every invariant holds.\n")
	} else {
		fmt.Fprintf(&text, "%d findings: %s. Keep the database and its logs as they are, and look into each payment named above.\n", total, counts(r.Failures))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// counts lists numbers by name.
func counts(of map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, of[name]))
	}
	if len(parts) == 0 {
		return "nothing is there"
	}
	return strings.Join(parts, ", ")
}
