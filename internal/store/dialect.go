package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// dialect is everything in which the two engines differ.
type dialect struct {
	name     string
	driver   string
	words    map[string]string // what {{word}} in a statement becomes
	position func(n int) string
	settings string // statements that set up the writer's connection
}

var sqliteDialect = dialect{
	name:   "sqlite",
	driver: "sqlite",
	words: map[string]string{
		"bytes":       "BLOB",
		"id":          "INTEGER PRIMARY KEY", // the row's own number: rows go to the end of the table
		"clustered":   " WITHOUT ROWID",
		"for_update":  "",
		"skip_locked": "",
		"begin":       "BEGIN IMMEDIATE",
	},
	position: func(int) string { return "?" },
}

var postgresDialect = dialect{
	name:   "postgres",
	driver: "pgx",
	words: map[string]string{
		"bytes":       "BYTEA",
		"id":          "BIGINT NOT NULL",
		"clustered":   "",
		"for_update":  " FOR UPDATE",
		"skip_locked": " FOR UPDATE SKIP LOCKED",
		"begin":       "BEGIN",
	},
	position: func(n int) string { return "$" + strconv.Itoa(n) },
	// A transaction of a node that stands still must not outlive the node's lease on its shard. Long lists of values are
	// planned once for all, not at each execution. Every statement of the writer finds its rows by a key: a plan that was
	// made while a table was small must not read the whole of it later.
	settings: `SET idle_in_transaction_session_timeout = '4s'; SET plan_cache_mode = force_generic_plan;
		SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off`,
}

// byKey is the address of a database whose connections find rows by key and index only, however small or new the tables
// are: PostgreSQL's planner would else read, or sort, the whole of a table now and then.
func (d *dialect) byKey(address string) string {
	u, err := url.Parse(address)
	if d.name != "postgres" || err != nil {
		return address
	}
	q := u.Query()
	for _, name := range []string{"enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_sort", "jit"} {
		q.Set(name, "off")
	}
	q.Set("max_parallel_workers_per_gather", "0")
	q.Set("plan_cache_mode", "force_generic_plan")
	q.Set("default_transaction_read_only", "on")
	u.RawQuery = q.Encode()
	return u.String()
}

var wordPattern = regexp.MustCompile(`\{\{(primary_key )?([^}]*)\}\}`)

// sql fills in the words of a statement.
func (d *dialect) sql(text string) string {
	return wordPattern.ReplaceAllStringFunc(text, func(m string) string {
		parts := wordPattern.FindStringSubmatch(m)
		if parts[1] != "" { // SQLite has it in {{id}}
			if d.name == "sqlite" {
				return ""
			}
			return ", PRIMARY KEY (" + parts[2] + ")"
		}
		word, ok := d.words[parts[2]]
		if !ok {
			panic("store: no word " + m + " in dialect " + d.name)
		}
		return word
	})
}

// fault is what a database error means for the commit that met it.
type fault uint8

const (
	faultItem    fault = iota // an item is bad: it must fail alone
	faultRetry                // rolled back for reasons of others (deadlock, busy, too slow): run it again
	faultUnknown              // the connection broke: whether it was committed is not known; run it again with the same ids
)

// classify says what to do about err, which must not be nil.
func (d *dialect) classify(err error) fault {
	var pg *pgconn.PgError
	var lite *sqlite.Error
	var network net.Error
	switch {
	case errors.As(err, &pg):
		switch {
		case pg.Code == "40001", pg.Code == "40P01", pg.Code == "55P03", pg.Code == "57014":
			return faultRetry
		case strings.HasPrefix(pg.Code, "57P"), strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "53"):
			return faultUnknown
		}
		return faultItem
	case errors.As(err, &lite):
		switch lite.Code() & 0xff {
		case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED, sqlitelib.SQLITE_INTERRUPT:
			return faultRetry
		case sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR, sqlitelib.SQLITE_CANTOPEN, sqlitelib.SQLITE_READONLY:
			return faultUnknown
		}
		return faultItem
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, context.DeadlineExceeded), errors.As(err, &network), pgconn.Timeout(err), pgconn.SafeToRetry(err):
		return faultUnknown
	}
	for _, words := range []string{"conn closed", "connection is already closed", "statement is closed"} { // the last: reconnecting failed
		if strings.Contains(err.Error(), words) {
			return faultUnknown
		}
	}
	return faultItem
}

// parseURL splits sqlite:PATH and postgres://… into the dialect and what its driver opens.
func parseURL(text string) (d *dialect, address string, err error) {
	switch {
	case strings.HasPrefix(text, "sqlite:"):
		path := strings.TrimPrefix(text, "sqlite:")
		if path == "" || strings.ContainsAny(path, "?#") || strings.HasPrefix(path, ":memory:") {
			return nil, "", fmt.Errorf("store: database %q: want sqlite: and the path of a file, such as sqlite:flashpay.db", text)
		}
		return &sqliteDialect, path, nil
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		return &postgresDialect, text, nil
	}
	return nil, "", fmt.Errorf("store: database %q: want sqlite:PATH or postgres://user:password@host/database", text)
}
