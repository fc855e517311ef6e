package gate

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// PerProject limits each project to one request every so often on average, and burst at once. every must be positive,
// burst at least 1.
func PerProject(every time.Duration, burst int) Limiter {
	return &perProject{every: every, burst: burst, buckets: make(map[int64]*rate.Limiter)}
}

// perProject has one bucket for each project that ever sent a signed request: as many as there are projects.
type perProject struct {
	every time.Duration
	burst int

	mu      sync.Mutex
	buckets map[int64]*rate.Limiter
}

func (p *perProject) Allow(projectID int64) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock() // over the reservation too: nobody sees one that is about to be cancelled
	bucket := p.buckets[projectID]
	if bucket == nil {
		bucket = rate.NewLimiter(rate.Every(p.every), p.burst)
		p.buckets[projectID] = bucket
	}
	r := bucket.Reserve()
	wait := r.Delay()
	if wait > 0 {
		r.Cancel()
	}
	return wait, wait == 0
}
