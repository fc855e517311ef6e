package manual

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/wire"
	"flashpay/internal/work"
)

// content is what is sealed of an order that waits. The body is kept as it is, so that it says the same when it is sent.
type content struct {
	Method string `json:"method"`
	Body   []byte `json:"body"`
}

// NeedsApproval tells whether the order of a user waits for a second person before it is sent, and what that user has
// sent alone within 24 hours, which counts. An order whose payment id is taken waits for nobody: it is a repeat, which pays
// nothing, or is refused. The commit that sends it judges again, with store.ErrNeedsSecond.
func (s *Service) NeedsApproval(ctx context.Context, o *Order, userID int64) (sent store.SentAlone, needs bool, err error) {
	sent, err = s.Store.SentAlone(ctx, store.Sending{
		UserID: userID, ProjectID: o.Project.ID, Amount: o.Amount, Currency: o.Currency, Account: o.Account,
	})
	if err != nil || !sent.NeedsSecond(&o.Project.Settings, o.Amount, o.Currency) {
		return sent, false, err
	}
	_, err = s.Store.PaymentView(ctx, o.Project.ID, o.PaymentID)
	if errors.Is(err, store.ErrNotFound) {
		return sent, true, nil
	}
	return sent, false, err
}

// Ask lets an order wait for a second person, and returns the approval's id; the same order under the same once again
// returns the first one. store.ErrApprovalWaits: another order of this payment id waits already.
func (s *Service) Ask(ctx context.Context, idempotencyKey string, o *Order, by int64, name, actor string) (int64, error) {
	sealed, err := json.Marshal(content{o.Method.Path, o.Body})
	if err != nil {
		return 0, err
	}
	// A form that was changed and sent again is another request. The digest is keyed, like all of what can be guessed.
	digest := s.Store.Vault().Digest("order", sealed)
	return s.Store.RequestApproval(ctx, idempotencyKey+" "+hex.EncodeToString(digest[:8]), store.Approval{
		Kind: store.ApprovalPayout, ProjectID: o.Project.ID, MerchantID: o.Project.MerchantID, Subject: o.PaymentID,
		Title: o.PaymentID + " → " + wire.Mask(o.Account), Amount: o.Amount, Currency: o.Currency, Content: sealed, RequestedBy: by, Requester: name,
	}, actor)
}

// Waiting reads the order of an approval, by the settings as they are now. The refusal says why it cannot be sent now; nil:
// nothing is in its way that can be known before it is sent.
func (s *Service) Waiting(a *store.Approval) (o *Order, refusal *accept.Refusal, err error) {
	var c content
	if err := json.Unmarshal(a.Content, &c); err != nil {
		return nil, nil, fmt.Errorf("manual: content of approval %d: %w", a.ID, err)
	}
	p, ok := s.Store.Project(a.ProjectID)
	if !ok { // projects are never deleted
		return nil, nil, fmt.Errorf("manual: approval %d: project %d is not there", a.ID, a.ProjectID)
	}
	m, ok := s.Methods.Get(c.Method)
	if !ok {
		m = nil
	}
	if o, err = s.order(p, m, c.Body); err != nil {
		return nil, nil, fmt.Errorf("manual: content of approval %d: %w", a.ID, err)
	}
	return o, accept.Validate(o.in()), nil
}

// Approve sends the order of an approval in another person's name. The decision is committed first, so that an order that
// was rejected or withdrawn is never sent; what a crash leaves unsent, the job sends that is committed with the decision. The error is a *accept.Refusal
// where the order cannot be sent as things stand, and then nothing was decided; or the store's.
func (s *Service) Approve(ctx context.Context, idempotencyKey string, d store.Decision, actor string) error {
	a, err := s.Store.Approval(ctx, d.ID)
	if err != nil {
		return err
	}
	if a.State == store.ApprovalWaiting {
		_, refusal, err := s.Waiting(a)
		if err != nil {
			return err
		}
		if refusal != nil {
			return refusal
		}
	}
	d.State = store.ApprovalApproved
	if err := s.Store.DecideApproval(ctx, idempotencyKey, d, actor, addJob); err != nil {
		return err
	}
	return s.Finish(ctx, d.ID)
}

// OutcomeAccepted is the outcome of an approval whose payout was made; of any other the outcome begins with
// OutcomeRefused, and the code follows.
const (
	OutcomeAccepted = "accepted"
	OutcomeRefused  = "refused "
)

// Finish sends what was approved and is not sent yet, and notes what came of it. Whoever does so again, or at the same
// time, changes nothing: the payout is known by its content.
func (s *Service) Finish(ctx context.Context, id int64) error {
	a, err := s.Store.Approval(ctx, id)
	if err != nil {
		return err
	}
	if a.Kind != store.ApprovalPayout || a.State != store.ApprovalApproved || !a.DoneAt.IsZero() {
		return nil
	}
	o, _, err := s.Waiting(a)
	if err != nil {
		return err
	}
	outcome := OutcomeAccepted
	if _, err := s.Send(ctx, o, fmt.Sprint("approval ", a.ID)); err != nil {
		var refusal *accept.Refusal
		if !errors.As(err, &refusal) {
			return err
		}
		outcome = fmt.Sprint(OutcomeRefused, refusal.Code)
	}
	return s.Store.FinishApproval(ctx, id, outcome)
}

// finishAfter is how long who approved has to send, before the job does.
const finishAfter = 10 * time.Second

// addJob makes sure, in the commit of a decision, that what is approved is sent: its key is the approval.
func addJob(ctx context.Context, t *store.Tx, a *store.Approval) error {
	_, _, err := jobs.Add(ctx, t, jobs.New{
		Kind: jobs.ApprovedPayout, Key: strconv.FormatInt(a.ID, 10), ProjectID: a.ProjectID, MerchantID: a.MerchantID, UserID: a.RequestedBy,
		DueAt: t.Now().Add(finishAfter),
	})
	return err
}

// Job sends what was approved by processes that ended before they could send it.
func (s *Service) Job() work.JobKind {
	return work.JobKind{Name: jobs.ApprovedPayout, AtOnce: 4, Run: func(ctx context.Context, r *jobs.Run) error {
		id, err := strconv.ParseInt(r.Key, 10, 64)
		if err != nil {
			return fmt.Errorf("manual: job %q names no approval: %w", r.Key, err)
		}
		return s.Finish(ctx, id)
	}}
}

// RefusedOutcome is an outcome's code; ok is false where it is none of a refusal.
func RefusedOutcome(outcome string) (code int, ok bool) {
	n, err := fmt.Sscanf(outcome, OutcomeRefused+"%d", &code)
	return code, n == 1 && err == nil
}
