package sample

import (
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// fate is what becomes of a payout.
type fate uint8

const (
	paid         fate = iota // at once
	slow                     // the bank takes its time: found by inquiry
	lost                     // the answer is lost: found by inquiry
	again                    // did not reach the bank, sent again, paid
	refused                  // by the bank, with code
	barred                   // by the method's limits
	poor                     // the balance did not suffice
	late                     // declined at the threshold, and paid after all
	unpaid                   // declined at the threshold; hours later the bank says that it was not paid
	unanswered               // declined at the threshold; the bank never said what became of it
	contradicted             // paid, and then the bank says that it refused
)

// rare are the fates that few payouts have, how many in 10,000, and how long before the year's end they must begin.
// Of each there is at least one.
var rare = []struct {
	fate   fate
	share  int
	before time.Duration
}{
	{slow, 260, 2 * time.Hour},
	{lost, 90, time.Hour},
	{again, 50, time.Hour},
	{late, 6, 3 * 24 * time.Hour},
	{unpaid, 10, 3 * 24 * time.Hour},
	{unanswered, 4, 40 * 24 * time.Hour},
	{contradicted, 6, 4 * 24 * time.Hour},
}

// refusals are the codes with which banks refuse, how many in 10,000 payouts, and the banks' own words for them.
var refusals = []struct {
	code, share int
	reason      string
}{
	{payout.CodeGeneralDecline, 70, "MS03"},
	{payout.CodeAccountData, 120, "AC01"},
	{20106, 45, "AC04"},
	{20204, 40, "AC06"},
	{20501, 45, "NARR"},
}

// chooseFates gives the payouts their fates: at places drawn by lot, so that a small year has all of them too.
func (p *plan) chooseFates() {
	n := len(p.payouts)
	for _, f := range rare {
		for range max(1, n*f.share/10_000) {
			if i := p.plain(f.before, nil); i != nil {
				i.fate = f.fate
			}
		}
	}
	for _, f := range refusals {
		for range max(1, n*f.share/10_000) {
			if i := p.plain(time.Hour, nil); i != nil {
				i.fate, i.code = refused, f.code
			}
		}
	}
	for k := range max(2, n/100) {
		i := p.plain(time.Hour, &p.config.Shop)
		if i == nil {
			continue
		}
		i.fate = barred
		if k%2 == 0 {
			i.code, i.amount = payout.CodeBelowLimit, p.method.Min-100*(1+p.random.Int64N(9))
		} else {
			i.code, i.amount = payout.CodeAboveLimit, p.method.Max+50_000*(1+p.random.Int64N(20))
		}
	}
	for range max(1, n/2500) { // a partner's endpoint that has long been switched off
		if i := p.plain(45*24*time.Hour, &p.config.Shop); i != nil {
			i.callbackURL = gone
		}
	}
}

// plain draws a payout, of one project or any, that nothing special happens to, and that begins so long before the end;
// not in the month of short funds, which may decline it.
func (p *plan) plain(before time.Duration, project *Project) *planned {
	for range 1000 {
		i := p.payouts[p.random.IntN(len(p.payouts))]
		if i.fate == paid && i.callbackURL == "" && (project == nil || i.project == project) && i.at.Before(p.end.Add(-before)) && p.month(i.at) != shortMonth {
			return i
		}
	}
	return nil
}

// move is one step of a payout's operation after its acceptance.
type move struct {
	at      time.Time
	lease   bool // it is handed to the bank again: nothing else is set
	step    store.Step
	call    string // submit, inquire or notification
	outcome string // what the bank said
	message string // in its own words
}

// calls add to the moves of a payout.
type calls struct {
	plan *plan
	of   *planned
	at   time.Time
}

// after lets time pass.
func (c *calls) after(from, to time.Duration) { c.at = c.at.Add(between(c.plan.random, from, to)) }

// says adds a move: what the bank says to a call.
func (c *calls) says(call, outcome, message string, step store.Step) {
	if step.Event != 0 {
		step.Kind = step.Event.String()
	}
	step.Inquired = call == "inquire"
	c.of.moves = append(c.of.moves, move{at: c.at, step: step, call: call, outcome: outcome, message: message})
}

func (c *calls) succeeds(call string) {
	c.says(call, "succeeded", "", store.Step{
		Event: payout.Succeeded, ProviderPaymentID: c.plan.bankName(c.at), AuthCode: digits(c.plan.random, 6),
	})
}

func (c *calls) unknown() {
	c.after(10*time.Second, 11*time.Second)
	c.says("submit", "unknown", "no answer within 10s", store.Step{Kind: "unknown"})
}

// planMoves decides what happens to a payout after its acceptance.
func (p *plan) planMoves(i *planned) {
	c := &calls{plan: p, of: i, at: i.at}
	switch i.fate {
	case barred, poor:
	case slow:
		c.after(1500*time.Millisecond, 2*time.Second)
		c.says("inquire", "accepted", "", store.Step{})
		c.after(3*time.Minute, 55*time.Minute)
		c.succeeds("inquire")
	case lost:
		c.unknown()
		c.after(2*time.Second, 4*time.Second)
		c.succeeds("inquire")
	case again:
		c.after(50*time.Millisecond, 300*time.Millisecond)
		c.says("submit", "not sent", "no connection", store.Step{Event: payout.NotSent})
		c.after(time.Second, 1200*time.Millisecond)
		i.moves = append(i.moves, move{at: c.at, lease: true})
		c.after(time.Second, 4*time.Second)
		c.succeeds("submit")
	case refused:
		c.after(400*time.Millisecond, 8*time.Second)
		c.says("submit", "declined", reasonOf(i.code), store.Step{Event: payout.Declined, Code: i.code, ProviderPaymentID: p.bankName(c.at)})
	case late, unpaid, unanswered:
		c.pastThreshold()
	case contradicted:
		c.after(400*time.Millisecond, 6*time.Second)
		c.succeeds("submit")
		c.after(20*time.Hour, 44*time.Hour)
		c.says("notification", "declined", reasonOf(20000), store.Step{Event: payout.Declined, Code: 20000})
	default:
		p.atOnce(c)
	}
}

// atOnce is the way of most: the bank pays within seconds.
func (p *plan) atOnce(c *calls) {
	slower := p.random.IntN(8) == 0
	switch {
	case slower:
		c.after(2*time.Second, 9*time.Second)
	case c.of.answer > 0:
		c.at = c.at.Add(c.of.answer)
	default:
		c.after(400*time.Millisecond, 3*time.Second)
	}
	c.succeeds("submit")
}

// pastThreshold is the way of those whose outcome is not known at their threshold.
func (c *calls) pastThreshold() {
	c.unknown()
	c.at = c.of.at.Add(c.plan.threshold)
	c.after(100*time.Millisecond, 900*time.Millisecond)
	c.says("inquire", "accepted", "", store.Step{Event: payout.Threshold, Code: payout.CodeAutoDecline})
	switch c.of.fate {
	case late:
		c.after(2*time.Hour, 7*time.Hour)
		c.succeeds("inquire")
	case unpaid:
		c.after(2*time.Hour, 7*time.Hour)
		c.says("inquire", "declined", "AC06", store.Step{Event: payout.Declined, Code: 20204})
	default:
		c.after(30*24*time.Hour, 30*24*time.Hour+time.Hour)
		c.says("inquire", "unknown", "no answer within 10s", store.Step{Event: payout.GivenUp})
	}
}

func reasonOf(code int) string {
	for _, f := range refusals {
		if f.code == code {
			return f.reason
		}
	}
	return ""
}

// bankName is how the bank names a transfer.
func (p *plan) bankName(at time.Time) string {
	return "KG" + at.In(bishkek).Format("060102") + digits(p.random, 8)
}
