package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/staff"
	"flashpay/internal/store/people"
)

// userNamed makes a user who can sign in, and is not signed in yet.
func (s *site) userNamed(email string, roles ...staff.Role) *staff.User {
	s.t.Helper()
	u := &staff.User{MerchantID: 1, Email: email, Name: "Somebody", Roles: roles, AllProjects: true}
	if err := s.Access.CreateReady(s.t.Context(), u, sitePassword, siteSecret, "test"); err != nil {
		s.t.Fatal(err)
	}
	return u
}

// code is the authenticator's code of a time step: 0 of now, -1 and 1 are taken, too, but none behind a newer one.
func (s *site) code(step int) string {
	s.t.Helper()
	code, err := access.Code(siteSecret, s.Store.Now().Add(time.Duration(step)*30*time.Second))
	if err != nil {
		s.t.Fatal(err)
	}
	return code
}

// password gets as far as the second factor.
func (b *browser) password(email, next string) *answer {
	b.site.t.Helper()
	return b.post("/sign-in", "email", email, "password", sitePassword, "next", next)
}

func (b *browser) session() string { return b.cookies[b.site.sessionCookie()] }

// content is the page without the frame around it.
func (a *answer) content() *answer {
	_, body, _ := strings.Cut(a.Body, "<main")
	inner := *a
	inner.Body = body
	return &inner
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.userNamed("aida@example.kg", staff.Operations)
	b := s.stranger()
	asked := b.get("/profile?tab=1").wants(http.StatusSeeOther)
	if asked.Location != "/sign-in?next=%2Fprofile%3Ftab%3D1" {
		t.Fatalf("sent to %s", asked.Location)
	}
	page := b.get(asked.Location).wants(http.StatusOK).says("Sign in", "Password")
	b.cookies[s.sessionCookie()] = "planted" // by whoever shares the computer, or the domain
	factor := b.password("aida@example.kg", page.content().field("next")).wants(http.StatusSeeOther)
	pending := b.session()
	if pending == "planted" || factor.Location != "/sign-in/factor?next=%2Fprofile%3Ftab%3D1" {
		t.Fatalf("cookie %q, sent to %s", pending, factor.Location)
	}
	if a := b.get("/profile"); a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, "/sign-in") {
		t.Fatalf("a password alone opens a page: %d", a.Status)
	}
	page = b.get(factor.Location).wants(http.StatusOK).says("Second factor", "Six digits")
	b.post("/sign-in/factor", "kind", "code", "code", "000000", "next", page.content().field("next")).wants(http.StatusUnauthorized).says("This code is wrong")
	code := s.code(0) // the same one later, when its half minute may be over
	in := b.post("/sign-in/factor", "kind", "code", "code", code, "next", page.content().field("next")).wants(http.StatusSeeOther)
	if in.Location != "/profile?tab=1" || b.session() == pending || b.cookies[s.deviceCookie()] == "" {
		t.Fatalf("sent to %s; the token stayed: %v", in.Location, b.session() == pending)
	}
	b.get("/profile").wants(http.StatusOK).says("aida@example.kg")
	if a := b.get("/sign-in?next=/profile").wants(http.StatusSeeOther); a.Location != "/profile" {
		t.Errorf("somebody who is signed in is sent to %s", a.Location)
	}
	other := s.stranger()
	other.cookies[s.sessionCookie()] = pending
	if a := other.get("/profile"); a.Status == http.StatusOK {
		t.Error("the token from before the second factor opens a page")
	}
	token := b.session()
	b.post("/sign-out").wants(http.StatusSeeOther)
	if b.session() != "" {
		t.Error("the cookie stays after signing out")
	}
	other.cookies[s.sessionCookie()] = token
	if a := other.get("/profile"); a.Status == http.StatusOK {
		t.Error("the token opens a page after signing out")
	}
	again := s.stranger()
	again.password("aida@example.kg", "").wants(http.StatusSeeOther)
	again.post("/sign-in/factor", "code", code).wants(http.StatusUnauthorized).says("used already")
}

func TestSignInLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.userNamed("aida@example.kg", staff.Operations)
	for i, next := range []string{"//evil.example", "https://evil.example/", `/\evil.example`, "javascript:alert(1)", "/\t/evil.example"} {
		b := s.stranger()
		if got := b.get("/sign-in?next=" + url.QueryEscape(next)).content().field("next"); got != "/" {
			t.Errorf("%q: the page goes on to %q", next, got)
		}
		if a := b.password("aida@example.kg", next); a.Location != "/sign-in/factor" {
			t.Errorf("%q: sent to %s", next, a.Location)
		}
		if i > 2 { // a code for each
			continue
		}
		if a := b.post("/sign-in/factor", "code", s.code(i-1), "next", next).wants(http.StatusSeeOther); a.Location != "/" {
			t.Errorf("%q: sent to %s", next, a.Location)
		}
		if a := b.get("/sign-in?next=" + url.QueryEscape(next)); a.Location != "/" {
			t.Errorf("%q: whoever is signed in is sent to %s", next, a.Location)
		}
	}
}

// Nothing in the answer tells an address that has an account from one that has none.
func TestSignInTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.userNamed("aida@example.kg", staff.Operations)
	plain := func(email, password string) (int, string) {
		a := s.stranger().post("/sign-in", "email", email, "password", password)
		return a.Status, strings.ReplaceAll(a.Body, email, "ADDRESS")
	}
	status, wrong := plain("aida@example.kg", "another-password")
	unknownStatus, unknown := plain("nobody@example.kg", "another-password")
	if status != http.StatusUnauthorized || unknownStatus != status || wrong != unknown {
		t.Errorf("answers differ: %d, %d\n%s\n%s", status, unknownStatus, wrong, unknown)
	}
	for i := range 2 * 6 {
		email := []string{"aida@example.kg", "nobody@example.kg"}[i%2]
		a := s.stranger().post("/sign-in", "email", email, "password", "another-password")
		if want := i/2 > 3; (a.Status == http.StatusTooManyRequests) != want || want && a.Header.Get("Retry-After") == "" {
			t.Errorf("try %d at %s: %d", i/2+2, email, a.Status)
		}
	}
}

func TestRecoveryCodeOnThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.Operations)
	made := b.post("/profile/recovery", "once", "0123456789abcdef").wants(http.StatusOK).says("Recovery codes")
	code := between(made.Body, `<code class="secret">`, `</code>`)
	if len(code) != 11 {
		t.Fatalf("no code on the page: %s", made.text())
	}
	for i, want := range []int{http.StatusSeeOther, http.StatusUnauthorized} {
		other := s.stranger()
		other.password(b.user.Email, "").wants(http.StatusSeeOther)
		other.get("/sign-in/factor").says("Use a recovery code")
		if a := other.post("/sign-in/factor", "kind", "recovery", "recovery", code); a.Status != want {
			t.Errorf("use %d of a recovery code: %d, want %d", i+1, a.Status, want)
		}
	}
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

func TestNothingIsOpenBeforeTheFirstFactor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	u := &staff.User{Email: "operator@example.kg", Name: "Operator", Roles: []staff.Role{staff.Operator}}
	if err := s.Access.CreateWithPassword(t.Context(), u, sitePassword, "test"); err != nil {
		t.Fatal(err)
	}
	b := s.stranger()
	b.password(u.Email, "/team")
	for i := range routes {
		verb, path := example(&routes[i])
		if routes[i].right == anyone {
			continue
		}
		a := b.do(verb, path, nil)
		if a.Status == http.StatusOK && verb == http.MethodGet || a.Status == http.StatusSeeOther && !strings.HasPrefix(a.Location, "/sign-in") {
			t.Errorf("%s is open before there is a second factor: %d to %s", routes[i].pattern, a.Status, a.Location)
		}
	}
	page := b.get("/sign-in/factor?next=/team").wants(http.StatusOK).says("Every account has a second factor", "Authenticator app")
	secret := strings.ReplaceAll(between(page.Body, `<code class="secret">`, `</code>`), " ", "")
	if !strings.Contains(page.Body, `src="data:image/png;base64,`) || len(secret) != 32 {
		t.Fatalf("no secret on the page: %s", page.text())
	}
	ticket := page.field("ticket")
	wrong := b.post("/sign-in/enrol", "kind", "totp", "ticket", ticket, "code", "000000", "next", "/team").wants(http.StatusUnprocessableEntity).says("This code is wrong")
	if again := strings.ReplaceAll(between(wrong.Body, `<code class="secret">`, `</code>`), " ", ""); again != secret {
		t.Error("beside the fault stands another secret, so that the app has to be set up again")
	}
	code, err := access.Code(secret, s.Store.Now())
	if err != nil {
		t.Fatal(err)
	}
	before := b.session()
	b.post("/sign-in/enrol", "kind", "totp", "ticket", ticket, "code", code, "next", "/team").wants(http.StatusOK).says("Recovery codes", "I have kept them")
	if b.session() == before {
		t.Error("the token stayed")
	}
	b.get("/team").wants(http.StatusOK)
}

