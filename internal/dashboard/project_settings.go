package dashboard

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/store"
)

// settingsPage is one tab of a project's settings.
type settingsPage struct {
	projectHead
	Blocks []settingsBlock
	Edits  bool          // there is something that the user may change
	Theirs *theirs       // what somebody else has changed meanwhile; nil: nothing
	Sample *SampleAnswer // of a test callback; nil: none was sent
	CanTry bool          // a test callback can be sent
	Acts   []string      // what an operator can do with the project: "block" and the like
}

// settingsBlock are the settings of the project, or of one method.
type settingsBlock struct {
	Title  string         // empty for those of the project as a whole
	Method *method.Method // nil likewise
	Fields []fieldView
}

// fieldView is a setting as a page shows it.
type fieldView struct {
	merchant.Field
	Label, Help, Default string
	Edits                bool
	Text                 string // as it is stored
	Options              []option
	Sums                 []sumInput // of amounts
	Rules                []merchant.CallbackRule
}

// sumInput is one currency of amounts.
type sumInput struct {
	Name, Currency string
	Value          string // as it is stored, written as people do; empty: none
	Limit          string // the method's own, in major units; empty: none
}

// theirs is what another person made of settings while a form was open.
type theirs struct {
	Actor   string
	Changes []changeView // as it is now, and as the form has it
}

func serveSettings(_ *Dashboard, v *visit) error {
	p, err := v.project(v.r.PathValue("project"))
	if err != nil {
		return err
	}
	tab := cmp.Or(v.r.PathValue("tab"), string(merchant.General))
	if !knownTab(tab) {
		return errNotFound
	}
	page := v.settingsPage(p, tab)
	return v.render("project_settings", Page{Title: p.Name, Form: page.form(p), Data: page})
}

// settingsPage gathers what a tab shows.
func (v *visit) settingsPage(p *merchant.Project, tab string) *settingsPage {
	page := &settingsPage{projectHead: v.projectHead(p, tab), CanTry: v.d.TestCallback != nil}
	for _, f := range merchant.Fields(p, v.d.Methods.All()) {
		if string(f.Group) != tab {
			continue
		}
		view := v.fieldView(p, f)
		if f.Kind == merchant.Currencies && len(view.Options) == 1 && view.Text == "" {
			continue // there is nothing to choose
		}
		page.Edits = page.Edits || view.Edits
		i := slices.IndexFunc(page.Blocks, func(b settingsBlock) bool { return len(b.Fields) > 0 && b.Fields[0].Path == f.Path })
		if i < 0 {
			i = len(page.Blocks)
			block := settingsBlock{Method: f.Method}
			if f.Path != "" {
				block.Title = v.methodTitle(f.Path)
			}
			page.Blocks = append(page.Blocks, block)
		}
		page.Blocks[i].Fields = append(page.Blocks[i].Fields, view)
	}
	if tab == string(merchant.General) && v.user.Operator() {
		page.Acts = stopActs(p.Restrictions)
	}
	return page
}

func (v *visit) fieldView(p *merchant.Project, f merchant.Field) fieldView {
	view := fieldView{
		Field: f, Label: v.t("projects.setting." + f.Name), Help: v.t("projects.help." + f.Name), Text: f.Text(p), Edits: v.user.CanChange(f.Setting),
	}
	if f.Default != "" {
		view.Default = v.t("projects.default." + f.Name)
	}
	switch f.Kind {
	case merchant.Choice:
		view.Options = append(view.Options, option{Value: "", Label: view.Default})
		for _, choice := range f.Choices {
			view.Options = append(view.Options, option{Value: choice, Label: v.t("projects.choice." + f.Name + "." + choice)})
		}
	case merchant.Switch:
		view.Options = []option{{Value: "on", Label: v.t("projects.choice.on")}, {Value: "off", Label: v.t("projects.choice.off")}}
	case merchant.Currencies:
		for _, c := range currenciesOf(f) {
			view.Options = append(view.Options, option{Value: c, Label: c})
		}
		view.Edits = view.Edits && len(view.Options) > 1
	case merchant.Amounts:
		view.Sums = v.sumInputs(p, f)
	case merchant.Routes:
		view.Rules = p.Settings.CallbackRules
	}
	if f.PerMethod && f.Method == nil {
		view.Edits = false
	}
	return view
}

