package audit

import (
	"hash/maphash"
)

const (
	buckets    = 1 << 16
	maxBuckets = 256 // that are looked into: more means that something general is wrong, which these show
)

// tally compares two multisets of any size in constant memory. Each element adds its hash to, or takes it from, the
// bucket of its group; where both sets are the same, every bucket is zero. Sums of hashes under a random seed make it
// as unlikely as 2^-64 that a bucket of different sets is zero. A bucket that is not is looked into by reading the
// elements of its groups again.
type tally struct {
	seed maphash.Seed
	sums []uint64
}

func newTally() *tally { return &tally{seed: maphash.MakeSeed(), sums: make([]uint64, buckets)} }

// hash is an element's; T must hold all that two elements are compared by.
func hash[T comparable](t *tally, element T) uint64 { return maphash.Comparable(t.seed, element) }

func (t *tally) bucket(group string) int { return int(maphash.String(t.seed, group) % buckets) }

func (t *tally) add(group string, element uint64)  { t.sums[t.bucket(group)] += element }
func (t *tally) take(group string, element uint64) { t.sums[t.bucket(group)] -= element }

// differing lists the buckets that are to be looked into, and says how many more there are.
func (t *tally) differing() (some map[int]bool, more int64) {
	some = make(map[int]bool)
	for i, sum := range t.sums {
		switch {
		case sum == 0:
		case len(some) < maxBuckets:
			some[i] = true
		default:
			more++
		}
	}
	return some, more
}
