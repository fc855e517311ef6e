package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"flashpay/internal/accept"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/report"
	"flashpay/internal/store"
	"flashpay/internal/store/files"
	"flashpay/internal/storetest"
	"flashpay/signature"
)

// The days that the schedule of a killed server has to catch up with, and the payouts of each.
const (
	reportDays   = 40
	reportPerDay = 120
)

// TestAKilledServerMakesEachReportOnce kills the server that catches up with a schedule, and the one that writes a report, in the
// middle of it: each period has one report, all of them are whole, and what was begun in vain is deleted.
func TestAKilledServerMakesEachReportOnce(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]struct {
		engine         string
		nodes, strikes int
	}{"sqlite": {"sqlite", 1, 3}, "postgres, two nodes": {"postgres", 2, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killReports(t, newReportYard(t, p.engine), p.nodes, p.strikes)
		})
	}
}

// reportYard is a database with payouts of many days, and servers to be killed.
type reportYard struct {
	database
	t     *testing.T
	s     *store.Store // beside the servers
	nodes []*process
	first time.Time // the midnight with which the payouts begin
	last  time.Time // the midnight with which they end: where one more passes meanwhile, its empty report does not count
}

func newReportYard(t *testing.T, engine string) *reportYard {
	y := &reportYard{database: newDatabase(t, engine), t: t}
	y.last = time.Now().UTC().Truncate(24 * time.Hour)
	y.first = y.last.AddDate(0, 0, -reportDays)
	y.flashpay(t, "project", "create", "--id", "210", "--name", "shop", "--mode", "test")
	y.s = y.open(t)
	clock := storetest.NewClock(y.first.Add(-12 * time.Hour))
	past := y.at(true, clock.Now)
	take := y.taking(past)
	for day := range reportDays {
		clock.Advance(24 * time.Hour)
		var accepting errgroup.Group
		for n := range reportPerDay {
			accepting.Go(func() error { return take(fmt.Sprintf("day-%d-%d", day, n)) })
		}
		if err := accepting.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if err := past.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return y
}

// at opens the database as it was, or will be, at a time: as a server does, which is fast, or beside servers.
func (y *reportYard) at(serve bool, clock func() time.Time) *store.Store {
	y.t.Helper()
	s, err := store.Open(y.t.Context(), store.Config{URL: y.url, Keyset: filepath.Join(y.dir, "keyset"), Serve: serve, Clock: clock})
	if err != nil {
		y.t.Fatal(err)
	}
	y.t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// taking takes payouts for which there is no money, so that no bank is needed, into a store. They have no callbacks: the project
// has no address for them.
func (y *reportYard) taking(s *store.Store) (take func(id string) error) {
	y.t.Helper()
	methods, err := method.Load(accept.Payout.Known)
	if err != nil {
		y.t.Fatal(err)
	}
	kyrgyzstan, _ := methods.Get("bank-transfer/kyrgyzstan")
	project, _ := s.Project(210)
	bank := func(*merchant.Project, *method.Method) (string, int64, bool) { return "sandbox", 1, true }
	service := &accept.Service{Acceptor: s, Route: bank}
	return func(id string) error {
		body := fmt.Appendf(nil, `{"general":{"project_id":210,"payment_id":%q},"customer":{"id":"c-1","ip_address":"192.0.2.7"},
			"account":{"number":"00004598"},"payment":{"amount":1500,"currency":"KGS","description":%q}}`, id, strings.Repeat("salary ", 20))
		tree, err := signature.Parse(body)
		if err != nil {
			return err
		}
		_, err = service.Payout(y.t.Context(), accept.In{
			Project: project, Method: kyrgyzstan, Tree: tree, Form: signature.Canonical(tree), Body: body, Interface: accept.InterfaceDashboard,
		})
		return err
	}
}

// schedule begins a schedule of days before the first of them has ended.
func (y *reportYard) schedule() int64 {
	y.t.Helper()
	then := &report.Service{Store: y.at(false, func() time.Time { return y.first.Add(time.Minute) })}
	id, err := then.AddSchedule(y.t.Context(), "", report.Schedule{Order: report.Order{Request: y.request(), Actor: "test"}, Every: report.Day})
	if err != nil {
		y.t.Fatal(err)
	}
	return id
}

// request asks for all there is of operations, which takes long: the sealed requests are read.
func (y *reportYard) request() report.Request {
	kind, _ := report.Find("operations")
	q := report.Request{Kind: kind.Name, Zone: "UTC", Projects: []int64{210}, Statuses: []payout.Status{payout.Decline}}
	for _, c := range kind.Columns {
		if !c.Absent {
			q.Columns = append(q.Columns, c.Name)
		}
	}
	return q
}

func (y *reportYard) number(text string, args ...any) int64 {
	y.t.Helper()
	n, err := y.s.DB().Numbers(y.t.Context(), text, args...)
	if err != nil {
		y.t.Fatal(err)
	}
	return n[0]
}

// strike kills the server that holds the lease of a job once it is in the middle, and starts another one. It says whether there was
// such a moment before the job was done, and the job was not done by the one that died.
func (y *reportYard) strike(job int64, middle, done func() bool) (met bool) {
	y.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if done() {
			return false
		}
		if i := y.worker(job); i >= 0 && middle() {
			y.nodes[i].kill()
			met = !done()
			y.nodes[i] = y.serve(y.t)
			return met
		}
		if time.Now().After(deadline) {
			y.t.Fatalf("not within %s: job %d is in the middle, or done", patience, job)
		}
	}
}

// worker is which server holds a job's lease; -1: none does.
func (y *reportYard) worker(job int64) (found int) {
	y.t.Helper()
	found = -1
	const find = "SELECT s.owner FROM jobs j JOIN shards s ON s.shard = j.lease WHERE j.id = $1 AND j.state = 'running'"
	err := y.s.DB().Read(y.t.Context(), find, func(r *sql.Rows) error {
		var owner string // host/process/random
		err := r.Scan(&owner)
		for i, node := range y.nodes {
			if strings.Contains(owner, "/"+strconv.Itoa(node.cmd.Process.Pid)+"/") {
				found = i
			}
		}
		return err
	}, job)
	if err != nil {
		y.t.Fatal(err)
	}
	return found
}

// shelf is how many files have content, whole or not, and how much of it there is.
func (y *reportYard) shelf() (count int, size int64) {
	y.t.Helper()
	path := y.s.Path()
	if path == "" {
		return int(y.number("SELECT COUNT(DISTINCT file) FROM file_chunks")), y.number("SELECT COUNT(1) FROM file_chunks")
	}
	entries, err := os.ReadDir(files.Folder(path))
	if err != nil && !os.IsNotExist(err) {
		y.t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil { // else it was deleted just now
			count++
			size += info.Size()
		}
	}
	return count, size
}

// halfWritten is how many files somebody writes, or has died over.
func (y *reportYard) halfWritten() int64 {
	y.t.Helper()
	return y.number("SELECT COUNT(1) FROM files WHERE state = 'writing'")
}

// killReports kills so many servers in the middle of a schedule, and of a report.
func killReports(t *testing.T, y *reportYard, nodes, strikes int) {
	for range nodes {
		y.nodes = append(y.nodes, y.serve(t))
	}
	var schedules []int64
	for met := 0; met < strikes; {
		schedules = append(schedules, y.schedule())
		id := schedules[len(schedules)-1]
		made := func() int64 {
			key := fmt.Sprintf("schedule/%d/", id)
			return y.number("SELECT COUNT(1) FROM jobs WHERE kind = 'report' AND key LIKE $1 AND key < $2", key+"%", key+y.last.Format(time.RFC3339))
		}
		for done := func() bool { return made() == reportDays }; met < strikes && !done(); {
			before := made()
			if y.strike(id, func() bool { return made() > before }, done) {
				met++
			}
		}
	}
	ended := func() bool {
		return y.number("SELECT COUNT(1) FROM jobs WHERE kind = 'report' AND next_at IS NOT NULL") == 0
	}
	caughtUp := func() bool {
		return y.number("SELECT COUNT(1) FROM jobs WHERE kind = 'report'") >= int64(len(schedules)*reportDays)
	}
	eventually(t, "all reports of the schedules are made", func() bool { return caughtUp() && ended() })
	single := 0
	for met := 0; met < strikes; {
		left := y.halfWritten()
		id, err := (&report.Service{Store: y.s}).Add(t.Context(), "", report.Order{Request: y.request(), Actor: "test"})
		if err != nil {
			t.Fatal(err)
		}
		single++
		for met < strikes && !ended() {
			_, before := y.shelf()
			if y.strike(id, func() bool { _, now := y.shelf(); return now > before }, ended) && y.halfWritten() > left {
				met++
			}
		}
	}
	eventually(t, "all reports are made", ended)
	for _, node := range y.nodes {
		node.stop()
	}
	y.check(schedules, single)
}

// check reads all reports, and what the servers have left.
func (y *reportYard) check(schedules []int64, single int) {
	t, service := y.t, &report.Service{Store: y.s}
	t.Helper()
	found, err := service.List(t.Context(), 0, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	periods, beyond := make(map[string]bool), 0 // by schedule
	for _, r := range found {
		if !r.Order.Request.From.Before(y.last) {
			beyond++
			continue
		}
		if r.Outcome != "" {
			t.Errorf("report %d: %s %s", r.ID, r.State, r.Outcome)
		}
		want, from := reportDays*reportPerDay, r.Order.Request.From
		prefix := "day-"
		if r.Order.Schedule != 0 {
			want, prefix = reportPerDay, fmt.Sprintf("day-%d-", int(from.Sub(y.first)/(24*time.Hour)))
			periods[fmt.Sprint(r.Order.Schedule, from)] = true
		}
		if got := len(y.paymentsOf(service, r.ID, prefix)); got != want || r.Rows != int64(want) {
			t.Errorf("report %d of %s: %d payments, it says %d; want %d", r.ID, prefix, got, r.Rows, want)
		}
	}
	if want := len(schedules) * reportDays; len(periods) != want || len(found) != want+single+beyond {
		t.Errorf("%d reports of %d periods, want %d and %d", len(found), len(periods), want+single, want)
	}
	if count, _ := y.shelf(); count <= len(found) {
		t.Errorf("%d files of %d reports: no kill has left a file half written, the test has shown nothing", count, len(found))
	}
	later := y.at(false, func() time.Time { return time.Now().Add(2 * time.Hour) })
	if err := files.DeleteExpired(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if count, _ := y.shelf(); count != len(found) {
		t.Errorf("%d files are left of %d reports", count, len(found))
	}
	if out, err := y.try("audit"); err != nil {
		t.Errorf("the audit: %v: %s", err, out)
	}
}

// paymentsOf are the payments whose ids begin with a prefix that a report has.
func (y *reportYard) paymentsOf(service *report.Service, id int64, prefix string) map[string]bool {
	y.t.Helper()
	r, file, err := service.Open(y.t.Context(), 0, id, "test")
	if err != nil {
		y.t.Fatal(err)
	}
	text, err := io.ReadAll(file)
	if err != nil {
		y.t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		y.t.Fatal(err)
	}
	column := slices.Index(rows[0], "payment_id")
	payments := make(map[string]bool)
	for _, row := range rows[1:] {
		if !strings.HasPrefix(row[column], prefix) {
			y.t.Errorf("report %d has %s", r.ID, row[column])
		}
		payments[row[column]] = true
	}
	if len(payments) != len(rows)-1 {
		y.t.Errorf("report %d: %d rows of %d payments", r.ID, len(rows)-1, len(payments))
	}
	return payments
}
