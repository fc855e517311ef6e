package dashboard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flashpay/internal/browsertest"
	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store/people"
)

// person is somebody at the site in a real browser.
type person struct {
	*browsertest.Page
	t   *testing.T
	url string
	s   *site
}

var atADesk, onAPhone = browsertest.View{Width: 1280, Height: 900}, browsertest.View{Width: 360, Height: 800, Dark: true}

// seat opens a browser's window at a site that is served on a free port.
func seat(t *testing.T, chromium *browsertest.Browser, s *site, view browsertest.View) *person {
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	return &person{Page: chromium.Open(t, view), t: t, url: server.URL, s: s}
}

// as takes the seat over.
func (p *person) as(b *browser) {
	p.SetCookie(p.url, p.s.sessionCookie(), b.cookies[p.s.sessionCookie()])
	p.SetCookie(p.url, languageCookie, "en")
}

func (p *person) open(path string) { p.Goto(p.url + path) }

// follow clicks something and waits for the page that it leads to.
func (p *person) follow(selector string) {
	p.t.Helper()
	if n := browsertest.Eval[int](p.Page, fmt.Sprintf(`document.querySelectorAll(%q).length`, selector)); n == 0 {
		p.t.Fatalf("%s is not on the page:\n%s", selector, p.Text())
	}
	browsertest.Eval[bool](p.Page, `(document.documentElement.dataset.old = "yes", true)`)
	p.Click(selector)
	p.WaitFor(`document.documentElement.dataset.old !== "yes"`)
}

// fill replaces what a field holds, by the keyboard.
func (p *person) fill(name, value string) {
	selector := fmt.Sprintf(`[name=%q]`, name)
	browsertest.Eval[bool](p.Page, fmt.Sprintf(`(document.querySelector(%q).select(), true)`, selector))
	if value == "" {
		p.Do(chromedp.SendKeys(chromedp.CSS(selector), kb.Delete))
		return
	}
	p.Do(chromedp.SendKeys(chromedp.CSS(selector), value))
}

// status is the HTTP status of the page that is open.
func (p *person) status() int {
	return browsertest.Eval[int](p.Page, `performance.getEntriesByType("navigation")[0].responseStatus`)
}

// shows compares which of some selectors are on the page with those that should be.
func (p *person) shows(where string, want map[string]bool) {
	p.t.Helper()
	for selector, wanted := range want {
		if there := browsertest.Eval[bool](p.Page, fmt.Sprintf(`document.querySelector(%q) !== null`, selector)); there != wanted {
			p.t.Errorf("%s: %s is there: %v, want %v", where, selector, there, wanted)
		}
	}
}

// The sections of protocol.md §11.2 that exist, and who has which by §11.5; the operators' desk is the platform's own.
var sectionsOf = map[staff.Role][]string{
	staff.Support:       {"/overview", "/payments", "/reports", "/projects", "/profile"},
	staff.Operations:    {"/overview", "/payments", "/manual", "/reports", "/analytics", "/projects", "/profile"},
	staff.Finance:       {"/overview", "/payments", "/finance", "/reports", "/analytics", "/projects", "/profile"},
	staff.Risks:         {"/overview", "/payments", "/reports", "/analytics", "/projects", "/profile"},
	staff.MerchantAdmin: {"/overview", "/payments", "/manual", "/finance", "/reports", "/analytics", "/projects", "/team", "/profile"},
	staff.Operator:      {"/overview", "/payments", "/manual", "/finance", "/reports", "/analytics", "/projects", "/team", "/operate", "/profile"},
}

