package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"flashpay/client"
)

// errUsed: the payment id stands for another payout.
var errUsed = errors.New("this payment id was used for another payout")

// errBusy: a request under this id is still under way.
var errBusy = errors.New("a request of this payout is under way")

// order is what a customer of the shop is to be paid.
type order struct {
	PaymentID   string
	Amount      int64 // minor units
	Account     string
	Name        string
	Description string
	CustomerIP  string
}

// build makes the signed request of an order.
func (s *Shop) build(o order, why string) (*request, error) {
	signed, err := s.client.Build(client.Payout{
		Method:      methodName,
		PaymentID:   o.PaymentID,
		Amount:      o.Amount,
		Currency:    currency,
		Customer:    client.Customer{ID: "customer-" + fold(o.PaymentID), IPAddress: o.CustomerIP},
		Account:     client.Account{Number: o.Account, CustomerName: o.Name},
		Description: o.Description,
	})
	if err != nil {
		return nil, err
	}
	return &request{
		Why: why, Amount: o.Amount, Account: o.Account, Name: o.Name, Description: o.Description,
		Path: signed.Path, Body: string(signed.Body), SigningString: signed.SigningString, Signature: signed.Signature,
	}, nil
}

// pay requests a payout: it stores the request, then sends it in the background.
// The same order under the same id is the same payout, and nothing is sent a
// second time. Another order under an id that is in use is [errUsed].
func (s *Shop) pay(o order, batch string) (*payout, *exchange, error) {
	req, err := s.build(o, whyFirst)
	if err != nil {
		return nil, nil, err
	}
	s.write.Lock()
	defer s.write.Unlock()
	p := s.book.find(o.PaymentID) // writers hold s.write, so reading needs no other lock
	if p != nil && !p.free() {
		if e := p.decisive(); e != nil && e.Request.sameAs(req) {
			return p, e, nil
		}
		return p, nil, errUsed
	}
	if p != nil && len(p.Exchanges) > 0 {
		req.Why = whyCorrected
	}
	return s.dispatch(o.PaymentID, req, batch)
}

// repeat sends the very bytes of a payout's request again.
func (s *Shop) repeat(p *payout) (*exchange, error) {
	s.write.Lock()
	defer s.write.Unlock()
	e := p.decisive()
	if e == nil {
		return nil, errors.New("this payout was not requested here, so there is no request to repeat")
	}
	req := *e.Request
	req.Why = whyRepeat
	_, e, err := s.dispatch(p.ID, &req, "")
	return e, err
}

// repeatOpen repeats all requests that have no usable answer.
func (s *Shop) repeatOpen() error {
	var open []*payout
	s.book.mu.RLock()
	for _, p := range s.book.payouts {
		if p.unanswered() {
			open = append(open, p)
		}
	}
	s.book.mu.RUnlock()
	for _, p := range open {
		if _, err := s.repeat(p); err != nil && !errors.Is(err, errBusy) {
			return err
		}
	}
	return nil
}

// change requests another amount under the same id, which the platform has to
// refuse.
func (s *Shop) change(p *payout, ip string) (*exchange, error) {
	s.write.Lock()
	defer s.write.Unlock()
	e := p.decisive()
	if e == nil || e.Answer == nil || e.Answer.Outcome != outcomeAccepted {
		return nil, errors.New("this payout was not accepted yet, so its id is still free for other content")
	}
	r := e.Request
	amount := r.Amount + 1_00
	if amount > maxAmount {
		amount = r.Amount - 1_00
	}
	req, err := s.build(order{p.ID, amount, r.Account, r.Name, r.Description, ip}, whyChanged)
	if err != nil {
		return nil, err
	}
	_, e, err = s.dispatch(p.ID, req, "")
	return e, err
}

// dispatch stores a request and sends it. The caller holds s.write.
func (s *Shop) dispatch(id string, req *request, batch string) (*payout, *exchange, error) {
	if p := s.book.find(id); p != nil && p.last() != nil && p.last().Answer == nil {
		return p, nil, errBusy
	}
	if err := s.enterLocked(&record{Kind: kindRequest, At: now(), PaymentID: id, Batch: batch, Request: req}); err != nil {
		return nil, nil, err
	}
	p := s.book.find(id)
	e := p.last()
	s.start(p, e)
	return p, e, nil
}

// start sends an exchange's request in the background.
func (s *Shop) start(p *payout, e *exchange) {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return // it is stored, and the next New sends it
	}
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
			s.send(p, e)
		case <-s.ctx.Done():
		}
	}()
}

// resume sends again what had no answer when the shop was ended.
func (s *Shop) resume() {
	for _, p := range s.book.payouts {
		if e := p.last(); e != nil && e.Answer == nil {
			s.log.Info("sending again a payout request that had no answer", "payment_id", p.ID)
			s.start(p, e)
		}
	}
}

func (s *Shop) send(p *payout, e *exchange) {
	ctx := observed(s.ctx, func(a attempt) {
		s.book.mu.Lock()
		e.Attempts = append(e.Attempts, a)
		s.book.mu.Unlock()
		s.live.changed()
	})
	receipt, err := s.client.Send(ctx, client.Request{Path: e.Request.Path, Body: []byte(e.Request.Body)})
	if s.ctx.Err() != nil && err != nil {
		return // ended, not answered
	}
	s.book.mu.RLock()
	a := &answer{Attempts: slices.Clone(e.Attempts)}
	s.book.mu.RUnlock()
	a.judge(receipt, err)
	s.log.Info("payout requested", "payment_id", p.ID, "why", e.Request.Why, "outcome", a.Outcome, "request_id", a.RequestID,
		"code", a.Code, "attempts", len(a.Attempts), "error", err)
	if s.enter(&record{Kind: kindAnswer, At: now(), PaymentID: p.ID, Answer: a}) != nil {
		return // logged; unanswered, it is sent again by the next New
	}
}

// judge says what an answer, or its absence, comes to.
func (a *answer) judge(receipt client.Receipt, err error) {
	var refused *client.Error
	switch {
	case err == nil:
		a.Outcome, a.RequestID = outcomeAccepted, receipt.RequestID
		return
	case errors.Is(err, client.ErrUnknown):
		a.Outcome = outcomeUnknown
	case errors.As(err, &refused):
		a.Outcome = outcomeRefused
	default:
		a.Outcome = outcomeUnsent
	}
	if refused != nil || errors.As(err, &refused) {
		a.RequestID, a.Code, a.Message, a.Fields = refused.RequestID, refused.Code, refused.Message, refused.Fields
	}
	if a.Message == "" && len(a.Attempts) > 0 {
		a.Message = trouble(a.Attempts[len(a.Attempts)-1])
	}
}

// ask sends a status query and stores its answer.
func (s *Shop) ask(ctx context.Context, p *payout) error {
	r := &record{Kind: kindStatus, PaymentID: p.ID}
	ctx = observed(ctx, func(a attempt) { r.Body = a.Body })
	payment, err := s.client.Status(ctx, p.ID)
	r.At = now()
	switch {
	case errors.Is(err, client.ErrNotFound):
		r.Error = "The platform knows no payment under this id."
	case err != nil:
		r.Error = "No usable answer: " + err.Error()
	default:
		var op *client.Operation
		if n := len(payment.Operations); n > 0 {
			op = &payment.Operations[n-1]
		}
		r.Fact, r.Body = factOf(payment, op), string(payment.Raw)
	}
	if err := s.enter(r); err != nil {
		return fmt.Errorf("the answer could not be stored: %w", err)
	}
	return nil
}
