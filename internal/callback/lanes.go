package callback

import (
	"cmp"
	"sync"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/work"
)

// class is what is known of a lane's endpoint, by the time that it took to answer.
type class int

const (
	untried class = iota
	quick
	slow
	classes
)

// Each class of endpoints has a pool of its own, so that any number of dead or slow endpoints takes no place from one
// that is known to be quick, and little time from one that is not known yet. An attempt that takes longer than slowAfter
// moves to the slow pool, and its lane with it. In each pool the merchants take turns, in a merchant its projects, and in a
// project its lanes. No merchant fills a pool, however many projects it has and hosts it names, and no project a merchant's
// share.
var pools = [classes]work.Config{
	untried: {
		Running: 256, OwnerRunning: 192, GroupRunning: 144, LaneRunning: 1,
		Places: 4096, OwnerPlaces: 2048, GroupPlaces: 1536, LanePlaces: 256,
	},
	quick: {
		Running: 512, OwnerRunning: 256, GroupRunning: 192, LaneRunning: 64,
		Places: 16384, OwnerPlaces: 10240, GroupPlaces: 8192, LanePlaces: 4096,
	},
	slow: {
		Running: 512, OwnerRunning: 128, GroupRunning: 96, LaneRunning: 16,
		Places: 2048, OwnerPlaces: 512, GroupPlaces: 384, LanePlaces: 32,
	},
}

// merchants knows whose the projects are. What it has said of one it goes on to say, so that a place is given back where it
// was taken.
type merchants struct{ of sync.Map }

// owner is the merchant of a project, or a number of the project's own where it is no merchant's. false: not known yet.
func (m *merchants) owner(s *store.Store, projectID int64) (int64, bool) {
	if o, ok := m.of.Load(projectID); ok {
		return o.(int64), true
	}
	p, ok := s.Project(projectID)
	if !ok {
		return 0, false
	}
	o, _ := m.of.LoadOrStore(projectID, ownerOf(p))
	return o.(int64), true
}

func ownerOf(p *merchant.Project) int64 { return cmp.Or(p.MerchantID, -p.ID) }

const (
	// slowAfter is how long an attempt to a quick endpoint may take.
	slowAfter = time.Second
	// quickAgain is how many attempts in a row must be quick for a slow lane to be quick again.
	quickAgain = 8
	// knownLanes bounds the memory of lanes; beyond it everything is forgotten and found out again.
	knownLanes = 200_000
)

// laneBook knows the lanes' classes, and where places are reserved for them.
type laneBook struct {
	mu       sync.Mutex
	known    map[work.Lane]int          // quick attempts that a lane still lacks to be quick
	reserved [classes]map[work.Lane]int // places that are neither started nor released
}

func newLaneBook() *laneBook {
	b := &laneBook{known: make(map[work.Lane]int)}
	for c := range b.reserved {
		b.reserved[c] = make(map[work.Lane]int)
	}
	return b
}

// class says what is known of a lane.
func (b *laneBook) class(lane work.Lane) class {
	b.mu.Lock()
	defer b.mu.Unlock()
	missing, known := b.known[lane]
	switch {
	case !known:
		return untried
	case missing == 0:
		return quick
	}
	return slow
}

// mark learns from an attempt.
func (b *laneBook) mark(lane work.Lane, wasQuick bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	missing, known := b.known[lane]
	switch {
	case !wasQuick:
		missing = quickAgain
	case missing > 0:
		missing--
	}
	if !known && len(b.known) >= knownLanes {
		clear(b.known)
	}
	b.known[lane] = missing
}

// reserve notes a reserved place.
func (b *laneBook) reserve(lane work.Lane, c class) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserved[c][lane]++
}

// use takes back a note of a place of this lane, and says in which pool the place is. Places of one lane and pool are
// all alike, so it does not matter which of them is used.
func (b *laneBook) use(lane work.Lane) class {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c, places := range b.reserved {
		switch n := places[lane]; n {
		case 0:
			continue
		case 1:
			delete(places, lane)
		default:
			places[lane] = n - 1
		}
		return class(c)
	}
	panic("callback: a place was used that had not been reserved")
}
