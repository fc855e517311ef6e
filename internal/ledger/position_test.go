package ledger

import (
	"slices"
	"testing"
)

// Every transfer that a payout can cause, and those by hand, stand in a position of their own; one between counter-accounts
// stands in none, and one of a kind that this version does not know is told as such, not left out.
func TestPositionOf(t *testing.T) {
	t.Parallel()
	c := &Cost{ProjectID: 1, Currency: "USD", Amount: 5, Fee: 1, Paid: 400, PaidIn: "KGS"}
	plain := &Cost{ProjectID: 1, Currency: "KGS", Amount: 5, Fee: 1, Paid: 5, PaidIn: "KGS"}
	for _, want := range []struct {
		transfers []Transfer
		positions []Position
	}{
		{c.Hold(), []Position{Holds}},
		{c.Return(), []Position{Returns}},
		{c.Dispute(), []Position{Disputes}},
		{c.ReturnDisputed(), []Position{DisputeReturns}},
		{c.Spend(), []Position{Exchanges, "", PayoutFees}},
		{plain.Spend(), []Position{Payouts, PayoutFees}},
		{plain.SpendLate(3), []Position{Owings, Payouts, PayoutFees}},
		{c.Refund(2), []Position{ExchangeReturns, "", RefundedFees, Repayments}},
		{plain.Refund(0), []Position{Refunds, RefundedFees}},
		{[]Transfer{{Debit: Funding, Credit: Receivable, Kind: TopUp}, {Debit: Available, Credit: Correction, Kind: Correct}}, []Position{TopUps, Corrections}},
		{[]Transfer{{Debit: Available, Credit: Fees, Kind: "yearly"}, {Debit: Available, Credit: 77, Kind: "new"}, {Debit: Available, Credit: Held, Kind: "new"}}, []Position{OtherFees, Others, Transposals}},
	} {
		var got []Position
		for _, tr := range want.transfers {
			p := PositionOf(tr.Kind, tr.Debit, tr.Credit)
			got = append(got, p)
			if inner := tr.Debit.Owned() && tr.Credit.Owned(); p != "" && (p.Inner() != inner || !slices.Contains(Positions, p)) {
				t.Errorf("%s %s→%s: position %s, inner %v", tr.Kind, tr.Debit, tr.Credit, p, p.Inner())
			}
		}
		if !slices.Equal(got, want.positions) {
			t.Errorf("%+v: positions %q, want %q", want.transfers, got, want.positions)
		}
	}
}
