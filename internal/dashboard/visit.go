package dashboard

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/figures"
	"flashpay/internal/wire"
)

// visit is one request of a browser.
type visit struct {
	d       *Dashboard
	w       http.ResponseWriter
	r       *http.Request
	session *access.Session // nil on pages for anyone
	user    *staff.User     // of the session
	lang    string
	zone    *time.Location
	reading *figures.Reading // nil: no figures have been read
}

// sessionCookie is the cookie's name: over TLS one that no other host and no plain connection can set.
func (d *Dashboard) sessionCookie() string {
	if d.secure {
		return "__Host-session"
	}
	return "session"
}

// serve wraps a route: who is it, may they, and what became of it.
func (d *Dashboard) serve(rt *route) http.HandlerFunc {
	limit := int64(maxForm)
	switch {
	case rt.upload:
		limit = maxUpload
	case rt.right == anyone || rt.right == signedIn: // they carry a kept form, which is larger than it was
		limit = 4 * maxForm
	}
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		v := &visit{d: d, w: w, r: r, zone: time.UTC, lang: languageOf(r)}
		if err := v.admit(rt); err != nil {
			v.fail(err)
		}
	}
}

// admit checks session, right and freshness, and serves the route.
func (v *visit) admit(rt *route) error {
	if err := v.identify(); err != nil {
		return err
	}
	switch {
	case rt.right == anyone:
		return rt.serve(v.d, v)
	case v.session == nil:
		return v.askToSignIn(rt)
	case rt.right != signedIn && !v.user.Can(rt.right):
		return errForbidden
	case v.isAgain() && rt.again != nil:
		return rt.again(v.d, v)
	case rt.fresh && v.r.Method == http.MethodPost && !v.isFresh():
		return v.askToConfirm()
	}
	if v.r.Method == http.MethodPost {
		defer v.d.shelf.forget(v.user.ID)
	}
	return rt.serve(v.d, v)
}

// identify finds the session, if there is one, and takes the user's language and zone from it.
func (v *visit) identify() error {
	resume := v.d.Access.Resume
	if v.r.Header.Get(pollHeader) != "" {
		resume = v.d.Access.Watch
	}
	session, err := resume(v.r.Context(), v.sessionToken())
	if errors.Is(err, access.ErrNoSession) {
		return nil
	}
	if err != nil {
		return err
	}
	v.session, v.user = session, session.User
	note(v.r, v.user.ID)
	if knownLanguage(v.user.Language) {
		v.lang = v.user.Language
	}
	if zone, err := time.LoadLocation(cmp.Or(v.user.Zone, "UTC")); err == nil {
		v.zone = zone
	}
	return v.noteUser()
}

// isFresh tells whether the second factor was shown within the last five minutes.
func (v *visit) isFresh() bool { return v.d.Store.Now().Before(v.session.FreshUntil) }

// sessionToken is what the session's cookie holds; empty: there is none.
func (v *visit) sessionToken() string {
	if cookie, err := v.r.Cookie(v.d.sessionCookie()); err == nil {
		return cookie.Value
	}
	return ""
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// address is where the browser is.
func (v *visit) address() netip.Addr { return wire.ClientAddress(v.r, v.d.TrustedProxies) }

// actor names the user in the audit log.
func (v *visit) actor() string { return v.user.Actor() }

// pollHeader is set by what a page asks by itself, again and again.
const pollHeader = "Poll"

// isFragment tells whether htmx asks for a part of a page.
func (v *visit) isFragment() bool { return v.r.Header.Get("HX-Request") == "true" }

// asksFor tells whether htmx asks for what it will put into the element with the id.
func (v *visit) asksFor(id string) bool { return v.isFragment() && v.r.Header.Get("HX-Target") == id }

// project finds a project that the user may see; errNotFound for all others, whether they exist or not.
func (v *visit) project(id string) (*merchant.Project, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	p, ok := v.d.Store.Project(n)
	if !ok || !v.user.Sees(p) {
		return nil, errNotFound
	}
	return p, nil
}

// projects lists what the user sees, by number.
func (v *visit) projects() []*merchant.Project {
	var seen []*merchant.Project
	for _, p := range v.d.Store.Projects() {
		if v.user.Sees(p) {
			seen = append(seen, p)
		}
	}
	return seen
}

// redirect sends the browser on; the notice, where there is one, is a message id that the next page shows once.
func (v *visit) redirect(to, notice string, args ...any) error {
	if notice != "" {
		v.leaveNotice(notice, args)
	}
	if v.isFragment() {
		v.w.Header().Set("HX-Redirect", to)
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// localPath is where a visitor may be sent: a path of this site. Everything else becomes the home page, so that no
// link through here leads elsewhere.
func localPath(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") ||
		strings.ContainsAny(text, "\\\r\n\t") {
		return "/"
	}
	return u.RequestURI()
}

// setCookie sets a cookie that scripts cannot read; an age below zero deletes it.
func (v *visit) setCookie(name, value string, age time.Duration) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(age / time.Second), HttpOnly: true, Secure: v.d.secure, SameSite: http.SameSiteLaxMode,
	})
}

// errors of pages; whatever else a page returns is a fault of the platform, shown with a reference.
var (
	errNotFound  = errors.New("dashboard: there is no such page")
	errForbidden = errors.New("dashboard: the user lacks the right")
)

// userError is something that the user can understand and mend; it is shown as a page of its own.
type userError struct {
	ID     string // of the words
	Args   []any
	Status int // 0: 400
}

func (e *userError) Error() string { return "dashboard: " + e.ID }

// fail shows an error.
func (v *visit) fail(err error) {
	var known *userError
	p := Page{Title: v.t("failure.title")}
	status := http.StatusInternalServerError
	switch {
	case errors.As(err, &known):
		status, p.Data = cmp.Or(known.Status, http.StatusBadRequest), failure{Text: v.t(known.ID, known.Args...)}
	case errors.Is(err, errNotFound), errors.Is(err, store.ErrNotFound):
		status, p.Title, p.Data = http.StatusNotFound, v.t("failure.not_found"), failure{Text: v.t("failure.not_found_text")}
	case errors.Is(err, errForbidden):
		status, p.Title, p.Data = http.StatusForbidden, v.t("failure.forbidden"), failure{Text: v.t("failure.forbidden_text")}
	case store.Unavailable(err), errors.Is(err, store.ErrQueueFull):
		status, p.Title, p.Data = http.StatusServiceUnavailable, v.t("failure.unavailable"), failure{Text: v.t("failure.unavailable_text")}
		v.d.Logger.Error("dashboard: the database does not answer", "path", v.r.URL.Path, "err", err)
	case v.ctx().Err() != nil: // the browser has gone
		return
	default:
		reference := newReference()
		p.Data = failure{Text: v.t("failure.internal_text"), Reference: reference}
		v.d.Logger.Error("dashboard: a page failed", "reference", reference, "path", v.r.URL.Path, "err", err)
	}
	if err := v.renderStatus(status, "failure", p); err != nil {
		v.d.Logger.Error("dashboard: an error could not be shown", "err", err)
	}
}

// failure is the content of the page that shows an error.
type failure struct {
	Text      string
	Reference string // names the log line; empty where the user can mend it alone
}
