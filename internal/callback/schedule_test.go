package callback

import (
	"math"
	"testing"
	"time"
)

func TestScheduleIsThePublishedOne(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := start
	attempts := 0
	for {
		next, ok := Next(attempts, at)
		if !ok {
			break
		}
		attempts++
		want := 0.0 // the formula itself
		switch {
		case attempts == 1:
		case attempts <= 6:
			want = 10
		case attempts <= 68:
			want = math.Round(70 + 10*math.Pow(1.12, float64(attempts-4)))
		default:
			want = 4 * 60 * 60
		}
		if got := next.Sub(at); got != time.Duration(want)*time.Second {
			t.Errorf("before attempt %d: %s, want %v s", attempts, got, want)
		}
		at = next
	}
	if attempts != 120 {
		t.Errorf("%d attempts, want 120", attempts)
	}
	if days := at.Sub(start).Hours() / 24; days < 10.2 || days > 10.3 {
		t.Errorf("the schedule takes %.2f days, want about 10.2 and at most 11", days)
	}
}

func TestScheduleAtItsCorners(t *testing.T) {
	end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		made int
		want time.Duration
	}{
		{-1, 0},
		{0, 0},
		{1, 10 * time.Second},
		{5, 10 * time.Second},
		{6, 84 * time.Second},
		{67, 14194 * time.Second},
		{68, 4 * time.Hour},
		{119, 4 * time.Hour},
	} {
		if next, ok := Next(c.made, end); !ok || next.Sub(end) != c.want {
			t.Errorf("after %d attempts: %s, %v; want %s", c.made, next.Sub(end), ok, c.want)
		}
	}
	if period(68) >= lastPeriod {
		t.Errorf("the growing periods pass four hours: %s", period(68))
	}
	for _, made := range []int{120, 121, math.MaxInt} {
		if next, ok := Next(made, end); ok || !next.IsZero() {
			t.Errorf("after %d attempts there is another one: %s", made, next)
		}
	}
}
