package audit

import (
	"context"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/snapshot"
)

// overdue is how late a step is before it is mentioned.
const overdue = 10 * time.Minute

// checkParts looks for requests and operations whose payment is not there. What belongs to one was checked with it.
func (r *run) checkParts(ctx context.Context) error {
	kinds := map[string]string{"requests": KindRequest, "operations": KindOperation}
	for _, table := range []string{"requests", "operations"} {
		for after := snapshot.Start; ; {
			parts, err := snapshot.Of(r.store).Parts(ctx, table, after, partPage)
			if err != nil {
				return err
			}
			for _, p := range parts {
				after = p.Place
				switch {
				case !p.Found:
					r.fail(kinds[table], p.Project, "", "a row of %s (%d) belongs to payment %d, which does not exist", table, p.ID, p.Payment)
				case table == "operations" && p.Number == 1 && p.ID != p.Payment:
					r.fail(KindOperation, p.Project, "", "operation %d is the first of payment %d, but has not its id", p.ID, p.Payment)
				}
			}
			if len(parts) < partPage {
				break
			}
		}
	}
	return nil
}

// checkDiscrepancies counts what waits for people, and looks for discrepancies whose payment is not there.
func (r *run) checkDiscrepancies(ctx context.Context) error {
	for after, n := int64(-1<<62), partPage; n == partPage; {
		n = 0
		err := snapshot.Of(r.store).Discrepancies(ctx, after, partPage, func(d *snapshot.Discrepancy) error {
			n, after = n+1, d.ID
			r.checked("discrepancies", 1)
			if !d.Found {
				r.fail(KindDiscrepancy, d.ProjectID, "", "discrepancy %d («%s») belongs to payment %d, which does not exist", d.ID, d.Kind, d.Payment)
			}
			switch {
			case d.Settled != (d.Decision == payout.BankIsRight || d.Decision == payout.WeAreRight):
				r.fail(KindDiscrepancy, d.ProjectID, "", "discrepancy %d («%s») has the decision %q, which does not fit whether it is settled", d.ID, d.Kind, d.Decision)
			case !d.Settled:
				r.inform("discrepancies open: "+d.Kind, 1)
			case d.Reason == "":
				r.fail(KindDiscrepancy, d.ProjectID, "", "discrepancy %d («%s») is settled without a reason", d.ID, d.Kind)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkNotifications checks that each notification can be read and has an end or a next step. One that is late is
// information: what it says is found by inquiry, too.
func (r *run) checkNotifications(ctx context.Context) error {
	for after, n := int64(-1<<62), partPage; n == partPage; {
		n = 0
		err := snapshot.Of(r.store).Notifications(ctx, after, partPage, func(a *snapshot.Notification) error {
			n, after = n+1, a.ID
			r.checked("notifications", 1)
			r.notification(a)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) notification(a *snapshot.Notification) {
	open := a.State == "new"
	switch {
	case a.Opens != nil:
		r.fail(KindNotification, 0, "", "notification %d cannot be opened: %v", a.ID, a.Opens)
	case !open && a.State != "done" && a.State != "refused":
		r.fail(KindNotification, 0, "", "notification %d is %q: there is no such state", a.ID, a.State)
	case open != a.Due || a.Lease && !a.Due:
		r.fail(KindNotification, 0, "", "notification %d is %s, which does not fit whether it is due or leased", a.ID, a.State)
	}
	if open {
		r.inform(NotificationsWaiting, 1)
		if a.DueAt < r.now.Add(-overdue).UnixMicro() {
			r.inform("notifications more than ten minutes late", 1)
		}
	}
	if a.State == "refused" {
		r.inform("notifications refused", 1)
	}
}
