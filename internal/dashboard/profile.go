package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// profileRoutes are «My profile»: what users see to themselves.
var profileRoutes = []route{
	{pattern: "GET /profile", right: staff.EditProfile, serve: serveProfile},
	{pattern: "POST /profile", right: staff.EditProfile, serve: serveSaveProfile},
	{pattern: "POST /profile/password", right: staff.EditProfile, serve: serveChangePassword},
	{pattern: "POST /profile/factor/new", right: staff.EditProfile, fresh: true, serve: serveNewFactor},
	{pattern: "POST /profile/factor", right: staff.EditProfile, fresh: true, serve: serveAddFactor},
	{pattern: "POST /profile/factor/{id}/remove", right: staff.EditProfile, fresh: true, serve: serveRemoveFactor},
	{pattern: "POST /profile/recovery", right: staff.EditProfile, fresh: true, serve: serveRecoveryCodes},
	{pattern: "POST /profile/token", right: staff.ManageTokens, fresh: true, serve: serveNewToken},
	{pattern: "POST /profile/token/revoke", right: staff.ManageTokens, serve: serveRevokeToken},
	{pattern: "POST /profile/sessions/end", right: staff.EditProfile, serve: serveEndOtherSessions},
	{pattern: "POST /profile/sessions/{id}/end", right: staff.EditProfile, serve: serveEndSession},
}

// profilePage is a user's own page.
type profilePage struct {
	*people.UserRecord
	PasswordForm *Form
	Sessions     []sessionView
	Acts         []actView
	Zones        []string
	Roles        []option
	Seen         []string
	Least        int
	TokenSince   time.Time // of the Data API token; zero: there is none
	AlertForm    *Form
	Alerts       []option // the kinds of which the user is told
	Mails        bool     // by e-mail, too
}

// sessionView is a session as its list shows it.
type sessionView struct {
	*access.Session
	This    bool // the one that shows the list
	Browser string
}

// zones are those that the form offers; any other of the IANA's can be typed.
var zones = []string{"Asia/Bishkek", "Asia/Almaty", "Asia/Tashkent", "Asia/Dushanbe", "Europe/Moscow", "Asia/Tbilisi", "Europe/Berlin", "Europe/London", "UTC"}

func (v *visit) showProfile(status int, f, password *Form) error {
	account, err := v.d.people.User(v.ctx(), v.user.ID)
	if err != nil {
		return err
	}
	if f == nil {
		f = newForm("name", account.Name, "language", account.Language, "zone", account.Zone, "theme", account.Theme)
	}
	if password == nil {
		password = newForm()
	}
	page := profilePage{UserRecord: account, PasswordForm: password, Zones: zones, Least: access.MinPassword}
	if page.Sessions, err = v.sessions(); err != nil {
		return err
	}
	if page.TokenSince, err = v.d.people.TokenSince(v.ctx(), v.user.ID); err != nil {
		return err
	}
	page.Mails = v.d.Reports.Mail != nil
	if page.AlertForm, page.Alerts, err = v.alertSwitches(); err != nil {
		return err
	}
	acts, err := v.d.Access.OwnActs(v.ctx(), v.session)
	if err != nil {
		return err
	}
	if page.Acts, err = v.actViews(acts[:min(len(acts), 15)]); err != nil {
		return err
	}
	for _, r := range account.Roles {
		page.Roles = append(page.Roles, option{Label: v.t("role." + string(r)), Help: v.rightsOf(r)})
	}
	if !v.user.Operator() {
		for _, p := range v.projects() {
			page.Seen = append(page.Seen, projectLabel(p))
		}
	}
	return v.renderStatus(status, "profile", Page{Title: v.t("nav.profile"), Form: f, Data: page})
}

// sessions are the visitor's own.
func (v *visit) sessions() (out []sessionView, err error) {
	found, err := v.d.Access.Sessions(v.ctx(), v.user)
	for _, s := range found {
		out = append(out, sessionView{s, s.ID == v.session.ID, browserName(s.Agent)})
	}
	return out, err
}

func serveProfile(_ *Dashboard, v *visit) error {
	if v.wantsFile() {
		return v.sendOf(v.profileLists())
	}
	return v.showProfile(http.StatusOK, nil, nil)
}

func serveSaveProfile(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	after := staff.User{Name: f.Get("name"), Language: f.Get("language"), Zone: f.Get("zone"), Theme: f.Get("theme")}
	if after.Language != "" && !knownLanguage(after.Language) {
		f.Fault("language", v.t("access.choose"))
	}
	if after.Theme != "" && after.Theme != "light" && after.Theme != "dark" {
		f.Fault("theme", v.t("access.choose"))
	}
	if f.OK() {
		switch err := v.d.Access.SaveProfile(v.ctx(), v.session, after); {
		case errors.Is(err, access.ErrName):
			f.Fault("name", v.t("access.name_help"))
		case errors.Is(err, access.ErrZone):
			f.Fault("zone", v.t("access.zone_unknown"))
		case err != nil:
			return err
		}
	}
	if !f.OK() {
		return v.showProfile(http.StatusUnprocessableEntity, f, nil)
	}
	return v.redirect("/profile", "access.profile_saved")
}

