package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"flashpay/internal/store/sqldb"
)

const (
	// clockBeat is how often PostgreSQL's clock is read. In between this machine's monotonic clock carries it on.
	clockBeat = 5 * time.Second
	// clockReading is how long a reading may take: when within it the clock was read is not known, and deadlines of submits
	// are judged by it, on this node and on others.
	clockReading = 500 * time.Millisecond
	// clockReadings is how often a start tries to read it in time.
	clockReadings = 20
	// clockJump is how much a clock must be off what has passed to be reported.
	clockJump = time.Second
	// clockAhead is how far ahead of the clock a lease may be for a start to go on from there: more is no clock set back.
	clockAhead = 24 * time.Hour
)

// steadyClock tells a clock's time and never goes back: where the clock was set back, it keeps its lead, so that what was
// made due a moment ago comes when it was due, and lets it shrink by a hundredth of the time that passes.
type steadyClock struct {
	mu     sync.Mutex
	logger *slog.Logger
	read   time.Time // when the clock was read last, by the monotonic clock
	said   time.Time // what it said then
	told   time.Time // what was told then
	jumps  int64
}

// tell returns the time, where the clock says what say tells of this moment.
func (c *steadyClock) tell(say func(now time.Time) time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	read := time.Now()
	said := say(read)
	if c.read.IsZero() {
		c.read, c.said = read, said
	}
	passed := read.Sub(c.read)
	if by := said.Sub(c.said) - passed; by.Abs() >= clockJump {
		c.jumps++
		c.logger.Warn("store: the clock jumped; time goes on without going back", "by", by)
	}
	told := c.told.Add(passed - passed/100)
	if said.After(told) {
		told = said
	}
	c.read, c.said, c.told = read, said, told
	return told
}

// notBefore has the clock go on from at, where at is not long after it.
func (c *steadyClock) notBefore(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ahead := at.Sub(c.told); ahead > 0 && ahead < clockAhead {
		c.logger.Warn("store: the clock is behind what is stored; time goes on from there", "by", ahead)
		c.jumps++
		c.told = at
	}
}

func (c *steadyClock) jumped() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.jumps
}

// measured is what PostgreSQL's clock said.
type measured struct {
	at   time.Time // by this machine's monotonic clock
	said time.Time
}

// Now is the database's time, in whole microseconds: on SQLite this machine's clock, on PostgreSQL the database's, or
// what Config.Clock tells. But for the latter it never goes back.
func (s *Store) Now() time.Time {
	if s.given != nil {
		return s.given().UTC().Truncate(time.Microsecond)
	}
	return s.steady.tell(func(now time.Time) time.Time {
		said := now.Round(0) // without the monotonic reading
		if m := s.measured.Load(); m != nil {
			said = m.said.Add(now.Sub(m.at))
		}
		return said.Add(time.Duration(s.shifted.Load()))
	}).UTC().Truncate(time.Microsecond)
}

// maxClockOffset is how far a node's clock may be from the database's before the node is not ready.
const maxClockOffset = 2 * time.Second

// errSlowReading says that the answer of a database to what its time is took too long to be of use.
var errSlowReading = errors.New("store: the database took too long to tell its time")

// measureClock reads PostgreSQL's clock; a reading that took too long is not believed, and the one before goes on. SQLite has
// this machine's.
func (s *Store) measureClock(ctx context.Context) error {
	if s.db.Dialect == &sqldb.SQLite {
		return nil
	}
	before := time.Now()
	var micros int64
	if err := sqldb.One(ctx, s.db.Reads, "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)").Scan(&micros); err != nil {
		return fmt.Errorf("store: reading the database's clock: %w", err)
	}
	took := time.Since(before)
	if took > clockReading {
		return fmt.Errorf("%w: %s", errSlowReading, took)
	}
	at := before.Add(took / 2)
	s.measured.Store(&measured{at: at, said: time.UnixMicro(micros)})
	s.offset.Store(micros - at.UnixMicro())
	return nil
}

// startClock goes on from the latest lease of a shard, where the clock was set back before this start: nodes that run
// have kept their lead and would take this one's leases for ended.
func (s *Store) startClock(ctx context.Context) error {
	err := s.measureClock(ctx)
	for n := 1; n < clockReadings && errors.Is(err, errSlowReading); n++ {
		err = s.measureClock(ctx)
	}
	if err != nil || s.given != nil {
		return err
	}
	var latest sql.NullInt64
	if err := sqldb.One(ctx, s.db.Reads, "SELECT MAX(lease_until) FROM shards").Scan(&latest); err != nil {
		return fmt.Errorf("store: reading the latest lease: %w", err)
	}
	s.Now()
	s.steady.notBefore(time.UnixMicro(latest.Int64).Add(-shardLease))
	return nil
}
