package sample_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/audit"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/sample"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

var end = time.Date(2026, 11, 25, 14, 23, 7, 0, time.UTC)

func config(url string, payouts int) sample.Config {
	return sample.Config{
		Store:    store.Config{URL: url, Keyset: storetest.Keyset()},
		Shop:     sample.Project{ID: 210, Name: "Demo shop", Key: "secret", CallbackURL: "https://shop.example.kg/callbacks"},
		Salaries: sample.Project{ID: 211, Name: "Demo salaries", Key: "other secret", CallbackURL: "https://salaries.example.kg/callbacks"},
		Market:   sample.Project{ID: 212, Name: "Demo marketplace", Key: "third secret", CallbackURL: "https://market.example.kg/callbacks"},
		End:      end, Payouts: payouts, Seed: 1, Waiting: true,
	}
}

func fill(t testing.TB, c sample.Config) sample.Result {
	t.Helper()
	result, err := sample.Fill(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func checkAudit(t testing.TB, s *store.Store) *audit.Report {
	t.Helper()
	// The sandbox's books, which know nothing of the sample's bank.
	books := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer books.Close()
	report, err := audit.Run(t.Context(), audit.Config{Store: s, BankURL: books.URL, Provider: "sandbox", Client: books.Client()})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		t.Errorf("audit: %s %s: %s", f.Kind, f.Name(), f.What)
	}
	if !report.OK {
		t.Fatalf("the audit is not clean: %v", report.Failures)
	}
	return report
}

// made is what a payout shows for, without what is drawn anew each time.
type made struct {
	status    payout.Status
	stage     payout.Stage
	code      int
	amount    int64
	at, until time.Time
	mask      string
	customer  string
	text      string
	told      store.CallbackState
	attempts  int
	lastAt    time.Time
}

func payoutsOf(t testing.TB, s *store.Store, ids ...int64) map[string]made {
	t.Helper()
	out := make(map[string]made)
	for _, id := range ids {
		told, err := s.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: id, Limit: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range told {
			v, err := s.PaymentView(t.Context(), id, d.PaymentID)
			if err != nil {
				t.Fatal(err)
			}
			p, o := v.Payment, v.Operations[0]
			out[fmt.Sprintf("%d/%s", id, d.PaymentID)] = made{
				p.Status, o.Stage, o.Code, p.Amount, p.CreatedAt, p.UpdatedAt, p.AccountMask, p.CustomerID, p.Description, d.State, d.Attempts, d.LastAt,
			}
		}
	}
	return out
}

func TestFillIsGenuine(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		var seen int
		c := config(url, 400)
		c.Progress = func(made, all int) { seen = made*1000 + all }
		result := fill(t, c)
		if result.Made < 380 || result.Made > 400 || seen != result.Made*1001 {
			t.Errorf("made %d payouts; the progress says %d", result.Made, seen)
		}
		s := open(t, url)
		report := checkAudit(t, s)
		if report.Checked["payments"] != int64(result.Made) || report.Checked["seals"] < 200 {
			t.Errorf("the audit saw %d payments and %d seals", report.Checked["payments"], report.Checked["seals"])
		}
		all := payoutsOf(t, s, 210, 211, 212)
		if len(all) != result.Made {
			t.Errorf("%d payouts have callbacks, %d were made", len(all), result.Made)
		}
		codes, states, kinds := map[int]int{}, map[store.CallbackState]int{}, map[string]int{}
		for id, m := range all {
			if !m.status.Final() || m.stage.Open() || m.told == store.CallbackPending {
				t.Errorf("%s is left open: %+v", id, m)
			}
			codes[m.code]++
			states[m.told]++
		}
		for _, code := range []int{0, 603, 2642, 3028, 3358, 20000, 20102, 20106, 20204, 20501} {
			if codes[code] == 0 {
				t.Errorf("no payout ended with %d", code)
			}
		}
		if states[store.CallbackGivenUp] == 0 || states[store.CallbackGivenUp] > 3 || report.Checked["attempts"] < 130 {
			t.Errorf("callbacks: %v, attempts logged: %d", states, report.Checked["attempts"])
		}
		open, err := s.OpenDiscrepancies(t.Context(), nil, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range open {
			kinds[d.Kind]++
		}
		if kinds[payout.LateSuccess] == 0 || kinds[payout.NoAnswer] == 0 || kinds[payout.DeclinedAfterSuccess] == 0 {
			t.Errorf("discrepancies: %v", kinds)
		}
	})
}

func TestFillAgainDoublesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		c := config(url, 120)
		first := fill(t, c)
		s := open(t, url)
		before := payoutsOf(t, s, 210, 211, 212)
		// A day later, as the demo's next start: the year is the one that was chosen first.
		c.End = end.Add(25 * time.Hour)
		again := fill(t, c)
		if again.Made != 0 || !again.From.Equal(first.From) || !again.To.Equal(first.To) {
			t.Errorf("first %+v, again %+v", first, again)
		}
		same(t, before, payoutsOf(t, s, 210, 211, 212))
		c.Payouts = 150
		if _, err := sample.Fill(t.Context(), c); !errors.Is(err, sample.ErrTaken) {
			t.Errorf("filling with another number: %v", err)
		}
		same(t, before, payoutsOf(t, s, 210, 211, 212))
	})
}

