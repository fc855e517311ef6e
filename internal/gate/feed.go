package gate

import (
	"context"
	"strconv"
	"sync"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/wire"
	"flashpay/signature"
)

// Events gives the feed of a project's events.
type Events interface {
	// EventsAfter reads the events with numbers above after, limit at most, in the order of their numbers and without gaps,
	// and the number of the newest; 0 where the project has none.
	EventsAfter(ctx context.Context, projectID, after int64, limit int) (events []*store.CallbackJob, last int64, err error)
	// Listen has f called after each commit of this process that wakes the topic; it must not block.
	Listen(topic string, f func())
}

const (
	feedLimit   = 10 // events of an answer unless the request says more: so many verify with every SDK (protocol.md §4.3)
	feedWaiters = 8  // requests of one project that wait at once
	feedPoll    = time.Second
	eventBytes  = 1 << 10 // of one event in an answer, about
)

// serveEvents answers the events of a project that follow a number. Where there is none yet it waits for one as long as
// the request says.
func serveEvents(ctx context.Context, x *exchange, dst []byte) ([]byte, *failure) {
	if f := x.signedRequest(ctx); f != nil {
		return dst, f
	}
	after, limit := x.number("after", 0), int(x.number("limit", feedLimit))
	events, last, err := x.gate.Events.EventsAfter(ctx, x.projectID, after, limit)
	if wait := time.Duration(x.number("wait", 0)) * time.Second; err == nil && wait > 0 && last == after {
		var f *failure
		if events, last, f = x.awaitEvents(ctx, after, limit, wait); f != nil {
			return dst, f
		}
	}
	if err != nil {
		return dst, failed(err)
	}
	// A long answer costs what a long body costs.
	leave, err := x.gate.turns.take(ctx, len(events)*eventBytes)
	if err != nil {
		return dst, later(err, time.Second, "too many requests are waiting; send the same request again")
	}
	defer leave()
	list := make([]wire.Event, 0, len(events))
	for _, e := range events {
		list = append(list, wire.Event{Number: e.Event.Number, Callback: e.Body()})
	}
	return x.signed(dst, wire.Events(x.projectID, list, last)), nil
}

// number reads an optional integer of the root that the table has checked.
func (x *exchange) number(name string, otherwise int64) int64 {
	v := x.tree.Get(name)
	if v == nil || v.Kind == signature.Null {
		return otherwise
	}
	n, _ := strconv.ParseInt(v.Text, 10, 64)
	return n
}

// awaitEvents reads the events again whenever this process has committed one of the project, and each second, since others
// may have, until there is one, the time is up or the server stops. What became of address and key meanwhile counts: the
// sender is judged once more before anything is told.
func (x *exchange) awaitEvents(ctx context.Context, after int64, limit int, wait time.Duration) ([]*store.CallbackJob, int64, *failure) {
	feed := x.gate.feed
	if !feed.enter(x.projectID) {
		f := tooManyRequests(time.Second)
		f.items[0].Description = "too many requests of this project wait for events already; wait with one of them, or send wait 0"
		return nil, 0, f
	}
	defer feed.leave(x.projectID)
	end := time.NewTimer(wait)
	defer end.Stop()
	poll := time.NewTicker(feedPoll)
	defer poll.Stop()
	for done := false; ; {
		committed := feed.committed(x.projectID)
		events, last, err := x.gate.Events.EventsAfter(ctx, x.projectID, after, limit)
		if err != nil {
			return nil, 0, failed(err)
		}
		if done || last != after {
			return events, last, x.identifyAgain(ctx)
		}
		select {
		case <-committed:
		case <-poll.C:
		case <-end.C:
			done = true
		case <-feed.stopped:
			done = true
		case <-ctx.Done():
			return nil, 0, failed(ctx.Err())
		}
	}
}

// identifyAgain judges the sender by the snapshot of now.
func (x *exchange) identifyAgain(ctx context.Context) *failure {
	f := x.inTurn(ctx, x.identify)
	if f != nil && f.mismatch {
		f = x.inTurn(ctx, x.advise)
	}
	return f
}

// feed wakes the requests that wait for events.
type feed struct {
	events  Events
	stopped chan struct{}
	stop    func()

	mu       sync.Mutex
	projects map[int64]*waiting // all that ever waited: the store's listeners stay
}

// waiting are the requests of a project that wait for events.
type waiting struct {
	count     int
	committed chan struct{} // closed by the next commit
}

func newFeed(events Events) *feed {
	f := &feed{events: events, stopped: make(chan struct{}), projects: make(map[int64]*waiting)}
	f.stop = sync.OnceFunc(func() { close(f.stopped) })
	return f
}

// enter counts a request that waits, unless there are enough.
func (f *feed) enter(projectID int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.projects[projectID]
	if w == nil {
		w = &waiting{committed: make(chan struct{})}
		f.projects[projectID] = w
		f.events.Listen(store.EventsTopic(projectID), func() { f.wake(w) })
	}
	if w.count >= feedWaiters {
		return false
	}
	w.count++
	return true
}

func (f *feed) leave(projectID int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.projects[projectID].count--
}

// committed is closed by the next commit of this process that has an event of the project.
func (f *feed) committed(projectID int64) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.projects[projectID].committed
}

func (f *feed) wake(w *waiting) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.count > 0 {
		close(w.committed)
		w.committed = make(chan struct{})
	}
}

// StopWaiting has the requests that wait for events answered at once, and those that come later.
func (g *Gate) StopWaiting() { g.feed.stop() }
