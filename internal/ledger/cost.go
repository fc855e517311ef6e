package ledger

// Cost is what a payout takes from its project: a sum and a fee of a balance in one currency, and what the provider pays
// in that or another one. Each of its movements is a list of transfers that leave nothing between the accounts: what was
// held goes where the payout's fate says, unit for unit.
type Cost struct {
	ProjectID int64
	Payment   int64
	Operation int64
	Currency  string // of the balance that pays
	Amount    int64  // that it pays for the payout
	Fee       int64  // that it pays on top; 0: none
	Paid      int64  // what the provider pays …
	PaidIn    string // … in this currency
	KeepFee   bool   // a reversal leaves the fee charged
}

// Converts tells whether the balance pays in another currency than the provider.
func (c *Cost) Converts() bool { return c.PaidIn != c.Currency }

func (c *Cost) transfer(kind Kind, debit, credit Account, amount int64, currency string) Transfer {
	return Transfer{
		ProjectID: c.ProjectID, Currency: currency, Debit: debit, Credit: credit, Amount: amount, Kind: kind, Payment: c.Payment, Operation: c.Operation,
	}
}

// move is one transfer of sum and fee together.
func (c *Cost) move(kind Kind, debit, credit Account) []Transfer {
	return []Transfer{c.transfer(kind, debit, credit, c.Amount+c.Fee, c.Currency)}
}

// Hold reserves sum and fee: the payout was accepted.
func (c *Cost) Hold() []Transfer { return c.move(Hold, Available, Held) }

// Return gives back what was held: the payout was declined.
func (c *Cost) Return() []Transfer { return c.move(Return, Held, Available) }

// Dispute keeps what was held apart: declined at the threshold, perhaps paid.
func (c *Cost) Dispute() []Transfer { return c.move(Dispute, Held, Disputed) }

// ReturnDisputed gives back what was kept apart: it was not paid after all.
func (c *Cost) ReturnDisputed() []Transfer { return c.move(DisputeReturn, Disputed, Available) }

// Spend spends what is held: the provider has paid, and the fee is charged. Where the balance pays in another currency, its
// sum goes to conversion, which pays the provider in that of the payout.
func (c *Cost) Spend() []Transfer { return c.spend(Held) }

// SpendDisputed spends what was kept apart: it was paid after all.
func (c *Cost) SpendDisputed() []Transfer { return c.spend(Disputed) }

// SpendLate spends what had been given back: it was paid after all. Owed is what is not available any more: the project
// owes it.
func (c *Cost) SpendLate(owed int64) []Transfer {
	out := c.spend(Available)
	if owed > 0 {
		out = append([]Transfer{c.transfer(Owe, Receivable, Available, owed, c.Currency)}, out...)
	}
	return out
}

// Refund gives back all that was spent, with the fee: it was not paid. Owed is what the project owes of it, and pays with it.
func (c *Cost) Refund(owed int64) []Transfer { return c.refund(c.spend(Available), owed) }

// Reversed is what a reversal gives back: the sum that the balance paid, unit for unit, and the fee unless it is kept.
func (c *Cost) Reversed() int64 {
	if c.KeepFee {
		return c.Amount
	}
	return c.Amount + c.Fee
}

// Reverse gives back what Reversed says: it was paid, and the bank has returned it. Owed is what the project owes of it, and
// pays with it.
func (c *Cost) Reverse(owed int64) []Transfer {
	spent := *c
	if c.KeepFee {
		spent.Fee = 0
	}
	return c.refund(spent.spend(Available), owed)
}

func (c *Cost) refund(spent []Transfer, owed int64) []Transfer {
	var out []Transfer
	for _, t := range spent {
		t.Kind, t.Debit, t.Credit = Refund, t.Credit, t.Debit
		out = append(out, t)
	}
	if owed > 0 {
		out = append(out, c.transfer(Repay, Available, Receivable, owed, c.Currency))
	}
	return out
}

func (c *Cost) spend(from Account) []Transfer {
	var out []Transfer
	if c.Converts() {
		out = append(out, c.transfer(Exchange, from, Conversion, c.Amount, c.Currency),
			c.transfer(Spend, Conversion, Settlement, c.Paid, c.PaidIn))
	} else {
		out = append(out, c.transfer(Spend, from, Settlement, c.Amount, c.Currency))
	}
	if c.Fee > 0 {
		out = append(out, c.transfer(Charge, from, Fees, c.Fee, c.Currency))
	}
	return out
}
