package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"flashpay/internal/provider"
	"flashpay/internal/store"
	"flashpay/internal/work"
)

// handleNotification has a stored notification read by its provider's adapter and applies what it reports.
func (e *Engine) handleNotification(ctx context.Context, n *store.StoredNotification) {
	b := e.banks[n.Provider]
	if b == nil {
		e.postpone(ctx, n, fmt.Errorf("provider %q is not configured in this process", n.Provider))
		return
	}
	reports, err := b.provider.ReadNotification(ctx, n.Notification)
	if err != nil {
		e.refuse(ctx, n, err.Error())
		return
	}
	finished, err := e.applyReports(ctx, b, n, reports)
	if err != nil {
		e.postpone(ctx, n, err)
		return
	}
	if finished {
		return // in the commit of its step
	}
	if err := e.store.FinishNotification(ctx, n.ID, ""); err != nil {
		e.log.Error("process: finishing a notification failed; it is read again", "notification", n.ID, "err", err)
	}
}

// applyReports applies what a notification reports. finished is true where the only report's step finished the
// notification, too.
func (e *Engine) applyReports(ctx context.Context, b *bank, n *store.StoredNotification, reports []provider.Report) (finished bool, err error) {
	if len(reports) == 1 {
		w, err := e.reported(ctx, b, reports[0])
		if w == nil {
			return false, err
		}
		return e.settle(ctx, w, reports[0].Outcome, source{call: "notification", notification: n.ID})
	}
	return false, e.applySeveral(ctx, b, reports)
}

// applySeveral hands the steps of all reports over at once, so that they share a commit. Where somebody else was first,
// the report is settled by itself.
func (e *Engine) applySeveral(ctx context.Context, b *bank, reports []provider.Report) error {
	from := source{call: "notification"}
	var errs []error
	works, outcomes := make([]*store.Work, 0, len(reports)), make([]provider.Outcome, 0, len(reports))
	steps := make([]store.Step, 0, len(reports))
	for _, r := range reports {
		w, err := e.reported(ctx, b, r)
		if err != nil {
			errs = append(errs, err)
		}
		if w == nil {
			continue
		}
		if step := e.decide(w, r.Outcome, from); step != nil {
			step.Payment, step.Operation = w.Payment, w.Operation
			works, outcomes, steps = append(works, w), append(outcomes, r.Outcome), append(steps, *step)
		}
	}
	stepped, failed := e.store.ApplyAll(ctx, steps)
	for i, w := range works {
		err := failed[i]
		e.applied(w, &steps[i], stepped[i], err)
		if errors.Is(err, store.ErrMoved) {
			_, err = e.settleAnew(ctx, w, outcomes[i], from)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// reported finds the operation that a report is about; nil without an error where its key is not ours.
func (e *Engine) reported(ctx context.Context, b *bank, r provider.Report) (*store.Work, error) {
	if w := e.recall(r.Key); w != nil {
		return w, nil
	}
	w, err := e.store.WorkByKey(ctx, r.Key)
	if errors.Is(err, store.ErrNotFound) {
		e.log.Warn("process: a notification for a key that is not ours", "provider", b.name, "key", r.Key)
		return nil, e.store.OpenUnknownKey(ctx, b.name, r.Key, store.Detail{}.Text("key", r.Key).Text("outcome", r.Outcome.Kind.String()))
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (e *Engine) refuse(ctx context.Context, n *store.StoredNotification, why string) {
	e.log.Warn("process: a notification was refused", "provider", n.Provider, "notification", n.ID, "why", why)
	if err := e.store.FinishNotification(ctx, n.ID, why); err != nil {
		e.log.Error("process: refusing a notification failed", "notification", n.ID, "err", err)
	}
}

func (e *Engine) postpone(ctx context.Context, n *store.StoredNotification, cause error) {
	delay := min(time.Second<<min(n.Tries, 10), 10*time.Minute)
	e.log.Error("process: a notification could not be applied; it is tried again", "notification", n.ID, "err", cause, "in", delay)
	if err := e.store.PostponeNotification(ctx, n.ID, cause.Error(), e.store.Now().Add(delay)); err != nil {
		e.log.Error("process: postponing a notification failed; its lease ends", "notification", n.ID, "err", err)
	}
}

// leaseNotifications takes up notifications that nobody has handled. It says whether there may be more.
func (e *Engine) leaseNotifications(ctx context.Context) (full bool) {
	const n = 128
	if e.notifications.Room(work.Lane{}) < n {
		return true
	}
	leased, err := e.store.LeaseNotifications(ctx, n)
	if err != nil {
		e.log.Error("process: leasing notifications failed", "err", err)
	}
	for _, stored := range leased {
		e.Notify(stored)
	}
	return len(leased) == n
}
