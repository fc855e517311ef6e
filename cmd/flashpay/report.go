package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"flashpay/internal/report"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/work"
)

type reportCmd struct {
	Kinds    reportKindsCmd    `cmd:"" help:"List the kinds of reports, and the columns of each."`
	Run      reportRunCmd      `cmd:"" help:"Make a report as CSV."`
	List     reportListCmd     `cmd:"" help:"List reports and schedules, newest first."`
	Get      reportGetCmd      `cmd:"" help:"Save a report that is ready."`
	Schedule reportScheduleCmd `cmd:"" help:"Have a report made of each day, week or month."`
	Cancel   reportCancelCmd   `cmd:"" help:"Cancel a report that is not ready, or end a schedule."`
	Template reportTemplateCmd `cmd:"" help:"Keep what a report asks for under a name, and make reports by it."`
}

type reportKindsCmd struct {
	JSON bool `help:"Print one line of JSON for each."`
}

// Run lists the kinds.
func (c *reportKindsCmd) Run(a *app) error {
	for _, k := range report.Kinds {
		var names, absent []string
		for _, column := range k.Columns {
			if column.Absent {
				absent = append(absent, column.Name)
			} else {
				names = append(names, column.Name)
			}
		}
		if c.JSON {
			err := a.printJSON(struct {
				Kind     string   `json:"kind"`
				Columns  []string `json:"columns"`
				Defaults []string `json:"defaults"`
				Empty    []string `json:"always_empty,omitempty"`
				Filters  []string `json:"filters"`
			}{k.Name, names, k.Defaults(), absent, k.Filters})
			if err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.stdout, "%s\n  columns: %s\n  filters: project, from, to, %s\n", k.Name, strings.Join(names, ", "), strings.Join(k.Filters, ", "))
		if len(absent) > 0 {
			fmt.Fprintf(a.stdout, "  always empty for payouts to accounts: %s\n", strings.Join(absent, ", "))
		}
	}
	return nil
}

// reportFlags are what a report and a schedule have in common.
type reportFlags struct {
	Kind      string   `arg:"" help:"operations, payments, movements, mass_payouts or callbacks."`
	Project   []int64  `placeholder:"N" help:"Only rows of these projects. Default: of all."`
	Columns   string   `placeholder:"A,B" help:"Columns in their order: see flashpay report kinds. Default: the usual ones."`
	Zone      string   `default:"UTC" placeholder:"UTC" help:"IANA name of the zone, such as Asia/Bishkek, of --from and --to and of the times in the file. Default: UTC."`
	Method    []string `placeholder:"PATH" help:"Only rows of these methods, such as bank-transfer/kyrgyzstan."`
	Status    []string `placeholder:"STATUS" help:"Only rows with these statuses, such as decline."`
	Code      []string `placeholder:"CODE" help:"Only rows with these response codes."`
	Currency  []string `placeholder:"CODE" help:"Only rows in these currencies."`
	Min       string   `placeholder:"SUM" help:"Only sums from this one on, in the one currency that is given."`
	Max       string   `placeholder:"SUM" help:"Only sums up to this one."`
	Separator string   `default:"comma" placeholder:"comma|semicolon" help:"What stands between cells: comma or semicolon. Default: comma."`
	Decimal   string   `default:"point" placeholder:"point|comma" help:"Decimal mark of sums: point or comma. Default: point."`
	Header    string   `default:"names" placeholder:"names|en|ru|ky" help:"First row: names of columns, or their titles in a language. Default: names."`
	Times     string   `default:"zoned" placeholder:"zoned|local" help:"How times are written: zoned, 2026-03-01T10:00:00+06:00, or local, 2026-03-01 10:00:00, as spreadsheets read them. Default: zoned."`
	BOM       bool     `name:"bom" help:"Begin with the mark by which Excel knows UTF-8."`
	Gzip      bool     `help:"Compress the file."`
}

