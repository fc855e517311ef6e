package dashboard

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/csvfile"
	"flashpay/internal/money"
)

// tile is a table that the server makes; charts are drawn from it in the browser.
type tile struct {
	ID    string
	Title string
	Text  string
	Chart string // bar, line, stack, across (the bars lie), stack-across; empty: the table alone
	timed bool   // its rows are stretches of time
	First string // heading of the first column
	Head  []tileColumn
	Rows  []tileRow
	CSV   string
}

// tileColumn is a column of figures.
type tileColumn struct {
	Label    string
	Colour   string // of its bars; empty: the column is not in the chart
	Currency string // of sums; empty: whole numbers
	Scale    int64  // what values are divided by on the chart's axis; 0: by nothing
	Log      bool   // the axis has a logarithmic scale
	name     string // in CSV; empty: the label
}

// tileRow is a row of a tile.
type tileRow struct {
	Label string
	Href  string // the register of what the row counts
	Cells []tileCell
}

// tileCell is a figure: its text, and its value for the chart and for programs.
type tileCell struct {
	Text  string
	Value int64
	Href  string // the register of what it counts
	plain string // in CSV; empty: the value
}

// makers make the tiles of datasets.
var makers = map[string]func(*analysis, *tile) error{
	"payments": (*analysis).paymentsTile, "operations": (*analysis).operationsTile, "conversion": (*analysis).conversionTile,
	"declines": (*analysis).declinesTile, "times": (*analysis).timesTile, "turnover": (*analysis).turnoverTile, "paid": (*analysis).paidTile,
	"top_methods": (*analysis).topMethodsTile, "top_projects": (*analysis).topProjectsTile, "top_banks": (*analysis).topBanksTile,
	"bank_pivot": (*analysis).bankPivotTile, "top_codes": (*analysis).topCodesTile,
	"callbacks": (*analysis).callbacksTile, "callback_times": (*analysis).callbackTimesTile,
}

// tiles makes the tiles of a template.
func (a *analysis) tiles() (out []*tile, err error) {
	for _, dataset := range a.Board.Tiles {
		t, err := a.tile(dataset)
		if err != nil {
			return nil, err
		}
		t.CSV = a.address("/analytics/csv", "tile", dataset)
		out = append(out, t)
	}
	return out, nil
}

// tile makes the tile of a dataset.
func (a *analysis) tile(dataset string) (*tile, error) {
	t := &tile{ID: dataset, Title: a.visit.t("analytics.tile." + dataset), Text: a.visit.t("analytics.text." + dataset)}
	return t, makers[dataset](a, t)
}

// serveTileCSV sends the table of a template's tile.
func serveTileCSV(_ *Dashboard, v *visit) error {
	a := readAnalysis(v, v.r.URL.Query())
	dataset := v.r.URL.Query().Get("tile")
	if makers[dataset] == nil || !a.Form.OK() {
		return errNotFound
	}
	t, err := a.tile(dataset)
	if err != nil {
		return err
	}
	return a.sendCSV(t, dataset)
}

// sendCSV sends a tile's table: in it sums have their decimals, and numbers no marks between thousands.
func (a *analysis) sendCSV(t *tile, name string) error {
	w := a.visit.w
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+"-"+a.from.Format(time.DateOnly)+"-"+a.to.AddDate(0, 0, -1).Format(time.DateOnly)+`.csv"`)
	out, err := csvfile.NewWriter(w, ',')
	if err != nil {
		return err
	}
	head := []string{t.First}
	for _, c := range t.Head {
		head = append(head, cmp.Or(c.name, c.Label))
	}
	if err := out.Write(head...); err != nil {
		return err
	}
	for _, r := range t.Rows {
		line := []string{r.Label}
		for i, c := range r.Cells {
			line = append(line, c.written(t.Head[i].Currency))
		}
		if err := out.Write(line...); err != nil {
			return err
		}
	}
	return out.Flush()
}

func (c tileCell) written(currency string) string {
	if c.plain != "" {
		return c.plain
	}
	if currency == "" {
		return strconv.FormatInt(c.Value, 10)
	}
	text, err := money.Major(c.Value, currency)
	if err != nil {
		return strconv.FormatInt(c.Value, 10)
	}
	return text
}

// count is a cell of a number.
func (a *analysis) count(n int64, href string) tileCell {
	if n == 0 {
		href = ""
	}
	return tileCell{Text: a.visit.d.pages[a.visit.lang].words.number(n), Value: n, Href: href}
}

// amount is a cell of a sum.
func (a *analysis) amount(n int64, currency, href string) tileCell {
	if n == 0 {
		href = ""
	}
	return tileCell{Text: a.visit.d.pages[a.visit.lang].words.sum(n, currency), Value: n, Href: href}
}

// share is a cell of a part of a whole, in thousandths, half up; without a whole it is empty.
func (a *analysis) share(part, whole int64) tileCell {
	if whole == 0 {
		return tileCell{Text: "–", plain: " "}
	}
	return a.permille((part*2000 + whole) / (2 * whole))
}

func (a *analysis) permille(n int64) tileCell {
	mark := ","
	if a.visit.lang == "en" {
		mark = "."
	}
	sign := ""
	if n < 0 {
		sign, n = "−", -n
	}
	whole, rest := strconv.FormatInt(n/10, 10), strconv.FormatInt(n%10, 10)
	plain := whole + "." + rest
	if sign != "" {
		plain = "-" + plain
	}
	return tileCell{Text: sign + whole + mark + rest + " %", Value: n, plain: plain}
}

// change is a cell that says by how much a figure has changed since the period before.
func (a *analysis) change(now, before int64) tileCell {
	if before == 0 {
		return tileCell{Text: "–", plain: " "}
	}
	c := a.permille((now - before) * 1000 / before)
	if now > before {
		c.Text = "+" + c.Text
	}
	return c
}

// points are where the stretches of time begin by which charts are grouped, and where the last one ends.
func (a *analysis) points(from, to time.Time) (out []time.Time) {
	at := from
	switch a.Group {
	case "week":
		at = at.AddDate(0, 0, -(int(at.Weekday())+6)%7)
	case "month":
		at = time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, at.Location())
	}
	for ; at.Before(to); at = a.next(at) {
		if at.Before(from) {
			out = append(out, from)
			continue
		}
		out = append(out, at)
	}
	return append(out, to)
}

func (a *analysis) next(at time.Time) time.Time {
	switch a.Group {
	case "hour":
		return at.Add(time.Hour)
	case "week":
		return at.AddDate(0, 0, 7)
	case "month":
		return at.AddDate(0, 1, 0)
	}
	return at.AddDate(0, 0, 1)
}

// pointOf is the stretch in which a moment lies.
func pointOf(points []time.Time, at time.Time) int {
	i, found := slices.BinarySearchFunc(points, at, time.Time.Compare)
	if !found {
		i--
	}
	return max(0, min(i, len(points)-2))
}

// pointLabel names a stretch of time.
func (a *analysis) pointLabel(at time.Time) string {
	day, _ := a.visit.d.pages[a.visit.lang].words.layouts()
	switch a.Group {
	case "hour":
		return at.Format(shortDay(day) + " 15:04")
	case "month":
		return at.Format("01.2006")
	}
	return at.Format(shortDay(day))
}

// shortDay is the layout of a day without its year.
func shortDay(layout string) string { return layout[:len("02.01")] }
