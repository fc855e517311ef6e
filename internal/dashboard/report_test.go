package dashboard

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/payout"
	"flashpay/internal/report"
	"flashpay/internal/staff"
	"flashpay/internal/store/jobs"
)

// makeReports makes the reports that wait, as the work room does.
func (s *site) makeReports() {
	s.t.Helper()
	for {
		leased, err := jobs.Lease(s.t.Context(), s.Store, report.JobReport, 1, time.Minute)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(leased) == 0 {
			return
		}
		if err := s.Reports.Jobs()[0].Run(s.t.Context(), leased[0]); err != nil {
			s.t.Fatal(err)
		}
		if err := leased[0].Finish(s.t.Context(), "", nil); err != nil {
			s.t.Fatal(err)
		}
	}
}

// newestReport is the newest report of somebody.
func (b *browser) newestReport() *report.Report {
	b.site.t.Helper()
	found, err := b.site.Reports.List(b.site.t.Context(), b.user.ID, nil, 1)
	if err != nil || len(found) != 1 {
		b.site.t.Fatal(found, err)
	}
	return found[0]
}

// reportEntries are those of a form that is filled in; pairs of name and value come on top.
func reportEntries(pairs ...string) []string {
	return append([]string{
		"kind", "payments", "zone", "Asia/Bishkek", "chosen", "yes", "column", "payment_id", "column", "amount", "separator", "comma",
		"decimal", "point", "header", "names",
	}, pairs...)
}

// A report from its form to its file: all that was chosen arrives, a second click makes no second one, and nobody else
// gets at it.
func TestAReportIsAskedForAndDownloaded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, other := s.signedIn(staff.Support), s.signedIn(staff.MerchantAdmin)
	b.get("/reports").wants(http.StatusOK).says("No reports yet", "New report")
	page := b.get("/reports/new?kind=payments").wants(http.StatusOK)
	entries := reportEntries("once", page.field("once"), "from", "2026-03-01T00:00", "to", "2026-03-31T23:59:59", "place_payment_id", "2", "place_amount", "1",
		"status", "decline", "code", "20102, 0", "currency", "KGS", "min", "10,50", "max", "2000", "project", "210", "gzip", "yes", "mail", "yes")
	for range 2 {
		b.post("/reports", entries...).wants(http.StatusSeeOther)
	}
	r := b.newestReport()
	got := fmt.Sprintf("%+v", r.Order.Request)
	want := "{Kind:payments Columns:[amount payment_id] Projects:[210] From:2026-02-28 18:00:00 +0000 UTC To:2026-03-31 18:00:00 +0000 UTC Zone:Asia/Bishkek Methods:[] " +
		"Statuses:[decline] Codes:[20102 0] Currencies:[KGS] MinAmount:1050 MaxAmount:200000 Format:{Semicolon:false DecimalComma:false BOM:false Header: LocalTimes:false Gzip:true}}"
	if got != want || r.Order.Mail {
		t.Errorf("asked for %s, mail %v; want %s, and no e-mail where none is set up", got, r.Order.Mail, want)
	}
	if all, err := s.Reports.List(t.Context(), b.user.ID, nil, 10); err != nil || len(all) != 1 {
		t.Fatalf("two clicks made %d reports, %v", len(all), err)
	}
	b.get("/reports").says("Payments · 210", "1 Mar 2026 – 31 Mar 2026 · Asia/Bishkek", "in the queue", "Cancel")
	file := fmt.Sprintf("/reports/file/%d", r.ID)
	b.get(file).wants(http.StatusConflict).says("not ready")
	s.makeReports()
	b.get("/reports").says("ready", "As of", "Kept until", "There is nothing in this period", "Download")
	answer := b.get(file).wants(http.StatusOK)
	unpacked, err := gzip.NewReader(strings.NewReader(answer.Body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(unpacked); err != nil || string(text) != "\"amount\",\"payment_id\"\n" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if name := answer.Header.Get("Content-Disposition"); !strings.Contains(name, `filename="210_payments_2026-03-01_2026-03-31.csv.gz"`) {
		t.Errorf("the file is named %s", name)
	}
	other.get(file).wants(http.StatusNotFound)
	other.get(fmt.Sprintf("/reports/new?again=%d", r.ID)).wants(http.StatusNotFound)
	other.post(fmt.Sprintf("/reports/cancel/%d", r.ID)).wants(http.StatusNotFound)
	other.get("/reports").says("No reports yet")
}

// A report that is asked for again has the same entries, to the second and in the same order.
func TestAReportIsMadeAgain(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Asia/Bishkek")
	if err != nil {
		t.Fatal(err)
	}
	want := report.Request{
		Kind: "operations", Columns: []string{"payment_id", "operation_id"}, Projects: []int64{210, 211}, Zone: "Asia/Bishkek",
		From: time.Date(2026, 3, 1, 10, 0, 1, 0, zone).UTC(), To: time.Date(2026, 3, 2, 0, 0, 0, 0, zone).UTC(), Methods: []string{"bank-transfer/kyrgyzstan"},
		Statuses: []payout.Status{payout.Decline, payout.AwaitingRetry}, Codes: []int{0, 20102}, Currencies: []string{"KGS"}, MinAmount: 1050, MaxAmount: 200_000,
		Format: report.Format{Semicolon: true, DecimalComma: true, BOM: true, Header: "ky", Gzip: true},
	}
	for _, q := range []report.Request{want, {Kind: "callbacks", Columns: []string{"url"}, Zone: "UTC"}} {
		f := &Form{Values: entriesOf(&report.Order{Request: q})}
		f.Values["columns"] = chosenColumns(f)
		got, faults := report.Parse(f.Values, report.Reader{Projects: []int64{210, 211}})
		if faults != nil || fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", q) {
			t.Errorf("again it is %+v, %v; want %+v", got, faults, q)
		}
	}
	s := newSite(t)
	b := s.signedIn(staff.Finance)
	b.post("/reports", reportEntries("place_payment_id", "2", "place_amount", "1", "from", "2026-03-01T10:00:01")...).wants(http.StatusSeeOther)
	s.makeReports()
	again := regexp.MustCompile(`/reports/new\?again=\d+`).FindString(b.get("/reports").says("Make another").Body)
	page := b.get(again).wants(http.StatusOK)
	if page.field("from") != "2026-03-01" || page.field("from_time") != "10:00:01" || page.field("zone") != "Asia/Bishkek" || page.field("place_amount") != "1" ||
		len(regexp.MustCompile(`name="column" value="[^"]+" checked`).FindAllString(page.Body, -1)) != 2 {
		t.Errorf("the form does not hold what the report was asked for with:\n%s", page.Body)
	}
}

