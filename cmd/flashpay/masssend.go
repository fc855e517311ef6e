package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/massbatch"
	"flashpay/internal/masspayout"
	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/jobs"
)

// withMass opens a database and what pays files.
func (d *databaseFlag) withMass(a *app, methods string, do func(m *massbatch.Service) error) error {
	known, err := loadMethods(methods)
	if err != nil {
		return err
	}
	return d.with(a, func(s *store.Store) error {
		return do(&massbatch.Service{Store: s, Payouts: &accept.Service{Acceptor: s, Route: installed.Route, Rates: s.Rates}, Methods: known})
	})
}

func (a *app) massBy() massbatch.By { return massbatch.By{Name: "command line", Actor: actor()} }

func massProject(s *store.Store, id int64) (*merchant.Project, error) {
	p, ok := s.Project(id)
	if !ok {
		return nil, unknownProject(id)
	}
	return p, nil
}

type massSendCmd struct {
	databaseFlag
	methodsFlag
	File     string `arg:"" name:"FILE" help:"The file; - reads from stdin."`
	Project  int64  `required:"" placeholder:"N" help:"In whose name it is sent: the file may name all projects of its merchant."`
	GoodOnly bool   `name:"good-only" help:"Leave rows with faults out. Without it a file that has any is not sent."`
	Name     string `placeholder:"S" help:"What lists call it. Default: the file's name."`
	JSON     bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *massSendCmd) Help() string {
	return `Checks the file, keeps it sealed, and hands its rows to the server that works on the database; without one they wait for it.
Rows that were paid before are not paid again, so a mended file is sent as a whole. Prints the batch's id.

Where the project asks for a second person above a sum, a batch above it waits for one in Dashboard.

Exit code 0: every row is good; 3: rows have faults, and with --good-only the others were sent; 1: the file cannot be read.

  flashpay mass send wages.csv --project 210
  gunzip < wages.csv.gz | flashpay mass send - --project 210 --good-only --name "wages, May" --json`
}

// Run sends the file.
func (c *massSendCmd) Run(a *app) error {
	in, size, name, err := a.openMass(c.File, c.Name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return c.withMass(a, c.Methods, func(m *massbatch.Service) error {
		p, err := massProject(m.Store, c.Project)
		if err != nil {
			return err
		}
		bar := newProgressBar(a.stderr, size)
		b, report, err := m.CreateBatch(a.ctx, in, massbatch.Upload{Project: p, Name: name, Progress: bar.show, By: a.massBy()})
		bar.clear()
		if err != nil {
			return err
		}
		if b == nil {
			return fmt.Errorf("%s: %w", name, report.Unreadable)
		}
		sent, err := m.Send(a.ctx, b.ID, c.GoodOnly, a.massBy())
		if errors.Is(err, batches.ErrHasFaults) {
			return c.refuse(a, m, b, report)
		}
		if err != nil {
			return err
		}
		if err := c.print(a, m, sent, report); err != nil {
			return err
		}
		if report.Bad > 0 {
			return errRowsBad
		}
		return nil
	})
}

// refuse says why nothing of the file is sent, and keeps no batch of it open.
func (c *massSendCmd) refuse(a *app, m *massbatch.Service, b *batches.Batch, report *masspayout.Report) error {
	for _, f := range report.Faults[:min(10, len(report.Faults))] {
		fmt.Fprintf(a.stderr, "line %d: %s: %s\n", f.Line, f.Message, f.Advice)
	}
	fmt.Fprintf(a.stderr, "flashpay: nothing is sent: %d of %d rows have faults (flashpay mass check lists them all). --good-only sends the others.\n", report.Bad, report.Rows)
	if _, err := m.Cancel(a.ctx, b.ID, a.massBy()); err != nil {
		return err
	}
	return errRowsBad
}

// serverPatience is how long a server has to begin before it is said that there is none.
const serverPatience = 3 * time.Second

func (c *massSendCmd) print(a *app, m *massbatch.Service, b *batches.Batch, report *masspayout.Report) error {
	if c.JSON {
		if err := a.printJSON(struct {
			Batch int64 `json:"batch"`
		}{b.ID}); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.stdout, b.ID)
	}
	switch {
	case b.State == batches.Awaiting:
		fmt.Fprintln(a.stderr, "flashpay: the batch is above the project's approval sum: it waits for a second person in Dashboard.")
	case report.Good > report.PaidAlready && !c.begins(a, m, b):
		fmt.Fprintln(a.stderr, "flashpay: no server works on this database: the batch waits until `flashpay serve` is started.")
	}
	return nil
}

