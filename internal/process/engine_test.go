package process_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/process"
	"flashpay/internal/provider"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// scripted is a provider that answers by a script: the nth submit and the nth inquiry.
type scripted struct {
	traits  provider.Traits
	submit  func(n int, t provider.Transfer) provider.Outcome
	inquire func(n int) provider.Outcome
	reports provider.Outcome // what the notifications «reports» and «reports twice» say of the first transfer

	mu        sync.Mutex
	submits   []provider.Transfer
	inquiries []time.Time
}

func (p *scripted) Name() string            { return "scripted" }
func (p *scripted) Traits() provider.Traits { return p.traits }

func (p *scripted) Submit(_ context.Context, t provider.Transfer) provider.Outcome {
	p.mu.Lock()
	p.submits = append(p.submits, t)
	n := len(p.submits)
	p.mu.Unlock()
	return p.submit(n, t)
}

func (p *scripted) Inquire(context.Context, provider.Query) provider.Outcome {
	p.mu.Lock()
	p.inquiries = append(p.inquiries, time.Now())
	n := len(p.inquiries)
	p.mu.Unlock()
	return p.inquire(n)
}

// transfers are those that were submitted so far.
func (p *scripted) transfers() []provider.Transfer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.submits)
}

// inquired are the times of the inquiries so far.
func (p *scripted) inquired() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.inquiries)
}

func (p *scripted) ReadNotification(_ context.Context, n provider.Notification) ([]provider.Report, error) {
	switch string(n.Body) {
	case "garbage":
		return nil, fmt.Errorf("not the bank's")
	case "all":
		p.mu.Lock()
		defer p.mu.Unlock()
		var reports []provider.Report
		for _, t := range p.submits {
			reports = append(reports, provider.Report{Key: t.Key, Outcome: provider.Outcome{Kind: provider.Succeeded}})
		}
		return append(reports, reports[0], provider.Report{Key: "NOTOURS", Outcome: provider.Outcome{Kind: provider.Succeeded}}), nil
	case "no funds":
		p.mu.Lock()
		defer p.mu.Unlock()
		return []provider.Report{{Key: p.submits[0].Key, Outcome: provider.Outcome{Kind: provider.Declined, Code: 20504}}}, nil
	case "accepted":
		p.mu.Lock()
		defer p.mu.Unlock()
		return []provider.Report{{Key: p.submits[0].Key, Outcome: answer(provider.Accepted)}}, nil
	case "reports":
		p.mu.Lock()
		defer p.mu.Unlock()
		return []provider.Report{{Key: p.submits[0].Key, Outcome: p.reports}}, nil
	case "reports twice":
		p.mu.Lock()
		defer p.mu.Unlock()
		return []provider.Report{{Key: p.submits[0].Key, Outcome: p.reports}, {Key: p.submits[0].Key, Outcome: p.reports}}, nil
	case "foreign":
		return []provider.Report{{Key: "NOTOURS", Outcome: provider.Outcome{Kind: provider.Succeeded}}}, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return []provider.Report{{Key: p.submits[0].Key, Outcome: provider.Outcome{Kind: provider.Succeeded}}}, nil
}

func (p *scripted) submitted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.submits)
}

func answer(k provider.Kind) provider.Outcome { return provider.Outcome{Kind: k} }

func always(k provider.Kind) func(int) provider.Outcome {
	return func(int) provider.Outcome { return answer(k) }
}

func newScripted() *scripted {
	return &scripted{
		traits: provider.Traits{
			ID: 7, Idempotent: true, SubmitDeadline: 10 * time.Second, InquireDeadline: 5 * time.Second, SettleTime: 2 * time.Second, Concurrency: 8,
		},
		submit:  func(int, provider.Transfer) provider.Outcome { return answer(provider.Accepted) },
		inquire: always(provider.Accepted),
	}
}

// road is a store and an engine over it, in virtual time.
type road struct {
	t     *testing.T
	url   string
	store *store.Store
	bank  *scripted
}

// drive runs test in a bubble of virtual time with an engine over a fresh SQLite store.
func drive(t *testing.T, bank *scripted, test func(r *road)) {
	driveFor(t, bank, process.DefaultTimes().Poll, test)
}