// What is wrong stands beside its field, all at once, and what was typed and ticked stays.
func TestFaultsOfAReportStandBesideTheirFields(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.Finance)
	page := b.post("/reports", "kind", "payments", "chosen", "yes", "once", "a-token-of-a-form-1", "zone", "Asia/Nowhere", "from", "2026-03-02", "to", "2026-03-01", "project", "220",
		"status", "odd", "code", "4x", "min", "10", "separator", "tab", "header", "de", "place_amount", "7").wants(http.StatusUnprocessableEntity)
	page.says("Tick at least one column", "There is no such choice: Asia/Nowhere", "ends before it begins", "There is no such choice: 220", "There is no such choice: odd",
		"There is no such choice: 4x", "choose exactly one", "There is no such choice: tab", "There is no such choice: de")
	for name, want := range map[string]string{"zone": "Asia/Nowhere", "from": "2026-03-02", "to": "2026-03-01", "code": "4x", "min": "10", "place_amount": "7", "once": "a-token-of-a-form-1"} {
		if got := page.field(name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	if strings.Contains(page.Body, `name="column" value="payment_id" checked`) {
		t.Error("a column that was unticked is ticked again")
	}
	b.post("/reports", reportEntries("kind", "nothing")[2:]...).wants(http.StatusUnprocessableEntity).says("There is no such choice")
	b.post("/reports", reportEntries("min", "ten", "currency", "KGS", "column", "amount")...).wants(http.StatusUnprocessableEntity).says("Write a sum", "stands twice")
	b.post("/reports", "kind", "movements", "chosen", "yes", "column", "movement_id", "status", "success").wants(http.StatusUnprocessableEntity)
	if all, err := s.Reports.List(t.Context(), b.user.ID, nil, 10); err != nil || len(all) != 0 {
		t.Errorf("a form with faults made %d reports, %v", len(all), err)
	}
}

// Each kind has its own form, with its usual columns ticked and only the filters that it has.
func TestEveryKindOfReportHasItsForm(t *testing.T) {
	t.Parallel()
	b := newSite(t).signedIn(staff.Risks)
	for _, kind := range report.Kinds {
		page := b.get("/reports/new?kind=" + kind.Name).wants(http.StatusOK)
		ticked := regexp.MustCompile(`name="column" value="([^"]+)" checked`).FindAllStringSubmatch(page.Body, -1)
		if len(ticked) != len(kind.Defaults()) || page.field("kind") != kind.Name {
			t.Errorf("%s: %d columns are ticked, want %d", kind.Name, len(ticked), len(kind.Defaults()))
		}
		for _, field := range []string{"status", "method", "code", "currency", "min", "max"} {
			if there := strings.Contains(page.Body, `name="`+field+`"`); there != kind.Has(field) {
				t.Errorf("%s: %s is there: %v", kind.Name, field, there)
			}
		}
		page.saysNot("Send me an e-mail")
	}
}

// What rows of mass payouts can come to, beyond payments, is offered in words, and chosen.
func TestTheReportOfMassPayoutsHasItsStatuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.Finance)
	page := b.get("/reports/new?kind=mass_payouts").says("Rows of mass payouts", "not sent", "paid already", "with faults", "refused", "awaiting retry")
	if !strings.Contains(page.Body, `value="paid already"`) {
		t.Error("the status cannot be chosen")
	}
	b.post("/reports", "kind", "mass_payouts", "chosen", "yes", "column", "payment_id", "column", "status", "status", "paid already").wants(http.StatusSeeOther)
	if q := b.newestReport().Order.Request; len(q.Statuses) != 1 || q.Statuses[0] != "paid already" {
		t.Errorf("%+v", q)
	}
	b.post("/reports", "kind", "payments", "chosen", "yes", "column", "payment_id", "status", "paid already").wants(http.StatusUnprocessableEntity)
	b.get("/reports").says("Rows of mass payouts")
	s.makeReports()
	b.get(fmt.Sprintf("/reports/file/%d", b.newestReport().ID)).wants(http.StatusOK)
}

