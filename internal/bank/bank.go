// Package bank is a simulated bank: an HTTP server with a store of its own, for tests, demos and sandbox projects.
//
// It takes transfers that are idempotent by the sender's key, answers inquiries by key, notifies results with
// signed messages until they are acknowledged, and counts submissions and executions per key, so that anyone can
// see whether something was paid twice. What it does with a transfer is chosen by the last four characters of the
// account (endings). Every answer is durable before it leaves.
//
// The bank is another company: it shares nothing with the platform but the wire, and no adapter is imported here.
package bank

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"flashpay/internal/batch"
	"flashpay/internal/vault"
)

// Config tells how a bank is run. A zero field takes its default.
type Config struct {
	// State is where the bank keeps its books: the path of an SQLite file, which one process opens, or a
	// postgres:// URL, in whose database the bank makes the schema sandbox_bank; all processes that open the
	// same one are one bank. It must be given.
	State string
	// Vault seals the secrets of notifications in the books; all processes of one bank have the same. Without it the bank
	// keeps a keyset of its own: beside the file, or for PostgreSQL in the user's configuration folder.
	Vault *vault.Vault
	// NoDedup makes each submission of a key that reaches execution execute again, so that a double shows.
	NoDedup bool
	// ReturnAfter is how long after its execution the money of an account ending in 0012, 0020, 0021 or 0022 comes back; default 10 s.
	ReturnAfter time.Duration
	// LateAfter is how long after the threshold that submit carried an account ending in 0013 is paid; default 10 s.
	LateAfter time.Duration
	// Client sends the notifications; default one with keep-alive, without proxies, redirects or cookies.
	Client *http.Client
	// Logger takes what goes wrong; default slog.Default(). No account number is logged.
	Logger *slog.Logger
}

const (
	// leaseTime is how long a task belongs to the process that took it, longer than a notification may take.
	leaseTime = 20 * time.Second
	// pollTime is how often a process looks for the tasks of others on a shared database.
	pollTime = time.Second
	// closeTime is how long Serve and Close wait for what is under way.
	closeTime = 10 * time.Second
)

// Bank is an open bank. Close it.
type Bank struct {
	cfg      Config
	store    *store
	batch    *batch.Batcher[op]
	notifier *notifier

	wake       chan struct{} // holds at most one signal for the clock
	sleepUntil atomic.Int64  // microseconds; an earlier task must wake the clock
	stop       context.CancelFunc
	running    sync.WaitGroup // the clock

	closing  sync.Once
	closeErr error
}

