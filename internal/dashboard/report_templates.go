package dashboard

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"flashpay/internal/report"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// fileFields are the entries of a form that say how a file is written: each user's next form begins with those of the last.
// The form that was taken of a list chooses all but the last two.
var fileFields = []string{"separator", "decimal", "header", "times", "bom", "gzip", "zone"}

// exportField says in what form lists are downloaded: exportLocal or exportAPI.
const (
	exportField = "export"
	exportLocal = "local" // as Excel here opens it, in the reader's zone and language
	exportAPI   = "api"   // as programs read it: columns' names, UTC
)

// maxTemplate is how many bytes a template may have.
const maxTemplate = 4096

// templateLink is a template as the pages of forms show it.
type templateLink struct{ Name, Href string }

func (v *visit) templateLinks(path string) (out []templateLink, err error) {
	all, err := v.d.people.Templates(v.ctx(), v.user.ID)
	for _, t := range all {
		out = append(out, templateLink{t.Name, path + "?template=" + url.QueryEscape(t.Name)})
	}
	return out, err
}

// template is the form that a template keeps.
func (v *visit) template(name string) (url.Values, error) {
	t, err := v.d.people.Template(v.ctx(), v.user.ID, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNotFound
	}
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(t.Query)
}

// templateOf are the entries of a form that a template keeps: all but the interval, which is another one each time.
func templateOf(f *Form) string {
	kept := make(url.Values)
	columns := chosenColumns(f)
	for name, values := range f.Values {
		place, isPlace := strings.CutPrefix(name, "place_")
		switch {
		case slices.Contains([]string{"once", "from", "from_time", "to", "to_time", "template", "mail"}, name), isPlace && !slices.Contains(columns, place):
		case len(values) == 1 && values[0] == "":
		default:
			kept[name] = values
		}
	}
	return kept.Encode()
}

// serveSaveTemplate keeps the form of a report under a name. Only what would make a report is kept.
func serveSaveTemplate(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	v.readRequest(f)
	name, query := f.Get("template"), templateOf(f)
	if name == "" || len([]rune(name)) > maxScheduleName || len(query) > maxTemplate {
		f.Fault("template", v.t("report.fault.template", "most", maxScheduleName))
	}
	if f.OK() {
		err := d.people.SaveTemplate(v.ctx(), "template "+v.user.Object()+" "+f.IdempotencyKey, v.user.ID, people.Template{Name: name, Query: query}, v.actor())
		if err == nil {
			return v.redirect("/reports/new?template="+url.QueryEscape(name), "report.template_saved", "name", name)
		}
		if !errors.Is(err, people.ErrTooManyTemplates) {
			return err
		}
		f.Fault("template", v.t("report.fault.templates"))
	}
	return v.showReportForm(http.StatusUnprocessableEntity, f, "/reports/new", "report_new", "report.new")
}

func serveDropTemplate(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	name := f.Get("template")
	err = d.people.DropTemplate(v.ctx(), "template drop "+v.user.Object()+" "+f.IdempotencyKey, v.user.ID, name, v.actor())
	if err != nil && !errors.Is(err, store.ErrNotFound) { // a second click
		return err
	}
	return v.redirect("/reports/new", "report.template_deleted", "name", name)
}

// fileForm is how the visitor's files were written last.
func (v *visit) fileForm() (url.Values, error) {
	query, err := v.d.people.FileForm(v.ctx(), v.user.ID)
	if err != nil {
		return nil, err
	}
	values, _ := url.ParseQuery(query) // what can be read of it
	return values, nil
}

// rememberFile keeps how files are written, where that is another way than before.
func (v *visit) rememberFile(fields []string, from url.Values) error {
	known, err := v.fileForm()
	if err != nil {
		return err
	}
	next := maps.Clone(known)
	if next == nil {
		next = make(url.Values)
	}
	for _, name := range fields {
		next.Set(name, from.Get(name)) // that a box is not ticked is remembered, too
	}
	if next.Encode() == known.Encode() {
		return nil
	}
	return v.d.people.SaveFileForm(v.ctx(), v.user.ID, next.Encode())
}

// rememberForm keeps the form that was taken of a list. Where it is another one than before, the form of reports begins with it,
// too.
func (v *visit) rememberForm(form string) error {
	known, err := v.fileForm()
	if err != nil || known.Get(exportField) == form {
		return err
	}
	next := url.Values{exportField: {form}, "separator": {"comma"}, "decimal": {"point"}, "header": {"names"}, "times": {"zoned"}}
	if form == exportLocal {
		next = url.Values{exportField: {form}, "separator": {"semicolon"}, "decimal": {"comma"}, "header": {v.lang}, "times": {"local"}, "bom": {"yes"}}
	}
	return v.rememberFile(append([]string{exportField}, fileFields[:5]...), next)
}

// rememberReport keeps how a report's file is written. Lists offer the form first that is like it.
func (v *visit) rememberReport(entries url.Values) error {
	form := exportAPI
	if entries.Get("separator") == "semicolon" || entries.Get("decimal") == "comma" {
		form = exportLocal
	}
	entries = maps.Clone(entries)
	entries.Set(exportField, form)
	return v.rememberFile(append([]string{exportField}, fileFields...), entries)
}

// csvLink downloads a list in one of its two forms.
type csvLink struct{ Label, Href string }

// csvLinks are the links to a list's file: first the form that the visitor took last.
func (v *visit) csvLinks(address string) ([]csvLink, error) {
	known, err := v.fileForm()
	if err != nil {
		return nil, err
	}
	forms := []string{exportAPI, exportLocal}
	if last := known.Get(exportField); last == exportLocal || last == "" && v.lang != languages[0] {
		slices.Reverse(forms)
	}
	var out []csvLink
	for _, form := range forms {
		mark := "?"
		if strings.Contains(address, "?") {
			mark = "&"
		}
		out = append(out, csvLink{v.t("report.csv." + form), address + mark + exportField + "=" + form})
	}
	return out, nil
}

// csvForm is the form of the file that the address asks for, which is remembered. Without a word it is the API's.
func (v *visit) csvForm() (report.Format, error) {
	form := v.r.URL.Query().Get(exportField)
	if form != exportLocal && form != exportAPI {
		return report.Format{}, nil
	}
	if err := v.rememberForm(form); err != nil {
		return report.Format{}, err
	}
	if form == exportLocal {
		return report.Local(v.lang), nil
	}
	return report.Format{}, nil
}
