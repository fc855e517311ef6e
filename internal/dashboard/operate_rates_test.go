package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/ratefeed"
	"flashpay/internal/rates"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
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

// feedRates adds three feeds: one has imported a file, one fails, and one has not begun.
func (s *site) feedRates() {
	s.t.Helper()
	day := s.Store.Now().Add(-24 * time.Hour).Format("02.01.2006")
	bank := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/weekly.xml" {
			_, _ = fmt.Fprint(w, "<!DOCTYPE html><html>later</html>")
			return
		}
		_, _ = fmt.Fprintf(w, `<CurrencyRates Name="Daily Exchange Rates" Date="%s"><Currency ISOCode="EUR"><Nominal>1</Nominal><Value>95,1106</Value></Currency></CurrencyRates>`, day)
	}))
	s.t.Cleanup(bank.Close)
	feeds := ratefeed.Service{Store: s.Store, Client: ratefeed.New(bank.Client().Transport)}
	for _, name := range []string{"daily.xml", "weekly.xml"} {
		f := ratefeed.Feed{Source: rates.NBKR, URL: bank.URL + "/" + name, At: "18:30", Zone: "Asia/Bishkek"}
		if _, err := ratefeed.Add(s.t.Context(), s.Store, f, "cli:root"); err != nil {
			s.t.Fatal(err)
		}
		runs, err := jobs.Lease(s.t.Context(), s.Store, ratefeed.Kind, 1, time.Hour)
		if err != nil || len(runs) != 1 {
			s.t.Fatal(runs, err)
		}
		var fault *ratefeed.Fault
		outcome := ""
		if err := feeds.Job().Run(s.t.Context(), runs[0]); errors.As(err, &fault) {
			outcome = fault.Error()
		}
		if err := runs[0].Postpone(s.t.Context(), s.Store.Now().Add(time.Hour), outcome, outcome != ""); err != nil {
			s.t.Fatal(err)
		}
	}
	f := ratefeed.Feed{Source: rates.ECB, URL: "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml", At: "16:30", Zone: "Europe/Berlin"}
	if _, err := ratefeed.Add(s.t.Context(), s.Store, f, "cli:root"); err != nil {
		s.t.Fatal(err)
	}
}

// What becomes of files that are imported by themselves is shown: to operators with what to do, to others that there is none of today.
func TestFeedsOfRatesAreShown(t *testing.T) {
	s := newSite(t)
	operator, finance := s.signedIn(staff.Operator), s.signedIn(staff.Finance)
	operator.get("/operate/rates").wants(http.StatusOK).says("No file is imported by itself")
	s.feedRates()
	const advice, fault = "the site may be under maintenance", "this is no file of rates"
	operator.get("/operate/rates").wants(http.StatusOK).says("1 new rate of 1", "Fails", advice, fault, "/weekly.xml", "Not imported yet", "18:30 Asia/Bishkek")
	finance.get("/finance/rates").wants(http.StatusOK).says("1 new rate of 1", "Fails", "127.0.0.1").saysNot(advice, fault, "weekly.xml")
	if page := operator.get("/overview").wants(http.StatusOK); !strings.Contains(page.Body, `id="errand-overview.feeds"`) {
		t.Error("an operator is not told that a feed fails")
	}
	if page := finance.get("/overview").wants(http.StatusOK); strings.Contains(page.Body, `id="errand-overview.feeds"`) {
		t.Error("a merchant's people are told that a feed fails")
	}
	operator.get("/operate/audit?action=rate+feed+add").wants(http.StatusOK).says("added a file of rates", "rates ecb")
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
	first.post("/operate/rates", "once", "rate-once-more-1", "from", "USD", "to", "KGS", "rate", "89").wants(http.StatusUnprocessableEntity).says("is already waiting")
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
