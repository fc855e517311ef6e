package dashboard

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/browsertest"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/report"
	"flashpay/internal/sample"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/storetest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// shown is a page as TestEveryPageInBrowser looks at it and pictures it. A new page is one more row.
type shown struct {
	name  string     // of its pictures
	path  string     // with {names} of what stands in gallery.places
	as    staff.Role // one who may see it; empty: a stranger
	empty bool       // over a platform in which nothing has happened yet
	act   func(p *browsertest.Page)
	faces bool // in all languages: for the busiest pages
}

// everyPage is every page, in the states that differ: full, empty, and with faults.
var everyPage = []shown{
	{name: "sign-in", path: "/sign-in", faces: true},
	{name: "sign-in-refused", path: "/sign-in", act: signInWith("nobody@example.kg", "a wrong password")},
	{name: "sign-in-factor", path: "/sign-in", act: signInWith("factor@example.kg", sitePassword)},
	{name: "sign-in-factor-refused", path: "/sign-in", act: func(p *browsertest.Page) {
		signInWith("factor@example.kg", sitePassword)(p)
		p.Type("input[name=code]", "000000")
		submit(p, "input[name=code]")
	}},
	{name: "sign-in-enrol", path: "/sign-in", act: signInWith("newcomer@example.kg", sitePassword)},
	{name: "invitation", path: "{invitation}"},
	{name: "invitation-faulty", path: "{invitation}", act: func(p *browsertest.Page) {
		p.Type("input[name=name]", "Айбек Асанов")
		p.Type("input[name=password]", "short")
		p.Type("input[name=again]", "other")
		submit(p, "input[name=again]")
	}},
	{name: "signed-in", path: "/signed-in", as: staff.Support},
	{name: "not-found", path: "/nothing", as: staff.Support},
	{name: "forbidden", path: "/team", as: staff.Support},

	{name: "overview", path: "/overview", as: staff.MerchantAdmin, faces: true},
	{name: "overview-of-support", path: "/overview", as: staff.Support},
	{name: "overview-of-operator", path: "/overview", as: staff.Operator},
	{name: "overview-empty", path: "/overview", as: staff.MerchantAdmin, empty: true},
	{name: "payments", path: "/payments?from=", as: staff.Support, faces: true},
	{name: "payments-declined", path: "/payments?from=&status=decline", as: staff.MerchantAdmin},
	{name: "payments-failing", path: "/payments?from=&situation=callback+failing", as: staff.Support, faces: true},
	{name: "payments-resend", path: "/payments/resend?situation=callback+failing", as: staff.Support, faces: true},
	{name: "payments-resend-none", path: "/payments/resend?situation=callback+failing&status=reversed", as: staff.Support},
	{name: "payments-resend-going", path: "{resend}", as: staff.Support},
	{name: "payments-nothing", path: "/payments?from=&q=nothing-has-this-name", as: staff.Support},
	{name: "payments-faulty", path: "/payments?from=yesterday", as: staff.Support},
	{name: "payments-empty", path: "/payments", as: staff.Support, empty: true},
	{name: "payments-open", path: "/payments?from=&open={open-success}&open={open-603}", as: staff.MerchantAdmin, faces: true},
	{name: "payments-open-missing", path: "/payments?from=&open=220.1", as: staff.Support},
	{name: "payment", path: "{success}", as: staff.MerchantAdmin, faces: true},
	{name: "payment-refused", path: "{refused}", as: staff.Support},
	{name: "payment-disputed", path: "{603}", as: staff.Finance},
	{name: "payment-given-up", path: "{given-up}", as: staff.Operations},

	{name: "manual", path: "/manual", as: staff.Operations, faces: true},
	{name: "manual-empty", path: "/manual", as: staff.Operations, empty: true},
	{name: "manual-waiting", path: "/manual/waiting", as: staff.Operations},
	{name: "manual-waiting-empty", path: "/manual/waiting", as: staff.Operations, empty: true},
	{name: "manual-new", path: "/manual/new?project=210&method=bank-transfer/kyrgyzstan", as: staff.Operations},
	{name: "manual-new-faulty", path: "/manual/new?project=210&method=bank-transfer/kyrgyzstan", as: staff.Operations, act: func(p *browsertest.Page) {
		p.Type(`input[name="payment.amount"]`, "1")
		submit(p, `input[name="payment.amount"]`)
	}},
	{name: "manual-payout", path: "{manual-payout}", as: staff.Operations},
	{name: "manual-approval", path: "{manual-approval}", as: staff.MerchantAdmin},
	{name: "mass", path: "/manual/mass", as: staff.Operations, faces: true},
	{name: "mass-empty", path: "/manual/mass", as: staff.Operations, empty: true},
	{name: "mass-new", path: "/manual/mass/new", as: staff.Operations, faces: true},
	{name: "mass-new-faulty", path: "/manual/mass/new", as: staff.Operations, act: func(p *browsertest.Page) {
		browsertest.Eval[bool](p, `(document.querySelector("#upload").noValidate = true, htmx.trigger("#upload", "submit"), true)`)
		p.WaitFor(`document.querySelector("#f-file[aria-invalid=true]") !== null`)
	}},
	{name: "mass-checked", path: "{mass-checked}", as: staff.Operations, faces: true},
	{name: "mass-confirm", path: "{mass-checked}/send?good=yes", as: staff.Operations, faces: true},
	{name: "mass-waiting", path: "{mass-waiting}", as: staff.MerchantAdmin, faces: true},
	{name: "mass-sending", path: "{mass-sending}", as: staff.Operations},
	{name: "mass-rows", path: "{mass-sent}/rows", as: staff.Operations, faces: true},
	{name: "mass-rows-none", path: "{mass-sent}/rows?status=success", as: staff.Operations},
	{name: "mass-sent", path: "{mass-sent}", as: staff.Operations, faces: true},
	{name: "control", path: "{control}", as: staff.Operator, faces: true},

	{name: "finance", path: "/finance", as: staff.Finance},
	{name: "finance-project", path: "/finance/210", as: staff.Finance},
	{name: "statement", path: "/finance/statement?from=", as: staff.Finance, faces: true},
	{name: "statement-of-project", path: "/finance/statement?from=2020-01-01&project=210&currency=KGS&totals=on", as: staff.Finance},
	{name: "statement-faulty", path: "/finance/statement?from=yesterday&currency=som", as: staff.MerchantAdmin},
	{name: "statement-empty", path: "/finance/statement?from=2020-01-01&to=2020-01-31", as: staff.Finance},
	{name: "statement-print", path: "/finance/statement/print?from=", as: staff.Finance, faces: true},
	{name: "statement-movements", path: "/finance/statement/movements?from=&currency=KGS&position=payouts", as: staff.Finance},
	{name: "rates", path: "/finance/rates?day=2024-05-23", as: staff.Finance, faces: true},
	{name: "rates-faulty", path: "/finance/rates?day=today&currency=som", as: staff.Finance},
	{name: "rates-empty", path: "/finance/rates", as: staff.Finance, empty: true},
	{name: "tariffs", path: "/finance/tariffs?project=210", as: staff.Operator, faces: true},
	{name: "tariff-set", path: "/finance/210/tariff?method=bank-transfer/kyrgyzstan&currency=KGS&fixed=10.00&percent=1.5&sample=2500.00", as: staff.Operator, faces: true},

	{name: "analytics", path: "/analytics?board=conversion&period=quarter&compare=on", as: staff.Finance, faces: true},
	{name: "analytics-turnover", path: "/analytics?board=turnover&period=quarter&compare=on", as: staff.Finance},
	{name: "analytics-banks", path: "/analytics?board=banks&period=quarter", as: staff.Risks, faces: true},
	{name: "analytics-callbacks", path: "/analytics?board=callbacks&period=quarter", as: staff.Finance, faces: true},
	{name: "analytics-faulty", path: "/analytics?period=days&from=2026-02-30", as: staff.Finance},
	{name: "analytics-empty", path: "/analytics", as: staff.Operations, empty: true},

	{name: "board", path: "{board}", as: staff.Finance, faces: true},
	{name: "board-full", path: "{board}?full=on", as: staff.Finance},
	{name: "board-edit", path: "{board}?edit=on", as: staff.Finance},
	{name: "board-new", path: "/analytics/boards/new?board=turnover", as: staff.Finance},
	{name: "board-without-tiles", path: "{board-empty}", as: staff.Finance},
	{name: "board-tile", path: "{board}/tile?tile=1", as: staff.Finance},
	{name: "board-tile-faulty", path: "{board}/tile", as: staff.Finance, act: func(p *browsertest.Page) {
		browsertest.Eval[bool](p, `(document.querySelector("select[name=rows]").value = "bank", document.querySelector("select[name=dataset]").value = "paid", true)`)
		submit(p, "input[name=title]")
	}},

	{name: "reports", path: "/reports", as: staff.Finance, faces: true},
	{name: "reports-empty", path: "/reports", as: staff.Finance, empty: true},
	{name: "report-new", path: "/reports/new", as: staff.Finance, faces: true},
	{name: "report-new-faulty", path: "/reports/new?kind=payments", as: staff.Finance, act: func(p *browsertest.Page) {
		p.Type("input[name=min]", "10")
		p.Type("input[name=code]", "4x")
		submit(p, "input[name=min]")
	}},
	{name: "report-schedules", path: "/reports/schedules", as: staff.Finance, faces: true},
	{name: "report-schedules-empty", path: "/reports/schedules", as: staff.Finance, empty: true},
	{name: "report-schedule-new", path: "/reports/schedules/new?kind=movements", as: staff.Finance, faces: true},
	{name: "report-link", path: "{report-link}"},

	{name: "projects", path: "/projects", as: staff.MerchantAdmin},
	{name: "project", path: "/projects/210", as: staff.Support},
	{name: "project-general", path: "/projects/210/general", as: staff.MerchantAdmin},
	{name: "project-keys", path: "/projects/210/keys", as: staff.MerchantAdmin},
	{name: "project-key-revoke", path: "/projects/210/keys/1/revoke", as: staff.MerchantAdmin},
	{name: "project-methods", path: "/projects/210/methods", as: staff.MerchantAdmin},
	{name: "project-callbacks", path: "/projects/210/callbacks", as: staff.MerchantAdmin},
	{name: "project-security", path: "/projects/210/security", as: staff.MerchantAdmin},
	{name: "project-limits", path: "/projects/210/limits", as: staff.MerchantAdmin},
	{name: "project-history", path: "/projects/210/history", as: staff.MerchantAdmin},

	{name: "operate", path: "/operate", as: staff.Operator},
	{name: "operate-case", path: "{case}", as: staff.Operator, faces: true},
	{name: "operate-case-faulty", path: "{case}", as: staff.Operator, act: func(p *browsertest.Page) { submit(p, "textarea[name=reason]") }},
	{name: "operate-case-waiting", path: "{case-waiting}", as: staff.Operator},
	{name: "operate-case-settled", path: "{case-settled}", as: staff.Operator},
	{name: "operate-work", path: "/operate/work/210", as: staff.Operator},
	{name: "operate-merchants", path: "/operate/merchants", as: staff.Operator},
	{name: "operate-merchant", path: "/operate/merchants/1", as: staff.Operator},
	{name: "operate-project", path: "/operate/merchants/1/project", as: staff.Operator},
	{name: "operate-funds", path: "/operate/funds", as: staff.Operator},
	{name: "operate-top-up", path: "/operate/funds/210", as: staff.Operator},
	{name: "operate-rates", path: "/operate/rates", as: staff.Operator, faces: true},
	{name: "operate-rates-faulty", path: "/operate/rates", as: staff.Operator, empty: true, act: func(p *browsertest.Page) { submit(p, "input[name=rate]") }},
	{name: "operate-audit", path: "/operate/audit", as: staff.Operator},

	{name: "team", path: "/team", as: staff.MerchantAdmin},
	{name: "team-invite", path: "/team/invite", as: staff.MerchantAdmin},
	{name: "team-invite-faulty", path: "/team/invite", as: staff.MerchantAdmin, act: func(p *browsertest.Page) { submit(p, "input[name=email]") }},
	{name: "team-invited", path: "/team/invite", as: staff.MerchantAdmin, act: inviteSomebody},
	{name: "confirm", path: "/team/invite", as: staff.MerchantAdmin, empty: true, act: inviteSomebody},
	{name: "team-member", path: "/team/{member}", as: staff.MerchantAdmin, faces: true},
	{name: "team-history", path: "/team/history", as: staff.MerchantAdmin},
	{name: "team-of-all", path: "/team", as: staff.Operator},
	{name: "profile", path: "/profile", as: staff.Finance},
	{name: "alerts", path: "/alerts", as: staff.Operations, faces: true},
	{name: "alerts-none", path: "/alerts", as: staff.Operations, empty: true},
}

