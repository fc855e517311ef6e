// Package storetest gives tests what each test over a store needs: fresh
// databases of both engines, and a keyset that seals them.
package storetest

import (
	"path/filepath"
	"sync"
	"testing"

	"flashpay/internal/pgtest"
	"flashpay/internal/vault"
)

// The engines that a store runs on.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Engines returns them all.
func Engines() []string { return []string{SQLite, Postgres} }

// URL returns the address of a fresh database, which goes with the test. It
// fails the test where the engine cannot be had.
func URL(t testing.TB, engine string) string {
	t.Helper()
	if engine == Postgres {
		return pgtest.URL(t)
	}
	return "sqlite:" + filepath.Join(t.TempDir(), "flashpay.db")
}

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
