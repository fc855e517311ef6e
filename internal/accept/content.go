package accept

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"flashpay/signature"
)

// ContentHash identifies what a request says, so that a repeat is known (product.md §2): SHA-256 over the endpoint,
// the method and every signed member as (path, signed form of the value), sorted by bytes, each text led by its
// length. What has one signed form is one content: 100 and "100", null and "". Order, white space, escapes, the
// signature and its key do not count.
func ContentHash(endpoint, method string, lines []signature.Line) [32]byte {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.lines = append(s.lines[:0], lines...)
	slices.SortFunc(s.lines, func(a, b signature.Line) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Value, b.Value))
	})
	b := appendSized(s.bytes[:0], endpoint)
	b = appendSized(b, method)
	for i := range s.lines {
		b = appendSized(b, s.lines[i].Path)
		b = appendSized(b, s.lines[i].Value)
	}
	sum := sha256.Sum256(b)
	s.keep(b)
	return sum
}

func appendSized(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(s)))
	return append(dst, s...)
}

// scratch is reused memory; it is emptied after each use, because it held personal data.
type scratch struct {
	lines []signature.Line
	bytes []byte
}

const keptScratch = 64 << 10

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) keep(b []byte) {
	clear(s.lines)
	clear(b)
	s.bytes = nil
	if cap(b) <= keptScratch {
		s.bytes = b[:0]
	}
}
