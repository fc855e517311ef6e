package dashboard

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/access"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// site is a Dashboard over a real store on a temporary file. Two merchants exist: 1 with the projects 210 (test) and 211
// (live), 2 with 220 (test).
type site struct {
	*Dashboard
	t       *testing.T
	handler http.Handler
	people  int
}

const (
	sitePassword = "grey rabbits sing at noon"
	siteSecret   = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

// newSite makes a site; change may alter its configuration.
func newSite(t *testing.T, change ...func(*Config)) *site {
	t.Helper()
	return newSiteAt(t, nil, change...)
}

// newSiteAt makes a site whose time a clock tells; nil: the machine's.
func newSiteAt(t *testing.T, clock func() time.Time, change ...func(*Config)) *site {
	t.Helper()
	s := newSiteIn(t, store.Config{URL: storetest.URL(t, storetest.SQLite), Clock: clock}, change...)
	for _, p := range []*merchant.Project{
		{ID: 210, MerchantID: 1, Name: "Shop", Mode: merchant.Test},
		{ID: 211, MerchantID: 1, Name: "Salaries", Mode: merchant.Live},
		{ID: 220, MerchantID: 2, Name: "Another merchant", Mode: merchant.Test},
	} {
		if err := s.Store.CreateProject(t.Context(), p, fmt.Sprintf("secret-%d", p.ID), map[string]int64{"KGS": 100_000_000}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// newSiteOver makes a site over a database as it is.
func newSiteOver(t *testing.T, database string, change ...func(*Config)) *site {
	t.Helper()
	return newSiteIn(t, store.Config{URL: database}, change...)
}

func newSiteIn(t *testing.T, c store.Config, change ...func(*Config)) *site {
	t.Helper()
	c.Keyset, c.Serve, c.Follow = storetest.Keyset(), true, 50*time.Millisecond
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	const address = "http://127.0.0.1"
	users, err := access.New(s, access.Config{URL: address, HashMemory: 64})
	if err != nil {
		t.Fatal(err)
	}
	methods, err := method.Load(accept.Payout.Known)
	if err != nil {
		t.Fatal(err)
	}
	toSandbox := func(p *merchant.Project, _ *method.Method) (string, int64, bool) {
		return "sandbox", 1, p.Mode == merchant.Test
	}
	config := Config{Store: s, Access: users, Accept: &accept.Service{Acceptor: s, Route: toSandbox}, Methods: methods, URL: address}
	for _, f := range change {
		f(&config)
	}
	d, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return &site{Dashboard: d, t: t, handler: d.Handler()}
}

// browser is somebody at the site. Cookies are kept; redirects are shown, not followed.
type browser struct {
	site    *site
	user    *staff.User // nil: a stranger
	cookies map[string]string
	header  http.Header
}

// stranger is somebody who is not signed in.
func (s *site) stranger() *browser {
	return &browser{site: s, cookies: make(map[string]string), header: make(http.Header)}
}

// signedIn is a new user with roles, signed in, with a fresh second factor. Operators belong to no merchant, others to
// merchant 1, and see all its projects.
func (s *site) signedIn(roles ...staff.Role) *browser {
	s.t.Helper()
	s.people++
	u := &staff.User{MerchantID: 1, Email: fmt.Sprintf("user%d@example.kg", s.people), Name: fmt.Sprintf("User %d", s.people), Roles: roles, AllProjects: true}
	for _, r := range roles {
		if r == staff.Operator {
			u.MerchantID, u.AllProjects = 0, false
		}
	}
	return s.signedInAs(u)
}

// signedInAs makes a user and signs them in.
func (s *site) signedInAs(u *staff.User) *browser {
	s.t.Helper()
	if err := s.Access.CreateReady(s.t.Context(), u, sitePassword, siteSecret, "test"); err != nil {
		s.t.Fatal(err)
	}
	return s.signInAgain(u)
}

// signInAgain signs an existing user in, in another browser.
func (s *site) signInAgain(u *staff.User) *browser {
	s.t.Helper()
	token, err := s.Access.Begin(s.t.Context(), u.ID, access.Client{Addr: netip.MustParseAddr("192.0.2.7"), Agent: "Browser/1.0"})
	if err != nil {
		s.t.Fatal(err)
	}
	b := s.stranger()
	b.user = u
	b.cookies[s.sessionCookie()] = token
	return b
}

// answer is what came back.
type answer struct {
	t        *testing.T
	Status   int
	Location string
	Header   http.Header
	Body     string
}

func (b *browser) get(path string) *answer { return b.do(http.MethodGet, path, nil) }

// post posts a form of name and value pairs.
func (b *browser) post(path string, pairs ...string) *answer {
	b.site.t.Helper()
	values := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, values)
}

func (b *browser) do(verb, path string, form url.Values) *answer {
	b.site.t.Helper()
	r := httptest.NewRequestWithContext(b.site.t.Context(), verb, "http://127.0.0.1"+path, strings.NewReader(form.Encode()))
	if verb == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, values := range b.header {
		r.Header[name] = values
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.site.handler.ServeHTTP(w, r)
	got := w.Result()
	for _, c := range got.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return &answer{t: b.site.t, Status: got.StatusCode, Location: got.Header.Get("Location"), Header: got.Header, Body: w.Body.String()}
}

// wants fails the test where the status is another one.
func (a *answer) wants(status int) *answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("answered %d to %q, want %d:\n%s", a.Status, a.Location, status, a.text())
	}
	return a
}

// says fails the test where the page lacks words that a reader sees.
func (a *answer) says(words ...string) *answer {
	a.t.Helper()
	text := a.text()
	for _, w := range words {
		if !strings.Contains(text, w) {
			a.t.Errorf("the page does not say %q:\n%s", w, text)
		}
	}
	return a
}

// saysNot fails the test where the page has words.
func (a *answer) saysNot(words ...string) *answer {
	a.t.Helper()
	text := a.text()
	for _, w := range words {
		if strings.Contains(text, w) {
			a.t.Errorf("the page says %q:\n%s", w, text)
		}
	}
	return a
}

var (
	tagPattern   = regexp.MustCompile(`(?s)<(?:head|svg)[ >].*?</(?:head|svg)>|<[^>]*>`)
	spacePattern = regexp.MustCompile(`\s+`)
)

// text is what a reader sees, roughly.
func (a *answer) text() string {
	return html.UnescapeString(spacePattern.ReplaceAllString(tagPattern.ReplaceAllString(a.Body, " "), " "))
}

// field is the value of a form's field in the page; of a field that is not there, empty.
func (a *answer) field(name string) string {
	input := regexp.MustCompile(`<input[^>]*\sname="` + regexp.QuoteMeta(name) + `"[^>]*>`).FindString(a.Body)
	if m := regexp.MustCompile(`\svalue="([^"]*)"`).FindStringSubmatch(input); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}
