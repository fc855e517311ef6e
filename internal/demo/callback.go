package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"flashpay/client"
	"flashpay/signature"
)

// serveCallback is the address that the project's callbacks go to. What does not
// verify is answered 400 by the client's handler, and noted here to be shown.
func (s *Shop) serveCallback(w http.ResponseWriter, r *http.Request) {
	var seen bytes.Buffer
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(r.Body, &seen), r.Body}
	answer := &noted{ResponseWriter: w}
	s.callbacks.ServeHTTP(answer, r)
	if answer.status == http.StatusBadRequest {
		s.noteRefused(seen.Bytes())
	}
}

// noted keeps the status of an answer.
type noted struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (n *noted) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

// keepCallback stores a verified callback before it is acknowledged.
func (s *Shop) keepCallback(_ context.Context, cb *client.Callback) error {
	if cb.ID == "" {
		return errors.New("demo: a callback that verified names no payment")
	}
	s.write.Lock()
	defer s.write.Unlock()
	if p := s.book.find(cb.ID); p != nil && p.known(string(cb.Raw)) != nil {
		return s.enterLocked(&record{Kind: kindAgain, At: now(), PaymentID: cb.ID, Body: string(cb.Raw)})
	}
	s.log.Info("callback verified", "payment_id", cb.ID, "status", cb.Payment.Status, "code", cb.Operation.Code)
	return s.enterLocked(&record{
		Kind: kindCallback, At: now(), PaymentID: cb.ID, Body: string(cb.Raw),
		Fact: factOf(&cb.Payment, &cb.Operation), Order: cb.Order.String(),
	})
}

// What is kept of refused callbacks is bounded: anyone can send them.
const (
	keptRefused     = 500
	keptRefusedBody = 8 << 10
)

func (s *Shop) noteRefused(body []byte) {
	_, err := client.ParseCallback(body, s.cfg.Key)
	if err == nil {
		return // it broke off and was read no further
	}
	r := &record{Kind: kindRefused, At: now(), Error: refusalInWords(err)}
	if v, err := signature.Parse(body); err == nil {
		if id := v.Get("payment", "id"); id != nil && id.Kind == signature.String {
			r.PaymentID = id.Text // a claim, by which it is shown
		}
	}
	r.Body = strings.ToValidUTF8(string(body[:min(len(body), keptRefusedBody)]), "\uFFFD")
	s.log.Warn("callback refused", "claims_payment_id", r.PaymentID, "err", err)
	s.write.Lock()
	defer s.write.Unlock()
	if s.book.refused < keptRefused {
		_ = s.enterLocked(r) // logged where it fails; a refused callback asks for nothing
	}
}

func refusalInWords(err error) string {
	switch {
	case errors.Is(err, signature.ErrMissing):
		return "It has no signature."
	case errors.Is(err, signature.ErrMalformed):
		return "What it calls a signature cannot be one under any key."
	case errors.Is(err, signature.ErrMismatch):
		return "Its signature does not fit its body: the body was changed on its way, or it was signed with another key."
	}
	return "It cannot be read: " + err.Error()
}

// forge sends the shop a callback with another amount, as somebody would who
// wants to be believed: a verified body, changed, under its old signature. It
// goes the way of all callbacks.
func (s *Shop) forge(p *payout) error {
	s.book.mu.RLock()
	var genuine string
	for _, c := range p.Callbacks {
		if c.Error == "" {
			genuine = c.Body
		}
	}
	s.book.mu.RUnlock()
	if genuine == "" {
		return errors.New("there is no verified callback yet that could be tampered with")
	}
	v, err := signature.Parse([]byte(genuine))
	if err != nil {
		return err
	}
	amount := v.Get("payment", "sum", "amount")
	if amount == nil {
		return errors.New("the callback has no amount to tamper with")
	}
	*amount = signature.Str(amount.Text + "0")
	if amount.Kind = signature.Number; amount.Text == "00" {
		amount.Text = "10"
	}
	r, err := http.NewRequest(http.MethodPost, "/callback", bytes.NewReader(v.AppendJSON(nil)))
	if err != nil {
		return err
	}
	s.serveCallback(discard{http.Header{}}, r)
	return nil
}

// discard is an answer that nobody waits for.
type discard struct{ header http.Header }

// Header implements [http.ResponseWriter].
func (d discard) Header() http.Header { return d.header }

// Write implements [http.ResponseWriter].
func (discard) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements [http.ResponseWriter].
func (discard) WriteHeader(int) {}
