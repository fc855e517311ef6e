package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/access"
	"flashpay/internal/account"
	"flashpay/internal/bank"
	"flashpay/internal/callback"
	"flashpay/internal/dataapi"
	"flashpay/internal/gate"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/ops"
	"flashpay/internal/process"
	"flashpay/internal/provider"
	"flashpay/internal/ratefeed"
	"flashpay/internal/report"
	"flashpay/internal/store"
)

// platformConfig says what a platform is made of. A listener that is nil is not served.
type platformConfig struct {
	LogDropped     func() int64 // counts lines of the log that nobody took; nil: nobody counts
	Store          store.Config // Serve and Migrate are set by startPlatform
	TakeRequests   bool         // role gate
	Process        bool         // role engine
	ServeDashboard bool         // role dashboard
	ServeDataAPI   bool         // role dataapi
	Gate           net.Listener
	Dashboard      net.Listener
	DataAPI        net.Listener
	Ops            net.Listener

	BankListener net.Listener // of a simulated bank in this process
	Bank         bank.Config  // its State is found where it is empty
	BankURL      string       // of a simulated bank elsewhere, where there is none in this process

	DashboardURL          string       // where browsers reach Dashboard; empty: where it listens
	Mail                  *report.Mail // nil: no e-mail is sent
	NotificationURL       string       // where the simulated bank posts results; empty: this node's own Gate
	Methods               string       // folder of method files; empty: none but those that ship with the program
	Banks                 account.Banks
	TrustedProxies        []netip.Prefix
	NotificationsFrom     []netip.Prefix // networks of the simulated bank; none: everywhere
	RequestsPerSecond     int            // of one project, which may also send as many at once; 0: no limit
	AllowPrivateCallbacks bool
	Times                 process.Times // zero: the product's own
	Logger                *slog.Logger
}

func (c *platformConfig) closeListeners() error {
	var errs []error
	for _, ln := range []net.Listener{c.Gate, c.Dashboard, c.DataAPI, c.Ops, c.BankListener} {
		if ln != nil {
			errs = append(errs, ln.Close())
		}
	}
	return errors.Join(errs...)
}

// platform is the product, running in this process: serve is made of it, and so is whatever else starts it.
type platform struct {
	config  *platformConfig
	store   *store.Store
	methods *method.Registry
	metrics *ops.Metrics
	console *ops.Server

	bank      *runningBank
	engine    *process.Engine
	callbacks *callback.Dispatcher
	gate      *server
	users     *access.Service  // of Dashboard
	tester    *callback.Tester // of sample callbacks
	dashboard *server
	dataAPI   *server
	ops       *server

	ahead   int // payouts of which the bank was found to be ahead at the start
	started bool
	failed  chan error // a part stopped by itself: the process should end; there is room for each part once
	cancel  context.CancelFunc
	workers sync.WaitGroup // engine, callbacks and jobs
	working atomic.Int32   // of them, those that run
}

// startPlatform starts everything and returns when it listens. It owns the listeners, also where it fails.
func startPlatform(ctx context.Context, c *platformConfig) (*platform, error) {
	tuneMemory()
	p := &platform{config: c, metrics: ops.NewMetrics(), failed: make(chan error, 8)}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.stop(withGrace(ctx, stopGrace)), c.closeUnserved(p))
	}
	return p, nil
}

// closeUnserved closes the listeners that nobody serves yet.
func (c *platformConfig) closeUnserved(p *platform) error {
	if p.gate != nil {
		c.Gate = nil
	}
	if p.dashboard != nil {
		c.Dashboard = nil
	}
	if p.dataAPI != nil {
		c.DataAPI = nil
	}
	if p.ops != nil {
		c.Ops = nil
	}
	if p.bank != nil {
		c.BankListener = nil
	}
	return c.closeListeners()
}