// values are the flags as a form.
func (f *reportFlags) values(from, to string) url.Values {
	values := url.Values{
		"kind": {f.Kind}, "columns": {f.Columns}, "zone": {f.Zone}, "from": {from}, "to": {to}, "method": f.Method, "status": f.Status, "code": f.Code,
		"currency": f.Currency, "min": {f.Min}, "max": {f.Max}, "separator": {f.Separator}, "decimal": {f.Decimal}, "header": {f.Header}, "times": {f.Times},
	}
	for _, id := range f.Project {
		values.Add("project", strconv.FormatInt(id, 10))
	}
	if f.BOM {
		values.Set("bom", "yes")
	}
	if f.Gzip {
		values.Set("gzip", "yes")
	}
	return values
}

// request reads the flags as a form.
func (f *reportFlags) request(s *store.Store, from, to string) (*report.Request, error) {
	return requestOf(s, f.values(from, to))
}

// requestOf makes a request of a form.
func requestOf(s *store.Store, values url.Values) (*report.Request, error) {
	var by report.Reader
	for _, p := range s.Projects() {
		by.Projects = append(by.Projects, p.ID)
	}
	q, faults := report.Parse(values, by)
	if len(faults) == 0 {
		return q, nil
	}
	texts := make([]string, 0, len(faults))
	for _, fault := range faults {
		texts = append(texts, fault.Error())
	}
	return nil, usagef("%s", strings.Join(texts, "; "))
}

type reportRunCmd struct {
	databaseFlag
	reportFlags
	From   string `placeholder:"TIME" help:"Only rows from this day or second on, such as 2026-03-01 or 2026-03-01T10:00:00. Default: from the first."`
	To     string `placeholder:"TIME" help:"Only rows up to this day or second, which is included. Default: up to the last."`
	Wait   bool   `help:"Wait until it is ready; without a server that works on the database, make it here."`
	Output string `placeholder:"FILE" help:"Save it there when it is ready; - is stdout."`
}

// Help is shown by --help.
func (c *reportRunCmd) Help() string {
	return `Makes a CSV from one consistent state of the database, in the background of a server that works on it, and keeps it for four days.

  flashpay report run operations --database sqlite:flashpay.db --project 210 --from 2026-03-01 --to 2026-03-31 --wait --output march.csv
  flashpay report run payments --database sqlite:flashpay.db --columns payment_id,amount,status --status decline --currency KGS --min 1000.00
  flashpay report run movements --database sqlite:flashpay.db --zone Asia/Bishkek --separator semicolon --decimal comma --header ru --bom`
}

// Run asks for the report.
func (c *reportRunCmd) Run(a *app) error {
	if c.Output != "" && !c.Wait {
		return usagef("--output=%s: give --wait, too; or save it later with flashpay report get", c.Output)
	}
	return c.with(a, func(s *store.Store) error {
		q, err := c.request(s, c.From, c.To)
		if err != nil {
			return err
		}
		return askForReport(a, s, q, c.Wait, c.Output)
	})
}

// askForReport has a report made, and waits for it and saves it where that is wanted.
func askForReport(a *app, s *store.Store, q *report.Request, wait bool, output string) error {
	reports := &report.Service{Store: s}
	id, err := reports.Add(a.ctx, "", report.Order{Request: *q, Actor: actor()})
	if err != nil {
		return err
	}
	if !wait {
		fmt.Fprintf(a.stdout, "Report %d is made by a server that works on this database. Save it with flashpay report get %d --output %s\n", id, id, q.FileName(s.Now()))
		return nil
	}
	r, err := waitForReport(a, reports, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "report %d: %d rows, as of %s, kept until %s\n", id, r.Rows, r.AsOf.Format(time.RFC3339), r.KeptUntil.Format(time.RFC3339))
	if output == "" {
		return nil
	}
	return saveReport(a, reports, id, output)
}

// reportPoll is how often a report that is being made is looked at.
const reportPoll = 200 * time.Millisecond

