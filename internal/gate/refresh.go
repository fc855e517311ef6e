package gate

import (
	"context"
	"sync"
	"time"
)

// refreshTimeout bounds one reading of the projects.
const refreshTimeout = 3 * time.Second

// refresher lets refusals wait for a fresh reading of the projects. However many wait, readings run one at a time and
// begin at least every apart, so that bad requests cannot make each one cost a query.
type refresher struct {
	every   time.Duration
	refresh func(context.Context) error

	mu      sync.Mutex
	began   time.Time // the last reading, whatever came of it
	fresh   time.Time // the beginning of the last reading that succeeded
	running *reading
	pending *reading // begins when its time has come
}

type reading struct {
	done chan struct{}
	err  error
}

// since returns when a reading that began at or after t is done. An error means that it is not known whether the
// projects have changed.
func (r *refresher) since(ctx context.Context, t time.Time) error {
	r.mu.Lock()
	if !r.fresh.Before(t) {
		r.mu.Unlock()
		return nil
	}
	wait := r.pending
	if r.running != nil && !r.began.Before(t) {
		wait = r.running
	}
	if wait == nil {
		wait = &reading{done: make(chan struct{})}
		r.pending = wait
		go r.run(wait, r.running)
	}
	r.mu.Unlock()
	select {
	case <-wait.done:
		return wait.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run makes one reading, after the one before it.
func (r *refresher) run(own, before *reading) {
	if before != nil {
		<-before.done
	}
	r.mu.Lock()
	rest := r.every - time.Since(r.began)
	r.mu.Unlock()
	if rest > 0 {
		time.Sleep(rest)
	}
	began := time.Now()
	r.mu.Lock()
	r.pending, r.running, r.began = nil, own, began
	r.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), refreshTimeout)
	own.err = r.refresh(ctx)
	cancel()

	r.mu.Lock()
	if own.err == nil {
		r.fresh = began
	}
	r.running = nil
	r.mu.Unlock()
	close(own.done)
}
