package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/money"
	"flashpay/internal/rates"
)

// ratesPage is the rates of a day in the visitor's zone, by hour.
type ratesPage struct {
	Tab      string
	Form     *Form
	Days     []quickFilter
	Day      time.Time
	Ahead    bool // the day has not begun
	Quotes   []*heldRate
	Payouts  []*heldRate
	Sources  []option
	Projects []option // those that convert
	Project  *merchant.Project
	Feeds    []feedView
	known    bool // a rate holds, whatever the filter shows
}

// heldRate is a rate and the hours at whose beginning it holds, one behind the other.
type heldRate struct {
	heldKey
	Series rates.Series
	Rate   money.Decimal
	USD    string        // of a quote: what one US dollar is worth in the currency that is not the dollar; empty: unknown
	Paid   money.Decimal // of a payout: the rate with the margin
	Since  time.Time
	Hours  []time.Time
	last   int // index of the last hour in the day
}

// heldKey is what there is one rate of at a time.
type heldKey struct {
	Source   rates.Source
	From, To string
	Use      string // of a payout: "request" or "balance", by which sum is converted
}

// First and Last are the hours from which and to which it holds.
func (h *heldRate) First() string { return h.Hours[0].Format("15:04") }

// Last is the last minute of its last hour.
func (h *heldRate) Last() string {
	return h.Hours[len(h.Hours)-1].Add(time.Hour - time.Minute).Format("15:04")
}

// same tells whether two hours have one rate.
func (h *heldRate) same(o *heldRate) bool {
	return h.Series == o.Series && h.Since.Equal(o.Since) && h.Rate.Cmp(o.Rate) == 0 && h.USD == o.USD && h.Paid.Cmp(o.Paid) == 0
}

// heldRates joins hours with the same rate.
type heldRates struct {
	rows   []*heldRate
	newest map[heldKey]*heldRate
}

func (r *heldRates) add(h heldRate, index int, at time.Time) {
	if was := r.newest[h.heldKey]; was != nil && was.last == index-1 && was.same(&h) {
		was.last, was.Hours = index, append(was.Hours, at)
		return
	}
	h.last, h.Hours = index, []time.Time{at}
	r.newest[h.heldKey] = &h
	r.rows = append(r.rows, &h)
}

// sorted is all rows, those of one pair together.
func (r *heldRates) sorted() []*heldRate {
	first := make(map[heldKey]int)
	for i, h := range r.rows {
		if _, ok := first[h.heldKey]; !ok {
			first[h.heldKey] = i
		}
	}
	slices.SortStableFunc(r.rows, func(x, y *heldRate) int { return first[x.heldKey] - first[y.heldKey] })
	return r.rows
}

// rates finds the rates that the address asks for.
func (v *visit) rates() (*ratesPage, error) {
	p := &ratesPage{Tab: "rates", Form: newForm()}
	now := v.d.Store.Now().In(v.zone)
	today := dayOf(now)
	given := v.r.URL.Query()
	for _, name := range []string{"day", "currency", "source", "project"} {
		if text := given.Get(name); text != "" {
			p.Form.Values.Set(name, text)
		}
	}
	p.Day = today
	if text := p.Form.Get("day"); text != "" {
		day, ok := parseIn(v.zone, dayLayouts, text)
		if ok {
			p.Day = day
		} else {
			p.Form.Fault("day", v.t("payments.fault_time"))
		}
	}
	if p.Form.OK() {
		p.Form.Values.Set("day", p.Day.Format(time.DateOnly))
	}
	p.readFilter(v)
	p.days(v, today)
	if !p.Form.OK() {
		return p, nil
	}
	if p.Ahead = p.Day.After(now); p.Ahead {
		return p, nil
	}
	return p, p.read(v, now)
}

// dayOf is the beginning of a moment's day, in the moment's zone.
func dayOf(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location())
}

// readFilter reads currency, source and project.
func (p *ratesPage) readFilter(v *visit) {
	if code := p.Form.Get("currency"); code != "" {
		p.Form.Values.Set("currency", strings.ToUpper(code))
		if !money.Valid(strings.ToUpper(code)) {
			p.Form.Fault("currency", v.t("payments.fault_unknown", "value", code))
		}
	}
	if source := p.Form.Get("source"); source != "" && !slices.Contains(rates.Sources(), rates.Source(source)) {
		p.Form.Fault("source", v.t("payments.fault_unknown", "value", source))
	}
	p.Sources = []option{{Label: v.t("finance.all_sources")}}
	for _, source := range rates.Sources() {
		p.Sources = append(p.Sources, option{Value: string(source), Label: v.t("payments.rate_source." + string(source))})
	}
	p.readProject(v)
}

