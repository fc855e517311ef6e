package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// Step is one step of an operation, based on the state in which its worker read it. The table of moves decides what it changes;
// the compare-and-set in the database decides whether it still applies.
type Step struct {
	Payment   payout.Payment   // as last seen
	Operation payout.Operation // as last seen: its version is compared
	Event     payout.Event     // what happened; 0: nothing but time has passed
	Kind      string           // of the journal line; empty: none is written (only where Event is 0)
	Detail    Detail           // of the journal line
	Code      int              // of Declined and Threshold
	NextAt    time.Time        // when the next step is due, where the operation stays open
	Inquired  bool             // counts an inquiry

	ProviderPaymentID string // where the provider told them
	AuthCode          string
	Returned          string // of a return, where the provider names it
	Notification      int64  // the stored notification that this step makes done; 0: none
	Discrepancy       string // kind of discrepancy to open although nothing moves; empty: only what the table says
}

// StepResult holds a payment and its operation as they are after a step.
type StepResult struct {
	Payment   payout.Payment
	Operation payout.Operation
}

// stepItem is a Step in the writer.
type stepItem struct {
	before Step
	after  StepResult
	move   payout.Move
	moves  bool // the table of moves has a row for it
	line   *JournalLine
	won    bool
}

func (i *stepItem) movesFunds() bool { return i.moves && i.move.Funds != payout.KeepFunds }

// Apply commits a step. ErrMoved means that the operation was changed by another step first, and nothing was stored: read it
// again and decide anew.
func (s *Store) Apply(ctx context.Context, step Step) (StepResult, error) {
	item := newStepItem(step, s.Now())
	if item.reverses() {
		return s.reverse(ctx, step)
	}
	if err := s.do(ctx, &command{step: item}); err != nil {
		return StepResult{}, err
	}
	return item.after, nil
}

// ApplyAll is Apply for several steps, each of another operation, that may share a commit. It returns a result and an error for
// each, at the step's index.
func (s *Store) ApplyAll(ctx context.Context, steps []Step) ([]StepResult, []error) {
	now := s.Now()
	stepped, errs := make([]StepResult, len(steps)), make([]error, len(steps))
	commands, places := make([]*command, 0, len(steps)), make([]int, 0, len(steps))
	handed := time.Now()
	for i, step := range steps {
		item := newStepItem(step, now)
		if item.reverses() {
			stepped[i], errs[i] = s.reverse(ctx, step)
			continue
		}
		commands, places = append(commands, &command{step: item, since: handed}), append(places, i)
	}
	for n, err := range s.batcher.DoAll(ctx, commands) {
		i := places[n]
		if errs[i] = outcome(ctx, err); errs[i] == nil {
			stepped[i] = commands[n].step.after
		}
	}
	return stepped, errs
}

func newStepItem(step Step, now time.Time) *stepItem {
	item := &stepItem{before: step, after: StepResult{Payment: step.Payment, Operation: step.Operation}}
	p, o := &item.after.Payment, &item.after.Operation
	if step.Event != 0 {
		item.move, item.moves = payout.State{Status: p.Status, Stage: o.Stage}.On(step.Event)
	}
	o.Version++
	o.NextAt = step.NextAt
	if step.Inquired {
		o.Inquiries++
	}
	if item.moves {
		item.applyMove(now)
	}
	if step.ProviderPaymentID != "" {
		o.ProviderPaymentID = step.ProviderPaymentID
	}
	if step.AuthCode != "" {
		o.AuthCode = step.AuthCode
	}
	if !o.Stage.Open() {
		o.NextAt = time.Time{}
	}
	if step.Kind != "" {
		item.line = &JournalLine{ProjectID: p.ProjectID, Payment: p.ID, Seq: p.Head.Seq + 1, At: now, Kind: step.Kind, Operation: o.ID, Detail: step.Detail.String()}
		item.line.Hash = item.line.Chain(p.Head.Hash)
		p.Head = payout.Head{Seq: item.line.Seq, Hash: item.line.Hash}
	}
	return item
}

