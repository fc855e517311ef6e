package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"flashpay/internal/store/sqldb"
)

// JournalSeal seals the journal lines of one shard that were written since the seal before: it holds the root of their Merkle
// tree and is chained to its predecessor. Changing a sealed line therefore means forging every later seal.
type JournalSeal struct {
	Shard   int64
	Number  int64
	LastRow int64 // the newest line that it covers; it begins after its predecessor's
	Lines   int64
	Root    [32]byte
	Hash    [32]byte
	At      time.Time
}

// Chain returns the seal's hash, computed from its content and the hash of the seal before.
func (s *JournalSeal) Chain(previous [32]byte) [32]byte {
	h := sha256.New()
	h.Write(previous[:])
	for _, n := range []int64{s.Shard, s.Number, s.LastRow, s.Lines, s.At.UnixMicro()} {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
	h.Write(s.Root[:])
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}

// Merkle computes the root of a Merkle tree over any number of leaves in order. It needs memory for one node per level. Leaves
// and inner nodes are hashed with different first bytes, and an odd node moves up unchanged.
type Merkle struct {
	subtrees []subtree // complete ones, the highest first
	leaves   int64
}

type subtree struct {
	height int
	root   [32]byte
}

// Add adds a leaf.
func (m *Merkle) Add(leaf [32]byte) {
	m.leaves++
	t := subtree{root: sha256.Sum256(append([]byte{0}, leaf[:]...))}
	for n := len(m.subtrees); n > 0 && m.subtrees[n-1].height == t.height; n = len(m.subtrees) {
		t = subtree{height: t.height + 1, root: join(m.subtrees[n-1].root, t.root)}
		m.subtrees = m.subtrees[:n-1]
	}
	m.subtrees = append(m.subtrees, t)
}

// Leaves returns the number of leaves added.
func (m *Merkle) Leaves() int64 { return m.leaves }

// Root returns the tree's root; it is zero where there are no leaves.
func (m *Merkle) Root() [32]byte {
	if len(m.subtrees) == 0 {
		return [32]byte{}
	}
	root := m.subtrees[len(m.subtrees)-1].root
	for i := len(m.subtrees) - 2; i >= 0; i-- {
		root = join(m.subtrees[i].root, root)
	}
	return root
}

func join(left, right [32]byte) [32]byte {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// SealJournal seals the committed lines of this node's shard that are not sealed yet. It reads them in portions, so that no read
// transaction lasts long.
func (s *Store) SealJournal(ctx context.Context) error {
	shard, last := s.shard.Load(), s.lastCommittedRow.Load()
	if ShardOf(last) != shard { // it was taken over just now: whoever has it seals what it has left
		return nil
	}
	return s.seal(ctx, shard, last)
}

// sealRest seals what a shard has left that nobody writes in any more: its node has died, or leaves.
func (s *Store) sealRest(ctx context.Context, shard int64) error {
	last, err := s.newestLine(ctx, shard)
	if err != nil {
		return err
	}
	return s.seal(ctx, shard, last)
}

// SealRemaining seals the lines of this node's shard at once: when the node stops, and when a proof is requested. Lines that
// command-line programs write are in no seal, since nobody knows when all of them have committed.
func (s *Store) SealRemaining(ctx context.Context) error {
	if s.shard.Load() == CommandShard {
		return nil
	}
	return s.SealJournal(ctx)
}

func (s *Store) seal(ctx context.Context, shard, last int64) error {
	previous, err := s.lastJournalSeal(ctx, shard)
	if err != nil || last <= previous.LastRow {
		return err
	}
	seal := JournalSeal{Shard: shard, Number: previous.Number + 1, LastRow: last, At: s.Now()}
	var tree Merkle
	for from := max(previous.LastRow, shard*shardSpan); from < last; {
		n, newest, err := s.addLines(ctx, &tree, from, last)
		if err != nil {
			return fmt.Errorf("store: sealing: %w", err)
		}
		if n == 0 {
			break
		}
		seal.Lines += n
		from = newest
	}
	seal.Root = tree.Root()
	seal.Hash = seal.Chain(previous.Hash)
	return s.insertJournalSeal(ctx, seal)
}

func (s *Store) insertJournalSeal(ctx context.Context, seal JournalSeal) error {
	return s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		const insert = "INSERT INTO seals (shard, number, last_row, lines, root, hash, at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (shard, number) DO NOTHING"
		_, err := t.Exec(ctx, insert, seal.Shard, seal.Number, seal.LastRow, seal.Lines, seal.Root[:], seal.Hash[:], seal.At.UnixMicro())
		return err
	}})
}

// addLines adds the next lines after from, up to last, and says how many and which was the newest.
func (s *Store) addLines(ctx context.Context, tree *Merkle, from, last int64) (n, newest int64, err error) {
	err = sqldb.Query(ctx, s.db.Reads, "SELECT id, hash FROM journal WHERE id > $1 AND id <= $2 ORDER BY id LIMIT 10000", from, last).Each(func(r *sql.Rows) error {
		var hash sql.RawBytes
		if err := r.Scan(&newest, &hash); err != nil {
			return err
		}
		tree.Add([32]byte(hash))
		n++
		return nil
	})
	return n, newest, err
}

func (s *Store) lastJournalSeal(ctx context.Context, shard int64) (JournalSeal, error) {
	seal := JournalSeal{Shard: shard}
	var hash []byte
	const find = "SELECT number, last_row, hash FROM seals WHERE shard = $1 ORDER BY number DESC LIMIT 1"
	err := sqldb.One(ctx, s.db.Reads, find, shard).Scan(&seal.Number, &seal.LastRow, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return seal, nil
	}
	copy(seal.Hash[:], hash)
	return seal, err
}

// findUnsealed sets out from the newest line that a predecessor in this shard has committed.
func (s *Store) findUnsealed(ctx context.Context) error {
	newest, err := s.newestLine(ctx, s.shard.Load())
	s.lastCommittedRow.Store(newest)
	return err
}

// newestLine is the newest journal line that a shard has committed; 0 where it has none.
func (s *Store) newestLine(ctx context.Context, shard int64) (int64, error) {
	var newest sql.NullInt64
	const find = "SELECT MAX(id) FROM journal WHERE id >= $1 AND id < $2"
	if err := sqldb.One(ctx, s.db.Reads, find, shard*shardSpan, (shard+1)*shardSpan).Scan(&newest); err != nil {
		return 0, fmt.Errorf("store: newest journal line: %w", err)
	}
	return newest.Int64, nil
}
