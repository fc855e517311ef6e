package dashboard

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/staff"
	"flashpay/internal/store/figures"
)

var analyticsRoutes = slices.Concat([]route{
	{pattern: "GET /analytics", right: staff.ViewAnalytics, serve: serveAnalytics},
	{pattern: "GET /analytics/csv", right: staff.ViewAnalytics, serve: serveTileCSV},
}, boardRoutes)

// boardTemplate is a page of tiles, under the filters that its address names.
type boardTemplate struct {
	Name  string
	Tiles []string // their datasets
}

// boardTemplates are those of the platform, from which people make boards of their own.
var boardTemplates = []boardTemplate{
	{"conversion", []string{"payments", "conversion", "declines", "times", "operations"}},
	{"turnover", []string{"turnover", "paid", "top_methods", "top_projects"}},
	{"banks", []string{"top_banks", "bank_pivot", "top_codes"}},
	{"callbacks", []string{"callbacks", "callback_times"}},
}

// analysis is what an address, or a tile of somebody's board, asks for: which figures are taken, and how they are grouped.
type analysis struct {
	Form     *Form
	Board    *boardTemplate // of the platform's templates
	Projects []*merchant.Project
	Group    string // of time: hour, day, week, month
	Rows     string // what the rows of payments and operations are; empty: stretches of time
	Compare  bool

	from, to     time.Time // whole days in the reader's zone; to is exclusive
	before       time.Time // when the period of comparison begins
	beforeTo     time.Time // and where it ends, from at the latest
	query        figures.Query
	visit        *visit
	counting     bool // the figures of an older database are not there yet
	addressNames url.Values
}

// maxPeriod is the longest period in days, maxPoints the most points that a chart has.
const (
	maxPeriod = 400
	maxPoints = 800
)

// periods are those of one click, and the lengths of time by which figures can be grouped.
var (
	analyticsPeriods = []string{"today", "week", "month", "quarter", "this_month", "last_month", "days"}
	analyticsGroups  = []string{"hour", "day", "week", "month"}
)

// analysisNames are the entries that choose figures. The last ones are filters.
var (
	analysisNames   = append([]string{"board", "period", "from", "to", "group", "rows", "compare"}, analysisFilters...)
	analysisFilters = []string{"project", "method", "currency"}
)

// readAnalysis reads entries, of an address or of a tile. What cannot be read is a fault of its field, and no figures are shown then.
func readAnalysis(v *visit, given url.Values) *analysis {
	a := &analysis{
		Form: newForm(), Board: &boardTemplates[0], Projects: v.projects(), Compare: given.Get("compare") != "", visit: v,
		addressNames: make(url.Values),
	}
	for _, name := range analysisNames {
		if values := slices.DeleteFunc(slices.Clone(given[name]), func(s string) bool { return s == "" }); len(values) > 0 {
			a.Form.Values[name], a.addressNames[name] = values, values
		}
	}
	for i := range boardTemplates {
		if boardTemplates[i].Name == a.Form.Get("board") {
			a.Board = &boardTemplates[i]
		}
	}
	a.readPeriod()
	a.readGroup()
	a.readRows()
	a.readFilters()
	return a
}

func (a *analysis) readPeriod() {
	v := a.visit
	now := v.d.Store.Now().In(v.zone)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, v.zone)
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, v.zone)
	if a.Form.Get("period") == "" {
		a.Form.Values.Set("period", "week")
		if a.Form.Get("from") != "" || a.Form.Get("to") != "" {
			a.Form.Values.Set("period", "days")
		}
	}
	a.to = today.AddDate(0, 0, 1)
	switch a.Form.Get("period") {
	case "today":
		a.from = today
	case "week":
		a.from = today.AddDate(0, 0, -6)
	case "month":
		a.from = today.AddDate(0, 0, -29)
	case "quarter":
		a.from = today.AddDate(0, 0, -89)
	case "this_month":
		a.from = month
	case "last_month":
		a.from, a.to = month.AddDate(0, -1, 0), month
	case "days":
		a.readDays(today)
	default:
		a.from = today
		a.Form.Fault("period", v.t("payments.fault_choice"))
	}
	a.before, a.beforeTo = a.from.AddDate(0, 0, -a.days()), a.from
	switch a.Form.Get("period") {
	case "last_month":
		a.before = a.from.AddDate(0, -1, 0)
	case "this_month": // so far: with as many days of the month before, if it has them
		a.before = a.from.AddDate(0, -1, 0)
		if to := a.before.AddDate(0, 0, a.days()); to.Before(a.from) {
			a.beforeTo = to
		}
	}
	a.query = figures.Query{From: a.from, To: a.to}
}

