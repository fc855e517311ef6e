package callback

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// swallow reads until the other side hangs up.
func swallow(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// slowly writes one byte a second, while it swallows what comes.
func slowly(c net.Conn, text string) {
	go swallow(c)
	for i := range len(text) {
		time.Sleep(time.Second)
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			return
		}
	}
}

// says reads the request and answers with these bytes, and then with nothing until the other side hangs up.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		go swallow(c)
		_, _ = io.WriteString(c, text)
		time.Sleep(time.Hour)
	}
}

// withoutEnd writes the same bytes again and again.
func withoutEnd(first, again string, every time.Duration) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil { // what comes before it is no answer to it
			return
		}
		go swallow(c)
		_, err := io.WriteString(c, first)
		for ; err == nil; _, err = io.WriteString(c, again) {
			time.Sleep(every)
		}
	}
}

// secure makes an endpoint speak TLS.
func secure(config *tls.Config, f func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) { f(tls.Server(c, config)) }
}

// dripping is a connection whose writes take a second for each byte.
type dripping struct{ net.Conn }

func (d dripping) Write(b []byte) (int, error) {
	for i := range b {
		time.Sleep(time.Second)
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// certificate makes TLS configurations of an endpoint and of whoever trusts it.
func certificate() (server, client *tls.Config) {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: roots, ServerName: "example.com"}
}

// hostile are endpoints that hold an attempt where they can: one for each phase of it and more.
func hostile(server *tls.Config) []struct {
	name   string
	f      func(net.Conn) // nil: nobody takes the connection
	scheme string
	status int // 0: no answer
	took   time.Duration
} {
	const ok = "HTTP/1.1 200 OK\r\n"
	const upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
	field := "X: " + strings.Repeat("x", 1000) + "\r\n"
	type row = struct {
		name   string
		f      func(net.Conn)
		scheme string
		status int
		took   time.Duration
	}
	return []row{
		{"connect", nil, "http", 0, attemptTimeout},
		{"handshake", swallow, "https", 0, attemptTimeout},
		{"handshake that is not read", func(net.Conn) { time.Sleep(time.Hour) }, "https", 0, attemptTimeout},
		{"handshake byte by byte", func(c net.Conn) { _ = tls.Server(dripping{c}, server).Handshake() }, "https", 0, attemptTimeout},
		{"request that is not read", func(net.Conn) { time.Sleep(time.Hour) }, "http", 0, attemptTimeout},
		{"no answer", swallow, "http", 0, attemptTimeout},
		{"no answer through TLS", secure(server, swallow), "https", 0, attemptTimeout},
		{"status line byte by byte", func(c net.Conn) { slowly(c, ok+"\r\n") }, "http", 0, attemptTimeout},
		{"interim answers without end", withoutEnd("", "HTTP/1.1 102 Processing\r\n\r\n", 5*time.Second), "http", 0, attemptTimeout},

		{"header byte by byte", func(c net.Conn) { says(ok)(dripping{c}) }, "http", 0, attemptTimeout},
		{"header that stalls", says(ok + "X: "), "http", 200, answerTime},
		{"header that stalls through TLS", secure(server, says(ok+"X: ")), "https", 200, answerTime},
		{"header that stalls after an interim answer", says("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + ok), "http", 200, answerTime},
		{"header that drips", withoutEnd(ok, "X", 100*time.Millisecond), "http", 200, answerTime},
		{"header of 70 kB", says(ok + strings.Repeat(field, 70) + "\r\n"), "http", 200, 0},
		{"header without end", withoutEnd(ok, field, 0), "http", 200, 0},
		{"two lengths", says(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), "http", 200, 0},
		{"a field without colon", says(ok + "nonsense\r\n\r\n"), "http", 200, 0},
		{"an unknown transfer coding", says(ok + "Transfer-Encoding: x\r\n\r\n"), "http", 200, 0},
		{"a refusal with two lengths", says("HTTP/1.1 503 Busy\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "http", 503, 0},
		{"body that stalls", says(ok + "Content-Length: 9\r\n\r\nfirst"), "http", 200, answerTime},
		{"body byte by byte", withoutEnd(ok+"\r\n", "x", 100*time.Millisecond), "http", 200, answerTime},

		{"upgrade", says(upgrade), "http", 101, 0},
		{"upgrade that goes on", withoutEnd(upgrade, "x", 100*time.Millisecond), "http", 101, 0},
		{"upgrade through TLS", secure(server, says(upgrade)), "https", 101, 0},
	}
}

// Whatever an endpoint does, an attempt ends within its limit, and its connection with it. That no goroutine is left is
// what synctest asks of every test.
func TestNoEndpointHoldsAnAttempt(t *testing.T) {
	server, client := certificate()
	for _, c := range hostile(server) {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork()
				if c.f != nil {
					n.serveRaw("hostile", c.f)
				}
				s := newSender(&Config{DialContext: n.dial, TLS: client})
				start := time.Now()
				status, _, err := s.post(t.Context(), project, parsed(t, c.scheme+"://hostile/"), []byte("{}"), nil)
				if took := time.Since(start); status != c.status || took != c.took || (err == nil) != (c.status != 0) {
					t.Errorf("status %d, %v after %s; want %d after %s", status, err, took, c.status, c.took)
				}
				time.Sleep(farewell)
				if open, _ := n.connections(); open != 0 || s.connector.total() != 0 {
					t.Errorf("%d connections are open, and %d are counted", open, s.connector.total())
				}
				time.Sleep(2 * time.Hour) // until the endpoint has ended, too
			})
		})
	}
}

func TestALookUpEndsWithItsAttempt(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	n.serveRaw("resolver", swallow)
	silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return n.dial(ctx, network, "resolver:53")
	}}
	s := newSender(&Config{DialContext: (&net.Dialer{Resolver: silent}).DialContext})
	s.limit = 200 * time.Millisecond
	if _, _, err := s.post(t.Context(), project, parsed(t, "http://shop.example/"), []byte("{}"), nil); err == nil {
		t.Error("an answer of a host that could not be looked up")
	}
	start := time.Now()
	for open, most := n.connections(); open != 0 || most == 0; open, most = n.connections() {
		if time.Sleep(time.Millisecond); time.Since(start) > time.Minute {
			t.Fatalf("%d of %d connections to the resolver are still open", open, most)
		}
	}
}

