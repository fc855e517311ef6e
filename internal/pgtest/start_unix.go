//go:build unix

package pgtest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// keeper runs the server, ends it when its standard input ends, and removes
// the directory. That input is a pipe whose other end this process holds, so
// the end of the process is the end of the server, also after a kill -9.
//
//go:embed keeper.sh
var keeper string

const superuser = "flashpay"

// errExited says that the server ended before it was ready: as a rule another
// process took the port that was free a moment before.
var errExited = errors.New("the server ended while starting")

// start makes a cluster in a temporary directory and runs a server on it.
func start(bin string) (instance, error) {
	return tryStart(bin, func(dir string, attr *syscall.SysProcAttr) error { return initialise(bin, dir, attr) })
}

// startStandby copies the cluster of primary and runs a hot standby of it.
func startStandby(bin string, primary *url.URL) (instance, error) {
	if real, err := filepath.EvalSymlinks(filepath.Join(bin, "initdb")); err == nil {
		bin = filepath.Dir(real) // a folder of links may hold some of the programs only
	}
	return tryStart(bin, func(dir string, attr *syscall.SysProcAttr) error {
		cmd := command(dir, attr, filepath.Join(bin, "pg_basebackup"), "--dbname="+primary.String(), "--pgdata="+filepath.Join(dir, "data"),
			"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
		}
		return nil
	})
}

func tryStart(bin string, fill func(dir string, attr *syscall.SysProcAttr) error) (instance, error) {
	var failure error
	for range 3 {
		own, err := startOnce(bin, fill)
		if err == nil {
			return own, nil
		}
		failure = err
		if !errors.Is(err, errExited) {
			break
		}
	}
	return instance{}, fmt.Errorf("start PostgreSQL of %s: %w", bin, failure)
}

// startOnce runs a server on the data that fill puts into its directory.
func startOnce(bin string, fill func(dir string, attr *syscall.SysProcAttr) error) (instance, error) {
	attr, err := attributes()
	if err != nil {
		return instance{}, err
	}
	dir, err := directory(attr)
	if err != nil {
		return instance{}, err
	}
	if err := fill(dir, attr); err != nil {
		return instance{}, errors.Join(err, os.RemoveAll(dir))
	}
	port, err := freePort()
	if err != nil {
		return instance{}, errors.Join(err, os.RemoveAll(dir))
	}
	cmd, pipe, err := run(bin, dir, port, attr)
	if err != nil {
		return instance{}, errors.Join(err, os.RemoveAll(dir))
	}
	u := &url.URL{
		Scheme: "postgres", User: url.User(superuser), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path: "/postgres", RawQuery: "sslmode=disable",
	}
	if err := await(u, dir); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		err = fmt.Errorf("%w; its log says:\n%s", err, log)
		// With the pipe's end the keeper stops the server and removes dir.
		return instance{}, errors.Join(err, pipe.Close(), cmd.Wait())
	}
	return instance{address: u, lifeline: pipe}, nil
}

// attributes says as whom the server runs: PostgreSQL refuses root, who
// therefore borrows another user. A process group of its own keeps a Ctrl-C
// at the terminal from reaching the keeper before the tests have ended.
func attributes() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres or nobody: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, nil
}

// directory makes the server's directory and gives it to the server's user.
func directory(attr *syscall.SysProcAttr) (string, error) {
	parent := os.TempDir()
	if attr.Credential != nil && !open(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "flashpay-pgtest-")
	if err != nil {
		return "", err
	}
	if c := attr.Credential; c != nil {
		if err := os.Chown(dir, int(c.Uid), int(c.Gid)); err != nil {
			return "", errors.Join(err, os.Remove(dir))
		}
	}
	return dir, nil
}

// open tells whether every user may pass through dir, so that the server's
// user reaches what is given to it below.
func open(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
}

func initialise(bin, dir string, attr *syscall.SysProcAttr) error {
	cmd := command(dir, attr, filepath.Join(bin, "initdb"),
		"--pgdata="+filepath.Join(dir, "data"), "--username="+superuser,
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// run starts keeper and server. fsync and synchronous_commit stay as they are
// in production: what is tested here depends on them.
func run(bin, dir string, port int, attr *syscall.SysProcAttr) (*exec.Cmd, io.Closer, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := command(dir, attr, "/bin/sh", "-c", keeper, "keeper", dir,
		filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"), "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=1000", "-c", "shared_buffers=64MB", "-c", "jit=off")
	// A file, not a pipe: `go test` waits for whoever holds its own output.
	cmd.Stdout, cmd.Stderr = log, log
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, errors.Join(err, pipe.Close())
	}
	return cmd, pipe, nil
}

// command runs without the caller's PG* variables, which would reach the server.
func command(dir string, attr *syscall.SysProcAttr, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=" + dir}
	cmd.SysProcAttr = attr
	return cmd
}

// freePort finds a port that is free now; start tries again if it is not then.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// await waits until the server answers, and makes sure that it is the one of
// dir and not another process's, which might have got the same port.
func await(u *url.URL, dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := greet(ctx, u, dir)
		if err == nil {
			return nil
		}
		if _, gone := os.Stat(filepath.Join(dir, "exited")); gone == nil {
			return errExited
		}
		if ctx.Err() != nil {
			return fmt.Errorf("not ready after %s: %w", startTimeout, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func greet(ctx context.Context, u *url.URL, dir string) error {
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var data string
	if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&data); err != nil {
		return err
	}
	if want := filepath.Join(dir, "data"); data != want {
		return fmt.Errorf("the server at %s works in %s, not in %s", u.Host, data, want)
	}
	return nil
}
