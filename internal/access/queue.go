package access

import (
	"context"
	"sync"
	"time"
)

// Bounds of the queue for hashes. A hash takes a tenth of a second, so whoever stands last is served within the patience
// on a machine with two cores, and beyond the bounds waiting would only keep a connection.
const (
	maxWaiting    = 150
	maxFromSource = 20 // of them of one source
	hashPatience  = 20 * time.Second
)

// queue gives turns to sources, such as networks, in turn: whoever floods the sign-in waits behind himself. It is safe for
// concurrent use.
type queue struct {
	mu      sync.Mutex
	free    int // turns that nobody has
	waiting int
	sources map[string][]*waiter
	order   []string // of the sources that wait
}

// waiter is told once: true is its turn, false that it must give way.
type waiter struct{ told chan bool }

func newQueue(turns int) *queue { return &queue{free: turns, sources: make(map[string][]*waiter)} }

// wait waits for a turn, which release ends. ErrBusy where too many wait, of this source or in all, or for too long.
func (q *queue) wait(ctx context.Context, source string) error {
	w, err := q.enter(source)
	if w == nil {
		return err
	}
	timer := time.NewTimer(hashPatience)
	defer timer.Stop()
	err = ErrBusy
	select {
	case turn := <-w.told:
		if turn {
			return nil
		}
		return ErrBusy
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
	}
	q.leave(source, w)
	return err
}

// enter takes a turn at once, which is nil and no error, or a place in the queue.
func (q *queue) enter(source string) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 {
		q.free--
		return nil, nil
	}
	own := len(q.sources[source])
	if own >= maxFromSource || q.waiting >= maxWaiting && !q.makeRoom(own) {
		return nil, ErrBusy
	}
	w := &waiter{told: make(chan bool, 1)}
	if own == 0 {
		q.order = append(q.order, source)
	}
	q.sources[source] = append(q.sources[source], w)
	q.waiting++
	return w, nil
}

// makeRoom sends the last of those away who wait for the source with the most, where that has more than own and one.
func (q *queue) makeRoom(own int) bool {
	longest, most := "", own+1
	for source, waiters := range q.sources {
		if len(waiters) > most {
			longest, most = source, len(waiters)
		}
	}
	if most == own+1 {
		return false
	}
	waiters := q.sources[longest]
	q.remove(longest, waiters[len(waiters)-1]).told <- false
	return true
}

// leave gives a place up; a turn that came meanwhile goes to the next one.
func (q *queue) leave(source string, w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.remove(source, w) == nil && <-w.told {
		q.pass()
	}
}

// release ends a turn.
func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pass()
}

// pass gives a turn to the first source that waits, which stands last then.
func (q *queue) pass() {
	if len(q.order) == 0 {
		q.free++
		return
	}
	source := q.order[0]
	w := q.remove(source, q.sources[source][0])
	if len(q.sources[source]) > 0 {
		q.order = append(q.order[1:], source)
	}
	w.told <- true
}

// remove takes a waiter out of its source's queue; nil where it is not there.
func (q *queue) remove(source string, w *waiter) *waiter {
	waiters := q.sources[source]
	for i, other := range waiters {
		if other != w {
			continue
		}
		q.waiting--
		if len(waiters) > 1 {
			q.sources[source] = append(waiters[:i:i], waiters[i+1:]...)
			return w
		}
		delete(q.sources, source)
		for j, name := range q.order {
			if name == source {
				q.order = append(q.order[:j:j], q.order[j+1:]...)
				break
			}
		}
		return w
	}
	return nil
}
