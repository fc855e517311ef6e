package demo

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// live tells open pages that something has changed. What, they ask for.
type live struct {
	mu    sync.Mutex
	pages map[chan struct{}]bool
}

func newLive() *live { return &live{pages: map[chan struct{}]bool{}} }

func (l *live) changed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for page := range l.pages {
		select {
		case page <- struct{}{}:
		default: // it has been told and has not looked yet
		}
	}
}

func (l *live) join() (page chan struct{}, leave func()) {
	page = make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pages[page] = true
	return page, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.pages, page)
	}
}

const (
	heartbeat   = 15 * time.Second
	minInterval = 100 * time.Millisecond // between two words to one page
)

// serveEvents is a stream of server-sent events, one each time that something
// has changed.
func (s *Shop) serveEvents(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // a server may not have any; then it needs none lifted
	w.Header().Set("Content-Type", "text/event-stream")
	page, leave := s.live.join()
	defer leave()
	fmt.Fprint(w, "retry: 1000\n\n")
	for out.Flush() == nil {
		select {
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		case <-page:
			fmt.Fprint(w, "event: change\ndata: .\n\n")
			if out.Flush() != nil {
				return
			}
			pause(r, minInterval)
		case <-time.After(heartbeat):
			fmt.Fprint(w, ": still here\n\n")
		}
	}
}

func pause(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}