// waitForReport waits until a report is ready and says how far it is. A server may make it; where none does, this process.
func waitForReport(a *app, reports *report.Service, id int64) (*report.Report, error) {
	ctx, stop := context.WithCancel(a.ctx)
	runner := work.NewRunner(work.RunnerConfig{Store: reports.Store, Kinds: reports.Jobs()[:1], Poll: reportPoll})
	var running sync.WaitGroup
	running.Go(func() { _ = runner.Run(ctx) })
	defer running.Wait()
	defer stop()
	said := int64(0)
	for {
		r, err := reports.Get(ctx, 0, id)
		switch {
		case err != nil:
			return nil, err
		case r.State == jobs.Done:
			return r, nil
		case r.State.Ended():
			return nil, fmt.Errorf("report %d: %s %s", id, r.State, r.Outcome)
		case r.Rows > said:
			said = r.Rows
			fmt.Fprintf(a.stderr, "report %d: %s\n", id, progressOf(r))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("report %d is not ready: a server that works on this database goes on with it", id)
		case <-time.After(reportPoll):
		}
	}
}

// progressOf says how many rows a report has so far.
func progressOf(r *report.Report) string {
	if r.Expected > r.Rows {
		return fmt.Sprintf("%d rows of about %d", r.Rows, r.Expected)
	}
	return fmt.Sprintf("%d rows", r.Rows)
}

// saveReport saves a report under a name that it has when it is whole.
func saveReport(a *app, reports *report.Service, id int64, path string) (err error) {
	_, file, err := reports.Open(a.ctx, 0, id, actor())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if path == "-" {
		_, err = io.Copy(a.stdout, file)
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part*")
	if err != nil {
		return fmt.Errorf("--output=%s: %w", path, err)
	}
	_, err = io.Copy(part, file)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("--output=%s: %w", path, err), os.Remove(part.Name()))
	}
	return err
}

type reportGetCmd struct {
	databaseFlag
	ID     int64  `arg:"" help:"The report's number."`
	Output string `required:"" placeholder:"FILE" help:"Where to save it; - is stdout."`
}

// Help is shown by --help.
func (c *reportGetCmd) Help() string {
	return `  flashpay report get 17 --database sqlite:flashpay.db --output march.csv`
}

// Run saves the report.
func (c *reportGetCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		err := saveReport(a, &report.Service{Store: s}, c.ID, c.Output)
		return noReport(err, c.ID)
	})
}

// noReport says of a number that there is nothing under it.
func noReport(err error, id int64) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no %d in this database: see flashpay report list", id)
	}
	return err
}

type reportListCmd struct {
	databaseFlag
	Schedules bool `help:"List schedules instead of reports."`
	Limit     int  `default:"50" placeholder:"50" help:"At most as many, 1 to 1000. Default: 50."`
	JSON      bool `help:"Print one line of JSON for each."`
}

// Help is shown by --help.
func (c *reportListCmd) Help() string {
	return `  flashpay report list --database sqlite:flashpay.db
  flashpay report list --database sqlite:flashpay.db --schedules --json`
}

// reportView is a report as the command line shows it.
type reportView struct {
	ID        int64      `json:"id"`
	Kind      string     `json:"kind"`
	State     jobs.State `json:"state"`
	Rows      int64      `json:"rows"`
	AsOf      time.Time  `json:"as_of,omitzero"`
	User      int64      `json:"user,omitempty"`
	Schedule  int64      `json:"schedule,omitempty"`
	From      time.Time  `json:"from,omitzero"`
	To        time.Time  `json:"to,omitzero"`
	CreatedAt time.Time  `json:"created_at"`
	KeptUntil time.Time  `json:"kept_until,omitzero"`
	Outcome   string     `json:"outcome,omitempty"`
}

