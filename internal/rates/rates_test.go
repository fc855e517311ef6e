package rates

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/money"
)

func read(t *testing.T, source Source, name string) *File {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Read(source, content)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

func (f *File) value(base, term string, from time.Time) string {
	for _, q := range f.Quotes {
		if q.Base == base && q.Term == term && q.ValidFrom.Equal(from) {
			return q.Value.String()
		}
	}
	return ""
}

func TestNationalBank(t *testing.T) {
	from := time.Date(2026, 5, 22, 18, 0, 0, 0, time.UTC) // the begin of 23 May in Bishkek
	daily, weekly := read(t, NBKR, "nbkr-daily.xml"), read(t, NBKR, "nbkr-weekly.xml")
	for code, want := range map[string]string{"USD": "87.4500", "EUR": "95.1106", "KZT": "0.1712", "JPY": "0.56125"} {
		if have := daily.value(code, "KGS", from); have != want {
			t.Errorf("daily: %s is worth %s, want %s", code, have, want)
		}
	}
	for code, want := range map[string]string{"GBP": "117.8214", "UZS": "0.006893", "KWD": "285.3100", "EUR": "95.0000"} {
		if have := weekly.value(code, "KGS", from); have != want {
			t.Errorf("weekly: %s is worth %s, want %s", code, have, want)
		}
	}
	if len(weekly.Quotes) != 4 || !slices.Equal(weekly.Skipped, []string{"XDR"}) {
		t.Errorf("weekly: %d quotes, skipped %v", len(weekly.Quotes), weekly.Skipped)
	}
	b := NewBook(slices.Concat(daily.Quotes, weekly.Quotes))
	if r, ok := b.Rate("EUR", "KGS", from, MaxAge, Sources()); !ok || r.Value().String() != "95.1106" {
		t.Errorf("a currency of both files is %s, want the daily file's", r.Value())
	}
}

func TestEuropeanCentralBank(t *testing.T) {
	daily, long := read(t, ECB, "ecb-daily.xml"), read(t, ECB, "ecb-90d.xml")
	day := func(n int) time.Time { return time.Date(2026, 5, n, 15, 0, 0, 0, time.UTC) }
	if have := daily.value("EUR", "GBP", day(22)); have != "0.8072" {
		t.Errorf("GBP is %q", have)
	}
	if len(long.Quotes) != 6 || long.value("EUR", "USD", day(20)) != "1.0840" || long.value("EUR", "JPY", day(21)) != "168.90" {
		t.Errorf("the long file reads as %+v", long.Quotes)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	page, err := os.ReadFile("testdata/maintenance.html")
	if err != nil {
		t.Fatal(err)
	}
	const head, row, foot = `<CurrencyRates Name="Daily Exchange Rates" Date="23.05.2026">`, `<Currency ISOCode="USD"><Nominal>1</Nominal><Value>87,4500</Value></Currency>`, `</CurrencyRates>`
	for _, c := range []struct {
		source  Source
		content string
		want    string
	}{
		{NBKR, string(page), "HTML page"},
		{ECB, "\xef\xbb\xbf\n<HTML><body>wait</body></HTML>", "HTML page"},
		{NBKR, "", "none in it"},
		{NBKR, head + foot, "none in it"},
		{NBKR, head + row, "line 1"},
		{NBKR, "the bank is closed", "none in it"},
		{NBKR, `<a/>`, "begins with <a>"},
		{ECB, head + row + foot, "begins with <CurrencyRates>"},
		{Manual, head + row + foot, "no files"},
		{NBKR, `<?xml version="1.0" encoding="koi8-r"?>` + head + row + foot, "koi8-r"},
		{NBKR, strings.Replace(head, "23.05.2026", "2026-05-23", 1) + row + foot, "23.05.2026"},
		{NBKR, strings.Replace(head, "Daily", "Old", 1) + row + foot, "daily or weekly"},
		{NBKR, head + strings.Replace(row, ">1<", ">3<", 1) + foot, "nominal"},
		{NBKR, head + strings.Replace(row, ">1<", "><", 1) + foot, "nominal"},
		{NBKR, head + strings.Replace(row, "87,4500", "87,45,00", 1) + foot, "value of USD"},
		{NBKR, head + strings.Replace(row, "87,4500", "0,0000", 1) + foot, "above zero"},
		{NBKR, head + strings.Replace(row, "87,4500", "-1", 1) + foot, "value of USD"},
		{NBKR, head + strings.Replace(row, "USD", "usd", 1) + foot, "alpha-3"},
		{NBKR, head + row + strings.Replace(row, "87,4500", "87,4600", 1) + foot, "stands twice"},
		{NBKR, strings.Repeat(" ", MaxFile+1), "MiB"},
		{ECB, `<Envelope><Cube currency="USD" rate="1.1"/></Envelope>`, "has no day"},
		{ECB, `<Envelope><Cube time="22.05.2026"/></Envelope>`, "2026-05-22"},
	} {
		f, err := Read(c.source, []byte(c.content))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %+v, %v; want an error about %q", c.content, f, err, c.want)
		}
	}
	if _, err := Read(NBKR, page); !errors.Is(err, ErrNotRates) {
		t.Errorf("a page is %v, want ErrNotRates", err)
	}
	if f, err := Read(NBKR, []byte(head+row+row+foot)); err != nil || len(f.Quotes) != 1 {
		t.Errorf("what stands twice alike: %+v, %v", f, err)
	}
}

func quote(source Source, series Series, base, term, value string, from time.Time) Quote {
	v, err := money.ParseDecimal(value)
	if err != nil {
		panic(err)
	}
	return Quote{source, series, base, term, v, from}
}

func TestBook(t *testing.T) {
	day := func(n, hour int) time.Time { return time.Date(2026, 5, n, hour, 0, 0, 0, time.UTC) }
	b := NewBook([]Quote{
		quote(NBKR, Daily, "USD", "KGS", "88", day(3, 0)),
		quote(NBKR, Daily, "USD", "KGS", "86", day(1, 0)),
		quote(NBKR, Daily, "USD", "KGS", "87", day(2, 0)),
		quote(NBKR, Daily, "USD", "KGS", "87.5", day(2, 0)), // corrects the one before
		quote(NBKR, Daily, "EUR", "KGS", "95", day(1, 0)),
		quote(NBKR, Weekly, "EUR", "KGS", "90", day(2, 0)),
		quote(NBKR, Weekly, "GBP", "KGS", "117", day(1, 0)),
		quote(ECB, Daily, "EUR", "USD", "1.1", day(2, 15)),
		quote(ECB, Daily, "EUR", "JPY", "170", day(2, 15)),
		quote(Manual, ByHand, "KGS", "TJS", "0.1", day(2, 10)),
	})
	const hour, long = time.Hour, MaxAge
	for _, c := range []struct {
		name, from, to string
		at             time.Time
		maxAge         time.Duration
		sources        []Source
		want           string // source and value; empty: none
	}{
		{"as it stands", "USD", "KGS", day(1, 5), long, Order(NBKR), "nbkr 86"},
		{"from its moment on", "USD", "KGS", day(2, 0), long, Order(NBKR), "nbkr 87.5"},
		{"the moment before", "USD", "KGS", day(2, 0).Add(-1), long, Order(NBKR), "nbkr 86"},
		{"not before its day", "USD", "KGS", day(1, 0).Add(-1), long, Order(NBKR), ""},
		{"backwards", "KGS", "USD", day(2, 1), long, Order(NBKR), "nbkr 0.01142857143"},
		{"through the base currency", "EUR", "USD", day(3, 1), long, Order(NBKR), "nbkr 1.079545455"},
		{"the source that is asked first", "EUR", "USD", day(3, 1), long, Order(ECB), "ecb 1.1"},
		{"through the euro", "USD", "JPY", day(3, 1), long, Order(ECB), "ecb 154.5454545"},
		{"another source stands in", "EUR", "JPY", day(3, 1), long, Order(NBKR), "ecb 170"},
		{"by hand", "TJS", "KGS", day(3, 1), long, Order(NBKR), "manual 10"},
		{"never through two sources", "TJS", "USD", day(3, 1), long, Order(NBKR), ""},
		{"the daily file before the weekly", "EUR", "KGS", day(2, 1), long, Order(NBKR), "nbkr 95"},
		{"the weekly file where the daily is too old", "EUR", "KGS", day(2, 1), 24 * hour, Order(NBKR), "nbkr 90"},
		{"old enough to be used", "GBP", "KGS", day(1, 5), 5 * hour, Order(NBKR), "nbkr 117"},
		{"too old", "GBP", "KGS", day(1, 5).Add(1), 5 * hour, Order(NBKR), ""},
		{"a base that is too old gives way", "EUR", "USD", day(2, 16), hour, Order(NBKR), "ecb 1.1"},
		{"one leg is too old", "GBP", "USD", day(3, 1), 24 * hour, Order(NBKR), ""},
		{"one currency", "KGS", "KGS", day(3, 1), long, Order(NBKR), ""},
	} {
		r, ok := b.Rate(c.from, c.to, c.at, c.maxAge, c.sources)
		have := ""
		if ok {
			have = string(r.Source) + " " + r.Value().String()
		}
		if have != c.want {
			t.Errorf("%s: %s/%s is %q, want %q", c.name, c.from, c.to, have, c.want)
		}
	}
	if _, ok := (*Book)(nil).Rate("USD", "KGS", day(1, 0), long, Sources()); ok {
		t.Error("without a book there is a rate")
	}
}

func TestConversion(t *testing.T) {
	day := time.Date(2026, 5, 23, 0, 0, 0, 0, time.UTC)
	b := NewBook([]Quote{
		quote(NBKR, Daily, "USD", "KGS", "87.45", day), quote(NBKR, Daily, "JPY", "KGS", "0.56125", day), quote(NBKR, Daily, "KWD", "KGS", "285.31", day),
	})
	margin := func(text string) money.Decimal { return quote(NBKR, Daily, "USD", "KGS", text, day).Value }
	for _, c := range []struct {
		from, to        string
		amount          int64
		margin          string
		converted, cost int64
	}{
		{"USD", "KGS", 10000, "0", 874500, 874500},
		{"USD", "KGS", 10000, "1", 865755, 883245}, // 87.45 less, and plus one in a hundred
		{"KGS", "USD", 874500, "1", 9900, 10100},
		{"JPY", "KGS", 1000, "0", 56125, 56125}, // no decimals to two
		{"KGS", "JPY", 56125, "0", 1000, 1000},
		{"KWD", "KGS", 1000, "0", 28531, 28531}, // three decimals to two
		{"KWD", "JPY", 1500, "0", 763, 763},     // 762.52…, through the som
		{"KGS", "KWD", 1, "0", 0, 0},            // less than one unit
		{"KGS", "USD", 43725, "0", 500, 500},
	} {
		r, ok := b.Rate(c.from, c.to, day, time.Hour, Order(NBKR))
		converted, err := r.Converted(c.amount, margin(c.margin), 1)
		cost, e := r.Cost(c.amount, margin(c.margin))
		if !ok || err != nil || e != nil || converted != c.converted || cost != c.cost {
			t.Errorf("%d %s with %s %%: %d and %d %s (%v, %v), want %d and %d", c.amount, c.from, c.margin, converted, cost, c.to, err, e, c.converted, c.cost)
		}
	}
	r, _ := b.Rate("USD", "KGS", day, time.Hour, Order(NBKR))
	for _, c := range []struct{ step, want int64 }{{0, 865755}, {100, 865800}, {10000, 870000}, {1 << 40, 0}} {
		if have, err := r.Converted(10000, margin("1"), c.step); err != nil || have != c.want {
			t.Errorf("in steps of %d: %d, %v; want %d", c.step, have, err, c.want)
		}
	}
	if _, err := r.Converted(1<<62, money.Decimal{}, 1); !errors.Is(err, money.ErrTooLarge) {
		t.Errorf("a sum that nobody can hold: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"nbkr-daily.xml", "nbkr-weekly.xml", "ecb-daily.xml", "ecb-90d.xml", "maintenance.html"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, s := range []Source{NBKR, ECB} {
			file, err := Read(s, content)
			if err != nil {
				continue
			}
			for i := range file.Quotes {
				if err := file.Quotes[i].Check(); err != nil || file.Quotes[i].ValidFrom.IsZero() {
					t.Fatalf("%+v is read: %v", file.Quotes[i], err)
				}
			}
		}
	})
}