// actsOf are acts that pages offer: those who may do it see it, nobody else does.
var actsOf = []struct {
	page, selector string
	roles          []staff.Role
}{
	{"{payment}", `form[action$="/resend"] button`, []staff.Role{staff.Support, staff.Operations, staff.MerchantAdmin, staff.Operator}},
	{"{payment}", `a[href$="/evidence"]`, staff.Roles},
	{"{payment}", `form[action$="/evidence"] button`, []staff.Role{staff.MerchantAdmin, staff.Operator}},
	{"/payments", `a[href^="/payments/export"]`, staff.Roles},
	{"/manual", `a[href^="/manual/new"]`, []staff.Role{staff.Operations, staff.MerchantAdmin, staff.Operator}},
	{"/manual/mass", `a[href="/manual/mass/new"]`, []staff.Role{staff.Operations, staff.MerchantAdmin, staff.Operator}},
	{"/reports", `a[href="/reports/new"]`, staff.Roles},
	{"/projects", `a[href="/projects/210"]`, staff.Roles},
	{"/projects", `a[href="/projects/220"]`, []staff.Role{staff.Operator}},
	{"/projects/210/general", `main form[action="/projects/210/general"] .btn-primary`, []staff.Role{staff.MerchantAdmin, staff.Operator}},
	{"/projects/210/general", `a[href="/finance/210"]`, []staff.Role{staff.Finance, staff.MerchantAdmin, staff.Operator}},
	{"/projects/210/general", `button[value="block"]`, []staff.Role{staff.Operator}},
	{"/projects/210/keys", `form[action="/projects/210/keys"]`, []staff.Role{staff.MerchantAdmin, staff.Operator}},
	{"/projects/210/keys", `form[action="/projects/210/webhooks"]`, []staff.Role{staff.MerchantAdmin, staff.Operator}},
	{"/projects/210/keys", `a[href$="/revoke"]`, []staff.Role{staff.MerchantAdmin, staff.Operator}},
	{"/projects/210/limits", `main form .btn-primary`, []staff.Role{staff.MerchantAdmin, staff.Operator}},
	{"/projects/210/limits", `[name="threshold"]`, []staff.Role{staff.Operator}},
	{"/projects/210/security", `[name="allow_ip"]`, []staff.Role{staff.MerchantAdmin, staff.Operator}},
	{"/finance", `main a[href="/finance/rates"]`, []staff.Role{staff.Finance, staff.MerchantAdmin, staff.Operator}},
	{"/finance/rates", `main form[action="/finance/rates"] .btn-primary`, []staff.Role{staff.Finance, staff.MerchantAdmin, staff.Operator}},
	{"/finance/210", `a[href="/operate/funds/210"]`, []staff.Role{staff.Operator}},
	{"/team", `a[href="/team/invite"]`, []staff.Role{staff.MerchantAdmin, staff.Operator}},
	{"/operate", `a[href="/operate/funds"]`, []staff.Role{staff.Operator}},
	{"/operate/merchants", `form[action="/operate/merchants"]`, []staff.Role{staff.Operator}},
	{"/operate/audit", `form[action="/operate/audit"]`, []staff.Role{staff.Operator}},
}

// Each role walks through the site by its links: it has its sections and no others, its acts and no others, and what it
// types into the address bar beyond that is refused in words.
func TestEachRoleHasItsOwn(t *testing.T) {
	s := newSite(t)
	v := s.pay(210, "order-1", 150_000, payout.Succeeded)
	chromium := browsertest.Start(t)
	for _, role := range staff.Roles {
		t.Run(string(role), func(t *testing.T) {
			p := seat(t, chromium, s, atADesk)
			p.as(s.signedIn(role))
			p.open("/")
			sections := browsertest.Eval[[]string](p.Page, `[...document.querySelectorAll("#sections a")].map(a => a.getAttribute("href"))`)
			if !slices.Equal(sections, sectionsOf[role]) {
				t.Errorf("the sections are %v, want %v", sections, sectionsOf[role])
			}
			for _, section := range sections {
				p.follow(`#sections a[href="` + section + `"]`)
				p.shows(section, map[string]bool{"main h1": true, `#sections a.here[href="` + section + `"]`: true})
				if p.status() != http.StatusOK {
					t.Errorf("%s answers %d", section, p.status())
				}
			}
			for _, section := range sectionsOf[staff.Operator] {
				if slices.Contains(sections, section) {
					continue
				}
				p.open(section)
				if p.status() != http.StatusForbidden {
					t.Errorf("%s, typed into the address bar, answers %d", section, p.status())
				}
				p.shows(section, map[string]bool{"main h1": true, `main a[href="/"]`: true})
			}
			p.acts(role, pageOf(v))
			p.open("/projects/220")
			if foreign := role != staff.Operator; (p.status() == http.StatusNotFound) != foreign {
				t.Errorf("another merchant's project answers %d", p.status())
			}
		})
	}
}

