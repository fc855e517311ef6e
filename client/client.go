package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flashpay/signature"
)

// Config says where the platform is and who asks.
type Config struct {
	GateURL   string // address of Gate, such as https://gate.example
	ProjectID int64  // your project's number
	Key       string // your project's secret key

	// HTTPClient sends the requests. Nil: one of this package's own, which does
	// not follow redirects.
	HTTPClient *http.Client

	// Timeout bounds one attempt; 0: 15 s. Attempts bounds how often a request
	// is sent; 0: 10. Backoff is the pause before the second attempt, doubled
	// before each later one up to 50 times its length, ±20 %; 0: 200 ms. The
	// context given to a call bounds all of it together.
	Timeout  time.Duration
	Attempts int
	Backoff  time.Duration
}

// Client speaks to Gate for one project. It is safe for use by several
// goroutines at once.
type Client struct {
	cfg  Config
	gate string // without a slash at the end

	maxAnswer int64 // bytes of an answer that are read
}

const (
	defaultTimeout  = 15 * time.Second
	defaultAttempts = 10
	defaultBackoff  = 200 * time.Millisecond
	maxRetryAfter   = time.Minute
	maxAnswer       = 1 << 20
)

// New checks the configuration and returns a client. It does not connect.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.GateURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("client: GateURL %q is not an address such as https://gate.example", cfg.GateURL)
	}
	if cfg.ProjectID < 1 {
		return nil, fmt.Errorf("client: ProjectID is %d; it is the number of your project, from 1", cfg.ProjectID)
	}
	if cfg.Key == "" {
		return nil, errors.New("client: Key is empty; it is the secret key of your project")
	}
	if cfg.Timeout < 0 || cfg.Attempts < 0 || cfg.Backoff < 0 {
		return nil, errors.New("client: Timeout, Attempts and Backoff cannot be negative; 0 takes the default")
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	cfg.Attempts = cmp.Or(cfg.Attempts, defaultAttempts)
	cfg.Backoff = cmp.Or(cfg.Backoff, defaultBackoff)
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{CheckRedirect: noRedirect}
	}
	return &Client{cfg: cfg, gate: strings.TrimRight(cfg.GateURL, "/"), maxAnswer: maxAnswer}, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Receipt says that the platform has taken a payout request and will carry it to
// a final status. It says nothing about what that will be.
type Receipt struct {
	RequestID string
	ProjectID int64
	PaymentID string
}

// Create requests a payout and returns once the platform has taken it or refused
// it. See [Client.Send] for repeats and errors.
func (c *Client) Create(ctx context.Context, p Payout) (Receipt, error) {
	req, err := c.Build(p)
	if err != nil {
		return Receipt{}, err
	}
	return c.Send(ctx, req)
}

// Send sends a payout request that [Client.Build] made. Where no answer comes,
// or one of 5xx, 408 or 429, it sends the same bytes again; that is safe, because
// the platform pays one payment id once. It does so within ctx and
// Config.Attempts, and waits as long as a Retry-After asks, at most a minute.
//
// An [*Error] is the platform's refusal. [ErrUnknown] says that the request may
// have been accepted although no answer said so.
func (c *Client) Send(ctx context.Context, req Request) (Receipt, error) {
	var receipt Receipt
	open, err := c.post(ctx, req, func(body []byte) error {
		var err error
		receipt, err = readReceipt(body)
		return err
	})
	switch {
	case err == nil:
		return receipt, nil
	case open:
		return Receipt{}, fmt.Errorf("client: payout: %w: %w", ErrUnknown, err)
	}
	return Receipt{}, fmt.Errorf("client: payout: %w", err)
}

func readReceipt(body []byte) (Receipt, error) {
	v, err := signature.Parse(body)
	if err != nil {
		return Receipt{}, err
	}
	if status := text(v, "status"); status != "success" {
		return Receipt{}, fmt.Errorf("status %q in an answer 200", status)
	}
	project, err := integer(v, "project_id")
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{RequestID: text(v, "request_id"), ProjectID: project, PaymentID: text(v, "payment_id")}, nil
}

// attempt is how one sending of a request ended.
type attempt struct {
	err   error         // nil: answered 200 and read
	again bool          // another attempt may help
	open  bool          // the platform may have acted, although nothing says so
	pause time.Duration // asked for by Retry-After
}

// post sends a request until its answer is definite. It hands the body of a 200
// to read. It reports whether one of the attempts may have had an effect that no
// answer confirmed.
func (c *Client) post(ctx context.Context, req Request, read func([]byte) error) (open bool, err error) {
	return c.repeat(ctx, func(ctx context.Context) attempt { return c.once(ctx, req, read) })
}

// repeat makes attempts until the answer is definite.
func (c *Client) repeat(ctx context.Context, once func(context.Context) attempt) (open bool, err error) {
	backoff := c.cfg.Backoff
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return open, err
		}
		a := once(ctx)
		if a.err == nil {
			return false, nil
		}
		open = open || a.open
		if !a.again || n >= c.cfg.Attempts {
			return open, fmt.Errorf("attempt %d: %w", n, a.err)
		}
		pause := max(a.pause, backoff*4/5+rand.N(backoff*2/5+1))
		backoff = min(2*backoff, 50*c.cfg.Backoff)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return open, fmt.Errorf("attempt %d: %w, then: %w", n, a.err, ctx.Err())
		}
	}
}

func (c *Client) once(ctx context.Context, req Request, read func([]byte) error) attempt {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	r, err := c.request(ctx, req.Path, bytes.NewReader(req.Body))
	if err != nil {
		return attempt{err: err}
	}
	return c.exchange(r, c.whole(read))
}

// request makes a request whose body is JSON, unless its maker says otherwise.
func (c *Client) request(ctx context.Context, path string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.gate+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "flashpay-go-client")
	return r, nil
}

// whole reads the body of an answer to its end, and hands it to read.
func (c *Client) whole(read func([]byte) error) func(io.ReadCloser) error {
	return func(answer io.ReadCloser) error {
		defer answer.Close()
		body, err := io.ReadAll(io.LimitReader(answer, c.maxAnswer))
		if err != nil {
			return err
		}
		return read(body)
	}
}

// exchange makes one attempt. The body of an answer 200 is use's, to close it too.
func (c *Client) exchange(r *http.Request, use func(io.ReadCloser) error) attempt {
	resp, err := c.cfg.HTTPClient.Do(r)
	if err != nil {
		return attempt{err: err, again: true, open: !neverSent(err)}
	}
	status := resp.StatusCode
	if status == http.StatusOK {
		if err := use(resp.Body); err != nil {
			return attempt{err: fmt.Errorf("answer 200 cannot be used: %w", err), again: true, open: true}
		}
		return attempt{}
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, c.maxAnswer)) // what there is of it
	return attempt{
		err:   refusal(status, body),
		again: status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout,
		open:  status >= 500,
		pause: retryAfter(resp.Header.Get("Retry-After")),
	}
}

// neverSent reports whether a request failed before there was a connection that
// could carry it.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// retryAfter reads the header's number of seconds; its other form, a date, is
// not worth trusting another clock for.
func retryAfter(header string) time.Duration {
	n, err := strconv.ParseUint(header, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxRetryAfter)
}