// days is how many days the period has.
func (a *analysis) days() int { return int((a.to.Sub(a.from) + 12*time.Hour) / (24 * time.Hour)) }

func (a *analysis) readDays(today time.Time) {
	v := a.visit
	for name, into := range map[string]*time.Time{"from": &a.from, "to": &a.to} {
		*into = today
		text := a.Form.Get(name)
		day, ok := parseIn(v.zone, dayLayouts, text)
		if text != "" && !ok {
			a.Form.Fault(name, v.t("payments.fault_time"))
		}
		if ok {
			*into = day
		}
	}
	if a.Form.Get("from") == "" {
		a.from = a.to
	}
	a.to = a.to.AddDate(0, 0, 1)
	switch {
	case !a.from.Before(a.to):
		a.Form.Fault("to", v.t("payments.fault_period"))
	case a.days() > maxPeriod:
		a.Form.Fault("to", v.t("analytics.fault_long", "count", maxPeriod))
	}
}

// readRows reads what the rows of payments and of operations are.
func (a *analysis) readRows() {
	if a.Rows = a.Form.Get("rows"); a.Rows != "" && !slices.Contains(analyticsRows, a.Rows) {
		a.Form.Fault("rows", a.visit.t("payments.fault_choice"))
	}
}

// readGroup reads by what length of time charts are grouped; without a choice the period says.
func (a *analysis) readGroup() {
	a.Group = a.Form.Get("group")
	switch days := a.days(); {
	case a.Group != "" && !slices.Contains(analyticsGroups, a.Group):
		a.Form.Fault("group", a.visit.t("payments.fault_choice"))
	case a.Group == "hour" && days*24 > maxPoints:
		a.Form.Fault("group", a.visit.t("analytics.fault_points"))
	case a.Group != "":
	case days <= 2:
		a.Group = "hour"
	case days <= 62:
		a.Group = "day"
	case days <= 190:
		a.Group = "week"
	default:
		a.Group = "month"
	}
}

func (a *analysis) readFilters() {
	f, v := a.Form, a.visit
	exists := map[string]func(string) bool{
		"project": func(id string) bool {
			return slices.ContainsFunc(a.Projects, func(p *merchant.Project) bool { return strconv.FormatInt(p.ID, 10) == id })
		},
		"method":   func(path string) bool { _, ok := v.d.Methods.Get(path); return ok },
		"currency": money.Valid,
	}
	for _, name := range slices.Sorted(maps.Keys(exists)) {
		for _, value := range f.Values[name] {
			if !exists[name](value) {
				f.Fault(name, v.t("payments.fault_unknown", "value", value))
			}
		}
	}
	a.query.Projects = projectIDs(a.Projects)
	if len(f.Values["project"]) > 0 {
		a.query.Projects = slices.DeleteFunc(a.query.Projects, func(id int64) bool { return !f.Has("project", strconv.FormatInt(id, 10)) })
	}
	a.query.Methods, a.query.Currencies = f.Values["method"], f.Values["currency"]
}

