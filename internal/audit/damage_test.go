package audit_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flashpay/internal/audit"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// table is how one table of the road is damaged, row by row and column by column, and what of that no audit can see.
type table struct {
	name   string
	key    []string // columns
	copied []string // columns that get other values in a copy of a row; none: a copy breaks no invariant

	// unseen are changes that break no invariant, by column: «c» is another value, «c gone» null for a value, «c there»
	// a value for null. partly are those that are seen in some rows only. Both say why.
	unseen, partly map[string]string
	// lost says why a row's loss cannot be seen; empty: it can.
	lost func(row map[string]any, newest bool) string
	// change gives another value than the one that every column gets otherwise.
	change map[string]func(any) any
}

const (
	ownBusiness = "the merchant's words; nothing else repeats them"
	schedule    = "another time is as good as the stored one"
	count       = "nothing else counts it"
	logged      = "only of a callback's last attempt there is a second copy"
	newest      = "every process gives others, and only higher ones"
)

func never(map[string]any, bool) string { return "" }

var tables = []table{
	{
		name: "payments", key: []string{"project_id", "id"}, copied: []string{"id", "payment_id", "payment_key"}, lost: never,
		unseen: map[string]string{"method": ownBusiness, "method_title": ownBusiness, "interface": ownBusiness},
	},
	{name: "requests", key: []string{"project_id", "payment"}, copied: []string{"payment"}, lost: never},
	{
		name: "operations", key: []string{"project_id", "id"}, copied: []string{"id", "number", "provider_key"}, lost: never,
		unseen: map[string]string{
			"inquiries": count, "version": count, "next_at": schedule, "lease": "leases end", "lease gone": "leases end",
		},
		partly: map[string]string{
			"provider_id": "only events repeat it", "auth_code": "only events repeat it", "provider_payment_id": "only events and lines repeat it",
			"submits": count, "submit_deadline": schedule, "threshold_at": schedule, "lease there": "leases end",
		},
		change: map[string]func(any) any{"threshold_at": func(v any) any { return v.(int64) + 86_400_000_000 }},
	},
	{
		name: "transfers", key: []string{"project_id", "id"}, copied: []string{"id"}, lost: never,
		unseen: map[string]string{"at": "another time of the same day is as good as the stored one"},
		partly: map[string]string{"id": "ids have gaps, but the day's first and last are known", "reason": "operators write what they like with a top-up", "credit": "a top-up may pay what is owed: the balances differ"},
	},
	{
		name: "journal", key: []string{"project_id", "id"}, copied: []string{"id", "seq"}, lost: never,
		unseen: map[string]string{"id": "ids have gaps"},
	},
	{
		name: "seals", key: []string{"shard", "number"}, copied: []string{"number"},
		lost: func(_ map[string]any, newest bool) string {
			if newest {
				return "the newest seal's lines are as if not sealed yet"
			}
			return ""
		},
	},
	{name: "events", key: []string{"project_id", "number"}, copied: []string{"number"}, lost: never, partly: map[string]string{
		"provider_payment_id": "it may have changed since", "auth_code": "it may have changed since",
	}},
	{
		name: "callbacks", key: []string{"project_id", "number"}, copied: []string{"number"}, lost: never,
		unseen: map[string]string{"created_at": schedule, "next_at": schedule, "answer": "kept for people", "lease": "leases end", "lease gone": "leases end"},
		partly: map[string]string{
			"lease there": "leases end", "last_at": logged, "duration": logged, "error": logged, "scheduled": "after a resend it starts again",
			"http_status": "a callback that is superseded or pending may have been answered with any",
		},
		change: map[string]func(any) any{"url": func(any) any { return "http://127.0.0.1:2/callback" }},
	},
	{
		name: "attempts", key: []string{"project_id", "number", "attempt"}, copied: []string{"attempt"}, lost: never,
		unseen: map[string]string{"url": "a resend may change it", "answer": "kept for people"},
		partly: map[string]string{"at": logged, "duration": logged, "http_status": logged, "error": logged},
	},
	{
		name: "notifications", key: []string{"id"},
		lost: func(map[string]any, bool) string { return "an inquiry finds what it said" },
		unseen: map[string]string{
			"id": "ids have gaps", "shard": "nobody asks for it", "received_at": schedule, "error": "kept for people", "tries": count,
			"next_at": schedule, "lease there": "leases end",
		},
		partly: map[string]string{"lease there": "leases end"},
	},
	{
		name: "discrepancies", key: []string{"id"}, copied: []string{"id", "dedup"},
		lost: func(row map[string]any, _ bool) string {
			if row["payment"] == int64(0) {
				return "what was said of a key that is not ours stands nowhere else"
			}
			return ""
		},
		unseen: map[string]string{
			"id": "ids have gaps", "detail": "kept for people", "dedup": "its uniqueness matters", "opened_at": schedule,
			"settled_at": schedule, "reason": "kept for people", "owner": "kept for people", "note": "kept for people", "settled_by": "kept for people",
		},
		partly: map[string]string{
			"funds": "what belongs to no payment moves nothing", "kind": "what belongs to no payment stands nowhere else", "project_id": "what belongs to no payment stands nowhere else",
			"operation": "what belongs to no payment stands nowhere else",
		},
	},
	{
		name: "rollups", key: strings.Split("build cube project_id hours start method currency status code bank bucket", " "), copied: []string{"bank"},
		lost: never,
	},
	{
		name: "callback_rollups", key: strings.Split("project_id hours start acknowledged bucket shard", " "), copied: []string{"bucket"}, lost: never,
		unseen: map[string]string{"shard": "nodes add up"},
	},
	{name: "counters", key: []string{"project_id"}, copied: []string{"project_id"}, lost: never},
	{name: "ledger_days", key: []string{"project_id", "day", "currency", "kind", "debit", "credit", "shard"}, lost: never, copied: []string{"day"}},
	{name: "balances", key: []string{"project_id", "currency"}, lost: never, copied: []string{"currency"}},
	{
		name: "projects", key: []string{"id"}, copied: []string{"id"}, lost: never,
		unseen: map[string]string{
			"merchant_id": ownBusiness, "name": ownBusiness, "mode": ownBusiness, "blocked": ownBusiness, "paused": ownBusiness, "settings": ownBusiness, "version": count,
			"created_at": schedule,
		},
	},
	{
		name: "shards", key: []string{"shard"}, lost: never,
		unseen: map[string]string{"owner": "leases end", "lease_until": "leases end"},
		partly: map[string]string{"next_number": "commands make no payments", "next_row": "commands write no journal"},
		change: map[string]func(any) any{
			"next_number": func(any) any { return int64(1) }, "next_row": func(any) any { return int64(1) },
		},
	},
}

