package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashpay/internal/crashtest"
)

// kills is how many processes a crash test kills: ten, and a hundred in `make soak`, which sets FLASHPAY_SOAK.
func kills() int {
	if os.Getenv("FLASHPAY_SOAK") != "" {
		return 100
	}
	return 10
}

// The crash tests wait more than they work, so all run at once.
func TestCrash(t *testing.T) {
	t.Parallel()
	running := make(map[string]*crashRun)
	for _, engine := range []string{"sqlite", "postgres"} {
		running[engine] = startCrash(t, engine)
		running[engine+", no dedup"] = startCrash(t, engine, "--no-dedup")
	}
	running["two nodes"] = startCrash(t, "postgres", "--nodes", "2", "--no-dedup")
	for name, run := range running {
		t.Run(name, func(t *testing.T) { run.check(t, name == "two nodes") })
	}
}

// crashRun is the crash test, run as anybody would.
type crashRun struct {
	cmd      *exec.Cmd
	out, log bytes.Buffer
	begun    time.Time
}

func startCrash(t *testing.T, engine string, args ...string) *crashRun {
	t.Helper()
	db := newDatabase(t, engine)
	args = append([]string{"crashtest", "--json", "--kills", strconv.Itoa(kills()), "--database", db.url}, args...)
	r := &crashRun{cmd: exec.Command(program, args...), begun: time.Now()}
	r.cmd.Env = db.env()
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // where the test gave up before it waited
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
		}
	})
	return r
}

// check waits for the report, and checks that the crash test did what it should and found nothing.
func (r *crashRun) check(t *testing.T, twoNodes bool) {
	err := r.cmd.Wait()
	var report crashtest.Report
	if jsonErr := json.Unmarshal(r.out.Bytes(), &report); jsonErr != nil {
		t.Fatalf("no report (%v): %v: %s", jsonErr, err, &r.log)
	}
	t.Logf("%s: %s", time.Since(r.begun).Round(time.Second), strings.TrimSpace(r.out.String()))
	if err != nil || !report.Clean || len(report.Violations) > 0 {
		for _, v := range report.Violations {
			t.Error(v)
		}
		t.Fatalf("seed %d: %v: %s", report.Seed, err, &r.log)
	}
	if n := report.Kills["platform"] + report.Kills["bank"]; n < kills() || report.Kills["platform"] == 0 || report.Kills["bank"] == 0 {
		t.Errorf("kills %v; want at least %d, of both", report.Kills, kills())
	}
	if report.Answered != report.Payouts || report.Executed != report.Statuses["success"] || report.Callbacks.Payments != report.Payouts {
		t.Error("the figures of the report do not fit together")
	}
	if report.Requests <= report.Payouts+report.Copies {
		t.Errorf("%d requests for %d payouts: no kill met a request, the test has shown nothing", report.Requests, report.Payouts)
	}
	if !twoNodes {
		return
	}
	if report.TakeOver == nil || report.TakeOver.Operations == 0 {
		t.Fatal("no dead node left anything to take over: the test has shown nothing")
	}
	if report.TakeOver.Worst > 20 {
		t.Errorf("what a dead node had leased waited for %.1f s", report.TakeOver.Worst)
	}
}

func TestCrashTestRefusesForeignData(t *testing.T) {
	engines(t, func(t *testing.T, db database) {
		db.flashpay(t, "project", "create", "--id", "210", "--name", "shop")
		out, err := db.try("crashtest", "--database", db.url)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(err.Error(), "no crash test's") || out != "" {
			t.Errorf("answered %q, %v", out, err)
		}
	})
}

func TestCrashTestLeavesNoProcess(t *testing.T) {
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
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(log.String(), "kill 1 of 100"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no kill within 30 s: %s", &log)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(log.String(), "stopped by signal") {
			t.Errorf("interrupted: %v: %s", err, &log)
		}
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		t.Fatalf("it goes on after an interrupt: %s", &log)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// Its processes name their folder in their environment.
	for _, pid := range processesWith(t, dir) {
		t.Errorf("process %s is left behind", pid)
	}
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
