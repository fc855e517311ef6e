package paid_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/store/paid"
	"flashpay/internal/storetest"
	"flashpay/internal/wire"
)

func open(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for id := int64(210); id < 212; id++ {
		p := &merchant.Project{ID: id, MerchantID: 7, Name: "shop", Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://127.0.0.1:1/"}}
		if err := s.CreateProject(t.Context(), p, "key", map[string]int64{"KGS": 1_000_000}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func pay(t *testing.T, s *store.Store, project int64, id, account string, amount int64, content byte) {
	t.Helper()
	n := &store.NewPayout{
		ProjectID: project, PaymentID: id, ContentHash: [32]byte{content}, Method: "bank-transfer/kyrgyzstan", MethodTitle: "x", Amount: amount, Currency: "KGS",
		Account: account, AccountMask: wire.Mask(account), CustomerID: "c", Request: []byte(`{"account":{"number":"` + account + `"}}`), Interface: 1, Threshold: time.Hour,
	}
	n.Provider, n.ProviderID = "sandbox", 1
	n.Check.Method, n.Check.Currencies, n.Check.Currency, n.Check.Amount = n.Method, []string{"KGS"}, "KGS", amount
	n.Check.MinAmount, n.Check.MaxAmount = 1, 1_000_000
	if _, err := s.Accept(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

func TestPaidBefore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		pay(t, s, 210, "Salary-1", "a", 100, 1)
		pay(t, s, 210, "salary-2", "b", 100, 2)
		pay(t, s, 211, "salary-3", "a", 100, 3)
		known := paid.New(s)
		var ids []paid.ID
		for n := range 700 { // more than one statement has
			ids = append(ids, paid.ID{ProjectID: 210, PaymentID: fmt.Sprint("SALARY-", n)})
		}
		found := make(map[int]paid.Payment)
		if err := known.ByID(t.Context(), ids, func(i int, p paid.Payment) { found[i] = p }); err != nil {
			t.Fatal(err)
		}
		one, two := found[1], found[2]
		if len(found) != 2 || one.PaymentID != "Salary-1" || two.PaymentID != "salary-2" || one.Status != "processing" || time.Since(one.At) > time.Hour {
			t.Errorf("found %+v", found)
		}
		if !known.SameContent(&one, [32]byte{1}) || known.SameContent(&one, [32]byte{2}) {
			t.Error("the content that made it is not told from another")
		}
	})
}

// TestIDsOfAFile looks for neighbours, and for ids between which others stand: both are found as one by one.
func TestIDsOfAFile(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		for n := range 100 {
			pay(t, s, 210, fmt.Sprintf("Neighbour-%03d", n), "a", 100, 1)
		}
		pay(t, s, 211, "neighbour-050", "a", 100, 1)
		known := paid.New(s)
		for _, c := range []struct {
			project  int64
			from, to int
			apart    bool
		}{{210, 95, 120, false}, {210, 200, 300, false}, {210, 0, 100, false}, {211, 0, 100, false}, {210, -10, 2, false}, {210, 0, 9, true}} {
			ids := known.IDs()
			var ask []paid.ID
			for n := c.from; n < c.to; n++ {
				ask = append(ask, paid.ID{ProjectID: c.project, PaymentID: fmt.Sprintf("nEIGHBOUR-%03d", n)})
			}
			if c.apart {
				ask = append(ask, paid.ID{ProjectID: c.project, PaymentID: "neighbour-099"}, paid.ID{ProjectID: 211, PaymentID: "neighbour-050"})
			}
			for range 2 {
				one, all := make(map[int]string), make(map[int]string)
				if err := known.ByID(t.Context(), ask, func(i int, p paid.Payment) { one[i] = p.PaymentID }); err != nil {
					t.Fatal(err)
				}
				if err := ids.Find(t.Context(), ask, func(i int, p paid.Payment) { all[i] = p.PaymentID }); err != nil {
					t.Fatal(err)
				}
				if !maps.Equal(one, all) {
					t.Errorf("%+v: one by one %v, together %v", c, one, all)
				}
			}
			if ids.Apart() && !c.apart {
				t.Errorf("%+v: each is looked for by itself", c)
			}
		}
	})
}

func TestPaidToTheSameAccount(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		recent := func() *paid.Recent { return paid.New(s).Since(s.Now().Add(-time.Hour)) }
		sums := []paid.Sum{
			{ProjectID: 210, Account: "a", Currency: "KGS", Amount: 100},
			{ProjectID: 210, Account: "a", Currency: "KGS", Amount: 101},
			{ProjectID: 210, Account: "a", Currency: "USD", Amount: 100},
			{ProjectID: 211, Account: "a", Currency: "KGS", Amount: 100},
			{ProjectID: 210, Account: "c", Currency: "KGS", Amount: 100},
			{ProjectID: 210, Account: "declined", Currency: "KGS", Amount: 900_000},
		}
		look := func(r *paid.Recent) (all []string) {
			t.Helper()
			if err := r.BySum(t.Context(), sums, func(i int, p paid.Payment) { all = append(all, fmt.Sprint(i, " ", p.PaymentID)) }); err != nil {
				t.Fatal(err)
			}
			slices.Sort(all)
			return all
		}
		if got := look(recent()); len(got) > 0 {
			t.Errorf("nothing was paid, and %v is found", got)
		}
		pay(t, s, 210, "first", "a", 100, 1)
		pay(t, s, 210, "second", "a", 100, 2)
		pay(t, s, 210, "other", "b", 100, 3)
		pay(t, s, 210, "most of it", "x", 900_000, 4)
		pay(t, s, 210, "too much", "declined", 900_000, 5)
		if err := s.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(look(recent()), ", "); got != "0 first, 0 second" {
			t.Errorf("found %s", got)
		}
		former := func(ctx context.Context, t *store.Tx) error { // as an older program put them, with one of now beside them
			_, err := t.Exec(ctx, "UPDATE lookups SET bucket = payment / 100000 WHERE payment <> (SELECT MAX(payment) FROM lookups)")
			return err
		}
		if err := s.Do(t.Context(), "", former); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(look(recent()), ", "); got != "0 first, 0 second" {
			t.Errorf("in buckets of an older program %s is found", got)
		}
		long := recent()
		filler := make([]paid.Sum, 5000)
		for i := range filler {
			filler[i] = paid.Sum{ProjectID: 210, Account: "a", Currency: "KGS", Amount: int64(1000 + i)}
		}
		if err := long.BySum(t.Context(), filler, func(i int, p paid.Payment) { t.Errorf("%d: %+v", i, p) }); err != nil {
			t.Fatal(err)
		}
		if !long.Whole(210) {
			t.Error("a long file looks for all accounts")
		}
		if got := strings.Join(look(long), ", "); got != "0 first, 0 second" {
			t.Errorf("once the sums are known %s is found", got)
		}
		if got := look(paid.New(s).Since(s.Now().Add(time.Hour))); len(got) > 0 {
			t.Errorf("of later than now %v is found", got)
		}
		payments, amount, err := paid.New(s).Usual(t.Context(), 210, "KGS", s.Now().Add(-48*time.Hour))
		if err != nil || payments != 0 || amount != 0 { // none has succeeded yet
			t.Errorf("usual: %d payments of %d, %v", payments, amount, err)
		}
	})
}

