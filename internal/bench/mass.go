package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxMass is how many rows a file may have here: more do not fit the platform's limit of 128 MB.
const maxMass = 1_000_000

// massRounds is how often each is measured, in turn with what it is compared with.
const massRounds = 3

// mass measures a file of payouts, in turn with what it is compared with: its check with encoding/csv alone, which reads the same
// file; the acceptance of its rows with Gate's intake; and Gate's latencies beside it with those without. In the end the whole
// file is paid, called back and its result written.
func (r *run) mass(ctx context.Context) error {
	m := &massRun{run: r, result: &MassResult{Rows: int64(r.Mass)}, file: filepath.Join(r.dir, "mass.csv")}
	r.result.Mass = m.result
	if err := m.write(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{m.check, m.send, m.pay, m.outcome} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	m.result.finish()
	return nil
}

// massRun is the measuring of one file.
type massRun struct {
	*run
	result *MassResult
	file   string
	batch  int64
	line   int64 // the last one that was sent
}

// write makes the file: rows of the first project, which pay what Gate's payouts do, so that the same checks hold in the end.
func (m *massRun) write() (err error) {
	f, err := os.OpenFile(m.file, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("bench: a file of payouts: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := w.WriteString("operation_type;general.project_id;method;general.payment_id;payment.amount;payment.currency;payment.description;" +
		"account.number;customer.id;customer.ip_address\n"); err != nil {
		return err
	}
	var row, number []byte
	project := strconv.Itoa(firstProject)
	for i := range m.Mass {
		number = append(number[:0], placeholder...)
		putNumber(number, m.next.Add(1)-1)
		row = append(row[:0], "payout;"+project+";bank-transfer/kyrgyzstan;"...)
		row = append(append(row, paymentPrefix(m.id)...), number...)
		row = append(strconv.AppendInt(append(row, ';'), amount, 10), ";"+currency+";Salary;109"...)
		row = append(append(row, number[1:]...), "77"...)
		row = append(append(row, byte('0'+i/10%10), byte('0'+i%10)), ";c-"...)
		row = append(append(row, number...), ";192.0.2."...)
		row = append(strconv.AppendInt(row, int64(i%250), 10), '\n')
		if _, err := w.Write(row); err != nil {
			return err
		}
	}
	return w.Flush()
}

// check measures flashpay mass check, the whole command, in turn with encoding/csv.
func (m *massRun) check(ctx context.Context) error {
	for round := range massRounds {
		alone, err := m.readAlone()
		if err != nil {
			return err
		}
		var out bytes.Buffer
		whole, err := m.command(ctx, &out, "check", m.file, "--project", strconv.Itoa(firstProject), "--json")
		if err != nil {
			return err
		}
		var told struct{ Rows, Good int64 }
		if err := json.Unmarshal(out.Bytes(), &told); err != nil || told.Good != int64(m.Mass) {
			return fmt.Errorf("bench: the check finds %d good rows of %d: %w", told.Good, m.Mass, err)
		}
		m.result.csv, m.result.check = append(m.result.csv, alone), append(m.result.check, whole)
		m.Progress(fmt.Sprintf("round %d: encoding/csv reads the file in %.2f s (%.2f s of CPU), the check in %.2f s (%.2f s)",
			round+1, alone.took.Seconds(), alone.cpu.Seconds(), whole.took.Seconds(), whole.cpu.Seconds()))
	}
	return nil
}

// spent is what something took.
type spent struct {
	took, cpu time.Duration
	peak      int64 // bytes of memory
}

// readAlone reads the file and does nothing with it.
func (m *massRun) readAlone() (s spent, err error) {
	f, err := os.Open(m.file)
	if err != nil {
		return s, fmt.Errorf("bench: %w", err)
	}
	defer func() { _ = f.Close() }()
	began, before := time.Now(), processorTime()
	r := csv.NewReader(f)
	r.Comma = ';'
	for {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			return spent{took: time.Since(began), cpu: processorTime() - before}, nil
		} else if err != nil {
			return s, fmt.Errorf("bench: encoding/csv: %w", err)
		}
	}
}

// command runs flashpay mass, and says what it took.
func (m *massRun) command(ctx context.Context, out io.Writer, args ...string) (s spent, err error) {
	cmd := m.Flashpay(m.Database.URL, append([]string{"mass"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &stderr
	began := time.Now()
	if err := runUntil(ctx, cmd); err != nil {
		return s, fmt.Errorf("bench: flashpay mass %s: %w: %s %v", args[0], err, &stderr, out)
	}
	return spent{took: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak: peakOf(cmd.ProcessState)}, nil
}

// runUntil runs a command, and ends it when ctx does.
func runUntil(ctx context.Context, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	return cmd.Wait()
}

// take hands the file over, and stops it again.
func (m *massRun) take(ctx context.Context) error {
	var out bytes.Buffer
	s, err := m.command(ctx, &out, "send", m.file, "--project", strconv.Itoa(firstProject), "--json")
	if err != nil {
		return err
	}
	var told struct {
		Batch int64 `json:"batch"`
	}
	if err := json.Unmarshal(out.Bytes(), &told); err != nil {
		return fmt.Errorf("bench: flashpay mass send: %w: %s", err, &out)
	}
	m.batch = told.Batch
	m.result.take = s
	m.Progress(fmt.Sprintf("the file is checked and kept, row by row, in %.1f s", s.took.Seconds()))
	return m.pause(ctx)
}

// move pauses or resumes the batch.
func (m *massRun) move(ctx context.Context, how string) error {
	_, err := m.command(ctx, io.Discard, how, strconv.FormatInt(m.batch, 10))
	return err
}

// send hands the file over to a process with Gate and what sends files, and measures each of both alone, and Gate's latencies with
// and without the other.
func (m *massRun) send(ctx context.Context) (err error) {
	v := &visit{run: m.run, stage: stage{name: "mass", title: "Gate and files", part: Sender, stores: true}, result: m.run.result.stage(stage{name: "mass"})}
	m.run.result.Stages = nil
	defer func() { err = errors.Join(err, v.stop()) }()
	if err := v.start(ctx); err != nil {
		return err
	}
	if err := m.take(ctx); err != nil {
		return err
	}
	if v.load, err = dial(ctx, strings.TrimPrefix(v.platform.Gate, "http://"), m.Concurrency, m.templates, &m.next); err != nil {
		return err
	}
	defer v.load.close()
	if _, err := v.closed(ctx, time.Second); err != nil { // to get warm
		return err
	}
	each := max(time.Second, m.Time/massRounds)
	for round := 0; round == 0 || round < massRounds && !m.ended(); round++ {
		if err := m.round(ctx, v, round, each); err != nil {
			return err
		}
	}
	if m.result.Peak, err = m.peak(ctx, v); err != nil {
		return err
	}
	return nil
}

func (m *massRun) peak(ctx context.Context, v *visit) (int64, error) {
	u, err := v.usage(ctx)
	return u.platform.Peak, err
}

// round measures Gate alone, its latencies alone and beside the file, and the file alone, each for so long.
func (m *massRun) round(ctx context.Context, v *visit, round int, each time.Duration) error {
	v.round = round + 1
	gate, gateCost, err := m.measure(ctx, v, "gate", each, func() (float64, int64, error) {
		n, err := v.closed(ctx, each)
		return float64(n) / each.Seconds(), n, err
	})
	if err != nil {
		return err
	}
	r := m.result
	r.gate, r.gateCost = append(r.gate, gate), append(r.gateCost, gateCost)
	if m.ended() {
		return nil
	}
	pace := gate / paceShare
	alone, err := v.load.paced(ctx, each, pace, nil)
	if err != nil {
		return err
	}
	v.taken += int64(len(alone))
	if err := m.move(ctx, "resume"); err != nil {
		return err
	}
	if err := m.under(ctx); err != nil {
		return err
	}
	file, fileCost, err := m.measure(ctx, v, "file", each, func() (float64, int64, error) { return m.rate(ctx, each) })
	if err != nil {
		return err
	}
	began, before := time.Now(), m.line
	beside, err := v.load.paced(ctx, each, pace, nil)
	if err != nil {
		return err
	}
	v.taken += int64(len(beside))
	if err := m.position(ctx); err != nil {
		return err
	}
	r.file, r.fileCost = append(r.file, file), append(r.fileCost, fileCost)
	if m.ended() {
		m.Progress(fmt.Sprintf("round %d: Gate takes %s/s (%.0f µs of CPU each), the file %s/s (%.0f µs), and is sent", round+1, grouped(gate), gateCost, grouped(file), fileCost))
		return nil
	}
	r.fileBeside = append(r.fileBeside, float64(m.line-before)/time.Since(began).Seconds())
	r.alone, r.beside, r.paces = append(r.alone, latency(alone).P99), append(r.beside, latency(beside).P99), append(r.paces, pace)
	m.Progress(fmt.Sprintf("round %d: Gate takes %s/s (%.0f µs of CPU each), the file %s/s (%.0f µs); at %s/s Gate's p99 is %.1f ms, and %.1f ms beside the file, which goes on at %s/s",
		round+1, grouped(gate), gateCost, grouped(file), fileCost, grouped(pace), r.alone[round], r.beside[round], grouped(r.fileBeside[round])))
	return m.pause(ctx)
}

// pause stops the file where it is not sent to its end meanwhile.
func (m *massRun) pause(ctx context.Context) error {
	err := m.move(ctx, "pause")
	if err != nil && m.position(ctx) == nil && m.ended() {
		return nil
	}
	return err
}

// paceShare is the share of what Gate takes at most, one in so many, at which its latencies are measured.
const paceShare = 10

// position reads how far the batch has come.
func (m *massRun) position(ctx context.Context) error {
	n, err := m.database.store.DB().Numbers(ctx, "SELECT position FROM batches WHERE id = $1", m.batch)
	if err == nil {
		m.line = n[0]
	}
	return err
}

// ended tells whether all rows are sent. The first line has the columns' names.
func (m *massRun) ended() bool { return m.line > int64(m.Mass) }

// under waits until more rows are sent than there are now.
func (m *massRun) under(ctx context.Context) error {
	if err := m.position(ctx); err != nil { // it may have moved since it was read last: a pause lets rows on their way land
		return err
	}
	for before, began := m.line, time.Now(); m.line == before && !m.ended(); {
		if time.Since(began) > patience {
			return fmt.Errorf("bench: no row was sent within %s", patience)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
		if err := m.position(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rate is how many rows a second are sent, from one commit to another at least d later, or to the end.
func (m *massRun) rate(ctx context.Context, d time.Duration) (perSecond float64, sent int64, err error) {
	began, first := time.Now(), m.line
	for time.Since(began) < d && !m.ended() {
		if err := m.under(ctx); err != nil {
			return 0, 0, err
		}
	}
	sent = m.line - first
	return float64(sent) / time.Since(began).Seconds(), sent, nil
}

// measure measures a rate, and what each payout of it takes of the processors: microseconds of the servers and the database.
func (m *massRun) measure(ctx context.Context, v *visit, name string, d time.Duration, f func() (float64, int64, error)) (perSecond, cost float64, err error) {
	before, err := v.usage(ctx)
	if err != nil {
		return 0, 0, err
	}
	profiled := v.profile(ctx, "mass-"+name, d)
	perSecond, n, err := f()
	if err == nil {
		var after usages
		if after, err = v.usage(ctx); err == nil {
			cost = ratio(float64((after.platform.CPU - before.platform.CPU + after.database - before.database).Microseconds()), float64(n))
		}
	}
	return perSecond, cost, errors.Join(err, profiled())
}

// pay pays what is left of the file, and all payouts so far, and waits for their callbacks.
func (m *massRun) pay(ctx context.Context) (err error) {
	v := &visit{run: m.run, stage: stage{name: "mass", title: "end to end", part: Platform, stores: true, all: true}}
	defer func() { err = errors.Join(err, v.stop()) }()
	if err := v.start(ctx); err != nil {
		return err
	}
	before, beforeTaken := time.Now(), m.callbacks.delivered.Load()
	if err := m.move(ctx, "resume"); err != nil && !m.ended() {
		return err
	}
	m.taken += int64(m.Mass)
	if err := v.drain(ctx); err != nil {
		return err
	}
	took := time.Since(before)
	m.result.PaidPerSecond = float64(m.callbacks.delivered.Load()-beforeTaken) / took.Seconds()
	m.Progress(fmt.Sprintf("%s payouts paid and called back at %s/s", grouped(float64(m.taken)), grouped(m.result.PaidPerSecond)))
	peak, err := m.peak(ctx, v)
	m.result.Peak = max(m.result.Peak, peak)
	return err
}

// outcome writes the batch's result, and looks that each row was paid.
func (m *massRun) outcome(ctx context.Context) error {
	f, err := os.Create(filepath.Join(m.dir, "result.csv"))
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer func() { _ = f.Close() }()
	s, err := m.command(ctx, f, "result", strconv.FormatInt(m.batch, 10))
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	paid := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if bytes.Contains(lines.Bytes(), []byte(`;"success";`)) {
			paid++
		}
	}
	if paid != m.Mass {
		return fmt.Errorf("bench: %d rows of the result are a success, of %d", paid, m.Mass)
	}
	m.result.outcome = s
	m.Progress(fmt.Sprintf("the result is written in %.1f s", s.took.Seconds()))
	return nil
}
