package dashboard

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"

	"flashpay/internal/access"
	"flashpay/internal/staff"
)

// enrolRoutes begin with a link.
var enrolRoutes = []route{
	{pattern: "GET /invitation/{token}", right: anyone, serve: serveInvitation},
	{pattern: "POST /invitation/{token}", right: anyone, serve: serveAccept},
}

// enrolPage is what a page shows on which a second factor is added: the first, or another one.
type enrolPage struct {
	onward
	TOTP    *access.Enrolment
	Passkey *access.Ceremony // nil: this address has none
	Act     string           // where the forms go
	First   bool
}

// QR is the picture that an authenticator's app reads, as an address that holds it.
func (p enrolPage) QR() template.URL { return template.URL(p.TOTP.QR) }

func serveEnrolPage(_ *Dashboard, v *visit) error {
	return v.showEnrol(http.StatusOK, newForm("next", v.r.URL.Query().Get("next")), "")
}

// showEnrol asks for a first second factor: it is all that is open before there is one. ticket is that of the
// authenticator that is shown again beside what was wrong; empty: another one.
func (v *visit) showEnrol(status int, f *Form, ticket string) error {
	session, err := v.pending()
	if err != nil {
		return err
	}
	if session == nil {
		return v.startAgain(f)
	}
	factors, err := v.d.Access.Factors(v.ctx(), session)
	if err != nil {
		return err
	}
	if factors.Any() {
		return v.redirect("/sign-in/factor"+v.onward(f).query(), "")
	}
	page := enrolPage{onward: v.onward(f), Act: "/sign-in/enrol", First: true}
	return v.askForNewFactor(status, f, session, page, ticket)
}

func (v *visit) askForNewFactor(status int, f *Form, session *access.Session, page enrolPage, ticket string) (err error) {
	if page.TOTP, err = v.d.Access.ResumeTOTP(session, ticket); errors.Is(err, access.ErrTicket) {
		page.TOTP, err = v.d.Access.BeginTOTP(session)
	}
	if err != nil {
		return err
	}
	if v.d.Access.Passkeys() {
		if page.Passkey, err = v.d.Access.BeginPasskey(v.ctx(), session); err != nil {
			return err
		}
	}
	return v.renderStatus(status, "enrol", Page{Title: v.t("access.enrol"), Form: f, Data: page})
}

// newFactor adds the factor of a form. status is not 0 where it was refused, as the form says then.
func (v *visit) newFactor(f *Form, session *access.Session) (added *access.Added, status int, err error) {
	field, wrong := "code", "access.wrong_code"
	if f.Get("kind") == "passkey" {
		field, wrong = "", "access.wrong_passkey"
		name := cmp.Or(f.Get("name"), v.t("access.passkey"))
		added, err = v.d.Access.AddPasskey(v.ctx(), session, f.Get("ticket"), f.Get("answer"), name, v.client())
	} else {
		name := cmp.Or(f.Get("name"), v.t("access.authenticator"))
		added, err = v.d.Access.AddTOTP(v.ctx(), session, f.Get("ticket"), f.Get("code"), name, v.client())
	}
	faults := []struct {
		err   error
		field string
		word  string
	}{
		{access.ErrWrong, field, wrong},
		{access.ErrNoPasskeys, field, wrong},
		{access.ErrTicket, "", "access.page_old"},
		{access.ErrName, "name", "access.name_help"},
		{access.ErrFactorExists, "", "access.passkey_known"},
		{access.ErrTooMany, "", "access.factors_many"},
	}
	for _, fault := range faults {
		if errors.Is(err, fault.err) {
			f.Fault(fault.field, v.t(fault.word))
			return nil, http.StatusUnprocessableEntity, nil
		}
	}
	return added, 0, err
}

