package audit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"flashpay/internal/audit"
	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
	"flashpay/internal/tariff"
)

// TestReturns has the bank return a payout in every place that it can stand in, once, again, and with its earlier words said
// again: funds, operations, events, discrepancies, and an audit that follows all of it.
func TestReturns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, true)
		r := &road{t, s}
		r.project(210, 10_000)
		back := store.Step{Event: payout.Returned, Returned: "R1"}
		again := store.Step{Event: payout.ReturnedAgain, Returned: "R2"}
		yes, no := store.Step{Event: payout.Succeeded, ProviderPaymentID: "b-1"}, store.Step{Event: payout.Declined, Code: 20000}
		late := store.Step{Event: payout.Threshold, Code: payout.CodeAutoDecline}
		for _, c := range []struct {
			id            string
			steps         []store.Step
			status        payout.Status
			operations    string
			events, taken int64
			discrepancies int
		}{
			{"once", []store.Step{yes, back}, payout.Reversed, "payout success, payout reversal reversed R1", 2, 0, 0},
			{"first", []store.Step{back}, payout.Reversed, "payout success, payout reversal reversed R1", 2, 0, 0},
			{"repeated", []store.Step{yes, back, {Kind: "repeated"}}, payout.Reversed, "payout success, payout reversal reversed R1", 2, 0, 0},
			{"twice", []store.Step{yes, back, again}, payout.Reversed, "payout success, payout reversal reversed R1", 2, 0, 1},
			{"no-after", []store.Step{yes, back, no}, payout.Reversed, "payout success, payout reversal reversed R1", 2, 0, 1},
			{"of-a-no", []store.Step{no, back}, payout.Decline, "payout decline", 1, 0, 1},
			{"late", []store.Step{late, back}, payout.Decline, "payout decline", 1, 100, 1},
			{"late-yes", []store.Step{late, yes, back}, payout.Decline, "payout decline", 1, 100, 2},
		} {
			before := r.available()
			p := newPayout(210, c.id, 100)
			p.Threshold = soon
			w := r.send(p)
			for _, step := range c.steps {
				if step.Event == payout.Threshold {
					r.pass(w.Operation.ThresholdAt.Add(time.Microsecond))
				}
				r.step(w, step)
			}
			v, err := s.PaymentView(t.Context(), 210, c.id)
			r.must(err)
			got := ""
			for i, o := range v.Operations {
				if i > 0 {
					got += ", "
				}
				got += fmt.Sprintf("%s %s", o.Type(), o.Status)
				if o.Status == payout.Reversed {
					got += " " + o.ProviderPaymentID
				}
			}
			open, err := s.PaymentDiscrepancies(t.Context(), 210, v.Payment.ID)
			r.must(err)
			if v.Payment.Status != c.status || got != c.operations || int64(v.Payment.Events) != c.events || len(open) != c.discrepancies || before-r.available() != c.taken {
				t.Errorf("%s: %s with %s, %d events, %d discrepancies, %d taken", c.id, v.Payment.Status, got, v.Payment.Events, len(open), before-r.available())
			}
		}
		clean(t, run(t, audit.Config{Store: s}))
	})
}

func (r *road) available() int64 {
	r.t.Helper()
	all, err := r.store.Balances(r.t.Context(), 210)
	r.must(err)
	b := all["KGS"]
	return b.Sum(ledger.Available)
}

// TestAReversalPaysWhatIsOwedFirst: what the project owes is paid by what comes back. Of two workers that hear of a return at
// once, one makes the reversal.
func TestAReversalPaysWhatIsOwedFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, true)
		r := &road{t, s}
		r.project(210, 3000)
		paid := r.send(newPayout(210, "paid", 2400))
		r.succeed(paid)
		owing := r.send(newPayout(210, "owing", 600))
		r.step(owing, store.Step{Event: payout.Declined, Code: 20000})
		r.step(owing, store.Step{Event: payout.Succeeded})
		spent := r.send(newPayout(210, "spent", 300))
		r.succeed(spent)
		r.settle("owing", payout.PaidAfterDecline, payout.BankIsRight) // 300 are there
		v, err := s.PaymentView(t.Context(), 210, "paid")
		r.must(err)
		step := store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: payout.Returned, Kind: "returned", Returned: "R1"}
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := s.Apply(t.Context(), step)
				errs <- err
			}()
		}
		lost := 0
		for range 2 {
			if err := <-errs; errors.Is(err, store.ErrMoved) {
				lost++
			} else {
				r.must(err)
			}
		}
		all, err := s.Balances(t.Context(), 210)
		r.must(err)
		if b := all["KGS"]; lost != 1 || b.Sum(ledger.Available) != 2100 || b.Owed() != 0 {
			t.Errorf("%d have lost; available %d, owed %d", lost, b.Sum(ledger.Available), b.Owed())
		}
		clean(t, run(t, audit.Config{Store: s}))
	})
}

