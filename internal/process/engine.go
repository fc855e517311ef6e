// Package process is steps 3 to 6 of the road (docs/ROAD.md): it submits operations to their providers, applies their results,
// and inquires where an answer was lost. Every result takes effect through a step in the store, which the one table of moves
// decides. A crash between two steps does no harm, because the next step is committed together with the fact that makes it due.
package process

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
	"flashpay/internal/store"
	"flashpay/internal/work"
)

// Times are the engine's delays. Only tests use others than DefaultTimes.
type Times struct {
	Inquiries  []time.Duration // after the last submit
	Every      time.Duration   // between inquiries after those
	Disputed   time.Duration   // between inquiries after the threshold
	GiveUp     time.Duration   // after the threshold, when inquiries end
	Resubmit   time.Duration   // before the next submit of what certainly was not sent; doubles up to OutOfFunds
	OutOfFunds time.Duration   // pause of a provider that has no funds, or does not answer
	Poll       time.Duration   // between looks into the database while nothing wakes the engine
}

// DefaultTimes returns the delays of product.md §4.
func DefaultTimes() Times {
	return Times{
		Inquiries: []time.Duration{
			2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute,
		},
		Every:      30 * time.Minute,
		Disputed:   time.Hour,
		GiveUp:     30 * 24 * time.Hour,
		Resubmit:   time.Second,
		OutOfFunds: time.Minute,
		Poll:       250 * time.Millisecond,
	}
}

// Config says what an engine works with.
type Config struct {
	Store     *store.Store
	Providers []provider.Provider
	Logger    *slog.Logger
	Times     Times
	// Known tells whether the field table of payouts has a path, such as "customer.first_name". Of sender and customer,
	// providers learn only what it knows; nil: nothing.
	Known func(path string) bool
}

// Engine works on operations. It is the store's Engine.
type Engine struct {
	config        Config
	store         *store.Store
	log           *slog.Logger
	times         Times
	banks         map[string]*bank
	notifications *work.Pool[*store.StoredNotification]
	loop          *work.Loop
	paused        map[int64]time.Time // when a project that is paused is looked at again; used by the loop only. To forget one is safe: it is looked at once more than it need be

	mu sync.Mutex
	// By the operation's key: what this process has handed over and not seen the end of. To forget one is safe, as its lease
	// ends and it is found in the database; to remember one too long is, too, as a step compares the version that it has seen.
	open map[string]*inFlight
}

// inFlight is an operation as this process last saw it, so that a notification needs no look into the database.
type inFlight struct {
	work        *store.Work
	acceptedAt  time.Time // when the provider accepted it; zero: its call still runs
	rescheduled bool      // its next inquiry is committed
}

// New makes an engine; Run starts it.
func New(c Config) *Engine {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Times.Poll == 0 {
		c.Times = DefaultTimes()
	}
	e := &Engine{config: c, store: c.Store, log: c.Logger, times: c.Times, banks: make(map[string]*bank), open: make(map[string]*inFlight), paused: make(map[int64]time.Time)}
	for _, p := range c.Providers {
		e.banks[p.Name()] = newBank(p, c, e.run)
	}
	e.notifications = work.NewPool(work.Config{Running: 64, LaneRunning: 64, Places: 4096, LanePlaces: 4096}, e.handleNotification)
	e.loop = work.NewLoop(c.Times.Poll, e.poll)
	return e
}

// Run works until ctx ends, then lets the calls that run finish.
func (e *Engine) Run(ctx context.Context) error {
	calls := context.WithoutCancel(ctx)
	for _, b := range e.banks {
		b.pool.Open(calls)
	}
	e.notifications.Open(calls)
	var done sync.WaitGroup
	done.Go(func() { e.loop.Run(ctx) })
	done.Go(func() { e.watch(ctx) })
	done.Wait()
	for _, b := range e.banks {
		b.pool.Close()
	}
	e.notifications.Close()
	return nil
}

// lane is where a project's operations queue.
func lane(projectID int64) work.Lane { return work.Lane{Group: projectID} }

