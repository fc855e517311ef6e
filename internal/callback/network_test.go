package callback

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// network is an internet of hosts behind net.Pipe, for virtual time. A host that nobody serves is dead: it swallows
// what is sent to it.
type network struct {
	mu      sync.Mutex
	hosts   map[string]*pipeListener
	refuses map[string]bool
	servers []*http.Server
	raw     map[string]func(net.Conn)
	open    int // connections, seen from whoever dialled
	most    int // of them at once
}

func newNetwork() *network {
	return &network{hosts: make(map[string]*pipeListener), refuses: make(map[string]bool), raw: make(map[string]func(net.Conn))}
}

// serve puts a host on the network.
func (n *network) serve(host string, f http.HandlerFunc) {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := &http.Server{Handler: f}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host] = l
	n.servers = append(n.servers, s)
	go func() { _ = s.Serve(l) }()
}

// serveRaw puts a host on the network that does with its connections what it likes; they are closed when f returns.
func (n *network) serveRaw(host string, f func(net.Conn)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.raw[host] = f
}

// connections says how many connections are open, and how many were at once at most.
func (n *network) connections() (open, most int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open, n.most
}

func (n *network) count(change int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open += change
	n.most = max(n.most, n.open)
}

// counted is a connection that the network counts until it is closed.
type counted struct {
	net.Conn
	closed func()
}

func (c *counted) Close() error {
	c.closed()
	return c.Conn.Close()
}

// pipe makes a connection.
func (n *network) pipe() (ours, theirs net.Conn) {
	ours, theirs = net.Pipe()
	n.count(1)
	return &counted{Conn: ours, closed: sync.OnceFunc(func() { n.count(-1) })}, theirs
}

// refuse makes a host refuse connections.
func (n *network) refuse(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuses[host] = true
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	l, refuses, raw := n.hosts[host], n.refuses[host], n.raw[host]
	n.mu.Unlock()
	if raw != nil {
		ours, theirs := n.pipe()
		go func() {
			defer theirs.Close()
			raw(theirs)
		}()
		return ours, nil
	}
	if refuses {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	if l == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ours, theirs := n.pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		ours.Close()
		return nil, errors.New("closed")
	case <-ctx.Done():
		ours.Close()
		return nil, ctx.Err()
	}
}

func (n *network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.servers {
		s.Close()
	}
}

type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
