package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// said is what a journal line's detail says, as far as it is compared.
type said struct {
	RequestID         string          `json:"request_id"`
	Amount            int64           `json:"amount"`
	Currency          string          `json:"currency"`
	AccountKey        int64           `json:"account_key"`
	Content           string          `json:"content"`
	Provider          string          `json:"provider"`
	Code              int             `json:"code"`
	ProviderPaymentID string          `json:"provider_payment_id"`
	Terms             json.RawMessage `json:"terms"`       // what the payout costs
	Differs           string          `json:"differs"`     // what the provider says otherwise than it was asked: a mismatch
	Discrepancy       string          `json:"discrepancy"` // of a settlement: the kind that was settled
	Decision          string          `json:"decision"`    // of a settlement
	Moved             string          `json:"moved"`       // of a settlement: the event that it was; empty: the books stayed as they were
	Funds             string          `json:"funds"`       // of a settlement: what it did with the sum
	Receivable        int64           `json:"receivable"`  // of a settlement: how much is owed since, or was before
}

func saidIn(l *store.JournalLine) (*said, error) {
	s := &said{}
	if len(l.Detail) > detailOfLine {
		return s, fmt.Errorf("it has %d bytes", len(l.Detail))
	}
	err := json.Unmarshal([]byte(l.Detail), s)
	s.Discrepancy = payout.DiscrepancyKind(s.Discrepancy)
	return s, err
}

// The kinds of a journal's first line.
const (
	kindAccepted = "accepted"
	kindDeclined = "declined" // also later ones, of a provider's no
)

// events are the events that the kinds of later lines stand for; 0: nothing moved.
var events = map[string]payout.Event{
	payout.Succeeded.String():     payout.Succeeded,
	kindDeclined:                  payout.Declined,
	payout.Returned.String():      payout.Returned,
	payout.NotSent.String():       payout.NotSent,
	payout.ReturnedAgain.String(): payout.ReturnedAgain,
	payout.Threshold.String():     payout.Threshold,
	payout.GivenUp.String():       payout.GivenUp,
	"provider out of funds":       payout.NotSent,
	"repeated":                    0,
	"unknown":                     0,
	"mismatch":                    0,
}

// discrepancyKinds are those that a payment's journal can open.
var discrepancyKinds = []string{
	payout.LateSuccess, payout.PaidAfterDecline, payout.DeclinedAfterSuccess, payout.MoneyReturned, payout.NoAnswer, payout.Mismatch,
	payout.HoldDisputed,
}

// settlementEvents are what a settlement can be, by the word in its line.
var settlementEvents = map[string]payout.Event{
	"": 0, payout.SettledPaid.String(): payout.SettledPaid, payout.SettledUnpaid.String(): payout.SettledUnpaid,
}

// movement is a movement of an operation's funds. Of a charge and a refund, part of the sum can be what is owed.
type movement struct {
	funds payout.Funds
	owed  int64
}

// settlement is what an operator made of a discrepancy; empty: nothing yet.
type settlement struct {
	decision payout.Decision
	funds    string
}

// mostMovements are those that end the hold, and one for each kind of discrepancy: each is settled once.
const mostMovements = 10

// instant is where an operation stands: its state, and which transfers it has caused.
type instant struct {
	state payout.State // canonical
	held  bool         // accepted: funds are held for it
	funds [mostMovements]movement
	moves int // of funds
}

// track is one way that a payment can have gone, as far as its journal tells. Whether an operation was handed over is
// not in the journal, so there can be several; what is stored decides.
type track struct {
	instant
	then          instant // at the ledger's instant
	statusAt      int64   // microseconds: when the status last changed
	resultAt      int64   // when that of the operation which pays did
	code          int
	announced     int           // events
	announcedAt   int64         // of the last
	announcedBy   int64         // the journal line's number
	discrepancies uint8         // bits, by discrepancyKinds
	settlements   [7]settlement // by discrepancyKinds
	told          string        // provider's id of the payment, where the last line that says one left nothing open
}

// canonical makes one of the two states between which an operation goes without a line of the journal.
func canonical(s payout.State) payout.State {
	if s.Status == payout.Processing && s.Stage == payout.Sending {
		s.Stage = payout.New
	}
	return s
}

// follow takes each track one line further. None left: the line cannot follow.
func follow(tracks []track, l *store.JournalLine, s *said, threshold time.Time, had bool) []track {
	if l.Seq == 1 {
		return begin(l, s, had)
	}
	event, known := events[l.Kind]
	if l.Kind == store.SettledLine {
		event, known = settlementEvents[s.Moved]
	}
	if !known {
		return nil
	}
	var out []track
	for _, t := range tracks {
		for _, next := range t.on(event, l, s, threshold) {
			if had {
				next.then = next.instant
			}
			if !slices.Contains(out, next) {
				out = append(out, next)
			}
		}
	}
	return out
}

