package dashboard

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/record"
	"flashpay/internal/store"
)

// choice is of which balances and period a statement is, as its address says.
type choice struct {
	Form     *Form
	From, To time.Time           // To is exclusive; zero: no bound
	Chosen   []*merchant.Project // whose balances it is of
	offered  []*merchant.Project
	fields   *Form
}

var choiceNames = []string{"from", "to", "agreement", "project", "currency", "totals"}

// readChoice reads the address. Without a period it is this month. Days are UTC days, as those of reports.
func readChoice(v *visit) *choice {
	c := &choice{Form: newForm(), offered: v.projects()}
	given := v.r.URL.Query()
	for _, name := range append([]string{"from_time", "to_time"}, choiceNames...) {
		if text := given.Get(name); text != "" {
			c.Form.Values.Set(name, text)
		}
	}
	now := v.d.Store.Now().UTC()
	if !given.Has("from") && !given.Has("to") {
		c.Form.Values.Set("from", time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
		c.Form.Values.Set("to", now.Format(time.DateOnly))
	}
	inUTC := *v
	inUTC.zone = time.UTC
	period := &listing{Form: c.Form, shown: make(url.Values)}
	period.readPeriod(&inUTC)
	c.From, c.To, c.fields = period.filter.From, period.filter.To, period.Fields()
	c.readBalances(v)
	return c
}

// readBalances reads whose balances are chosen, and in which currency.
func (c *choice) readBalances(v *visit) {
	agreement, project := c.Form.Get("agreement"), c.Form.Get("project")
	for _, p := range c.offered {
		if (agreement == "" || agreement == strconv.FormatInt(p.MerchantID, 10)) && (project == "" || project == strconv.FormatInt(p.ID, 10)) {
			c.Chosen = append(c.Chosen, p)
		}
	}
	if len(c.Chosen) == 0 && (agreement != "" || project != "") {
		c.Form.Fault("project", v.t("payments.fault_unknown", "value", cmp.Or(project, agreement)))
	}
	if code := c.Form.Get("currency"); code != "" && !money.Valid(code) {
		c.Form.Fault("currency", v.t("payments.fault_unknown", "value", code))
	}
}

// Fields is the choice as its form shows it.
func (c *choice) Fields() *Form { return c.fields }

// Address is a page under this choice; more are pairs of name and value, an empty value leaves a name out.
func (c *choice) Address(path string, more ...string) string {
	q := maps.Clone(c.Form.Values)
	for i := 0; i+1 < len(more); i += 2 {
		if q.Del(more[i]); more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	if !q.Has("from") && !q.Has("to") {
		q.Set("from", "") // all time, not this month
	}
	return path + "?" + q.Encode()
}

// ProjectOptions are the projects to choose from.
func (c *choice) ProjectOptions() (out []option) {
	for _, p := range c.offered {
		out = append(out, option{Value: strconv.FormatInt(p.ID, 10), Label: strconv.FormatInt(p.ID, 10) + " " + p.Name})
	}
	return out
}

// TotalsOnly tells whether the balances that make up the totals are left out.
func (c *choice) TotalsOnly() bool { return c.Form.Get("totals") != "" }

// periods are those of one click, in UTC days.
func (c *choice) periods(v *visit) (out []quickFilter) {
	now := v.d.Store.Now().UTC()
	today := now.Truncate(24 * time.Hour)
	month, year := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC), time.Date(now.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	for _, p := range []struct {
		word     string
		from, to time.Time
	}{
		{"payments.period_today", today, today},
		{"payments.period_yesterday", today.AddDate(0, 0, -1), today.AddDate(0, 0, -1)},
		{"payments.period_month", month, today},
		{"payments.period_last_month", month.AddDate(0, -1, 0), month.AddDate(0, 0, -1)},
		{"finance.period_year", year, today},
	} {
		from, to := p.from.Format(time.DateOnly), p.to.Format(time.DateOnly)
		out = append(out, quickFilter{Label: v.t(p.word), Href: c.Address("/finance/statement", "from", from, "to", to), On: c.Form.Get("from") == from && c.Form.Get("to") == to})
	}
	return out
}

// sheet is the statement of one balance, or of all of an agreement in one currency.
type sheet struct {
	ledger.Statement
	Merchant *merchant.Merchant
	Project  *merchant.Project // nil: of the agreement
	Currency string
	choice   *choice
}

// Movements is the address of the list that a figure sums: of a position, or of what was moved before or until a moment, in one
// account or, with an empty name, in all.
func (s *sheet) Movements(position, account string) string {
	more := []string{"agreement", strconv.FormatInt(s.Merchant.ID, 10), "currency", s.Currency, "totals", "", "position", position, "account", account}
	if s.Project != nil {
		more = append(more, "project", strconv.FormatInt(s.Project.ID, 10))
	}
	return s.choice.Address("/finance/statement/movements", more...)
}

// Own is the address of the statement of this sheet alone.
func (s *sheet) Own() string {
	return s.choice.Address("/finance/statement", "project", strconv.FormatInt(s.Project.ID, 10), "currency", s.Currency)
}

// Columns are the names of the project's own accounts, as a statement shows them.
func (s *sheet) Columns() (out []string) {
	for _, a := range ledger.Own {
		out = append(out, columnOf(a))
	}
	return out
}

// columnOf is the name of an own account in addresses and words: what is receivable, the project owes.
func columnOf(a ledger.Account) string {
	if a == ledger.Receivable {
		return "owed"
	}
	return a.String()
}

// Groups are the columns of the table of balances: every position that changes what there is stands in one of them.
func (s *sheet) Groups() []*ledger.Line {
	return []*ledger.Line{
		s.Of(ledger.TopUps, ledger.Corrections, ledger.Others), s.Of(ledger.Payouts, ledger.Exchanges),
		s.Of(ledger.PayoutFees, ledger.OtherFees, ledger.RefundedFees), s.Of(ledger.Refunds, ledger.ExchangeReturns),
	}
}

// Moved is what the period changed in all.
func (s *sheet) Moved() int64 { return s.Closing.Total() - s.Opening.Total() }

// statementPage is a statement with all that it shows.
type statementPage struct {
	Tab     string
	Choice  *choice
	Periods []quickFilter
	Totals  []*sheet // by agreement and currency
	Sheets  []*sheet // by project and currency
	Until   time.Time
	Open    bool // the period is not over: the closing balance is that of now
}

// Of are the sheets of the balances that a total sums.
func (p *statementPage) Of(total *sheet) (out []*sheet) {
	for _, s := range p.Sheets {
		if s.Merchant.ID == total.Merchant.ID && s.Currency == total.Currency {
			out = append(out, s)
		}
	}
	return out
}

// statement makes the statement that the address asks for.
func (v *visit) statement() (*statementPage, error) {
	c := readChoice(v)
	page := &statementPage{Tab: "statement", Choice: c, Periods: c.periods(v), Until: c.To}
	if !c.Form.OK() {
		return page, nil
	}
	if now := v.d.Store.Now(); c.To.IsZero() || c.To.After(now) {
		page.Until, page.Open = now, true
	}
	sums, err := v.d.Store.LedgerSums(v.ctx(), projectIDs(c.Chosen), c.From, c.To)
	if err != nil {
		return nil, err
	}
	b := &sheets{visit: v, choice: c, sheets: make(map[sheetKey]*sheet)}
	for _, l := range sums.Before {
		b.each(&l, (*ledger.Statement).Open)
	}
	for _, l := range sums.Within {
		b.each(&l, (*ledger.Statement).Move)
	}
	for _, k := range slices.SortedFunc(maps.Keys(b.sheets), sheetKey.compare) {
		s := b.sheets[k]
		switch {
		case s.Empty():
		case k.project == 0:
			page.Totals = append(page.Totals, s)
		default:
			page.Sheets = append(page.Sheets, s)
		}
	}
	return page, nil
}

type sheetKey struct {
	merchant int64
	project  int64 // 0: of the agreement
	currency string
}

func (k sheetKey) compare(o sheetKey) int {
	return cmp.Or(cmp.Compare(k.merchant, o.merchant), cmp.Compare(k.currency, o.currency), cmp.Compare(k.project, o.project))
}

// sheets sorts sums into sheets.
type sheets struct {
	visit  *visit
	choice *choice
	sheets map[sheetKey]*sheet
}

// each takes a sum into the sheet of its balance and into that of the agreement.
func (b *sheets) each(l *store.LedgerSum, take func(*ledger.Statement, ledger.Moved)) {
	p, ok := b.visit.d.Store.Project(l.ProjectID)
	if code := b.choice.Form.Get("currency"); !ok || code != "" && code != l.Currency {
		return
	}
	for _, k := range []sheetKey{{p.MerchantID, p.ID, l.Currency}, {p.MerchantID, 0, l.Currency}} {
		s := b.sheets[k]
		if s == nil {
			m, known := b.visit.d.Store.Merchant(p.MerchantID)
			if !known {
				m = &merchant.Merchant{ID: p.MerchantID}
			}
			s = &sheet{Merchant: m, Currency: l.Currency, choice: b.choice}
			if k.project != 0 {
				s.Project = p
			}
			b.sheets[k] = s
		}
		take(&s.Statement, l.Moved)
	}
}

func serveStatement(_ *Dashboard, v *visit) error {
	page, err := v.statement()
	if err != nil {
		return err
	}
	p := Page{Title: v.t("finance.statement_title"), Form: page.Choice.Form, Data: page, Wide: true}
	if !p.Form.OK() {
		return v.renderStatus(http.StatusUnprocessableEntity, "finance_statement", p)
	}
	return v.render("finance_statement", p)
}

// serveStatementPrint shows the statement as it is printed and signed.
func serveStatementPrint(_ *Dashboard, v *visit) error {
	page, err := v.statement()
	if err != nil {
		return err
	}
	if !page.Choice.Form.OK() {
		return v.redirect(page.Choice.Address("/finance/statement"), "")
	}
	return v.render("finance_print", Page{Title: v.t("finance.statement_title"), Data: page})
}

// statementRow is a position of a balance, or of an agreement, whose rows have no project.
type statementRow struct {
	*sheet
	Position  string
	sums      []int64 // in all, then of each own account
	transfers int64
}

// serveStatementCSV writes the statement as CSV.
func serveStatementCSV(_ *Dashboard, v *visit) error {
	page, err := v.statement()
	if err != nil {
		return err
	}
	if !page.Choice.Form.OK() {
		return v.redirect(page.Choice.Address("/finance/statement"), "")
	}
	return page.file().send(v)
}

func (p *statementPage) file() listFile[statementRow] {
	columns := []record.Column[statementRow]{
		textColumn("agreement_id", func(r *statementRow) string { return strconv.FormatInt(r.Merchant.ID, 10) }),
		textColumn("agreement", func(r *statementRow) string { return r.Merchant.Name }),
		idColumn("project_id", func(r *statementRow) int64 { return r.project().ID }),
		textColumn("project", func(r *statementRow) string { return r.project().Name }),
		textColumn("currency", func(r *statementRow) string { return r.Currency }),
		textColumn("position", func(r *statementRow) string { return r.Position }),
	}
	for i, name := range []string{"total", columnOf(ledger.Own[0]), columnOf(ledger.Own[1]), columnOf(ledger.Own[2]), columnOf(ledger.Own[3])} {
		columns = append(columns, sumColumn(name, func(r *statementRow) (int64, string) { return r.sums[i], r.Currency }))
	}
	columns = append(columns,
		countColumn("transfers", func(r *statementRow) int64 { return r.transfers }),
		momentColumn("from", func(*statementRow) time.Time { return p.Choice.From }),
		momentColumn("to", func(*statementRow) time.Time { return p.Until }),
	)
	var rows []statementRow
	for _, s := range append(p.Totals, p.Sheets...) {
		rows = append(rows, s.rows()...)
	}
	return listFile[statementRow]{p.fileName(), plain(columns...), eachOf(rows)}
}

// project is the sheet's; that of an agreement has none.
func (s *sheet) project() *merchant.Project {
	if s.Project == nil {
		return &merchant.Project{}
	}
	return s.Project
}

func (s *sheet) rows() (out []statementRow) {
	add := func(position string, l *ledger.Line) {
		out = append(out, statementRow{s, position, append([]int64{l.Total()}, l.Sums[:]...), l.Transfers})
	}
	add("opening", &s.Opening)
	for _, l := range append(s.Lines(false), s.Lines(true)...) {
		add(string(l.Position), l)
	}
	add("closing", &s.Closing)
	return out
}

func (p *statementPage) fileName() string {
	from := "all"
	if !p.Choice.From.IsZero() {
		from = p.Choice.From.Format(time.DateOnly)
	}
	return "statement_" + from + "_" + p.Until.UTC().Add(-time.Microsecond).Format(time.DateOnly) + ".csv"
}
