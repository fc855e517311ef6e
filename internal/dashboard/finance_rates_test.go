package dashboard

import (
	"encoding/csv"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/rates"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// addRates keeps the sample files' rates as those of 23 May 2024 in Bishkek, and a rate by hand of half past noon there.
func (s *site) addRates() {
	s.t.Helper()
	for source, name := range map[rates.Source]string{rates.NBKR: "nbkr-daily.xml", rates.ECB: "ecb-daily.xml"} {
		content, err := os.ReadFile(filepath.Join("..", "rates", "testdata", name))
		if err != nil {
			s.t.Fatal(err)
		}
		file, err := rates.Read(source, content)
		if err != nil {
			s.t.Fatal(err)
		}
		for i := range file.Quotes {
			file.Quotes[i].ValidFrom = file.Quotes[i].ValidFrom.AddDate(-2, 0, 0)
		}
		s.addQuotes(file.Quotes...)
	}
	s.addQuotes(rates.Quote{
		Source: rates.Manual, Series: rates.ByHand, Base: "USD", Term: "KGS", Value: money.Whole(88), ValidFrom: time.Date(2024, 5, 23, 6, 30, 0, 0, time.UTC),
	})
}

func (s *site) addQuotes(quotes ...rates.Quote) {
	s.t.Helper()
	if _, err := s.Store.AddRates(s.t.Context(), quotes, store.By{Actor: "test"}); err != nil {
		s.t.Fatal(err)
	}
}

// converts lets a project convert.
func (s *site) converts(project int64, c merchant.Conversion) {
	s.t.Helper()
	known, _ := s.Store.Project(project)
	p := *known
	p.Settings.Conversion = c
	if err := s.Store.UpdateProject(s.t.Context(), &p, "test"); err != nil {
		s.t.Fatal(err)
	}
}

// ratesOf reads the CSV of rates: how many hours each rate holds, by source, pair, rate, rate with margin and use.
func (b *browser) ratesOf(query string) map[string]int {
	b.site.t.Helper()
	file := b.get("/finance/rates/csv?" + query).wants(http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
	if err != nil {
		b.site.t.Fatal(err)
	}
	hours := make(map[string]int)
	for _, row := range rows[1:] {
		hours[strings.Join([]string{row[1], row[3], row[4], row[5], row[6], row[11], row[9]}, " ")]++
	}
	return hours
}

// The rates of a day stand by hour of the reader's zone, with what payouts of a project that converts get.
func TestCurrencyRates(t *testing.T) {
	s := newSite(t)
	s.addRates()
	s.converts(210, merchant.Conversion{On: true, Margin: money.Whole(1)})
	s.converts(220, merchant.Conversion{On: true, BaseSource: rates.Manual})
	reader := &staff.User{MerchantID: 1, Email: "bishkek@example.kg", Name: "Reader", Roles: []staff.Role{staff.Finance}, AllProjects: true, Zone: "Asia/Bishkek"}
	b := s.signedInAs(reader)
	b.get("/finance/rates?day=2024-05-23").wants(http.StatusOK).saysNot("Another merchant").says(
		"Payout rates: Shop", "Asked first: National Bank of the Kyrgyz Republic. Margin: 1 %", "USD/KGS Sum asked for 00:00–23:59 National Bank 87.4500 86.575500 23 May 2024, 00:00:00",
		"USD/KGS 13:00–23:59 By hand 88 88 KGS", "EUR/USD 00:00–23:59 ECB 1.0876 0.9194556822 EUR")
	hours := b.ratesOf("day=2024-05-23")
	for row, want := range map[string]int{
		"nbkr USD KGS 87.4500 87.4500  ":          24,
		"nbkr USD KGS 87.4500  86.575500 request": 24,
		"nbkr EUR KGS 95.1106 0.9194558756  ":     24,
		"manual USD KGS 88 88  ":                  11,
		"nbkr EUR KGS 95.1106  94.159494 request": 24,
		"ecb EUR USD 1.0876 0.9194556822  ":       24,
	} {
		if hours[row] != want {
			t.Errorf("%q holds %d hours, want %d of %v", row, hours[row], want, hours)
		}
	}
	// In London the day of Bishkek begins at 19:00 of the day before.
	reader = &staff.User{MerchantID: 1, Email: "london@example.kg", Name: "Reader", Roles: []staff.Role{staff.Finance}, AllProjects: true, Zone: "Europe/London"}
	if hours := s.signedInAs(reader).ratesOf("day=2024-05-22&currency=usd&source=nbkr"); len(hours) != 2 || hours["nbkr USD KGS 87.4500 87.4500  "] != 5 {
		t.Errorf("in London the rate holds %v", hours)
	}
	operator := s.signedIn(staff.Operator)
	operator.get("/finance/rates?day=2024-05-23&project=220").wants(http.StatusOK).says("Payout rates: Another merchant", "Asked first: set by operators")
	s.signedIn(staff.Support).get("/finance/rates").wants(http.StatusForbidden)
	for _, query := range []string{"project=220", "project=211", "day=tomorrow", "currency=som", "source=bank"} {
		b.get("/finance/rates?" + query).wants(http.StatusUnprocessableEntity)
		b.get("/finance/rates/csv?" + query).wants(http.StatusSeeOther)
	}
	b.get("/finance/rates?day=tomorrow&currency=som").says("2 fields need your attention", "All sources")
	b.get("/finance/rates?day=2024-05-23&currency=GEL").wants(http.StatusOK).says("Nothing fits the filter")
	b.get("/finance/rates?day=2024-07-23").wants(http.StatusOK).says("No rates of this day are known", "flashpay rates import")
	b.get("/finance/rates?day=2199-01-01").wants(http.StatusOK).says("This day has not begun")
}

// A balance in another currency pays at the rate with the margin on top; hours that have not begun have no rates.
func TestRatesOfTodayAndOfABalance(t *testing.T) {
	now := time.Date(2024, 5, 23, 9, 30, 0, 0, time.UTC)
	s := newSiteAt(t, func() time.Time { return now })
	s.addRates()
	p := &merchant.Project{ID: 212, MerchantID: 1, Name: "Dollars", Mode: merchant.Test}
	p.Settings.Conversion = merchant.Conversion{On: true, Margin: money.Whole(1)}
	if err := s.Store.CreateProject(t.Context(), p, "secret-212", map[string]int64{"USD": 100_000}, "test"); err != nil {
		t.Fatal(err)
	}
	hours := s.signedIn(staff.Finance).ratesOf("")
	if n := hours["nbkr KGS USD 0.01143510577  0.01154945683 balance"]; n != 10 {
		t.Errorf("a balance in dollars pays %d hours, want 10 of %v", n, hours)
	}
	if n := hours["manual USD KGS 88 88  "]; n != 3 {
		t.Errorf("the rate by hand holds %d hours, want 3 of %v", n, hours)
	}
}
