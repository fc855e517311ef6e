package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// limited is a store whose projects 210 and 211 (test) and 212 (live) ask for a second person above 10.00 KGS.
func limited(t *testing.T, url string, clock func() time.Time) *store.Store {
	t.Helper()
	s := node(t, url, clock)
	limit(t, s)
	return s
}

func limit(t *testing.T, s *store.Store) {
	t.Helper()
	for id, mode := range map[int64]merchant.Mode{210: merchant.Test, 211: merchant.Test, 212: merchant.Live} {
		p := &merchant.Project{ID: id, MerchantID: 7, Name: "Shop", Mode: mode, Settings: merchant.Settings{Approval: merchant.Sums{"KGS": 1000}}}
		if err := s.CreateProject(t.Context(), p, fmt.Sprint("key", id), map[string]int64{"KGS": 100_000}, "test"); err != nil {
			t.Fatal(err)
		}
	}
}

// node is one process over a database; clock nil is the real one.
func node(t *testing.T, url string, clock func() time.Time) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// sends sends a payout by hand as a user, to an account.
func sends(s *store.Store, u *staff.User, project int64, id string, amount int64, account string) error {
	p := newPayout(project, id, amount)
	p.Interface, p.Actor, p.Account = 5, u.Actor(), account
	_, err := s.Accept(context.Background(), p)
	return err
}

func TestWhatOnePersonSendsAloneAddsUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		clock := storetest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		s := limited(t, url, clock.Now)
		users := colleagues(t, s, "aida", "bakyt")
		aida, bakyt := users["aida"], users["bakyt"]
		const a, b = "1090000000000000", "1090000000000001"
		for i, c := range []struct {
			user    *staff.User
			project int64
			amount  int64
			account string
			needs   bool
		}{
			{aida, 210, 1001, a, true},   // alone above the sum
			{aida, 210, 600, a, false},   // 600
			{aida, 210, 401, b, true},    // split over two accounts
			{aida, 210, 400, b, false},   // exactly the sum
			{aida, 210, 1, b, true},      // nothing is left
			{bakyt, 210, 1000, a, false}, // another person
			{aida, 211, 401, a, true},    // 600 to this account from another project
			{aida, 211, 400, a, false},
			{aida, 211, 600, "1090000000000002", false}, // 1000 in all from this project
			{aida, 212, 1000, a, false},                 // real money is not test money
		} {
			err := sends(s, c.user, c.project, fmt.Sprint("p", i), c.amount, c.account)
			if errors.Is(err, store.ErrNeedsSecond) != c.needs || !c.needs && err != nil {
				t.Errorf("%d: %d from %d: %v", i, c.amount, c.project, err)
			}
		}
		if err := sends(s, aida, 210, "p1", 600, a); err != nil {
			t.Errorf("a repeat: %v", err)
		}
		if err := sends(s, aida, 210, "p1", 601, a); !errors.Is(err, store.ErrOtherData) {
			t.Errorf("other content: %v", err)
		}
		approved := newPayout(210, "approved", 5000)
		approved.Actor = "approval 5"
		if _, err := s.Accept(t.Context(), approved); err != nil {
			t.Errorf("what two people have decided: %v", err)
		}
		if available, held, _ := balance(t, s, 210); available != 93_000 || held != 7000 {
			t.Errorf("project 210: %d available, %d held", available, held)
		}
		sent, err := s.SentAlone(t.Context(), store.Sending{UserID: aida.ID, ProjectID: 210, Currency: "KGS", Account: a})
		if err != nil || sent != (store.SentAlone{InAll: 1000, ToAccount: 1000}) {
			t.Errorf("%+v, %v", sent, err)
		}
		clock.Advance(24*time.Hour + time.Second)
		if err := sends(s, aida, 210, "next-day", 1000, a); err != nil {
			t.Errorf("the next day: %v", err)
		}
	})
}

func TestDeclinedPayoutsDoNotCountAgainstTheirSender(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := limited(t, url, nil)
		aida := colleagues(t, s, "aida")["aida"]
		poor := newPayout(210, "poor", 900)
		poor.Actor, poor.Currency, poor.Check.Currency = aida.Actor(), "KGS", "KGS"
		poor.Check.MaxAmount = 1 // declined by its limits
		if _, err := s.Accept(t.Context(), poor); err != nil {
			t.Fatal(err)
		}
		if err := sends(s, aida, 210, "good", 1000, "1"); err != nil {
			t.Errorf("after a declined one: %v", err)
		}
	})
}

// Two tabs, two nodes: together they send no more than one person may.
func TestOnePersonSendsNoMoreFromTwoPlacesAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		stores := []*store.Store{node(t, url, nil)}
		if url[:6] != "sqlite" {
			stores = append(stores, node(t, url, nil))
		}
		maker := colleagues(t, stores[0], "aida")["aida"]
		second := invited(t, stores[0], maker, "second") // whose link the maker has seen
		limit(t, stores[0])
		for _, s := range stores {
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		passed := 0
		for i := range 40 {
			wg.Go(func() {
				err := sends(stores[i%len(stores)], []*staff.User{maker, second}[i/2%2], 210, fmt.Sprint("p", i), 150, fmt.Sprint("account ", i))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					passed++
				case !errors.Is(err, store.ErrNeedsSecond):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, held, _ := balance(t, stores[0], 210); passed != 6 || held != 900 {
			t.Errorf("%d passed, %d held", passed, held)
		}
	})
}

// A batch counts as one sending: in the commit that sends it.
func TestABatchCountsForItsSender(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := limited(t, url, nil)
		aida := colleagues(t, s, "aida")["aida"]
		batch := func(amount int64) error {
			return s.Do(t.Context(), "", func(ctx context.Context, tx *store.Tx) error {
				return tx.SendAlone(ctx, store.Sending{UserID: aida.ID, ProjectID: 210, Amount: amount, Currency: "KGS"})
			})
		}
		if err := batch(600); err != nil {
			t.Fatal(err)
		}
		if err := sends(s, aida, 210, "p", 401, "1"); !errors.Is(err, store.ErrNeedsSecond) {
			t.Errorf("a payout after the batch: %v", err)
		}
		if err := batch(401); !errors.Is(err, store.ErrNeedsSecond) {
			t.Errorf("another batch: %v", err)
		}
	})
}
