package store_test

import (
	"errors"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
	"flashpay/internal/tariff"
)

const kyrgyzstan = "bank-transfer/kyrgyzstan"

func tariffOf(t testing.TB, currency string, parts ...string) tariff.Tariff {
	t.Helper()
	tr, err := tariff.Parse(parts, currency)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func setTariff(t testing.TB, s *store.Store, currency string, from time.Time, parts ...string) int64 {
	t.Helper()
	h := tariff.Holding{Tariff: tariffOf(t, currency, parts...), From: from}
	version, err := s.SetTariff(t.Context(), 210, tariff.Key{Method: kyrgyzstan, Currency: currency}, h, store.By{Actor: "aida"})
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func accept(t testing.TB, s *store.Store, p *store.NewPayout) {
	t.Helper()
	if _, err := s.Accept(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// The fee is held with the payout, charged on success, returned on decline, and counts where funds do not suffice; a payout
// keeps the tariff of its acceptance.
func TestFeeFollowsThePayout(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		p := &merchant.Project{ID: 210, Name: "shop", Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://127.0.0.1:1/callback", CallbackFee: true}}
		if err := s.CreateProject(t.Context(), p, "key", map[string]int64{"KGS": 207_500}, "test"); err != nil {
			t.Fatal(err)
		}
		setTariff(t, s, "KGS", time.Time{}, "fixed=10.00", "percent=1.5", "min=5.00", "max=100.00")
		for _, id := range []string{"paid", "declined", "one unit too few"} {
			accept(t, s, inCurrency(id, 100_000, "KGS"))
		}
		wantSums(t, s, "held", map[string]int64{"KGS available": 2500, "KGS held": 205_000, "KGS funding": -207_500})
		if o := work(t, s, "one unit too few").Operations[0]; o.Code != payout.CodeInsufficientFunds {
			t.Errorf("the third is %+v", o)
		}
		setTariff(t, s, "KGS", time.Time{}, "fixed=99.00")
		step(t, s, work(t, s, "paid"), payout.Succeeded, 0)
		step(t, s, work(t, s, "declined"), payout.Declined, 20000)
		wantSums(t, s, "at the end", map[string]int64{"KGS available": 105_000, "KGS settlement": 100_000, "KGS fees": 2500, "KGS funding": -207_500})
		for number, want := range map[int64]string{1: "", 2: "2500KGS", 3: ""} {
			job, err := s.CallbackJob(t.Context(), 210, number)
			if err != nil {
				t.Fatal(err)
			}
			have := ""
			if fee := job.Body().Get("operation", "operation_fee"); fee != nil {
				have = fee.Get("amount").Text + fee.Get("currency").Text
			}
			if have != want {
				t.Errorf("callback %d tells the fee %q, want %q", number, have, want)
			}
		}
		auditClean(t, s)
	})
}

// A balance in another currency pays the fee by its own currency's tariff, of what it pays.
func TestFeeOfABalanceInAnotherCurrency(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openConverting(t, url, map[string]int64{"USD": 100_000})
		setTariff(t, s, "USD", time.Time{}, "percent=2.5")
		setTariff(t, s, "KGS", time.Time{}, "fixed=500.00")
		for _, id := range []string{"paid", "declined", "disputed"} {
			accept(t, s, inCurrency(id, 874500, "KGS")) // 10100 dollars' cents, and 252.5 of fee
		}
		step(t, s, work(t, s, "paid"), payout.Succeeded, 0)
		step(t, s, work(t, s, "declined"), payout.Declined, 20000)
		wantSums(t, s, "at the end", map[string]int64{
			"USD available": 79_296, "USD held": 10_352, "USD conversion": 10_100, "USD fees": 252, "USD funding": -100_000,
			"KGS conversion": -874_500, "KGS settlement": 874_500,
		})
		auditClean(t, s)
	})
}

// Versions begin at their moments, the same again is none, and nothing can be set for what has passed.
func TestTariffVersions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s, other := open(t, url), openBeside(t, url)
		createProject(t, s, 210, 1000)
		tomorrow := s.Now().Add(24 * time.Hour).Truncate(time.Microsecond)
		for i, want := range []int64{1, 1, 2, 3} {
			from := []time.Time{{}, {}, tomorrow, tomorrow}[i]
			if have := setTariff(t, s, "KGS", from, []string{"fixed=1.00", "fixed=1.00", "fixed=2.00", "percent=1"}[i]); have != want {
				t.Errorf("step %d makes version %d, want %d", i, have, want)
			}
		}
		setTariff(t, s, "JPY", time.Time{}, "fixed=7")
		k, h := tariff.Key{Method: kyrgyzstan, Currency: "KGS"}, tariff.Holding{Tariff: tariffOf(t, "KGS", "fixed=3.00")}
		for _, c := range []struct {
			project int64
			k       tariff.Key
			from    time.Time
			tariff  tariff.Tariff
			want    error
		}{
			{211, k, time.Time{}, h.Tariff, store.ErrNotFound},
			{210, k, s.Now().Add(-time.Hour), h.Tariff, store.ErrTariffPast},
			{210, k, s.Now().AddDate(3, 0, 0), h.Tariff, store.ErrTariffFar},
			{210, tariff.Key{Method: kyrgyzstan, Currency: "SOM"}, time.Time{}, h.Tariff, store.ErrTariff},
			{210, tariff.Key{Currency: "KGS"}, time.Time{}, h.Tariff, store.ErrTariff},
			{210, k, time.Time{}, tariff.Tariff{Percent: money.Whole(101)}, store.ErrTariff},
		} {
			if v, err := s.SetTariff(t.Context(), c.project, c.k, tariff.Holding{Tariff: c.tariff, From: c.from}, store.By{Actor: "aida"}); !errors.Is(err, c.want) {
				t.Errorf("%+v: version %d, %v", c, v, err)
			}
		}
		if err := other.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, _ := other.Project(210)
		if now, ok := p.Tariffs.At(k, s.Now()); !ok || now.Version != 1 {
			t.Errorf("now holds %+v", now)
		}
		if then, ok := p.Tariffs.At(k, tomorrow); !ok || then.Version != 3 {
			t.Errorf("tomorrow holds %+v", then)
		}
		all, err := s.Tariffs(t.Context(), 210)
		if err != nil || len(all) != 4 || all[0].Currency != "JPY" || all[3].Percent.String() != "1" || all[3].Actor != "aida" || !all[3].From.Equal(tomorrow) {
			t.Errorf("%+v, %v", all, err)
		}
		lines, err := s.AuditLog(t.Context(), store.AuditFilter{Object: "project 210", Action: "tariff set", Limit: 10})
		if err != nil || len(lines) != 4 {
			t.Errorf("audit log %+v, %v", lines, err)
		}
	})
}
