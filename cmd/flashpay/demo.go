package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/bank"
	"flashpay/internal/demo"
	"flashpay/internal/merchant"
	"flashpay/internal/sample"
	"flashpay/internal/store"
)

// demoCmd starts all the parties of a payout in one process.
type demoCmd struct {
	Data   string `var:"FLASHPAY_DEMO_DATA" default:"./flashpay-demo" placeholder:"DIR" help:"Where everything is kept; started again, the demo goes on where it was. Default: ./flashpay-demo."`
	Sample int    `var:"FLASHPAY_DEMO_SAMPLE" default:"5000" placeholder:"N" help:"About how many sample payouts a new demo starts with, over a year; 0: none. Default: 5000."`
}

// Help is shown by --help.
func (c *demoCmd) Help() string {
	return `Platform, simulated bank, a merchant's web service and Dashboard, on SQLite, with nothing to set up. Open the shop's page,
request payouts and watch each one's way: request and signing string, answer, callback, verified or not. Or sign in to
Dashboard, as one of two operators, as the merchant's admin or as a clerk; Enter prints the code of the moment. Ctrl-C stops it.

  flashpay demo
  flashpay demo --data /tmp/demo

It listens on 127.0.0.1 only: Gate on port 8080, the shop on 8081, Dashboard on 8083, the bank on 8090; where a port is taken,
on a free one.`
}

// The demo's project. Its key is the one that the documentation's examples are signed with: no money hangs on it.
const (
	callbackPath  = "/callback"
	demoMerchant  = 1
	demoProject   = 210
	demoSalaries  = 211
	demoMarket    = 212
	demoKey       = "secret"
	demoFunds     = 100_000_000 // 1,000,000.00 KGS
	demoThreshold = 2 * time.Minute
)

