package dashboard

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashpay/internal/staff"
)

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// example is a path of a route: what it names does not exist, except projects.
func example(rt *route) (verb, path string) {
	verb, path, _ = strings.Cut(rt.pattern, " ")
	path = strings.ReplaceAll(path, "{$}", "")
	path = strings.ReplaceAll(path, "{project}", "210")
	return verb, wildcard.ReplaceAllString(path, "7")
}

// Every route for every role: who lacks the right is told so, whatever the path names; who has it is not; a stranger is
// asked to sign in. Nobody makes a route fail.
func TestEveryRouteForEveryRole(t *testing.T) {
	s := newSite(t)
	people := make(map[staff.Role]*browser)
	for _, role := range staff.Roles {
		people[role] = s.signedIn(role)
	}
	for i := range routes {
		rt := &routes[i]
		verb, path := example(rt)
		if rt.right != anyone && rt.right != signedIn && !rt.right.Valid() {
			t.Errorf("%s asks for %q, which is no right", rt.pattern, rt.right)
		}
		stranger := s.stranger().do(verb, path, nil)
		asked := stranger.Status == http.StatusSeeOther && strings.HasPrefix(stranger.Location, "/sign-in") || verb == http.MethodPost && strings.Contains(stranger.Body, `name="kept"`)
		if rt.right != anyone && !asked {
			t.Errorf("%s: a stranger is answered %d to %q", rt.pattern, stranger.Status, stranger.Location)
		}
		for _, role := range staff.Roles {
			who := people[role]
			if rt.endsSession() {
				who = s.signInAgain(who.user)
			}
			got := who.do(verb, path, nil)
			may := rt.right == anyone || rt.right == signedIn || role.Gives(rt.right)
			switch {
			case got.Status >= 500:
				t.Errorf("%s fails for %s with %d: %s", rt.pattern, role, got.Status, got.text())
			case may && got.Status == http.StatusForbidden:
				t.Errorf("%s is refused to %s", rt.pattern, role)
			case !may && got.Status != http.StatusForbidden:
				t.Errorf("%s answers %s with %d, who lacks %s", rt.pattern, role, got.Status, rt.right)
			}
		}
	}
}

// endsSession tells whether a route ends the session that asks for it.
func (rt *route) endsSession() bool {
	return strings.Contains(rt.pattern, "sign-out") || strings.Contains(rt.pattern, "sessions")
}

// A route that changes something is a POST; acts on money, keys and rights ask for a fresh second factor.
func TestActsAreFreshWhereTheyMust(t *testing.T) {
	t.Parallel()
	dangerous := []staff.Right{staff.IssuePayouts, staff.EditProjects, staff.ManageTeam, staff.OperateMerchants, staff.OperateFunds}
	for i := range routes {
		rt := &routes[i]
		verb, _, _ := strings.Cut(rt.pattern, " ")
		if verb != http.MethodGet && verb != http.MethodPost {
			t.Errorf("%s: pages are read by GET and act by POST", rt.pattern)
		}
		if rt.fresh && verb != http.MethodPost {
			t.Errorf("%s: only acts ask for a second factor", rt.pattern)
		}
		if verb == http.MethodPost && slices.Contains(dangerous, rt.right) && !rt.fresh && !slices.Contains(harmless, rt.pattern) {
			t.Errorf("%s acts under %s without a fresh second factor", rt.pattern, rt.right)
		}
	}
}

// harmless are acts that move no money and give nobody anything: the reason stands behind each.
var harmless = []string{
	"POST /manual/new",                     // shows a form
	"POST /manual/account",                 // asks the account doctor
	"POST /manual/check",                   // shows what would be sent
	"POST /manual/approvals/{id}/reject",   // pays nothing
	"POST /manual/approvals/{id}/withdraw", // pays nothing
	"POST /manual/mass/new",                // takes a file in, sends nothing
	"POST /manual/mass/{batch}/pause",      // stops
	"POST /manual/mass/{batch}/cancel",     // stops for good
	"POST /manual/mass/{batch}/reject",     // pays nothing
	"POST /manual/mass/{batch}/withdraw",   // pays nothing
	"POST /manual/mass/{batch}/again",      // takes a file in, sends nothing

	"POST /projects/{project}/callbacks/test", // a sample that concerns no payment, to the address that is set
}

