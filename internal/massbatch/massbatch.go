// Package massbatch pays files of payouts: it takes a file in as a batch, asks for a second person's approval where the project
// requires it, sends the rows through package accept like all payouts, and writes the result of each. Package masspayout reads
// the files, package store/batches stores the batches.
package massbatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/masspayout"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/jobs"
)

// Service pays files. Its fields must not change once it is in use; it is then safe for use by many goroutines.
type Service struct {
	Store   *store.Store
	Payouts *accept.Service
	Methods *method.Registry
}

// By says who acts on a batch.
type By struct {
	User           int64  // a user's id; 0: the command line
	Name           string // the user's name
	Actor          string // for the audit log
	IdempotencyKey string // acts with the same key are done once; empty: a key of its own
}

// rules are what rows of a file are judged by now, that is sent in a project's name.
func (s *Service) rules(sender *merchant.Project) masspayout.Rules {
	return masspayout.Rules{Payouts: s.Payouts, Method: s.Methods.Get, Project: s.Store.Project, Sender: sender, Now: s.Store.Now()}
}

func (s *Service) sender(b *batches.Batch) (*merchant.Project, error) {
	p, ok := s.Store.Project(b.ProjectID)
	if !ok { // projects are never deleted
		return nil, fmt.Errorf("massbatch: batch %d: project %d is not there", b.ID, b.ProjectID)
	}
	return p, nil
}

func object(b *batches.Batch) string { return "project " + strconv.FormatInt(b.ProjectID, 10) }

func detail(b *batches.Batch) store.Detail { return store.Detail{}.Int("batch", b.ID) }

// request is what an approval keeps of a batch.
type request struct {
	Batch    int64 `json:"batch"`
	GoodOnly bool  `json:"good_only"`
}

// Send starts to send a checked batch, or, where one person may not do so alone, asks for a second person's approval. Without
// goodOnly a batch that has rows with faults is refused (batches.ErrHasFaults). It returns the batch as it stands afterwards; a
// second call changes nothing.
func (s *Service) Send(ctx context.Context, id int64, goodOnly bool, by By) (*batches.Batch, error) {
	b, err := batches.Get(ctx, s.Store, id)
	if err != nil {
		return nil, err
	}
	if b.State != batches.Checked {
		if b.State == batches.Cancelled && b.SentAt.IsZero() {
			return b, &batches.MovedError{ID: id, State: b.State, On: batches.Send}
		}
		return b, nil
	}
	if b.Bad > 0 && !goodOnly {
		return b, batches.ErrHasFaults
	}
	totals, err := batches.Totals(ctx, s.Store, id)
	if err != nil {
		return nil, err
	}
	err = s.sendAlone(ctx, b, totals, goodOnly, by)
	if errors.Is(err, store.ErrNeedsSecond) {
		err = s.ask(ctx, b, totals, goodOnly, by)
	}
	if err != nil && !errors.Is(err, store.ErrMoved) {
		return nil, err
	}
	return batches.Get(ctx, s.Store, id) // somebody else who sent it meanwhile has sent it
}

// sendAlone begins to send a batch where its sender may do so without a second person: what it pays of each project counts as
// one sum, together with what that person sent within the day.
func (s *Service) sendAlone(ctx context.Context, b *batches.Batch, totals []batches.Total, goodOnly bool, by By) error {
	return s.Store.Do(ctx, by.IdempotencyKey, func(ctx context.Context, t *store.Tx) error {
		moved, err := batches.Apply(ctx, t, b.ID, batches.Send, batches.Change{GoodOnly: goodOnly})
		if err != nil {
			return err
		}
		for _, c := range totals {
			if c.Status != string(batches.Good) {
				continue
			}
			if by.User == 0 { // the command line: nobody's sums add up
				if p, ok := s.Store.Project(c.ProjectID); ok && p.Settings.NeedsApproval(c.Amount, c.Currency) {
					return store.ErrNeedsSecond
				}
				continue
			}
			err := t.SendAlone(ctx, store.Sending{UserID: by.User, ProjectID: c.ProjectID, Amount: c.Amount, Currency: c.Currency})
			if err != nil {
				return err
			}
		}
		if err := addJob(ctx, t, moved); err != nil {
			return err
		}
		return t.Audit(ctx, by.Actor, "batch send", object(b), detail(b).Int("rows", b.Good))
	})
}

// ask has a batch wait for a second person.
func (s *Service) ask(ctx context.Context, b *batches.Batch, totals []batches.Total, goodOnly bool, by By) error {
	content, err := json.Marshal(request{b.ID, goodOnly})
	if err != nil {
		return err
	}
	a := store.Approval{
		Kind: store.ApprovalBatch, ProjectID: b.ProjectID, MerchantID: b.MerchantID, Subject: strconv.FormatInt(b.ID, 10),
		Title: fmt.Sprintf("batch %d, %d rows", b.ID, b.Good), Content: content, RequestedBy: by.User, Requester: by.Name,
	}
	for _, c := range totals { // the list shows one sum: the largest
		if c.Status == string(batches.Good) && c.Amount > a.Amount {
			a.Amount, a.Currency = c.Amount, c.Currency
		}
	}
	idempotencyKey := fmt.Sprintf("batch %d version %d", b.ID, b.Version)
	_, err = s.Store.RequestApproval(ctx, idempotencyKey, a, by.Actor, func(ctx context.Context, t *store.Tx, a *store.Approval) error {
		_, err := batches.Apply(ctx, t, b.ID, batches.Ask, batches.Change{GoodOnly: goodOnly, Approval: a.ID})
		return err
	})
	return err
}

