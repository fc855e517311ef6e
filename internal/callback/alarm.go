package callback

import (
	"sync"
	"time"
)

// alarm wakes the loop when the next callback is due, so that the schedule is kept to the moment.
type alarm struct {
	wake func()

	mu    sync.Mutex
	at    time.Time // zero: not set
	timer *time.Timer
}

// set makes the alarm ring at a time, unless it rings earlier anyway.
func (a *alarm) set(at, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.at.IsZero() && !at.Before(a.at) {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	a.at, a.timer = at, time.AfterFunc(at.Sub(now), a.ring)
}

func (a *alarm) ring() {
	a.mu.Lock()
	a.at = time.Time{}
	a.mu.Unlock()
	a.wake()
}

func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
}
