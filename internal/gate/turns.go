package gate

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// smallBody is the length up to which a body counts as small: payout requests have one to three thousand bytes.
	smallBody = 8 << 10
	// maxWaiting bounds the requests that wait for their turn. Each holds its body.
	maxWaiting = 1024
)

// errCrowded: too many requests wait for their turn.
var errCrowded = errors.New("gate: too many requests wait to be read")

// turns bounds what is parsed and verified at once, since whoever knows an address can ask for it: a body takes up to
// a hundred times its length in memory for the moment. Small and large bodies wait in rows of their own, so that large
// ones, which honest merchants do not send, hold up nobody and use no more than half the processors.
type turns struct {
	small, large chan struct{}
	waiting      atomic.Int64
	made         atomic.Int64 // bytes of garbage that large bodies made since they were last collected
	collect      func()
}

func newTurns(processors int) *turns {
	return &turns{small: make(chan struct{}, 2*processors), large: make(chan struct{}, max(1, processors/2)), collect: runtime.GC}
}

// processors is how many turns are worth giving at once.
func processors() int { return runtime.GOMAXPROCS(0) }

// take waits for the turn of a body of n bytes and returns what ends it.
func (t *turns) take(ctx context.Context, n int) (leave func(), err error) {
	row, leave := t.small, t.leaveSmall
	if n > smallBody {
		row, leave = t.large, t.leaveLarge
	}
	select {
	case row <- struct{}{}:
		return leave, nil
	default:
	}
	defer t.waiting.Add(-1)
	if t.waiting.Add(1) > maxWaiting {
		return nil, errCrowded
	}
	select {
	case row <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (t *turns) leaveSmall() { <-t.small }
func (t *turns) leaveLarge() { <-t.large }

const (
	// garbagePerByte is about how much memory reading and refusing a large body takes, for each of its bytes.
	garbagePerByte = 32
	// garbageKept is how much garbage of large bodies may lie about.
	garbageKept = 24 << 20
	// restFactor is how many times as long as it worked, and collected, a large body's turn rests.
	restFactor = 3
	// maxRest is the longest rest after a large body.
	maxRest = 200 * time.Millisecond
)

// pay has large bodies, in their turn, pay for what they cost: they collect the garbage that they make, or the heap, which
// may grow to several times what lives before it is collected, would grow for those who send nothing else; and they rest
// longer than they worked, or honest requests would find half of the processors busy. Small bodies do neither.
func (t *turns) pay(n int, worked time.Duration) {
	if n <= smallBody {
		return
	}
	if t.made.Add(int64(n)*garbagePerByte) > garbageKept {
		t.made.Store(0)
		began := time.Now()
		t.collect()
		worked += time.Since(began)
	}
	time.Sleep(min(restFactor*worked, maxRest))
}
