package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// paymentRoutes are the register of payments and the pages of single ones.
var paymentRoutes = []route{
	{pattern: "GET /payments", right: staff.ViewPayments, serve: serveRegister},
	{pattern: "GET /search", right: staff.ViewPayments, serve: serveSearch},
	{pattern: "GET /payments/totals", right: staff.ViewPayments, serve: serveTotals},
	{pattern: "GET /payments/export", right: staff.ViewPayments, serve: serveExport},
	{pattern: "POST /payments/filters", right: staff.ViewPayments, serve: serveSaveFilter},
	{pattern: "POST /payments/filters/delete", right: staff.ViewPayments, serve: serveDropFilter},
	{pattern: "POST /payments/columns", right: staff.ViewPayments, serve: serveSaveColumns},
	{pattern: "GET /payments/{project}/{id...}", right: staff.ViewPayments, serve: servePayment},
	{pattern: "GET /payments/{project}/{id}/evidence", right: staff.ViewPayments, serve: serveEvidence},
	{pattern: "POST /payments/{project}/{id}/evidence", right: staff.EditProjects, fresh: true, serve: serveFullEvidence},
	{pattern: "POST /payments/{project}/{id}/resend", right: staff.ResendCallbacks, serve: serveResend},
}

// pageRows is how many payments a page of the register shows.
const pageRows = 50

// registerData is what the register's page shows.
type registerData struct {
	*listing
	Columns        []column
	Rows           []registerRow
	Same           []cell // what the usual columns would say in every row
	Quick          []quickFilter
	Periods        []quickFilter
	Saved          []savedFilter
	Previous       string // addresses; empty where there is none
	Next           string
	GoOn           string // where the search goes on that has stopped because it had looked at enough
	Until          string // when the payments were made to which it has looked, in words
	Exports        []csvLink
	Report         string // the form of a report of the list; empty: there is none
	Totals         string
	Here           string // the register as it is shown
	Query          string // the filter in the address, to be saved
	Reset          string // without the filter
	Columned       []columnChoice
	Choices        *filterChoices
	usual          bool       // the columns are those of who has chosen none
	Panel          *panelData // nil: nothing is open beside the list
	IdempotencyKey string
	FailingBatches failingBatches // whose callback fails, where those that fail are asked for: the list has payments only
	Resend         string         // where the callbacks of all that the filter leaves are sent again; empty: it is not asked for, or not allowed
}

// registerRow is a row of the register.
type registerRow struct {
	Name    string // of the payment, in addresses
	Href    string // opens it beside the list
	On      bool   // it is the one that is shown there
	Payment string // the merchant's id
	Head    int    // the cell that names the row, and opens it
	Cells   []cell
}

// quickFilter is a filter of one attribute and one click.
type quickFilter struct {
	Label, Href string
	On          bool
}

type savedFilter struct {
	Name, Href string
	On         bool
}

// serveRegister shows a page of the register. Its address holds everything: filter, place, columns, and what is open beside
// the list.
func serveRegister(d *Dashboard, v *visit) error {
	if tidy := tidied(v.r.URL.Query()); tidy != v.r.URL.RawQuery && hasEmpty(v.r.URL.Query()) {
		http.Redirect(v.w, v.r, "/payments"+withQuery(tidy), http.StatusSeeOther)
		return nil
	}
	l, err := readListing(v)
	if err != nil {
		return err
	}
	if v.asksFor(panelID) {
		return servePanel(v, l)
	}
	data := &registerData{
		listing: l, Here: l.opening(l.open), Query: l.query().Encode(), Reset: registerAddress(nil, l.open.named()), Choices: l.choices(v), IdempotencyKey: newForm().IdempotencyKey,
	}
	if data.Panel, err = v.readPanel(l); err != nil {
		return err
	}
	if data.Columns, data.usual, err = v.columns(); err != nil {
		return err
	}
	data.Columned = choicesOf(v, data.Columns)
	if data.Saved, err = l.saved(v); err != nil {
		return err
	}
	data.Quick, data.Periods = l.quick(v), l.periods(v)
	if l.filter.Situation == store.SituationFailing && v.user.Can(staff.ResendCallbacks) {
		data.Resend = "/payments/resend" + withQuery(data.Query)
	}
	if l.filter.Situation == store.SituationFailing && (v.user.Can(staff.ViewManual) || v.user.Can(staff.ResendCallbacks)) {
		if data.FailingBatches, err = v.failingBatches(l.filter.Projects, failingMost); err != nil {
			return err
		}
	}
	if l.Form.OK() {
		if err := data.read(v); err != nil {
			return err
		}
	}
	if data.Exports, err = v.csvLinks("/payments/export" + withQuery(data.Query)); err != nil {
		return err
	}
	data.Report = l.reportAddress(v)
	data.Totals = "/payments/totals" + withQuery(data.Query)
	title := v.t("payments.title")
	if l.payee != nil {
		title = l.payee.Title
	}
	if data.Panel != nil {
		title = data.Panel.Title
	}
	return v.render("payments", Page{Title: title, Form: l.Form, Data: data, Wide: true})
}