// acts looks at each act of actsOf.
func (p *person) acts(role staff.Role, payment string) {
	p.t.Helper()
	at := ""
	for _, act := range actsOf {
		if page := strings.ReplaceAll(act.page, "{payment}", payment); page != at {
			p.open(page)
			at = page
		}
		p.shows(at, map[string]bool{act.selector: slices.Contains(act.roles, role)})
	}
}

// Rights of several roles add up; who is granted one project sees that one and what is in it.
func TestSeveralRolesAndOneProject(t *testing.T) {
	s := newSite(t)
	mine, other := s.pay(210, "order-1", 150_000, payout.Succeeded), s.pay(211, "salary-1", 99_900, payout.Declined)
	p := seat(t, browsertest.Start(t), s, atADesk)
	p.as(s.signedInAs(&staff.User{MerchantID: 1, Email: "both@example.kg", Name: "Both", Roles: []staff.Role{staff.Support, staff.Finance}, Projects: []int64{210}}))
	p.open("/")
	p.shows("the start", map[string]bool{`#sections a[href="/finance"]`: true, `#sections a[href="/manual"]`: false})
	p.open(pageOf(mine))
	p.shows("a payment", map[string]bool{`form[action$="/resend"]`: true})
	p.open("/payments")
	if text := p.Text(); !strings.Contains(text, "order-1") || strings.Contains(text, "salary-1") {
		t.Errorf("the register shows:\n%s", text)
	}
	for _, path := range []string{pageOf(other), "/finance/211", "/projects/211"} {
		p.open(path)
		if p.status() != http.StatusNotFound {
			t.Errorf("%s answers %d", path, p.status())
		}
	}
}

// A merchant's admin changes settings: a fault stands beside its field and what was entered stays; two windows do not
// overwrite each other; history tells before and after.
func TestSettingsInABrowser(t *testing.T) {
	s := newSite(t)
	p := seat(t, browsertest.Start(t), s, atADesk)
	p.as(s.signedIn(staff.MerchantAdmin))
	p.open("/projects/210")
	p.follow(`.tabs a[href$="/limits"]`)
	p.fill("approval.KGS", "12,5,0")
	p.follow("main form .btn-primary")
	p.shows("a fault", map[string]bool{`[name="approval.KGS"][aria-invalid="true"]`: true})
	if got := p.Value(`[name="approval.KGS"]`); got != "12,5,0" {
		t.Errorf("what was entered became %q", got)
	}
	if got := browsertest.Eval[string](p.Page, "document.activeElement.name"); got != "approval.KGS" {
		t.Errorf("the focus is on %q, not on the fault", got)
	}
	p.fill("approval.KGS", "15000.50")
	p.follow("main form .btn-primary")
	p.Wait("The settings are saved.")

	p.open("/projects/210/general")
	mine, _ := s.Store.Project(210)
	theirs := *mine
	theirs.Name = "Renamed meanwhile"
	if err := s.Store.UpdateProject(t.Context(), &theirs, "somebody else"); err != nil {
		t.Fatal(err)
	}
	p.fill("name", "Renamed here")
	p.follow(`main form[action="/projects/210/general"] .btn-primary`)
	p.Wait("Renamed meanwhile", "Renamed here")
	p.follow(`main form[action="/projects/210/general"] .btn-primary`)
	p.Wait("The settings are saved.")
	if now, _ := s.Store.Project(210); now.Name != "Renamed here" || now.Settings.Approval["KGS"] != 1_500_050 {
		t.Errorf("stored %+v", now)
	}
	p.follow(`.tabs a[href$="/history"]`)
	p.Wait("15,000.50", "Renamed meanwhile", "Renamed here")
}

