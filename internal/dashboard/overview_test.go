package dashboard

import (
	"net/http"
	"strings"
	"testing"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/staff"
)

// The overview is the page after sign-in. It shows each role what it may see, and nothing of other merchants.
func TestOverview(t *testing.T) {
	g := fullGallery(t)
	admin := g.signedIn(staff.MerchantAdmin)
	if to := admin.get("/").wants(http.StatusSeeOther).Location; to != "/overview" {
		t.Errorf("after the sign-in one comes to %s", to)
	}
	admin.get("/overview").wants(http.StatusOK).says("Today", "This week", "Waits for you", "Approvals", "Balances", "Demo shop", "Last files", "At risk")
	g.signedIn(staff.Support).get("/overview").wants(http.StatusOK).says("Today").saysNot("Balances", "Last files", "Approvals")
	g.signedIn(staff.Finance).get("/overview").wants(http.StatusOK).says("Balances", "Demo salaries").saysNot("Last files", "Approvals")
	stranger := g.signedInAs(&staff.User{MerchantID: 2, Email: "other@example.kg", Name: "Other", Roles: []staff.Role{staff.MerchantAdmin}, AllProjects: true})
	stranger.get("/overview").wants(http.StatusOK).says("Nothing waits for you", "There is no balance yet").saysNot("Demo")
	admin.header.Set("HX-Request", "true")
	admin.header.Set("HX-Target", "live")
	admin.header.Set(pollHeader, "yes")
	if part := admin.get("/overview").wants(http.StatusOK); strings.Contains(part.Body, "<html") || !strings.Contains(part.Body, `id="live"`) {
		t.Errorf("the part that refreshes itself is\n%s", part.Body)
	}
}

// A balance lasts as long as its pace of the last days says, fees included; what came back counts against it.
func TestABalanceLasts(t *testing.T) {
	t.Parallel()
	paid := func(moved ...ledger.Moved) *ledger.Statement {
		s := &ledger.Statement{}
		for _, m := range moved {
			s.Move(m)
		}
		return s
	}
	spend := ledger.Moved{Kind: ledger.Spend, Debit: ledger.Held, Credit: ledger.Settlement, Transfers: 7, Amount: 6300}
	fee := ledger.Moved{Kind: ledger.Charge, Debit: ledger.Held, Credit: ledger.Fees, Transfers: 7, Amount: 700}
	refund := ledger.Moved{Kind: ledger.Refund, Debit: ledger.Settlement, Credit: ledger.Available, Transfers: 1, Amount: 3500}
	topUp := ledger.Moved{Kind: ledger.TopUp, Debit: ledger.Funding, Credit: ledger.Available, Transfers: 1, Amount: 99999}
	for _, want := range []struct {
		name       string
		available  int64
		paid       *ledger.Statement
		pace, days int64
		low        bool
	}{
		{"nothing was paid", 5000, nil, 0, -1, false},
		{"only topped up", 5000, paid(topUp), 0, -1, false},
		{"five days", 5999, paid(spend, fee, topUp), 1000, 5, false},
		{"two days", 2000, paid(spend, fee), 1000, 2, true},
		{"not a day", 999, paid(spend, fee), 1000, 0, true},
		{"half came back", 2000, paid(spend, fee, refund), 500, 4, false},
		{"very much", 1 << 62, paid(ledger.Moved{Kind: ledger.Spend, Debit: ledger.Held, Credit: ledger.Settlement, Amount: 7}), 1, 1 << 62, false},
	} {
		b := lasting(balanceView{Project: &merchant.Project{}, Available: want.available}, want.paid)
		if b.Pace != want.pace || b.Days != want.days || b.Low() != want.low {
			t.Errorf("%s: %d a day, %d days, low %v", want.name, b.Pace, b.Days, b.Low())
		}
	}
}