// Open opens the books, creating them where there are none, and takes up the timed steps and notifications that an
// earlier run left. The context covers opening only.
func Open(ctx context.Context, cfg Config) (*Bank, error) {
	if cfg.ReturnAfter < 0 || cfg.LateAfter < 0 {
		return nil, errors.New("bank: ReturnAfter and LateAfter must not be negative")
	}
	if cfg.ReturnAfter == 0 {
		cfg.ReturnAfter = 10 * time.Second
	}
	if cfg.LateAfter == 0 {
		cfg.LateAfter = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Client == nil {
		cfg.Client = newClient()
	}
	s, err := openStore(ctx, cfg.State, cfg.Vault)
	if err != nil {
		return nil, err
	}
	b := &Bank{cfg: cfg, store: s, wake: make(chan struct{}, 1)}
	b.notifier = newNotifier(b)
	b.batch = batch.New(batch.Config{MaxItems: 256, QueueLength: 8192}, b.commit)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	b.running.Go(func() { b.clock(running) })
	return b, nil
}

// Close ends the bank: notifications under way are finished, what waits stays in the books. Requests must have
// ended before. It may be called again.
func (b *Bank) Close() error {
	b.closing.Do(func() {
		b.stop()
		b.running.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		b.notifier.close(ctx)
		b.closeErr = errors.Join(b.batch.Close(ctx), b.store.close())
	})
	return b.closeErr
}

// Serve answers requests on l, which it closes, until the context ends; then it finishes those under way, for at
// most 10 s, and returns nil.
func (b *Bank) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           b.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // the list of transfers prolongs it page by page
		IdleTimeout:       2 * time.Minute,  // longer than clients keep idle connections, or they would race with it
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(b.cfg.Logger.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("bank: serve: %w", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		return fmt.Errorf("bank: stop serving: %w", errors.Join(err, server.Close()))
	}
	return nil
}

// fire is what a timed step does to a transfer, and what follows.
func (b *Bank) fire(name, account string, now time.Time) (next change, steps []step) {
	does := behaviourOf(account)
	if name == stepReturn {
		told := []step{{name: stepReturnNotice, due: now}}
		if does.twice {
			told = append(told, step{name: stepReturnAgain, due: now.Add(b.cfg.ReturnAfter)})
		}
		return change{state: returned, at: now}, told
	}
	next, later := does.execute(b.cfg, now)
	return next, append(does.resultNotices(now), later...)
}

// afterCommit sends what the commit left to this process, and wakes the clock for the rest.
func (b *Bank) afterCommit(c *commit) {
	for _, e := range c.newEndpoints {
		b.notifier.learn(e)
	}
	b.notifier.push(c.notices)
	if c.wakeAt < b.sleepUntil.Load() {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// hand puts an item into a commit, waiting while the queue is full: what the bank owes itself is not refused.
func (b *Bank) hand(item op, done func(error)) error {
	for {
		err := b.batch.Go(item, done)
		if !errors.Is(err, batch.ErrQueueFull) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// clock takes the tasks that are due: timed steps, notices put off, and what other processes left behind.
func (b *Bank) clock(ctx context.Context) {
	for ctx.Err() == nil {
		b.sleepUntil.Store(math.MaxInt64) // any task that is stored from now on wakes the clock
		wait := b.untilNext(ctx)
		if wait <= 0 {
			wait = b.takeDue(ctx)
		}
		if wait <= 0 {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-b.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// untilNext is how long the clock may sleep.
func (b *Bank) untilNext(ctx context.Context) time.Duration {
	const forever = 24 * time.Hour
	next, found, err := b.store.soonest(ctx)
	if err != nil {
		b.logUnless(ctx, "bank: cannot look for tasks that are due", err)
		return pollTime
	}
	now := time.Now()
	wait := forever
	if found {
		wait = min(wait, fromMicros(next).Sub(now))
	}
	if b.store.postgres {
		wait = min(wait, pollTime)
	}
	b.sleepUntil.Store(micros(now.Add(wait)))
	return wait
}

// takeDue leases tasks and starts them. It returns how long to wait before there can be more to do.
func (b *Bank) takeDue(ctx context.Context) time.Duration {
	room := b.notifier.room()
	if room == 0 {
		return 50 * time.Millisecond
	}
	now := time.Now()
	l := &lease{now: micros(now), until: micros(now.Add(leaseTime)), limit: min(room, 256)}
	if err := b.batch.Do(ctx, op{lease: l}); err != nil {
		b.logUnless(ctx, "bank: cannot take tasks that are due", err)
		return pollTime
	}
	var notices []*notice
	for _, t := range l.tasks {
		n, err := b.start(ctx, t)
		if err != nil {
			b.logUnless(ctx, "bank: a task waits for its lease to run out", err, "task", t.id)
			continue
		}
		if n != nil {
			notices = append(notices, n)
		}
	}
	b.notifier.push(notices)
	return 0
}

// start executes a timed step, or returns the notice that is to be sent.
func (b *Bank) start(ctx context.Context, t task) (*notice, error) {
	row, found, err := b.store.transfer(ctx, t.key())
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errors.New("it belongs to no transfer")
	}
	if t.endpoint != 0 && !b.notifier.knows(t.endpoint) {
		e, err := b.store.endpoint(ctx, t.endpoint)
		if err != nil {
			return nil, err
		}
		b.notifier.learn(e)
	}
	if isNotice(t.name()) {
		return newNotice(t, &row), nil
	}
	return nil, b.hand(op{fire: &firing{task: t, row: row}}, func(err error) {
		if err != nil {
			b.cfg.Logger.Error("bank: a timed step failed and waits for its lease to run out", "task", t.id, "err", err)
		}
	})
}

func (b *Bank) logUnless(ctx context.Context, message string, err error, args ...any) {
	if ctx.Err() == nil {
		b.cfg.Logger.Error(message, append(args, "err", err)...)
	}
}
