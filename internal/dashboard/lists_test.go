package dashboard

import (
	"encoding/csv"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flashpay/internal/money"
	"flashpay/internal/staff"
)

// listPages are the pages whose list comes as a file, each with its columns.
var listPages = map[string]string{
	"/team":              "user_id user_name email merchant_name roles state signed_in_at",
	"/team/history":      "at actor action object detail",
	"/finance":           "project_id project_name currency available held disputed owed",
	"/projects":          "project_id project_name merchant_name mode url",
	"/projects/210/keys": "key label added_by added_at used_at revoked_at",
	"/manual/mass":       "batch_id project_id file created_at requester rows succeeded declined state",
	"/manual/waiting":    "approval_id project_id what amount currency requester requested_at state decider decided_at reason",
	"/operate/audit":     "at actor action object detail",
	"/overview":          "project_id project_name currency available pace days_left",
	"/manual":            "created_at payment_id project_id method account_number amount currency status",
	"/reports":           "report_id kind project_id from to zone schedule_id requested_at state rows as_of kept_until",
	"/reports/schedules": "schedule_id name kind project_id every on_day hour zone state next_at",

	"/projects/210/history": "version at actor setting before after",
	"/operate/merchants":    "merchant_id merchant_name state projects created_at",
	"/operate/merchants/1":  "project_id project_name mode state created_at",
	"/operate/funds":        "approval_id project_id what amount currency requester requested_at state decider decided_at reason",
}

// file reads the file of a list in the form for programs.
func (b *browser) file(path string) [][]string {
	b.site.t.Helper()
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	a := b.get(path + mark + "export=api").wants(http.StatusOK)
	if kind := a.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/csv") {
		b.site.t.Fatalf("%s: %s", path, kind)
	}
	rows, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
	if err != nil {
		b.site.t.Fatal(err)
	}
	return rows
}

// TestListsComeAsFiles holds that each list has its file, for those who may see the page and nobody else, and that the page
// links to both of its forms.
func TestListsComeAsFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	people := make(map[staff.Role]*browser)
	for _, role := range staff.Roles {
		people[role] = s.signedIn(role)
	}
	for path, columns := range listPages {
		for role, b := range people {
			page := b.get(path)
			if file := b.get(path + "?export=api"); file.Status != page.Status {
				t.Errorf("%s: %s has the page with %d and the file with %d", path, role, page.Status, file.Status)
			}
			if page.Status != http.StatusOK {
				continue
			}
			for _, form := range []string{exportAPI, exportLocal} {
				if path == "/overview" && !strings.Contains(page.Body, "Balances") { // who sees no balances has no file of them
					continue
				}
				if !strings.Contains(page.Body, `href="`+path+"?export="+form+`"`) {
					t.Errorf("%s of %s has no link to its file for %s", path, role, form)
				}
			}
			if rows := b.file(path); strings.Join(rows[0], " ") != columns {
				t.Errorf("%s: the columns are %v", path, rows[0])
			}
		}
	}
}

// TestFilesOfLists holds what is in the files: the list as the page has it, all of its pages, and of nobody else.
func TestFilesOfLists(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	boss, operator := s.signedIn(staff.MerchantAdmin), s.signedIn(staff.Operator)
	s.userNamed("clerk@example.kg", staff.Support)
	s.signedInAs(&staff.User{MerchantID: 2, Email: "strange@example.com", Name: "Strange", Roles: []staff.Role{staff.MerchantAdmin}})
	emails := func(b *browser) (out []string) {
		for _, row := range b.file("/team")[1:] {
			out = append(out, row[2])
		}
		return out
	}
	if got := emails(boss); !slices.Contains(got, "clerk@example.kg") || slices.Contains(got, "strange@example.com") {
		t.Error(got)
	}
	if got := emails(operator); !slices.Contains(got, "strange@example.com") {
		t.Error(got)
	}
	for range 60 { // more than a page of the history has
		boss.get("/team?export=api").wants(http.StatusOK)
	}
	if rows := boss.file("/team/history"); len(rows) < 62 {
		t.Errorf("the history's file has %d rows", len(rows))
	}
	if rows := operator.file("/operate/audit?object=project+220"); len(rows) != 2 || rows[1][3] != "project 220" {
		t.Error(rows)
	}
	var projects []string
	for _, row := range boss.file("/finance")[1:] {
		projects = append(projects, row[0]+" "+row[2]+" "+row[3])
	}
	if !slices.Equal(projects, []string{"210 KGS 1000000.00", "211 KGS 1000000.00"}) {
		t.Error(projects)
	}
	if rows := boss.file("/projects/210/keys"); len(rows) != 2 || rows[1][0] != "1" {
		t.Error(rows)
	}
	boss.get("/projects/220/keys?export=api").wants(http.StatusNotFound)
	local := boss.get("/finance?export=local").wants(http.StatusOK).Body
	if !strings.HasPrefix(local, "\ufeff\"Project ID\";") || !strings.Contains(local, "1000000,00") {
		t.Error(local)
	}
}

// withoutFiles are pages with lists that have no file of their own, each with the reason.
var withoutFiles = map[string]string{
	"mass-checked":         "what is wrong with a file comes as the file itself, with the faults beside its rows",
	"mass-waiting":         "likewise; its rows are a list of their own",
	"mass-sending":         "its rows are a list of their own, and come as the file with what became of each",
	"mass-sent":            "likewise",
	"mass-confirm":         "sums of one file, in a form",
	"operate-case":         "what a decision would do to one balance, in a form",
	"operate-case-waiting": "likewise",
	"operate-top-up":       "the balances of one project, in a form; Finance has them as a file",
	"statement-print":      "the statement as it is printed; the statement's page has the file",
	"board-full":           "a board on a wall: its page has the files",
	"board-edit":           "a form; the board's page has the files",
	"operate-rates":        "rates that are set and wait for a second person, in a form; those that hold come as the file of Finance",
	"overview-of-support":  "what waits: numbers that lead to their lists",
}

