package demo

import (
	"strconv"
	"strings"
	"time"

	"flashpay/signature"
)

// view is what the page's template is made from. It holds copies: the book goes
// on while the page is written.
type view struct {
	ProjectID int64
	GateURL   string
	Min, Max  string // amounts in major units
	Burst     int
	Each      int
	Form      form
	Groups    []scenarioGroup
	Chosen    scenario

	Notice string // why a page or a button could not be served
	Down   string // why Gate does not answer; empty: it does, or was not asked yet
	Open   int    // payouts whose request has no usable answer
	Counts []count
	Say    string // the list in a sentence, for those who hear it
	Rows   []row
	Older  int // number below which there are more rows; 0: none
	Batch  *batchView
	Stray  []callbackView
	Way    *wayView // of one payout; nil on the list's page
}

type count struct {
	Number int
	Noun   string
	Tone   string
}

type row struct {
	Number  int
	ID      string
	Chip    chip
	Amount  string
	Account string
	Bank    string
	Stamp   stamp
	Proof   string // of its callbacks
}

// stamp is a moment as people and programs read it.
type stamp struct{ Short, Long, Machine string }

func stampOf(t time.Time) stamp {
	t = t.UTC()
	return stamp{t.Format("15:04:05.000"), t.Format("2 Jan 2006, 15:04:05 UTC"), t.Format(time.RFC3339Nano)}
}

// batchView tells how payouts fared that were sent at once.
type batchView struct {
	Sent, Answered, Accepted, Told int
	Answers, Callbacks             string // how long the last one took
	Done                           bool
}

const rowsOfPage = 50

// home makes the view of the list, before a payout's number where one is given.
func (s *Shop) home(f form, before int) *view {
	v := &view{
		ProjectID: s.cfg.ProjectID, GateURL: strings.TrimRight(s.cfg.GateURL, "/"), Min: formatAmount(minAmount), Max: formatAmount(maxAmount),
		Burst: burst, Form: f, Groups: s.scenarios, Chosen: scenarioOf(s.scenarios, f.Account),
	}
	for _, g := range s.scenarios {
		v.Each += len(g.Rows)
	}
	s.book.mu.RLock()
	defer s.book.mu.RUnlock()
	v.Down = s.book.down
	v.count(s.book.payouts)
	v.Batch = s.batch()
	newest := len(s.book.payouts)
	if before > 0 {
		newest = min(newest, before-1)
	}
	for n := newest; n > max(0, newest-rowsOfPage); n-- {
		v.Rows = append(v.Rows, s.row(s.book.payouts[n-1]))
	}
	if newest > rowsOfPage {
		v.Older = newest - rowsOfPage + 1
	}
	for i := len(s.book.stray) - 1; i >= 0; i-- {
		v.Stray = append(v.Stray, callbackOf(s.book.stray[i], time.Time{}))
	}
	return v
}

func (s *Shop) row(p *payout) row {
	r := row{Number: p.Number, ID: p.ID, Chip: chipOf(p), Stamp: stampOf(p.Since)}
	if e := p.decisive(); e != nil {
		r.Amount, r.Account = formatAmount(e.Request.Amount), e.Request.Account
		r.Bank = scenarioOf(s.scenarios, r.Account).Short
	} else if p.Fact != nil {
		r.Amount, r.Account = formatAmount(p.Fact.Amount), p.Fact.Account
	}
	verified, refused := 0, 0
	for _, c := range p.Callbacks {
		if c.Error != "" {
			refused++
			continue
		}
		verified++
	}
	if verified > 0 {
		r.Proof = plural(verified, "callback") + " verified"
	}
	if refused > 0 {
		r.Proof = strings.TrimPrefix(r.Proof+", "+plural(refused, "callback")+" refused", ", ")
	}
	return r
}

func (v *view) count(payouts []*payout) {
	kinds := []count{
		{Noun: "succeeded", Tone: toneGood},
		{Noun: "declined", Tone: toneBad},
		{Noun: "reversed", Tone: toneOdd},
		{Noun: "under way", Tone: toneBusy},
		{Noun: "not accepted", Tone: toneWait},
	}
	for _, p := range payouts {
		kinds[kindOf(p)].Number++
		if p.unanswered() {
			v.Open++
		}
	}
	words := []string{plural(len(payouts), "payout")}
	for _, k := range kinds {
		if k.Number > 0 {
			v.Counts = append(v.Counts, k)
			words = append(words, strconv.Itoa(k.Number)+" "+k.Noun)
		}
	}
	v.Say = strings.Join(words, ", ")
}

// kindOf returns a payout's place in the counts.
func kindOf(p *payout) int {
	c := chipOf(p)
	switch {
	case c.Tone == toneGood:
		return 0
	case p.Fact != nil && c.Tone == toneBad:
		return 1
	case c.Tone == toneOdd:
		return 2
	case p.Fact != nil || c.Tone == toneBusy || c.Tone == tonePlain:
		return 3
	}
	return 4
}

// batch tells of the last payouts that were sent at once; the caller holds the
// book's lock.
func (s *Shop) batch() *batchView {
	if s.book.batch == "" {
		return nil
	}
	var b batchView
	var first, answered, told time.Time
	for _, p := range s.book.payouts {
		if p.Batch != s.book.batch || len(p.Exchanges) == 0 {
			continue
		}
		b.Sent++
		e := p.Exchanges[0]
		if first.IsZero() || e.At.Before(first) {
			first = e.At
		}
		if e.Answer != nil {
			b.Answered++
			if e.Answer.Outcome == outcomeAccepted {
				b.Accepted++
			}
			for _, a := range e.Answer.Attempts {
				answered = latest(answered, a.At.Add(a.Took))
			}
		}
		if len(p.Callbacks) > 0 && p.Callbacks[0].Error == "" {
			b.Told++
			told = latest(told, p.Callbacks[0].At)
		}
	}
	b.Done = b.Answered == b.Sent
	b.Answers, b.Callbacks = span(answered.Sub(first)), span(told.Sub(first))
	return &b
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// signingStringOf returns what is signed of a body, in the order that fitted.
func signingStringOf(body, order string) string {
	v, err := signature.Parse([]byte(body))
	if err != nil {
		return ""
	}
	for _, o := range signature.Orders() {
		if o.String() == order {
			return string(signature.Canonical(v).SigningString(o))
		}
	}
	return ""
}

func signatureOf(body string) string {
	v, err := signature.Parse([]byte(body))
	if err != nil {
		return ""
	}
	sig, _ := signature.Find(v)
	return sig
}
