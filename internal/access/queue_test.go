package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// guests is a queue with one turn, and what became of those who waited.
type guests struct {
	*queue
	mu     sync.Mutex
	served []string
	busy   map[string]int
}

// come has n guests of a source ask for a turn, each of whom keeps it for a tenth of a second.
func (g *guests) come(source string, n int) {
	for range n {
		go func() {
			err := g.wait(context.Background(), source)
			g.mu.Lock()
			defer g.mu.Unlock()
			if err != nil {
				g.busy[source]++
				return
			}
			g.served = append(g.served, source)
			time.AfterFunc(100*time.Millisecond, g.release)
		}()
		synctest.Wait()
	}
}

// look hands out what the queue and its guests are at, when nothing moves.
func (g *guests) look(see func()) {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue.mu.Lock()
	defer g.queue.mu.Unlock()
	see()
}

func (g *guests) empty(t *testing.T) {
	t.Helper()
	g.look(func() { g.checkEmpty(t) })
}

func (g *guests) checkEmpty(t *testing.T) {
	t.Helper()
	if g.waiting != 0 || g.free != 1 || len(g.sources)+len(g.order) != 0 {
		t.Errorf("%d wait, %d turns free, %v, %v", g.waiting, g.free, g.sources, g.order)
	}
}

func newGuests() *guests { return &guests{queue: newQueue(1), busy: map[string]int{}} }

// Whoever floods the sign-in waits behind himself, and everybody else has the next turn but one.
func TestSourcesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuests()
		g.come("flood", 100)
		g.look(func() {
			if g.busy["flood"] != 100-1-maxFromSource {
				t.Errorf("%d of a flood of 100 were sent away", g.busy["flood"])
			}
		})
		g.come("a", 1)
		g.come("b", 1)
		time.Sleep(10 * time.Second)
		g.look(func() {
			if want := []string{"flood", "flood", "a", "b", "flood"}; !slices.Equal(g.served[:5], want) || len(g.served) != 1+maxFromSource+2 {
				t.Errorf("served %v", g.served)
			}
		})
		g.empty(t)
	})
}

// A flood from many networks that fills the queue makes room for one that has fewer in it.
func TestAFullQueueMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuests()
		for i := range maxWaiting {
			g.come(fmt.Sprint("flood", i%(maxWaiting/maxFromSource+1)), 1)
		}
		g.come("flood0", 5)
		g.look(func() {
			if g.waiting != maxWaiting {
				t.Errorf("%d wait, want %d", g.waiting, maxWaiting)
			}
		})
		g.come("honest", 1)
		time.Sleep(5 * time.Second)
		g.look(func() {
			if g.busy["honest"] != 0 || !slices.Contains(g.served, "honest") || g.waiting == 0 {
				t.Errorf("served %v, busy %v", g.served, g.busy)
			}
		})
		time.Sleep(time.Minute)
		g.empty(t)
	})
}

// Nobody waits longer than the patience, and whoever goes away gives up the place.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		if err := q.wait(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := q.wait(t.Context(), "b"); !errors.Is(err, ErrBusy) || time.Since(began) != hashPatience {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := q.wait(ctx, "b"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		q.release()
		if q.free != 1 || q.waiting != 0 || len(q.sources)+len(q.order) != 0 {
			t.Errorf("%d turns free, %d wait", q.free, q.waiting)
		}
	})
}
