package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/store"
	"flashpay/internal/tariff"
)

// tariffsPage is what payouts cost now and will cost, and of a chosen project all versions.
type tariffsPage struct {
	Tab      string
	Projects []option
	Project  *merchant.Project // nil: all
	Rows     []tariffRow
	Versions []tariffLine
}

// tariffRow is what holds of one key. Of a project without tariffs the key is empty.
type tariffRow struct {
	Project *merchant.Project
	tariff.Key
	Title string // of the method
	Terms string // in words; empty: none holds
	Since time.Time
	Next  string // what holds next; empty: nothing is to change
	From  time.Time
	Gap   bool // other balances of the project have a tariff for the method, and this one has none
}

// tariffLine is a version.
type tariffLine struct {
	store.TariffVersion
	Title, Terms string
	State        string // holds, coming or replaced
}

// decimal writes a number as people do.
func (v *visit) decimal(d money.Decimal) string {
	if v.lang == "en" {
		return d.String()
	}
	return strings.Replace(d.String(), ".", ",", 1)
}

// tariffTerms says in words what a tariff makes payouts cost.
func (v *visit) tariffTerms(t *tariff.Tariff, currency string) string {
	var parts []string
	if t.Fixed > 0 {
		parts = append(parts, v.words().sum(t.Fixed, currency))
	}
	if t.Percent.Sign() > 0 {
		parts = append(parts, v.decimal(t.Percent)+"\u00a0%")
	}
	var said []string
	if len(parts) > 0 {
		said = append(said, strings.Join(parts, " + "))
	}
	if t.Min > 0 {
		said = append(said, v.t("finance.tariff_least", "sum", v.words().sum(t.Min, currency)))
	}
	if t.Max > 0 {
		said = append(said, v.t("finance.tariff_most", "sum", v.words().sum(t.Max, currency)))
	}
	if len(said) == 0 || len(parts) == 0 && t.Min == 0 {
		return v.t("finance.tariff_free")
	}
	return strings.Join(said, ", ")
}

// tariffKeys are the keys of which a project has a tariff, and those of its other balances for the same methods.
func tariffKeys(p *merchant.Project) (out []tariff.Key) {
	for k := range p.Tariffs {
		out = append(out, k)
		for _, currency := range p.Balances {
			out = append(out, tariff.Key{Method: k.Method, Currency: currency})
		}
	}
	slices.SortFunc(out, func(x, y tariff.Key) int {
		return cmp.Or(cmp.Compare(x.Method, y.Method), cmp.Compare(x.Currency, y.Currency))
	})
	return slices.Compact(out)
}

// tariffRows is what holds and will hold of a project.
func (v *visit) tariffRows(p *merchant.Project, now time.Time) (out []tariffRow) {
	priced := make(map[string]bool) // methods for which a balance pays a fee
	for _, k := range tariffKeys(p) {
		row := tariffRow{Project: p, Key: k, Title: v.methodTitle(k.Method)}
		if h, ok := p.Tariffs.At(k, now); ok {
			row.Terms, row.Since = v.tariffTerms(&h.Tariff, k.Currency), h.From
			priced[k.Method] = priced[k.Method] || slices.Contains(p.Balances, k.Currency) && !h.Equal(&tariff.Tariff{})
		}
		if next, ok := p.Tariffs.Next(k, now); ok {
			row.Next, row.From = v.tariffTerms(&next.Tariff, k.Currency), next.From
		}
		out = append(out, row)
	}
	for i := range out {
		out[i].Gap = out[i].Terms == "" && priced[out[i].Method] && slices.Contains(p.Balances, out[i].Currency)
	}
	if len(out) == 0 {
		out = append(out, tariffRow{Project: p})
	}
	return out
}

// tariffLines are all versions of a project, those that begin last first.
func (v *visit) tariffLines(p *merchant.Project, now time.Time) (out []tariffLine, err error) {
	all, err := v.d.Store.Tariffs(v.ctx(), p.ID)
	if err != nil {
		return nil, err
	}
	book := make(tariff.Book)
	for i := range all {
		book[all[i].Key] = append(book[all[i].Key], all[i].Holding)
	}
	for i := range all {
		line := tariffLine{TariffVersion: all[i], Title: v.methodTitle(all[i].Method), Terms: v.tariffTerms(&all[i].Tariff, all[i].Currency), State: "replaced"}
		holds, _ := book.At(line.Key, now)
		then, _ := book.At(line.Key, line.From)
		switch {
		case holds.Version == line.Version:
			line.State = "holds"
		case line.From.After(now) && then.Version == line.Version:
			line.State = "coming"
		}
		out = append(out, line)
	}
	slices.SortStableFunc(out, func(x, y tariffLine) int {
		return cmp.Or(y.From.Compare(x.From), cmp.Compare(x.Method, y.Method), cmp.Compare(x.Currency, y.Currency), cmp.Compare(y.Version, x.Version))
	})
	return out, nil
}

