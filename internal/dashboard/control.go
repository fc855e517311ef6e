package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// controlRoutes are approvals of what weakens control. Who may decide one is who may make the change.
var controlRoutes = []route{
	{pattern: "GET /approvals/{approval}", right: staff.ViewProjects, serve: serveControl},
	{pattern: "POST /approvals/{approval}/decide", right: staff.ViewProjects, fresh: true, serve: serveControlDecide},
}

// controlKinds are the kinds of approvals that these pages show.
var controlKinds = []string{store.ApprovalSettings, store.ApprovalKey, store.ApprovalAccount}

func controlPath(id int64) string { return "/approvals/" + strconv.FormatInt(id, 10) }

// say is what somebody may do about an approval that waits.
type say struct {
	Mine     bool   // who looks has asked for it, and may withdraw it
	Approves bool   //
	Rejects  bool   //
	Why      string // why they may not approve: the id of words; empty: they may, or nothing waits
}

// sayOn is what this user may do about an approval; may tells whether they have the right. It answers as the decision would.
func (v *visit) sayOn(a *store.Approval, may bool) (say, error) {
	switch {
	case a.State != store.ApprovalWaiting:
		return say{}, nil
	case a.RequestedBy == v.user.ID:
		return say{Mine: true}, nil
	case !may:
		return say{Why: "control.no_right"}, nil
	}
	s := say{Rejects: true}
	another, err := v.d.Store.DifferentPeople(v.ctx(), a.RequestedBy, v.user.ID)
	if err != nil {
		return s, err
	}
	if !another {
		s.Why = "manual.not_another"
		return s, nil
	}
	asked, err := v.d.people.User(v.ctx(), a.RequestedBy)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // what the command line asked for is nobody's
		return s, err
	}
	if err == nil && !asked.Deactivated.IsZero() {
		s.Why = "manual.requester_gone"
		return s, nil
	}
	s.Approves = true
	return s, nil
}

// requester is who asks by a form.
func (v *visit) requester(f *Form) store.Requester {
	return store.Requester{User: v.user, IdempotencyKey: f.IdempotencyKey}
}

// controlView is a change that waits for a second person, or did.
type controlView struct {
	*store.Approval
	say
	Project *merchant.Project // nil: it is about an account
	Changes []changeView
	Stale   bool // the settings have changed since: it cannot be approved
}

// control finds an approval that the user may see.
func (v *visit) control() (*controlView, error) {
	id, err := strconv.ParseInt(v.r.PathValue("approval"), 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	a, err := v.d.Store.Approval(v.ctx(), id)
	if err != nil {
		return nil, err
	}
	if a.Kind == store.ApprovalAccount {
		return v.accountControl(a)
	}
	p, ok := v.d.Store.Project(a.ProjectID)
	if !slices.Contains(controlKinds, a.Kind) || !ok || !v.user.Sees(p) {
		return nil, errNotFound
	}
	view := &controlView{Approval: a, Project: p}
	may := v.user.Can(staff.EditProjects)
	if a.Kind == store.ApprovalSettings {
		differences, err := v.asked(view)
		if err != nil {
			return nil, err
		}
		view.Changes = v.settingChanges(differences)
		may = may && !slices.ContainsFunc(differences, func(d merchant.Difference) bool { return !v.user.CanChange(d.Setting) })
	}
	view.say, err = v.sayOn(a, may)
	return view, err
}

// asked is what a change of settings would change, of the settings for which it was asked.
func (v *visit) asked(view *controlView) ([]merchant.Difference, error) {
	changed, err := view.Changed(view.Project)
	if err != nil {
		return nil, err
	}
	view.Stale = view.State == store.ApprovalWaiting && changed.Version != view.Project.Version
	versions, err := v.d.Store.ProjectVersions(v.ctx(), changed.ID, changed.Version+1, 1)
	if err != nil || len(versions) == 0 {
		return nil, err
	}
	before := *view.Project
	before.Name, before.Settings = versions[0].Project.Name, versions[0].Project.Settings
	return merchant.Differences(&before, changed), nil
}

func serveControl(_ *Dashboard, v *visit) error {
	view, err := v.control()
	if err != nil {
		return err
	}
	return v.showControl(http.StatusOK, view, newForm())
}

func (v *visit) showControl(status int, view *controlView, f *Form) error {
	return v.renderStatus(status, "control", Page{Title: v.t("control.kind." + view.Kind), Form: f, Data: view})
}

func serveControlDecide(d *Dashboard, v *visit) error {
	view, err := v.control()
	if err != nil {
		return err
	}
	f, err := v.form()
	if err != nil {
		return err
	}
	state, reason := f.Get("state"), f.Get("reason")
	switch {
	case !slices.Contains([]string{store.ApprovalApproved, store.ApprovalRejected, store.ApprovalWithdrawn}, state):
		return &userError{ID: "form.unreadable"}
	case view.Why == "control.no_right":
		return errForbidden
	case len(reason) > maxReason:
		f.Fault("reason", v.t("manual.reason_long"))
	case state == store.ApprovalRejected && reason == "":
		f.Fault("reason", v.t("manual.reason_missing"))
	}
	if !f.OK() {
		return v.showControl(http.StatusUnprocessableEntity, view, f)
	}
	decision := store.Decision{ID: view.ID, State: state, By: v.user.ID, Decider: v.user.Name, Reason: reason}
	decide := d.Store.DecideControl
	if view.Kind == store.ApprovalAccount {
		decide = d.people.Decide
	}
	err = decide(v.ctx(), decision, store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey})
	switch {
	case errors.Is(err, store.ErrMoved), errors.Is(err, store.ErrLapsed): // the page says what
		return v.redirect(controlPath(view.ID), "manual.decided_before")
	case err != nil:
		return cannotDecide(err)
	}
	return v.redirect(controlPath(view.ID), "control.decided."+state)
}