// sum adds figures up for this period, or for the one before.
func (a *analysis) sum(what figures.Metric, before bool, by ...figures.Column) ([]figures.Row, error) {
	q := a.query
	q.What, q.By = what, by
	if before {
		q.From, q.To = a.before, a.beforeTo
	}
	if q.Points = a.points(q.From, q.To); len(q.Points) > maxPoints {
		q.Points = nil
	}
	rows, err := a.visit.figures().Sum(a.visit.ctx(), q)
	if errors.Is(err, figures.ErrCounting) {
		a.counting = true
		return nil, nil
	}
	return rows, err
}

// address is this page with other members.
func (a *analysis) address(path string, pairs ...string) string {
	q := maps.Clone(a.addressNames)
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Del(pairs[i]); pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return path + withQuery(q.Encode())
}

// register is the address of the register with this board's filters and more: of a stretch of the period.
func (a *analysis) register(from, to time.Time, pairs ...string) string {
	q := url.Values{}
	for _, name := range analysisFilters {
		if values := a.addressNames[name]; values != nil {
			q[name] = values
		}
	}
	from, to = from.In(a.visit.zone), to.In(a.visit.zone)
	if midnight(from) && midnight(to) {
		q.Set("from", from.Format(time.DateOnly))
		q.Set("to", to.AddDate(0, 0, -1).Format(time.DateOnly))
	} else {
		q.Set("from", from.Format("2006-01-02T15:04:05"))
		q.Set("to", to.Add(-time.Second).Format("2006-01-02T15:04:05"))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "/payments" + withQuery(q.Encode())
}

func midnight(t time.Time) bool { return t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 }

// analyticsPage is what the page of a template shows.
type analyticsPage struct {
	*analysis
	*boardBar
	choices
	Tiles    []*tile
	Counting bool
	boardState

	From, To, Before time.Time // the last day of each included
}

// choices are what forms of figures offer.
type choices struct {
	PeriodOptions, GroupOptions, ProjectOptions []option
	Methods, Currencies                         []option
}

func (v *visit) analysisChoices() (c choices) {
	c.Methods, c.Currencies = v.methodOptions()
	for _, name := range analyticsPeriods {
		c.PeriodOptions = append(c.PeriodOptions, option{Value: name, Label: v.t("analytics.period." + name)})
	}
	c.GroupOptions = []option{{Label: v.t("analytics.group.auto")}}
	for _, name := range analyticsGroups {
		c.GroupOptions = append(c.GroupOptions, option{Value: name, Label: v.t("analytics.group." + name)})
	}
	for _, project := range v.projects() {
		id := strconv.FormatInt(project.ID, 10)
		c.ProjectOptions = append(c.ProjectOptions, option{Value: id, Label: id + " " + project.Name})
	}
	return c
}

func serveAnalytics(_ *Dashboard, v *visit) error {
	a := readAnalysis(v, v.r.URL.Query())
	page := &analyticsPage{analysis: a, choices: v.analysisChoices(), From: a.from, To: a.to.AddDate(0, 0, -1), Before: a.before}
	var err error
	if page.boardState, err = v.boardState(v.r.URL.RequestURI(), slices.ContainsFunc(a.Board.Tiles, ofCallbacks)); err != nil {
		return err
	}
	if v.hasSeen(page.boardState) {
		return nil
	}
	if page.boardBar, err = v.boardBar(a, 0); err != nil {
		return err
	}
	if a.Form.OK() {
		if page.Tiles, err = a.tiles(); err != nil {
			return err
		}
	}
	page.Counting = a.counting
	p := Page{Title: v.t("nav.analytics"), Form: a.Form, Data: page, Wide: true}
	if v.asksFor("board") {
		return v.fragment("analytics", "board", p)
	}
	return v.render("analytics", p)
}

// Chosen is how many filters are set beside the period.
func (p *analyticsPage) Chosen() (n int) {
	for _, name := range analysisFilters {
		if len(p.Form.Values[name]) > 0 {
			n++
		}
	}
	return n
}

// OwnBoard is where a board of one's own is made of this page: of its tiles, with its filters.
func (p *analyticsPage) OwnBoard() string {
	return p.address("/analytics/boards/new", "board", p.Board.Name)
}
