package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/pgtest"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

const mebibyte = 1 << 20

// disk is a disk whose free space a test says.
type disk struct{ free, total atomic.Int64 }

func newDisk(free, total int64) *disk {
	d := &disk{}
	d.free.Store(free)
	d.total.Store(total)
	return d
}

func (d *disk) space(string) (free, total int64, err error) {
	return d.free.Load(), d.total.Load(), nil
}

func openOn(t *testing.T, path string, d *disk) *store.Store {
	t.Helper()
	return openAs(t, store.Config{URL: "sqlite:" + path, Keyset: storetest.Keyset(), Serve: true, Space: d.space})
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// On a disk that fills up new payouts are refused first, while accepted ones come to their end; then the reserve is given up
// for them; and when there is room again, all is as before, by itself.
func TestADiskThatFillsUp(t *testing.T) {
	t.Parallel()
	d := newDisk(900*mebibyte, 1000*mebibyte)
	path := filepath.Join(t.TempDir(), "flashpay.db")
	s := openOn(t, path, d)
	createProject(t, s, 210, 100_000)
	for _, id := range []string{"first", "second"} {
		if _, err := s.Accept(t.Context(), newPayout(210, id, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path + ".reserve"); err != nil || info.Size() != 6*mebibyte || info.Mode().Perm() != 0o600 {
		t.Fatalf("the reserve: %+v, %v", info, err)
	}
	refuses := func(id string) {
		t.Helper()
		until(t, "it is not ready", func() bool { return errors.Is(s.Ready(t.Context()), store.ErrDiskFull) })
		if _, err := s.Accept(t.Context(), newPayout(210, id, 100)); !errors.Is(err, store.ErrDiskFull) || !store.Unavailable(err) {
			t.Errorf("%s: %v; want it refused for want of room", id, err)
		}
		if err := s.SaveRejection(t.Context(), store.Rejection{RequestID: id, ProjectID: 210, At: time.Now()}); !errors.Is(err, store.ErrDiskFull) {
			t.Errorf("a refusal is kept: %v", err)
		}
	}
	d.free.Store(5 * mebibyte) // the log may take four, the reserve is six
	refuses("third")
	if decline(t, s, "first") != 1 || !there(path+".reserve") {
		t.Error("a step had no room, or the reserve is gone")
	}
	d.free.Store(mebibyte)
	until(t, "the reserve is given up", func() bool { return !there(path + ".reserve") })
	refuses("third")
	if decline(t, s, "second") != 1 {
		t.Error("a step had no room")
	}
	d.free.Store(9 * mebibyte)                             // of which six are to become the reserve again; it must not come and go
	if err := s.Exec(t.Context(), func() {}); err != nil { // looks at the disk
		t.Error(err)
	}
	refuses("third")
	d.free.Store(900 * mebibyte)
	until(t, "it is ready", func() bool { return s.Ready(t.Context()) == nil && there(path+".reserve") })
	if _, err := s.Accept(t.Context(), newPayout(210, "third", 100)); err != nil {
		t.Error(err)
	}
	if a, h, _ := balance(t, s, 210); a != 99_900 || h != 100 {
		t.Errorf("available %d, held %d", a, h)
	}
}

// A server that finds the disk full takes its reserve first, and copies the log that a crash left into the file.
func TestAServerStartsOnAFullDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(900*mebibyte, 1000*mebibyte)
	path := filepath.Join(t.TempDir(), "flashpay.db")
	s := openOn(t, path, d)
	createProject(t, s, 210, 100_000)
	if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
		t.Fatal(err)
	}
	crashed := filepath.Join(t.TempDir(), "flashpay.db")
	for _, end := range []string{"", "-wal", ".reserve"} {
		content, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(crashed+end, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.free.Store(0)
	again := openOn(t, crashed, d)
	if there(crashed + ".reserve") {
		t.Error("the reserve is still there")
	}
	if info, err := os.Stat(crashed + "-wal"); err != nil || info.Size() > mebibyte {
		t.Errorf("the log: %+v, %v", info, err)
	}
	if decline(t, again, "p") != 1 {
		t.Error("the payout does not come to its end")
	}
	if err := again.Ready(t.Context()); !errors.Is(err, store.ErrDiskFull) {
		t.Errorf("ready: %v", err)
	}
}

// The log is copied into the file by the file's size, and earlier where the disk is small.
func TestTheLogStaysSmall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ total, most int64 }{
		"large disk": {1 << 40, 4 * mebibyte},
		"small disk": {16 * mebibyte, mebibyte},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "flashpay.db")
			s := openOn(t, path, newDisk(c.total, c.total))
			createProject(t, s, 210, 1_000_000)
			var largest int64
			for i := range 500 {
				if _, err := s.Accept(t.Context(), newPayout(210, fmt.Sprint("p", i), 100)); err != nil {
					t.Fatal(err)
				}
				info, err := os.Stat(path + "-wal")
				if err != nil {
					t.Fatal(err)
				}
				largest = max(largest, info.Size())
			}
			if allowed := c.most + c.most/4; largest > allowed {
				t.Errorf("the log had %d bytes; at most %d were allowed", largest, allowed)
			}
		})
	}
}

