// Command flashpay is the whole product: the platform, the simulated bank, and the tools of those who run them and of
// the merchants' engineers. This package holds flags and wiring; it alone knows all rooms.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // users have zones, and some machines have no files of them

	"github.com/alecthomas/kong"
)

// Exit codes. A server that was asked to stop ends with exitOK.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for could not be done, or a signature does not verify
	exitUsage  = 2 // the command line cannot be understood
	exitForced = 3 // a second signal: stopped without finishing
	exitBad    = 3 // rows of a file cannot be paid
	exitOpen   = 4 // all of an evidence bundle fits, but not all of it is sealed
)

func main() {
	ignoreSignals()
	a := &app{ctx: interruptible(), env: os.Getenv, environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(a.run(os.Args[1:]))
}

// interruptible ends its context at the first SIGINT or SIGTERM, and the process at the second.
func interruptible() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		cancel(fmt.Errorf("stopped by signal: %s", <-signals))
		<-signals
		os.Exit(exitForced)
	}()
	return ctx
}

// app is what a command may touch of the world.
type app struct {
	ctx     context.Context // ends when the program is asked to stop
	env     func(string) string
	environ []string // all variables, as NAME=VALUE; unknown ones of ours are named
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	logs    []*lineBuffer
}

// commands is the command line: one field, and one struct with a Run method, for each command.
type commands struct {
	Demo        demoCmd        `cmd:"" group:"run" help:"Platform, simulated bank and a merchant's web service in one process, to try."`
	Serve       serveCmd       `cmd:"" group:"run" help:"Start the platform: Gate, processing, callbacks, and a simulated bank for test projects."`
	Bank        bankCmd        `cmd:"" group:"run" help:"Start the simulated bank alone."`
	Crash       crashCmd       `cmd:"" name:"crashtest" group:"run" help:"Kill platform and bank in the middle of their work, and check that nothing was lost or paid twice."`
	Migrate     migrateCmd     `cmd:"" group:"run" help:"Bring a database up to date."`
	Bench       benchCmd       `cmd:"" group:"run" help:"Measure payouts a second on this machine."`
	Part        partCmd        `cmd:"" name:"bench-part" hidden:"" help:"A process of bench."`
	User        userCmd        `cmd:"" group:"operate" help:"Create, show, invite and deactivate the people who work in Dashboard."`
	Merchant    merchantCmd    `cmd:"" group:"operate" help:"Create and list merchants, block and pause all of a merchant's projects."`
	Project     projectCmd     `cmd:"" group:"operate" help:"Create and show projects, change their settings, block and pause them, add and revoke their keys."`
	Balance     balanceCmd     `cmd:"" group:"operate" help:"Show and top up a project's balances."`
	Rates       ratesCmd       `cmd:"" group:"operate" help:"Import, set, list and show exchange rates."`
	Tariff      tariffCmd      `cmd:"" group:"operate" help:"Set and show what projects pay for payouts on top of their sums."`
	Mass        massCmd        `cmd:"" group:"operate" help:"Payouts from a file, one a row: templates, checks, sending, results."`
	Callback    callbackCmd    `cmd:"" group:"operate" help:"List a project's callbacks, send one again."`
	Discrepancy discrepancyCmd `cmd:"" group:"operate" help:"List and settle what the bank's word and ours do not agree on: it waits for a person."`
	Token       tokenCmd       `cmd:"" group:"operate" help:"Create and revoke tokens of the Data API."`
	Report      reportCmd      `cmd:"" group:"operate" help:"Make reports as CSV, once or by a schedule; list and save them."`
	Audit       auditCmd       `cmd:"" group:"operate" help:"Check every invariant of a whole database."`
	Evidence    evidenceCmd    `cmd:"" group:"operate" help:"Check the evidence bundle of a payment, without a database."`
	Rollups     rollupsCmd     `cmd:"" group:"operate" help:"Check the figures that Dashboard shows, or count them anew."`
	Backup      backupCmd      `cmd:"" group:"operate" help:"Copy a SQLite database beside a running server."`
	Payout      payoutCmd      `cmd:"" group:"merchant" help:"Request a payout, ask for its status; list payouts of a database."`
	Events      eventsCmd      `cmd:"" group:"merchant" help:"Print a project's events, numbered without gaps: all, or as they come."`
	Sign        signCmd        `cmd:"" group:"merchant" help:"Sign the JSON on stdin."`
	Verify      verifyCmd      `cmd:"" group:"merchant" help:"Check the signature of the JSON on stdin."`
	Listen      listenCmd      `cmd:"" group:"merchant" help:"Receive callbacks, print them, forward them to a web service under development."`
	Help        helpCmd        `cmd:"" group:"other" help:"Show the help of a command."`
	Version     versionCmd     `cmd:"" group:"other" help:"Print version and build."`
	Completion  completionCmd  `cmd:"" group:"other" help:"Print what teaches a shell to complete flashpay's commands and flags."`
	Complete    completeCmd    `cmd:"" hidden:"" help:"What a shell offers for the last word of a command line."`
}

