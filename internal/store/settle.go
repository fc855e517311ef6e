package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"flashpay/internal/ledger"
	"flashpay/internal/payout"
	"flashpay/internal/store/sqldb"
)

// Errors of Settle and RequestSettlementApproval.
var (
	ErrSettled     = errors.New("store: it is settled already")
	ErrNotDisputed = errors.New("store: the payment has no disputed hold whose outcome is still being inquired")
	ErrReason      = errors.New("store: a settlement needs a decision, bank or ours, and a reason of at most 1000 characters")
)

const settlementText = 1000 // characters of a reason or note

// Case is a discrepancy with everything that a decision on it depends on.
type Case struct {
	Discrepancy
	PaymentID string           // the merchant's; empty where the payment is not known
	Status    payout.Status    // of the payment
	Operation payout.Operation // zero where the payment is not known
	Balance   ledger.Balance   // the one that pays
	FeeKept   bool             // the sum was given back, and the fee stayed charged: it is not charged again
}

// Effect is what a decision would do to the books.
type Effect struct {
	Move      payout.Move
	Moves     bool // else the books stay as they are
	Transfers []ledger.Transfer
	After     ledger.Balance
}

// Effect returns what a decision on the case would do if it were made now. It changes nothing.
func (c *Case) Effect(d payout.Decision) Effect {
	e := Effect{After: c.Balance}
	e.Move, e.Moves = payout.Settle(c.Kind, payout.State{Status: c.Status, Stage: c.Operation.Stage}, d)
	if !e.Moves {
		return e
	}
	e.Transfers, _ = settlementTransfers(&c.Balance, e.Move.Funds, &c.Operation, c.FeeKept)
	for _, t := range e.Transfers {
		if t.Currency != e.After.Currency {
			continue // of a conversion: not the balance that pays
		}
		if err := e.After.Post(t); err != nil { // the commit will say so
			return e
		}
	}
	return e
}

// settlementTransfers are the transfers of a movement of funds on the balance that pays, as it is, and how much of the cost is
// owed since or was before. feeKept: the fee is charged still.
func settlementTransfers(b *ledger.Balance, f payout.Funds, o *payout.Operation, feeKept bool) (transfers []ledger.Transfer, owed int64) {
	cost := costOf(o)
	switch f {
	case payout.SpendLate:
		if feeKept {
			cost.Fee = 0
		}
		owed = max(0, cost.Amount+cost.Fee-b.Sum(ledger.Available))
		return cost.SpendLate(owed), owed
	case payout.Refund:
		owed = min(b.Owed(), cost.Amount+cost.Fee)
		return cost.Refund(owed), owed
	case payout.Reverse:
		owed = min(b.Owed(), cost.Reversed())
		return cost.Reverse(owed), owed
	}
	return transfersOf(f, cost), 0
}

// Case reads a discrepancy by its number, settled or not. ErrNotFound where there is none.
func (s *Store) Case(ctx context.Context, id int64) (*Case, error) {
	var c *Case
	err := sqldb.Query(ctx, s.db.Reads, "SELECT "+discrepancyColumns+" FROM discrepancies d WHERE d.id = $1", id).Each(func(r *sql.Rows) error {
		d, err := scanDiscrepancy(r)
		c = &Case{Discrepancy: d}
		return err
	})
	if err != nil {
		return nil, s.db.Unavailable(err)
	}
	if c == nil {
		return nil, ErrNotFound
	}
	if c.Payment == 0 {
		return c, nil
	}
	v, err := s.viewByID(ctx, c.ProjectID, c.Payment)
	if err != nil {
		return nil, err
	}
	return c, s.fillCase(ctx, c, v)
}

// DisputedCase returns the case of a payment whose hold is disputed while the bank is still being inquired; its ID is 0, since
// there is no discrepancy before it is settled. ErrNotFound where there is no such payment, ErrNotDisputed where its hold is not
// disputed.
func (s *Store) DisputedCase(ctx context.Context, projectID int64, paymentID string) (*Case, error) {
	v, err := s.PaymentView(ctx, projectID, paymentID)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(v.Operations, func(o payout.Operation) bool { return o.Stage == payout.Disputed })
	if i < 0 {
		return nil, ErrNotDisputed
	}
	c := &Case{Discrepancy: Discrepancy{
		ProjectID: projectID, Payment: v.Payment.ID, Operation: v.Operations[i].ID, Kind: payout.HoldDisputed, Detail: "{}", OpenedAt: v.Payment.UpdatedAt,
	}}
	return c, s.fillCase(ctx, c, v)
}

