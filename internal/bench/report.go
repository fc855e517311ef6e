package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/report"
	"flashpay/internal/store/jobs"
)

// reports measures a report of all operations of a database: how long it takes to be written, in turn with the engine's own client
// that writes the same columns; the memory that it takes of the process that serves; and Gate's latencies beside it, in turn with
// those without.
func (r *run) reports(ctx context.Context) error {
	m := &reportRun{run: r, result: &ReportResult{Rows: int64(r.Report)}, service: &report.Service{Store: r.database.store}}
	r.result.Report = m.result
	m.Progress(fmt.Sprintf("%s operations are made", grouped(float64(r.Report))))
	if err := m.database.fillOperations(ctx, r.Report); err != nil {
		return fmt.Errorf("bench: making operations: %w", err)
	}
	for _, step := range []func(context.Context) error{m.write, m.serve, m.pay} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	m.result.finish()
	return nil
}

// reportRun is the measuring of a report.
type reportRun struct {
	*run
	result  *ReportResult
	service *report.Service
}

const (
	reportColumns = "project_id,operation_id,payment_id,operation_type,operation_status,account_number,payment_method_name,payment_method_type,payment_description," +
		"operation_created_at,operation_completed_at,sum_initial.amount,sum_initial.currency,payment_provider_code,payment_provider_message,customer_id,provider_payment_id,auth_code"
	// clientQuery is the same rows and columns for the engine's own client.
	clientQuery = "SELECT p.project_id, o.id, p.payment_id, 'payout', o.status, p.account_mask, p.method_title, p.method, p.description, " +
		"o.created_at, o.updated_at, p.amount, p.currency, o.code, 'Success', p.customer_id, o.provider_payment_id, o.auth_code " +
		"FROM payments p JOIN operations o ON o.id = p.id AND o.project_id = p.project_id ORDER BY p.project_id, p.created_at, p.id"
)

func (m *reportRun) request() *report.Request {
	return &report.Request{Kind: "operations", Columns: strings.Split(reportColumns, ","), Zone: "Asia/Bishkek"}
}

// firstByte notes when something is first written.
type firstByte struct {
	io.Writer
	at time.Time
}

func (f *firstByte) Write(p []byte) (int, error) {
	if f.at.IsZero() {
		f.at = time.Now()
	}
	return f.Writer.Write(p)
}

// write writes the report into a file, in turn with the engine's client where that is installed.
func (m *reportRun) write(ctx context.Context) error {
	for round := range m.rounds() {
		ours, first, err := m.writeOnce(ctx)
		if err != nil {
			return err
		}
		theirs, err := m.runClient(ctx)
		if err != nil {
			return err
		}
		m.result.report, m.result.first = append(m.result.report, ours), append(m.result.first, first.Seconds()*1000)
		said := "its own client is not installed"
		if theirs.took > 0 {
			m.result.client = append(m.result.client, theirs)
			said = fmt.Sprintf("its own client writes them in %.1f s (%.1f s of CPU)", theirs.took.Seconds(), theirs.cpu.Seconds())
		}
		m.Progress(fmt.Sprintf("round %d: the report is written in %.1f s (%.1f s of CPU), its first byte after %.1f ms; %s", round+1, ours.took.Seconds(), ours.cpu.Seconds(),
			first.Seconds()*1000, said))
	}
	return nil
}

func (m *reportRun) rounds() int {
	if m.Time < 2*maxRounds*time.Second {
		return 1
	}
	return maxRounds
}

