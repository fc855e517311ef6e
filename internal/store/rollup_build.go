package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"flashpay/internal/store/sqldb"
)

// Rollups are kept in builds. Readers use the live one. A new build is counted from the first line of the journal, in the
// background and beside the live one. When it has caught up, one commit makes it the live one, and the old build is deleted in
// small commits. So rollups can be rebuilt at any time, and nobody reads an incomplete build.

// buildLife is how long a build is kept after it stopped being live: readers that have its number still read its rows.
const buildLife = 2 * time.Minute

// RollupBuild is one build of the rollups.
type RollupBuild struct {
	Number  int64
	State   string // counting, live, dropped
	Whole   bool   // it has all cubes; else only CubePayments
	Done    int64  // journal lines' numbers behind it …
	Behind  int64  // … and before it, as far as the journal is followed: a measure, not a count
	BeganAt time.Time
}

// RollupBuilds lists all builds, by number.
func (s *Store) RollupBuilds(ctx context.Context) (builds []RollupBuild, err error) {
	const list = `SELECT b.build, b.state, b.whole, b.began_at,
		CAST(COALESCE(SUM(COALESCE(r.line, f.shard * 1000000000000) - f.shard * 1000000000000), 0) AS BIGINT),
		CAST(COALESCE(SUM(f.last_row - COALESCE(r.line, f.shard * 1000000000000)), 0) AS BIGINT)
		FROM rollup_builds b LEFT JOIN followed f ON 1 = 1 LEFT JOIN rolled r ON r.build = b.build AND r.shard = f.shard
		GROUP BY b.build, b.state, b.whole, b.began_at ORDER BY b.build`
	err = sqldb.Query(ctx, s.db.Reads, list).Each(func(r *sql.Rows) error {
		var b RollupBuild
		var whole, began int64
		err := r.Scan(&b.Number, &b.State, &whole, &began, &b.Done, &b.Behind)
		b.Whole, b.BeganAt = whole == 1, sqldb.FromMicros(began)
		builds = append(builds, b)
		return err
	})
	return builds, s.db.Unavailable(err)
}

// LiveRollupBuild returns the number of the build that readers must use. whole is false where it has CubePayments only.
func (s *Store) LiveRollupBuild(ctx context.Context) (build int64, whole bool, err error) {
	var all int64
	err = sqldb.One(ctx, s.db.Lists, "SELECT build, whole FROM rollup_builds WHERE state = 'live'").Scan(&build, &all)
	return build, all == 1, s.db.Unavailable(err)
}

// RebuildRollups starts a new build, unless one is under way, and returns its number. FollowJournal and CatchUpRollups count it.
func (s *Store) RebuildRollups(ctx context.Context, actor string) (build int64, err error) {
	err = s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		build = 0
		newest, err := t.lockBuilds(ctx)
		if err != nil {
			return err
		}
		for number, state := range newest.states {
			if state == "counting" {
				build = number
				return nil
			}
		}
		if err := t.askToRecountCallbacks(ctx); err != nil {
			return err
		}
		build = newest.number + 1
		const insert = "INSERT INTO rollup_builds (build, state, whole, began_at, ended_at) VALUES ($1, 'counting', 1, $2, 0)"
		if _, err := t.Exec(ctx, insert, build, t.now.UnixMicro()); err != nil {
			return err
		}
		return t.Audit(ctx, actor, "rollups rebuild", "rollups", Detail{}.Int("build", build))
	}})
	return build, err
}

// buildsLocked are the states of the builds, by their numbers, and the highest one.
type buildsLocked struct {
	states map[int64]string
	number int64
}

func (t *Tx) lockBuilds(ctx context.Context) (*buildsLocked, error) { return lockBuilds(ctx, t.conn) }

func lockBuilds(ctx context.Context, on *sqldb.Conn) (*buildsLocked, error) {
	b := &buildsLocked{states: make(map[int64]string)}
	err := on.Query(ctx, "SELECT build, state FROM rollup_builds ORDER BY build{{for_update}}", func(r *sql.Rows) error {
		var state string
		err := r.Scan(&b.number, &state)
		b.states[b.number] = state
		return err
	})
	return b, err
}

