package store_test

import (
	"cmp"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

var update = flag.Bool("update", false, "write docs/SCHEMA.md instead of comparing it")

const schemaPage = "../../docs/SCHEMA.md"

// tableWords says what each table is for. A table without words, and words without a table, fail the test.
var tableWords = map[string]string{
	"installation":      "One row: which keyset seals this database.",
	"shards":            "One row for each node: its lease, and the numbers that it may give out next. Shard 9000 is shared by commands.",
	"approvals":         "What one person asks for and another one decides: payouts by hand, top-ups, corrections, and what weakens control.",
	"sent_alone":        "Sums that users have sent by hand without a second person. Kept for a day.",
	"commands_done":     "Idempotency keys of acts that are done, so that a commit of unknown outcome, run again, does them once. Kept for a day.",
	"settings_version":  "One row: its numbers rise with each change of a project, and with each import of rates, so that nodes know when to read them again.",
	"rates":             "Exchange rates by source, pair and the moment from which they hold.",
	"tariffs":           "What projects pay for payouts on top of their sums: by method, currency and the moment from which each version holds.",
	"merchants":         "Who owns projects. Number 0 is the platform itself and has no row.",
	"projects":          "Merchants' projects and their settings, one versioned value each.",
	"project_versions":  "Name and settings of each project at each version: its history.",
	"project_keys":      "Secret keys of projects, sealed. A revoked key keeps its row.",
	"balances":          "Where a project's money stands, by currency: credits less debits of each account, which add up to zero.",
	"counters":          "The number of each project's newest event. It is the last row that a commit locks.",
	"payments":          "One row for each payout as the merchant knows it. (project_id, payment_key) is what makes a payout unique.",
	"requests":          "The request of each payment, sealed, and the keyed indexes under which it can be found.",
	"operations":        "The transfers of a payment. The row is the job, too: next_at and lease say who works on it when.",
	"transfers":         "The ledger: each row debits one account and credits another of the same project.",
	"ledger_days":       "What the transfers of a UTC day add up to, by kind and accounts: written in the transfers' own commits. Statements are made of it.",
	"journal":           "The append-only history of each payment: a hash chain, whose head stands in payments.",
	"seals":             "Each minute a Merkle root over a shard's new journal lines, chained to the seal before.",
	"events":            "What callbacks tell: immutable, committed with the fact, numbered without gaps within a project.",
	"callbacks":         "The delivery of each event, with the result of the newest attempt.",
	"attempts":          "The delivery log: attempts beyond those that succeeded at once, which stand in callbacks.",
	"notifications":     "What providers posted, as it came, sealed.",
	"discrepancies":     "What does not fit and a person must look at.",
	"rejections":        "Requests that were refused although their signature was good: kept for 24 hours.",
	"audit_log":         "Acts of people and programs that change settings and funds.",
	"followed":          "How far lookups have come, and with them the rollups that are up to date: one row for each shard of the journal.",
	"directory":         "How far the lookups have come by which people search: one row for each shard of the journal.",
	"lookups":           "Which payments a customer, a provider's payment id, an account number, a mask, a recipient's name or a part of an id belongs to. What is found is confirmed with the payment.",
	"rollup_builds":     "Builds of rollups: the one that is read, one that is counted anew, old ones that are being deleted.",
	"rolled":            "How far each build of rollups has come, in each shard of the journal.",
	"rollups":           "How many payments and results there are, and their sums: by build, cube, project, UTC hour, day or longer period, and further dimensions.",
	"saved_filters":     "Filters of the register that users have saved.",
	"callback_rollups":  "How many attempts of callbacks there were, and how long it took until they were acknowledged: by project, UTC hour or day.",
	"callback_recounts": "Projects whose attempts of callbacks are to be counted again.",
	"alerts":            "What users were told of, each thing once to each of them.",
	"alerts_off":        "Kinds of alerts that a user does not want.",
	"alert_marks":       "Since when callbacks of projects fail, and since when there are alerts.",
	"boards":            "Boards of tiles that users have made in Analytics.",
	"report_templates":  "Forms of reports that people keep, and how each one's files were written last.",
	"register_columns":  "The columns of the register that a user has chosen.",
	"user_origins":      "From whom a user has sign-in or rights, until another person has confirmed whose the account is.",
	"users":             "People who work in Dashboard. A user keeps the row when deactivated.",
	"data_api_tokens":   "Tokens of the Data API: the newest of each user, as its hash, and the secret that signs with it, sealed.",
	"user_factors":      "Second factors of users: TOTP secrets and passkeys, sealed.",
	"recovery_codes":    "Codes that stand in for a second factor, once each, as keyed digests.",
	"user_sessions":     "Browsers in which users are signed in, or about to be. A session that has ended has no row.",
	"user_devices":      "Browsers that a user has signed in with, so that what others try elsewhere does not slow these down.",
	"batches":           "Mass payouts: a file of payouts, sent as one batch.",
	"batch_rows":        "The rows of mass payouts' files, and what became of each. A row notes its payment in the commit that makes it.",
	"batch_counts":      "Counters of batches: their payments by status, as rollups are, and their other rows by state.",
	"batch_events":      "Events that tell the end of a batch, with what became of its rows.",
	"batch_reports":     "What the check of a mass payout's file found, as its page shows it.",
	"files":             "Uploads, reports and results: what is known of them. A file is there once its row says that it is whole.",
	"file_chunks":       "The content of files, sealed, on PostgreSQL; beside a SQLite database it stands in a folder.",
	"jobs":              "Rare work, such as a report: what is to be done, how far it is, who works on it until when.",
	"invitations":       "Links for new users to begin with, and for others to begin anew: one a user, and only its hash.",
	"sign_in_tries":     "How often passwords and codes were tried, by account and network, and when the next try may be made. Kept for two days.",
}

// TestSchemaPage keeps docs/SCHEMA.md in step with a freshly migrated database.
func TestSchemaPage(t *testing.T) {
	page := renderSchema(t)
	if *update {
		if err := os.WriteFile(schemaPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(schemaPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page {
		t.Errorf("docs/SCHEMA.md is not what the migrations make: run go test ./internal/store -run SchemaPage -update")
	}
}

// TestEnginesHaveOneSchema compares the columns of both engines: one text makes both.
func TestEnginesHaveOneSchema(t *testing.T) {
	lite := migrated(t, storetest.Empty(t, storetest.SQLite))
	pg := migrated(t, storetest.Empty(t, storetest.Postgres))
	want := make(map[string][]string)
	for _, table := range tables(t, lite) {
		for _, c := range columns(t, lite, table) {
			want[table] = append(want[table], c.name)
		}
	}
	have := make(map[string][]string)
	const find = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()
		AND table_name <> 'goose_db_version' ORDER BY table_name, ordinal_position`
	eachRow(t, pg, find, func(r *sql.Rows) error {
		var table, column string
		err := r.Scan(&table, &column)
		have[table] = append(have[table], column)
		return err
	})
	if !maps.EqualFunc(want, have, slices.Equal) {
		t.Errorf("SQLite has %v\nPostgreSQL has %v", want, have)
	}
}

const schemaHead = `# Tables

This page is made from a freshly migrated SQLite database and the comments in
[internal/store/migrations](../internal/store/migrations) by [schema_test.go](../internal/store/schema_test.go).
Do not edit it: change a migration and run

    go test ./internal/store -run SchemaPage -update

Times are microseconds UTC, sums minor units. PostgreSQL has the same tables and columns: ` + "`BYTEA`" + ` where SQLite has
` + "`BLOB`" + `, ` + "`BIGINT`" + ` where it has ` + "`INTEGER`" + `, and the primary keys that are named where they differ.
Shards and numbers are explained in [ROAD.md](ROAD.md).
`

func renderSchema(t *testing.T) string {
	t.Helper()
	db := migrated(t, storetest.Empty(t, storetest.SQLite))
	words := readMigrations(t)
	names := tables(t, db)
	if known := slices.Sorted(maps.Keys(tableWords)); !slices.Equal(known, names) {
		t.Fatalf("tableWords knows %v\nthe database has %v", known, names)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(words[a].place, words[b].place) })
	var b strings.Builder
	b.WriteString(schemaHead)
	for _, name := range names {
		m := words[name]
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| column | type | | |\n|---|---|---|---|\n", name, tableWords[name])
		for _, c := range columns(t, db, name) {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.name, c.kind, c.rule(), m.columns[c.name])
		}
		if m.postgresKey != "" {
			fmt.Fprintf(&b, "\nPrimary key in PostgreSQL: (%s).\n", m.postgresKey)
		}
		for i, index := range indexes(t, db, name) {
			if i == 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "- %s\n", index)
		}
	}
	return b.String()
}

type column struct {
	name, kind, fallback string
	required             bool
	key                  int // place in the primary key, from 1
}

func (c column) rule() string {
	var words []string
	if c.key > 0 {
		words = append(words, "key")
	}
	if !c.required && c.key == 0 {
		words = append(words, "may be null")
	}
	if c.fallback != "" {
		words = append(words, "default "+c.fallback)
	}
	return strings.Join(words, ", ")
}

// migrated opens a fresh database through the store, so that its migrations run, and returns a plain connection.
func migrated(t *testing.T, url string) *sql.DB {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return plain(t, url)
}

// plain opens a connection of its own to a test's database.
func plain(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, address := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, address = "sqlite", path
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func eachRow(t *testing.T, db *sql.DB, query string, scan func(*sql.Rows) error, args ...any) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// tables lists the tables by name, but for those of engine and migrations.
func tables(t *testing.T, db *sql.DB) []string {
	t.Helper()
	var names []string
	const find = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version' ORDER BY name"
	eachRow(t, db, find, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		names = append(names, name)
		return err
	})
	return names
}

func columns(t *testing.T, db *sql.DB, table string) []column {
	t.Helper()
	var out []column
	const find = `SELECT name, type, "notnull", COALESCE(dflt_value, ''), pk FROM pragma_table_info(?) ORDER BY cid`
	eachRow(t, db, find, func(r *sql.Rows) error {
		var c column
		err := r.Scan(&c.name, &c.kind, &c.required, &c.fallback, &c.key)
		out = append(out, c)
		return err
	}, table)
	return out
}

var indexText = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX (\w+) ON \w+ (.*)$`)

// indexes lists a table's indexes in words; those that belong to primary keys have no text.
func indexes(t *testing.T, db *sql.DB, table string) []string {
	t.Helper()
	var out []string
	const find = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL ORDER BY name"
	eachRow(t, db, find, func(r *sql.Rows) error {
		var text string
		err := r.Scan(&text)
		m := indexText.FindStringSubmatch(text)
		if m == nil {
			return fmt.Errorf("cannot read %q", text)
		}
		out = append(out, strings.TrimSpace(strings.ToLower(m[1])+"index")+" `"+m[2]+"` on "+m[3])
		return err
	}, table)
	return out
}

// tableText is what the migrations say of a table beside what a database keeps.
type tableText struct {
	place       int // the order in which tables are made
	columns     map[string]string
	postgresKey string
}

var (
	createLine = regexp.MustCompile(`^CREATE TABLE (\w+) \($`)
	columnLine = regexp.MustCompile(`^\t(\w+) +(?:BIGINT|TEXT|\{\{\w+\}\})(.*)$`)
	checkWords = regexp.MustCompile(`CHECK \((.*)\)`)
	keyLine    = regexp.MustCompile(`^\t\{\{primary_key (.*)\}\}$`)
	renameLine = regexp.MustCompile(`^ALTER TABLE (\w+) RENAME COLUMN (\w+) TO (\w+);$`)
	addLine    = regexp.MustCompile(`^ALTER TABLE (\w+) ADD COLUMN (\w+) .*; -- (.*)$`)
)

// readMigrations reads comments, checks and PostgreSQL's keys out of the migrations.
func readMigrations(t *testing.T) map[string]*tableText {
	t.Helper()
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	found := make(map[string]*tableText)
	var table *tableText
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\n")
			if m := createLine.FindStringSubmatch(line); m != nil {
				table = &tableText{place: len(found), columns: make(map[string]string)}
				found[m[1]] = table
			} else if m := columnLine.FindStringSubmatch(line); m != nil {
				rest, comment, _ := strings.Cut(m[2], "-- ")
				if check := checkWords.FindStringSubmatch(rest); check != nil {
					comment = strings.TrimSuffix("`"+check[1]+"`; "+comment, "; ")
				}
				table.columns[m[1]] = comment
			} else if m := keyLine.FindStringSubmatch(line); m != nil {
				table.postgresKey = m[1]
			} else if m := renameLine.FindStringSubmatch(line); m != nil {
				columns := found[m[1]].columns
				columns[m[3]] = columns[m[2]]
				delete(columns, m[2])
			} else if m := addLine.FindStringSubmatch(line); m != nil {
				found[m[1]].columns[m[2]] = m[3]
			}
		}
	}
	return found
}