// Reserve takes a place for one operation at a provider that answers.
func (e *Engine) Reserve(projectID int64, name string) (time.Duration, bool) {
	b := e.banks[name]
	if b == nil || !b.takesSubmits(e.store.Now()) || !b.pool.Reserve(lane(projectID)) {
		return 0, false
	}
	return b.traits.SubmitDeadline, true
}

// Release gives a reserved place back.
func (e *Engine) Release(projectID int64, name string) { e.banks[name].pool.Release(lane(projectID)) }

// Start works on an operation in a reserved place.
func (e *Engine) Start(w *store.Work) {
	if w.Submit {
		e.remember(w)
	}
	e.banks[w.Operation.Provider].pool.Start(lane(w.Operation.ProjectID), w)
}

// Wake makes the engine look into the database.
func (e *Engine) Wake() { e.loop.Wake() }

// Notify handles a stored notification at once, where there is room; else it is found when its lease ends.
func (e *Engine) Notify(n *store.StoredNotification) {
	if e.notifications.Reserve(work.Lane{}) {
		e.notifications.Start(work.Lane{}, n)
	}
}

// Taken says how many operations this process works on, or has committed the intent of.
func (e *Engine) Taken() (n int) {
	for _, b := range e.banks {
		n += b.pool.Taken()
	}
	return n
}

func (e *Engine) remember(w *store.Work) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open[w.Operation.Key] = &inFlight{work: w}
}

func (e *Engine) forget(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.open, key)
}

// recall returns an operation as this process last saw it; nil where it does not know it, and the database has to be asked.
func (e *Engine) recall(key string) *store.Work {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.open[key]; f != nil {
		return f.work
	}
	return nil
}

// poll leases what is due: of each provider and project in turn, as much as there is room for.
func (e *Engine) poll(ctx context.Context) (more bool) {
	if e.leaseNotifications(ctx) {
		more = true
	}
	projects, err := e.store.OperationProjects(ctx)
	if err != nil {
		e.log.Error("process: looking for due operations failed", "err", err)
		return false
	}
	projects = slices.DeleteFunc(projects, e.polledRecently)
	rand.Shuffle(len(projects), func(i, j int) { projects[i], projects[j] = projects[j], projects[i] })
	for _, b := range e.banks {
		for _, project := range projects {
			full, err := e.lease(ctx, b, project)
			if err != nil && ctx.Err() == nil {
				e.log.Error("process: leasing operations failed", "project_id", project, "err", err)
				return false
			}
			more = more || full
		}
	}
	return more
}

// pausedPoll is the least time between two looks at a paused project: each goes past all that waits there.
const pausedPoll = time.Second

// polledRecently tells whether a paused project was looked at just now.
func (e *Engine) polledRecently(project int64) bool {
	if p, ok := e.store.Project(project); !ok || !p.Paused {
		delete(e.paused, project)
		return false
	}
	now := e.store.Now()
	if now.Before(e.paused[project]) {
		return true
	}
	e.paused[project] = now.Add(pausedPoll)
	return false
}

// leaseSize is how many operations one lease takes: a commit is worth it from about a tenth of that.
const leaseSize = 256

// lease leases due operations of one project. It says whether there may be more of them. What a blocked project has not
// sent is leased to be declined; of a paused one it waits.
func (e *Engine) lease(ctx context.Context, b *bank, project int64) (full bool, err error) {
	p, ok := e.store.Project(project)
	blocked := ok && p.Blocked
	submit := b.takesSubmits(e.store.Now()) && !blocked && !(ok && p.Paused)
	n := min(leaseSize, b.pool.Room(lane(project)))
	if n < leaseSize/8 {
		return true, nil
	}
	leased, err := e.store.LeaseOperations(ctx, store.Lease{
		ProjectID: project, Provider: b.name, N: n, Submit: submit, Decline: blocked,
		SubmitDeadline: b.traits.SubmitDeadline, Duration: max(b.traits.SubmitDeadline, b.traits.InquireDeadline) + callMargin,
	})
	for _, w := range leased {
		if b.pool.Reserve(lane(project)) {
			e.Start(w)
		} // else the place was taken meanwhile: its lease ends, and it is inquired
	}
	return len(leased) == n, err
}

