package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/snapshot"
)

// The ledger is compared as of one instant, the audit's begin: the database gives all balances and transfers of that
// instant, and marks by which it can be told of each journal line whether it was there. Operations are read later, each
// with its journal; replayed as far as the marks say, the journal tells which transfers the operation had caused then,
// and whether its sum was held or disputed. Transfers have no index by operation, and there may be millions of both:
// they are compared by tally, and only where that differs they are read again.

type fundsKey struct {
	project  int64
	currency string
}

// funds are a project's balances in one currency.
type funds struct {
	stored   map[ledger.Account]int64 // nil: there is no row
	moved    map[ledger.Account]int64 // by transfers
	held     int64                    // by operations
	disputed int64
}

func (r *run) fundsOf(project int64, currency string) *funds {
	k := fundsKey{project, currency}
	f := r.funds[k]
	if f == nil {
		f = &funds{moved: make(map[ledger.Account]int64)}
		r.funds[k] = f
	}
	return f
}

// booking is all that a transfer is compared by.
type booking struct {
	project, payment, operation int64
	currency                    string
	amount                      int64
	kind                        ledger.Kind
	debit, credit               ledger.Account
	reason                      string
}

func bookingOf(t *ledger.Transfer) booking {
	return booking{t.ProjectID, t.Payment, t.Operation, t.Currency, t.Amount, t.Kind, t.Debit, t.Credit, t.Reason}
}

func (b booking) String() string {
	return fmt.Sprintf("%s of %d %s, %s to %s", b.kind, b.amount, b.currency, b.debit, b.credit)
}

func group(operation int64) string { return strconv.FormatInt(operation, 10) }

// readLedger reads balances and transfers of one instant and checks what they show by themselves.
func (r *run) readLedger(ctx context.Context) error {
	return snapshot.Of(r.store).Ledger(ctx, snapshot.Ledger{
		Marks: func(m *snapshot.Marks) error {
			r.marks = m
			r.checkShards()
			return nil
		},
		Balance: func(b *snapshot.Balance) error {
			r.checked("balances", 1)
			r.balance(b)
			return nil
		},
		Day: func(k store.LedgerDay, sum store.LedgerDaySum) error {
			r.dayOf(k).stored = sum
			return nil
		},
		Transfer: func(t *ledger.Transfer) error {
			r.checked("transfers", 1)
			r.transfer(t)
			return nil
		},
	})
}

// daySums are the sums of a day: as they are stored, and as its transfers have it.
type daySums struct{ stored, moved store.LedgerDaySum }

func (r *run) dayOf(k store.LedgerDay) *daySums {
	d := r.days[k]
	if d == nil {
		d = &daySums{}
		r.days[k] = d
	}
	return d
}

// compareDays compares the daily sums, of which statements are made, with the transfers.
func (r *run) compareDays() {
	for k, d := range r.days {
		if d.stored == d.moved {
			continue
		}
		r.fail(KindBalance, k.ProjectID, "", "the sums of %s say that %d transfers have moved %d by %s in %s from %s to %s; the transfers say %d and %d",
			time.UnixMicro(k.Day).UTC().Format(time.DateOnly), d.stored.Transfers, d.stored.Amount, k.Kind, k.Currency, k.Debit, k.Credit, d.moved.Transfers, d.moved.Amount)
	}
}

func (r *run) balance(b *snapshot.Balance) {
	stored := make(map[ledger.Account]int64)
	sum := int64(0)
	for _, a := range ledger.Accounts() {
		stored[a] = b.Sum(a)
		sum += b.Sum(a)
	}
	r.fundsOf(b.ProjectID, b.Currency).stored = stored
	if !b.Project {
		r.fail(KindBalance, b.ProjectID, "", "there is a balance in %s, but no such project", b.Currency)
	}
	byHand := stored[ledger.Funding] != 0 || stored[ledger.Correction] != 0
	if b.Opened != 1 && (b.Opened != 0 || byHand || stored[ledger.Available] != 0) {
		r.fail(KindBalance, b.ProjectID, "", "the balance in %s has funds, but nobody has opened it", b.Currency)
	}
	if sum != 0 {
		r.fail(KindBalance, b.ProjectID, "", "the accounts in %s add up to %d, not to zero", b.Currency, sum)
	}
	for _, a := range []ledger.Account{ledger.Available, ledger.Held, ledger.Disputed} {
		if stored[a] < 0 {
			r.fail(KindBalance, b.ProjectID, "", "%s in %s is %d: below zero", a, b.Currency, stored[a])
		}
	}
	if b.Owed() < 0 {
		r.fail(KindBalance, b.ProjectID, "", "receivable in %s is %d: the platform owes it to the project", b.Currency, b.Owed())
	}
}

