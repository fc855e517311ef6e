package sample

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
)

// plan is all that happens in the year, decided beforehand: so a call that was interrupted is taken up by the next.
type plan struct {
	start, end time.Time
	method     method.Currency // its limits
	threshold  time.Duration
	payouts    []*planned // in the order of their acceptance
	files      []*file    // of payouts
	tariffs    []agreed
	imports    []imported // of rates
	acts       []act      // in the order of their times

	random *rand.Rand
	config *Config
	dark   []window // when the shop's endpoint did not answer
	orders int      // number of the newest order
	manual int      // of the newest payout by hand

	costs     accept.Service // says what a payout costs
	agreement map[*Project]*merchant.Project
	employees []*person
}

// planned is one payout of the plan.
type planned struct {
	project     *Project
	at          time.Time // of its acceptance
	id          string
	amount      int64 // minor units
	currency    string
	cost        int64 // what the balance pays, with the fee: minor units of the project's own currency
	file        *file // that it stands in; nil: it was sent by itself
	payee       *person
	account     string
	description string
	purpose     string        // what the sender says it is for
	callbackURL string        // of the request; empty: the project's own
	hands       int           // interface_type
	answer      time.Duration // after which the bank answers all of one sending; 0: each by itself
	fate        fate
	code        int // that declines it, where its fate is refused, barred or poor
	moves       []move
	attempts    []attempt
}

// act is one thing that happens.
type act struct {
	at     time.Time
	kind   actKind
	payout *planned
	number int // of its move or attempt
	top    topUp
	tariff *agreed
	rates  *imported
	file   *file
}

type actKind uint8

const (
	tariffAct actKind = iota + 1
	ratesAct
	topUpAct
	acceptAct
	fileAct
	moveAct
	attemptAct
	sealAct
)

// newPlan makes the plan. The method's limits decide what is too little and too much.
func newPlan(c *Config, start time.Time, m *method.Method) *plan {
	limits, _ := m.Currency("KGS")
	p := &plan{
		start: start, end: start.AddDate(0, 0, days), method: limits, threshold: m.Threshold, config: c, orders: 4500,
		random: rand.New(rand.NewPCG(c.Seed, 0x666c617368706179)),
	}
	p.planRates()
	p.planAgreements(m)
	wages, market := c.Payouts*9/20, 0
	if c.Market.ID != 0 {
		market = c.Payouts / 10
	}
	p.spread(c.Payouts-wages-market, "customer", p.shopPayout)
	p.spread(market, "seller", p.marketPayout)
	p.planWages(wages)
	slices.SortStableFunc(p.payouts, func(a, b *planned) int { return a.at.Compare(b.at) })
	p.planDark()
	p.chooseFates()
	for _, i := range p.payouts {
		p.planMoves(i)
		i.cost = p.costOf(i, m)
	}
	p.planFiles(m)
	tops := p.planFunds()
	for _, i := range p.payouts {
		if i.fate == refused && i.code == payout.CodeAccountData {
			i.account = mistype(i.account)
		}
		p.planAttempts(i)
	}
	p.arrange(tops)
	return p
}

// spread spreads payouts to people of one kind over the year.
func (p *plan) spread(n int, kind string, payout func(at time.Time, people []*person) *planned) {
	if n == 0 {
		return
	}
	people := newPeople(p.random, kind, max(n/3, 10))
	first := midnight(p.start)
	weights, all := make([]int, days+1), 0
	for d := range weights {
		weights[d] = dayWeight(first.AddDate(0, 0, d), d)
		all += weights[d]
	}
	seen, given := 0, 0
	for d, w := range weights {
		seen += w
		day := make([]time.Time, n*seen/all-given)
		given += len(day)
		for k := range day {
			day[k] = someTime(p.random, first.AddDate(0, 0, d))
		}
		slices.SortFunc(day, time.Time.Compare)
		for _, at := range day {
			if at.After(p.start.Add(time.Hour)) && at.Before(p.end.Add(-time.Hour)) {
				p.payouts = append(p.payouts, payout(at.UTC(), people))
			}
		}
	}
}

func (p *plan) shopPayout(at time.Time, people []*person) *planned {
	r := p.random
	seller := r.IntN(10) < 3
	payee := people[min(r.IntN(len(people)), r.IntN(len(people)))] // some come often
	p.orders += 1 + r.IntN(4)
	i := &planned{
		project: &p.config.Shop, at: at, id: fmt.Sprintf("order-%d-%06d", at.In(bishkek).Year(), p.orders), payee: payee, account: payee.account,
		description: orderText(payee.language, p.orders, seller), purpose: "refund", hands: accept.InterfaceGate, currency: "KGS",
	}
	if seller {
		i.purpose = "payment to a seller"
		i.amount = p.sum(420_000)
	} else {
		i.amount = p.sum(125_000)
	}
	if hour := at.In(bishkek).Hour(); workday(at.In(bishkek)) && hour >= 9 && hour < 18 && r.IntN(20) == 0 {
		p.manual++
		i.hands, i.id = accept.InterfaceDashboard, fmt.Sprintf("manual-%d-%04d", at.In(bishkek).Year(), p.manual)
	}
	return i
}

