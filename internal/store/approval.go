package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/store/sqldb"
)

// Kinds of approvals.
const (
	ApprovalPayout     = "payout"
	ApprovalTopUp      = "top-up"
	ApprovalCorrection = "correction"
	ApprovalSettings   = "settings"   // a change of a project's settings that weakens control
	ApprovalKey        = "key"        // a further secret key of a project
	ApprovalAccount    = "account"    // an account of a merchant that gains rights; it is of no project
	ApprovalBatch      = "batch"      // of mass payouts; its subject is the batch's id
	ApprovalSettlement = "settlement" // of a discrepancy or a disputed hold
	ApprovalRate       = "rate"       // of two currencies, by hand; it is of no project
)

// States of an approval. All but the first are final.
const (
	ApprovalWaiting   = "waiting"
	ApprovalApproved  = "approved"
	ApprovalRejected  = "rejected"
	ApprovalWithdrawn = "withdrawn" // by who asked for it, alone or together with what it was about
	ApprovalLapsed    = "lapsed"    // nobody decided in time
)

// ApprovalLife is how long an approval waits for a decision before it lapses.
const ApprovalLife = 7 * 24 * time.Hour

// Errors of requests for approval and of decisions on them.
var (
	ErrSamePerson    = errors.New("store: nobody may decide what that person has asked for: a second person must")
	ErrNotRequester  = errors.New("store: only who asked for it may withdraw it")
	ErrLapsed        = errors.New("store: nobody decided in time: ask for it anew")
	ErrApprovalWaits = errors.New("store: an approval of the same subject waits already")
)

// Approval is an act that one person requests and another one decides on.
type Approval struct {
	ID          int64
	Kind        string // ApprovalPayout and so on
	ProjectID   int64
	MerchantID  int64
	Subject     string // of a payout its payment id, folded: two of a kind cannot wait at once; empty: nothing is compared
	Title       string // what lists show, without personal data
	Amount      int64  // minor units
	Currency    string
	Content     []byte // what is asked for; kept sealed, and read by Approval alone
	RequestedBy int64  // a user's id; 0: the command line
	Requester   string // the user's name then
	RequestedAt time.Time
	ExpiresAt   time.Time
	State       string // ApprovalWaiting and so on
	DecidedBy   int64
	Decider     string
	DecidedAt   time.Time // zero: nobody has
	Reason      string    // the decider's
	DoneAt      time.Time // when what was approved had been done; zero: it was not yet
	Outcome     string    // what came of it
}

// Decision is a person's decision on an approval.
type Decision struct {
	ID      int64
	State   string // ApprovalApproved, ApprovalRejected or ApprovalWithdrawn
	By      int64  // a user's id
	Decider string // the user's name
	Reason  string
}

// RequestApproval stores a request until another person decides on it, and returns its id; a repeat under the same idempotency
// key returns the first id. Content is stored sealed. follow runs in the same commit, when the approval has its ID.
// ErrApprovalWaits where another one of the same kind and subject waits.
func (s *Store) RequestApproval(ctx context.Context, idempotencyKey string, a Approval, actor string, follow ...FollowUp) (int64, error) {
	sealed, err := s.vault.Seal(a.Content, approvalPlace(a.ProjectID, idempotencyKey))
	if err != nil {
		return 0, err
	}
	err = s.Do(ctx, "approval request "+idempotencyKey, func(ctx context.Context, t *Tx) error {
		const lapse = "UPDATE approvals SET state = 'lapsed' WHERE state = 'waiting' AND expires_at <= $1"
		if _, err := t.Exec(ctx, lapse, t.now.UnixMicro()); err != nil {
			return err
		}
		const insert = `INSERT INTO approvals (id, once, kind, project_id, merchant_id, subject, title, amount, currency, sealed, requested_by,
			requester, requested_at, expires_at, state, decider, reason, outcome)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'waiting', '', '', '') ON CONFLICT DO NOTHING`
		id := t.store.numbers.take()
		n, err := t.Exec(ctx, insert, id, idempotencyKey, a.Kind, a.ProjectID, a.MerchantID, payout.Fold(a.Subject), a.Title, a.Amount, a.Currency, sealed,
			a.RequestedBy, a.Requester, t.now.UnixMicro(), t.now.Add(ApprovalLife).UnixMicro())
		if err != nil || n == 0 { // this request itself, kept longer than its name, or another one of its subject
			return err
		}
		made := a
		made.ID, made.State = id, ApprovalWaiting
		for _, f := range follow {
			if err := f(ctx, t, &made); err != nil {
				return err
			}
		}
		detail := Detail{}.Int("approval", id).Text("kind", a.Kind).Text("title", a.Title).Int("amount", a.Amount).Text("currency", a.Currency)
		return t.Audit(ctx, actor, "approval request", a.object(), detail)
	})
	if err != nil {
		return 0, err
	}
	var id int64
	err = sqldb.One(ctx, s.db.Reads, "SELECT id FROM approvals WHERE once = $1", idempotencyKey).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrApprovalWaits
	}
	return id, s.db.Unavailable(err)
}

