package gate

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/payout"
)

// Listen wraps Gate's listener, so that what net/http answers before there is a handler (a request without Host, with two
// lengths, with an unknown Expect, one that cannot be read) is JSON like all other answers, in the log as well. net/http
// has no hook for these: it writes them to the connection, in a form that no answer of a handler of Gate's has.
func (g *Gate) Listen(ln net.Listener) net.Listener { return &listener{ln, g} }

type listener struct {
	net.Listener
	gate *Gate
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{c, l.gate}, nil
}

// conn is a connection of Gate's listener.
type conn struct {
	net.Conn
	gate *Gate
}

// CloseWrite lets net/http end its side first, so that a client that is still sending reads the answer.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Write hands bytes on, and instead of an answer that is net/http's own one of Gate's.
func (c *conn) Write(p []byte) (int, error) {
	status, reason, ok := ownAnswer(p)
	if !ok {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(c.gate.unread(c.RemoteAddr(), status, reason)); err != nil {
		return 0, err
	}
	return len(p), nil
}

const (
	ownHeader   = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	emptyLength = "\r\nContent-Length: 0\r\n"
)

// ownAnswer recognises an answer that net/http gives without a handler. The reason is empty where it gives none; it is
// never a part of the request.
func ownAnswer(p []byte) (status int, reason string, ok bool) {
	if len(p) < 12 || !bytes.HasPrefix(p, []byte("HTTP/1.")) || p[9] != '4' && p[9] != '5' {
		return 0, "", false
	}
	status, err := strconv.Atoi(string(p[9:12]))
	if err != nil {
		return 0, "", false
	}
	if status == http.StatusExpectationFailed {
		return status, "", bytes.Contains(p, []byte(emptyLength)) && bytes.HasSuffix(p, []byte("\r\n\r\n"))
	}
	line, _, _ := bytes.Cut(p, []byte("\r\n"))
	if !bytes.HasPrefix(p[len(line):], []byte(ownHeader)) {
		return 0, "", false
	}
	_, reason, _ = strings.Cut(string(line), ": ")
	return status, reason, true
}

// unread is Gate's answer to a request that did not come as far as a handler: the whole message.
func (g *Gate) unread(from net.Addr, status int, reason string) []byte {
	r := (&http.Request{Header: http.Header{}, URL: &url.URL{}, RemoteAddr: from.String()}).WithContext(context.Background())
	x := &exchange{gate: g, r: r, route: &noRoute, started: time.Now()}
	f := fail(status, payout.CodeMalformed, "", unreadWords(status, reason))
	if reason != "" {
		f.cause = errors.New("net/http: " + reason)
	}
	body := x.refuse(nil, f)
	var answer bytes.Buffer
	answer.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\nContent-Type: " + jsonType[0] +
		"\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nDate: " + x.started.UTC().Format(http.TimeFormat) + "\r\nConnection: close\r\n\r\n")
	answer.Write(body)
	g.report(x)
	return answer.Bytes()
}

func unreadWords(status int, reason string) string {
	switch {
	case status == http.StatusExpectationFailed:
		return "the header Expect may be 100-continue only; leave it out"
	case status == http.StatusRequestHeaderFieldsTooLarge:
		return "the lines of the request's header are too long together; send fewer or shorter ones"
	case status == http.StatusNotImplemented:
		return "the header Transfer-Encoding may be chunked only; leave it out and send Content-Length"
	case status == http.StatusHTTPVersionNotSupported:
		return "this version of HTTP is not supported; use HTTP/1.1"
	case reason != "":
		return "the request cannot be read as HTTP/1.1: " + reason
	}
	return "the request cannot be read as HTTP/1.1; look for a wrong request line, a line of the header that is none, a wrong length, and a Host or Content-Length that stands twice"
}
