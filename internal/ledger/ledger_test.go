package ledger

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestBalanceIsConserved posts arbitrary transfers: whatever is refused changes nothing, the accounts always add up to
// zero, and those that may not go below zero never do.
func TestBalanceIsConserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBalance(1, "KGS", nil)
		for range rapid.IntRange(0, 60).Draw(t, "transfers") {
			tr := Transfer{
				ProjectID: 1, Currency: "KGS",
				Debit:  rapid.SampledFrom(Accounts()).Draw(t, "debit"),
				Credit: rapid.SampledFrom(Accounts()).Draw(t, "credit"),
				Amount: rapid.OneOf(rapid.Int64Range(-5, 100), rapid.Just(int64(math.MaxInt64))).Draw(t, "amount"),
			}
			before := b
			if err := b.Post(tr); err != nil && b != before {
				t.Fatalf("refused (%v), yet changed", err)
			}
			var sum int64
			for _, a := range Accounts() {
				sum += b.Sum(a)
			}
			if sum != 0 || b.Sum(Available) < 0 || b.Sum(Held) < 0 || b.Sum(Disputed) < 0 || b.Owed() < 0 {
				t.Fatalf("after %+v: sum %d, %+v", tr, sum, b)
			}
		}
	})
}

func TestPostNamesWhatIsWrong(t *testing.T) {
	b := NewBalance(1, "KGS", map[Account]int64{Available: 100, Funding: -100})
	cases := []struct {
		transfer Transfer
		want     error
	}{
		{Transfer{ProjectID: 1, Currency: "KGS", Debit: Available, Credit: Held, Amount: 101}, ErrInsufficient},
		{Transfer{ProjectID: 1, Currency: "KGS", Debit: Available, Credit: Held, Amount: 0}, ErrTransfer},
		{Transfer{ProjectID: 2, Currency: "KGS", Debit: Available, Credit: Held, Amount: 1}, ErrTransfer},
		{Transfer{ProjectID: 1, Currency: "USD", Debit: Available, Credit: Held, Amount: 1}, ErrTransfer},
		{Transfer{ProjectID: 1, Currency: "KGS", Debit: Held, Credit: Held, Amount: 1}, ErrTransfer},
		{Transfer{ProjectID: 1, Currency: "KGS", Debit: Funding, Credit: Receivable, Amount: 1}, ErrTransfer},
		{Transfer{ProjectID: 1, Currency: "KGS", Debit: Funding, Credit: Available, Amount: math.MaxInt64}, ErrTransfer},
		{Transfer{ProjectID: 1, Currency: "KGS", Debit: Available, Credit: Held, Amount: 100}, nil},
	}
	for _, c := range cases {
		if err := b.Post(c.transfer); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.transfer, err, c.want)
		}
	}
}

func TestTopUpPaysWhatIsOwedFirst(t *testing.T) {
	b := NewBalance(1, "KGS", map[Account]int64{Receivable: -30, Settlement: 30})
	for _, tr := range b.TopUpTransfers(100, "wire 17", time.Unix(0, 0)) {
		if err := b.Post(tr); err != nil {
			t.Fatal(err)
		}
	}
	if b.Owed() != 0 || b.Sum(Available) != 70 || b.Sum(Funding) != -100 {
		t.Errorf("%+v", b)
	}
	b = NewBalance(1, "KGS", map[Account]int64{Receivable: -30, Settlement: 30})
	for _, tr := range b.TopUpTransfers(20, "", time.Unix(0, 0)) {
		if err := b.Post(tr); err != nil {
			t.Fatal(err)
		}
	}
	if b.Owed() != 10 || b.Sum(Available) != 0 {
		t.Errorf("%+v", b)
	}
}

// A correction moves what its sum says and leaves every balance conserved; what is not available is owed.
func TestCorrectionTakesWhatIsThereAndOwesTheRest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		available, receivable, amount int64
		wantAvailable, wantReceivable int64
	}{
		{100, 0, 30, 130, 0}, {0, -40, 30, 0, -10}, {0, -40, 50, 10, 0}, {100, 0, -30, 70, 0}, {100, 0, -130, 0, -30}, {0, -5, -10, 0, -15},
	} {
		b := NewBalance(1, "KGS", map[Account]int64{
			Available: test.available, Receivable: test.receivable, Funding: -test.available - test.receivable,
		})
		for _, tr := range b.CorrectionTransfers(test.amount, "why", time.Unix(1, 0)) {
			if tr.Kind != Correct || tr.Reason != "why" {
				t.Errorf("transfer %+v", tr)
			}
			if err := b.Post(tr); err != nil {
				t.Fatal(err)
			}
		}
		if b.Sum(Available) != test.wantAvailable || b.Sum(Receivable) != test.wantReceivable || b.Sum(Correction) != -test.amount {
			t.Errorf("%+v: available %d, receivable %d, correction %d", test, b.Sum(Available), b.Sum(Receivable), b.Sum(Correction))
		}
	}
}
