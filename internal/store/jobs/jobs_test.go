package jobs_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/storetest"
)

// clock is a clock that tests set.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

func open(t *testing.T, url string, c *clock) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true, Clock: c.now})
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

func do(t *testing.T, s *store.Store, act func(ctx context.Context, t *store.Tx) error) {
	t.Helper()
	if err := s.Do(t.Context(), "", act); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, s *store.Store, n jobs.New) (id int64, added bool) {
	t.Helper()
	do(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		id, added, err = jobs.Add(ctx, tx, n)
		return err
	})
	return id, added
}

func lease(t *testing.T, s *store.Store, kind string, n int) []*jobs.Run {
	t.Helper()
	runs, err := jobs.Lease(t.Context(), s, kind, n, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

func get(t *testing.T, s *store.Store, id int64) *jobs.Job {
	t.Helper()
	j, err := jobs.Get(t.Context(), s, id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// cancel cancels a job and returns the error.
func cancel(t *testing.T, s *store.Store, id int64) error {
	t.Helper()
	return s.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error { return jobs.Cancel(ctx, tx, id) })
}

func clean(t *testing.T, s *store.Store) {
	t.Helper()
	err := jobs.Audit(t.Context(), s, func(j *jobs.Job, faults []string) error {
		for _, f := range faults {
			t.Errorf("audit: job %d: %s", j.ID, f)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAJobIsAddedOnceWithItsFact(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, &clock{})
		n := jobs.New{Kind: "report", Key: "7/march", ProjectID: 210, MerchantID: 7, UserID: 17, Params: []byte(`{"search":"1090000000000000"}`)}
		id, added := add(t, s, n)
		n.Params = []byte("other")
		again, twice := add(t, s, n)
		if !added || twice || id == 0 || again != id {
			t.Fatalf("first %d, %v; again %d, %v", id, added, again, twice)
		}
		n.Kind = "export"
		if other, added := add(t, s, n); !added || other == id {
			t.Fatal("the key of another kind counts")
		}
		failed := errors.New("the fact did not happen")
		err := s.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error {
			_, _, err := jobs.Add(ctx, tx, jobs.New{Kind: "report", Key: "rolled back"})
			return errors.Join(err, failed)
		})
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
		if _, err := jobs.Find(t.Context(), s, "report", "rolled back"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a job without its fact: %v", err)
		}
		j := get(t, s, id)
		if string(j.Params) != `{"search":"1090000000000000"}` || j.State != jobs.Queued || j.ProjectID != 210 || j.UserID != 17 {
			t.Errorf("job: %+v", j)
		}
		var sealed []byte
		if err := s.DB().Read(t.Context(), "SELECT sealed FROM jobs WHERE id = $1", func(r *sql.Rows) error { return r.Scan(&sealed) }, id); err != nil {
			t.Fatal(err)
		}
		if len(sealed) == 0 || bytes.Contains(sealed, []byte("1090000000000000")) {
			t.Error("the parameters are not sealed")
		}
		list, err := jobs.List(t.Context(), s, jobs.Filter{Kind: "report", MerchantID: 7, State: jobs.Queued, Limit: 10})
		if err != nil || len(list) != 1 || list[0].ID != id || list[0].Params != nil {
			t.Errorf("list: %+v, %v", list, err)
		}
		if list, err := jobs.List(t.Context(), s, jobs.Filter{Kind: "report", Behind: j, Limit: 10}); err != nil || len(list) != 0 {
			t.Errorf("behind the last one: %+v, %v", list, err)
		}
		clean(t, s)
	})
}

// TestEachJobIsLeasedToOne has several processes ask for jobs at once.
func TestEachJobIsLeasedToOne(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		c := &clock{}
		nodes := []*store.Store{open(t, url, c)}
		if nodes[0].Path() == "" { // PostgreSQL has any number
			nodes = append(nodes, open(t, url, c))
		}
		const all = 30
		for i := range all {
			add(t, nodes[0], jobs.New{Kind: "report", Key: fmt.Sprint(i)})
		}
		later, _ := add(t, nodes[0], jobs.New{Kind: "report", Key: "later", DueAt: c.now().Add(time.Hour)})
		var mu sync.Mutex
		var got []string
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				for {
					runs, err := jobs.Lease(t.Context(), nodes[i%len(nodes)], "report", 3, time.Minute)
					if err != nil {
						t.Error(err)
						return
					}
					if len(runs) == 0 {
						return
					}
					mu.Lock()
					for _, r := range runs {
						got = append(got, r.Key)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		slices.Sort(got)
		if len(got) != all || len(slices.Compact(got)) != all {
			t.Errorf("%d leases of %d jobs: %v", len(got), all, got)
		}
		c.advance(61 * time.Minute)
		if kinds, err := jobs.Due(t.Context(), nodes[0]); err != nil || !slices.Equal(kinds, []string{"report"}) {
			t.Errorf("due: %v, %v", kinds, err)
		}
		if runs := lease(t, nodes[0], "report", 100); len(runs) != all+1 || !slices.ContainsFunc(runs, func(r *jobs.Run) bool { return r.ID == later }) {
			t.Errorf("an hour later %d jobs are leased", len(runs))
		}
		clean(t, nodes[0])
	})
}

// TestALostLeaseWritesNothing lets a lease end while its holder is away: who took the job over goes on at the last checkpoint, and
// the first holder can neither get on nor end it.
func TestALostLeaseWritesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		c := &clock{}
		s := open(t, url, c)
		id, _ := add(t, s, jobs.New{Kind: "import", Key: "1"})
		first := lease(t, s, "import", 1)[0]
		effects := func(key string) func(context.Context, *store.Tx) error {
			return func(ctx context.Context, tx *store.Tx) error {
				_, _, err := jobs.Add(ctx, tx, jobs.New{Kind: "effect", Key: key})
				return err
			}
		}
		if err := first.Checkpoint(t.Context(), []byte("row 10"), 10, 100, effects("10")); err != nil {
			t.Fatal(err)
		}
		if runs := lease(t, s, "import", 1); len(runs) != 0 {
			t.Fatal("a job is leased twice")
		}
		c.advance(2 * time.Minute)
		second := lease(t, s, "import", 1)
		if len(second) != 1 || string(second[0].Position) != "row 10" || second[0].Done != 10 || second[0].Total != 100 || second[0].Attempts != 1 {
			t.Fatalf("taken over: %+v", second)
		}
		for name, err := range map[string]error{
			"checkpoint": first.Checkpoint(t.Context(), []byte("row 20"), 20, 100, effects("20")),
			"keep":       first.Keep(t.Context()),
			"finish":     first.Finish(t.Context(), "done", effects("20")),
			"fail":       first.Fail(t.Context(), "no"),
			"postpone":   first.Postpone(t.Context(), c.now(), "", true),
		} {
			if !errors.Is(err, jobs.ErrLost) {
				t.Errorf("%s under a lost lease: %v", name, err)
			}
		}
		failed := errors.New("the act failed")
		if err := second[0].Checkpoint(t.Context(), []byte("row 30"), 30, 100, func(context.Context, *store.Tx) error { return failed }); !errors.Is(err, failed) {
			t.Errorf("a failing act: %v", err)
		}
		if j := get(t, s, id); j.State != jobs.Running || string(j.Position) != "row 10" || j.Done != 10 {
			t.Errorf("job: %+v", j)
		}
		if err := second[0].Finish(t.Context(), "100 rows", effects("100")); err != nil {
			t.Fatal(err)
		}
		if j := get(t, s, id); j.State != jobs.Done || j.Outcome != "100 rows" || j.EndedAt.IsZero() || !j.NextAt.IsZero() {
			t.Errorf("job: %+v", j)
		}
		list, err := jobs.List(t.Context(), s, jobs.Filter{Kind: "effect", Limit: 10})
		if err != nil || len(list) != 2 || list[0].Key != "100" || list[1].Key != "10" {
			t.Errorf("effects: %+v, %v", list, err)
		}
		clean(t, s)
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		c := &clock{}
		s := open(t, url, c)
		waiting, _ := add(t, s, jobs.New{Kind: "report", Key: "waiting", DueAt: c.now().Add(time.Hour)})
		running, _ := add(t, s, jobs.New{Kind: "report", Key: "running"})
		r := lease(t, s, "report", 5)
		if len(r) != 1 {
			t.Fatalf("%d leased", len(r))
		}
		for _, id := range []int64{waiting, running, running} {
			if err := cancel(t, s, id); err != nil {
				t.Errorf("cancel: %v", err)
			}
			if j := get(t, s, id); j.State != jobs.Cancelled || j.EndedAt.IsZero() {
				t.Errorf("job: %+v", j)
			}
		}
		for name, err := range map[string]error{
			"checkpoint": r[0].Checkpoint(t.Context(), []byte("1"), 1, 0, func(context.Context, *store.Tx) error { t.Error("an act of a cancelled job"); return nil }),
			"keep":       r[0].Keep(t.Context()),
			"finish":     r[0].Finish(t.Context(), "", nil),
			"postpone":   r[0].Postpone(t.Context(), c.now(), "", true),
		} {
			if !errors.Is(err, jobs.ErrCancelled) {
				t.Errorf("%s of a cancelled job: %v", name, err)
			}
		}
		done, _ := add(t, s, jobs.New{Kind: "report", Key: "done"})
		if err := lease(t, s, "report", 1)[0].Finish(t.Context(), "", nil); err != nil {
			t.Fatal(err)
		}
		if err := cancel(t, s, done); !errors.Is(err, jobs.ErrEnded) {
			t.Errorf("cancelling what is done: %v", err)
		}
		if err := cancel(t, s, 1<<40); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("cancelling nothing: %v", err)
		}
		c.advance(2 * time.Hour)
		if runs := lease(t, s, "report", 5); len(runs) != 0 {
			t.Errorf("leased after all: %+v", runs[0].Job)
		}
		clean(t, s)
	})
}

