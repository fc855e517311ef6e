package method

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// CompilePattern makes a check of a pattern, matched against the whole value. A run of character classes, which nearly every
// pattern of field table and method files is, becomes a loop over bytes; anything else stays a regular expression.
func CompilePattern(pattern string) (func(string) bool, error) {
	re, err := regexp.Compile(anchored(pattern))
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	if words, ok := plainWords(pattern); ok {
		return func(s string) bool { return slices.Contains(words, s) }, nil
	}
	if run, ok := compileRun(pattern); ok {
		return run.match, nil
	}
	return re.MatchString, nil
}

// plainWords reads an alternation of words, such as male|female.
func plainWords(pattern string) ([]string, bool) {
	for i := range len(pattern) {
		if c := pattern[i]; c != '|' && !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') {
			return nil, false
		}
	}
	return strings.Split(pattern, "|"), true
}

// run is a sequence of character classes with counts. Only the last count may be open, so that matching never has
// to go back.
type run []piece

type piece struct {
	ascii    [2]uint64 // the class below U+0080
	ranges   []rune    // the class as pairs, all of it
	min, max int
}

func compileRun(pattern string) (run, bool) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, false
	}
	parts := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		parts = tree.Sub
	}
	var r run
	for i, part := range parts {
		switch {
		case part.Op == syntax.OpBeginText && i == 0, part.Op == syntax.OpEndText && i == len(parts)-1:
			continue
		case len(r) > 0 && r[len(r)-1].min != r[len(r)-1].max:
			return nil, false
		case part.Op == syntax.OpLiteral && part.Flags&syntax.FoldCase == 0:
			for _, c := range part.Rune {
				r = append(r, newPiece([]rune{c, c}, 1, 1))
			}
		default:
			p, ok := countedClass(part)
			if !ok {
				return nil, false
			}
			r = append(r, p)
		}
	}
	return r, true
}

// countedClass reads a character class, alone or repeated.
func countedClass(part *syntax.Regexp) (piece, bool) {
	least, most := 1, 1
	switch part.Op {
	case syntax.OpRepeat:
		least, most, part = part.Min, part.Max, part.Sub[0]
	case syntax.OpStar:
		least, most, part = 0, -1, part.Sub[0]
	case syntax.OpPlus:
		least, most, part = 1, -1, part.Sub[0]
	}
	if most < 0 {
		most = math.MaxInt
	}
	if part.Op != syntax.OpCharClass {
		return piece{}, false
	}
	return newPiece(part.Rune, least, most), true
}

func newPiece(ranges []rune, least, most int) piece {
	p := piece{ranges: ranges, min: least, max: most}
	for c := rune(0); c < utf8.RuneSelf; c++ {
		if inRanges(ranges, c) {
			p.ascii[c>>6] |= 1 << (c & 63)
		}
	}
	return p
}

func inRanges(ranges []rune, c rune) bool {
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i] <= c && c <= ranges[i+1] {
			return true
		}
	}
	return false
}

func (r run) match(s string) bool {
	for i := range r {
		p := &r[i]
		n := 0
		for n < p.max && len(s) > 0 {
			size := p.take(s)
			if size == 0 {
				break
			}
			s = s[size:]
			n++
		}
		if n < p.min {
			return false
		}
	}
	return s == ""
}

// take returns the bytes of the first character of s where the class has it, else 0.
func (p *piece) take(s string) int {
	if c := s[0]; c < utf8.RuneSelf {
		return int(p.ascii[c>>6] >> (c & 63) & 1)
	}
	c, size := utf8.DecodeRuneInString(s)
	if !inRanges(p.ranges, c) {
		return 0
	}
	return size
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
