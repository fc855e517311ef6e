package dashboard

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

const (
	maxSearch = 255 // characters of what is searched for
	maxQuery  = 2000
)

// listing is the register as its address describes it.
type listing struct {
	Form     *Form // the custom filter, with what is wrong with it
	Projects []*merchant.Project
	filter   store.RegisterFilter
	place    *store.Cursor
	newer    bool
	columns  string // as the address names them; empty: the user's
	open     tabs
}

// filterNames are the members of an address that choose payments.
var filterNames = []string{"q", "from", "to", "project", "status", "situation", "method", "currency", "min", "max", "code", "interface"}

// readListing reads the address. What cannot be read is a fault of its field, and nothing is listed then.
func readListing(v *visit) *listing {
	given := v.r.URL.Query()
	l := &listing{Form: newForm(), Projects: v.projects(), columns: given.Get("columns"), open: readTabs(given["open"])}
	for _, name := range filterNames {
		if values := slices.DeleteFunc(given[name], func(s string) bool { return strings.TrimSpace(s) == "" }); len(values) > 0 {
			l.Form.Values[name] = values
		}
	}
	l.readChoices(v)
	l.filter.From = l.moment(v, "from", 0)
	l.filter.To = l.moment(v, "to", time.Second) // the second itself belongs to the period
	l.readAmounts(v)
	for _, name := range []string{"older", "newer"} {
		if c, err := store.ParseCursor(given.Get(name)); err == nil {
			l.place, l.newer = &c, name == "newer"
		}
	}
	return l
}

// readChoices reads what is chosen from lists.
func (l *listing) readChoices(v *visit) {
	f := l.Form
	if l.filter.Projects = projectIDs(l.Projects); len(f.Values["project"]) > 0 {
		l.filter.Projects = slices.DeleteFunc(l.filter.Projects, func(id int64) bool { return !f.Has("project", strconv.FormatInt(id, 10)) })
	}
	for _, s := range f.Values["status"] {
		l.filter.Statuses = append(l.filter.Statuses, payout.Status(s))
	}
	l.filter.Methods, l.filter.Currencies = f.Values["method"], f.Values["currency"]
	if s := store.Situation(f.Get("situation")); s != "" {
		if !slices.Contains(store.Situations, s) {
			f.Fault("situation", v.t("payments.fault_choice"))
		}
		l.filter.Situation = s
	}
	if l.filter.Search = f.Get("q"); utf8.RuneCountInString(l.filter.Search) > maxSearch {
		f.Fault("q", v.t("payments.fault_search"))
	}
	if text := f.Get("code"); text != "" {
		code, err := strconv.Atoi(text)
		if err != nil || code < 0 || code > 999_999 {
			f.Fault("code", v.t("payments.fault_code"))
		}
		l.filter.Code = &code
	}
	switch f.Get("interface") {
	case "":
	case "1", "5":
		l.filter.Interface, _ = strconv.Atoi(f.Get("interface"))
	default:
		f.Fault("interface", v.t("payments.fault_choice"))
	}
}

// moment reads a date and time in the visitor's zone.
func (l *listing) moment(v *visit, name string, add time.Duration) time.Time {
	text := l.Form.Get(name)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, v.zone); err == nil && at.Year() >= 2000 && at.Year() < 2200 {
			return at.Add(add).UTC()
		}
	}
	l.Form.Fault(name, v.t("payments.fault_time"))
	return time.Time{}
}

// readAmounts reads the bounds of the amount, which have a meaning in one currency only.
func (l *listing) readAmounts(v *visit) {
	f := l.Form
	for name, into := range map[string]*int64{"min": &l.filter.MinAmount, "max": &l.filter.MaxAmount} {
		text := f.Get(name)
		if text == "" {
			continue
		}
		if len(l.filter.Currencies) != 1 || !money.Valid(l.filter.Currencies[0]) {
			f.Fault(name, v.t("payments.fault_currency"))
			continue
		}
		amount, err := money.ParseMajor(strings.ReplaceAll(text, ",", "."), l.filter.Currencies[0])
		if err != nil || amount < 0 {
			f.Fault(name, v.t("payments.fault_amount"))
			continue
		}
		*into = amount
	}
	if !l.filter.From.IsZero() && !l.filter.To.IsZero() && !l.filter.From.Before(l.filter.To) {
		f.Fault("to", v.t("payments.fault_period"))
	}
	if l.filter.MaxAmount > 0 && l.filter.MinAmount > l.filter.MaxAmount {
		f.Fault("max", v.t("payments.fault_bounds"))
	}
}

// query is the filter as it stands in addresses.
func (l *listing) query() url.Values {
	q := make(url.Values, len(l.Form.Values))
	for name, values := range l.Form.Values {
		q[name] = values
	}
	return q
}

// address is the register under this filter, with more members.
func (l *listing) address(more url.Values) string {
	q := l.query()
	for name, values := range more {
		q[name] = values
	}
	return l.addressOf(q)
}

// placed is the place of the page that is shown, as it stands in addresses.
func (l *listing) placed() url.Values {
	switch {
	case l.place == nil:
		return nil
	case l.newer:
		return url.Values{"newer": {l.place.String()}}
	}
	return url.Values{"older": {l.place.String()}}
}

