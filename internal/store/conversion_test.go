package store_test

import (
	"fmt"
	"testing"
	"time"

	"flashpay/internal/audit"
	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/store"
	"flashpay/internal/store/snapshot"
	"flashpay/internal/storetest"
)

// openConverting opens a store with a project that may convert, and the rates of today.
func openConverting(t *testing.T, url string, funds map[string]int64) *store.Store {
	t.Helper()
	s := open(t, url)
	p := &merchant.Project{ID: 210, Name: "shop", Mode: merchant.Test, Settings: merchant.Settings{
		CallbackURL: "http://127.0.0.1:1/callback", Conversion: merchant.Conversion{On: true, Margin: money.Whole(1)},
	}}
	if err := s.CreateProject(t.Context(), p, "key", funds, "test"); err != nil {
		t.Fatal(err)
	}
	from := s.Now().Add(-time.Hour)
	addRates(t, s, quote(t, rates.NBKR, "USD", "KGS", "87.45", from), quote(t, rates.NBKR, "JPY", "KGS", "0.56125", from), quote(t, rates.NBKR, "KWD", "KGS", "285.31", from))
	return s
}

// inCurrency is a request in another currency than the method's.
func inCurrency(id string, amount int64, currency string) *store.NewPayout {
	p := newPayout(210, id, amount)
	p.Currency, p.Check.Currency = currency, currency
	p.Request = fmt.Appendf(nil, `{"general":{"payment_id":%q},"account":{"number":%q},"customer":{"id":%q,"ip_address":%q}}`, id, p.Account, p.CustomerID, p.IP)
	if currency != "KGS" {
		p.Check.Target = "KGS"
	}
	return p
}