func serveTariffs(d *Dashboard, v *visit) error {
	page := tariffsPage{Tab: "tariffs", Projects: []option{{Label: v.t("finance.all_projects")}}}
	f := newForm()
	if chosen := v.r.URL.Query().Get("project"); chosen != "" {
		f.Values.Set("project", chosen)
		p, err := v.project(chosen)
		if err != nil {
			return err
		}
		page.Project = p
	}
	now := d.Store.Now()
	for _, p := range v.projects() {
		id := strconv.FormatInt(p.ID, 10)
		page.Projects = append(page.Projects, option{Value: id, Label: id + " " + p.Name})
		if page.Project == nil || page.Project.ID == p.ID {
			page.Rows = append(page.Rows, v.tariffRows(p, now)...)
		}
	}
	if page.Project != nil {
		var err error
		if page.Versions, err = v.tariffLines(page.Project, now); err != nil {
			return err
		}
	}
	if v.wantsFile() {
		return v.sendOf(v.tariffLists(&page))
	}
	return v.render("finance_tariffs", Page{Title: v.t("finance.tariffs"), Form: f, Data: page, Wide: true})
}

// tariffForm is where a new version is set.
type tariffForm struct {
	Project    *merchant.Project
	Methods    []option
	Currencies []option
	Holds      string // what holds now, in words; empty: none
	Next       string // what holds next; empty: nothing is to change
	From       time.Time
	Shown      *tariffSample // nil: no fee is shown
}

// tariffSample is what a payout of a sum would cost.
type tariffSample struct {
	Currency               string
	Sum, Fee, Total, Today int64
}

// tariffParts are the fields that make a tariff.
var tariffParts = []string{"fixed", "percent", "min", "max"}

func (v *visit) tariffForm(p *merchant.Project) *tariffForm {
	page := &tariffForm{Project: p}
	codes := slices.Clone(p.Balances)
	for _, m := range v.d.Methods.All() {
		if m.Enabled {
			page.Methods = append(page.Methods, option{Value: m.Path, Label: v.words().methodTitle(m.Path, m.Title)})
			codes = append(codes, currenciesOf(merchant.Field{Method: m})...)
		}
	}
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		page.Currencies = append(page.Currencies, option{Value: code, Label: code})
	}
	return page
}

// enteredTariff is what a form asks for.
type enteredTariff struct {
	tariff.Key
	tariff.Holding
}

// tariffParts are the parts of a tariff that were typed, as tariff.Read takes them; ok is false where one cannot be read, which
// is a fault beside it.
func (v *visit) tariffParts(f *Form, currency string) (parts map[string]string, ok bool) {
	parts, ok = make(map[string]string), true
	for _, name := range tariffParts {
		typed := f.Get(name)
		if typed == "" {
			continue
		}
		if name == "percent" {
			percent, err := money.ParseTypedDecimal(typed)
			if err != nil {
				f.Fault(name, v.decimalFault(err, "finance.tariff_fault.number"))
			}
			parts[name], ok = percent.String(), ok && err == nil
			continue
		}
		amount, err := money.ParseTyped(typed, currency)
		if err == nil {
			parts[name], err = money.Major(amount, currency)
		}
		if err != nil {
			f.Fault(name, v.typedFault(err, currency))
			ok = false
		}
	}
	return parts, ok
}

// readTariff reads a tariff by the rules of `flashpay tariff set`, with each fault at its field.
func (v *visit) readTariff(f *Form) (e enteredTariff) {
	e.Key = tariff.Key{Method: f.Get("method"), Currency: f.Get("currency")}
	if _, ok := v.d.Methods.Get(e.Method); !ok {
		f.Fault("method", v.t("finance.tariff_method_fault"))
	}
	if !money.Valid(e.Currency) {
		f.Fault("currency", v.t("operate.currency_fault"))
		return e
	}
	if parts, ok := v.tariffParts(f, e.Currency); ok {
		t, faults := tariff.Read(parts, e.Currency)
		for _, fault := range faults {
			f.Fault(fault.Part, v.t("finance.tariff_fault."+string(fault.Why)))
		}
		e.Tariff = t
	}
	if text := f.Get("from"); !tariff.HasBegun(text, v.d.Store.Now().In(v.zone)) {
		from, ok := parseIn(v.zone, dayLayouts, text)
		if !ok {
			f.Fault("from", v.t("payments.fault_time"))
		}
		e.From = from
	}
	return e
}