// read reads the page of rows.
func (data *registerData) read(v *visit) error {
	l := data.listing
	page := store.RegisterPage{Place: l.place, Newer: l.newer, Limit: pageRows}
	out, err := v.d.Store.Register(v.ctx(), l.filter, page)
	if err != nil {
		return err
	}
	if page.Newer && !out.More && out.Until == nil && len(out.Rows) < pageRows { // the first page, which is full where it can be
		page.Place, page.Newer = nil, false
		if out, err = v.d.Store.Register(v.ctx(), l.filter, page); err != nil {
			return err
		}
	}
	if err := data.fill(v, out.Rows); err != nil {
		return err
	}
	older, newer := "", ""
	if n := len(out.Rows); n > 0 {
		older, newer = out.Rows[n-1].Place().String(), out.Rows[0].Place().String()
	} else if page.Place != nil {
		older, newer = page.Place.String(), page.Place.String()
	}
	if page.Place != nil && (!page.Newer || out.More) {
		data.Previous = l.address(url.Values{"newer": {newer}})
	}
	if out.More && !page.Newer || page.Newer && older != "" {
		data.Next = l.address(url.Values{"older": {older}})
	}
	if out.Until != nil {
		name := "older"
		if page.Newer {
			name = "newer"
		}
		data.GoOn, data.Until = l.address(url.Values{name: {out.Until.String()}}), v.moment(out.Until.At)
	}
	return nil
}

// fill makes rows of what was read. Whoever has chosen no columns is spared those that say the same in every row.
func (data *registerData) fill(v *visit, rows []store.RegisterRow) error {
	if slices.ContainsFunc(data.Columns, func(c column) bool { return c.Name == "recipient" }) {
		if err := v.d.Store.NameRecipients(v.ctx(), rows); err != nil {
			return err
		}
	}
	if data.usual {
		data.Columns, data.Same = v.telling(data.Columns, rows)
	}
	for i := range rows {
		data.Rows = append(data.Rows, rowOf(v, data.listing, data.Columns, &rows[i]))
	}
	return nil
}

// serveSearch leads from the header's search to what it finds: to the payment, where there is exactly one.
func serveSearch(d *Dashboard, v *visit) error {
	text := strings.TrimSpace(v.r.URL.Query().Get("q"))
	switch {
	case text == "":
		return v.redirect("/payments", "")
	case utf8.RuneCountInString(text) > maxSearch || len(store.SearchedValues(text)) > store.MaxSearched: // the list says so
		return v.redirect("/payments"+withQuery(url.Values{"q": {text}}.Encode()), "")
	}
	f := store.RegisterFilter{Projects: projectIDs(v.projects()), Search: text}
	out, err := d.Store.Register(v.ctx(), f, store.RegisterPage{Limit: 2})
	if err != nil {
		return err
	}
	list := "/payments" + withQuery(url.Values{"q": {text}}.Encode())
	if len(out.Rows) == 1 && !out.More && out.Until == nil {
		return v.redirect(paymentAddress(out.Rows[0].ProjectID, out.Rows[0].ID, list), "")
	}
	return v.redirect(list, "")
}

// paymentAddress is a payment's page; back is the register as it was shown.
func paymentAddress(project, id int64, back string) string {
	path := "/payments/" + strconv.FormatInt(project, 10) + "/" + strconv.FormatInt(id, 10)
	if _, query, _ := strings.Cut(back, "?"); query != "" {
		path += "?" + url.Values{"list": {query}}.Encode()
	}
	return path
}

func projectIDs(projects []*merchant.Project) []int64 {
	ids := make([]int64, 0, len(projects))
	for _, p := range projects {
		ids = append(ids, p.ID)
	}
	return ids
}

func withQuery(query string) string {
	if query == "" {
		return ""
	}
	return "?" + query
}

// hasEmpty tells whether a form was sent with fields that nobody filled in.
func hasEmpty(q url.Values) bool { return len(tidied(q)) < len(q.Encode()) }

// tidied is a query without empty members.
func tidied(q url.Values) string {
	out := make(url.Values)
	for name, values := range q {
		for _, value := range values {
			if value != "" {
				out.Add(name, value)
			}
		}
	}
	return out.Encode()
}

// back is the register's address that a page was opened from.
func (v *visit) back() string {
	return localPath("/payments" + withQuery(cmp.Or(v.r.URL.Query().Get("list"), v.r.PostFormValue("list"))))
}