// begins tells whether a server begins to send the batch soon.
func (c *massSendCmd) begins(a *app, m *massbatch.Service, b *batches.Batch) bool {
	for deadline := time.Now().Add(serverPatience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		j, err := jobs.Find(a.ctx, m.Store, massbatch.JobKind, massbatch.JobKey(b))
		if err != nil || j.State != jobs.Queued {
			return true
		}
	}
	return false
}

// openMass opens a file of payouts, or stdin, and says how long it is, 0 where that is not known, and what it is called.
func (a *app) openMass(path, name string) (in io.ReadCloser, size int64, called string, err error) {
	if path == "-" {
		return io.NopCloser(a.stdin), 0, name, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, "", err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	if name == "" {
		name = filepath.Base(path)
	}
	return f, size, name, nil
}

type massListCmd struct {
	databaseFlag
	Project int64 `required:"" placeholder:"N" help:"In whose name they were sent."`
	Limit   int   `default:"50" placeholder:"50" help:"How many, newest first. Default: 50."`
	JSON    bool  `help:"Print JSON, one batch a line."`
}

// Run lists the batches.
func (c *massListCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		if _, err := massProject(s, c.Project); err != nil {
			return err
		}
		list, err := batches.List(a.ctx, s, batches.Filter{Projects: []int64{c.Project}, Limit: c.Limit})
		if err != nil {
			return err
		}
		if !c.JSON && len(list) == 0 {
			fmt.Fprintln(a.stdout, "No batches.")
			return nil
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		if !c.JSON {
			fmt.Fprintln(w, "batch\tuploaded\tstate\trows\tgood\tfile\tby")
		}
		for i := range list {
			b := &list[i]
			if c.JSON {
				if err := a.printJSON(massListed{b.ID, b.CreatedAt, string(b.State), b.Rows, b.Good, b.Bad, b.Name, b.User}); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%s\t%s\n", b.ID, b.CreatedAt.Format("2006-01-02 15:04 UTC"), b.State, b.Rows, b.Good, printable([]byte(b.Name)), b.User)
		}
		return w.Flush()
	})
}

// massListed is a batch in a list.
type massListed struct {
	Batch    int64     `json:"batch"`
	Uploaded time.Time `json:"uploaded_at"`
	State    string    `json:"state"`
	Rows     int64     `json:"rows"`
	Good     int64     `json:"good"`
	Bad      int64     `json:"bad"`
	File     string    `json:"file"`
	By       string    `json:"by"`
}

type massStatusCmd struct {
	databaseFlag
	ID    int64 `arg:"" name:"ID" help:"The batch's id."`
	Watch bool  `help:"Print it again as it changes, until the batch has ended."`
	JSON  bool  `help:"Print JSON."`
}

// massStatus is a batch with its counters.
type massStatus struct {
	Batch       int64            `json:"batch"`
	State       string           `json:"state"`
	Rows        int64            `json:"rows"`
	PaidAlready int64            `json:"paid_already"`
	ByStatus    map[string]int64 `json:"by_status"`
}

// Run prints the batch's state.
func (c *massStatusCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		for printed := ""; ; {
			status, err := massbatch.ReadStatus(a.ctx, s, c.ID)
			if err != nil {
				return unknownBatch(c.ID, err)
			}
			if line := massLine(status); line != printed {
				printed = line
				if err := c.print(a, status, line); err != nil {
					return err
				}
			}
			if !c.Watch || status.State.Final() && status.ByStatus["processing"] == 0 && (status.State == batches.Cancelled || status.ByStatus[massbatch.NotSent] == 0) {
				return nil
			}
			select {
			case <-a.ctx.Done():
				return a.ctx.Err()
			case <-time.After(500 * time.Millisecond):
			}
		}
	})
}

