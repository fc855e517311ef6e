package work

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func inLane(id int64) Lane { return Lane{ID: id} }

func TestSlowLaneDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fast atomic.Int64
		p := NewPool(Config{Running: 8, LaneRunning: 4, Places: 1000, LanePlaces: 500}, func(_ context.Context, slow bool) {
			if slow {
				time.Sleep(time.Hour)
				return
			}
			time.Sleep(time.Millisecond)
			fast.Add(1)
		})
		p.Open(t.Context())
		for range 500 {
			if !p.Reserve(inLane(1)) {
				t.Fatal("no place in the slow lane")
			}
			p.Start(inLane(1), true)
		}
		if p.Reserve(inLane(1)) {
			t.Fatal("a 501st place in a lane of 500")
		}
		for range 100 {
			if !p.Reserve(inLane(2)) {
				t.Fatal("no place in the fast lane")
			}
			p.Start(inLane(2), false)
		}
		time.Sleep(time.Second)
		if n := fast.Load(); n != 100 {
			t.Fatalf("after a second %d of 100 fast jobs are done", n)
		}
		if room := p.Room(inLane(2)); room != 500 {
			t.Fatalf("room in the fast lane: %d", room)
		}
		time.Sleep(200 * time.Hour)
		p.Close()
	})
}

func TestLanesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []int64
		p := NewPool(Config{Running: 1, LaneRunning: 1, Places: 100, LanePlaces: 50}, func(_ context.Context, id int64) {
			time.Sleep(time.Second)
			order = append(order, id)
		})
		p.Open(t.Context())
		for _, id := range []int64{1, 1, 1, 2, 2, 3} {
			p.Reserve(inLane(id))
			p.Start(inLane(id), id)
		}
		time.Sleep(time.Minute)
		p.Close()
		want := []int64{1, 2, 3, 1, 2, 1}
		for i := range want {
			if order[i] != want[i] {
				t.Fatalf("order %v, want %v", order, want)
			}
		}
	})
}

// A group with many lanes gets no more than its share of the jobs that run, its turn, and its places.
func TestGroupsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []Lane
		running, most := map[int64]int{}, map[int64]int{}
		var mu sync.Mutex
		p := NewPool(Config{Running: 3, GroupRunning: 2, LaneRunning: 1, Places: 100, GroupPlaces: 20, LanePlaces: 10}, func(_ context.Context, l Lane) {
			mu.Lock()
			order = append(order, l)
			running[l.Group]++
			most[l.Group] = max(most[l.Group], running[l.Group])
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running[l.Group]--
			mu.Unlock()
		})
		p.Open(t.Context())
		start := func(l Lane) bool {
			ok := p.Reserve(l)
			if ok {
				p.Start(l, l)
			}
			return ok
		}
		for id := range int64(20) {
			if !start(Lane{0, 1, id}) {
				t.Fatalf("no place %d in a group of 20", id)
			}
		}
		if p.Room(Lane{0, 1, 99}) != 0 || start(Lane{0, 1, 99}) {
			t.Fatal("a 21st place in a group of 20")
		}
		for range 5 {
			if !start(Lane{0, 2, 1}) {
				t.Fatal("no place in another group")
			}
		}
		synctest.Wait()
		mu.Lock()
		began := slices.Clone(order)
		if len(began) != 3 || most[1] != 2 || most[2] != 1 {
			t.Errorf("%v began, want two of the first group and one of the second", began)
		}
		mu.Unlock()
		time.Sleep(time.Minute)
		p.Close()
		other := 0
		for _, l := range order[:15] {
			if l.Group == 2 {
				other++
			}
		}
		if len(order) != 25 || other != 5 || most[1] != 2 || p.Taken() != 0 || len(p.all.below) != 0 {
			t.Fatalf("%d ran, %d of the second group among the first 15, at once %v, %d taken, %d owners", len(order), other, most, p.Taken(), len(p.all.below))
		}
	})
}

// An owner with many groups gets no more than its share, either, and its groups take turns.
func TestOwnersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []Lane
		c := Config{Running: 1, GroupRunning: 1, LaneRunning: 1, Places: 100, OwnerPlaces: 20, GroupPlaces: 15, LanePlaces: 10}
		p := NewPool(c, func(_ context.Context, l Lane) {
			time.Sleep(time.Second)
			order = append(order, l)
		})
		p.Open(t.Context())
		start := func(l Lane, n int) (started int) {
			for range n {
				if p.Reserve(l) {
					p.Start(l, l)
					started++
				}
			}
			return started
		}
		for id := range int64(12) {
			start(Lane{1, 1, id}, 1)
		}
		if n := start(Lane{1, 2, 0}, 20); n != 8 {
			t.Errorf("another group of an owner of 20 places got %d beside 12", n)
		}
		if n := start(Lane{2, 3, 0}, 3); n != 3 {
			t.Errorf("another owner got %d places of 3", n)
		}
		time.Sleep(time.Minute)
		p.Close()
		want := []Lane{{1, 1, 0}, {2, 3, 0}, {1, 2, 0}, {2, 3, 0}, {1, 1, 1}, {2, 3, 0}, {1, 2, 0}, {1, 1, 2}, {1, 2, 0}, {1, 1, 3}}
		if !slices.Equal(order[:len(want)], want) || len(order) != 23 || len(p.all.below) != 0 {
			t.Errorf("%d ran: %v\nwant first %v", len(order), order, want)
		}
	})
}

func TestReservedPlacesComeBack(t *testing.T) {
	p := NewPool(Config{Running: 1, LaneRunning: 1, Places: 2, LanePlaces: 2}, func(context.Context, int) {})
	if p.Reserve(inLane(1)) {
		t.Fatal("a place before Open")
	}
	p.Open(t.Context())
	if !p.Reserve(inLane(1)) || !p.Reserve(inLane(2)) || p.Reserve(inLane(3)) {
		t.Fatal("want two places and no third")
	}
	p.Release(inLane(1))
	if !p.Reserve(inLane(3)) || p.Taken() != 2 || len(p.all.below[0].below[0].below) != 2 {
		t.Fatalf("after a release: taken %d, lanes %v", p.Taken(), p.all.below[0].below[0].below)
	}
}

func TestLoopPollsAtOnceWhenWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var polls atomic.Int64
		l := NewLoop(time.Hour, func(context.Context) bool { polls.Add(1); return false })
		ctx, cancel := context.WithCancel(t.Context())
		go l.Run(ctx)
		time.Sleep(time.Second)
		l.Wake()
		time.Sleep(time.Second)
		if polls.Load() != 2 {
			t.Fatalf("%d polls, want the first and the woken one", polls.Load())
		}
		time.Sleep(2 * time.Hour)
		if polls.Load() != 4 {
			t.Fatalf("%d polls after two more hours", polls.Load())
		}
		cancel()
	})
}
