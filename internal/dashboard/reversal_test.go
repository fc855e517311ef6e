package dashboard

import (
	"net/http"
	"strings"
	"testing"

	"flashpay/internal/payout"
	"flashpay/internal/staff"
)

// Money that came back is never shown in green, and the page says what to do.
func TestAReturnIsShown(t *testing.T) {
	s := newSite(t)
	v := s.pay(210, "came-back", 100_000, payout.Succeeded)
	s.step(v, payout.Returned, 0)
	s.wantsAvailable(100_000_000)
	clerk := s.signedIn(staff.Support)
	page := clerk.get(pageOf(v)).wants(http.StatusOK).says("The bank has returned 1,000.00\u00a0KGS", "Correct the recipient", "Return ", "Returned on", "The money came back, says the bank")
	if strings.Contains(page.Body, `badge-green">reversed`) || !strings.Contains(page.Body, `badge-amber">reversed`) {
		t.Error("the status is not shown in amber")
	}
	list := clerk.get("/payments?status=reversed").wants(http.StatusOK).says("came-back", "reversed")
	if !strings.Contains(list.Body, `badge-amber">reversed`) {
		t.Error("the list does not show it in amber")
	}
}
