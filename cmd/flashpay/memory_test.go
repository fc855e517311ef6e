package main

import "testing"

func TestGarbageIsBoundedByWhatLives(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 400}, {10 << 20, 400}, {16 << 20, 400}, {32 << 20, 200}, {50 << 20, 128}, {64 << 20, 100}, {1 << 40, 100}} {
		if got := gcPercent(c.live); got != c.want {
			t.Errorf("%d MB: %d per cent, want %d", c.live>>20, got, c.want)
		}
	}
}
