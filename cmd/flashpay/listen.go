package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"flashpay/client"
)

type listenCmd struct {
	keyFlag
	Addr    string `var:"FLASHPAY_LISTEN" default:"127.0.0.1:8082" placeholder:"ADDR" help:"Where to listen; port 0 takes a free one. Default: 127.0.0.1:8082."`
	Forward string `placeholder:"URL" help:"Post each verified callback, byte for byte, to this address, and answer with its status."`
	JSON    bool   `help:"Print one line of JSON for each callback, and one before when it listens."`
}

// Help is shown by --help.
func (c *listenCmd) Help() string {
	return `Answers 200 to a callback that verifies, or what the address of --forward answers (502 where it does not), and 400 to one
that does not verify, which is not forwarded. Only 200 acknowledges: after any other answer, 204 too, the platform repeats the
callback. Any path is taken. Ctrl-C ends it.

  flashpay listen --addr 127.0.0.1:8082 --key K
  flashpay listen --addr 127.0.0.1:8082 --key K --forward http://localhost:3000/flashpay/callback`
}

// Run listens until the program is asked to stop.
func (c *listenCmd) Run(a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := checkAddress("--forward", c.Forward); err != nil {
		return err
	}
	ln, err := listen("--addr", c.Addr)
	if err != nil {
		return err
	}
	printer := &callbackPrinter{app: a, json: c.JSON}
	handler := &client.Forwarder{Keys: func() []string { return []string{c.Key} }, Target: c.Forward, Report: printer.print}
	failed := make(chan error, 1)
	server := startServer(ln, handler, nil, failed)
	if err := printer.ready(server.url); err != nil {
		return err
	}
	select {
	case <-a.ctx.Done():
	case err := <-failed:
		return err
	}
	return server.stop(withGrace(a.ctx, stopGrace))
}

// callbackPrinter prints callbacks, one at a time.
type callbackPrinter struct {
	app  *app
	json bool
	mu   sync.Mutex
}

func (p *callbackPrinter) ready(address string) error {
	if p.json {
		return p.app.printJSON(struct {
			Ready  bool   `json:"ready"`
			Listen string `json:"listen"`
		}{true, address})
	}
	_, err := fmt.Fprintf(p.app.stdout, "Listening for callbacks on %s\n", address)
	return err
}

// callbackLine is a callback as listen prints it.
type callbackLine struct {
	At            time.Time       `json:"at"`
	Valid         bool            `json:"valid"`
	Order         *string         `json:"order"`  // null where it does not verify
	Status        int             `json:"status"` // of our answer
	Error         string          `json:"error,omitempty"`
	PaymentID     string          `json:"payment_id,omitempty"`
	PaymentStatus client.Status   `json:"payment_status,omitempty"`
	Code          string          `json:"code,omitempty"`
	Batch         int64           `json:"batch,omitempty"`
	BatchStatus   string          `json:"batch_status,omitempty"`
	Acknowledged  bool            `json:"acknowledged"`   // the status is 200; after any other one the callback comes again
	Body          json.RawMessage `json:"body,omitempty"` // as received, white space aside; absent where it is not JSON
}

func (p *callbackPrinter) print(d client.Delivery) {
	line := callbackLine{At: time.Now().UTC(), Status: d.Status, Acknowledged: d.Status == http.StatusOK}
	if d.Err != nil {
		line.Error = d.Err.Error()
	}
	if json.Valid(d.Body) {
		line.Body = d.Body
	}
	if cb := d.Callback; cb != nil {
		order := cb.Order.String()
		line.Valid, line.Order = true, &order
		line.PaymentID, line.PaymentStatus, line.Code = cb.ID, cb.Status, cb.Operation.Code
		if cb.Batch != nil {
			line.Batch, line.BatchStatus = cb.Batch.ID, cb.Batch.Status
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		if err := p.app.printJSON(line); err != nil {
			fmt.Fprintf(p.app.stderr, "flashpay: %v\n", err)
		}
		return
	}
	p.printText(line, d.Body)
}

func (p *callbackPrinter) printText(line callbackLine, body []byte) {
	out := p.app.stdout
	at := line.At.Format(time.TimeOnly)
	switch {
	case line.Valid && line.Batch != 0:
		fmt.Fprintf(out, "%s  verified (%s)  batch %d: %s  answered %d\n", at, *line.Order, line.Batch, line.BatchStatus, line.Status)
	case line.Valid:
		fmt.Fprintf(out, "%s  verified (%s)  payment %s: %s, code %s  answered %d\n", at, *line.Order, line.PaymentID, line.PaymentStatus, line.Code, line.Status)
	default:
		fmt.Fprintf(out, "%s  NOT VERIFIED  answered %d\n", at, line.Status)
	}
	if line.Error != "" {
		fmt.Fprintf(out, "  %s\n", line.Error)
	}
	if line.Valid && !line.Acknowledged {
		fmt.Fprintln(out, "  not acknowledged: only 200 is, so the platform sends this callback again")
	}
	fmt.Fprintf(out, "  %s\n", printable(body))
}

// printable keeps a stranger's bytes from steering the terminal.
func printable(body []byte) string {
	const most = 4 << 10
	cut := ""
	if len(body) > most {
		body, cut = body[:most], "…"
	}
	clean := make([]rune, 0, len(body))
	for _, r := range string(body) {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			r = ' '
		}
		clean = append(clean, r)
	}
	return string(clean) + cut
}
