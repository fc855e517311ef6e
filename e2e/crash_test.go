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
	"flashpay/internal/pgtest"
)

// soak is set by `make soak`: then a crash test kills a hundred times, not ten.
var soak = os.Getenv("FLASHPAY_SOAK") != ""

// crashPlan is one crash test.
type crashPlan struct {
	engine         string
	noDedup        bool
	nodes          int
	kills, outages int
	standby        bool // nodes are led to one, too
}

// crashPlans are the crash tests: of few kills each, and an outage of each kind on two nodes; a hundred kills, or outages, where a
// soak is made.
func crashPlans() map[string]crashPlan {
	kills := 10
	if soak {
		kills = 100
	}
	plans := map[string]crashPlan{
		"sqlite":             {engine: "sqlite", nodes: 1, kills: kills, outages: 3},
		"sqlite, no dedup":   {engine: "sqlite", noDedup: true, nodes: 1, kills: kills, outages: 3},
		"postgres":           {engine: "postgres", nodes: 1, kills: kills, outages: 3},
		"postgres, no dedup": {engine: "postgres", noDedup: true, nodes: 1, kills: kills, outages: 3},
		"two nodes":          {engine: "postgres", noDedup: true, nodes: 2, kills: kills, outages: 6, standby: true},
	}
	if soak {
		plans["sqlite, outages"] = crashPlan{engine: "sqlite", noDedup: true, nodes: 1, kills: 10, outages: 100}
		plans["two nodes, outages"] = crashPlan{engine: "postgres", noDedup: true, nodes: 2, kills: 10, outages: 100, standby: true}
	}
	return plans
}

// The crash tests wait more than they work, so all run at once; a hundred kills keep a machine busy, and run alone.
func TestCrash(t *testing.T) {
	t.Parallel()
	running := make(map[string]func() *crashRun)
	for name, p := range crashPlans() {
		running[name] = sync.OnceValue(func() *crashRun { return startCrash(t, p) })
		if !soak {
			running[name]()
		}
	}
	for name, p := range crashPlans() {
		t.Run(name, func(t *testing.T) { running[name]().check(t, p) })
	}
}

// crashRun is the crash test, run as anybody would.
type crashRun struct {
	cmd      *exec.Cmd
	out, log bytes.Buffer
	begun    time.Time
}

func startCrash(t *testing.T, p crashPlan) *crashRun {
	t.Helper()
	db := newDatabase(t, p.engine)
	var standby string
	if p.standby {
		db.url, standby = pgtest.WithStandby(t)
	}
	args := []string{
		"crashtest", "--json", "--kills", strconv.Itoa(p.kills), "--outages", strconv.Itoa(p.outages), "--nodes", strconv.Itoa(p.nodes), "--database", db.url,
	}
	if p.noDedup {
		args = append(args, "--no-dedup")
	}
	if p.standby {
		args = append(args, "--standby", standby)
	}
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
func (r *crashRun) check(t *testing.T, p crashPlan) {
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
	if n := report.Kills["platform"] + report.Kills["bank"]; n < p.kills || report.Kills["platform"] == 0 || report.Kills["bank"] == 0 {
		t.Errorf("kills %v; want at least %d, of both", report.Kills, p.kills)
	}
	outages := 0
	for _, n := range report.Outages {
		outages += n
	}
	if outages != p.outages || report.Outages["paused"] == 0 || (report.Outages["led to a standby"] > 0) != p.standby {
		t.Errorf("outages %v; want %d, of each kind in turn", report.Outages, p.outages)
	}
	if report.Answered != report.Payouts || report.Executed != report.Statuses["success"] || report.Callbacks.Payments != report.Payouts {
		t.Error("the figures of the report do not fit together")
	}
	if report.Requests <= report.Payouts+report.Copies {
		t.Errorf("%d requests for %d payouts: no kill met a request, the test has shown nothing", report.Requests, report.Payouts)
	}
	if p.nodes == 1 {
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
	t.Parallel()
	engines(t, func(t *testing.T, db database) {
		db.flashpay(t, "project", "create", "--id", "210", "--name", "shop")
		out, err := db.try("crashtest", "--database", db.url)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(err.Error(), "no crash test's") || out != "" {
			t.Errorf("answered %q, %v", out, err)
		}
	})
}
