package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Exec runs f inside a commit.
func (s *Store) Exec(ctx context.Context, f func()) error {
	return s.do(ctx, &command{exec: func(context.Context, *Tx) error { f(); return nil }})
}

// LeaseMargin is how much longer a lease lasts than the call that it covers.
const LeaseMargin = leaseMargin

// BesideOthers is how many background commands share a commit with others.
const BesideOthers = besideOthers

// Together makes calls whose commands share a commit, in their order: the writer is held until all of them wait. It counts
// what waits, so the store must be a command's: a server commits by itself as well.
func (s *Store) Together(ctx context.Context, calls ...func()) error {
	if s.follows {
		return errors.New("store: the commands of a server's own work would be counted")
	}
	held, free := make(chan struct{}, 1), make(chan struct{})
	var all sync.WaitGroup
	var err error
	all.Go(func() {
		err = s.Exec(ctx, func() {
			select {
			case held <- struct{}{}:
			default: // the commit runs again
			}
			<-free
		})
	})
	<-held
	for _, call := range calls {
		before := s.batcher.Queued()
		all.Go(call)
		for s.batcher.Queued() == before {
			time.Sleep(time.Millisecond)
		}
	}
	close(free)
	all.Wait()
	return err
}

// AgeShard makes this node's lease on its shard as old as if it had been renewed so long ago.
func (s *Store) AgeShard(ctx context.Context, by time.Duration) error {
	return s.Exec(ctx, func() { s.renewed = time.Now().Add(-by) })
}

// MeasureClock reads the database's clock, as a server does every few seconds.
func (s *Store) MeasureClock(ctx context.Context) error { return s.measureClock(ctx) }

// LoseNextCommitsAnswer lets the next commit go through, and its answer get lost.
func (s *Store) LoseNextCommitsAnswer() {
	s.answerCommits(func() error {
		s.committed.Store(nil)
		return driver.ErrBadConn
	})
}

func (s *Store) answerCommits(answer func() error) { s.committed.Store(&answer) }

// LoseSession leaves the writer as a reconnect that failed does.
func (s *Store) LoseSession(ctx context.Context) error {
	return s.do(ctx, &command{exec: func(context.Context, *Tx) error {
		s.answerCommits(func() error {
			s.committed.Store(nil)
			s.conn.Close()
			return nil
		})
		return nil
	}})
}

// BreakWriter makes every commit fail, as a database that is away does, until the function that it returns is called.
func (s *Store) BreakWriter() (restore func()) {
	var broken atomic.Bool
	broken.Store(true)
	s.answerCommits(func() error {
		if broken.Load() {
			return driver.ErrBadConn
		}
		return nil
	})
	return func() { broken.Store(false) }
}

// WriterSynchronous reads the pragma on the writer's own connection.
func (s *Store) WriterSynchronous(ctx context.Context) (level int, err error) {
	err = s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		return t.Query(ctx, "PRAGMA synchronous", func(r *sql.Rows) error { return r.Scan(&level) })
	}})
	return level, err
}

// MakeSessionReadOnly lets the server of the writer's session refuse to write, as a standby does.
func (s *Store) MakeSessionReadOnly(ctx context.Context) error {
	return s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		_, err := t.Exec(ctx, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
		return err
	}})
}

// Lost says how often the database was lost.
func (s *Store) Lost() int64 { return s.db.Losses() }

// WatchFile looks after the database's files, as a server does every few seconds.
func (s *Store) WatchFile(ctx context.Context) error { return s.watchFile(ctx) }

// ReserveNumbers has the blocks hold more numbers than they do by one, as a commit of many payouts asks for, and says how many row
// numbers were left before and after.
func (s *Store) ReserveNumbers(ctx context.Context) (before, after int64, err error) {
	failed := s.Exec(ctx, func() {
		before = s.rows.left()
		err = s.reserveNumbers(ctx, s.numbers.left()+1, 1)
		after = s.rows.left()
	})
	return before, after, errors.Join(err, failed)
}
