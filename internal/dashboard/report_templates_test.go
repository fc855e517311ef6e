package dashboard

import (
	"net/http"
	"strings"
	"testing"

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
	if got := b.get("/payments").wants(http.StatusOK).Body; strings.Index(got, "export=api") > strings.Index(got, "export=local") {
		t.Error("in English the form for programs is not the first")
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
}
