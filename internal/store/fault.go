package store

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

// fault is what a database error means for the commit that met it.
type fault uint8

const (
	faultItem  fault = iota // an item is bad: it must fail alone
	faultRetry              // rolled back for reasons of others (deadlock, busy, too slow): run it again
	faultLost               // the connection or the server is of no use: whether it was committed is not known; run it again with the same ids, on another connection
)

// sqlStates says what each class of PostgreSQL's error codes means (its manual, appendix A), and single codes that differ
// from their class. What speaks of the connection, the session or the server says nothing about an item: a standby refuses
// to write, a pooler has given the session to another client, rights or the disk are gone.
var sqlStates = map[string]fault{
	"00": faultItem,  // successful completion
	"01": faultItem,  // warning
	"02": faultItem,  // no data
	"03": faultLost,  // SQL statement not yet complete
	"08": faultLost,  // connection exception
	"09": faultItem,  // triggered action exception
	"0A": faultLost,  // feature not supported: a prepared plan does not fit a changed table any more
	"0B": faultLost,  // invalid transaction initiation
	"0F": faultItem,  // locator exception
	"0L": faultLost,  // invalid grantor
	"0P": faultLost,  // invalid role specification
	"0Z": faultItem,  // diagnostics exception
	"10": faultItem,  // XQuery error
	"20": faultItem,  // case not found
	"21": faultItem,  // cardinality violation
	"22": faultItem,  // data exception
	"23": faultItem,  // integrity constraint violation
	"24": faultLost,  // invalid cursor state
	"25": faultLost,  // invalid transaction state: read-only, or a transaction that is open, or is not
	"26": faultLost,  // invalid SQL statement name: the session has another's prepared statements
	"27": faultItem,  // triggered data change violation
	"28": faultLost,  // invalid authorization specification
	"2B": faultItem,  // dependent privilege descriptors still exist
	"2D": faultLost,  // invalid transaction termination
	"2F": faultItem,  // SQL routine exception
	"34": faultLost,  // invalid cursor name
	"38": faultItem,  // external routine exception
	"39": faultItem,  // external routine invocation exception
	"3B": faultLost,  // savepoint exception
	"3D": faultLost,  // invalid catalog name: the database is gone
	"3F": faultLost,  // invalid schema name
	"40": faultRetry, // transaction rollback: serialisation, deadlock
	"42": faultItem,  // syntax error or access rule violation
	"44": faultItem,  // WITH CHECK OPTION violation
	"53": faultLost,  // insufficient resources: disk, memory, connections
	"54": faultItem,  // program limit exceeded
	"55": faultRetry, // object not in prerequisite state: locked, in use
	"57": faultLost,  // operator intervention
	"58": faultLost,  // system error
	"72": faultRetry, // snapshot too old
	"F0": faultLost,  // configuration file error
	"HV": faultLost,  // foreign data wrapper error
	"P0": faultItem,  // PL/pgSQL error
	"XX": faultLost,  // internal error, corrupted data

	"40002": faultItem,  // transaction integrity constraint violation
	"40003": faultLost,  // statement completion unknown
	"42501": faultLost,  // insufficient privilege
	"42P03": faultLost,  // duplicate cursor
	"42P05": faultLost,  // duplicate prepared statement: as 26
	"57014": faultRetry, // query canceled
}

// ofState is what an error of PostgreSQL means. After a fatal one the server has closed the connection; a class that is
// not known is no item's either.
func ofState(err *pgconn.PgError) fault {
	severity := err.SeverityUnlocalized
	if severity == "FATAL" || severity == "PANIC" || len(err.Code) != 5 {
		return faultLost
	}
	if f, ok := sqlStates[err.Code]; ok {
		return f
	}
	if f, ok := sqlStates[err.Code[:2]]; ok {
		return f
	}
	return faultLost
}

// ofResult is what a primary result code of SQLite means.
func ofResult(code int) fault {
	switch code {
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED, sqlitelib.SQLITE_INTERRUPT, sqlitelib.SQLITE_SCHEMA, sqlitelib.SQLITE_ABORT:
		return faultRetry
	case sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR, sqlitelib.SQLITE_CANTOPEN, sqlitelib.SQLITE_READONLY, sqlitelib.SQLITE_CORRUPT,
		sqlitelib.SQLITE_NOTADB, sqlitelib.SQLITE_PERM, sqlitelib.SQLITE_AUTH, sqlitelib.SQLITE_PROTOCOL, sqlitelib.SQLITE_NOMEM,
		sqlitelib.SQLITE_NOLFS, sqlitelib.SQLITE_INTERNAL, sqlitelib.SQLITE_MISUSE:
		return faultLost
	}
	return faultItem
}

// classify says what to do about err, which must not be nil.
func classify(err error) fault {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var lite *sqlite.Error
	var network net.Error
	switch {
	case errors.As(err, &connect):
		return faultLost
	case errors.As(err, &pg):
		return ofState(pg)
	case errors.As(err, &lite):
		return ofResult(lite.Code() & 0xff)
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, context.DeadlineExceeded), errors.As(err, &network), pgconn.Timeout(err), pgconn.SafeToRetry(err):
		return faultLost
	}
	for _, words := range []string{"conn closed", "connection is already closed", "statement is closed"} { // the last: reconnecting failed
		if strings.Contains(err.Error(), words) {
			return faultLost
		}
	}
	return faultItem
}
