package sample

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"flashpay/internal/callback"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// gone is the address of an endpoint that no longer exists: callbacks to it are given up.
const gone = "https://partner.example.kg/payouts/notify"

// attempt is one attempt to deliver a payout's callback.
type attempt struct {
	at       time.Time
	duration time.Duration
	status   int
	fault    string
	answer   string
	state    store.CallbackState // what becomes of the callback
	next     time.Time
}

// window is a time during which the shop's endpoint did not answer as it should.
type window struct {
	from, to time.Time
	failure  failure
}

// failure is how an attempt fails.
type failure struct {
	status      int
	fault       string
	answer      string
	least, most time.Duration
}

var (
	badGateway = failure{http.StatusBadGateway, "", "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", 20 * time.Millisecond, 90 * time.Millisecond}
	broken     = failure{http.StatusInternalServerError, "", `{"error":"could not save"}`, 60 * time.Millisecond, 900 * time.Millisecond}
	silent     = failure{0, "connected, but no answer within 15s", "", 15 * time.Second, 15*time.Second + 20*time.Millisecond}
	refusing   = failure{0, "no connection: connect: connection refused", "", time.Millisecond, 4 * time.Millisecond}
	nameless   = failure{0, "the host name partner.example.kg is not known", "", 2 * time.Millisecond, 30 * time.Millisecond}
)

// planDark decides when the shop's endpoint was down: around payouts, so that each time is seen.
func (p *plan) planDark() {
	for k, f := range []failure{badGateway, refusing, silent, badGateway} {
		rest := p.payouts[len(p.payouts)*(2*k+1)/8:]
		i := rest[max(0, slices.IndexFunc(rest, func(i *planned) bool { return i.project == &p.config.Shop }))]
		from := i.at.Add(-between(p.random, time.Minute, 10*time.Minute))
		p.dark = append(p.dark, window{from, i.at.Add(between(p.random, 4*time.Minute, 70*time.Minute)), f})
	}
}

// announced is when the event of a payout's final status was made.
func (i *planned) announced() time.Time {
	for _, m := range i.moves {
		switch m.step.Event {
		case payout.Succeeded, payout.Declined, payout.Threshold:
			return m.at
		}
	}
	return i.at
}

// planAttempts decides how the callback of a payout fared.
func (p *plan) planAttempts(i *planned) {
	hiccups := 0
	if p.random.IntN(60) == 0 {
		hiccups = 1 + p.random.IntN(3)
	}
	at := i.announced().Add(between(p.random, time.Millisecond, 5*time.Millisecond))
	for n := 1; ; n++ {
		a := attempt{at: at, status: http.StatusOK, answer: "OK", state: store.CallbackDelivered}
		a.duration = between(p.random, 25*time.Millisecond, 420*time.Millisecond)
		if f, failed := p.fails(i, at, n <= hiccups); failed {
			a.status, a.fault, a.answer = f.status, f.words(), f.answer
			a.duration = between(p.random, f.least, f.most)
			next, goesOn := callback.Next(n, at.Add(a.duration))
			a.state, a.next = store.CallbackGivenUp, time.Time{}
			if goesOn {
				a.state, a.next = store.CallbackPending, next
			}
		}
		i.attempts = append(i.attempts, a)
		if a.state != store.CallbackPending {
			return
		}
		at = a.next.Add(between(p.random, time.Millisecond, 9*time.Millisecond))
	}
}

// fails tells whether an attempt fails, and how.
func (p *plan) fails(i *planned, at time.Time, hiccup bool) (failure, bool) {
	if i.callbackURL == gone {
		return nameless, true
	}
	for _, w := range p.dark {
		if i.project == &p.config.Shop && at.After(w.from) && at.Before(w.to) {
			return w.failure, true
		}
	}
	if hiccup && at.Before(p.end.Add(-time.Hour)) {
		return []failure{broken, badGateway, silent}[p.random.IntN(3)], true
	}
	return failure{}, false
}

// words are what the delivery log says of a failure.
func (f failure) words() string {
	if f.fault == "" {
		return fmt.Sprintf("answered %d: only 200 acknowledges", f.status)
	}
	return f.fault
}

func digits(r *rand.Rand, n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte('0' + r.IntN(10))
	}
	return string(out)
}
