package main

import (
	"fmt"
	"time"

	"flashpay/internal/audit"
	"flashpay/internal/store"
)

type rollupsCmd struct {
	Check   rollupsCheckCmd   `cmd:"" help:"Compare the figures that Dashboard shows with the journal."`
	Rebuild rollupsRebuildCmd `cmd:"" help:"Count the figures that Dashboard shows anew, from the first line of the journal on."`
}

type rollupsCheckCmd struct {
	databaseFlag
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (c *rollupsCheckCmd) Help() string {
	return `Totals of the register, Overview and Analytics read rollups: sums by hour and day, which whoever follows the journal keeps a few
seconds behind it. This command replays the journal and compares: every figure must be the same. So it does with attempts of callbacks,
which are counted as they are logged. It runs beside a working server and
only reads. flashpay audit does the same, among much else. The exit code is 1 where something differs.

  flashpay rollups check --database sqlite:flashpay.db`
}

// Run compares.
func (c *rollupsCheckCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		report, err := audit.Rollups(a.ctx, s)
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

type rollupsRebuildCmd struct {
	databaseFlag
}

// Help is shown by --help.
func (c *rollupsRebuildCmd) Help() string {
	return `Counts the rollups anew, beside those that are read, and exchanges the two when the new ones are complete: until then Dashboard shows the
old ones. Nothing else waits for it. Interrupted, it is taken up by the running server, or by the next call of this command.

  flashpay rollups rebuild --database sqlite:flashpay.db`
}

// Run counts anew.
func (c *rollupsRebuildCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		build, err := s.RebuildRollups(a.ctx, actor())
		if err != nil {
			return err
		}
		for {
			if err := s.FollowJournal(a.ctx); err != nil {
				return err
			}
			if err := s.CatchUpRollups(a.ctx); err != nil {
				return err
			}
			live, _, err := s.LiveRollupBuild(a.ctx)
			if err != nil {
				return err
			}
			if live >= build {
				_, err := fmt.Fprintf(a.stdout, "rollups counted anew: build %d is read now\n", live)
				return err
			}
			select {
			case <-a.ctx.Done():
				return a.ctx.Err()
			case <-time.After(200 * time.Millisecond): // a server's followers were faster
			}
		}
	})
}
