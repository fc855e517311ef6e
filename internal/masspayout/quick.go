package masspayout

import (
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/accept"
)

// Most rows of a file differ from one before in an id, a sum and an account, and in nothing that the rules connect. Such a row
// is judged cell by cell against the good one; whatever is new in it has it judged by all rules.

// pattern is a good row that rows like it are compared with.
type pattern struct {
	cells      []string
	columns    []patternColumn
	payout     Payout
	kind       *alike
	prechecker *accept.Prechecker
}

// patternColumn says how a cell may differ from the pattern's.
type patternColumn struct {
	how   difference
	code  bool // machines read it
	place int  // among the members that kind judges
	most  int  // bytes that are surely within the limit which only files have; 0: there is none
	plan  *memberPlan
}

type difference uint8

const (
	fixed   difference = iota // not at all
	free                      // in any way: it is not read
	inSum                     // as a sum does
	inValue                   // as the member's own rules allow
)

// maxPatterns is how many different good rows are remembered, the one that fitted last at the front.
const maxPatterns = 8

// quick tells whether a row is good because it is like one that was, and fills in r if so.
func (j *judge) quick(r *row) bool {
	if len(j.cells) != len(j.head.columns) {
		return false
	}
	for i, p := range j.patterns {
		if j.like(p, &r.payout) {
			if i > 0 {
				j.patterns[0], j.patterns[i] = p, j.patterns[0]
			}
			r.good = true
			return true
		}
	}
	return false
}

// like tells whether the row at hand is as good as a pattern.
func (j *judge) like(p *pattern, out *Payout) bool {
	amount := p.payout.Amount
	for i := range p.columns {
		c, cell := &p.columns[i], j.cells[i]
		if c.how == free || cell == p.cells[i] {
			continue
		}
		if c.how == fixed || cell == "" || p.cells[i] == "" {
			return false
		}
		if c.how == inSum {
			if amount = plainSum(cell); amount == 0 {
				return false
			}
		}
		if !j.mayStand(p, c, cell) {
			return false
		}
	}
	id, number := j.at(j.own.paymentID), j.at(j.own.account)
	if len(id) == len(samplePaymentID) && strings.EqualFold(id, samplePaymentID) || !p.prechecker.Passes(amount, number) || zerosLost(number) != "" {
		return false
	}
	*out = p.payout
	out.PaymentID, out.Amount, out.Account, out.Currency = id, amount, number, j.at(j.own.currency)
	out.Cost = p.prechecker.Cost(amount)
	return true
}

// mayStand tells whether a value is good in a column by itself.
func (j *judge) mayStand(p *pattern, c *patternColumn, cell string) bool {
	switch {
	case c.code && (!isPlain(cell) || isScientific(cell)), !c.code && textHabit(cell) != "",
		c.most > 0 && len(cell) > c.most, j.semicolons && strings.IndexByte(cell, ';') >= 0:
		return false
	}
	if c.plan.edit != nil {
		cell = c.plan.edit(cell)
	}
	v := c.plan.kind.Value(cell)
	return p.kind.members.Passes(c.place, &v)
}

// plainSum is the sum that a cell holds, as amount reads it; 0 where it is none.
func plainSum(cell string) int64 {
	if !isDigits(cell) || cell[0] == '0' {
		return 0
	}
	n, err := strconv.ParseInt(cell, 10, 64)
	if err != nil || n > maxAmount {
		return 0
	}
	return n
}

// remember makes a pattern of the row at hand, which all rules found good and about which nothing is to be told.
func (j *judge) remember(payout Payout) {
	kind, _ := j.kindOf(&payout)
	a := j.kinds[kind]
	if a == nil || a.patterned || j.mayBeAmbiguous() || len(j.cells) != len(j.head.columns) {
		return
	}
	a.patterned = true
	p := &pattern{cells: make([]string, len(j.cells)), columns: make([]patternColumn, len(j.cells)), payout: payout, kind: a}
	p.prechecker = j.rules.Payouts.Prechecker(&accept.Candidate{Project: payout.Project, Method: payout.Method, Currency: strings.Clone(payout.Currency)}, j.rules.Now)
	if p.prechecker == nil {
		return
	}
	place := 0
	for i := range j.flat {
		if j.cells[j.flat[i].cell] != "" {
			c := &p.columns[j.flat[i].cell]
			c.how, c.plan, c.place = inValue, &j.flat[i], place
			place++
		}
	}
	for i, cell := range j.cells {
		c, column := &p.columns[i], &j.head.columns[i]
		p.cells[i], c.code = strings.Clone(cell), column.code
		switch {
		case column.use == ours, column.use == unused && column.name != "":
			c.how = free
		case slices.Contains(connected, column.name):
			c.how = fixed
		case column.name == colAmount:
			c.how = inSum
		}
	}
	for i, limit := range ownLimits {
		if at := j.own.limited[i]; at >= 0 {
			p.columns[at].most = limit.most
		}
	}
	p.payout.PaymentID, p.payout.Account, p.payout.Currency = "", "", ""
	p.payout.Cost = accept.Cost{}
	j.patterns = append([]*pattern{p}, j.patterns[:min(len(j.patterns), maxPatterns-1)]...)
}

// connected are the columns whose value has a say in what the others may hold.
var connected = []string{colOperationType, colProject, colMethod, colCurrency, colOperationID, colRegion}