func (p *platform) start(ctx context.Context) (err error) {
	c := p.config
	if p.methods, err = loadMethods(c.Methods); err != nil {
		return err
	}
	c.Store.Serve, c.Store.Migrate, c.Store.Logger = true, true, c.Logger
	if p.store, err = openStore(ctx, c.Store); err != nil {
		return err
	}
	if err := p.startSimulatedBank(ctx); err != nil {
		return err
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	if c.Process {
		if err := p.startEngine(working); err != nil {
			return err
		}
	}
	p.metrics.Gauge("store_queued", "Items that wait for a commit.", func() int64 { return int64(p.store.Stats().Queued) })
	if p.config.LogDropped != nil {
		p.metrics.Counter("log_lines_dropped_total", "Lines of the log that were dropped because nobody took them.", p.config.LogDropped)
	}
	p.metrics.Counter("store_commits_total", "Commits.", func() int64 { return p.store.Stats().Commits })
	p.metrics.Counter("store_clock_jumps_total", "Times that the clock was found to have been set by a second or more.", func() int64 { return p.store.Stats().ClockJumps })
	p.metrics.Counter("store_items_total", "Items in them: their quotient is the size of a batch.", func() int64 { return p.store.Stats().Items })
	p.metrics.Gauge("discrepancies_open", "Discrepancies that wait for a person, of the whole database: every node shows the same; -1 where it could not be read.", p.openDiscrepancies)
	p.metrics.Gauge("notifications_waiting", "Notifications of providers that nobody has read, of the whole database, up to 100,000; -1 where they could not be counted.", p.waitingNotifications)
	p.metrics.Gauge("rate_feeds_failing", "Files of exchange rates that could not be imported, of the whole database: every node shows the same; -1 where it could not be read.", p.failingFeeds)
	p.console = ops.New(p.metrics, p.checks()...)
	if c.Gate != nil {
		door := p.newGate()
		p.gate = startServer(door.Listen(c.Gate), door.Handler(), c.Logger, p.failed)
		p.gate.http.RegisterOnShutdown(door.StopWaiting)
	}
	if c.Dashboard != nil {
		if err := p.startDashboard(); err != nil {
			return err
		}
	}
	if c.DataAPI != nil {
		api := dataapi.New(dataapi.Config{Store: p.store, Logger: c.Logger, Answered: p.metrics.DataAPIAnswered})
		p.dataAPI = startServer(c.DataAPI, api.Handler(), c.Logger, p.failed)
	}
	if c.Ops != nil {
		p.ops = startServer(c.Ops, p.console, c.Logger, p.failed)
	}
	p.started = true
	at := p.addresses()
	c.Logger.Info("started", "build", ops.ReadBuild().String(), "database", p.store.DialectName(), "takes_requests", c.TakeRequests, "processes", c.Process,
		"gate", at.Gate, "dashboard", at.Dashboard, "data_api", at.DataAPI, "ops", at.Ops, "bank", at.Bank)
	return nil
}

// openDiscrepancies counts them for a scrape, which must not wait long.
func (p *platform) openDiscrepancies() int64 {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	n, err := p.store.CountOpenDiscrepancies(ctx)
	if err != nil {
		p.config.Logger.Warn("open discrepancies could not be counted for the metrics", "err", err)
		return -1
	}
	return n
}

// failingFeeds counts them for a scrape, which must not wait long.
func (p *platform) failingFeeds() (n int64) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	feeds, err := ratefeed.Feeds(ctx, p.store)
	if err != nil {
		p.config.Logger.Warn("feeds of rates could not be read for the metrics", "err", err)
		return -1
	}
	for _, f := range feeds {
		if f.Failing() {
			n++
		}
	}
	return n
}

// waitingNotifications counts them for a scrape, which must not wait long.
func (p *platform) waitingNotifications() int64 {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	n, err := p.store.WaitingNotifications(ctx, 100_000)
	if err != nil {
		p.config.Logger.Warn("waiting notifications could not be counted for the metrics", "err", err)
		return -1
	}
	return n
}

// loadMethods reads the method files that ship with the program and those of a folder.
func loadMethods(dir string) (*method.Registry, error) {
	var dirs []fs.FS
	if dir != "" {
		dirs = append(dirs, os.DirFS(dir))
	}
	methods, err := method.Load(accept.Payout.Known, dirs...)
	if err != nil && dir != "" {
		return nil, fmt.Errorf("--methods=%s: %w", dir, err)
	}
	return methods, err
}

