package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a commit function that takes some time and remembers its batches.
type recorder struct {
	mu      sync.Mutex
	takes   time.Duration
	batches [][]int
}

func (r *recorder) commit(_ context.Context, items []int) []error {
	time.Sleep(r.takes)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, slices.Clone(items))
	return nil
}

func mustClose[T any](t *testing.T, b *Batcher[T]) {
	t.Helper()
	if err := b.Close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// start hands in items at once, in order, and returns a channel per item with what Do returned.
func start(ctx context.Context, b *Batcher[int], items ...int) []chan error {
	var answers []chan error
	for _, item := range items {
		c := make(chan error, 1)
		answers = append(answers, c)
		go func() { c <- b.Do(ctx, item) }()
		synctest.Wait()
	}
	return answers
}

func TestItemsThatWaitShareTheNextCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{takes: time.Second}
		b := New(Config{MaxItems: 3}, r.commit)
		began := time.Now()
		for _, c := range start(t.Context(), b, 1, 2, 3, 4, 5) {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
		// The first goes alone and at once; the next three fill a commit; the last is left for the third.
		if got, want := fmt.Sprint(r.batches), "[[1] [2 3 4] [5]]"; got != want {
			t.Errorf("batches %s, want %s", got, want)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("three commits of a second took %v: there is a delay besides them", took)
		}
		mustClose(t, b)
	})
}

// TestABusyBatcherWaitsForMore has an item come every 100 µs: a commit of a few is followed at once by the next, one of many
// waits for more, but not when they stop coming, nor once there are enough.
func TestABusyBatcherWaitsForMore(t *testing.T) {
	for name, c := range map[string]struct {
		takes  time.Duration
		enough int
		items  int
		want   string // items in each commit
	}{
		"not asked for":       {2 * time.Millisecond, 0, 60, "[1 20 20 19]"},
		"as long as a commit": {2 * time.Millisecond, 1000, 120, "[1 20 45 45 9]"},
		"a few milliseconds":  {20 * time.Millisecond, 1000, 500, "[1 200 240 59]"},
		"until it is enough":  {2 * time.Millisecond, 25, 100, "[1 20 25 25 26 3]"},
		"not after a few":     {time.Millisecond, 1000, 31, "[1 10 10 10]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{takes: c.takes + 30*time.Microsecond} // no commit ends at the moment that an item comes
				b := New(Config{MaxItems: 1000, Enough: c.enough}, r.commit)
				var wg sync.WaitGroup
				for i := range c.items {
					wg.Go(func() {
						if err := b.Do(t.Context(), i); err != nil {
							t.Error(err)
						}
					})
					time.Sleep(100 * time.Microsecond)
				}
				wg.Wait()
				mustClose(t, b)
				var sizes []int
				for _, batch := range r.batches {
					sizes = append(sizes, len(batch))
				}
				if got := fmt.Sprint(sizes); got != c.want {
					t.Errorf("commits of %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestSeveralItemsWaitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		odd := errors.New("odd")
		b := New(Config{QueueLength: 4}, func(_ context.Context, items []int) []error {
			time.Sleep(time.Second)
			errs := make([]error, len(items))
			for i, item := range items {
				if item%2 == 1 {
					errs[i] = odd
				}
			}
			return errs
		})
		first := start(t.Context(), b, 0)[0]
		// Four wait; the fifth and sixth find no place.
		got := b.DoAll(t.Context(), []int{1, 2, 3, 4, 5, 6})
		if want := []error{odd, nil, odd, nil, ErrQueueFull, ErrQueueFull}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		running := start(t.Context(), b, 0)[0]
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		for i, err := range b.DoAll(ctx, []int{1, 2}) { // both are withdrawn
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("item %d: %v", i, err)
			}
		}
		for i, err := range b.DoAll(ctx, []int{1, 2}) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("item %d, after the end: %v", i, err)
			}
		}
		if err := <-running; err != nil {
			t.Error(err)
		}
		if got := b.DoAll(t.Context(), nil); len(got) != 0 {
			t.Errorf("nothing: %v", got)
		}
		mustClose(t, b)
	})
}

