package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// numbers hands out the numbers of payouts.
type numbers = atomic.Int64

// stage is one of the four things that are measured.
type stage struct {
	name   string
	title  string
	part   Part
	stores bool // its payouts are stored, and must end
	all    bool // with bank and callbacks: it is over when nothing is open
	costs  bool // of the projects with tariffs and conversion
}

func (r *run) stages() []stage {
	if r.Conversion {
		return []stage{
			{name: "end_to_end", title: "end to end", part: Platform, stores: true, all: true},
			{name: "conversion", title: "with tariffs and conversion", part: Platform, stores: true, all: true, costs: true},
		}
	}
	return []stage{
		{name: "bare_http", title: "bare HTTP", part: Bare},
		{name: "null_gate", title: "null gate", part: NullGate},
		{name: "intake", title: "intake", part: Intake, stores: true},
		{name: "end_to_end", title: "end to end", part: Platform, stores: true, all: true},
	}
}

// patience is how long a run waits for the next callback. The longest regular pauses of the road, a lease that has to
// end or a callback that is repeated, are shorter.
const patience = 90 * time.Second

// visit starts a stage's processes, measures for about d, and stops them.
func (r *run) visit(ctx context.Context, s stage, round int, d time.Duration) (err error) {
	v := &visit{run: r, stage: s, round: round, result: r.result.stage(s)}
	defer func() { err = errors.Join(err, v.stop()) }()
	if err := v.start(ctx); err != nil {
		return err
	}
	if s.all {
		if err := v.backlog(ctx); err != nil {
			return err
		}
	}
	address := strings.TrimPrefix(v.platform.Gate, "http://")
	templates := r.templates[:r.Projects]
	if s.costs {
		templates = r.templates[r.Projects:]
	}
	if v.load, err = dial(ctx, address, r.Concurrency, templates, &r.next); err != nil {
		return err
	}
	defer v.load.close()
	if _, err := v.closed(ctx, min(d/4, time.Second)); err != nil { // to get warm
		return err
	}
	perSecond, err := v.rate(ctx, d)
	if err != nil {
		return err
	}
	r.Progress(fmt.Sprintf("round %d: %s %s/s", round, s.title, grouped(perSecond)))
	return v.latency(ctx, d/2, perSecond/2)
}

// visit is a stage in one round.
type visit struct {
	*run
	stage
	round    int
	result   *StageResult
	platform *part
	bank     *part
	load     *load
}

func (v *visit) start(ctx context.Context) (err error) {
	bankURL := ""
	if v.all {
		if v.bank, err = v.startPart(ctx, Bank, ""); err != nil {
			return err
		}
		bankURL = v.bank.Bank
	}
	v.platform, err = v.startPart(ctx, v.part, bankURL)
	return err
}

func (v *visit) startPart(ctx context.Context, p Part, bankURL string) (*part, error) {
	return startPart(ctx, v.Command(p, v.Database.URL, bankURL), filepath.Join(v.dir, string(p)+".log"))
}

// stop ends the processes, the platform first.
func (v *visit) stop() error {
	err := errors.Join(v.platform.stop(), v.bank.stop())
	for _, p := range []*part{v.platform, v.bank} {
		if p != nil { // a log has served when its process has ended well
			err = errors.Join(err, os.Remove(p.log.Name()))
		}
	}
	return err
}

// backlog has what intake has left paid and called back before end to end is measured.
func (v *visit) backlog(ctx context.Context) error {
	waiting, start := v.taken-v.callbacks.delivered.Load(), time.Now()
	if err := v.drain(ctx); err != nil {
		return err
	}
	if waiting > 0 {
		perSecond := float64(waiting) / time.Since(start).Seconds()
		v.run.result.backlog = append(v.run.result.backlog, perSecond)
		v.Progress(fmt.Sprintf("round %d: %s payouts of intake paid and called back at %s/s", v.round, grouped(float64(waiting)), grouped(perSecond)))
	}
	return nil
}

