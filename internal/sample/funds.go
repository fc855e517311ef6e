package sample

import (
	"fmt"
	"slices"
	"time"

	"flashpay/internal/payout"
)

// topUp is one top-up of a project's balance.
type topUp struct {
	at      time.Time
	project *Project
	amount  int64  // minor units
	in      string // currency
	reason  string
	before  int64 // sum of the project's earlier ones: tells which are done
}

const (
	shortMonth = 8    // in it the shop's money comes late
	roundTo    = 1000 // 10.00: to what top-ups are rounded up
)

// planFunds decides the top-ups: monthly, so that the balances suffice, but for one month of the shop's, in which payouts
// are declined until more is paid in.
func (p *plan) planFunds() []topUp {
	var tops []topUp
	for k, project := range p.config.projects() {
		book := &funds{plan: p, project: project, reference: 1040 + 100*k}
		for _, i := range p.payouts {
			if i.project == project {
				book.payouts = append(book.payouts, i)
			}
		}
		tops = append(tops, book.year()...)
	}
	return tops
}

// funds is a project's balance as the plan goes along.
type funds struct {
	plan      *plan
	project   *Project
	payouts   []*planned // in order
	available int64
	paidIn    int64
	coming    []coming // holds that will return, in order
	tops      []topUp
	reference int
}

// coming is a hold that returns.
type coming struct {
	at     time.Time
	amount int64
}

// month counts the calendar's months since the beginning.
func (p *plan) month(at time.Time) int {
	from, to := p.start.In(bishkek), at.In(bishkek)
	return 12*(to.Year()-from.Year()) + int(to.Month()-from.Month())
}

// currency is that of the project's only balance.
func (f *funds) currency() string { return f.plan.agreement[f.project].Balances[0] }

func (f *funds) year() []topUp {
	for from := f.plan.start.Add(time.Minute); from.Before(f.plan.end); {
		first := midnight(from)
		to := time.Date(first.Year(), first.Month()+1, 1, 8, 40, 0, 0, bishkek).UTC()
		f.month(f.between(from, to), from, f.plan.month(from) == shortMonth && f.project == &f.plan.config.Shop)
		from = to
	}
	for _, due := range f.plan.files { // what waits would be paid, too
		if due.project == f.project && due.unsent > 0 {
			f.available = 0
			f.topUp(due.at.Add(-time.Hour), due.unsent)
		}
	}
	slices.SortStableFunc(f.tops, func(a, b topUp) int { return a.at.Compare(b.at) })
	for k := range f.tops {
		f.tops[k].before, f.paidIn = f.paidIn, f.paidIn+f.tops[k].amount
	}
	return f.tops
}

func (f *funds) between(from, to time.Time) []*planned {
	var out []*planned
	for _, i := range f.payouts {
		if !i.at.Before(from) && i.at.Before(to) {
			out = append(out, i)
		}
	}
	return out
}

// month tops the balance up and lets the month's payouts be accepted.
func (f *funds) month(payouts []*planned, from time.Time, short bool) {
	f.comeBack(from)
	enough := payouts
	if short {
		enough = payouts[:len(payouts)*7/10]
	}
	f.topUp(from, need(enough)+need(payouts)/10*bit(!short))
	var relief time.Time
	for k, i := range payouts {
		f.comeBack(i.at)
		if !relief.IsZero() && i.at.After(relief) {
			f.topUp(relief, need(payouts[k:])*11/10)
			relief = time.Time{}
		}
		if i.fate == barred {
			continue
		}
		if i.cost > f.available {
			if relief.IsZero() {
				relief = i.at.Add(20 * time.Hour)
			}
			i.fate, i.code, i.moves = poor, payout.CodeInsufficientFunds, nil
			continue
		}
		f.available -= i.cost
		f.hold(i)
	}
	if !relief.IsZero() {
		f.topUp(relief, f.plan.method.Max)
	}
}

func bit(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

// need is what payouts take, before anything of it returns.
func need(payouts []*planned) (sum int64) {
	for _, i := range payouts {
		if i.fate != barred {
			sum += i.cost
		}
	}
	return sum
}

// topUp pays in what is missing to a sum.
func (f *funds) topUp(at time.Time, sum int64) {
	missing := sum - f.available
	if missing <= 0 {
		return
	}
	missing = (missing + roundTo - 1) / roundTo * roundTo
	f.reference++
	f.tops = append(f.tops, topUp{
		at: at, project: f.project, amount: missing, in: f.currency(), reason: fmt.Sprintf("payment order No. %d", f.reference),
	})
	f.available += missing
}

// hold remembers when a payout's hold returns, where it does.
func (f *funds) hold(i *planned) {
	if i.fate != refused && i.fate != unpaid {
		return
	}
	c := coming{i.moves[len(i.moves)-1].at, i.cost}
	at, _ := slices.BinarySearchFunc(f.coming, c, func(a, b coming) int { return a.at.Compare(b.at) })
	f.coming = slices.Insert(f.coming, at, c)
}

// comeBack makes available what has returned by then.
func (f *funds) comeBack(by time.Time) {
	for len(f.coming) > 0 && f.coming[0].at.Before(by) {
		f.available += f.coming[0].amount
		f.coming = f.coming[1:]
	}
}
