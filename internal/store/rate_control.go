package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"flashpay/internal/money"
	"flashpay/internal/rates"
	"flashpay/internal/staff"
	"flashpay/internal/store/sqldb"
)

// rateContent is what is sealed of a rate that waits.
type rateContent struct {
	Base  string        `json:"base"`
	Term  string        `json:"term"`
	Value money.Decimal `json:"value"`
}

// RequestRateApproval lets a rate by hand wait for a second person, an operator, and returns the approval's id. It holds from that person's decision on. One of a
// pair waits at a time: ErrApprovalWaits. user is who asks; nil: the command line.
func (s *Store) RequestRateApproval(ctx context.Context, q *rates.Quote, user *staff.User, by By) (int64, error) {
	if err := q.Check(); err != nil {
		return 0, err
	}
	content, err := json.Marshal(rateContent{q.Base, q.Term, q.Value})
	if err != nil {
		return 0, fmt.Errorf("store: rate: %w", err)
	}
	pair := q.Base + "/" + q.Term
	a := Approval{Kind: ApprovalRate, Subject: pair, Title: pair + " " + q.Value.String(), Content: content, Requester: by.Actor}
	if user != nil {
		a.RequestedBy, a.Requester = user.ID, user.Name
	}
	// A form that comes back corrected asks for something else.
	return s.RequestApproval(ctx, fmt.Sprintf("%s %s %s %d %s", a.Kind, a.Subject, q.Value, a.RequestedBy, by.IdempotencyKey), a, by.Actor)
}

// Rate is the quote that an approval of that kind asks for.
func (a *Approval) Rate() (q rates.Quote, err error) {
	var c rateContent
	if a.Kind != ApprovalRate {
		return q, fmt.Errorf("%w: approval %d sets no rate", ErrNotFound, a.ID)
	}
	if err := json.Unmarshal(a.Content, &c); err != nil {
		return q, fmt.Errorf("store: content of approval %d: %w", a.ID, err)
	}
	return rates.Quote{Source: rates.Manual, Series: rates.ByHand, Base: c.Base, Term: c.Term, Value: c.Value}, nil
}

// DecideRate decides a rate by hand that another person has asked for; an approved one holds from the commit of the decision
// on. Errors are those of DecideApproval.
func (s *Store) DecideRate(ctx context.Context, d Decision, by By) error {
	a, err := s.Approval(ctx, d.ID)
	if err != nil {
		return err
	}
	q, err := a.Rate()
	if err != nil {
		return err
	}
	if d.State != ApprovalApproved {
		return s.decideApproval(ctx, by.IdempotencyKey, d, by.Actor, nil)
	}
	err = s.decideApproval(ctx, by.IdempotencyKey, d, by.Actor, func(ctx context.Context, t *Tx, a *Approval) error {
		detail := Detail{}.Int("approval", a.ID).Text("asked_by", a.Requester)
		_, err := t.AddRates(ctx, []rates.Quote{q}, by.Actor, detail)
		return err
	})
	if err != nil {
		return err
	}
	return s.Refresh(ctx)
}

const findOperators = "SELECT id, roles, added, withheld FROM users WHERE merchant_id = 0 AND deactivated_at = 0 ORDER BY id"

// scanRateDecider reads the number of an operator; ok is false where they may not decide on rates.
func scanRateDecider(r *sql.Rows) (id int64, ok bool, err error) {
	u := &staff.User{}
	var roles, added, withheld string
	if err := r.Scan(&u.ID, &roles, &added, &withheld); err != nil {
		return 0, false, err
	}
	err = errors.Join(json.Unmarshal([]byte(roles), &u.Roles), json.Unmarshal([]byte(added), &u.Added), json.Unmarshal([]byte(withheld), &u.Withheld))
	return u.ID, u.Can(staff.OperateFunds), err
}

// checkRateAlone gives ErrNeedsSecond where a rate by hand would be set by one person alone although there is a second one: an operator who
// may decide. Where there is none, whoever has database and keyset is the only person of the platform.
func (t *Tx) checkRateAlone(ctx context.Context) error {
	found := false
	err := t.Query(ctx, findOperators, func(r *sql.Rows) error {
		_, ok, err := scanRateDecider(r)
		found = found || ok
		return err
	})
	if err == nil && found {
		return ErrNeedsSecond
	}
	return err
}

// RateDeciders counts the operators who may decide on a rate by hand that a user asks for; 0: the command line.
func (s *Store) RateDeciders(ctx context.Context, requester int64) (n int, err error) {
	var ids []int64
	err = sqldb.Query(ctx, s.db.Reads, findOperators).Each(func(r *sql.Rows) error {
		id, ok, err := scanRateDecider(r)
		if ok && id != requester {
			ids = append(ids, id)
		}
		return err
	})
	if err != nil {
		return 0, s.db.Unavailable(err)
	}
	for _, id := range ids {
		another, err := s.DifferentPeople(ctx, requester, id)
		if err != nil {
			return 0, err
		}
		if another {
			n++
		}
	}
	return n, nil
}
