// Package sandbox is the adapter to the simulated bank. It knows the bank by its HTTP interface only.
//
// # What is known after a call
//
// A submission is NotSent only where no connection could be made, because then nothing can have been written.
// Whatever fails later (reset, end of file, time-out, a 5xx, a redirect, an answer that is not the bank's JSON or
// speaks of another key) is Unknown, and so is every status that is not listed here:
//
//   - 200: what the bank says, by its ISO 20022 status.
//   - 400 and 413 with the bank's own error body: Declined 20502. The bank read this message, found it unfit and
//     recorded nothing; the platform sends a key a second time only after a definite «not known», so no earlier
//     submission of it can be alive either. The same words without the bank's body are somebody else's: Unknown.
//   - 409: Unknown. The key belongs to a transfer with another content, which may have been paid; the inquiry that
//     follows shows that content, which makes it a discrepancy.
//
// Several transfers in one request (bulk.go) are answered line by line, and each line is read as an answer of its own.
// A transfer without a line is Unknown; so are all where the request as a whole is answered with anything but lines.
//
// An inquiry is NotSent only where the bank itself says, in its own error body, that it does not know that very key.
package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"flashpay/internal/provider"
)

// ID is the sandbox's number, shown as operation.provider.id.
const ID = 21432

// Name is the sandbox's name in configuration and in the path of its notifications.
const Name = "sandbox"

// maxAnswer is how much of an answer is read, in bytes; the bank's are below 4 KiB.
const maxAnswer = 64 << 10

// Config tells where the bank is and how it is to be treated. A zero field takes its default.
type Config struct {
	// BankURL is the bank's address, such as http://127.0.0.1:8090. It must be given.
	BankURL string
	// NotifyURL is where the bank posts results, NotifySecret what it signs them with. Without them there are no
	// notifications, and results come by inquiry.
	NotifyURL    string
	NotifySecret string
	// Client makes the calls. Default: keep-alive for Concurrency connections, no proxy. Redirects are never
	// followed, whatever it says.
	Client *http.Client
	// NotIdempotent declares that the bank runs with --no-dedup.
	NotIdempotent bool

	SubmitDeadline   time.Duration // default 10 s
	InquireDeadline  time.Duration // default 5 s
	SettleTime       time.Duration // default 2 s
	Concurrency      int           // default 128
	PerSecond        int           // submits a second; default no limit
	TransfersPerCall int           // transfers in one request, at most; default 64
}

// Adapter is the sandbox's provider.Provider. It is safe for concurrent use.
type Adapter struct {
	traits    provider.Traits
	transfers string // address
	notifyURL string
	secret    []byte
	client    *http.Client
}

var (
	_ provider.Provider      = (*Adapter)(nil)
	_ provider.BulkSubmitter = (*Adapter)(nil)
)

// New makes an adapter. It calls nobody; a bank that is away shows at the first transfer.
func New(cfg Config) (*Adapter, error) {
	u, err := url.Parse(cfg.BankURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("sandbox: the bank's address %q is not an absolute http or https address", cfg.BankURL)
	}
	if (cfg.NotifyURL == "") != (cfg.NotifySecret == "") {
		return nil, errors.New("sandbox: the address for notifications and their secret must be given together")
	}
	a := &Adapter{
		traits: provider.Traits{
			ID: ID, Idempotent: !cfg.NotIdempotent, PerSecond: cfg.PerSecond,
			SubmitDeadline:   or(cfg.SubmitDeadline, 10*time.Second),
			InquireDeadline:  or(cfg.InquireDeadline, 5*time.Second),
			SettleTime:       or(cfg.SettleTime, 2*time.Second),
			Concurrency:      or(cfg.Concurrency, 128),
			TransfersPerCall: or(cfg.TransfersPerCall, 64),
		},
		transfers: strings.TrimRight(cfg.BankURL, "/") + "/transfers",
		notifyURL: cfg.NotifyURL,
		secret:    []byte(cfg.NotifySecret),
	}
	client := http.Client{Transport: newTransport(a.traits.Concurrency)}
	if cfg.Client != nil {
		client = *cfg.Client
	}
	// A second hop would make it unclear what a failure of the first means.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a.client = &client
	return a, nil
}

func or[T int | time.Duration](given, otherwise T) T {
	if given <= 0 {
		return otherwise
	}
	return given
}