func TestOtherSitesCannotPost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.MerchantAdmin)
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.header.Set("Origin", "https://evil.example")
	for i := range routes {
		verb, path := example(&routes[i])
		if verb != http.MethodPost {
			continue
		}
		r := httptest.NewRequestWithContext(t.Context(), verb, "http://127.0.0.1"+path, strings.NewReader("once=0123456789abcdef"))
		r.Header = b.header.Clone()
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: s.sessionCookie(), Value: b.cookies[s.sessionCookie()]})
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s takes a form of another site: %d", routes[i].pattern, w.Code)
		}
	}
}

func TestHeadersKeepPagesToThemselves(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{"/", "/sign-in", "/nothing", "/static/app.css"} {
		h := s.signedIn(staff.Operator).get(path).Header
		for name, want := range map[string]string{
			"Content-Security-Policy": contentPolicy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		if kept := h.Get("Cache-Control"); !strings.HasPrefix(path, "/static/") && kept != "no-store" {
			t.Errorf("%s may be kept: %q", path, kept)
		}
	}
	secure := newSite(t, func(c *Config) { c.URL = "https://pay.example.kg" })
	a := secure.stranger().post("/language", "lang", "ru", "next", "//evil.example")
	cookie := a.Header.Get("Set-Cookie")
	if !strings.Contains(cookie, "Secure") || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
		t.Errorf("cookie over TLS: %s", cookie)
	}
	if a.Location != "/" || a.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("sent to %q, transport security %q", a.Location, a.Header.Get("Strict-Transport-Security"))
	}
	if secure.sessionCookie() != "__Host-session" {
		t.Errorf("the session's cookie is %s", secure.sessionCookie())
	}
}

func TestAFormSurvivesTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.Operations)
	v := &visit{d: s.Dashboard, w: httptest.NewRecorder(), r: httptest.NewRequest(http.MethodPost, "/manual/send?x=1", strings.NewReader("amount=314.15&once=0123456789abcdef"))}
	v.r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	nobodys, err := v.keep()
	if err != nil {
		t.Fatal(err)
	}
	b.get("/profile").wants(http.StatusOK) // the browser knows from now on who was signed in
	v.r.AddCookie(&http.Cookie{Name: s.lastUserCookie(), Value: b.cookies[s.lastUserCookie()]})
	kept, err := v.keep()
	if err != nil {
		t.Fatal(err)
	}
	v.user = b.user
	if v.reopen(nobodys) != nil {
		t.Error("a form of which nobody knows whose it was is taken")
	}
	form := v.reopen(kept)
	if form == nil || form.Path != "/manual/send?x=1" || form.Values.Get("amount") != "314.15" || form.Values.Get("once") != "0123456789abcdef" {
		t.Fatalf("kept: %+v", form)
	}
	other := "A" // than what stands in the middle, where each bit counts
	if kept[len(kept)/2] == 'A' {
		other = "B"
	}
	if v.reopen(kept[:len(kept)/2]+other+kept[len(kept)/2+1:]) != nil || v.reopen("") != nil || v.reopen("!") != nil {
		t.Error("a form that was tampered with is taken")
	}
	own, err := v.keep() // of somebody
	if err != nil {
		t.Fatal(err)
	}
	v.user = &staff.User{ID: b.user.ID + 1}
	if v.reopen(own) != nil || v.reopen(kept) != nil {
		t.Error("somebody else goes on with a user's form")
	}
}

func TestLanguageIsTheBrowsersOrTheUsers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stranger := s.stranger()
	for header, want := range map[string]string{"ru-RU,ru;q=0.9,en;q=0.5": `lang="ru"`, "ky": `lang="ky"`, "fr": `lang="en"`, "": `lang="en"`, "kk,ru;q=0.8": `lang="ru"`} {
		stranger.header.Set("Accept-Language", header)
		if a := stranger.get("/nothing"); !strings.Contains(a.Body, want) {
			t.Errorf("Accept-Language %q gives another language than %s", header, want)
		}
	}
	stranger.post("/language", "lang", "ky", "next", "/sign-in").wants(http.StatusSeeOther)
	if a := stranger.get("/nothing"); !strings.Contains(a.Body, `lang="ky"`) {
		t.Error("the chosen language is not kept")
	}
}
