package audit

import (
	"context"
	"crypto/sha256"

	"flashpay/internal/store"
)

const (
	linePage = 20_000
	sealPage = 256
)

// merkle is the root of the tree over any number of leaves, in the memory of its height: subtrees that are complete,
// the largest first. It is the tree that the store builds.
type merkle struct {
	subtrees []subtree
	leaves   int64
}

type subtree struct {
	height int
	root   [32]byte
}

func (m *merkle) add(leaf [32]byte) {
	m.leaves++
	t := subtree{0, sha256.Sum256(append([]byte{0}, leaf[:]...))}
	for n := len(m.subtrees); n > 0 && m.subtrees[n-1].height == t.height; n = len(m.subtrees) {
		t = subtree{t.height + 1, join(m.subtrees[n-1].root, t.root)}
		m.subtrees = m.subtrees[:n-1]
	}
	m.subtrees = append(m.subtrees, t)
}

func (m *merkle) root() [32]byte {
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

// seals walks over the seals of one shard.
type seals struct {
	*run
	shard    *store.AuditShard
	page     []store.Seal
	previous store.Seal // the last one that was passed
	tree     merkle
}

// checkSeals computes every seal of every shard again, from the journal lines that it covers.
func (r *run) checkSeals(ctx context.Context) error {
	for _, shard := range r.marks.AuditShards() {
		after, _ := store.ShardRange(shard.Shard)
		s := &seals{run: r, shard: shard, previous: store.Seal{LastRow: after}}
		if err := s.walk(ctx, after); err != nil {
			return err
		}
	}
	return nil
}

// walk reads the shard's journal up to the mark, and passes a seal where the lines leave its range.
func (s *seals) walk(ctx context.Context, after int64) error {
	for n := linePage; n == linePage; {
		n = 0
		var lines []store.AuditLine
		err := s.store.AuditLines(ctx, after, s.shard.Line, linePage, func(l *store.AuditLine) error {
			n, after = n+1, l.ID
			lines = append(lines, *l)
			return nil
		})
		if err != nil {
			return err
		}
		for i := range lines {
			if err := s.line(ctx, &lines[i]); err != nil {
				return err
			}
		}
	}
	for {
		seal, err := s.next(ctx)
		if err != nil {
			return err
		}
		if seal == nil {
			s.inform(NotSealed, s.tree.leaves)
			return nil
		}
		s.pass(seal)
	}
}

func (s *seals) line(ctx context.Context, l *store.AuditLine) error {
	if !l.Found {
		s.fail(KindJournal, l.ProjectID, "", "journal line %d belongs to payment %d, which does not exist", l.ID, l.Payment)
	}
	for {
		seal, err := s.next(ctx)
		if err != nil {
			return err
		}
		if seal == nil || l.ID <= seal.LastRow {
			s.tree.add(l.Hash)
			return nil
		}
		s.pass(seal)
	}
}

// next is the seal whose range comes next; nil behind the last that there was at the audit's begin.
func (s *seals) next(ctx context.Context) (*store.Seal, error) {
	if len(s.page) == 0 && s.previous.Number < s.shard.Seals {
		var err error
		if s.page, err = s.store.AuditSeals(ctx, s.shard.Shard, s.previous.Number, sealPage); err != nil {
			return nil, err
		}
	}
	if len(s.page) == 0 || s.page[0].Number > s.shard.Seals {
		return nil, nil
	}
	return &s.page[0], nil
}

// pass compares a seal with the lines since the one before.
func (s *seals) pass(seal *store.Seal) {
	s.checked("seals", 1)
	bad := func(format string, args ...any) {
		s.fail(KindSeal, 0, "", "seal %d of shard %d "+format, append([]any{seal.Number, seal.Shard}, args...)...)
	}
	_, last := store.ShardRange(seal.Shard)
	switch {
	case seal.Number != s.previous.Number+1:
		bad("follows seal %d: one between is missing", s.previous.Number)
	case seal.Hash != seal.Chain(s.previous.Hash):
		bad("is not what was written: it does not continue the chain of hashes")
	case seal.LastRow <= s.previous.LastRow || seal.LastRow > last:
		bad("ends at row %d, the one before at %d", seal.LastRow, s.previous.LastRow)
	}
	if seal.Lines != s.tree.leaves {
		bad("covers %d journal lines, there are %d", seal.Lines, s.tree.leaves)
	} else if seal.Root != s.tree.root() {
		bad("was made over other journal lines than there are now")
	}
	s.previous, s.tree, s.page = *seal, merkle{}, s.page[1:]
}