func serveChangePassword(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	fresh := f.Values.Get("password")
	v.checkNewPassword(f, fresh, v.user)
	status := http.StatusUnprocessableEntity
	if f.OK() {
		err := v.d.Access.ChangePassword(v.ctx(), v.session, f.Values.Get("old"), fresh, v.client())
		if errors.Is(err, access.ErrWrong) {
			f.Fault("old", v.t("access.old_wrong"))
		} else if slow := v.slowDown(f, err); slow != 0 {
			status = slow
		} else if err != nil {
			return err
		}
	}
	if !f.OK() {
		return v.showProfile(status, nil, f)
	}
	return v.redirect("/profile", "access.password_saved")
}

// serveNewFactor shows the page on which another factor is added. It is asked for by POST, so that the second factor of
// now is shown before the code of the new one, which does not wait.
func serveNewFactor(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	return v.showNewFactor(http.StatusOK, f, "")
}

func (v *visit) showNewFactor(status int, f *Form, ticket string) error {
	return v.askForNewFactor(status, f, v.session, enrolPage{onward: onward{Next: "/profile"}, Act: "/profile/factor"}, ticket)
}

func serveAddFactor(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	added, status, err := v.newFactor(f, v.session)
	switch {
	case status != 0:
		return v.showNewFactor(status, f, f.Get("ticket"))
	case errors.Is(err, access.ErrNoSession):
		return v.redirect("/sign-in", "")
	case err != nil:
		return err
	}
	if err := v.takeTokens(added.Tokens); err != nil {
		return err
	}
	if len(added.Codes) > 0 {
		return v.showCodes(added.Codes, onward{Next: "/profile"})
	}
	return v.redirect("/profile", "access.factor_added")
}

func serveRemoveFactor(_ *Dashboard, v *visit) error {
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil {
		return errNotFound
	}
	switch err := v.d.Access.RemoveFactor(v.ctx(), v.session, id); {
	case errors.Is(err, people.ErrLastFactor):
		return &userError{ID: "access.factor_last", Status: http.StatusConflict}
	case err != nil && !errors.Is(err, store.ErrNotFound): // a second click
		return err
	}
	return v.redirect("/profile", "access.factor_removed")
}

func serveRecoveryCodes(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	codes, err := v.d.Access.RenewRecoveryCodes(v.ctx(), v.session, f.IdempotencyKey)
	if err != nil {
		return err
	}
	return v.showCodes(codes, onward{Next: "/profile"})
}

// serveNewToken makes the account's token for the Data API and shows it, this once; the earlier one is void.
func serveNewToken(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	token := d.people.TokenOfForm(v.user.ID, f.IdempotencyKey)
	if err := d.people.SetToken(v.ctx(), "data api token "+v.user.Object()+" "+f.IdempotencyKey, v.user.ID, token, v.actor()); err != nil {
		return err
	}
	return v.render("token", Page{Title: v.t("access.token_new"), Data: token})
}

func serveRevokeToken(d *Dashboard, v *visit) error {
	err := d.people.RevokeToken(v.ctx(), v.user.ID, v.actor())
	if err != nil && !errors.Is(err, store.ErrNotFound) { // a second click
		return err
	}
	return v.redirect("/profile", "access.token_revoked")
}

func serveEndOtherSessions(_ *Dashboard, v *visit) error {
	if err := v.d.Access.EndOtherSessions(v.ctx(), v.session); err != nil {
		return err
	}
	return v.redirect("/profile", "access.sessions_ended")
}

func serveEndSession(_ *Dashboard, v *visit) error {
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil {
		return errNotFound
	}
	if err := v.d.Access.EndSession(v.ctx(), v.user, id); err != nil {
		return err
	}
	if id == v.session.ID {
		v.setCookie(v.d.sessionCookie(), "", -time.Second)
		return v.redirect("/sign-in", "access.signed_out")
	}
	return v.redirect("/profile", "access.session_ended")
}

// browserName is what people call the browser of a User-Agent: its make and its system, as far as it says.
func browserName(agent string) string {
	name, system := "", ""
	for _, b := range []struct{ part, name string }{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"YaBrowser/", "Yandex"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	} {
		if name == "" && strings.Contains(agent, b.part) {
			name = b.name
		}
	}
	for _, s := range []struct{ part, name string }{
		{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	} {
		if system == "" && strings.Contains(agent, s.part) {
			system = s.name
		}
	}
	if name != "" && system != "" {
		return name + " · " + system
	}
	return cmp.Or(name, system, agent, "–")
}
