package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// newLogger writes lines of JSON. Lines of level info and below are gathered for a moment, so that a busy server does
// not make a system call for each; a warning, and the end of the command, writes out what waits.
func (a *app) newLogger(w io.Writer, level slog.Level) *slog.Logger {
	b := &lineBuffer{w: w}
	a.logs = append(a.logs, b)
	return slog.New(&promptHandler{Handler: slog.NewJSONHandler(b, &slog.HandlerOptions{Level: level}), buffer: b})
}

// flushLogs writes out what the command's loggers hold, if it can be done in a moment.
func (a *app) flushLogs() {
	for _, b := range a.logs {
		b.end(logPatience)
	}
}

// logDropped is how many lines the command's loggers dropped because nobody took them.
func (a *app) logDropped() int64 {
	var n int64
	for _, b := range a.logs {
		n += b.dropped.Load()
	}
	return n
}

const (
	logDelay    = 50 * time.Millisecond // how long a line may wait
	logSize     = 64 << 10              // bytes that may wait before they are written out
	logMost     = 1 << 20               // bytes that wait for a writer that is stuck; lines beyond are dropped
	logPatience = 2 * time.Second       // how long the end of a command waits for a writer that is stuck
)

// lineBuffer gathers writes of whole lines. It writes them out in a goroutine of its own, so that a pipe that nobody
// reads holds up no payout.
type lineBuffer struct {
	w       io.Writer
	dropped atomic.Int64

	mu      sync.Mutex
	lines   []byte
	waiting bool          // a flush is on its way
	writing chan struct{} // closed when the goroutine that writes has ended; nil: none does
}

func (b *lineBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines)+len(line) > logMost && b.writing != nil {
		b.dropped.Add(1)
		return len(line), nil
	}
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

// flushLocked has what waits written out. Where somebody writes already, that one goes on with it.
func (b *lineBuffer) flushLocked() {
	if len(b.lines) > 0 && b.writing == nil {
		b.writing = make(chan struct{})
		go b.writeOut(b.writing)
	}
}

func (b *lineBuffer) writeOut(done chan struct{}) {
	defer close(done)
	var spare []byte
	for {
		b.mu.Lock()
		lines := b.lines
		if len(lines) == 0 {
			b.writing = nil
			b.mu.Unlock()
			return
		}
		b.lines = spare[:0]
		b.mu.Unlock()
		if _, err := b.w.Write(lines); err != nil { // there is nobody to tell but the counter
			b.dropped.Add(int64(bytes.Count(lines, []byte{'\n'})))
		}
		spare = lines
	}
}

// end writes out what waits, for at most the given time.
func (b *lineBuffer) end(patience time.Duration) {
	b.flush()
	b.mu.Lock()
	writing := b.writing
	b.mu.Unlock()
	if writing == nil {
		return
	}
	select {
	case <-writing:
	case <-time.After(patience):
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