func TestFreshFactorIsAskedForAndTheFormGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.MerchantAdmin)
	clerk := s.userNamed("clerk@example.kg", staff.Support)
	s.stale(b.user)
	path := "/team/2/rights"
	asked := b.post(path, "once", "0123456789abcdef", "version", "1", "name", "Clerk", "role", "finance").wants(http.StatusOK).says("Confirm that it is you")
	if a, err := people.New(s.Store).User(t.Context(), clerk.ID); err != nil || a.Roles[0] != staff.Support {
		t.Fatalf("the act was done without: %+v, %v", a, err)
	}
	kept, before := asked.field("kept"), b.session()
	wrong := b.post("/confirm", "kept", kept, "code", "000000").wants(http.StatusUnauthorized).says("This code is wrong")
	if wrong.field("kept") != kept {
		t.Error("a wrong code loses the form")
	}
	done := b.post("/confirm", "kept", kept, "code", s.code(0)).wants(http.StatusSeeOther)
	if done.Location != "/team/2" || b.session() == before {
		t.Errorf("sent to %s; the token stayed: %v", done.Location, b.session() == before)
	}
	if a, err := people.New(s.Store).User(t.Context(), clerk.ID); err != nil || a.Roles[0] != staff.Finance {
		t.Errorf("the act was not done: %+v, %v", a, err)
	}
	b.get("/team/2").wants(http.StatusOK)
	stranger := s.signInAgain(clerk)
	if a := stranger.post("/confirm", "kept", kept, "code", s.code(0)); a.Status == http.StatusSeeOther && a.Location != "/" {
		t.Errorf("somebody else goes on with the form: %s", a.Location)
	}
}

// stale makes all of a user's second factors be of long ago, as a change of their rights does.
func (s *site) stale(u *staff.User) {
	s.t.Helper()
	a, err := people.New(s.Store).User(s.t.Context(), u.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := people.New(s.Store).ChangeRights(s.t.Context(), "stale "+u.Email, &a.User, "test"); err != nil {
		s.t.Fatal(err)
	}
}

func TestFormIsKeptOverASignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signInAgain(s.userNamed("aida@example.kg", staff.Operations))
	b.ended()
	asked := b.post("/profile", "name", "Aida K.", "language", "ky", "zone", "Asia/Bishkek", "theme", "dark").wants(http.StatusOK).says("What you had entered is kept")
	kept := asked.field("kept")
	wrong := b.post("/sign-in", "email", "aida@example.kg", "password", "another-password", "kept", kept).wants(http.StatusUnauthorized)
	factor := b.post("/sign-in", "email", "aida@example.kg", "password", sitePassword, "kept", wrong.field("kept")).wants(http.StatusOK).says("Six digits")
	offered := b.post("/sign-in/factor", "code", s.code(0), "kept", factor.field("kept")).wants(http.StatusOK).says("Send it now")
	b.post("/continue", "kept", offered.field("kept")).wants(http.StatusSeeOther)
	a, err := people.New(s.Store).UserByEmail(t.Context(), "aida@example.kg")
	if err != nil || a.Name != "Aida K." || a.Language != "ky" || a.Zone != "Asia/Bishkek" || a.Theme != "dark" {
		t.Errorf("the form is lost: %+v, %v", a, err)
	}
}

func TestInvitationPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.MerchantAdmin)
	b.get("/team/invite").wants(http.StatusOK).says("Invite", "Support", "Project").saysNot("Operator of the platform")
	form := []string{"once", "0123456789abcdef", "email", "nurlan@example.kg", "role", "support", "role", "finance", "project", "210"}
	link := between(b.post("/team/invite", form...).wants(http.StatusOK).says("shown only now").Body, `<code class="secret">`, `</code>`)
	if again := between(b.post("/team/invite", form...).Body, `<code class="secret">`, `</code>`); again != link || !strings.HasPrefix(link, "http://127.0.0.1/invitation/") {
		t.Fatalf("link %q; a second click shows %q", link, again)
	}
	b.post("/team/invite", "once", "another-0123456789", "email", "nurlan@example.kg", "role", "support").wants(http.StatusUnprocessableEntity).says("has an account already")
	b.get("/team").says("nurlan@example.kg", "invited")
	path := strings.TrimPrefix(link, "http://127.0.0.1")
	guest := s.stranger()
	guest.get(path).wants(http.StatusOK).says("Welcome to Flashpay", "nurlan@example.kg")
	for _, c := range []struct{ name, password, again, says string }{
		{"", "tulips and trains", "tulips and trains", "1 to 100 characters"},
		{"Nurlan", "short", "short", "too short"},
		{"Nurlan", "password123", "password123", "first that are tried"},
		{"Nurlan", "tulips and trains", "tulips", "not the same password"},
		{"Nurlan", "nurlan and trains", "nurlan and trains", "holds your name"},
	} {
		guest.post(path, "name", c.name, "password", c.password, "again", c.again).wants(http.StatusUnprocessableEntity).says(c.says)
	}
	if a := guest.post(path, "name", "Nurlan", "password", "tulips and trains", "again", "tulips and trains").wants(http.StatusSeeOther); a.Location != "/sign-in/enrol" {
		t.Errorf("sent to %s", a.Location)
	}
	guest.get("/sign-in/enrol").wants(http.StatusOK).says("Authenticator app")
	s.stranger().get(path).wants(http.StatusGone).says("was used")
	s.stranger().get("/invitation/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").wants(http.StatusGone)
	a, err := people.New(s.Store).UserByEmail(t.Context(), "nurlan@example.kg")
	if err != nil || a.Name != "Nurlan" || len(a.Roles) != 2 || len(a.Projects) != 1 || a.MerchantID != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

func codeOf(t *testing.T, s *site, secret string) string {
	t.Helper()
	code, err := access.Code(secret, s.Store.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// What was sent after a session had ended is of whoever was signed in: a colleague with the same right, who signs in next in this
// browser, does not see it, and neither does anybody where that is not known.
func TestAKeptFormIsOfTheUserWhoseSessionEnded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	aida := s.userNamed("aida@example.kg", staff.Operations)
	for name, b := range map[string]*browser{"colleague": s.signInAgain(aida), "nobody": s.stranger()} {
		next := s.userNamed("after."+name+"@example.kg", staff.Operations)
		if b.user != nil {
			b.ended()
			if _, ok := b.cookies[s.sessionCookie()]; ok {
				t.Fatal("the session goes on")
			}
		}
		asked := b.post("/manual/check", pairs(payoutEntries("customer.id", "Асанова-7"))...).wants(http.StatusOK)
		if strings.Contains(asked.Body, "Асанова-7") {
			t.Errorf("%s: the page of the sign-in holds what was typed", name)
		}
		factor := b.post("/sign-in", "email", next.Email, "password", sitePassword, "kept", asked.field("kept")).wants(http.StatusOK)
		done := b.post("/sign-in/factor", "code", s.code(0), "kept", factor.field("kept")).wants(http.StatusSeeOther)
		if done.Location != "/" {
			t.Errorf("%s: it leads to %s", name, done.Location)
		}
		b.get("/overview").says("could not be kept").saysNot("Асанова-7")
		for _, path := range []string{"/continue", "/kept"} {
			if a := b.post(path, "kept", asked.field("kept")); strings.Contains(a.Body, "Асанова-7") || a.Location != "/" {
				t.Errorf("%s: %s answers %d, %s", name, path, a.Status, a.Location)
			}
		}
	}
}
