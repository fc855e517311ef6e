package crashtest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// plan is everything that is random, made from the seed before anything starts. What it meets is not: processes and
// network keep their own time.
type plan struct {
	payouts []*wish // by number
	blows   []*blow
}

// wish is a payout that the merchant will request.
type wish struct {
	id      string
	account string
	ending  ending
	amount  int64 // minor units
	node    int   // whose Gate is asked first
	portion int   // the blow before which it is sent
	offset  time.Duration
	burst   bool          // sent just before the blow, so that the blow meets it half-way
	copied  time.Duration // a second sender sends the same this much later; 0: none
	refuse  int           // how many of its callbacks the merchant answers with 500
}

// blow ends a process, which is then started again at once; or, where it is an outage, has a node go through that.
type blow struct {
	outage   outage        // empty: it ends a process
	lasts    time.Duration // the outage
	victims  []victim
	term     bool          // SIGTERM instead of kill -9
	after    time.Duration // the blow before
	intoIt   time.Duration // after the burst has begun
	early    bool          // also where the victim is not ready yet
	holdDown bool          // started again only when another node has taken over what the victim had open
}

// victim is the bank, or a platform process by its number.
type victim int

const bankVictim victim = -1

// ending is a row of the sandbox table: the end of an account's number, and what must come of a payout to it.
type ending struct {
	digits string
	code   int // of the decline; 0: it succeeds
	weight int // how often it is chosen
	slow   bool
}

// endings are the rows that end by themselves. Slow ones take tens of seconds, so they come early.
var endings = []ending{
	{digits: "4598", weight: 30},
	{digits: "7731", weight: 14},
	{digits: "0001", code: 20000, weight: 3},
	{digits: "0002", code: 20102, weight: 3},
	{digits: "0003", code: 20106, weight: 3},
	{digits: "0004", code: 20204, weight: 3},
	{digits: "0005", code: 20501, weight: 3},
	{digits: "0006", weight: 5, slow: true},
	{digits: "0007", weight: 8},
	{digits: "0008", weight: 5, slow: true},
	{digits: "0010", weight: 5},
	{digits: "0011", weight: 7},
	{digits: "0014", weight: 5},
	{digits: "0015", weight: 6},
}

// held is the ending whose payouts a node keeps to itself for a while: the bank executes them 3 s later.
var held = ending{digits: "0015"}

const (
	minAmount = 1_500     // the method's least, in minor units
	maxAmount = 1_500_000 // its most

	// heldPayouts are added before a blow after which a node is held down, so that it has something to leave behind.
	heldPayouts = 5
)

func newPlan(random *rand.Rand, c *Config) *plan {
	p := &plan{}
	p.planBlows(random, c)
	p.planOutages(random, c)
	for n := range c.Payouts {
		portion := random.IntN(len(p.blows) + 1)
		e := chooseEnding(random, portion <= len(p.blows)/2)
		w := p.wish(random, e, portion, random.IntN(c.Nodes))
		w.burst = portion < len(p.blows) && random.IntN(3) > 0
		w.offset = p.offset(random, w)
		if n%7 == 0 {
			w.copied = time.Duration(1+random.IntN(200)) * time.Millisecond
		}
	}
	for i, b := range p.blows {
		for range heldPayouts {
			if b.holdDown {
				p.wish(random, held, i, int(b.victims[0])).burst = true
			}
		}
	}
	return p
}

// wish adds a payout to the plan.
func (p *plan) wish(random *rand.Rand, e ending, portion, node int) *wish {
	n := len(p.payouts) + 1
	w := &wish{
		id: fmt.Sprintf("Crash-%04d", n), account: "109" + fmt.Sprintf("%06d", n) + e.digits, ending: e,
		amount: minAmount + random.Int64N(maxAmount-minAmount+1), portion: portion, node: node,
	}
	if random.IntN(6) == 0 {
		w.refuse = 1 + random.IntN(2)
	}
	p.payouts = append(p.payouts, w)
	return w
}

// offset is when within its portion a payout is sent.
func (p *plan) offset(random *rand.Rand, w *wish) time.Duration {
	if w.burst {
		return time.Duration(random.Int64N(int64(20 * time.Millisecond)))
	}
	gap := defaultGap
	if w.portion < len(p.blows) {
		gap = p.blows[w.portion].after
	}
	return time.Duration(random.Int64N(int64(gap) + 1))
}

// planBlows spreads kills, and one orderly restart for three of them, over the test's duration. Platform nodes are
// killed in turn; every third kill is the bank's, and now and then both go at once.
func (p *plan) planBlows(random *rand.Rand, c *Config) {
	total := c.Kills + c.Kills/3
	node := random.IntN(c.Nodes)
	for i := 0; i < total; i++ {
		b := &blow{early: random.IntN(5) == 0, intoIt: time.Duration(random.Int64N(int64(40 * time.Millisecond)))}
		if i%3 == 1 {
			b.victims = []victim{bankVictim}
		} else {
			b.victims = []victim{victim(node)}
			node = (node + 1) % c.Nodes
		}
		p.blows = append(p.blows, b)
	}
	p.chooseTerms(random, total-c.Kills)
	p.chooseSpecial(random, c)
	for _, b := range p.blows {
		mean := int64(c.Duration) / int64(total)
		b.after = time.Duration(mean/5 + random.Int64N(mean*8/5+1))
	}
}

// chooseTerms makes n of the blows orderly restarts; neither the first nor the last.
func (p *plan) chooseTerms(random *rand.Rand, n int) {
	for _, i := range random.Perm(max(0, len(p.blows)-2)) {
		if n > 0 {
			p.blows[i+1].term = true
			p.blows[i+1].early = false
			n--
		}
	}
}

// chooseSpecial has each of two nodes stay down once, and some kills take platform and bank at the same time.
func (p *plan) chooseSpecial(random *rand.Rand, c *Config) {
	downs := make(map[victim]bool)
	for i, b := range p.blows {
		v := b.victims[0]
		switch {
		case b.term || v == bankVictim:
		case c.Nodes == 2 && !downs[v]:
			downs[v], b.holdDown, b.early, b.intoIt = true, true, false, 400*time.Millisecond
		case i > 2 && random.IntN(5) == 0:
			b.victims = append(b.victims, bankVictim)
		}
	}
}

func chooseEnding(random *rand.Rand, slow bool) ending {
	sum := 0
	for _, e := range endings {
		sum += e.weight
	}
	for {
		n := random.IntN(sum)
		for _, e := range endings {
			if n -= e.weight; n < 0 {
				if e.slow && !slow {
					break
				}
				return e
			}
		}
	}
}

// sum is the most that all payouts of a plan can cost.
func (p *plan) sum() int64 {
	var sum int64
	for _, w := range p.payouts {
		sum += w.amount
	}
	return sum
}

// portion lists the payouts to be sent before a blow: those of its burst, or the others.
func (p *plan) portion(n int, burst bool) []*wish {
	var out []*wish
	for _, w := range p.payouts {
		if w.portion == n && w.burst == burst {
			out = append(out, w)
		}
	}
	return out
}

// String names a victim as logs and reports do.
func (v victim) String() string {
	if v == bankVictim {
		return "bank"
	}
	return "platform-" + strconv.Itoa(int(v)+1)
}
