// Package batch gathers many callers' items into few commits (group commit).
//
// One goroutine runs the commits, one at a time. Whatever arrives while a commit runs waits and goes into the
// next one together, so an idle system adds no delay and a busy one makes larger batches. After a large batch, and only
// then, the next one may be given a moment to grow (Config.Enough).
//
// Background items, of which there may be very many, go behind all others: a commit takes so few of them, as long as others
// come, that these wait for little more than their own commit (Config.Beside).
package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Errors of Do and Go that say that the item was not and never will be committed.
var (
	ErrQueueFull = errors.New("batch: queue is full")
	ErrClosed    = errors.New("batch: closed")
)

// ErrOutcomeUnknown is wrapped by the error that every item of a commit gets when the commit function panicked,
// ended its goroutine or answered with a wrong number of errors: the item may or may not have been committed.
// A panic is logged once with its stack; later commits go on.
var ErrOutcomeUnknown = errors.New("batch: commit failed without an answer, its outcome is unknown")

// Config bounds a Batcher. A zero field takes its default.
type Config struct {
	MaxItems    int // items in one commit at most; default 256
	QueueLength int // items that may wait for a commit; default 4096

	// Enough, where above 0, has a commit wait for more items when the one before it had gatherFrom or more: until so
	// many wait, or no more come, or for as long as that one took, gatherTime at most. A commit costs much the same
	// whatever is in it, so this is work saved for a busy system, and a delay that is far below that of its commits.
	Enough int

	// Background is the weight of background items in a commit at most, as long as nobody else has items; Beside is it in the
	// next calmCommits commits after one with other items, and then it grows. A commit takes one background item, whatever its
	// weight. 0: MaxItems.
	Background, Beside int
}

// calmCommits is after how many commits in a row that had background items only there may be more than Beside of them in a
// commit: from then on twice as many in each.
const calmCommits = 16

const (
	gatherFrom  = 16                     // items in a commit for the next one to wait for more
	gatherTime  = 4 * time.Millisecond   // it waits at most
	gatherPause = 500 * time.Microsecond // in which more must have come for it to wait on
)

// Commit stores items, in the order given, and answers with one error per item (nil: committed), or with nil
// when all of them were committed. It must not keep items. Its context ends only when Close runs out of patience.
type Commit[T any] func(ctx context.Context, items []T) []error

// Batcher gathers items into commits. It is safe for concurrent use.
type Batcher[T any] struct {
	cfg    Config
	commit Commit[T]

	wake   chan struct{} // holds at most one signal: the queue is not empty, or the batcher is closing
	ended  chan struct{} // closed when the loop has ended
	cancel context.CancelFunc

	// waiters belongs to the batcher, not to the package, because a channel made inside a synctest bubble
	// must not be used outside of it.
	waiters sync.Pool

	mu         sync.Mutex
	queue      []*entry[T]
	background []*entry[T]
	calm       int  // commits since one that had other items than background ones
	closing    bool // nothing new is taken
	ending     bool // what still waits is refused too
}

// entry is one waiting item. Either done or answer is set.
type entry[T any] struct {
	item   T
	weight int  // of a background item; 0: it is none
	first  bool // it goes before background items that are not
	done   func(error)
	answer chan error // capacity 1, so that the loop never waits for a caller
}

// New starts a Batcher. Close ends it.
func New[T any](cfg Config, commit Commit[T]) *Batcher[T] {
	if cfg.MaxItems <= 0 {
		cfg.MaxItems = 256
	}
	if cfg.QueueLength <= 0 {
		cfg.QueueLength = 4096
	}
	cfg.Background = min(cmp.Or(cfg.Background, cfg.MaxItems), cfg.MaxItems)
	cfg.Beside = min(cmp.Or(cfg.Beside, cfg.Background), cfg.Background)
	ctx, cancel := context.WithCancel(context.Background())
	b := &Batcher[T]{
		cfg:    cfg,
		commit: commit,
		wake:   make(chan struct{}, 1),
		ended:  make(chan struct{}),
		cancel: cancel,
	}
	b.waiters.New = func() any { return &entry[T]{answer: make(chan error, 1)} }
	go b.loop(ctx)
	return b
}

// Do hands in one item and waits until the commit that holds it has ended; it returns that item's error.
//
// ErrQueueFull, ErrClosed and the context's error mean that the item was not committed and never will be.
// A context that ends withdraws the item only as long as it waits: once a commit has taken it, Do waits for the
// outcome whatever the context says, because a caller who is told «cancelled» about something that is being
// stored would be told wrong.
func (b *Batcher[T]) Do(ctx context.Context, item T) error {
	return b.do(ctx, item, 0)
}