// notShown are GET routes that are no pages, or lead on at once: the reason stands behind each.
var notShown = []string{
	"GET /{$}",                              // leads to the first section
	"GET /sign-in/factor",                   // needs a sign-in that has begun: it is shown by way of /sign-in
	"GET /sign-in/enrol",                    // likewise
	"GET /operate/holds/{project}/{id}",     // the page of a discrepancy, before it has a number
	"GET /alerts/bell",                      // a part of every page
	"GET /search",                           // leads to the register, or to a payment
	"GET /payments/totals",                  // a part of the register
	"GET /payments/export",                  // a file
	"GET /finance/statement/csv",            // a file
	"GET /finance/rates/csv",                // a file
	"GET /payments/{project}/{id}/evidence", // a file
	"GET /reports/file/{id}",                // a file
	"GET /manual/mass/template",             // a file
	"GET /manual/mass/{batch}/faults",       // a file
	"GET /manual/mass/{batch}/result",       // a file
	"GET /manual/mass/{batch}/declined",     // a file
	"GET /analytics/csv",                    // a file
	"GET /analytics/boards/{board}/csv",     // a file
}

func signInWith(email, password string) func(p *browsertest.Page) {
	return func(p *browsertest.Page) {
		p.Type("input[name=email]", email)
		p.Type("input[name=password]", password)
		submit(p, "input[name=password]")
	}
}

