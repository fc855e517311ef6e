package massbatch_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/massbatch"
	"flashpay/internal/masspayout"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/store"
	"flashpay/internal/store/batches"
	"flashpay/internal/store/jobs"
	"flashpay/internal/storetest"
	"flashpay/internal/tariff"
)

const kyrgyzstan = "bank-transfer/kyrgyzstan"

// TestMissingIsWhatItTakes holds that the check of a file says to the unit what balances are short of, fees and conversion
// included: with that much more every row is paid, and with a unit less of any currency one is not.
func TestMissingIsWhatItTakes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := service(t, url)
		s.Payouts.Rates = s.Store.Rates
		addRates(t, s.Store)
		converted, charged := 0, 0
		for seed := range uint64(8) {
			r := rand.New(rand.NewPCG(seed, 17))
			p := shortProject(t, s.Store, r, int64(400+seed))
			report := checked(t, s, p, randomFile(r, p))
			topped := int64(0)
			for i := range report.Totals {
				x := &report.Totals[i]
				if x.Fee > 0 {
					charged++
				}
				if x.Converts() {
					converted++
				}
				if x.Missing == 0 {
					continue
				}
				topped++
				more := x.Missing
				if seed%2 == 1 {
					more--
				}
				if more > 0 {
					must(t, s.Store.TopUp(t.Context(), p.ID, x.Currency, more, "what is missing", "test"))
				}
			}
			held, declined := sendAll(t, s, p.ID)
			if want := seed%2 == 1 && topped > 0; want != (declined > 0) || held+declined != report.Good {
				t.Errorf("seed %d: %d rows are held, %d declined, of %d; totals %+v", seed, held, declined, report.Good, report.Totals)
			}
			if declined > 0 {
				continue
			}
			after, err := s.Store.Balances(t.Context(), p.ID)
			must(t, err)
			for _, x := range report.Totals {
				b := after[x.Currency]
				if want := max(0, x.Available-x.Debit-x.Fee); b.Sum(ledger.Available) != want || b.Sum(ledger.Held) != x.Debit+x.Fee {
					t.Errorf("seed %d: afterwards %+v, want %d available; the check said %+v", seed, b, want, x)
				}
			}
		}
		if converted == 0 || charged == 0 {
			t.Errorf("%d totals with conversion, %d with fees", converted, charged)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func addRates(t *testing.T, s *store.Store) {
	t.Helper()
	var quotes []rates.Quote
	for base, value := range map[string]int64{"USD": 874_512, "EUR": 951_106, "JPY": 5_613, "KWD": 2_853_107} {
		quotes = append(quotes, rates.Quote{
			Source: rates.NBKR, Series: rates.Daily, Base: base, Term: "KGS", Value: money.Whole(value).Shift(-4), ValidFrom: s.Now().Add(-time.Hour),
		})
	}
	_, err := s.AddRates(t.Context(), quotes, store.By{Actor: "test"})
	must(t, err)
}

// shortProject has one or two balances with too little in them, and tariffs.
func shortProject(t *testing.T, s *store.Store, r *rand.Rand, id int64) *merchant.Project {
	t.Helper()
	p := &merchant.Project{ID: id, MerchantID: 7, Name: "short", Mode: merchant.Test}
	balances := []string{"KGS", "USD", "JPY", "KWD"}
	opening := map[string]int64{}
	for _, k := range r.Perm(len(balances))[:1+r.IntN(2)] {
		opening[balances[k]] = 1 + r.Int64N(5_000)
		p.Settings.Conversion.MainBalance = balances[k]
	}
	p.Settings.Conversion.On, p.Settings.Conversion.Margin = true, money.Whole(r.Int64N(300)).Shift(-2)
	must(t, s.CreateProject(t.Context(), p, "key", opening, "test"))
	for currency := range opening {
		h := tariff.Holding{Tariff: tariff.Tariff{Fixed: r.Int64N(20), Percent: money.Whole(r.Int64N(90_000)).Shift(-4), Min: r.Int64N(30), Max: 40 + r.Int64N(500)}}
		_, err := s.SetTariff(t.Context(), id, tariff.Key{Method: kyrgyzstan, Currency: currency}, h, store.By{Actor: "test"})
		must(t, err)
	}
	known, _ := s.Project(id)
	return known
}

// randomFile asks in all currencies, mostly in som.
func randomFile(r *rand.Rand, p *merchant.Project) string {
	rows := make([]string, 40)
	for i := range rows {
		amount, currency := 1_500+r.Int64N(200_000), "KGS"
		switch r.IntN(8) {
		case 0:
			amount, currency = 100+r.Int64N(10_000), "USD"
		case 1:
			amount, currency = 100+r.Int64N(10_000), "JPY"
		case 2:
			amount, currency = 100+r.Int64N(40_000), "KWD"
		}
		rows[i] = fmt.Sprintf("payout;%d;%s;row-%d;%d;%s;10900000%08d;c-1;192.0.2.1", p.ID, kyrgyzstan, i, amount, currency, i)
	}
	return file(rows...)
}

func checked(t *testing.T, s *massbatch.Service, p *merchant.Project, text string) *masspayout.Report {
	t.Helper()
	b, report, err := s.CreateBatch(t.Context(), strings.NewReader(text), massbatch.Upload{Project: p, Name: "short.csv"})
	if err != nil || b == nil || report.Bad > 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	kept, err := s.Report(t.Context(), b)
	must(t, err)
	if fmt.Sprint(kept.Totals) != fmt.Sprint(report.Totals) {
		t.Errorf("kept %+v, found %+v", kept.Totals, report.Totals)
	}
	return report
}

// sendAll sends the newest batch of a project, and counts what became of its rows.
func sendAll(t *testing.T, s *massbatch.Service, project int64) (held, declined int64) {
	t.Helper()
	list, err := batches.List(t.Context(), s.Store, batches.Filter{Projects: []int64{project}, Limit: 1})
	must(t, err)
	_, err = s.Send(t.Context(), list[0].ID, false, massbatch.By{Actor: "test"})
	must(t, err)
	leased, err := jobs.Lease(t.Context(), s.Store, massbatch.JobKind, 1, time.Hour)
	if err != nil || len(leased) != 1 {
		t.Fatal(leased, err)
	}
	must(t, s.Job().Run(t.Context(), leased[0]))
	for _, row := range rows(t, s, list[0].ID) {
		switch {
		case row.Status == payout.Processing:
			held++
		case row.Final == payout.CodeInsufficientFunds:
			declined++
		default:
			t.Errorf("%s is %s with %d", row.PaidAs, row.Status, row.Final)
		}
	}
	return held, declined
}
