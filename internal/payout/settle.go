package payout

// Decision is what an operator makes of a discrepancy.
type Decision string

// The decisions.
const (
	BankIsRight Decision = "bank" // what the bank said last holds
	WeAreRight  Decision = "ours" // what the platform holds stands, whatever the bank said
)

// Settle says what a decision on a discrepancy of a kind does to an operation: a move of the table. ok is false where it
// moves nothing: the books already say what was decided, or the kind is about no funds that are known.
//
// Where the outcome was open, the sum lies in the disputed balance and either decision moves it. Where the books said paid or
// not paid, WeAreRight leaves them as they are.
func Settle(kind string, s State, d Decision) (m Move, ok bool) {
	event, other := SettledPaid, SettledUnpaid
	switch kind {
	case LateSuccess, PaidAfterDecline, NoAnswer, HoldDisputed:
	case DeclinedAfterSuccess, MoneyReturned:
		event, other = other, event
	default:
		return Move{}, false
	}
	if d == BankIsRight {
		m, ok = s.On(event)
		if kind == MoneyReturned && m.Funds == Refund {
			m.Funds = Reverse // it was paid before it came back: the terms say what becomes of its fee
		}
		return m, ok
	}
	if s.Stage != Disputed && s.Stage != Unsettled {
		return Move{}, false
	}
	return s.On(other)
}