// A connection that has served an attempt says nothing about the next one.
func TestEachAttemptHasAStatusOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		n.serveRaw("shop", func(c net.Conn) {
			r := bufio.NewReader(c)
			for _, answer := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""} {
				request, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, request.Body)
				_, _ = io.WriteString(c, answer)
			}
			swallow(c)
		})
		s := newSender(&Config{DialContext: n.dial})
		if status, _, err := s.post(t.Context(), project, parsed(t, "http://shop/"), []byte("{}"), nil); status != 200 || err != nil {
			t.Fatalf("first: %d, %v", status, err)
		}
		if status, _, err := s.post(t.Context(), project, parsed(t, "http://shop/"), []byte("{}"), nil); status != 0 || err == nil {
			t.Errorf("second, not answered: %d, %v", status, err)
		}
		if _, most := n.connections(); most != 1 {
			t.Errorf("%d connections, want one that is kept", most)
		}
	})
}

// A merchant that has many connections open keeps no more.
func TestAMerchantKeepsSoManyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		s := newSender(&Config{DialContext: n.dial})
		for i := range 3 * keptConnections {
			host := fmt.Sprint("shop", i)
			n.serve(host, func(http.ResponseWriter, *http.Request) {})
			if status, _, err := s.post(t.Context(), project, parsed(t, "http://"+host+"/"), []byte("{}"), nil); status != 200 || err != nil {
				t.Fatalf("%s: %d, %v", host, status, err)
			}
			synctest.Wait()
		}
		if open, most := n.connections(); open != keptConnections || most > keptConnections+1 {
			t.Errorf("%d connections are open, %d at once, want %d", open, most, keptConnections)
		}
		time.Sleep(2 * time.Minute)
		if open, _ := n.connections(); open != 0 || s.connector.total() != 0 {
			t.Errorf("%d connections are open after two idle minutes, and %d are counted", open, s.connector.total())
		}
		n.close()
	})
}

// FuzzStatusLine: whatever net/http takes for an answer, the status is the same, in whatever pieces it comes.
func FuzzStatusLine(f *testing.F) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200\n\n", "HTTP/1.1 503  Busy\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 101 Up\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/2.0 200\r\n\r\n",
		"HTTP/1.1 103 Hints\r\nX: HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 +20 OK\r\n\r\n", "HTTP/1.1 200\tOK\r\n\r\n",
	} {
		f.Add([]byte(text), byte(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, piece byte) {
		var line statusLine
		got, done := 0, false
		for rest := b; len(rest) > 0 && !done; {
			n := min(len(rest), int(piece)+1)
			got, done = line.read(rest[:n])
			rest = rest[n:]
		}
		r := bufio.NewReader(bytes.NewReader(b))
		for {
			answer, err := http.ReadResponse(r, nil)
			if err != nil {
				return
			}
			_ = answer.Body.Close()
			if answer.StatusCode/100 == 1 && answer.StatusCode != http.StatusSwitchingProtocols { // another answer follows
				continue
			}
			if answer.StatusCode >= 100 && got != answer.StatusCode && len(b) < maxStatusLine {
				t.Errorf("%q: %d, net/http says %d", b, got, answer.StatusCode)
			}
			return
		}
	})
}

// total is how many connections of all projects are counted as open.
func (c *connector) total() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, open := range c.open {
		n += open
	}
	return n
}
