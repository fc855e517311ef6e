// Package callback is step 7 of the road (docs/ROAD.md): it renders a callback from the event that was committed with the fact,
// signs it, posts it to the merchant, logs the attempt, and repeats it by the schedule of protocol.md §5.1 until the merchant
// answers 200. It shares nothing but committed rows with the other stations.
package callback

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/work"
)

// Config configures a Dispatcher. Every field but Store may be left zero.
type Config struct {
	Store        *store.Store
	AllowPrivate bool                                                           // also to addresses of private networks
	Logger       *slog.Logger                                                   // nil: nothing is logged
	Interval     time.Duration                                                  // how often due callbacks are looked for beside what wakes the loop; 0: 1 s
	StopTime     time.Duration                                                  // how long attempts may go on once Run shall end; 0: 8 s
	TLS          *tls.Config                                                    // nil: the system's roots
	Schedule     func(scheduled int, lastEnd time.Time) (at time.Time, ok bool) // nil: Next

	// DialContext makes connections; nil: over the network, never to private addresses unless AllowPrivate is set.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Observe is called after each attempt with the callback's new state, for metrics. It must return quickly.
	Observe func(a store.Attempt, became store.CallbackState)
}

// leaseAhead is how many places a lane may have before no more is leased for it: what waits in the database can be sent
// by another process.
const leaseAhead = 256

// maxSaving bounds the results on their way to the database; beyond it attempts keep their places until it has caught up.
const maxSaving = 1024

// leasers is how many lanes are leased at once: what they write is committed together.
const leasers = 8

// Dispatcher sends callbacks. It is a store.Dispatcher; while Run runs, it takes callbacks.
type Dispatcher struct {
	config Config
	sender *sender
	pools  [classes]*work.Pool[task]
	lanes  *laneBook

	merchants merchants
	loop      *work.Loop
	alarm     *alarm
	hungry    atomic.Bool    // something due was left for want of places
	turn      int            // of the lanes, in the loop
	under     sync.WaitGroup // attempts
	saving    chan struct{}  // results on their way to the database
}

var _ store.Dispatcher = (*Dispatcher)(nil)

// task is one callback in a pool: to be sent, or, where ended is set, being sent already.
type task struct {
	job   *store.CallbackJob
	lane  work.Lane // in which it was found
	ended <-chan struct{}
}

// New makes a dispatcher; it takes nothing before Run.
func New(c Config) *Dispatcher {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Schedule == nil {
		c.Schedule = Next
	}
	if c.Interval <= 0 {
		c.Interval = time.Second
	}
	if c.StopTime <= 0 {
		c.StopTime = 8 * time.Second
	}
	d := &Dispatcher{config: c, sender: newSender(&c), lanes: newLaneBook(), saving: make(chan struct{}, maxSaving)}
	for c := range d.pools {
		d.pools[c] = work.NewPool(pools[c], func(ctx context.Context, t task) { d.run(ctx, class(c), t) })
	}
	d.loop = work.NewLoop(c.Interval, d.poll)
	d.alarm = &alarm{wake: d.loop.Wake}
	return d
}

