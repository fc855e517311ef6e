package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"flashpay/internal/store/sqldb"
)

const (
	shardSpan    = 1_000_000_000_000 // numbers a shard: an id is shard × span + number
	numberBlock  = 1_000             // of operations' numbers, which the wire shows
	rowBlock     = 100_000           // of row numbers, which nobody sees
	CommandShard = 9000              // of command-line programs: they work beside servers and take single numbers
	maxShard     = 8999              // 9,000 × span stays below 2^53, as the wire's integers must
	shardLease   = 10 * time.Second
	shardBeat    = 3 * time.Second
	shardSure    = 3 * time.Second // after a renewal: its lease is surely alive for as long as a transaction may stand still
)

func newOwner() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails, says crypto/rand
	host, _ := os.Hostname()
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), hex.EncodeToString(id[:]))
}

// allocator hands out numbers from blocks that the database has given. Only commits use it, one at a time.
type allocator struct{ next, end int64 }

func (a *allocator) left() int64 { return a.end - a.next }

func (a *allocator) take() int64 {
	if a.next >= a.end {
		panic("store: number block is used up")
	}
	a.next++
	return a.next - 1
}

// takeShard takes a free shard for a server, or the shared one for a command, and what a dead predecessor left
// behind is freed.
func (s *Store) takeShard(ctx context.Context, serve bool) error {
	if !serve {
		s.shard.Store(CommandShard)
		if there, err := s.db.Numbers(ctx, "SELECT shard FROM shards WHERE shard = $1", int64(CommandShard)); err != nil || len(there) > 0 {
			return err // a command that only reads does not wait for a busy server's writer
		}
		const insert = "INSERT INTO shards (shard, owner, lease_until, next_number, next_row) VALUES ($1, 'commands', 0, 1, 1) ON CONFLICT (shard) DO NOTHING"
		_, err := s.conn.Exec(ctx, insert, CommandShard)
		return err
	}
	for shard := int64(0); shard <= maxShard; shard++ {
		taken, err := s.tryShard(ctx, shard)
		if err != nil {
			return err
		}
		if taken {
			s.shard.Store(shard)
			return s.freeLeases(ctx, shard)
		}
	}
	return errors.New("store: all shards are taken: stop nodes that are not needed")
}

// tryShard takes one shard if it is new or its owner's lease has ended. On SQLite the file's lock already says that
// no other server lives.
func (s *Store) tryShard(ctx context.Context, shard int64) (bool, error) {
	now := s.Now()
	expired := now.UnixMicro()
	if s.db.Dialect == &sqldb.SQLite {
		expired = 1<<62 - 1
	}
	const take = `INSERT INTO shards (shard, owner, lease_until, next_number, next_row) VALUES ($1, $2, $3, 1, 1)
		ON CONFLICT (shard) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until WHERE shards.lease_until < $4`
	n, err := s.conn.Exec(ctx, take, shard, s.owner, now.Add(shardLease).UnixMicro(), expired)
	return n == 1, err
}

const renewShard = "UPDATE shards SET lease_until = $1 WHERE shard = $2 AND owner = $3"

// keepShard keeps this node's lease on its shard alive while nothing else is committed, and frees the leases of nodes
// that have died, so that their work is taken over within seconds.
func (s *Store) keepShard(ctx context.Context) error {
	if err := s.do(ctx, &command{exec: func(context.Context, *Tx) error { return nil }}); err != nil {
		return fmt.Errorf("store: renewing the shard's lease: %w", err)
	}
	return s.reclaimExpired(ctx, s.Now())
}

// ownShard sees to it that this node's shard is surely its own while a transaction runs: others may take it when its
// lease has ended. A lease that was renewed too long ago is renewed now; one that is lost is replaced, with new blocks
// of numbers. PostgreSQL ends a transaction that stands still for longer than what is left of the lease then.
func (s *Store) ownShard(ctx context.Context) error {
	if s.db.Dialect == &sqldb.SQLite || s.shard.Load() == CommandShard || time.Since(s.renewed) < shardSure {
		return nil
	}
	n, err := s.conn.Exec(ctx, renewShard, s.Now().Add(shardLease).UnixMicro(), s.shard.Load(), s.owner)
	if err != nil {
		return err
	}
	s.renewed = time.Now()
	if n == 1 {
		return nil
	}
	s.logger.Error("store: this node's shard was taken over: it was silent for too long", "shard", s.shard.Load())
	s.numbers, s.rows = allocator{}, allocator{}
	if err := s.takeShard(ctx, true); err != nil {
		return err
	}
	return s.findUnsealed(ctx)
}

