package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
)

// ErrStale says that the settings have changed since the approval was requested, so it cannot be carried out.
var ErrStale = errors.New("store: the settings have changed since it was asked for: reject it, and ask anew")

// Requester is a user who requests an approval.
type Requester struct {
	User           *staff.User
	IdempotencyKey string // sent twice with it, a request is one
}

// isUser tells whether an actor is a user, who may not weaken control alone. The command line may: whoever runs it holds
// database and keyset.
func isUser(actor string) bool {
	_, ok := staff.ActorID(actor)
	return ok
}

// CheckGrant returns ErrNeedsSecond where the actor is a user who would grant rights to an account of the merchant alone,
// although one of the merchant's projects requires a second person.
func (t *Tx) CheckGrant(ctx context.Context, actor string, merchantID int64) error {
	if !isUser(actor) || merchantID == 0 {
		return nil
	}
	controlled := false
	err := t.Query(ctx, "SELECT settings FROM projects WHERE merchant_id = $1", func(r *sql.Rows) error {
		var text string
		p := &merchant.Project{}
		if err := r.Scan(&text); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(text), &p.Settings)
		controlled = controlled || p.Controlled()
		return err
	}, merchantID)
	if err == nil && controlled {
		return ErrNeedsSecond
	}
	return err
}

// settingsContent is what is sealed of a change of settings that waits.
type settingsContent struct {
	Version  int64             `json:"version"`
	Name     string            `json:"name"`
	Settings merchant.Settings `json:"settings"`
}

// keyContent is what is sealed of a secret key that waits.
type keyContent struct {
	Secret string `json:"secret"`
	Label  string `json:"label"`
}

// RequestSettingsApproval requests a second person's approval of a change of a project's settings and returns the approval's id.
// ErrApprovalWaits where another change of the project waits already, ErrMoved where the project has changed since p was read.
func (s *Store) RequestSettingsApproval(ctx context.Context, p *merchant.Project, r Requester) (int64, error) {
	now, err := s.projectNow(ctx, p.ID)
	if err != nil {
		return 0, err
	}
	if now.Version != p.Version {
		return 0, ErrMoved
	}
	content, err := json.Marshal(settingsContent{p.Version, p.Name, p.Settings})
	if err != nil {
		return 0, fmt.Errorf("store: settings: %w", err)
	}
	var keys []string
	for _, d := range merchant.Differences(now, p) {
		keys = append(keys, d.Key())
	}
	return s.askControl(ctx, now, Approval{Kind: ApprovalSettings, Subject: "settings", Title: strings.Join(keys, ", "), Content: content}, r)
}

// RequestKeyApproval requests a second person's approval of a further secret key and returns the approval's id. The key is not
// used before. ErrKeyExists where the project has the key already.
func (s *Store) RequestKeyApproval(ctx context.Context, projectID int64, key merchant.Key, r Requester) (int64, error) {
	p, err := s.projectNow(ctx, projectID)
	if err != nil {
		return 0, err
	}
	if hasKey(p, key.Secret) {
		return 0, ErrKeyExists
	}
	content, err := json.Marshal(keyContent{key.Secret, key.Label})
	if err != nil {
		return 0, fmt.Errorf("store: key: %w", err)
	}
	return s.askControl(ctx, p, Approval{Kind: ApprovalKey, Title: key.Label, Content: content}, r)
}

func (s *Store) askControl(ctx context.Context, p *merchant.Project, a Approval, r Requester) (int64, error) {
	a.ProjectID, a.MerchantID, a.RequestedBy, a.Requester = p.ID, p.MerchantID, r.User.ID, r.User.Name
	idempotencyKey := fmt.Sprintf("%s %d %d %s", a.Kind, p.ID, r.User.ID, r.IdempotencyKey)
	return s.RequestApproval(ctx, idempotencyKey, a, r.User.Actor())
}

// Changed returns the project as it would be after an approval of its settings; its Version is the one that the change started
// from.
func (a *Approval) Changed(now *merchant.Project) (*merchant.Project, error) {
	var c settingsContent
	if err := json.Unmarshal(a.Content, &c); err != nil {
		return nil, fmt.Errorf("store: content of approval %d: %w", a.ID, err)
	}
	changed := *now
	changed.Version, changed.Name, changed.Settings = c.Version, c.Name, c.Settings
	return &changed, nil
}

// DecideControl decides on a requested change of settings or a key; an approved one takes effect in the commit of the decision.
// Errors are those of DecideApproval, ErrStale where the settings have changed meanwhile, and ErrKeyExists.
func (s *Store) DecideControl(ctx context.Context, d Decision, by By) error {
	if d.State != ApprovalApproved {
		return s.decideApproval(ctx, by.IdempotencyKey, d, by.Actor, nil)
	}
	a, err := s.Approval(ctx, d.ID)
	if err != nil {
		return err
	}
	p, err := s.projectNow(ctx, a.ProjectID)
	if err != nil {
		return err
	}
	act, err := s.controlAct(a, p, by.Actor)
	if err != nil {
		return err
	}
	err = s.decideApproval(ctx, by.IdempotencyKey, d, by.Actor, func(ctx context.Context, t *Tx, _ *Approval) error {
		if err := act(ctx, t); err != nil {
			return err
		}
		return t.settingsChanged(ctx)
	})
	if err != nil {
		return err
	}
	return s.Refresh(ctx)
}

// controlAct is what an approval makes of a project.
func (s *Store) controlAct(a *Approval, p *merchant.Project, actor string) (func(ctx context.Context, t *Tx) error, error) {
	switch a.Kind {
	case ApprovalSettings:
		changed, err := a.Changed(p)
		if err != nil {
			return nil, err
		}
		settings, err := json.Marshal(changed.Settings)
		if err != nil {
			return nil, fmt.Errorf("store: settings: %w", err)
		}
		return func(ctx context.Context, t *Tx) error {
			before, err := t.projectBefore(ctx, p.ID)
			if err != nil {
				return err
			}
			if err = t.saveProject(ctx, before, changed, string(settings), actor); errors.Is(err, ErrMoved) {
				return ErrStale
			}
			return err
		}, nil
	case ApprovalKey:
		var c keyContent
		if err := json.Unmarshal(a.Content, &c); err != nil {
			return nil, fmt.Errorf("store: content of approval %d: %w", a.ID, err)
		}
		sealed, err := s.vault.Seal([]byte(c.Secret), keyPlace(p.ID))
		return func(ctx context.Context, t *Tx) error {
			return t.newKey(ctx, p, merchant.Key{Secret: c.Secret, Label: c.Label}, sealed, actor)
		}, err
	}
	return nil, fmt.Errorf("%w: approval %d changes no project", ErrNotFound, a.ID)
}
