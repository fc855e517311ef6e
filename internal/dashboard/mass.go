package dashboard

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/massbatch"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
)

// massRoutes are payouts by file. Who may send a single payout may send a file.
var massRoutes = []route{
	{pattern: "GET /manual/mass", right: staff.ViewManual, serve: serveMassList},
	{pattern: "GET /manual/mass/new", right: staff.IssuePayouts, serve: serveMassForm},
	{pattern: "POST /manual/mass/new", right: staff.IssuePayouts, upload: true, serve: serveMassUpload},
	{pattern: "GET /manual/mass/template", right: staff.IssuePayouts, serve: serveMassTemplate},
	{pattern: "GET /manual/mass/{batch}", right: staff.ViewManual, serve: serveBatch},
	{pattern: "GET /manual/mass/{batch}/faults", right: staff.IssuePayouts, serve: serveBatchFaults},
	{pattern: "GET /manual/mass/{batch}/rows", right: staff.ViewManual, serve: serveBatchRows},
	{pattern: "GET /manual/mass/{batch}/result", right: staff.IssuePayouts, serve: serveBatchResult},
	{pattern: "GET /manual/mass/{batch}/declined", right: staff.IssuePayouts, serve: serveBatchDeclined},
	{pattern: "POST /manual/mass/{batch}/again", right: staff.IssuePayouts, serve: serveBatchAgain},
	{pattern: "GET /manual/mass/{batch}/send", right: staff.IssuePayouts, serve: serveBatchConfirm},
	{pattern: "POST /manual/mass/{batch}/send", right: staff.IssuePayouts, fresh: true, serve: serveBatchSend, again: serveBatchSendAgain},
	{pattern: "POST /manual/mass/{batch}/pause", right: staff.IssuePayouts, serve: serveBatchPause},
	{pattern: "POST /manual/mass/{batch}/resume", right: staff.IssuePayouts, fresh: true, serve: serveBatchResume},
	{pattern: "POST /manual/mass/{batch}/cancel", right: staff.IssuePayouts, serve: serveBatchCancel},
	{pattern: "POST /manual/mass/{batch}/resend", right: staff.ResendCallbacks, serve: serveBatchResend},
	{pattern: "POST /manual/mass/{batch}/approve", right: staff.IssuePayouts, fresh: true, serve: serveBatchApprove},
	{pattern: "POST /manual/mass/{batch}/reject", right: staff.IssuePayouts, serve: serveBatchReject},
	{pattern: "POST /manual/mass/{batch}/withdraw", right: staff.IssuePayouts, serve: serveBatchWithdraw},
}

// mass pays files.
func (d *Dashboard) mass() *massbatch.Service {
	return &massbatch.Service{Store: d.Store, Payouts: d.Accept, Methods: d.Methods}
}

func batchPath(id int64) string { return fmt.Sprintf("/manual/mass/%d", id) }

// by is who acts on a batch, by a form.
func (v *visit) by(f *Form) massbatch.By {
	by := massbatch.By{User: v.user.ID, Name: v.user.Name, Actor: v.actor()}
	if f != nil {
		by.IdempotencyKey = f.IdempotencyKey
	}
	return by
}

// seesBatch tells whether the user may see a batch: all projects that it pays from must be theirs.
func (v *visit) seesBatch(status *massbatch.Status) bool {
	projects := []int64{status.ProjectID}
	for _, c := range status.Totals {
		if c.ProjectID != 0 {
			projects = append(projects, c.ProjectID)
		}
	}
	return v.seesProjects(projects)
}

// seesProjects tells whether the user may know of all of them.
func (v *visit) seesProjects(ids []int64) bool {
	return !slices.ContainsFunc(ids, func(id int64) bool {
		p, ok := v.d.Store.Project(id)
		return !ok || !v.user.Sees(p)
	})
}

// batch finds the batch that the path names, with its counters; errNotFound for one that the user may not see.
func (v *visit) batch() (*massbatch.Status, error) {
	id, err := v.number("batch")
	if err != nil {
		return nil, err
	}
	status, err := massbatch.ReadStatus(v.ctx(), v.d.Store, id)
	if err == nil && !v.seesBatch(status) {
		err = errNotFound
	}
	return status, err
}

// batchForm reads the batch of a path, and the form that was sent about it.
func (v *visit) batchForm() (b *massbatch.Status, f *Form, err error) {
	if b, err = v.batch(); err != nil {
		return nil, nil, err
	}
	f, err = v.form()
	return b, f, err
}

