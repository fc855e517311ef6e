package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"flashpay/internal/audit"
	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// ledgerHistory is a random history of two projects, of which one converts, over some days.
type ledgerHistory struct {
	*store.Store
	t        *testing.T
	r        *rand.Rand
	clock    *storetest.Clock
	payments []string
	ended    map[string]bool
	instants []ledgerInstant
}

// ledgerInstant is what every account held at a moment.
type ledgerInstant struct {
	at   time.Time
	sums map[string]int64
}

func newLedgerHistory(t *testing.T, url string, seed uint64) *ledgerHistory {
	t.Helper()
	h := &ledgerHistory{t: t, r: rand.New(rand.NewPCG(seed, 1)), clock: storetest.NewClock(time.Now().Add(-time.Hour)), ended: make(map[string]bool)}
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true, Clock: h.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	h.Store = s
	settings := merchant.Settings{CallbackURL: "http://127.0.0.1:1/callback", Conversion: merchant.Conversion{On: true, Margin: money.Whole(1)}}
	for _, id := range []int64{210, 211} {
		funds := map[string]int64{"KGS": 500_000}
		if id == 210 {
			funds = map[string]int64{"USD": 100_000}
		}
		if err := s.CreateProject(t.Context(), &merchant.Project{ID: id, Name: "shop", Mode: merchant.Test, Settings: settings}, "key", funds, "test"); err != nil {
			t.Fatal(err)
		}
	}
	addRates(t, s, quote(t, rates.NBKR, "USD", "KGS", "87.45", h.clock.Now().Add(-time.Hour)))
	return h
}

// act does something at a moment that is a while after the one before.
func (h *ledgerHistory) act() {
	h.t.Helper()
	h.clock.Advance(time.Microsecond + time.Duration(h.r.Int64N(int64(5*time.Hour))))
	switch n := h.r.IntN(10); {
	case n < 4 || len(h.payments) == 0:
		project, id := 210+h.r.Int64N(2), fmt.Sprint("P-", len(h.payments))
		p := inCurrency(id, 1+h.r.Int64N(60_000), "KGS")
		p.ProjectID, p.Provider, p.Threshold = project, "bank-"+id, 30*24*time.Hour
		if _, err := h.Accept(h.t.Context(), p); err != nil {
			h.t.Fatal(err)
		}
		h.payments = append(h.payments, fmt.Sprint(project, " ", id))
	case n == 4:
		i := h.r.Int64N(2)
		if err := h.TopUp(h.t.Context(), 210+i, []string{"USD", "KGS"}[i], 1+h.r.Int64N(10_000), "more", "test"); err != nil {
			h.t.Fatal(err)
		}
	default:
		h.end(h.payments[len(h.payments)-1-h.r.IntN(min(5, len(h.payments)))])
	}
}

