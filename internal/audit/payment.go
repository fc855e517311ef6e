package audit

import (
	"context"
	"fmt"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/snapshot"
)

const (
	paymentPage  = 256 // payments read in one snapshot
	keptOfOne    = 8   // operations and events of one payment that are kept; a sound one has one of each
	faultsOfOne  = 16  // findings of one payment
	partPage     = 4096
	detailOfLine = 64 << 10
)

// dossier is a payment with all that belongs to it, of one snapshot.
type dossier struct {
	*snapshot.Payment
	operation     *snapshot.Operation // the first, which has the payment's id; nil: there is none
	reversal      *snapshot.Operation // the second, of what the bank has returned; nil: there is none
	others        []int64             // numbers of further operations
	journal       journal
	events        []snapshot.Event
	eventCount    int64
	discrepancies map[string]int
	settlements   map[string]settlement

	chosen *track // the way that the journal tells and that leads to what is stored; nil: there is none
	faults []Finding
}

func (d *dossier) fail(kind, format string, args ...any) {
	if len(d.faults) < faultsOfOne {
		d.faults = append(d.faults, Finding{kind, d.ProjectID, d.PaymentID, fmt.Sprintf(format, args...)})
	}
}

// checkPayments checks every payment, and takes what operations ask for from the tallies.
func (r *run) checkPayments(ctx context.Context) error {
	return r.eachDossier(ctx, func(d *dossier) {
		r.checked("payments", 1)
		r.checked("journal", d.journal.lines)
		r.checked("events", d.eventCount)
		d.check(r)
		r.account(d)
		r.expectExecution(d)
		for _, f := range d.faults {
			r.report.add(f)
		}
	})
}

// eachDossier reads all payments that were there at the ledger's instant, and calls visit for each.
func (r *run) eachDossier(ctx context.Context, visit func(*dossier)) error {
	for after := snapshot.Start; ; {
		page, err := r.readPage(ctx, after)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			page[i].choose()
			visit(&page[i])
		}
		after = placeOf(&page[len(page)-1])
	}
}

func placeOf(d *dossier) snapshot.Place { return snapshot.Place{Project: d.ProjectID, ID: d.ID} }

// readPage reads the next payments in one snapshot. Rows of payments that are not among them came in between the page's
// own and are left for another audit.
func (r *run) readPage(ctx context.Context, after snapshot.Place) (page []dossier, err error) {
	err = snapshot.Of(r.store).Read(ctx, func(v *snapshot.Snapshot) error {
		payments, err := v.Payments(ctx, after, r.marks.Payment, paymentPage)
		if err != nil || len(payments) == 0 {
			return err
		}
		page = make([]dossier, len(payments))
		byPlace := make(map[snapshot.Place]*dossier, len(payments))
		for i := range payments {
			page[i].Payment = &payments[i]
			byPlace[placeOf(&page[i])] = &page[i]
		}
		in := snapshot.Range{After: after, To: placeOf(&page[len(page)-1])}
		return r.readParts(ctx, v, in, byPlace)
	})
	return page, err
}

