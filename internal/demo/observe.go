package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// keptAnswer is how much of an answer's body is shown, in bytes.
const keptAnswer = 64 << 10

type observerKey struct{}

// observed returns a context whose requests are reported, each attempt with the
// bytes that came back. The client's own answer is a typed view of them.
func observed(ctx context.Context, report func(attempt)) context.Context {
	return context.WithValue(ctx, observerKey{}, report)
}

// observer is a transport that reports.
type observer struct{ base http.RoundTripper }

// observing returns a client like c, or like the default of package client, that
// reports to the context's observer.
func observing(c *http.Client) *http.Client {
	if c == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = poolSize
		c = &http.Client{
			Transport:     t,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	own := *c
	if own.Transport == nil {
		own.Transport = http.DefaultTransport
	}
	own.Transport = observer{own.Transport}
	return &own
}

// RoundTrip implements [http.RoundTripper].
func (o observer) RoundTrip(r *http.Request) (*http.Response, error) {
	report, ok := r.Context().Value(observerKey{}).(func(attempt))
	if !ok {
		return o.base.RoundTrip(r)
	}
	a := attempt{At: now()}
	resp, err := o.base.RoundTrip(r)
	if err != nil {
		a.Took, a.Error = time.Since(a.At), inPlainWords(err)
		report(a)
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, keptAnswer))
	a.Took, a.Status, a.Body = time.Since(a.At), resp.StatusCode, string(body)
	rest := io.Reader(resp.Body)
	if err != nil {
		a.Error = "the answer broke off: " + inPlainWords(err)
		rest = broken{err}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), resp.Body}
	report(a)
	return resp, nil
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// inPlainWords says why there was no answer; the address is told elsewhere.
func inPlainWords(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: nothing listens there"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke before an answer came"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "given up"
	}
	return err.Error()
}

// trouble says what was wrong with an attempt that gave no usable answer.
func trouble(a attempt) string {
	if a.Error != "" {
		return a.Error
	}
	return "answered " + statusLine(a.Status)
}
