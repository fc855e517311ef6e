package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// fileBeat is how often a server looks whether its database's files are still in their places, beside each commit.
const fileBeat = 2 * time.Second

// errStrayed is the error of a database whose file or log is no longer where it was opened. What is written then goes into
// files that have no name, and is gone when the process ends.
var errStrayed = errors.New("the database's files are not those that this process has open: stop it, bring the right files back, and start it again")

// databaseFile is the file of a SQLite database that this process has open.
type databaseFile struct {
	path   string // with symbolic links resolved
	locks  []*os.File
	opened map[string]os.FileInfo // the file and its log, by path, as they were when they were opened
	watch  sync.Mutex             // over said
	said   bool                   // that they have strayed
}

// openFile finds the database's file, or makes an empty one that only its owner can read; SQLite's other files take after
// it. For a server it takes the locks that keep a second one off, by whatever name that one calls the file.
func openFile(name string, c Config) (*databaseFile, error) {
	f := &databaseFile{path: name}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		f.path = real
	}
	if c.Serve {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o750); err != nil {
			return nil, fmt.Errorf("store: folder of the database: %w", err)
		}
		if err := f.lock(f.path+".lock", os.O_CREATE|os.O_RDWR); err != nil {
			return nil, err
		}
	}
	if err := f.make(name, c); err != nil {
		f.close()
		return nil, err
	}
	if !c.Serve {
		return f, nil
	}
	info, err := os.Stat(f.path)
	if err == nil && links(info) > 1 {
		err = fmt.Errorf("store: %s has %d names (hard links): a database under two names loses payments; remove the others, or serve a copy", f.path, links(info))
	}
	if err == nil && locksDatabase {
		err = f.lock(f.path, os.O_RDONLY)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// make makes an empty database where there is none. A file that is there is not opened: closing it again would end the
// locks that SQLite holds in this process.
func (f *databaseFile) make(name string, c Config) error {
	info, err := os.Stat(f.path)
	if err == nil && info.Size() > 0 {
		return f.keepPrivate()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: database file: %w", err)
	}
	keyset := name + ".keyset"
	if _, there := os.Stat(keyset); there == nil && !c.New {
		return fmt.Errorf("%w at %s, but its keyset %s is there: the file was moved or removed. "+
			"Bring it back; or, to begin with an empty one, start flashpay serve with --new", ErrNoDatabase, name, keyset)
	}
	if c.Existing {
		return fmt.Errorf("%w at %s: check the path, or make a new one with flashpay migrate", ErrNoDatabase, name)
	}
	made, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) { // empty, or another process was faster
		return f.keepPrivate()
	}
	if err != nil {
		return fmt.Errorf("store: database file: %w", err)
	}
	if err := made.Close(); err != nil {
		return fmt.Errorf("store: database file: %w", err)
	}
	return f.keepPrivate()
}

// keepPrivate makes the database's file and those beside it that are there already readable by their owner only; those that
// SQLite makes take after it.
func (f *databaseFile) keepPrivate() error {
	for _, name := range []string{f.path, f.path + "-wal", f.path + "-shm", f.path + ".lock", f.path + ".reserve"} {
		info, err := os.Stat(name)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(name, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("store: %s must be readable by its owner only: %w", name, err)
		}
	}
	return nil
}

// lock takes a lock, which the kernel frees when the process ends, however it ends.
func (f *databaseFile) lock(path string, flags int) error {
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return fmt.Errorf("store: lock file: %w", err)
	}
	if err := tryLock(file); err != nil {
		return errors.Join(fmt.Errorf("store: another server already works on %s: stop it first, or use another file (%w)", f.path, err), file.Close())
	}
	f.locks = append(f.locks, file)
	return nil
}

// remember notes which files are open; connections are.
func (f *databaseFile) remember() {
	f.opened = make(map[string]os.FileInfo)
	for _, path := range []string{f.path, f.path + "-wal"} {
		if info, err := os.Stat(path); err == nil {
			f.opened[path] = info
		}
	}
}

// inPlace says whether the files that are open are still those of the database's name.
func (f *databaseFile) inPlace() error {
	for path, opened := range f.opened {
		now, err := os.Stat(path)
		switch {
		case err != nil:
			return fmt.Errorf("store: %s is gone: %w (%w)", path, errStrayed, err)
		case !os.SameFile(now, opened):
			return fmt.Errorf("store: %s was replaced by another file: %w", path, errStrayed)
		case path == f.path && links(now) > links(opened):
			return fmt.Errorf("store: %s has got another name (a hard link); remove it: %w", path, errStrayed)
		}
	}
	return nil
}

func (f *databaseFile) close() {
	for _, lock := range f.locks {
		_ = lock.Close()
	}
}

// inPlace is nil for PostgreSQL, whose files are its own affair.
func (s *Store) inPlace() error {
	if s.file == nil {
		return nil
	}
	return s.file.inPlace()
}

// watchFile says once that the database's files have strayed, and once that they are back. What only the log held that has
// lost its name is copied into the file, which has not.
func (s *Store) watchFile(ctx context.Context) error {
	s.file.watch.Lock()
	defer s.file.watch.Unlock()
	err := s.inPlace()
	strayed := err != nil
	if strayed == s.file.said {
		return nil
	}
	s.file.said = strayed
	if !strayed {
		s.logger.Warn("store: the database's files are in their places again")
		return nil
	}
	s.logger.Error("store: nothing is stored any more", "err", err)
	if _, gone := os.Stat(s.file.path + "-wal"); !errors.Is(gone, fs.ErrNotExist) {
		return nil // another's log: leave both alone
	}
	if now, err := os.Stat(s.file.path); err != nil || !os.SameFile(now, s.file.opened[s.file.path]) {
		return nil
	}
	var busy, pages, copied int
	if err := s.db.Writes.QueryRowContext(ctx, "PRAGMA wal_checkpoint(FULL)").Scan(&busy, &pages, &copied); err != nil || busy != 0 || copied < pages {
		return fmt.Errorf("store: what the removed log held could not be copied into the database: %w", cmp.Or(err, errStrayed))
	}
	s.logger.Warn("store: what the removed log held is now in the database")
	return nil
}
