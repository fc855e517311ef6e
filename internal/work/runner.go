package work

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
)

// JobKind is a kind of jobs that a Runner runs.
type JobKind struct {
	Name string
	// Run does a job, from its position on. Where ctx ends, the job is another node's, was cancelled, or the process ends:
	// Run returns soon. An error, or a panic, has the job run again later, from the position that was committed last. It is kept
	// for lists, so it holds no personal data. A *JobPause gives the job back without fault.
	Run func(ctx context.Context, r *jobs.Run) error
	// AtOnce is how many jobs of the kind run at once in this process; 0: one.
	AtOnce int
	// Attempts is after how many attempts without a checkpoint a job is given up; 0: never.
	Attempts int
	// Clean clears what an ended job has left outside of the database, before its row is deleted; it may be called again. nil:
	// there is nothing.
	Clean func(ctx context.Context, j *jobs.Job) error
}

// JobPause gives a job back until a time: the rest of it is not due yet, or others should have their turn.
type JobPause struct{ Until time.Time }

// Error says so.
func (p *JobPause) Error() string {
	return "work: the job goes on at " + p.Until.UTC().Format(time.RFC3339)
}

// RunnerConfig says what a Runner works with. Zero fields take their defaults.
type RunnerConfig struct {
	Store  *store.Store
	Kinds  []JobKind
	Logger *slog.Logger
	Lease  time.Duration // of a job, renewed while it runs; 0: 30 s
	Poll   time.Duration // how often jobs of other processes, and those that wait, are looked for; 0: 1 s
}

// Runner runs the jobs of its kinds that are due, those of this process at once after their commit. Any number of nodes may
// have one. Jobs of kinds that it does not know it leaves to others.
type Runner struct {
	RunnerConfig
	loop  *Loop
	mu    sync.Mutex
	busy  map[string]int // jobs running, by kind
	going sync.WaitGroup
}

// dropBeat is how often jobs that ended long ago are deleted.
const dropBeat = 10 * time.Minute

// NewRunner makes a runner.
func NewRunner(c RunnerConfig) *Runner {
	c.Lease, c.Poll = cmp.Or(c.Lease, 30*time.Second), cmp.Or(c.Poll, time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Runner{RunnerConfig: c, busy: make(map[string]int)}
	r.loop = NewLoop(c.Poll, r.poll)
	return r
}

// Run runs jobs until ctx ends, then waits for those that run, and gives them back.
func (r *Runner) Run(ctx context.Context) error {
	r.Store.Listen(jobs.Topic, r.loop.Wake)
	var dropping sync.WaitGroup
	dropping.Go(func() { r.dropOld(ctx) })
	r.loop.Run(ctx)
	r.going.Wait()
	dropping.Wait()
	return nil
}

// poll leases what is due and starts it.
func (r *Runner) poll(ctx context.Context) (more bool) {
	due, err := jobs.Due(ctx, r.Store)
	if err != nil {
		r.complain(ctx, "jobs could not be looked for", err)
		return false
	}
	for i := range r.Kinds {
		k := &r.Kinds[i]
		room := r.room(k)
		if room == 0 || !slices.Contains(due, k.Name) {
			continue
		}
		runs, err := jobs.Lease(ctx, r.Store, k.Name, room, r.Lease)
		if err != nil {
			r.complain(ctx, "jobs could not be leased", err, "kind", k.Name)
			continue
		}
		for _, run := range runs {
			r.start(ctx, k, run)
		}
	}
	return false // whoever ends a job wakes the loop
}

func (r *Runner) complain(ctx context.Context, what string, err error, more ...any) {
	if ctx.Err() == nil {
		r.Logger.Error("work: "+what, append(more, "err", err)...)
	}
}

// room is how many more jobs of a kind may run now.
func (r *Runner) room(k *JobKind) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, cmp.Or(k.AtOnce, 1)-r.busy[k.Name])
}

