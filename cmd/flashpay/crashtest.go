package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"flashpay/internal/crashtest"
)

type crashCmd struct {
	Database string `placeholder:"URL" help:"A database that is empty, or has been used for crash tests only: sqlite:PATH, or postgres://user:password@host/name. Default: a temporary SQLite file."`
	Kills    int    `default:"10" placeholder:"10" help:"How many times kill -9 hits platform or bank; orderly restarts (SIGTERM) come on top. Default: 10."`
	Outages  int    `default:"3" placeholder:"3" help:"How many times, on top, a node is paused for longer than its leases, or cut off from bank or database, which then breaks off or falls silent. Default: 3."`
	Standby  string `placeholder:"URL" help:"A hot standby of the PostgreSQL database: nodes are led to it, too."`
	Seconds  int    `placeholder:"N" help:"Over how many seconds kills and payouts are spread. Default: 1.5 for each kill."`
	Payouts  int    `placeholder:"N" help:"How many payouts are requested. Default: 30 for each kill."`
	NoDedup  bool   `name:"no-dedup" help:"Have the bank execute a key that comes again once more, so that safety does not rest on its kindness."`
	Nodes    int    `default:"1" placeholder:"1|2" help:"Platform processes; two need PostgreSQL, and are killed in turn. Default: 1."`
	Seed     uint64 `placeholder:"S" help:"Of everything that is random: kills, accounts, sums. Default: another one each time; it is printed."`
	JSON     bool   `help:"Print the report as JSON."`
}

// Help is shown by --help.
func (c *crashCmd) Help() string {
	return `Starts this very program as platform and simulated bank, on loopback only, and requests payouts of all kinds, repeating each
until it is answered, while both processes are killed (kill -9) and restarted at random moments, and nodes stand still or
lose bank or database for a while. When all has drained it
checks that every answered payout is final and had its verified callback, that the bank executed exactly those that
succeeded and each once, that balances are the opening balance less what was paid, and that flashpay audit finds the
whole database in order. Ends with exit code 1 and the payments' names where anything is not so.

  flashpay crashtest
  flashpay crashtest --kills 100 --no-dedup
  flashpay crashtest --database postgres://flashpay@127.0.0.1/crashtest --nodes 2 --json
  flashpay crashtest --seed 4711      (the kills and accounts of an earlier run; processes keep their own time)

A database with projects that a crash test did not make is refused. FLASHPAY_KEYSET is used with --database only; no other
settings in the environment reach the processes. Ten kills take about a minute: a submit whose answer was lost is
by design not sent again before 12 s have passed.`
}

// Run makes the crash test.
func (c *crashCmd) Run(a *app) error {
	switch {
	case c.Kills < 1 || c.Outages < 0 || c.Seconds < 0 || c.Payouts < 0:
		return usagef("--kills, --outages, --seconds and --payouts: want whole numbers of 1 or more; --outages may be 0")
	case c.Standby != "" && !strings.HasPrefix(c.Database, "postgres"):
		return usagef("--standby: want it together with --database=postgres://…")
	case c.Nodes < 1 || c.Nodes > 2:
		return usagef("--nodes=%d: want 1 or 2", c.Nodes)
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	keyset, err := a.keyset()
	if err != nil {
		return err
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64N(1_000_000) + 1
	}
	fmt.Fprintf(a.stderr, "flashpay: crash test with --seed %d\n", c.Seed)
	report, err := crashtest.Run(a.ctx, crashtest.Config{
		Program: program, Database: c.Database, Keyset: keyset, Kills: c.Kills, Outages: c.Outages, Standby: c.Standby, Duration: time.Duration(c.Seconds) * time.Second,
		Payouts: c.Payouts, Nodes: c.Nodes, NoDedup: c.NoDedup, Seed: c.Seed,
		Progress: func(line string) { fmt.Fprintf(a.stderr, "flashpay: %s\n", line) },
	})
	if err != nil {
		return err
	}
	if c.JSON {
		err = a.printJSON(report)
	} else {
		report.Print(a.stdout)
	}
	if err == nil && !report.Clean {
		return errNo
	}
	return err
}