// severalLists are the lists of pages that have more than one, by the name in the address of each.
var severalLists = map[string]string{
	"payment":         "callbacks operations timeline",
	"payment-refused": "callbacks operations timeline",
	"finance-project": "balances booked",
	"tariffs":         "now versions",
	"operate":         "discrepancies given_up settlements",
	"profile":         "acts factors sessions",
}

var (
	listMark = regexp.MustCompile(`<table|<ul class="rows"|<ol class="timeline"|<ul class="cards`)
	fileLink = regexp.MustCompile(`href="([^"]*export=(?:api|local)|/analytics/(?:[^"?]*/)?csv[^"]*)"`)
)

// TestEveryListOnThePagesHasAFile walks all pages as their readers do: each that shows a list leads to its file, in both forms, and
// the files are what they say. A page without one stands in a list of exceptions, with the reason.
func TestEveryListOnThePagesHasAFile(t *testing.T) {
	g := fullGallery(t)
	readers, met, read := make(map[staff.Role]*browser), make(map[string]bool), make(map[string]bool)
	for _, page := range everyPage {
		if page.as == "" || page.act != nil || page.empty || strings.HasSuffix(page.name, "-faulty") {
			continue
		}
		b := readers[page.as]
		if b == nil {
			u := &staff.User{MerchantID: 1, Email: string(page.as) + "@files.kg", Name: "Reader", Roles: []staff.Role{page.as}, AllProjects: true}
			if page.as == staff.Operator {
				u.MerchantID, u.AllProjects = 0, false
			}
			b = g.signedInAs(u)
			readers[page.as] = b
		}
		body := b.get(g.pathOf(t, page)).Body
		links := make(map[string]bool)
		for _, l := range fileLink.FindAllStringSubmatch(body, -1) {
			links[html.UnescapeString(l[1])] = true
		}
		has, excepted := listMark.MatchString(body), withoutFiles[page.name] != ""
		if has && len(links) == 0 && !excepted {
			t.Errorf("%s shows a list and has no link to its file", page.name)
		}
		met[page.name] = has
		if want, ok := severalLists[page.name]; ok {
			if got := namesOf(links); got != want {
				t.Errorf("%s has files of %q, want %q", page.name, got, want)
			}
		}
		for link := range links {
			if !read[string(page.as)+link] {
				read[string(page.as)+link] = true
				b.checkFile(link)
			}
		}
	}
	for name, why := range withoutFiles {
		if !met[name] {
			t.Errorf("%s shows no list, and needs no reason: %s", name, why)
		}
	}
}

// namesOf are the lists that links are of, in their order.
func namesOf(links map[string]bool) string {
	var names []string
	for link := range links {
		if u, err := url.Parse(link); err == nil {
			names = append(names, u.Query().Get(ofField))
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

// checkFile reads a file: it has columns, each of which has a title where the form is for people, and rows that fit them.
func (b *browser) checkFile(link string) {
	t := b.site.t
	t.Helper()
	a := b.get(link).wants(http.StatusOK)
	if strings.HasPrefix(link, "/analytics/") { // of a tile, in its one form
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") {
			t.Errorf("%s comes as %s", link, a.Header.Get("Content-Type"))
		}
		return
	}
	local := strings.HasSuffix(link, "export="+exportLocal)
	in := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.Body, "\ufeff")))
	if local {
		in.Comma = ';'
	}
	rows, err := in.ReadAll()
	if err != nil || len(rows) == 0 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("%s: %v, %d rows as %s", link, err, len(rows), a.Header.Get("Content-Type"))
		return
	}
	if len(rows) == 1 {
		t.Logf("%s: no rows", link)
	}
	for _, name := range rows[0] {
		if local && strings.ToLower(name) == name && name != "URL" {
			t.Errorf("%s: the column %s has no title", link, name)
		}
	}
}

// TestFilesOfPagesAreWhole holds that the files of a payment's callbacks and of a figure's movements have all there is: each attempt,
// and what makes up the sum.
func TestFilesOfPagesAreWhole(t *testing.T) {
	g := fullGallery(t)
	b := g.signedIn(staff.MerchantAdmin)
	path := g.places["given-up"]
	payment, err := strconv.ParseInt(path[strings.LastIndexByte(path, '/')+1:], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	callbacks, err := g.Store.PaymentCallbacks(t.Context(), 210, payment)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, c := range callbacks {
		want += max(1, len(c.Attempts))
	}
	if rows := b.file(path + "?of=callbacks"); len(rows)-1 != want || want < 2 {
		t.Errorf("%d rows of %d attempts", len(rows)-1, want)
	}
	b.get(path + "?of=nothing&export=api").wants(http.StatusNotFound)
	sum := int64(0)
	for _, row := range b.file("/finance/statement/movements?from=&project=210&currency=KGS&position=payouts")[1:] {
		amount, err := money.ParseMajor(strings.TrimLeft(row[7], "'-"), row[8])
		if err != nil {
			t.Fatal(row, err)
		}
		if strings.Contains(row[7], "-") {
			amount = -amount
		}
		sum += amount
	}
	if got := b.statementOf("from=&project=210&currency=KGS")["210 KGS payouts total"]; got != sum || sum == 0 {
		t.Errorf("the movements sum up to %d, the statement has %d", sum, got)
	}
}
