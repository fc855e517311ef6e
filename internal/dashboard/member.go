package dashboard

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// memberPage is one account.
type memberPage struct {
	memberView
	Offer     rightsForm
	MayChange bool // this user may see to it
	Sessions  int
	Acts      []actView
	Seen      []string // the projects that it sees
	Origins   []store.Origin
	Confirms  bool // this user may confirm whose it is
	Waiting   []approvalRow
	Now       time.Time
}

// member finds the account that the address names.
func (v *visit) member() (*people.UserRecord, error) {
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	return v.d.Access.Member(v.ctx(), v.user, id)
}

// memberForm finds the account that the address names, and reads what is posted about it.
func (v *visit) memberForm() (a *people.UserRecord, f *Form, err error) {
	if a, err = v.member(); err == nil {
		f, err = v.form()
	}
	return a, f, err
}

func serveMember(_ *Dashboard, v *visit) error {
	a, err := v.member()
	if err != nil {
		return err
	}
	f := newForm("name", a.Name, "version", strconv.FormatInt(a.Version, 10))
	fillRights(f, &a.User)
	return v.showMember(http.StatusOK, f, a)
}

func (v *visit) showMember(status int, f *Form, a *people.UserRecord) error {
	page := memberPage{memberView: v.memberView(a), Offer: v.offer(a.MerchantID, &a.User), Now: v.d.Store.Now()}
	page.MayChange = v.user.ID != a.ID && v.user.Covers(&a.User)
	for _, p := range v.projects() {
		if a.Sees(p) {
			page.Seen = append(page.Seen, projectLabel(p))
		}
	}
	var err error
	if page.Waiting, err = v.accountsWaiting(a.Email); err != nil {
		return err
	}
	if page.Origins, err = v.d.Store.Origins(v.ctx(), a.ID); err != nil {
		return err
	}
	another, err := v.d.Store.DifferentPeople(v.ctx(), a.ID, v.user.ID)
	if err != nil {
		return err
	}
	page.Confirms = page.MayChange && another
	sessions, err := v.d.Access.Sessions(v.ctx(), &a.User)
	if err != nil {
		return err
	}
	page.Sessions = len(sessions)
	acts, err := v.d.Access.History(v.ctx(), v.user, a.ID, store.AuditEntry{})
	if err != nil {
		return err
	}
	if page.Acts, err = v.actViews(acts[:min(len(acts), 10)]); err != nil {
		return err
	}
	title := a.Name
	if title == "" {
		title = a.Email
	}
	return v.renderStatus(status, "member", Page{Title: title, Form: f, Data: page})
}

func serveRights(_ *Dashboard, v *visit) error {
	a, f, err := v.memberForm()
	if err != nil {
		return err
	}
	after := a.User
	if name := f.Get("name"); name != "" || a.Name != "" {
		after.Name = name
		if access.CheckName(name) != nil {
			f.Fault("name", v.t("access.name_help"))
			return v.showMember(http.StatusUnprocessableEntity, f, a)
		}
	}
	after.Version, _ = strconv.ParseInt(f.Get("version"), 10, 64) // nonsense is a version that is gone
	v.keepUnseen(&after, f)
	err = v.d.Access.ChangeRights(v.ctx(), f.IdempotencyKey, access.ByUser(v.user), &after)
	if errors.Is(err, store.ErrNeedsSecond) {
		return v.askAccount(f, people.ActRights, &after, v.memberPath())
	}
	if v.refused(f, err) {
		return v.showMember(http.StatusUnprocessableEntity, f, a)
	}
	if err != nil {
		return err
	}
	return v.redirect(v.memberPath(), "access.rights_saved")
}

// keepUnseen reads the rights of a form. Single rights that the form did not offer, because this user lacks them, stay.
func (v *visit) keepUnseen(u *staff.User, f *Form) {
	added, withheld := u.Added, u.Withheld
	readRights(f, u)
	for _, r := range added {
		if !v.user.Can(r) {
			u.Added = append(u.Added, r)
		}
	}
	for _, r := range withheld {
		if !v.user.Can(r) {
			u.Withheld = append(u.Withheld, r)
		}
	}
}

// actOnMember runs an act on the account of the address, and shows what came of it on its page.
func (v *visit) actOnMember(notice string, act func(f *Form, id int64) error) error {
	a, f, err := v.memberForm()
	if err != nil {
		return err
	}
	err = act(f, a.ID)
	if errors.Is(err, store.ErrNeedsSecond) {
		active := a.User
		active.Deactivated = time.Time{}
		return v.askAccount(f, people.ActActivate, &active, v.memberPath())
	}
	if errors.Is(err, store.ErrNotFound) { // done already, or undone by somebody else
		err = store.ErrMoved
	}
	shown := newForm("name", a.Name, "version", strconv.FormatInt(a.Version, 10))
	fillRights(shown, &a.User)
	if v.refused(shown, err) {
		return v.showMember(http.StatusUnprocessableEntity, shown, a)
	}
	if err != nil {
		return err
	}
	return v.redirect("/team/"+v.r.PathValue("id"), notice)
}

// memberPath is the page of the account that the address names.
func (v *visit) memberPath() string { return "/team/" + v.r.PathValue("id") }

func serveNewLink(_ *Dashboard, v *visit) error {
	a, f, err := v.memberForm()
	if err != nil {
		return err
	}
	path, err := v.d.Access.NewLink(v.ctx(), f.IdempotencyKey, access.ByUser(v.user), a.ID)
	if err != nil {
		return v.actOnMember("", func(*Form, int64) error { return err })
	}
	return v.showLink(path, &a.User, a.Password != "")
}

func serveConfirmMember(_ *Dashboard, v *visit) error {
	return v.actOnMember("access.confirmed", func(_ *Form, id int64) error { return v.d.Access.Confirm(v.ctx(), access.ByUser(v.user), id) })
}

func serveWithdrawInvitation(_ *Dashboard, v *visit) error {
	return v.actOnMember("access.link_withdrawn", func(_ *Form, id int64) error { return v.d.Access.WithdrawLink(v.ctx(), access.ByUser(v.user), id) })
}

func serveActive(_ *Dashboard, v *visit) error {
	notice, active := "access.deactivated", v.r.PostFormValue("active") == "yes"
	if active {
		notice = "access.reactivated"
	}
	return v.actOnMember(notice, func(f *Form, id int64) error {
		return v.d.Access.SetActive(v.ctx(), f.IdempotencyKey, access.ByUser(v.user), id, active)
	})
}

func serveEndSessionsOf(_ *Dashboard, v *visit) error {
	return v.actOnMember("access.sessions_ended", func(_ *Form, id int64) error { return v.d.Access.EndSessionsOf(v.ctx(), access.ByUser(v.user), id) })
}
