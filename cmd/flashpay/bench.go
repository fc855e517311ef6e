package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"flashpay/internal/bench"
	"flashpay/internal/gate"
	"flashpay/internal/ops"
	"flashpay/internal/store"
)

type benchCmd struct {
	databaseFlag
	Seconds     int    `default:"10" placeholder:"10" help:"How long the closed loop of each stage runs, all rounds together. Default: 10."`
	Concurrency int    `default:"256" placeholder:"256" help:"Connections. Default: 256."`
	Projects    int    `default:"1" placeholder:"1" help:"Projects among which the payouts are spread. Default: 1."`
	Profiles    string `type:"existingdir" placeholder:"DIR" help:"Write profiles of the platform's CPU and allocations to a folder, for go tool pprof."`
	Conversion  bool   `help:"Measure end to end alone: with tariffs and conversion against without, turn by turn."`
	Mass        bool   `help:"Measure a file of payouts alone: its check against encoding/csv, its rows against Gate's intake, Gate's latencies beside it."`
	Report      bool   `help:"Measure a report of operations alone: against the engine's own client, its memory, Gate's latencies beside it."`
	Rows        int    `default:"1000000" placeholder:"1000000" help:"Rows of that file or report. Default: 1000000."`
	JSON        bool   `name:"json" help:"Print the result as JSON."`
}

// Help is shown by --help.
func (c *benchCmd) Help() string {
	return `Measures payouts a second on this machine, with real HTTP and signatures, the server in processes of its own with the defaults
of serve: bare HTTP (a server that only answers), null gate (Gate without a store), intake (Gate over the store), end to end
(up to the acknowledged callback; the run fails where anything is left over). Latencies come from an open loop at half of
each rate. It takes a few minutes and disk space: some 4 KB for each payout.

Without --database it measures a temporary SQLite file in the folder for temporary files (TMPDIR). A database with
projects that bench did not make is refused; its own stay in the database, with the payouts.

  flashpay bench
  flashpay bench --conversion
  flashpay bench --mass --rows 100000
  flashpay bench --report
  flashpay bench --database postgres://flashpay@localhost/bench --seconds 30 --projects 100 --json`
}

// Run measures, and prints what came of it.
func (c *benchCmd) Run(a *app) error {
	if c.Seconds < 1 || c.Concurrency < 1 || c.Concurrency > 10000 || c.Projects < 1 || c.Projects > 1000 {
		return usagef("want --seconds of 1 or more, --concurrency of 1 to 10000 and --projects of 1 to 1000")
	}
	if c.Rows < 1000 || c.Rows > 1_000_000 {
		return usagef("want --rows of 1000 to 1000000")
	}
	keyset, err := a.keyset()
	if err != nil {
		return err
	}
	file, report := 0, 0
	if c.Mass {
		file = c.Rows
	}
	if c.Report {
		report = c.Rows
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("this program cannot be started again: %w", err)
	}
	result, err := bench.Run(a.ctx, bench.Config{
		Database: store.Config{URL: c.Database, Keyset: keyset, Logger: a.newLogger(a.stderr, slog.LevelWarn)},
		Time:     time.Duration(c.Seconds) * time.Second, Concurrency: c.Concurrency, Projects: c.Projects, Profiles: c.Profiles, Conversion: c.Conversion, Mass: file, Report: report,
		Flashpay: func(databaseURL string, args ...string) *exec.Cmd {
			return benchCommand(program, keyset, databaseURL, args)
		},
		Command: func(p bench.Part, databaseURL, bankURL string) *exec.Cmd {
			return benchPart(program, keyset, p, databaseURL, bankURL)
		},
		Progress: func(text string) { fmt.Fprintln(a.stderr, text) },
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(result)
	}
	return result.Print(a.stdout)
}

// benchPart is the command that starts this program again as a part of the installation under test, with the defaults
// of serve. Only the keyset is taken over from the environment's settings.
func benchPart(program, keyset string, p bench.Part, databaseURL, bankURL string) *exec.Cmd {
	var args []string
	switch p {
	case bench.Intake:
		args = []string{"serve", "--roles=gate", "--gate=127.0.0.1:0", "--ops=127.0.0.1:0"}
	case bench.Platform:
		args = []string{"serve", "--gate=127.0.0.1:0", "--dashboard=127.0.0.1:0", "--ops=127.0.0.1:0", "--bank-url=" + bankURL, "--allow-private-callbacks"}
	case bench.Bank:
		args = []string{"bank", "--listen=127.0.0.1:0"}
	default:
		args = []string{string(p)}
	}
	return benchCommand(program, keyset, databaseURL, append([]string{"bench-part"}, args...))
}

// benchCommand is a command of this program on the database under test.
func benchCommand(program, keyset, databaseURL string, args []string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Args[0] = "flashpay"
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FLASHPAY_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "FLASHPAY_DATABASE="+databaseURL, "FLASHPAY_KEYSET="+keyset, "FLASHPAY_BANK_STATE="+benchBooks(databaseURL))
	return cmd
}