// applyMove changes payment and operation as the row of the table says.
func (i *stepItem) applyMove(now time.Time) {
	p, o := &i.after.Payment, &i.after.Operation
	o.Stage = i.move.To.Stage
	if i.move.To.Status != p.Status {
		p.Status, p.UpdatedAt = i.move.To.Status, now
	}
	switch i.before.Event {
	case payout.Succeeded, payout.Returned:
		if i.move.From.Status == payout.Processing {
			o.Status, o.Code, o.UpdatedAt = payout.Success, payout.CodeSuccess, now
		}
	case payout.Declined, payout.Threshold:
		if i.move.From.Status == payout.Processing {
			o.Status, o.Code, o.UpdatedAt = payout.Decline, i.before.Code, now
		}
	case payout.NotSent:
		o.Inquiries = 0
	}
	if i.move.Callback {
		p.Events++
	}
}

var moveOperationRows = sqldb.NewBulk(moveOperationsHead, moveOperationsRow, moveOperationsTail)

const (
	moveOperationsHead = `WITH v (project_id, id, before, stage, status, provider_payment_id, auth_code, code, inquiries, updated_at, next_at) AS (VALUES `
	moveOperationsRow  = `(CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%s AS TEXT), CAST(%s AS TEXT), CAST(%s AS TEXT), CAST(%s AS TEXT),
		CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT))`
	moveOperationsTail = `) UPDATE operations SET stage = v.stage, status = v.status, provider_payment_id = v.provider_payment_id, auth_code = v.auth_code,
		code = v.code, inquiries = v.inquiries, updated_at = v.updated_at, next_at = v.next_at, lease = NULL, version = v.before + 1
		FROM v WHERE operations.project_id = +v.project_id AND operations.id = +v.id AND operations.version = +v.before RETURNING operations.id`
)

// moveOperations makes the compare-and-set of every step, in the order of their operations: operations first, then the
// heads of their payments.
func (t *Tx) moveOperations(ctx context.Context, commands []*command) error {
	t.steps = stepsInOrder(commands)
	steps := t.steps
	byOperation := make(map[int64]*stepItem, len(steps))
	args := make([]any, 0, len(steps)*moveOperationRows.Columns)
	for _, c := range steps {
		byOperation[c.step.after.Operation.ID] = c.step
		args = append(args, moveOperationArgs(c.step)...)
	}
	return moveOperationRows.Later(ctx, t.conn, args, func(r sqldb.Row) error {
		var id int64
		if err := r.Scan(&id); err != nil {
			return err
		}
		byOperation[id].won = true
		return nil
	})
}

// moveOperationArgs is one row of moveOperationRows.
func moveOperationArgs(i *stepItem) []any {
	o := &i.after.Operation
	return []any{
		o.ProjectID, o.ID, i.before.Operation.Version, string(o.Stage), string(o.Status), o.ProviderPaymentID, o.AuthCode,
		int64(o.Code), int64(o.Inquiries), o.UpdatedAt.UnixMicro(), optionalMicros(o.NextAt),
	}
}

// resolveLostSteps tells the steps that have lost why, and moves the heads of the others' payments.
func (t *Tx) resolveLostSteps(ctx context.Context, _ []*command) (err error) {
	for _, c := range t.steps {
		if !c.step.won {
			if c.err, err = t.whyLost(ctx, c.step); err != nil {
				return err
			}
		}
	}
	var args []any
	for _, c := range t.steps {
		if i := c.step; i.won && i.line != nil {
			args = append(args, paymentMove(&i.after.Payment, i.before.Payment.Head.Seq)...)
			t.headsPending++
		}
	}
	return movePayments.Later(ctx, t.conn, args, func(sqldb.Row) error {
		t.headsPending--
		return nil
	})
}