// readProject reads whose payouts' rates are shown: the first project that converts, unless another one is chosen.
func (p *ratesPage) readProject(v *visit) {
	chosen := p.Form.Get("project")
	for _, project := range v.projects() {
		if !project.Settings.Conversion.On {
			continue
		}
		id := strconv.FormatInt(project.ID, 10)
		p.Projects = append(p.Projects, option{Value: id, Label: id + " " + project.Name})
		if chosen == id || chosen == "" && p.Project == nil {
			p.Project = project
		}
	}
	if chosen != "" && p.Project == nil {
		p.Form.Fault("project", v.t("payments.fault_unknown", "value", chosen))
	}
}

// days are the days of one click.
func (p *ratesPage) days(v *visit, today time.Time) {
	add := func(word string, day time.Time, on bool) {
		p.Days = append(p.Days, quickFilter{Label: v.t(word), Href: p.Address("/finance/rates", day), On: on})
	}
	add("payments.period_today", today, p.Day.Equal(today))
	add("payments.period_yesterday", today.AddDate(0, 0, -1), p.Day.Equal(today.AddDate(0, 0, -1)))
	add("finance.day_before", p.Day.AddDate(0, 0, -1), false)
	if p.Day.Before(today) {
		add("finance.day_after", p.Day.AddDate(0, 0, 1), false)
	}
}

// Address is a page of the same choice on a day.
func (p *ratesPage) Address(path string, day time.Time) string {
	q := url.Values{"day": {day.Format(time.DateOnly)}}
	for _, name := range []string{"currency", "source", "project"} {
		if text := p.Form.Get(name); text != "" {
			q.Set(name, text)
		}
	}
	return path + "?" + q.Encode()
}

// read finds the rates of each hour that has begun.
func (p *ratesPage) read(v *visit, now time.Time) error {
	end := p.Day.AddDate(0, 0, 1)
	last := end.Add(-time.Microsecond)
	if now.Before(last) {
		last = now
	}
	book, err := v.d.Store.RatesOver(v.ctx(), p.Day, last)
	if err != nil {
		return err
	}
	quotes, payouts := heldRates{newest: make(map[heldKey]*heldRate)}, heldRates{newest: make(map[heldKey]*heldRate)}
	pairs := p.pairs(v, book)
	for i, at := 0, p.Day; !at.After(last); i, at = i+1, at.Add(time.Hour) {
		for _, q := range book.Held(at) {
			p.known = true
			if p.shows(q.Source, q.Base, q.Term) {
				quotes.add(quoteAt(book, &q, at), i, at)
			}
		}
		for _, pair := range pairs {
			if h, ok := p.paid(book, pair, at); ok && p.shows(h.Source, h.From, h.To) {
				payouts.add(h, i, at)
			}
		}
	}
	p.Quotes, p.Payouts = quotes.sorted(), payouts.sorted()
	return nil
}

// shows tells whether the filter admits a rate.
func (p *ratesPage) shows(source rates.Source, from, to string) bool {
	code, only := p.Form.Get("currency"), p.Form.Get("source")
	return (code == "" || code == from || code == to) && (only == "" || only == string(source))
}

// quoteAt is a quote, and what its source says of the currency against the US dollar.
func quoteAt(book *rates.Book, q *rates.Quote, at time.Time) heldRate {
	h := heldRate{heldKey: heldKey{Source: q.Source, From: q.Base, To: q.Term}, Series: q.Series, Rate: q.Value, Since: q.ValidFrom}
	currency := q.Base
	if currency == q.Source.Base() || currency == "USD" {
		currency = q.Term
	}
	if currency == "USD" {
		currency = q.Base
	}
	if r, ok := book.Rate("USD", currency, at, rates.MaxAge, []rates.Source{q.Source}); ok {
		h.USD = r.Value().String() + " " + currency
	}
	return h
}

