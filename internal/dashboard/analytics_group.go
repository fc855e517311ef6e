package dashboard

import (
	"cmp"
	"maps"
	"slices"

	"flashpay/internal/payout"
	"flashpay/internal/store/figures"
)

// analyticsRows are what the rows of tiles of payments and of operations can be, beside stretches of time.
var analyticsRows = []string{"method", "currency", "project", "bank"}

// grouping is what the rows of a tile are.
type grouping struct {
	word     string // of the first column
	column   figures.Column
	key      func(figures.Row) string
	describe func(key string) (label, href string)
}

func (a *analysis) grouping() grouping {
	switch a.Rows {
	case "method":
		return grouping{"payments.column.method", figures.Method, func(r figures.Row) string { return r.Method }, a.describeMethod}
	case "currency":
		return grouping{"payments.column.currency", figures.Currency, func(r figures.Row) string { return r.Currency }, func(code string) (string, string) {
			return code, a.register(a.from, a.to, "currency", code)
		}}
	case "project":
		return grouping{"payments.column.project", figures.Project, projectOf, a.describeProject}
	}
	return grouping{"analytics.column.bank", figures.Bank, func(r figures.Row) string { return r.Bank }, a.describeBank}
}

// statusCounts counts payments by status.
type statusCounts map[payout.Status]int64

func (c statusCounts) all() (n int64) {
	for _, k := range c {
		n += k
	}
	return n
}

// paymentsTile has payments by when they were made, with the status that they have now.
func (a *analysis) paymentsTile(t *tile) error { return a.statuses(t, figures.Payments) }

// operationsTile has results by when they came.
func (a *analysis) operationsTile(t *tile) error { return a.statuses(t, figures.Results) }

// bankPivotTile has banks against statuses.
func (a *analysis) bankPivotTile(t *tile) error {
	banks := *a
	banks.Rows = "bank"
	return banks.pivot(t, figures.Payments)
}

func (a *analysis) statuses(t *tile, what figures.Metric) error {
	if a.Rows != "" {
		return a.pivot(t, what)
	}
	return a.byTime(t, what)
}

// twice adds figures up for the period, and where it is compared for the one before.
func (a *analysis) twice(what figures.Metric, by ...figures.Column) (now, before []figures.Row, err error) {
	if now, err = a.sum(what, false, by...); err == nil && a.Compare {
		before, err = a.sum(what, true, by...)
	}
	return now, before, err
}

// statusHead are the columns of the statuses that occur, and of what is made of them.
func (a *analysis) statusHead(t *tile, rows []figures.Row) (seen []payout.Status) {
	for _, s := range statusChart {
		if slices.ContainsFunc(rows, func(r figures.Row) bool { return r.Status == s.status }) {
			seen = append(seen, s.status)
			t.Head = append(t.Head, tileColumn{Label: a.visit.t(statusWord(s.status)), Colour: s.colour, name: string(s.status)})
		}
	}
	t.Head = append(t.Head, tileColumn{Label: a.visit.t("analytics.column.all")}, tileColumn{Label: a.visit.t("analytics.column.share")})
	if a.Compare {
		t.Head = append(t.Head, tileColumn{Label: a.visit.t("analytics.column.before"), name: "before"}, tileColumn{Label: a.visit.t("analytics.column.change")})
	}
	return seen
}

// statusCells are a row's cells: link is where the payments of a status are, and of all of them; what is never found by it is a
// result, which the register does not choose by.
func (a *analysis) statusCells(seen []payout.Status, now statusCounts, before int64, link func(pairs ...string) string) (cells []tileCell) {
	for _, s := range seen {
		cells = append(cells, a.count(now[s], link("status", string(s))))
	}
	good, all := now[payout.Success], now.all()
	cells = append(cells, a.count(all, link()), a.share(good, good+now[payout.Decline]))
	if a.Compare {
		cells = append(cells, a.count(before, ""), a.change(all, before))
	}
	return cells
}

// byTime counts by stretch of time and status. The period before has its stretches beside those of this one, first to first.
func (a *analysis) byTime(t *tile, what figures.Metric) error {
	rows, earlier, err := a.twice(what, figures.Hour, figures.Status)
	if err != nil {
		return err
	}
	points, pointsBefore := a.points(a.from, a.to), a.points(a.before, a.beforeTo)
	counts, before := make([]statusCounts, len(points)-1), make([]int64, max(len(points), len(pointsBefore))-1)
	for i := range counts {
		counts[i] = make(statusCounts)
	}
	for _, r := range rows {
		counts[pointOf(points, r.Hour)][r.Status] += r.Payments
	}
	for _, r := range earlier {
		before[pointOf(pointsBefore, r.Hour)] += r.Payments
	}
	t.Chart, t.First, t.timed = "stack", a.visit.t("analytics.column.time"), true
	seen := a.statusHead(t, rows)
	if len(rows) == 0 && len(earlier) == 0 {
		return nil
	}
	for i, from := range points[:len(points)-1] {
		link := func(pairs ...string) string {
			if what != figures.Payments {
				return ""
			}
			return a.register(from, points[i+1], pairs...)
		}
		t.Rows = append(t.Rows, tileRow{Label: a.pointLabel(from), Cells: a.statusCells(seen, counts[i], before[i], link)})
	}
	return nil
}

// pivot counts by what the rows are and status: the largest first.
func (a *analysis) pivot(t *tile, what figures.Metric) error {
	g := a.grouping()
	rows, earlier, err := a.twice(what, g.column, figures.Status)
	if err != nil {
		return err
	}
	counts, before := make(map[string]statusCounts), make(map[string]int64)
	of := func(key string) statusCounts {
		if counts[key] == nil {
			counts[key] = make(statusCounts)
		}
		return counts[key]
	}
	for _, r := range rows {
		of(g.key(r))[r.Status] += r.Payments
	}
	for _, r := range earlier {
		of(g.key(r))
		before[g.key(r)] += r.Payments
	}
	t.Chart, t.First = "stack-across", a.visit.t(g.word)
	seen := a.statusHead(t, rows)
	for _, key := range slices.SortedFunc(maps.Keys(counts), func(x, y string) int {
		return cmp.Or(cmp.Compare(counts[y].all(), counts[x].all()), cmp.Compare(x, y))
	}) {
		label, href := g.describe(key)
		if what != figures.Payments {
			href = ""
		}
		link := func(pairs ...string) string {
			if href == "" {
				return ""
			}
			return a.register(a.from, a.to, append([]string{a.Rows, key}, pairs...)...)
		}
		t.Rows = append(t.Rows, tileRow{Label: label, Href: href, Cells: a.statusCells(seen, counts[key], before[key], link)})
	}
	return nil
}
