// Package ratefeed fetches the files in which sources publish exchange rates: over HTTPS only, from the address that was
// given and no other, within bounds of time and size. A feed is such a file that is imported once a day, by a leased job.
package ratefeed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"flashpay/internal/rates"
)

// Patience is how long one fetch may take.
const Patience = 30 * time.Second

// Client fetches files of rates.
type Client struct {
	http *http.Client
}

// New makes a client. transport is what connects; nil: the standard one.
func New(transport http.RoundTripper) *Client {
	return &Client{&http.Client{Transport: transport, Timeout: Patience, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		return &redirectError{r.URL.Redacted()}
	}}}
}

// redirectError says that the file is elsewhere. Nobody has agreed to that address, so it is not followed.
type redirectError struct{ to string }

func (e *redirectError) Error() string {
	return fmt.Sprintf("it redirects to %s: give that address if it is the right one", e.to)
}

// CheckAddress tells what is wrong with an address to fetch from; nil: nothing.
func CheckAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return fmt.Errorf("%q: want an address that begins with https://, without user and password", address)
	}
	return nil
}

// Fetch reads a source's file from an address. Its errors say what to look at, and are a *Fault where the address was asked.
func (c *Client) Fetch(ctx context.Context, source rates.Source, address string) (*rates.File, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	content, err := c.get(ctx, address)
	if err != nil {
		return nil, err
	}
	f, err := rates.Read(source, content)
	if err != nil {
		return nil, ofContent(fmt.Errorf("%s: %w", address, err))
	}
	return f, nil
}

func (c *Client) get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/xml, text/xml")
	r.Header.Set("User-Agent", "flashpay")
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, ofConnection(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fault(Refused, fmt.Errorf("%s answers %s", address, answer.Status))
	}
	content, err := io.ReadAll(io.LimitReader(answer.Body, rates.MaxFile+1))
	switch {
	case err != nil:
		return nil, fault(Unreachable, fmt.Errorf("%s breaks off: %w", address, err))
	case len(content) > rates.MaxFile:
		return nil, fault(TooLarge, errors.New(address+" sends more than any file of rates holds"))
	}
	return content, nil
}
