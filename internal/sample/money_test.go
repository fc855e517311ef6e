package sample_test

import (
	"slices"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/massbatch"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/sample"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/storetest"
)

// TestYearHasConversionFeesAndRates looks at what a finance department looks for: payouts in other currencies than they were
// asked for, paid by a balance in a third one, fees by tariffs that changed, and the rates of each day.
func TestYearHasConversionFeesAndRates(t *testing.T) {
	t.Parallel()
	c := config(storetest.URL(t, storetest.SQLite), 300)
	result := fill(t, c)
	s := open(t, c.Store.URL)
	asked, versions, fees := map[string]int{}, map[int64]map[int64]int{211: {}, 212: {}}, map[int64]int64{}
	for _, project := range []int64{210, 211, 212} {
		told, err := s.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: project, Limit: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range told {
			v, err := s.PaymentView(t.Context(), project, d.PaymentID)
			if err != nil {
				t.Fatal(err)
			}
			p, o := &v.Payment, &v.Operations[0]
			switch {
			case project == 210 && o.Terms != nil, project != 210 && (o.Terms == nil || o.Terms.Tariff == nil || o.Terms.Fee == 0):
				t.Fatalf("project %d: %s costs by %+v", project, p.PaymentID, o.Terms)
			case project == 210:
				continue
			case project == 212:
				asked[p.Currency]++
				if o.Currency != "KGS" || o.Terms.Currency != "USD" || o.Terms.Request == nil || (o.Terms.Balance != nil) != (p.Currency == "EUR") {
					t.Errorf("%s pays %s, its balance %+v", p.PaymentID, o.Currency, o.Terms)
				}
			}
			versions[project][o.Terms.Tariff.Version]++
			if p.Status == payout.Success {
				fees[project] += o.Terms.Fee
			}
		}
	}
	if asked["USD"] < 10 || asked["EUR"] < 3 || len(versions[211]) != 2 || len(versions[212]) != 2 {
		t.Errorf("the marketplace asked for %v; by version of the tariff: %v", asked, versions)
	}
	for project, currency := range map[int64]string{211: "KGS", 212: "USD"} {
		balances, err := s.Balances(t.Context(), project)
		if err != nil {
			t.Fatal(err)
		}
		if b := balances[currency]; b.Sum(ledger.Fees) != fees[project] || fees[project] == 0 {
			t.Errorf("project %d was charged %d, its payouts cost %d in fees", project, b.Sum(ledger.Fees), fees[project])
		}
	}
	for at := result.From.Add(time.Hour); at.Before(result.To); at = at.Add(23 * time.Hour) {
		book, err := s.RatesAt(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range []rates.Source{rates.NBKR, rates.ECB} {
			if _, ok := book.Rate("EUR", "USD", at, 10*24*time.Hour, []rates.Source{source}); !ok {
				t.Errorf("%s has no rate at %s", source, at)
			}
		}
	}
}

// TestYearHasFiles finds files that were paid, one that waits for a second person, and one with faults.
func TestYearHasFiles(t *testing.T) {
	t.Parallel()
	c := config(storetest.URL(t, storetest.SQLite), 300)
	fill(t, c)
	s := open(t, c.Store.URL)
	list, err := batches.List(t.Context(), s, batches.Filter{Projects: []int64{211}, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	states := make(map[batches.State]int)
	for i := range list {
		b := &list[i]
		status, err := massbatch.StatusOf(t.Context(), s, b)
		if err != nil {
			t.Fatal(err)
		}
		states[b.State]++
		switch {
		case b.State == batches.Done && b.Good != b.Rows, b.State == batches.Awaiting && (b.Bad > 0 || b.Approval == 0),
			b.State == batches.Checked && (b.Bad != 3 || b.Good != 6 || status.ByStatus[massbatch.NotSent] != 6):
			t.Errorf("%s is %s: %+v", b.Name, b.State, status)
		}
	}
	if len(list) != 6 || states[batches.Done] != 4 || states[batches.Awaiting] != 1 || states[batches.Checked] != 1 {
		t.Errorf("files: %v", states)
	}
	waiting, err := batches.Waiting(t.Context(), s)
	if err != nil || len(waiting) != 1 {
		t.Fatal(waiting, err)
	}
	if a, err := s.Approval(t.Context(), waiting[0].Approval); err != nil || a.State != store.ApprovalWaiting || !a.ExpiresAt.After(end) {
		t.Errorf("what the file waits for: %+v, %v", a, err)
	}
	balances, err := s.Balances(t.Context(), 211)
	if err != nil {
		t.Fatal(err)
	}
	totals, err := batches.Totals(t.Context(), s, waiting[0].ID)
	if b := balances["KGS"]; err != nil || !slices.ContainsFunc(totals, func(x batches.Total) bool { return x.Amount > 0 && x.Amount < b.Sum(ledger.Available) }) {
		t.Errorf("the file that waits would pay %+v; the balance: %+v; %v", totals, b, err)
	}
}

// TestNoThirdProject holds that the marketplace can be left out.
func TestNoThirdProject(t *testing.T) {
	t.Parallel()
	c := config(storetest.URL(t, storetest.SQLite), 60)
	c.Market = sample.Project{}
	fill(t, c)
	s := open(t, c.Store.URL)
	if _, ok := s.Project(212); ok || len(payoutsOf(t, s, 210, 211)) < 55 {
		t.Error("it was made all the same, or the others lack payouts")
	}
}
