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
		if !strings.Contains(out.String(), `"msg":"one","node":1`) {
			t.Errorf("after a moment: %q", out)
		}
		log.Info("two")
		log.Warn("three")
		if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 3 || !strings.Contains(lines[2], "three") {
			t.Errorf("after a warning: %q", out)
		}
		log.Info(strings.Repeat("x", logSize))
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
