package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestCrashTestLeavesNoProcess(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]os.Signal{"interrupted": os.Interrupt, "killed": os.Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testLeavesNoProcess(t, signal)
		})
	}
}

func testLeavesNoProcess(t *testing.T, signal os.Signal) {
	dir := t.TempDir()
	cmd := exec.Command(program, "crashtest", "--kills", "100")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	var log syncBuffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for deadline := time.Now().Add(patience); !strings.Contains(log.String(), "kill 1 of 100"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no kill within %s: %s", patience, &log)
		}
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil || signal == os.Interrupt && !strings.Contains(log.String(), "stopped by signal") {
			t.Errorf("ended with %v: %s", err, &log)
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		t.Fatalf("it goes on: %s", &log)
	}
	if left, err := os.ReadDir(dir); signal == os.Interrupt && (err != nil || len(left) > 0) {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// Its processes name their folder in their environment.
	var pids []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if pids = processesWith(t, dir); len(pids) == 0 {
			return
		}
	}
	t.Errorf("processes %v are left behind", pids)
}

// processesWith lists the processes whose environment holds a text; it looks where the system shows that.
func processesWith(t *testing.T, text string) (pids []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatalf("this test reads /proc, which Linux has: %v", err)
	}
	for _, e := range entries {
		if env, err := os.ReadFile("/proc/" + e.Name() + "/environ"); err == nil && strings.Contains(string(env), text) {
			pids = append(pids, e.Name())
		}
	}
	return pids
}