// Decide decides a batch that waits for a second person, and moves it in the same commit. Errors are those of
// store.DecideApproval, and store.ErrMoved where the batch was cancelled meanwhile.
func (s *Service) Decide(ctx context.Context, d store.Decision, by By) error {
	a, err := s.Store.Approval(ctx, d.ID)
	if err != nil {
		return err
	}
	if a.Kind != store.ApprovalBatch {
		return fmt.Errorf("%w: approval %d is of no batch", store.ErrNotFound, d.ID)
	}
	return s.Store.DecideApproval(ctx, by.IdempotencyKey, d, by.Actor, decided)
}

// decided moves the batch of an approval, in the commit that decides it.
func decided(ctx context.Context, t *store.Tx, a *store.Approval) error {
	id, err := strconv.ParseInt(a.Subject, 10, 64)
	if err != nil {
		return fmt.Errorf("massbatch: approval %d names no batch: %w", a.ID, err)
	}
	if a.State != store.ApprovalApproved {
		_, err := batches.Apply(ctx, t, id, batches.Reject, batches.Change{Reason: a.State})
		return err
	}
	b, err := batches.Apply(ctx, t, id, batches.Approve, batches.Change{})
	if err != nil {
		return err
	}
	return addJob(ctx, t, b)
}

// Reconcile moves batches whose approval was decided elsewhere, or has lapsed.
func (s *Service) Reconcile(ctx context.Context) error {
	waiting, err := batches.Waiting(ctx, s.Store)
	if err != nil {
		return err
	}
	for i := range waiting {
		a, err := s.Store.Approval(ctx, waiting[i].Approval)
		if err != nil {
			return err
		}
		if a.State == store.ApprovalWaiting {
			continue
		}
		err = s.Store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error { return decided(ctx, t, a) })
		if err != nil && !errors.Is(err, store.ErrMoved) {
			return err
		}
	}
	return nil
}

// Pause stops a batch after the rows that are being committed: when it returns, no further row is sent.
func (s *Service) Pause(ctx context.Context, id int64, by By) (*batches.Batch, error) {
	return s.move(ctx, id, batches.Pause, by)
}

// Resume goes on with a paused batch.
func (s *Service) Resume(ctx context.Context, id int64, by By) (*batches.Batch, error) {
	return s.move(ctx, id, batches.Resume, by)
}

// Cancel ends a batch: what is not sent by then is not sent.
func (s *Service) Cancel(ctx context.Context, id int64, by By) (*batches.Batch, error) {
	return s.move(ctx, id, batches.Cancel, by)
}

// Discard cancels a batch of which nothing was sent yet; one that is being sent, or was, stays as it is (store.ErrMoved).
func (s *Service) Discard(ctx context.Context, id int64, by By) error {
	return s.Store.Do(ctx, by.IdempotencyKey, func(ctx context.Context, t *store.Tx) error {
		moved, err := by.apply(ctx, t, id, batches.Cancel)
		if err != nil {
			return err
		}
		if !moved.SentAt.IsZero() {
			return &batches.MovedError{ID: id, State: moved.State, On: batches.Cancel}
		}
		return t.Audit(ctx, by.Actor, "batch "+string(batches.Cancel), object(moved), detail(moved))
	})
}

// apply moves a batch for a person. An approval that it waits for ends with the batch: nobody is asked any more.
func (by By) apply(ctx context.Context, t *store.Tx, id int64, on batches.Event) (*batches.Batch, error) {
	moved, err := batches.Apply(ctx, t, id, on, batches.Change{})
	if err == nil && moved.State == batches.Cancelled && moved.Approval != 0 {
		err = t.EndApproval(ctx, moved.Approval, by.User, by.Name)
	}
	return moved, err
}

func (s *Service) move(ctx context.Context, id int64, on batches.Event, by By) (moved *batches.Batch, err error) {
	err = s.Store.Do(ctx, by.IdempotencyKey, func(ctx context.Context, t *store.Tx) (err error) {
		if moved, err = by.apply(ctx, t, id, on); err != nil {
			return err
		}
		if moved.State == batches.Sending {
			if err := addJob(ctx, t, moved); err != nil {
				return err
			}
		}
		return t.Audit(ctx, by.Actor, "batch "+string(on), object(moved), detail(moved))
	})
	if err == nil && moved == nil { // the same act again
		moved, err = batches.Get(ctx, s.Store, id)
	}
	return moved, err
}

// JobKind is the kind of the jobs that send batches.
const JobKind = "mass batch"

// JobKey is the key of the job that sends a batch as it stands: each move to «sending» makes a job of its own.
func JobKey(b *batches.Batch) string { return fmt.Sprintf("%d/%d", b.ID, b.Version) }

// addJob has a batch sent from where it stands.
func addJob(ctx context.Context, t *store.Tx, b *batches.Batch) error {
	_, _, err := jobs.Add(ctx, t, jobs.New{
		Kind: JobKind, Key: JobKey(b), ProjectID: b.ProjectID, MerchantID: b.MerchantID, UserID: b.UserID,
	})
	return err
}

// Retention is how long batches of a project are kept, with their files.
func Retention(p *merchant.Project) time.Duration {
	if keep := time.Duration(p.Settings.MassRetention); keep > 0 {
		return keep
	}
	return 400 * 24 * time.Hour
}
