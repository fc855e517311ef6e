package dashboard

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// TestEqualAttemptsAreOneLine holds that attempts that ended alike stand together, whatever stands between others.
func TestEqualAttemptsAreOneLine(t *testing.T) {
	s := newSite(t)
	v := s.pay(210, "paid", 100, payout.Succeeded)
	for n := range 120 {
		a := store.Attempt{ProjectID: 210, Number: int64(v.Payment.Events), Attempt: n + 1, At: s.Store.Now(), HTTPStatus: 500, Answer: []byte("busy")}
		if n == 50 {
			a.HTTPStatus = 404
		}
		if err := s.Store.SaveAttempt(t.Context(), a, store.CallbackPending, s.Store.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	page := s.signedIn(staff.Support).get(pageOf(v)).wants(http.StatusOK).says("50 equal attempts", "69 equal attempts", "1–50", "52–120", "404")
	if n := strings.Count(page.Body, `<th scope="row" class="num" data-label="Attempt">`); n != 3 {
		t.Errorf("%d lines of attempts", n)
	}
}

// TestActsShowSums holds that the audit log writes a sum as people do.
func TestActsShowSums(t *testing.T) {
	s := newSite(t)
	if err := s.Store.TopUp(t.Context(), 210, "KGS", 123_456_789, "salary", "test"); err != nil {
		t.Fatal(err)
	}
	s.signedIn(staff.Operator).get("/operate/audit").wants(http.StatusOK).says("1,234,567.89\u00a0KGS").saysNot("123456789")
}
