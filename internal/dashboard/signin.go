package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/store"
)

// signInRoutes lead in and out.
var signInRoutes = []route{
	{pattern: "GET /sign-in", right: anyone, serve: serveSignInPage},
	{pattern: "POST /sign-in", right: anyone, serve: servePassword},
	{pattern: "POST /sign-in/passkey", right: anyone, serve: servePasskeySignIn},
	{pattern: "GET /sign-in/factor", right: anyone, serve: serveFactorPage},
	{pattern: "POST /sign-in/factor", right: anyone, serve: serveFactor},
	{pattern: "GET /sign-in/enrol", right: anyone, serve: serveEnrolPage},
	{pattern: "POST /sign-in/enrol", right: anyone, serve: serveEnrol},
	{pattern: "POST /sign-out", right: signedIn, serve: serveSignOut},
	{pattern: "POST /confirm", right: signedIn, serve: serveConfirmed},
}

// The ages of cookies.
const (
	sessionAge = 12 * time.Hour
	deviceAge  = 400 * 24 * time.Hour // as long as browsers keep any
)

// deviceCookie is the name of the cookie by which a browser is known that somebody has signed in with.
func (d *Dashboard) deviceCookie() string {
	if d.secure {
		return "__Host-device"
	}
	return "device"
}

// client is the browser as access sees it.
func (v *visit) client() access.Client {
	c := access.Client{Addr: v.address(), Agent: v.r.UserAgent()}
	if cookie, err := v.r.Cookie(v.d.deviceCookie()); err == nil {
		c.Device = cookie.Value
	}
	return c
}

// takeSession gives the browser a session's token, and makes the rest of this request belong to it.
func (v *visit) takeSession(token string) {
	v.setCookie(v.d.sessionCookie(), token, sessionAge)
	others := v.r.Cookies()
	v.r.Header.Del("Cookie")
	for _, c := range others {
		if c.Name != v.d.sessionCookie() {
			v.r.AddCookie(c)
		}
	}
	v.r.AddCookie(&http.Cookie{Name: v.d.sessionCookie(), Value: token})
}

// takeTokens is takeSession with a device that is known from now on.
func (v *visit) takeTokens(t access.Tokens) error {
	v.takeSession(t.Session)
	if t.Device != "" {
		v.setCookie(v.d.deviceCookie(), t.Device, deviceAge)
	}
	return v.identify()
}

// onward is where a sign-in leads, carried through its pages: an address of this site, and a form that was kept.
type onward struct{ Next, Kept string }

func (v *visit) onward(f *Form) onward { return onward{localPath(f.Get("next")), f.Get("kept")} }

// query is the onward address for a redirect; a kept form is too long for it.
func (o onward) query() string {
	if o.Next == "/" {
		return ""
	}
	return "?next=" + url.QueryEscape(o.Next)
}

// signedInNow leads on from a sign-in that is complete.
func (v *visit) signedInNow(o onward) error {
	if o.Kept != "" {
		return v.offerToGoOn(o.Kept)
	}
	return v.redirect(o.Next, "")
}

// signInPage is what the sign-in page shows.
type signInPage struct {
	onward
	Passkey *access.Ceremony // nil: this address has none
}

// serveSignIn asks a visitor without a session to sign in; kept is the form that they had sent.
func serveSignIn(_ *Dashboard, v *visit, kept string) error {
	f := newForm("kept", kept)
	f.Fault("", v.t("access.ended"))
	return v.showSignIn(http.StatusOK, f)
}

// wholePage makes htmx put a page that it did not ask for in the place of the one that is open.
func (v *visit) wholePage() {
	if v.isFragment() {
		h := v.w.Header()
		h.Set("HX-Retarget", "#main")
		h.Set("HX-Reselect", "#main")
		h.Set("HX-Reswap", "outerHTML")
	}
}

func (v *visit) showSignIn(status int, f *Form) error {
	page := signInPage{onward: v.onward(f)}
	if v.d.Access.Passkeys() {
		ceremony, err := v.d.Access.BeginSignIn()
		if err != nil {
			return err
		}
		page.Passkey = ceremony
	}
	return v.renderStatus(status, "signin", Page{Title: v.t("access.sign_in"), Form: f, Data: page})
}

