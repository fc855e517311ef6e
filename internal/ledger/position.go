package ledger

import "slices"

// Position is a line of a statement: what a transfer is to the project, whose funds are the four accounts of Own.
type Position string

// The positions of transfers that change what the project has in all (protocol.md §12.2).
const (
	Payouts         Position = "payouts"          // paid out by providers
	PayoutFees      Position = "payout-fees"      // charged for them
	Refunds         Position = "refunds"          // payouts that were not paid, or came back
	RefundedFees    Position = "refunded-fees"    // their fees
	OtherFees       Position = "other-fees"       // whatever else went to fees, or came from there
	Exchanges       Position = "exchanges"        // sold for payouts in another currency
	ExchangeReturns Position = "exchange-returns" // bought back, as these payouts were not paid
	TopUps          Position = "top-ups"
	Corrections     Position = "corrections"
	Others          Position = "others" // with a counter-account that has no position of its own
)

// The positions of transfers from one account of the project to another: they change nothing in all.
const (
	Holds          Position = "holds"           // kept for payouts under way
	Returns        Position = "returns"         // given back after a decline
	Disputes       Position = "disputes"        // kept for payouts that are declined and perhaps paid
	DisputeReturns Position = "dispute-returns" // given back, as they were not paid
	Owings         Position = "owings"          // what the project came to owe
	Repayments     Position = "repayments"      // what it has paid of that
	Transposals    Position = "transposals"     // of kinds that have no position of their own
)

// Positions lists all positions in the order of a statement; those between the project's own accounts come last.
var Positions = []Position{
	TopUps, Payouts, PayoutFees, Refunds, RefundedFees, OtherFees, Exchanges, ExchangeReturns, Corrections, Others,
	Holds, Returns, Disputes, DisputeReturns, Owings, Repayments, Transposals,
}

// Inner tells whether the position is one of transfers between the project's own accounts.
func (p Position) Inner() bool { return slices.Index(Positions, p) >= slices.Index(Positions, Holds) }

// Own are the accounts that make up what a project has. All others are counter-accounts.
var Own = []Account{Available, Held, Disputed, Receivable}

// Owned tells whether the account is one of the project's own.
func (a Account) Owned() bool { return slices.Contains(Own, a) }

var innerPositions = map[Kind]Position{
	Hold: Holds, Return: Returns, Dispute: Disputes, DisputeReturn: DisputeReturns, Owe: Owings, Repay: Repayments,
}

// PositionOf is the position of a transfer. Empty: it is between counter-accounts, and none of the project's.
func PositionOf(kind Kind, debit, credit Account) Position {
	counter := credit
	switch {
	case debit.Owned() && credit.Owned():
		if p, ok := innerPositions[kind]; ok {
			return p
		}
		return Transposals
	case !debit.Owned() && !credit.Owned():
		return ""
	case !debit.Owned():
		counter = debit
	}
	refund := kind == Refund
	switch counter {
	case Settlement:
		return either(refund, Refunds, Payouts)
	case Conversion:
		return either(refund, ExchangeReturns, Exchanges)
	case Fees:
		if kind != Charge && !refund {
			return OtherFees
		}
		return either(refund, RefundedFees, PayoutFees)
	case Funding:
		return TopUps
	case Correction:
		return Corrections
	}
	return Others
}

func either(first bool, yes, no Position) Position {
	if first {
		return yes
	}
	return no
}
