package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
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

// ExplainReads gives SQLite's plan of each statement that was read by so far, by its text.
func (s *Store) ExplainReads(ctx context.Context) (map[string]string, error) {
	plans := make(map[string]string)
	var failed error
	s.readers.Range(func(key, _ any) bool {
		text := key.(string)
		args := make([]any, strings.Count(text, "?"))
		for strings.Contains(text, fmt.Sprintf("$%d", len(args)+1)) {
			args = append(args, nil) // a statement has one kind of places or the other
		}
		rows, err := s.reads.QueryContext(ctx, "EXPLAIN QUERY PLAN "+text, args...)
		if err == nil {
			err = eachRow(rows, func(r *sql.Rows) error {
				var id, parent, unused int
				var detail string
				err := r.Scan(&id, &parent, &unused, &detail)
				plans[text] += detail + "\n"
				return err
			})
		}
		failed = errors.Join(failed, err)
		return true
	})
	return plans, failed
}

// SaveKeyUse commits what KeyUsed has noted.
func (s *Store) SaveKeyUse(ctx context.Context) error { return s.saveKeyUse(ctx) }
