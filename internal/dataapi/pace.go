package dataapi

import (
	"context"
	"sync"
	"time"
)

// perMinute is how many requests an account may send in any minute to one process (protocol.md §13.2).
const perMinute = 60

// pace remembers when each account's newest requests came.
type pace struct {
	mu    sync.Mutex
	users map[int64]*recent
}

// recent is a ring of the times of an account's newest requests.
type recent struct {
	at   [perMinute]time.Time
	next int
}

func newPace() *pace { return &pace{users: make(map[int64]*recent)} }

// take counts a request, or says how long to wait for the next one.
func (p *pace) take(user int64, now time.Time) (wait time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.users[user]
	if r == nil {
		r = &recent{}
		p.users[user] = r
	}
	if wait := time.Minute - now.Sub(r.at[r.next]); wait > 0 && !r.at[r.next].IsZero() {
		return max(wait, 3*time.Second), false
	}
	r.at[r.next] = now
	r.next = (r.next + 1) % perMinute
	return 0, true
}

// longInterval is from where on an account's requests run one after another, longPause apart (protocol.md §13.3).
const (
	longInterval = 180 * 24 * time.Hour
	longPause    = 10 * time.Second
)

// queue lets each account run one request over a long interval at a time.
type queue struct {
	mu    sync.Mutex
	users map[int64]*turn
}

type turn struct {
	free  chan struct{} // holds one token while nobody runs
	ended time.Time
}

func newQueue() *queue { return &queue{users: make(map[int64]*turn)} }

// enter waits for the account's turn, and for the pause behind its last one.
func (q *queue) enter(ctx context.Context, user int64) (leave func(), err error) {
	q.mu.Lock()
	t := q.users[user]
	if t == nil {
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		q.users[user] = t
	}
	q.mu.Unlock()
	select {
	case <-t.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if wait := longPause - time.Since(t.ended); wait > 0 && !t.ended.IsZero() {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			t.free <- struct{}{}
			return nil, ctx.Err()
		}
	}
	return func() {
		t.ended = time.Now()
		t.free <- struct{}{}
	}, nil
}
