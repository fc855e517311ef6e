package audit

import (
	"context"
	"hash/maphash"

	"flashpay/internal/store"
	"flashpay/internal/store/snapshot"
)

// Rollups compares the rollups that are read with the journal, and nothing else.
func Rollups(ctx context.Context, s *store.Store) (*Report, error) {
	r := newRun(Config{Store: s})
	err := r.checkRollups(ctx)
	if err == nil {
		err = r.checkCallbackRollups(ctx)
	}
	return r.finish(err)
}

// checkCallbackRollups compares how many attempts of callbacks are counted with the log of them, project by project.
func (r *run) checkCallbackRollups(ctx context.Context) error {
	counted, err := r.store.CallbacksCounted(ctx)
	if err != nil {
		return err
	}
	if !counted {
		r.inform("attempts of callbacks of an older program: they are being counted", 1)
		return nil
	}
	for _, p := range r.store.Projects() {
		off, rows, err := r.store.CheckCallbackRollups(ctx, p.ID)
		if err != nil {
			return err
		}
		r.checked("rollups of callbacks", rows)
		more, fewer := int64(0), int64(0)
		for _, n := range off {
			more, fewer = more+max(0, -n), fewer+max(0, n)
		}
		if len(off) > 0 {
			r.fail(KindRollup, p.ID, "", "%d rows of callbacks in rollups differ from the log of attempts: %d counted that it has not, %d not counted: flashpay rollups rebuild counts them anew",
				len(off), more, fewer)
		}
	}
	return nil
}

// rollupSum is what rows of rollups, or what the journal makes of them, come to. Each row counts with a random weight of its
// own, so that sums are the same where all rows are.
type rollupSum struct{ payments, amount, weighed, weighedAmount int64 }

func (s *rollupSum) add(seed maphash.Seed, k store.RollupKey, d store.RollupDelta) {
	weight := int64(maphash.Comparable(seed, k))
	s.payments += d.Payments
	s.amount += d.Amount
	s.weighed += weight * d.Payments
	s.weighedAmount += weight * d.Amount
}

// rollupPart is a part of the rollups, as the rows have it and as the journal has it.
type rollupPart struct {
	lines      map[int64]int64 // by shard, the newest line that the rows hold
	have, want rollupSum
}

// checkRollups replays the journal as who keeps the rollups follows it, up to where the rows hold it, and compares the two part
// by part. Each part is read as of an instant of its own: so it runs beside those who write them.
func (r *run) checkRollups(ctx context.Context) error {
	build, whole, err := r.store.LiveRollupBuild(ctx)
	if err != nil {
		return err
	}
	cubes := store.Cubes()
	if !whole {
		cubes = []store.Cube{store.CubePayments}
		r.inform("rollups of an older program: only totals are there, the rest is being counted", 1)
	}
	seed := maphash.MakeSeed()
	parts, until, err := r.readRollups(ctx, build, cubes, seed)
	if err != nil {
		return err
	}
	for shard, line := range until {
		err := r.store.ReplayRollups(ctx, shard, line, func(line int64, k store.RollupKey, d store.RollupDelta) {
			key := snapshot.RollupPart{Cube: k.Cube, Project: k.Project, Hours: k.Hours}
			// There is no part of a project that was made meanwhile.
			if p := parts[key]; p != nil && line <= p.lines[shard] {
				p.want.add(seed, k, d)
			}
		})
		if err != nil {
			return err
		}
	}
	for key, p := range parts {
		if p.have != p.want {
			r.fail(KindRollup, key.Project, "", "%s of %d h in rollups come to %d with a sum of %d; the journal makes %d with %d of them: flashpay rollups rebuild counts them anew",
				key.Cube, key.Hours, p.have.payments, p.have.amount, p.want.payments, p.want.amount)
		}
	}
	return nil
}

// readRollups reads all parts, and says up to which line the journal is to be replayed.
func (r *run) readRollups(ctx context.Context, build int64, cubes []store.Cube, seed maphash.Seed) (parts map[snapshot.RollupPart]*rollupPart, until map[int64]int64, err error) {
	parts, until = make(map[snapshot.RollupPart]*rollupPart), make(map[int64]int64)
	listed, err := snapshot.Of(r.store).RollupParts(ctx, build, cubes)
	if err != nil {
		return nil, nil, err
	}
	for _, key := range listed {
		p := &rollupPart{}
		p.lines, err = snapshot.Of(r.store).Rollups(ctx, build, key, func(k store.RollupKey, d store.RollupDelta) {
			r.checked("rollups", 1)
			p.have.add(seed, k, d)
		})
		if err != nil {
			return nil, nil, err
		}
		for shard, line := range p.lines {
			until[shard] = max(until[shard], line)
		}
		parts[key] = p
	}
	return parts, until, nil
}
