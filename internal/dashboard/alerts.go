package dashboard

import (
	"strconv"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store/alerts"
)

// alertRoutes are what a user is told of.
var alertRoutes = []route{
	{pattern: "GET /alerts", right: staff.EditProfile, serve: serveAlerts},
	{pattern: "GET /alerts/bell", right: staff.EditProfile, serve: serveBell},
	{pattern: "POST /alerts", right: staff.EditProfile, serve: serveAlertsSeen},
	{pattern: "POST /profile/alerts", right: staff.EditProfile, serve: serveAlertSwitches},
}

// alertRights are the rights of those who are told of each kind.
var alertRights = map[string][]staff.Right{
	alerts.Approval:    {staff.IssuePayouts, staff.EditProjects, staff.ManageTeam, staff.OperateFunds},
	alerts.Batch:       {staff.IssuePayouts},
	alerts.Callbacks:   {staff.ResendCallbacks},
	alerts.Discrepancy: {staff.OperateWork},
}

// alertKinds are the kinds that concern this user. What merchants are told of, their people are, not the platform's operators.
func (v *visit) alertKinds() (kinds []string) {
	for _, kind := range alerts.Kinds {
		if v.user.Operator() && (kind == alerts.Batch || kind == alerts.Callbacks) {
			continue
		}
		for _, right := range alertRights[kind] {
			if v.user.Can(right) {
				kinds = append(kinds, kind)
				break
			}
		}
	}
	return kinds
}

// alertView is an alert as its list shows it.
type alertView struct {
	alerts.Alert
	Project *merchant.Project // nil: it is of none that the user sees
}

type alertsPage struct {
	Rows   []alertView
	Newest int64 // the newest that is not seen; 0: all are
}

func serveAlerts(d *Dashboard, v *visit) error {
	told, err := alerts.List(v.ctx(), d.Store, v.user.ID, listLength)
	if err != nil {
		return err
	}
	page := alertsPage{}
	for i := range told {
		row := alertView{Alert: told[i]}
		if p, ok := d.Store.Project(told[i].ProjectID); ok && v.user.Sees(p) {
			row.Project = p
		}
		if !row.Seen && page.Newest == 0 {
			page.Newest = row.ID
		}
		page.Rows = append(page.Rows, row)
	}
	return v.render("alerts", Page{Title: v.t("alerts.title"), Form: newForm(), Data: page})
}

// serveBell is the bell of a page that stays open.
func serveBell(_ *Dashboard, v *visit) error {
	return v.fragment("alerts", "bell", Page{})
}

// serveAlertsSeen notes that the user has seen the alerts of the page.
func serveAlertsSeen(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	last, err := strconv.ParseInt(f.Get("last"), 10, 64)
	if err != nil {
		return errNotFound
	}
	if err := alerts.Saw(v.ctx(), d.Store, v.user.ID, last); err != nil {
		return err
	}
	return v.redirect("/alerts", "")
}

// alertSwitches are the switches in the profile.
func (v *visit) alertSwitches() (*Form, []option, error) {
	off, err := alerts.Off(v.ctx(), v.d.Store, v.user.ID)
	if err != nil {
		return nil, nil, err
	}
	f := newForm()
	for _, kind := range off {
		f.Values.Add("off", kind)
	}
	var options []option
	for _, kind := range v.alertKinds() {
		if !f.Has("off", kind) {
			f.Values.Add("alert", kind)
		}
		options = append(options, option{Value: kind, Label: v.t("alerts.switch." + kind)})
	}
	return f, options, nil
}

func serveAlertSwitches(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	var off []string
	for _, kind := range v.alertKinds() {
		if !f.Has("alert", kind) {
			off = append(off, kind)
		}
	}
	if err := alerts.SetOff(v.ctx(), d.Store, "alerts "+v.user.Object()+" "+f.IdempotencyKey, v.user, off); err != nil {
		return err
	}
	return v.redirect("/profile", "alerts.saved")
}

// badgeAlerts counts what the user was told of and has not seen.
func (v *visit) badgeAlerts(add func(word, href string, count int, more bool)) error {
	n, err := alerts.Unseen(v.ctx(), v.d.Store, v.user.ID, overviewMax+1)
	add("alerts.unseen", "/alerts", min(n, overviewMax), n > overviewMax)
	return err
}
