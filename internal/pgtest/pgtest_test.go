package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestURLGivesEachTestItsOwnEmptyDatabase(t *testing.T) {
	first, second := URL(t), URL(t)
	if first == second {
		t.Fatalf("two calls gave the same database %s", first)
	}
	query(t, first, "CREATE TABLE seen (id bigint)")
	if got := query(t, second, "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"); got != "0" {
		t.Errorf("a table of one database is seen in the other: %s tables", got)
	}
	if got := query(t, first, "SHOW server_encoding"); got != "UTF8" {
		t.Errorf("encoding %s, want UTF8", got)
	}
}

func TestURLAtOnceFromManyTests(t *testing.T) {
	var all sync.Map
	t.Run("group", func(t *testing.T) {
		for i := range 8 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				if _, twice := all.LoadOrStore(URL(t), true); twice {
					t.Error("the same database for two tests")
				}
			})
		}
	})
}

// A template is filled once, and its copies are apart from it and from each
// other; on a server that somebody else owns nothing is left behind.
func TestTemplateIsFilledOnceAndCopied(t *testing.T) {
	for _, given := range []string{"", own(t).String()} {
		t.Run(fmt.Sprintf("given=%t", given != ""), func(t *testing.T) {
			t.Setenv(Variable, given)
			count := "SELECT count(*)::text FROM pg_database"
			before := query(t, own(t).String(), count)
			fills := 0
			m := Template{Fill: func(_ context.Context, address string) error {
				fills++
				query(t, address, "CREATE TABLE seen (id bigint)")
				return nil
			}}
			t.Run("user", func(t *testing.T) {
				first, second := m.URL(t), m.URL(t)
				query(t, first, "INSERT INTO seen VALUES (1)")
				for address, want := range map[string]string{first: "1", second: "0", m.URL(t): "0"} {
					if got := query(t, address, "SELECT count(*)::text FROM seen"); got != want {
						t.Errorf("%s rows, want %s", got, want)
					}
				}
			})
			if want := map[bool]int{false: 1, true: 3}[given != ""]; fills != want {
				t.Errorf("filled %d times, want %d", fills, want)
			}
			if after := query(t, own(t).String(), count); given != "" && after != before {
				t.Errorf("%s databases before, %s after", before, after)
			}
		})
	}
}

func TestURLDropsTheDatabaseAlsoWhileConnected(t *testing.T) {
	var address string
	t.Run("user", func(t *testing.T) {
		address = URL(t)
		// Left open on purpose: a test that leaks a connection must not leak a database.
		if _, err := pgx.Connect(t.Context(), address); err != nil {
			t.Fatal(err)
		}
	})
	if conn, err := pgx.Connect(t.Context(), address); err == nil {
		_ = conn.Close(t.Context())
		t.Fatalf("%s is still there after its test", address)
	}
}