// driveFor is drive with looks into the database so rare that days of virtual time pass quickly.
func driveFor(t *testing.T, bank *scripted, poll time.Duration, test func(r *road)) {
	url := storetest.URL(t, storetest.SQLite)
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true, Follow: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		times := process.DefaultTimes()
		times.Poll = poll
		engine := process.New(process.Config{Store: s, Providers: []provider.Provider{bank}, Times: times, Known: known})
		s.SetEngine(engine)
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { _ = engine.Run(ctx) })
		p := &merchant.Project{ID: 210, Name: "shop", Mode: merchant.Test}
		if err := s.CreateProject(ctx, p, "secret", map[string]int64{"KGS": 1000}, "test"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // the engine is open
		test(&road{t: t, url: url, store: s, bank: bank})
		cancel()
		done.Wait()
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func known(path string) bool {
	return slices.Contains([]string{"customer", "customer.first_name", "customer.identify", "customer.identify.doc_number"}, path)
}

func (r *road) accept(id string) {
	r.t.Helper()
	r.acceptFor(id, 24*time.Hour)
}

// acceptFor accepts a payout with a threshold.
func (r *road) acceptFor(id string, threshold time.Duration) {
	r.t.Helper()
	_, err := r.store.Accept(r.t.Context(), &store.NewPayout{
		ProjectID: 210, PaymentID: id, Method: "m", MethodTitle: "M", Amount: 100, Currency: "KGS", Account: "123", AccountMask: "1", CustomerID: "c",
		Request: []byte(`{"account":{"number":"123"},"customer":{"first_name":"A","nick":"x:y","identify":{"doc_number":"1"},
			"identify.doc_number":"2","signature":{"first_name":"B"}}}`), Threshold: threshold, Provider: "scripted", ProviderID: 7,
		Check: rule.Item{Method: "m", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 1000, Amount: 100, Currency: "KGS"},
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// notify has the bank send a notification once the payouts so far are with it.
func (r *road) notify(body string) {
	r.t.Helper()
	time.Sleep(time.Second)
	if err := r.store.SaveNotification(r.t.Context(), "scripted", provider.Notification{Body: []byte(body)}); err != nil {
		r.t.Fatal(err)
	}
}

// want checks a payment's status, its operation's stage and code, and the project's funds.
func (r *road) want(id string, status payout.Status, stage payout.Stage, code int, available, held, disputed int64) {
	r.t.Helper()
	v, err := r.store.PaymentView(r.t.Context(), 210, id)
	if err != nil {
		r.t.Fatal(err)
	}
	o := v.Operations[0]
	if v.Payment.Status != status || o.Stage != stage || o.Code != code {
		r.t.Errorf("%s: %s/%s/%d, want %s/%s/%d", id, v.Payment.Status, o.Stage, o.Code, status, stage, code)
	}
	all, err := r.store.Balances(r.t.Context(), 210)
	if err != nil {
		r.t.Fatal(err)
	}
	b := all["KGS"]
	if a, h, d := b.Sum(ledger.Available), b.Sum(ledger.Held), b.Sum(ledger.Disputed); a != available || h != held || d != disputed {
		r.t.Errorf("%s: available %d, held %d, disputed %d; want %d, %d, %d", id, a, h, d, available, held, disputed)
	}
}

func TestAcceptedThenFoundByInquiry(t *testing.T) {
	bank := newScripted()
	bank.inquire = func(n int) provider.Outcome {
		if n < 3 {
			return answer(provider.Accepted)
		}
		return provider.Outcome{Kind: provider.Succeeded, Amount: 100, Currency: "KGS", Account: "123", PaymentID: "b-1"}
	}
	drive(t, bank, func(r *road) {
		begun := time.Now()
		r.accept("p")
		time.Sleep(time.Second)
		r.want("p", payout.Processing, payout.Sending, payout.CodeAwaiting, 900, 100, 0)
		time.Sleep(time.Minute)
		r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
		if bank.submitted() != 1 {
			t.Errorf("%d submits", bank.submitted())
		}
		for i, want := range []time.Duration{2 * time.Second, 5 * time.Second, 10 * time.Second} {
			if got := bank.inquired()[i].Sub(begun); got < want*85/100 || got > want*115/100+time.Second {
				t.Errorf("inquiry %d after %s, want about %s", i+1, got, want)
			}
		}
	})
}

func TestDeclinedReturnsTheHold(t *testing.T) {
	bank := newScripted()
	bank.submit = func(int, provider.Transfer) provider.Outcome {
		return provider.Outcome{Kind: provider.Declined, Code: 20102}
	}
	drive(t, bank, func(r *road) {
		r.accept("p")
		time.Sleep(time.Second)
		r.want("p", payout.Decline, payout.Closed, 20102, 1000, 0, 0)
	})
}

func TestLostAnswerIsSentAgainOnlyAfterDeadlineAndSettleTime(t *testing.T) {
	bank := newScripted()
	var first, second time.Time
	bank.submit = func(n int, _ provider.Transfer) provider.Outcome {
		if n == 1 {
			first = time.Now()
			return answer(provider.Unknown)
		}
		second = time.Now()
		return answer(provider.Succeeded)
	}
	bank.inquire = always(provider.NotSent)
	drive(t, bank, func(r *road) {
		r.accept("p")
		time.Sleep(time.Minute)
		r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
		if sent := bank.transfers(); len(sent) != 2 || sent[0].Key != sent[1].Key || len(sent[0].Key) > 35 {
			t.Fatalf("submits: %+v", sent)
		}
		if gap := second.Sub(first); gap < 12*time.Second {
			t.Errorf("sent again after %s: before the deadline of 10 s and the settle time of 2 s", gap)
		}
	})
}

func TestNotIdempotentIsNeverSentAgain(t *testing.T) {
	bank := newScripted()
	bank.traits.Idempotent = false
	bank.submit = func(int, provider.Transfer) provider.Outcome { return answer(provider.Unknown) }
	bank.inquire = always(provider.NotSent)
	driveFor(t, bank, 10*time.Minute, func(r *road) {
		r.accept("p")
		time.Sleep(25 * time.Hour)
		if bank.submitted() != 1 {
			t.Errorf("%d submits", bank.submitted())
		}
		r.want("p", payout.Decline, payout.Disputed, 603, 900, 0, 100)
	})
}

func TestNotSentIsSentAgain(t *testing.T) {
	bank := newScripted()
	bank.submit = func(n int, _ provider.Transfer) provider.Outcome {
		if n < 4 {
			return answer(provider.NotSent)
		}
		return answer(provider.Succeeded)
	}
	drive(t, bank, func(r *road) {
		r.accept("p")
		time.Sleep(time.Minute)
		r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
		if len(bank.inquired()) != 0 {
			t.Errorf("%d inquiries of what was never sent", len(bank.inquired()))
		}
	})
}

func TestThresholdDisputesWhatMayBeWithTheBank(t *testing.T) {
	outcomes := map[string]struct {
		late                      provider.Kind
		stage                     payout.Stage
		available, held, disputed int64
	}{
		"a definite no returns it":      {provider.Declined, payout.Closed, 1000, 0, 0},
		"not known returns it":          {provider.NotSent, payout.Closed, 1000, 0, 0},
		"a yes opens a discrepancy":     {provider.Succeeded, payout.Unsettled, 900, 0, 100},
		"thirty days without an answer": {provider.Unknown, payout.Unsettled, 900, 0, 100},
	}
	for name, c := range outcomes {
		t.Run(name, func(t *testing.T) {
			bank := newScripted()
			var late atomic.Bool
			bank.inquire = func(int) provider.Outcome {
				if late.Load() {
					return answer(c.late)
				}
				return answer(provider.Accepted)
			}
			driveFor(t, bank, 10*time.Minute, func(r *road) {
				r.accept("p")
				time.Sleep(23*time.Hour + 30*time.Minute)
				r.want("p", payout.Processing, payout.Sending, payout.CodeAwaiting, 900, 100, 0)
				time.Sleep(45 * time.Minute)
				r.want("p", payout.Decline, payout.Disputed, 603, 900, 0, 100)
				late.Store(true)
				if c.late == provider.Unknown {
					time.Sleep(31 * 24 * time.Hour)
				}
				time.Sleep(3 * time.Hour)
				r.want("p", payout.Decline, c.stage, 603, c.available, c.held, c.disputed)
				found, err := r.store.Discrepancies(r.t.Context(), 210)
				if err != nil || (len(found) == 1) != (c.stage == payout.Unsettled) {
					t.Errorf("discrepancies %+v, %v", found, err)
				}
			})
		})
	}
}

// Whatever else the bank says past the threshold, the last inquiry is made before the payout is declined.
func TestOnlyAnInquiryLetsTheThresholdDecline(t *testing.T) {
	for name, body := range map[string]string{"accepted": "accepted", "another sum": "reports", "another sum twice": "reports twice"} {
		t.Run(name, func(t *testing.T) {
			bank := newScripted()
			var paid atomic.Bool
			bank.inquire = func(int) provider.Outcome {
				if paid.Load() {
					return answer(provider.Succeeded)
				}
				return answer(provider.Accepted)
			}
			bank.reports = provider.Outcome{Kind: provider.Succeeded, Amount: 10000}
			driveFor(t, bank, 10*time.Minute, func(r *road) {
				r.accept("p")
				time.Sleep(24*time.Hour + time.Second) // past the threshold; the next look into the database is minutes away
				r.want("p", payout.Processing, payout.Sending, payout.CodeAwaiting, 900, 100, 0)
				paid.Store(true)
				if err := r.store.SaveNotification(r.t.Context(), "scripted", provider.Notification{Body: []byte(body)}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				r.want("p", payout.Processing, payout.Sending, payout.CodeAwaiting, 900, 100, 0)
				time.Sleep(10 * time.Minute)
				r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
			})
		})
	}
}

func TestThresholdReturnsWhatWasNeverSent(t *testing.T) {
	bank := newScripted()
	bank.submit = func(int, provider.Transfer) provider.Outcome { return answer(provider.NotSent) }
	driveFor(t, bank, 10*time.Minute, func(r *road) {
		r.accept("p")
		time.Sleep(25 * time.Hour)
		r.want("p", payout.Decline, payout.Closed, 603, 1000, 0, 0)
	})
}

func TestBankWithoutFundsIsPausedAndPayoutsWait(t *testing.T) {
	bank := newScripted()
	var funded atomic.Bool
	bank.submit = func(int, provider.Transfer) provider.Outcome {
		if funded.Load() {
			return answer(provider.Succeeded)
		}
		return provider.Outcome{Kind: provider.Declined, Code: 20504}
	}
	driveFor(t, bank, time.Minute, func(r *road) {
		for i := range 5 {
			r.accept(fmt.Sprint("p", i))
			time.Sleep(time.Second)
		}
		if n := bank.submitted(); n != 1 {
			t.Errorf("%d submits to a bank without funds", n)
		}
		time.Sleep(time.Hour)
		funded.Store(true)
		time.Sleep(5 * time.Minute)
		for i := range 5 {
			r.want(fmt.Sprint("p", i), payout.Success, payout.Closed, 0, 500, 0, 0)
		}
	})
}

// The bank's words about its own funds, told again or played back: they neither decline a payout, nor send it again, nor
// pause the bank.
func TestNoFundsToldAgainChangesNothing(t *testing.T) {
	noFunds := func(r *road) {
		r.t.Helper()
		for range 2 {
			if err := r.store.SaveNotification(r.t.Context(), "scripted", provider.Notification{Body: []byte("no funds")}); err != nil {
				r.t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
	}
	for _, idempotent := range []bool{true, false} {
		t.Run(fmt.Sprint("idempotent ", idempotent), func(t *testing.T) {
			bank := newScripted()
			bank.traits.Idempotent = idempotent
			bank.submit = func(n int, _ provider.Transfer) provider.Outcome {
				if n == 1 {
					return provider.Outcome{Kind: provider.Declined, Code: 20504}
				}
				return answer(provider.Accepted)
			}
			var paid atomic.Bool
			bank.inquire = func(int) provider.Outcome {
				if paid.Load() {
					return answer(provider.Succeeded)
				}
				return provider.Outcome{Kind: provider.Accepted}
			}
			driveFor(t, bank, time.Second, func(r *road) {
				r.accept("p")
				time.Sleep(time.Second)
				noFunds(r) // while it waits to be sent again
				r.want("p", payout.Processing, payout.New, 29999, 900, 100, 0)
				time.Sleep(2 * time.Minute)
				if bank.submitted() != 2 {
					t.Fatalf("%d submits, want the second", bank.submitted())
				}
				noFunds(r) // while the second submit is with the bank
				r.want("p", payout.Processing, payout.Sending, 29999, 900, 100, 0)
				r.accept("q")
				time.Sleep(2 * time.Second)
				if bank.submitted() != 3 {
					t.Errorf("%d submits: the bank is paused by an old copy", bank.submitted())
				}
				paid.Store(true)
				time.Sleep(time.Hour)
				noFunds(r) // after it was paid
				r.want("p", payout.Success, payout.Closed, 0, 800, 0, 0)
				if found, err := r.store.Discrepancies(r.t.Context(), 0); err != nil || len(found) != 0 {
					t.Errorf("discrepancies %+v, %v", found, err)
				}
			})
		})
	}
}

// An inquiry that says so confirms it, once nothing of ours can be on its way; of a bank that is not idempotent never.
func TestNoFundsConfirmedByInquiry(t *testing.T) {
	for _, idempotent := range []bool{true, false} {
		t.Run(fmt.Sprint("idempotent ", idempotent), func(t *testing.T) {
			bank := newScripted()
			bank.traits.Idempotent = idempotent
			bank.submit = func(n int, _ provider.Transfer) provider.Outcome {
				if n == 1 {
					return answer(provider.Unknown)
				}
				return answer(provider.Succeeded)
			}
			bank.inquire = func(int) provider.Outcome { return provider.Outcome{Kind: provider.Declined, Code: 20504} }
			driveFor(t, bank, time.Second, func(r *road) {
				r.accept("p")
				time.Sleep(11 * time.Second) // before the submit's deadline and the settle time
				r.want("p", payout.Processing, payout.Sending, 29999, 900, 100, 0)
				time.Sleep(5 * time.Minute)
				if idempotent {
					r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
					return
				}
				r.want("p", payout.Processing, payout.Sending, 29999, 900, 100, 0)
				if bank.submitted() != 1 {
					t.Errorf("%d submits to a bank that is not idempotent", bank.submitted())
				}
			})
		})
	}
}

func TestBreakerHoldsPayoutsBackAndDeclinesNone(t *testing.T) {
	bank := newScripted()
	var healthy atomic.Bool
	bank.submit = func(int, provider.Transfer) provider.Outcome {
		if healthy.Load() {
			return answer(provider.Succeeded)
		}
		return answer(provider.NotSent)
	}
	driveFor(t, bank, time.Minute, func(r *road) {
		for i := range 10 {
			r.accept(fmt.Sprint("p", i))
		}
		time.Sleep(2 * time.Hour)
		if n := bank.submitted(); n > 7200/5 {
			t.Errorf("%d submits to a dead bank in two hours", n)
		}
		healthy.Store(true)
		time.Sleep(5 * time.Minute)
		for i := range 10 {
			r.want(fmt.Sprint("p", i), payout.Success, payout.Closed, 0, 0, 0, 0)
		}
	})
}

func TestNotificationsInAnyOrderAndNumber(t *testing.T) {
	bank := newScripted()
	drive(t, bank, func(r *road) {
		bank.submit = func(int, provider.Transfer) provider.Outcome {
			if err := r.store.SaveNotification(r.t.Context(), "scripted", provider.Notification{Body: []byte("done")}); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second) // the result comes before the answer
			return answer(provider.Accepted)
		}
		r.accept("p")
		time.Sleep(2 * time.Second)
		r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
		for _, body := range []string{"done", "done", "garbage", "foreign", "foreign"} {
			if err := r.store.SaveNotification(r.t.Context(), "scripted", provider.Notification{Body: []byte(body)}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		r.want("p", payout.Success, payout.Closed, 0, 900, 0, 0)
		if found, err := r.store.Discrepancies(r.t.Context(), 0); err != nil || len(found) != 1 || found[0].Kind != payout.UnknownKey {
			t.Errorf("discrepancies %+v, %v", found, err)
		}
		if bank.submitted() != 1 {
			t.Errorf("%d submits", bank.submitted())
		}
	})
}

// TestANotificationWithManyReports tells several results at once, one of them twice, beside a key that is not ours; and
// all of it again, when the engine has forgotten the operations.
func TestANotificationWithManyReports(t *testing.T) {
	bank := newScripted()
	drive(t, bank, func(r *road) {
		for i := range 5 {
			r.accept(fmt.Sprint("p", i))
		}
		time.Sleep(time.Second)
		for range 2 {
			if err := r.store.SaveNotification(r.t.Context(), "scripted", provider.Notification{Body: []byte("all")}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Minute)
			for i := range 5 {
				r.want(fmt.Sprint("p", i), payout.Success, payout.Closed, 0, 500, 0, 0)
			}
		}
		if found, err := r.store.Discrepancies(r.t.Context(), 0); err != nil || len(found) != 1 || found[0].Kind != payout.UnknownKey {
			t.Errorf("discrepancies %+v, %v", found, err)
		}
		if left, err := r.store.LeaseNotifications(r.t.Context(), 10); err != nil || len(left) != 0 {
			t.Errorf("%d notifications are left, %v", len(left), err)
		}
		if bank.submitted() != 5 || len(bank.inquired()) != 0 {
			t.Errorf("%d submits, %d inquiries", bank.submitted(), len(bank.inquired()))
		}
	})
}

func TestContradictionsAndDifferencesAreDiscrepancies(t *testing.T) {
	bank := newScripted()
	bank.submit = func(int, provider.Transfer) provider.Outcome {
		return provider.Outcome{Kind: provider.Succeeded, Amount: 10000, Currency: "USD"}
	}
	bank.inquire = always(provider.Accepted)
	drive(t, bank, func(r *road) {
		r.accept("p")
		time.Sleep(time.Minute)
		r.want("p", payout.Processing, payout.Sending, payout.CodeAwaiting, 900, 100, 0)
		found, err := r.store.Discrepancies(r.t.Context(), 210)
		if err != nil || len(found) != 1 || found[0].Kind != payout.Mismatch {
			t.Errorf("discrepancies %+v, %v", found, err)
		}
	})
	bank = newScripted()
	bank.submit = func(int, provider.Transfer) provider.Outcome {
		return provider.Outcome{Kind: provider.Declined, Code: 20000}
	}
	drive(t, bank, func(r *road) {
		r.accept("p")
		time.Sleep(time.Second)
		if err := r.store.SaveNotification(r.t.Context(), "scripted", provider.Notification{Body: []byte("done")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		r.want("p", payout.Decline, payout.Closed, 20000, 1000, 0, 0)
		found, err := r.store.Discrepancies(r.t.Context(), 210)
		if err != nil || len(found) != 1 || found[0].Kind != payout.PaidAfterDecline {
			t.Errorf("discrepancies %+v, %v", found, err)
		}
	})
}

func TestDetailsReachTheProvider(t *testing.T) {
	bank := newScripted()
	drive(t, bank, func(r *road) {
		r.accept("p")
		time.Sleep(time.Second)
		got := bank.transfers()[0]
		details := map[string]string{"customer.first_name": "A", "customer.identify.doc_number": "1"} // nothing unknown
		if !maps.Equal(got.Details(), details) || got.Account != "123" || got.Reference != "210/p" || got.Amount != 100 || got.Currency != "KGS" {
			t.Errorf("transfer %+v, details %v", got, got.Details())
		}
	})
}

// TestReturnHeardOfBeforeTheSuccess has the bank pay and take back before anything was heard: that is what would have come of
// both in their order. Nothing stays open, and nothing is asked for ever.
func TestReturnHeardOfBeforeTheSuccess(t *testing.T) {
	bank := newScripted()
	bank.inquire = always(provider.Returned)
	drive(t, bank, func(r *road) {
		r.accept("p")
		time.Sleep(time.Minute)
		r.want("p", payout.Reversed, payout.Closed, 0, 1000, 0, 0)
		found, err := r.store.Discrepancies(r.t.Context(), 210)
		if err != nil || len(found) != 0 {
			t.Errorf("discrepancies %+v, %v", found, err)
		}
		if len(bank.inquired()) != 1 {
			t.Errorf("%d inquiries", len(bank.inquired()))
		}
	})
}

// TestOpenBreakerCostsNoInquiry trips the breaker while operations wait for their inquiry: what was not asked does not
// count in the schedule, so that they are asked soon after the bank is back, not minutes later.
func TestOpenBreakerCostsNoInquiry(t *testing.T) {
	bank := newScripted()
	var back atomic.Bool
	bank.submit = func(int, provider.Transfer) provider.Outcome { return answer(provider.Unknown) }
	bank.inquire = func(int) provider.Outcome {
		if back.Load() {
			return answer(provider.Succeeded)
		}
		return answer(provider.Unknown)
	}
	drive(t, bank, func(r *road) {
		for i := range 10 {
			r.accept(fmt.Sprint("a", i))
		}
		time.Sleep(9 * time.Second) // thirty failures: the breaker has opened
		back.Store(true)
		time.Sleep(35 * time.Second)
		for i := range 10 {
			r.want(fmt.Sprint("a", i), payout.Success, payout.Closed, 0, 0, 0, 0)
		}
	})
}