func (m *reportRun) writeOnce(ctx context.Context) (s spent, first time.Duration, err error) {
	f, err := os.Create(filepath.Join(m.dir, "report.csv"))
	if err != nil {
		return s, 0, fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	began, before, out := time.Now(), processorTime(), &firstByte{Writer: f}
	made, err := m.service.Write(ctx, out, m.request(), m.database.ids, nil)
	if err == nil && made.Rows < int64(m.Report) {
		err = fmt.Errorf("bench: the report has %d rows of %d", made.Rows, m.Report)
	}
	return spent{took: time.Since(began), cpu: processorTime() - before}, out.at.Sub(began), err
}

// runClient has the engine's client write the same into a file; nothing is spent where it is not installed.
func (m *reportRun) runClient(ctx context.Context) (s spent, err error) {
	path := filepath.Join(m.dir, "client.csv")
	args := []string{"psql", "--quiet", m.Database.URL, "--command", `\copy (` + clientQuery + ") to '" + path + "' csv"}
	if file := m.database.store.Path(); file != "" {
		args = []string{"sqlite3", "-csv", file, ".output " + path, clientQuery}
	}
	program, err := exec.LookPath(args[0])
	if errors.Is(err, exec.ErrNotFound) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("bench: %w", err)
	}
	cmd := exec.Command(program, args[1:]...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	if err := runUntil(ctx, cmd); err != nil {
		return s, fmt.Errorf("bench: %s: %w: %s", args[0], err, said.String())
	}
	s = spent{took: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	return s, os.Remove(path)
}

// serve has a process with Gate make the report: alone, for its memory, and beside payouts.
func (m *reportRun) serve(ctx context.Context) (err error) {
	v := &visit{run: m.run, stage: stage{name: "report", title: "Gate and reports", part: Sender, stores: true}}
	defer func() { err = errors.Join(err, v.stop()) }()
	if err := v.start(ctx); err != nil {
		return err
	}
	if err := m.alone(ctx, v); err != nil {
		return err
	}
	if v.load, err = dial(ctx, strings.TrimPrefix(v.platform.Gate, "http://"), m.Concurrency, m.templates, &m.next); err != nil {
		return err
	}
	defer v.load.close()
	each := max(time.Second, m.Time/maxRounds)
	n, err := v.closed(ctx, each)
	if err != nil {
		return err
	}
	m.result.Pace = float64(n) / each.Seconds() / paceShare
	for round := range m.rounds() {
		if err := m.beside(ctx, v, round, each); err != nil {
			return err
		}
	}
	return nil
}

// alone has the report made by a process that does nothing else, and measures its memory.
func (m *reportRun) alone(ctx context.Context, v *visit) error {
	idle, err := v.platform.usage(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	id, err := m.add(ctx)
	if err != nil {
		return err
	}
	most := idle.Resident
	err = m.await(ctx, id, jobs.Done, func() error {
		u, err := v.platform.usage(ctx)
		most = max(most, u.Resident)
		return err
	})
	if err != nil {
		return err
	}
	m.result.ServedSeconds = time.Since(began).Seconds()
	m.result.Idle, m.result.AboveIdle = idle.Resident, most-idle.Resident
	m.Progress(fmt.Sprintf("a server makes the report in %.1f s, with %d MB of memory above the %d MB of before", m.result.ServedSeconds, m.result.AboveIdle>>20, idle.Resident>>20))
	return nil
}

func (m *reportRun) add(ctx context.Context) (id int64, err error) {
	return m.service.Add(ctx, "", report.Order{Request: *m.request(), Actor: actor})
}

// await waits until a report is in a state, or behind it, and calls look, where it is given, meanwhile.
func (m *reportRun) await(ctx context.Context, id int64, state jobs.State, look func() error) error {
	for {
		if look != nil {
			if err := look(); err != nil {
				return err
			}
		}
		r, err := m.service.Get(ctx, 0, id)
		switch {
		case err != nil:
			return err
		case r.State == state, r.State == jobs.Done:
			return nil
		case r.State.Ended():
			return fmt.Errorf("bench: report %d: %s: %s", id, r.State, r.Outcome)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// beside measures Gate's latencies alone, and beside reports that are made one after another.
func (m *reportRun) beside(ctx context.Context, v *visit, round int, each time.Duration) error {
	alone, err := v.load.paced(ctx, each, m.result.Pace, nil)
	if err != nil {
		return err
	}
	making, stop := context.WithCancel(ctx)
	defer stop()
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- m.makeReports(making, begun)
	}()
	select {
	case <-begun:
	case err := <-ended:
		return err
	}
	beside, err := v.load.paced(ctx, each, m.result.Pace, nil)
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	m.taken += int64(len(alone) + len(beside))
	r := m.result
	r.quiet, r.busy = append(r.quiet, latency(alone).P99), append(r.busy, latency(beside).P99)
	m.Progress(fmt.Sprintf("round %d: at %s/s Gate's p99 is %.1f ms, and %.1f ms beside a report", round+1, grouped(r.Pace), r.quiet[round], r.busy[round]))
	return nil
}

// makeReports has one report made after another until ctx ends. begun is closed when the first is under way.
func (m *reportRun) makeReports(ctx context.Context, begun chan<- struct{}) error {
	for first := true; ; first = false {
		id, err := m.add(ctx)
		if err == nil {
			err = m.await(ctx, id, jobs.Running, nil)
		}
		if err == nil && first {
			close(begun)
		}
		if err == nil {
			err = m.await(ctx, id, jobs.Done, nil)
		}
		if ctx.Err() != nil {
			if id == 0 {
				return nil
			}
			if err := m.service.Cancel(context.WithoutCancel(ctx), 0, id, actor); err != nil && !errors.Is(err, jobs.ErrEnded) {
				return err
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pay pays what was accepted, and waits for the callbacks.
func (m *reportRun) pay(ctx context.Context) (err error) {
	v := &visit{run: m.run, stage: stage{name: "report", title: "end to end", part: Platform, stores: true, all: true}}
	defer func() { err = errors.Join(err, v.stop()) }()
	if err := v.start(ctx); err != nil {
		return err
	}
	return v.drain(ctx)
}

// operationStatements make payments that have succeeded, over the year before now, by turns of some projects; $1 is how many, $2 of
// how many projects, $3 the first of them, $4 the first one's time and $5 the time between two.
var operationStatements = []string{
	`INSERT INTO payments (id, project_id, payment_key, payment_id, request_id, content_hash, status, method, method_title, amount, currency, description,
		account_mask, customer_id, interface, options, created_at, updated_at, events, head_seq, head_hash)
	WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
	SELECT {{before}} + i, CAST($3 AS BIGINT) + i % CAST($2 AS BIGINT), 'order-' || i, 'Order-' || i, '0123456789abcdef-' || i || '-00000001', {{hash}}, 'success',
		'bank-transfer/kyrgyzstan', 'Bank transfer Kyrgyzstan', 100 + i % 100000, 'KGS', 'Salary for March, order ' || i, '109012******3456',
		'customer-' || i % 5000, 1, '{}', CAST($4 AS BIGINT) + i * CAST($5 AS BIGINT), CAST($4 AS BIGINT) + i * CAST($5 AS BIGINT) + 2000000, 1, 2, {{hash}} FROM n`,
	`INSERT INTO operations (id, project_id, payment, number, stage, status, provider, provider_id, provider_key, provider_payment_id, auth_code, amount, currency,
		code, submits, inquiries, created_at, updated_at, submit_deadline, threshold_at, next_at, lease, version)
	SELECT id, project_id, id, 1, 'closed', 'success', 'sandbox', 21432, 'key-' || id, 'B0000' || id, '123456', amount, currency, 0, 1, 0, created_at, updated_at,
		created_at, created_at + 36000000000, NULL, NULL, 2 FROM payments WHERE payment_key LIKE 'order-%'`,
}

// madeBefore is below the ids of the operations that are made, and in the last shard, which no node has here.
const madeBefore = 8_999_500_000_000_000

// fillOperations makes so many operations, unless an earlier run has made some. Their requests, journal, events and ledger are left
// out: a report of what was settled long ago reads none of them.
func (d *database) fillOperations(ctx context.Context, rows int) error {
	db := d.store.DB()
	made, err := db.Numbers(ctx, "SELECT COUNT(*) FROM payments WHERE id > $1", madeBefore)
	if err != nil || made[0] == int64(rows) {
		return err
	}
	if made[0] > 0 {
		return errors.New("this database has " + strconv.FormatInt(made[0], 10) + " operations of an earlier run: give the same --rows, or an empty database")
	}
	hash := "zeroblob(32)"
	if d.store.Path() == "" {
		hash = "decode(repeat('00', 32), 'hex')"
	}
	step := 365 * 24 * time.Hour / time.Duration(rows)
	args := []any{rows, len(d.ids), firstProject, d.store.Now().Add(-366 * 24 * time.Hour).UnixMicro(), step.Microseconds()}
	for _, text := range operationStatements {
		if _, err := db.Writes.ExecContext(ctx, strings.NewReplacer("{{hash}}", hash, "{{before}}", strconv.Itoa(madeBefore)).Replace(text), args...); err != nil {
			return err
		}
		args = nil
	}
	_, err = db.Writes.ExecContext(ctx, "ANALYZE")
	return err
}