// closed runs the closed loop until nothing of it is left over.
func (v *visit) closed(ctx context.Context, d time.Duration) (answered int64, err error) {
	answered, _, err = v.load.closed(ctx, d)
	if v.stores {
		v.taken += answered
	}
	if err == nil && v.all {
		err = v.drain(ctx)
	}
	return answered, err
}

// rate measures the closed loop, and what the processes take for it.
func (v *visit) rate(ctx context.Context, d time.Duration) (perSecond float64, err error) {
	before, err := v.usage(ctx)
	if err != nil {
		return 0, err
	}
	profiled := v.profile(ctx, v.name, d)
	start := time.Now()
	answered, err := v.closed(ctx, d)
	took := time.Since(start)
	if err = errors.Join(err, profiled()); err != nil {
		return 0, err
	}
	after, err := v.usage(ctx)
	if err != nil {
		return 0, err
	}
	if answered == 0 {
		return 0, fmt.Errorf("bench: %s: no payout was answered", v.title)
	}
	perSecond = float64(answered) / took.Seconds()
	v.result.measured(perSecond, answered, before, after)
	return perSecond, nil
}

// latency measures the paced open loop.
func (v *visit) latency(ctx context.Context, d time.Duration, perSecond float64) error {
	var due func(int64, time.Time)
	if v.all {
		due = v.callbacks.expect
	}
	latencies, err := v.load.paced(ctx, d, perSecond, due)
	if v.stores {
		v.taken += int64(len(latencies))
	}
	if err != nil {
		return err
	}
	if v.all {
		if err := v.drain(ctx); err != nil {
			return err
		}
	}
	v.result.paced(perSecond, latencies, v.callbacks.waited())
	peak, err := v.usage(ctx)
	v.result.peak(peak)
	return err
}

// drain waits until the callback of every payout that was taken has come and nothing is open in the database.
func (v *visit) drain(ctx context.Context) error {
	last, since := int64(-1), time.Now()
	for {
		delivered := v.callbacks.delivered.Load()
		if delivered == v.taken {
			open, err := v.database.open(ctx)
			if err != nil {
				return err
			}
			if !open {
				return errors.Join(v.callbacks.err(), v.database.nothingLeft(ctx, v.taken))
			}
		}
		if delivered != last {
			last, since = delivered, time.Now()
		}
		if time.Since(since) > patience {
			return errors.Join(v.callbacks.err(), fmt.Errorf("bench: %d of %d payouts have no callback, and none came in %s", v.taken-delivered, v.taken, patience))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// usages is what the processes have taken so far.
type usages struct {
	platform, bank, load Usage
	database             time.Duration
}

func (v *visit) usage(ctx context.Context) (u usages, err error) {
	if u.platform, err = v.platform.usage(ctx); err != nil {
		return u, err
	}
	if u.bank, err = v.bank.usage(ctx); err != nil {
		return u, err
	}
	u.load, u.database = ReadUsage(), v.database.cpu()
	return u, nil
}

// profile takes profiles of CPU and allocations of the platform for d, under a name; the function that it returns waits for them.
func (v *visit) profile(ctx context.Context, name string, d time.Duration) (wait func() error) {
	if v.Profiles == "" || v.platform.Ops == "" {
		return func() error { return nil }
	}
	seconds := strconv.Itoa(max(1, int(d.Seconds())))
	var taken sync.WaitGroup
	var errs [2]error
	for i, p := range []struct{ path, kind string }{{"profile", "cpu"}, {"allocs", "allocs"}} {
		taken.Go(func() {
			file := filepath.Join(v.Profiles, fmt.Sprintf("%s-%s-%d.%s.pprof", v.run.result.Engine, name, v.round, p.kind))
			errs[i] = save(ctx, v.platform.Ops+"/debug/pprof/"+p.path+"?seconds="+seconds, file)
		})
	}
	return func() error {
		taken.Wait()
		return errors.Join(errs[:]...)
	}
}

// save writes what an address answers to a file.
func save(ctx context.Context, address, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("bench: a profile: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("bench: a profile: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("bench: a profile: %w", err)
	}
	return nil
}