// addressOf is the register under another query, with the columns that the address names, and what is open beside it.
func (l *listing) addressOf(q url.Values) string {
	if l.columns != "" {
		q.Set("columns", l.columns)
	}
	return registerAddress(q, l.open.named())
}

// Filtered tells whether the filter leaves anything out.
func (l *listing) Filtered() bool { return len(l.Form.Values) > 0 }

// Custom is how many attributes the custom filter has, beside those that have a button or a box of their own.
func (l *listing) Custom() (n int) {
	for name := range l.Form.Values {
		if name != "q" && name != "situation" {
			n++
		}
	}
	return n
}

// Columnset are the columns that the address names.
func (l *listing) Columnset() string { return l.columns }

// Search is what is searched for.
func (l *listing) Search() string { return l.filter.Search }

// quick are the predefined filters: each sets one attribute and leaves the others.
func (l *listing) quick(v *visit) []quickFilter {
	var out []quickFilter
	add := func(label, name, value string) {
		q := l.query()
		delete(q, "status")
		delete(q, "situation")
		if name != "" {
			q.Set(name, value)
		}
		on := name == "" && len(l.filter.Statuses) == 0 && l.filter.Situation == "" ||
			name != "" && len(l.Form.Values[name]) == 1 && l.Form.Get(name) == value
		out = append(out, quickFilter{Label: label, Href: l.addressOf(q), On: on})
	}
	add(v.t("payments.quick_all"), "", "")
	for _, s := range store.Situations {
		add(v.t(situationWord(s)), "situation", string(s))
	}
	add(v.t("payments.quick_success"), "status", string(payout.Success))
	add(v.t("payments.quick_decline"), "status", string(payout.Decline))
	return out
}

func situationWord(s store.Situation) string {
	return "payments.situation." + strings.ReplaceAll(string(s), " ", "_")
}

// saved are the user's saved filters.
func (l *listing) saved(v *visit) ([]savedFilter, error) {
	all, err := v.d.people.SavedFilters(v.ctx(), v.user.ID)
	var out []savedFilter
	here := l.query().Encode()
	for _, f := range all {
		q, _ := url.ParseQuery(f.Query) // what can be read of it
		out = append(out, savedFilter{Name: f.Name, Href: registerAddress(q, l.open.named()), On: f.Query == here})
	}
	return out, err
}

// ProjectOptions are the projects that the user can choose from.
func (l *listing) ProjectOptions() (out []option) {
	for _, p := range l.Projects {
		id := strconv.FormatInt(p.ID, 10)
		out = append(out, option{Value: id, Label: id + " " + p.Name})
	}
	return out
}

// filterChoices are the choices of the custom filter.
type filterChoices struct {
	Statuses, Methods, Currencies, Situations, Interfaces []option
}

func (v *visit) filterChoices() *filterChoices {
	c := &filterChoices{Statuses: v.statusOptions(), Situations: []option{{Label: v.t("payments.any")}}}
	c.Methods, c.Currencies = v.methodOptions()
	for _, s := range store.Situations {
		c.Situations = append(c.Situations, option{Value: string(s), Label: v.t(situationWord(s))})
	}
	c.Interfaces = []option{{Label: v.t("payments.any")}, {Value: "1", Label: v.t(interfaceWord(1))}, {Value: "5", Label: v.t(interfaceWord(5))}}
	return c
}

func (v *visit) statusOptions() (out []option) {
	for _, s := range []payout.Status{payout.Processing, payout.Success, payout.Decline} {
		out = append(out, option{Value: string(s), Label: v.t("status." + string(s))})
	}
	return out
}

func (v *visit) methodOptions() (methods, currencies []option) {
	seen := make(map[string]bool)
	var codes []string
	for _, m := range v.d.Methods.All() {
		methods = append(methods, option{Value: m.Path, Label: m.Title})
		for _, c := range m.Currencies {
			if !seen[c.Code] {
				seen[c.Code] = true
				codes = append(codes, c.Code)
			}
		}
	}
	slices.Sort(codes)
	for _, c := range codes {
		currencies = append(currencies, option{Value: c, Label: c})
	}
	return methods, currencies
}

// serveSaveFilter saves the filter that the register shows under a name.
func serveSaveFilter(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	name, query := f.Get("name"), f.Get("query")
	values, err := url.ParseQuery(query)
	if err != nil || name == "" || len([]rune(name)) > 60 || len(query) > maxQuery {
		return &userError{ID: "payments.fault_save"}
	}
	kept := make(url.Values)
	for _, n := range filterNames {
		if len(values[n]) > 0 {
			kept[n] = values[n]
		}
	}
	if err := d.people.SaveFilter(v.ctx(), f.Once, v.user, people.SavedFilter{Name: name, Query: kept.Encode()}); err != nil {
		if isAny(err, people.ErrTooManyFilters) {
			return &userError{ID: "payments.fault_many"}
		}
		return err
	}
	return v.redirect(registerAddress(values, f.Values["open"]), "payments.filter_saved", "name", name)
}

// serveDropFilter deletes a saved filter.
func serveDropFilter(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	if err := d.people.DropFilter(v.ctx(), f.Once, v.user, f.Get("name")); err != nil {
		return err
	}
	return v.redirect(localPath("/payments"+withQuery(f.Get("query"))), "payments.filter_deleted", "name", f.Get("name"))
}