func serveSignInPage(_ *Dashboard, v *visit) error {
	next := localPath(v.r.URL.Query().Get("next"))
	if v.session != nil {
		return v.redirect(next, "")
	}
	return v.showSignIn(http.StatusOK, newForm("next", next))
}

// servePassword takes e-mail address and password. Whatever is wrong with them is answered in the same way.
func servePassword(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	token, err := v.d.Access.Password(v.ctx(), f.Get("email"), f.Values.Get("password"), v.client())
	if errors.Is(err, access.ErrWrong) {
		f.Fault("", v.t("access.wrong_password"))
		return v.showSignIn(http.StatusUnauthorized, f)
	}
	if status := v.slowDown(f, err); status != 0 {
		return v.showSignIn(status, f)
	}
	if err != nil {
		return err
	}
	v.takeSession(token)
	o := v.onward(f)
	if o.Kept == "" {
		return v.redirect("/sign-in/factor"+o.query(), "")
	}
	return v.showFactor(http.StatusOK, f)
}

// slowDown notes in the form that too much was tried, and returns the status of the answer; 0: it was not.
func (v *visit) slowDown(f *Form, err error) int {
	var wait *access.WaitError
	switch {
	case errors.As(err, &wait):
		left := max(time.Second, wait.Until.Sub(v.d.Store.Now()).Round(time.Second))
		v.w.Header().Set("Retry-After", strconv.Itoa(int(left/time.Second)))
		f.Fault("", v.t("access.wait", "span", v.d.pages[v.lang].words.span(left)))
		return http.StatusTooManyRequests
	case errors.Is(err, access.ErrBusy):
		v.w.Header().Set("Retry-After", "5")
		f.Fault("", v.t("access.busy"))
		return http.StatusServiceUnavailable
	}
	return 0
}

// servePasskeySignIn takes a passkey in the place of password and second factor.
func servePasskeySignIn(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	tokens, err := v.d.Access.SignInByPasskey(v.ctx(), f.Get("ticket"), f.Get("answer"), v.client())
	if errors.Is(err, access.ErrWrong) || errors.Is(err, access.ErrTicket) || errors.Is(err, access.ErrCodeUsed) || errors.Is(err, access.ErrNoPasskeys) {
		v.d.Logger.Info("dashboard: a passkey was refused", "err", err)
		f.Fault("", v.t("access.wrong_passkey"))
		return v.showSignIn(http.StatusUnauthorized, f)
	}
	if err != nil {
		return err
	}
	if err := v.takeTokens(tokens); err != nil {
		return err
	}
	return v.signedInNow(v.onward(f))
}

// pending finds the session whose second factor is due. nil: there is none, and the browser was sent to sign in.
func (v *visit) pending() (*access.Session, error) {
	session, err := v.d.Access.Pending(v.ctx(), v.sessionToken())
	if errors.Is(err, access.ErrNoSession) {
		return nil, nil
	}
	return session, err
}

// pendingForm reads a form of a sign-in that has begun, and finds its session; a nil one as pending has it.
func (v *visit) pendingForm() (f *Form, session *access.Session, err error) {
	if f, err = v.form(); err == nil {
		session, err = v.pending()
	}
	return f, session, err
}

// startAgain sends a browser whose sign-in took too long back to its beginning, with what it had kept.
func (v *visit) startAgain(f *Form) error {
	o := v.onward(f)
	switch {
	case v.session != nil:
		return v.signedInNow(o)
	case o.Kept == "":
		return v.redirect("/sign-in"+o.query(), "access.too_late")
	}
	f.Fault("", v.t("access.too_late"))
	return v.showSignIn(http.StatusOK, f)
}

// factorPage is what the page that asks for a second factor shows.
type factorPage struct {
	onward
	access.Factors
	Ceremony *access.Ceremony // nil: the user has no passkey
	Act      string           // where the forms go
	Confirm  bool             // the user is signed in already
}

func serveFactorPage(_ *Dashboard, v *visit) error {
	return v.showFactor(http.StatusOK, newForm("next", v.r.URL.Query().Get("next")))
}

// showFactor asks for the second factor of a sign-in, or leads to a first one.
func (v *visit) showFactor(status int, f *Form) error {
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
	if !factors.Any() {
		return v.showEnrol(status, f, "")
	}
	return v.askForFactor(status, f, session, factorPage{onward: v.onward(f), Factors: factors, Act: "/sign-in/factor"})
}

