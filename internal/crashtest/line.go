package crashtest

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// line is a connection of a node to what it needs, which can be led elsewhere, broken, or made silent.
type line struct {
	listener net.Listener
	silence  sync.RWMutex // held for writing while nothing is carried on

	mu     sync.Mutex
	target string // empty: nobody answers
	open   map[net.Conn]bool
}

func newLine(target string) (*line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("crashtest: a line to %s: %w", target, err)
	}
	l := &line{listener: listener, target: target, open: make(map[net.Conn]bool)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(conn)
		}
	}()
	return l, nil
}

func (l *line) address() string { return l.listener.Addr().String() }

// lead leads new connections to a target, and breaks those that stand. It returns where they led before.
func (l *line) lead(target string) (before string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, l.target = l.target, target
	for conn := range l.open {
		_ = conn.Close()
	}
	return before
}

func (l *line) carry(from net.Conn) {
	defer func() { _ = from.Close() }()
	l.mu.Lock()
	target := l.target
	l.mu.Unlock()
	to, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	l.mu.Lock()
	moved := l.target != target
	l.open[from], l.open[to] = true, true
	l.mu.Unlock()
	if moved { // meanwhile
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(carrier{l, from}, to)
		_ = from.Close()
	})
	_, _ = io.Copy(carrier{l, to}, from)
	_ = to.Close()
	back.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, from)
	delete(l.open, to)
}

func (l *line) close() {
	_ = l.listener.Close()
	l.lead("")
}

// carrier writes what a line carries.
type carrier struct {
	line *line
	to   net.Conn
}

// Write implements io.Writer.
func (c carrier) Write(p []byte) (int, error) {
	c.line.silence.RLock()
	defer c.line.silence.RUnlock()
	return c.to.Write(p)
}