// advanceBuilds moves the builds that stand where a shard stood, and says which these are.
func (s *Store) advanceBuilds(ctx context.Context, on *sqldb.Conn, shard, from, to int64) (builds []int64, err error) {
	now := s.Now().UnixMicro()
	if from == shard*shardSpan {
		const begin = `INSERT INTO rolled (build, shard, line, at) SELECT build, CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT)
			FROM rollup_builds WHERE state <> 'dropped' ON CONFLICT (build, shard) DO NOTHING`
		if _, err := on.Exec(ctx, begin, shard, from, now); err != nil {
			return nil, err
		}
	}
	const move = "UPDATE rolled SET line = $1, at = $2 WHERE shard = $3 AND line = $4 RETURNING build"
	err = on.Query(ctx, move, func(r *sql.Rows) error {
		var build int64
		err := r.Scan(&build)
		builds = append(builds, build)
		return err
	}, to, now, shard, from)
	return builds, err
}

// CatchUpRollups counts the builds up to where FollowJournal has come, makes a new build the live one once it has caught up, and
// deletes what is left of old ones. On a disk that is almost full it does nothing, as FollowJournal.
func (s *Store) CatchUpRollups(ctx context.Context) error {
	if s.roomForMore() != nil {
		return nil
	}
	s.catching.Lock() // two of this process would only be in each other's way
	defer s.catching.Unlock()
	for {
		var behind []buildPlace
		err := sqldb.Query(ctx, s.db.Reads, readBehind).Each(func(r *sql.Rows) error {
			var p buildPlace
			err := r.Scan(&p.build, &p.shard, &p.at, &p.until)
			behind = append(behind, p)
			return err
		})
		if err != nil {
			return s.db.Unavailable(err)
		}
		if len(behind) == 0 {
			break
		}
		for _, p := range behind {
			if err := s.catchUpShard(ctx, p); err != nil {
				return fmt.Errorf("store: counting rollups anew, shard %d: %w", p.shard, err)
			}
		}
	}
	if err := s.exchangeBuilds(ctx); err != nil {
		return err
	}
	if err := s.recountCallbacks(ctx); err != nil {
		return fmt.Errorf("store: counting attempts of callbacks anew: %w", err)
	}
	return s.dropBuilds(ctx)
}

// buildPlace is how far a build has come in a shard, and how far it can come.
type buildPlace struct{ build, shard, at, until int64 }

const readBehind = `SELECT b.build, f.shard, COALESCE(r.line, f.shard * 1000000000000), f.last_row FROM followed f JOIN rollup_builds b ON b.state <> 'dropped'
	LEFT JOIN rolled r ON r.build = b.build AND r.shard = f.shard
	WHERE f.last_row > COALESCE(r.line, f.shard * 1000000000000) ORDER BY b.build, f.shard`

// catchUpShard counts a shard's lines up to where its followers were.
func (s *Store) catchUpShard(ctx context.Context, p buildPlace) error {
	for p.at < p.until {
		began := time.Now()
		lines, err := s.readFollowed(ctx, p.shard, p.at, p.until+1, followBatch)
		if err != nil {
			return err
		}
		to := p.until
		if len(lines) == followBatch {
			to = lines[len(lines)-1].id
		}
		sums, moved := rollUp(lines), false
		err = s.offWriter(ctx, func(ctx context.Context, on *sqldb.Conn) (err error) {
			if moved, err = s.moveBuild(ctx, on, p, to); err != nil || !moved {
				return err
			}
			return addRollups.Run(ctx, on, rollupArgs([]int64{p.build}, sums), nil)
		})
		if err != nil || !moved { // somebody else counts them
			return err
		}
		p.at = to
		if p.at == p.until {
			break
		}
		select { // catching up leaves the road its turn
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Since(began)):
		}
	}
	return nil
}