// A key is shown once, works beside the old one, and goes when it is revoked.
func TestKeysInABrowser(t *testing.T) {
	s := newSite(t)
	p := seat(t, browsertest.Start(t), s, onAPhone)
	p.as(s.signedIn(staff.MerchantAdmin))
	p.open("/projects/210/keys")
	p.fill("label", "new shop")
	p.follow(`form[action="/projects/210/keys"] .btn-primary`)
	secret := browsertest.Eval[string](p.Page, `document.getElementById("secret").textContent`)
	project, _ := s.Store.Project(210)
	if len(project.Keys) != 2 || !slices.ContainsFunc(project.Keys, func(k merchant.Key) bool { return k.Secret == secret }) {
		t.Fatalf("%d keys; the one shown is none of them", len(project.Keys))
	}
	for _, over := range p.Overflows() {
		t.Error(over)
	}
	p.open("/projects/210/keys")
	if strings.Contains(p.Text(), secret) {
		t.Error("the key is shown a second time")
	}
	p.follow(`a[href$="/keys/1/revoke"]`)
	p.follow(`main form[action$="/keys/1/revoke"] .btn-danger, main form[action$="/keys/1/revoke"] .btn-primary`)
	if project, _ := s.Store.Project(210); len(project.Keys) != 1 || project.Keys[0].Secret != secret {
		t.Errorf("after the revocation there are %d keys", len(project.Keys))
	}
}

// An admin invites somebody, changes what they may do, and switches them off.
func TestTeamInABrowser(t *testing.T) {
	s := newSite(t)
	p := seat(t, browsertest.Start(t), s, atADesk)
	p.as(s.signedIn(staff.MerchantAdmin))
	p.open("/team")
	p.follow(`a[href="/team/invite"]`)
	p.fill("email", "no address")
	browsertest.Eval[bool](p.Page, `(document.querySelector("[name=email]").form.noValidate = true)`)
	p.follow("main form .btn-primary")
	p.shows("a fault", map[string]bool{`[name="email"][aria-invalid="true"]`: true})
	p.fill("email", "aibek@example.kg")
	p.Click(`input[name="role"][value="finance"]`)
	p.follow("main form .btn-primary")
	link := browsertest.Eval[string](p.Page, `document.querySelector("code.secret").textContent`)
	if !strings.Contains(link, "/invitation/") {
		t.Fatalf("the link is %q", link)
	}
	p.follow(`.acts a.btn-primary`)
	if strings.Contains(p.Text(), link) {
		t.Error("the link is shown a second time")
	}
	p.Click(`input[name="role"][value="support"]`)
	p.follow(`form[action$="/rights"] .btn-primary`)
	p.Wait("Support", "Finance")
	u, err := people.New(s.Store).UserByEmail(t.Context(), "aibek@example.kg")
	if err != nil || len(u.Roles) != 2 {
		t.Fatalf("%+v, %v", u, err)
	}
	p.follow(`form[action$="/active"] button`)
	p.open("/team")
	if strings.Contains(p.Text(), "aibek@example.kg") {
		t.Error("who is switched off is still in the list")
	}
	p.follow(`a[href="/team?all=yes"]`)
	p.Wait("aibek@example.kg")
}

// Operators make a merchant with a project, stop it and let it go, and move funds by two people.
func TestTheDeskInABrowser(t *testing.T) {
	s := newSite(t)
	aida, bakyt := operators(s)
	p := seat(t, browsertest.Start(t), s, atADesk)
	p.as(aida)
	p.open("/operate")
	p.follow(`.tabs a[href="/operate/merchants"]`)
	p.fill("name", "Бакери «Айда»")
	p.follow(`form[action="/operate/merchants"] .btn-primary`)
	p.follow(`a[href="/operate/merchants/3/project"]`)
	p.fill("id", "210")
	p.fill("name", "Shop")
	p.follow("main form .btn-primary")
	p.Wait("exists already")
	p.fill("id", "300")
	p.follow("main form .btn-primary")
	p.Wait("Project 300 is created")
	made, _ := s.Store.Project(300)
	if secret := browsertest.Eval[string](p.Page, `document.getElementById("secret").textContent`); made == nil || made.Keys[0].Secret != secret {
		t.Fatalf("project 300 is %+v", made)
	}

	p.open("/projects/300")
	p.Click(`button[value="pause"]`) // without a reason: the browser itself holds it back
	p.fill("reason", "holiday")
	p.follow(`button[value="pause"]`)
	p.Wait("This project is paused")
	p.fill("reason", "over")
	p.follow(`button[value="resume"]`)
	p.WaitGone("This project is paused")

	p.open("/operate/funds/300")
	p.Click(`input[name="kind"][value="top-up"]`)
	p.fill("amount", "2500.75")
	p.fill("reason", "wire of 26 November")
	browsertest.Eval[bool](p.Page, `(() => { // a hasty hand
		const button = document.querySelector("main form .btn-primary")
		document.documentElement.dataset.old = "yes"
		button.click(); button.click(); return true })()`)
	p.WaitFor(`document.documentElement.dataset.old !== "yes"`)
	p.open("/operate/funds")
	p.shows("one's own request", map[string]bool{`button[value="approved"]`: false, `button[value="withdrawn"]`: true})
	p.as(bakyt)
	p.open("/operate/funds")
	p.follow(`button[value="approved"]`)
	p.shows("what is decided", map[string]bool{`button[value="approved"]`: false})
	all, err := s.Store.Balances(t.Context(), 300)
	if funds := all["KGS"]; err != nil || funds.Sum(ledger.Available) != 250_075 {
		t.Errorf("balances %+v, %v", all, err)
	}
	p.follow(`.tabs a[href="/operate/audit"]`)
	p.fill("object", "project 300")
	p.follow(`form[action="/operate/audit"] .btn-primary`)
	p.Wait("holiday", "2,500.75")
	if !strings.Contains(browsertest.Eval[string](p.Page, "location.search"), "object=project+300") {
		t.Error("the address bar does not hold the filter")
	}
}

