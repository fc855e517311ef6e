package dashboard

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"flashpay/internal/staff"
)

//go:embed pages/*.html
var pageFiles embed.FS

// Page is what a route shows.
type Page struct {
	Title string // in words
	Form  *Form  // nil: none
	Data  any    // of the page's own
	Wide  bool   // the page has a table that wants the whole width
	Full  bool   // the page stands alone, without the frame: on a screen that people look at
	Files bool   // the page's list comes as a file, too: its address takes exportField
}

// pageView is what templates see as their root.
type pageView struct {
	Page
	Lang    string
	Theme   string
	User    *staff.User // nil on pages for anyone
	Path    string
	URI     string // with the query
	Notice  string // shown once
	Posted  bool   // it answers a form
	Again   bool   // the form was kept over a sign-in
	Search  string // what the header's search box holds
	visit   *visit
	badges  map[string]*badge // by section
	Version string            // of the static files
}

// ListFiles are the links to the file of the page's list, where it comes as one.
func (p *pageView) ListFiles() ([]csvLink, error) {
	if !p.Files {
		return nil, nil
	}
	return p.visit.listLinks()
}

// FilesOf are the links to the file of one of the page's lists, where it has several.
func (p *pageView) FilesOf(list string) ([]csvLink, error) { return p.visit.filesOf(list) }

// CSV are the links to the file at an address of its own.
func (p *pageView) CSV(address string) ([]csvLink, error) { return p.visit.csvLinks(address) }

// Can tells whether the user has a right, by its name. Hiding is a courtesy: the route table decides.
func (p *pageView) Can(right string) bool { return p.User != nil && p.User.Can(staff.Right(right)) }

// Operator tells whether the user is one of the platform's operators.
func (p *pageView) Operator() bool { return p.User != nil && p.User.Operator() }

// Sections are those that the user may open.
func (p *pageView) Sections() []section {
	var open []section
	for _, s := range sections {
		if p.User != nil && p.User.Can(s.right) {
			open = append(open, s)
		}
	}
	return open
}

// Badge is what waits in a section; nil: nothing.
func (p *pageView) Badge(section string) *badge { return p.badges[section] }

// Here tells whether a section is the one that is open.
func (p *pageView) Here(section string) bool {
	return p.Path == section || strings.HasPrefix(p.Path, section+"/")
}

// Languages are those that the pages speak.
func (p *pageView) Languages() []string { return languages }

// Zone is the name of the zone in which times are shown.
func (p *pageView) Zone() string { return p.visit.zone.String() }

// Now is the platform's time.
func (p *pageView) Now() time.Time { return p.visit.d.Store.Now() }

// pageSet are the pages in one language.
type pageSet struct {
	words *words
	pages map[string]func() (*template.Template, error) // by name, without .html
}

// allPages are the pages by language. They are part of the program, so they are read once, however many Dashboards there are.
var allPages = sync.OnceValues(func() (map[string]*pageSet, error) {
	all := make(map[string]*pageSet)
	for _, lang := range languages {
		set, err := newPageSet(lang)
		if err != nil {
			return nil, err
		}
		all[lang] = set
	}
	return all, nil
})

func newPageSet(lang string) (*pageSet, error) {
	w, err := loadWords(lang)
	if err != nil {
		return nil, err
	}
	set := &pageSet{words: w, pages: make(map[string]func() (*template.Template, error))}
	base, err := template.New("layout.html").Funcs(w.functions()).ParseFS(pageFiles, "pages/layout.html", "pages/parts*.html")
	if err != nil {
		return nil, fmt.Errorf("dashboard: layout: %w", err)
	}
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || strings.HasPrefix(name, "parts") {
			continue
		}
		// Each has a copy of the layout, half a megabyte: a server that mostly pays is not to hold two hundred of them.
		set.pages[name] = sync.OnceValues(func() (*template.Template, error) {
			page, err := base.Clone()
			if err == nil {
				page, err = page.ParseFS(pageFiles, file)
			}
			if err != nil {
				return nil, fmt.Errorf("dashboard: page %s: %w", name, err)
			}
			return page, nil
		})
	}
	return set, nil
}

// page is a page's template, made when it is first asked for.
func (s *pageSet) page(name string) (*template.Template, error) {
	if made, ok := s.pages[name]; ok {
		return made()
	}
	return nil, fmt.Errorf("dashboard: there is no page %q", name)
}

// execute writes a block of a page.
func (s *pageSet) execute(out io.Writer, page, block string, data any) error {
	t, err := s.page(page)
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(out, block, data)
}

// render shows a page.
func (v *visit) render(page string, p Page) error { return v.renderStatus(http.StatusOK, page, p) }

// renderStatus shows a page with another status than 200.
func (v *visit) renderStatus(status int, page string, p Page) error {
	return v.write(status, page, "layout.html", p)
}

// fragment shows one block of a page: htmx puts it into the page that is open.
func (v *visit) fragment(page, block string, p Page) error {
	return v.write(http.StatusOK, page, block, p)
}

func (v *visit) write(status int, page, block string, p Page) error {
	view := &pageView{
		Page: p, Lang: v.lang, User: v.user, Path: v.r.URL.Path, URI: v.r.URL.RequestURI(), visit: v, Version: static().version,
		Posted: v.r.Method == http.MethodPost, Again: v.isAgain(),
		Search: v.r.URL.Query().Get("q"),
	}
	if v.user != nil {
		view.Theme = v.user.Theme
		if (block == "layout.html" || block == "bell") && status < http.StatusInternalServerError {
			view.badges = v.badges()
		}
	}
	if block == "layout.html" || block == "panel-alone" {
		view.Notice = v.takeNotice()
	}
	var out bytes.Buffer // whole, so that a fault in the middle does not show half a page
	if err := v.d.pages[v.lang].execute(&out, page, block, view); err != nil {
		return fmt.Errorf("dashboard: page %s: %w", page, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(out.Bytes())
	return nil
}

const noticeCookie = "notice"

// notice is a word that the next page shows once.
type notice struct {
	ID   string `json:"id"`
	Args []any  `json:"args,omitempty"`
}

func (v *visit) leaveNotice(id string, args []any) {
	text, err := json.Marshal(notice{id, args})
	if err != nil { // words and numbers always marshal
		return
	}
	v.setCookie(noticeCookie, base64.RawURLEncoding.EncodeToString(text), time.Minute)
}

// takeNotice reads the notice and removes it. Whoever sets the cookie can only make a known word appear.
func (v *visit) takeNotice() string {
	cookie, err := v.r.Cookie(noticeCookie)
	if err != nil {
		return ""
	}
	v.setCookie(noticeCookie, "", -time.Second)
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	var n notice
	if err != nil || json.Unmarshal(text, &n) != nil || !v.d.pages[v.lang].words.has(n.ID) {
		return ""
	}
	return v.t(n.ID, n.Args...)
}

// t is a word in the visitor's language. Arguments are pairs of name and value; «count» chooses the plural.
func (v *visit) t(id string, args ...any) string { return v.d.pages[v.lang].words.say(id, args...) }
