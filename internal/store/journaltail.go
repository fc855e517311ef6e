package store

import (
	"slices"
	"sync"

	"flashpay/internal/payout"
)

// journalTail is what this node's own commits have written into the journal since a moment, so that the follower need not read
// it again. It may forget: what it does not know is read from the database.
type journalTail struct {
	mu    sync.Mutex
	since int64 // every line of the shard above it is in lines; 0: nothing is known
	lines []followedLine
}

const maxTail = 40_000 // lines: some 15 MB

// add takes in the lines of a commit that went through, in the order of their ids.
func (h *journalTail) add(lines []followedLine) {
	if len(lines) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	first := lines[0].id
	if h.since == 0 || h.since/shardSpan != first/shardSpan || len(h.lines) > maxTail {
		h.since, h.lines = first-1, nil
	}
	h.lines = append(h.lines, lines...)
}

// forget is for a commit whose outcome is not known: what it wrote, if it did, is not in the tail.
func (h *journalTail) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since, h.lines = 0, nil
}

// length is how many lines wait.
func (h *journalTail) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.lines)
}

// after returns the next lines of a shard behind a position, so many at most. false: they have to be read.
func (h *journalTail) after(shard, position int64, most int) ([]followedLine, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since == 0 || h.since/shardSpan != shard || position < h.since {
		return nil, false
	}
	taken := 0
	for taken < len(h.lines) && h.lines[taken].id <= position {
		taken++
	}
	clear(h.lines[:taken])
	h.lines = h.lines[taken:] // their room goes when the rest is copied, as it grows
	h.since = position
	return slices.Clone(h.lines[:min(most, len(h.lines))]), true
}

// byHand is the interface_type of payments that entered by Dashboard, from forms and files.
const byHand = 5

// tapAccept notes the line of a payment that is new.
func (t *Tx) tapAccept(it *acceptItem) {
	p := &it.payment
	l := followedLine{
		id: it.line.ID, seq: 1, project: p.ProjectID, payment: p.ID, created: p.CreatedAt.UnixMicro(), amount: p.Amount, at: it.line.At.UnixMicro(),
		method: p.Method, currency: p.Currency, bank: bankOf(p.AccountMask), accountKey: it.accountKey, listed: it.listed,
		byHand: p.Interface == byHand, after: result{status: p.Status},
	}
	if p.Status != payout.Processing {
		l.after.code, l.ended = int64(it.operation.Code), it.operation.Status
	}
	t.tail = append(t.tail, l)
}

// tapStep notes a line of a step.
func (t *Tx) tapStep(i *stepItem) {
	p, o := &i.after.Payment, &i.after.Operation
	l := followedLine{
		id: i.line.ID, seq: i.line.Seq, project: p.ProjectID, payment: p.ID, created: p.CreatedAt.UnixMicro(), amount: p.Amount, at: i.line.At.UnixMicro(),
		method: p.Method, currency: p.Currency, bank: bankOf(p.AccountMask), providerID: o.ProviderPaymentID, byHand: p.Interface == byHand,
	}
	if before := i.before.Payment.Status; before != p.Status {
		l.before.status, l.after, l.ended = before, result{p.Status, int64(o.Code)}, o.Status
		if i.reverses() { // what ends is the operation that it adds
			l.ended = payout.Reversed
		}
		if i.move.Funds == payout.ReverseHold {
			l.first = o.Status
		}
		if before != payout.Processing {
			l.before.code = int64(i.before.Operation.Code)
		}
	}
	t.tail = append(t.tail, l)
}