// benchBooks is where serve would keep the books of its own bank.
func benchBooks(databaseURL string) string {
	if path, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		return path + ".bank"
	}
	return databaseURL
}

// partCmd is a process of bench: another command of this program, or one of the servers that exist for bench only.
type partCmd struct {
	Args []string `arg:"" passthrough:"" help:"The command and its flags."`
}

// Run works until its parent ends its input.
func (c *partCmd) Run(a *app) error {
	return bench.Serve(a.ctx, a.stdin, a.stdout, func(ctx context.Context, out io.Writer) error {
		a := &app{ctx: ctx, env: a.env, stdin: strings.NewReader(""), stdout: out, stderr: a.stderr}
		defer a.flushLogs()
		switch c.Args[0] {
		case string(bench.Bare):
			return a.benchBare()
		case string(bench.NullGate):
			return a.benchNullGate()
		case string(bench.Sender):
			return a.benchSender()
		}
		if code := run(ctx, c.Args, a.env, a.stdin, out, a.stderr); code != exitOK {
			return errNo // it has said why
		}
		return nil
	})
}

// benchBare serves nothing, in the way in which serve serves Gate.
func (a *app) benchBare() error {
	return a.benchServe(bench.Nothing(), ops.NewMetrics(), a.newLogger(a.stderr, slog.LevelInfo))
}

// benchNullGate serves Gate as serve does, but what it accepts goes nowhere.
func (a *app) benchNullGate() error {
	c, err := (&databaseFlag{Database: a.env("FLASHPAY_DATABASE")}).config(a)
	if err != nil {
		return err
	}
	return withStore(a.ctx, c, func(s *store.Store) error {
		methods, err := loadMethods("")
		if err != nil {
			return err
		}
		logger := a.newLogger(a.stderr, slog.LevelInfo)
		p := &platform{config: &platformConfig{Logger: logger}, store: s, methods: methods, metrics: ops.NewMetrics()}
		null := p.newGate().Config
		null.Acceptor = bench.Nowhere{Store: s}
		return a.benchServe(gate.New(null).Handler(), p.metrics, logger)
	})
}

// benchSender serves Gate and sends files as serve does. What is accepted stays where it is.
func (a *app) benchSender() error {
	c, err := (&databaseFlag{Database: a.env("FLASHPAY_DATABASE")}).config(a)
	if err != nil {
		return err
	}
	c.Serve = true
	return withStore(a.ctx, c, func(s *store.Store) error {
		methods, err := loadMethods("")
		if err != nil {
			return err
		}
		logger := a.newLogger(a.stderr, slog.LevelInfo)
		p := &platform{config: &platformConfig{Logger: logger}, store: s, methods: methods, metrics: ops.NewMetrics()}
		ctx, cancel := context.WithCancel(a.ctx)
		defer cancel()
		var sending sync.WaitGroup
		sending.Go(func() { _ = p.newRunner().Run(ctx) })
		err = a.benchServe(p.newGate().Handler(), p.metrics, logger)
		cancel()
		sending.Wait()
		return err
	})
}

func (a *app) benchServe(handler http.Handler, metrics *ops.Metrics, logger *slog.Logger) error {
	tuneMemory()
	var listeners [2]net.Listener
	for i := range listeners {
		var err error
		if listeners[i], err = listen("bench", "127.0.0.1:0"); err != nil {
			return err
		}
	}
	failed := make(chan error, len(listeners))
	served, console := startServer(listeners[0], handler, logger, failed), startServer(listeners[1], ops.New(metrics), logger, failed)
	err := a.printJSON(addresses{Ready: true, Gate: served.url, Ops: console.url})
	if err == nil {
		select {
		case <-a.ctx.Done():
		case err = <-failed:
		}
	}
	stopping := withGrace(a.ctx, stopGrace)
	return errors.Join(err, served.stop(stopping), console.stop(stopping))
}