// DoBackground is Do for a background item of a weight, 1 or more: it counts like so many items, and goes before those of
// DoAllBackground.
func (b *Batcher[T]) DoBackground(ctx context.Context, item T, weight int) error {
	return b.do(ctx, item, max(1, weight))
}

func (b *Batcher[T]) do(ctx context.Context, item T, weight int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e, err := b.hand(item, weight, weight > 0)
	if err != nil {
		return err
	}
	return b.wait(ctx, e)
}

// DoAll is Do for several items, which wait together: in a goroutine of one caller instead of many. It returns an error
// for each item.
func (b *Batcher[T]) DoAll(ctx context.Context, items []T) []error { return b.doAll(ctx, items, 0) }

// DoAllBackground is DoAll for background items of weight 1.
func (b *Batcher[T]) DoAllBackground(ctx context.Context, items []T) []error {
	return b.doAll(ctx, items, 1)
}

func (b *Batcher[T]) doAll(ctx context.Context, items []T, weight int) []error {
	errs := make([]error, len(items))
	entries := make([]*entry[T], len(items))
	for i, item := range items {
		if errs[i] = ctx.Err(); errs[i] == nil {
			entries[i], errs[i] = b.hand(item, weight, false)
		}
	}
	for i, e := range entries {
		if e != nil {
			errs[i] = b.wait(ctx, e)
		}
	}
	return errs
}

// hand puts an item that its caller waits for into the queue.
func (b *Batcher[T]) hand(item T, weight int, first bool) (*entry[T], error) {
	e := b.waiters.Get().(*entry[T])
	e.item, e.weight, e.first = item, weight, first
	if err := b.enqueue(e); err != nil {
		b.release(e)
		return nil, err
	}
	return e, nil
}

// wait waits for the outcome of an item that was handed in.
func (b *Batcher[T]) wait(ctx context.Context, e *entry[T]) error {
	var err error
	select {
	case err = <-e.answer:
	case <-ctx.Done():
		if b.withdraw(e) {
			err = ctx.Err()
		} else {
			err = <-e.answer
		}
	}
	b.release(e)
	return err
}

// Go hands in one item without waiting. An error (ErrQueueFull, ErrClosed) means that the item was not taken and
// done will not be called; otherwise done is called exactly once with what Do would have returned.
//
// done runs on the batcher's own goroutine, between two commits: it must be quick, must not wait for another item
// of the same batcher, and may call Go.
func (b *Batcher[T]) Go(item T, done func(error)) error {
	return b.enqueue(&entry[T]{item: item, done: done})
}

// Queued is the number of items that wait for a commit now.
func (b *Batcher[T]) Queued() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) + len(b.background)
}

// ahead is the number of items that wait and are not background ones; alone tells whether no background item waits.
func (b *Batcher[T]) ahead() (n int, alone bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue), len(b.background) == 0
}

// Close refuses new items (ErrClosed), finishes those that wait and returns when the last commit has ended.
// When ctx ends first, items that no commit has taken are refused with ErrClosed, the running commit's context
// is cancelled, and Close returns ctx's error without waiting for it. Close may be called again.
func (b *Batcher[T]) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closing = true
	b.mu.Unlock()
	b.signal()
	select {
	case <-b.ended:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	b.ending = true
	b.mu.Unlock()
	b.cancel()
	return fmt.Errorf("batch: closed before all items were committed: %w", ctx.Err())
}

func (b *Batcher[T]) enqueue(e *entry[T]) error {
	b.mu.Lock()
	queue := b.queueOf(e)
	switch {
	case b.closing:
		b.mu.Unlock()
		return ErrClosed
	case len(*queue) >= b.cfg.QueueLength:
		b.mu.Unlock()
		return ErrQueueFull
	}
	at := len(*queue)
	if e.first {
		if at = slices.IndexFunc(*queue, func(e *entry[T]) bool { return !e.first }); at < 0 {
			at = len(*queue)
		}
	}
	*queue = slices.Insert(*queue, at, e)
	first := len(*queue) == 1
	b.mu.Unlock()
	if first {
		b.signal()
	}
	return nil
}

// queueOf is the queue in which an entry waits.
func (b *Batcher[T]) queueOf(e *entry[T]) *[]*entry[T] {
	if e.weight > 0 {
		return &b.background
	}
	return &b.queue
}

// withdraw removes a waiting entry; false means that a commit has taken it.
func (b *Batcher[T]) withdraw(e *entry[T]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	queue := b.queueOf(e)
	i := slices.Index(*queue, e)
	if i < 0 {
		return false
	}
	*queue = slices.Delete(*queue, i, i+1)
	return true
}

