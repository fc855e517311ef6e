package e2e

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// kill -9 does not show durability: what was written survives in the system's cache. So the settings that make it are
// looked at, and on SQLite the calls themselves are counted (durability_linux_test.go).

func TestPostgresThatWouldLosePayoutsIsRefused(t *testing.T) {
	t.Parallel()
	for value, refused := range map[string]bool{"off": true, "local": true, "on": false, "remote_apply": false} {
		t.Run("synchronous_commit "+value, func(t *testing.T) {
			t.Parallel()
			db := newDatabase(t, "postgres")
			setSynchronousCommit(t, db.url, value)
			for _, args := range [][]string{{"serve", "--gate", "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--ops", "127.0.0.1:0"}, {"project", "create", "--id", "210"}} {
				if !refused && args[0] == "serve" {
					db.serve(t)
					continue
				}
				_, err := db.try(args...)
				if (err != nil) != refused {
					t.Fatalf("flashpay %s: %v", args[0], err)
				}
				if refused && !strings.Contains(err.Error(), "synchronous_commit = "+value+": an accepted payout could be lost; set synchronous_commit = on") {
					t.Errorf("flashpay %s: %v", args[0], err)
				}
			}
		})
	}
}

// setSynchronousCommit changes what new connections to a database get.
func setSynchronousCommit(t *testing.T, address, value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name := pgx.Identifier{strings.TrimPrefix(u.Path, "/")}.Sanitize()
	if _, err := conn.Exec(t.Context(), "ALTER DATABASE "+name+" SET synchronous_commit = "+value); err != nil {
		t.Fatal(err)
	}
}