func (s *Store) fillCase(ctx context.Context, c *Case, v *View) error {
	c.PaymentID, c.Status = v.Payment.PaymentID, v.Payment.Status
	for _, o := range v.Operations {
		if o.ID == c.Discrepancy.Operation {
			c.Operation = o
		}
	}
	balances, err := s.Balances(ctx, c.ProjectID)
	if err != nil {
		return s.db.Unavailable(err)
	}
	_, _, currency := c.Operation.Cost()
	c.Balance = balances[currency]
	c.FeeKept, err = feeKept(ctx, s.db.Read, &c.Operation)
	return s.db.Unavailable(err)
}

// feeKept tells whether the last settlement that moved anything gave the sum of an operation back and kept its fee. Nothing but a
// settlement moves an operation on from there.
func feeKept(ctx context.Context, read func(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error, o *payout.Operation) (kept bool, err error) {
	if _, fee, _ := o.Cost(); fee == 0 || !o.KeepsFee() {
		return false, nil
	}
	const lines = "SELECT detail FROM journal WHERE payment = $1 AND +project_id = $2 AND operation = $3 AND kind = $4 ORDER BY seq DESC"
	last := true
	err = read(ctx, lines, func(r *sql.Rows) error {
		var text string
		var said struct{ Funds string }
		if err := r.Scan(&text); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &said); err != nil {
			return err
		}
		if last && said.Funds != "" {
			kept, last = said.Funds == payout.Reverse.String(), false
		}
		return nil
	}, o.Payment, o.ProjectID, o.ID, SettledLine)
	return kept, err
}

// Settlement is a decision on a discrepancy.
type Settlement struct {
	ID        int64 // the discrepancy's; 0: of the disputed hold of Operation
	ProjectID int64
	Payment   int64
	Operation int64 // 0 where the payment is not known
	Version   int64 // of the operation as it was when the effects were shown
	Decision  payout.Decision
	Reason    string // why; the merchant sees it
	Owner     string // who cares for it; empty: as it was
	Note      string // the operators' own; empty: as it was
}

// SettlementOf makes a Settlement of a decision on a case as it was read.
func SettlementOf(c *Case, d payout.Decision, reason string) Settlement {
	return Settlement{
		ID: c.ID, ProjectID: c.ProjectID, Payment: c.Payment, Operation: c.Discrepancy.Operation, Version: c.Operation.Version,
		Decision: d, Reason: reason,
	}
}

func (m *Settlement) check() error {
	m.Reason, m.Note = strings.TrimSpace(m.Reason), strings.TrimSpace(m.Note)
	if m.Decision != payout.BankIsRight && m.Decision != payout.WeAreRight || m.Reason == "" || utf8.RuneCountInString(m.Reason) > settlementText ||
		utf8.RuneCountInString(m.Note) > settlementText || utf8.RuneCountInString(m.Owner) > ownerLength {
		return ErrReason
	}
	return nil
}

// Settle settles a discrepancy: the movement of funds, the record and the audit log's line are one commit. A repeat of the same
// settlement changes nothing. ErrSettled where it was settled with another decision, ErrMoved where the operation has changed
// since it was read, ErrReason where reason or decision is missing, ErrNotFound where there is none, and ErrNeedsSecond where the
// payout's sum is above the project's approval sum, whoever acts: then use RequestSettlementApproval and DecideSettlement.
func (s *Store) Settle(ctx context.Context, m Settlement, by By) error {
	if err := m.check(); err != nil {
		return err
	}
	return s.Do(ctx, by.idempotencyKey("settle", fmt.Sprintf("%d/%d", m.ID, m.Operation)), func(ctx context.Context, t *Tx) error {
		return t.settle(ctx, &m, by.Actor, nil)
	})
}