var invitations atomic.Int64

func inviteSomebody(p *browsertest.Page) {
	p.Type("input[name=email]", fmt.Sprintf("somebody.%d@example.kg", invitations.Add(1)))
	p.Click("input[name=role]")
	submit(p, "input[name=email]")
}

// submit sends the form of a field as it is filled in, past the browser's own checks, and waits for the answer.
func submit(p *browsertest.Page, field string) {
	browsertest.Eval[bool](p, fmt.Sprintf(`(document.documentElement.dataset.old = "yes", document.querySelector(%q).form.noValidate = true)`, field))
	browsertest.Eval[bool](p, fmt.Sprintf(`(document.querySelector(%q).form.requestSubmit(), true)`, field))
	p.WaitFor(`document.documentElement.dataset.old !== "yes"`)
}

// looks are the ways in which each page is looked at: in either width, each in colours of its own. The page is loaded
// in the first; the others are had by changing the window and the system's colours, as its reader would. A page that has faces
// is seen in the other colours of each width as well: what all pages are made of is on those.
var looks = []struct {
	name, other string
	view        browsertest.View
}{
	{"wide-light", "wide-dark", browsertest.View{Width: 1440, Height: 900}},
	{"narrow-dark", "narrow-light", browsertest.View{Width: 390, Height: 844, Dark: true}},
}

