package sqldb

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Dialect is everything in which the two engines differ.
type Dialect struct {
	Name     string
	driver   string
	words    map[string]string // what {{word}} in a statement becomes
	Position func(n int) string
	settings string // statements that set up the writer's connection
	ByKey    string // statements that set up a connection that finds rows by key and index only
	Reading  string // statements that set up any other connection that reads
}

// SQLite is the embedded engine: one file, one writer.
var SQLite = Dialect{
	Name:   "sqlite",
	driver: "sqlite",
	words: map[string]string{
		"bytes":       "BLOB",
		"id":          "INTEGER PRIMARY KEY", // the row's own number: rows go to the end of the table
		"clustered":   " WITHOUT ROWID",
		"for_update":  "",
		"skip_locked": "",
		"begin":       "BEGIN IMMEDIATE",
	},
	Position: func(int) string { return "?" },
}

// Postgres is the engine that several nodes share.
var Postgres = Dialect{
	Name:   "postgres",
	driver: "pgx",
	words: map[string]string{
		"bytes":       "BYTEA",
		"id":          "BIGINT NOT NULL",
		"clustered":   "",
		"for_update":  " FOR UPDATE",
		"skip_locked": " FOR UPDATE SKIP LOCKED",
		"begin":       "BEGIN",
	},
	Position: func(n int) string { return "$" + strconv.Itoa(n) },
	// A transaction of a node that stands still must not outlive the node's lease on its shard. Long lists of values are
	// planned once for all, not at each execution. Every statement of the writer finds its rows by a key: a plan that was
	// made while a table was small must not read the whole of it later. A lock that another client holds is waited for so
	// briefly that a try, after those of the commit before, is within the time in which callers learn that nothing is stored.
	settings: `SET idle_in_transaction_session_timeout = '4s'; SET lock_timeout = '300ms'; SET plan_cache_mode = force_generic_plan;
		SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off`,
	// However small or new the tables are: PostgreSQL's planner would else read, or sort, the whole of a table now and then.
	ByKey: `SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
		SET enable_sort = off; SET jit = off; SET max_parallel_workers_per_gather = 0; SET plan_cache_mode = force_generic_plan;
		SET default_transaction_read_only = on; SET lock_timeout = '1500ms'`,
	Reading: "SET lock_timeout = '1500ms'", // where others hold a table, which only a migration should
}

var wordPattern = regexp.MustCompile(`\{\{(primary_key )?([^}]*)\}\}`)

// SQL fills in the words of a statement.
func (d *Dialect) SQL(text string) string {
	return wordPattern.ReplaceAllStringFunc(text, func(m string) string {
		parts := wordPattern.FindStringSubmatch(m)
		if parts[1] != "" { // SQLite has it in {{id}}
			if d.Name == "sqlite" {
				return ""
			}
			return ", PRIMARY KEY (" + parts[2] + ")"
		}
		word, ok := d.words[parts[2]]
		if !ok {
			panic("store: no word " + m + " in dialect " + d.Name)
		}
		return word
	})
}

// ParseURL splits sqlite:PATH and postgres://… into the dialect and what its driver opens.
func ParseURL(text string) (d *Dialect, address string, err error) {
	switch {
	case strings.HasPrefix(text, "sqlite:"):
		path := strings.TrimPrefix(text, "sqlite:")
		if path == "" || strings.ContainsAny(path, "?#") || strings.HasPrefix(path, ":memory:") {
			return nil, "", fmt.Errorf("store: database %q: want sqlite: and the path of a file, such as sqlite:flashpay.db", text)
		}
		return &SQLite, path, nil
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		return &Postgres, text, nil
	}
	if !strings.Contains(text, ":") {
		return nil, "", fmt.Errorf("store: database %q: want sqlite:PATH or postgres://user:password@host/database; did you mean sqlite:%s?", text, text)
	}
	return nil, "", fmt.Errorf("store: database %q: want sqlite:PATH or postgres://user:password@host/database", text)
}
