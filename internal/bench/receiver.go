package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"flashpay/client"
)

// receiver is the merchant's side of the callbacks: a lean HTTP server that verifies each one and acknowledges it.
type receiver struct {
	listener net.Listener
	run      string
	keys     map[int64]string // by project

	delivered atomic.Int64 // payouts of which a callback has come
	repeated  atomic.Int64 // callbacks of which one had come before

	mu    sync.Mutex
	seen  []bool // by number
	due   map[int64]time.Time
	waits []time.Duration // from the moment a payout was due to its callback
	fault error           // the first callback that was not as it must be
	conns map[net.Conn]struct{}
	done  sync.WaitGroup
}

// receive starts a receiver on a free port of this machine.
func receive(run string) (*receiver, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("bench: listening for callbacks: %w", err)
	}
	return &receiver{listener: ln, run: run, keys: make(map[int64]string), due: make(map[int64]time.Time), conns: make(map[net.Conn]struct{})}, nil
}

// url is where the callbacks of a project go.
func (r *receiver) url(projectID int64) string {
	return "http://" + r.listener.Addr().String() + callbackPath + strconv.FormatInt(projectID, 10)
}

const callbackPath = "/callback/"

// start serves. The keys must be complete.
func (r *receiver) start() {
	r.done.Go(func() {
		for {
			conn, err := r.listener.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns[conn] = struct{}{}
			r.mu.Unlock()
			r.done.Go(func() { r.serve(conn) })
		}
	})
}

func (r *receiver) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	for conn := range r.conns {
		_ = conn.Close()
	}
	r.mu.Unlock()
	r.done.Wait()
}

var acknowledged = []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

func (r *receiver) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		r.mu.Lock()
		delete(r.conns, conn)
		r.mu.Unlock()
	}()
	in := bufio.NewReaderSize(conn, 8<<10)
	var body []byte
	for {
		project, length, err := readHead(in)
		if err != nil {
			return
		}
		if cap(body) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		for got := 0; got < length; {
			n, err := in.Read(body[got:])
			if got += n; err != nil {
				return
			}
		}
		if err := r.take(project, body); err != nil {
			r.fail(err)
			return // unacknowledged
		}
		if _, err := conn.Write(acknowledged); err != nil {
			return
		}
	}
}

// readHead reads a request's head: the project in its path, and the length of its body.
func readHead(in *bufio.Reader) (project int64, length int, err error) {
	length = -1
	for first := true; ; first = false {
		text, err := in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		text = bytes.TrimRight(text, "\r\n")
		switch {
		case len(text) == 0 && length < 0:
			return 0, 0, errors.New("bench: a callback without Content-Length")
		case len(text) == 0:
			return project, length, nil
		case first:
			_, path, _ := bytes.Cut(text, []byte(callbackPath))
			number, _, _ := bytes.Cut(path, []byte(" "))
			if project, err = strconv.ParseInt(string(number), 10, 64); err != nil {
				return 0, 0, fmt.Errorf("bench: a callback to %q", text)
			}
		case bytes.HasPrefix(text, lengthIs[2:]):
			if length, err = strconv.Atoi(string(text[len(lengthIs)-2:])); err != nil || length > client.MaxCallback {
				return 0, 0, fmt.Errorf("bench: a callback with %q", text)
			}
		}
	}
}

// take verifies a callback and counts it.
func (r *receiver) take(project int64, body []byte) error {
	c, err := client.ParseCallback(body, r.keys[project])
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	number, ours := numberOf(c.ID, r.run)
	if !ours {
		return nil // of an earlier run on this database
	}
	if c.Status != client.StatusSuccess || c.Operation.SumConverted.Amount != amount {
		return fmt.Errorf("bench: payout %s ended as %s with %d %s, code %s (%s)", c.ID, c.Status, c.Sum.Amount, c.Sum.Currency, c.Operation.Code, c.Operation.Message)
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for int64(len(r.seen)) <= number {
		r.seen = append(r.seen, make([]bool, 1<<16)...)
	}
	if r.seen[number] {
		r.repeated.Add(1)
		return nil
	}
	r.seen[number] = true
	r.delivered.Add(1)
	if at, ok := r.due[number]; ok {
		r.waits = append(r.waits, now.Sub(at))
		delete(r.due, number)
	}
	return nil
}

// expect has the wait for a payout's callback measured.
func (r *receiver) expect(number int64, due time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due[number] = due
}

// waited returns the waits measured since it was last asked.
func (r *receiver) waited() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.waits
	r.waits = nil
	return out
}

func (r *receiver) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil {
		r.fault = err
	}
}

// err is the first callback that was not as it must be.
func (r *receiver) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault
}
