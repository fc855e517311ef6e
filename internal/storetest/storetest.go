// Package storetest gives tests what each test over a store needs: fresh
// databases of both engines, and a keyset that seals them.
//
// A process migrates one database of each engine; what tests get are copies.
package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"flashpay/internal/pgtest"
	"flashpay/internal/store"
	"flashpay/internal/vault"
)

// The engines that a store runs on.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Engines returns them all.
func Engines() []string { return []string{SQLite, Postgres} }

// URL returns the address of a fresh database with the newest schema and
// nothing in it, not even its keyset's name. It goes with the test. It fails
// the test where the engine cannot be had.
func URL(t testing.TB, engine string) string {
	t.Helper()
	if engine == Postgres {
		return migratedPostgres.URL(t)
	}
	content, err := migratedFile()
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	path := filepath.Join(t.TempDir(), "flashpay.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	return "sqlite:" + path
}

// Empty is URL without a schema, for tests of how one comes about.
func Empty(t testing.TB, engine string) string {
	t.Helper()
	if engine == Postgres {
		return pgtest.URL(t)
	}
	return "sqlite:" + filepath.Join(t.TempDir(), "flashpay.db")
}

var migratedPostgres = pgtest.Template{Fill: store.Migrate}

// migratedFile is the content of a database file. When its last connection is
// closed, SQLite moves all of the log into the file.
var migratedFile = sync.OnceValues(func() (content []byte, err error) {
	dir, err := os.MkdirTemp("", "flashpay-storetest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "flashpay.db")
	if err := store.Migrate(context.Background(), "sqlite:"+path); err != nil {
		return nil, err
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return nil, errors.New("the migrated file's log is not empty: a connection is open")
	}
	return os.ReadFile(path)
})

// Each runs a test on each engine, with a fresh database.
func Each(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	for _, engine := range Engines() {
		t.Run(engine, func(t *testing.T) { test(t, URL(t, engine)) })
	}
}

// Keyset returns a keyset as text, the same one to all tests of a process.
var Keyset = sync.OnceValue(func() string {
	text, err := vault.Generate()
	if err != nil {
		panic(err)
	}
	return string(text)
})

// Open opens a database as a server does, until the test ends.
func Open(t testing.TB, url string) *store.Store {
	t.Helper()
	return OpenAs(t, store.Config{URL: url, Keyset: Keyset(), Serve: true})
}

// OpenAs opens a store until the test ends.
func OpenAs(t testing.TB, c store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