func (r *run) transfer(t *ledger.Transfer) {
	if s, row := r.marks.Shards[store.ShardOf(t.ID)], store.RowOf(t.ID); s == nil || !s.Known || row >= s.NextRow {
		r.fail(KindShard, t.ProjectID, "", "transfer %d has a number that its shard %d could give again", t.ID, store.ShardOf(t.ID))
	}
	r.dayOf(store.LedgerDayOf(t)).moved.Add(t.ID, t.Amount)
	f := r.fundsOf(t.ProjectID, t.Currency)
	f.moved[t.Debit] -= t.Amount
	f.moved[t.Credit] += t.Amount
	if t.Amount <= 0 || t.Debit == t.Credit || !slices.Contains(ledger.Accounts(), t.Debit) || !slices.Contains(ledger.Accounts(), t.Credit) {
		r.fail(KindTransfer, t.ProjectID, "", "transfer %d is none: %s", t.ID, bookingOf(t))
	}
	if t.Operation != 0 {
		r.transfers.add(group(t.Operation), hash(r.transfers, bookingOf(t)))
		return
	}
	if t.Payment != 0 || !byHand(t) {
		r.fail(KindTransfer, t.ProjectID, "", "transfer %d belongs to no operation and is no top-up or correction: %s", t.ID, bookingOf(t))
	}
}

// byHand tells whether a transfer is one that operators make: between what the project has, or owes, and the
// counter-account of its kind.
func byHand(t *ledger.Transfer) bool {
	project := func(a ledger.Account) bool { return a == ledger.Available || a == ledger.Receivable }
	switch t.Kind {
	case ledger.TopUp:
		return t.Debit == ledger.Funding && project(t.Credit)
	case ledger.Correct:
		return t.Debit == ledger.Correction && project(t.Credit) || project(t.Debit) && t.Credit == ledger.Correction
	}
	return false
}

// checkShards checks that no shard will give a number again.
func (r *run) checkShards() {
	for _, s := range r.marks.InOrder() {
		switch row := store.RowOf(s.Line); {
		case !s.Known:
			r.fail(KindShard, 0, "", "shard %d has journal lines, transfers or seals, but no row: its numbers would be given again", s.Shard)
		case row >= s.NextRow:
			r.fail(KindShard, 0, "", "shard %d gives row %d next, but journal line %d is there already", s.Shard, s.NextRow, row)
		}
	}
}

// asked are the transfers that an operation had caused at the ledger's instant.
func (d *dossier) asked() []booking {
	o, t := d.operation, d.then()
	if o == nil || !t.held {
		return nil
	}
	cost := costOf(d)
	transfers := cost.Hold()
	kept := false // the sum was given back, and the fee stayed charged
	for _, m := range t.funds[:t.moves] {
		late := *cost
		if kept {
			late.Fee = 0
		}
		kept = m.funds == payout.Reverse && cost.KeepFee
		switch m.funds {
		case payout.SpendHold:
			transfers = append(transfers, cost.Spend()...)
		case payout.ReturnHold:
			transfers = append(transfers, cost.Return()...)
		case payout.DisputeHold:
			transfers = append(transfers, cost.Dispute()...)
		case payout.ReturnDispute:
			transfers = append(transfers, cost.ReturnDisputed()...)
		case payout.SpendDispute:
			transfers = append(transfers, cost.SpendDisputed()...)
		case payout.SpendLate:
			transfers = append(transfers, late.SpendLate(m.owed)...)
		case payout.Refund:
			transfers = append(transfers, cost.Refund(m.owed)...)
		case payout.Reverse:
			transfers = append(transfers, cost.Reverse(m.owed)...)
		case payout.ReverseHold:
			transfers = append(append(transfers, cost.Spend()...), cost.Reverse(m.owed)...)
		}
	}
	out := make([]booking, len(transfers))
	for i := range transfers {
		out[i] = bookingOf(&transfers[i])
	}
	return out
}

