package dashboard

import (
	"cmp"
	"maps"
	"slices"

	"flashpay/internal/store/figures"
)

// callbackCounts are attempts of callbacks: those that were acknowledged, and those that were not.
type callbackCounts struct{ good, bad int64 }

func (c *callbackCounts) add(r figures.Row) {
	if r.Acknowledged {
		c.good += r.Payments
	} else {
		c.bad += r.Payments
	}
}

// callbacksHead are the columns of attempts.
func (a *analysis) callbacksHead(t *tile) {
	t.Head = []tileColumn{
		{Label: a.visit.t("analytics.column.acknowledged"), Colour: "green", name: "acknowledged"},
		{Label: a.visit.t("analytics.column.failed"), Colour: "red", name: "failed"},
		{Label: a.visit.t("analytics.column.attempts"), name: "attempts"},
		{Label: a.visit.t("analytics.column.acknowledged_share")},
	}
	if a.Compare {
		t.Head = append(t.Head, tileColumn{Label: a.visit.t("analytics.column.before"), name: "before"}, tileColumn{Label: a.visit.t("analytics.column.change")})
	}
}

func (a *analysis) callbackCells(now, before callbackCounts) []tileCell {
	all := now.good + now.bad
	cells := []tileCell{a.count(now.good, ""), a.count(now.bad, ""), a.count(all, ""), a.share(now.good, all)}
	if a.Compare {
		cells = append(cells, a.count(before.good+before.bad, ""), a.change(all, before.good+before.bad))
	}
	return cells
}

// callbacksTile has attempts of callbacks by when they began, or by project.
func (a *analysis) callbacksTile(t *tile) error {
	a.callbacksHead(t)
	if a.Rows == "project" {
		return a.callbacksByProject(t)
	}
	rows, earlier, err := a.twice(figures.Callbacks, figures.Hour, figures.Acknowledged)
	if err != nil {
		return err
	}
	points, pointsBefore := a.points(a.from, a.to), a.points(a.before, a.beforeTo)
	counts, before := make([]callbackCounts, len(points)-1), make([]callbackCounts, max(len(points), len(pointsBefore))-1)
	for _, r := range rows {
		counts[pointOf(points, r.Hour)].add(r)
	}
	for _, r := range earlier {
		before[pointOf(pointsBefore, r.Hour)].add(r)
	}
	t.Chart, t.First, t.timed = "stack", a.visit.t("analytics.column.time"), true
	if len(rows) == 0 && len(earlier) == 0 {
		return nil
	}
	for i, from := range points[:len(points)-1] {
		t.Rows = append(t.Rows, tileRow{Label: a.pointLabel(from), Cells: a.callbackCells(counts[i], before[i])})
	}
	return nil
}

func (a *analysis) callbacksByProject(t *tile) error {
	rows, earlier, err := a.twice(figures.Callbacks, figures.Project, figures.Acknowledged)
	if err != nil {
		return err
	}
	counts, before := make(map[string]callbackCounts), make(map[string]callbackCounts)
	for _, r := range rows {
		c := counts[projectOf(r)]
		c.add(r)
		counts[projectOf(r)] = c
	}
	for _, r := range earlier {
		c := before[projectOf(r)]
		c.add(r)
		before[projectOf(r)] = c
		counts[projectOf(r)] = counts[projectOf(r)]
	}
	t.Chart, t.First = "stack-across", a.visit.t("payments.column.project")
	for _, id := range slices.SortedFunc(maps.Keys(counts), func(x, y string) int {
		return cmp.Or(cmp.Compare(counts[y].good+counts[y].bad, counts[x].good+counts[x].bad), cmp.Compare(x, y))
	}) {
		label, _ := a.describeProject(id)
		t.Rows = append(t.Rows, tileRow{Label: label, Cells: a.callbackCells(counts[id], before[id])})
	}
	return nil
}

// callbackTimesTile has how long it took at most from the event until so many of a hundred callbacks were acknowledged.
func (a *analysis) callbackTimesTile(t *tile) error {
	rows, err := a.sum(figures.Callbacks, false, figures.Project, figures.Acknowledged, figures.Bucket)
	rows = slices.DeleteFunc(rows, func(r figures.Row) bool { return !r.Acknowledged })
	a.percentiles(t, "payments.column.project", rows, projectOf, func(id string) (string, string) {
		label, _ := a.describeProject(id)
		return label, ""
	})
	return err
}