// end takes a payment a step further, where it has one to take.
func (h *ledgerHistory) end(name string) {
	h.t.Helper()
	var project int64
	var id string
	if _, err := fmt.Sscan(name, &project, &id); err != nil {
		h.t.Fatal(err)
	}
	v, err := h.PaymentView(h.t.Context(), project, id)
	if err != nil {
		h.t.Fatal(err)
	}
	o := v.Operations[0]
	var events []payout.Event
	switch {
	case o.Status == payout.Processing && o.Stage != payout.Sending:
		leased, err := h.LeaseOperations(h.t.Context(), store.Lease{ProjectID: project, Provider: "bank-" + id, N: 1, Submit: true, SubmitDeadline: time.Second, Duration: time.Minute})
		if err != nil || len(leased) != 1 {
			return // another one of it holds the lease
		}
		v.Payment, o = leased[0].Payment, leased[0].Operation
		events = []payout.Event{payout.Succeeded, payout.Succeeded, payout.Declined, payout.Threshold}
	case o.Status == payout.Success:
		events = []payout.Event{payout.Returned}
	case o.Status == payout.Decline && o.Stage == payout.Unsettled:
		events = []payout.Event{payout.Declined, payout.Succeeded}
	default:
		return
	}
	event := events[h.r.IntN(len(events))]
	code := map[payout.Event]int{payout.Declined: 20000, payout.Threshold: payout.CodeAutoDecline}[event]
	_, err = h.Apply(h.t.Context(), store.Step{
		Payment: v.Payment, Operation: o, Event: event, Kind: event.String(), Code: code, NextAt: h.clock.Now().Add(time.Hour), Detail: store.Detail{}.Int("code", int64(code)),
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func ledgerKey(project int64, currency string, a ledger.Account) string {
	return fmt.Sprint(project, " ", currency, " ", a)
}

// look notes what every balance holds now, a moment after all that was done.
func (h *ledgerHistory) look() {
	h.t.Helper()
	h.clock.Advance(time.Microsecond)
	held := ledgerInstant{h.clock.Now(), make(map[string]int64)}
	for _, project := range []int64{210, 211} {
		all, err := h.Balances(h.t.Context(), project)
		if err != nil {
			h.t.Fatal(err)
		}
		for code, b := range all {
			for _, a := range ledger.Accounts() {
				held.sums[ledgerKey(project, code, a)] = b.Sum(a)
			}
		}
	}
	h.instants = append(h.instants, held)
}

// check compares the sums of the period between two instants with the balances then, and with the list of what was moved.
func (h *ledgerHistory) check(from, to ledgerInstant) {
	h.t.Helper()
	p, err := h.LedgerSums(h.t.Context(), []int64{210, 211}, from.at, to.at)
	if err != nil {
		h.t.Fatal(err)
	}
	got := make(map[string]int64)
	add := func(sums []store.LedgerSum, with int64) {
		for _, l := range sums {
			got[ledgerKey(l.ProjectID, l.Currency, l.Debit)] -= with * l.Amount
			got[ledgerKey(l.ProjectID, l.Currency, l.Credit)] += with * l.Amount
		}
	}
	compare := func(when string, want map[string]int64) {
		for key, sum := range want {
			if got[key] != sum {
				h.t.Errorf("%s of %s – %s: %s is %d by the sums, %d by the ledger", when, from.at, to.at, key, got[key], sum)
			}
		}
	}
	add(p.Before, 1)
	compare("opening", from.sums)
	add(p.Within, 1)
	compare("closing", to.sums)
	listed := make(map[store.LedgerSum]int64)
	var after *store.MovementPlace
	for {
		rows, next, err := h.Movements(h.t.Context(), store.MovementFilter{Projects: []int64{210, 211}, From: from.at, To: to.at}, after, 9)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, m := range rows {
			k := store.LedgerSum{ProjectID: m.ProjectID, Currency: m.Currency, Moved: ledger.Moved{Kind: m.Kind, Debit: m.Debit, Credit: m.Credit}}
			listed[k] += m.Amount
			if (m.Payment != 0) != (m.PaymentID != "") {
				h.t.Errorf("listed %+v", m)
			}
		}
		if after = next; after == nil {
			break
		}
		if read, ok := store.ParseMovementPlace(after.String()); !ok || read != *after {
			h.t.Fatalf("the place %v is read as %v", after, read)
		}
	}
	for _, l := range p.Within {
		k := l
		k.Transfers, k.Amount = 0, 0
		if listed[k] != l.Amount {
			h.t.Errorf("%+v adds up, the list to %d", l, listed[k])
		}
		delete(listed, k)
	}
	if len(listed) > 0 {
		h.t.Errorf("listed and not added up: %v", listed)
	}
}

// compareRegister compares what the ledger has paid out with the register's totals of what succeeded. All is asked for in one
// currency, though a balance in another one pays for some.
func (h *ledgerHistory) compareRegister() {
	h.t.Helper()
	if err := h.FollowJournal(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	totals, err := h.Totals(h.t.Context(), store.RegisterFilter{Projects: []int64{210, 211}, Statuses: []payout.Status{payout.Success, payout.Reversed}}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	p, err := h.LedgerSums(h.t.Context(), []int64{210, 211}, time.Time{}, time.Time{})
	if err != nil {
		h.t.Fatal(err)
	}
	paid := make(map[string]ledger.Moved)
	exchanged := int64(0)
	for _, l := range p.Within {
		if l.Kind == ledger.Spend {
			m := paid[l.Currency]
			m.Amount, m.Transfers = m.Amount+l.Amount, m.Transfers+l.Transfers
			paid[l.Currency] = m
		}
		if l.Kind == ledger.Exchange {
			exchanged += l.Amount
		}
	}
	register := store.Total{Currency: "KGS"}
	for _, l := range totals.Lines { // what came back was paid before
		register.Payments, register.Amount = register.Payments+l.Payments, register.Amount+l.Amount
	}
	if len(paid) != 1 || exchanged == 0 {
		h.t.Fatalf("the register has %+v, the ledger %+v and %d exchanged", totals.Lines, paid, exchanged)
	}
	if l := paid[register.Currency]; register.Amount != l.Amount || register.Payments != l.Transfers {
		h.t.Errorf("the register has %+v of what was paid, the ledger %+v", register, l)
	}
}

// TestLedgerSumsAreTheLedger holds that opening and closing of any period are the balances of these instants, to the unit,
// and that the movements between them are those that are listed: over random histories with declines, disputes, returns,
// conversion and top-ups.
func TestLedgerSumsAreTheLedger(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		h := newLedgerHistory(t, url, 13)
		h.look()
		for range 60 {
			h.act()
			if h.r.IntN(5) == 0 {
				h.look()
			}
		}
		h.look()
		last := len(h.instants) - 1
		h.check(h.instants[0], h.instants[last])
		for range 5 {
			a, b := h.r.IntN(last+1), h.r.IntN(last+1)
			h.check(h.instants[min(a, b)], h.instants[max(a, b)])
		}
		open := ledgerInstant{time.Time{}, map[string]int64{}}
		h.check(open, ledgerInstant{time.Time{}, h.instants[last].sums})
		midnight := h.instants[last/2].at.Truncate(24 * time.Hour)
		p, err := h.LedgerSums(t.Context(), []int64{210, 211}, midnight, midnight.Add(24*time.Hour))
		if err != nil || len(p.Before) == 0 || len(p.Within) == 0 {
			t.Errorf("of a whole day: %+v, %v", p, err)
		}
		h.compareRegister()
		report, err := audit.Run(t.Context(), audit.Config{Store: h.Store})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			if f.Kind == audit.KindBalance || f.Kind == audit.KindTransfer {
				t.Errorf("audit: %+v", f)
			}
		}
	})
}