func (p *platform) startSimulatedBank(ctx context.Context) (err error) {
	c := p.config
	if c.BankListener == nil {
		return nil
	}
	c.Bank.State = cmp.Or(c.Bank.State, bankBeside(p.store, c.Store.URL))
	c.Bank.Logger = cmp.Or(c.Bank.Logger, c.Logger)
	c.Bank.Vault = p.store.Vault()
	if p.bank, err = startBank(ctx, c.BankListener, c.Bank, p.failed); err != nil {
		return err
	}
	return nil
}

// bankBeside is where the simulated bank of a database keeps its books: for PostgreSQL in a schema of its own in it.
func bankBeside(s *store.Store, databaseURL string) string {
	if path := s.Path(); path != "" {
		return path + ".bank"
	}
	return databaseURL
}

// bankURL is where the simulated bank is.
func (p *platform) bankURL() string {
	if p.bank != nil {
		return p.bank.url
	}
	return p.config.BankURL
}

// startEngine starts processing and callbacks; the store hands work to both from now on.
func (p *platform) startEngine(ctx context.Context) error {
	c := p.config
	adapters, err := p.providers().Adapters()
	if err != nil {
		return err
	}
	for i, a := range adapters {
		if books, ok := a.(provider.Books); ok {
			p.lookAhead(ctx, books)
		}
		adapters[i] = p.metrics.Measure(a)
	}
	p.engine = process.New(process.Config{Store: p.store, Providers: adapters, Logger: c.Logger, Times: c.Times, Known: accept.Payout.Known})
	p.callbacks = callback.New(callback.Config{
		Store: p.store, AllowPrivate: c.AllowPrivateCallbacks, Logger: c.Logger, Observe: p.attempted,
		StopTime: stopGrace - closeGrace - time.Second, // what came of the last attempts is saved before the store closes
	})
	p.metrics.Gauge("operations_taken", "Operations that this process works on, or has committed the intent of.", func() int64 {
		return int64(p.engine.Taken())
	})
	p.metrics.Gauge("callbacks_taken", "Callbacks that this process sends, or that wait for their turn in it.", func() int64 {
		return int64(p.callbacks.Taken())
	})
	p.store.SetEngine(p.engine)
	p.store.SetDispatcher(p.callbacks)
	p.work(ctx, "processing", p.engine.Run)
	p.work(ctx, "callbacks", p.callbacks.Run)
	p.work(ctx, "jobs", p.newRunner().Run)
	p.workers.Go(func() { p.newKeeper().Run(ctx) })
	p.workers.Go(func() { p.newWatch().Run(ctx) })
	return nil
}

// work runs a part of the engine until ctx ends.
func (p *platform) work(ctx context.Context, name string, run func(context.Context) error) {
	p.working.Add(1)
	p.workers.Go(func() {
		err := run(ctx)
		p.working.Add(-1)
		if ctx.Err() == nil {
			p.failed <- fmt.Errorf("%s stopped: %w", name, cmp.Or(err, errors.New("nobody had asked it to")))
		}
	})
}

// checks are the conditions under which this node should get requests.
func (p *platform) checks() []ops.Check {
	list := []ops.Check{{Name: "store", Ready: p.store.Ready}}
	if p.config.Process {
		started := p.working.Load()
		list = append(list, ops.Check{Name: "engine", Ready: func(context.Context) error {
			if p.working.Load() < started {
				return errors.New("processing, callbacks or jobs have stopped")
			}
			return nil
		}})
	}
	return list
}

