package rule

import (
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
)

func decimal(t testing.TB, text string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var today = time.Date(2026, 5, 23, 12, 0, 0, 0, time.UTC)

func book(t testing.TB) *rates.Book {
	var quotes []rates.Quote
	for code, value := range map[string]string{"USD": "87.45", "EUR": "95", "JPY": "0.56125", "KWD": "285.31"} {
		quotes = append(quotes, rates.Quote{Source: rates.NBKR, Series: rates.Daily, Base: code, Term: "KGS", Value: decimal(t, value), ValidFrom: today.Add(-12 * time.Hour)})
	}
	return rates.NewBook(quotes)
}

// TestConversionAtAcceptance takes requests through the check: which sum is paid, which balance pays how much, and which
// codes decline what cannot be converted.
func TestConversionAtAcceptance(t *testing.T) {
	on := func(change func(*merchant.Conversion)) merchant.Conversion {
		c := merchant.Conversion{On: true, Margin: decimal(t, "1")}
		if change != nil {
			change(&c)
		}
		return c
	}
	for _, c := range []struct {
		name       string
		conversion merchant.Conversion
		balances   []string
		amount     int64
		currency   string
		available  int64
		code       int
		paid       int64 // in KGS
		cost       int64
		costIn     string
	}{
		{"own currency, own balance", on(nil), []string{"KGS"}, 8745, "KGS", 8745, 0, 8745, 8745, "KGS"},
		{"off", merchant.Conversion{}, []string{"KGS", "USD"}, 100, "USD", 1 << 40, payout.CodeCurrencyDisabled, 0, 0, ""},
		{"dollars from a balance in som", on(nil), []string{"KGS"}, 10000, "USD", 865755, 0, 865755, 865755, "KGS"},
		{"one unit too few", on(nil), []string{"KGS"}, 10000, "USD", 865754, payout.CodeInsufficientFunds, 865755, 865755, "KGS"},
		{"dollars from dollars are not converted back", on(nil), []string{"USD"}, 10000, "USD", 10000, 0, 865755, 10000, "USD"},
		{"som from dollars", on(nil), []string{"USD"}, 874500, "KGS", 10100, 0, 874500, 10100, "USD"},
		{"som from dollars, too few", on(nil), []string{"USD"}, 874500, "KGS", 10099, payout.CodeInsufficientFunds, 874500, 10100, "USD"},
		{"euro from dollars, through the som", on(func(c *merchant.Conversion) { c.Margin = money.Decimal{} }), []string{"USD"}, 10000, "EUR", 10863, 0, 950000, 10863, "USD"},
		{"the main balance is the one that was chosen", on(func(c *merchant.Conversion) { c.MainBalance = "EUR" }), []string{"EUR", "USD"}, 950000, "KGS", 10100, 0, 950000, 10100, "EUR"},
		{"of several without a choice the request's", on(nil), []string{"EUR", "USD"}, 10000, "USD", 10000, 0, 865755, 10000, "USD"},
		{"several without a choice, and none is the request's", on(nil), []string{"EUR", "USD"}, 874500, "KGS", 0, payout.CodeInsufficientFunds, 874500, 874500, "KGS"},
		{"yen have no decimals", on(func(c *merchant.Conversion) { c.Margin = money.Decimal{} }), []string{"JPY"}, 1000, "JPY", 1000, 0, 56125, 1000, "JPY"},
		{"dinars have three", on(func(c *merchant.Conversion) { c.Margin = money.Decimal{} }), []string{"KWD"}, 28531, "KGS", 1000, 0, 28531, 1000, "KWD"},
		{"no rate for the request", on(nil), []string{"KGS"}, 100, "GBP", 1 << 40, payout.CodeNoRate, 100, 100, "GBP"},
		{"no rate for the balance", on(nil), []string{"GBP"}, 8745, "KGS", 1 << 40, payout.CodeNoRate, 8745, 8745, "KGS"},
		{"rates that are too old", on(func(c *merchant.Conversion) { c.MaxAge = merchant.Duration(11 * time.Hour) }), []string{"KGS"}, 100, "USD", 1 << 40, payout.CodeNoRate, 100, 100, "USD"},
		{"converted above the limit", on(nil), []string{"KGS"}, 1_000_000, "USD", 1 << 40, payout.CodeConvertedAbove, 86575500, 86575500, "KGS"},
		{"converted beyond any sum", on(nil), []string{"KGS"}, 1 << 62, "USD", 1 << 40, payout.CodeConvertedAbove, 1 << 62, 1 << 62, "USD"},
		{"converted below the limit", on(nil), []string{"KGS"}, 1, "USD", 1 << 40, payout.CodeBelowLimit, 87, 87, "KGS"},
		{"less than one unit", on(func(c *merchant.Conversion) { c.Margin = decimal(t, "49") }), []string{"KGS"}, 0, "JPY", 1 << 40, payout.CodeConvertedBelowUnit, 0, 0, "JPY"},
		{"less than one unit of the balance", on(nil), []string{"KWD"}, 100, "KGS", 1 << 40, 0, 100, 4, "KWD"},
	} {
		project := &merchant.Project{Balances: c.balances, Settings: merchant.Settings{Conversion: c.conversion}}
		i := Item{Method: "m", Currencies: []string{"KGS"}, MinAmount: 100, MaxAmount: 1_500_000, Amount: c.amount, Currency: c.currency}
		if c.currency != "KGS" {
			i.Target = "KGS"
		}
		v := Decide(State{Project: project, LiveProvider: true, Available: c.available, Rates: book(t), Now: today}, i)
		o := payout.Operation{Amount: v.Amount, Currency: v.Currency, Terms: v.Terms}
		cost, fee, in := o.Cost()
		if c.costIn == "" {
			c.paid, c.cost, c.costIn = c.amount, c.amount, c.currency
		}
		if v.Code != c.code || v.Amount != c.paid || cost != c.cost || fee != 0 || in != c.costIn {
			t.Errorf("%s: code %d pays %d for %d %s; want %d, %d for %d %s", c.name, v.Code, v.Amount, cost, in, c.code, c.paid, c.cost, c.costIn)
		}
		if err := v.Terms.Check(c.amount, c.currency, &o); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		again, err := payout.ParseTerms(v.Terms.String())
		if err != nil || again.String() != v.Terms.String() || again.Check(c.amount, c.currency, &o) != nil {
			t.Errorf("%s: stored as %s, read as %s, %v", c.name, v.Terms, again, err)
		}
	}
}

// What a balance pays below one unit of its own is declined: it would be paid for nothing.
func TestNothingIsPaidForNothing(t *testing.T) {
	project := &merchant.Project{Balances: []string{"USD"}, Settings: merchant.Settings{Conversion: merchant.Conversion{On: true}}}
	i := Item{Method: "m", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 100, Amount: 20, Currency: "KGS"}
	if v := Decide(State{Project: project, LiveProvider: true, Available: 100, Rates: book(t), Now: today}, i); v.Code != payout.CodeConvertedBelowUnit {
		t.Errorf("code %d", v.Code)
	}
}

// A method that takes multiples of a sum gets one.
func TestConvertedToTheMethodsStep(t *testing.T) {
	project := &merchant.Project{Balances: []string{"KGS"}, Settings: merchant.Settings{Conversion: merchant.Conversion{On: true}}}
	i := Item{Method: "m", Currencies: []string{"KGS"}, Target: "KGS", MinAmount: 1, MaxAmount: 1 << 40, Step: 100, Amount: 1001, Currency: "USD"}
	v := Decide(State{Project: project, LiveProvider: true, Available: 1 << 40, Rates: book(t), Now: today}, i)
	if v.Code != 0 || v.Amount != 87500 || v.Terms.Check(1001, "USD", &payout.Operation{Amount: 87500, Currency: "KGS"}) != nil {
		t.Errorf("%+v", v)
	}
}
