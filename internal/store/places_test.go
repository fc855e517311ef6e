package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// places counts what becomes of places that are reserved in an engine, or in a dispatcher.
type places struct {
	mu                                 sync.Mutex
	full                               bool
	reserved, started, released, woken int
}

func (p *places) count(n *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*n++
}

func (p *places) reserve() bool {
	if p.full {
		return false
	}
	p.count(&p.reserved)
	return true
}

func (p *places) check(t *testing.T, name string, started, released, woken int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started != started || p.released != released || p.reserved != started+released || p.woken != woken {
		t.Errorf("%s: of %d places %d used and %d given back, woken %d times; want %d, %d and %d", name, p.reserved, p.started, p.released, p.woken, started, released, woken)
	}
	p.reserved, p.started, p.released, p.woken = 0, 0, 0, 0
}

// engine and dispatcher are places as the store sees them.
type (
	engine     struct{ places }
	dispatcher struct{ places }
)

func (e *engine) Reserve(int64, string) (time.Duration, bool) { return time.Minute, e.reserve() }
func (e *engine) Release(int64, string)                       { e.count(&e.released) }
func (e *engine) Start(w *store.Work) {
	if w.Submit && w.Account != "" { // else nobody would be paid
		e.count(&e.started)
	}
}
func (e *engine) Wake()                            { e.count(&e.woken) }
func (e *engine) Notify(*store.StoredNotification) {}

func (d *dispatcher) Reserve(int64, int64) bool { return d.reserve() }
func (d *dispatcher) Release(int64, int64)      { d.count(&d.released) }
func (d *dispatcher) Start(*store.CallbackJob)  { d.count(&d.started) }
func (d *dispatcher) Wake()                     { d.count(&d.woken) }

// Each place that a request reserves is used once, or given back once, whatever becomes of the request: else a node would
// run out of them.
func TestEachPlaceIsUsedOrGivenBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		createProject(t, s, 210, 1000)
		e, d := &engine{}, &dispatcher{}
		s.SetEngine(e)
		s.SetDispatcher(d)
		accept := func(id string, amount int64, want error) {
			t.Helper()
			if _, err := s.Accept(t.Context(), newPayout(210, id, amount)); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", id, err, want)
			}
		}
		accept("p", 100, nil)
		e.check(t, "accepted", 1, 0, 0)
		accept("p", 100, nil)
		accept("p", 101, store.ErrOtherData)
		e.check(t, "there already", 0, 2, 0)
		d.check(t, "nothing to tell", 0, 0, 0)
		accept("dear", 5000, nil)
		e.check(t, "declined", 0, 1, 0)
		d.check(t, "declined", 1, 0, 0)
		s.LoseNextCommitsAnswer()
		accept("dear, its answer lost", 5000, nil)
		e.check(t, "declined, its answer lost", 0, 1, 0)
		d.check(t, "declined, its answer lost", 0, 1, 0)
		if err := s.Together(t.Context(), func() { accept("twice", 200, nil) }, func() { accept("twice", 200, nil) }); err != nil {
			t.Fatal(err)
		}
		e.check(t, "twice in one commit", 1, 1, 0)
		e.full = true
		accept("late", 100, nil)
		e.check(t, "no place", 0, 0, 1)
	})
}
