package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Forwarder receives callbacks on an address that the platform can reach and
// hands them to a web service that is being developed elsewhere, such as on a
// local port. It verifies each callback, reports it, passes its very bytes on,
// and answers with the status that the target gave, so the platform's repeats
// depend on the target. What does not verify is reported and answered 400, and
// not passed on.
type Forwarder struct {
	Keys       func() []string // keys that verify
	Target     string          // address to POST to; empty: verified callbacks are answered 200
	HTTPClient *http.Client    // nil: one with a deadline of 15 s that follows no redirects
	Report     func(Delivery)  // called for each callback, before the answer; may be nil
}

// Delivery is one callback that a [Forwarder] received.
type Delivery struct {
	Body     []byte    // as received
	Callback *Callback // nil where Err is not
	Err      error     // why the callback was refused, or why the target could not be reached
	Status   int       // HTTP status of our answer
}

// targetDeadline is the platform's own limit for an answer to a callback.
const targetDeadline = 15 * time.Second

var defaultTargetClient = &http.Client{Timeout: targetDeadline, CheckRedirect: noRedirect}

// ServeHTTP implements [http.Handler].
func (f *Forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := readCallback(w, r)
	if !ok {
		return
	}
	d := Delivery{Body: body, Status: http.StatusOK}
	d.Callback, d.Err = ParseCallback(body, f.Keys()...)
	switch {
	case d.Err != nil:
		d.Status = refusedStatus(d.Err)
	case f.Target != "":
		d.Status, d.Err = f.forward(r.Context(), r.Header, body)
	}
	if f.Report != nil {
		f.Report(d)
	}
	if d.Err != nil {
		http.Error(w, d.Err.Error(), d.Status)
		return
	}
	w.WriteHeader(d.Status)
}

// forward posts the bytes to the target and returns its status, or 502 where it
// gives none.
func (f *Forwarder) forward(ctx context.Context, header http.Header, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.Target, bytes.NewReader(body))
	if err != nil {
		return http.StatusBadGateway, fmt.Errorf("client: forward: %w", err)
	}
	for name, values := range header {
		if name == "Content-Type" || strings.HasPrefix(name, "Webhook-") {
			req.Header[name] = values
		}
	}
	c := f.HTTPClient
	if c == nil {
		c = defaultTargetClient
	}
	resp, err := c.Do(req)
	if err != nil {
		return http.StatusBadGateway, fmt.Errorf("client: forward: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, MaxCallback)) // so that the connection can be used again
	return resp.StatusCode, nil
}
