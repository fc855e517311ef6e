package work

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

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
			if !p.Reserve(1) {
				t.Fatal("no place in the slow lane")
			}
			p.Start(1, true)
		}
		if p.Reserve(1) {
			t.Fatal("a 501st place in a lane of 500")
		}
		for range 100 {
			if !p.Reserve(2) {
				t.Fatal("no place in the fast lane")
			}
			p.Start(2, false)
		}
		time.Sleep(time.Second)
		if n := fast.Load(); n != 100 {
			t.Fatalf("after a second %d of 100 fast jobs are done", n)
		}
		if room := p.Room(2); room != 500 {
			t.Fatalf("room in the fast lane: %d", room)
		}
		time.Sleep(200 * time.Hour)
		p.Close()
	})
}

func TestLanesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []int64
		p := NewPool(Config{Running: 1, LaneRunning: 1, Places: 100, LanePlaces: 50}, func(_ context.Context, lane int64) {
			time.Sleep(time.Second)
			order = append(order, lane)
		})
		p.Open(t.Context())
		for _, lane := range []int64{1, 1, 1, 2, 2, 3} {
			p.Reserve(lane)
			p.Start(lane, lane)
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

func TestReservedPlacesComeBack(t *testing.T) {
	p := NewPool(Config{Running: 1, LaneRunning: 1, Places: 2, LanePlaces: 2}, func(context.Context, int) {})
	if p.Reserve(1) {
		t.Fatal("a place before Open")
	}
	p.Open(t.Context())
	if !p.Reserve(1) || !p.Reserve(2) || p.Reserve(3) {
		t.Fatal("want two places and no third")
	}
	p.Release(1)
	if !p.Reserve(3) || p.Taken() != 2 || len(p.lanes) != 2 {
		t.Fatalf("after a release: taken %d, lanes %d", p.Taken(), len(p.lanes))
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