func (r *run) readParts(ctx context.Context, v *snapshot.Snapshot, in snapshot.Range, page map[snapshot.Place]*dossier) error {
	err := v.Operations(ctx, in, func(o *snapshot.Operation) error {
		if d := page[snapshot.Place{Project: o.ProjectID, ID: o.ID}]; d != nil {
			d.operation = o
			return nil
		}
		switch d := page[snapshot.Place{Project: o.ProjectID, ID: o.Payment}]; {
		case d == nil:
		case o.Status == payout.Reversed && o.Number == 2 && d.reversal == nil:
			d.reversal = o
		case len(d.others) < keptOfOne:
			d.others = append(d.others, int64(o.Number))
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = v.Lines(ctx, in, func(l *store.JournalLine) error {
		if d := page[snapshot.Place{Project: l.ProjectID, ID: l.Payment}]; d != nil {
			d.read(l, r.marks.Had(l.ID))
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = v.Events(ctx, in, func(e *snapshot.Event) error {
		d := page[snapshot.Place{Project: e.ProjectID, ID: e.Payment}]
		if d == nil {
			return nil
		}
		if d.eventCount++; len(d.events) < keptOfOne {
			d.events = append(d.events, *e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.Discrepancies(ctx, in, func(found *store.Discrepancy) error {
		if d := page[snapshot.Place{Project: found.ProjectID, ID: found.Payment}]; d != nil {
			if d.discrepancies == nil {
				d.discrepancies, d.settlements = make(map[string]int), make(map[string]settlement)
			}
			kind := found.Kind
			if found.Operation != d.ID {
				kind += " of another operation"
			}
			d.discrepancies[kind]++
			d.settlements[kind] = settlement{found.Decision, found.Funds}
		}
		return nil
	})
}

// journal is what a payment's journal tells, line after line.
type journal struct {
	lines   int64
	seq     int64    // of the last line
	hash    [32]byte // of the last line
	broken  bool
	first   *said // what the first line says
	firstAt int64
	lastAt  int64
	tracks  []track
	stuck   bool
}

// read takes the next line of the journal: it continues the chain, and the ways that are possible so far.
func (d *dossier) read(l *store.JournalLine, had bool) {
	j := &d.journal
	j.lines++
	switch {
	case l.Seq != j.seq+1:
		d.fail(KindJournal, "line %d of the journal follows line %d", l.Seq, j.seq)
	case l.Hash != l.Chain(j.hash) && !j.broken:
		j.broken = true
		d.fail(KindJournal, "the hash chain of the journal breaks at line %d: it, or one before it, is not what was written", l.Seq)
	}
	j.seq, j.hash, j.lastAt = l.Seq, l.Hash, l.At.UnixMicro()
	if d.operation == nil || l.Operation != d.operation.ID {
		d.fail(KindJournal, "line %d of the journal speaks of operation %d, which the payment does not have", l.Seq, l.Operation)
	}
	s, err := saidIn(l)
	if err != nil {
		d.fail(KindJournal, "line %d of the journal has no readable detail: %v", l.Seq, err)
	}
	if l.Seq == 1 {
		j.first, j.firstAt = s, l.At.UnixMicro()
	}
	if d.operation == nil || j.stuck {
		return
	}
	before := j.tracks
	if j.tracks = follow(before, l, s, d.operation.ThresholdAt, had); len(j.tracks) == 0 {
		j.stuck = true
		d.fail(KindJournal, "line %d of the journal, «%s», cannot follow what the journal tells before", l.Seq, l.Kind)
	}
}

// choose finds the way that leads to the stored state.
func (d *dossier) choose() {
	if d.operation == nil {
		return
	}
	stored := canonical(payout.State{Status: d.Status, Stage: d.operation.Stage})
	for i := range d.journal.tracks {
		if t := &d.journal.tracks[i]; t.state == stored && !d.journal.stuck {
			d.chosen = t
			return
		}
	}
}

// then is where the operation stood at the ledger's instant. Where the journal does not lead to what is stored, the
// stored state tells.
func (d *dossier) then() instant {
	if d.chosen != nil {
		return d.chosen.then
	}
	if d.operation == nil {
		return instant{}
	}
	t := instant{state: payout.State{Status: d.Status, Stage: d.operation.Stage}, held: d.operation.Submits > 0 || d.Status != payout.Decline}
	for _, f := range map[payout.State][]payout.Funds{
		{Status: payout.Success, Stage: payout.Closed}:    {payout.SpendHold},
		{Status: payout.Decline, Stage: payout.Closed}:    {payout.ReturnHold},
		{Status: payout.Decline, Stage: payout.Disputed}:  {payout.DisputeHold},
		{Status: payout.Decline, Stage: payout.Unsettled}: {payout.DisputeHold},
		{Status: payout.Decline, Stage: payout.Settled}:   {payout.DisputeHold, payout.SpendDispute},
		{Status: payout.Success, Stage: payout.Refunded}:  {payout.SpendHold, payout.Refund},
		{Status: payout.Reversed, Stage: payout.Closed}:   {payout.ReverseHold},
	}[t.state] {
		t.funds[t.moves] = movement{funds: f}
		t.moves++
	}
	return t
}
