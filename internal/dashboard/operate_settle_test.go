package dashboard

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// contradict makes a payout of 1,000.00 that was declined and then, says the bank, paid, and returns the page of its discrepancy.
func (s *site) contradict(id string) string {
	s.t.Helper()
	s.step(s.pay(210, id, 100_000, payout.Declined), payout.Succeeded, 0)
	open, err := s.Store.OpenDiscrepancies(s.t.Context(), nil, 1)
	if err != nil || len(open) != 1 || open[0].PaymentID != id {
		s.t.Fatalf("%+v, %v", open, err)
	}
	return casePath(open[0].ID)
}

func (s *site) wantsAvailable(want int64) {
	s.t.Helper()
	all, err := s.Store.Balances(s.t.Context(), 210)
	if b := all["KGS"]; err != nil || b.Sum(ledger.Available) != want {
		s.t.Errorf("available %d, want %d (%v)", b.Sum(ledger.Available), want, err)
	}
}

// needsTwo sets the sum above which two people decide.
func (s *site) needsTwo(above int64) {
	s.t.Helper()
	p, _ := s.Store.Project(210)
	changed := *p
	changed.Settings.Approval = merchant.Sums{"KGS": above}
	if err := s.Store.UpdateProject(s.t.Context(), &changed, "test"); err != nil {
		s.t.Fatal(err)
	}
}

func TestADiscrepancyIsSettledOnItsPage(t *testing.T) {
	s := newSite(t)
	page := s.contradict("Salary-42")
	s.wantsAvailable(100_000_000)
	operator, _ := operators(s)
	operator.get("/operate").says("Open discrepancies", "although it had said that it did not", "Salary-42")
	shown := operator.get(page).wants(http.StatusOK).says("Salary-42", "1,000.00\u00a0KGS", "What happened", "What to do", "Ask the bank",
		"The bank’s word holds It was paid.", "The sum is taken from what is available.", "1,000,000.00\u00a0KGS 999,000.00\u00a0KGS",
		"Our books hold It was not paid.", "No funds move.", "A decision is made once.")

	operator.post(page+"/care", "owner", "Aida", "note", "rang the bank").wants(http.StatusSeeOther)
	operator.get(page).says("Name and note are saved", "rang the bank")
	operator.get("/operate").says("Aida")
	operator.post(page+"/care", "owner", strings.Repeat("x", 201)).wants(http.StatusUnprocessableEntity).says("This is too long")
	operator.post(page, "version", shown.field("version")).wants(http.StatusUnprocessableEntity).says("Choose whose word holds", "Say why")
	operator.post(page, "version", "1", "decision", "bank", "reason", "statement of May").wants(http.StatusConflict).says("something has changed meanwhile", "No funds move.", "statement of May")
	s.wantsAvailable(100_000_000)

	answers := []string{"version", shown.field("version"), "once", "settles-once-01234", "decision", "bank", "reason", "statement of May, line 17", "owner", "Aida", "note", "rang the bank"}
	for range 2 {
		operator.post(page, answers...).wants(http.StatusSeeOther)
	}
	operator.get(page).says("It is settled, and what the decision moves is booked", "statement of May, line 17", "The bank’s word holds", operator.user.Actor(), "Aida").
		saysNot("What to do", "No funds move.")
	s.wantsAvailable(99_900_000)
	operator.post(page, "version", "9", "decision", "ours", "reason", "no").wants(http.StatusSeeOther)
	operator.get(page).says("Somebody has settled it already")
	operator.get("/operate").says("Nothing needs you")
	operator.get("/operate/audit?action=discrepancy+settle").says("settled a discrepancy", "statement of May, line 17")

	v, err := s.Store.PaymentView(t.Context(), 210, "Salary-42")
	if err != nil {
		t.Fatal(err)
	}
	s.signedIn(staff.Support).get(pageOf(v)).says("The bank’s word holds", "Decided: it was paid", "statement of May, line 17").
		saysNot("rang the bank", "See what either decision does")
	operator.get("/operate/discrepancies/77").wants(http.StatusNotFound)
	operator.get("/operate/discrepancies/x").wants(http.StatusNotFound)
	for _, role := range staff.MerchantRoles {
		clerk := s.signedIn(role)
		clerk.get(page).wants(http.StatusForbidden)
		clerk.post(page, answers...).wants(http.StatusForbidden)
	}
}

func TestADisputedHoldIsSettledOnItsPage(t *testing.T) {
	s := newSite(t)
	v := s.dispute(210, "held")
	operator, _ := operators(s)
	page := operator.get(pageOf(v)).link("See what either decision does")
	s.signedIn(staff.MerchantAdmin).get(pageOf(v)).saysNot("See what either decision does")
	shown := operator.get(page).wants(http.StatusOK).says("still being asked", "The disputed sum is spent", "The disputed sum is available again", "7.00\u00a0KGS 0.00\u00a0KGS")
	operator.post(page, "version", shown.field("version"), "decision", "ours", "reason", "not in the statement").wants(http.StatusSeeOther)
	s.wantsAvailable(100_000_000)
	record := operator.get(page).wants(http.StatusSeeOther).Location
	operator.get(record).says("It is settled", "not in the statement", "The disputed sum is available again")
	operator.post(page, "decision", "bank", "reason", "yes").wants(http.StatusSeeOther)
	operator.get(record).says("something has changed meanwhile")
	s.wantsAvailable(100_000_000)
	paid := s.pay(210, "paid", 100, payout.Succeeded)
	if a := operator.get(holdPath(210, paid.Payment.ID)).wants(http.StatusSeeOther); a.Location != pageOf(paid) {
		t.Errorf("leads to %s", a.Location)
	}
}

