package work

import (
	"context"
	"time"
)

// Loop polls for due work: after each interval, and at once when woken.
type Loop struct {
	Interval time.Duration
	// Poll leases what is due and starts it. It says whether it may have left something that is due already.
	Poll func(ctx context.Context) (more bool)

	wake chan struct{}
}

// NewLoop makes a loop.
func NewLoop(interval time.Duration, poll func(ctx context.Context) (more bool)) *Loop {
	return &Loop{Interval: interval, Poll: poll, wake: make(chan struct{}, 1)}
}

// Wake makes the loop poll soon. It never blocks.
func (l *Loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// pause is the least time between two polls, so that a full pool is not asked in a tight circle.
const pause = 5 * time.Millisecond

// Run polls until ctx ends.
func (l *Loop) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.wake:
		}
		next := l.Interval
		if l.Poll(ctx) {
			next = pause
		}
		timer.Reset(next)
		if !sleep(ctx, pause) {
			return
		}
	}
}

// sleep waits, and says whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