// gallery is what the pages are shown over.
type gallery struct {
	*site
	url    string
	places map[string]string // paths of what was made
	people map[string]string // sessions, by role and language
}

// freshFor is a change of a site: how long a second factor counts as fresh.
func freshFor(t *testing.T, fresh time.Duration) func(*Config) {
	return func(c *Config) {
		users, err := access.New(c.Store, access.Config{URL: c.URL, HashMemory: 64, Fresh: fresh})
		if err != nil {
			t.Fatal(err)
		}
		c.Access = users
	}
}

func newGallery(t *testing.T, s *site) *gallery {
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	return &gallery{site: s, url: server.URL, places: make(map[string]string), people: make(map[string]string)}
}

// session is the token of somebody with a role who reads a language.
func (g *gallery) session(role staff.Role, lang string) string {
	who := string(role) + " " + lang
	if g.people[who] == "" {
		u := &staff.User{MerchantID: 1, Email: fmt.Sprintf("%s.%s@example.kg", role, lang), Name: "Бегимай Осмонова", Roles: []staff.Role{role}, AllProjects: true, Language: lang}
		if role == staff.Operator {
			u.MerchantID, u.AllProjects = 0, false
		}
		g.people[who] = g.signedInAs(u).cookies[g.sessionCookie()]
	}
	return g.people[who]
}