// keepsFees makes a project with a balance and a fee of 30, which a reversal does not give back.
func keepsFees(t *testing.T, s *store.Store, balance int64) *road {
	t.Helper()
	r := &road{t, s}
	p := &merchant.Project{ID: 210, Name: "shop", Mode: merchant.Test, Settings: merchant.Settings{ReversalFee: merchant.KeepFee}}
	r.must(s.CreateProject(t.Context(), p, "key-210", map[string]int64{"KGS": balance}, "test"))
	_, err := s.SetTariff(t.Context(), 210, tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: "KGS"},
		tariff.Holding{Tariff: tariff.Tariff{Fixed: 30}}, store.By{Actor: "test"})
	r.must(err)
	return r
}

// TestDamagedFees: of a payout with a fee that a reversal keeps, and of one that a person has settled as returned, the audit finds
// terms, tariffs and transfers that are not what they were.
func TestDamagedFees(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, true)
		r := keepsFees(t, s, 10_000)
		reversed := r.send(newPayout(210, "reversed", 1000))
		r.succeed(reversed)
		r.step(reversed, store.Step{Event: payout.Returned})
		settled := r.send(newPayout(210, "settled", 2000))
		r.step(settled, store.Step{Event: payout.Declined, Code: 20000})
		r.step(settled, store.Step{Event: payout.Succeeded})
		r.settle("settled", payout.PaidAfterDecline, payout.BankIsRight)
		view, err := s.PaymentView(t.Context(), 210, "settled")
		r.must(err)
		r.step(&store.Work{Payment: view.Payment, Operation: view.Operations[0]}, store.Step{Event: payout.Returned})
		r.settle("settled", payout.MoneyReturned, payout.BankIsRight)
		if got := r.available(); got != 10_000-30-30 {
			t.Errorf("available %d", got)
		}
		clean(t, run(t, audit.Config{Store: s}))
		for _, c := range []struct{ damage, undo, finds string }{
			{
				"UPDATE operations SET terms = NULL WHERE status = 'reversed'",
				"UPDATE operations SET terms = (SELECT o.terms FROM operations o WHERE o.payment = operations.payment AND o.number = 1) WHERE status = 'reversed'",
				"its reversal, has the terms",
			},
			{"UPDATE tariffs SET fixed = fixed + 1", "UPDATE tariffs SET fixed = fixed - 1", "which the platform never had so"},
			{
				"UPDATE transfers SET amount = 2030 WHERE kind = 'refund' AND amount = 2000",
				"UPDATE transfers SET amount = 2000 WHERE kind = 'refund' AND amount = 2030", "transfer",
			},
		} {
			execute := func(text string) {
				_, err := s.DB().Writes.ExecContext(t.Context(), text)
				r.must(err)
			}
			execute(c.damage)
			if report := run(t, audit.Config{Store: s}); report.OK || !strings.Contains(list(report), c.finds) {
				t.Errorf("%s: found %s", c.damage, list(report))
			}
			execute(c.undo)
		}
	})
}

// TestAFeeThatWasKeptIsNotChargedAgain settles a payout as paid, as returned with its fee kept, and as paid again: the fee is
// charged once, as the case had said, what is owed is the sum alone, a refund gives back sum and fee, and the audit follows all of it.
func TestAFeeThatWasKeptIsNotChargedAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, true)
		r := keepsFees(t, s, 1500)
		late := newPayout(210, "late", 1000)
		late.Threshold = soon
		w := r.send(late)
		r.pass(w.Operation.ThresholdAt.Add(time.Microsecond))
		r.step(w, store.Step{Event: payout.Threshold, Code: payout.CodeAutoDecline})
		says := func(event payout.Event, kind string, available, owed, fees int64) {
			t.Helper()
			v, err := s.PaymentView(t.Context(), 210, "late")
			r.must(err)
			r.step(&store.Work{Payment: v.Payment, Operation: v.Operations[0]}, store.Step{Event: event, Code: 20000})
			effect := r.caseOf("late", kind).Effect(payout.BankIsRight)
			r.settle("late", kind, payout.BankIsRight)
			all, err := s.Balances(t.Context(), 210)
			r.must(err)
			b := all["KGS"]
			if b.Sum(ledger.Available) != available || b.Owed() != owed || b.Sum(ledger.Fees) != fees || b != effect.After {
				t.Errorf("%s: available %d, owed %d, fees %d; want %d, %d, %d; announced %+v", kind, b.Sum(ledger.Available), b.Owed(), b.Sum(ledger.Fees),
					available, owed, fees, effect.After)
			}
			clean(t, run(t, audit.Config{Store: s}))
		}
		says(payout.Succeeded, payout.LateSuccess, 470, 0, 30)
		says(payout.Returned, payout.MoneyReturned, 1470, 0, 30)
		r.succeed(r.send(newPayout(210, "other", 570))) // and its fee: 870 are left
		says(payout.Succeeded, payout.PaidAfterDecline, 0, 130, 60)
		says(payout.Declined, payout.DeclinedAfterSuccess, 900, 0, 30)
	})
}
