package callback

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"flashpay/internal/work"
)

// poll leases what is due, a share of each lane in turn, and starts it.
func (d *Dispatcher) poll(ctx context.Context) (more bool) {
	start := time.Now()
	// However many lanes there are, looking for what is due takes half of the time at most.
	defer func() { time.Sleep(min(time.Since(start), d.config.Interval)) }()
	lanes, err := d.config.Store.CallbackLanes(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.config.Logger.Error("callback: looking for due callbacks failed", "err", err)
		}
		return false
	}
	now := d.config.Store.Now()
	var due []work.Lane
	var next time.Time
	for _, l := range lanes {
		switch {
		case !l.DueAt.After(now):
			if lane, ok := d.lane(l.ProjectID, l.Lane); ok { // else it is known at the next look
				due = append(due, lane)
			}
		case next.IsZero() || l.DueAt.Before(next):
			next = l.DueAt
		}
	}
	if !next.IsZero() {
		d.alarm.set(next, now)
	}
	return d.leaseAll(ctx, due)
}

// leaseAll leases from all lanes. Another one is the first each time, so that none is always served last.
func (d *Dispatcher) leaseAll(ctx context.Context, due []work.Lane) (more bool) {
	if len(due) == 0 {
		return false
	}
	d.turn++
	queue := make(chan work.Lane, len(due))
	for i := range due {
		queue <- due[(d.turn+i)%len(due)]
	}
	close(queue)
	var leased atomic.Bool
	var wg sync.WaitGroup
	for range min(leasers, len(due)) {
		wg.Go(func() {
			for lane := range queue {
				if d.lease(ctx, lane) > 0 {
					leased.Store(true)
				}
			}
		})
	}
	wg.Wait()
	return leased.Load()
}

// lease leases as many due callbacks of a lane as it has places for, starts them and says how many.
func (d *Dispatcher) lease(ctx context.Context, lane work.Lane) int {
	places := 0
	for want := d.room(lane); places < want && d.reserve(lane); {
		places++
	}
	if places == 0 {
		d.hungry.Store(true)
		return 0
	}
	jobs, err := d.config.Store.LeaseCallbacks(ctx, lane.ID, places)
	if err != nil && ctx.Err() == nil {
		d.config.Logger.Error("callback: leasing due callbacks failed", "leased", len(jobs), "err", err)
	}
	for _, job := range jobs {
		d.start(task{job: job, lane: lane})
	}
	for range places - len(jobs) {
		d.release(lane)
	}
	return len(jobs)
}

// room says how many callbacks may be leased for a lane.
func (d *Dispatcher) room(lane work.Lane) int {
	c := d.lanes.class(lane)
	return d.pools[c].Room(lane) - max(0, pools[c].LanePlaces-leaseAhead)
}
