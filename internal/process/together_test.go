package process

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/provider"
)

// lender is a provider whose calls take a while and are written down.
type lender struct {
	provider.Provider
	takes  time.Duration
	silent bool // tells no outcome

	mu    sync.Mutex
	calls []string
}

func (p *lender) note(ctx context.Context, keys ...string) provider.Outcome {
	p.mu.Lock()
	p.calls = append(p.calls, strings.Join(keys, "+"))
	p.mu.Unlock()
	timer := time.NewTimer(p.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return provider.Outcome{Kind: provider.Accepted}
	case <-ctx.Done():
		return provider.Outcome{Kind: provider.Unknown}
	}
}

func (p *lender) Submit(ctx context.Context, t provider.Transfer) provider.Outcome {
	if ctx.Err() != nil {
		return provider.Outcome{Kind: provider.NotSent}
	}
	return p.note(ctx, t.Key)
}

func (p *lender) SubmitBulk(ctx context.Context, all []provider.Transfer, told func(int, provider.Outcome)) {
	var keys []string
	for _, t := range all {
		keys = append(keys, t.Key)
	}
	o := p.note(ctx, keys...)
	for i := range all {
		if !p.silent || i == 0 {
			o.PaymentID = all[i].Key
			told(i, o)
			told(i, provider.Outcome{Kind: provider.Declined}) // twice: the first one holds
		}
	}
}

// hand submits keys one after the other, without waiting, and collects their outcomes.
type hand struct {
	*together
	wg       sync.WaitGroup
	mu       sync.Mutex
	outcomes map[string]provider.Outcome
}

func newHand(p *lender) *hand {
	return &hand{together: &together{provider: p, bulk: p, most: 3}, outcomes: make(map[string]provider.Outcome)}
}

func (h *hand) submit(ctx context.Context, deadline time.Duration, keys ...string) {
	for _, key := range keys {
		until := time.Now().Add(deadline)
		h.wg.Go(func() {
			o := h.together.submit(ctx, provider.Transfer{Key: key}, until)
			h.mu.Lock()
			defer h.mu.Unlock()
			h.outcomes[key] = o
		})
		synctest.Wait()
	}
}

// places are the calls' places that are taken, once everything has come to rest.
func (h *hand) places() int {
	synctest.Wait()
	h.together.mu.Lock()
	defer h.together.mu.Unlock()
	return h.together.calls
}

func TestWhatWaitsGoesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &lender{takes: 20 * time.Millisecond}
		h := newHand(p)
		h.submit(t.Context(), 10*time.Second, "a", "b", "c", "d", "e", "f")
		h.wg.Wait()
		// Two calls at once; what waits meanwhile goes together, at most three in a call.
		slices.Sort(p.calls) // those that begin at one moment may be written down in any order
		if want := []string{"a", "b", "c+d+e", "f"}; !slices.Equal(p.calls, want) {
			t.Errorf("calls %q, want %q", p.calls, want)
		}
		for _, key := range []string{"c", "d", "e"} {
			if o := h.outcomes[key]; o.Kind != provider.Accepted || o.PaymentID != key {
				t.Errorf("%s: %+v", key, o)
			}
		}
		if n := h.places(); n != 0 {
			t.Errorf("%d places of calls were not given back", n)
		}
	})
}

// TestASlowCallDelaysNoOther has every call take very long: each gives up its place after quickCall.
func TestASlowCallDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &lender{takes: 9 * time.Second}
		h := newHand(p)
		began := time.Now()
		h.submit(t.Context(), 10*time.Second, "a", "b", "c", "d", "e", "f", "g", "h")
		h.wg.Wait()
		if took := time.Since(began); took > 9*time.Second+3*quickCall {
			t.Errorf("all took %v", took)
		}
		if n := h.places(); len(h.outcomes) != 8 || n != 0 {
			t.Errorf("%d outcomes, %d places of calls not given back", len(h.outcomes), n)
		}
	})
}

// TestDeadlinesOfSubmits has a call end at the earliest deadline in it, and lets none that is far nearer in.
func TestDeadlinesOfSubmits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &lender{takes: time.Hour}
		h := newHand(p)
		began := time.Now()
		h.submit(t.Context(), 10*time.Second, "a", "b")
		h.submit(t.Context(), 20*time.Millisecond, "past") // over before its turn comes
		h.submit(t.Context(), 10*time.Second, "c", "d")
		h.submit(t.Context(), 3*time.Second, "near")
		h.wg.Wait()
		if took := time.Since(began); took > 10*time.Second+quickCall {
			t.Errorf("the last call ended after %v", took)
		}
		slices.Sort(p.calls) // those that begin at one moment may be written down in any order
		if want := []string{"a", "b", "c+d", "near"}; !slices.Equal(p.calls, want) {
			t.Errorf("calls %q, want %q", p.calls, want)
		}
		for key, o := range h.outcomes {
			want := provider.Unknown
			if key == "past" {
				want = provider.NotSent
			}
			if o.Kind != want {
				t.Errorf("%s: %+v, want %v", key, o, want)
			}
		}
	})
}

// TestACallEndsAtItsEarliestDeadline: what goes with others is not on its way after its own deadline.
func TestACallEndsAtItsEarliestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &lender{takes: time.Hour}
		h := newHand(p)
		began := time.Now()
		h.submit(t.Context(), time.Second, "a", "b")
		h.submit(t.Context(), 10*time.Second, "c")
		h.submit(t.Context(), 10*time.Second-sameDeadline, "d")
		h.wg.Wait()
		slices.Sort(p.calls)
		if took, want := time.Since(began), []string{"a", "b", "c+d"}; took != 10*time.Second-sameDeadline || !slices.Equal(p.calls, want) {
			t.Errorf("calls %q, the last of which ended after %v; want %q, until the deadline of d", p.calls, took, want)
		}
	})
}

// TestAnOutcomeThatIsNotTold is unknown, never lost.
func TestAnOutcomeThatIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &lender{takes: time.Millisecond, silent: true}
		h := newHand(p)
		h.submit(t.Context(), 10*time.Second, "a", "b", "c", "d")
		h.wg.Wait()
		if got := fmt.Sprint(h.outcomes["c"].Kind, h.outcomes["d"].Kind); got != "accepted unknown" {
			t.Errorf("c and d: %s", got)
		}
	})
}
