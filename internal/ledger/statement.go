package ledger

import "slices"

// Moved is what transfers of one kind between two accounts add up to.
type Moved struct {
	Kind              Kind
	Debit, Credit     Account
	Transfers, Amount int64
}

// Line is a line of a statement: what it adds to each of the project's own accounts, in the order of Own.
type Line struct {
	Position  Position // empty: opening or closing
	Sums      [4]int64
	Transfers int64
}

// Total is what the line adds in all.
func (l Line) Total() (sum int64) {
	for _, n := range l.Sums {
		sum += n
	}
	return sum
}

func (l *Line) add(m Moved) {
	for i, a := range Own {
		if a == m.Debit {
			l.Sums[i] -= m.Amount
		}
		if a == m.Credit {
			l.Sums[i] += m.Amount
		}
	}
	l.Transfers += m.Transfers
}

// Statement is what a project, or several, had in one currency when a period began, what was moved, and what is there at its
// end. Opening and lines always add up to Closing.
type Statement struct {
	Opening, Closing Line
	lines            map[Position]*Line
}

// Open takes in what was moved before the period.
func (s *Statement) Open(m Moved) {
	if PositionOf(m.Kind, m.Debit, m.Credit) != "" {
		s.Opening.add(m)
		s.Closing.add(m)
	}
}

// Move takes in what was moved within it.
func (s *Statement) Move(m Moved) {
	p := PositionOf(m.Kind, m.Debit, m.Credit)
	if p == "" {
		return
	}
	if s.lines == nil {
		s.lines = make(map[Position]*Line)
	}
	if s.lines[p] == nil {
		s.lines[p] = &Line{Position: p}
	}
	s.lines[p].add(m)
	s.Closing.add(m)
}

// Lines are those that occur and are inner, or are not, in the order of Positions.
func (s *Statement) Lines(inner bool) (out []*Line) {
	for _, p := range Positions {
		if l := s.lines[p]; l != nil && p.Inner() == inner {
			out = append(out, l)
		}
	}
	return out
}

// Of adds up positions.
func (s *Statement) Of(positions ...Position) *Line {
	out := &Line{}
	for p, l := range s.lines {
		if slices.Contains(positions, p) {
			for i, n := range l.Sums {
				out.Sums[i] += n
			}
			out.Transfers += l.Transfers
		}
	}
	return out
}

// Empty tells whether nothing was there and nothing was moved.
func (s *Statement) Empty() bool { return s.Opening.Transfers == 0 && len(s.lines) == 0 }
