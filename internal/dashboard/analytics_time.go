package dashboard

import (
	"cmp"
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
	return a.visit.methodTitle(path)
}

// percentiles are those that the tile of times shows, in hundredths.
var percentiles = []int64{50, 90, 95, 99}

// timesTile has the time from request to result: how long it took at most for so many of a hundred payments.
func (a *analysis) timesTile(t *tile) error {
	rows, err := a.sum(figures.Times, false, figures.Method, figures.Bucket)
	a.percentiles(t, "payments.column.method", rows, func(r figures.Row) string { return r.Method }, a.describeMethod)
	return err
}

// percentiles makes the rows of a tile of times: key says what a row of figures counts for.
func (a *analysis) percentiles(t *tile, first string, rows []figures.Row, key func(figures.Row) string, describe func(key string) (label, href string)) {
	groups := make(map[string][]figures.Row)
	for _, r := range rows {
		groups[key(r)] = append(groups[key(r)], r)
	}
	t.First, t.Chart = a.visit.t(first), "across"
	t.Head = []tileColumn{{Label: a.visit.t("analytics.column.results")}}
	for i, p := range percentiles {
		t.Head = append(t.Head, tileColumn{Label: a.visit.t("analytics.column.percent", "percent", p), Colour: []string{"blue", "purple", "amber", "red"}[i], Scale: 1000, Log: true})
	}
	for _, k := range slices.Sorted(maps.Keys(groups)) {
		all := groups[k]
		slices.SortFunc(all, func(x, y figures.Row) int { return cmp.Compare(x.Bucket, y.Bucket) })
		var n int64
		for _, r := range all {
			n += r.Payments
		}
		label, href := describe(k)
		row := tileRow{Label: label, Href: href, Cells: []tileCell{a.count(n, "")}}
		for _, p := range percentiles {
			row.Cells = append(row.Cells, a.duration(percentile(all, n, p)))
		}
		t.Rows = append(t.Rows, row)
	}
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
