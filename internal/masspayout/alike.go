package masspayout

import (
	"strings"

	"flashpay/internal/accept"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
)

// kind is what rows have in common that Gate's rules judge cell by cell: which cells are filled in, project, method and currency.
type kind struct {
	filled   uint64 // by the place of the cell
	project  *merchant.Project
	method   *method.Method
	currency string
}

// kindOf is the kind of a row; known tells whether a row of the kind was found good before, by all rules.
func (j *judge) kindOf(p *Payout) (k kind, known bool) {
	if p.Project == nil || p.Method == nil || len(j.cells) > 64 {
		return k, false
	}
	k = kind{project: p.Project, method: p.Method, currency: p.Currency}
	for _, m := range j.flat {
		if j.cells[m.cell] != "" {
			k.filled |= 1 << m.cell
		}
	}
	_, known = j.kinds[k]
	return k, known
}

// learn has rows of a kind judged cell by cell from now on: the row at hand was found good by all rules.
func (j *judge) learn(k kind) {
	if k.filled == 0 || len(j.kinds) >= maxWords {
		return
	}
	var paths []string
	a := &alike{}
	for _, m := range j.flat {
		if k.filled&(1<<m.cell) != 0 {
			paths = append(paths, m.path)
			a.cells = append(a.cells, strings.Clone(j.cells[m.cell]))
		}
	}
	k.currency = strings.Clone(k.currency)
	if a.members = accept.NewMemberChecker(&j.in, paths); a.members == nil {
		a = nil
	}
	j.kinds[k] = a
}

// alike judges rows that are like a good one.
type alike struct {
	members   *accept.MemberChecker
	cells     []string // of the good one: what stands in them is good
	patterned bool     // it has its pattern, or can have none
}

// fitsAlone tells whether each cell is good by itself. Where it is not, all rules say what is wrong.
func (j *judge) fitsAlone(a *alike) bool {
	if a == nil {
		return false
	}
	i := 0
	for k := range j.flat {
		m := &j.flat[k]
		cell := j.cells[m.cell]
		if cell == "" {
			continue
		}
		if cell != a.cells[i] {
			if m.edit != nil {
				cell = m.edit(cell)
			}
			if v := m.kind.Value(cell); !a.members.Passes(i, &v) {
				return false
			}
		}
		i++
	}
	j.best = "" // a kind that has one is judged by all rules
	return true
}

// flatten lists the members of a request with their whole paths.
func (p requestPlan) flatten() (all []memberPlan) {
	for i := range p {
		for _, m := range p[i].members {
			m.path = p[i].name + "." + m.path
			all = append(all, m)
		}
	}
	return all
}