// TestOldJobsAreDropped: what a job left is cleared before its row goes, and again where clearing it failed.
func TestOldJobsAreDropped(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		c := &clock{}
		s := open(t, url, c)
		for key, keep := range map[string]time.Duration{"short": time.Hour, "long": 48 * time.Hour} {
			add(t, s, jobs.New{Kind: "report", Key: key, KeepFor: keep})
		}
		for _, r := range lease(t, s, "report", 5) {
			if err := r.Finish(t.Context(), "", nil); err != nil {
				t.Fatal(err)
			}
		}
		add(t, s, jobs.New{Kind: "report", Key: "open", KeepFor: time.Hour})
		c.advance(2 * time.Hour)
		full := errors.New("disk trouble")
		if err := jobs.DeleteExpired(t.Context(), s, "report", func(context.Context, *jobs.Job) error { return full }); !errors.Is(err, full) {
			t.Fatalf("clearing failed: %v", err)
		}
		var cleared []string
		err := jobs.DeleteExpired(t.Context(), s, "report", func(_ context.Context, j *jobs.Job) error {
			cleared = append(cleared, j.Key)
			return nil
		})
		if err != nil || !slices.Equal(cleared, []string{"short"}) {
			t.Fatalf("cleared %v, %v", cleared, err)
		}
		list, err := jobs.List(t.Context(), s, jobs.Filter{Kind: "report", Limit: 10})
		if err != nil || len(list) != 2 || list[0].Key != "open" || list[1].Key != "long" {
			t.Errorf("left: %+v, %v", list, err)
		}
	})
}

