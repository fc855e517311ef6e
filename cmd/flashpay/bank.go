package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"flashpay/internal/bank"
	"flashpay/internal/vault"
)

type bankCmd struct {
	Listen      string        `var:"FLASHPAY_BANK" default:"127.0.0.1:8084" placeholder:"ADDR" help:"Where to listen; port 0 takes a free one. Default: 127.0.0.1:8084."`
	State       string        `var:"FLASHPAY_BANK_STATE" secret:"" placeholder:"PATH" help:"The bank's books: the path of a SQLite file, or postgres://…, where they stand in the schema sandbox_bank."`
	NoDedup     bool          `name:"no-dedup" help:"Execute a key that comes again once more, so that a double payment shows."`
	ReturnAfter time.Duration `name:"return-after" default:"10s" placeholder:"10s" help:"When the money of accounts that end in 0012, and in 0020 to 0022, comes back. Default: 10s."`
	LateAfter   time.Duration `name:"late-after" default:"10s" placeholder:"10s" help:"How long after the threshold accounts that end in 0013 are paid. Default: 10s."`
	LogLevel    string        `name:"log-level" var:"FLASHPAY_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error. Default: info."`
}

// Help is shown by --help.
func (c *bankCmd) Help() string {
	return `A bank for test projects. The last four characters of the account choose what it does; GET /transfers lists, as JSON lines,
how often each transfer was submitted and executed. When it listens it prints one line of JSON.

  flashpay bank --listen 127.0.0.1:8084 --state bank.db
  {"ready":true,"bank":"http://127.0.0.1:8084"}
  flashpay serve --database sqlite:flashpay.db --bank-url http://127.0.0.1:8084`
}

// Run serves until the program is asked to stop.
func (c *bankCmd) Run(a *app) error {
	if c.State == "" {
		return usagef("no books: give --state PATH, a file for the bank's books, or set FLASHPAY_BANK_STATE")
	}
	if c.ReturnAfter < 0 || c.LateAfter < 0 {
		return usagef("--return-after and --late-after: want durations such as 10s or 500ms")
	}
	level, err := parseLevel(c.LogLevel)
	if err != nil {
		return err
	}
	seals, err := a.bankVault()
	if err != nil {
		return err
	}
	ln, err := listen("--listen", c.Listen)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	b, err := startBank(a.ctx, ln, bank.Config{
		State: bankState(c.State), Vault: seals, NoDedup: c.NoDedup, Logger: a.newLogger(a.stderr, level),
		ReturnAfter: max(c.ReturnAfter, 1), LateAfter: max(c.LateAfter, 1), // 0 is «at once»; to the bank it is its default
	}, failed)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if err := a.printJSON(addresses{Ready: true, Bank: b.url}); err != nil {
		return errors.Join(err, b.stop(withGrace(a.ctx, stopGrace)))
	}
	select {
	case <-a.ctx.Done():
	case err := <-failed:
		return errors.Join(err, b.stop(withGrace(a.ctx, stopGrace)))
	}
	return b.stop(withGrace(a.ctx, stopGrace))
}

// bankVault is the keyset that FLASHPAY_KEYSET names; nil where it is not set, and then the bank has one beside its books.
func (a *app) bankVault() (*vault.Vault, error) {
	keyset, err := a.keyset()
	if err != nil || keyset == "" {
		return nil, err
	}
	return vault.Locate(keyset, "", true)
}

// bankState takes the form that --database has, too.
func bankState(s string) string { return strings.TrimPrefix(s, "sqlite:") }

func parseLevel(text string) (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return level, usagef("--log-level=%s: want debug, info, warn or error", text)
	}
	return level, nil
}

// runningBank is a simulated bank that serves.
type runningBank struct {
	url    string
	cancel context.CancelFunc
	ended  chan struct{}
	bank   *bank.Bank
}

// startBank opens a bank and serves it; like startServer it says on failed that it stopped by itself. It takes the
// listener only where it returns no error.
func startBank(ctx context.Context, ln net.Listener, c bank.Config, failed chan<- error) (*runningBank, error) {
	opened, err := bank.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b := &runningBank{url: localURL(ln.Addr()), cancel: cancel, ended: make(chan struct{}), bank: opened}
	go func() {
		defer close(b.ended)
		if err := opened.Serve(serving, ln); err != nil {
			failed <- err
		}
	}()
	return b, nil
}

// stop ends the bank. Where ctx ends first, its books are as a crash would leave them, which they are made for.
func (b *runningBank) stop(ctx context.Context) error {
	if b == nil {
		return nil
	}
	b.cancel()
	closed := make(chan error, 1)
	go func() {
		<-b.ended
		closed <- b.bank.Close()
	}()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("bank: not stopped in time: %w", ctx.Err())
	}
}
