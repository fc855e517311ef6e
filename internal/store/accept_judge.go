package store

import (
	"context"
	"encoding/hex"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/rule"
)

// judge makes payment, operation and journal line of an item as they are with these funds available.
func (t *Tx) judge(it *acceptItem, available int64) {
	project, ok := t.settings.projects[it.ProjectID]
	if !ok { // it was there when the request was checked; an empty one declines everything
		project = &merchant.Project{ID: it.ProjectID, Blocked: true}
	}
	verdict := rule.Decide(rule.State{Project: project, LiveProvider: it.Provider != "", Available: available, Rates: t.rates, Now: t.now}, it.Check)
	it.code = verdict.Code
	shard := t.store.shard.Load()
	it.payment = payout.Payment{
		ID: it.id, ProjectID: it.ProjectID, PaymentID: it.PaymentID, PaymentKey: it.key, RequestID: requestID(it.nonce, it.id, shard),
		ContentHash: it.content, Status: payout.Processing, Method: it.Method, MethodTitle: it.MethodTitle, Amount: it.Amount,
		Currency: it.Currency, Description: it.Description, AccountMask: it.AccountMask, CustomerID: it.CustomerID,
		Interface: it.Interface, Options: it.Options, CreatedAt: t.now, UpdatedAt: t.now,
	}
	it.operation = payout.Operation{
		ID: it.id, ProjectID: it.ProjectID, Payment: it.id, Number: 1, Stage: payout.New, Status: payout.Processing,
		Provider: it.Provider, ProviderID: it.ProviderID, Key: it.providerKey, Amount: verdict.Amount, Currency: verdict.Currency, Terms: verdict.Terms, Code: payout.CodeAwaiting,
		CreatedAt: t.now, UpdatedAt: t.now, ThresholdAt: threshold(t.now, it.Threshold, it.Options.BestBefore), NextAt: t.now, Version: 1,
	}
	kind := "accepted"
	switch {
	case it.code != payout.CodeSuccess:
		kind = "declined"
		it.payment.Status, it.payment.Events = payout.Decline, 1
		it.operation.Stage, it.operation.Status, it.operation.Code, it.operation.NextAt = payout.Closed, payout.Decline, it.code, time.Time{}
	case it.intent > 0 && !project.Paused: // it may have been paused since the place was taken
		it.operation.Stage, it.operation.Submits = intent.To.Stage, 1
		it.operation.SubmitDeadline = t.now.Add(it.intent)
		it.operation.NextAt = it.operation.SubmitDeadline.Add(leaseMargin)
	}
	detail := Detail{}.Text("request_id", it.payment.RequestID).Int("amount", it.Amount).Text("currency", it.Currency).
		Int("account_key", it.accountKey).Text("content", hex.EncodeToString(it.content[:])).Text("provider", it.Provider).
		Int("code", int64(it.code)).Text("remark", it.Options.AccountRemark).JSON("terms", it.operation.Terms.String())
	it.line = JournalLine{ProjectID: it.ProjectID, Payment: it.id, Seq: 1, At: t.now, Kind: kind, Operation: it.id, Detail: detail.String()}
	it.line.Hash = it.line.Chain([32]byte{})
	it.payment.Head = payout.Head{Seq: 1, Hash: it.line.Hash}
}

// intent is the move by which an operation is about to be handed to its provider: by the commit that accepts it, or by
// the lease.
var intent, _ = payout.State{Status: payout.Processing, Stage: payout.New}.On(payout.Intent)

// leaseMargin is how much longer a lease lasts than the call that it covers.
const leaseMargin = 2 * time.Second

func threshold(now time.Time, wait time.Duration, bestBefore time.Time) time.Time {
	at := now.Add(wait)
	if !bestBefore.IsZero() && bestBefore.Before(at) {
		return bestBefore
	}
	return at
}

// decide gives the verdicts that need funds, in the order of arrival, and books what they and the steps move.
func (t *Tx) decide(ctx context.Context, commands []*command) error {
	var poor []*acceptItem
	for _, c := range commands {
		switch {
		case c.accept != nil && c.accept.inserted:
			if err := t.decideAccept(c.accept); err != nil {
				return err
			}
			if c.accept.code == payout.CodeInsufficientFunds {
				poor = append(poor, c.accept)
			}
		case c.step != nil && c.step.won:
			if err := t.bookStep(c.step); err != nil {
				return err
			}
		}
	}
	return t.declinePoor(ctx, poor)
}

func (t *Tx) decideAccept(it *acceptItem) error {
	if it.code == payout.CodeSuccess {
		_, _, currency := it.operation.Cost()
		if available := t.available(it.ProjectID, currency); it.operation.Exceeds(available) {
			t.judge(it, available)
		}
	}
	it.line.ID = t.RowID()
	t.addLine(&it.line)
	t.tapAccept(it)
	if it.code != payout.CodeSuccess {
		t.announce(&it.payment, &it.operation, t.now)
		return nil
	}
	return t.postAll(costOf(&it.operation).Hold())
}
