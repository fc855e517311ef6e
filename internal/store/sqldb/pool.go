package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// OpenPool opens a pool of connections; settings are the statements that set up each of them. On PostgreSQL none leads to
// a standby: what stands there may be old. Connections that were made before the database was lost are not used again.
func (db *DB) OpenPool(address, settings string) (*sql.DB, error) {
	if db.Dialect == &SQLite {
		return sql.Open(db.Dialect.driver, address)
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	return stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
		lost := db.lost.Load() // before the connection is made: a loss meanwhile counts against it
		c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
			conn.CustomData()[madeAfter] = lost
			if settings == "" {
				return nil
			}
			if err := conn.Exec(ctx, settings).Close(); err != nil {
				return fmt.Errorf("store: setting up a connection: %w", err)
			}
			return nil
		}
		return nil
	}), stdlib.OptionResetSession(func(_ context.Context, c *pgx.Conn) error {
		if c.PgConn().CustomData()[madeAfter] != db.lost.Load() {
			return driver.ErrBadConn
		}
		return nil
	})), nil
}

// madeAfter names, in a connection, how often the database had been lost when it was made.
const madeAfter = "flashpay.made_after"
