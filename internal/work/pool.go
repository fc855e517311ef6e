// Package work runs jobs: it knows nothing of payouts. A Pool runs them a bounded number at once, fairly between groups
// of lanes and between the lanes of a group, so that slow jobs of one delay nobody else's; a Loop asks the database for
// what is due.
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

	GroupRunning int // jobs of one group running at once; 0: as many as in all
	GroupPlaces  int // places of one group; 0: as many as in all
}

// Lane names a lane. Groups have bounds of their own, and take turns before their lanes do. A lane belongs to one group.
type Lane struct{ Group, ID int64 }

// Pool runs jobs of lanes. It is safe for concurrent use.
type Pool[J any] struct {
	config Config
	run    func(ctx context.Context, job J)

	mu      sync.Mutex
	ctx     context.Context // of the jobs; nil before Open and after Close
	taken   int             // places
	running int
	lanes   map[Lane]*lane[J]
	groups  map[int64]*group[J]
	ready   []*group[J] // groups with jobs that may run, in turn
	done    sync.WaitGroup
}

type group[J any] struct {
	id      int64
	taken   int
	running int
	ready   []*lane[J] // lanes with jobs that may run, in turn
	queued  bool       // stands in the pool's ready
}

type lane[J any] struct {
	id      Lane
	group   *group[J]
	taken   int
	running int
	waiting []J
	queued  bool // stands in its group's ready
}

// NewPool makes a pool that runs jobs with run. It takes none before Open.
func NewPool[J any](c Config, run func(ctx context.Context, job J)) *Pool[J] {
	if c.GroupRunning == 0 {
		c.GroupRunning = c.Running
	}
	if c.GroupPlaces == 0 {
		c.GroupPlaces = c.Places
	}
	return &Pool[J]{config: c, run: run, lanes: make(map[Lane]*lane[J]), groups: make(map[int64]*group[J])}
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
func (p *Pool[J]) Reserve(id Lane) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.room(id) == 0 {
		return false
	}
	l := p.lane(id)
	l.taken++
	l.group.taken++
	p.taken++
	return true
}

// Release gives a reserved place back.
func (p *Pool[J]) Release(id Lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release(p.lane(id))
}

// Start runs a job in a place that was reserved, at once or when its lane's turn comes.
func (p *Pool[J]) Start(id Lane, job J) {
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
func (p *Pool[J]) Room(id Lane) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.room(id)
}

func (p *Pool[J]) room(id Lane) int {
	if p.ctx == nil {
		return 0
	}
	inLane, inGroup := p.config.LanePlaces, p.config.GroupPlaces
	if l := p.lanes[id]; l != nil {
		inLane -= l.taken
	}
	if g := p.groups[id.Group]; g != nil {
		inGroup -= g.taken
	}
	return max(0, min(inLane, inGroup, p.config.Places-p.taken))
}

// Taken says how many places are taken.
func (p *Pool[J]) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

func (p *Pool[J]) lane(id Lane) *lane[J] {
	l := p.lanes[id]
	if l == nil {
		g := p.groups[id.Group]
		if g == nil {
			g = &group[J]{id: id.Group}
			p.groups[id.Group] = g
		}
		l = &lane[J]{id: id, group: g}
		p.lanes[id] = l
	}
	return l
}

func (p *Pool[J]) release(l *lane[J]) {
	l.taken--
	l.group.taken--
	p.taken--
	if l.taken == 0 {
		delete(p.lanes, l.id)
	}
	if l.group.taken == 0 {
		delete(p.groups, l.group.id)
	}
}

// enqueue puts a lane in turn where it has a job that may run, and its group.
func (p *Pool[J]) enqueue(l *lane[J]) {
	g := l.group
	if !l.queued && len(l.waiting) > 0 && l.running < p.config.LaneRunning {
		l.queued = true
		g.ready = append(g.ready, l)
	}
	if !g.queued && len(g.ready) > 0 && g.running < p.config.GroupRunning {
		g.queued = true
		p.ready = append(p.ready, g)
	}
}

// dispatch starts jobs, one of each group in turn and in it of each lane, as long as there is room.
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
	g := p.ready[0]
	p.ready = p.ready[1:]
	g.queued = false
	l = g.ready[0]
	g.ready = g.ready[1:]
	l.queued = false
	job = l.waiting[0]
	l.waiting = l.waiting[1:]
	l.running++
	g.running++
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
	l.group.running--
	p.running--
	p.release(l)
	p.enqueue(l)
	return p.next()
}
