package storetest

import (
	"sync/atomic"
	"time"
)

// Clock is a store.Config.Clock that stands still until a test moves it. A store's own goroutines read it at any time.
type Clock struct{ micros atomic.Int64 }

// NewClock returns a clock that shows a time, to the microsecond.
func NewClock(at time.Time) *Clock {
	c := new(Clock)
	c.micros.Store(at.UnixMicro())
	return c
}

// Now returns the time that the clock shows, in UTC.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.micros.Load()).UTC() }

// Advance moves the clock, back where d is negative.
func (c *Clock) Advance(d time.Duration) { c.micros.Add(d.Microseconds()) }
