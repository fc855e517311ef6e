package dashboard

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"flashpay/internal/report"
	"flashpay/internal/staff"
)

// A link of an e-mail: opened as often as anybody likes, it downloads once.
func TestReportByLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner := s.userNamed("reports@example.kg", staff.Finance).ID
	id, err := s.Reports.Add(t.Context(), "", report.Order{
		Request: report.Request{Kind: "payments", Columns: []string{"payment_id"}, Zone: "UTC"}, UserID: owner, MerchantID: 1, Actor: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	link := s.Reports.Link(id, s.Store.Now().Add(time.Hour))
	b := s.stranger()
	if a := b.post("/reports/link/" + link); a.Status != http.StatusGone {
		t.Errorf("before the report is made: %d", a.Status)
	}
	s.makeReports()
	for range 2 {
		if a := b.get("/reports/link/" + link); a.Status != http.StatusOK || !strings.Contains(a.Body, "payments_all_") {
			t.Errorf("the page: %d\n%s", a.Status, a.Body)
		}
	}
	if a := b.post("/reports/link/" + link); a.Status != http.StatusOK || a.Body != "\"payment_id\"\n" || !strings.Contains(a.Header.Get("Content-Disposition"), ".csv") {
		t.Errorf("the file: %d %q", a.Status, a.Body)
	}
	for _, path := range []string{link, link + "x", s.Reports.Link(id, s.Store.Now().Add(-time.Second))} {
		if a := b.post("/reports/link/" + path); a.Status != http.StatusGone {
			t.Errorf("a link that was used, or is none: %d\n%s", a.Status, a.Body)
		}
	}
}
