package audit

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/files"
	"flashpay/internal/store/jobs"
)

// checkJobs checks that each job can be read and has an end or a next step. One that is late or was given up is mentioned.
func (r *run) checkJobs(ctx context.Context) error {
	return jobs.Audit(ctx, r.store, func(j *jobs.Job, faults []string) error {
		r.checked("jobs", 1)
		if len(faults) > 0 {
			r.fail(KindJob, j.ProjectID, "", "job %d (%s %s): %s", j.ID, j.Kind, j.Key, strings.Join(faults, "; "))
		}
		switch {
		case j.State == jobs.Failed:
			r.inform("jobs given up: "+j.Kind, 1)
		case j.Late(r.now) > overdue:
			r.inform("jobs more than ten minutes late: "+j.Kind, 1)
		case !j.State.Ended():
			r.inform("jobs open: "+j.Kind, 1)
		}
		return nil
	})
}

// checkApprovals looks for approved payouts that are not sent, and that no job will send.
func (r *run) checkApprovals(ctx context.Context) error {
	open, err := r.store.UnfinishedApprovals(ctx, store.ApprovalPayout, r.now)
	if err != nil {
		return err
	}
	for i := range open {
		a := &open[i]
		j, err := jobs.Find(ctx, r.store, jobs.ApprovedPayout, strconv.FormatInt(a.ID, 10))
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		case err == nil && !j.State.Ended():
			r.inform("approved payouts on their way", 1)
			continue
		}
		// Who approved it, or the job, may have sent it since the list was read.
		if now, err := r.store.Approval(ctx, a.ID); err != nil {
			return err
		} else if now.DoneAt.IsZero() {
			r.fail(KindApproval, a.ProjectID, "", "approval %d is approved and not sent, and no job is open that will send it", a.ID)
		}
	}
	return nil
}

// checkFiles reads each file as its reader would.
func (r *run) checkFiles(ctx context.Context) error {
	n, err := files.Audit(ctx, r.store, func(f *files.File, what string) {
		r.fail(KindFile, f.ProjectID, "", "file %d (%s): %s", f.ID, f.Kind, what)
	})
	if n > 0 {
		r.checked("files", n)
	}
	return err
}

// checkBatches compares the batches of mass payouts with their rows, and these with their payments.
func (r *run) checkBatches(ctx context.Context) error {
	n, err := batches.Audit(ctx, r.store, func(b *batches.Batch, what string) { r.fail(KindBatch, b.ProjectID, "", "%s", what) })
	if n > 0 {
		r.checked("batches", n)
	}
	return err
}
