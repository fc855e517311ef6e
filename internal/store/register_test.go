package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
)

// registered makes a register of payments of all kinds in three projects, of which 220 is another merchant's.
func registered(t *testing.T, url string) *store.Store {
	t.Helper()
	s := open(t, url)
	for _, p := range []int64{210, 211, 220} {
		createProject(t, s, p, 1_000_000)
	}
	if err := store.FillRegister(t.Context(), s, 600, []int64{210, 211, 220}); err != nil {
		t.Fatal(err)
	}
	if err := s.FollowJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// everything reads all rows that a filter chooses, as one page that is as long as need be.
func everything(t *testing.T, s *store.Store, f store.RegisterFilter) []store.RegisterRow {
	t.Helper()
	out, err := s.Register(t.Context(), f, store.RegisterPage{Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	if out.More || out.Until != nil {
		t.Fatalf("not everything: %+v", out)
	}
	return out.Rows
}

// chosen is what a filter means, in plain Go.
func chosen(s *store.Store, f *store.RegisterFilter, r *store.RegisterRow) bool {
	has := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	situation := map[store.Situation]bool{
		"": true, store.SituationOpen: r.Status == payout.Processing, store.SituationDisputed: r.Stage == payout.Unsettled || r.Stage == payout.Disputed,
		store.SituationDiscrepancy: r.Stage == payout.Unsettled,
		store.SituationFailing:     r.Status == payout.Decline && strings.HasSuffix(r.PaymentID, "43"), // as FillRegister has it
		store.SituationAtRisk:      r.Status == payout.Processing && 10*r.ThresholdAt.Sub(s.Now()) < r.ThresholdAt.Sub(r.CreatedAt),
	}[f.Situation]
	return slices.Contains(f.Projects, r.ProjectID) && situation && (len(f.Statuses) == 0 || slices.Contains(f.Statuses, r.Status)) &&
		has(f.Methods, r.Method) && has(f.Currencies, r.Currency) && r.Amount >= f.MinAmount && (f.MaxAmount == 0 || r.Amount <= f.MaxAmount) &&
		(f.Code == nil || *f.Code == r.Code) && (f.Interface == 0 || f.Interface == r.Interface) &&
		(f.From.IsZero() || !r.CreatedAt.Before(f.From)) && (f.To.IsZero() || r.CreatedAt.Before(f.To))
}

func randomFilter(r *rand.Rand, s *store.Store) store.RegisterFilter {
	some := func(n int) bool { return r.IntN(n) == 0 }
	f := store.RegisterFilter{Projects: []int64{210, 211, 220}[:1+r.IntN(3)]}
	if some(3) {
		f.From = s.Now().Add(-time.Duration(r.IntN(400*24)) * time.Hour).Truncate(time.Second)
	}
	if some(3) {
		f.To = s.Now().Add(-time.Duration(r.IntN(300*24)) * time.Hour).Truncate(time.Second)
	}
	if some(3) {
		f.Statuses = []payout.Status{payout.Success, payout.Decline, payout.Processing}[:1+r.IntN(3)]
	}
	if some(4) {
		f.Situation = store.Situations[r.IntN(len(store.Situations))]
	}
	if some(4) {
		f.Methods = []string{"bank-transfer/sepa", "bank-transfer/georgia"}[:1+r.IntN(2)]
	}
	if some(4) {
		f.Currencies = []string{"KGS", "USD"}[:1+r.IntN(2)]
	}
	if some(4) {
		f.MinAmount, f.MaxAmount = int64(r.IntN(300)), int64(300+r.IntN(300))
	}
	if some(5) {
		code := []int{payout.CodeSuccess, payout.CodeGeneralDecline, payout.CodeAccountData, payout.CodeAwaiting}[r.IntN(4)]
		f.Code = &code
	}
	if some(5) {
		f.Interface = 1 + 4*r.IntN(2)
	}
	return f
}

// TestRegisterPages holds that under any filter the pages, one after the other, are the sorted list of what fits, in both
// directions.
func TestRegisterPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := registered(t, url)
		all := everything(t, s, store.RegisterFilter{Projects: []int64{210, 211, 220}})
		if len(all) != 600 || !slices.IsSortedFunc(all, func(a, b store.RegisterRow) int { return b.CreatedAt.Compare(a.CreatedAt) }) {
			t.Fatalf("%d rows", len(all))
		}
		seed := uint64(time.Now().UnixNano())
		r := rand.New(rand.NewPCG(seed, 1))
		hits := 0
		for i := range 60 {
			f := randomFilter(r, s)
			var want []int64
			for k := range all {
				if chosen(s, &f, &all[k]) {
					want = append(want, all[k].ID)
				}
			}
			limit := 1 + r.IntN(40)
			hits += len(want)
			forth, last := pagesOf(t, s, f, limit, nil, false)
			if !slices.Equal(forth, want) {
				t.Fatalf("seed %d, filter %d %+v: pages of %d have %d rows, want %d", seed, i, f, limit, len(forth), len(want))
			}
			if last == nil {
				continue
			}
			back, _ := pagesOf(t, s, f, limit, last, true)
			if !slices.Equal(back, want[:len(want)-1]) {
				t.Fatalf("seed %d, filter %d %+v: back in pages of %d there are %d rows, want %d", seed, i, f, limit, len(back), len(want)-1)
			}
		}
		if hits == 0 {
			t.Error("no filter has chosen anything")
		}
	})
}

