package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os/user"
	"strings"
	"time"

	"flashpay/internal/store"
)

// databaseFlag is part of every command that touches a database.
type databaseFlag struct {
	Database string `var:"FLASHPAY_DATABASE" secret:"" placeholder:"URL" help:"The database: sqlite:PATH, or postgres://user:password@host/name."`
}

// keyset is the keyset that seals the database, or its path; empty: where the store looks for it.
func (a *app) keyset() (string, error) { return variable(a.env, "FLASHPAY_KEYSET", true) }

func (d *databaseFlag) config(a *app) (store.Config, error) {
	if d.Database == "" {
		return store.Config{}, usagef("no database: give --database sqlite:PATH or --database postgres://user:password@host/name, or set FLASHPAY_DATABASE")
	}
	keyset, err := a.keyset()
	return store.Config{URL: d.Database, Keyset: keyset, Logger: a.newLogger(a.stderr, slog.LevelWarn)}, err
}

// with opens a database that is there for one command, beside whatever server works on it, and closes it.
func (d *databaseFlag) with(a *app, do func(s *store.Store) error) error {
	c, err := d.config(a)
	if err != nil {
		return err
	}
	c.Existing = true
	return withStore(a.ctx, c, do)
}

// withNew does the same for a command that begins with nothing: where there is no database it makes one.
func (d *databaseFlag) withNew(a *app, do func(s *store.Store) error) error {
	c, err := d.config(a)
	if err != nil {
		return err
	}
	return withStore(a.ctx, c, do)
}

// closePatience is how long the end of a command waits for what it has handed over: on a busy disk a commit takes seconds.
const closePatience = 30 * time.Second

func withStore(ctx context.Context, c store.Config, do func(s *store.Store) error) error {
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	err = do(s)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
	defer cancel()
	return errors.Join(err, s.Close(closing))
}

// openStore opens a database, and says what to look at where it cannot be opened.
func openStore(ctx context.Context, c store.Config) (*store.Store, error) {
	s, err := store.Open(ctx, c)
	if err == nil {
		return s, nil
	}
	var system *fs.PathError
	if errors.Is(err, store.ErrNoDatabase) {
		return nil, err // it says what to do
	}
	switch text := err.Error(); {
	case strings.HasPrefix(c.URL, "sqlite:") && (strings.Contains(text, "cannot be opened") || errors.As(err, &system)):
		err = fmt.Errorf("%w: check that the folder exists, that you may write to it, and that the file is a SQLite database", err)
	case strings.HasPrefix(c.URL, "postgres") && strings.Contains(text, "cannot be opened"):
		err = fmt.Errorf("%w: check that the server runs and that user, password and database in --database are right", err)
	}
	return nil, err
}

// actor is who acts, for the audit log.
func actor() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "cli:" + u.Username
	}
	return "cli"
}

// printJSON writes one value as one line.
func (a *app) printJSON(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	_, err = fmt.Fprintf(a.stdout, "%s\n", text)
	return err
}

// unknownProject is the error for a project that the database does not have.
func unknownProject(id int64) error {
	return fmt.Errorf("there is no project %d in this database: see `flashpay project list`, or make it with `flashpay project create --id %d`", id, id)
}