// Run sends callbacks until ctx ends; then attempts that run may end within StopTime, and what came of them is saved.
// Those that are cut off count as failed. It must be called once, and end before the store is closed.
func (d *Dispatcher) Run(ctx context.Context) error {
	attempts, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	for _, p := range d.pools {
		p.Open(attempts)
	}
	d.loop.Run(ctx)
	d.alarm.stop()
	timer := time.AfterFunc(d.config.StopTime, func() { cut(errStopped) })
	defer timer.Stop()
	for _, p := range d.pools {
		p.Close()
	}
	d.under.Wait()
	d.sender.transport.CloseIdleConnections()
	if err := ctx.Err(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Wake makes the loop look for due callbacks now.
func (d *Dispatcher) Wake() { d.loop.Wake() }

// Taken says how many callbacks this process holds, being sent or waiting.
func (d *Dispatcher) Taken() int {
	taken := 0
	for _, p := range d.pools {
		taken += p.Taken()
	}
	return taken
}

// Reserve takes a place in a lane; false where there is none: then the callback is found in the database.
func (d *Dispatcher) Reserve(projectID, lane int64) bool {
	l, ok := d.lane(projectID, lane)
	return ok && d.reserve(l)
}

// lane is a host of a project, as the pools know it. false: the project was made elsewhere, a moment ago.
func (d *Dispatcher) lane(projectID, lane int64) (work.Lane, bool) {
	owner, ok := d.merchants.owner(d.config.Store, projectID)
	return work.Lane{Owner: owner, Group: projectID, ID: lane}, ok
}

func (d *Dispatcher) reserve(lane work.Lane) bool {
	c := d.lanes.class(lane)
	if !d.pools[c].Reserve(lane) {
		d.hungry.Store(true)
		return false
	}
	d.lanes.reserve(lane, c)
	return true
}

// Release gives a reserved place back unused.
func (d *Dispatcher) Release(projectID, lane int64) {
	l, _ := d.lane(projectID, lane)
	d.release(l)
}

func (d *Dispatcher) release(lane work.Lane) { d.pools[d.lanes.use(lane)].Release(lane) }

// Start uses a reserved place: job is sent at once, or when its lane's turn comes.
func (d *Dispatcher) Start(job *store.CallbackJob) {
	lane, _ := d.lane(job.Event.ProjectID, job.Lane)
	d.start(task{job: job, lane: lane})
}

func (d *Dispatcher) start(t task) { d.pools[d.lanes.use(t.lane)].Start(t.lane, t) }

// run is what a pool does with a task in its lane's turn: it sends the callback, or waits for one that is being sent. The
// attempt itself has a goroutine of its own, since a place in a pool cannot follow it into another one. So, where an attempt
// lasts longer than slowAfter, a second task that only waits takes a place in the slow pool, and the first place is free:
//
//	pool untried or quick                         slow pool
//	---------------------                         ---------
//	run(task)
//	 ├ class has changed ──────── move(task) ───► run(task): sends it as below; no place: dropped, its lease ends
//	 ├ go deliver(task) ── HTTP ── ··· ─────────────────────────┐
//	 ├ ended within slowAfter: done                             │
//	 └ not ended: lane is marked slow                           │
//	    ├ a place there ─── move(task with ended) ─► run: waits │
//	    │  and this one is free for the next task    for ended ◄┤ closes ended, then saves what came of it
//	    └ no place: waits here for ended ◄──────────────────────┘
func (d *Dispatcher) run(ctx context.Context, here class, t task) {
	defer d.freed()
	if t.ended != nil {
		<-t.ended
		return
	}
	if now := d.lanes.class(t.lane); now != here { // found out while this one waited
		d.move(now, t)
		return
	}
	ended := make(chan struct{})
	d.under.Go(func() { d.deliver(ctx, t, ended) })
	if here == slow {
		<-ended
		return
	}
	timer := time.NewTimer(slowAfter)
	defer timer.Stop()
	select {
	case <-ended:
		return
	case <-timer.C:
	}
	d.lanes.mark(t.lane, false)
	waits := t // another task: the one that is being sent has t
	if waits.ended = ended; !d.move(slow, waits) {
		<-ended
	}
}

// move gives a task to another pool; false where that has no place for it. One that is not being sent yet is then
// dropped: its lease ends, and it is found again.
func (d *Dispatcher) move(to class, t task) bool {
	if !d.pools[to].Reserve(t.lane) {
		d.hungry.Store(true)
		return false
	}
	d.pools[to].Start(t.lane, t)
	return true
}

// freed wakes the loop where something due was left for want of places: a moment later, when this place is free.
func (d *Dispatcher) freed() {
	if d.hungry.Swap(false) {
		now := d.config.Store.Now()
		d.alarm.set(now.Add(5*time.Millisecond), now)
	}
}
