package dashboard

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/report"
)

// reportForm is what the form of a report offers.
type reportForm struct {
	Kinds                                            []kindTab
	Kind                                             *report.Kind
	Columns, Absent                                  []reportColumn // those of the last are always empty for payouts to accounts
	Projects, Methods, Currencies, Statuses, Headers []option
	Zones                                            []string
	Mail                                             bool // e-mail is set up
	Templates                                        []templateLink
	Template                                         string // the one that the form was filled by
}

// kindTab leads to the form of another kind.
type kindTab struct {
	Label, Href string
	On          bool
}

// reportColumn is a column that can be chosen.
type reportColumn struct {
	Name  string
	Title string // in the visitor's language; empty: as its name
	On    bool
	Place string
}

// serveReportForm shows the form of a report of the kind that the address names.
func serveReportForm(_ *Dashboard, v *visit) error {
	if v.wantsFile() {
		return v.sendOf(v.formLists())
	}
	f, err := v.newReportForm()
	if err != nil {
		return err
	}
	return v.showReportForm(http.StatusOK, f, "/reports/new", "report_new", "report.new")
}

// rowFields are the entries of a form that choose rows.
var rowFields = []string{"from", "from_time", "to", "to_time", "project", "status", "method", "currency", "code", "min", "max"}

// newReportForm is the form with what most readers of a language want: spreadsheets of Russian and Kyrgyz systems take
// semicolons and decimal commas; who has made a report gets the form of its file again. Where the address names a template, or a
// report of one's own, the form holds what that was asked for with.
func (v *visit) newReportForm() (*Form, error) {
	f := newForm("kind", v.r.URL.Query().Get("kind"), "zone", v.zone.String(), "header", v.lang, "separator", "comma", "decimal", "point", "times", "zoned", "bom", "yes")
	if v.lang != languages[0] {
		f.Values.Set("separator", "semicolon")
		f.Values.Set("decimal", "comma")
	}
	known, err := v.fileForm()
	if err != nil {
		return nil, err
	}
	for _, name := range fileFields {
		if known.Has(name) {
			f.Values.Set(name, known.Get(name))
		}
	}
	for name, values := range v.r.URL.Query() { // a list's filter leads here
		if name == "zone" || slices.Contains(rowFields, name) {
			f.Values[name] = values
		}
	}
	if name := v.r.URL.Query().Get("template"); name != "" {
		if f.Values, err = v.template(name); err != nil {
			return nil, err
		}
		f.Values.Set("template", name)
		return f, nil
	}
	again := v.r.URL.Query().Get("again")
	if again == "" {
		return f, nil
	}
	id, err := strconv.ParseInt(again, 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	r, err := v.d.Reports.Get(v.ctx(), v.user.ID, id)
	if err != nil {
		return nil, err
	}
	f.Values = entriesOf(&r.Order)
	return f, nil
}

// entriesOf are the entries of a form with which a report was asked for.
func entriesOf(o *report.Order) url.Values {
	q := &o.Request
	entries := url.Values{
		"kind": {q.Kind}, "zone": {q.Zone}, "chosen": {"yes"}, "column": q.Columns, "method": q.Methods, "currency": q.Currencies,
		"separator": {"comma"}, "decimal": {"point"}, "header": {cmp.Or(q.Format.Header, "names")},
	}
	for i, name := range q.Columns {
		entries.Set("place_"+name, strconv.Itoa(i+1))
	}
	for _, id := range q.Projects {
		entries.Add("project", strconv.FormatInt(id, 10))
	}
	for _, s := range q.Statuses {
		entries.Add("status", string(s))
	}
	codes := make([]string, 0, len(q.Codes))
	for _, c := range q.Codes {
		codes = append(codes, strconv.Itoa(c))
	}
	entries.Set("code", strings.Join(codes, ", "))
	if zone, err := time.LoadLocation(q.Zone); err == nil {
		setMoment(entries, "from", q.From, zone, 0, 0)
		setMoment(entries, "to", q.To, zone, -1, -time.Second) // the day, or the second, that the field names is in the report
	}
	for name, amount := range map[string]int64{"min": q.MinAmount, "max": q.MaxAmount} {
		if major, err := money.Major(amount, strings.Join(q.Currencies, "")); err == nil && amount > 0 {
			entries.Set(name, major)
		}
	}
	entries.Set("times", "zoned")
	if q.Format.LocalTimes {
		entries.Set("times", "local")
	}
	for name, set := range map[string]bool{"bom": q.Format.BOM, "gzip": q.Format.Gzip, "mail": o.Mail} {
		if set {
			entries.Set(name, "yes")
		}
	}
	if q.Format.Semicolon {
		entries.Set("separator", "semicolon")
	}
	if q.Format.DecimalComma {
		entries.Set("decimal", "comma")
	}
	return entries
}

// setMoment fills in a bound of a period: a midnight as a day alone, to which days are added, else the day and the time.
func setMoment(entries url.Values, name string, at time.Time, zone *time.Location, days int, add time.Duration) {
	if at.IsZero() {
		return
	}
	if day := at.In(zone).AddDate(0, 0, days); at.In(zone).Format(time.TimeOnly) == "00:00:00" {
		entries.Set(name, day.Format(time.DateOnly))
		return
	}
	at = at.Add(add).In(zone)
	entries.Set(name, at.Format(time.DateOnly))
	entries.Set(name+"_time", at.Format(time.TimeOnly))
}

// splitMoments puts the time of a bound that holds a day and a time into the field beside it.
func splitMoments(entries url.Values) {
	for _, name := range []string{"from", "to"} {
		if day, clock, both := strings.Cut(entries.Get(name), "T"); both && entries.Get(name+"_time") == "" {
			entries.Set(name, day)
			entries.Set(name+"_time", clock)
		}
	}
}

// showReportForm shows a form; path is its own address, where the links to the other kinds lead.
func (v *visit) showReportForm(status int, f *Form, path, page, title string) error {
	form, err := v.reportForm(f, path)
	if err != nil {
		return err
	}
	return v.renderStatus(status, page, Page{Title: v.t(title), Form: f, Data: form})
}

func (v *visit) reportForm(f *Form, path string) (*reportForm, error) {
	templates, err := v.templateLinks(path)
	if err != nil {
		return nil, err
	}
	kind, ok := report.Find(f.Get("kind"))
	if !ok {
		kind = report.Kinds[0]
	}
	f.Values.Set("kind", kind.Name)
	splitMoments(f.Values)
	out := &reportForm{Kind: kind, Zones: zones, Mail: v.d.Reports.Mail != nil, Templates: templates, Template: f.Get("template")}
	for _, k := range report.Kinds {
		out.Kinds = append(out.Kinds, kindTab{v.t("report.kind." + k.Name), path + "?kind=" + k.Name, k == kind})
	}
	for _, p := range v.projects() {
		id := strconv.FormatInt(p.ID, 10)
		out.Projects = append(out.Projects, option{Value: id, Label: id + " " + p.Name})
	}
	out.Methods, out.Currencies = v.methodOptions()
	for _, s := range kind.Statuses {
		out.Statuses = append(out.Statuses, option{Value: string(s), Label: v.rowStatus(string(s))})
	}
	for _, lang := range languages {
		out.Headers = append(out.Headers, option{Value: lang, Label: v.t("report.header_titles", "language", v.t("language."+lang))})
	}
	out.Headers = append(out.Headers, option{Value: "names", Label: v.t("report.header_names")})
	out.offerColumns(v, f)
	return out, nil
}

// offerColumns lists the columns with what is chosen of them: first the usual ones.
func (out *reportForm) offerColumns(v *visit, f *Form) {
	if f.Get("chosen") == "" {
		f.Values["column"] = out.Kind.Defaults()
	}
	for i, c := range out.Kind.Columns {
		offered := reportColumn{Name: c.Name, Title: report.Title(c.Name, v.lang), On: f.Has("column", c.Name)}
		if offered.Title == c.Name {
			offered.Title = ""
		}
		offered.Place = cmp.Or(f.Get("place_"+c.Name), strconv.Itoa(i+1))
		if c.Absent {
			out.Absent = append(out.Absent, offered)
		} else {
			out.Columns = append(out.Columns, offered)
		}
	}
}

// chosenColumns are the columns that are ticked, in the order of their numbers.
func chosenColumns(f *Form) []string {
	names := slices.Clone(f.Values["column"])
	place := func(name string) int {
		n, _ := strconv.Atoi(f.Get("place_" + name)) // what is no number comes first
		return n
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(place(a), place(b)) })
	return names
}

