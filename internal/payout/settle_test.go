package payout

import "testing"

// TestSettleEveryDiscrepancy takes every discrepancy that the table opens, in the state that it leaves: a decision ends an open
// outcome, either way, and where the books were definite only the bank's word changes them.
func TestSettleEveryDiscrepancy(t *testing.T) {
	for _, m := range Moves() {
		if m.Discrepancy == "" {
			continue
		}
		bank, bankMoves := Settle(m.Discrepancy, m.To, BankIsRight)
		ours, oursMoves := Settle(m.Discrepancy, m.To, WeAreRight)
		if m.To.Stage == Unsettled {
			if !bankMoves || !oursMoves || bank.To == ours.To {
				t.Errorf("%s in %v: the bank's word moves %+v, ours %+v: each must end it, differently", m.Discrepancy, m.To, bank, ours)
			}
			continue
		}
		if oursMoves {
			t.Errorf("%s in %v: our word moves %+v", m.Discrepancy, m.To, ours)
		}
		// Paid and back, or not paid, is what the books say already.
		agrees := place(m.To) == "returned" && (m.Discrepancy == MoneyReturned || m.Discrepancy == DeclinedAfterSuccess)
		if bankMoves == agrees || bankMoves && place(bank.To) == place(m.To) {
			t.Errorf("%s in %v: the bank's word moves %+v", m.Discrepancy, m.To, bank)
		}
	}
	for kind, want := range map[string]Funds{MoneyReturned: Reverse, DeclinedAfterSuccess: Refund} {
		if m, ok := Settle(kind, State{Decline, Settled}, BankIsRight); !ok || m.Funds != want {
			t.Errorf("settled as paid, then %s: %+v", kind, m)
		}
	}
	disputed := State{Decline, Disputed}
	for d, want := range map[Decision]Funds{BankIsRight: SpendDispute, WeAreRight: ReturnDispute} {
		if m, ok := Settle(HoldDisputed, disputed, d); !ok || m.Funds != want {
			t.Errorf("a disputed hold, %s: %+v", d, m)
		}
	}
	for _, kind := range []string{Mismatch, UnknownKey, "of another version"} {
		for _, d := range []Decision{BankIsRight, WeAreRight} {
			if m, ok := Settle(kind, disputed, d); ok {
				t.Errorf("%s moves %+v", kind, m)
			}
		}
	}
}

// Journals keep the words of before: a settlement that was written under them is read as one of the same kind.
func TestFormerDiscrepancyKinds(t *testing.T) {
	for written, want := range map[string]string{"paid after no": PaidAfterDecline, "declined after ok": DeclinedAfterSuccess, LateSuccess: LateSuccess} {
		if got := DiscrepancyKind(written); got != want {
			t.Errorf("%q is read as %q, want %q", written, got, want)
		}
	}
}
