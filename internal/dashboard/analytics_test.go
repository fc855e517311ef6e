package dashboard

import (
	"encoding/csv"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashpay/internal/browsertest"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/storetest"
)

// analysed is a site with payouts of two projects that are followed.
func analysed(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	for i, fate := range []payout.Event{payout.Succeeded, payout.Succeeded, payout.Declined, payout.Succeeded} {
		s.pay(210, "shop-"+string(rune('a'+i)), int64(10_000*(i+1)), fate)
	}
	s.pay(211, "wage-1", 70_000, payout.Succeeded)
	if err := s.Store.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

var cellLink = regexp.MustCompile(`<td class="num" data-value="([0-9]+)"><a href="([^"]+)">([^<]+)</a>`)

// TestTilesLeadToWhatTheyCount follows the links of tiles: the register counts as many payments as the cell says.
func TestTilesLeadToWhatTheyCount(t *testing.T) {
	s := analysed(t)
	admin := s.signedIn(staff.MerchantAdmin)
	followed := 0
	for _, page := range []string{"/analytics", "/analytics?board=banks&period=week", "/analytics?board=turnover&compare=on&project=210", "/analytics?board=conversion&period=week&group=hour"} {
		body := admin.get(page).wants(http.StatusOK).Body
		for _, m := range cellLink.FindAllStringSubmatch(body, -1) {
			value, address := m[1], html.UnescapeString(m[2])
			if strings.ContainsAny(m[3], ".") { // a sum
				continue
			}
			word := value + " payments"
			if value == "1" {
				word = "1 payment"
			}
			admin.get(strings.Replace(address, "/payments?", "/payments/totals?", 1)).wants(http.StatusOK).says(word)
			followed++
		}
	}
	if followed < 20 {
		t.Errorf("%d links of cells", followed)
	}
}

// TestAnalyticsShowsWhatOneMaySee holds that tiles count the reader's own projects only, and that faults show nothing.
func TestAnalyticsShowsWhatOneMaySee(t *testing.T) {
	s := analysed(t)
	s.signedIn(staff.Support).get("/analytics").wants(http.StatusForbidden)
	s.signedIn(staff.Support).get("/analytics/csv?tile=paid").wants(http.StatusForbidden)
	one := s.signedInAs(&staff.User{MerchantID: 1, Email: "one@example.kg", Name: "One", Roles: []staff.Role{staff.Finance}, Projects: []int64{211}})
	one.get("/analytics?board=turnover").wants(http.StatusOK).says("211 Salaries", "700.00").saysNot("210 ")
	one.get("/analytics?board=turnover&project=210").wants(http.StatusOK).saysNot("Turnover 1", "700.00")
	for _, address := range []string{"period=days&from=2026-02-30", "period=ever", "period=days&from=2020-01-01&to=2026-01-01", "period=quarter&group=hour", "currency=XXX", "method=no"} {
		one.get("/analytics?" + address).wants(http.StatusOK).saysNot("700.00")
	}
}

func TestTilesAsCSV(t *testing.T) {
	s := analysed(t)
	finance := s.signedIn(staff.Finance)
	a := finance.get("/analytics/csv?board=turnover&period=week&tile=turnover").wants(http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
	if err != nil || len(rows) != 2 || rows[0][1] != "payments" || rows[1][1] != "4" || rows[1][2] != "1400.00" {
		t.Errorf("%q, %v", a.Body, err)
	}
	finance.get("/analytics/csv?tile=nothing").wants(http.StatusNotFound)
}

// TestChartsInBrowser holds that each table with a chart has one, that it is there in both colours, and that a click on a bar
// opens the register.
func TestChartsInBrowser(t *testing.T) {
	s := analysed(t)
	g := newGallery(t, s)
	p := browsertest.Start(t).Open(t, browsertest.View{Width: 1440, Height: 900})
	p.SetCookie(g.url, s.sessionCookie(), g.session(staff.Finance, "en"))
	p.Goto(g.url + "/analytics?period=week&group=day")
	p.WaitFor(`document.getElementById("board").dataset.drawn === "yes"`)
	tables := browsertest.Eval[int](p, `document.querySelectorAll("table[data-chart]").length`)
	if charts := browsertest.Eval[int](p, `document.querySelectorAll("canvas[role=img]").length`); charts != tables || charts < 4 {
		t.Errorf("%d charts of %d tables", charts, tables)
	}
	if pngs := browsertest.Eval[int](p, `document.querySelectorAll("button.tile-png").length`); pngs != tables {
		t.Errorf("%d buttons for a picture of %d tables", pngs, tables)
	}
	const click = `(() => {
		const canvas = document.querySelector("#tile-payments canvas"), chart = Chart.getChart(canvas), box = canvas.getBoundingClientRect();
		const bar = chart.getDatasetMeta(0).data[chart.data.datasets[0].data.findIndex((n) => n > 0)].getCenterPoint();
		canvas.dispatchEvent(new MouseEvent("click", { clientX: box.left + bar.x, clientY: box.top + bar.y, bubbles: true }));
		return true;
	})()`
	browsertest.Eval[bool](p, click)
	p.WaitFor(`location.pathname === "/payments" && location.search.includes("status=success")`)
}

// TestThePeriodBefore holds that what has gone of this month is compared with as much of the month before, as far as that one goes.
func TestThePeriodBefore(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC))
	s := newSiteAt(t, clock.Now)
	for _, c := range []struct{ now, period, from, to string }{
		{"2026-03-10", "this_month", "2026-02-01", "2026-02-11"},
		{"2026-03-31", "this_month", "2026-02-01", "2026-03-01"},
		{"2026-03-31", "last_month", "2026-01-01", "2026-02-01"},
		{"2026-03-31", "week", "2026-03-18", "2026-03-25"},
	} {
		day, err := time.Parse(time.DateOnly, c.now)
		if err != nil {
			t.Fatal(err)
		}
		clock.Advance(day.Add(9 * time.Hour).Sub(clock.Now()))
		a := &analysis{Form: newForm(), visit: &visit{d: s.Dashboard, zone: time.UTC}}
		a.Form.Values.Set("period", c.period)
		a.readPeriod()
		if from, to := a.before.Format(time.DateOnly), a.beforeTo.Format(time.DateOnly); from != c.from || to != c.to {
			t.Errorf("%s on %s is compared with %s to %s, want %s to %s", c.period, c.now, from, to, c.from, c.to)
		}
	}
}
