package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"flashpay/internal/store/sqldb"
)

// Errors of Backup.
var (
	ErrBackupExists = errors.New("store: the backup's file exists already")
	ErrNotSQLite    = errors.New("store: only a SQLite database is copied to a file")
)

// Backup copies a SQLite database to a new file, as it is at one moment, beside whatever works on it: readers and the
// writer go on meanwhile. The file is readable by its owner only, stands under its name only when it is whole and on
// disk, and never replaces another one. The keyset is not in it.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	if s.db.Dialect != &sqldb.SQLite {
		return ErrNotSQLite
	}
	part := path + ".part"
	for _, name := range []string{path, part} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fmt.Errorf("%w: %s", ErrBackupExists, name), err)
		}
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(part)
		}
	}()
	if _, err := s.db.Writes.ExecContext(ctx, "VACUUM INTO $1", part); err != nil {
		return fmt.Errorf("store: backup to %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a new name in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}
