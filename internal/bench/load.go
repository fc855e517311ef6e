package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The load generator writes requests that are laid out beforehand to bare connections and reads no more of the answers
// than it must, so that on one machine it takes little from what it measures; and it is the same for all stages.

// answerTimeout is how long an answer may take before the run fails.
const answerTimeout = 30 * time.Second

// load sends payouts over its connections, one at a time on each.
type load struct {
	templates []*template // one for each project, taken in turn
	next      *atomic.Int64
	lines     []*line
}

// line is one connection.
type line struct {
	conn net.Conn
	room request
	in   []byte
}

// dial opens the connections.
func dial(ctx context.Context, address string, connections int, templates []*template, next *atomic.Int64) (*load, error) {
	l := &load{templates: templates, next: next}
	var d net.Dialer
	for range connections {
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("bench: connecting: %w", err)
		}
		l.lines = append(l.lines, &line{conn: conn, in: make([]byte, 4096)})
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.lines {
		_ = c.conn.Close()
	}
}

// closed keeps every connection busy for a while: each sends its next payout as soon as the last one is answered. It
// returns how many were answered, and how long that took.
func (l *load) closed(ctx context.Context, d time.Duration) (answered int64, took time.Duration, err error) {
	start := time.Now()
	var sum atomic.Int64
	err = l.each(ctx, d, func(c *line) error {
		mine := int64(0)
		defer func() { sum.Add(mine) }()
		for ctx.Err() == nil && time.Since(start) < d {
			if err := c.exchange(l.request(c, l.next.Add(1)-1)); err != nil {
				return err
			}
			mine++
		}
		return nil
	})
	return sum.Load(), time.Since(start), err
}

// paced sends payouts at a constant rate, whether the earlier ones are answered or not, as long as a connection is
// free; each latency counts from the moment at which its payout was due, so that a stall shows in all that it delays.
// due, where given, is told when a payout is due.
func (l *load) paced(ctx context.Context, d time.Duration, perSecond float64, due func(number int64, at time.Time)) ([]time.Duration, error) {
	total := int64(d.Seconds() * perSecond)
	start := time.Now()
	var turn atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	err := l.each(ctx, d, func(c *line) error {
		var mine []time.Duration
		defer func() {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
		}()
		for ctx.Err() == nil {
			i := turn.Add(1) - 1
			if i >= total {
				return nil
			}
			at := start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
			number := l.next.Add(1) - 1
			if due != nil {
				due(number, at)
			}
			wire := l.request(c, number)
			time.Sleep(time.Until(at))
			if err := c.exchange(wire); err != nil {
				return err
			}
			mine = append(mine, time.Since(at))
		}
		return nil
	})
	slices.Sort(all)
	return all, err
}

// each runs a sender on every connection.
func (l *load) each(ctx context.Context, d time.Duration, send func(*line) error) error {
	deadline := time.Now().Add(d + answerTimeout)
	stop := context.AfterFunc(ctx, func() { // answers that are under way are not waited for
		for _, c := range l.lines {
			_ = c.conn.SetDeadline(time.Now())
		}
	})
	defer stop()
	errs := make([]error, len(l.lines))
	var senders sync.WaitGroup
	for i, c := range l.lines {
		senders.Go(func() {
			if errs[i] = c.conn.SetDeadline(deadline); errs[i] == nil {
				errs[i] = send(c)
			}
		})
	}
	senders.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, err := range errs { // one says it all
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *load) request(c *line, number int64) []byte {
	return l.templates[number%int64(len(l.templates))].request(&c.room, number)
}

var (
	endOfHead = []byte("\r\n\r\n")
	lengthIs  = []byte("\r\nContent-Length: ")
	accepted  = []byte(`"status":"success"`)
)

// exchange sends one request and reads its answer, which must be 200 with status success.
func (c *line) exchange(wire []byte) error {
	if _, err := c.conn.Write(wire); err != nil {
		return fmt.Errorf("bench: sending a request: %w", err)
	}
	answer, head, err := c.read()
	if err != nil {
		return fmt.Errorf("bench: reading an answer: %w", err)
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) || !bytes.Contains(answer[head:], accepted) {
		status, _, _ := bytes.Cut(answer, []byte("\r\n"))
		return fmt.Errorf("bench: a payout was not accepted: %s: %s", status, answer[head:])
	}
	return nil
}

// read reads one answer and says where its body begins.
func (c *line) read() (answer []byte, head int, err error) {
	got, want := 0, 0
	for {
		if got == len(c.in) {
			return nil, 0, errors.New("the answer is too long")
		}
		n, err := c.conn.Read(c.in[got:])
		got += n
		if want == 0 {
			if head = bytes.Index(c.in[:got], endOfHead); head >= 0 {
				length, ok := contentLength(c.in[:head+2])
				if !ok {
					return nil, 0, errors.New("the answer has no Content-Length")
				}
				head += len(endOfHead)
				want = head + length
			}
		}
		switch {
		case want > 0 && got == want:
			return c.in[:got], head, nil
		case want > 0 && got > want:
			return nil, 0, errors.New("the answer is longer than it says")
		case errors.Is(err, io.EOF):
			return nil, 0, io.ErrUnexpectedEOF
		case err != nil:
			return nil, 0, err
		}
	}
}

// contentLength finds the length of a message's body in its head, as Go's servers and clients write it.
func contentLength(head []byte) (int, bool) {
	i := bytes.Index(head, lengthIs)
	if i < 0 {
		return 0, false
	}
	text, _, _ := bytes.Cut(head[i+len(lengthIs):], []byte("\r\n"))
	n, err := strconv.Atoi(string(text))
	return n, err == nil && n >= 0
}