// reclaimExpired frees what dead nodes had leased. The owner is emptied so that each death is handled once.
func (s *Store) reclaimExpired(ctx context.Context, now time.Time) error {
	const bury = "UPDATE shards SET owner = '' WHERE lease_until < $1 AND owner <> '' AND owner <> 'commands' RETURNING shard"
	var dead []int64
	if err := sqldb.Query(ctx, s.db.Writes, bury, now.UnixMicro()).Each(func(r *sql.Rows) error {
		var shard int64
		err := r.Scan(&shard)
		dead = append(dead, shard)
		return err
	}); err != nil {
		return err
	}
	for _, shard := range dead {
		s.logger.Warn("store: a node has died; its leases are freed", "shard", shard)
		if err := s.freeLeases(ctx, shard); err != nil {
			return err
		}
		if err := s.sealRest(ctx, shard); err != nil {
			return err
		}
	}
	return nil
}

// freeLeases makes everything that a shard had leased due now.
func (s *Store) freeLeases(ctx context.Context, shard int64) error {
	now := s.Now().UnixMicro()
	for _, table := range []string{"operations", "callbacks", "notifications", "jobs"} {
		free := "UPDATE " + table + " SET next_at = $1, lease = NULL WHERE lease = $2 AND next_at IS NOT NULL"
		if _, err := s.db.Writes.ExecContext(ctx, free, now, shard); err != nil {
			return fmt.Errorf("store: freeing the leases of shard %d: %w", shard, err)
		}
	}
	return nil
}

func (s *Store) releaseShard(ctx context.Context) error {
	shard := s.shard.Load()
	if shard == CommandShard {
		return nil
	}
	err := s.freeLeases(ctx, shard)
	const give = "UPDATE shards SET lease_until = 0, owner = '' WHERE shard = $1 AND owner = $2"
	if _, e := s.db.Writes.ExecContext(ctx, give, shard, s.owner); e != nil {
		err = errors.Join(err, fmt.Errorf("store: giving the shard back: %w", e))
	}
	return err
}

// reserveNumbers sees to it that the blocks hold at least as many numbers as asked for, outside of any transaction.
func (s *Store) reserveNumbers(ctx context.Context, numbers, rows int64) error {
	if s.numbers.left() >= numbers && s.rows.left() >= rows {
		return nil
	}
	shard := s.shard.Load()
	takeNumbers, takeRows := max(numbers, numberBlock), max(rows, rowBlock)
	if shard == CommandShard { // a command lives for a moment: it takes what it needs
		takeNumbers, takeRows = numbers, rows
	}
	if s.numbers.left() >= numbers {
		takeNumbers = 0
	}
	if s.rows.left() >= rows {
		takeRows = 0
	}
	const take = "UPDATE shards SET next_number = next_number + $1, next_row = next_row + $2 WHERE shard = $3 RETURNING next_number, next_row"
	return s.conn.Query(ctx, take, func(r *sql.Rows) error {
		var number, row int64
		if err := r.Scan(&number, &row); err != nil {
			return err
		}
		if takeNumbers > 0 {
			s.numbers = allocator{next: shard*shardSpan + number - takeNumbers, end: shard*shardSpan + number}
		}
		if takeRows > 0 {
			s.rows = allocator{next: shard*shardSpan + row - takeRows, end: shard*shardSpan + row}
		}
		return nil
	}, takeNumbers, takeRows, shard)
}

// ShardEnd is the first id behind those of the shard that gave an id.
func ShardEnd(id int64) int64 { return (ShardOf(id) + 1) * shardSpan }

// ShardOf is the shard that gave an id.
func ShardOf(id int64) int64 {
	if id < 0 {
		return -1
	}
	return id / shardSpan
}

// RowOf is an id's number within its shard.
func RowOf(id int64) int64 { return id % shardSpan }

// ShardRange is the ids that a shard can give: those above after, up to last.
func ShardRange(shard int64) (after, last int64) { return shard * shardSpan, (shard+1)*shardSpan - 1 }