// What a server of our own promises; one that is given with the variable
// belongs to somebody else, so these tests always start one.
func TestOwnServer(t *testing.T) {
	u := own(t)
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "1000",
	} {
		if got := query(t, u.String(), "SHOW "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if host := u.Hostname(); host != "127.0.0.1" {
		t.Errorf("listens on %s", host)
	}
}

// Whoever kills a test process must not leave servers and directories behind.
func TestServerEndsWithItsProcess(t *testing.T) {
	for _, end := range []string{"kill", "exit"} {
		t.Run(end, func(t *testing.T) {
			u, dir := child(t, end)
			deadline := time.Now().Add(time.Minute)
			for stillThere(u, dir) {
				if time.Now().After(deadline) {
					t.Fatalf("A minute after its process has ended, the server %s or its directory is still there", u.Host)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}

func stillThere(u *url.URL, dir string) bool {
	if _, err := os.Stat(dir); err == nil {
		return true
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

const childVariable = "PGTEST_CHILD"

// child runs this test binary again, has it start a server, and returns when
// that process has ended, by SIGKILL or by itself.
func child(t *testing.T, end string) (u *url.URL, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, Variable+"=") }), childVariable+"="+end)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		address, ok := strings.CutPrefix(lines.Text(), "server ")
		if !ok {
			continue
		}
		u, err = url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Dir(query(t, address, "SHOW data_directory"))
		if end == "kill" {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		} else {
			// The child ends by itself a second after its line.
			_ = lines.Scan()
		}
	}
	err = cmd.Wait()
	if u == nil {
		t.Fatalf("the child named no server: %v", err)
	}
	return u, dir
}

// TestChild is the body of the process that child starts; in an ordinary run
// it shows that the variable is left alone.
func TestChild(t *testing.T) {
	end := os.Getenv(childVariable)
	if end == "" {
		if _, err := parse("postgres://127.0.0.1/"); err != nil {
			t.Fatal(err)
		}
		return
	}
	fmt.Printf("server %s\n", own(t))
	if end == "kill" {
		time.Sleep(time.Minute)
		t.Fatal("not killed within a minute")
	}
	time.Sleep(time.Second)
}

// own starts, or finds started, the server of this process.
func own(t *testing.T) *url.URL {
	t.Helper()
	own, err := started()
	if errors.Is(err, errNoServer) && os.Getenv(Variable) != "" {
		t.Fatalf("%s is set, but this test needs the programs as well: %v", Variable, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return own.address
}

func TestParse(t *testing.T) {
	tests := []struct {
		name, given, want, fault string
	}{
		{name: "as given", given: "postgres://u:p@h:5/d?sslmode=disable", want: "postgres://u:p@h:5/d?sslmode=disable"},
		{name: "long scheme", given: "postgresql://h/d", want: "postgresql://h/d"},
		{name: "no database", given: "postgres://h", want: "postgres://h/postgres"},
		{name: "slash only", given: "postgres://h/", want: "postgres://h/postgres"},
		{name: "key and value", given: "host=h user=u", fault: "must begin with postgres://"},
		{name: "other scheme", given: "mysql://h/d", fault: "must begin with postgres://"},
		{name: "no slashes", given: "postgres:h", fault: "must begin with postgres://"},
		{name: "not a URL", given: "postgres://u:secret@h:port/", fault: "is not a URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := parse(tt.given)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) || !strings.Contains(err.Error(), Variable) {
					t.Fatalf("error %v, want one with %q that names %s", err, tt.fault, Variable)
				}
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("the error shows the password: %v", err)
				}
				return
			}
			if err != nil || u.String() != tt.want {
				t.Fatalf("got %v, %v, want %s", u, err, tt.want)
			}
		})
	}
}

func TestFindBinaries(t *testing.T) {
	root := t.TempDir()
	install := func(dir string, names ...string) string {
		dir = filepath.Join(root, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	install("lib/9/bin", "initdb", "postgres")
	newest := install("lib/17/bin", "initdb", "postgres")
	clientOnly := install("lib/18/bin", "initdb")
	inPath := install("path", "initdb", "postgres")
	patterns := []string{filepath.Join(root, "none", "*", "bin"), filepath.Join(root, "lib", "*", "bin")}
	tests := []struct {
		name, path string
		patterns   []string
		want       string
		err        error
	}{
		{name: "path first", path: clientOnly + ":" + inPath, patterns: patterns, want: inPath},
		{name: "newest complete", path: clientOnly, patterns: patterns, want: newest},
		{name: "empty path", patterns: patterns, want: newest},
		{name: "none", path: clientOnly, err: errNoServer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := findBinaries(tt.path, tt.patterns)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	for dir, want := range map[string]int{
		"/usr/lib/postgresql/17/bin": 17, "/usr/pgsql-16/bin": 16,
		"/opt/homebrew/opt/postgresql@15/bin": 15, "/opt/homebrew/opt/postgresql/bin": 0, "/usr/local/pgsql/bin": 0,
	} {
		if got := version(dir); got != want {
			t.Errorf("version(%s) = %d, want %d", dir, got, want)
		}
	}
}

// query runs one statement and returns the text that it answers, if any.
func query(t *testing.T, address, statement string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var answer string
	for rows.Next() {
		if err := rows.Scan(&answer); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return answer
}
