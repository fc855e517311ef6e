package audit_test

import (
	"errors"
	"testing"
	"time"

	"flashpay/internal/audit"
	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestSettlementsMoveWhatTheySay settles discrepancies one after the other: each moves what its case had said it would, what
// available does not cover is owed, what comes back pays that first, and the audit follows all of it.
func TestSettlementsMoveWhatTheySay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, true)
		r := &road{t, s}
		r.project(210, 3000)
		want := func(available, disputed, owed int64) {
			t.Helper()
			all, err := s.Balances(t.Context(), 210)
			r.must(err)
			b := all["KGS"]
			if b.Sum(ledger.Available) != available || b.Sum(ledger.Held) != 0 || b.Sum(ledger.Disputed) != disputed || b.Owed() != owed {
				t.Errorf("available %d, disputed %d, owed %d; want %d, %d, %d", b.Sum(ledger.Available), b.Sum(ledger.Disputed), b.Owed(), available, disputed, owed)
			}
			clean(t, run(t, audit.Config{Store: s}))
		}
		settle := func(id, kind string, d payout.Decision) {
			t.Helper()
			c := r.caseOf(id, kind)
			effect := c.Effect(d)
			r.must(s.Settle(t.Context(), store.SettlementOf(c, d, "statement of May"), store.By{Actor: "test"}))
			all, err := s.Balances(t.Context(), 210)
			r.must(err)
			if all["KGS"] != effect.After {
				t.Errorf("%s, %s: %+v, announced %+v", id, kind, all["KGS"], effect.After)
			}
		}
		after := r.send(newPayout(210, "after-no", 1000))
		r.step(after, store.Step{Event: payout.Declined, Code: 20102})
		r.step(after, store.Step{Event: payout.Succeeded})
		paid := r.send(newPayout(210, "paid", 2400))
		r.succeed(paid)
		r.step(paid, store.Step{Event: payout.Declined, Code: 20000})
		r.step(paid, store.Step{Kind: "mismatch", Discrepancy: payout.Mismatch, Detail: store.Detail{}.Text("differs", "amount 5")})
		want(600, 0, 0)

		settle("after-no", payout.PaidAfterDecline, payout.BankIsRight)
		want(0, 0, 400) // 600 were there
		settle("paid", payout.Mismatch, payout.BankIsRight)
		settle("paid", payout.DeclinedAfterSuccess, payout.BankIsRight)
		want(2000, 0, 0)
		view, err := s.PaymentView(t.Context(), 210, "after-no")
		r.must(err)
		r.step(&store.Work{Payment: view.Payment, Operation: view.Operations[0]}, store.Step{Event: payout.Declined, Code: 20000})
		settle("after-no", payout.DeclinedAfterSuccess, payout.BankIsRight) // it had been settled as paid
		want(3000, 0, 0)

		for _, d := range []payout.Decision{payout.BankIsRight, payout.WeAreRight} {
			p := newPayout(210, "hold-"+string(d), 500)
			p.Threshold = soon
			w := r.send(p)
			r.pass(w.Operation.ThresholdAt.Add(time.Microsecond))
			r.step(w, store.Step{Event: payout.Threshold, Code: payout.CodeAutoDecline})
			settle("hold-"+string(d), payout.HoldDisputed, d)
		}
		want(2500, 0, 0)
	})
}

// TestSettlingIsDoneOnce: the same again changes nothing, another decision and a stale view are refused, and nothing moves.
func TestSettlingIsDoneOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, true)
		r := &road{t, s}
		r.project(210, 3000)
		w := r.send(newPayout(210, "paid", 1000))
		r.succeed(w)
		r.step(w, store.Step{Event: payout.Declined, Code: 20000})
		stale := r.caseOf("paid", payout.DeclinedAfterSuccess)
		r.step(w, store.Step{Kind: "repeated"})
		try := func(m store.Settlement, once string, want error) {
			t.Helper()
			if err := s.Settle(t.Context(), m, store.By{Actor: "cli:aida", IdempotencyKey: once}); !errors.Is(err, want) {
				t.Errorf("%+v: %v, want %v", m, err, want)
			}
		}
		c := r.caseOf("paid", payout.DeclinedAfterSuccess)
		try(store.SettlementOf(stale, payout.BankIsRight, "why"), "", store.ErrMoved)
		try(store.SettlementOf(c, payout.BankIsRight, "  "), "", store.ErrReason)
		try(store.SettlementOf(c, "both", "why"), "", store.ErrReason)
		try(store.Settlement{ID: 1 << 60, Decision: payout.BankIsRight, Reason: "why"}, "", store.ErrNotFound)
		try(store.Settlement{ProjectID: 210, Operation: w.Operation.ID, Version: c.Operation.Version, Decision: payout.BankIsRight, Reason: "why"}, "", store.ErrNotDisputed)
		m := store.SettlementOf(c, payout.BankIsRight, "why")
		m.Owner, m.Note = "Aida", "asked the bank on Monday"
		for _, once := range []string{"form", "form", ""} {
			try(m, once, nil)
		}
		m.Decision = payout.WeAreRight
		try(m, "", store.ErrSettled)
		r.must(s.OpenUnknownKey(t.Context(), "sandbox", "NOTOURS", store.Detail{}.Text("key", "NOTOURS")))
		none := int64(0)
		open, err := s.OpenDiscrepancies(t.Context(), &none, 10)
		r.must(err)
		try(store.Settlement{ID: open[0].ID, Decision: payout.WeAreRight, Reason: "another installation"}, "", nil)

		d, err := s.Case(t.Context(), c.ID)
		r.must(err)
		if d.Decision != payout.BankIsRight || d.Reason != "why" || d.Owner != "Aida" || d.Note != "asked the bank on Monday" || d.SettledBy != "cli:aida" ||
			d.Funds != payout.Refund.String() || d.SettledAt.IsZero() || d.Operation.Stage != payout.Refunded {
			t.Errorf("%+v", d)
		}
		lines, err := s.AuditLog(t.Context(), store.AuditFilter{Object: "project 210", Action: "discrepancy settle", Limit: 10})
		r.must(err)
		if len(lines) != 1 {
			t.Errorf("audit log: %+v", lines)
		}
		clean(t, run(t, audit.Config{Store: s}))
	})
}

