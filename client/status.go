package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"flashpay/signature"
)

// Status is the status of a payment. There may be others than the constants
// here: treat those as not final.
type Status string

// The statuses of a payout.
const (
	StatusProcessing            Status = "processing"
	StatusAwaitingClarification Status = "awaiting clarification"
	StatusAwaitingRetry         Status = "awaiting retry"
	StatusSuccess               Status = "success"
	StatusDecline               Status = "decline"
	StatusReversed              Status = "reversed"
)

// Final reports whether the payout has come to its end. A success may still
// become a reversal, when the bank returns the money; nothing else changes.
func (s Status) Final() bool {
	return s == StatusSuccess || s == StatusDecline || s == StatusReversed
}

// Sum is an amount in minor units of its currency.
type Sum struct {
	Amount   int64
	Currency string // ISO 4217
}

// Payment is a payout as the platform tells it. Members that the platform did
// not send are empty.
type Payment struct {
	ProjectID     int64
	ID            string // your payment id
	Type          string // "payout"
	Status        Status
	Date          time.Time // of the last change of the status
	Method        string
	Sum           Sum
	Description   string
	AccountNumber string // masked
	CustomerID    string
	Operations    []Operation
	Errors        []FieldError
	Raw           []byte // the body as received
}

// Operation is one attempt to carry a payment out.
type Operation struct {
	ID           int64
	Type         string // "payout", or "payout reversal": the bank has returned the money
	Status       string
	Date         time.Time // of the last change
	CreatedDate  time.Time
	RequestID    string
	SumInitial   Sum    // before conversion
	SumConverted Sum    // in the currency of the provider
	Code         string // of the code registry; "0" is success
	Message      string
	Provider     Provider
}

// Provider is who carried an operation out.
type Provider struct {
	ID        int64
	PaymentID string
	AuthCode  string
}

// Status asks for a payment and its operations. The answer's signature is
// verified. A payment that the platform does not know is [ErrNotFound]; shortly
// after a request that may just mean «not yet».
func (c *Client) Status(ctx context.Context, paymentID string) (*Payment, error) {
	root := signature.Obj(signature.Field("general", signature.Obj(
		signature.Field("project_id", signature.Int(c.cfg.ProjectID)),
		signature.Field("payment_id", signature.Str(paymentID)),
	)))
	req, err := c.sign("/v2/payment/status", &root, "general", "signature")
	if err != nil {
		return nil, err
	}
	p, err := c.ask(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("client: status of payment %q: %w", paymentID, err)
	}
	if isASCII(paymentID) && !strings.EqualFold(p.ID, paymentID) {
		return nil, fmt.Errorf("client: status of payment %q: the answer is about %q", paymentID, p.ID)
	}
	return p, nil
}

// StatusByRequest asks what became of a request, by the request_id of its
// answer. It returns the payment, or as an [*Error] the errors for which the
// request was refused, or [ErrNotFound].
func (c *Client) StatusByRequest(ctx context.Context, requestID string) (*Payment, error) {
	root := signature.Obj(
		signature.Field("project_id", signature.Int(c.cfg.ProjectID)),
		signature.Field("request_id", signature.Str(requestID)),
	)
	req, err := c.sign("/v2/payment/status/request", &root, "signature")
	if err != nil {
		return nil, err
	}
	p, err := c.ask(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("client: status of request %q: %w", requestID, err)
	}
	return p, nil
}