// checkHeads fails where an operation is as it was seen and its payment is not: everything of this commit is rolled
// back, and the one whose step it was fails alone.
func (t *Tx) checkHeads(ctx context.Context, _ []*command) error {
	if err := t.conn.Flush(ctx); err != nil {
		return err
	}
	if t.headsPending != 0 {
		return fmt.Errorf("%w: the journal of its payment had grown", ErrMoved)
	}
	return nil
}

// stepsInOrder returns the commands that are steps by their operations' ids. Of several steps of one operation only the
// first that came is tried; the others have lost.
func stepsInOrder(commands []*command) []*command {
	var steps []*command
	for _, c := range commands {
		if c.step != nil {
			c.step.won = false
			steps = append(steps, c)
		}
	}
	slices.SortStableFunc(steps, func(a, b *command) int { return cmp.Compare(a.step.after.Operation.ID, b.step.after.Operation.ID) })
	first := steps[:0]
	for _, c := range steps {
		if n := len(first); n > 0 && first[n-1].step.after.Operation.ID == c.step.after.Operation.ID {
			c.err = ErrMoved
			continue
		}
		first = append(first, c)
	}
	return first
}

// whyLost tells a step that somebody else was faster from one whose own commit, of unknown outcome, had gone through.
func (t *Tx) whyLost(ctx context.Context, i *stepItem) (lost, err error) {
	lost = ErrMoved
	if i.line == nil {
		return lost, nil
	}
	const find = "SELECT 1 FROM journal WHERE project_id = $1 AND payment = $2 AND seq = $3 AND hash = $4"
	err = t.Query(ctx, find, func(*sql.Rows) error {
		lost = nil
		return nil
	}, i.line.ProjectID, i.line.Payment, i.line.Seq, i.line.Hash[:])
	return lost, err
}

var movePayments = sqldb.NewBulk(
	"WITH v (project_id, id, before, status, updated_at, events, head_seq, head_hash) AS (VALUES ",
	"(CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%s AS TEXT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%i AS BIGINT), CAST(%b AS {{bytes}}))",
	`) UPDATE payments SET status = v.status, updated_at = v.updated_at, events = v.events, head_seq = v.head_seq, head_hash = v.head_hash
		FROM v WHERE payments.project_id = +v.project_id AND payments.id = +v.id AND payments.head_seq = +v.before RETURNING payments.id`)

// paymentMove is one row of movePayments: p as it shall be, and the length of the journal that it must have before.
func paymentMove(p *payout.Payment, before int64) []any {
	return []any{p.ProjectID, p.ID, before, string(p.Status), p.UpdatedAt.UnixMicro(), int64(p.Events), p.Head.Seq, p.Head.Hash[:]}
}

// bookStep books what a step that was first moves: funds, journal line, event, discrepancy.
func (t *Tx) bookStep(i *stepItem) error {
	p, o := &i.after.Payment, &i.after.Operation
	if i.line != nil {
		i.line.ID = t.RowID()
		t.addLine(i.line)
		t.tapStep(i)
	}
	if i.before.Discrepancy != "" {
		t.dispute(p, o, i.before.Discrepancy, i.before.Detail)
	}
	if !i.moves {
		return nil
	}
	if i.move.Discrepancy != "" {
		t.dispute(p, o, i.move.Discrepancy, i.before.Detail)
	}
	if i.move.Callback {
		t.announce(p, o, i.line.At)
	}
	return t.postAll(transfersOf(i.move.Funds, costOf(o)))
}

// transfersOf are what a movement of funds makes of what a payout costs. What settles late is split by what is owed: see
// settlementTransfers.
func transfersOf(f payout.Funds, c *ledger.Cost) []ledger.Transfer {
	switch f {
	case payout.SpendHold:
		return c.Spend()
	case payout.ReturnHold:
		return c.Return()
	case payout.DisputeHold:
		return c.Dispute()
	case payout.ReturnDispute:
		return c.ReturnDisputed()
	case payout.SpendDispute:
		return c.SpendDisputed()
	}
	return nil
}
