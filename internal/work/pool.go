// Package work runs jobs: it knows nothing of payouts. A Pool runs them a bounded number at once, fairly between
// lanes, so that one lane's slow jobs delay nobody else's; a Loop asks the database for what is due.
package work

import (
	"context"
	"sync"
)

// Config bounds a Pool.
type Config struct {
	Running     int // jobs running at once
	LaneRunning int // of them in one lane
	Places      int // jobs running, waiting and reserved
	LanePlaces  int // of them in one lane
}

// Pool runs jobs of lanes. It is safe for concurrent use.
type Pool[J any] struct {
	config Config
	run    func(ctx context.Context, job J)

	mu      sync.Mutex
	ctx     context.Context // of the jobs; nil before Open and after Close
	taken   int             // places
	running int
	lanes   map[int64]*lane[J]
	ready   []*lane[J] // lanes with jobs that may run, in turn
	done    sync.WaitGroup
}

type lane[J any] struct {
	id      int64
	taken   int
	running int
	waiting []J
	queued  bool // stands in ready
}

// NewPool makes a pool that runs jobs with run. It takes none before Open.
func NewPool[J any](c Config, run func(ctx context.Context, job J)) *Pool[J] {
	return &Pool[J]{config: c, run: run, lanes: make(map[int64]*lane[J])}
}

// Open lets jobs in; ctx is theirs.
func (p *Pool[J]) Open(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx = ctx
}

// Close lets no more jobs in and waits for those that run. Jobs that wait are dropped: their leases end.
func (p *Pool[J]) Close() {
	p.mu.Lock()
	p.ctx = nil
	p.mu.Unlock()
	p.done.Wait()
}

// Reserve takes a place in a lane; false where there is none. A place is given back by Release, or used by Start.
func (p *Pool[J]) Reserve(id int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil || p.taken >= p.config.Places {
		return false
	}
	l := p.lane(id)
	if l.taken >= p.config.LanePlaces {
		return false
	}
	l.taken++
	p.taken++
	return true
}

// Release gives a reserved place back.
func (p *Pool[J]) Release(id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release(p.lane(id))
}

// Start runs a job in a place that was reserved, at once or when its lane's turn comes.
func (p *Pool[J]) Start(id int64, job J) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lane(id)
	if p.ctx == nil {
		p.release(l)
		return
	}
	l.waiting = append(l.waiting, job)
	p.enqueue(l)
	p.dispatch()
}

// Room says how many places a lane has left.
func (p *Pool[J]) Room(id int64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil {
		return 0
	}
	room := p.config.LanePlaces
	if l := p.lanes[id]; l != nil {
		room -= l.taken
	}
	return max(0, min(room, p.config.Places-p.taken))
}

// Taken says how many places are taken.
func (p *Pool[J]) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

func (p *Pool[J]) lane(id int64) *lane[J] {
	l := p.lanes[id]
	if l == nil {
		l = &lane[J]{id: id}
		p.lanes[id] = l
	}
	return l
}

func (p *Pool[J]) release(l *lane[J]) {
	l.taken--
	p.taken--
	if l.taken == 0 {
		delete(p.lanes, l.id)
	}
}

// enqueue puts a lane in turn where it has a job that may run.
func (p *Pool[J]) enqueue(l *lane[J]) {
	if !l.queued && len(l.waiting) > 0 && l.running < p.config.LaneRunning {
		l.queued = true
		p.ready = append(p.ready, l)
	}
}

// dispatch starts jobs, one of each lane in turn, as long as there is room.
func (p *Pool[J]) dispatch() {
	for ctx := p.ctx; ; {
		l, job, ok := p.next()
		if !ok {
			return
		}
		p.done.Go(func() { p.work(ctx, l, job) })
	}
}

// next takes the job whose turn it is; false where there is none, or no room for it.
func (p *Pool[J]) next() (l *lane[J], job J, ok bool) {
	if p.ctx == nil || p.running >= p.config.Running || len(p.ready) == 0 {
		return nil, job, false
	}
	l = p.ready[0]
	p.ready = p.ready[1:]
	l.queued = false
	job = l.waiting[0]
	l.waiting = l.waiting[1:]
	l.running++
	p.running++
	p.enqueue(l)
	return l, job, true
}

// work runs a job, and goes on with the next one in its stead: its stack has grown to what a job needs.
func (p *Pool[J]) work(ctx context.Context, l *lane[J], job J) {
	for ok := true; ok; l, job, ok = p.after(l) {
		p.run(ctx, job)
	}
}

// after gives the place of a job that has ended back and takes the next job.
func (p *Pool[J]) after(l *lane[J]) (next *lane[J], job J, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.running--
	p.running--
	p.release(l)
	p.enqueue(l)
	return p.next()
}
