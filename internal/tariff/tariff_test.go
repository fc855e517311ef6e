package tariff

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flashpay/internal/money"
)

func percent(t testing.TB, text string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFee(t *testing.T) {
	both := Tariff{Fixed: 1000, Percent: percent(t, "1.5"), Min: 500, Max: 10000}
	for _, c := range []struct {
		name   string
		tariff Tariff
		amount int64
		want   int64
	}{
		{"nothing", Tariff{}, 100000, 0},
		{"fixed alone", Tariff{Fixed: 1000}, 1, 1000},
		{"percent alone", Tariff{Percent: percent(t, "1.5")}, 100000, 1500},
		{"both", both, 100000, 2500},
		{"the most", both, 1_000_000, 10000},
		{"exactly the most", both, 600_000, 10000},
		{"the least", Tariff{Percent: percent(t, "1.5"), Min: 500}, 100, 500},
		{"half to even, down", Tariff{Percent: percent(t, "0.5")}, 100, 0},
		{"half to even, up", Tariff{Percent: percent(t, "0.5")}, 300, 2},
		{"more than half", Tariff{Percent: percent(t, "0.5001")}, 100, 1},
		{"beyond any sum, but there is a most", Tariff{Fixed: 10, Percent: percent(t, "100"), Max: 7000}, math.MaxInt64 - 1, 7000},
	} {
		if have, err := c.tariff.Fee(c.amount); err != nil || have != c.want {
			t.Errorf("%s: %d, %v; want %d", c.name, have, err, c.want)
		}
	}
	beyond := Tariff{Fixed: 10, Percent: percent(t, "100")}
	if fee, err := beyond.Fee(math.MaxInt64 - 1); !errors.Is(err, money.ErrTooLarge) {
		t.Errorf("beyond any sum: %d, %v", fee, err)
	}
}

// TestFeeIsExact compares with rational numbers: the nearest whole unit, of two equally near ones the even, between the least
// and the most; and more is never cheaper.
func TestFeeIsExact(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		sum := rapid.Int64Range(0, 1e12)
		tr := Tariff{Fixed: sum.Draw(r, "fixed"), Percent: money.Whole(rapid.Int64Range(0, 1e6).Draw(r, "percent")).Shift(-4)}
		amount, more := sum.Draw(r, "amount"), sum.Draw(r, "more")
		have, err := tr.Fee(amount)
		if err != nil {
			r.Fatal(err)
		}
		share, _ := new(big.Rat).SetString(tr.Percent.String())
		share.Mul(share, big.NewRat(amount, 100))
		off := new(big.Rat).Sub(share, big.NewRat(have-tr.Fixed, 1))
		if half := off.Abs(off).Cmp(big.NewRat(1, 2)); half > 0 || half == 0 && (have-tr.Fixed)%2 != 0 {
			r.Fatalf("%+v of %d is %d", tr, amount, have)
		}
		tr.Min = rapid.Int64Range(0, 1e12).Draw(r, "min")
		tr.Max = max(tr.Min, tr.Fixed) + sum.Draw(r, "span")
		bounded, err := tr.Fee(amount)
		if err != nil || tr.Max > 0 && (bounded < tr.Min || bounded > tr.Max || have >= tr.Min && have <= tr.Max && bounded != have) {
			r.Fatalf("%+v of %d is %d, %v; without bounds %d", tr, amount, bounded, err, have)
		}
		if dearer, err := tr.Fee(amount + more); err != nil || dearer < bounded {
			r.Fatalf("%+v: of %d %d, of %d %d, %v", tr, amount, bounded, amount+more, dearer, err)
		}
	})
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		tariff Tariff
		want   string // empty: nothing is wrong
	}{
		{Tariff{}, ""},
		{Tariff{Fixed: 1000, Percent: percent(t, "1.5"), Min: 500, Max: 10000}, ""},
		{Tariff{Percent: percent(t, "100")}, ""},
		{Tariff{Fixed: -1}, "fixed=-0.01 KGS"},
		{Tariff{Min: math.MaxInt64}, "min="},
		{Tariff{Percent: percent(t, "100.01")}, "from 0 to 100"},
		{Tariff{Percent: percent(t, "0.12345678901")}, "12 characters"},
		{Tariff{Min: 500, Max: 499}, "below min"},
		{Tariff{Fixed: 500, Max: 499}, "below fixed"},
	} {
		switch err := c.tariff.Check("KGS"); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%+v: %v, want %q", c.tariff, err, c.want)
		}
	}
}