func (p *platform) newGate() *gate.Gate {
	var limiter gate.Limiter
	if n := p.config.RequestsPerSecond; n > 0 {
		limiter = gate.PerProject(time.Second/time.Duration(n), n)
	}
	return gate.New(gate.Config{
		Projects: p.store, Acceptor: p.store, Payments: p.store, Rejections: p.store, Notifications: p.store, Events: p.store, Mass: p.mass(), Methods: p.methods, Banks: p.config.Banks,
		Route: installed.Route, Doors: p.providers().Doors(), Notified: p.notified, TrustedProxies: p.config.TrustedProxies, OtherKeys: p.otherKeys, KeyUsed: p.store.KeyUsed,
		Logger: p.config.Logger, Answered: p.answered, Limiter: limiter,
	})
}

// otherKeys are the keys of the merchant's other test projects, which a sender may have taken by mistake.
func (p *platform) otherKeys(of *merchant.Project) []gate.OtherKey {
	const most = 50 // each is tried against every refused signature
	var keys []gate.OtherKey
	for _, other := range p.store.Projects() {
		if other.ID == of.ID || other.MerchantID != of.MerchantID || other.Mode != merchant.Test {
			continue
		}
		for _, k := range other.Keys {
			if len(keys) < most {
				keys = append(keys, gate.OtherKey{Name: fmt.Sprintf("key %d of project %d (%s)", k.ID, other.ID, other.Name), Secret: k.Secret})
			}
		}
	}
	return keys
}

func (p *platform) answered(a gate.Answer) {
	p.metrics.Answered(a.Endpoint, a.Status, a.Code, a.Took)
	if a.Status == http.StatusOK && strings.HasSuffix(a.Endpoint, "/payout") {
		p.metrics.Accepted(a.Repeat)
	}
}

func (p *platform) notified(n gate.Notified) {
	p.metrics.Notified(n.Provider, string(n.Result), n.Bytes)
}

func (p *platform) attempted(a store.Attempt, became store.CallbackState) {
	result := string(became)
	if became == store.CallbackPending {
		result = "to be repeated"
	}
	p.metrics.CallbackAttempted(result, a.Duration)
}

// addresses are where the platform listens.
func (p *platform) addresses() addresses {
	found := addresses{Ready: true, Bank: p.bankURL(), BankAhead: p.ahead}
	if p.gate != nil {
		found.Gate = p.gate.url
	}
	if p.dashboard != nil {
		found.Dashboard = p.dashboard.url
	}
	if p.dataAPI != nil {
		found.DataAPI = p.dataAPI.url
	}
	if p.ops != nil {
		found.Ops = p.ops.url
	}
	return found
}

// closeGrace is the part of the time for stopping that is kept for giving leases back.
const closeGrace = 2 * time.Second

// stop takes no more requests, finishes what runs until shortly before ctx ends, gives leases back and closes
// everything. What could not be finished goes on at the next start: the road is made for that.
func (p *platform) stop(ctx context.Context) error {
	finishing, cancel := context.WithCancel(ctx)
	defer cancel()
	if deadline, ok := ctx.Deadline(); ok {
		finishing, cancel = context.WithDeadline(ctx, deadline.Add(-closeGrace))
		defer cancel()
	}
	if p.console != nil {
		p.console.Drain()
	}
	if p.cancel != nil {
		p.cancel()
	}
	started := time.Now()
	p.finish(finishing)
	err := p.bank.stop(ctx)
	if p.store != nil {
		err = errors.Join(err, p.store.Close(ctx))
	}
	err = errors.Join(err, p.ops.stop(ctx))
	if p.started { // else the error of the start is all that there is to say
		p.config.Logger.Info("stopped", "took_us", time.Since(started).Microseconds(), "err", err)
	}
	return err
}

// finish lets Gate's requests and the engine's calls end, both at once. Those that take too long are no failure: they
// are cut off, and said so.
func (p *platform) finish(ctx context.Context) {
	var parts sync.WaitGroup
	for _, served := range []*server{p.gate, p.dashboard, p.dataAPI} {
		parts.Go(func() {
			if err := served.stop(ctx); err != nil {
				p.config.Logger.Warn("requests were cut off: they took too long to finish", "err", err)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		p.workers.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		p.config.Logger.Warn("calls were cut off: they took too long to finish; their outcome is inquired at the next start")
	}
	parts.Wait()
}
