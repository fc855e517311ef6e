package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// Fault is what a database error means for the commit that met it.
type Fault uint8

const (
	FaultItem  Fault = iota // an item is bad: it must fail alone
	FaultRetry              // rolled back for reasons of others (deadlock, busy, too slow): run it again
	FaultLost               // the connection or the server is of no use: whether it was committed is not known; run it again with the same ids, on another connection
)

// sqlStates says what each class of PostgreSQL's error codes means (its manual, appendix A), and single codes that differ
// from their class. What speaks of the connection, the session or the server says nothing about an item: a standby refuses
// to write, a pooler has given the session to another client, rights or the disk are gone.
var sqlStates = map[string]Fault{
	"00": FaultItem,  // successful completion
	"01": FaultItem,  // warning
	"02": FaultItem,  // no data
	"03": FaultLost,  // SQL statement not yet complete
	"08": FaultLost,  // connection exception
	"09": FaultItem,  // triggered action exception
	"0A": FaultLost,  // feature not supported: a prepared plan does not fit a changed table any more
	"0B": FaultLost,  // invalid transaction initiation
	"0F": FaultItem,  // locator exception
	"0L": FaultLost,  // invalid grantor
	"0P": FaultLost,  // invalid role specification
	"0Z": FaultItem,  // diagnostics exception
	"10": FaultItem,  // XQuery error
	"20": FaultItem,  // case not found
	"21": FaultItem,  // cardinality violation
	"22": FaultItem,  // data exception
	"23": FaultItem,  // integrity constraint violation
	"24": FaultLost,  // invalid cursor state
	"25": FaultLost,  // invalid transaction state: read-only, or a transaction that is open, or is not
	"26": FaultLost,  // invalid SQL statement name: the session has another's prepared statements
	"27": FaultItem,  // triggered data change violation
	"28": FaultLost,  // invalid authorization specification
	"2B": FaultItem,  // dependent privilege descriptors still exist
	"2D": FaultLost,  // invalid transaction termination
	"2F": FaultItem,  // SQL routine exception
	"34": FaultLost,  // invalid cursor name
	"38": FaultItem,  // external routine exception
	"39": FaultItem,  // external routine invocation exception
	"3B": FaultLost,  // savepoint exception
	"3D": FaultLost,  // invalid catalog name: the database is gone
	"3F": FaultLost,  // invalid schema name
	"40": FaultRetry, // transaction rollback: serialisation, deadlock
	"42": FaultItem,  // syntax error or access rule violation
	"44": FaultItem,  // WITH CHECK OPTION violation
	"53": FaultLost,  // insufficient resources: disk, memory, connections
	"54": FaultItem,  // program limit exceeded
	"55": FaultRetry, // object not in prerequisite state: locked, in use
	"57": FaultLost,  // operator intervention
	"58": FaultLost,  // system error
	"72": FaultRetry, // snapshot too old
	"F0": FaultLost,  // configuration file error
	"HV": FaultLost,  // foreign data wrapper error
	"P0": FaultItem,  // PL/pgSQL error
	"XX": FaultLost,  // internal error, corrupted data

	"40002": FaultItem,  // transaction integrity constraint violation
	"40003": FaultLost,  // statement completion unknown
	"42501": FaultLost,  // insufficient privilege
	"42P03": FaultLost,  // duplicate cursor
	"42P05": FaultLost,  // duplicate prepared statement: as 26
	"57014": FaultRetry, // query canceled
}

// ofState is what an error of PostgreSQL means. After a fatal one the server has closed the connection; a class that is
// not known is no item's either.
func ofState(err *pgconn.PgError) Fault {
	severity := err.SeverityUnlocalized
	if severity == "FATAL" || severity == "PANIC" || len(err.Code) != 5 {
		return FaultLost
	}
	if f, ok := sqlStates[err.Code]; ok {
		return f
	}
	if f, ok := sqlStates[err.Code[:2]]; ok {
		return f
	}
	return FaultLost
}

// ofResult is what a primary result code of SQLite means.
func ofResult(code int) Fault {
	switch code {
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED, sqlitelib.SQLITE_INTERRUPT, sqlitelib.SQLITE_SCHEMA, sqlitelib.SQLITE_ABORT:
		return FaultRetry
	case sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR, sqlitelib.SQLITE_CANTOPEN, sqlitelib.SQLITE_READONLY, sqlitelib.SQLITE_CORRUPT,
		sqlitelib.SQLITE_NOTADB, sqlitelib.SQLITE_PERM, sqlitelib.SQLITE_AUTH, sqlitelib.SQLITE_PROTOCOL, sqlitelib.SQLITE_NOMEM,
		sqlitelib.SQLITE_NOLFS, sqlitelib.SQLITE_INTERNAL, sqlitelib.SQLITE_MISUSE:
		return FaultLost
	}
	return FaultItem
}

// IsLocked tells whether PostgreSQL waited for a lock that another client holds, and no longer.
func IsLocked(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

// Classify says what to do about err, which must not be nil.
func Classify(err error) Fault {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var lite *sqlite.Error
	var direct *directError
	var network net.Error
	switch {
	case errors.Is(err, ErrLost), errors.As(err, &connect):
		return FaultLost
	case errors.As(err, &pg):
		return ofState(pg)
	case errors.As(err, &lite):
		return ofResult(lite.Code() & 0xff)
	case errors.As(err, &direct):
		return ofResult(direct.code & 0xff)
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, context.DeadlineExceeded), errors.As(err, &network), pgconn.Timeout(err), pgconn.SafeToRetry(err):
		return FaultLost
	}
	for _, words := range []string{"conn closed", "connection is already closed", "statement is closed"} { // the last: reconnecting failed
		if strings.Contains(err.Error(), words) {
			return FaultLost
		}
	}
	return FaultItem
}
