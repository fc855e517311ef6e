package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"flashpay/internal/staff"
)

// TestRegisterPeriods holds that a day alone is the whole day in the reader's zone, and that files are named by it.
func TestRegisterPeriods(t *testing.T) {
	at := time.Date(2026, 3, 9, 17, 59, 59, 500, time.UTC) // in Bishkek it is 23:59:59, the end of a day
	s := newSiteAt(t, func() time.Time { return at })
	s.pay(210, "late", 100, 0)
	b := s.signedInAs(&staff.User{MerchantID: 1, Email: "zone@example.kg", Roles: []staff.Role{staff.Support}, AllProjects: true, Zone: "Asia/Bishkek"})
	for query, found := range map[string]bool{
		"from=2026-03-09&to=2026-03-09": true, "to=2026-03-09": true, "from=09.03.2026&to=09.03.2026": true, "from=2026-03-10": false, "to=2026-03-08": false,
		"from=2026-03-09&from_time=23:59:59&to=2026-03-09&to_time=23:59:59": true, "to=2026-03-09T23:59:58": false, "from=2026-03-09T23:59": true,
	} {
		if got := strings.Contains(b.get("/payments?"+query).wants(http.StatusOK).Body, ">late<"); got != found {
			t.Errorf("%s: found %v", query, got)
		}
	}
	page := b.get("/payments?from=2026-03-09&from_time=08:30&to=09.03.2026")
	for name, want := range map[string]string{"from": "2026-03-09", "from_time": "08:30:00", "to": "2026-03-09", "to_time": ""} {
		if got := page.field(name); got != want {
			t.Errorf("the form shows %s as %q", name, got)
		}
	}
	for words, want := range map[string]string{
		"Today": "from=2026-03-09&to=2026-03-09", "Yesterday": "from=2026-03-08&to=2026-03-08", "Last 7 days": "from=2026-03-03&to=2026-03-09",
		"This month": "from=2026-03-01&to=2026-03-09", "Last month": "from=2026-02-01&to=2026-02-28",
	} {
		if to := b.get("/payments").link(words); to != "/payments?"+want {
			t.Errorf("%s leads to %s", words, to)
		}
	}
	if to := b.get("/payments?from=2026-03-09&to=2026-03-09&q=x").link("Today"); to != "/payments?q=x" {
		t.Errorf("a second click leads to %s", to)
	}
	for query, name := range map[string]string{
		"from=2026-03-09&to=2026-03-09": "payments_2026-03-09_2026-03-09.csv", "": "payments_all_2026-03-09.csv", "to=2026-03-08T23:00": "payments_all_2026-03-08.csv",
	} {
		if got := b.get("/payments/export?" + query).Header.Get("Content-Disposition"); !strings.Contains(got, name) {
			t.Errorf("%s: %s", query, got)
		}
	}
}

// TestFiltersOfferWhatTheMerchantHas holds that neither disabled methods nor currencies that nobody holds are offered.
func TestFiltersOfferWhatTheMerchantHas(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(staff.Support)
	b.get("/payments").says("Bank transfer Kyrgyzstan").saysNot("SEPA", "EUR", "awaiting retry")
	b.get("/payments?currency=EUR&method=bank-transfer%2Fsepa&status=reversed").wants(http.StatusOK).says("EUR", "SEPA", "reversed", "No payment fits")
}

// TestPaymentIDIsALink holds that an address with the merchant's own payment id leads to the payment, whatever is in it.
func TestPaymentIDIsALink(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(staff.Support)
	for _, id := range []string{"Order-1", "salary 2026/11", "a/b/../c", "100%", "Зарплата №7", "4711"} {
		v := s.pay(210, id, 100, 0)
		for _, spelled := range []string{id, strings.ToUpper(id)} {
			if to := b.get("/payments/210/" + url.PathEscape(spelled)).wants(http.StatusSeeOther).Location; to != pageOf(v) {
				t.Errorf("%s leads to %s", spelled, to)
			}
		}
	}
	first := s.pay(210, "first", 100, 0)
	number := fmt.Sprint(first.Payment.ID)
	b.get(pageOf(first)).wants(http.StatusOK).says("Payment first").saysNot("Another payment")
	namesake := s.pay(210, number, 100, 0)
	if to := b.get(pageOf(first)).wants(http.StatusOK).says("Payment first", "Another payment of this project").link("Open that one"); to != pageOf(namesake) {
		t.Errorf("the namesake is at %s", to)
	}
	s.pay(220, "theirs", 100, 0)
	b.get("/payments/220/theirs").wants(http.StatusNotFound)
	b.get("/payments/210/theirs").wants(http.StatusNotFound)
	b.get("/payments/210/").wants(http.StatusNotFound)
}
