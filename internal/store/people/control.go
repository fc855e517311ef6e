package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// Acts by which an account of a merchant gains rights.
const (
	ActInvite   = "invite"
	ActRights   = "rights"
	ActActivate = "activate"
)

// Change is such an act, and the account as it would be; a new one has no ID.
type Change struct {
	Act  string     `json:"act"`
	User staff.User `json:"user"`
}

// Ask lets a change wait for a second person, and returns the approval's id. One change of an account waits at a time:
// store.ErrApprovalWaits.
func (dir *Directory) Ask(ctx context.Context, c Change, r store.Requester) (int64, error) {
	content, err := json.Marshal(c)
	if err != nil {
		return 0, fmt.Errorf("people: change of an account: %w", err)
	}
	idempotencyKey := fmt.Sprintf("account %s %s %d %s", c.Act, emailKey(c.User.Email), r.User.ID, r.IdempotencyKey)
	return dir.store.RequestApproval(ctx, idempotencyKey, store.Approval{
		Kind: store.ApprovalAccount, MerchantID: c.User.MerchantID, Subject: emailKey(c.User.Email), Title: c.User.Email, Content: content,
		RequestedBy: r.User.ID, Requester: r.User.Name,
	}, r.User.Actor())
}

// Asked reads the change that an approval is about.
func Asked(a *store.Approval) (Change, error) {
	var c Change
	if err := json.Unmarshal(a.Content, &c); err != nil {
		return c, fmt.Errorf("people: content of approval %d: %w", a.ID, err)
	}
	return c, nil
}

// Decide decides a change that another person has asked for; what is approved is done in the commit of the decision, and
// comes from who asked. Errors are those of store.DecideApproval and of the change itself; store.ErrStale where the account has
// changed meanwhile.
func (dir *Directory) Decide(ctx context.Context, d store.Decision, by store.By) error {
	a, err := dir.store.Approval(ctx, d.ID)
	if err != nil {
		return err
	}
	c, err := Asked(a)
	if err != nil {
		return err
	}
	giver := (&staff.User{ID: a.RequestedBy}).Actor()
	return dir.store.DecideWith(ctx, by.IdempotencyKey, d, by.Actor, func(ctx context.Context, t *store.Tx, _ *store.Approval) error {
		switch c.Act {
		case ActInvite:
			return createUser(ctx, t, &UserRecord{User: c.User}, nil, giver, by.Actor)
		case ActActivate:
			return setActive(ctx, t, c.User.ID, true, true, giver, by.Actor)
		}
		return stale(changeRights(ctx, t, &c.User, giver, by.Actor))
	})
}

func stale(err error) error {
	if errors.Is(err, store.ErrMoved) {
		return store.ErrStale
	}
	return err
}
