package process

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"flashpay/internal/payout"
	"flashpay/internal/provider"
	"flashpay/internal/store"
	"flashpay/internal/work"
)

// bank is a provider with its limits and its circuit breaker.
type bank struct {
	provider provider.Provider
	name     string
	traits   provider.Traits
	together *together // nil: one transfer a call
	pool     *work.Pool[*store.Work]
	limiter  *rate.Limiter
	breaker  *gobreaker.CircuitBreaker[provider.Outcome]
	paused   atomic.Int64 // until when nothing is submitted, in microseconds: the bank is out of funds
}

func newBank(p provider.Provider, c Config, run func(context.Context, *store.Work)) *bank {
	b := &bank{provider: p, name: p.Name(), traits: p.Traits(), limiter: rate.NewLimiter(rate.Inf, 1)}
	if bulk, ok := p.(provider.BulkSubmitter); ok && b.traits.TransfersPerCall > 1 {
		b.together = &together{provider: p, bulk: bulk, most: b.traits.TransfersPerCall}
	}
	if b.traits.PerSecond > 0 {
		b.limiter = rate.NewLimiter(rate.Limit(b.traits.PerSecond), b.traits.PerSecond)
	}
	// Beside the calls that run, as many operations may wait with their intent committed as are submitted in a second or
	// two: well within their submit's deadline. One project may take all places, and lanes take turns.
	places := b.traits.Concurrency * 32
	b.pool = work.NewPool(work.Config{Running: b.traits.Concurrency, LaneRunning: b.traits.Concurrency, Places: places, LanePlaces: places}, run)
	b.breaker = gobreaker.NewCircuitBreaker[provider.Outcome](gobreaker.Settings{
		Name:        b.name,
		MaxRequests: 4,
		Interval:    time.Minute,
		Timeout:     c.Times.OutOfFunds / 6,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return n.ConsecutiveFailures >= 20 || n.Requests >= 100 && n.TotalFailures*2 > n.Requests
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errBlameless) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			c.Logger.Warn("process: circuit breaker", "provider", name, "from", from.String(), "to", to.String())
		},
	})
	return b
}

// Why a call counts in the breaker, or does not.
var (
	errNoAnswer  = errors.New("process: the provider gave no usable answer")
	errBlameless = errors.New("process: a failure that says nothing about the provider's health")
)

// takesSubmits tells whether operations may be handed to the provider now.
func (b *bank) takesSubmits(now time.Time) bool {
	return now.UnixMicro() >= b.paused.Load() && b.breaker.State() != gobreaker.StateOpen
}

// call makes one call through the breaker. refused is true where the breaker is open, and nothing was called.
func (b *bank) call(name string, f func() provider.Outcome) (out provider.Outcome, refused bool) {
	out, err := b.breaker.Execute(func() (provider.Outcome, error) {
		out := f()
		switch {
		case out.Blameless:
			return out, errBlameless
		case out.Kind == provider.Unknown, out.Kind == provider.NotSent && name == "submit":
			return out, errNoAnswer
		}
		return out, nil
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return provider.Outcome{Kind: provider.NotSent, Message: "the circuit breaker is open"}, true
	}
	return out, false
}

// submit hands an operation over. Its call ends at the deadline that was committed with the intent, so that nothing of
// ours can be on its way after it.
func (e *Engine) submit(ctx context.Context, b *bank, w *store.Work) {
	deadline := time.Now().Add(w.Operation.SubmitDeadline.Sub(e.store.Now()))
	out := provider.Outcome{Kind: provider.NotSent, Message: "it waited for its turn until its deadline"}
	if b.turn(ctx, deadline) {
		out, _ = b.call("submit", func() provider.Outcome { return b.submit(ctx, e.transferOf(w), deadline) })
	}
	if out.Kind == provider.Accepted && e.differs(w, out) == "" {
		e.accepted(w)
		return
	}
	e.hear(ctx, w, out, "submit")
}

// turn waits until the rate limit allows a submit; false where that is not before the deadline.
func (b *bank) turn(ctx context.Context, deadline time.Time) bool {
	if !time.Now().Before(deadline) {
		return false
	}
	if b.limiter.Limit() == rate.Inf {
		return true
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return b.limiter.Wait(ctx) == nil
}

func (b *bank) submit(ctx context.Context, t provider.Transfer, deadline time.Time) provider.Outcome {
	if b.together != nil {
		return b.together.submit(ctx, t, deadline)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return b.provider.Submit(ctx, t)
}

// inquire asks what became of an operation.
func (e *Engine) inquire(ctx context.Context, b *bank, w *store.Work) {
	call, cancel := context.WithTimeout(ctx, b.traits.InquireDeadline)
	defer cancel()
	query := provider.Query{Key: w.Operation.Key, ProjectID: w.Operation.ProjectID, Account: w.Account}
	out, refused := b.call("inquire", func() provider.Outcome { return b.provider.Inquire(call, query) })
	if now := e.store.Now(); refused && now.Before(w.Operation.ThresholdAt) {
		// Nothing was asked: the schedule does not count it, and it is asked when the breaker lets calls through again.
		e.step(ctx, w, store.Step{NextAt: earlier(now.Add(jitter(e.times.OutOfFunds/6)), w.Operation.ThresholdAt)})
		return
	}
	if refused {
		out.Kind = provider.Unknown
	}
	e.hear(ctx, w, out, "inquire")
}

// transferOf is what the provider is asked to execute.
func (e *Engine) transferOf(w *store.Work) provider.Transfer {
	return provider.Transfer{
		Key: w.Operation.Key, Reference: reference(w), ProjectID: w.Payment.ProjectID, PaymentID: w.Payment.PaymentID,
		Amount: w.Operation.Amount, Currency: w.Operation.Currency, Account: w.Account, Description: w.Payment.Description,
		Threshold: w.Operation.ThresholdAt,
		Details:   func() map[string]string { return details(w.Request, e.config.Known) },
	}
}

// pause stops submits to a provider for a while; what waits is not declined.
func (e *Engine) pause(b *bank, why string) {
	b.paused.Store(e.store.Now().Add(e.times.OutOfFunds).UnixMicro())
	e.log.Error("process: provider paused", "provider", b.name, "why", why, "code", payout.CodeProviderOutOfFunds, "for", e.times.OutOfFunds)
}
