package masspayout

// repeated finds what stands in a file before. It keeps a hash and a line for each, and no more, so that a million rows fit
// into a few megabytes. Two different values share one of 2^64 hashes about once in ten million files of a million rows; the
// hashes differ from run to run, so that such a file is right when it is checked again.
type repeated struct {
	hashes []uint64 // 0: free
	lines  []uint32
	used   int
}

// add keeps a value, and returns the line where it stood first; 0: it is new.
func (r *repeated) add(hash uint64, line int64) int64 {
	if 4*r.used >= 3*len(r.hashes) {
		r.grow()
	}
	hash = max(hash, 1)
	at := r.place(hash)
	if r.hashes[at] == hash {
		return int64(r.lines[at])
	}
	r.hashes[at], r.lines[at] = hash, uint32(line) // a file of MaxBytes has fewer lines
	r.used++
	return 0
}

// place is where a hash stands, or would.
func (r *repeated) place(hash uint64) uint64 {
	mask := uint64(len(r.hashes) - 1)
	at := hash & mask
	for r.hashes[at] != 0 && r.hashes[at] != hash {
		at = (at + 1) & mask
	}
	return at
}

func (r *repeated) grow() {
	old, lines := r.hashes, r.lines
	n := max(1024, 2*len(old))
	r.hashes, r.lines = make([]uint64, n), make([]uint32, n)
	for i, hash := range old {
		if hash != 0 {
			at := r.place(hash)
			r.hashes[at], r.lines[at] = hash, lines[i]
		}
	}
}