// A book lists what holds at a moment: of each pair of a source one quote, of the series that is preferred.
func TestHeld(t *testing.T) {
	from := time.Date(2026, 5, 22, 18, 0, 0, 0, time.UTC)
	b := NewBook(slices.Concat(read(t, ECB, "ecb-daily.xml").Quotes, read(t, NBKR, "nbkr-weekly.xml").Quotes, read(t, NBKR, "nbkr-daily.xml").Quotes))
	held := b.Held(from)
	var pairs []string
	for _, q := range held {
		pairs = append(pairs, string(q.Source)+" "+q.Base+"/"+q.Term)
		if q.Source == NBKR && q.Base == "EUR" && q.Series != Daily {
			t.Errorf("the euro is taken from the file %q", q.Series)
		}
	}
	if !slices.Contains(pairs, "nbkr EUR/KGS") || !slices.Contains(pairs, "nbkr GBP/KGS") || pairs[len(pairs)-1] != "ecb EUR/USD" || len(slices.Compact(pairs)) != len(held) {
		t.Errorf("held are %v", pairs)
	}
	if held := b.Held(from.Add(MaxAge + time.Hour)); len(held) != 0 {
		t.Errorf("quotes that are too old are held: %v", held)
	}
	if held := b.Held(from.Add(-24 * time.Hour)); len(held) != 0 {
		t.Errorf("quotes that do not hold yet are held: %v", held)
	}
}

// With a margin, a rate is what a sum is converted by, and what it costs.
func TestValueWithMargin(t *testing.T) {
	from := time.Date(2026, 5, 22, 18, 0, 0, 0, time.UTC)
	b := NewBook(read(t, NBKR, "nbkr-daily.xml").Quotes)
	margin := money.Whole(15).Shift(-1)
	for _, c := range []struct{ from, to, less, plus string }{
		{"USD", "KGS", "86.1382500", "88.7617500"},
		{"KGS", "USD", "0.01126357919", "0.01160663236"},
	} {
		r, ok := b.Rate(c.from, c.to, from, MaxAge, Sources())
		if less, plus := r.ValueLess(margin).String(), r.ValuePlus(margin).String(); !ok || less != c.less || plus != c.plus {
			t.Errorf("%s in %s: %s and %s, want %s and %s", c.from, c.to, less, plus, c.less, c.plus)
		}
	}
}
