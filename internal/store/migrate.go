package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"flashpay/internal/store/sqldb"
)

// Errors of Open where program and database do not fit.
var (
	ErrNoDatabase = errors.New("store: there is no Flashpay database")

	ErrOlder = errors.New("store: the database is older than this program: run flashpay migrate, or start flashpay serve")
	ErrNewer = errors.New("store: the database is newer than this program: use the program that migrated it, or a newer one")
)

// migrationFiles lists the migrations in order; the version is the place in the list plus one. What one engine alone needs
// stands in a file beside it, such as NAME.sqlite.sql, and runs after it.
var migrationFiles = []string{
	"migrations/0001_road.sql",
	"migrations/0002_access.sql",
	"migrations/0003_register.sql",
	"migrations/0004_settings.sql",
	"migrations/0005_manual.sql",
	"migrations/0006_local_indexes.sql",
	"migrations/0007_second_person.sql",
	"migrations/0008_jobs.sql",
	"migrations/0009_rates.sql",
	"migrations/0010_files.sql",
	"migrations/0011_control.sql",
	"migrations/0012_terms.sql",
	"migrations/0013_tokens.sql",
	"migrations/0014_batches.sql",
	"migrations/0015_settling.sql",
	"migrations/0016_batch_reports.sql",
	"migrations/0017_ledger_days.sql",
	"migrations/0018_rollups.sql",
	"migrations/0019_tariffs.sql",
	"migrations/0020_report_templates.sql",
	"migrations/0021_directory.sql",
	"migrations/0022_words.sql",
	"migrations/0023_batch_events.sql",
	"migrations/0024_boards.sql",
	"migrations/0025_callback_rollups.sql",
	"migrations/0026_alerts.sql",
	"migrations/0027_mailed_invitations.sql",
	"migrations/0028_rollup_periods.sql",
}

// checkExisting looks for this program's tables without making any, as reading the version would.
func (s *Store) checkExisting(ctx context.Context) error {
	found := "SELECT COUNT(1) FROM sqlite_master WHERE type = 'table' AND name = $1"
	if s.db.Dialect == &sqldb.Postgres {
		found = "SELECT COUNT(to_regclass($1))"
	}
	var tables int
	if err := sqldb.One(ctx, s.db.Writes, found, goose.DefaultTablename).Scan(&tables); err != nil {
		return fmt.Errorf("store: database %s cannot be read: %w", redacted(s.url), err)
	}
	if tables == 0 {
		return fmt.Errorf("%w in %s: check the address, or make its tables with flashpay migrate", ErrNoDatabase, redacted(s.url))
	}
	return nil
}

// migrate brings an empty database up to date, and an older one where that is allowed. Several processes may do so at
// once: one does, the others wait.
func (s *Store) migrate(ctx context.Context, allowed bool) error {
	p, err := s.migrator()
	if err != nil {
		return err
	}
	current, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("store: reading the database's version: %w", err)
	}
	newest := int64(len(migrationFiles))
	switch {
	case current == newest:
		return nil
	case current > newest:
		return fmt.Errorf("%w (it has version %d, this program %d)", ErrNewer, current, newest)
	case current > 0 && !allowed:
		return fmt.Errorf("%w (it has version %d, this program %d)", ErrOlder, current, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("store: migrating from version %d to %d: %w", current, newest, err)
	}
	return nil
}

// Migrate brings a database up to date without opening it: it needs no keyset, and notes none.
func Migrate(ctx context.Context, address string) error {
	d, dsn, err := sqldb.ParseURL(address)
	if err != nil {
		return err
	}
	s := &Store{db: &sqldb.DB{Dialect: d}, url: address}
	defer s.release()
	if err := s.connect(ctx, dsn, Config{}); err != nil {
		return err
	}
	return s.migrate(ctx, true)
}

func (s *Store) migrator() (*goose.Provider, error) {
	var steps []*goose.Migration
	for i, name := range migrationFiles {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("store: %s: %w", name, err)
		}
		engine, err := migrations.ReadFile(strings.TrimSuffix(name, ".sql") + "." + s.db.Dialect.Name + ".sql")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("store: %s: %w", name, err)
		}
		up := func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, s.db.Dialect.SQL(string(text)+string(engine)))
			return err
		}
		steps = append(steps, goose.NewGoMigration(int64(i+1), &goose.GoFunc{RunTx: up}, nil))
	}
	options := []goose.ProviderOption{goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true)}
	kind := goose.DialectSQLite3
	if s.db.Dialect == &sqldb.Postgres {
		kind = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, fmt.Errorf("store: migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(kind, s.db.Writes, nil, options...)
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	return p, nil
}
