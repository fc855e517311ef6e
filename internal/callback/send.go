package callback

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"code.dny.dev/ssrf"

	"flashpay/internal/wire"
)

const (
	attemptTimeout = 15 * time.Second // of one attempt, from looking up the host to the end of what is read
	answerTime     = time.Second      // how long the rest of the answer is waited for, once its status is known
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
	connector *connector
	transport *http.Transport
	limit     time.Duration // of one attempt
}

func newSender(c *Config) *sender {
	connector := newConnector(c)
	// One request a connection at a time (HTTP/1.1): where connections were shared, one merchant's stalled answer
	// would hold up another's.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &sender{limit: attemptTimeout, connector: connector, transport: &http.Transport{
		Proxy:                  nil, // never the environment's: it would call private addresses for us
		DialContext:            connector.dial,
		DialTLSContext:         connector.dialTLS,
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    pools[quick].Running, // the lanes of many projects may lead to one host
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: answerRead,
	}}
}

// post makes one attempt, with the headers of hook: it returns the answer's status and the first part of its body, or why
// there is no answer.
// owner is whose attempt it is (ownerOf). Redirects are answers like any other. Whatever the endpoint does, the attempt ends within its limit, and what it
// used with it. Once the status line has come it says everything: what follows may be late, broken or without end.
func (s *sender) post(ctx context.Context, owner int64, to *url.URL, body []byte, hook http.Header) (status int, answer []byte, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.Now().Add(s.limit)
	end := time.AfterFunc(s.limit, func() { cancel(errTimeout) })
	defer end.Stop()
	ctx, a := started(ctx, owner, func() { end.Reset(min(answerTime, time.Until(limit))) })
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, errors.New("the callback URL cannot be used")
	}
	if to.User != nil {
		password, _ := to.User.Password()
		req.SetBasicAuth(to.User.Username(), password)
	}
	maps.Copy(req.Header, hook)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	// Not sent, being empty: it lets the transport repeat the request where a kept connection turns out to be closed.
	req.Header["Idempotency-Key"] = []string{}
	req.Close = s.connector.crowded(owner)
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		if status := int(a.status.Load()); status != 0 {
			return status, nil, nil
		}
		return 0, nil, explain(err, context.Cause(ctx), a.reached.Load(), s.limit)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp.StatusCode, nil, nil // its body is the connection itself, which no cancelling ends
	}
	return resp.StatusCode, readFirst(resp.Body), nil
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

// unanswered is why there is no answer: in words for the merchant, who learns no address that a name led to, and as it
// came, for the operator's log.
type unanswered struct {
	words string
	cause error
}

func (u *unanswered) Error() string { return u.words }
func (u *unanswered) Unwrap() error { return u.cause }

// explain says in words for the delivery log why there is no answer.
func explain(err, cause error, reached int32, limit time.Duration) error {
	u := &unanswered{words: describe(err, cause, reached, limit)}
	if reached == notConnected { // later it may repeat what was sent
		u.cause = err
	}
	return u
}

func describe(err, cause error, reached int32, limit time.Duration) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var op *net.OpError
	switch {
	case errors.Is(cause, errStopped):
		return "the platform's server stopped before an answer came"
	case errors.Is(cause, errTimeout) && reached == asked:
		return fmt.Sprintf("connected, but no answer within %s", limit)
	case errors.Is(cause, errTimeout) && reached == connected:
		return fmt.Sprintf("connected, but TLS was not agreed within %s", limit)
	case errors.Is(cause, errTimeout):
		return fmt.Sprintf("no connection within %s", limit)
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork):
		return "private address refused: callbacks go to public addresses only"
	case errors.As(err, &name) && name.IsNotFound:
		return fmt.Sprintf("the host name %s is not known", name.Name)
	case errors.As(err, &name) && name.IsTimeout:
		return fmt.Sprintf("looking up the host name %s took too long", name.Name)
	case errors.As(err, &name):
		return fmt.Sprintf("looking up the host name %s failed", name.Name)
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert):
		return fmt.Sprintf("TLS failed: %v", err)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("no connection: %v", innermost(err))
	}
	what, _, _ := strings.Cut(innermost(err).Error(), ` "`) // net/http quotes what came, which may be what was sent
	return "the connection broke before an answer came: " + what
}

// innermost is what an error began with: net puts the addresses of both ends around it.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
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