// settle settles what a second person has approved, or, where there is no approval, what one person may settle alone.
func (t *Tx) settle(ctx context.Context, m *Settlement, actor string, approved *Approval) error {
	d, err := t.discrepancyToSettle(ctx, m)
	if err != nil {
		return err
	}
	switch {
	case !d.SettledAt.IsZero() && d.Decision == m.Decision && d.Reason == m.Reason:
		return nil
	case !d.SettledAt.IsZero():
		return ErrSettled
	}
	var funds payout.Funds
	if d.Operation != 0 {
		if funds, err = t.settleOperation(ctx, d, m, approved != nil); err != nil {
			return err
		}
	}
	if err := t.recordSettlement(ctx, d, m, funds, actor); err != nil {
		return err
	}
	detail := Detail{}.Int("discrepancy", d.ID).Text("kind", d.Kind).Int("payment", d.Payment).Text("decision", string(m.Decision)).
		Text("funds", funds.String()).Text("reason", m.Reason).Text("owner", cmp.Or(m.Owner, d.Owner))
	if approved != nil {
		detail = detail.Text("asked_by", approved.Requester).Int("approval", approved.ID)
	}
	return t.Audit(ctx, actor, "discrepancy settle", projectObject(d.ProjectID), detail)
}

// discrepancyToSettle reads what is to be settled. Of a disputed hold it is made with its settlement.
func (t *Tx) discrepancyToSettle(ctx context.Context, m *Settlement) (*Discrepancy, error) {
	query, args := "SELECT "+discrepancyColumns+" FROM discrepancies d WHERE d.id = $1", []any{m.ID}
	if m.ID == 0 {
		query, args = "SELECT "+discrepancyColumns+" FROM discrepancies d WHERE d.dedup = $1", []any{dedupOf(m.Operation, payout.HoldDisputed)}
	}
	var found *Discrepancy
	err := t.Query(ctx, query, func(r *sql.Rows) error {
		d, err := scanDiscrepancy(r)
		found = &d
		return err
	}, args...)
	switch {
	case err != nil || found != nil:
		return found, err
	case m.ID != 0 || m.Operation == 0:
		return nil, ErrNotFound
	}
	return &Discrepancy{ProjectID: m.ProjectID, Operation: m.Operation, Kind: payout.HoldDisputed, OpenedAt: t.now}, nil
}

// settleOperation moves the operation as the decision says: funds and the line of the journal. The line says how the sum was
// split, so that the audit can follow it.
func (t *Tx) settleOperation(ctx context.Context, d *Discrepancy, m *Settlement, approved bool) (payout.Funds, error) {
	p, o, err := t.lockOperation(ctx, d.ProjectID, d.Operation)
	if err != nil {
		return 0, err
	}
	d.Payment = p.ID
	if o.Version != m.Version {
		return 0, fmt.Errorf("%w: the operation has changed since its effects were shown", ErrMoved)
	}
	if project, ok := t.store.Project(d.ProjectID); ok && !approved && settlesAbove(&project.Settings, o) {
		return 0, ErrNeedsSecond
	}
	state := payout.State{Status: p.Status, Stage: o.Stage}
	if d.Kind == payout.HoldDisputed && o.Stage != payout.Disputed {
		return 0, ErrNotDisputed
	}
	move, moves := payout.Settle(d.Kind, state, m.Decision)
	b, err := t.balanceThatPays(ctx, o)
	if err != nil {
		return 0, err
	}
	kept, err := feeKept(ctx, t.Query, o)
	if err != nil {
		return 0, err
	}
	transfers, owed := settlementTransfers(b, move.Funds, o, kept)
	step := Step{Payment: *p, Operation: *o, Kind: SettledLine, NextAt: o.NextAt}
	step.Detail = Detail{}.Text("discrepancy", d.Kind).Text("decision", string(m.Decision))
	if moves {
		step.Event = move.On
		step.Detail = step.Detail.Text("moved", move.On.String()).Text("funds", move.Funds.String())
		if owed > 0 {
			step.Detail = step.Detail.Int("receivable", owed)
		}
	}
	return move.Funds, errors.Join(t.stepAlone(ctx, newStepItem(step, t.now)), t.postAll(transfers))
}