func TestFillGoesOnWhereItWasInterrupted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		c := config(url, 200)
		whole := "sqlite:" + filepath.Join(t.TempDir(), "whole.db")
		wanted := config(whole, 200)
		fill(t, wanted)
		total := 0
		for _, at := range []int{50, 100, 150} { // again and again, with payouts under way
			ctx, cancel := context.WithCancel(t.Context())
			c.Progress = func(made, _ int) {
				if made == at {
					cancel()
				}
			}
			result, err := sample.Fill(ctx, c)
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("interrupted at %d: %v", at, err)
			}
			total += result.Made
		}
		c.Progress = nil
		total += fill(t, c).Made
		s := open(t, url)
		checkAudit(t, s)
		want := payoutsOf(t, open(t, whole), 210, 211, 212)
		if total != len(want) {
			t.Errorf("%d payouts were made in four calls, %d in one", total, len(want))
		}
		same(t, want, payoutsOf(t, s, 210, 211, 212))
		for id := range map[int64]bool{210: true, 211: true, 212: true} {
			got, want := balance(t, s, id), balance(t, open(t, whole), id)
			if got != want {
				t.Errorf("project %d has %s, want %s", id, got, want)
			}
		}
	})
}

func balance(t testing.TB, s *store.Store, id int64) string {
	t.Helper()
	balances, err := s.Balances(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(balances)
}

func same(t testing.TB, want, got map[string]made) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%d payouts, want %d", len(got), len(want))
	}
	for id := range want {
		if want[id] != got[id] {
			t.Errorf("%s is %+v, want %+v", id, got[id], want[id])
		}
	}
}

func TestFillIsDeterminedByItsSeed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all []map[string]made
	for k, seed := range []uint64{7, 7, 8} {
		c := config(fmt.Sprintf("sqlite:%s/%d.db", dir, k), 100)
		c.Seed = seed
		fill(t, c)
		all = append(all, payoutsOf(t, open(t, c.Store.URL), 210, 211, 212))
	}
	same(t, all[0], all[1])
	alike := 0
	for id := range all[0] {
		if all[0][id] == all[2][id] {
			alike++
		}
	}
	if alike > 0 {
		t.Errorf("%d of %d payouts are the same with another seed", alike, len(all[0]))
	}
}

func TestYearIsBelievable(t *testing.T) {
	t.Parallel()
	c := config(storetest.URL(t, storetest.SQLite), 1200)
	result := fill(t, c)
	s := open(t, c.Store.URL)
	months, halves, night, weekend, payday := map[string]int{}, [2]int{}, 0, 0, 0
	all := payoutsOf(t, s, 210, 211, 212)
	zone := time.FixedZone("Asia/Bishkek", 6*60*60)
	for id, m := range all {
		at := m.at.In(zone)
		months[at.Format("2006-01")]++
		halves[m.at.Sub(result.From)/(183*24*time.Hour)]++
		if at.Hour() < 6 {
			night++
		}
		if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
			weekend++
		}
		if d := at.Day(); id[:3] == "211" && (d >= 2 && d <= 5 || d >= 17 && d <= 20) {
			payday++
		}
		if m.until.After(result.To) || m.lastAt.After(result.To) {
			t.Errorf("%s goes on after the year's end: %+v", id, m)
		}
		if m.code != payout.CodeAboveLimit && m.code != payout.CodeBelowLimit && id[:3] != "212" && (m.amount < 1500 || m.amount > 1_500_000) {
			t.Errorf("%s pays %d", id, m.amount)
		}
	}
	n := len(all)
	if len(months) < 12 || halves[1] < halves[0]*5/4 {
		t.Errorf("by month: %v; by half: %v", months, halves)
	}
	if night > n/20 || weekend > n/5 || payday < n*2/5 {
		t.Errorf("of %d, %d at night, %d at weekends, %d wages on paydays", n, night, weekend, payday)
	}
	p, _ := s.Project(210)
	if !p.CreatedAt.Equal(result.From) {
		t.Errorf("the project was created %s, the year begins %s", p.CreatedAt, result.From)
	}
}

// TestRequests looks into the sealed requests, as the evidence bundle does.
func TestRequests(t *testing.T) {
	t.Parallel()
	c := config(storetest.URL(t, storetest.SQLite), 100)
	fill(t, c)
	s := open(t, c.Store.URL)
	wrong := 0
	for id, m := range payoutsOf(t, s, 210, 211, 212) {
		var project int64
		var payment string
		if _, err := fmt.Sscanf(id, "%d/%s", &project, &payment); err != nil {
			t.Fatal(err)
		}
		v, err := s.PaymentView(t.Context(), project, payment)
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.WorkByKey(t.Context(), v.Operations[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		ok := account.Check(w.Account, nil).OK()
		if ok == (m.code == payout.CodeAccountData) {
			t.Errorf("%s ended with %d; its account is well-formed: %v", id, m.code, ok)
		}
		if !ok {
			wrong++
		}
		if m.customer == "" || m.text == "" {
			t.Errorf("%s has no customer or description", id)
		}
	}
	if wrong == 0 {
		t.Error("no account was mistyped")
	}
}

func TestFillLeavesOtherProjectsAlone(t *testing.T) {
	t.Parallel()
	c := config(storetest.URL(t, storetest.SQLite), 100)
	s, err := store.Open(t.Context(), store.Config{URL: c.Store.URL, Keyset: storetest.Keyset()})
	if err != nil {
		t.Fatal(err)
	}
	p := &merchant.Project{ID: 211, MerchantID: 1, Name: "Own", Mode: merchant.Test}
	if err := s.CreateProject(t.Context(), p, "own", nil, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := sample.Fill(t.Context(), c); !errors.Is(err, sample.ErrTaken) {
		t.Errorf("filling beside another's project: %v", err)
	}
	if _, ok := s.Project(210); ok {
		t.Error("the other project was made all the same")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Payouts = 10
	if _, err := sample.Fill(t.Context(), c); err == nil {
		t.Error("ten payouts were taken for a year")
	}
}