// TestPaidByTwoNodes looks for what nodes paid whose ids are of shards far apart: only where there is something.
func TestPaidByTwoNodes(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.Postgres)
	first := open(t, url)
	second, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := second.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	pay(t, first, 210, "first", "a", 100, 1)
	pay(t, second, 210, "second", "a", 100, 2)
	for _, s := range []*store.Store{first, second} {
		if err := s.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	recent := paid.New(first).Since(first.Now().Add(-time.Hour))
	var found []string
	sums := []paid.Sum{{ProjectID: 210, Account: "a", Currency: "KGS", Amount: 100}}
	if err := recent.BySum(t.Context(), sums, func(_ int, p paid.Payment) { found = append(found, p.PaymentID) }); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(found); !slices.Equal(found, []string{"first", "second"}) {
		t.Errorf("found %v", found)
	}
	if n := recent.Buckets(210); n != 2 {
		t.Errorf("it looks into %d buckets, want one of each node", n)
	}
}

// TestPlans holds that nothing is looked for by reading whole tables, however many are asked for at once.
func TestPlans(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		bad := []string{"SCAN p", "SCAN l", "SCAN payments", "SCAN lookups", "SCAN rollups", "TEMP B-TREE"}
		if s.DialectName() != storetest.SQLite {
			bad = []string{"Seq Scan on ", "Sort", "Bitmap", "Hash"}
		}
		for text, args := range paid.Statements(s.DB().Dialect) {
			plan := storetest.Plan(t, s, text, args)
			for _, word := range bad {
				if strings.Contains(plan, word) {
					t.Errorf("the plan has %q:\n%.300s\n%s", word, text, plan)
				}
			}
		}
	})
}
