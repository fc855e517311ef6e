package store

import "crypto/sha256"

// pathOf is the way from one leaf of a Merkle's tree to its root.
func pathOf(leaves [][32]byte, place int) (path []ProofStep) {
	level := make([][32]byte, len(leaves))
	for i, l := range leaves {
		level[i] = sha256.Sum256(append([]byte{0}, l[:]...))
	}
	for len(level) > 1 {
		if beside := place ^ 1; beside < len(level) {
			path = append(path, ProofStep{Hash: level[beside], Left: beside < place})
		}
		var above [][32]byte
		for i := 0; i < len(level); i += 2 {
			if i+1 == len(level) { // carried up as it is
				above = append(above, level[i])
			} else {
				above = append(above, join(level[i], level[i+1]))
			}
		}
		level, place = above, place/2
	}
	return path
}

// Root is the root that the path leads to from a line's hash.
func (p *Proof) Root(line [32]byte) [32]byte {
	sum := sha256.Sum256(append([]byte{0}, line[:]...))
	for _, step := range p.Path {
		if step.Left {
			sum = join(step.Hash, sum)
		} else {
			sum = join(sum, step.Hash)
		}
	}
	return sum
}