// TestDamageIsFound takes a sound database and, of every table of the road, loses each row, copies each row and changes
// each column, one at a time: each time the audit must say so.
func TestDamageIsFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		server := open(t, url, true)
		build(t, server)
		topUps(t, url)
		if err := server.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := server.Close(context.Background()); err != nil { // it would seal what is damaged
			t.Fatal(err)
		}
		d := &damage{t: t, store: open(t, url, false), rows: 6, each: 2}
		if sparing {
			d.rows, d.each = 2, 1
		}
		driver, address := "sqlite", strings.TrimPrefix(url, "sqlite:")+"?_pragma=busy_timeout(10000)"
		if strings.HasPrefix(url, "postgres") {
			driver, address = "pgx", url
			d.rows, d.each = 2, 1 // the checks are the same; here it is the other engine's statements that count
		}
		db, err := sql.Open(driver, address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		d.db = db
		for i := range tables {
			d.table(&tables[i])
		}
		clean(t, run(t, audit.Config{Store: d.store})) // everything was put back
	})
}

type damage struct {
	t     *testing.T
	db    *sql.DB
	store *store.Store
	rows  int // that are lost and copied, of each table
	each  int // rows whose columns are changed
}

type rowset struct {
	columns []string
	rows    [][]any
}

func (d *damage) table(tab *table) {
	all := d.read(tab)
	if len(all.rows) == 0 {
		d.t.Fatalf("the sample has no %s", tab.name)
	}
	d.t.Run(tab.name, func(t *testing.T) {
		d := &damage{t: t, db: d.db, store: d.store, rows: d.rows, each: d.each}
		for _, row := range choose(all.rows, d.rows) {
			newest := &row[0] == &all.rows[len(all.rows)-1][0]
			d.lose(tab, all, row, newest)
			if tab.copied != nil && tab.lost(all.named(row), false) == "" {
				d.copy(tab, all, row)
			}
		}
		for i := range all.columns {
			d.column(tab, all, i)
		}
	})
}

