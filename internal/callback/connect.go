package callback

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"code.dny.dev/ssrf"
)

// keptConnections is how many open connections a merchant may have for its attempts to leave theirs open for the next one.
// So a merchant has as many at most as attempts under way, and these. A busy endpoint has 64 attempts under way
// (pools[quick].LaneRunning), each on a connection, and some that are on their way back: with room for those only, every
// attempt would close its own, and the next one make another.
const keptConnections = 192

// How far an attempt came.
const (
	notConnected int32 = iota
	connected          // TLS may still have to be agreed
	asked              // the request is on its way
)

// attempt is one request on its way, for the connections that serve it.
type attempt struct {
	ctx     context.Context // ends with the attempt
	owner   int64           // merchant, or project of none
	hurry   func()          // called once the status is known
	reached atomic.Int32    // how far it came
	status  atomic.Int32    // of the answer; 0: its status line has not been read
}

type attemptKey struct{}

// started makes an attempt that connections find in the context that is returned.
func started(ctx context.Context, owner int64, hurry func()) (context.Context, *attempt) {
	a := &attempt{owner: owner, hurry: hurry}
	ctx = context.WithValue(ctx, attemptKey{}, a)
	a.ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		if c, ok := got.Conn.(*conn); ok {
			c.serve(a)
		}
	}})
	return a.ctx, a
}

// answered notes what the answer's status line said.
func (a *attempt) answered(status int) {
	a.status.Store(int32(status))
	a.hurry()
}

// connector makes connections that end with the attempt that they are made for, however far they have come: net/http
// goes on with a look-up, a dial or a handshake after the request that wanted it has ended.
type connector struct {
	dialer func(ctx context.Context, network, address string) (net.Conn, error)
	tls    *tls.Config

	mu   sync.Mutex
	open map[int64]int // connections by owner
}

func newConnector(c *Config) *connector {
	dial := c.DialContext
	if dial == nil {
		// Go's own resolver: the C library's cannot be ended.
		dial = newDialer(&net.Resolver{PreferGo: true}, c.AllowPrivate).DialContext
	}
	config := c.TLS
	if config == nil {
		config = &tls.Config{}
	}
	return &connector{dialer: dial, tls: config, open: make(map[int64]int)}
}

// newDialer makes a dialer that judges each address that a name leads to when it connects to it: what the name led to
// before, or leads to afterwards, does not matter.
func newDialer(resolver *net.Resolver, allowPrivate bool) *net.Dialer {
	dialer := &net.Dialer{Resolver: resolver}
	if !allowPrivate {
		dialer.Control = ssrf.New(ssrf.WithAnyPort()).Safe
	}
	return dialer
}

// count adds to an owner's open connections.
func (c *connector) count(owner int64, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[owner] += n; c.open[owner] == 0 {
		delete(c.open, owner)
	}
}

// crowded tells whether an owner has so many open connections that none more is kept.
func (c *connector) crowded(owner int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[owner] >= keptConnections
}

// dial connects in plain text. ctx must be an attempt's.
func (c *connector) dial(ctx context.Context, network, address string) (net.Conn, error) {
	a := ctx.Value(attemptKey{}).(*attempt)
	raw, err := c.dialer(a.ctx, network, address)
	if err != nil {
		return nil, err
	}
	a.reached.Store(connected)
	c.count(a.owner, 1)
	return &conn{Conn: raw, raw: raw, closed: sync.OnceFunc(func() { c.count(a.owner, -1) })}, nil
}

// dialTLS connects and agrees on TLS.
func (c *connector) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	a := ctx.Value(attemptKey{}).(*attempt)
	plain, err := c.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config := c.tls.Clone()
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
			plain.Close()
			return nil, err
		}
	}
	secured := plain.(*conn)
	client := tls.Client(secured.raw, config)
	if err := client.HandshakeContext(a.ctx); err != nil {
		plain.Close()
		return nil, err
	}
	secured.Conn = client
	return secured, nil
}

// conn is a connection that reads along, for the status line of the answer to the attempt that it serves.
type conn struct {
	net.Conn          // what net/http talks through
	raw      net.Conn // below TLS
	closed   func()

	mu      sync.Mutex
	attempt *attempt // nil: none that waits for its status
	line    statusLine
}

// serve begins an attempt: what is read from now on answers it.
func (c *conn) serve(a *attempt) {
	a.status.Store(0) // of a connection that broke, and the request was sent again
	a.reached.Store(asked)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempt, c.line = a, statusLine{}
}

// Read reads along.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.attempt == nil {
		return n, err
	}
	if status, done := c.line.read(b[:n]); done {
		if status != 0 {
			c.attempt.answered(status)
		}
		c.attempt = nil
	}
	return n, err
}

// farewell is how long closing may take. TLS says goodbye, and whoever does not read would make it wait.
const farewell = time.Second

// Close closes the connection.
func (c *conn) Close() error {
	defer c.closed()
	if c.Conn == c.raw {
		return c.raw.Close()
	}
	cut := time.AfterFunc(farewell, func() { c.raw.Close() })
	defer cut.Stop()
	return c.Conn.Close()
}
