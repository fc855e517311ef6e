// Package work runs jobs and knows nothing of payouts. A Pool runs a bounded number of them at once and is fair between owners,
// between the groups of an owner, and between the lanes of a group, so that the slow jobs of one do not delay those of another. A
// Loop polls the database for what is due, and a Runner runs leased jobs.
package work

import (
	"cmp"
	"context"
	"sync"
)

// Config sets the limits of a Pool.
type Config struct {
	Running     int // jobs running at once
	LaneRunning int // of them in one lane
	Places      int // jobs running, waiting and reserved
	LanePlaces  int // of them in one lane

	GroupRunning int // jobs of one group running at once; 0: as many as of its owner
	GroupPlaces  int // places of one group; 0: as many as of its owner
	OwnerRunning int // jobs of one owner running at once; 0: as many as in all
	OwnerPlaces  int // places of one owner; 0: as many as in all
}

// Lane identifies a lane of a group of an owner. Owners take turns, and so do the groups of an owner and the lanes of a group.
type Lane struct{ Owner, Group, ID int64 }

// The levels of what a pool bounds.
const (
	levelOwner = iota
	levelGroup
	levelLane
	levels
)

func (l Lane) path() [levels]int64 {
	return [levels]int64{levelOwner: l.Owner, levelGroup: l.Group, levelLane: l.ID}
}

// bounds of a pool, or of one owner, group or lane.
type bounds struct{ running, places int }

// Pool runs jobs, each in a lane. It is safe for concurrent use.
type Pool[J any] struct {
	run    func(ctx context.Context, job J)
	bounds [levels]bounds

	mu   sync.Mutex
	ctx  context.Context // of the jobs; nil before Open and after Close
	all  *node[J]
	done sync.WaitGroup
}

// node is the pool, an owner, a group or a lane. It is there while a place below it is taken.
type node[J any] struct {
	id      int64
	bounds  bounds
	above   *node[J] // nil: this is the pool
	below   map[int64]*node[J]
	taken   int        // places
	running int        // jobs
	ready   []*node[J] // of those below, which have jobs that may run, in turn
	waiting []J        // of a lane
	queued  bool       // stands in ready of the one above
}

// NewPool makes a pool that runs jobs with run. It takes none before Open.
func NewPool[J any](c Config, run func(ctx context.Context, job J)) *Pool[J] {
	all := bounds{running: c.Running, places: c.Places}
	owner := bounds{running: cmp.Or(c.OwnerRunning, all.running), places: cmp.Or(c.OwnerPlaces, all.places)}
	group := bounds{running: cmp.Or(c.GroupRunning, owner.running), places: cmp.Or(c.GroupPlaces, owner.places)}
	lane := bounds{running: c.LaneRunning, places: c.LanePlaces}
	return &Pool[J]{run: run, bounds: [levels]bounds{levelOwner: owner, levelGroup: group, levelLane: lane}, all: &node[J]{bounds: all}}
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
	for n := p.lane(id); n != nil; n = n.above {
		n.taken++
	}
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
	n := p.all
	room := n.bounds.places - n.taken
	for level, id := range id.path() {
		left := p.bounds[level].places
		if n != nil {
			n = n.below[id]
		}
		if n != nil {
			left -= n.taken
		}
		room = min(room, left)
	}
	return max(0, room)
}

// Taken says how many places are taken.
func (p *Pool[J]) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.taken
}

func (p *Pool[J]) lane(id Lane) *node[J] {
	n := p.all
	for level, id := range id.path() {
		if n.below == nil {
			n.below = make(map[int64]*node[J])
		}
		next := n.below[id]
		if next == nil {
			next = &node[J]{id: id, bounds: p.bounds[level], above: n}
			n.below[id] = next
		}
		n = next
	}
	return n
}

func (p *Pool[J]) release(lane *node[J]) {
	for n := lane; n != nil; n = n.above {
		if n.taken--; n.taken == 0 && n.above != nil {
			delete(n.above.below, n.id)
		}
	}
}

// enqueue puts a lane in turn where it has a job that may run, and what is above it.
func (p *Pool[J]) enqueue(lane *node[J]) {
	for n := lane; n.above != nil; n = n.above {
		if !n.queued && len(n.ready)+len(n.waiting) > 0 && n.running < n.bounds.running {
			n.queued = true
			n.above.ready = append(n.above.ready, n)
		}
	}
}

// dispatch starts jobs, one of each owner in turn, in it of each group, and in that of each lane, as long as there is room.
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
func (p *Pool[J]) next() (lane *node[J], job J, ok bool) {
	if p.ctx == nil || p.all.running >= p.all.bounds.running || len(p.all.ready) == 0 {
		return nil, job, false
	}
	n := p.all
	n.running++
	for len(n.ready) > 0 {
		first := n.ready[0]
		n.ready = n.ready[1:]
		n = first
		n.queued = false
		n.running++
	}
	job = n.waiting[0]
	n.waiting = n.waiting[1:]
	p.enqueue(n)
	return n, job, true
}

// work runs a job, and goes on with the next one in its stead: its stack has grown to what a job needs.
func (p *Pool[J]) work(ctx context.Context, l *node[J], job J) {
	for ok := true; ok; l, job, ok = p.after(l) {
		p.run(ctx, job)
	}
}

// after gives the place of a job that has ended back and takes the next job.
func (p *Pool[J]) after(l *node[J]) (next *node[J], job J, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := l; n != nil; n = n.above {
		n.running--
	}
	p.release(l)
	p.enqueue(l)
	return p.next()
}
