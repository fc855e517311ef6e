package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/rates"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

func quote(t testing.TB, source rates.Source, base, term, value string, from time.Time) rates.Quote {
	t.Helper()
	v, err := money.ParseDecimal(value)
	if err != nil {
		t.Fatal(err)
	}
	series := rates.Daily
	if source == rates.Manual {
		series = rates.ByHand
	}
	return rates.Quote{Source: source, Series: series, Base: base, Term: term, Value: v, ValidFrom: from}
}

func addRates(t testing.TB, s *store.Store, quotes ...rates.Quote) int {
	t.Helper()
	added, err := s.AddRates(t.Context(), quotes, store.By{Actor: "aida"})
	if err != nil {
		t.Fatal(err)
	}
	return added
}

// What is known already is no news, what differs corrects it, and every process knows the newest within a moment.
func TestRatesAreKeptByRevision(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s, other := open(t, url), openBeside(t, url)
		today := s.Now().Truncate(24 * time.Hour)
		usd := quote(t, rates.NBKR, "USD", "KGS", "87.4500", today)
		eur := quote(t, rates.NBKR, "EUR", "KGS", "95.1106", today)
		if n := addRates(t, s, usd, eur); n != 2 {
			t.Errorf("%d were news, want 2", n)
		}
		if n := addRates(t, s, usd, eur); n != 0 {
			t.Errorf("imported again, %d were news", n)
		}
		usd.Value = quote(t, rates.NBKR, "USD", "KGS", "87.4600", today).Value
		if n := addRates(t, s, usd, eur); n != 1 {
			t.Errorf("of a correction %d were news, want 1", n)
		}
		tomorrow := quote(t, rates.NBKR, "USD", "KGS", "88", today.Add(24*time.Hour))
		addRates(t, s, tomorrow)
		if err := other.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, known := range []*store.Store{s, other} {
			r, ok := known.Rates().Rate("USD", "KGS", s.Now(), rates.MaxAge, rates.Sources())
			if !ok || r.Value().String() != "87.4600" {
				t.Errorf("the rate is %v, %v; want the corrected one of today", r.Value(), ok)
			}
		}
		stored, err := s.RateQuotes(t.Context(), today.Add(-1), today)
		if err != nil || len(stored) != 3 || stored[2].Revision != 2 || stored[2].Actor != "aida" || stored[1].Value.String() != "87.4500" {
			t.Errorf("stored %+v, %v", stored, err)
		}
		details := auditDetails(t, s, "rates add")
		if len(details) != 3 || details[1] != `{"added":1,"of":2}` {
			t.Errorf("audit log %q", details)
		}
	})
}

// One quote that is wrong keeps all of a file out.
func TestRatesThatAreWrong(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		good := quote(t, rates.NBKR, "USD", "KGS", "87.4500", s.Now())
		for name, bad := range map[string]rates.Quote{
			"above zero": quote(t, rates.NBKR, "EUR", "KGS", "0", s.Now()),
			"alpha-3":    quote(t, rates.NBKR, "XXX", "KGS", "1", s.Now()),
			"date":       quote(t, rates.NBKR, "EUR", "KGS", "95", s.Now().Add(store.MaxRateAhead+time.Hour)),
			"one source": quote(t, rates.ECB, "EUR", "USD", "1.1", s.Now()),
		} {
			_, err := s.AddRates(t.Context(), []rates.Quote{good, bad}, store.By{Actor: "aida"})
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%+v: %v, want an error about %q", bad, err, name)
			}
		}
		if _, ok := s.Rates().Rate("USD", "KGS", s.Now(), rates.MaxAge, rates.Sources()); ok {
			t.Error("the good one was kept without the others")
		}
	})
}

// A rate by hand holds from now on, whatever the clock of who set it; an act of one idempotency key happens once.
func TestRateByHandHoldsFromNow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		q := quote(t, rates.Manual, "USD", "KGS", "87.4500", time.Time{})
		for range 2 {
			if _, err := s.AddRates(t.Context(), []rates.Quote{q}, store.By{Actor: "aida", IdempotencyKey: "form-1"}); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := s.RateQuotes(t.Context(), time.Time{}, s.Now())
		if err != nil || len(stored) != 1 || !stored[0].ValidFrom.Equal(stored[0].RecordedAt) {
			t.Errorf("stored %+v, %v", stored, err)
		}
		book, err := s.RatesAt(t.Context(), s.Now())
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := book.Rate("KGS", "USD", s.Now(), rates.MaxAge, rates.Sources()); !ok || r.Source != rates.Manual {
			t.Errorf("the rate is %+v, %v", r, ok)
		}
	})
}

// Ninety days of a source are one import that takes a moment, and only those that can still be used are held in memory.
func TestManyRatesAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		var quotes []rates.Quote
		for day := range 90 {
			for _, code := range []string{"USD", "JPY", "GBP", "CHF", "SEK", "NOK", "PLN", "CZK"} {
				quotes = append(quotes, quote(t, rates.ECB, "EUR", code, "1.5", s.Now().Add(-time.Duration(day)*24*time.Hour-time.Minute)))
			}
		}
		if n := addRates(t, s, quotes...); n != len(quotes) {
			t.Errorf("%d of %d were news", n, len(quotes))
		}
		if n := addRates(t, s, quotes...); n != 0 {
			t.Errorf("again: %d were news", n)
		}
		if _, ok := s.Rates().Rate("EUR", "USD", s.Now().Add(-40*24*time.Hour), 2*rates.MaxAge, rates.Sources()); ok {
			t.Error("a quote that nobody may use is held in memory")
		}
	})
}

// openBeside opens the database as a command does, beside the server that works on it.
func openBeside(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// A stretch of time is served by the quotes that hold anywhere in it: those that are just not too old at its beginning, and
// none from behind its end.
func TestRatesOver(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		from := time.Date(2024, 5, 23, 0, 0, 0, 0, time.UTC)
		to := from.Add(24*time.Hour - time.Microsecond)
		quotes := []rates.Quote{
			quote(t, rates.NBKR, "USD", "KGS", "86", from.Add(-rates.MaxAge-time.Microsecond)),
			quote(t, rates.NBKR, "EUR", "KGS", "95", from.Add(-rates.MaxAge)),
			quote(t, rates.NBKR, "KZT", "KGS", "0.17", to),
			quote(t, rates.NBKR, "RUB", "KGS", "1.1", to.Add(time.Microsecond)),
		}
		if _, err := s.AddRates(t.Context(), quotes, store.By{Actor: "aida"}); err != nil {
			t.Fatal(err)
		}
		book, err := s.RatesOver(t.Context(), from, to)
		if err != nil {
			t.Fatal(err)
		}
		if got := book.Currencies(); !slices.Equal(got, []string{"EUR", "KGS", "KZT"}) {
			t.Errorf("the book has %v", got)
		}
		if held := book.Held(from); len(held) != 1 || held[0].Base != "EUR" {
			t.Errorf("at the beginning %v holds", held)
		}
	})
}
