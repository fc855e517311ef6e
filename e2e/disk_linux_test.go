package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashpay/client"
)

// ready asks a node whether it should get requests.
func (p *process) ready(t *testing.T) bool {
	t.Helper()
	answer, err := http.Get(p.Ops + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode == http.StatusOK
}

// refusesSoon sends a payout that cannot be stored: the answer is 503, and it comes soon. The limit has room for a slow
// machine; without one of its own, the store would try for much longer.
func refusesSoon(t *testing.T, gate, id string) {
	t.Helper()
	c, err := client.New(client.Config{GateURL: gate, ProjectID: 210, Key: "secret", Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err = c.Create(t.Context(), to("10900000004598", id))
	var answered *client.Error
	if took := time.Since(begun); !errors.As(err, &answered) || answered.HTTPStatus != http.StatusServiceUnavailable || took > 4*time.Second {
		t.Errorf("%s: %v after %s; want 503 within seconds", id, err, took)
	}
}

// Files that cannot grow, by a limit or a quota, are an outage and no end: 503, not ready, and all goes on by itself.
func TestFilesThatCannotGrow(t *testing.T) {
	t.Parallel()
	db, web := newDatabase(t, "sqlite"), newReceiver(t)
	node := db.serve(t)
	db.project(t, 210, web)
	waitForProject(t, node.Gate, 210)
	if _, err := shop(t, node.Gate, 210).Create(t.Context(), to("10900000004598", "before")); err != nil {
		t.Fatal(err)
	}
	limit := func(bytes uint64) {
		t.Helper()
		if err := unix.Prlimit(node.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
			t.Fatal(err)
		}
	}
	limit(4096)
	refusesSoon(t, node.Gate, "after")
	if node.ready(t) {
		t.Error("ready, and nothing can be stored")
	}
	limit(unix.RLIM_INFINITY)
	eventually(t, "it is ready", func() bool { return node.ready(t) })
	if _, err := shop(t, node.Gate, 210).Create(t.Context(), to("10900000004598", "after")); err != nil {
		t.Error(err)
	}
	web.await(t, "before")
	web.await(t, "after")
	db.clean(t, node.Bank)
}

// A small disk that others fill: new payouts are refused, accepted ones come to their end, a crash there and a start are
// survived, and when there is room again all is as before. Only root may make such a disk; for others the limit of the
// files' size, above, and the store's own tests of the space that it is told stand for it.
func TestASmallDiskThatIsFull(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m"); err != nil {
		t.Logf("no disk of our own (%v): its files' size is limited in its place", err)
		TestFilesThatCannotGrow(t)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	db, web := newDatabase(t, "sqlite"), newReceiver(t)
	bank := db.start(t, "bank", "--listen", "127.0.0.1:0", "--state", db.dir+"/bank")
	db.url = "sqlite:" + filepath.Join(disk, "flashpay.db")
	node := db.serve(t, "--bank-url", bank.Bank)
	db.project(t, 210, web)
	waitForProject(t, node.Gate, 210)
	const payouts = 60
	for i := range payouts { // they are submitted three times before they succeed
		if _, err := shop(t, node.Gate, 210).Create(t.Context(), to("10900000000006", fmt.Sprint("p", i))); err != nil {
			t.Fatal(err)
		}
	}
	// The server stands still meanwhile: what it gives up of its reserve is not for who fills the disk.
	node.signal(t, syscall.SIGSTOP)
	fillDisk(t, filepath.Join(disk, "ballast"))
	node.signal(t, syscall.SIGCONT)
	eventually(t, "it is not ready", func() bool { return !node.ready(t) })
	refusesSoon(t, node.Gate, "after")
	node.kill()
	node = db.serve(t, "--bank-url", bank.Bank)
	refusesSoon(t, node.Gate, "after")
	for i := range payouts {
		if cb := web.await(t, fmt.Sprint("p", i)); cb.Status != client.StatusSuccess {
			t.Errorf("p%d: %s", i, cb.Status)
		}
	}
	if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is ready", func() bool { return node.ready(t) })
	if _, err := shop(t, node.Gate, 210).Create(t.Context(), to("10900000004598", "after")); err != nil {
		t.Error(err)
	}
	web.await(t, "after")
	db.clean(t, bank.Bank)
}

func (p *process) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// fillDisk writes a file until nothing more fits.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1 << 20, 4096} {
		for block := make([]byte, size); err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
