package store_test

import (
	"crypto/sha256"
	"testing"

	"flashpay/internal/store"
)

// TestMerkle compares the root, for every number of leaves up to 200, with that of the tree built level by level.
func TestMerkle(t *testing.T) {
	var level [][32]byte
	var tree store.Merkle
	if tree.Root() != ([32]byte{}) {
		t.Error("the root of no leaves is not zero")
	}
	for n := 1; n <= 200; n++ {
		leaf := sha256.Sum256([]byte{byte(n)})
		level = append(level, sha256.Sum256(append([]byte{0}, leaf[:]...)))
		tree.Add(leaf)
		if tree.Root() != byLevels(level) || tree.Leaves() != int64(n) {
			t.Fatalf("%d leaves: %x, want %x", n, tree.Root(), byLevels(level))
		}
		if tree.Subtrees() > 8 {
			t.Fatalf("%d leaves are kept as %d subtrees", n, tree.Subtrees())
		}
	}
}

func byLevels(level [][32]byte) [32]byte {
	for len(level) > 1 {
		var next [][32]byte
		for i := 0; i+1 < len(level); i += 2 {
			next = append(next, sha256.Sum256(append(append([]byte{1}, level[i][:]...), level[i+1][:]...)))
		}
		if len(level)%2 == 1 {
			next = append(next, level[len(level)-1])
		}
		level = next
	}
	return level[0]
}
