package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// open opens a database as a server does.
func open(t *testing.T, url string) *store.Store {
	t.Helper()
	return storetest.Open(t, url)
}

func openAs(t *testing.T, c store.Config) *store.Store {
	t.Helper()
	return storetest.OpenAs(t, c)
}

func createProject(t testing.TB, s *store.Store, id, funds int64) {
	t.Helper()
	p := &merchant.Project{ID: id, Name: "shop", Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://127.0.0.1:1/callback"}}
	if err := s.CreateProject(t.Context(), p, fmt.Sprintf("key-%d", id), map[string]int64{"KGS": funds}, "test"); err != nil {
		t.Fatal(err)
	}
}

func newPayout(project int64, id string, amount int64) *store.NewPayout {
	return &store.NewPayout{
		ProjectID: project, PaymentID: id, ContentHash: [32]byte{1, byte(amount)}, Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan",
		Amount: amount, Currency: "KGS", Account: "1090000000000000", AccountMask: "109000******0000", CustomerID: "c-1", IP: "192.0.2.1",
		Request: []byte(`{"account":{"number":"1090000000000000"}}`), Interface: 1, Threshold: time.Hour, Provider: "sandbox", ProviderID: 21432,
		Check: rule.Item{Method: "bank-transfer/kyrgyzstan", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 1 << 40, Amount: amount, Currency: "KGS"},
	}
}

func balance(t *testing.T, s *store.Store, project int64) (available, held, disputed int64) {
	t.Helper()
	all, err := s.Balances(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	b := all["KGS"]
	return b.Sum(ledger.Available), b.Sum(ledger.Held), b.Sum(ledger.Disputed)
}

func TestAcceptHoldsFundsAndAnswersRepeats(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		first, err := s.Accept(t.Context(), newPayout(210, "Order_1", 100))
		if err != nil || first.Repeat || first.RequestID == "" {
			t.Fatalf("first: %+v, %v", first, err)
		}
		again, err := s.Accept(t.Context(), newPayout(210, "ORDER_1", 100))
		if err != nil || !again.Repeat || again.RequestID != first.RequestID || again.PaymentID != "Order_1" {
			t.Fatalf("repeat: %+v, %v", again, err)
		}
		if _, err := s.Accept(t.Context(), newPayout(210, "order_1", 101)); !errors.Is(err, store.ErrOtherData) {
			t.Fatalf("other content: %v", err)
		}
		if a, h, _ := balance(t, s, 210); a != 900 || h != 100 {
			t.Fatalf("balance: available %d, held %d", a, h)
		}
		view, err := s.PaymentView(t.Context(), 210, "oRDER_1")
		if err != nil || view.Payment.Status != payout.Processing || len(view.Operations) != 1 || view.Operations[0].Stage != payout.New {
			t.Fatalf("view: %+v, %v", view, err)
		}
		byRequest, err := s.PaymentViewByRequest(t.Context(), 210, first.RequestID)
		if err != nil || byRequest.Payment.ID != view.Payment.ID {
			t.Fatalf("by request: %+v, %v", byRequest, err)
		}
	})
}

func TestConcurrentCopiesMakeOnePayment(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		var wg sync.WaitGroup
		receipts := make([]store.Receipt, 200)
		for i := range receipts {
			wg.Go(func() {
				var err error
				if receipts[i], err = s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		made := 0
		for _, r := range receipts {
			if r.RequestID != receipts[0].RequestID {
				t.Fatalf("answers differ: %+v and %+v", r, receipts[0])
			}
			if !r.Repeat {
				made++
			}
		}
		if _, h, _ := balance(t, s, 210); made != 1 || h != 100 {
			t.Fatalf("made %d payments, held %d", made, h)
		}
	})
}

func TestFundsOfOneBatchAreNotSpentTwice(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if _, err := s.Accept(t.Context(), newPayout(210, fmt.Sprint("p", i), 100)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		declined := 0
		for i := range 50 {
			v, err := s.PaymentView(t.Context(), 210, fmt.Sprint("p", i))
			if err != nil {
				t.Fatal(err)
			}
			if v.Payment.Status == payout.Decline {
				declined++
				if v.Operations[0].Code != payout.CodeInsufficientFunds || v.Payment.Events != 1 || v.Operations[0].Stage != payout.Closed {
					t.Fatalf("declined: %+v", v)
				}
			}
		}
		if a, h, _ := balance(t, s, 210); declined != 40 || a != 0 || h != 1000 {
			t.Fatalf("declined %d, available %d, held %d", declined, a, h)
		}
	})
}

func TestStepsFollowTheTableOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		if _, err := s.Accept(t.Context(), newPayout(210, "p", 100)); err != nil {
			t.Fatal(err)
		}
		lease := store.Lease{ProjectID: 210, Provider: "sandbox", N: 10, Submit: true, SubmitDeadline: 10 * time.Second, Duration: 12 * time.Second}
		work, err := s.LeaseOperations(t.Context(), lease)
		if err != nil || len(work) != 1 || work[0].Operation.Stage != payout.Sending || work[0].Operation.Submits != 1 || work[0].Account != "1090000000000000" {
			t.Fatalf("lease: %+v, %v", work, err)
		}
		if again, err := s.LeaseOperations(t.Context(), lease); err != nil || len(again) != 0 {
			t.Fatalf("leased twice: %+v, %v", again, err)
		}
		step := store.Step{Payment: work[0].Payment, Operation: work[0].Operation, Event: payout.Succeeded, Kind: "succeeded", ProviderPaymentID: "b-1"}
		var wg sync.WaitGroup
		var won, lost int
		var mu sync.Mutex
		for range 10 {
			wg.Go(func() {
				_, err := s.Apply(t.Context(), step)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errors.Is(err, store.ErrMoved):
					lost++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 || lost != 9 {
			t.Fatalf("won %d, lost %d", won, lost)
		}
		if a, h, _ := balance(t, s, 210); a != 900 || h != 0 {
			t.Fatalf("available %d, held %d", a, h)
		}
		v, err := s.PaymentView(t.Context(), 210, "p")
		if err != nil || v.Payment.Status != payout.Success || v.Operations[0].ProviderPaymentID != "b-1" || v.Payment.Head.Seq != 2 {
			t.Fatalf("view %+v, %v", v, err)
		}
		lanes, err := s.CallbackLanes(t.Context())
		if err != nil || len(lanes) != 1 {
			t.Fatalf("lanes %v, %v", lanes, err)
		}
		jobs, err := s.LeaseCallbacks(t.Context(), lanes[0].Lane, 10)
		if err != nil || len(jobs) != 1 || jobs[0].Event.Number != 1 || jobs[0].Operation.ID != v.Operations[0].ID {
			t.Fatalf("callbacks %+v, %v", jobs, err)
		}
		attempt := store.Attempt{ProjectID: 210, Number: 1, Attempt: 1, URL: jobs[0].URL, At: s.Now(), HTTPStatus: 200}
		if err := s.SaveAttempt(t.Context(), attempt, store.CallbackDelivered, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if lanes, err := s.CallbackLanes(t.Context()); err != nil || len(lanes) != 0 {
			t.Fatalf("lanes after delivery %v, %v", lanes, err)
		}
		if err := s.SealJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
