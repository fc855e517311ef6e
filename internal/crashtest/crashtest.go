// Package crashtest drives the real program as its users do, kills it in the middle of its work, and then checks that
// nothing was lost and nothing was paid twice. Platform and simulated bank run as processes of their own; kill -9 hits
// them at random moments, SIGTERM too, and they are started again at once. A merchant's client repeats each request
// until it is answered, and a merchant's web service verifies each callback. When all has drained, every answered payout
// must be final, the bank must have executed exactly those that succeeded, each once, and balances, callbacks and the
// audit of the whole database must agree. What is random follows from one seed.
package crashtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"flashpay/client"
	"flashpay/internal/store"
)

// Config says what a crash test does. Program must be given; a zero field else takes its default.
type Config struct {
	Program  string        // path of the flashpay program that is tested
	Database string        // sqlite:PATH or postgres://…, empty of what is not a crash test's; default: a temporary SQLite file
	Keyset   string        // what seals Database: JSON or a path, as in FLASHPAY_KEYSET; empty: where the store looks
	Kills    int           // how often a process is killed; default 10. Orderly restarts come on top, one for three
	Duration time.Duration // over which kills and payouts are spread; default 1.5 s a kill
	Payouts  int           // how many are requested; default 30 a kill
	Nodes    int           // platform processes, 1 or 2; default 1. Two need PostgreSQL
	Outages  int           // how often, on top, a node is paused for longer than its leases, or cut off from bank or database
	Standby  string        // a hot standby of a PostgreSQL Database: nodes are led to it, too; empty: there is none
	NoDedup  bool          // the bank executes a key that comes again once more
	Seed     uint64        // of everything that is random

	// Progress, where given, is told in words what happens.
	Progress func(line string)
}

const (
	defaultKills   = 10
	defaultGap     = 1500 * time.Millisecond // between blows
	payoutsPerKill = 30

	// takeOverLimit is how long the work of a dead node may wait for another: its lease of 10 s, the other's beat of 3 s,
	// and time for a busy machine. A node that is alone may be killed again before it has taken anything over.
	takeOverLimit      = 30 * time.Second
	takeOverLimitAlone = 2 * time.Minute
)

// drainLimit is how long after the last blow everything must have come to its end. A submit whose answer was lost takes 12 s
// by design, an account that fails twice 24 s. An operation whose every inquiry met a bank that was down is asked again by the
// schedule of inquiries: it is as old as the blows at most, and the next inquiry comes at an age of 5 minutes, of 15, or half
// an hour after the one before, up to ten per cent earlier or later.
func drainLimit(struck time.Duration) time.Duration {
	switch {
	case struck < 5*time.Minute*9/10:
		return 6 * time.Minute
	case struck < 15*time.Minute*9/10:
		return 13 * time.Minute
	}
	return 35 * time.Minute
}

// withDefaults fills in and checks a configuration.
func (c Config) withDefaults() (Config, error) {
	if c.Kills == 0 {
		c.Kills = defaultKills
	}
	if c.Nodes == 0 {
		c.Nodes = 1
	}
	if c.Duration == 0 {
		c.Duration = time.Duration(c.Kills) * defaultGap
	}
	if c.Payouts == 0 {
		c.Payouts = (c.Kills + c.Outages) * payoutsPerKill
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	switch {
	case c.Program == "":
		return c, errors.New("crashtest: no program to test")
	case c.Kills < 0 || c.Outages < 0 || c.Payouts < 0 || c.Duration < 0:
		return c, errors.New("crashtest: kills, outages, payouts and duration must not be negative")
	case c.Nodes < 1 || c.Nodes > 2:
		return c, fmt.Errorf("crashtest: %d nodes: want 1 or 2", c.Nodes)
	case c.Nodes == 2 && !strings.HasPrefix(c.Database, "postgres"):
		return c, errors.New("crashtest: two nodes need a PostgreSQL database: one server works on a SQLite file")
	}
	return c, nil
}

// test is one crash test that runs.
type test struct {
	config   Config
	plan     *plan
	dir      string // of logs and of what is temporary
	shop     *shop
	receiver *receiver
	bank     *child
	nodes    []*child
	lines    []lines          // of the nodes, in order
	gates    []*client.Client // of the nodes, in order
	beside   *store.Store     // on PostgreSQL: to see a dead node's work move on

	mu         sync.Mutex
	violations []Violation
	counts     counts
	takeOvers  sync.WaitGroup
	senders    sync.WaitGroup
}

// counts is what is counted on the way.
type counts struct {
	kills, restarts        map[string]int // by role
	outages                map[string]int // by kind
	copies                 int
	takeOvers              int
	worstTakeOver, standBy time.Duration
}

// Run makes a crash test and reports what it found; violations are in the report and no error. An error says that the
// test could not be made, or that ctx ended. No process that it started outlives it. Where there are violations, the
// folder with the processes' logs, and a temporary database, are kept and named in the report.
func Run(ctx context.Context, c Config) (*Report, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "flashpay-crashtest-")
	if err != nil {
		return nil, fmt.Errorf("crashtest: %w", err)
	}
	t := &test{
		config: c, dir: dir, plan: newPlan(rand.New(rand.NewPCG(c.Seed, 0)), &c),
		counts: counts{kills: make(map[string]int), restarts: make(map[string]int), outages: make(map[string]int)},
	}
	report, err := t.run(ctx)
	t.stopAll()
	if err == nil && len(report.Violations) == 0 {
		return report, os.RemoveAll(dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("crashtest: %w", err), os.RemoveAll(dir))
	}
	report.Logs = dir
	return report, nil
}

// run is the test from its preparation to its verdict.
func (t *test) run(ctx context.Context) (*Report, error) {
	begun := time.Now()
	if t.config.Database == "" {
		t.config.Database, t.config.Keyset = "sqlite:"+filepath.Join(t.dir, "flashpay.db"), ""
	}
	var err error
	if t.config.Keyset == "" && strings.HasPrefix(t.config.Database, "postgres") { // nodes reach the database under other addresses
		if t.config.Keyset, err = store.KeysetPath(t.config.Database); err != nil {
			return nil, err
		}
	}
	if t.receiver, err = newReceiver(t.plan); err != nil {
		return nil, err
	}
	if t.shop, err = openShop(ctx, &t.config, t.plan, t.receiver.url); err != nil {
		return nil, err
	}
	t.receiver.know(t.shop.key)
	if err := t.startAll(ctx); err != nil {
		return nil, err
	}
	defer t.closeBeside()
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := t.strikeAll(ctx, sending); err != nil {
		return nil, err
	}
	struck := time.Now()
	t.config.Progress(fmt.Sprintf("%d kills done; waiting until everything has come to its end", t.config.Kills))
	if err := t.drain(ctx, struck.Add(drainLimit(struck.Sub(begun)))); err != nil {
		return nil, err
	}
	cancel()
	drained := time.Now()
	found, err := t.inspect(ctx)
	if err != nil {
		return nil, err
	}
	found.waited = drained.Sub(struck)
	for _, v := range judge(found) {
		t.violate(v)
	}
	report := t.report(found)
	report.Seconds = Seconds{Strikes: seconds(struck.Sub(begun)), Drain: seconds(drained.Sub(struck)), Total: seconds(time.Since(begun))}
	return report, nil
}

// violate keeps a violation.
func (t *test) violate(v Violation) {
	v.Count = max(v.Count, len(v.Payments), 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.violations = append(t.violations, v)
	t.config.Progress("VIOLATION: " + v.String())
}

// count changes the counts.
func (t *test) count(f func(c *counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.counts)
}

// sleep waits, or says that ctx has ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
