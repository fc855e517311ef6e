package crashtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"flashpay/client"
)

// receiver is the merchant's web service. It verifies every callback, keeps what it says, and now and then is out of
// order.
type receiver struct {
	url    string
	server *http.Server

	mu      sync.Mutex
	key     string
	refuse  map[string]int    // how many callbacks of a payment it still answers with 500
	got     map[string][]news // what was acknowledged, by payment id
	refused int               // answered with 500
	bad     []string          // what did not verify, in words; the first ones
}

// news is what one callback said.
type news struct {
	status   client.Status
	code     string
	amount   int64
	currency string
}

var errOutOfOrder = errors.New("crashtest: out of order, as planned")

func newReceiver(p *plan) (*receiver, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for callbacks: %w", err)
	}
	r := &receiver{url: "http://" + ln.Addr().String() + "/callback", refuse: make(map[string]int), got: make(map[string][]news)}
	for _, w := range p.payouts {
		r.refuse[w.id] = w.refuse
	}
	r.server = &http.Server{Handler: r.handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.server.Serve(ln) }()
	return r, nil
}

// know tells the key that callbacks are signed with.
func (r *receiver) know(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.key = key
}

func (r *receiver) keys() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []string{r.key}
}

// handler is client.CallbackHandler; what that refuses is kept as a fault.
func (r *receiver) handler() http.Handler {
	handler := client.CallbackHandler(r.keys, r.take)
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		answer := &answerWriter{ResponseWriter: w, status: http.StatusOK}
		handler.ServeHTTP(answer, q)
		if answer.status != http.StatusOK && answer.status != http.StatusInternalServerError {
			r.fault(fmt.Sprintf("answered %d: %s", answer.status, answer.said))
		}
	})
}

func (r *receiver) take(_ context.Context, cb *client.Callback) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse[cb.ID] > 0 {
		r.refuse[cb.ID]--
		r.refused++
		return errOutOfOrder
	}
	r.got[cb.ID] = append(r.got[cb.ID], news{status: cb.Status, code: cb.Operation.Code, amount: cb.Sum.Amount, currency: cb.Sum.Currency})
	return nil
}

func (r *receiver) fault(what string) {
	const most = 20
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bad) < most {
		r.bad = append(r.bad, what)
	}
}

// heard is what the acknowledged callbacks of a payment said so far.
func (r *receiver) heard(paymentID string) []news {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]news(nil), r.got[paymentID]...)
}

// heardAll is all that was heard: by payment id, with the number of those refused, and the faults.
func (r *receiver) heardAll() (got map[string][]news, refused int, bad []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got = make(map[string][]news, len(r.got))
	for id, n := range r.got {
		got[id] = append([]news(nil), n...)
	}
	return got, r.refused, append([]string(nil), r.bad...)
}

func (r *receiver) close() { _ = r.server.Close() }

// answerWriter remembers how a request was answered.
type answerWriter struct {
	http.ResponseWriter
	status int
	said   string
}

func (w *answerWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(b []byte) (int, error) {
	w.said += string(b)
	return w.ResponseWriter.Write(b)
}