// TestSettlingAboveTheSumTakesTwo: above the project's approval sum nobody settles alone, the command line neither. What was
// asked for moves with the approval, once, unless the payout has moved meanwhile.
func TestSettlingAboveTheSumTakesTwo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, true)
		r := &road{t, s}
		r.project(210, 5000)
		p, _ := s.Project(210)
		changed := *p
		changed.Settings.Approval = merchant.Sums{"KGS": 999}
		r.must(s.UpdateProject(t.Context(), &changed, "test"))
		for id, amount := range map[string]int64{"large": 1000, "moves": 1000, "small": 999} {
			w := r.send(newPayout(210, id, amount))
			r.step(w, store.Step{Event: payout.Declined, Code: 20102})
			r.step(w, store.Step{Event: payout.Succeeded})
		}
		available := func(want int64) {
			t.Helper()
			all, err := s.Balances(t.Context(), 210)
			r.must(err)
			if b := all["KGS"]; b.Sum(ledger.Available) != want {
				t.Errorf("available %d, want %d", b.Sum(ledger.Available), want)
			}
			clean(t, run(t, audit.Config{Store: s}))
		}
		wants := func(err, want error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		alone := func(id, actor string) error {
			return s.Settle(t.Context(), store.SettlementOf(r.caseOf(id, payout.PaidAfterDecline), payout.BankIsRight, "statement"), store.By{Actor: actor})
		}
		ask := func(id, once string, u *staff.User) (int64, error) {
			c := r.caseOf(id, payout.PaidAfterDecline)
			return s.RequestSettlementApproval(t.Context(), c, store.SettlementOf(c, payout.BankIsRight, "statement"), u, store.By{Actor: "asker", IdempotencyKey: once})
		}
		decide := func(id, by int64, state, once string) error {
			return s.DecideSettlement(t.Context(), store.Decision{ID: id, State: state, By: by, Decider: "B"}, store.By{Actor: "decider", IdempotencyKey: once})
		}
		wants(alone("large", "user 7 <a@example.kg>"), store.ErrNeedsSecond)
		wants(alone("large", "cli:root"), store.ErrNeedsSecond)
		r.must(alone("small", "user 7 <a@example.kg>"))
		available(4001)

		first, err := ask("large", "a", &staff.User{ID: 7, Name: "A"})
		r.must(err)
		_, err = ask("large", "b", nil)
		wants(err, store.ErrApprovalWaits)
		wants(decide(first, 7, store.ApprovalApproved, "x"), store.ErrSamePerson)
		r.must(decide(first, 8, store.ApprovalRejected, "y"))
		available(4001)
		second, err := ask("large", "c", nil)
		r.must(err)
		waiting, err := s.WaitingSettlement(t.Context(), r.caseOf("large", payout.PaidAfterDecline))
		r.must(err)
		if m, err := waiting.Settlement(); err != nil || waiting.ID != second || m.Decision != payout.BankIsRight || m.Reason != "statement" || waiting.Amount != 1000 {
			t.Errorf("%+v, %+v, %v", waiting, m, err)
		}
		number := r.caseOf("large", payout.PaidAfterDecline).ID
		r.must(decide(second, 8, store.ApprovalApproved, "z"))
		wants(decide(second, 9, store.ApprovalApproved, "zz"), store.ErrMoved)
		available(3001)
		settled, err := s.Case(t.Context(), number)
		r.must(err)
		if settled.SettledBy != "decider" || settled.Owner != "asker" || settled.Decision != payout.BankIsRight || settled.Operation.Stage != payout.Settled {
			t.Errorf("%+v", settled)
		}

		stale, err := ask("moves", "d", nil)
		r.must(err)
		view, err := s.PaymentView(t.Context(), 210, "moves")
		r.must(err)
		r.step(&store.Work{Payment: view.Payment, Operation: view.Operations[0]}, store.Step{Kind: "repeated"})
		wants(decide(stale, 8, store.ApprovalApproved, "w"), store.ErrStale)
		available(3001)

		open := r.caseOf("moves", payout.PaidAfterDecline)
		r.must(s.AssignDiscrepancy(t.Context(), open.ID, "Aida", "asked the bank", store.By{Actor: "test"}))
		wants(s.AssignDiscrepancy(t.Context(), number, "Aida", "", store.By{Actor: "test"}), store.ErrSettled)
		if c := r.caseOf("moves", payout.PaidAfterDecline); c.Owner != "Aida" || c.Note != "asked the bank" {
			t.Errorf("%+v", c)
		}
	})
}