// With e-mail set up the form offers it.
func TestAReportCanBeMailed(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.Reports = &report.Service{Store: c.Store, Mail: &report.Mail{}} })
	b := s.signedIn(staff.Finance)
	b.get("/reports/new").says("Send me an e-mail")
	b.post("/reports", reportEntries("mail", "yes")...).wants(http.StatusSeeOther)
	if r := b.newestReport(); !r.Order.Mail {
		t.Error("no e-mail was asked for")
	}
}

// Cancelling: at once, and not what has ended. A report of projects that its owner does not see any more is not handed out.
func TestAReportIsCancelledOrWithheld(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.Operations)
	b.post("/reports", reportEntries()...).wants(http.StatusSeeOther)
	cancel := fmt.Sprintf("/reports/cancel/%d", b.newestReport().ID)
	b.post(cancel).wants(http.StatusSeeOther)
	b.get("/reports").says("The report is cancelled", "cancelled").saysNot("Download")
	b.post(cancel).wants(http.StatusSeeOther)
	b.post("/reports", reportEntries()...).wants(http.StatusSeeOther)
	s.makeReports()
	b.post(fmt.Sprintf("/reports/cancel/%d", b.newestReport().ID)).wants(http.StatusSeeOther)
	b.get("/reports").says("had ended already", "Download")
	fewer := *b.user
	fewer.AllProjects, fewer.Projects = false, []int64{210}
	if err := s.Access.ChangeRights(t.Context(), "fewer", access.ByCommand("test"), &fewer); err != nil {
		t.Fatal(err)
	}
	s.signInAgain(b.user).get(fmt.Sprintf("/reports/file/%d", b.newestReport().ID)).wants(http.StatusForbidden).says("projects that you do not see")
}

// A long list has pages, and none of its reports is left out.
func TestReportsHavePages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.Finance)
	for range listLength + 2 {
		b.post("/reports", reportEntries()...).wants(http.StatusSeeOther)
	}
	count := func(page *answer) int { return strings.Count(page.Body, `action="/reports/cancel/`) }
	first := b.get("/reports").wants(http.StatusOK)
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(first.Body)
	if count(first) != listLength || next == nil {
		t.Fatalf("the first page has %d reports, next %v", count(first), next)
	}
	if n := count(b.get(next[1]).wants(http.StatusOK)); n != 2 {
		t.Errorf("the second page has %d reports, want 2", n)
	}
}