// readRequest reads the form of a report; what is wrong stands beside its field.
func (v *visit) readRequest(f *Form) *report.Request {
	values := maps.Clone(f.Values)
	values["columns"] = chosenColumns(f)
	if len(values["columns"]) == 0 {
		f.Fault("columns", v.t("report.fault.columns"))
	}
	q, faults := report.Parse(values, v.reportReader())
	for _, fault := range faults {
		field := fault.Field
		if field == "kind" { // there is no field for it: the page is of one kind
			field = ""
		}
		f.Fault(field, v.t("report.fault."+string(fault.What), "value", fault.Value))
	}
	return q
}

func (v *visit) reportReader() report.Reader {
	return report.Reader{Projects: projectIDs(v.projects()), Zone: v.zone.String(), Language: v.lang}
}

// order is a request as the visitor's own.
func (v *visit) order(q *report.Request, mail bool) report.Order {
	return report.Order{
		Request: *q, Mail: mail && v.d.Reports.Mail != nil, UserID: v.user.ID, MerchantID: v.user.MerchantID, Actor: v.actor(),
	}
}

// serveReportAgain shows the form with what was entered.
func serveReportAgain(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	return v.showReportForm(http.StatusOK, f, "/reports/new", "report_new", "report.new")
}

// serveMakeReport asks for a report.
func serveMakeReport(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	q := v.readRequest(f)
	if !f.OK() {
		return v.showReportForm(http.StatusUnprocessableEntity, f, "/reports/new", "report_new", "report.new")
	}
	if _, err := d.Reports.Add(v.ctx(), f.IdempotencyKey, v.order(q, f.Get("mail") != "")); err != nil {
		return err
	}
	if err := v.rememberReport(f.Values); err != nil {
		return err
	}
	return v.redirect("/reports", "report.asked")
}
