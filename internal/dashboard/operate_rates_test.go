package dashboard

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/rates"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// askForRates asks for two rates by hand: an operator in Dashboard, and the command line for one that looks like a slip of the hand.
func (s *site) askForRates() {
	s.t.Helper()
	s.addQuotes(rates.Quote{
		Source: rates.NBKR, Series: rates.Daily, Base: "USD", Term: "KGS", Value: money.Whole(874_500).Shift(-4), ValidFrom: s.Store.Now().Add(-time.Hour),
	})
	s.signedIn(staff.Operator).post("/operate/rates", "once", "rate-of-gallery-1", "from", "usd", "to", "KGS", "rate", "88,1").wants(http.StatusSeeOther)
	q := rates.Quote{Source: rates.Manual, Series: rates.ByHand, Base: "KGS", Term: "USD", Value: money.Whole(88)}
	if _, err := s.Store.RequestRateApproval(s.t.Context(), &q, nil, store.By{Actor: "cli:root"}); err != nil {
		s.t.Fatal(err)
	}
}

// rateAsked asks for 1 USD in som, and returns where it is decided.
func (b *browser) rateAsked(rate string) string {
	b.site.t.Helper()
	b.post("/operate/rates", "once", "asked-for-"+rate+b.user.Email, "from", "USD", "to", "KGS", "rate", rate).wants(http.StatusSeeOther)
	waiting, err := b.site.Store.Approvals(b.site.t.Context(), store.ApprovalFilter{Kinds: rateKinds, State: store.ApprovalWaiting, Limit: 1})
	if err != nil || len(waiting) != 1 {
		b.site.t.Fatalf("%+v, %v", waiting, err)
	}
	return fmt.Sprintf("/operate/rates/%d/decide", waiting[0].ID)
}

// byHand is what operators have set 1 USD to, in som.
func (s *site) byHand() string {
	r, ok := s.Store.Rates().Rate("USD", "KGS", s.Store.Now(), rates.MaxAge, []rates.Source{rates.Manual})
	if !ok {
		return "none"
	}
	return r.Value().String()
}

// A rate by hand takes two operators; each sees how far it is from what is known.
func TestRatesByHandTakeTwo(t *testing.T) {
	s := newSite(t)
	first := s.signedIn(staff.Operator)
	s.signedIn(staff.Finance).get("/operate/rates").wants(http.StatusForbidden)
	for _, bad := range [][]string{
		{"from", "USD", "to", "KGS"},
		{"from", "USD", "to", "KGS", "rate", "0"},
		{"from", "USD", "to", "usd", "rate", "1"},
		{"from", "som", "to", "KGS", "rate", "1"},
		{"from", "USD", "to", "KGS", "rate", "1234567890123"},
		{"from", "USD", "to", "KGS", "rate", "-1"},
	} {
		first.post("/operate/rates", append(bad, "once", "rate-with-fault-1")...).wants(http.StatusUnprocessableEntity).says("needs your attention")
	}
	decide := first.rateAsked("88,1")
	page := first.get("/operate/rates").wants(http.StatusOK).says("1 USD = 88.1 KGS", "No other operator may approve this", "flashpay rates approve", "No source has a rate")
	if strings.Contains(page.Body, `value="approved"`) {
		t.Error("who asked is offered to approve it")
	}
	first.post("/operate/rates", "once", "rate-once-more-1", "from", "USD", "to", "KGS", "rate", "89").wants(http.StatusUnprocessableEntity).says("waits already")
	first.post(decide, "once", "decided-by-first-1", "state", "approved").wants(http.StatusConflict)

	second := s.signedIn(staff.Operator)
	second.get("/operate/rates").wants(http.StatusOK).says("Approve").saysNot("No other operator")
	if page := second.get("/overview").wants(http.StatusOK); !strings.Contains(page.Body, `id="errand-overview.rates"`) || page.badgeOf("/operate") == "" {
		t.Error("an operator is not told that a rate waits for them")
	}
	if page := first.get("/overview").wants(http.StatusOK); strings.Contains(page.Body, `id="errand-overview.rates"`) {
		t.Error("who asked is told that it waits for them")
	}
	second.post(decide, "once", "decided-by-second-1", "state", "approved").wants(http.StatusSeeOther)
	if have := s.byHand(); have != "88.1" {
		t.Errorf("the rate is %s", have)
	}
	second.get("/operate/rates").says("Approved", "USD/KGS 88.1")
	second.get("/operate/audit?action=rates+add").wants(http.StatusOK).says("added rates", "rates manual", first.user.Name)

	decide = second.rateAsked("881")
	first.get("/operate/rates").says("By hand", "88.1 +900\u00a0%")
	first.post(decide, "once", "decided-by-first-2", "state", "rejected").wants(http.StatusSeeOther)
	decide = second.rateAsked("88.2")
	second.post(decide, "once", "decided-by-second-2", "state", "withdrawn").wants(http.StatusSeeOther)
	if have := s.byHand(); have != "88.1" {
		t.Errorf("after a rejection and a withdrawal the rate is %s", have)
	}
}