// choose spreads over the rows.
func choose(rows [][]any, most int) (some [][]any) {
	step := max(1, len(rows)/most)
	for i := 0; i < len(rows) && len(some) < most; i += step {
		some = append(some, rows[i])
	}
	return some
}

func (d *damage) read(tab *table) rowset {
	d.t.Helper()
	all := rowset{columns: strings.Split(columnsOf(d.t, d.db, tab.name), ",")}
	rows, err := d.db.Query("SELECT " + strings.Join(all.columns, ", ") + " FROM " + tab.name + " ORDER BY " + strings.Join(tab.key, ", "))
	if err != nil {
		d.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		row := make([]any, len(all.columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			d.t.Fatal(err)
		}
		all.rows = append(all.rows, row)
	}
	if err := rows.Err(); err != nil {
		d.t.Fatal(err)
	}
	return all
}

func columnsOf(t *testing.T, db *sql.DB, table string) string {
	t.Helper()
	var columns string
	err := db.QueryRow("SELECT string_agg(name, ',') FROM pragma_table_info('" + table + "')").Scan(&columns)
	if err != nil {
		err = db.QueryRow("SELECT string_agg(column_name, ',') FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1", table).Scan(&columns)
	}
	if err != nil {
		t.Fatal(err)
	}
	return columns
}

func (r *rowset) named(row []any) map[string]any {
	out := make(map[string]any)
	for i, c := range r.columns {
		out[c] = row[i]
	}
	return out
}

// exec runs a statement; false where the database itself refuses the damage.
func (d *damage) exec(statement string, args ...any) bool {
	d.t.Helper()
	result, err := d.db.Exec(statement, args...)
	switch {
	case err != nil && !strings.Contains(strings.ToLower(err.Error()), "constraint"):
		d.t.Fatalf("%s: %v", statement, err)
	case err != nil:
		return false
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		d.t.Fatalf("%s: %d rows, %v", statement, n, err)
	}
	return true
}

func (d *damage) insert(tab *table, all rowset, row []any) bool {
	d.t.Helper()
	var places []string
	for i := range row {
		places = append(places, fmt.Sprintf("$%d", i+1))
	}
	return d.exec("INSERT INTO "+tab.name+" ("+strings.Join(all.columns, ", ")+") VALUES ("+strings.Join(places, ", ")+")", row...)
}

// where finds a row by its key.
func where(tab *table, all rowset, row []any) (condition string, args []any) {
	var parts []string
	for i, c := range all.columns {
		if slices.Contains(tab.key, c) {
			args = append(args, row[i])
			parts = append(parts, fmt.Sprintf("%s = $%d", c, len(args)))
		}
	}
	return strings.Join(parts, " AND "), args
}

// found runs the audit and tells whether it says that something is wrong.
func (d *damage) found() bool {
	d.t.Helper()
	report, err := audit.Run(d.t.Context(), audit.Config{Store: d.store})
	if err != nil {
		d.t.Fatal(err)
	}
	if report.OK != (len(report.Findings) == 0) {
		d.t.Fatalf("OK is %v with findings:\n%s", report.OK, list(report))
	}
	return !report.OK
}

func (d *damage) lose(tab *table, all rowset, row []any, newest bool) {
	condition, args := where(tab, all, row)
	d.exec("DELETE FROM "+tab.name+" WHERE "+condition, args...)
	found := d.found()
	if reason := tab.lost(all.named(row), newest); found == (reason != "") {
		d.t.Errorf("a row is lost, %v: found is %v; reason: %q", row, found, reason)
	}
	if !d.insert(tab, all, row) {
		d.t.Fatalf("a row could not be put back: %v", row)
	}
}

func (d *damage) copy(tab *table, all rowset, row []any) {
	twin := slices.Clone(row)
	for i, c := range all.columns {
		if slices.Contains(tab.copied, c) {
			twin[i] = other(row[i], 1)
		}
	}
	for by := int64(2); !d.insert(tab, all, twin); by++ { // the next number may be taken
		for i, c := range all.columns {
			if slices.Contains(tab.copied, c) {
				twin[i] = other(row[i], by)
			}
		}
	}
	if !d.found() {
		d.t.Errorf("a row stands twice, %v: not found", row)
	}
	condition, args := where(tab, all, twin)
	d.exec("DELETE FROM "+tab.name+" WHERE "+condition, args...)
}

func other(value any, by int64) any {
	switch v := value.(type) {
	case int64:
		return v + by
	case string:
		return v + strings.Repeat("x", int(by))
	case []byte:
		v = bytes.Clone(v)
		v[len(v)/2] ^= byte(by)
		return v
	}
	panic(fmt.Sprintf("a column of %T", value))
}

// column changes one column, in row after row.
func (d *damage) column(tab *table, all rowset, i int) {
	name := all.columns[i]
	tries, finds := map[string]int{}, map[string]int{}
	rows := all.rows
	if tab.partly[name] == "" {
		rows = choose(rows, d.each)
	}
	for _, row := range rows {
		for what, value := range d.changes(tab, name, row[i], all.rows, i) {
			if tab.unseen[what] != "" || tab.partly[what] != "" && finds[what] > 0 {
				continue
			}
			condition, args := where(tab, all, row)
			if !d.exec("UPDATE "+tab.name+" SET "+name+" = $1 WHERE "+shifted(condition), append([]any{value}, args...)...) {
				continue // the database refuses it
			}
			tries[what]++
			if d.found() {
				finds[what]++
			} else if tab.partly[what] == "" {
				d.t.Errorf("%s, %v instead of %v in %v: not found", what, value, row[i], row)
			}
			changed := slices.Clone(row)
			changed[i] = value
			condition, args = where(tab, all, changed)
			if !d.exec("UPDATE "+tab.name+" SET "+name+" = $1 WHERE "+shifted(condition), append([]any{row[i]}, args...)...) {
				d.t.Fatalf("%s could not be put back: %v", what, row)
			}
		}
	}
	for what, n := range tries {
		if finds[what] == 0 {
			d.t.Errorf("%s: found in none of %d rows", what, n)
		}
	}
}

// shifted makes room for one argument before a condition's own.
func shifted(condition string) string {
	return place.ReplaceAllStringFunc(condition, func(found string) string {
		n, _ := strconv.Atoi(found[1:])
		return fmt.Sprintf("$%d", n+1)
	})
}

var place = regexp.MustCompile(`\$[0-9]+`)

// changes are the other values that a column of a row gets.
func (d *damage) changes(tab *table, name string, value any, rows [][]any, i int) map[string]any {
	out := make(map[string]any)
	nullable := slices.ContainsFunc(rows, func(r []any) bool { return r[i] == nil })
	switch {
	case value != nil:
		if change := tab.change[name]; change != nil {
			out[name] = change(value)
		} else if b, ok := value.([]byte); !ok || len(b) > 0 {
			out[name] = other(value, 1)
		}
		if nullable {
			out[name+" gone"] = nil
		}
	default:
		for _, r := range rows {
			if r[i] != nil {
				out[name+" there"] = r[i]
			}
		}
	}
	return out
}
