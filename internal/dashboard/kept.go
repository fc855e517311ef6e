package dashboard

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// keptForm is a form that was sent when the session had ended, or before a second factor was shown. It travels through
// the pages in between, sealed, as the hidden field «kept», so that nothing that was entered is lost.
type keptForm struct {
	Path   string     `json:"path"`
	Values url.Values `json:"values"`
	User   int64      `json:"user,omitempty"` // whose it is: of who is signed in, or was in this browser; 0: not known, so nobody's
	At     time.Time  `json:"at"`
}

// keptPlace binds the sealed text to its use.
const keptPlace = "dashboard form"

// keptFor is how long a form is kept.
const keptFor = 12 * time.Hour

// lastUserPlace binds the sealed number of a user to its use, and lastUserAge is how long a browser keeps it: beyond the end of a
// session, so that what is sent after it is known to be of whoever was signed in.
const (
	lastUserPlace = "dashboard last user"
	lastUserAge   = 30 * 24 * time.Hour
)

func (d *Dashboard) lastUserCookie() string {
	if d.secure {
		return "__Host-last"
	}
	return "last"
}

// lastUser is who was signed in last in this browser; 0: it is not known.
func (v *visit) lastUser() int64 {
	cookie, err := v.r.Cookie(v.d.lastUserCookie())
	if err != nil {
		return 0
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return 0
	}
	plain, err := v.d.Store.Vault().Unseal(sealed, lastUserPlace)
	if err != nil {
		return 0
	}
	id, err := strconv.ParseInt(string(plain), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// noteUser has this browser know, sealed, who is signed in.
func (v *visit) noteUser() error {
	if v.lastUser() == v.user.ID {
		return nil
	}
	sealed, err := v.d.Store.Vault().Seal([]byte(strconv.FormatInt(v.user.ID, 10)), lastUserPlace)
	if err != nil {
		return err
	}
	v.setCookie(v.d.lastUserCookie(), base64.RawURLEncoding.EncodeToString(sealed), lastUserAge)
	return nil
}

// keep seals the form that this request posts.
func (v *visit) keep() (string, error) {
	f, err := v.form()
	if err != nil {
		return "", err
	}
	kept := keptForm{Path: v.r.URL.RequestURI(), Values: f.Values, User: v.lastUser(), At: v.d.Store.Now()}
	if v.user != nil {
		kept.User = v.user.ID
	}
	plain, err := json.Marshal(kept)
	if err != nil {
		return "", err
	}
	sealed, err := v.d.Store.Vault().Seal(plain, keptPlace)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// reopen reads what keep made; nil where there is nothing, or nothing that this user may go on with.
func (v *visit) reopen(text string) *keptForm {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || text == "" {
		return nil
	}
	plain, err := v.d.Store.Vault().Unseal(sealed, keptPlace)
	if err != nil {
		return nil
	}
	var kept keptForm
	if err := json.Unmarshal(plain, &kept); err != nil || v.d.Store.Now().Sub(kept.At) > keptFor {
		return nil
	}
	if v.user == nil || kept.User != v.user.ID {
		return nil
	}
	return &kept
}

// askToSignIn sends a visitor without a session to the sign-in page. A form that was sent is kept; a file is not. What a page
// asks for by itself gets no page: the form around it stays as it is, and the script says that the session has ended.
func (v *visit) askToSignIn(rt *route) error {
	switch {
	case v.isFragment():
		v.w.WriteHeader(http.StatusUnauthorized)
		return nil
	case v.r.Method != http.MethodPost || rt.upload:
		return v.redirect("/sign-in?next="+url.QueryEscape(v.r.URL.RequestURI()), "")
	}
	f, err := v.form()
	if err != nil {
		return err
	}
	kept := f.Get("kept") // the session ended a second time, on the way
	if kept == "" {
		if kept, err = v.keep(); err != nil {
			return err
		}
	}
	return serveSignIn(v.d, v, kept)
}

// askToConfirm asks for a second factor, keeping the form that was sent.
func (v *visit) askToConfirm() error {
	kept, err := v.keep()
	if err != nil {
		return err
	}
	return serveConfirm(v.d, v, kept)
}

// goOn does what a kept form asked for, as if it were sent now. The second factor has just been shown.
func (v *visit) goOn(kept *keptForm) error { return v.replay(v.ctx(), kept) }

// againKey marks the request of a form that is to be shown, not done.
type againKey struct{}

// isAgain tells whether the form of this request is to be shown, not done.
func (v *visit) isAgain() bool { return v.ctx().Value(againKey{}) != nil }

// showAgain shows a kept form as it was entered. false: its page cannot, and nothing was answered.
func (v *visit) showAgain(kept *keptForm) (bool, error) {
	target, err := url.ParseRequestURI(localPath(kept.Path))
	if err != nil {
		return false, errNotFound
	}
	r := v.r.Clone(v.ctx())
	r.Method, r.URL = http.MethodPost, target
	if _, pattern := v.d.mux.Handler(r); !v.d.shown[pattern] {
		return false, nil
	}
	return true, v.replay(context.WithValue(v.ctx(), againKey{}, true), kept)
}

// replay serves a kept form as if it were sent now.
func (v *visit) replay(ctx context.Context, kept *keptForm) error {
	r := v.r.Clone(ctx)
	target, err := url.ParseRequestURI(localPath(kept.Path))
	if err != nil {
		return errNotFound
	}
	r.Method, r.URL, r.RequestURI = http.MethodPost, target, target.RequestURI()
	r.Form, r.PostForm, r.MultipartForm = nil, nil, nil
	body := kept.Values.Encode()
	r.Body, r.ContentLength = http.NoBody, 0
	if body != "" {
		r.Body, r.ContentLength = readCloser{strings.NewReader(body)}, int64(len(body))
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	v.d.mux.ServeHTTP(v.w, r)
	return nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// offerToGoOn shows, after a sign-in, what the same user had entered: it is sent only when they say so, because it may be
// another day. A form that can be shown comes back with all that was typed; of others, such as a button that
// was pressed, the user is asked.
func (v *visit) offerToGoOn(sealed string) error {
	kept := v.reopen(sealed)
	if kept == nil {
		return v.redirect("/", "kept.lost")
	}
	if shown, err := v.showAgain(kept); shown || err != nil {
		return err
	}
	return v.render("continue", Page{Title: v.t("kept.title"), Data: map[string]any{"Kept": sealed}})
}

// serveContinue goes on with a form that was kept over a sign-in.
func serveContinue(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	kept := v.reopen(f.Get("kept"))
	if kept == nil {
		return v.redirect("/", "kept.lost")
	}
	return v.goOn(kept)
}

// serveKept offers a form that was kept over a sign-in which went by another page.
func serveKept(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	return v.offerToGoOn(f.Get("kept"))
}

// serveSignedIn ends a sign-in beside a page whose session had ended: that page hears of it.
func serveSignedIn(_ *Dashboard, v *visit) error {
	return v.render("signed_in", Page{Title: v.t("kept.signed_in")})
}
