package dashboard

import (
	"errors"
	"net/http"
	"strings"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// accountControl shows a change of an account to those who may know of it.
func (v *visit) accountControl(a *store.Approval) (*controlView, error) {
	if !v.user.Can(staff.ViewTeam) || !v.user.Operator() && v.user.MerchantID != a.MerchantID {
		return nil, errNotFound
	}
	c, err := people.Asked(a)
	if err != nil {
		return nil, err
	}
	view := &controlView{Approval: a}
	var before *staff.User
	if c.Act != people.ActInvite {
		now, err := v.d.people.User(v.ctx(), c.User.ID)
		if err != nil {
			return nil, err
		}
		before = &now.User
		view.Stale = a.State == store.ApprovalWaiting && c.Act == people.ActRights && now.Version != c.User.Version
	}
	may := v.user.MayGive(before, &c.User)
	if c.Act == people.ActActivate {
		may = v.user.ID != before.ID && v.user.Covers(before)
	}
	if a.State != store.ApprovalWaiting || c.Act == people.ActActivate { // what it was before is no longer known, or is the same
		before = nil
	}
	view.Changes = v.rightChanges(before, &c.User)
	view.say, err = v.sayOn(a, may)
	return view, err
}

// rightChanges is what an account would have, and has.
func (v *visit) rightChanges(before, after *staff.User) []changeView {
	if before == nil {
		before = &staff.User{}
	}
	rows := []changeView{
		{Label: v.t("access.roles"), Before: v.roleNames(before.Roles), After: v.roleNames(after.Roles)},
		{Label: v.t("access.added"), Before: v.rightNames(before.Added), After: v.rightNames(after.Added)},
		{Label: v.t("access.withheld"), Before: v.rightNames(before.Withheld), After: v.rightNames(after.Withheld)},
		{Label: v.t("nav.projects"), Before: v.projectNames(before), After: v.projectNames(after)},
	}
	var out []changeView
	for _, r := range rows {
		if r.Before != r.After {
			out = append(out, r)
		}
	}
	return out
}

func (v *visit) roleNames(roles []staff.Role) string {
	var names []string
	for _, r := range roles {
		names = append(names, v.t("role."+string(r)))
	}
	return strings.Join(names, ", ")
}

func (v *visit) rightNames(rights []staff.Right) string {
	var names []string
	for _, r := range rights {
		names = append(names, v.t("right."+string(r)))
	}
	return strings.Join(names, ", ")
}

func (v *visit) projectNames(u *staff.User) string {
	if u.AllProjects {
		return v.t("access.all_projects")
	}
	var names []string
	for _, id := range u.Projects {
		if p, ok := v.d.Store.Project(id); ok {
			names = append(names, projectLabel(p))
		}
	}
	return strings.Join(names, ", ")
}

// askAccount lets a change of an account wait for a second person, and goes on to a page that shows that it does.
func (v *visit) askAccount(f *Form, act string, u *staff.User, to string) error {
	_, err := v.d.people.Ask(v.ctx(), people.Change{Act: act, User: *u}, v.requester(f))
	if errors.Is(err, store.ErrApprovalWaits) {
		return &userError{ID: "control.account_waits", Status: http.StatusConflict}
	}
	if err != nil {
		return err
	}
	return v.redirect(to, "control.asked")
}

// accountsWaiting lists what waits for a second person about the accounts that this user may know of; about one of them where an
// e-mail address is given.
func (v *visit) accountsWaiting(email string) ([]approvalRow, error) {
	filter := store.ApprovalFilter{Kinds: []string{store.ApprovalAccount}, State: store.ApprovalWaiting, Limit: most}
	if !v.user.Operator() {
		filter.Projects, filter.Merchant = []int64{}, v.user.MerchantID
	}
	waiting, err := v.d.Store.Approvals(v.ctx(), filter)
	var rows []approvalRow
	for _, a := range waiting {
		if email == "" || a.Title == email {
			rows = append(rows, v.approvalRow(a))
		}
	}
	return rows, err
}
