package payout

import "fmt"

// Status is the status of a payment or operation, spelled as on the wire (protocol.md §6).
type Status string

// The statuses that a payout can have. Decline, Success and Reversed are final.
const (
	Processing    Status = "processing"
	AwaitingRetry Status = "awaiting retry"
	Decline       Status = "decline"
	Success       Status = "success"
	Reversed      Status = "reversed"
)

// Final tells whether nothing but a reversal can follow.
func (s Status) Final() bool { return s == Decline || s == Success || s == Reversed }

// Stage says where an operation stands towards its provider. It never shows on the wire.
type Stage string

// The stages.
const (
	New       Stage = "new"       // not with the provider: a submit is due
	Sending   Stage = "sending"   // handed over, or about to be: from here on it may be with the provider
	Disputed  Stage = "disputed"  // declined at the threshold although it may be with the provider: hourly inquiries
	Unsettled Stage = "unsettled" // declined, yet paid or never answered: an operator settles its disputed hold
	Settled   Stage = "settled"   // declined, yet an operator has settled that it was paid: its sum is spent
	Refunded  Stage = "refunded"  // a success of which an operator has settled that the money is back: its sum is given back
	Closed    Stage = "closed"    // nothing is open
)

// Open tells whether the platform still has steps to take of its own accord.
func (s Stage) Open() bool { return s == New || s == Sending || s == Disputed }

// Event is what can happen to an operation.
type Event uint8

// The events.
const (
	Intent        Event = iota + 1 // about to be handed to the provider
	NotSent                        // certainly not with the provider
	Succeeded                      // the provider says: paid
	Declined                       // the provider, or the platform at acceptance, says: finally refused
	Threshold                      // the platform waits no longer
	GivenUp                        // thirty days of inquiries brought no answer
	Returned                       // the provider says: the money came back after a success
	ReturnedAgain                  // the provider tells of a further return of what had come back already
	SettledPaid                    // an operator settles: the money is with the customer
	SettledUnpaid                  // an operator settles: the money is with the platform
)

var eventNames = [...]string{"", "intent", "not sent", "succeeded", "declined", "threshold", "given up", "returned", "returned again", "settled as paid", "settled as not paid"}

// Events lists all events, for tests and documentation.
func Events() []Event {
	return []Event{Intent, NotSent, Succeeded, Declined, Threshold, GivenUp, Returned, ReturnedAgain, SettledPaid, SettledUnpaid}
}

// String names the event.
func (e Event) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return fmt.Sprintf("event %d", uint8(e))
}

// Funds is what a move does with the operation's money.
type Funds uint8

// The movements of an operation's money.
const (
	KeepFunds     Funds = iota
	SpendHold           // held → settlement
	ReturnHold          // held → available
	DisputeHold         // held → disputed
	ReturnDispute       // disputed → available
	SpendDispute        // disputed → settlement
	SpendLate           // available, and what it does not cover from receivable → settlement
	Refund              // settlement → what receivable owes, the rest to available
	Reverse             // the same, of what the bank has returned
	ReverseHold         // held → settlement, and from there as Reverse
)

var fundsNames = [...]string{"", "spend the hold", "return the hold", "dispute the hold", "return the disputed hold", "spend the disputed hold", "spend after all", "refund", "reverse", "spend the hold and reverse"}

// String names the movement; empty where nothing moves.
func (f Funds) String() string { return fundsNames[f] }

// State is where a payment and its current operation stand together.
type State struct {
	Status Status
	Stage  Stage
}

// Move is one row of the table of moves.
type Move struct {
	From        State
	On          Event
	To          State
	Funds       Funds
	Callback    bool   // the merchant is told
	Discrepancy string // the kind of discrepancy that it opens; empty for none
}

// The kinds of discrepancy (product.md §3.5, §3.6).
const (
	LateSuccess          = "late success"           // paid after the platform had declined at the threshold
	PaidAfterDecline     = "paid after decline"     // paid, although the provider had said that it was not
	DeclinedAfterSuccess = "declined after success" // refused, although the provider had said that it was paid
	MoneyReturned        = "returned"               // came back, although not paid as far as the platform knows, or once more
	NoAnswer             = "no answer"              // thirty days of inquiries after the threshold brought none
	Mismatch             = "mismatch"               // the provider's sum, currency or account differs from ours
	UnknownKey           = "unknown key"            // a notification for a key that we never made
	HoldDisputed         = "disputed hold"          // settled by an operator before the inquiries had ended
)

// DiscrepancyKind reads the kind of a discrepancy in a journal, whose lines keep the words under which they were written.
func DiscrepancyKind(written string) string {
	switch written {
	case "paid after no":
		return PaidAfterDecline
	case "declined after ok":
		return DeclinedAfterSuccess
	}
	return written
}