func (c *massStatusCmd) print(a *app, status *massbatch.Status, line string) error {
	if c.JSON {
		return a.printJSON(massStatus{status.ID, string(status.State), status.Rows, status.PaidAlready, status.ByStatus})
	}
	_, err := fmt.Fprintln(a.stdout, line)
	return err
}

// massLine is a batch's state as one line.
func massLine(status *massbatch.Status) string {
	parts := []string{fmt.Sprintf("batch %d is %s: %d rows", status.ID, status.State, status.Rows)}
	if status.PaidAlready > 0 {
		parts = append(parts, fmt.Sprintf("%d paid already", status.PaidAlready))
	}
	for _, name := range slices.Sorted(maps.Keys(status.ByStatus)) {
		parts = append(parts, fmt.Sprintf("%d %s", status.ByStatus[name], name))
	}
	return strings.Join(parts, ", ")
}

func unknownBatch(id int64, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no batch %d: flashpay mass list shows those of a project", id)
	}
	return err
}

// massMoveCmd moves a batch.
type massMoveCmd struct {
	databaseFlag
	ID   int64 `arg:"" name:"ID" help:"The batch's id."`
	JSON bool  `help:"Print JSON."`
}

type (
	massPauseCmd  struct{ massMoveCmd }
	massResumeCmd struct{ massMoveCmd }
	massCancelCmd struct{ massMoveCmd }
)

// Run pauses the batch: when it returns, no further row is sent.
func (c *massPauseCmd) Run(a *app) error {
	return c.move(a, func(m *massbatch.Service) (*batches.Batch, error) { return m.Pause(a.ctx, c.ID, a.massBy()) })
}

// Run goes on with a paused batch.
func (c *massResumeCmd) Run(a *app) error {
	return c.move(a, func(m *massbatch.Service) (*batches.Batch, error) { return m.Resume(a.ctx, c.ID, a.massBy()) })
}

// Run cancels what is not sent.
func (c *massCancelCmd) Run(a *app) error {
	return c.move(a, func(m *massbatch.Service) (*batches.Batch, error) { return m.Cancel(a.ctx, c.ID, a.massBy()) })
}

func (c *massMoveCmd) move(a *app, move func(*massbatch.Service) (*batches.Batch, error)) error {
	return c.with(a, func(s *store.Store) error {
		b, err := move(&massbatch.Service{Store: s})
		var moved *batches.MovedError
		if errors.As(err, &moved) {
			return fmt.Errorf("batch %d is %s: that cannot be done now", c.ID, moved.State)
		}
		if err != nil {
			return unknownBatch(c.ID, err)
		}
		if c.JSON {
			return a.printJSON(struct {
				Batch int64  `json:"batch"`
				State string `json:"state"`
			}{b.ID, string(b.State)})
		}
		fmt.Fprintf(a.stdout, "Batch %d is %s.\n", b.ID, b.State)
		return nil
	})
}

type massResultCmd struct {
	databaseFlag
	methodsFlag
	ID int64 `arg:"" name:"ID" help:"The batch's id."`
}

// Help is shown by --help.
func (c *massResultCmd) Help() string {
	return `Writes the uploaded file to stdout, and behind its columns what came of each row: status, code, message, payment and operation
id, date. It may be asked for at any time.

  flashpay mass result 1000000000012 > result.csv`
}

// Run writes the result.
func (c *massResultCmd) Run(a *app) error {
	return c.withMass(a, c.Methods, func(m *massbatch.Service) error {
		return unknownBatch(c.ID, m.Result(a.ctx, c.ID, a.stdout, massbatch.ResultOptions{}))
	})
}
