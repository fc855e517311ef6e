package rates

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// MaxAge is how old a quote can be at most to be used anywhere.
const MaxAge = 31 * 24 * time.Hour

// Book is the quotes that are known at one moment, for looking up. It is never changed.
type Book struct {
	quotes map[bookKey][]Quote // the oldest first
}

type bookKey struct {
	source     Source
	series     Series
	base, term string
}

// NewBook makes a book. Of quotes of one pair and moment the last one counts: it corrects the others.
func NewBook(quotes []Quote) *Book {
	b := &Book{quotes: make(map[bookKey][]Quote)}
	for _, q := range quotes {
		k := bookKey{q.Source, q.Series, q.Base, q.Term}
		b.quotes[k] = append(b.quotes[k], q)
	}
	for _, list := range b.quotes {
		slices.SortStableFunc(list, func(x, y Quote) int { return x.ValidFrom.Compare(y.ValidFrom) })
	}
	return b
}

// Rate finds the rate of two different currencies at a moment: of the first of the sources whose quotes are not older
// than maxAge. ok is false where none has one.
func (b *Book) Rate(from, to string, at time.Time, maxAge time.Duration, sources []Source) (r Rate, ok bool) {
	if b == nil || from == to {
		return Rate{}, false
	}
	for _, s := range sources {
		legs, ok := b.legs(s, from, to, at, maxAge)
		if ok {
			return Rate{From: from, To: to, Source: s, Legs: legs}, true
		}
	}
	return Rate{}, false
}

// legs are the quotes by which a source compares two currencies: its quote of the pair, else two through its base
// currency.
func (b *Book) legs(s Source, from, to string, at time.Time, maxAge time.Duration) ([]Leg, bool) {
	if l, ok := b.leg(s, from, to, at, maxAge); ok {
		return []Leg{l}, true
	}
	in, ok := b.leg(s, from, s.Base(), at, maxAge)
	if !ok {
		return nil, false
	}
	out, ok := b.leg(s, s.Base(), to, at, maxAge)
	if !ok {
		return nil, false
	}
	return []Leg{in, out}, true
}

// leg is a source's quote of a pair, as it stands or backwards; where it has both, the newer one.
func (b *Book) leg(s Source, from, to string, at time.Time, maxAge time.Duration) (Leg, bool) {
	for _, series := range preference {
		ahead, hasAhead := b.find(bookKey{s, series, from, to}, at, maxAge)
		back, hasBack := b.find(bookKey{s, series, to, from}, at, maxAge)
		switch {
		case hasAhead && (!hasBack || !back.ValidFrom.After(ahead.ValidFrom)):
			return Leg{Quote: ahead}, true
		case hasBack:
			return Leg{Quote: back, Inverse: true}, true
		}
	}
	return Leg{}, false
}

// find is the quote that holds at a moment, where it is not too old.
func (b *Book) find(k bookKey, at time.Time, maxAge time.Duration) (Quote, bool) {
	list := b.quotes[k]
	i := sort.Search(len(list), func(i int) bool { return list[i].ValidFrom.After(at) })
	if i == 0 || at.Sub(list[i-1].ValidFrom) > maxAge {
		return Quote{}, false
	}
	return list[i-1], true
}

// Currencies lists the currencies that the book has quotes of, in the order of their codes.
func (b *Book) Currencies() []string {
	seen := make(map[string]bool)
	var out []string
	for k := range b.quotes {
		for _, c := range []string{k.base, k.term} {
			if !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Held lists the quotes that hold at a moment and are not older than MaxAge: one of each pair of each source, in the order
// of sources, then of pairs.
func (b *Book) Held(at time.Time) (out []Quote) {
	type pair struct {
		source     Source
		base, term string
	}
	seen := make(map[pair]bool)
	for _, series := range preference {
		for k := range b.quotes {
			p := pair{k.source, k.base, k.term}
			if k.series != series || seen[p] {
				continue
			}
			if q, ok := b.find(k, at, MaxAge); ok {
				seen[p] = true
				out = append(out, q)
			}
		}
	}
	order := Sources()
	slices.SortFunc(out, func(x, y Quote) int {
		return cmp.Or(cmp.Compare(slices.Index(order, x.Source), slices.Index(order, y.Source)), cmp.Compare(x.Base, y.Base), cmp.Compare(x.Term, y.Term))
	})
	return out
}