// object is what the audit log says that the approval is about.
func (a *Approval) object() string {
	switch {
	case a.Kind == ApprovalRate:
		return "rates " + string(rates.Manual)
	case a.ProjectID == 0:
		return "merchant " + strconv.FormatInt(a.MerchantID, 10)
	}
	return projectObject(a.ProjectID)
}

func approvalPlace(projectID int64, idempotencyKey string) string {
	return "approval/" + strconv.FormatInt(projectID, 10) + "/" + idempotencyKey
}

// DecideApproval records a decision; a repeat under the same idempotency key returns the same. follow runs in the same commit, to
// make sure that what was approved will be carried out; FinishApproval records that it was. ErrSamePerson where the decider is
// the requester, ErrPossiblySamePerson where one person may be behind both accounts, ErrRequesterGone where the requester has
// been deactivated (the last two may still be rejected), ErrNotRequester where somebody else withdraws, ErrLapsed where it is too
// late, ErrMoved where it is decided already, ErrNotFound where there is none.
func (s *Store) DecideApproval(ctx context.Context, idempotencyKey string, d Decision, actor string, follow ...FollowUp) error {
	return s.decideApproval(ctx, idempotencyKey, d, actor, nil, follow...)
}

// FollowUp runs in the commit that requests or decides an approval; its error rolls that back.
type FollowUp func(ctx context.Context, t *Tx, a *Approval) error

// decideApproval runs act in the commit of the decision: both happen, or neither. Without one the act is still to be done.
func (s *Store) decideApproval(ctx context.Context, idempotencyKey string, d Decision, actor string, act func(ctx context.Context, t *Tx, a *Approval) error, follow ...FollowUp) error {
	return s.Do(ctx, fmt.Sprintf("approval %d decide %s", d.ID, idempotencyKey), func(ctx context.Context, t *Tx) error {
		var doneAt any
		if act != nil || d.State != ApprovalApproved {
			doneAt = t.now.UnixMicro()
		}
		const decide = `UPDATE approvals SET state = $1, decided_by = $2, decider = $3, decided_at = $4, reason = $5, done_at = $6
			WHERE id = $7 AND state = 'waiting' AND expires_at > $8 AND (requested_by = $9) = (CAST($10 AS TEXT) = 'withdrawn')`
		n, err := t.Exec(ctx, decide, d.State, d.By, d.Decider, t.now.UnixMicro(), d.Reason, doneAt, d.ID, t.now.UnixMicro(), d.By, d.State)
		if err != nil {
			return err
		}
		a, err := t.approval(ctx, d.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return refusedDecision(a, d)
		}
		if d.State == ApprovalApproved {
			if err := errors.Join(t.checkDifferentPeople(ctx, a.RequestedBy, d.By), t.checkRequester(ctx, a.RequestedBy)); err != nil {
				return err
			}
		}
		if act != nil {
			if err := act(ctx, t, a); err != nil {
				return err
			}
		}
		for _, f := range follow {
			if err := f(ctx, t, a); err != nil {
				return err
			}
		}
		detail := Detail{}.Int("approval", a.ID).Text("kind", a.Kind).Text("state", d.State).Text("reason", d.Reason).Text("asked_by", a.Requester)
		return t.Audit(ctx, actor, "approval decide", a.object(), detail)
	})
}

// DecideWith is DecideApproval for approvals that are carried out at once: act does so in the commit of the decision, where it
// approves.
func (s *Store) DecideWith(ctx context.Context, idempotencyKey string, d Decision, actor string, act FollowUp) error {
	if d.State != ApprovalApproved {
		act = nil
	}
	return s.decideApproval(ctx, idempotencyKey, d, actor, act)
}