// moves is the one table that decides every move. What it does not hold is not possible: On says so, and the
// caller journals or ignores the event (product.md §3.6: an answer that says less than is known changes nothing).
var moves = []Move{
	{From: State{Processing, New}, On: Intent, To: State{Processing, Sending}},
	{From: State{Processing, Sending}, On: Intent, To: State{Processing, Sending}},
	{From: State{Processing, Sending}, On: NotSent, To: State{Processing, New}},

	{From: State{Processing, New}, On: Succeeded, To: State{Success, Closed}, Funds: SpendHold, Callback: true},
	{From: State{Processing, New}, On: Declined, To: State{Decline, Closed}, Funds: ReturnHold, Callback: true},
	{From: State{Processing, New}, On: Threshold, To: State{Decline, Closed}, Funds: ReturnHold, Callback: true},

	{From: State{Processing, Sending}, On: Succeeded, To: State{Success, Closed}, Funds: SpendHold, Callback: true},
	{From: State{Processing, Sending}, On: Declined, To: State{Decline, Closed}, Funds: ReturnHold, Callback: true},
	{From: State{Processing, Sending}, On: Threshold, To: State{Decline, Disputed}, Funds: DisputeHold, Callback: true},

	// Paid, and the money came back, before we had heard of the first: what would have come of them in their order.
	{From: State{Processing, New}, On: Returned, To: State{Reversed, Closed}, Funds: ReverseHold, Callback: true},
	{From: State{Processing, Sending}, On: Returned, To: State{Reversed, Closed}, Funds: ReverseHold, Callback: true},

	{From: State{Decline, Disputed}, On: NotSent, To: State{Decline, Closed}, Funds: ReturnDispute},
	{From: State{Decline, Disputed}, On: Declined, To: State{Decline, Closed}, Funds: ReturnDispute},
	{From: State{Decline, Disputed}, On: Succeeded, To: State{Decline, Unsettled}, Discrepancy: LateSuccess},
	{From: State{Decline, Disputed}, On: Returned, To: State{Decline, Unsettled}, Discrepancy: MoneyReturned},
	{From: State{Decline, Disputed}, On: GivenUp, To: State{Decline, Unsettled}, Discrepancy: NoAnswer},

	{From: State{Decline, Unsettled}, On: Succeeded, To: State{Decline, Unsettled}, Discrepancy: LateSuccess},
	{From: State{Decline, Unsettled}, On: Declined, To: State{Decline, Unsettled}, Discrepancy: DeclinedAfterSuccess},
	{From: State{Decline, Unsettled}, On: Returned, To: State{Decline, Unsettled}, Discrepancy: MoneyReturned},

	{From: State{Decline, Closed}, On: Succeeded, To: State{Decline, Closed}, Discrepancy: PaidAfterDecline},
	{From: State{Decline, Closed}, On: Returned, To: State{Decline, Closed}, Discrepancy: MoneyReturned},
	{From: State{Success, Closed}, On: Declined, To: State{Success, Closed}, Discrepancy: DeclinedAfterSuccess},
	{From: State{Success, Closed}, On: Returned, To: State{Reversed, Closed}, Funds: Reverse, Callback: true},
	{From: State{Reversed, Closed}, On: ReturnedAgain, To: State{Reversed, Closed}, Discrepancy: MoneyReturned},
	{From: State{Reversed, Closed}, On: Declined, To: State{Reversed, Closed}, Discrepancy: DeclinedAfterSuccess},

	// What an operator has settled stands, and a further word of the bank against it opens a discrepancy again.
	{From: State{Decline, Settled}, On: Declined, To: State{Decline, Settled}, Discrepancy: DeclinedAfterSuccess},
	{From: State{Decline, Settled}, On: Returned, To: State{Decline, Settled}, Discrepancy: MoneyReturned},
	{From: State{Success, Refunded}, On: Succeeded, To: State{Success, Refunded}, Discrepancy: PaidAfterDecline},

	{From: State{Decline, Disputed}, On: SettledPaid, To: State{Decline, Settled}, Funds: SpendDispute},
	{From: State{Decline, Disputed}, On: SettledUnpaid, To: State{Decline, Closed}, Funds: ReturnDispute},
	{From: State{Decline, Unsettled}, On: SettledPaid, To: State{Decline, Settled}, Funds: SpendDispute},
	{From: State{Decline, Unsettled}, On: SettledUnpaid, To: State{Decline, Closed}, Funds: ReturnDispute},
	{From: State{Decline, Closed}, On: SettledPaid, To: State{Decline, Settled}, Funds: SpendLate},
	{From: State{Decline, Settled}, On: SettledUnpaid, To: State{Decline, Closed}, Funds: Refund},
	{From: State{Success, Closed}, On: SettledUnpaid, To: State{Success, Refunded}, Funds: Refund},
	{From: State{Success, Refunded}, On: SettledPaid, To: State{Success, Closed}, Funds: SpendLate},
}

// Moves returns a copy of the table, for documentation and audit.
func Moves() []Move { return append([]Move(nil), moves...) }

var moveIndex = func() map[State]map[Event]Move {
	index := make(map[State]map[Event]Move)
	for _, m := range moves {
		if index[m.From] == nil {
			index[m.From] = make(map[Event]Move)
		}
		index[m.From][m.On] = m
	}
	return index
}()

// On is the only way to a new status: it returns the move that e makes from s. ok is false where e changes
// nothing there.
func (s State) On(e Event) (m Move, ok bool) {
	m, ok = moveIndex[s][e]
	return m, ok
}