func serveEnrol(_ *Dashboard, v *visit) error {
	f, session, err := v.pendingForm()
	if err != nil {
		return err
	}
	if session == nil {
		return v.startAgain(f)
	}
	added, status, err := v.newFactor(f, session)
	switch {
	case errors.Is(err, access.ErrNoSession):
		return v.showFactor(http.StatusOK, f)
	case status != 0:
		return v.showEnrol(status, f, f.Get("ticket"))
	case err != nil:
		return err
	}
	if err := v.takeTokens(added.Tokens); err != nil {
		return err
	}
	if len(added.Codes) == 0 {
		return v.signedInNow(v.onward(f))
	}
	return v.showCodes(added.Codes, v.onward(f))
}

// codesPage shows recovery codes, this once.
type codesPage struct {
	onward
	Codes []string
	Text  string // all of them, for copying
}

func (v *visit) showCodes(codes []string, o onward) error {
	page := codesPage{onward: o, Codes: codes}
	for _, c := range codes {
		page.Text += c + "\n"
	}
	return v.render("codes", Page{Title: v.t("access.recovery"), Data: page})
}

// invitationPage is what somebody sees who follows a link.
type invitationPage struct {
	Email string
	Reset bool
	Least int
}

// invited finds whom the link of the address is for.
func (v *visit) invited() (*access.Invited, error) {
	invited, err := v.d.Access.Invitation(v.ctx(), v.r.PathValue("token"))
	if errors.Is(err, access.ErrLink) {
		return nil, &userError{ID: "access.link_dead", Status: http.StatusGone}
	}
	return invited, err
}

func (v *visit) showInvitation(status int, f *Form, invited *access.Invited) error {
	title := v.t("access.welcome")
	if invited.Reset {
		title = v.t("access.reset")
	}
	v.user, v.session = nil, nil // whoever is signed in here may be somebody else
	page := invitationPage{Email: invited.User.Email, Reset: invited.Reset, Least: access.MinPassword}
	return v.renderStatus(status, "invitation", Page{Title: title, Form: f, Data: page})
}

func serveInvitation(_ *Dashboard, v *visit) error {
	invited, err := v.invited()
	if err != nil {
		return err
	}
	return v.showInvitation(http.StatusOK, newForm("name", invited.User.Name), invited)
}

// serveAccept takes name and password of somebody who follows a link, and leads to the second factor.
func serveAccept(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	invited, err := v.invited()
	if err != nil {
		return err
	}
	user := staff.User{Name: f.Get("name"), Email: invited.User.Email}
	password := f.Values.Get("password")
	if access.CheckName(user.Name) != nil {
		f.Fault("name", v.t("access.name_help"))
	}
	v.checkNewPassword(f, password, &user)
	if !f.OK() {
		return v.showInvitation(http.StatusUnprocessableEntity, f, invited)
	}
	token, err := v.d.Access.Accept(v.ctx(), v.r.PathValue("token"), user.Name, password, v.client())
	if errors.Is(err, access.ErrLink) {
		return &userError{ID: "access.link_dead", Status: http.StatusGone}
	}
	if status := v.slowDown(f, err); status != 0 {
		return v.showInvitation(status, f, invited)
	}
	if err != nil {
		return err
	}
	v.takeSession(token)
	return v.redirect("/sign-in/enrol", "")
}

// passwordWords say what is wrong with a new password.
var passwordWords = map[error]string{
	access.ErrPasswordShort: "access.password_short", access.ErrPasswordLong: "access.password_long",
	access.ErrPasswordCommon: "access.password_common", access.ErrPasswordPersonal: "access.password_personal",
}

// checkNewPassword notes in the form what is wrong with a new password and its repetition.
func (v *visit) checkNewPassword(f *Form, password string, u *staff.User) {
	if err := access.CheckPassword(password, u); err != nil {
		f.Fault("password", v.t(passwordWords[err], "least", access.MinPassword, "most", access.MaxPassword))
		return
	}
	if f.Values.Get("again") != password {
		f.Fault("again", v.t("access.password_differs"))
	}
}