// EndApproval ends a waiting approval in the commit that ends its subject. Where by is the requester it is withdrawn, otherwise
// rejected. An approval that no longer waits is left as it is.
func (t *Tx) EndApproval(ctx context.Context, id, by int64, name string) error {
	const end = `UPDATE approvals SET state = CASE WHEN requested_by = $1 THEN 'withdrawn' ELSE 'rejected' END, decided_by = $2, decider = $3,
		decided_at = $4, done_at = $5 WHERE id = $6 AND state = 'waiting' AND expires_at > $7`
	now := t.now.UnixMicro()
	_, err := t.Exec(ctx, end, by, by, name, now, now, id, now)
	return err
}

// refusedDecision says why a decision on an approval, as it is now, changed nothing.
func refusedDecision(a *Approval, d Decision) error {
	switch {
	case a.State == ApprovalLapsed:
		return ErrLapsed
	case a.State != ApprovalWaiting:
		return ErrMoved
	case d.State == ApprovalWithdrawn:
		return ErrNotRequester
	}
	return ErrSamePerson
}

// FinishApproval records that what was approved has been done, and with what outcome. A second call changes nothing. The outcome
// must contain no personal data.
func (s *Store) FinishApproval(ctx context.Context, id int64, outcome string) error {
	return s.Do(ctx, "", func(ctx context.Context, t *Tx) error {
		const finish = "UPDATE approvals SET done_at = $1, outcome = $2 WHERE id = $3 AND state = 'approved' AND done_at IS NULL"
		_, err := t.Exec(ctx, finish, t.now.UnixMicro(), outcome, id)
		return err
	})
}

const approvalColumns = `id, once, kind, project_id, merchant_id, subject, title, amount, currency, requested_by, requester, requested_at,
	expires_at, state, COALESCE(decided_by, 0), decider, decided_at, reason, done_at, outcome`

// scanApproval reads a row as it counts at this time: who reads it later than its end finds it lapsed.
func scanApproval(scan func(...any) error, now time.Time, more ...any) (a Approval, idempotencyKey string, err error) {
	var requested, expires int64
	var decided, done sql.NullInt64
	into := []any{
		&a.ID, &idempotencyKey, &a.Kind, &a.ProjectID, &a.MerchantID, &a.Subject, &a.Title, &a.Amount, &a.Currency, &a.RequestedBy,
		&a.Requester, &requested, &expires, &a.State, &a.DecidedBy, &a.Decider, &decided, &a.Reason, &done, &a.Outcome,
	}
	if err := scan(append(into, more...)...); err != nil {
		return a, "", sqldb.NotFound(err)
	}
	a.RequestedAt, a.ExpiresAt = sqldb.FromMicros(requested), sqldb.FromMicros(expires)
	a.DecidedAt, a.DoneAt = sqldb.FromMicros(decided.Int64), sqldb.FromMicros(done.Int64)
	if a.State == ApprovalWaiting && !now.Before(a.ExpiresAt) {
		a.State = ApprovalLapsed
	}
	return a, idempotencyKey, nil
}

// approval reads an approval inside a commit, without its content.
func (t *Tx) approval(ctx context.Context, id int64) (*Approval, error) {
	var found *Approval
	err := t.Query(ctx, "SELECT "+approvalColumns+" FROM approvals WHERE id = $1", func(r *sql.Rows) error {
		a, _, err := scanApproval(r.Scan, t.now)
		found = &a
		return err
	}, id)
	if err == nil && found == nil {
		return nil, fmt.Errorf("%w: approval %d", ErrNotFound, id)
	}
	return found, err
}

// Approval reads an approval with its content unsealed. ErrNotFound where there is none.
func (s *Store) Approval(ctx context.Context, id int64) (*Approval, error) {
	var sealed []byte
	row := sqldb.One(ctx, s.db.Reads, "SELECT "+approvalColumns+", sealed FROM approvals WHERE id = $1", id)
	a, idempotencyKey, err := scanApproval(row.Scan, s.Now(), &sealed)
	if err != nil {
		return nil, s.db.Unavailable(err)
	}
	a.Content, err = s.vault.Unseal(sealed, approvalPlace(a.ProjectID, idempotencyKey))
	return &a, err
}
