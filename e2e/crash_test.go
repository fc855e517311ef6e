package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/crashtest"
)

// soak is set by `make soak`: then a crash test kills a hundred times, not ten.
var soak = os.Getenv("FLASHPAY_SOAK") != ""

func kills() int {
	if soak {
		return 100
	}
	return 10
}

// The crash tests wait more than they work, so all run at once; a hundred kills keep a machine busy, and run alone.
func TestCrash(t *testing.T) {
	t.Parallel()
	running := make(map[string]func(t *testing.T))
	plan := func(name, engine string, twoNodes bool, args ...string) {
		start := sync.OnceValue(func() *crashRun { return startCrash(t, engine, args...) })
		if !soak {
			start()
		}
		running[name] = func(t *testing.T) { start().check(t, twoNodes) }
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		plan(engine, engine, false)
		plan(engine+", no dedup", engine, false, "--no-dedup")
	}
	plan("two nodes", "postgres", true, "--nodes", "2", "--no-dedup")
	for name, check := range running {
		t.Run(name, check)
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
	outages := 0
	for _, n := range report.Outages {
		outages += n
	}
	if outages != 3 || report.Outages["paused"] == 0 {
		t.Errorf("outages %v; want 3, of each kind in turn", report.Outages)
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
	if report.TakeOver.Worst > 30 { // 13 s by design, and the machine is busy
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
