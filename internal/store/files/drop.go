package files

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"flashpay/internal/store"
)

// dropPiece is how many files are looked for at a time.
const dropPiece = 100

// DeleteExpired deletes the files whose time is over, and what writers left that have died: first the content, then the row, so
// that nothing is left which nobody knows of. Beside a SQLite database it also deletes content without a row, which a restored
// backup does not know.
func DeleteExpired(ctx context.Context, s *store.Store) error {
	now := s.Now()
	for n := dropPiece; n == dropPiece; {
		var old []File
		err := s.DB().List(ctx, "SELECT "+columns+" FROM files WHERE drop_at <= $1 ORDER BY drop_at LIMIT $2", func(r *sql.Rows) error {
			f, err := scan(r)
			old = append(old, f)
			return err
		}, now.UnixMicro(), dropPiece)
		if err != nil {
			return s.DB().Unavailable(err)
		}
		for i := range old {
			if err := drop(ctx, s, &old[i]); err != nil {
				return err
			}
		}
		n = len(old)
	}
	if path := s.Path(); path != "" {
		return dropUnknown(ctx, s, Folder(path))
	}
	return nil
}

// drop deletes a file. Its row says so first: who writes it may live after all, and then must not commit it.
func drop(ctx context.Context, s *store.Store, f *File) error {
	err := s.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		_, err := t.Exec(ctx, "UPDATE files SET state = 'dropped', drop_at = 0 WHERE id = $1", f.ID)
		return err
	})
	if err != nil {
		return err
	}
	if err := shelfOf(s).remove(ctx, f); err != nil {
		return err
	}
	return s.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		_, err := t.Exec(ctx, "DELETE FROM files WHERE id = $1", f.ID)
		return err
	})
}

var token = regexp.MustCompile(`^[0-9a-f]{32}$`)

// unknownTime is how old content without a row must be to be deleted: longer than anything takes to get its row.
const unknownTime = 24 * time.Hour

func dropUnknown(ctx context.Context, s *store.Store, path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("files: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !token.MatchString(e.Name()) || !info.Mode().IsRegular() || time.Since(info.ModTime()) < unknownTime {
			continue // also what has just been deleted
		}
		known := false
		err = s.DB().Read(ctx, "SELECT id FROM files WHERE token = $1", func(*sql.Rows) error { known = true; return nil }, e.Name())
		if err != nil {
			return s.DB().Unavailable(err)
		}
		if !known {
			if err := os.Remove(filepath.Join(path, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("files: %w", err)
			}
		}
	}
	return nil
}

// Backup copies the files of a SQLite database beside a copy of it, which was made before, and says how many there are. They
// are copied as they are, sealed. A file that is deleted meanwhile is left out.
func Backup(ctx context.Context, s *store.Store, database string) (count int, err error) {
	from, to := Folder(s.Path()), database+".files"
	var list []File
	err = s.DB().List(ctx, "SELECT "+columns+" FROM files WHERE state = 'whole' ORDER BY id", func(r *sql.Rows) error {
		f, err := scan(r)
		list = append(list, f)
		return err
	})
	if err != nil || len(list) == 0 {
		return 0, s.DB().Unavailable(err)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return 0, fmt.Errorf("files: %w", err)
	}
	for i := range list {
		switch err := copyFile(folder(from).path(&list[i]), folder(to).path(&list[i])); {
		case err == nil:
			count++
		case !errors.Is(err, fs.ErrNotExist):
			return count, fmt.Errorf("files: backup: %w", err)
		}
	}
	return count, syncFolder(to)
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Sync(), target.Close())
}

// Audit reads the rows of all files and the content of those that are whole, and says what is wrong. It returns how many it
// read.
func Audit(ctx context.Context, s *store.Store, fault func(f *File, what string)) (count int64, err error) {
	after := int64(-1 << 62)
	for n := dropPiece; n == dropPiece; {
		var page []File
		const find = "SELECT " + columns + " FROM files WHERE id > $1 AND state = 'whole' ORDER BY id LIMIT $2"
		err := s.DB().List(ctx, find, func(r *sql.Rows) error {
			f, err := scan(r)
			page, after = append(page, f), f.ID
			return err
		}, after, dropPiece)
		if err != nil {
			return count, s.DB().Unavailable(err)
		}
		for i := range page {
			what, err := verify(ctx, s, &page[i])
			if err != nil {
				return count, err
			}
			if what != "" {
				fault(&page[i], what)
			}
			count++
		}
		n = len(page)
	}
	return count, nil
}

// verify reads a file and compares it with its row; empty: they agree, or it has been deleted since.
func verify(ctx context.Context, s *store.Store, f *File) (what string, err error) {
	size, err := readAll(ctx, s, f.ID)
	switch {
	case errors.Is(err, ErrDamaged):
		if _, e := Get(ctx, s, f.ID); errors.Is(e, store.ErrNotFound) {
			return "", nil
		}
		return err.Error(), nil
	case errors.Is(err, store.ErrNotFound):
		return "", nil
	case err == nil && size != f.Size:
		return fmt.Sprintf("its content has %d bytes, its row says %d", size, f.Size), nil
	}
	return "", err
}

func readAll(ctx context.Context, s *store.Store, id int64) (size int64, err error) {
	r, err := Open(ctx, s, id, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.Copy(io.Discard, r)
}