// callMargin is how much longer a lease lasts than the call that it covers.
const callMargin = 2 * time.Second

// run works on one leased operation: submits it, declines it at its threshold, or inquires.
func (e *Engine) run(ctx context.Context, w *store.Work) {
	b := e.banks[w.Operation.Provider]
	now := e.store.Now()
	switch {
	case w.Submit:
		e.submit(ctx, b, w)
	case w.Operation.Stage == payout.New && now.Before(w.Operation.ThresholdAt): // leased because its project is blocked
		e.step(ctx, w, blockedStep())
	case w.Operation.Stage == payout.New: // leased past its threshold
		e.step(ctx, w, e.thresholdStep(w))
	case w.Operation.Stage == payout.Disputed && now.After(w.Operation.ThresholdAt.Add(e.times.GiveUp)):
		detail := store.Detail{}.Int("inquiries", int64(w.Operation.Inquiries))
		e.step(ctx, w, store.Step{Event: payout.GivenUp, Kind: "given up", Detail: detail})
	default:
		e.inquire(ctx, b, w)
	}
}

// watch reschedules what a provider has accepted and not finished: its next inquiry is committed only when the result
// does not come at once, which saves most operations a commit.
func (e *Engine) watch(ctx context.Context) {
	ticker := time.NewTicker(e.times.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, w := range e.overdue() {
				go e.reschedule(context.WithoutCancel(ctx), w)
			}
		}
	}
}

// memory is how long an operation that was rescheduled is remembered for its notification.
const memory = time.Minute

// overdue finds what was accepted so long ago that its first inquiry is near, and forgets what is older still.
func (e *Engine) overdue() []*store.Work {
	patience := e.times.Inquiries[0] * 3 / 4
	now := e.store.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []*store.Work
	for key, f := range e.open {
		age := now.Sub(f.acceptedAt)
		switch {
		case f.acceptedAt.IsZero():
		case !f.rescheduled && age > patience:
			f.rescheduled = true
			out = append(out, f.work)
		case age > patience+memory:
			delete(e.open, key)
		}
	}
	return out
}

// reschedule commits the next inquiry of an operation, which stays known to this process.
func (e *Engine) reschedule(ctx context.Context, w *store.Work) {
	step := store.Step{Payment: w.Payment, Operation: w.Operation, NextAt: e.nextInquiry(w, e.store.Now())}
	after, err := e.store.Apply(ctx, step)
	if err != nil {
		if !errors.Is(err, store.ErrMoved) {
			e.log.Error("process: an inquiry could not be scheduled; the lease ends instead", "operation", w.Operation.ID, "err", err)
		}
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.open[w.Operation.Key]; f != nil && f.work == w {
		next := *w
		next.Payment, next.Operation, next.Submit = after.Payment, after.Operation, false
		f.work = &next
	}
}

// accepted marks an operation that its provider has and has not finished.
func (e *Engine) accepted(w *store.Work) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.open[w.Operation.Key]; f != nil {
		f.acceptedAt = e.store.Now()
	}
}

// nextInquiry is when an operation is inquired next: by the schedule after its last submit, ±10 %, never later than
// its threshold; after the threshold hourly.
func (e *Engine) nextInquiry(w *store.Work, now time.Time) time.Time {
	o := &w.Operation
	if o.Stage == payout.Disputed {
		return now.Add(jitter(e.times.Disputed))
	}
	submitted := o.SubmitDeadline.Add(-e.banks[o.Provider].traits.SubmitDeadline)
	next := now.Add(jitter(e.times.Every))
	for _, after := range e.times.Inquiries {
		if submitted.Add(after - after/10).After(now) { // not the one that runs now, however early it was
			next = submitted.Add(jitter(after))
			break
		}
	}
	if o.ThresholdAt.After(now) {
		return earlier(next, o.ThresholdAt)
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// jitter changes a duration by up to ten per cent, so that what was sent together does not come back together.
func jitter(d time.Duration) time.Duration {
	if d < 10 {
		return d
	}
	return d - d/10 + rand.N(d/5)
}
