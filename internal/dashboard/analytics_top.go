package dashboard

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/store/figures"
)

// topRows is how many rows the tiles of the largest have.
const topRows = 10

// tally is what a row of a ranking counts.
type tally struct{ payments, good, bad, before int64 }

// ranked makes the rows of the largest, by payments: key says what a row of figures counts for.
func (a *analysis) ranked(t *tile, now, before []figures.Row, key func(figures.Row) string, describe func(key string) (label, href string)) {
	counts := make(map[string]*tally)
	of := func(r figures.Row) *tally {
		k := key(r)
		if counts[k] == nil {
			counts[k] = &tally{}
		}
		return counts[k]
	}
	for _, r := range now {
		c := of(r)
		c.payments += r.Payments
		switch r.Status {
		case payout.Success, payout.Reversed:
			c.good += r.Payments
		case payout.Decline:
			c.bad += r.Payments
		}
	}
	for _, r := range before {
		of(r).before += r.Payments
	}
	keys := slices.SortedFunc(maps.Keys(counts), func(x, y string) int {
		return cmp.Or(cmp.Compare(counts[y].payments, counts[x].payments), cmp.Compare(counts[y].before, counts[x].before), cmp.Compare(x, y))
	})
	t.Chart = "across"
	for _, k := range keys[:min(topRows, len(keys))] {
		label, href := describe(k)
		c := counts[k]
		row := tileRow{Label: label, Href: href, Cells: []tileCell{a.count(c.payments, href)}}
		if len(t.Head) > 1 && t.Head[1].name == "success" {
			row.Cells = append(row.Cells, a.count(c.good, ""), a.count(c.bad, ""), a.share(c.good, c.good+c.bad))
		}
		if a.Compare {
			row.Cells = append(row.Cells, a.count(c.before, ""), a.change(c.payments, c.before))
		}
		t.Rows = append(t.Rows, row)
	}
}

// top makes a tile of the largest by one column.
func (a *analysis) top(t *tile, first string, by figures.Column, key func(figures.Row) string, describe func(key string) (label, href string)) error {
	t.First = a.visit.t(first)
	t.Head = []tileColumn{
		{Label: a.visit.t("analytics.column.payments"), Colour: "blue", name: "payments"},
		{Label: a.visit.t("status.success"), name: "success"},
		{Label: a.visit.t("status.decline"), name: "decline"},
		{Label: a.visit.t("analytics.column.share")},
	}
	return a.rank(t, by, key, describe)
}

func (a *analysis) rank(t *tile, by figures.Column, key func(figures.Row) string, describe func(key string) (label, href string)) error {
	now, err := a.sum(figures.Payments, false, by, figures.Status)
	if err != nil {
		return err
	}
	var before []figures.Row
	if a.Compare {
		t.Head = append(t.Head, tileColumn{Label: a.visit.t("analytics.column.before")}, tileColumn{Label: a.visit.t("analytics.column.change")})
		if before, err = a.sum(figures.Payments, true, by, figures.Status); err != nil {
			return err
		}
	}
	if by == figures.Code { // successes have no reason
		declined := func(r figures.Row) bool { return r.Status != payout.Decline }
		now, before = slices.DeleteFunc(now, declined), slices.DeleteFunc(before, declined)
	}
	a.ranked(t, now, before, key, describe)
	return nil
}

func (a *analysis) topMethodsTile(t *tile) error {
	return a.top(t, "payments.column.method", figures.Method, func(r figures.Row) string { return r.Method }, a.describeMethod)
}

func (a *analysis) describeMethod(path string) (label, href string) {
	return a.methodTitle(path), a.register(a.from, a.to, "method", path)
}

func (a *analysis) topProjectsTile(t *tile) error {
	return a.top(t, "payments.column.project", figures.Project, projectOf, a.describeProject)
}

func projectOf(r figures.Row) string { return strconv.FormatInt(r.Project, 10) }

func (a *analysis) describeProject(id string) (label, href string) {
	label = id
	for _, p := range a.Projects {
		if strconv.FormatInt(p.ID, 10) == id {
			label += " " + p.Name
		}
	}
	return label, a.register(a.from, a.to, "project", id)
}

func (a *analysis) topBanksTile(t *tile) error {
	return a.top(t, "analytics.column.bank", figures.Bank, func(r figures.Row) string { return r.Bank }, a.describeBank)
}

// describeBank names a bank by the operator's list, else by the digits with which its accounts begin.
func (a *analysis) describeBank(digits string) (label, href string) {
	if digits == "" {
		return a.visit.t("analytics.other_accounts"), ""
	}
	label = digits
	if name := a.visit.d.Banks[digits]; name != "" {
		label += " " + name
	}
	return label, a.register(a.from, a.to, "bank", digits)
}