// cannotDecide words what stands in the way of a decision.
func cannotDecide(err error) error {
	for _, fault := range []struct {
		err    error
		id     string
		status int
	}{
		{store.ErrSamePerson, "control.same_person", http.StatusForbidden},
		{store.ErrPossiblySamePerson, "manual.not_another", http.StatusForbidden},
		{store.ErrNotRequester, "control.not_requester", http.StatusForbidden},
		{store.ErrRequesterGone, "manual.requester_gone", http.StatusConflict},
		{store.ErrStale, "control.stale", http.StatusConflict},
		{store.ErrKeyExists, "control.key_exists", http.StatusConflict},
		{people.ErrUserExists, "access.email_taken", http.StatusConflict},
		{people.ErrLastAdmin, "access.last_admin", http.StatusConflict},
	} {
		if errors.Is(err, fault.err) {
			return &userError{ID: fault.id, Status: fault.status}
		}
	}
	return err
}

// approvalRow is an approval in a list.
type approvalRow struct {
	store.Approval
	say
	Project *merchant.Project
	Href    string
	What    string // it is about
}

func (v *visit) approvalRow(a store.Approval) approvalRow {
	row := approvalRow{Approval: a, Href: controlPath(a.ID), What: v.t("control.kind."+a.Kind) + ": " + a.Title}
	row.Project, _ = v.d.Store.Project(a.ProjectID)
	row.Mine = a.RequestedBy == v.user.ID
	switch a.Kind {
	case store.ApprovalPayout:
		row.Href, row.What = approvalPath(a.ID), a.Title
	case store.ApprovalBatch:
		row.Href, row.What = "/manual/mass/"+a.Subject, v.t("mass.batch", "number", a.Subject)
	case store.ApprovalSettings:
		var labels []string
		for key := range strings.SplitSeq(a.Title, ", ") {
			labels = append(labels, v.keyLabel(key))
		}
		row.What = v.t("control.kind."+a.Kind) + ": " + strings.Join(labels, ", ")
	}
	return row
}

// keyLabel names the setting of a field's key.
func (v *visit) keyLabel(key string) string {
	path, name := "", key
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		path, name = strings.TrimPrefix(key[:i], "methods."), key[i+1:]
	}
	return v.settingLabel(merchant.Field{Setting: &merchant.Setting{Name: name}, Path: path})
}

// Waiting lists what waits for a second person about the project.
func (h projectHead) Waiting() ([]approvalRow, error) {
	waiting, err := h.v.d.Store.Approvals(h.v.ctx(), store.ApprovalFilter{
		Projects: []int64{h.Project.ID}, Kinds: controlKinds, State: store.ApprovalWaiting, Limit: listLength,
	})
	var rows []approvalRow
	for _, a := range waiting {
		rows = append(rows, h.v.approvalRow(a))
	}
	return rows, err
}

// askSettings lets a change wait for a second person.
func (v *visit) askSettings(page *settingsPage, f *Form, changed *merchant.Project) error {
	_, err := v.d.Store.RequestSettingsApproval(v.ctx(), changed, v.requester(f))
	switch {
	case errors.Is(err, store.ErrApprovalWaits):
		f.Fault("", v.t("control.waits_already"))
		return v.renderStatus(http.StatusConflict, "project_settings", Page{Title: changed.Name, Form: f, Data: page})
	case err != nil:
		return err
	}
	return v.redirect(fmt.Sprintf("/projects/%d/%s", changed.ID, page.Tab), "control.asked")
}
