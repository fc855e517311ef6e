package dashboard

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashpay/internal/report"
	"flashpay/internal/staff"
)

// A template keeps a form under a name, without its interval; it is one's own, fills reports and schedules, and goes.
func TestTemplatesOfReports(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, other := s.signedIn(staff.Finance), s.signedIn(staff.Finance)
	entries := reportEntries("from", "2026-03-01T00:00", "place_payment_id", "2", "place_amount", "1", "currency", "KGS", "min", "10,50", "times", "local", "template", "Бухгалтерия & Ко")
	saved := b.post("/reports/templates", append(entries, "once", "once-of-the-template")...).wants(http.StatusSeeOther)
	page := b.get(saved.Location).wants(http.StatusOK).says("My templates", "Бухгалтерия & Ко", "is saved")
	if page.field("min") != "10,50" || page.field("from") != "" || page.field("place_amount") != "1" {
		t.Errorf("the form is filled with %q, %q, %q", page.field("min"), page.field("from"), page.field("place_amount"))
	}
	b.get("/reports/schedules/new?" + strings.SplitN(saved.Location, "?", 2)[1]).wants(http.StatusOK)
	other.get("/reports/new").saysNot("My templates")
	other.get(saved.Location).wants(http.StatusNotFound)
	for _, name := range []string{"", strings.Repeat("ы", 61)} {
		b.post("/reports/templates", reportEntries("template", name)...).wants(http.StatusUnprocessableEntity).says("Give a name of 1 to 60 characters")
	}
	b.post("/reports/templates", reportEntries("template", "x", "min", "1")...).wants(http.StatusUnprocessableEntity).says("within one currency")
	for range 2 {
		b.post("/reports/templates/delete", "template", "Бухгалтерия & Ко").wants(http.StatusSeeOther)
	}
	b.get("/reports/new").says("is deleted")
	b.get("/reports/new").saysNot("Бухгалтерия")
}

// The form of the last file is the next one's first offer.
func TestTheFormOfFilesIsRemembered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.Finance)
	if got := b.get("/payments").wants(http.StatusOK).Body; strings.Index(got, "export=api") > strings.Index(got, "export=local") {
		t.Error("in English the form for programs is not the first")
	}
	b.post("/reports", "kind", "payments", "zone", "UTC", "chosen", "yes", "column", "amount", "separator", "semicolon", "decimal", "comma", "times", "local", "header", "ky").wants(http.StatusSeeOther)
	for name, values := range map[string]string{"separator": "semicolon", "decimal": "comma", "times": "local", "header": "ky"} {
		page := b.get("/reports/new").wants(http.StatusOK)
		if !strings.Contains(page.Body, `<option value="`+values+`" selected`) {
			t.Errorf("%s is not %s", name, values)
		}
	}
	if page := b.get("/reports/new"); strings.Contains(page.Body, `name="bom" value="yes" checked`) {
		t.Error("a box that was not ticked is ticked again")
	}

	s.pay(210, "first", 123456, 0)
	if got := b.get("/payments").wants(http.StatusOK).Body; strings.Index(got, "export=api") < strings.Index(got, "export=local") {
		t.Error("the form that is like the last report is not the first")
	}
	local := b.get("/payments/export?export=local").wants(http.StatusOK).Body
	lines := strings.Split(local, "\n")
	if !strings.HasPrefix(local, "\ufeff") || !strings.Contains(lines[0], `;"`+report.Title("amount", "en")+`";`) || !strings.Contains(lines[1], `;"1234,56";"KGS";`) || strings.Contains(lines[1], "+00:00") {
		t.Errorf("for Excel: %q", lines)
	}
	if got := b.get("/payments").wants(http.StatusOK).Body; strings.Index(got, "export=api") < strings.Index(got, "export=local") {
		t.Error("the form that was taken last is not the first")
	}
	if api := b.get("/payments/export?export=api").wants(http.StatusOK).Body; !strings.HasPrefix(api, `"project_id",`) || !strings.Contains(api, `"1234.56","KGS"`) {
		t.Errorf("for programs: %q", api)
	}
	offers := func(name, value string) {
		t.Helper()
		if !strings.Contains(b.get("/reports/new").Body, `<option value="`+value+`" selected`) {
			t.Errorf("after a list was taken in another form, %s of a report is not %s", name, value)
		}
	}
	offers("the separator", "comma")
	offers("the header", "names")
	b.get("/finance?export=local").wants(http.StatusOK) // any list
	offers("the separator", "semicolon")
	offers("the header", "en")
	b.post("/reports", reportEntries("separator", "comma", "place_payment_id", "1")...).wants(http.StatusSeeOther)
	for _, path := range []string{"/payments", "/reports", "/finance", "/finance/statement?from="} {
		got := b.get(path).wants(http.StatusOK).Body
		if api := strings.Index(got, "export=api"); api < 0 || api > strings.Index(got, "export=local") {
			t.Errorf("%s does not offer the form of the last report first", path)
		}
	}
	if page := b.get("/reports/new"); page.field("zone") != "Asia/Bishkek" {
		t.Errorf("the zone of the last report is not offered: %s", page.field("zone"))
	}
}

// Days of the form are whole days of its zone, and the register's filter leads to the form of its report.
func TestAListBecomesAReport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedInAs(&staff.User{MerchantID: 1, Email: "days@example.kg", Name: "Days", Roles: []staff.Role{staff.Finance}, AllProjects: true, Zone: "Asia/Bishkek"})
	link := html.UnescapeString(regexp.MustCompile(`href="(/reports/new[^"]+)"`).FindStringSubmatch(b.get("/payments?from=2026-03-01&to=2026-03-31T23:00&status=decline&project=210&currency=KGS&min=10,50").Body)[1])
	page := b.get(link).wants(http.StatusOK)
	for name, want := range map[string]string{"from": "2026-03-01", "from_time": "", "to": "2026-03-31", "to_time": "23:00:00", "zone": "Asia/Bishkek", "min": "10,50"} {
		if got := page.field(name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	for _, box := range []string{`name="status" value="decline" checked`, `name="project" value="210" checked`, `name="currency" value="KGS" checked`} {
		if !strings.Contains(page.Body, box) {
			t.Errorf("not ticked: %s", box)
		}
	}
	if strings.Contains(b.get("/payments?q=somebody").Body, "/reports/new?") {
		t.Error("a search that reports do not know leads to a report")
	}
	b.post("/reports", reportEntries("from", "2026-03-01", "to", "2026-03-01", "zone", "Asia/Bishkek", "place_payment_id", "1")...).wants(http.StatusSeeOther)
	if q := b.newestReport().Order.Request; q.From.Format(time.RFC3339) != "2026-02-28T18:00:00Z" || q.To.Format(time.RFC3339) != "2026-03-01T18:00:00Z" || q.FileName(s.Store.Now()) != "payments_2026-03-01_2026-03-01.csv" {
		t.Errorf("a day is %s to %s, in %s", q.From, q.To, q.FileName(s.Store.Now()))
	}
	b.post("/reports", reportEntries("from_time", "10:00:00", "place_payment_id", "1")...).wants(http.StatusUnprocessableEntity)
}
