package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/massbatch"
	"flashpay/internal/masspayout"
	"flashpay/internal/money"
	"flashpay/internal/store"
)

type massCmd struct {
	Template massTemplateCmd `cmd:"" help:"Print a file to begin with: the method's columns and a sample row."`
	Check    massCheckCmd    `cmd:"" help:"Check a file without sending anything: rows good and bad, totals against the balance."`
	Send     massSendCmd     `cmd:"" help:"Check a file and send it as a batch; prints the batch's id."`
	List     massListCmd     `cmd:"" help:"List a project's batches."`
	Status   massStatusCmd   `cmd:"" help:"Show what became of a batch's rows."`
	Pause    massPauseCmd    `cmd:"" help:"Stop sending a batch, until it is resumed."`
	Resume   massResumeCmd   `cmd:"" help:"Go on with a paused batch."`
	Cancel   massCancelCmd   `cmd:"" help:"Cancel what of a batch is not sent."`
	Result   massResultCmd   `cmd:"" help:"Write a batch's file with what came of each row."`
}

// errRowsBad is the answer of a check that finds rows which cannot be paid, already printed.
var errRowsBad = errors.New("rows are bad")

type massTemplateCmd struct {
	methodsFlag
	Method  string `required:"" placeholder:"METHOD" help:"The payout method, such as bank-transfer/kyrgyzstan."`
	Project int64  `default:"210" placeholder:"N" help:"The project's number in the sample row. Default: 210."`
}

// Help is shown by --help.
func (c *massTemplateCmd) Help() string {
	return `  flashpay mass template --method bank-transfer/kyrgyzstan > salaries.csv

The file is CSV in UTF-8 with «;» between the cells. Required columns come first; those behind them may be deleted. The sample
row is there to be replaced: it is refused if it comes back.`
}

// Run prints the template.
func (c *massTemplateCmd) Run(a *app) error {
	registry, err := loadMethods(c.Methods)
	if err != nil {
		return err
	}
	m, ok := registry.Get(c.Method)
	if !ok || !m.Enabled {
		var enabled []string
		for _, m := range registry.All() {
			if m.Enabled {
				enabled = append(enabled, m.Path)
			}
		}
		return usagef("--method=%s: want one of %s", c.Method, strings.Join(enabled, ", "))
	}
	_, err = fmt.Fprint(a.stdout, masspayout.Template(m, c.Project))
	return err
}

type massCheckCmd struct {
	databaseFlag
	methodsFlag
	File    string `arg:"" placeholder:"FILE" help:"The CSV file; - reads the standard input."`
	Project int64  `required:"" placeholder:"N" help:"The project in whose name the file is sent; its rows may be of any project of the same merchant."`
	Banks   string `var:"FLASHPAY_BANKS" type:"existingfile" placeholder:"FILE" help:"Names of banks for the account doctor, as serve takes them."`
	Faults  string `placeholder:"FILE" help:"Write the checked file with two columns more, error and advice: mend it there, and check it again."`
	JSON    bool   `help:"Print the report as JSON."`
}

// Help is shown by --help.
func (c *massCheckCmd) Help() string {
	return `Nothing is sent. Sums in the file are in minor units: 150000 stands for 1500.00 of a currency with two decimals.

  flashpay mass check salaries.csv --project 210
  flashpay mass check salaries.csv --project 210 --faults mend.csv
  gzip -dc salaries.csv.gz | flashpay mass check - --project 210 --json

Exit code 0: every row can be paid, or is paid already. 3: some cannot. 1: the file cannot be read.`
}

// Run checks the file.
func (c *massCheckCmd) Run(a *app) error {
	registry, err := loadMethods(c.Methods)
	if err != nil {
		return err
	}
	banks, err := readBanks(c.Banks)
	if err != nil {
		return err
	}
	return c.with(a, func(s *store.Store) error {
		sender, ok := s.Project(c.Project)
		if !ok {
			return unknownProject(c.Project)
		}
		m := &massbatch.Service{Store: s, Payouts: &accept.Service{Acceptor: s, Route: installed.Route, Rates: s.Rates, Banks: banks}, Methods: registry}
		checker := m.Checker(sender)
		report, err := c.check(a, checker)
		if err != nil {
			return err
		}
		return c.print(a, report)
	})
}

func (c *massCheckCmd) check(a *app, checker *masspayout.Checker) (report *masspayout.Report, err error) {
	in, o := a.stdin, masspayout.Options{}
	size := int64(0)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		in, o.Name = f, filepath.Base(c.File)
	}
	if c.Faults != "" {
		f, err := os.OpenFile(c.Faults, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // accounts and names stand in it
		if err != nil {
			return nil, fmt.Errorf("--faults: %w", err)
		}
		defer func() {
			closed := f.Close()
			if err == nil && report.Unreadable != nil {
				closed = errors.Join(closed, os.Remove(c.Faults)) // there is nothing to mend row by row
			}
			err = errors.Join(err, closed)
		}()
		o.Faults = f
	}
	bar := newProgressBar(a.stderr, size)
	o.Progress = bar.show
	defer bar.clear()
	return checker.Check(a.ctx, in, o)
}

