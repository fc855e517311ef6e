package callback

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"code.dny.dev/ssrf"

	"flashpay/internal/wire"
)

const (
	attemptTimeout = 15 * time.Second // of one attempt, from looking up the host to the status line
	answerTime     = time.Second      // how long the answer's body is waited for, once its status is known
	answerRead     = 64 << 10         // bytes of it that are read
	answerKept     = 1 << 10          // bytes of it that the delivery log keeps
	errorKept      = 300              // characters of an error that it keeps
	userAgent      = "flashpay-callback/1"
)

// Causes of an attempt's end.
var (
	errTimeout = errors.New("callback: time is up")
	errStopped = errors.New("callback: the server stops")
)

// sender makes the requests.
type sender struct {
	transport *http.Transport
}

func newSender(c *Config) *sender {
	dial := c.DialContext
	if dial == nil {
		dialer := &net.Dialer{}
		if !c.AllowPrivate {
			dialer.Control = ssrf.New(ssrf.WithAnyPort()).Safe // sees the address that the name led to
		}
		dial = dialer.DialContext
	}
	// One request a connection at a time (HTTP/1.1): where connections were shared, one merchant's stalled answer
	// would hold up another's.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &sender{transport: &http.Transport{
		Proxy:                  nil, // never the environment's: it would call private addresses for us
		DialContext:            dial,
		TLSClientConfig:        c.TLS,
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    pools[quick].Running, // the lanes of many projects may lead to one host
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: answerRead,
	}}
}

// post makes one attempt: it returns the answer's status and the first part of its body, or why there is no answer.
// Redirects are answers like any other.
func (s *sender) post(ctx context.Context, to *url.URL, body []byte) (status int, answer []byte, err error) {
	var connected atomic.Bool
	ctx, cancel := context.WithCancelCause(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	defer cancel(nil)
	timer := time.AfterFunc(attemptTimeout, func() { cancel(errTimeout) })
	defer timer.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, errors.New("the callback URL cannot be used")
	}
	if to.User != nil {
		password, _ := to.User.Password()
		req.SetBasicAuth(to.User.Username(), password)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	// Not sent, being empty: it lets the transport repeat the request where a kept connection turns out to be closed.
	req.Header["Idempotency-Key"] = []string{}
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return 0, nil, explain(err, context.Cause(ctx), connected.Load())
	}
	timer.Stop()
	timer = time.AfterFunc(answerTime, func() { cancel(errTimeout) })
	defer timer.Stop()
	answer = readFirst(resp.Body)
	resp.Body.Close()
	return resp.StatusCode, answer, nil
}

// readFirst returns what the log keeps of a body, and reads on within the limit so that the connection can be kept.
// The status says everything, so it does not matter where the body breaks off. An endpoint that answers with what it was
// sent shows nobody the signature.
func readFirst(r io.Reader) []byte {
	first, err := io.ReadAll(io.LimitReader(r, answerKept))
	if err == nil {
		_, _ = io.CopyN(io.Discard, r, answerRead-answerKept)
	}
	return wire.HideSignatures(first, len(first) == answerKept)
}

// explain says in words for the delivery log why there is no answer.
func explain(err, cause error, connected bool) error {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var op *net.OpError
	switch {
	case errors.Is(cause, errStopped):
		return errors.New("the platform's server stopped before an answer came")
	case errors.Is(cause, errTimeout) && connected:
		return fmt.Errorf("connected, but no answer within %s", attemptTimeout)
	case errors.Is(cause, errTimeout):
		return fmt.Errorf("no connection within %s", attemptTimeout)
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork):
		return fmt.Errorf("private address refused: callbacks go to public addresses only: %w", err)
	case errors.As(err, &name) && name.IsNotFound:
		return fmt.Errorf("the host name %s is not known", name.Name)
	case errors.As(err, &name):
		return fmt.Errorf("looking up the host name failed: %w", err)
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert):
		return fmt.Errorf("TLS failed: %w", err)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("no connection: %w", err)
	}
	return fmt.Errorf("the connection broke before an answer came: %w", err)
}

// logged makes an error's text fit for the delivery log and any database: short, printable UTF-8.
func logged(err error) string {
	if err == nil {
		return ""
	}
	kept := 0
	return strings.Map(func(r rune) rune {
		if kept++; kept > errorKept || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(err.Error(), "?"))
}