// Above the project's approval sum one operator asks, and another one decides.
func TestSettlingAboveTheSumTakesTwoOperators(t *testing.T) {
	s := newSite(t)
	page := s.contradict("large")
	s.needsTwo(99_999)
	first, second := operators(s)
	shown := first.get(page).says("above the project’s approval sum", "Ask for approval")
	ask := func(by *browser, idempotencyKey string) {
		by.post(page, "version", shown.field("version"), "once", idempotencyKey, "decision", "bank", "reason", "statement of May").wants(http.StatusSeeOther)
	}
	decide := func(by *browser, state, idempotencyKey string, status int) *answer {
		waiting, err := s.Store.Approvals(t.Context(), store.ApprovalFilter{Kinds: []string{store.ApprovalSettlement}, Limit: 1})
		if err != nil || len(waiting) != 1 {
			t.Fatal(waiting, err)
		}
		return by.post(fmt.Sprintf("/operate/settlements/%d/decide", waiting[0].ID), "state", state, "once", idempotencyKey).wants(status)
	}
	ask(first, "asks-for-it-012345")
	ask(first, "asks-for-it-012345")
	first.get(page).says("A decision waits for a second person", "statement of May", "You asked for this", "Withdraw the request").saysNot("Approve and book")
	ask(second, "asks-for-it-543210")
	second.get(page).says("waits already for another operator", "Approve and book")
	second.get("/operate").says("Settlements waiting for a second person", "large", first.user.Name)
	s.wantsAvailable(100_000_000)
	decide(first, "approved", "decides-0123456789", http.StatusConflict).says("Another operator must decide")
	decide(s.signedIn(staff.MerchantAdmin), "approved", "decides-0123456788", http.StatusForbidden)
	decide(second, "rejected", "decides-0123456787", http.StatusSeeOther)
	s.wantsAvailable(100_000_000)
	second.get(page).says("Rejected. Nothing was booked")

	ask(second, "asks-again-0123456")
	decide(first, "approved", "decides-0123456786", http.StatusSeeOther)
	first.get(page).says("Approved. It is settled", "statement of May", second.user.Name)
	s.wantsAvailable(99_900_000)
	decide(first, "approved", "decides-0123456785", http.StatusConflict).says("decided already")
	first.get("/operate/audit?action=discrepancy+settle").says(second.user.Name)
}

// A late success, a return and a mismatch are each settled on their pages, with either decision.
func TestEachKindIsSettledOnItsPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	operator, _ := operators(s)
	step := func(id string, step store.Step) {
		v, err := s.Store.PaymentView(t.Context(), 210, id)
		if err != nil {
			t.Fatal(err)
		}
		step.Payment, step.Operation, step.NextAt = v.Payment, v.Operations[0], s.Store.Now().Add(time.Hour)
		step.Detail = store.Detail{}.Text("by", "notification").Text("outcome", "returned")
		if _, err := s.Store.Apply(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	back := func(id string) store.Step { return store.Step{Event: payout.Returned, Kind: "returned", Returned: id} }
	for _, decision := range []string{"bank", "ours"} {
		for kind, happens := range map[string]func(id string){
			payout.LateSuccess: func(id string) {
				s.dispute(210, id)
				step(id, store.Step{Event: payout.Succeeded, Kind: "succeeded", ProviderPaymentID: "B-" + id})
			},
			payout.MoneyReturned: func(id string) {
				s.pay(210, id, 700, payout.Succeeded)
				step(id, back("R1-"+id))
				step(id, store.Step{Event: payout.ReturnedAgain, Kind: "returned again", Returned: "R2-" + id})
			},
			payout.Mismatch: func(id string) {
				s.pay(210, id, 700, payout.Succeeded)
				step(id, store.Step{Kind: "mismatch", Discrepancy: payout.Mismatch})
			},
		} {
			id := strings.ReplaceAll(kind, " ", "-") + "-" + decision
			happens(id)
			open, err := s.Store.OpenDiscrepancies(t.Context(), nil, 10)
			if err != nil || len(open) != 1 || open[0].Kind != kind || open[0].PaymentID != id {
				t.Fatalf("%s: %+v, %v", id, open, err)
			}
			page := casePath(open[0].ID)
			shown := operator.get(page).wants(http.StatusOK).says("What happened", "What to do", id)
			operator.post(page, "version", shown.field("version"), "decision", decision, "reason", "statement of May").wants(http.StatusSeeOther)
			operator.get(page).says("settled", "statement of May").saysNot("What to do")
		}
	}
	s.wantsAvailable(100_000_000 - 3*700) // a late success that holds, and the two of the mismatches; what was returned is back
	operator.get("/operate").says("Nothing needs you")
}
