package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
)

// NeedsSecond tells whether one person may not settle the case alone: its payout's sum is above the project's approval sum,
// whatever the decision.
func (c *Case) NeedsSecond(p *merchant.Project) bool {
	return c.Payment != 0 && p != nil && settlesAbove(&p.Settings, &c.Operation)
}

// settlesAbove tells whether an operation's sum, or what it costs where another currency pays, is above the approval sum.
func settlesAbove(s *merchant.Settings, o *payout.Operation) bool {
	amount, fee, currency := o.Cost()
	return s.NeedsApproval(o.Amount, o.Currency) || s.NeedsApproval(amount+fee, currency)
}

// settlementContent is what is sealed of a settlement that waits.
type settlementContent struct {
	Discrepancy int64           `json:"discrepancy"`
	Payment     int64           `json:"payment"`
	Operation   int64           `json:"operation"`
	Version     int64           `json:"version"`
	Decision    payout.Decision `json:"decision"`
	Reason      string          `json:"reason"`
	Owner       string          `json:"owner"`
	Note        string          `json:"note"`
}

// RequestSettlementApproval lets a decision on a case wait for a second person, an operator, and returns the approval's id. One of a
// case waits at a time: ErrApprovalWaits. ErrSettled where the case is settled, ErrReason as Settle. user is who asks; nil: the command line.
func (s *Store) RequestSettlementApproval(ctx context.Context, c *Case, m Settlement, user *staff.User, by By) (int64, error) {
	if err := m.check(); err != nil {
		return 0, err
	}
	if !c.SettledAt.IsZero() {
		return 0, ErrSettled
	}
	p, ok := s.Project(c.ProjectID)
	if !ok {
		return 0, ErrNotFound
	}
	a := Approval{
		Kind: ApprovalSettlement, ProjectID: p.ID, MerchantID: p.MerchantID, Subject: c.subject(), Title: c.PaymentID, Amount: c.Operation.Amount,
		Currency: c.Operation.Currency, Requester: by.Actor,
	}
	if user != nil {
		a.RequestedBy, a.Requester = user.ID, user.Name
	}
	var err error
	a.Content, err = json.Marshal(settlementContent{m.ID, m.Payment, m.Operation, m.Version, m.Decision, m.Reason, cmp.Or(m.Owner, c.Owner, a.Requester), m.Note})
	if err != nil {
		return 0, fmt.Errorf("store: settlement: %w", err)
	}
	return s.RequestApproval(ctx, fmt.Sprintf("%s %s %d %s", a.Kind, a.Subject, a.RequestedBy, by.IdempotencyKey), a, by.Actor)
}

// subject names the case among the project's approvals.
func (c *Case) subject() string { return dedupOf(c.Discrepancy.Operation, c.Kind) }

// WaitingSettlement finds the decision on a case that waits for a second person. ErrNotFound where none does.
func (s *Store) WaitingSettlement(ctx context.Context, c *Case) (*Approval, error) {
	id, err := s.WaitingApproval(ctx, c.ProjectID, ApprovalSettlement, c.subject())
	if err != nil {
		return nil, err
	}
	return s.Approval(ctx, id)
}

// Settlement is what an approval of that kind asks for.
func (a *Approval) Settlement() (*Settlement, error) {
	var c settlementContent
	if a.Kind != ApprovalSettlement {
		return nil, fmt.Errorf("%w: approval %d settles nothing", ErrNotFound, a.ID)
	}
	if err := json.Unmarshal(a.Content, &c); err != nil {
		return nil, fmt.Errorf("store: content of approval %d: %w", a.ID, err)
	}
	return &Settlement{
		ID: c.Discrepancy, ProjectID: a.ProjectID, Payment: c.Payment, Operation: c.Operation, Version: c.Version, Decision: c.Decision, Reason: c.Reason,
		Owner: c.Owner, Note: c.Note,
	}, nil
}

// DecideSettlement decides a settlement that another person has asked for; what is approved is settled in the commit of the
// decision. Errors are those of DecideApproval, and ErrStale where the payout has moved, or is settled, since it was asked for.
func (s *Store) DecideSettlement(ctx context.Context, d Decision, by By) error {
	a, err := s.Approval(ctx, d.ID)
	if err != nil {
		return err
	}
	m, err := a.Settlement()
	if err != nil {
		return err
	}
	if d.State != ApprovalApproved {
		return s.decideApproval(ctx, by.IdempotencyKey, d, by.Actor, nil)
	}
	return s.decideApproval(ctx, by.IdempotencyKey, d, by.Actor, func(ctx context.Context, t *Tx, a *Approval) error {
		err := t.settle(ctx, m, by.Actor, a)
		if errors.Is(err, ErrMoved) || errors.Is(err, ErrSettled) || errors.Is(err, ErrNotDisputed) {
			return ErrStale
		}
		return err
	})
}

const ownerLength = 200 // characters

// AssignDiscrepancy notes who cares for an open discrepancy, and a note for operators. Empty takes away. ErrSettled where it is settled,
// ErrNotFound where there is none, ErrReason where a text is too long.
func (s *Store) AssignDiscrepancy(ctx context.Context, id int64, owner, note string, by By) error {
	if utf8.RuneCountInString(owner) > ownerLength || utf8.RuneCountInString(note) > settlementText {
		return ErrReason
	}
	return s.Do(ctx, by.idempotencyKey("care for", fmt.Sprint(id)), func(ctx context.Context, t *Tx) error {
		d, err := t.discrepancyToSettle(ctx, &Settlement{ID: id})
		switch {
		case err != nil:
			return err
		case !d.SettledAt.IsZero():
			return ErrSettled
		case d.Owner == owner && d.Note == note:
			return nil
		}
		if _, err := t.Exec(ctx, "UPDATE discrepancies SET owner = $1, note = $2 WHERE id = $3", owner, note, id); err != nil {
			return err
		}
		detail := Detail{}.Int("discrepancy", id).Text("kind", d.Kind).Int("payment", d.Payment).Text("owner", owner).Text("note", note)
		return t.Audit(ctx, by.Actor, "discrepancy note", projectObject(d.ProjectID), detail)
	})
}