func (c *massCheckCmd) print(a *app, r *masspayout.Report) error {
	show := showReport
	if c.JSON {
		show = func(a *app, r *masspayout.Report) error { return a.printJSON(r.JSON()) }
	}
	if err := show(a, r); err != nil {
		return err
	}
	switch {
	case r.Unreadable != nil:
		return errNo
	case r.Bad > 0:
		return errRowsBad
	}
	return nil
}

// shownFaults is how many faults and warnings the report for people lists.
const shownFaults = 50

func showReport(a *app, r *masspayout.Report) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	if unreadable := r.Unreadable; unreadable != nil {
		f := unreadable.Fault
		_, err := fmt.Fprintf(a.stdout, "%s%s: %s\nNothing of the file can be paid.\n", f.Message, atLine(f.Line), f.Advice)
		return err
	}
	fmt.Fprintf(a.stdout, "%d of %d rows can be paid, %d need you", r.Good-r.PaidAlready, r.Rows, r.Bad)
	if r.PaidAlready > 0 {
		fmt.Fprintf(a.stdout, ", %d are paid already and will not be paid again", r.PaidAlready)
	}
	fmt.Fprintln(a.stdout, ".")
	if r.SeenBefore != nil {
		fmt.Fprintf(a.stdout, "The same file was uploaded before: batch %s, %s.\n", r.SeenBefore.Batch, r.SeenBefore.At.Format(time.RFC3339))
	}
	showTotals(w, r.Totals)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range r.Faults[:min(shownFaults, len(r.Faults))] {
		fmt.Fprintf(a.stdout, "line %d, %s: %s: %s\n", f.Line, cmp.Or(f.Column, "the row"), f.Message, f.Advice)
	}
	if left := r.AllFaults - shownFaults; left > 0 {
		fmt.Fprintf(a.stdout, "… and %d more faults: --faults FILE writes all of them beside their rows.\n", left)
	}
	for _, f := range r.Warnings[:min(shownFaults, len(r.Warnings))] {
		fmt.Fprintf(a.stdout, "line %d, %s: warning: %s\n", f.Line, cmp.Or(f.Column, "the row"), f.Message)
	}
	if left := r.AllWarnings - shownFaults; left > 0 {
		fmt.Fprintf(a.stdout, "… and %d more warnings.\n", left)
	}
	return nil
}

// showTotals lists sums and, where there are any, fees and what balances pay in all.
func showTotals(w io.Writer, totals []masspayout.Total) {
	if len(totals) == 0 {
		return
	}
	costs := slices.ContainsFunc(totals, func(t masspayout.Total) bool { return t.Fee > 0 || t.Converts() })
	head := "PROJECT\tROWS\tSUM\t"
	if costs {
		head += "FEE\tFROM THE BALANCE\t"
	}
	fmt.Fprintln(w, head+"AVAILABLE\tMISSING")
	for i := range totals {
		t := &totals[i]
		sum := func(amount int64) string {
			if amount == 0 {
				return "-"
			}
			return money.Format(amount, t.Currency)
		}
		fmt.Fprintf(w, "%d\t%d\t%s\t", t.ProjectID, t.Rows, sum(t.Amount))
		if costs {
			fmt.Fprintf(w, "%s\t%s\t", sum(t.Fee), sum(t.Whole()))
		}
		fmt.Fprintf(w, "%s\t%s\n", money.Format(t.Available, t.Currency), sum(t.Missing))
	}
}

func atLine(line int64) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf(", line %d", line)
}

// progressBar shows on a terminal how far a file is read; elsewhere it shows nothing.
type progressBar struct {
	out   io.Writer // nil: no terminal
	size  int64     // 0: not known
	shown time.Time
}

func newProgressBar(out io.Writer, size int64) *progressBar {
	b := &progressBar{size: size}
	if f, ok := out.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			b.out = out
		}
	}
	return b
}

const barWidth = 40

func (b *progressBar) show(read int64) {
	if b.out == nil || time.Since(b.shown) < 100*time.Millisecond {
		return
	}
	b.shown = time.Now()
	if b.size == 0 {
		fmt.Fprintf(b.out, "\r%d MB checked", read>>20)
		return
	}
	done := int(min(read, b.size) * barWidth / b.size)
	fmt.Fprintf(b.out, "\r[%s%s] %3d %%", strings.Repeat("#", done), strings.Repeat(" ", barWidth-done), min(read, b.size)*100/b.size)
}

// clear takes the bar away.
func (b *progressBar) clear() {
	if b.out != nil && !b.shown.IsZero() {
		fmt.Fprintf(b.out, "\r%*s\r", barWidth+8, "")
	}
}
