package dashboard

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"testing"

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