// ask sends a status request, repeating it like a payout request, and reads the
// answer.
func (c *Client) ask(ctx context.Context, req Request) (*Payment, error) {
	var body []byte
	_, err := c.post(ctx, req, func(b []byte) error {
		body = b
		return nil
	})
	var refused *Error
	if errors.As(err, &refused) && refused.HTTPStatus == http.StatusNotFound && refused.Code != codeNoProject {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	v, _, err := verified(body, c.cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("answer refused: %w", err)
	}
	p, err := readPayment(v, body)
	if err != nil {
		return nil, fmt.Errorf("answer cannot be read: %w", err)
	}
	if p.ProjectID != 0 && p.ProjectID != c.cfg.ProjectID {
		return nil, fmt.Errorf("answer is about project %d", p.ProjectID)
	}
	if len(p.Errors) > 0 && (p.Status == "" || p.Status == "error") {
		return nil, refusal(http.StatusOK, body)
	}
	return p, nil
}

const codeNoProject = "2442" // Project ID not found: also 404, but no word about the payment

// verified parses a signed body, checks its signature under the keys, in turn,
// and that the signature fits no other body that would be taken.
func verified(body []byte, keys ...string) (*signature.Value, signature.Order, error) {
	if len(keys) == 0 || slices.Contains(keys, "") {
		return nil, 0, signature.ErrNoKey
	}
	v, err := signature.Parse(body)
	if err != nil {
		return nil, 0, err
	}
	sig, ok := signature.Find(v)
	if !ok {
		return nil, 0, signature.ErrMissing
	}
	form := signature.Canonical(v)
	for _, key := range keys {
		var order signature.Order
		if order, err = form.Verify(sig, key); err == nil {
			return v, order, unambiguous(form)
		}
	}
	return nil, 0, err
}

// unambiguous refuses a body that may be another one cut in another way. The
// platform sends none, nor names with ":" in them or empty ones.
func unambiguous(form *signature.Form) error {
	for _, l := range form.Lines() {
		if strings.Contains(l.Path, "::") || strings.HasSuffix(l.Path, ":") {
			return fmt.Errorf("%w: a member's name is empty or holds a colon", signature.ErrAmbiguous)
		}
	}
	if found := form.Ambiguous(); len(found) > 0 {
		return fmt.Errorf("%w: %s %s", signature.ErrAmbiguous, strings.ReplaceAll(found[0].Path, ":", "."), found[0].Why)
	}
	return nil
}

func readPayment(v *signature.Value, raw []byte) (*Payment, error) {
	r := reader{v: v}
	p := &Payment{
		ProjectID:     r.int("project_id"),
		ID:            r.text("payment", "id"),
		Type:          r.text("payment", "type"),
		Status:        Status(r.text("payment", "status")),
		Date:          r.date("payment", "date"),
		Method:        r.text("payment", "method"),
		Sum:           r.sum("payment", "sum"),
		Description:   r.text("payment", "description"),
		AccountNumber: r.text("account", "number"),
		CustomerID:    r.text("customer", "id"),
		Errors:        fieldErrors(v.Get("errors")),
		Raw:           raw,
	}
	if r.err != nil {
		return nil, r.err
	}
	if list := v.Get("operations"); list != nil {
		for i := range list.Items {
			o, err := readOperation(&list.Items[i])
			if err != nil {
				return nil, fmt.Errorf("operations[%d]: %w", i, err)
			}
			p.Operations = append(p.Operations, o)
		}
	}
	return p, nil
}

func readOperation(v *signature.Value) (Operation, error) {
	r := reader{v: v}
	o := Operation{
		ID:           r.int("id"),
		Type:         r.text("type"),
		Status:       r.text("status"),
		Date:         r.date("date"),
		CreatedDate:  r.date("created_date"),
		RequestID:    r.text("request_id"),
		SumInitial:   r.sum("sum_initial"),
		SumConverted: r.sum("sum_converted"),
		Code:         r.text("code"),
		Message:      r.text("message"),
		Provider: Provider{
			ID:        r.int("provider", "id"),
			PaymentID: r.text("provider", "payment_id"),
			AuthCode:  r.text("provider", "auth_code"),
		},
	}
	return o, r.err
}

// reader reads members of a verified body and keeps the first fault: a signature
// covers no types, so they are checked here.
type reader struct {
	v   *signature.Value
	err error
}

func (r *reader) text(path ...string) string { return text(r.v, path...) }

func (r *reader) int(path ...string) int64 {
	n, err := integer(r.v, path...)
	if err != nil && r.err == nil {
		r.err = err
	}
	return n
}

func (r *reader) sum(path ...string) Sum {
	v := r.v.Get(path...)
	n, err := integer(v, "amount")
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s.%w", strings.Join(path, "."), err)
	}
	return Sum{Amount: n, Currency: text(v, "currency")}
}

// wireDate is the platform's form of dates.
const wireDate = "2006-01-02T15:04:05-0700"

func (r *reader) date(path ...string) time.Time {
	s := text(r.v, path...)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(wireDate, s)
	if err != nil {
		if t, err = time.Parse(time.RFC3339, s); err != nil && r.err == nil {
			r.err = fmt.Errorf("%s: %q is not a date such as 2025-02-13T14:59:31+0000", strings.Join(path, "."), s)
		}
	}
	return t.UTC()
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7f }) < 0
}