// TestARestartedServerTakesOver kills a server: its successor on SQLite, or another node when its shard's lease has ended, works on
// what it had leased.
func TestARestartedServerTakesOver(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.SQLite)
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, jobs.New{Kind: "report", Key: "1"})
	lease(t, s, "report", 1)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := open(t, url, &clock{})
	if runs := lease(t, next, "report", 1); len(runs) != 1 || runs[0].Attempts != 2 {
		t.Errorf("the successor leases %+v", runs)
	}
}

// TestAuditSeesDamage damages a job in each way that the table allows.
func TestAuditSeesDamage(t *testing.T) {
	t.Parallel()
	for column, statement := range map[string]string{
		"sealed":   "UPDATE jobs SET sealed = key",
		"key":      "UPDATE jobs SET key = 'other'",
		"kind":     "UPDATE jobs SET kind = 'other'",
		"state":    "UPDATE jobs SET state = 'running', version = 0",
		"ended_at": "UPDATE jobs SET ended_at = 1",
		"done":     "UPDATE jobs SET done = 3, total = 2",
	} {
		t.Run(column, func(t *testing.T) {
			s := open(t, storetest.URL(t, storetest.SQLite), &clock{})
			add(t, s, jobs.New{Kind: "report", Key: "1", Params: []byte("{}")})
			do(t, s, func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, statement)
				return err
			})
			found := 0
			err := jobs.Audit(t.Context(), s, func(_ *jobs.Job, faults []string) error {
				found += len(faults)
				return nil
			})
			if err != nil || found == 0 {
				t.Errorf("%d faults, %v", found, err)
			}
		})
	}
}
