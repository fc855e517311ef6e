package main

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer is written by the logger's timer and read by the test.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestLogLinesAreGatheredAndNeverLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, out := &app{}, &lockedBuffer{}
		log := a.newLogger(out, slog.LevelInfo).With("node", 1)
		log.Info("one")
		log.Debug("not asked for")
		if out.String() != "" {
			t.Error("the line was not gathered")
		}
		time.Sleep(2 * logDelay)
		synctest.Wait()
		if !strings.Contains(out.String(), `"msg":"one","node":1`) {
			t.Errorf("after a moment: %q", out)
		}
		log.Info("two")
		log.Warn("three")
		synctest.Wait()
		if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 3 || !strings.Contains(lines[2], "three") {
			t.Errorf("after a warning: %q", out)
		}
		log.Info(strings.Repeat("x", logSize))
		synctest.Wait()
		if len(out.String()) < logSize {
			t.Error("a full buffer waits")
		}
		log.Info("last")
		a.flushLogs()
		if !strings.HasSuffix(out.String(), "\"msg\":\"last\",\"node\":1}\n") {
			t.Error("the last line is missing")
		}
	})
}

// stuck is a pipe that nobody reads, until it is let go.
type stuck struct{ free chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.free
	return len(p), nil
}

// TestALogThatNobodyReadsStopsNothing: lines go on being taken, those beyond a bound are dropped and counted, and the
// command ends.
func TestALogThatNobodyReadsStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, pipe := &app{}, stuck{make(chan struct{})}
		log := a.newLogger(pipe, slog.LevelInfo)
		for range 3 * logMost / 1024 {
			log.Warn(strings.Repeat("x", 1024))
		}
		if n := a.logDropped(); n < logMost/1024 || n > 2*logMost/1024+64 {
			t.Errorf("%d lines are dropped", n)
		}
		for _, b := range a.logs {
			if len(b.lines) > logMost {
				t.Errorf("%d bytes wait", len(b.lines))
			}
		}
		a.flushLogs()
		close(pipe.free)
	})
}
