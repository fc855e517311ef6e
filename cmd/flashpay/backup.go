package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"

	"flashpay/internal/store"
	"flashpay/internal/store/files"
)

type backupCmd struct {
	databaseFlag
	To   string `required:"" placeholder:"FILE" help:"The new file. One that is there is never replaced."`
	JSON bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *backupCmd) Help() string {
	return `Copies a SQLite database as it is at one moment, beside a running server. Copying the file of a running server by other
means loses what stands in its -wal file. The keyset is not in the backup: keep it elsewhere, for one is of no use without
the other. Uploads, reports and results stand in a folder beside the database; they are copied into a folder beside the backup,
FILE.files, sealed as they are. docs/operate.md says how to restore. PostgreSQL has pg_dump; for its databases the command to use is printed.

  flashpay backup --database sqlite:flashpay.db --to flashpay-backup.db`
}

// Run copies the database.
func (c *backupCmd) Run(a *app) error {
	return c.with(a, func(s *store.Store) error {
		err := s.Backup(a.ctx, c.To)
		switch {
		case errors.Is(err, store.ErrNotSQLite):
			return fmt.Errorf("PostgreSQL is backed up by its own program: %s", dumpCommand(c.Database, c.To))
		case errors.Is(err, store.ErrBackupExists):
			return fmt.Errorf("--to=%s: %w: give another name, or remove it first", c.To, err)
		case err != nil:
			return err
		}
		count, err := files.Backup(a.ctx, s, c.To)
		if err != nil {
			return fmt.Errorf("the database is in %s, but not all of its files are beside it: %w", c.To, err)
		}
		info, err := os.Stat(c.To)
		if err != nil {
			return fmt.Errorf("--to=%s: %w", c.To, err)
		}
		if c.JSON {
			return a.printJSON(struct {
				File  string `json:"file"`
				Bytes int64  `json:"bytes"`
				Files int    `json:"files"` // copied into a folder beside it
			}{c.To, info.Size(), count})
		}
		fmt.Fprintf(a.stdout, "Backed up to %s (%d bytes). It opens with this database's keyset only: back that up apart from it.\n", c.To, info.Size())
		if count > 0 {
			fmt.Fprintf(a.stdout, "Its %d files (uploads, reports, results) are in %s.\n", count, files.Folder(c.To))
		}
		return nil
	})
}

// dumpCommand is what backs up a PostgreSQL database. A password stays out of it: pg_dump asks, or reads PGPASSWORD.
func dumpCommand(database, file string) string {
	if u, err := url.Parse(database); err == nil && u.User != nil {
		u.User = url.User(u.User.Username())
		database = u.String()
	}
	return fmt.Sprintf("pg_dump --format=custom --file='%s' '%s'", file, database)
}
