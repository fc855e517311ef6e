package process

import (
	"context"
	"sync"
	"time"

	"flashpay/internal/provider"
)

// together submits to a provider that takes several transfers in one call: while calls run, what comes waits, and goes
// with the next one. A transfer that comes while little is under way goes at once and alone.
type together struct {
	provider provider.Provider
	bulk     provider.BulkSubmitter
	most     int // transfers in one call

	mu      sync.Mutex
	waiting []*submitting
	calls   int // under way, and quick so far
}

// submitting is a transfer on its way to its provider.
type submitting struct {
	provider.Transfer
	deadline time.Time // after it nothing may be sent
	outcome  chan provider.Outcome
}

const (
	// quickCalls is how many calls run at once while they are quick: the fewer, the more transfers share one.
	quickCalls = 2
	// quickCall is how long a call may take for the next one to wait for its end. A slow one gives up its place, so that
	// what one transfer waits for delays none that is not in its call.
	quickCall = 50 * time.Millisecond
	// sameDeadline is how far apart the deadlines of transfers in one call may be: it ends at the earliest.
	sameDeadline = time.Second
)

// submit hands one transfer over and returns its outcome. Nothing of it is sent after the deadline.
func (g *together) submit(ctx context.Context, t provider.Transfer, deadline time.Time) provider.Outcome {
	s := &submitting{Transfer: t, deadline: deadline, outcome: make(chan provider.Outcome, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, s)
	if g.calls < quickCalls {
		g.calls++
		go g.run(ctx)
	}
	g.mu.Unlock()
	return <-s.outcome
}

// run makes one call after the other while transfers wait.
func (g *together) run(ctx context.Context) {
	for {
		batch := g.take()
		if len(batch) == 0 {
			return
		}
		slow := time.AfterFunc(quickCall, func() { g.run(ctx) })
		g.call(ctx, batch)
		if !slow.Stop() {
			return // its place is another's
		}
	}
}

// take takes what goes into the next call; without any, the call's place is given back.
func (g *together) take() []*submitting {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for n < len(g.waiting) && n < g.most && g.waiting[n].deadline.Sub(g.waiting[0].deadline).Abs() <= sameDeadline {
		n++
	}
	batch := append([]*submitting(nil), g.waiting[:n]...)
	rest := copy(g.waiting, g.waiting[n:])
	clear(g.waiting[rest:])
	g.waiting = g.waiting[:rest]
	if n == 0 {
		g.calls--
	}
	return batch
}

// call makes one call and gives each transfer its outcome.
func (g *together) call(ctx context.Context, batch []*submitting) {
	end := batch[0].deadline
	for _, s := range batch {
		if s.deadline.Before(end) {
			end = s.deadline
		}
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	if len(batch) == 1 {
		batch[0].outcome <- g.provider.Submit(ctx, batch[0].Transfer)
		return
	}
	transfers := make([]provider.Transfer, len(batch))
	for i, s := range batch {
		transfers[i] = s.Transfer
	}
	told := make([]bool, len(batch))
	g.bulk.SubmitBulk(ctx, transfers, func(i int, o provider.Outcome) {
		if !told[i] {
			told[i] = true
			batch[i].outcome <- o
		}
	})
	for i, s := range batch {
		if !told[i] {
			s.outcome <- provider.Outcome{Kind: provider.Unknown, Message: "the provider's adapter told no outcome"}
		}
	}
}