func (s *Store) moveBuild(ctx context.Context, on *sqldb.Conn, p buildPlace, to int64) (bool, error) {
	now := s.Now().UnixMicro()
	const begin = "INSERT INTO rolled (build, shard, line, at) VALUES ($1, $2, $3, $4) ON CONFLICT (build, shard) DO NOTHING"
	if _, err := on.Exec(ctx, begin, p.build, p.shard, p.shard*shardSpan, now); err != nil {
		return false, err
	}
	n, err := on.Exec(ctx, "UPDATE rolled SET line = $1, at = $2 WHERE build = $3 AND shard = $4 AND line = $5", to, now, p.build, p.shard, p.at)
	return n == 1, err
}

// exchangeBuilds puts a build that has come as far as the journal's followers in the place of the live one.
func (s *Store) exchangeBuilds(ctx context.Context) error {
	var counting int64
	err := sqldb.One(ctx, s.db.Reads, "SELECT build FROM rollup_builds WHERE state = 'counting' ORDER BY build").Scan(&counting)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return s.db.Unavailable(err)
	}
	return s.offWriter(ctx, func(ctx context.Context, on *sqldb.Conn) error {
		builds, err := lockBuilds(ctx, on)
		if err != nil || builds.states[counting] != "counting" {
			return err
		}
		behind := 0
		const count = `SELECT COUNT(*) FROM followed f LEFT JOIN rolled r ON r.build = $1 AND r.shard = f.shard
			WHERE COALESCE(r.line, -1) <> f.last_row`
		err = on.Query(ctx, count, func(r *sql.Rows) error { return r.Scan(&behind) }, counting)
		if err != nil || behind > 0 { // it goes on at the next beat
			return err
		}
		if _, err := on.Exec(ctx, "UPDATE rollup_builds SET state = 'dropped', ended_at = $1 WHERE state = 'live'", s.Now().UnixMicro()); err != nil {
			return err
		}
		_, err = on.Exec(ctx, "UPDATE rollup_builds SET state = 'live' WHERE build = $1", counting)
		return err
	})
}

// dropBuilds deletes builds that nobody reads any more, a piece to a commit.
func (s *Store) dropBuilds(ctx context.Context) error {
	old, err := s.db.Numbers(ctx, "SELECT build FROM rollup_builds WHERE state = 'dropped' AND ended_at < $1", s.Now().Add(-buildLife).UnixMicro())
	if err != nil {
		return s.db.Unavailable(err)
	}
	for _, build := range old {
		const key = "build, cube, project_id, hours, start, method, currency, status, code, bank, bucket"
		const piece = "DELETE FROM rollups WHERE (" + key + ") IN (SELECT " + key + " FROM rollups WHERE build = $1 LIMIT $2)"
		for gone := dropPiece; gone > 0; {
			err := s.offWriter(ctx, func(ctx context.Context, on *sqldb.Conn) (err error) {
				gone, err = on.Exec(ctx, piece, build, dropPiece)
				return err
			})
			if err != nil {
				return err
			}
		}
		err := s.offWriter(ctx, func(ctx context.Context, on *sqldb.Conn) error {
			if _, err := on.Exec(ctx, "DELETE FROM rolled WHERE build = $1", build); err != nil {
				return err
			}
			_, err := on.Exec(ctx, "DELETE FROM rollup_builds WHERE build = $1", build)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ReplayRollups counts a shard's journal lines again, from the first up to the id until, and calls visit for every row of the
// rollups that a line changes, in the order of the lines. The audit compares the stored rows with it.
func (s *Store) ReplayRollups(ctx context.Context, shard, until int64, visit func(line int64, k RollupKey, d RollupDelta)) error {
	for at := shard * shardSpan; at < until; {
		lines, err := s.readFollowed(ctx, shard, at, until+1, followBatch)
		if err != nil {
			return s.db.Unavailable(err)
		}
		if len(lines) == 0 {
			return nil
		}
		for i := range lines {
			l := &lines[i]
			l.rollUp(func(k RollupKey, payments int64) {
				d := RollupDelta{payments, payments * l.amount}
				visit(l.id, k, d)
				k.longer(func(k RollupKey) { visit(l.id, k, d) })
			})
		}
		at = lines[len(lines)-1].id
	}
	return nil
}