func work(t *testing.T, s *store.Store, id string) *store.View {
	t.Helper()
	v, err := s.PaymentView(t.Context(), 210, id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func step(t *testing.T, s *store.Store, v *store.View, e payout.Event, code int) {
	t.Helper()
	_, err := s.Apply(t.Context(), store.Step{
		Payment: v.Payment, Operation: v.Operations[0], Event: e, Kind: e.String(), Code: code, NextAt: s.Now().Add(time.Hour),
		Detail: store.Detail{}.Int("code", int64(code)),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sums are all accounts of the project that are not zero, such as "KGS settlement".
func sums(t *testing.T, s *store.Store) map[string]int64 {
	t.Helper()
	out := make(map[string]int64)
	err := snapshot.Of(s).Ledger(t.Context(), snapshot.Ledger{
		Marks:    func(*snapshot.Marks) error { return nil },
		Transfer: func(*ledger.Transfer) error { return nil },
		Balance: func(b *snapshot.Balance) error {
			total := int64(0)
			for _, a := range ledger.Accounts() {
				total += b.Sum(a)
				if n := b.Sum(a); n != 0 {
					out[b.Currency+" "+a.String()] = n
				}
			}
			if total != 0 {
				t.Errorf("the accounts in %s add up to %d", b.Currency, total)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantSums(t *testing.T, s *store.Store, when string, want map[string]int64) {
	t.Helper()
	if have := sums(t, s); fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", when, have, want)
	}
}

func auditClean(t *testing.T, s *store.Store) {
	t.Helper()
	report, err := audit.Run(t.Context(), audit.Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		t.Errorf("audit: %+v", f)
	}
}

// A payout in dollars is paid in som: what was asked for, what is paid and at which rate stay with the operation, through
// success, decline and dispute, and the callback tells both sums.
func TestConvertedPayout(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openConverting(t, url, map[string]int64{"KGS": 2_000_000})
		for _, id := range []string{"paid", "declined", "disputed"} {
			if _, err := s.Accept(t.Context(), inCurrency(id, 10000, "USD")); err != nil {
				t.Fatal(err)
			}
		}
		v := work(t, s, "paid")
		if o := v.Operations[0]; v.Payment.Amount != 10000 || v.Payment.Currency != "USD" || o.Amount != 865755 || o.Currency != "KGS" || o.Terms == nil ||
			o.Terms.Request.Value().String() != "87.45" || o.Terms.Request.Source != rates.NBKR || o.Terms.Request.Margin.String() != "1" {
			t.Fatalf("stored %+v, %+v", v.Payment, o)
		}
		if o := work(t, s, "disputed").Operations[0]; o.Code != payout.CodeInsufficientFunds || o.Status != payout.Decline {
			t.Errorf("the third is %+v: the balance held two", o)
		}
		wantSums(t, s, "held", map[string]int64{"KGS available": 268490, "KGS held": 1731510, "KGS funding": -2000000})
		step(t, s, v, payout.Succeeded, 0)
		step(t, s, work(t, s, "declined"), payout.Declined, 20000)
		wantSums(t, s, "at the end", map[string]int64{"KGS available": 1134245, "KGS funding": -2000000, "KGS settlement": 865755})
		job, err := s.CallbackJob(t.Context(), 210, 2)
		if err != nil {
			t.Fatal(err)
		}
		operation := job.Body().Get("operation")
		if have := operation.Get("sum_initial", "amount").Text + operation.Get("sum_initial", "currency").Text; have != "10000USD" {
			t.Errorf("sum_initial is %s", have)
		}
		if have := operation.Get("sum_converted", "amount").Text + operation.Get("sum_converted", "currency").Text; have != "865755KGS" {
			t.Errorf("sum_converted is %s", have)
		}
		auditClean(t, s)
	})
}

// Where the project has no balance in som its dollars pay, in the same commit; what moves later, moves those dollars, unit
// for unit, whatever the rate is then.
func TestBalanceInAnotherCurrencyPays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openConverting(t, url, map[string]int64{"USD": 100_000})
		for _, id := range []string{"paid", "declined", "disputed", "dead"} {
			if _, err := s.Accept(t.Context(), inCurrency(id, 874500, "KGS")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Accept(t.Context(), inCurrency("dollars", 10000, "USD")); err != nil {
			t.Fatal(err)
		}
		wantSums(t, s, "held", map[string]int64{"USD available": 49600, "USD held": 50400, "USD funding": -100000})
		addRates(t, s, quote(t, rates.NBKR, "USD", "KGS", "20", s.Now()))
		step(t, s, work(t, s, "paid"), payout.Succeeded, 0)
		step(t, s, work(t, s, "dollars"), payout.Succeeded, 0)
		step(t, s, work(t, s, "declined"), payout.Declined, 20000)
		wantSums(t, s, "paid and declined", map[string]int64{
			"USD available": 59700, "USD held": 20200, "USD conversion": 20100, "USD funding": -100000,
			"KGS conversion": -1740255, "KGS settlement": 1740255,
		})
		all, err := s.Balances(t.Context(), 210)
		if err != nil || len(all) != 1 || all["USD"].Currency != "USD" {
			t.Errorf("balances %+v, %v: in som there is none", all, err)
		}
		auditClean(t, s)
	})
}

// No usable rate, above the limit, less than a unit: each a decline with its code and a callback that names the member.
func TestWhatCannotBeConverted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openConverting(t, url, map[string]int64{"KGS": 1000})
		above, below := inCurrency("above", 1_000_000, "USD"), inCurrency("below", 0, "JPY")
		above.Check.MaxAmount = 1_500_000
		for number, c := range []struct {
			request *store.NewPayout
			code    int
			field   string
		}{
			{inCurrency("no rate", 100, "GBP"), payout.CodeNoRate, "payment.currency"},
			{above, payout.CodeConvertedAbove, "payment.amount"},
			{below, payout.CodeConvertedBelowUnit, "payment.amount"},
		} {
			if _, err := s.Accept(t.Context(), c.request); err != nil {
				t.Fatal(err)
			}
			if v := work(t, s, c.request.PaymentID); v.Payment.Status != payout.Decline || v.Operations[0].Code != c.code {
				t.Errorf("%s: %s with %d", c.request.PaymentID, v.Payment.Status, v.Operations[0].Code)
			}
			job, err := s.CallbackJob(t.Context(), 210, int64(number+1))
			if err != nil {
				t.Fatal(err)
			}
			if errors := job.Body().Get("errors"); errors == nil || errors.Items[0].Get("field").Text != c.field {
				t.Errorf("%s: errors %+v", c.request.PaymentID, errors)
			}
		}
		wantSums(t, s, "after declines", map[string]int64{"KGS available": 1000, "KGS funding": -1000})
		auditClean(t, s)
	})
}

// A balance that is opened later pays from then on.
func TestBalanceOpenedLaterPays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := openConverting(t, url, map[string]int64{"USD": 100_000})
		if _, err := s.Accept(t.Context(), inCurrency("dollars", 874500, "KGS")); err != nil {
			t.Fatal(err)
		}
		if err := s.TopUp(t.Context(), 210, "KGS", 874500, "opened", "test"); err != nil {
			t.Fatal(err)
		}
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Accept(t.Context(), inCurrency("som", 874500, "KGS")); err != nil {
			t.Fatal(err)
		}
		wantSums(t, s, "two balances", map[string]int64{"USD available": 89900, "USD held": 10100, "USD funding": -100000, "KGS held": 874500, "KGS funding": -874500})
		if all, err := s.Balances(t.Context(), 210); err != nil || len(all) != 2 {
			t.Errorf("balances %+v, %v", all, err)
		}
		auditClean(t, s)
	})
}
