package main

import (
	"fmt"

	"flashpay/internal/ops"
	"flashpay/internal/store"
)

type versionCmd struct {
	JSON bool `help:"Print JSON."`
}

// Run prints what was built from what.
func (c *versionCmd) Run(a *app) error {
	b := ops.ReadBuild()
	if c.JSON {
		return a.printJSON(b)
	}
	fmt.Fprintf(a.stdout, "flashpay %s\n", b)
	return nil
}

type migrateCmd struct {
	databaseFlag
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (c *migrateCmd) Help() string {
	return `An empty database is migrated by any command, an older one by this and by serve only. A newer one is left alone by all.

Example:

  flashpay migrate --database sqlite:flashpay.db`
}

// Run migrates. It is safe beside other programs that do the same.
func (c *migrateCmd) Run(a *app) error {
	config, err := c.config(a)
	if err != nil {
		return err
	}
	config.Migrate = true
	return withStore(a.ctx, config, func(s *store.Store) error {
		if c.JSON {
			return a.printJSON(map[string]any{"engine": s.DialectName(), "up_to_date": true})
		}
		fmt.Fprintf(a.stdout, "The database (%s) is up to date.\n", s.DialectName())
		return nil
	})
}
