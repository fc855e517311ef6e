package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrShared is the error of a database behind a pooler that hands sessions from one client to another.
var ErrShared = errors.New("store: a pooler in front of PostgreSQL gives one session to several clients in turn (as PgBouncer does with pool_mode = transaction or " +
	"statement), but settings and prepared statements belong to a session: set pool_mode = session for this database, or give the address of PostgreSQL itself")

// poolerRounds is how often two sessions are compared: a pooler may happen to give each client the same server several times.
const poolerRounds = 8

// CheckSessions refuses, with ErrShared, a PostgreSQL whose sessions are shared. Of two connections that are open at once,
// each must keep a server process of its own, also while the other has a transaction open.
func (db *DB) CheckSessions(ctx context.Context) error {
	if db.Dialect != &Postgres {
		return nil
	}
	var pair [2]*sql.Conn
	for i := range pair {
		conn, err := db.Probes.Conn(ctx)
		if err != nil {
			return fmt.Errorf("store: opening a connection: %w", err)
		}
		defer func() { _ = conn.Close() }()
		pair[i] = conn
	}
	var own [2]int64
	for range poolerRounds {
		for i, conn := range pair {
			if i == 1 { // the first one's server is free now, for whoever takes sessions to be free
				if _, err := conn.ExecContext(ctx, "BEGIN", pgx.QueryExecModeSimpleProtocol); err != nil {
					return fmt.Errorf("%w (%w)", ErrShared, err)
				}
			}
			var process int64
			if err := conn.QueryRowContext(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&process); err != nil {
				return fmt.Errorf("store: comparing two sessions: %w", err)
			}
			if own[i] == 0 {
				own[i] = process
			}
			if process != own[i] || process == own[1-i] {
				return ErrShared
			}
		}
		if _, err := pair[1].ExecContext(ctx, "ROLLBACK", pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("store: comparing two sessions: %w", err)
		}
	}
	return nil
}