// batchRow is a batch in the list.
type batchRow struct {
	*massbatch.Status
	Project *merchant.Project
	Href    string
}

// Paid is how many of the batch's payouts succeeded.
func (r *batchRow) Paid() int64 { return r.ByStatus[string(payout.Success)] }

// Declined is how many were declined or refused.
func (r *batchRow) Declined() int64 {
	return r.ByStatus[string(payout.Decline)] + r.ByStatus[massbatch.Refused]
}

// failingMost is how many batches whose callback fails are listed, the newest first.
const failingMost = 500

// failingBatchesPath is where the batches whose callback fails are listed.
const failingBatchesPath = "/manual/mass?callback=failing"

// failingBatches are batches whose callback fails.
type failingBatches struct {
	IDs  []int64
	More bool // there are others, older ones
}

// Count is how many there are, in words of a chip.
func (f failingBatches) Count() string {
	if f.More {
		return strconv.Itoa(len(f.IDs)) + "+"
	}
	return strconv.Itoa(len(f.IDs))
}

// failingBatches finds the batches sent in the name of projects whose callback fails, newest first, at most `most` of them: those
// that there still are, and that the user may see.
func (v *visit) failingBatches(projects []int64, most int) (out failingBatches, err error) {
	found, err := v.d.Store.FailingBatches(v.ctx(), projects, failingMost+1)
	if err != nil {
		return out, err
	}
	slices.SortFunc(found, func(a, b store.FailingBatch) int { return cmp.Compare(b.Batch, a.Batch) })
	out.IDs = []int64{}
	for part := range slices.Chunk(found, failingMost) { // a statement has as many variables
		ids := make([]int64, len(part))
		for i, f := range part {
			ids[i] = f.Batch
		}
		paying, err := batches.Projects(v.ctx(), v.d.Store, ids)
		if err != nil {
			return out, err
		}
		for _, id := range ids {
			if of := paying[id]; len(of) == 0 || !v.seesProjects(of) {
				continue
			}
			if len(out.IDs) == most {
				out.More = true
				return out, nil
			}
			out.IDs = append(out.IDs, id)
		}
	}
	return out, nil
}

// massList is the page of batches.
type massList struct {
	Tabs  manualTabs
	Rows  []batchRow
	Links pageLinks

	Failing bool // those alone whose callback fails
	Fail    failingBatches
}

// serveMassList lists batches, newest first. Those that pay from projects which the user does not see are left out.
func serveMassList(d *Dashboard, v *visit) error {
	filter := batches.Filter{Projects: v.projectIDs(), Limit: listLength + 1}
	if place := v.listPlace(); place != nil {
		filter.Behind = &batches.Batch{ID: place.ID, CreatedAt: time.UnixMicro(place.At)}
	}
	failing, err := v.failingBatches(projectIDs(v.projects()), failingMost)
	if err != nil {
		return err
	}
	list, next := massList{Failing: v.r.URL.Query().Get("callback") == "failing", Fail: failing}, ""
	if list.Failing {
		filter.IDs = failing.IDs
	}
	if v.wantsFile() {
		return v.batchesFile(filter).send(v)
	}
	found, err := batches.List(v.ctx(), d.Store, filter)
	if err != nil {
		return err
	}
	if list.Tabs, err = v.manualTabs("mass"); err != nil {
		return err
	}
	if len(found) > listLength {
		found = found[:listLength]
		last := found[listLength-1]
		next = store.Cursor{At: last.CreatedAt.UnixMicro(), ID: last.ID}.String()
	}
	if list.Rows, err = v.batchRows(found); err != nil {
		return err
	}
	list.Links = v.pageLinks(next)
	return v.render("mass", Page{Title: v.t("manual.title"), Data: list, Wide: true, Files: true})
}

// batchRows are batches as the list has them, without those that the user may not see.
func (v *visit) batchRows(found []batches.Batch) (rows []batchRow, err error) {
	for i := range found {
		status, err := massbatch.StatusOf(v.ctx(), v.d.Store, &found[i])
		if err != nil {
			return nil, err
		}
		if v.seesBatch(status) {
			p, _ := v.d.Store.Project(status.ProjectID)
			rows = append(rows, batchRow{status, p, batchPath(status.ID)})
		}
	}
	return rows, nil
}
