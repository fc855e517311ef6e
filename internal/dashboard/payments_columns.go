package dashboard

import (
	"cmp"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// column is a column of the register.
type column struct {
	Name string // in addresses and forms
	Num  bool
	show func(v *visit, r *store.RegisterRow) template.HTML
}

// Word is the id of the column's title.
func (c column) Word() string { return "payments.column." + c.Name }

// cell is what a row shows in a column.
type cell struct {
	Name  string // the column's
	Label string
	Num   bool
	HTML  template.HTML
}

// allColumns are the register's columns, the usual ones (usualColumns) first: they begin with what a clerk looks for.
var allColumns = []column{
	{Name: "created", show: func(v *visit, r *store.RegisterRow) template.HTML { return v.timeOf(r.CreatedAt) }},
	{Name: "recipient", show: func(_ *visit, r *store.RegisterRow) template.HTML { return escaped(cmp.Or(r.Recipient, "–")) }},
	{Name: "account", show: func(_ *visit, r *store.RegisterRow) template.HTML { return escaped(r.AccountMask) }},
	{Name: "amount", Num: true, show: func(v *visit, r *store.RegisterRow) template.HTML {
		return escaped(v.words().sum(r.Amount, r.Currency))
	}},
	{Name: "status", show: showStatus},
	{Name: "id", show: func(_ *visit, r *store.RegisterRow) template.HTML { return escaped(r.PaymentID) }},
	{Name: "project", show: showProject},
	{Name: "method", show: func(v *visit, r *store.RegisterRow) template.HTML {
		return escaped(v.words().methodTitle(r.Method, r.MethodTitle))
	}},
	{Name: "type", show: func(v *visit, _ *store.RegisterRow) template.HTML { return escaped(v.t("payments.type_payout")) }},
	{Name: "currency", show: func(_ *visit, r *store.RegisterRow) template.HTML { return escaped(r.Currency) }},
	{Name: "code", Num: true, show: showCode},
	{Name: "customer", show: func(_ *visit, r *store.RegisterRow) template.HTML { return escaped(r.CustomerID) }},
	{Name: "updated", show: func(v *visit, r *store.RegisterRow) template.HTML { return v.timeOf(r.UpdatedAt) }},
	{Name: "operation", Num: true, show: func(_ *visit, r *store.RegisterRow) template.HTML { return escaped(strconv.FormatInt(r.Operation, 10)) }},
	{Name: "provider_id", show: func(_ *visit, r *store.RegisterRow) template.HTML { return escaped(r.ProviderPaymentID) }},
	{Name: "interface", show: func(v *visit, r *store.RegisterRow) template.HTML { return escaped(v.t(interfaceWord(r.Interface))) }},
	{Name: "description", show: func(_ *visit, r *store.RegisterRow) template.HTML { return escaped(r.Description) }},
	{Name: "threshold", show: showThreshold},
}

const usualColumns = 8

// mayGo are the usual columns that are left out where every row says the same in them.
var mayGo = []string{"recipient", "project", "method"}

// telling leaves out columns that say the same in every row, and says what that is.
func (v *visit) telling(columns []column, rows []store.RegisterRow) (left []column, same []cell) {
	for _, c := range columns {
		first := func(r store.RegisterRow) bool { return c.show(v, &r) != c.show(v, &rows[0]) }
		if len(rows) == 0 || !slices.Contains(mayGo, c.Name) || c.Name == "recipient" && rows[0].Recipient != "" || slices.ContainsFunc(rows, first) {
			left = append(left, c)
			continue
		}
		if html := c.show(v, &rows[0]); c.Name != "recipient" {
			same = append(same, cell{Name: c.Name, Label: v.t(c.Word()), HTML: html})
		}
	}
	return left, same
}

func escaped(text string) template.HTML { return template.HTML(template.HTMLEscapeString(text)) }

func (v *visit) words() *words { return v.d.pages[v.lang].words }

// timeOf shows a moment in the visitor's zone.
func (v *visit) timeOf(at time.Time) template.HTML {
	_, layout := v.words().layouts()
	date, clock, _ := strings.Cut(at.In(v.zone).Format(layout), " ")
	if v.lang == languages[0] { // 2 Jan 2006, 15:04:05
		date, clock, _ = strings.Cut(at.In(v.zone).Format(layout), ", ")
	}
	return template.HTML(`<time datetime="`+machineTime(at)+`"><span class="together">`) + escaped(date) + `</span> <span class="together">` + escaped(clock) + `</span></time>`
}

// moment is a time of microseconds in words.
func (v *visit) moment(micros int64) string {
	_, layout := v.words().layouts()
	return time.UnixMicro(micros).In(v.zone).Format(layout)
}

// showStatus shows the status, and what is special about the payment beside it.
func showStatus(v *visit, r *store.RegisterRow) template.HTML {
	out := v.words().status(r.Status)
	if r.Stage == payout.Disputed || r.Stage == payout.Unsettled {
		out += ` <span class="badge badge-purple">` + escaped(v.t(situationWord(store.SituationDisputed))) + `</span>`
	}
	return out
}

func showProject(v *visit, r *store.RegisterRow) template.HTML {
	name := template.HTML("")
	if p, ok := v.d.Store.Project(r.ProjectID); ok {
		name = ` <span class="register-more">` + escaped(p.Name) + `</span>`
	}
	return escaped(strconv.FormatInt(r.ProjectID, 10)) + name
}

func showCode(_ *visit, r *store.RegisterRow) template.HTML {
	return `<span title="` + escaped(payout.Message(r.Code)) + `">` + escaped(strconv.Itoa(r.Code)) + `</span>`
}

func showThreshold(v *visit, r *store.RegisterRow) template.HTML {
	if r.Status.Final() {
		return "–"
	}
	return escaped(v.words().span(max(0, r.ThresholdAt.Sub(v.d.Store.Now()))))
}

func interfaceWord(n int) string {
	if n == 5 {
		return "payments.interface.dashboard"
	}
	return "payments.interface.gate"
}

// columns are those that the address names, else those that the user has chosen, else the usual ones.
func (v *visit) columns() (columns []column, usual bool, err error) {
	names := strings.Split(v.r.URL.Query().Get("columns"), ",")
	if chosen := columnsOf(names); len(chosen) > 0 {
		return chosen, false, nil
	}
	names, err = v.d.people.RegisterColumns(v.ctx(), v.user.ID)
	if err != nil {
		return nil, false, err
	}
	if chosen := columnsOf(names); len(chosen) > 0 {
		return chosen, false, nil
	}
	return allColumns[:usualColumns], true, nil
}

// columnsOf are the columns of names, in their order; unknown names and repetitions are passed over.
func columnsOf(names []string) (out []column) {
	for _, name := range names {
		i := slices.IndexFunc(allColumns, func(c column) bool { return c.Name == name })
		if i >= 0 && !slices.ContainsFunc(out, func(c column) bool { return c.Name == name }) {
			out = append(out, allColumns[i])
		}
	}
	return out
}

func rowOf(v *visit, l *listing, columns []column, r *store.RegisterRow) registerRow {
	name := tabName(r.ProjectID, r.ID)
	head := max(0, slices.IndexFunc(columns, func(c column) bool { return c.Name == "id" }))
	row := registerRow{Head: head, Name: name, Payment: r.PaymentID, Href: l.opening(l.open.with(name)), On: name == l.open.shown}
	for _, c := range columns {
		row.Cells = append(row.Cells, cell{Name: c.Name, Label: v.t(c.Word()), Num: c.Num, HTML: c.show(v, r)})
	}
	return row
}

// columnChoice is a line of the form that chooses columns.
type columnChoice struct {
	Name, Label string
	On          bool
	Place       int
}

// choicesOf lists the columns: those that are shown in their order, then the others.
func choicesOf(v *visit, shown []column) (out []columnChoice) {
	for i, c := range shown {
		out = append(out, columnChoice{c.Name, v.t(c.Word()), true, i + 1})
	}
	for _, c := range allColumns {
		if !slices.ContainsFunc(shown, func(s column) bool { return s.Name == c.Name }) {
			out = append(out, columnChoice{c.Name, v.t(c.Word()), false, len(out) + 1})
		}
	}
	return out
}

// serveSaveColumns keeps the user's columns, in the order of their numbers.
func serveSaveColumns(d *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	names := slices.Clone(f.Values["column"])
	if f.Get("default") != "" {
		names = nil
	}
	place := func(name string) int {
		n, _ := strconv.Atoi(f.Get("place_" + name)) // what is no number comes first
		return n
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(place(a), place(b)) })
	var kept []string
	for _, c := range columnsOf(names) {
		kept = append(kept, c.Name)
	}
	if err := d.people.SaveRegisterColumns(v.ctx(), f.IdempotencyKey, v.user, kept); err != nil {
		return err
	}
	q, _ := url.ParseQuery(f.Get("query")) // what can be read of it
	if len(kept) > 0 {
		q.Set("columns", strings.Join(kept, ","))
	}
	return v.redirect(registerAddress(q, f.Values["open"]), "payments.columns_saved")
}
