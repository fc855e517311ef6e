package dashboard

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

const (
	maxSearch = 1000 // characters of what is searched for
	maxQuery  = 5000
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
	payee    *payeeView // whose payments these are; nil: everybody's
	shown    url.Values // how the form shows the period
}

// filterNames are the members of an address that choose payments.
var filterNames = []string{"q", "from", "to", "project", "status", "situation", "method", "currency", "min", "max", "code", "bank", "interface", "recipient"}

// readListing reads the address. What cannot be read is a fault of its field, and nothing is listed then.
func readListing(v *visit) (*listing, error) {
	given := v.r.URL.Query()
	l := &listing{Form: newForm(), shown: make(url.Values), Projects: v.projects(), columns: given.Get("columns"), open: readTabs(given["open"])}
	for _, name := range append([]string{"from_time", "to_time"}, filterNames...) {
		if values := slices.DeleteFunc(given[name], func(s string) bool { return strings.TrimSpace(s) == "" }); len(values) > 0 {
			l.Form.Values[name] = values
		}
	}
	l.readChoices(v)
	l.readPeriod(v)
	l.readAmounts(v)
	if err := l.readPayee(v); err != nil {
		return nil, err
	}
	for _, name := range []string{"older", "newer"} {
		if c, err := store.ParseCursor(given.Get(name)); err == nil {
			l.place, l.newer = &c, name == "newer"
		}
	}
	return l, nil
}

// readChoices reads what is chosen from lists.
func (l *listing) readChoices(v *visit) {
	f := l.Form
	l.known(v, "project", func(id string) bool {
		return slices.ContainsFunc(l.Projects, func(p *merchant.Project) bool { return strconv.FormatInt(p.ID, 10) == id })
	})
	l.known(v, "status", func(s string) bool { return slices.Contains(statuses, payout.Status(s)) })
	l.known(v, "method", func(path string) bool { _, ok := v.d.Methods.Get(path); return ok })
	l.known(v, "currency", money.Valid)
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
	if l.filter.Search = f.Get("q"); utf8.RuneCountInString(l.filter.Search) > maxSearch || len(store.SearchedValues(l.filter.Search)) > store.MaxSearched {
		f.Fault("", v.t("payments.fault_search"))
	}
	if text := f.Get("code"); text != "" {
		code, err := strconv.Atoi(text)
		if err != nil || code < 0 || code > 999_999 {
			f.Fault("code", v.t("payments.fault_code"))
		}
		l.filter.Code = &code
	}
	if l.filter.Bank = f.Get("bank"); l.filter.Bank != "" && !bankDigits.MatchString(l.filter.Bank) {
		f.Fault("bank", v.t("payments.fault_bank"))
	}
	switch f.Get("interface") {
	case "":
	case "1", "5":
		l.filter.Interface, _ = strconv.Atoi(f.Get("interface"))
	default:
		f.Fault("interface", v.t("payments.fault_choice"))
	}
}

// bankDigits are those with which a bank's accounts begin.
var bankDigits = regexp.MustCompile(`^[0-9]{3}$`)

// statuses are those that a payment can have.
var statuses = []payout.Status{payout.Processing, payout.AwaitingRetry, payout.Success, payout.Decline, payout.Reversed}

// known finds fault with a value that there is not: an address with a slip of the pen in it must not list everything.
func (l *listing) known(v *visit, name string, exists func(string) bool) {
	for _, value := range l.Form.Values[name] {
		if !exists(value) {
			l.Form.Fault(name, v.t("payments.fault_unknown", "value", value))
		}
	}
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
		amount, err := money.ParseTyped(text, l.filter.Currencies[0])
		if err != nil {
			f.Fault(name, v.t("payments.fault_amount"))
			continue
		}
		*into = amount
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
		if name != "q" && name != "situation" && name != "recipient" {
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
	add(v.t("payments.quick_reversed"), "status", string(payout.Reversed))
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

// choices offers what the merchant has, and what the filter names beyond that.
func (l *listing) choices(v *visit) *filterChoices {
	c := &filterChoices{Statuses: v.statusOptions(l.Form.Values["status"]), Situations: []option{{Label: v.t("payments.any")}}}
	c.Methods, c.Currencies = v.methodOptions()
	for _, path := range l.Form.Values["method"] {
		if m, ok := v.d.Methods.Get(path); ok && !offers(c.Methods, path) {
			c.Methods = append(c.Methods, option{Value: path, Label: v.words().methodTitle(path, m.Title)})
		}
	}
	for _, code := range l.Form.Values["currency"] {
		if money.Valid(code) && !offers(c.Currencies, code) {
			c.Currencies = append(c.Currencies, option{Value: code, Label: code})
		}
	}
	for _, s := range store.Situations {
		c.Situations = append(c.Situations, option{Value: string(s), Label: v.t(situationWord(s))})
	}
	c.Interfaces = []option{{Label: v.t("payments.any")}, {Value: "1", Label: v.t(interfaceWord(1))}, {Value: "5", Label: v.t(interfaceWord(5))}}
	return c
}

func offers(options []option, value string) bool {
	return slices.ContainsFunc(options, func(o option) bool { return o.Value == value })
}

// statusOptions are the statuses that payments have had so far, and those that are chosen.
func (v *visit) statusOptions(chosen []string) (out []option) {
	for _, s := range statuses {
		if rare := s == payout.AwaitingRetry; !rare || slices.Contains(chosen, string(s)) {
			out = append(out, option{Value: string(s), Label: v.t("status." + strings.ReplaceAll(string(s), " ", "_"))})
		}
	}
	return out
}

// methodOptions are the methods that the projects of the visitor can pay by, and the currencies in which they can or which
// they hold.
func (v *visit) methodOptions() (methods, currencies []option) {
	codes := make(map[string]bool)
	for _, m := range v.d.Methods.All() {
		var used bool
		for _, p := range v.projects() {
			set := p.Settings.Methods[m.Path]
			if !m.Enabled || set.Disabled {
				continue
			}
			used = true
			for _, c := range m.Currencies {
				if len(set.Currencies) == 0 || slices.Contains(set.Currencies, c.Code) {
					codes[c.Code] = true
				}
			}
		}
		if used {
			methods = append(methods, option{Value: m.Path, Label: v.words().methodTitle(m.Path, m.Title)})
		}
	}
	for _, p := range v.projects() {
		for _, code := range p.Balances {
			codes[code] = true
		}
	}
	for _, c := range slices.Sorted(maps.Keys(codes)) {
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
	if err := d.people.SaveFilter(v.ctx(), f.IdempotencyKey, v.user, people.SavedFilter{Name: name, Query: kept.Encode()}); err != nil {
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
	if err := d.people.DropFilter(v.ctx(), f.IdempotencyKey, v.user, f.Get("name")); err != nil {
		return err
	}
	return v.redirect(localPath("/payments"+withQuery(f.Get("query"))), "payments.filter_deleted", "name", f.Get("name"))
}
