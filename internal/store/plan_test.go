package store

import (
	"path/filepath"
	"strings"
	"testing"

	"flashpay/internal/store/sqldb"
)

// TestSQLiteFindsRowsByTheirKeys holds that no statement over many rows reads the whole of a table, in any of its
// sizes: SQLite once chose to for 64 rows and more, so that a commit took longer the more payouts there were.
func TestSQLiteFindsRowsByTheirKeys(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), Config{URL: "sqlite:" + filepath.Join(dir, "flashpay.db"), Keyset: filepath.Join(dir, "keyset")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for name, b := range map[string]*sqldb.Bulk{
		"moveOperationRows": moveOperationRows, "movePayments": movePayments, "moveCallbacks": moveCallbacks,
		"moveNotifications": moveNotifications, "updateBalances": updateBalances, "updateCounters": updateCounters,
		"lockBalances": lockBalances["sqlite"], "lockCounters": lockCounters["sqlite"], "readWorks": readWorks, "readCallbacks": readCallbacks,
	} {
		for i, text := range b.Texts(&sqldb.SQLite) {
			rows, err := s.db.Writes.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, b.Columns*sqldb.BulkSizes[i])...)
			if err != nil {
				t.Fatalf("%s of %d rows: %v", name, sqldb.BulkSizes[i], err)
			}
			searches := 0
			for rows.Next() {
				var id, parent, unused int
				var step string
				if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
					t.Fatal(err)
				}
				listed := step == "SCAN v" || strings.HasSuffix(step, "VALUES CLAUSE") || strings.Contains(step, "CONSTANT ROW")
				if strings.HasPrefix(step, "SCAN ") && !listed {
					t.Errorf("%s of %d rows: %s", name, sqldb.BulkSizes[i], step)
				}
				if strings.HasPrefix(step, "SEARCH ") {
					searches++
				}
			}
			if err := rows.Err(); err != nil {
				t.Error(err)
			}
			if searches == 0 {
				t.Errorf("%s of %d rows: nothing is searched", name, sqldb.BulkSizes[i])
			}
		}
	}
}