func currenciesOf(f merchant.Field) []string {
	var codes []string
	if f.Method != nil {
		for _, c := range f.Method.Currencies {
			codes = append(codes, c.Code)
		}
	}
	return codes
}

// sumInputs are the currencies that amounts can be entered in: the method's, or those of all methods that the project
// has, and what is set already.
func (v *visit) sumInputs(p *merchant.Project, f merchant.Field) []sumInput {
	codes := currenciesOf(f)
	if !f.PerMethod {
		for _, m := range v.d.Methods.All() {
			if m.Enabled {
				codes = append(codes, currenciesOf(merchant.Field{Method: m})...)
			}
		}
	}
	stored := make(map[string]string)
	for _, entry := range strings.Split(f.Text(p), ", ") {
		if code, sum, ok := strings.Cut(entry, "="); ok {
			codes, stored[code] = append(codes, code), sum
		}
	}
	slices.Sort(codes)
	var out []sumInput
	for _, code := range slices.Compact(codes) {
		in := sumInput{Name: f.Key() + "." + code, Currency: code, Value: v.words().typed(stored[code], code)}
		if f.Method != nil {
			if c, ok := f.Method.Currency(code); ok {
				in.Limit = v.methodLimit(f.Name, c)
			}
		}
		out = append(out, in)
	}
	return out
}

func (v *visit) methodLimit(name string, c method.Currency) string {
	limit := c.Max
	if name == "min" {
		limit = c.Min
	}
	return v.t("projects.method_limit", "sum", v.d.pages[v.lang].words.sum(limit, c.Code))
}

// form is the tab's form as the project stands.
func (p *settingsPage) form(project *merchant.Project) *Form {
	f := newForm("version", strconv.FormatInt(project.Version, 10))
	for _, b := range p.Blocks {
		for _, field := range b.Fields {
			field.fill(f)
		}
	}
	return f
}

// fill puts a field's value into a form.
func (v fieldView) fill(f *Form) {
	switch v.Kind {
	case merchant.Amounts:
		for _, in := range v.Sums {
			f.Values.Set(in.Name, in.Value)
		}
	case merchant.Currencies:
		chosen := strings.Split(v.Text, ", ")
		if v.Text == "" {
			chosen = currenciesOf(v.Field)
		}
		f.Values[v.Key()] = chosen
	case merchant.Networks:
		f.Values.Set(v.Key(), strings.ReplaceAll(v.Text, ", ", "\n"))
	default:
		f.Values.Set(v.Key(), v.Text)
	}
}

// entered is the text that a form gives a field; ok is false where the form lacks it, or gives a sum that cannot be read,
// which is a fault beside it.
func (v *visit) entered(field *fieldView, f *Form) (text string, ok bool) {
	switch field.Kind {
	case merchant.Amounts:
		return v.enteredSums(field, f)
	case merchant.Currencies:
		chosen := slices.Sorted(slices.Values(f.Values[field.Key()]))
		if len(chosen) == len(field.Options) {
			chosen = nil // all of them is the default
		}
		return strings.Join(chosen, ", "), true
	}
	return f.Get(field.Key()), f.Values.Has(field.Key())
}

// settingsForm reads a form of a project's settings.
func (v *visit) settingsForm() (p *merchant.Project, tab string, f *Form, err error) {
	if p, err = v.project(v.r.PathValue("project")); err != nil {
		return nil, "", nil, err
	}
	if tab = v.r.PathValue("tab"); !knownTab(tab) {
		return nil, "", nil, errNotFound
	}
	f, err = v.form()
	return p, tab, f, err
}

// serveSettingsAgain shows the settings with what was entered. The version that it was entered over stays, so that what
// somebody else has changed meanwhile is told, not overwritten.
func serveSettingsAgain(_ *Dashboard, v *visit) error {
	p, tab, f, err := v.settingsForm()
	if err != nil {
		return err
	}
	return v.render("project_settings", Page{Title: p.Name, Form: f, Data: v.settingsPage(p, tab)})
}

