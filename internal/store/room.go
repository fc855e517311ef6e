package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/bits"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Sizes in bytes of what a SQLite database keeps on its disk beside itself. They grow with the file, in powers of two, and
// none is more than diskShare of the disk.
const (
	leastLog, mostLog     = 4 << 20, 32 << 20 // after which the log is copied into the file
	leastSteps, mostSteps = 2 << 20, 64 << 20 // of the reserve, for the steps of accepted payouts
	diskShare             = 16
	leastOfAll            = 256 << 10 // on the smallest disk
	pageSize              = 4096      // of SQLite
)

// ErrDiskFull says that the database's disk is almost full: new payouts are refused, so that the steps of accepted ones still
// have room. Nothing was stored. It is also ErrUnavailable.
var ErrDiskFull error = diskFull{}

type diskFull struct{}

func (diskFull) Error() string {
	return "store: the disk of the database is almost full; nothing was stored"
}

func (diskFull) Is(target error) bool { return target == ErrUnavailable }

// diskRoom watches the disk of a SQLite database. Beside the file stands a reserve, a file of no content, which is given up
// when the disk is all but full: so a server can start, and bring accepted payouts to their end, where others or it itself
// have filled the disk.
type diskRoom struct {
	path     string // of the database
	space    func(folder string) (free, total int64, err error)
	logger   *slog.Logger
	logPages atomic.Int64 // pages of the log after which it is copied into the file
	low      atomic.Bool  // new payouts are refused

	mu     sync.Mutex
	failed bool // the reserve could not be made, and that was said
}

func newDiskRoom(path string, c Config) *diskRoom {
	r := &diskRoom{path: path, space: c.Space, logger: c.Logger}
	if r.space == nil {
		r.space = diskSpace
	}
	r.logPages.Store(leastLog / pageSize)
	return r
}

func (r *diskRoom) reservePath() string { return r.path + ".reserve" }

// measure looks at the disk, and acts on what it finds: it refuses or takes new payouts, gives the reserve up or makes it.
// A disk whose space nobody can tell is taken for large.
func (r *diskRoom) measure() {
	r.mu.Lock()
	defer r.mu.Unlock()
	free, total, err := r.space(filepath.Dir(r.path))
	if err != nil {
		r.low.Store(false)
		return
	}
	log, reserve := r.sizes(total)
	r.logPages.Store(log / pageSize)
	kept := fileSize(r.reservePath())
	need, beyond := log+reserve, free+kept-reserve
	if r.low.Load() {
		need += need / 4 // it must not come and go
	}
	if low := beyond < need; low != r.low.Swap(low) {
		if low {
			r.logger.Error("store: the disk of the database is almost full: new payouts are refused until there is room again", "free_bytes", free, "needed_bytes", need)
		} else {
			r.logger.Warn("store: the disk of the database has room again: new payouts are taken", "free_bytes", free)
		}
	}
	switch {
	case kept > 0 && free < (log+reserve)/4:
		r.giveUp(kept)
	case kept < reserve && !r.low.Load():
		r.keep(reserve)
	}
}

// sizes are how large the log may become, and the reserve is. The reserve takes in a whole log: where the disk is filled while
// there is one, it can be copied only into a file that may still grow, and while it cannot, it grows itself until nothing does.
func (r *diskRoom) sizes(total int64) (log, reserve int64) {
	file := fileSize(r.path)
	share := max(total/diskShare, leastOfAll)
	log = min(powerOfTwo(file, leastLog, mostLog), share)
	return log, log + min(powerOfTwo(file, leastSteps, mostSteps), share)
}

// powerOfTwo is the largest one that is not above v, within bounds that are powers of two.
func powerOfTwo(v, least, most int64) int64 {
	return min(max(1<<max(bits.Len64(uint64(v))-1, 0), least), most)
}

// fileSize is the size of a file, 0 where there is none.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// giveUp frees the reserve for what must go on.
func (r *diskRoom) giveUp(size int64) {
	if err := os.Remove(r.reservePath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.logger.Error("store: the reserve on the full disk could not be given up", "err", err)
		return
	}
	r.logger.Warn("store: the disk is full: its reserve is given up, so that accepted payouts come to their end", "bytes", size)
}

// keep makes the reserve as large as it shall be.
func (r *diskRoom) keep(size int64) {
	err := r.makeReserve(size)
	if err != nil {
		_ = os.Remove(r.reservePath())
	}
	if failed := err != nil; failed != r.failed {
		r.failed = failed
		if failed {
			r.logger.Warn("store: no reserve could be made on the disk of the database", "bytes", size, "err", err)
		}
	}
}

func (r *diskRoom) makeReserve(size int64) error {
	f, err := os.OpenFile(r.reservePath(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("store: reserve: %w", err)
	}
	return errors.Join(occupy(f, size), f.Close())
}

// writeZeros writes zeros where a file system cannot be asked for room in another way.
func writeZeros(f *os.File, size int64) error {
	zeros := make([]byte, 1<<16)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return fmt.Errorf("store: reserve: %w", err)
		}
	}
	return nil
}

// roomForMore says whether new payouts can be taken. PostgreSQL's disk is its own affair: it says so when it is full.
func (s *Store) roomForMore() error {
	if s.room != nil && s.room.low.Load() {
		return ErrDiskFull
	}
	return nil
}

// watchRoom looks at the disk of an idle server, as each commit does.
func (s *Store) watchRoom(context.Context) error {
	s.room.measure()
	return nil
}

// shortenLog copies the log that a predecessor has left into the file at the start of a server, where nobody reads it.
func (s *Store) shortenLog(ctx context.Context) {
	if s.room == nil {
		return
	}
	if _, err := s.db.Writes.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		s.logger.Warn("store: the database's log could not be copied into its file", "err", err)
	}
	s.room.measure()
}

// copyGrownLog copies the log into the file beside the writer, once it is half as long as it may become. The writer copies the rest
// when it is as long as that, which is little then; without this each commit that came upon a long log would wait for all of it.
func (s *Store) copyGrownLog(ctx context.Context) error {
	var busy, pages, copied int64
	if err := s.db.Writes.QueryRowContext(ctx, "PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &pages, &copied); err != nil {
		return err
	}
	if pages-copied < s.room.logPages.Load()/2 {
		return nil
	}
	s.logCopies.Add(1)
	s.copying.Lock()
	defer s.copying.Unlock()
	return s.db.Writes.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &copied)
}

// awaitCopy waits for the log's copy beside the writer where the log has outgrown its limit meanwhile: the writer, which would copy it
// then, cannot do so beside the other.
func (s *Store) awaitCopy() {
	if s.copying.TryLock() {
		s.copying.Unlock()
		return
	}
	if fileSize(s.room.path+"-wal") > s.room.logPages.Load()*pageSize {
		s.copying.Lock()
		defer s.copying.Unlock()
	}
}

// logLook is how often a growing log is looked at.
const logLook = 10 * time.Millisecond

// watchLog copies a growing log. A file that cannot be written is left to the writer, which finds the same.
func (s *Store) watchLog(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.logGrows:
		}
		pause := logLook
		if err := s.copyGrownLog(ctx); err != nil && ctx.Err() == nil {
			s.logger.Warn("store: the database's log could not be copied into its file", "err", err)
			pause = fileBeat
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