func begin(l *store.JournalLine, s *said, had bool) []track {
	t := track{statusAt: l.At.UnixMicro(), resultAt: l.At.UnixMicro(), code: s.Code}
	switch {
	case l.Kind == kindAccepted && s.Code == payout.CodeSuccess:
		t.state, t.held, t.code = payout.State{Status: payout.Processing, Stage: payout.New}, true, payout.CodeAwaiting
	case l.Kind == kindDeclined && s.Code != payout.CodeSuccess:
		t.state = payout.State{Status: payout.Decline, Stage: payout.Closed}
		t.announced, t.announcedAt, t.announcedBy = 1, t.statusAt, l.Seq
	default:
		return nil
	}
	if had {
		t.then = t.instant
	}
	return []track{t}
}

// on is where an event can lead from here, by the table of moves.
func (t track) on(event payout.Event, l *store.JournalLine, s *said, threshold time.Time) []track {
	if s.Differs != "" {
		t.open(payout.Mismatch)
	}
	if l.Kind == store.SettledLine && !t.settle(event, s) {
		return nil
	}
	if event == 0 {
		t.hear(s)
		return []track{t}
	}
	if event == payout.Threshold && l.At.Before(threshold) {
		return nil
	}
	from := []payout.State{t.state}
	if t.state.Status == payout.Processing {
		from = append(from, payout.State{Status: payout.Processing, Stage: payout.Sending})
	}
	var out []track
	for _, state := range from {
		m, ok := state.On(event)
		if ok && l.Kind == store.SettledLine { // what it does with the sum depends on the kind, too
			m, ok = payout.Settle(s.Discrepancy, state, payout.Decision(s.Decision))
		}
		if ok {
			next := t
			if next.move(m, l, s) {
				out = append(out, next)
			}
		}
	}
	return out
}

// move makes one move. It is false where the funds move more often than they can.
func (t *track) move(m payout.Move, l *store.JournalLine, s *said) bool {
	if m.Funds != payout.KeepFunds {
		if t.moves == len(t.funds) {
			return false
		}
		t.funds[t.moves] = movement{m.Funds, s.Receivable}
		t.moves++
	}
	if m.From.Status != m.To.Status {
		t.statusAt = l.At.UnixMicro()
		t.code = codeOf(m.On, s.Code)
		if m.From.Status == payout.Processing {
			t.resultAt = t.statusAt
		}
	}
	if m.Funds == payout.ReverseHold { // the success is told with it
		t.announced++
	}
	if m.Callback {
		t.announced++
		t.announcedAt, t.announcedBy = l.At.UnixMicro(), l.Seq
	}
	if m.Discrepancy != "" {
		t.open(m.Discrepancy)
	}
	t.state = canonical(m.To)
	t.hear(s)
	return true
}

func codeOf(event payout.Event, said int) int {
	switch event {
	case payout.Succeeded, payout.Returned:
		return payout.CodeSuccess
	case payout.Threshold:
		return payout.CodeAutoDecline
	}
	if _, known := payout.LookUp(said); !known || said == payout.CodeSuccess {
		return payout.CodeGeneralDecline
	}
	return said
}

// settle notes that a discrepancy is settled. It is false where the decision does not move what the line says, or where there
// is nothing to settle: one that is open, or a disputed hold.
func (t *track) settle(event payout.Event, s *said) bool {
	i := slices.Index(discrepancyKinds, s.Discrepancy)
	if i < 0 || t.settlements[i].decision != "" {
		return false
	}
	if s.Discrepancy == payout.HoldDisputed && t.state.Stage == payout.Disputed {
		t.open(payout.HoldDisputed)
	}
	m, moves := payout.Settle(s.Discrepancy, t.state, payout.Decision(s.Decision))
	if t.discrepancies>>i&1 == 0 || moves != (event != 0) || moves && m.On != event || m.Funds.String() != s.Funds {
		return false
	}
	t.settlements[i] = settlement{payout.Decision(s.Decision), s.Funds}
	return t.settlements[i].decision != ""
}

func (t *track) open(discrepancy string) {
	t.discrepancies |= 1 << slices.Index(discrepancyKinds, discrepancy)
}

// hear keeps the provider's id of the payment. While something is open, it can change without a line.
func (t *track) hear(s *said) {
	if s.ProviderPaymentID != "" && !t.state.Stage.Open() {
		t.told = s.ProviderPaymentID
	}
}