func serveSettingsSave(d *Dashboard, v *visit) error {
	p, tab, f, err := v.settingsForm()
	if err != nil {
		return err
	}
	page := v.settingsPage(p, tab)
	values := v.entries(page, f)
	changed, faults := merchant.Change(p, d.Methods.All(), values, v.user.CanChange)
	for _, fault := range faults {
		f.Fault(page.place(fault), v.faultText(fault))
	}
	if !f.OK() {
		return v.renderStatus(http.StatusUnprocessableEntity, "project_settings", Page{Title: p.Name, Form: f, Data: page})
	}
	saved := fmt.Sprintf("/projects/%d/%s", p.ID, tab)
	if f.Get("version") != strconv.FormatInt(p.Version, 10) {
		if len(merchant.Differences(p, changed)) == 0 { // a second click: it is stored as it was entered
			return v.redirect(saved, "projects.saved")
		}
		return v.conflict(page, f, values)
	}
	err = d.Store.SaveProject(v.ctx(), changed, store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey})
	if errors.Is(err, store.ErrMoved) {
		if p, err = v.project(v.r.PathValue("project")); err != nil {
			return err
		}
		return v.conflict(v.settingsPage(p, tab), f, values)
	}
	if errors.Is(err, store.ErrNeedsSecond) {
		return v.askSettings(page, f, changed)
	}
	if err != nil {
		return err
	}
	return v.redirect(saved, "projects.saved")
}

// entries are what a form says of the settings that its user may change.
func (v *visit) entries(p *settingsPage, f *Form) map[string]string {
	values := make(map[string]string)
	for _, b := range p.Blocks {
		for i := range b.Fields {
			field := &b.Fields[i]
			if !field.Edits {
				continue
			}
			if text, ok := v.entered(field, f); ok {
				values[field.Key()] = text
			}
		}
	}
	return values
}

// place is the field of the form that a fault belongs beside: of amounts, that of the currency that it speaks of.
func (p *settingsPage) place(fault merchant.Fault) string {
	for _, b := range p.Blocks {
		for _, field := range b.Fields {
			if field.Key() != fault.Key || len(field.Sums) == 0 {
				continue
			}
			for _, in := range field.Sums {
				if slices.ContainsFunc(fault.Args, func(arg string) bool { return strings.HasPrefix(arg, in.Currency+"=") }) {
					return in.Name
				}
			}
			return field.Sums[0].Name
		}
	}
	return fault.Key
}

func (v *visit) faultText(fault merchant.Fault) string {
	args := make([]any, len(fault.Args))
	for i, a := range fault.Args {
		args[i] = v.words().sums(a)
	}
	return v.t("projects.fault."+fault.ID, args...)
}

// conflict shows a form whose settings somebody else has changed since it was opened: theirs and what was entered. Sent
// again, the form goes on from theirs.
func (v *visit) conflict(page *settingsPage, f *Form, values map[string]string) error {
	p := page.Project
	page.Theirs = &theirs{}
	newest, err := v.d.Store.ProjectVersions(v.ctx(), p.ID, 0, 1)
	if err != nil {
		return err
	}
	for _, version := range newest {
		page.Theirs.Actor = version.Actor
	}
	for _, b := range page.Blocks {
		for _, field := range b.Fields {
			mine, entered := values[field.Key()]
			if field.Kind == merchant.Networks {
				mine = strings.Join(strings.Fields(strings.ReplaceAll(mine, ",", " ")), ", ")
			}
			if entered && mine != field.Text {
				page.Theirs.Changes = append(page.Theirs.Changes, changeView{Label: v.settingLabel(field.Field), Before: v.words().sums(field.Text), After: v.words().sums(mine)})
			}
		}
	}
	f.Values.Set("version", strconv.FormatInt(p.Version, 10))
	return v.renderStatus(http.StatusConflict, "project_settings", Page{Title: p.Name, Form: f, Data: page})
}

// serveCallbackTest sends a signed sample to the project's callback URL and shows what the endpoint answered.
func serveCallbackTest(d *Dashboard, v *visit) error {
	p, err := v.project(v.r.PathValue("project"))
	if err != nil {
		return err
	}
	if d.TestCallback == nil {
		return errNotFound
	}
	page := v.settingsPage(p, string(merchant.Callbacks))
	answer, err := d.TestCallback(v.ctx(), p.ID)
	if err != nil {
		answer.Error = cmp.Or(answer.Error, err.Error())
	}
	page.Sample = &answer
	return v.render("project_settings", Page{Title: p.Name, Form: page.form(p), Data: page})
}