// TestTheLogIsCopiedBesideTheWriter holds that a log that grows is copied before it is as long as the writer would let it become.
func TestTheLogIsCopiedBesideTheWriter(t *testing.T) {
	t.Parallel()
	s := openOn(t, filepath.Join(t.TempDir(), "flashpay.db"), newDisk(900*mebibyte, mebibyte)) // its log may have 64 pages
	createProject(t, s, 210, 1_000_000)
	n := 0
	until(t, "the log is copied", func() bool {
		n++
		if _, err := s.Accept(t.Context(), newPayout(210, fmt.Sprint("payout ", n), 1)); err != nil {
			t.Fatal(err)
		}
		return s.LogCopies() > 0
	})
}

// Where nothing can be committed, callers learn so within two seconds, those too that come while the commit before is tried;
// and a server that nobody asks finds out by itself when it can commit again. The limit here has room for a slow machine.
func TestWhatCannotBeCommittedIsSaidSoon(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 100_000)
		restore := s.BreakWriter()
		refusedSoon(t, s)
		if err := s.Ready(t.Context()); err == nil {
			t.Error("ready, and nothing can be committed")
		}
		restore()
		until(t, "it is ready again", func() bool { return s.Ready(t.Context()) == nil })
	})
}

// The same where the network swallows everything and gives no error.
func TestASilentDatabaseIsSaidSoon(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	way := newRoute(t, database)
	s := open(t, way.address(t, database))
	createProject(t, s, 210, 100_000)
	release := way.swallow()
	refusedSoon(t, s)
	release()
	until(t, "it is ready again", func() bool { return s.Ready(t.Context()) == nil })
	if _, err := s.Accept(t.Context(), newPayout(210, "after", 100)); err != nil {
		t.Error(err)
	}
}

// A clock that is read over a line which falls silent meanwhile says nothing: believed, it would be seconds ahead, and an
// inquiry would take a submit that is still on its way for one whose deadline has passed. A bank without dedup paid twice.
func TestAClockReadOverASilentLineIsNotBelieved(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	way := newRoute(t, database)
	s := open(t, way.address(t, database))
	release := way.swallow()
	read := make(chan error, 1)
	go func() { read <- s.MeasureClock(t.Context()) }()
	time.Sleep(4 * time.Second) // as long as the line is silent
	release()
	if err := <-read; err == nil {
		t.Error("the reading is believed")
	}
	if off := time.Until(s.Now()); off.Abs() > time.Second { // one machine, one clock
		t.Errorf("the clock is %s off", off)
	}
}

// refusedSoon hands payouts over one after the other for two seconds, whose clients wait or leave.
func refusedSoon(t *testing.T, s *store.Store) {
	t.Helper()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%3 == 0 {
				time.AfterFunc(time.Second, cancel)
			}
			begun := time.Now()
			_, err := s.Accept(ctx, newPayout(210, fmt.Sprint("p", i), 100))
			if took := time.Since(begun); !errors.Is(err, store.ErrUnavailable) || took > 4*time.Second {
				t.Errorf("p%d, handed over after %d ms: %v, after %s", i, 100*i, err, took)
			}
		})
		time.Sleep(100 * time.Millisecond)
	}
	all.Wait()
}