// fullGallery has a year of payouts, people, and payouts by hand.
func fullGallery(t *testing.T) *gallery {
	t.Helper()
	database := "sqlite:" + filepath.Join(t.TempDir(), "full.db")
	_, err := sample.Fill(t.Context(), sample.Config{
		Store: store.Config{URL: database, Keyset: storetest.Keyset()}, Payouts: 300, Seed: 1,
		Shop:     sample.Project{ID: 210, Name: "Demo shop", Key: "secret", CallbackURL: "https://shop.example.kg/callbacks"},
		Salaries: sample.Project{ID: 211, Name: "Demo salaries", Key: "other", CallbackURL: "https://salaries.example.kg/callbacks"},
	})
	if err != nil {
		t.Fatal(err)
	}
	g := newGallery(t, newSiteOver(t, database, freshFor(t, time.Hour)))
	if err := g.Store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.findPayouts()
	g.addRates()
	g.converts(211, merchant.Conversion{On: true, Margin: money.Whole(15).Shift(-1)})
	g.addPeople()
	g.payByHand()
	g.payFiles()
	g.askForReports()
	g.openCases()
	g.sendAgain()
	g.setTariffs()
	g.askForRates()
	g.feedRates()
	g.makeBoards()
	return g
}

// findPayouts names one payout of each status and code: {success}, {603} and so on are their paths.
func (g *gallery) findPayouts() {
	g.t.Helper()
	told, err := g.Store.Deliveries(g.t.Context(), store.DeliveryFilter{ProjectID: 210, Limit: 1000})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, d := range told {
		v, err := g.Store.PaymentView(g.t.Context(), 210, d.PaymentID)
		if err != nil {
			g.t.Fatal(err)
		}
		name := fmt.Sprint(v.Operations[0].Code)
		switch {
		case v.Payment.Status == payout.Success:
			name = "success"
		case v.Payment.Status == payout.Decline && v.Operations[0].Submits == 0: // which of the reasons there are depends on the day
			name = "refused"
		}
		if d.State == store.CallbackGivenUp {
			name = "given-up"
		}
		g.places[name], g.places["open-"+name] = fmt.Sprintf("/payments/210/%d", v.Payment.ID), fmt.Sprintf("210.%d", v.Payment.ID)
	}
	if g.places["603"] == "" { // a sample as small as this one has none of a few days
		g.places["603"], g.places["open-603"] = g.places["refused"], g.places["open-refused"]
	}
}

func (g *gallery) addPeople() {
	g.t.Helper()
	giver := g.signedInAs(&staff.User{MerchantID: 1, Email: "factor@example.kg", Name: "Айпери Токтогулова", Roles: []staff.Role{staff.Risks}, AllProjects: true})
	newcomer := &staff.User{MerchantID: 1, Email: "newcomer@example.kg", Name: "Нурлан Касымов", Roles: []staff.Role{staff.Finance}, Projects: []int64{211}}
	if err := g.Access.CreateWithPassword(g.t.Context(), newcomer, sitePassword, giver.user.Actor()); err != nil {
		g.t.Fatal(err)
	}
	invited := &staff.User{MerchantID: 1, Email: "invited@example.kg", Name: "Айбек Асанов", Roles: []staff.Role{staff.Operations}, AllProjects: true}
	link, err := g.Access.Invite(g.t.Context(), "gallery", access.ByCommand("test"), invited)
	if err != nil {
		g.t.Fatal(err)
	}
	g.places["invitation"] = link
	g.places["member"] = fmt.Sprint(newcomer.ID)
}

// payByHand sends one payout, and asks for the approval of another.
func (g *gallery) payByHand() {
	g.t.Helper()
	known, _ := g.Store.Project(210)
	p := *known
	p.Settings.Approval = merchant.Sums{"KGS": 100_000}
	if err := g.Store.UpdateProject(g.t.Context(), &p, "test"); err != nil {
		g.t.Fatal(err)
	}
	clerk := g.signedIn(staff.Operations)
	clerk.places(g, "manual-payout", payoutEntries("general.payment_id", "by-hand-1", "once", "once-of-gallery-1"))
	clerk.places(g, "manual-approval", payoutEntries("general.payment_id", "by-hand-2", "payment.amount", "2000", "once", "once-of-gallery-2"))
	g.signedIn(staff.MerchantAdmin).post("/projects/210/keys", "once", "once-of-gallery-key", "label", "Бухгалтерия").wants(http.StatusOK)
	waiting, err := g.Store.Approvals(g.t.Context(), store.ApprovalFilter{Kinds: []string{store.ApprovalKey}, Limit: 10})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, a := range waiting {
		g.places["control"] = controlPath(a.ID)
	}
}

