package pgtest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// HoldLock has another client of a database take a lock, such as one of SELECT … FOR UPDATE, and do nothing more until the
// function that it returns is called, or the test ends.
func HoldLock(t testing.TB, address, lock string) (release func()) {
	t.Helper()
	other, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(context.Background()) })
	tx, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
