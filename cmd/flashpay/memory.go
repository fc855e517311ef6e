package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// tuneMemory trades memory for speed: a busy server makes much short-lived garbage and keeps little, so it collects when
// the heap has grown to five times what lives, not twice. The more lives, the less that is worth: from there on garbage is
// bounded. GOGC and GOMEMLIMIT, where set, decide instead.
func tuneMemory() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		tuneOnce()
	}
}

var tuneOnce = sync.OnceFunc(func() {
	t := &gcTuner{percent: mostGC}
	debug.SetGCPercent(t.percent)
	t.await()
})

const (
	leastGC, mostGC = 100, 400 // garbage to what lives, in per cent
	gcGarbage       = 64 << 20 // bytes of it, as long as that is more than leastGC
	gcStep          = 25       // a smaller change is not worth its halt
)

// gcPercent is how much garbage there may be beside so many bytes that live, in per cent of them.
func gcPercent(live uint64) int {
	return int(min(max(100*gcGarbage/max(live, 1), leastGC), mostGC))
}

// gcTuner sets the garbage collector after each of its rounds, by what that found alive.
type gcTuner struct{ percent int }

// await has the tuner called after the next round.
func (t *gcTuner) await() {
	runtime.AddCleanup(new(gcRound), func(t *gcTuner) { t.tune() }, t)
}

// gcRound is found dead by the next round.
type gcRound struct{ _ *byte }

func (t *gcTuner) tune() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if p := gcPercent(live[0].Value.Uint64()); p >= t.percent+gcStep || p <= t.percent-gcStep || p != t.percent && (p == leastGC || p == mostGC) {
		t.percent = p
		debug.SetGCPercent(p)
	}
	t.await()
}
