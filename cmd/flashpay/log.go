package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// newLogger writes lines of JSON. Lines of level info and below are gathered for a moment, so that a busy server does
// not make a system call for each; a warning, and the end of the command, writes out what waits.
func (a *app) newLogger(w io.Writer, level slog.Level) *slog.Logger {
	b := &lineBuffer{w: w}
	a.logs = append(a.logs, b)
	return slog.New(&promptHandler{Handler: slog.NewJSONHandler(b, &slog.HandlerOptions{Level: level}), buffer: b})
}

// flushLogs writes out what the command's loggers hold.
func (a *app) flushLogs() {
	for _, b := range a.logs {
		b.flush()
	}
}

const (
	logDelay = 50 * time.Millisecond // how long a line may wait
	logSize  = 64 << 10              // bytes that may wait
)

// lineBuffer gathers writes of whole lines.
type lineBuffer struct {
	mu      sync.Mutex
	w       io.Writer
	lines   []byte
	waiting bool // a flush is on its way
}

func (b *lineBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line...)
	switch {
	case len(b.lines) > logSize:
		b.flushLocked()
	case !b.waiting:
		b.waiting = true
		time.AfterFunc(logDelay, b.flush)
	}
	return len(line), nil
}

func (b *lineBuffer) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = false
	b.flushLocked()
}

// flushLocked drops what cannot be written: where the log's own writer fails there is nobody to tell.
func (b *lineBuffer) flushLocked() {
	if len(b.lines) > 0 {
		_, _ = b.w.Write(b.lines)
		b.lines = b.lines[:0]
	}
}

// promptHandler writes out warnings and errors at once.
type promptHandler struct {
	slog.Handler
	buffer *lineBuffer
}

func (h *promptHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.buffer.flush()
	}
	return err
}

func (h *promptHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &promptHandler{Handler: h.Handler.WithAttrs(attrs), buffer: h.buffer}
}

func (h *promptHandler) WithGroup(name string) slog.Handler {
	return &promptHandler{Handler: h.Handler.WithGroup(name), buffer: h.buffer}
}