// openCases makes a discrepancy that is open, one that waits for a second person, and one that is settled.
func (g *gallery) openCases() {
	g.t.Helper()
	operator := g.signedIn(staff.Operator)
	g.places["case"] = g.contradict("wage-2026-10/117")
	for name, above := range map[string]int64{"case-settled": 100_000, "case-waiting": 99_999} {
		g.needsTwo(above)
		page := g.contradict(name)
		shown := operator.get(page)
		operator.post(page, "version", shown.field("version"), "decision", "bank", "owner", "Айбек Асанов", "reason", "Банктын көчүрмөсү, 3-май, 17-сап").
			wants(http.StatusSeeOther)
		g.places[name] = page
	}
	g.needsTwo(100_000)
}

// sendAgain orders a callback again, as the reader of English does.
func (g *gallery) sendAgain() {
	g.t.Helper()
	b := g.stranger()
	b.cookies[g.sessionCookie()] = g.session(staff.Support, languages[0])
	ask := b.get("/payments/resend?situation=callback+failing").wants(http.StatusOK)
	g.places["resend"] = b.post("/payments/resend", "query", ask.field("query"), "count", ask.field("count")).wants(http.StatusSeeOther).Location
}

// askForReports makes reports of each state, for a reader of each language.
func (g *gallery) askForReports() {
	g.t.Helper()
	var readers []*browser
	for _, lang := range languages {
		b := g.stranger()
		b.cookies[g.sessionCookie()] = g.session(staff.Finance, lang)
		readers = append(readers, b)
		b.post("/reports", reportEntries("project", "210", "project", "211", "from", "2026-03-01", "to", "2026-03-31")...).wants(http.StatusSeeOther)
		b.post("/reports", reportEntries("from", "2020-01-01", "to", "2020-01-01")...).wants(http.StatusSeeOther)
		g.makeReports()
		b.post("/reports", reportEntries("from", "2026-03-01T10:00:00")...).wants(http.StatusSeeOther)
		list := b.get("/reports")
		b.post(regexp.MustCompile(`/reports/cancel/\d+`).FindString(list.Body)).wants(http.StatusSeeOther)
		id, _ := strconv.ParseInt(regexp.MustCompile(`/reports/file/(\d+)`).FindStringSubmatch(list.Body)[1], 10, 64)
		g.places["report-link"] = "/reports/link/" + g.Reports.Link(id, g.Store.Now().Add(time.Hour))
	}
	for _, b := range readers {
		b.post("/reports/schedules", scheduleEntries("name", "Бухгалтерия үчүн")...).wants(http.StatusSeeOther)
		b.post("/reports", reportEntries("to", "2026-03-31")...).wants(http.StatusSeeOther)
		leased, err := jobs.Lease(g.t.Context(), g.Store, report.JobReport, 1, time.Hour)
		if err != nil || len(leased) != 1 {
			g.t.Fatal(leased, err)
		}
		if err := leased[0].Checkpoint(g.t.Context(), nil, 412_000, 1_000_000, nil); err != nil {
			g.t.Fatal(err)
		}
	}
	for _, b := range readers {
		b.post("/reports", reportEntries()...).wants(http.StatusSeeOther)
	}
}

// places sends a payout by hand and notes where its page is.
func (b *browser) places(g *gallery, name string, form map[string][]string) {
	g.t.Helper()
	g.places[name] = b.do(http.MethodPost, "/manual/send", form).wants(http.StatusSeeOther).Location
}

func TestEveryPageInBrowser(t *testing.T) {
	full, empty := fullGallery(t), newGallery(t, newSite(t, freshFor(t, time.Microsecond)))
	tab := browsertest.Start(t).Open(t, looks[0].view)
	for _, page := range everyPage {
		t.Run(page.name, func(t *testing.T) {
			g, p := full, tab.For(t)
			if page.empty {
				g = empty
			}
			p.Resize(looks[0].view.Width, looks[0].view.Height)
			g.show(t, p, page, "en")
			for _, look := range looks {
				p.Resize(look.view.Width, look.view.Height)
				inColours(p, look.view.Dark)
				fits(t, p, look.name)
				for _, v := range p.Axe() {
					t.Errorf("%s: %s", look.name, v)
				}
				p.Screenshot("dashboard-"+page.name+"-"+look.name, true)
				if !page.faces && os.Getenv(browsertest.Screenshots) == "" {
					continue
				}
				inColours(p, !look.view.Dark)
				for _, v := range p.Contrast() {
					t.Errorf("%s: %s", look.other, v)
				}
				p.Screenshot("dashboard-"+page.name+"-"+look.other, true)
			}
			if page.faces {
				g.speaks(t, p, page)
			}
		})
	}
}