func (v *visit) askForFactor(status int, f *Form, session *access.Session, page factorPage) (err error) {
	if page.Passkey {
		if page.Ceremony, err = v.d.Access.BeginProof(v.ctx(), session); err != nil {
			return err
		}
	}
	title := v.t("access.factor")
	if page.Confirm {
		title = v.t("access.confirm")
	}
	return v.renderStatus(status, "factor", Page{Title: title, Form: f, Data: page})
}

// proof takes what a form has as second factor. status is not 0 where it was refused, as the form says then.
func (v *visit) proof(f *Form, session *access.Session) (tokens access.Tokens, status int, err error) {
	field, wrong := "code", "access.wrong_code"
	switch f.Get("kind") {
	case "passkey":
		field, wrong = "", "access.wrong_passkey"
		tokens, err = v.d.Access.ProveByPasskey(v.ctx(), session, f.Get("ticket"), f.Get("answer"), v.client())
	case "recovery":
		field, wrong = "recovery", "access.wrong_recovery"
		tokens, err = v.d.Access.ProveByRecoveryCode(v.ctx(), session, f.Get("recovery"), v.client())
	default:
		tokens, err = v.d.Access.ProveByCode(v.ctx(), session, f.Get("code"), v.client())
	}
	if status := v.slowDown(f, err); status != 0 {
		return tokens, status, nil
	}
	switch {
	case errors.Is(err, access.ErrCodeUsed):
		f.Fault(field, v.t("access.code_used"))
		return tokens, http.StatusUnauthorized, nil
	case errors.Is(err, access.ErrWrong), errors.Is(err, access.ErrTicket), errors.Is(err, access.ErrNoPasskeys):
		f.Fault(field, v.t(wrong))
		return tokens, http.StatusUnauthorized, nil
	}
	return tokens, 0, err
}

func serveFactor(_ *Dashboard, v *visit) error {
	f, session, err := v.pendingForm()
	if err != nil {
		return err
	}
	if session == nil {
		return v.startAgain(f)
	}
	tokens, status, err := v.proof(f, session)
	switch {
	case errors.Is(err, access.ErrNoSession):
		return v.startAgain(f)
	case errors.Is(err, access.ErrNoFactor), status != 0:
		return v.showFactor(cmp.Or(status, http.StatusOK), f)
	case err != nil:
		return err
	}
	if err := v.takeTokens(tokens); err != nil {
		return err
	}
	return v.signedInNow(v.onward(f))
}

// serveConfirm asks somebody who is signed in for a fresh second factor, before it goes on with the form that they sent.
func serveConfirm(_ *Dashboard, v *visit, kept string) error {
	v.wholePage()
	return v.showConfirm(http.StatusOK, newForm("kept", kept))
}

func (v *visit) showConfirm(status int, f *Form) error {
	factors, err := v.d.Access.Factors(v.ctx(), v.session)
	if err != nil {
		return err
	}
	return v.askForFactor(status, f, v.session, factorPage{onward: v.onward(f), Factors: factors, Act: "/confirm", Confirm: true})
}

// serveConfirmed takes the fresh second factor and goes on with what was asked for.
func serveConfirmed(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	tokens, status, err := v.proof(f, v.session)
	switch {
	case errors.Is(err, access.ErrNoSession):
		return serveSignIn(v.d, v, f.Get("kept"))
	case errors.Is(err, access.ErrNoFactor): // taken away meanwhile: a sign-in leads to a new one
		return v.redirect("/", "kept.lost")
	case status != 0:
		return v.showConfirm(status, f)
	case err != nil:
		return err
	}
	if err := v.takeTokens(tokens); err != nil {
		return err
	}
	kept := v.reopen(f.Get("kept"))
	if kept == nil {
		return v.redirect("/", "kept.lost")
	}
	return v.goOn(kept)
}

func serveSignOut(_ *Dashboard, v *visit) error {
	if err := v.d.Access.SignOut(v.ctx(), v.session); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	v.setCookie(v.d.sessionCookie(), "", -time.Second)
	v.w.Header().Set("Clear-Site-Data", `"cache"`)
	return v.redirect("/sign-in", "access.signed_out")
}
