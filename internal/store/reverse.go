package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// A reversal is a step whose funds depend on what the project owes then, which its line of the journal tells. So it is made
// in a commit of its own and not with the writer's other steps; returns are rare.

// reverses tells whether a step is a reversal.
func (i *stepItem) reverses() bool {
	return i.moves && (i.move.Funds == payout.Reverse || i.move.Funds == payout.ReverseHold)
}

// reverse commits a reversal: the operation of that type, status and funds, the journal line, the callback, and the
// notification that tells of it, as done.
func (s *Store) reverse(ctx context.Context, step Step) (after StepResult, err error) {
	o := &step.Operation
	key := fmt.Sprintf("reverse %d %d %d", o.ProjectID, o.ID, o.Version)
	err = s.Do(ctx, key, func(ctx context.Context, t *Tx) error {
		var err error
		after, err = t.reverse(ctx, step)
		return err
	})
	if err == nil && after.Operation.ID == 0 { // it was committed before
		err = ErrMoved
	}
	return after, err
}

func (t *Tx) reverse(ctx context.Context, step Step) (StepResult, error) {
	p, o, err := t.lockOperation(ctx, step.Operation.ProjectID, step.Operation.ID)
	if err != nil {
		return StepResult{}, err
	}
	if o.Version != step.Operation.Version {
		return StepResult{}, fmt.Errorf("%w: operation %d", ErrMoved, o.ID)
	}
	b, err := t.balanceThatPays(ctx, o)
	if err != nil {
		return StepResult{}, err
	}
	cost := costOf(o)
	owed := min(b.Owed(), cost.Reversed())
	if owed > 0 {
		step.Detail = step.Detail.Int("receivable", owed)
	}
	step.Payment, step.Operation = *p, *o
	i := newStepItem(step, t.now)
	if i.move.Funds == payout.ReverseHold { // its success is told with it
		i.after.Payment.Events++
	}
	if err := t.stepAlone(ctx, i); err != nil {
		return StepResult{}, err
	}
	returned := cmp.Or(step.Returned, i.after.Operation.ProviderPaymentID)
	reversal := reversalOf(&i.after.Operation, t.store.numbers.take(), returned, t.now)
	if err := insertOperationRows.Later(ctx, t.conn, operationRow(reversal, nil), nil); err != nil {
		return StepResult{}, err
	}
	t.announceReversal(i, reversal)
	if step.Notification != 0 {
		if err := moveNotifications.Later(ctx, t.conn, []any{step.Notification, "done", "", nil}, nil); err != nil {
			return StepResult{}, err
		}
	}
	return i.after, t.postAll(reversalTransfers(i.move.Funds, cost, owed))
}

// announceReversal tells of a reversal, and where nobody has been told of the success, of that before.
func (t *Tx) announceReversal(i *stepItem, reversal *payout.Operation) {
	p := i.after.Payment
	if i.move.Funds == payout.ReverseHold {
		p.Status, p.Events = payout.Success, p.Events-1
		t.announce(&p, &i.after.Operation, t.now)
		t.events[len(t.events)-1].old = true
	}
	t.announce(&i.after.Payment, reversal, t.now)
}

// reversalOf is the operation that a return adds. It has the sum that was paid, and the terms, which say what it gives back and to
// which balance; it was never handed to the provider.
func reversalOf(o *payout.Operation, id int64, returned string, now time.Time) *payout.Operation {
	return &payout.Operation{
		ID: id, ProjectID: o.ProjectID, Payment: o.Payment, Number: o.Number + 1, Stage: payout.Closed, Status: payout.Reversed,
		Provider: o.Provider, ProviderID: o.ProviderID, ProviderPaymentID: returned, Amount: o.Amount, Currency: o.Currency,
		Terms: o.Terms, Code: payout.CodeSuccess, CreatedAt: now, UpdatedAt: now, ThresholdAt: o.ThresholdAt, Version: 1,
	}
}

// reversalTransfers give back what was paid: what the project owes first.
func reversalTransfers(f payout.Funds, c *ledger.Cost, owed int64) []ledger.Transfer {
	if f == payout.ReverseHold {
		return append(c.Spend(), c.Reverse(owed)...)
	}
	return c.Reverse(owed)
}

// addReturns tells works that are reversed by which of the provider's names the money came back.
func (s *Store) addReturns(ctx context.Context, works []*Work) error {
	for _, w := range works {
		if w.Payment.Status != payout.Reversed {
			continue
		}
		const find = "SELECT provider_payment_id FROM operations WHERE project_id = $1 AND payment = $2 AND number > 1 AND status = 'reversed'"
		err := s.db.Read(ctx, find, func(r *sql.Rows) error { return r.Scan(&w.Returned) }, w.Payment.ProjectID, w.Payment.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// operationRow is one row of insertOperationRows.
func operationRow(o *payout.Operation, lease any) []any {
	return []any{
		o.ID, o.ProjectID, o.Payment, int64(o.Number), string(o.Stage), string(o.Status), o.Provider, o.ProviderID,
		o.Key, o.ProviderPaymentID, "", o.Amount, o.Currency, int64(o.Code), int64(o.Submits), int64(0), o.CreatedAt.UnixMicro(), o.UpdatedAt.UnixMicro(),
		sqldb.Micros(o.SubmitDeadline), o.ThresholdAt.UnixMicro(), optionalMicros(o.NextAt), lease, o.Version, optionalText(o.Terms.String()),
	}
}
