package storetest

import (
	"flag"
	"testing"

	"flashpay/internal/store"
)

// Where the benchmarks of a year's payments have their database. Package store fills it.
var (
	yearURL    = flag.String("year-database", "", "a database that BenchmarkFillYear of package store makes and keeps, for the benchmarks that read it")
	yearKeyset = flag.String("year-keyset", "", "its keyset")
)

// OpenYear opens the database of a year's payments. nil: the benchmark was given none, and has nothing to do.
func OpenYear(b *testing.B) *store.Store {
	b.Helper()
	if *yearURL == "" {
		return nil
	}
	return OpenAs(b, store.Config{URL: *yearURL, Keyset: *yearKeyset, Serve: true})
}