// around is an amount around a middle one: mostly near it, sometimes a multiple or a fraction of it.
func (p *plan) around(middle int64) int64 {
	amount := middle
	for range 12 {
		amount = amount * (72 + p.random.Int64N(60)) / 100
	}
	return amount
}

// sum is an amount in som around a middle one, within the method's limits, mostly whole and ending in 0 or 9.
func (p *plan) sum(middle int64) int64 {
	amount := p.around(middle)
	switch p.random.IntN(10) {
	case 0: // to the tyiyn
	case 1, 2, 3:
		amount = amount/1000*1000 + 900
	default:
		amount = amount / 1000 * 1000
	}
	return max(p.method.Min, min(amount, p.method.Max))
}

// planWages spreads the wages over the paydays: more people work there in the end than at the beginning.
func (p *plan) planWages(n int) {
	due := paydays(p.start, p.end)
	weights, all := make([]int, len(due)), 0
	for k := range due {
		weights[k] = 60 + 80*k/len(due)
		all += weights[k]
	}
	most := n*weights[len(due)-1]/all + 1
	people := newPeople(p.random, "employee", max(most+most/10+1, bonuses))
	p.employees = people
	wages := make([]int64, len(people)) // of a month
	for k := range wages {
		wages[k] = p.sum(900_000)
	}
	seen, given := 0, 0
	for k, day := range due {
		seen += weights[k]
		today := n*seen/all - given
		given += today
		at := day.day.Add(10*time.Hour + between(p.random, 0, 90*time.Minute))
		gone := p.random.IntN(len(people) - today + 1) // who is on leave
		var answer time.Duration
		for left, e := 0, 0; e < today; left, e = left-1, e+1 {
			if left == 0 { // the next sending
				left = 8 + p.random.IntN(18)
				at = at.Add(between(p.random, 2*time.Second, 9*time.Second))
				answer = between(p.random, 400*time.Millisecond, 1900*time.Millisecond)
			}
			who := e
			if e >= today/2 {
				who += gone
			}
			i := p.wage(at.UTC(), day, people[who], who+1, wages[who])
			i.answer = answer
			p.payouts = append(p.payouts, i)
		}
	}
}

func (p *plan) wage(at time.Time, day payday, payee *person, number int, monthly int64) *planned {
	kind, amount := "salary", monthly*6/10
	if day.advance {
		kind, amount = "advance", monthly*4/10
	}
	i := &planned{
		project: &p.config.Salaries, at: at, payee: payee, account: payee.account, amount: max(amount/100*100, p.method.Min),
		id:          fmt.Sprintf("%s-%d-%02d-%03d", kind, day.month.Year(), day.month.Month(), number),
		description: wagesText(payee.language, day), purpose: "wages", hands: accept.InterfaceDashboard, currency: "KGS",
	}
	if number%6 == 0 { // of the office whose programs pay by themselves
		i.hands = accept.InterfaceGate
	}
	return i
}

// arrange puts everything that happens into one order.
func (p *plan) arrange(tops []topUp) {
	for _, top := range tops {
		p.acts = append(p.acts, act{at: top.at, kind: topUpAct, top: top})
	}
	for k := range p.tariffs {
		p.acts = append(p.acts, act{at: p.tariffs[k].at, kind: tariffAct, tariff: &p.tariffs[k]})
	}
	for k := range p.imports {
		p.acts = append(p.acts, act{at: p.imports[k].at, kind: ratesAct, rates: &p.imports[k]})
	}
	for _, f := range p.files {
		p.acts = append(p.acts, act{at: f.at, kind: fileAct, file: f})
	}
	for _, i := range p.payouts {
		if i.file == nil {
			p.acts = append(p.acts, act{at: i.at, kind: acceptAct, payout: i})
		}
		for k := range i.moves {
			p.acts = append(p.acts, act{at: i.moves[k].at, kind: moveAct, payout: i, number: k})
		}
		for k := range i.attempts {
			p.acts = append(p.acts, act{at: i.attempts[k].at, kind: attemptAct, payout: i, number: k})
		}
	}
	for day := midnight(p.start).AddDate(0, 0, 1); day.Before(p.end); day = day.AddDate(0, 0, 1) {
		p.acts = append(p.acts, act{at: day.UTC(), kind: sealAct})
	}
	slices.SortStableFunc(p.acts, func(a, b act) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.kind, b.kind)) })
}

// declined is the code that the consistency check declines it with; 0: it is accepted.
func (i *planned) declined() int {
	if i.fate == barred || i.fate == poor {
		return i.code
	}
	return payout.CodeSuccess
}
