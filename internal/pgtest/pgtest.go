// Package pgtest gives tests PostgreSQL databases of their own.
//
// The server is the one that FLASHPAY_TEST_POSTGRES names, or else one that is
// started once per test process, on 127.0.0.1 only, in a temporary directory,
// and that goes when the process goes, however it goes. A test that asks for a
// database and cannot have one fails; it is never skipped.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variable names the environment variable with the URL of a PostgreSQL server
// whose user may create databases. Where it is empty, pgtest starts a server.
const Variable = "FLASHPAY_TEST_POSTGRES"

const (
	startTimeout = 60 * time.Second
	adminTimeout = 30 * time.Second
)

// errNoServer is what a developer reads whose machine has no PostgreSQL.
var errNoServer = errors.New("no PostgreSQL server programs (initdb and postgres) found in PATH, " +
	"/usr/lib/postgresql/*/bin, /usr/pgsql-*/bin or Homebrew's directories; " +
	"run `make deps`, or install them (`apt-get install postgresql`, `brew install postgresql@17`), " +
	"or set " + Variable + " to the URL of a server whose user may create databases, " +
	"such as postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable")

// URL returns the address, as postgres://…, of a database that is new, empty,
// in UTF-8 and the test's own. It is dropped when the test and its subtests
// have ended, with whatever is still connected to it. Servers older than
// PostgreSQL 13 do not know how to do that and are refused by their own error.
func URL(t testing.TB) string {
	t.Helper()
	admin, err := server()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return copyOf(t, admin, empty)
}

// empty is the template of databases with nothing in them.
const empty = "template0 ENCODING 'UTF8'"

// copyOf makes a database for a test from a template.
func copyOf(t testing.TB, admin *url.URL, template string) string {
	t.Helper()
	name, err := create(admin, template)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	// Not t.Context(): that one has ended when cleanups run.
	t.Cleanup(func() {
		if err := adminExec(admin, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("pgtest: drop database %s: %v", name, err)
		}
	})
	return at(admin, name)
}

// Copy returns the address of a new database that is as the one at address is now, such as a restored backup would be. Whoever
// is still connected to that one is disconnected. It is dropped when the test has ended.
func Copy(t testing.TB, address string) string {
	t.Helper()
	admin, err := server()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := strings.TrimPrefix(path(address), "/")
	disconnect := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'"
	if err := adminExec(admin, disconnect); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return copyOf(t, admin, name) // the server waits for those who are leaving
}

func create(admin *url.URL, template string) (name string, err error) {
	name = "flashpay_test_" + strings.ToLower(rand.Text())
	if err := adminExec(admin, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		return "", fmt.Errorf("create a database (may the user of %s create databases?): %w", Variable, err)
	}
	return name, nil
}

func at(admin *url.URL, name string) string {
	u := *admin
	u.Path = "/" + name
	return u.String()
}

// WithStandby returns the address of a new database, as URL does, and of the same one on a hot standby, which takes no
// writes. Both are of servers that are started here, and the standby ends with the test.
func WithStandby(t testing.TB) (primary, standby string) {
	t.Helper()
	own, err := started()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	bin, err := findBinaries(os.Getenv("PATH"), installDirs())
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	copied, err := startStandby(bin, own.address)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() { _ = copied.lifeline.Close() }) // after the database is dropped
	primary = copyOf(t, own.address, empty)
	u := *copied.address
	u.Path = path(primary)
	if err := awaitDatabase(u.String()); err != nil {
		t.Fatalf("pgtest: the standby: %v", err)
	}
	return primary, u.String()
}

// path is the path of an address that this package has made.
func path(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return u.Path
}

// awaitDatabase waits until a standby has got a database.
func awaitDatabase(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, address)
		if err == nil {
			return conn.Close(ctx)
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Template is what many databases of a process begin with. It is filled once,
// at the first call of URL, and copied from then on.
type Template struct {
	Fill func(ctx context.Context, address string) error

	once sync.Once
	name string // of the database that is copied
	err  error
}

// URL is the function URL for databases that begin with what Fill puts in. On a
// server that was given with the variable each is filled anew: nothing that
// outlives its test may be left there.
func (m *Template) URL(t testing.TB) string {
	t.Helper()
	if os.Getenv(Variable) != "" {
		address := URL(t)
		if err := m.fill(address); err != nil {
			t.Fatalf("pgtest: fill a database: %v", err)
		}
		return address
	}
	admin, err := server()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	m.once.Do(func() {
		if m.name, m.err = create(admin, empty); m.err == nil {
			m.err = m.fill(at(admin, m.name))
		}
	})
	if m.err != nil {
		t.Fatalf("pgtest: make the template: %v", m.err)
	}
	return copyOf(t, admin, m.name)
}

func (m *Template) fill(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	return m.Fill(ctx, address)
}

// server returns the address of the server that this process uses.
func server() (*url.URL, error) {
	if given := os.Getenv(Variable); given != "" {
		return parse(given)
	}
	own, err := started()
	return own.address, err
}

// instance is a server that this process runs.
type instance struct {
	address *url.URL
	// lifeline is the pipe whose end is the end of the server; held here, it is
	// safe from the garbage collector, which closes what nobody refers to.
	lifeline io.Closer
}

// started starts this process's own server at the first call; a failure is
// remembered, so that a hundred tests do not wait for it a hundred times.
var started = sync.OnceValues(func() (instance, error) {
	bin, err := findBinaries(os.Getenv("PATH"), installDirs())
	if err != nil {
		return instance{}, err
	}
	return start(bin)
})

func parse(given string) (*url.URL, error) {
	u, err := url.Parse(given)
	if err != nil {
		// The error of url.Parse repeats its input, which may hold a password.
		return nil, fmt.Errorf("%s is not a URL; write postgres://user:password@host:port/database", Variable)
	}
	if (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Opaque != "" {
		return nil, fmt.Errorf("%s must begin with postgres://, as in postgres://user:password@host:port/database", Variable)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/postgres"
	}
	return u, nil
}

func adminExec(admin *url.URL, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, admin.String())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}