func (a *analysis) topCodesTile(t *tile) error { return a.declinesTile(t) }

// declinesTile has the reasons of declines.
func (a *analysis) declinesTile(t *tile) error {
	t.First = a.visit.t("analytics.column.reason")
	t.Head = []tileColumn{{Label: a.visit.t("status.decline"), Colour: "red", name: "decline"}}
	return a.rank(t, figures.Code, func(r figures.Row) string { return strconv.Itoa(r.Code) }, func(text string) (string, string) {
		code, _ := strconv.Atoi(text)
		return a.visit.words().codeText(code), a.register(a.from, a.to, "status", "decline", "code", text)
	})
}

// turnoverTile has what was paid, by currency and method, by when the result came: so it is what the ledger has.
func (a *analysis) turnoverTile(t *tile) error {
	type key struct{ currency, method string }
	type sums struct{ results, amount, before int64 }
	all := make(map[key]sums)
	for _, before := range []bool{false, true} {
		if before && !a.Compare {
			continue
		}
		rows, err := a.sum(figures.Results, before, figures.Currency, figures.Method, figures.Status)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Status != payout.Success {
				continue
			}
			k := key{r.Currency, r.Method}
			s := all[k]
			if before {
				s.before += r.Amount
			} else {
				s.results, s.amount = s.results+r.Payments, s.amount+r.Amount
			}
			all[k] = s
		}
	}
	t.First = a.visit.t("analytics.column.currency_method")
	t.Head = []tileColumn{{Label: a.visit.t("analytics.column.paid_number"), name: "payments"}, {Label: a.visit.t("analytics.column.paid"), name: "paid"}}
	if a.Compare {
		t.Head = append(t.Head, tileColumn{Label: a.visit.t("analytics.column.before")}, tileColumn{Label: a.visit.t("analytics.column.change")})
	}
	for _, k := range slices.SortedFunc(maps.Keys(all), func(x, y key) int {
		return cmp.Or(cmp.Compare(x.currency, y.currency), cmp.Compare(x.method, y.method))
	}) {
		s := all[k]
		row := tileRow{Label: fmt.Sprintf("%s, %s", k.currency, a.methodTitle(k.method)), Href: a.register(a.from, a.to, "currency", k.currency, "method", k.method, "status", "success")}
		row.Cells = []tileCell{a.count(s.results, ""), a.money(s.amount, k.currency)}
		if a.Compare {
			row.Cells = append(row.Cells, a.money(s.before, k.currency), a.change(s.amount, s.before))
		}
		t.Rows = append(t.Rows, row)
	}
	return nil
}

// scaleOf is how many minor units a unit of a currency has.
func scaleOf(currency string) int64 {
	scale := int64(1)
	if one, err := money.ParseMajor("1", currency); err == nil {
		scale = one
	}
	return scale
}

// money is a cell of a sum in a column of several currencies.
func (a *analysis) money(n int64, currency string) tileCell {
	c := a.amount(n, currency, "")
	c.plain = c.written(currency)
	return c
}

// paidTile has what was paid by time, a column for each currency. The chart has the currency of most payments: bars of
// different currencies have no common scale.
func (a *analysis) paidTile(t *tile) error {
	rows, err := a.sum(figures.Results, false, figures.Hour, figures.Currency, figures.Status)
	if err != nil {
		return err
	}
	points := a.points(a.from, a.to)
	sums, numbers := make(map[string][]int64), make(map[string]int64)
	for _, r := range rows {
		if r.Status != payout.Success {
			continue
		}
		if sums[r.Currency] == nil {
			sums[r.Currency] = make([]int64, len(points)-1)
		}
		sums[r.Currency][pointOf(points, r.Hour)] += r.Amount
		numbers[r.Currency] += r.Payments
	}
	t.First, t.Chart, t.timed = a.visit.t("analytics.column.time"), "bar", true
	currencies := slices.SortedFunc(maps.Keys(sums), func(x, y string) int { return cmp.Or(cmp.Compare(numbers[y], numbers[x]), cmp.Compare(x, y)) })
	for i, c := range currencies {
		column := tileColumn{Label: c, Currency: c, Scale: scaleOf(c)}
		if i == 0 {
			column.Colour = "green"
		}
		t.Head = append(t.Head, column)
	}
	if len(currencies) == 0 {
		return nil
	}
	for i, from := range points[:len(points)-1] {
		row := tileRow{Label: a.pointLabel(from)}
		for _, c := range currencies {
			row.Cells = append(row.Cells, a.amount(sums[c][i], c, a.register(from, points[i+1], "currency", c, "status", "success")))
		}
		t.Rows = append(t.Rows, row)
	}
	return nil
}