func (b *Batcher[T]) release(e *entry[T]) {
	var none T
	e.item = none
	b.waiters.Put(e)
}

func (b *Batcher[T]) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *Batcher[T]) loop(ctx context.Context) {
	// Deferred, because a commit function may end this goroutine (runtime.Goexit, as in a test's FailNow).
	defer b.end()
	taken := make([]*entry[T], 0, b.cfg.MaxItems)
	items := make([]T, 0, b.cfg.MaxItems)
	for {
		taken = b.take(taken[:0])
		if len(taken) == 0 {
			if b.drained() {
				return
			}
			<-b.wake
			continue
		}
		items = items[:0]
		others := 0 // than background ones
		for _, e := range taken {
			items = append(items, e.item)
			if e.weight == 0 {
				others++
			}
		}
		began := time.Now()
		b.run(ctx, items, taken)
		clear(items)
		clear(taken)
		if others == 0 && b.Queued() > 0 {
			continue
		}
		// Callers who were just answered get a turn to hand in their next items, which makes larger batches.
		runtime.Gosched()
		if others >= gatherFrom {
			b.gather(min(time.Since(began), gatherTime))
		}
	}
}

// gather waits up to limit for more items, unless there are background items to go on with meanwhile.
func (b *Batcher[T]) gather(limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		before, alone := b.ahead()
		if before >= b.cfg.Enough || !alone {
			return
		}
		time.Sleep(gatherPause)
		if now, _ := b.ahead(); now == before {
			return
		}
	}
}

// take moves up to MaxItems entries from the queues into taken.
func (b *Batcher[T]) take(taken []*entry[T]) []*entry[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ending || len(b.queue)+len(b.background) == 0 {
		return taken
	}
	most := b.cfg.MaxItems
	if len(b.background) > 0 {
		most -= min(b.cfg.Beside, most/2) // however many others come, background items get on
	}
	n := min(len(b.queue), most)
	taken = append(taken, b.queue[:n]...)
	b.queue = without(b.queue, n)
	if b.calm++; n > 0 {
		b.calm = 0
	}
	m, weight := 0, 0
	for room := b.backgroundRoom(); m < len(b.background) && n+m < b.cfg.MaxItems; m++ {
		if weight += b.background[m].weight; weight > room && m > 0 {
			break
		}
	}
	taken = append(taken, b.background[:m]...)
	b.background = without(b.background, m)
	return taken
}

// Calm tells whether only background items have come for a while.
func (b *Batcher[T]) Calm() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calm >= calmCommits
}

// backgroundRoom is the weight of background items that the next commit takes.
func (b *Batcher[T]) backgroundRoom() int {
	return min(b.cfg.Beside<<max(0, min(b.calm-calmCommits, 20)), b.cfg.Background)
}

// without drops the first n entries of a queue, whose memory is used again.
func without[T any](queue []*entry[T], n int) []*entry[T] {
	rest := copy(queue, queue[n:])
	clear(queue[rest:])
	return queue[:rest]
}

func (b *Batcher[T]) drained() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ending || b.closing && len(b.queue)+len(b.background) == 0
}

// run makes one commit and answers every entry of it, whatever the commit function does.
func (b *Batcher[T]) run(ctx context.Context, items []T, taken []*entry[T]) {
	failure := fmt.Errorf("%w: the commit function ended its goroutine", ErrOutcomeUnknown)
	var errs []error
	defer func() {
		if p := recover(); p != nil {
			slog.Error("batch: the commit function panicked", "panic", p, "items", len(items), "stack", string(debug.Stack()))
			failure = fmt.Errorf("%w: panic: %v", ErrOutcomeUnknown, p)
		}
		for i, e := range taken {
			err := failure
			if failure == nil && errs != nil {
				err = errs[i]
			}
			e.finish(err)
		}
	}()
	errs = b.commit(ctx, items)
	failure = nil
	if errs != nil && len(errs) != len(items) {
		failure = fmt.Errorf("%w: %d errors for %d items", ErrOutcomeUnknown, len(errs), len(items))
	}
}

func (e *entry[T]) finish(err error) {
	if e.done != nil {
		e.done(err)
		return
	}
	e.answer <- err
}

// end refuses whatever is left and lets Close return.
func (b *Batcher[T]) end() {
	b.mu.Lock()
	b.closing, b.ending = true, true
	left := append(b.queue, b.background...)
	b.queue, b.background = nil, nil
	b.mu.Unlock()
	for _, e := range left {
		e.finish(ErrClosed)
	}
	b.cancel()
	close(b.ended)
}