// balanceThatPays locks the balances of an operation's cost, and returns the one that pays.
func (t *Tx) balanceThatPays(ctx context.Context, o *payout.Operation) (*ledger.Balance, error) {
	_, _, currency := o.Cost()
	pays := balanceKey{o.ProjectID, currency}
	if err := t.lockBalances(ctx, []balanceKey{pays, {o.ProjectID, o.Currency}}); err != nil {
		return nil, err
	}
	if err := t.conn.Flush(ctx); err != nil {
		return nil, err
	}
	b, ok := t.funds.balances[pays]
	if !ok {
		return nil, fmt.Errorf("store: project %d has no balance in %s", o.ProjectID, currency)
	}
	return b, nil
}

// SettledLine is the kind of the journal line that records a settlement.
const SettledLine = "settled"

// stepAlone commits one step of an act, with the compare-and-set of all steps. It books nothing but the line.
func (t *Tx) stepAlone(ctx context.Context, i *stepItem) error {
	o, p := &i.after.Operation, &i.after.Payment
	count := func(n *int) func(sqldb.Row) error {
		return func(r sqldb.Row) error {
			*n++
			var id int64
			return r.Scan(&id)
		}
	}
	operations, payments := 0, 0
	if err := moveOperationRows.Later(ctx, t.conn, moveOperationArgs(i), count(&operations)); err != nil {
		return err
	}
	if err := movePayments.Later(ctx, t.conn, paymentMove(p, i.before.Payment.Head.Seq), count(&payments)); err != nil {
		return err
	}
	if err := t.conn.Flush(ctx); err != nil {
		return err
	}
	if operations != 1 || payments != 1 {
		return fmt.Errorf("%w: operation %d", ErrMoved, o.ID)
	}
	i.line.ID = t.RowID()
	t.addLine(i.line)
	t.tapStep(i)
	return nil
}

// lockOperation reads an operation with its payment, and on PostgreSQL locks it.
func (t *Tx) lockOperation(ctx context.Context, projectID, id int64) (*payout.Payment, *payout.Operation, error) {
	query := "SELECT " + OperationColumns + " FROM operations WHERE project_id = $1 AND id = $2"
	if t.conn.Dialect == &sqldb.Postgres {
		query += " FOR UPDATE"
	}
	var o *payout.Operation
	err := t.Query(ctx, query, func(r *sql.Rows) error {
		found, err := ScanOperation(r.Scan)
		o = &found
		return err
	}, projectID, id)
	if err != nil {
		return nil, nil, err
	}
	if o == nil {
		return nil, nil, ErrNotFound
	}
	var p *payout.Payment
	err = t.Query(ctx, "SELECT "+paymentColumns+" FROM payments p WHERE p.project_id = $1 AND p.id = $2", func(r *sql.Rows) error {
		found, err := scanPayment(r.Scan)
		p = &found
		return err
	}, projectID, o.Payment)
	if err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, nil, ErrNotFound
	}
	return p, o, nil
}

// recordSettlement writes the record of the decision.
func (t *Tx) recordSettlement(ctx context.Context, d *Discrepancy, m *Settlement, funds payout.Funds, actor string) error {
	if d.ID == 0 {
		d.ID = t.RowID()
		const insert = `INSERT INTO discrepancies (id, project_id, payment, operation, kind, detail, dedup, opened_at, reason)
			VALUES ($1, $2, $3, $4, $5, '{}', $6, $7, '')`
		_, err := t.Exec(ctx, insert, d.ID, d.ProjectID, d.Payment, d.Operation, d.Kind, dedupOf(d.Operation, d.Kind), t.now.UnixMicro())
		if err != nil {
			return err
		}
	}
	const settle = `UPDATE discrepancies SET settled_at = $1, decision = $2, reason = $3, funds = $4, settled_by = $5, owner = $6, note = $7
		WHERE id = $8 AND settled_at IS NULL`
	n, err := t.Exec(ctx, settle, t.now.UnixMicro(), string(m.Decision), m.Reason, funds.String(), actor, cmp.Or(m.Owner, d.Owner, actor),
		cmp.Or(m.Note, d.Note), d.ID)
	if err == nil && n == 0 {
		err = ErrSettled
	}
	return err
}

// dedupOf names a discrepancy of a kind of an operation: there is one.
func dedupOf(operation int64, kind string) string {
	return strconv.FormatInt(operation, 10) + " " + kind
}