// sampleOf is what the sum in the form would cost; nil where there is none.
func (v *visit) sampleOf(p *merchant.Project, f *Form, e *enteredTariff) *tariffSample {
	text := f.Get("sample")
	if text == "" || !money.Valid(e.Currency) {
		return nil
	}
	sum, err := money.ParseTyped(text, e.Currency)
	switch {
	case err != nil:
		f.Fault("sample", v.typedFault(err, e.Currency))
		return nil
	case sum == 0:
		f.Fault("sample", v.t("operate.amount_fault"))
		return nil
	}
	s := &tariffSample{Currency: e.Currency, Sum: sum}
	now, _ := p.Tariffs.At(e.Key, v.d.Store.Now())
	fee, err := e.Fee(sum)
	if err == nil {
		s.Today, err = now.Fee(sum)
	}
	if s.Fee, s.Total = fee, sum+fee; err != nil || s.Total < sum {
		f.Fault("sample", v.t("finance.tariff_fault.range"))
		return nil
	}
	return s
}

// showTariffForm shows the form with what holds of its key.
func (v *visit) showTariffForm(p *merchant.Project, f *Form, e *enteredTariff, shown *tariffSample) error {
	page := v.tariffForm(p)
	if f.OK() {
		page.Shown = shown
	}
	now := v.d.Store.Now()
	if h, ok := p.Tariffs.At(e.Key, now); ok {
		page.Holds = v.tariffTerms(&h.Tariff, e.Currency)
	}
	if next, ok := p.Tariffs.Next(e.Key, now); ok {
		page.Next, page.From = v.tariffTerms(&next.Tariff, e.Currency), next.From
	}
	status := http.StatusOK
	if !f.OK() {
		status = http.StatusUnprocessableEntity
	}
	return v.renderStatus(status, "finance_tariff", Page{Title: v.t("finance.tariff_of", "project", p.Name), Form: f, Data: page})
}

// serveTariffForm shows the form: with what holds, or with what was entered and what it would cost.
func serveTariffForm(d *Dashboard, v *visit) error {
	p, err := v.project(v.r.PathValue("project"))
	if err != nil {
		return err
	}
	f, given := newForm(), v.r.URL.Query()
	for _, name := range append([]string{"method", "currency", "from", "sample"}, tariffParts...) {
		f.Values.Set(name, given.Get(name))
	}
	if f.Get("method") == "" || f.Get("currency") == "" {
		page := v.tariffForm(p)
		if len(page.Methods) > 0 {
			f.Values.Set("method", cmp.Or(f.Get("method"), page.Methods[0].Value))
		}
		if len(page.Currencies) > 0 {
			f.Values.Set("currency", cmp.Or(f.Get("currency"), append(slices.Clone(p.Balances), page.Currencies[0].Value)[0]))
		}
	}
	if given.Has("sample") {
		e := v.readTariff(f)
		return v.showTariffForm(p, f, &e, v.sampleOf(p, f, &e))
	}
	e := enteredTariff{Key: tariff.Key{Method: f.Get("method"), Currency: f.Get("currency")}}
	if h, ok := p.Tariffs.At(e.Key, d.Store.Now()); ok {
		v.fillTariff(f, &h.Tariff, e.Currency)
	}
	return v.showTariffForm(p, f, &e, nil)
}

// fillTariff writes a tariff into the form as people type it.
func (v *visit) fillTariff(f *Form, t *tariff.Tariff, currency string) {
	for part := range strings.FieldsSeq(t.Text(currency)) {
		name, value, _ := strings.Cut(part, "=")
		if name == "percent" {
			value = v.decimal(t.Percent)
		} else {
			value = v.words().typed(value, currency)
		}
		f.Values.Set(name, value)
	}
}

// serveTariffAgain shows the form with what was entered.
func serveTariffAgain(_ *Dashboard, v *visit) error {
	p, f, err := v.projectForm()
	if err != nil {
		return err
	}
	e := v.readTariff(f)
	return v.showTariffForm(p, f, &e, v.sampleOf(p, f, &e))
}

func serveTariffSet(d *Dashboard, v *visit) error {
	p, f, err := v.projectForm()
	if err != nil {
		return err
	}
	e := v.readTariff(f)
	if !f.OK() {
		return v.showTariffForm(p, f, &e, nil)
	}
	known := len(p.Tariffs[e.Key])
	version, err := d.Store.SetTariff(v.ctx(), p.ID, e.Key, e.Holding, store.By{Actor: v.actor(), IdempotencyKey: f.IdempotencyKey})
	switch {
	case errors.Is(err, store.ErrTariffPast):
		f.Fault("from", v.t("finance.tariff_past"))
	case errors.Is(err, store.ErrTariffFar):
		f.Fault("from", v.t("finance.tariff_far"))
	case err != nil:
		return err
	}
	if !f.OK() {
		return v.showTariffForm(p, f, &e, nil)
	}
	word := "finance.tariff_is_set"
	if version > 0 && version <= int64(known) {
		word = "finance.tariff_same"
	}
	return v.redirect("/finance/tariffs?project="+strconv.FormatInt(p.ID, 10), word)
}
