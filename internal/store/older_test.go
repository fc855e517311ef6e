package store

import (
	"context"
	"database/sql"
	"errors"
)

// MigrateTo makes a database as an older program left it: at a version, with rows of its time.
func MigrateTo(ctx context.Context, url string, version int64, statements ...string) error {
	d, address, err := parseURL(url)
	if err != nil {
		return err
	}
	s := &Store{dialect: d, url: url}
	defer s.release()
	if err := s.connect(ctx, address, false); err != nil {
		return err
	}
	p, err := s.migrator()
	if err != nil {
		return err
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return err
	}
	for _, statement := range statements {
		_, e := s.writes.ExecContext(ctx, statement)
		err = errors.Join(err, e)
	}
	return err
}

// Query reads rows as no call of the store does.
func (s *Store) Query(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	return s.read(ctx, text, scan, args...)
}

// SaveKeyUse commits what KeyUsed has noted.
func (s *Store) SaveKeyUse(ctx context.Context) error { return s.saveKeyUse(ctx) }
