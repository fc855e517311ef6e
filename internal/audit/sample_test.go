package audit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/audit"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/provider"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
	"flashpay/internal/wire"
)

func open(t *testing.T, url string, serve bool) *store.Store {
	t.Helper()
	found, _ := clocks.LoadOrStore(url, new(atomic.Int64))
	ahead := found.(*atomic.Int64)
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: serve, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	clocks.Store(s, ahead)
	t.Cleanup(func() { _ = s.Close(context.Background()); clocks.Delete(s) })
	return s
}

// clocks holds how far the clock of a database is ahead, by its URL and by each open store: time passes where a test says so.
var clocks sync.Map

// road does with a store what the stations do.
type road struct {
	t     testing.TB
	store *store.Store
}

func (r *road) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *road) project(id, funds int64) {
	r.t.Helper()
	p := &merchant.Project{ID: id, Name: "shop", Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://127.0.0.1:1/callback"}}
	r.must(r.store.CreateProject(r.t.Context(), p, fmt.Sprintf("key-%d", id), map[string]int64{"KGS": funds}, "test"))
}

func newPayout(project int64, id string, amount int64) *store.NewPayout {
	const account, mail, ip = "1090000000000000", "ann@example.com", "192.0.2.1"
	return &store.NewPayout{
		ProjectID: project, PaymentID: id, ContentHash: [32]byte{1, byte(amount)}, Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan",
		Amount: amount, Currency: "KGS", Account: account, AccountMask: wire.Mask(account), CustomerID: "c-1", Description: "wages", Email: mail, IP: ip,
		Request: fmt.Appendf(nil, `{"general":{"project_id":%d,"payment_id":%q},"account":{"number":%q,"Number":"other"},
			"customer":{"id":"c-1","email":%q,"ip_address":%q,"phone":null},"payment":{"amount":%d,"currency":"KGS","description":"wages"}}`,
			project, id, account, mail, ip, amount),
		Interface: 1, Threshold: time.Hour, Provider: "sandbox", ProviderID: 21432,
		Check: rule.Item{Method: "bank-transfer/kyrgyzstan", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 1 << 40, Amount: amount, Currency: "KGS"},
	}
}

func (r *road) accept(p *store.NewPayout) {
	r.t.Helper()
	_, err := r.store.Accept(r.t.Context(), p)
	r.must(err)
}

// send accepts a payout and leases it, as a worker does that is about to submit it.
func (r *road) send(p *store.NewPayout) *store.Work {
	r.t.Helper()
	r.accept(p)
	work, err := r.store.LeaseOperations(r.t.Context(), store.Lease{
		ProjectID: p.ProjectID, Provider: p.Provider, N: 1, Submit: true, SubmitDeadline: 10 * time.Second, Duration: 12 * time.Second,
	})
	r.must(err)
	if len(work) != 1 || work[0].Payment.PaymentID != p.PaymentID {
		r.t.Fatalf("leased %+v, want %s", work, p.PaymentID)
	}
	return work[0]
}

// step applies a step as a station does, and leaves in w how the operation stands then.
func (r *road) step(w *store.Work, s store.Step) {
	r.t.Helper()
	s.Payment, s.Operation = w.Payment, w.Operation
	if s.Event != 0 && s.Kind == "" {
		s.Kind = s.Event.String()
	}
	s.NextAt = time.Now().Add(time.Hour)
	if s.Detail == nil {
		s.Detail = store.Detail{}.Text("by", "inquire").Int("code", int64(s.Code)).Text("provider_payment_id", s.ProviderPaymentID)
	}
	after, err := r.store.Apply(r.t.Context(), s)
	r.must(err)
	w.Payment, w.Operation = after.Payment, after.Operation
}

func (r *road) succeed(w *store.Work) {
	r.t.Helper()
	r.step(w, store.Step{Event: payout.Succeeded, ProviderPaymentID: "b-" + w.Payment.PaymentID, AuthCode: "a-1"})
}

// answer makes attempts of the newest callback of a payment: each status is what one is answered.
func (r *road) answer(project int64, number int64, end store.CallbackState, statuses ...int) {
	r.t.Helper()
	for i, status := range statuses {
		job, err := r.store.CallbackJob(r.t.Context(), project, number)
		r.must(err)
		a := store.Attempt{
			ProjectID: project, Number: number, Attempt: job.Attempts + 1, Scheduled: job.Scheduled, URL: job.URL, At: r.store.Now(),
			Duration: 1500 * time.Microsecond, HTTPStatus: status, Answer: []byte("answer"),
		}
		state, next := store.CallbackPending, r.store.Now().Add(time.Hour)
		if status != 200 {
			a.Error = fmt.Sprintf("answered %d", status)
		}
		if i == len(statuses)-1 {
			if state = end; end != store.CallbackPending {
				next = time.Time{}
			}
		}
		r.must(r.store.SaveAttempt(r.t.Context(), a, state, next))
	}
}

// number is the number of a payment's event.
func (r *road) number(project int64, id string) int64 {
	r.t.Helper()
	found, err := r.store.Deliveries(r.t.Context(), store.DeliveryFilter{ProjectID: project, PaymentID: id})
	r.must(err)
	if len(found) != 1 {
		r.t.Fatalf("%s has %d callbacks", id, len(found))
	}
	return found[0].Number
}

// soon is a threshold that leaves a slow machine the time to accept a payout and send it.
const soon = 8 * time.Second // shorter than a lease

// pass lets time pass until a time of the database is over.
func (r *road) pass(at time.Time) {
	r.t.Helper()
	ahead, ok := clocks.Load(r.store)
	if !ok {
		r.t.Fatal("the store has no clock of the test's")
	}
	if wait := at.Sub(r.store.Now()); wait >= 0 {
		ahead.(*atomic.Int64).Add(int64(wait + time.Millisecond))
	}
}

// build makes a database with payouts in every state that the road leads to.
func build(t testing.TB, s *store.Store) {
	t.Helper()
	r := &road{t, s}
	r.project(210, 100_000)
	r.project(211, 50_000)
	for _, id := range []string{"Success", "three", "given-up", "waits", "resent", "repeated", "returned"} {
		r.succeed(r.send(newPayout(210, id, 1000)))
	}
	r.step(r.send(newPayout(210, "only-returned", 1000)), store.Step{Event: payout.Returned})
	quiet := newPayout(210, "quiet", 1000)
	quiet.Options.CallbacksDisabled = true
	r.succeed(r.send(quiet))
	r.must(s.SealJournal(t.Context()))
	r.declines()
	r.settlements()
	r.must(s.SealJournal(t.Context()))
	r.open()
	r.callbacks()
	r.notifications()
	r.succeed(r.send(newPayout(211, "success", 700)))
	r.accept(newPayout(211, "new", 300))
	r.must(s.OpenUnknownKey(t.Context(), "sandbox", "NOTOURS", store.Detail{}.Text("key", "NOTOURS")))
}

// declines makes payouts that are declined, at each door.
func (r *road) declines() {
	r.t.Helper()
	poor := newPayout(210, "poor", 1_000_000)
	r.accept(poor)
	strict := newPayout(210, "strict", 1000)
	strict.Check.BadAccount, strict.Phone = true, ""
	r.accept(strict)
	nobody := newPayout(211, "nobody", 1000)
	nobody.Provider, nobody.ProviderID = "", 0
	r.accept(nobody)

	w := r.send(newPayout(210, "declined", 1000))
	r.step(w, store.Step{Event: payout.Declined, Code: 20102})
	w = r.send(newPayout(210, "paid-after-no", 1000))
	r.step(w, store.Step{Event: payout.Declined, Code: payout.CodeGeneralDecline, Detail: store.Detail{}.Int("code", 99999)}) // no code of ours
	r.step(w, store.Step{Event: payout.Succeeded, ProviderPaymentID: "b-late"})

	var late []*store.Work
	for _, id := range []string{"disputed", "late-success", "no-answer", "dispute-no", "dispute-unknown", "mismatch-threshold"} {
		p := newPayout(210, id, 1000)
		p.Threshold = soon
		late = append(late, r.send(p))
	}
	never := newPayout(211, "never-sent", 1000)
	never.Threshold = soon
	r.accept(never)
	r.pass(r.store.Now().Add(soon))
	for i, w := range late {
		step := store.Step{Event: payout.Threshold, Code: payout.CodeAutoDecline}
		if i == len(late)-1 {
			step.Discrepancy, step.Detail = payout.Mismatch, store.Detail{}.Text("differs", "amount 5")
		}
		r.step(w, step)
	}
	r.step(late[1], store.Step{Event: payout.Succeeded, ProviderPaymentID: "b-disputed"})
	r.step(late[2], store.Step{Event: payout.GivenUp})
	r.step(late[3], store.Step{Event: payout.Declined, Code: 20000})
	r.step(late[4], store.Step{Event: payout.NotSent})
	work, err := r.store.LeaseOperations(r.t.Context(), store.Lease{ProjectID: 211, Provider: "sandbox", N: 5, Duration: 12 * time.Second})
	r.must(err)
	if len(work) != 1 || work[0].Operation.Stage != payout.New {
		r.t.Fatalf("never sent: %+v", work)
	}
	r.step(work[0], store.Step{Event: payout.Threshold, Code: payout.CodeAutoDecline})
}

// settlements makes payouts with discrepancies that operators settle: one for each thing that can become of the sum.
func (r *road) settlements() {
	r.t.Helper()
	w := r.send(newPayout(210, "charged", 1000))
	r.step(w, store.Step{Event: payout.Declined, Code: 20102})
	r.step(w, store.Step{Event: payout.Succeeded})
	r.settle("charged", payout.PaidAfterDecline, payout.BankIsRight)
	w = r.send(newPayout(210, "refunded", 1000))
	r.succeed(w)
	r.step(w, store.Step{Event: payout.Declined, Code: 20000})
	r.settle("refunded", payout.DeclinedAfterSuccess, payout.BankIsRight)
	late := map[string]*store.Work{}
	for _, id := range []string{"spent-late", "not-spent", "hold-settled"} {
		p := newPayout(210, id, 1000)
		p.Threshold = soon
		late[id] = r.send(p)
	}
	r.pass(r.store.Now().Add(soon))
	for _, w := range late {
		r.step(w, store.Step{Event: payout.Threshold, Code: payout.CodeAutoDecline})
	}
	r.step(late["spent-late"], store.Step{Event: payout.Succeeded})
	r.settle("spent-late", payout.LateSuccess, payout.BankIsRight)
	r.step(late["not-spent"], store.Step{Event: payout.GivenUp})
	r.settle("not-spent", payout.NoAnswer, payout.WeAreRight)
	r.settle("hold-settled", payout.HoldDisputed, payout.BankIsRight)
}

// caseOf finds the open case of a payment of project 210.
func (r *road) caseOf(id, kind string) *store.Case {
	r.t.Helper()
	if kind == payout.HoldDisputed {
		c, err := r.store.DisputedCase(r.t.Context(), 210, id)
		r.must(err)
		return c
	}
	project := int64(210)
	open, err := r.store.OpenDiscrepancies(r.t.Context(), &project, 100)
	r.must(err)
	for _, d := range open {
		if d.PaymentID == id && d.Kind == kind {
			c, err := r.store.Case(r.t.Context(), d.ID)
			r.must(err)
			return c
		}
	}
	r.t.Fatalf("%s has no open discrepancy «%s»", id, kind)
	return nil
}

func (r *road) settle(id, kind string, d payout.Decision) {
	r.t.Helper()
	r.must(r.store.Settle(r.t.Context(), store.SettlementOf(r.caseOf(id, kind), d, "looked at the statement"), store.By{Actor: "test"}))
}

// open makes payouts that are not finished.
func (r *road) open() {
	r.t.Helper()
	r.send(newPayout(211, "sending", 500))
	w := r.send(newPayout(210, "unknown", 1000))
	r.step(w, store.Step{Kind: "unknown"})
	w = r.send(newPayout(210, "out-of-funds", 1000))
	r.step(w, store.Step{Event: payout.NotSent, Kind: "provider out of funds"})
	w = r.send(newPayout(210, "mismatch", 1000))
	r.step(w, store.Step{Kind: "mismatch", Discrepancy: payout.Mismatch, Detail: store.Detail{}.Text("differs", "amount 5")})
	r.step(w, store.Step{Inquired: true})
	view, err := r.store.PaymentView(r.t.Context(), 210, "repeated")
	r.must(err)
	w = &store.Work{Payment: view.Payment, Operation: view.Operations[0]}
	r.step(w, store.Step{Kind: "repeated", ProviderPaymentID: "b-again"})
	view, err = r.store.PaymentView(r.t.Context(), 210, "returned")
	r.must(err)
	w = &store.Work{Payment: view.Payment, Operation: view.Operations[0]}
	r.step(w, store.Step{Event: payout.Returned})
	r.step(w, store.Step{Event: payout.Declined, Code: 20000})
}

// callbacks brings callbacks into every state.
func (r *road) callbacks() {
	r.t.Helper()
	r.answer(210, r.number(210, "success"), store.CallbackDelivered, 200)
	r.answer(210, r.number(210, "three"), store.CallbackDelivered, 500, 0, 200)
	r.answer(210, r.number(210, "given-up"), store.CallbackGivenUp, 500, 404)
	r.answer(210, r.number(210, "waits"), store.CallbackPending, 503)
	r.answer(210, r.number(210, "resent"), store.CallbackDelivered, 200)
	_, err := r.store.ResendCallback(r.t.Context(), "", 210, "resent", 0, "test")
	r.must(err)
	r.answer(210, r.number(210, "resent"), store.CallbackDelivered, 500, 200)
	r.answer(210, r.number(210, "disputed"), store.CallbackDelivered, 200)
	_, err = r.store.ResendCallback(r.t.Context(), "", 210, "disputed", 0, "test")
	r.must(err)
}

func (r *road) notifications() {
	r.t.Helper()
	for range 3 {
		r.must(r.store.SaveNotification(r.t.Context(), "sandbox", provider.Notification{Body: []byte("done")}))
	}
	leased, err := r.store.LeaseNotifications(r.t.Context(), 2)
	r.must(err)
	r.must(r.store.FinishNotification(r.t.Context(), leased[0].ID, ""))
	r.must(r.store.FinishNotification(r.t.Context(), leased[1].ID, "garbage"))
}

// topUps are made by commands, beside the server.
func topUps(t *testing.T, url string) {
	t.Helper()
	s := open(t, url, false)
	for _, currency := range []string{"KGS", "USD"} {
		if err := s.TopUp(t.Context(), 210, currency, 5000, "more", "test"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, c audit.Config) *audit.Report {
	t.Helper()
	report, err := audit.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func clean(t testing.TB, report *audit.Report) {
	t.Helper()
	if !report.OK || len(report.Findings) > 0 || len(report.Failures) > 0 {
		t.Fatalf("not clean: %v\n%s", report.Failures, list(report))
	}
}

func list(report *audit.Report) (text string) {
	for _, f := range report.Findings {
		text += fmt.Sprintf("  %s %s: %s\n", f.Kind, f.Name(), f.What)
	}
	return text
}

func TestSampleIsClean(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url, true)
		clean(t, run(t, audit.Config{Store: s})) // an empty database
		build(t, s)
		topUps(t, url)
		report := run(t, audit.Config{Store: s})
		clean(t, report)
		for table, want := range map[string]int64{
			"payments": 32, "operations": 32, "requests": 32, "transfers": 66, "balances": 3, "events": 29, "callbacks": 29,
			"attempts": 10, "notifications": 3, "discrepancies": 12, "journal": 76,
		} {
			if report.Checked[table] != want {
				t.Errorf("checked %d of %s, want %d", report.Checked[table], table, want)
			}
		}
		if n := report.Checked["seals"]; n < 2 { // and those that the store makes by itself, while this takes long
			t.Errorf("checked %d seals, want 2 at least", n)
		}
	})
}

func TestDatabaseAway(t *testing.T) {
	s := open(t, storetest.URL(t, storetest.SQLite), false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := audit.Run(ctx, audit.Config{Store: s}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a run that could not read: %v", err)
	}
}
