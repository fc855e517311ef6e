package dashboard

import (
	"slices"
	"strconv"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// projectRoutes are projects, their settings and secret keys. All settings that are declared in package merchant have
// their place on the tabs of their groups.
var projectRoutes = []route{
	{pattern: "GET /projects", right: staff.ViewProjects, serve: serveProjects},
	{pattern: "GET /projects/{project}", right: staff.ViewProjects, serve: serveSettings},
	{pattern: "GET /projects/{project}/{tab}", right: staff.ViewProjects, serve: serveSettings},
	{pattern: "POST /projects/{project}/{tab}", right: staff.EditProjects, fresh: true, serve: serveSettingsSave, again: serveSettingsAgain},
	{pattern: "GET /projects/{project}/history", right: staff.ViewProjects, serve: serveVersions},
	{pattern: "GET /projects/{project}/keys", right: staff.ViewProjects, serve: serveKeys},
	{pattern: "POST /projects/{project}/keys", right: staff.EditProjects, fresh: true, serve: serveKeyAdd},
	{pattern: "POST /projects/{project}/webhooks", right: staff.EditProjects, fresh: true, serve: serveWebhookSecrets},
	{pattern: "GET /projects/{project}/keys/{key}/revoke", right: staff.EditProjects, serve: serveKeyRevoke},
	{pattern: "POST /projects/{project}/keys/{key}/revoke", right: staff.EditProjects, fresh: true, serve: serveKeyRevoke},
	{pattern: "POST /projects/{project}/callbacks/test", right: staff.EditProjects, serve: serveCallbackTest},
}

// projectCard is a project in the list.
type projectCard struct {
	*merchant.Project
	Merchant *merchant.Merchant // nil: the platform's own
	Health   store.CallbackHealth
}

// healthSpan is how many of a project's newest callbacks tell of its endpoint's health.
const healthSpan = 100

func serveProjects(d *Dashboard, v *visit) error {
	var cards []projectCard
	for _, p := range v.projects() {
		health, err := d.Store.CallbackHealth(v.ctx(), p.ID, healthSpan)
		if err != nil {
			return err
		}
		m, _ := d.Store.Merchant(p.MerchantID)
		cards = append(cards, projectCard{p, m, health})
	}
	if v.wantsFile() {
		return v.projectsFile(cards).send(v)
	}
	return v.render("projects", Page{Title: v.t("projects.title"), Data: cards, Wide: true, Files: true})
}

// projectHead is what every page of a project begins with.
type projectHead struct {
	Project  *merchant.Project
	Merchant *merchant.Merchant // nil: the platform's own
	Tab      string
	Tabs     []string
	v        *visit
}

// projectTabs are the tabs of a project: the groups of its settings, then its keys and its history.
func projectTabs() []string {
	tabs := []string{
		string(merchant.General), "keys", string(merchant.Methods), string(merchant.Callbacks), string(merchant.Security),
		string(merchant.Limits), string(merchant.Exchange), "history",
	}
	return tabs
}

func (v *visit) projectHead(p *merchant.Project, tab string) projectHead {
	m, _ := v.d.Store.Merchant(p.MerchantID)
	return projectHead{Project: p, Merchant: m, Tab: tab, Tabs: projectTabs(), v: v}
}

// historyLength is how many versions a page of the history shows.
const historyLength = 20

// versionView is a version of a project's settings, and what it changed.
type versionView struct {
	store.ProjectVersion
	Number  int64
	Changes []changeView
}

// changeView is a setting before and after; an empty text is the default.
type changeView struct {
	Label, Before, After string
}

type versionsPage struct {
	projectHead
	Versions    []versionView
	First, Next string // addresses; empty: there is none
}

// projectForm finds the project of the path, and reads what is posted about it.
func (v *visit) projectForm() (p *merchant.Project, f *Form, err error) {
	if p, err = v.project(v.r.PathValue("project")); err == nil {
		f, err = v.form()
	}
	return p, f, err
}

func serveVersions(_ *Dashboard, v *visit) error {
	p, err := v.project(v.r.PathValue("project"))
	if err != nil {
		return err
	}
	if v.wantsFile() {
		return v.versionsFile(p).send(v)
	}
	page, path, below := versionsPage{projectHead: v.projectHead(p, "history")}, v.r.URL.Path, v.below()
	if below > 0 {
		page.First = path
	}
	var more bool
	if page.Versions, more, err = v.versions(p, below, historyLength); err != nil {
		return err
	}
	if more {
		page.Next = path + "?below=" + strconv.FormatInt(page.Versions[historyLength-1].Number, 10)
	}
	return v.render("project_history", Page{Title: p.Name, Data: page, Files: true})
}

// versions are the versions of a project below a number, newest first, and whether there are more.
func (v *visit) versions(p *merchant.Project, below int64, limit int) (out []versionView, more bool, err error) {
	found, err := v.d.Store.ProjectVersions(v.ctx(), p.ID, below, limit+1)
	if err != nil {
		return nil, false, err
	}
	for i, version := range found[:min(len(found), limit)] {
		view := versionView{ProjectVersion: version, Number: version.Project.Version}
		if i+1 < len(found) {
			view.Changes = v.settingChanges(merchant.Differences(found[i+1].Project, version.Project))
		}
		out = append(out, view)
	}
	return out, len(found) > limit, nil
}

func (v *visit) settingChanges(differences []merchant.Difference) []changeView {
	var out []changeView
	for _, c := range differences {
		out = append(out, changeView{Label: v.settingLabel(c.Field), Before: v.words().sums(c.Before), After: v.words().sums(c.After)})
	}
	return out
}

// settingLabel names a setting; one of a method, with the method's title.
func (v *visit) settingLabel(f merchant.Field) string {
	label := v.t("projects.setting." + f.Name)
	if f.Path == "" {
		return label
	}
	return v.methodTitle(f.Path) + ": " + label
}

// methodTitle is a method's title, or its path where the platform offers it no more.
func (v *visit) methodTitle(path string) string {
	if m, ok := v.d.Methods.Get(path); ok {
		return v.words().methodTitle(path, m.Title)
	}
	return path
}

// knownTab tells whether a tab shows a group of settings.
func knownTab(tab string) bool {
	return slices.ContainsFunc(merchant.Declared(), func(s *merchant.Setting) bool { return string(s.Group) == tab })
}

// below is the number that a list goes on below; 0: from the newest.
func (v *visit) below() int64 {
	n, err := strconv.ParseInt(v.r.URL.Query().Get("below"), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