// pagesOf reads page after page, and returns the ids in the register's order and the place of the last row.
func pagesOf(t *testing.T, s *store.Store, f store.RegisterFilter, limit int, from *store.Cursor, newer bool) (ids []int64, last *store.Cursor) {
	t.Helper()
	page := store.RegisterPage{Place: from, Newer: newer, Limit: limit}
	for {
		out, err := s.Register(t.Context(), f, page)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Rows) > limit {
			t.Fatalf("%d rows on a page of %d", len(out.Rows), limit)
		}
		var these []int64
		for _, row := range out.Rows {
			these = append(these, row.ID)
		}
		if newer {
			ids = append(these, ids...)
		} else {
			ids = append(ids, these...)
		}
		if n := len(out.Rows); n > 0 {
			first, end := out.Rows[0].Place(), out.Rows[n-1].Place()
			if page.Place, last = &end, &end; newer {
				page.Place = &first
			}
		}
		switch {
		case out.Until != nil:
			page.Place = out.Until
		case !out.More:
			return ids, last
		}
	}
}

// TestRegisterStopsAndGoesOn holds that a rare filter does not read on without end, and that nothing is missed by going
// on where it stopped.
func TestRegisterStopsAndGoesOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := registered(t, url)
		defer store.SetRegisterBounds(37, 5)()
		for name, f := range map[string]store.RegisterFilter{
			"amount":      {Projects: []int64{210, 211, 220}, MinAmount: 590},
			"declined":    {Projects: []int64{210, 211}, Statuses: []payout.Status{payout.Decline}},
			"discrepancy": {Projects: []int64{210, 211, 220}, Situation: store.SituationDiscrepancy},
			"failing":     {Projects: []int64{210, 211, 220}, Situation: store.SituationFailing},
			"customer":    {Projects: []int64{210, 211, 220}, Search: "customer-7"}, // ten of them: more than an index may name
			"account":     {Projects: []int64{210, 211, 220}, Search: "1090000000000007"},
		} {
			restore := store.SetRegisterBounds(20_000, 2_000)
			want, _ := pagesOf(t, s, f, 1000, nil, false)
			restore()
			got, _ := pagesOf(t, s, f, 3, nil, false)
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("%s: %d rows, want %d", name, len(got), len(want))
			}
		}
		first, err := s.Register(t.Context(), store.RegisterFilter{Projects: []int64{210}, MinAmount: 1 << 40}, store.RegisterPage{Limit: 10})
		if err != nil || len(first.Rows) != 0 || first.Until == nil {
			t.Errorf("a filter that nothing fits: %+v, %v", first, err)
		}
	})
}