// speaks looks at a page in the other languages: their words are longer, and nothing else differs.
func (g *gallery) speaks(t *testing.T, p *browsertest.Page, page shown) {
	for _, lang := range languages {
		if lang == "en" {
			continue
		}
		p.Resize(looks[0].view.Width, looks[0].view.Height)
		g.show(t, p, page, lang)
		for _, look := range looks {
			p.Resize(look.view.Width, look.view.Height)
			fits(t, p, lang+", "+look.name)
		}
		p.Resize(looks[0].view.Width, looks[0].view.Height)
		p.Screenshot("dashboard-"+page.name+"-"+lang, true)
	}
}

// inColours waits until the page that is open has followed the system's colours.
func inColours(p *browsertest.Page, dark bool) {
	p.Scheme(dark)
	p.WaitFor(fmt.Sprintf(`document.documentElement.dataset.bsTheme === %q`, map[bool]string{true: "dark", false: "light"}[dark]))
}

// show loads a page and does what leads to its state.
func (g *gallery) show(t *testing.T, p *browsertest.Page, page shown, lang string) {
	token := "none"
	if page.as != "" {
		token = g.session(page.as, lang)
	}
	p.SetCookie(g.url, g.sessionCookie(), token)
	p.SetCookie(g.url, languageCookie, lang)
	p.Goto(g.url + g.pathOf(t, page))
	if page.act != nil {
		page.act(p)
	}
	if status := browsertest.Eval[int](p, `performance.getEntriesByType("navigation")[0].responseStatus`); status >= 500 {
		t.Errorf("%s answers %d", page.path, status)
	}
	if got := browsertest.Eval[string](p, "document.documentElement.lang"); got != lang {
		t.Errorf("the page speaks %q, want %q", got, lang)
	}
	if n := browsertest.Eval[int](p, `document.querySelectorAll("h1").length`); n != 1 {
		t.Errorf("the page has %d first headings", n)
	}
}

// fits says what reaches beyond the window, and in which look of the page.
func fits(t *testing.T, p *browsertest.Page, look string) {
	t.Helper()
	for _, over := range p.Overflows() {
		t.Errorf("%s the page is wider than the window: %s", look, over)
	}
}

// pathOf is a page's path with the names of places replaced.
func (g *gallery) pathOf(t *testing.T, page shown) string {
	path := page.path
	for name, place := range g.places {
		path = strings.ReplaceAll(path, "{"+name+"}", place)
	}
	if strings.Contains(path, "{") {
		t.Fatalf("%s: nothing of that name was made; there are %q", path, slices.Sorted(maps.Keys(g.places)))
	}
	return path
}

// Every route that shows a page has a row in everyPage.
func TestEveryPageIsShown(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	for i := range routes {
		mux.HandleFunc(routes[i].pattern, func(http.ResponseWriter, *http.Request) {})
	}
	seen := make(map[string]bool)
	for _, page := range everyPage {
		path, _, _ := strings.Cut(page.path, "?")
		for name, example := range map[string]string{"{invitation}": "/invitation/x", "{manual-payout}": "/manual/payouts/210/x", "{manual-approval}": "/manual/approvals/7", "{control}": "/approvals/7", "{case}": "/operate/discrepancies/7", "{report-link}": "/reports/link/x", "{resend}": "/payments/resend/7", "{board}": "/analytics/boards/7", "{board-empty}": "/analytics/boards/7"} {
			path = strings.ReplaceAll(path, name, example)
		}
		if strings.HasPrefix(path, "{mass-") {
			path = "/manual/mass/7" + strings.TrimLeft(path, "{}-abcdefghijklmnopqrstuvwxyz")
		}
		if strings.HasPrefix(path, "{") {
			path = "/payments/210/x"
		}
		_, pattern := mux.Handler(httptest.NewRequest(http.MethodGet, wildcard.ReplaceAllString(path, "7"), nil))
		seen[pattern] = true
	}
	for i := range routes {
		pattern := routes[i].pattern
		if strings.HasPrefix(pattern, "GET ") && !seen[pattern] && !slices.Contains(notShown, pattern) {
			t.Errorf("%s is looked at by nobody: give it a row in everyPage, or in notShown with a reason", pattern)
		}
	}
}
