package work_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/storetest"
	"flashpay/internal/work"
)

func open(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func add(t *testing.T, s *store.Store, kind, key string) (id int64) {
	t.Helper()
	err := s.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) (err error) {
		id, _, err = jobs.Add(ctx, tx, jobs.New{Kind: kind, Key: key})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// run starts a runner; the returned function stops it and waits.
func run(t *testing.T, c work.RunnerConfig) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		_ = work.NewRunner(c).Run(ctx)
		close(done)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// await waits until a job has come to a state, and returns it.
func await(t *testing.T, s *store.Store, id int64, want jobs.State) *jobs.Job {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		j, err := jobs.Get(t.Context(), s, id)
		if err != nil {
			t.Fatal(err)
		}
		if j.State == want {
			return j
		}
		if time.Now().After(deadline) {
			t.Fatalf("a minute later the job is %+v, not %s", j, want)
		}
	}
}

func TestJobsBeginAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, storetest.URL(t, storetest.SQLite))
	began := make(chan string, 10)
	run(t, work.RunnerConfig{Store: s, Poll: time.Hour, Kinds: []work.JobKind{{Name: "report", AtOnce: 2, Run: func(_ context.Context, r *jobs.Run) error {
		began <- r.Key
		return nil
	}}}})
	for i := range 5 { // more than run at once
		add(t, s, "report", strconv.Itoa(i))
	}
	unknown := add(t, s, "of a newer program", "1")
	for range 5 {
		select {
		case <-began:
		case <-time.After(time.Minute):
			t.Fatal("nobody was woken")
		}
	}
	if j, err := jobs.Get(t.Context(), s, unknown); err != nil || j.State != jobs.Queued {
		t.Errorf("a job of an unknown kind: %+v, %v", j, err)
	}
}

// TestTwoRunnersDoEachRowOnce has two runners count rows in jobs that fail, panic and are stopped in the middle: the positions
// and the rows that were counted are committed together, so each row is counted once.
func TestTwoRunnersDoEachRowOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		nodes := []*store.Store{s, s}
		if s.Path() == "" {
			nodes[1] = open(t, url)
		}
		const rows = 20
		var tries atomic.Int64
		count := func(ctx context.Context, r *jobs.Run) error {
			at, _ := strconv.Atoi(string(r.Position))
			for ; at < rows; at++ {
				err := r.Checkpoint(ctx, []byte(strconv.Itoa(at+1)), int64(at+1), rows, func(ctx context.Context, tx *store.Tx) error {
					_, added, err := jobs.Add(ctx, tx, jobs.New{Kind: "row", Key: fmt.Sprint(r.Key, "/", at)})
					if err == nil && !added {
						t.Errorf("row %d of %s is counted twice", at, r.Key)
					}
					return err
				})
				if err != nil {
					return err
				}
				switch tries.Add(1) % 13 {
				case 3:
					panic("row")
				case 7:
					return errors.New("row")
				case 11:
					return &work.JobPause{Until: s.Now()}
				}
			}
			return r.Finish(ctx, "counted", nil)
		}
		var ids []int64
		for i := range 4 {
			ids = append(ids, add(t, s, "count", strconv.Itoa(i)))
		}
		for i, node := range nodes {
			run(t, work.RunnerConfig{Store: node, Poll: time.Duration(20+i) * time.Millisecond, Kinds: []work.JobKind{{Name: "count", AtOnce: 2, Run: count}}})
		}
		for _, id := range ids {
			if j := await(t, s, id, jobs.Done); j.Done != rows || j.Outcome != "counted" {
				t.Errorf("job: %+v", j)
			}
		}
		list, err := jobs.List(t.Context(), s, jobs.Filter{Kind: "row", Limit: 1000})
		if err != nil || len(list) != 4*rows {
			t.Errorf("%d rows counted, %v", len(list), err)
		}
	})
}

func TestAJobIsGivenUpAfterItsAttempts(t *testing.T) {
	t.Parallel()
	s := open(t, storetest.URL(t, storetest.SQLite))
	var tries atomic.Int64
	run(t, work.RunnerConfig{Store: s, Poll: 10 * time.Millisecond, Kinds: []work.JobKind{{Name: "report", Attempts: 2, Run: func(context.Context, *jobs.Run) error {
		if tries.Add(1) == 1 {
			panic("no luck")
		}
		return errors.New("no luck again")
	}}}})
	if j := await(t, s, add(t, s, "report", "1"), jobs.Failed); j.Outcome != "no luck again" || tries.Load() != 2 {
		t.Errorf("after %d tries: %+v", tries.Load(), j)
	}
}

// TestACancelledJobIsStopped: the lease's renewal finds out, and ends the job's context.
func TestACancelledJobIsStopped(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		began, ended := make(chan struct{}), make(chan error, 1)
		run(t, work.RunnerConfig{Store: s, Lease: 300 * time.Millisecond, Kinds: []work.JobKind{{Name: "report", Run: func(ctx context.Context, r *jobs.Run) error {
			close(began)
			<-ctx.Done()
			ended <- r.Finish(context.WithoutCancel(ctx), "too late", nil)
			return ctx.Err()
		}}}})
		id := add(t, s, "report", "1")
		<-began
		if err := s.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error { return jobs.Cancel(ctx, tx, id) }); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, jobs.ErrCancelled) {
				t.Errorf("finished after it was cancelled: %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("the job was not stopped")
		}
		if j := await(t, s, id, jobs.Cancelled); j.Outcome != "" {
			t.Errorf("job: %+v", j)
		}
	})
}

// TestAStoppedRunnerGivesItsJobsBack: they are due at once, for whoever comes next, and the attempt does not count.
func TestAStoppedRunnerGivesItsJobsBack(t *testing.T) {
	t.Parallel()
	s := open(t, storetest.URL(t, storetest.SQLite))
	began := make(chan struct{})
	stop := run(t, work.RunnerConfig{Store: s, Kinds: []work.JobKind{{Name: "report", Attempts: 1, Run: func(ctx context.Context, _ *jobs.Run) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}}}})
	id := add(t, s, "report", "1")
	<-began
	stop()
	if j, err := jobs.Get(t.Context(), s, id); err != nil || j.State != jobs.Queued || j.Attempts != 0 || j.NextAt.After(s.Now()) {
		t.Errorf("job: %+v, %v", j, err)
	}
}
