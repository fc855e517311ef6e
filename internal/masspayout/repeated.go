package masspayout

import "math/bits"

// repeated finds what stands in a file before. It keeps a hash and a line for each, and no more, so that a million rows fit
// into a few megabytes. Two different values share one of 2^64 hashes about once in ten million files of a million rows; the
// hashes differ from run to run, so that such a file is right when it is checked again.
type repeated struct {
	slots []slot // in the order of their hashes, but for those that had to move on
	shift int    // of a hash, for its place
	used  int
	seen  uint32
}

// slot is a hash and the line where it stood first, in twelve bytes.
type slot struct{ low, high, line uint32 } // line 0: free

// add keeps a value, and returns the line where it stood first; 0: it is new.
func (r *repeated) add(hash uint64, line int64) int64 {
	if 4*r.used >= 3*len(r.slots) {
		r.grow()
	}
	s := r.place(hash)
	if s.line != 0 {
		return int64(s.line)
	}
	*s = slot{uint32(hash), uint32(hash >> 32), uint32(line)} // a file of MaxBytes has fewer lines
	r.used++
	return 0
}

// touch brings the place of a hash near. Whoever does so for many at once waits for memory once.
func (r *repeated) touch(hash uint64) {
	if len(r.slots) > 0 {
		r.seen += r.slots[hash>>r.shift].line
	}
}

// place is where a hash stands, or would.
func (r *repeated) place(hash uint64) *slot {
	low, high := uint32(hash), uint32(hash>>32)
	at := int(hash >> r.shift)
	for {
		s := &r.slots[at]
		if s.line == 0 || s.low == low && s.high == high {
			return s
		}
		if at++; at == len(r.slots) {
			at = 0
		}
	}
}

// grow doubles the room. Hashes keep their order, so that memory is walked through and not jumped about in.
func (r *repeated) grow() {
	old := r.slots
	r.slots = make([]slot, max(1024, 2*len(old)))
	r.shift = 64 - bits.TrailingZeros(uint(len(r.slots)))
	for _, s := range old {
		if s.line != 0 {
			*r.place(uint64(s.high)<<32 | uint64(s.low)) = s
		}
	}
}