// TestBackgroundItemsGoBehindOthers: an item is never behind more than a few of them in its commit, however many wait; where
// nobody else has come for a while they go by many; and others, however many, do not keep them from getting on.
func TestBackgroundItemsGoBehindOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{takes: time.Second}
		b := New(Config{MaxItems: 64, Background: 40, Beside: 4}, r.commit)
		const many = 1000 // numbers from here on are background items
		first := start(t.Context(), b, 0)[0]
		rows := make([]int, 300)
		for i := range rows {
			rows[i] = many + 1 + i
		}
		done := make(chan []error, 1)
		go func() { done <- b.DoAllBackground(t.Context(), rows) }()
		synctest.Wait()
		heavy := make(chan error, 1) // goes first, and alone
		go func() { heavy <- b.DoBackground(t.Context(), many, 100) }()
		synctest.Wait()
		time.Sleep(time.Second / 2) // within the first commit, and each after it
		var crowd []chan error
		for i := range 3 {
			crowd = append(crowd, start(t.Context(), b, i+1)...)
			time.Sleep(time.Second)
		}
		crowd = append(crowd, start(t.Context(), b, slices.Repeat([]int{9}, 130)...)...)
		for _, err := range slices.Concat([]error{<-first}, <-done, []error{<-heavy}) {
			if err != nil {
				t.Error(err)
			}
		}
		for _, c := range crowd {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
		var got []string
		next := many
		for _, items := range r.batches {
			n := slices.IndexFunc(items, func(i int) bool { return i >= many })
			if n < 0 {
				n = len(items)
			}
			for _, row := range items[n:] { // behind the others, and in their own order
				if row != next {
					t.Fatalf("%d where %d is next: %v", row, next, r.batches)
				}
				next++
			}
			got = append(got, fmt.Sprintf("%d+%d", n, len(items)-n))
		}
		want := "1+0 1+1 1+4 1+4 60+4 60+4 10+4 " + strings.Repeat("0+4 ", calmCommits) + "0+8 0+16 0+32 0+40 0+40 0+40 0+40"
		if s := strings.Join(got, " "); s != want {
			t.Errorf("commits of %s\nwant       %s", s, want)
		}
		mustClose(t, b)
	})
}

func TestEachItemGetsItsOwnError(t *testing.T) {
	odd := errors.New("odd")
	b := New(Config{}, func(_ context.Context, items []int) []error {
		errs := make([]error, len(items))
		for i, item := range items {
			if item%2 == 1 {
				errs[i] = fmt.Errorf("%d: %w", item, odd)
			}
		}
		return errs
	})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			err := b.Do(t.Context(), i)
			if i%2 == 1 && (!errors.Is(err, odd) || err.Error() != fmt.Sprintf("%d: odd", i)) || i%2 == 0 && err != nil {
				t.Errorf("item %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	mustClose(t, b)
}

func TestAFullQueueRefusesAtOnceAndStoresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{takes: time.Second}
		b := New(Config{MaxItems: 10, QueueLength: 2}, r.commit)
		answers := start(t.Context(), b, 1, 2, 3)
		if n := b.Queued(); n != 2 {
			t.Errorf("%d wait, want 2", n)
		}
		began := time.Now()
		if err := b.Do(t.Context(), 4); !errors.Is(err, ErrQueueFull) {
			t.Errorf("Do on a full queue: %v", err)
		}
		if err := b.Go(5, func(error) { t.Error("done was called for a refused item") }); !errors.Is(err, ErrQueueFull) {
			t.Errorf("Go on a full queue: %v", err)
		}
		if time.Since(began) != 0 {
			t.Error("a full queue made the caller wait")
		}
		for _, c := range answers {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
		if got := fmt.Sprint(r.batches); got != "[[1] [2 3]]" {
			t.Errorf("batches %s", got)
		}
		mustClose(t, b)
	})
}

func TestAnEndedContextWithdrawsOnlyWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{takes: time.Second}
		b := New(Config{QueueLength: 1}, r.commit)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		answers := start(ctx, b, 1, 2)
		if err := <-answers[1]; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the waiting item: %v", err)
		}
		// Its place is free again.
		third := start(t.Context(), b, 3)[0]
		if err := <-answers[0]; err != nil {
			t.Errorf("the item that a commit had taken: %v, want its outcome", err)
		}
		if err := <-third; err != nil {
			t.Error(err)
		}
		if err := b.Do(ctx, 4); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do with a context that has ended: %v", err)
		}
		mustClose(t, b)
		if got := fmt.Sprint(r.batches); got != "[[1] [3]]" {
			t.Errorf("batches %s", got)
		}
	})
}

func TestCloseFinishesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{takes: time.Second}
		b := New(Config{MaxItems: 1}, r.commit)
		answers := start(t.Context(), b, 1, 2, 3)
		mustClose(t, b)
		for i, c := range answers {
			select {
			case err := <-c:
				if err != nil {
					t.Errorf("item %d: %v", i, err)
				}
			default:
				synctest.Wait()
				if err := <-c; err != nil {
					t.Errorf("item %d: %v", i, err)
				}
			}
		}
		if err := b.Do(t.Context(), 4); !errors.Is(err, ErrClosed) {
			t.Errorf("Do after Close: %v", err)
		}
		if err := b.Go(5, func(error) {}); !errors.Is(err, ErrClosed) {
			t.Errorf("Go after Close: %v", err)
		}
		mustClose(t, b)
		if got := fmt.Sprint(r.batches); got != "[[1] [2] [3]]" {
			t.Errorf("batches %s", got)
		}
	})
}

func TestCloseWithoutPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{}, func(ctx context.Context, items []int) []error {
			<-ctx.Done()
			errs := make([]error, len(items))
			for i := range errs {
				errs[i] = ctx.Err()
			}
			return errs
		})
		answers := start(t.Context(), b, 1, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if err := <-answers[0]; !errors.Is(err, context.Canceled) {
			t.Errorf("the running commit's item: %v", err)
		}
		if err := <-answers[1]; !errors.Is(err, ErrClosed) {
			t.Errorf("the waiting item: %v", err)
		}
		mustClose(t, b)
	})
}

func TestACommitThatFailsWithoutAnAnswer(t *testing.T) {
	tests := map[string]struct {
		commit func([]int) []error
		says   string
	}{
		"panic":           {func([]int) []error { panic("disk on fire") }, "disk on fire"},
		"too few errors":  {func([]int) []error { return []error{} }, "0 errors for 1 items"},
		"too many errors": {func([]int) []error { return make([]error, 7) }, "7 errors for 1 items"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var fine atomic.Bool
			b := New(Config{}, func(_ context.Context, items []int) []error {
				if fine.Load() {
					return nil
				}
				return tt.commit(items)
			})
			err := b.Do(t.Context(), 1)
			if !errors.Is(err, ErrOutcomeUnknown) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Do: %v", err)
			}
			fine.Store(true)
			if err := b.Do(t.Context(), 2); err != nil {
				t.Errorf("the next commit: %v", err)
			}
			mustClose(t, b)
		})
	}
}

func TestACommitThatEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{MaxItems: 1}, func(context.Context, []int) []error {
			time.Sleep(time.Second)
			runtime.Goexit()
			return nil
		})
		answers := start(t.Context(), b, 1, 2)
		if err := <-answers[0]; !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("its item: %v", err)
		}
		if err := <-answers[1]; !errors.Is(err, ErrClosed) {
			t.Errorf("the item behind it: %v", err)
		}
		if err := b.Do(t.Context(), 3); !errors.Is(err, ErrClosed) {
			t.Errorf("Do afterwards: %v", err)
		}
		mustClose(t, b)
	})
}

func TestGoAnswersOnceAndMayHandInMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		b := New(Config{}, func(_ context.Context, items []int) []error {
			errs := make([]error, len(items))
			for i, item := range items {
				if item == 2 {
					errs[i] = refused
				}
			}
			return errs
		})
		var got []string
		done := func(n int) func(error) {
			return func(err error) { got = append(got, fmt.Sprint(n, " ", err)) }
		}
		if err := b.Go(1, func(err error) {
			done(1)(err)
			if err := b.Go(2, done(2)); err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		mustClose(t, b)
		if want := []string{"1 <nil>", "2 refused"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestEveryItemHasOneOutcome lets many callers run against withdrawals, a small queue and a Close in the middle:
// what Do reports must be what was committed, exactly once.
func TestEveryItemHasOneOutcome(t *testing.T) {
	var mu sync.Mutex
	committed := map[int]int{}
	b := New(Config{MaxItems: 8, QueueLength: 32}, func(_ context.Context, items []int) []error {
		mu.Lock()
		defer mu.Unlock()
		for _, item := range items {
			committed[item]++
		}
		return nil
	})
	const callers, each = 64, 200
	outcomes := make([]error, callers*each)
	var tried atomic.Int64
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				item := c*each + i
				ctx, cancel := context.WithCancel(context.Background())
				if item%3 == 0 {
					go cancel()
				}
				outcomes[item] = b.Do(ctx, item)
				tried.Add(1)
				cancel()
			}
		})
	}
	wg.Go(func() {
		for tried.Load() < callers*each/2 {
			runtime.Gosched()
		}
		mustClose(t, b)
	})
	wg.Wait()
	for item, err := range outcomes {
		switch n := committed[item]; {
		case err == nil && n != 1:
			t.Fatalf("item %d reported as committed was committed %d times", item, n)
		case err != nil && n != 0:
			t.Fatalf("item %d reported as %v was committed", item, err)
		case err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrQueueFull) && !errors.Is(err, context.Canceled):
			t.Fatalf("item %d: %v", item, err)
		}
	}
}

// BenchmarkDo shows what one item costs beside its commit, and how large the batches grow.
func BenchmarkDo(b *testing.B) {
	for _, takes := range []time.Duration{0, time.Millisecond} {
		b.Run(fmt.Sprintf("commit=%v", takes), func(b *testing.B) {
			r := &recorder{takes: takes}
			batcher := New(Config{}, func(_ context.Context, items []int) []error {
				time.Sleep(r.takes)
				r.batches = append(r.batches, nil)
				return nil
			})
			b.SetParallelism(128)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := batcher.Do(context.Background(), 1); err != nil {
						b.Error(err)
						return
					}
				}
			})
			if err := batcher.Close(context.Background()); err != nil {
				b.Error(err)
			}
			b.ReportMetric(float64(b.N)/float64(len(r.batches)), "items/commit")
		})
	}
}