func newTransport(connections int) *http.Transport {
	return &http.Transport{
		// Much shorter than the submit deadline, so that a bank that cannot be reached shows as «not sent».
		DialContext:         (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     time.Minute, // shorter than the bank keeps them, or a call could meet a closed one
		DisableCompression:  true,
	}
}

// Name is the provider's name.
func (a *Adapter) Name() string { return Name }

// Traits are the adapter's declarations.
func (a *Adapter) Traits() provider.Traits { return a.traits }

// submission is the body of POST /transfers.
type submission struct {
	Key          string    `json:"key"`
	Reference    string    `json:"reference"`
	Amount       int64     `json:"amount"`
	Currency     string    `json:"currency"`
	Account      string    `json:"account"`
	Threshold    time.Time `json:"threshold,omitzero"`
	NotifyURL    string    `json:"notify_url,omitempty"`
	NotifySecret string    `json:"notify_secret,omitempty"`
}

// Submit hands one transfer to the bank, in at most one HTTP request.
func (a *Adapter) Submit(ctx context.Context, t provider.Transfer) provider.Outcome {
	body, err := a.message(t)
	if err != nil {
		return noMessage(err)
	}
	ctx, cancel := context.WithTimeout(ctx, a.traits.SubmitDeadline)
	defer cancel()
	request, err := a.post(ctx, "application/json", body)
	if err != nil {
		return provider.Outcome{Kind: provider.NotSent, Message: "not sent: " + err.Error()}
	}
	r, err := a.call(request)
	if err != nil {
		return unanswered(ctx, t, err)
	}
	return submitOutcome(r, t)
}

// message is a transfer as the bank takes it.
func (a *Adapter) message(t provider.Transfer) ([]byte, error) {
	return json.Marshal(submission{
		Key: t.Key, Reference: t.Reference, Amount: t.Amount, Currency: t.Currency, Account: t.Account,
		Threshold: t.Threshold.UTC(), NotifyURL: a.notifyURL, NotifySecret: string(a.secret),
	})
}

// noMessage is the outcome of a transfer that has no message: its threshold is beyond the year 9999.
func noMessage(err error) provider.Outcome {
	return provider.Outcome{Kind: provider.NotSent, Message: "the transfer has no JSON form: " + err.Error()}
}

// post prepares the one request of a submit. An error says that nothing is sent.
func (a *Adapter) post(ctx context.Context, contentType string, body []byte) (*http.Request, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the time was up before: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.transfers, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	// net/http sends a request again by itself, on a new connection, when it can get the body a second time; this
	// keeps it from doing so.
	request.GetBody = nil
	return request, nil
}

// unanswered is the outcome of a transfer whose answer did not come.
func unanswered(ctx context.Context, t provider.Transfer, err error) provider.Outcome {
	o := provider.Outcome{Kind: provider.Unknown, Message: err.Error()}
	if neverConnected(err) {
		o.Kind = provider.NotSent
	} else {
		o.Blameless = asksToBreak(t.Account) && ctx.Err() == nil
	}
	return o
}

// Inquire asks the bank what became of a transfer.
func (a *Adapter) Inquire(ctx context.Context, q provider.Query) provider.Outcome {
	unknown := func(message string) provider.Outcome {
		return provider.Outcome{Kind: provider.Unknown, Message: message}
	}
	if err := ctx.Err(); err != nil {
		return unknown("not asked, the time was up before: " + err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, a.traits.InquireDeadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.transfers+"/"+url.PathEscape(q.Key), nil)
	if err != nil {
		return unknown("not asked: " + err.Error())
	}
	r, err := a.call(request)
	if err != nil {
		return unknown(err.Error())
	}
	if r.status == http.StatusNotFound && r.says("unknown_key") && r.message.Error.Key == q.Key && q.Key != "" {
		return provider.Outcome{Kind: provider.NotSent, Message: "the bank does not know the key"}
	}
	if r.status != http.StatusOK || r.garbled != nil {
		return unknown(r.describe())
	}
	return r.message.outcome(q.Key)
}

// neverConnected reports whether a call failed before there was a connection, so that nothing can have been written.
// A connection that turns out to be closed already does not count: how much of the call it took is not told.
func neverConnected(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// asksToBreak reports whether the account asks the bank to break the connection.
func asksToBreak(account string) bool { return endsWith(account, "0007") || endsWith(account, "0008") }

func endsWith(account, ending string) bool { return strings.HasSuffix(account, ending) }

// reply is an answer of the bank, or of something that stands in its place.
type reply struct {
	status  int
	message message
	garbled error // why the body is not the bank's JSON
}

// call makes one request and reads its answer; an error means that there was none, or not all of it.
func (a *Adapter) call(request *http.Request) (reply, error) {
	answer, err := a.client.Do(request)
	if err != nil {
		return reply{}, fmt.Errorf("no answer: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return reply{}, fmt.Errorf("the answer broke off: %w", err)
	}
	r := reply{status: answer.StatusCode}
	if len(body) > maxAnswer {
		r.garbled = errors.New("the answer is too long")
	} else if err := json.Unmarshal(body, &r.message); err != nil {
		r.garbled = fmt.Errorf("the answer is not the bank's JSON: %w", err)
	}
	return r, nil
}

// says reports whether the answer is the bank's own refusal with that code.
func (r reply) says(code string) bool {
	return r.garbled == nil && r.message.Error != nil && r.message.Error.Code == code
}

func (r reply) describe() string {
	text := fmt.Sprintf("answered %d", r.status)
	switch {
	case r.garbled != nil:
		text += ": " + r.garbled.Error()
	case r.message.Error != nil:
		text += ": " + r.message.Error.Code
	}
	return text
}

// submitOutcome reads the answer to a submission as the package comment says.
func submitOutcome(r reply, t provider.Transfer) provider.Outcome {
	switch {
	case r.status == http.StatusOK && r.garbled == nil:
		o := r.message.outcome(t.Key)
		if o.Kind == provider.Returned { // of a key sent again; the return itself comes by notification
			o.Kind = provider.Succeeded
		}
		return o
	case r.status == http.StatusBadRequest && r.says("bad_request"),
		r.status == http.StatusRequestEntityTooLarge && r.says("too_large"):
		return provider.Outcome{Kind: provider.Declined, Code: codeRefused, Message: r.describe()}
	}
	return provider.Outcome{
		Kind: provider.Unknown, Message: r.describe(),
		Blameless: r.status == http.StatusServiceUnavailable && endsWith(t.Account, "0006"),
	}
}
