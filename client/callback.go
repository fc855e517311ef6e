package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"flashpay/signature"
)

// MaxCallback is the length in bytes of the longest callback that is read.
const MaxCallback = 64 << 10

// Callback is the platform's word about a payout, verified. Operation is the one
// that the callback is about; Operations holds it too. Where the project asks for
// callbacks of batches, Batch says that this is one; then there is no payment:
// ProjectID and Raw alone are set.
type Callback struct {
	Payment
	Batch     *BatchEnd // nil: it is about a payout
	Operation Operation
	Decision  string          // remark of the risk check; "T" is none
	Order     signature.Order // in which the signature fitted
}

// BatchEnd is how a file of payouts has ended. What becomes of its payments is told
// by their own callbacks.
type BatchEnd struct {
	ID          int64
	Status      string // "done", or "cancelled": what was not sent by then is not sent
	Date        time.Time
	Rows        int64
	Sent        int64 // of the rows: made a payment
	PaidAlready int64 // were paid before
	Refused     int64 // when they were sent
	WithFaults  int64 // left out
	NotSent     int64
}

// ParseCallback verifies the signature of a callback's body under any of the
// keys and returns a typed view of it. Nothing in the body is trusted before.
// Give more than one key while you change keys.
//
// The error is a *[signature.SyntaxError], [signature.ErrMissing],
// [signature.ErrMalformed], [signature.ErrMismatch] or [signature.ErrAmbiguous],
// wrapped, or says which member of a body that verified cannot be read. Without keys, or where one is
// empty, it is [signature.ErrNoKey].
func ParseCallback(body []byte, keys ...string) (*Callback, error) {
	v, order, err := verified(body, keys...)
	if err != nil {
		return nil, fmt.Errorf("client: callback refused: %w", err)
	}
	cb, err := callbackOf(v, body, order)
	if err != nil {
		return nil, fmt.Errorf("client: callback cannot be read: %w", err)
	}
	return cb, nil
}

// callbackOf reads a verified body.
func callbackOf(v *signature.Value, raw []byte, order signature.Order) (*Callback, error) {
	if b := v.Get("batch"); b != nil {
		return batchCallback(v, b, raw, order)
	}
	p, err := readPayment(v, raw)
	if err != nil {
		return nil, err
	}
	cb := &Callback{Payment: *p, Order: order, Decision: text(v, "decision", "message")}
	if op := v.Get("operation"); op != nil {
		if cb.Operation, err = readOperation(op); err != nil {
			return nil, fmt.Errorf("operation: %w", err)
		}
		cb.Operations = []Operation{cb.Operation}
	}
	return cb, nil
}

func batchCallback(v, batch *signature.Value, raw []byte, order signature.Order) (*Callback, error) {
	root, r := reader{v: v}, reader{v: batch}
	cb := &Callback{Order: order, Payment: Payment{ProjectID: root.int("project_id"), Raw: raw}, Batch: &BatchEnd{
		ID: r.int("id"), Status: r.text("status"), Date: r.date("date"), Rows: r.int("rows"), Sent: r.int("sent"), PaidAlready: r.int("paid_already"),
		Refused: r.int("refused"), WithFaults: r.int("with_faults"), NotSent: r.int("not_sent"),
	}}
	return cb, errors.Join(root.err, r.err)
}

// CallbackHandler serves callbacks. It hands each verified one to handle and
// answers 200, which ends the platform's repeats, only after handle returned
// nil; so store what you need before you return. The same callback may come
// again, also after a 200, and also while an earlier one is being handled.
//
// Other answers, after which the platform tries again: 405 for another method
// than POST, 413 above [MaxCallback], 400 for a body that cannot be read or whose
// signature does not fit any of keys(), 500 where handle failed or a key is
// missing. Their text does not repeat the error of handle.
func CallbackHandler(keys func() []string, handle func(ctx context.Context, cb *Callback) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := readCallback(w, r)
		if !ok {
			return
		}
		cb, err := ParseCallback(body, keys()...)
		if err != nil {
			http.Error(w, err.Error(), refusedStatus(err))
			return
		}
		if err := handle(r.Context(), cb); err != nil {
			http.Error(w, "the callback could not be handled, send it again", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}

// refusedStatus tells a fault of the callback from one of our configuration.
func refusedStatus(err error) int {
	if errors.Is(err, signature.ErrNoKey) {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// readCallback reads the body, or answers why it does not.
func readCallback(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "callbacks are sent by POST", http.StatusMethodNotAllowed)
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxCallback))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		http.Error(w, fmt.Sprintf("a callback has at most %d bytes", MaxCallback), http.StatusRequestEntityTooLarge)
		return nil, false
	case err != nil:
		http.Error(w, "the body could not be read", http.StatusBadRequest)
		return nil, false
	}
	return body, true
}