// Run lists reports or schedules.
func (c *reportListCmd) Run(a *app) error {
	if c.Limit < 1 || c.Limit > 1000 {
		return usagef("--limit=%d: want 1 to 1000", c.Limit)
	}
	return c.with(a, func(s *store.Store) error {
		reports := &report.Service{Store: s}
		if c.Schedules {
			return c.listSchedules(a, reports)
		}
		found, err := reports.List(a.ctx, 0, nil, c.Limit)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		if !c.JSON {
			fmt.Fprintln(w, "ID\tKIND\tSTATE\tROWS\tMADE\tKEPT UNTIL\tOUTCOME")
		}
		for _, r := range found {
			q := &r.Order.Request
			v := reportView{r.ID, q.Kind, r.State, r.Rows, r.AsOf, r.Order.UserID, r.Order.Schedule, q.From, q.To, r.CreatedAt, r.KeptUntil, r.Outcome}
			if c.JSON {
				if err := a.printJSON(v); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\n", v.ID, v.Kind, v.State, v.Rows, v.CreatedAt.Format(time.RFC3339), dash(v.KeptUntil), v.Outcome)
		}
		return w.Flush()
	})
}

// dash is a time, or a dash where there is none.
func dash(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Format(time.RFC3339)
}

func (c *reportListCmd) listSchedules(a *app, reports *report.Service) error {
	found, err := reports.Schedules(a.ctx, 0, c.Limit)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	if !c.JSON {
		fmt.Fprintln(w, "ID\tKIND\tEVERY\tHOUR\tZONE\tSTATE\tNEXT")
	}
	for _, s := range found {
		if c.JSON {
			err := a.printJSON(struct {
				ID    int64        `json:"id"`
				Kind  string       `json:"kind"`
				Every report.Every `json:"every"`
				On    int          `json:"on,omitempty"`
				Hour  int          `json:"hour"`
				Zone  string       `json:"zone"`
				User  int64        `json:"user,omitempty"`
				State jobs.State   `json:"state"`
				Next  time.Time    `json:"next,omitzero"`
			}{s.ID, s.Order.Request.Kind, s.Every, s.On, s.Hour, s.Order.Request.Zone, s.Order.UserID, s.State, s.Next})
			if err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\n", s.ID, s.Order.Request.Kind, s.Every, s.Hour, s.Order.Request.Zone, s.State, dash(s.Next))
	}
	return w.Flush()
}

type reportScheduleCmd struct {
	databaseFlag
	reportFlags
	Every string `required:"" placeholder:"day|week|month" help:"Make one of each day, week or month when it has ended."`
	Hour  int    `default:"6" placeholder:"6" help:"At this hour of the zone, 0 to 23. Default: 6."`
	On    int    `placeholder:"N" help:"On this day of the week, 1 for Monday, or of the month. Default: the first."`
}

// Help is shown by --help.
func (c *reportScheduleCmd) Help() string {
	return `A server that works on the database makes the reports, one of each period, those of a time when none ran as well.

  flashpay report schedule operations --database sqlite:flashpay.db --project 210 --every day --hour 6 --zone Asia/Bishkek
  flashpay report schedule movements --database sqlite:flashpay.db --every month --on 5 --header en`
}

// Run begins the schedule.
func (c *reportScheduleCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		q, err := c.request(s, "", "")
		if err != nil {
			return err
		}
		schedule := report.Schedule{Order: report.Order{Request: *q, Actor: actor()}, Every: report.Every(c.Every), Hour: c.Hour, On: c.On}
		if err := schedule.Check(); err != nil {
			return usagef("%v", err)
		}
		id, err := (&report.Service{Store: s}).AddSchedule(a.ctx, "", schedule)
		if err != nil {
			return err
		}
		next, err := schedule.Next(s.Now())
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "Schedule %d makes its next report at %s. End it with flashpay report cancel %d\n", id, next.At.Format(time.RFC3339), id)
		return nil
	})
}

type reportCancelCmd struct {
	databaseFlag
	ID int64 `arg:"" help:"The number of a report or schedule."`
}

// Help is shown by --help.
func (c *reportCancelCmd) Help() string {
	return `  flashpay report cancel 17 --database sqlite:flashpay.db`
}

// Run cancels a report or ends a schedule.
func (c *reportCancelCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		reports := &report.Service{Store: s}
		err := reports.Cancel(a.ctx, 0, c.ID, actor())
		if errors.Is(err, store.ErrNotFound) {
			err = reports.CancelSchedule(a.ctx, 0, c.ID, actor())
		}
		if errors.Is(err, jobs.ErrEnded) {
			return fmt.Errorf("%d has ended already", c.ID)
		}
		if err != nil {
			return noReport(err, c.ID)
		}
		fmt.Fprintf(a.stdout, "%d is cancelled.\n", c.ID)
		return nil
	})
}