// costOf is what an operation takes from its project.
func costOf(d *dossier) *ledger.Cost {
	o := d.operation
	amount, fee, currency := o.Cost()
	return &ledger.Cost{
		ProjectID: o.ProjectID, Payment: d.ID, Operation: o.ID, Currency: currency, Amount: amount, Fee: fee, Paid: o.Amount, PaidIn: o.Currency,
		KeepFee: o.KeepsFee(),
	}
}

// account takes an operation's transfers and sums from what the ledger has.
func (r *run) account(d *dossier) {
	for _, b := range d.asked() {
		r.transfers.take(group(b.operation), hash(r.transfers, b))
	}
	t := d.then()
	if d.operation == nil || !t.held {
		return
	}
	cost := costOf(d)
	f := r.fundsOf(d.ProjectID, cost.Currency)
	switch t.state.Stage {
	case payout.New, payout.Sending:
		f.held += cost.Amount + cost.Fee
	case payout.Disputed, payout.Unsettled:
		f.disputed += cost.Amount + cost.Fee
	}
}

// compareLedger compares the balances with transfers and operations, and looks into what the tally shows.
func (r *run) compareLedger(ctx context.Context) error {
	r.compareDays()
	for k, f := range r.funds {
		if f.stored == nil {
			r.fail(KindBalance, k.project, "", "there are transfers or operations in %s, but no balance", k.currency)
			continue
		}
		for _, a := range ledger.Accounts() {
			if f.stored[a] != f.moved[a] {
				r.fail(KindBalance, k.project, "", "%s in %s is %d, but its transfers add up to %d", a, k.currency, f.stored[a], f.moved[a])
			}
		}
		for _, c := range []struct {
			account ledger.Account
			sum     int64
			what    string
		}{
			{ledger.Held, f.held, "operations that are new or being sent"},
			{ledger.Disputed, f.disputed, "operations that are disputed or unsettled"},
		} {
			if f.stored[c.account] != c.sum {
				r.fail(KindBalance, k.project, "", "%s in %s is %d, but %s have %d", c.account, k.currency, f.stored[c.account], c.what, c.sum)
			}
		}
	}
	differing, more := r.transfers.differing()
	if len(differing) == 0 {
		return nil
	}
	if more > 0 {
		r.fail(KindTransfer, 0, "", "of 65536 groups of operations %d more have transfers that do not fit", more)
	}
	return r.findTransfers(ctx, differing)
}

// findTransfers reads the transfers of the operations in some buckets again and compares them one by one. Both sides
// are still those of the ledger's instant or, where they have moved since, of this one: what differs both times counts.
func (r *run) findTransfers(ctx context.Context, differing map[int]bool) error {
	has := make(map[int64]map[booking]int)
	again := &run{Config: r.Config, store: r.store, report: newReport(r.store)}
	err := snapshot.Of(r.store).Ledger(ctx, snapshot.Ledger{
		Marks:   func(m *snapshot.Marks) error { again.marks = m; return nil },
		Balance: func(*snapshot.Balance) error { return nil },
		Transfer: func(t *ledger.Transfer) error {
			if t.Operation != 0 && differing[r.transfers.bucket(group(t.Operation))] {
				if has[t.Operation] == nil {
					has[t.Operation] = make(map[booking]int)
				}
				has[t.Operation][bookingOf(t)]++
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	err = again.eachDossier(ctx, func(d *dossier) {
		if d.operation == nil || !differing[r.transfers.bucket(group(d.operation.ID))] {
			return
		}
		left := has[d.operation.ID]
		delete(has, d.operation.ID)
		for _, b := range d.asked() {
			if left[b] == 0 {
				r.fail(KindTransfer, d.ProjectID, d.PaymentID, "operation %d lacks a transfer: %s", b.operation, b)
				continue
			}
			left[b]--
		}
		r.surplus(d.PaymentID, left)
	})
	for _, operation := range slices.Sorted(maps.Keys(has)) {
		r.surplus("", has[operation])
	}
	return err
}

func (r *run) surplus(paymentID string, left map[booking]int) {
	for b, n := range left {
		switch {
		case n > 0 && paymentID == "":
			r.fail(KindTransfer, b.project, "", "a transfer belongs to operation %d, which does not exist: %s", b.operation, b)
		case n > 0:
			r.fail(KindTransfer, b.project, paymentID, "operation %d has a transfer that nothing asked for: %s", b.operation, b)
		}
	}
}