// pairs are what payouts of the chosen project may have converted: what is asked for into the main currencies of its
// methods, and what is paid into the currency of the balance that pays.
func (p *ratesPage) pairs(v *visit, book *rates.Book) (out []heldKey) {
	if p.Project == nil {
		return nil
	}
	add := func(k heldKey) {
		if k.From != k.To && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	for _, m := range v.d.Methods.All() {
		settings, codes := p.Project.Settings.Methods[m.Path], codesOf(m)
		if !m.Enabled || settings.Disabled {
			continue
		}
		if target := m.MainCurrency(); settings.Pays(target, codes) {
			for _, from := range book.Currencies() {
				if !settings.Pays(from, codes) {
					add(heldKey{From: from, To: target, Use: "request"})
				}
			}
		}
		for _, code := range codes {
			if settings.Pays(code, codes) {
				add(heldKey{From: code, To: p.Project.PayingBalance(code, code), Use: "balance"})
			}
		}
	}
	return out
}

func codesOf(m *method.Method) (out []string) {
	for _, c := range m.Currencies {
		out = append(out, c.Code)
	}
	return out
}

// paid is the rate that a payout gets.
func (p *ratesPage) paid(book *rates.Book, k heldKey, at time.Time) (h heldRate, ok bool) {
	c := &p.Project.Settings.Conversion
	r, ok := c.Rate(book, k.From, k.To, at)
	if !ok {
		return h, false
	}
	k.Source = r.Source
	h = heldRate{heldKey: k, Rate: r.Value(), Since: r.ValidFrom(), Paid: r.ValueLess(c.Margin)}
	if k.Use == "balance" {
		h.Paid = r.ValuePlus(c.Margin)
	}
	return h, true
}

// Base is the source that the chosen project asks first.
func (p *ratesPage) Base() rates.Source { return p.Project.Settings.Conversion.Base() }

// Known tells whether any rate holds on the day, whatever the filter admits.
func (p *ratesPage) Known() bool { return p.known }

func serveRates(_ *Dashboard, v *visit) error {
	page, err := v.rates()
	if err != nil {
		return err
	}
	if page.Feeds, err = v.feeds(); err != nil {
		return err
	}
	p := Page{Title: v.t("finance.rates_title"), Form: page.Form, Data: page, Wide: true}
	if !p.Form.OK() {
		return v.renderStatus(http.StatusUnprocessableEntity, "finance_rates", p)
	}
	return v.render("finance_rates", p)
}

// rateHour is a rate at the beginning of an hour. One that payouts get names its project.
type rateHour struct {
	*heldRate
	Hour time.Time
}

// serveRatesCSV writes the rates as CSV: one row for each rate and hour.
func serveRatesCSV(_ *Dashboard, v *visit) error {
	page, err := v.rates()
	if err != nil {
		return err
	}
	if !page.Form.OK() {
		return v.redirect("/finance/rates?"+page.Form.Values.Encode(), "")
	}
	return page.file(v).send(v)
}

func (p *ratesPage) file(v *visit) listFile[rateHour] {
	ofPayout := func(text func(r *rateHour) string) func(*rateHour) string {
		return func(r *rateHour) string {
			if r.Use == "" {
				return ""
			}
			return text(r)
		}
	}
	var rows []rateHour
	for _, h := range append(p.Quotes, p.Payouts...) {
		for _, at := range h.Hours {
			rows = append(rows, rateHour{h, at})
		}
	}
	return listFile[rateHour]{"rates_" + p.Day.Format(time.DateOnly) + ".csv", plain(
		momentColumn("hour", func(r *rateHour) time.Time { return r.Hour }),
		textColumn("source", func(r *rateHour) string { return string(r.Source) }),
		textColumn("series", func(r *rateHour) string { return string(r.Series) }),
		textColumn("from", func(r *rateHour) string { return r.From }),
		textColumn("to", func(r *rateHour) string { return r.To }),
		textColumn("rate", func(r *rateHour) string { return v.inFile(r.Rate.String()) }),
		textColumn("usd_rate", func(r *rateHour) string { usd, _, _ := strings.Cut(r.USD, " "); return v.inFile(usd) }),
		momentColumn("valid_from", func(r *rateHour) time.Time { return r.Since }),
		textColumn("project_id", ofPayout(func(*rateHour) string { return strconv.FormatInt(p.Project.ID, 10) })),
		textColumn("use", ofPayout(func(r *rateHour) string { return r.Use })),
		textColumn("margin", ofPayout(func(*rateHour) string { return v.inFile(p.Project.Settings.Conversion.Margin.String()) })),
		textColumn("payout_rate", ofPayout(func(r *rateHour) string { return v.inFile(r.Paid.String()) })),
	), eachOf(rows)}
}