// Without a mouse: past the navigation, into a section, to a field and through its form.
func TestByKeyboardAlone(t *testing.T) {
	s := newSite(t)
	p := seat(t, browsertest.Start(t), s, atADesk)
	p.as(s.signedIn(staff.MerchantAdmin))
	p.open("/projects/210/general")
	key := func(keys string) { p.Do(chromedp.KeyEvent(keys)) }
	focused := func(property string) string {
		return browsertest.Eval[string](p.Page, "String(document.activeElement."+property+" ?? '')")
	}
	tabTo := func(property, value string) {
		t.Helper()
		for range 80 {
			if focused(property) == value {
				return
			}
			key(kb.Tab)
		}
		t.Fatalf("the Tab key does not come to %s = %s; it stands on %s", property, value, focused("outerHTML"))
	}
	key(kb.Tab)
	if focused("className") != "skip" {
		t.Errorf("the first stop is %s", focused("outerHTML"))
	}
	key(kb.Enter)
	if focused("id") != "main" {
		t.Errorf("the skip link leads to %s", focused("outerHTML"))
	}
	tabTo("name", "name")
	browsertest.Eval[bool](p.Page, `(document.activeElement.select(), document.documentElement.dataset.old = "yes", true)`)
	key("By keyboard")
	key(kb.Enter)
	p.WaitFor(`document.documentElement.dataset.old !== "yes"`)
	p.Wait("The settings are saved.")
	if project, _ := s.Store.Project(210); project.Name != "By keyboard" {
		t.Errorf("the name is %q", project.Name)
	}
	tabTo("pathname", "/payments")
	key(kb.Enter)
	p.WaitFor(`location.pathname === "/payments"`)
	key("/")
	if focused("id") != "search" {
		t.Errorf("the slash leads to %s", focused("outerHTML"))
	}
}

// Language and time zone change what one reads, at once and in the next session.
func TestProfileInABrowser(t *testing.T) {
	s := newSite(t)
	p := seat(t, browsertest.Start(t), s, atADesk)
	finance := s.signedIn(staff.Finance)
	p.as(finance)
	p.open("/profile")
	browsertest.Eval[bool](p.Page, `(document.querySelector("[name=language]").value = "ky", true)`)
	p.fill("zone", "Asia/Bishkek")
	p.follow(`form[action="/profile"] .btn-primary`)
	if got := browsertest.Eval[string](p.Page, "document.documentElement.lang"); got != "ky" {
		t.Errorf("the page speaks %q", got)
	}
	p.Wait("Asia/Bishkek")
	p.as(s.signInAgain(finance.user))
	p.open("/payments")
	if got := browsertest.Eval[string](p.Page, "document.documentElement.lang"); got != "ky" {
		t.Errorf("the next session speaks %q", got)
	}
	p.open("/profile")
	p.follow(`form[action="/profile/sessions/end"] button`)
	p.as(finance)
	p.open("/payments")
	p.shows("a session that was ended elsewhere", map[string]bool{`input[name="password"]`: true})
}