func TestRegisterSearch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := registered(t, url)
		mine := []int64{210, 211}
		all := everything(t, s, store.RegisterFilter{Projects: []int64{210, 211, 220}})
		for _, row := range all[100:104] {
			view, err := s.PaymentByID(t.Context(), row.ProjectID, row.ID)
			if err != nil {
				t.Fatal(err)
			}
			request, err := s.OpenRequest(t.Context(), view)
			if err != nil {
				t.Fatal(err)
			}
			account := string(request[bytes.Index(request, []byte("109")):][:16])
			rows := []store.RegisterRow{row}
			if err := s.NameRecipients(t.Context(), rows); err != nil {
				t.Fatal(err)
			}
			family, first, _ := strings.Cut(rows[0].Recipient, " ")
			for what, text := range map[string]string{
				"payment id": strings.ToUpper(row.PaymentID), "operation id": fmt.Sprint(row.Operation), "customer id": " " + row.CustomerID + " ",
				"provider's payment id": row.ProviderPaymentID, "account number": account[:4] + " " + account[4:],
				"customer id in capitals": strings.ToUpper(row.CustomerID), "provider's payment id in small letters": strings.ToLower(row.ProviderPaymentID),
				"account number with hyphens": account[:4] + "-" + account[4:8] + "\u00a0" + account[8:], "mask": row.AccountMask, "mask with fewer signs": strings.Replace(row.AccountMask, "******", "*", 1),
				"end of a payment id": row.PaymentID[len(row.PaymentID)-4:], "beginning of a payment id": strings.ToUpper(row.PaymentID[:len(row.PaymentID)-1]),
				"midst of a payment id": row.PaymentID[1:6], "several values": "nobody, " + row.PaymentID + ";nothing", "values between blanks": "x1 " + row.PaymentID,
				"family name": strings.ToUpper(family), "name": rows[0].Recipient, "name in another order": first + " " + strings.ToLower(family),
				"name on a Russian keyboard": family + " " + strings.NewReplacer("ү", "у", "Ү", "У", "ё", "е").Replace(first),
			} {
				if text == "" { // never handed to a provider
					continue
				}
				for name, seen := range map[string][]int64{"mine": mine, "another's": {220}} {
					want := slices.Contains(seen, row.ProjectID)
					got := slices.ContainsFunc(everything(t, s, store.RegisterFilter{Projects: seen, Search: text}), func(r store.RegisterRow) bool { return r.ID == row.ID })
					if got != want {
						t.Errorf("%s %q of project %d, searched in %s: found %v", what, text, row.ProjectID, name, got)
					}
				}
			}
		}
		for _, text := range []string{"nobody", "ord", "109", "%%%%", "____", "0", "-1", "9223372036854775808", "Осмонов", "Осмонов1 Никто", "Бакыт Айгүл", ",;,"} {
			if got := everything(t, s, store.RegisterFilter{Projects: mine, Search: text}); len(got) != 0 {
				t.Errorf("%q finds %d payments", text, len(got))
			}
		}
		if got := everything(t, s, store.RegisterFilter{Search: "order-1"}); len(got) != 0 {
			t.Errorf("who sees no project finds %d payments", len(got))
		}
	})
}

// TestTotals holds that totals are what adding the rows up gives, whether rollups say them or a count does.
func TestTotals(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := registered(t, url)
		defer store.SetRegisterBounds(20_000, 5)()
		r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
		for range 60 {
			f := randomFilter(r, s)
			want := &store.Totals{}
			rows, _ := allRows(t, s, f)
			for _, row := range rows {
				want.Add([]store.Total{{Currency: row.Currency, Status: row.Status, Payments: 1, Amount: row.Amount}})
			}
			got := &store.Totals{}
			var rest []store.Cursor
			for {
				part, err := s.Totals(t.Context(), f, rest)
				if err != nil {
					t.Fatal(err)
				}
				got.Add(part.Lines)
				if rest = part.Rest; len(rest) == 0 {
					break
				}
			}
			if !slices.Equal(got.Lines, want.Lines) {
				t.Errorf("%+v\nhave %+v\nwant %+v", f, got.Lines, want.Lines)
			}
		}
	})
}

func allRows(t *testing.T, s *store.Store, f store.RegisterFilter) (rows []store.RegisterRow, pages int) {
	t.Helper()
	page := store.RegisterPage{Limit: 200}
	for {
		out, err := s.Register(t.Context(), f, page)
		if err != nil {
			t.Fatal(err)
		}
		rows, pages = append(rows, out.Rows...), pages+1
		switch {
		case out.Until != nil:
			page.Place = out.Until
		case !out.More:
			return rows, pages
		default:
			last := out.Rows[len(out.Rows)-1].Place()
			page.Place = &last
		}
	}
}

// TestRollupsFollowTheRoad holds that rollups and lookups take each journal line in once: while payments are accepted,
// paid and declined, with several followers at once, and over a restart.
func TestRollupsFollowTheRoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 100_000)
		stop, done := make(chan struct{}), make(chan error, 3)
		for range cap(done) {
			go func() {
				for {
					select {
					case <-stop:
						done <- nil
						return
					default:
					}
					if err := s.FollowJournal(context.WithoutCancel(t.Context())); err != nil {
						done <- err
						return
					}
				}
			}()
		}
		for i := range 60 {
			p := newPayout(210, fmt.Sprint("p", i), int64(100+i%3*10_000)) // in the end the funds do not suffice
			if _, err := s.Accept(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			v, err := s.PaymentView(t.Context(), 210, p.PaymentID)
			if err != nil {
				t.Fatal(err)
			}
			step := store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: payout.Succeeded, Kind: "succeeded", ProviderPaymentID: fmt.Sprint("B", i)}
			if i%4 == 1 {
				step.Event, step.Kind, step.Code = payout.Declined, "declined", payout.CodeGeneralDecline
			}
			if v.Payment.Status == payout.Processing && i%4 != 2 {
				if _, err := s.Apply(t.Context(), step); err != nil {
					t.Fatal(err)
				}
			}
		}
		close(stop)
		for range cap(done) {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if err := s.FollowJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if wrong, err := s.CheckRollups(t.Context()); err != nil || wrong != "" {
			t.Errorf("%s %v", wrong, err)
		}
		for _, text := range []string{"B0", "c-1", "1090000000000000"} {
			if rows := everything(t, s, store.RegisterFilter{Projects: []int64{210}, Search: text}); len(rows) == 0 {
				t.Errorf("%s is not found", text)
			}
		}
	})
}

