package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/pgtest"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestStandbyIsAnOutage leads a node to a hot standby and back, as a fail-over of DNS or of a proxy does: while it lasts,
// callers are told that the database is away and nobody reads what is old; afterwards everything flows.
func TestStandbyIsAnOutage(t *testing.T) {
	for name, cut := range map[string]bool{"connections are cut": true, "connections that stand go on": false} {
		t.Run(name, func(t *testing.T) {
			primary, standby := pgtest.WithStandby(t)
			way := newRoute(t, primary)
			s := open(t, way.address(t, primary))
			createProject(t, s, 210, 1_000_000)
			var stop atomic.Bool
			var wg sync.WaitGroup
			var accepted, refused atomic.Int64
			for worker := range 8 {
				wg.Go(func() {
					for i := 0; !stop.Load(); {
						id := fmt.Sprintf("p%d-%d", worker, i)
						if _, err := s.Accept(t.Context(), newPayout(210, id, 100)); err != nil {
							if !errors.Is(err, store.ErrUnavailable) {
								t.Errorf("%s: %v", id, err)
							}
							refused.Add(1)
							continue // the same again, as clients do
						}
						i++
						accepted.Add(1)
						if _, err := s.PaymentView(t.Context(), 210, id); err != nil && !store.Unavailable(err) {
							t.Errorf("%s is accepted, and then: %v", id, err)
						}
					}
				})
			}
			for range 2 {
				until(t, "payouts before", func() bool { return accepted.Load() > 20 })
				way.lead(standby, cut)
				if cut {
					before := refused.Load()
					until(t, "a refusal", func() bool { return refused.Load() > before })
					if err := s.Ready(t.Context()); err == nil {
						t.Error("ready, with a standby behind it")
					}
				}
				way.lead(primary, cut)
				before := accepted.Load()
				until(t, "payouts after", func() bool { return accepted.Load() > before+20 })
			}
			stop.Store(true)
			wg.Wait()
			until(t, "ready", func() bool { return s.Ready(t.Context()) == nil })
			if a, h, _ := balance(t, s, 210); h != 100*accepted.Load() || a != 1_000_000-h {
				t.Errorf("available %d, held %d; %d payouts were accepted", a, h, accepted.Load())
			}
		})
	}
}

// A session whose server has become read-only under it, as one behind a pooler may, is replaced, and so are the readers'.
func TestReadOnlySessionIsReplaced(t *testing.T) {
	s := open(t, pgtest.URL(t))
	createProject(t, s, 210, 1000)
	if err := s.MakeSessionReadOnly(t.Context()); err != nil {
		t.Fatal(err)
	}
	lost := s.Lost()
	if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
		t.Errorf("the commit after: %v", err)
	}
	if s.Lost() == lost {
		t.Error("the readers have kept their connections")
	}
}

func TestServerDoesNotStartOnAStandby(t *testing.T) {
	primary, standby := pgtest.WithStandby(t)
	s := open(t, primary)
	createProject(t, s, 210, 1000)
	other, err := store.Open(t.Context(), store.Config{URL: standby, Keyset: storetest.Keyset(), Serve: true})
	if err == nil {
		t.Error("it started")
		_ = other.Close(t.Context())
	}
}

// until waits for what comes about by itself.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// route is a TCP proxy that can be led elsewhere.
type route struct {
	listener net.Listener
	mu       sync.Mutex
	target   string
	open     map[net.Conn]bool
	silence  sync.RWMutex // held for writing while nothing is carried
}

// swallow carries nothing on, and cuts nothing off, until the function that it returns is called.
func (r *route) swallow() (release func()) {
	r.silence.Lock()
	return r.silence.Unlock
}

// carrier writes what a route carries.
type carrier struct {
	route *route
	to    net.Conn
}

func (c carrier) Write(p []byte) (int, error) {
	c.route.silence.RLock()
	defer c.route.silence.RUnlock()
	return c.to.Write(p)
}

func newRoute(t *testing.T, to string) *route {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &route{listener: listener, open: make(map[net.Conn]bool)}
	r.lead(to, false)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go r.carry(from)
		}
	}()
	return r
}

// address is the address of a database by way of the route.
func (r *route) address(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = r.listener.Addr().String()
	return u.String()
}

// lead leads new connections to the server of a database, and cuts off those that stand where cut says so.
func (r *route) lead(to string, cut bool) {
	u, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = u.Host
	if cut {
		for c := range r.open {
			_ = c.Close()
		}
	}
}

func (r *route) carry(from net.Conn) {
	r.mu.Lock()
	target := r.target
	r.mu.Unlock()
	to, err := new(net.Dialer).DialContext(context.Background(), "tcp", target)
	if err != nil {
		_ = from.Close()
		return
	}
	r.mu.Lock()
	moved := r.target != target
	r.open[from], r.open[to] = true, true
	r.mu.Unlock()
	if moved { // meanwhile
		_, _ = from.Close(), to.Close()
	}
	go func() {
		_, _ = io.Copy(carrier{r, to}, from)
		_, _ = from.Close(), to.Close()
	}()
	_, _ = io.Copy(carrier{r, from}, to)
	_, _ = from.Close(), to.Close()
	r.mu.Lock()
	delete(r.open, from)
	delete(r.open, to)
	r.mu.Unlock()
}