// Run runs the demo until the program is asked to stop.
func (c *demoCmd) Run(a *app) (err error) {
	if err := os.MkdirAll(c.Data, 0o750); err != nil {
		return fmt.Errorf("--data=%s: %w: choose a folder that can be written", c.Data, err)
	}
	logFile, err := os.OpenFile(filepath.Join(c.Data, "flashpay.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("--data=%s: %w", c.Data, err)
	}
	defer func() { err = errors.Join(err, logFile.Close()) }()
	logger := a.newLogger(logFile, slog.LevelInfo)

	web, err := listenNear(8081)
	if err != nil {
		return err
	}
	if err := c.makeSample(a, localURL(web.Addr())+callbackPath, logger); err != nil {
		return errors.Join(err, web.Close())
	}
	p, err := c.startPlatform(a.ctx, logger)
	if err != nil {
		return errors.Join(err, web.Close())
	}
	shop, server, err := c.startShop(a.ctx, p, web, logger)
	if err != nil {
		return errors.Join(err, web.Close(), p.stop(withGrace(a.ctx, stopGrace)))
	}
	c.welcome(a, p, server.url)
	go printCodes(a)
	select {
	case <-a.ctx.Done():
	case err = <-p.failed:
	}
	_, _ = fmt.Fprintln(a.stdout, "\nStopping; started again, the demo goes on where it was.")
	grace := withGrace(a.ctx, stopGrace)
	return errors.Join(err, shop.Close(), server.stop(grace), p.stop(grace))
}

// makeSample makes a year of sample payouts where there are none yet. A demo of before the sample is left as it is. Nobody
// needs the sample in order to try a payout: where it cannot be made, the demo says so and starts without it.
func (c *demoCmd) makeSample(a *app, callbackURL string, logger *slog.Logger) error {
	if c.Sample == 0 {
		return nil
	}
	said := false
	_, err := sample.Fill(a.ctx, sample.Config{
		Store: c.store(), Payouts: c.Sample, Waiting: true,
		Shop:     sample.Project{ID: demoProject, Name: "Demo shop", Key: demoKey, CallbackURL: callbackURL},
		Salaries: sample.Project{ID: demoSalaries, Name: "Demo salaries", Key: demoKey + "-salaries", CallbackURL: callbackURL},
		Market:   sample.Project{ID: demoMarket, Name: "Demo marketplace", Key: demoKey + "-market", CallbackURL: callbackURL},
		Progress: func(made, all int) {
			if !said {
				said = true
				_, _ = fmt.Fprintf(a.stdout, "Making a year of sample payouts for Dashboard, once: about %d …\n", all)
			}
		},
	})
	switch {
	case err == nil, errors.Is(err, sample.ErrTaken):
		return nil
	case a.ctx.Err() != nil:
		return err
	}
	logger.Error("sample not made", "err", err)
	_, _ = fmt.Fprintf(a.stdout, "Sample payouts cannot be made, so the demo starts without them: %s\n", oneLine(err))
	return nil
}

func (c *demoCmd) store() store.Config {
	return store.Config{URL: "sqlite:" + filepath.Join(c.Data, "flashpay.db")}
}

// startPlatform starts platform and bank, and makes the project where it is not there yet.
func (c *demoCmd) startPlatform(ctx context.Context, logger *slog.Logger) (*platform, error) {
	config := &platformConfig{
		Store:        c.store(),
		TakeRequests: true, Process: true, ServeDashboard: true, AllowPrivateCallbacks: true, Logger: logger,
		Bank: bank.Config{ReturnAfter: 10 * time.Second, LateAfter: 10 * time.Second},
	}
	var err error
	for _, l := range []struct {
		port int
		into *net.Listener
	}{{8080, &config.Gate}, {8083, &config.Dashboard}, {8090, &config.BankListener}, {0, &config.Ops}} {
		if *l.into, err = listenNear(l.port); err != nil {
			return nil, errors.Join(err, config.closeListeners())
		}
	}
	_, port, err := net.SplitHostPort(config.Dashboard.Addr().String())
	if err != nil {
		return nil, errors.Join(err, config.closeListeners())
	}
	config.DashboardURL = "http://localhost:" + port // passkeys belong to a host's name, not to an address
	p, err := startPlatform(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := ensureDemoUsers(ctx, p.users); err != nil {
		return nil, errors.Join(err, p.stop(withGrace(ctx, stopGrace)))
	}
	return p, nil
}

// startShop starts the merchant's web service and points the project's callbacks at it.
func (c *demoCmd) startShop(ctx context.Context, p *platform, ln net.Listener, logger *slog.Logger) (*demo.Shop, *server, error) {
	callbacks := localURL(ln.Addr()) + callbackPath
	if err := ensureDemoProject(ctx, p.store, callbacks); err != nil {
		return nil, nil, err
	}
	shop, err := demo.New(demo.Config{
		GateURL: p.addresses().Gate, ProjectID: demoProject, Key: demoKey, State: c.Data, Logger: logger, Threshold: demoThreshold,
	})
	if err != nil {
		return nil, nil, err
	}
	server := startServer(ln, shop.Handler(), logger, p.failed)
	server.http.WriteTimeout = 0 // the page's live view is an answer without end
	return shop, server, nil
}

// ensureDemoProject makes the demo's project, or points its callbacks at where the shop listens today.
func ensureDemoProject(ctx context.Context, s *store.Store, callbackURL string) error {
	if known, ok := s.Project(demoProject); ok {
		changed := *known
		changed.Settings.CallbackURL, changed.Settings.Threshold = callbackURL, merchant.Duration(demoThreshold)
		return s.UpdateProject(ctx, &changed, "demo")
	}
	return s.CreateProject(ctx, &merchant.Project{
		ID: demoProject, MerchantID: demoMerchant, Name: "Demo shop", Mode: merchant.Test,
		Settings: merchant.Settings{CallbackURL: callbackURL, Threshold: merchant.Duration(demoThreshold), AccountCheck: account.Warn},
	}, demoKey, map[string]int64{"KGS": demoFunds}, "demo")
}

func (c *demoCmd) welcome(a *app, p *platform, shopURL string) {
	at := p.addresses()
	_, _ = fmt.Fprintf(a.stdout, `Flashpay demo: everything runs in this process, in %s.

  The shop, open this:  %s
  Dashboard, and this:  %s   password %q
%s  Gate                  %s   project %d, key %q
  The bank's book       %s/transfers
  Metrics and health    %s/metrics

Enter prints the code that Dashboard asks for beside the password. Ctrl-C stops it.
`, c.Data, shopURL, p.config.DashboardURL, demoPassword, demoPeople(), at.Gate, demoProject, demoKey, at.Bank, at.Ops)
}

// listenNear listens on loopback, on the port asked for or, where that is taken, on a free one.
func listenNear(port int) (net.Listener, error) {
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		ln, err = listen("loopback", "127.0.0.1:0")
	}
	return ln, err
}
