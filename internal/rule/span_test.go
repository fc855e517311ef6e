package rule

import (
	"math"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/tariff"
)

// TestSpanHoldsWhatDecideLetsPass asks both about the sums around each limit.
func TestSpanHoldsWhatDecideLetsPass(t *testing.T) {
	t.Parallel()
	now := time.Now()
	percent, err := money.ParseDecimal("1.5")
	if err != nil {
		t.Fatal(err)
	}
	plain := merchant.MethodSettings{}
	own := merchant.MethodSettings{Min: merchant.Sums{"KGS": 101}, Max: merchant.Sums{"KGS": 444}}
	for _, settings := range []merchant.MethodSettings{plain, own, {Disabled: true}, {Currencies: []string{"USD"}}, {Min: merchant.Sums{"KGS": 6000}}} {
		for _, step := range []int64{0, 1, 7, 100, 6000} {
			for _, fee := range []*tariff.Tariff{nil, {Fixed: 3, Percent: percent}, {Fixed: math.MaxInt64 - 5000}} {
				project := &merchant.Project{Settings: merchant.Settings{Methods: map[string]merchant.MethodSettings{"m": settings}}}
				if fee != nil {
					project.Tariffs = tariff.Book{{Method: "m", Currency: "KGS"}: {{Tariff: *fee, From: now.Add(-time.Hour)}}}
				}
				s := State{Project: project, LiveProvider: true, Available: math.MaxInt64, Now: now}
				i := Item{Method: "m", Currencies: []string{"KGS"}, MinAmount: 10, MaxAmount: 5000, Step: step, Currency: "KGS"}
				span, ok := SpanOf(s, i)
				for i.Amount = 1; i.Amount < 5100; i.Amount++ {
					passes := Decide(s, i).Code == payout.CodeSuccess
					if holds := ok && span.Holds(i.Amount); holds && !passes || passes && !holds && fee == nil {
						t.Fatalf("%+v, step %d, fee %+v: %d passes %v, and is in the span %v", settings, step, fee, i.Amount, passes, holds)
					}
				}
			}
		}
	}
}

func TestNoSpanWhereAnotherSumIsPaid(t *testing.T) {
	t.Parallel()
	project := &merchant.Project{Balances: []string{"USD"}, Settings: merchant.Settings{Conversion: merchant.Conversion{On: true}}}
	s := State{Project: project, LiveProvider: true, Available: math.MaxInt64, Rates: book(t), Now: today}
	for _, currency := range []string{"KGS", "EUR"} { // paid from a balance in dollars; and not paid by the method at all
		i := Item{Method: "m", Currencies: []string{"KGS"}, Target: "KGS", MinAmount: 10_000, MaxAmount: 50_000, Currency: currency}
		if span, ok := SpanOf(s, i); ok {
			t.Errorf("%s: %+v", currency, span)
		}
	}
}

// TestSpanOfFewSums: a span may begin with the smallest sum, and have no other one; where nothing passes there is none.
func TestSpanOfFewSums(t *testing.T) {
	t.Parallel()
	s := State{Project: &merchant.Project{}, LiveProvider: true, Available: math.MaxInt64}
	i := Item{Method: "m", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 1, Currency: "KGS"}
	if span, ok := SpanOf(s, i); !ok || !span.Holds(1) || span.Holds(0) || span.Holds(2) {
		t.Errorf("a method that takes 1 only: %+v, %v", span, ok)
	}
	s.Project = &merchant.Project{Blocked: true}
	if span, ok := SpanOf(s, i); ok {
		t.Errorf("a blocked project: %+v", span)
	}
	s.Project, i.MinAmount = &merchant.Project{}, 2
	if span, ok := SpanOf(s, i); ok {
		t.Errorf("limits that leave no sum: %+v", span)
	}
}
