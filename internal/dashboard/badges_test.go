package dashboard

import (
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"flashpay/internal/staff"
)

// badgeOf is the badge of a section as it is shown, and in words; empty: it has none.
func (a *answer) badgeOf(path string) string {
	link := regexp.MustCompile(`(?s)<a href="` + path + `" data-key.*?</a>`).FindString(a.Body)
	if shown := regexp.MustCompile(`<span class="badge[^>]*title="([^"]*)"><span aria-hidden="true">([^<]*)</span><span class="visually-hidden">([^<]*)</span>`).FindStringSubmatch(link); shown != nil {
		return shown[2] + " " + shown[3]
	}
	return ""
}

// Each role's menu says what waits for it, and nothing of others' work or of other merchants'.
func TestSectionsHaveBadges(t *testing.T) {
	g := fullGallery(t)
	// A file that was checked and has no faults waits for nobody's correction.
	g.signedIn(staff.MerchantAdmin).upload("210", "good.csv", massFile(massRow(210, "good-1", 500))).wants(http.StatusSeeOther)
	const files, givenUp = "; Files with faults: 1", "1 Callbacks given up: 1"
	for role, want := range map[staff.Role]map[string]string{
		staff.Support:       {"/payments": givenUp},
		staff.Operations:    {"/manual": "3 Approvals: 2" + files, "/payments": givenUp}, // a secret key is not theirs to decide
		staff.Finance:       {},
		staff.Risks:         {},
		staff.MerchantAdmin: {"/manual": "4 Approvals: 3" + files, "/payments": givenUp},
		staff.Operator:      {"/manual": "4 Approvals: 3" + files, "/operate": "4 Manual rates to decide: 2; Rate imports that need attention: 1; Callbacks given up: 1"},
	} {
		page := g.signedIn(role).get("/profile").wants(http.StatusOK)
		for _, s := range sections {
			if got := page.badgeOf(s.Path); got != want[s.Path] {
				t.Errorf("%s: the badge of %s is %q, want %q", role, s.Path, got, want[s.Path])
			}
		}
	}
	for role, want := range map[staff.Role]int{staff.Operations: 2, staff.MerchantAdmin: 3} { // the overview counts as badges do
		page := g.signedIn(role).get("/overview").wants(http.StatusOK)
		shown := regexp.MustCompile(`(?s)id="errand-overview.approvals".*?<span class="badge badge-amber">(\d+)</span>`).FindStringSubmatch(page.Body)
		if shown == nil || shown[1] != strconv.Itoa(want) {
			t.Errorf("%s: the overview says %q, want %d", role, shown, want)
		}
	}
	stranger := g.signedInAs(&staff.User{MerchantID: 2, Email: "other@example.kg", Name: "Other", Roles: []staff.Role{staff.MerchantAdmin}, AllProjects: true})
	page := stranger.get("/profile").wants(http.StatusOK)
	for _, s := range sections {
		if got := page.badgeOf(s.Path); got != "" {
			t.Errorf("another merchant's badge of %s is %q", s.Path, got)
		}
	}
}
