package audit

import (
	"context"

	"flashpay/internal/store"
	"flashpay/internal/store/snapshot"
)

const (
	linePage = 20_000
	sealPage = 256
)

// seals walks over the seals of one shard.
type seals struct {
	*run
	shard    *snapshot.Shard
	page     []store.JournalSeal
	previous store.JournalSeal // the last one that was passed
	tree     store.Merkle
}

// checkSeals computes every seal of every shard again, from the journal lines that it covers.
func (r *run) checkSeals(ctx context.Context) error {
	for _, shard := range r.marks.InOrder() {
		after, _ := store.ShardRange(shard.Shard)
		s := &seals{run: r, shard: shard, previous: store.JournalSeal{LastRow: after}}
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
		var lines []snapshot.Line
		err := snapshot.Of(s.store).Lines(ctx, after, s.shard.Line, linePage, func(l *snapshot.Line) error {
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
			s.inform(NotSealed, s.tree.Leaves())
			return nil
		}
		s.pass(seal)
	}
}

func (s *seals) line(ctx context.Context, l *snapshot.Line) error {
	if !l.Found {
		s.fail(KindJournal, l.ProjectID, "", "journal line %d belongs to payment %d, which does not exist", l.ID, l.Payment)
	}
	for {
		seal, err := s.next(ctx)
		if err != nil {
			return err
		}
		if seal == nil || l.ID <= seal.LastRow {
			s.tree.Add(l.Hash)
			return nil
		}
		s.pass(seal)
	}
}

// next is the seal whose range comes next; nil behind the last that there was at the audit's begin.
func (s *seals) next(ctx context.Context) (*store.JournalSeal, error) {
	if len(s.page) == 0 && s.previous.Number < s.shard.Seals {
		var err error
		if s.page, err = snapshot.Of(s.store).Seals(ctx, s.shard.Shard, s.previous.Number, sealPage); err != nil {
			return nil, err
		}
	}
	if len(s.page) == 0 || s.page[0].Number > s.shard.Seals {
		return nil, nil
	}
	return &s.page[0], nil
}

// pass compares a seal with the lines since the one before.
func (s *seals) pass(seal *store.JournalSeal) {
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
	if seal.Lines != s.tree.Leaves() {
		bad("covers %d journal lines, there are %d", seal.Lines, s.tree.Leaves())
	} else if seal.Root != s.tree.Root() {
		bad("was made over other journal lines than there are now")
	}
	s.previous, s.tree, s.page = *seal, store.Merkle{}, s.page[1:]
}