func TestTextIsWhatIsRead(t *testing.T) {
	for _, c := range []struct{ text, currency, want string }{
		{"fixed=10.00 percent=1.5 min=5.00 max=100.00", "KGS", "{0 1000 1.5 500 10000}"},
		{"fixed=10 max=100", "JPY", "{0 10 0 0 100}"},
		{"fixed=0.125", "KWD", "{0 125 0 0 0}"},
		{"percent=0.25", "KGS", "{0 0 0.25 0 0}"},
		{"fixed=0", "KGS", "{0 0 0 0 0}"},
	} {
		tr, err := Parse(strings.Fields(c.text), c.currency)
		if have := fmt.Sprint("{", tr.Version, tr.Fixed, tr.Percent, tr.Min, tr.Max, "}"); err != nil || strings.ReplaceAll(have, " ", "") != strings.ReplaceAll(c.want, " ", "") || tr.Text(c.currency) != c.text {
			t.Errorf("%s in %s: %s, %q, %v", c.text, c.currency, have, tr.Text(c.currency), err)
		}
	}
	for _, bad := range []string{"", "fixed", "fixed=1.001", "fixed=-1", "percent=1,5", "percent=101", "fixed=1 fixed=2", "rate=1", "min=5 max=1"} {
		if tr, err := Parse(strings.Fields(bad), "KGS"); err == nil {
			t.Errorf("%q reads as %+v", bad, tr)
		}
	}
}

// Of the versions that hold already the one that began last counts; one that was made later for the same day corrects it.
func TestTheTariffOfAMoment(t *testing.T) {
	k := Key{"bank-transfer/kyrgyzstan", "KGS"}
	day := func(n int) time.Time { return time.Date(2026, 6, n, 0, 0, 0, 0, time.UTC) }
	b := Book{k: {
		{Tariff{Version: 4, Fixed: 4}, day(3)}, {Tariff{Version: 1, Fixed: 1}, day(1)}, {Tariff{Version: 2, Fixed: 2}, day(5)}, {Tariff{Version: 3, Fixed: 3}, day(3)},
	}}
	for _, c := range []struct {
		at   time.Time
		want int64 // version; 0: none
	}{{day(1).Add(-1), 0}, {day(1), 1}, {day(3).Add(-1), 1}, {day(3), 4}, {day(5), 2}, {day(30), 2}} {
		if h, ok := b.At(k, c.at); ok != (c.want > 0) || h.Version != c.want {
			t.Errorf("at %s holds version %d, want %d", c.at, h.Version, c.want)
		}
	}
	if _, ok := b.At(Key{k.Method, "USD"}, day(9)); ok {
		t.Error("a currency without a tariff has one")
	}
}

// All that is wrong is told at once, by part; sums are compared once they are sums.
func TestReadTellsAllFaultsByPart(t *testing.T) {
	for _, c := range []struct {
		parts map[string]string
		want  string
	}{
		{map[string]string{"fixed": "1.001", "percent": "1,5", "min": "x", "max": "9.00"}, "fixed sum, percent number, min sum"},
		{map[string]string{"percent": "101", "max": "90000000000000000.00"}, "max range, percent range"},
		{map[string]string{"min": "5.00", "max": "1.00"}, "max below_min"},
		{map[string]string{"fixed": "5.00", "max": "1.00"}, "max below_fixed"},
		{nil, "fixed nothing"},
		{map[string]string{"fixed": "0"}, ""},
	} {
		_, faults := Read(c.parts, "KGS")
		var have []string
		for _, f := range faults {
			have = append(have, f.Part+" "+string(f.Why))
		}
		if strings.Join(have, ", ") != c.want {
			t.Errorf("%v: %v, want %s", c.parts, have, c.want)
		}
	}
}
