package demo

import (
	"strings"
	"sync"
	"time"
)

// book is all that the shop knows, built from the journal's records.
type book struct {
	mu      sync.RWMutex
	payouts []*payout          // by Number, from 1
	byID    map[string]*payout // by folded payment id
	stray   []*received        // refused callbacks that name no payout of ours
	refused int                // callbacks, in the journal
	batch   string             // the last one
	down    string             // why Gate did not answer last time; empty: it did
}

// payout is one payment id and what happened under it.
type payout struct {
	Number    int
	ID        string
	Batch     string
	Since     time.Time
	Exchanges []*exchange // none: it was requested elsewhere
	Callbacks []*received
	Queries   []*query
	Marks     []mark
	Fact      *fact // the latest; nil: none yet
}

// exchange is a request and, once there is one, its answer.
type exchange struct {
	At       time.Time
	Request  *request
	Answer   *answer // nil: under way
	Attempts []attempt
	Done     chan struct{} // closed with the answer
}

// received is a callback. Repeats of it are counted.
type received struct {
	At    time.Time
	Body  string
	Fact  *fact
	Order string
	Error string // why it was refused
	Times int
	Last  time.Time
}

// query is a status query.
type query struct {
	At    time.Time
	Fact  *fact
	Body  string
	Error string
}

// mark is a point on a payout's timeline.
type mark struct {
	At    time.Time
	Title string
	Note  string
	Tone  string // as of chips
}

func newBook() *book { return &book{byID: map[string]*payout{}} }

// fold makes ids comparable as the platform compares them, without regard to
// case. It does so letter by letter, which the ids that the page makes never
// need more than.
func fold(id string) string { return strings.ToLower(strings.ToUpper(id)) }

func (b *book) find(id string) *payout { return b.byID[fold(id)] }

func (b *book) number(n int) *payout {
	if n < 1 || n > len(b.payouts) {
		return nil
	}
	return b.payouts[n-1]
}

// at returns the payout of an id, a new one where there is none.
func (b *book) at(id string, since time.Time) *payout {
	if p := b.find(id); p != nil {
		return p
	}
	p := &payout{Number: len(b.payouts) + 1, ID: id, Since: since}
	b.payouts = append(b.payouts, p)
	b.byID[fold(id)] = p
	return p
}

// last returns the newest exchange, nil where there is none.
func (p *payout) last() *exchange {
	if len(p.Exchanges) == 0 {
		return nil
	}
	return p.Exchanges[len(p.Exchanges)-1]
}

// decisive returns the exchange that tells what became of the payout. One that
// was accepted does; then one whose outcome is unknown, whatever a later one was
// refused for; and other content under the same id never does.
func (p *payout) decisive() *exchange {
	var unknown, latest *exchange
	for _, e := range p.Exchanges {
		switch {
		case e.Answer != nil && e.Answer.Outcome == outcomeAccepted:
			return e
		case e.Request.Why == whyChanged:
		case e.Answer != nil && e.Answer.Outcome == outcomeUnknown:
			unknown = e
			latest = e
		default:
			latest = e
		}
	}
	if unknown != nil && latest.Answer != nil {
		return unknown
	}
	return latest
}

// free reports whether the platform has refused all that was sent under the id,
// so that other content may be sent under it.
func (p *payout) free() bool {
	for _, e := range p.Exchanges {
		if e.Answer == nil || e.Answer.Outcome == outcomeAccepted || e.Answer.Outcome == outcomeUnknown {
			return false
		}
	}
	return p.Fact == nil
}

// unanswered reports whether nobody knows, or Gate cannot know, of the payout,
// and nothing is being done about it: its request should be sent again.
func (p *payout) unanswered() bool {
	e := p.decisive()
	return e != nil && p.Fact == nil && p.last().Answer != nil &&
		(e.Answer.Outcome == outcomeUnknown || e.Answer.Outcome == outcomeUnsent)
}

// apply enters a record. The caller holds the lock.
func (b *book) apply(r *record) {
	switch r.Kind {
	case kindRequest:
		p := b.at(r.PaymentID, r.At)
		p.Exchanges = append(p.Exchanges, &exchange{At: r.At, Request: r.Request, Done: make(chan struct{})})
		if r.Batch != "" {
			p.Batch, b.batch = r.Batch, r.Batch
		}
		p.Marks = append(p.Marks, requestMark(r))
	case kindAnswer:
		b.applyAnswer(r)
	case kindCallback:
		p := b.at(r.PaymentID, r.At)
		p.Callbacks = append(p.Callbacks, &received{At: r.At, Body: r.Body, Fact: r.Fact, Order: r.Order, Times: 1, Last: r.At})
		p.learn(r.At, r.Fact, "callback, verified")
	case kindAgain:
		if c := b.at(r.PaymentID, r.At).known(r.Body); c != nil {
			c.Times, c.Last = c.Times+1, r.At
		}
	case kindRefused:
		b.applyRefused(r)
	case kindStatus:
		p := b.at(r.PaymentID, r.At)
		p.Queries = append(p.Queries, &query{At: r.At, Fact: r.Fact, Body: r.Body, Error: r.Error})
		if r.Fact != nil {
			b.down = ""
			p.learn(r.At, r.Fact, "status query")
		}
	}
}

func (b *book) applyAnswer(r *record) {
	p := b.find(r.PaymentID)
	if p == nil || p.last() == nil || p.last().Answer != nil {
		return
	}
	e := p.last()
	e.Answer, e.Attempts = r.Answer, r.Answer.Attempts
	close(e.Done)
	p.Marks = append(p.Marks, answerMark(r, e))
	b.down = ""
	if n := len(e.Attempts); n > 0 && (e.Attempts[n-1].Status == 0 || e.Attempts[n-1].Status >= 500) {
		b.down = trouble(e.Attempts[n-1])
	}
}

const keptStray = 20

func (b *book) applyRefused(r *record) {
	b.refused++
	c := &received{At: r.At, Body: r.Body, Error: r.Error, Times: 1, Last: r.At}
	if p := b.find(r.PaymentID); p != nil {
		p.Callbacks = append(p.Callbacks, c)
		p.Marks = append(p.Marks, mark{r.At, "Callback refused", "its signature does not verify", "bad"})
		return
	}
	b.stray = append(b.stray, c)
	if len(b.stray) > keptStray {
		b.stray = b.stray[1:]
	}
}

// learn takes the platform's word where it says more than is known.
func (p *payout) learn(at time.Time, f *fact, source string) {
	if !f.outranks(p.Fact) {
		return
	}
	if p.Fact == nil || p.Fact.Status != f.Status {
		p.Marks = append(p.Marks, factMark(at, f, source))
	}
	p.Fact = f
}

// known returns the verified callback with this very body, nil if there is none.
func (p *payout) known(body string) *received {
	for _, c := range p.Callbacks {
		if c.Error == "" && c.Body == body {
			return c
		}
	}
	return nil
}
