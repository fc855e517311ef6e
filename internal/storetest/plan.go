package storetest

import (
	"fmt"
	"strings"
	"testing"

	"flashpay/internal/store"
)

// Plan is how the database would run a statement, in the words of its EXPLAIN.
func Plan(t testing.TB, s *store.Store, text string, args []any) string {
	t.Helper()
	explain := "EXPLAIN QUERY PLAN "
	if s.DialectName() == Postgres {
		explain = "EXPLAIN "
	}
	rows, err := s.DB().Lists.QueryContext(t.Context(), explain+text, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for rows.Next() {
		into := make([]any, len(columns))
		for i := range into {
			into[i] = new(any)
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, *into[len(into)-1].(*any))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
