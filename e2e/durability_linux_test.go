package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryAnswerWaitsForTheDisk counts, beside a server on SQLite, the calls that bring its log to the disk: when the
// answer to a payout request arrives, there has been at least one more. Requests come one after the other, so that none
// can share another's.
func TestEveryAnswerWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatalf("this test counts system calls with strace: install it, `make deps` does: %v", err)
	}
	db, web := newDatabase(t, "sqlite"), newReceiver(t)
	db.project(t, 210, web)
	trace := filepath.Join(db.dir, "trace")
	log := filepath.Join(db.dir, "flashpay.db-wal")
	gate := shop(t, db.traced(t, strace, trace), 210)
	const payouts = 25
	before := syncs(t, trace, log)
	for i := range payouts {
		id := fmt.Sprint("p", i)
		had := syncs(t, trace, log)
		if _, err := gate.Create(t.Context(), to("1090000000004598", id)); err != nil {
			t.Fatal(err)
		}
		if has := syncs(t, trace, log); has <= had {
			t.Errorf("payout %s was answered before it was on the disk: %d syncs of the log before, %d after", id, had, has)
		}
	}
	accepted := syncs(t, trace, log)
	for i := range payouts {
		if _, err := gate.Status(t.Context(), fmt.Sprint("p", i)); err != nil {
			t.Fatal(err)
		}
	}
	asked := syncs(t, trace, log) - accepted
	t.Logf("%d payouts: %d syncs of the log; as many questions for a status: %d", payouts, accepted-before, asked)
	if asked >= payouts { // beside them there is a seal a minute
		t.Errorf("%d questions made %d syncs: what is counted is not what a payout makes", payouts, asked)
	}
}

// traced starts a node that takes requests only, under strace, and says where Gate is.
func (db database) traced(t *testing.T, strace, trace string) string {
	t.Helper()
	// With -D the process is the program's own, and strace a child of it.
	cmd := exec.Command(strace, "-D", "-ff", "-y", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", trace,
		program, "serve", "--gate", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--roles", "gate", "--log-level", "warn")
	p := &process{t: t, cmd: cmd, ended: make(chan struct{}), log: &syncBuffer{}}
	cmd.Env, cmd.Stderr = db.env(), p.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	if err != nil {
		t.Fatalf("flashpay serve under strace ended before it was ready: %s", p.log)
	}
	if err := json.Unmarshal(line, p); err != nil {
		t.Fatalf("ready line %q: %v", line, err)
	}
	return p.Gate
}

// syncs counts the calls that brought a file to the disk, in the files that strace -ff writes, one for each thread.
func syncs(t *testing.T, trace, file string) int {
	t.Helper()
	parts, err := filepath.Glob(trace + ".*")
	if err != nil || len(parts) == 0 {
		t.Fatalf("strace has written nothing: %v", err)
	}
	n := 0
	for _, part := range parts {
		text, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "<"+file+">)") && strings.HasSuffix(strings.TrimSpace(line), "= 0") {
				n++
			}
		}
	}
	return n
}
