package dashboard

import (
	"maps"
	"slices"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store/figures"
)

// statusChart are the statuses in the order in which charts stack them, and their colours.
var statusChart = []struct {
	status payout.Status
	colour string
}{{payout.Success, "green"}, {payout.Decline, "red"}, {payout.Processing, "blue"}, {payout.AwaitingRetry, "amber"}, {payout.Reversed, "purple"}}

func statusWord(s payout.Status) string {
	switch s {
	case payout.AwaitingRetry:
		return "status.awaiting_retry"
	default:
		return "status." + string(s)
	}
}

// conversionTile has successes against failures, by method.
func (a *analysis) conversionTile(t *tile) error {
	rows, err := a.sum(figures.Payments, false, figures.Method, figures.Status)
	if err != nil {
		return err
	}
	var earlier []figures.Row
	if a.Compare {
		if earlier, err = a.sum(figures.Payments, true, figures.Method, figures.Status); err != nil {
			return err
		}
	}
	type counts struct{ all, good, bad int64 }
	count := func(rows []figures.Row) map[string]counts {
		out := make(map[string]counts)
		for _, r := range rows {
			c := out[r.Method]
			c.all += r.Payments
			switch r.Status {
			case payout.Success, payout.Reversed:
				c.good += r.Payments
			case payout.Decline:
				c.bad += r.Payments
			}
			out[r.Method] = c
		}
		return out
	}
	now, before := count(rows), count(earlier)
	t.First, t.Chart = a.visit.t("payments.column.method"), "across"
	t.Head = []tileColumn{
		{Label: a.visit.t("status.success"), Colour: "green", name: "success"},
		{Label: a.visit.t("status.decline"), Colour: "red", name: "decline"},
		{Label: a.visit.t("analytics.column.all")},
		{Label: a.visit.t("analytics.column.share")},
	}
	if a.Compare {
		t.Head = append(t.Head, tileColumn{Label: a.visit.t("analytics.column.share_before")})
	}
	for _, method := range slices.Sorted(maps.Keys(now)) {
		c := now[method]
		row := tileRow{Label: a.methodTitle(method), Href: a.register(a.from, a.to, "method", method)}
		row.Cells = []tileCell{
			a.count(c.good, a.register(a.from, a.to, "method", method, "status", "success")),
			a.count(c.bad, a.register(a.from, a.to, "method", method, "status", "decline")),
			a.count(c.all, row.Href), a.share(c.good, c.good+c.bad),
		}
		if a.Compare {
			b := before[method]
			row.Cells = append(row.Cells, a.share(b.good, b.good+b.bad))
		}
		t.Rows = append(t.Rows, row)
	}
	return nil
}

func (a *analysis) methodTitle(path string) string {
	if m, ok := a.visit.d.Methods.Get(path); ok {
		return m.Title
	}
	return path
}

// percentiles are those that the tile of times shows, in hundredths.
var percentiles = []int64{50, 90, 95, 99}

// timesTile has the time from request to result: how long it took at most for so many of a hundred payments.
func (a *analysis) timesTile(t *tile) error {
	rows, err := a.sum(figures.Times, false, figures.Method, figures.Bucket)
	if err != nil {
		return err
	}
	byMethod := make(map[string][]figures.Row)
	for _, r := range rows {
		byMethod[r.Method] = append(byMethod[r.Method], r)
	}
	t.First, t.Chart = a.visit.t("payments.column.method"), "across"
	t.Head = []tileColumn{{Label: a.visit.t("analytics.column.results")}}
	for i, p := range percentiles {
		t.Head = append(t.Head, tileColumn{Label: a.visit.t("analytics.column.percent", "percent", p), Colour: []string{"blue", "purple", "amber", "red"}[i], Scale: 1000, Log: true})
	}
	for _, method := range slices.Sorted(maps.Keys(byMethod)) {
		all := byMethod[method]
		slices.SortFunc(all, func(x, y figures.Row) int { return int(x.Bucket/time.Microsecond - y.Bucket/time.Microsecond) })
		var n int64
		for _, r := range all {
			n += r.Payments
		}
		row := tileRow{Label: a.methodTitle(method), Href: a.register(a.from, a.to, "method", method), Cells: []tileCell{a.count(n, "")}}
		for _, p := range percentiles {
			row.Cells = append(row.Cells, a.duration(percentile(all, n, p)))
		}
		t.Rows = append(t.Rows, row)
	}
	return nil
}

// percentile is the end of the bucket in which so many of a hundred have their result.
func percentile(sorted []figures.Row, all, percent int64) time.Duration {
	need := (all*percent + 99) / 100
	for _, r := range sorted {
		if need -= r.Payments; need <= 0 {
			return r.Bucket
		}
	}
	return 0
}

// duration is a cell of a time: the chart and programs have it in milliseconds.
func (a *analysis) duration(d time.Duration) tileCell {
	c := tileCell{Value: d.Milliseconds()}
	words := a.visit.d.pages[a.visit.lang].words
	switch {
	case d < time.Second:
		c.Text = "≤ " + a.visit.t("analytics.milliseconds", "number", max(1, d.Milliseconds()))
	case d < 10*time.Second && d%time.Second != 0:
		mark := ","
		if a.visit.lang == "en" {
			mark = "."
		}
		tenth := (d + 99*time.Millisecond) / (100 * time.Millisecond)
		c.Text = "≤ " + a.visit.t("analytics.seconds", "number", words.number(int64(tenth/10))+mark+words.number(int64(tenth%10)))
	default:
		c.Text = "≤ " + words.span(d)
	}
	return c
}