func (r *Runner) start(ctx context.Context, k *JobKind, run *jobs.Run) {
	r.mu.Lock()
	r.busy[k.Name]++
	r.mu.Unlock()
	r.going.Go(func() {
		r.work(ctx, k, run)
		r.mu.Lock()
		r.busy[k.Name]--
		r.mu.Unlock()
		r.loop.Wake()
	})
}

// work runs a job under its lease and says what becomes of it.
func (r *Runner) work(ctx context.Context, k *JobKind, run *jobs.Run) {
	working, stop := context.WithCancelCause(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() { r.keep(working, run, stop) })
	err := r.safely(working, k, run)
	lost := context.Cause(working)
	stop(nil)
	keeping.Wait()
	if errors.Is(lost, jobs.ErrLost) || errors.Is(lost, jobs.ErrCancelled) {
		err = lost
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := r.end(ending, k, run, err, ctx.Err() != nil); err != nil && !errors.Is(err, jobs.ErrLost) && !errors.Is(err, jobs.ErrCancelled) {
		r.Logger.Error("work: the end of a job could not be stored; it runs again when its lease has ended", "kind", k.Name, "key", run.Key, "err", err)
	}
}

// safely runs a job; a panic is an error.
func (r *Runner) safely(ctx context.Context, k *JobKind, run *jobs.Run) (err error) {
	defer func() {
		if v := recover(); v != nil {
			r.Logger.Error("work: a job panicked", "kind", k.Name, "key", run.Key, "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return k.Run(ctx, run)
}

// keep renews a lease until ctx ends, and stops the job where it is lost.
func (r *Runner) keep(ctx context.Context, run *jobs.Run, stop context.CancelCauseFunc) {
	for sleep(ctx, r.Lease/3) {
		err := run.Keep(ctx)
		if errors.Is(err, jobs.ErrLost) || errors.Is(err, jobs.ErrCancelled) || errors.Is(err, store.ErrNotFound) {
			stop(err)
			return
		}
	}
}

// end commits what becomes of a job after its function has returned.
func (r *Runner) end(ctx context.Context, k *JobKind, run *jobs.Run, err error, stopping bool) error {
	var pause *JobPause
	switch {
	case run.Ended():
		return nil
	case err == nil:
		return run.Finish(ctx, "", nil)
	case errors.Is(err, jobs.ErrLost), errors.Is(err, jobs.ErrCancelled):
		r.Logger.Info("work: a job was left", "kind", k.Name, "key", run.Key, "why", err)
		return nil
	case errors.As(err, &pause):
		return run.Postpone(ctx, pause.Until, "", false)
	case stopping:
		return run.Postpone(ctx, r.Store.Now(), "", false)
	}
	if k.Attempts > 0 && run.Attempts >= k.Attempts {
		r.Logger.Error("work: a job was given up", "kind", k.Name, "key", run.Key, "attempts", run.Attempts, "err", err)
		return run.Fail(ctx, err.Error())
	}
	wait := backoff(run.Attempts)
	r.Logger.Warn("work: a job failed and is tried again", "kind", k.Name, "key", run.Key, "attempts", run.Attempts, "after", wait, "err", err)
	return run.Postpone(ctx, r.Store.Now().Add(wait), err.Error(), true)
}

// backoff is how long a job rests after so many attempts: 1 s, 2 s, 4 s … up to 10 minutes.
func backoff(attempts int) time.Duration {
	const most = 10 * time.Minute
	return min(most, time.Second<<min(max(attempts-1, 0), 20))
}

// dropOld deletes jobs that ended long ago, now and then.
func (r *Runner) dropOld(ctx context.Context) {
	for {
		for i := range r.Kinds {
			if err := jobs.DeleteExpired(ctx, r.Store, r.Kinds[i].Name, r.Kinds[i].Clean); err != nil {
				r.complain(ctx, "old jobs could not be deleted", err, "kind", r.Kinds[i].Name)
			}
		}
		if !sleep(ctx, dropBeat) {
			return
		}
	}
}
