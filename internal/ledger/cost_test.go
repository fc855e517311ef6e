package ledger

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestCostIsConserved takes payouts with and without conversion and fee through every fate: all accounts of each currency
// add up to zero at each step, a decline gives back all that was taken, and a success leaves nothing held, the provider's
// sum in settlement and the fee in fees.
func TestCostIsConserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sum := rapid.Int64Range(1, math.MaxInt64/8)
		c := &Cost{ProjectID: 1, Payment: 7, Operation: 7, Currency: "USD", Amount: sum.Draw(t, "amount"), Fee: rapid.OneOf(rapid.Just(int64(0)), sum).Draw(t, "fee")}
		if c.PaidIn = rapid.SampledFrom([]string{"USD", "KGS"}).Draw(t, "paid in"); c.Converts() {
			c.Paid = sum.Draw(t, "paid")
		} else {
			c.Paid = c.Amount
		}
		opening := c.Amount + c.Fee + rapid.Int64Range(0, 1000).Draw(t, "rest")
		balances := map[string]*Balance{}
		for _, currency := range []string{"USD", "KGS"} {
			b := NewBalance(1, currency, nil)
			balances[currency] = &b
		}
		usd := balances["USD"]
		post := func(transfers []Transfer) {
			for _, tr := range transfers {
				if err := balances[tr.Currency].Post(tr); err != nil {
					t.Fatalf("%+v: %v", tr, err)
				}
				for currency, b := range balances {
					total := int64(0)
					for _, a := range Accounts() {
						total += b.Sum(a)
					}
					if total != 0 {
						t.Fatalf("after %+v the accounts in %s add up to %d", tr, currency, total)
					}
				}
			}
		}
		post([]Transfer{{ProjectID: 1, Currency: "USD", Debit: Funding, Credit: Available, Amount: opening, Kind: TopUp}})
		post(c.Hold())
		switch fate := rapid.SampledFrom([]string{"success", "decline", "disputed", "not paid after all", "refund", "reversal"}).Draw(t, "fate"); fate {
		case "success":
			post(c.Spend())
			if usd.Sum(Available) != opening-c.Amount-c.Fee || usd.Sum(Held) != 0 || usd.Sum(Fees) != c.Fee || balances[c.PaidIn].Sum(Settlement) != c.Paid {
				t.Fatalf("success of %+v: %+v", c, balances)
			}
			if c.Converts() && (usd.Sum(Conversion) != c.Amount || balances["KGS"].Sum(Conversion) != -c.Paid) {
				t.Fatalf("conversion of %+v: %+v", c, balances)
			}
		case "decline":
			post(c.Return())
		case "refund":
			post(c.Spend())
			if post(c.Refund(0)); usd.Sum(Available) != opening {
				t.Fatalf("refund of %+v: %+v", c, usd)
			}
		case "reversal":
			c.KeepFee = rapid.Bool().Draw(t, "keep fee")
			post(c.Spend())
			post(c.Reverse(0))
			kept := c.Fee
			if !c.KeepFee {
				kept = 0
			}
			if usd.Sum(Available) != opening-kept || usd.Sum(Fees) != kept || usd.Sum(Settlement)+usd.Sum(Conversion) != 0 || c.Reversed() != c.Amount+c.Fee-kept {
				t.Fatalf("reversal of %+v: %+v", c, usd)
			}
		case "disputed":
			post(c.Dispute())
			if usd.Sum(Disputed) != c.Amount+c.Fee || usd.Sum(Held) != 0 {
				t.Fatalf("dispute of %+v: %+v", c, usd)
			}
		case "not paid after all":
			post(c.Dispute())
			post(c.ReturnDisputed())
		}
		if gone := usd.Sum(Fees) + usd.Sum(Conversion) + usd.Sum(Settlement) + usd.Sum(Disputed); usd.Sum(Available)+gone != opening {
			t.Fatalf("%+v: of %d there are %d", c, opening, usd.Sum(Available)+gone)
		}
	})
}