func TestSavedFilters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		ann, bob := &staff.User{ID: 1, Email: "ann@example.kg"}, &staff.User{ID: 2, Email: "bob@example.kg"}
		for i := range 50 {
			if err := people.New(s).SaveFilter(t.Context(), fmt.Sprint("once-", i), ann, people.SavedFilter{Name: fmt.Sprint("f", i), Query: "status=decline"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := people.New(s).SaveFilter(t.Context(), "more", ann, people.SavedFilter{Name: "one more"}); !errors.Is(err, people.ErrTooManyFilters) {
			t.Errorf("the 51st: %v", err)
		}
		if err := people.New(s).SaveFilter(t.Context(), "again", ann, people.SavedFilter{Name: "f7", Query: "status=success"}); err != nil {
			t.Errorf("replacing one: %v", err)
		}
		if err := people.New(s).DropFilter(t.Context(), "drop", ann, "f8"); err != nil {
			t.Error(err)
		}
		mine, err := people.New(s).SavedFilters(t.Context(), ann.ID)
		if err != nil || len(mine) != 49 || !slices.Contains(mine, people.SavedFilter{Name: "f7", Query: "status=success"}) {
			t.Errorf("%v, %v", mine, err)
		}
		if others, err := people.New(s).SavedFilters(t.Context(), bob.ID); err != nil || len(others) != 0 {
			t.Errorf("%v, %v", others, err)
		}
		for i, columns := range [][]string{{"id", "amount"}, nil} {
			if err := people.New(s).SaveRegisterColumns(t.Context(), fmt.Sprint("columns-", i), ann, columns); err != nil {
				t.Fatal(err)
			}
			if got, err := people.New(s).RegisterColumns(t.Context(), ann.ID); err != nil || !slices.Equal(got, columns) {
				t.Errorf("%v, %v", got, err)
			}
		}
	})
}

// TestDirectoryBeginsAnew holds that payments of a database that was older than the directory are found once it has caught up,
// however many nodes follow, and that all that one account or customer was paid is found.
func TestDirectoryBeginsAnew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := registered(t, url)
		if err := s.EmptyDirectory(t.Context()); err != nil {
			t.Fatal(err)
		}
		mine := []int64{210, 211}
		found := func(f store.RegisterFilter) int { return len(everything(t, s, f)) }
		byName := store.RegisterFilter{Projects: mine, Search: "осмонов7 НУРЛАН"}
		if n := found(byName); n != 0 {
			t.Errorf("%d payments are found by what is not indexed", n)
		}
		done := make(chan error, 2)
		for range cap(done) {
			go func() { done <- s.FollowJournal(context.WithoutCancel(t.Context())) }()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if found(byName) == 0 {
			t.Error("nobody is found by name")
		}
		for _, row := range everything(t, s, store.RegisterFilter{Projects: mine})[:5] {
			account, customer := 0, 0
			for _, r := range everything(t, s, store.RegisterFilter{Projects: mine}) {
				if r.AccountMask == row.AccountMask { // of these payments no two accounts share a mask
					account++
				}
				if r.CustomerID == row.CustomerID && r.ProjectID == row.ProjectID {
					customer++
				}
			}
			for _, restore := range []func(){func() {}, store.SetRegisterBounds(20_000, 0)} { // by the index, and where it names too many
				for byCustomer, want := range map[bool]int{false: account, true: customer} {
					payee, err := s.PayeeOf(t.Context(), row.ProjectID, row.ID, byCustomer)
					if err != nil {
						t.Fatal(err)
					}
					if n := found(store.RegisterFilter{Projects: mine, Payee: payee}); n != want {
						t.Errorf("by customer %v: %d payments, want %d", byCustomer, n, want)
					}
				}
				restore()
			}
		}
	})
}

func TestSearchedValues(t *testing.T) {
	t.Parallel()
	got := store.SearchedValues(" a b, c;;d\n e \t, c,")
	if !slices.Equal(got, []string{"a b", "c", "d", "e"}) {
		t.Errorf("%q", got)
	}
}