var groups = kong.Groups{
	"run":      "Run the platform",
	"operate":  "Operate it (beside a running server, too)",
	"merchant": "For a merchant's engineer",
	"other":    "Other",
}

const description = `Flashpay payouts: signed payout requests in, money out through a bank, signed callbacks back.

Sums are written with all their decimals, as in 1000.00; in JSON they are minor units, as on the wire. A flag's environment variable is shown in brackets; those that hold a
secret can also be given as a file: FLASHPAY_KEY_FILE names a file with what FLASHPAY_KEY would hold. Help for a command
with examples: flashpay COMMAND --help`

// run is the program as another one starts it, in its own process.
func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{ctx: ctx, env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	return a.run(args)
}

// run is the program. It returns the exit code; the end of a.ctx asks servers to stop.
func (a *app) run(args []string) (code int) {
	defer a.flushLogs()
	defer func() { // kong prints help and exits; here that ends run only
		if v := recover(); v != nil {
			asked, ok := v.(exitNow)
			if !ok {
				panic(v)
			}
			code = int(asked)
		}
	}()
	parser, err := a.parser()
	if err != nil {
		fmt.Fprintf(a.stderr, "flashpay: %v\n", err)
		return exitFailed
	}
	chosen, err := parser.Parse(spelledOut(args))
	if err != nil {
		fmt.Fprintf(a.stderr, "flashpay: %v\nflashpay: see flashpay %s--help\n", err, chosenPath(err))
		return exitUsage
	}
	a.nameUnknownVariables(parser.Model, chosen.Command())
	return a.report(chosen.Run(a))
}

func (a *app) parser() (*kong.Kong, error) {
	return kong.New(
		&commands{}, kong.Name("flashpay"), kong.Description(description), groups,
		kong.Writers(a.stdout, a.stderr), kong.Exit(func(code int) { panic(exitNow(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, NoExpandSubcommands: true}),
		kong.ValueFormatter(helpWithVariable), kong.Resolvers(variables(a.env)),
	)
}

// spelledOut turns what people try first into commands: nothing at all, --version, and help COMMAND.
func spelledOut(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}

// exitNow carries an exit code out of kong's printing of help.
type exitNow int

// chosenPath is the command that could not be parsed, as far as it was understood, with a space behind it.
func chosenPath(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Command() != "" {
		if node := parse.Context.Selected(); node != nil {
			return node.Path() + " "
		}
	}
	return ""
}

// errNo is a command's answer «no», already printed: nothing failed, and the exit code says it.
var errNo = errors.New("no")

// errUnsealed is the answer that nothing is wrong with an evidence bundle, but that seals do not cover all of it.
var errUnsealed = errors.New("not sealed")

// report prints an error and turns it into the exit code.
func (a *app) report(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errNo):
		return exitFailed
	case errors.Is(err, errRowsBad):
		return exitBad
	case errors.Is(err, errUnsealed):
		return exitOpen
	case errors.As(err, &usage):
		fmt.Fprintf(a.stderr, "flashpay: %v\n", err)
		return exitUsage
	}
	if cause := context.Cause(a.ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	fmt.Fprintf(a.stderr, "flashpay: %s\n", oneLine(err))
	return exitFailed
}

// lineBreak is where errors of several parts, and PostgreSQL's of several addresses, begin a new line.
var lineBreak = regexp.MustCompile(`(:?)\s*\n\s*`)

// oneLine is an error's text on one line, which a log or a person can take as one.
func oneLine(err error) string {
	return lineBreak.ReplaceAllStringFunc(strings.TrimSpace(err.Error()), func(found string) string {
		if found[0] == ':' {
			return ": "
		}
		return "; "
	})
}

// usageError is a fault of the command line that only the command itself could find.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }
