package dashboard

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/tariff"
)

// Operators set tariffs from a day of their zone on; what holds, what comes and all versions are shown to whom may see
// balances, of their own projects.
func TestTariffsAreSetAndShown(t *testing.T) {
	now := time.Date(2026, 6, 20, 9, 0, 0, 0, time.UTC)
	s := newSiteAt(t, func() time.Time { return now })
	operator := s.signedInAs(&staff.User{Email: "aida@example.kg", Name: "Aida", Roles: []staff.Role{staff.Operator}, Zone: "Asia/Bishkek"})
	finance := s.signedIn(staff.Finance)
	finance.get("/finance/tariffs").wants(http.StatusOK).says("No tariff: no fee", "Shop · 210", "Salaries · 211").saysNot("Another merchant", "Set a tariff")
	finance.get("/finance/tariffs?project=210").wants(http.StatusOK).says("No tariff has been set")
	finance.get("/finance/tariffs?project=220").wants(http.StatusNotFound)
	finance.get("/finance/210/tariff").wants(http.StatusForbidden)
	s.signedIn(staff.Operations).get("/finance/tariffs").wants(http.StatusForbidden)

	const form = "/finance/210/tariff"
	set := func(pairs ...string) *answer {
		t.Helper()
		page := operator.get(form).wants(http.StatusOK)
		return operator.post(form, append([]string{"once", page.field("once"), "method", "bank-transfer/kyrgyzstan", "currency", "KGS"}, pairs...)...)
	}
	set().wants(http.StatusUnprocessableEntity).says("Enter a fixed part, a percentage or both")
	set("fixed", "1.001", "percent", "1,5,0", "min", "x").wants(http.StatusUnprocessableEntity).says("3 fields need your attention",
		"KGS has at most 2 digits after the decimal mark", "Enter a number, such as 1.5", "Write the sum in digits")
	set("percent", "101").wants(http.StatusUnprocessableEntity).says("a percentage is from 0 to 100")
	set("fixed", "5.00", "max", "1.00").wants(http.StatusUnprocessableEntity).says("which every payout pays")
	set("fixed", "5.00", "from", "2026-06-19").wants(http.StatusUnprocessableEntity).says("This day has passed")
	set("fixed", "5.00", "from", "2029-06-19").wants(http.StatusUnprocessableEntity).says("more than two years ahead")
	set("fixed", "5.00", "from", "soon").wants(http.StatusUnprocessableEntity)
	operator.post(form, "method", "cards", "currency", "SOM", "fixed", "1").wants(http.StatusUnprocessableEntity).says("There is no such method")

	set("fixed", "10.00", "percent", "1.5", "min", "5.00", "max", "100.00", "from", "2026-06-20").wants(http.StatusSeeOther)
	set("percent", "2", "from", "2026-07-01").wants(http.StatusSeeOther)
	if page := set("percent", "2.0", "from", "2026-07-01"); page.wants(http.StatusSeeOther).Location != "/finance/tariffs?project=210" {
		t.Errorf("leads to %s", page.Location)
	}
	operator.get("/finance/tariffs?project=210").wants(http.StatusOK).says("This tariff holds then anyway")
	k := tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: "KGS"}
	p, _ := s.Store.Project(210)
	next, ok := p.Tariffs.Next(k, now)
	if begin := time.Date(2026, 6, 30, 18, 0, 0, 0, time.UTC); len(p.Tariffs[k]) != 2 || !ok || !next.From.Equal(begin) {
		t.Errorf("next holds %+v of %+v, want from %s on", next, p.Tariffs, begin)
	}
	terms := "10.00\u00a0KGS + 1.5\u00a0%, at least 5.00\u00a0KGS, at most 100.00\u00a0KGS"
	finance.get("/finance/tariffs?project=210").wants(http.StatusOK).says(terms, "Holds from 30 Jun 2026, 18:00:00", "Holds now", "Will hold").saysNot("Aida", "aida@example.kg")
	operator.get("/finance/tariffs?project=210").wants(http.StatusOK).says("aida@example.kg", "Versions: Shop")
	operator.get("/operate/audit?action=tariff+set").wants(http.StatusOK).says("set a tariff", "project 210", "fixed=10.00 percent=1.5 min=5.00 max=100.00")

	page := operator.get(form).wants(http.StatusOK).says(terms, "A later version is set already")
	if page.field("fixed") != "10.00" || page.field("percent") != "1.5" {
		t.Errorf("the form begins with %q and %q", page.field("fixed"), page.field("percent"))
	}
	preview := form + "?method=bank-transfer/kyrgyzstan&currency=KGS&percent=2&sample="
	operator.get(preview+"2500.00").wants(http.StatusOK).says("A payout of 2,500.00\u00a0KGS", "Fee 50.00\u00a0KGS", "Debited 2,550.00\u00a0KGS", "Fee by the tariff of now 47.50\u00a0KGS")
	for _, typed := range []string{"2,500.00", "2 500,00", "2500", "2\u00a0500,0"} {
		operator.get(preview + url.QueryEscape(typed)).wants(http.StatusOK).says("Debited 2,550.00\u00a0KGS")
	}
	operator.get(preview + "2,500").wants(http.StatusUnprocessableEntity).saysNot("Debited")
	operator.get(preview + "0,00").wants(http.StatusUnprocessableEntity).says("Enter a sum above zero")
	operator.get(preview + "91000000000000000.00").wants(http.StatusUnprocessableEntity)
	operator.get(form + "?sample=").wants(http.StatusUnprocessableEntity)
}

// A tariff is typed as all sums are, and stands in the form as it is read.
func TestATariffIsTypedAsSumsAre(t *testing.T) {
	s := newSite(t)
	operator := s.signedInAs(&staff.User{Email: "aida@example.kg", Name: "Aida", Roles: []staff.Role{staff.Operator}, Language: "ru"})
	const form = "/finance/210/tariff"
	page := operator.get(form).wants(http.StatusOK)
	operator.post(form, "once", page.field("once"), "method", "bank-transfer/kyrgyzstan", "currency", "KGS", "fixed", "1 234,50",
		"percent", "1,5", "min", "1\u00a0234,5", "max", "9,999.00").wants(http.StatusSeeOther)
	p, _ := s.Store.Project(210)
	have, _ := p.Tariffs.At(tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: "KGS"}, s.Store.Now())
	if text := have.Text("KGS"); text != "fixed=1234.50 percent=1.5 min=1234.50 max=9999.00" {
		t.Errorf("the tariff is %s", text)
	}
	page = operator.get(form).wants(http.StatusOK)
	for name, want := range map[string]string{"fixed": "1\u00a0234,50", "percent": "1,5", "max": "9\u00a0999,00"} {
		if text := page.field(name); text != want {
			t.Errorf("%s stands as %q, want %q", name, text, want)
		}
	}
}

// Before a payout is sent, the fee that the tariff will hold is shown, and it must fit the balance with the sum.
func TestTheFeeIsShownBeforeSending(t *testing.T) {
	s := newSite(t)
	clerk := s.signedIn(staff.MerchantAdmin)
	check := func() *answer {
		return clerk.do(http.MethodPost, "/manual/check", payoutEntries()).wants(http.StatusOK)
	}
	const tooLittle = "funds do not suffice"
	check().saysNot("Debited", tooLittle)
	balances, err := s.Store.Balances(t.Context(), 210)
	if err != nil {
		t.Fatal(err)
	}
	kgs := balances["KGS"]
	available := kgs.Sum(ledger.Available)
	set := func(fee int64) {
		k := tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: "KGS"}
		if _, err := s.Store.SetTariff(t.Context(), 210, k, tariff.Holding{Tariff: tariff.Tariff{Fixed: fee}}, store.By{Actor: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	set(1234)
	check().says("Fee 12.34\u00a0KGS", "Debited 512.34\u00a0KGS").saysNot(tooLittle)
	set(available - 50_000)
	check().says("Debited").saysNot(tooLittle)
	set(available - 49_999)
	check().says("Debited", tooLittle)
}

// A balance that pays no fee while another one of its project does is told; an end of fees is no gap.
func TestABalanceWithoutItsTariffIsTold(t *testing.T) {
	s := newSite(t)
	p := &merchant.Project{ID: 212, MerchantID: 1, Name: "Two", Mode: merchant.Test}
	if err := s.Store.CreateProject(t.Context(), p, "secret-212", map[string]int64{"USD": 100_000, "KGS": 100_000}, "test"); err != nil {
		t.Fatal(err)
	}
	finance := s.signedIn(staff.Finance)
	set := func(currency string, tr tariff.Tariff) {
		t.Helper()
		k := tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: currency}
		if _, err := s.Store.SetTariff(t.Context(), 212, k, tariff.Holding{Tariff: tr}, store.By{Actor: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	const gap = "Other balances of this project pay a fee"
	finance.get("/finance/tariffs?project=212").saysNot(gap)
	set("KGS", tariff.Tariff{Fixed: 1000})
	finance.get("/finance/tariffs?project=212").says(gap, "USD No tariff: no fee")
	set("USD", tariff.Tariff{})
	finance.get("/finance/tariffs?project=212").saysNot(gap)
}

// setTariffs makes tariffs of project 210 that no payout of the gallery pays: of a balance that it does not have, and one to come.
func (s *site) setTariffs() {
	s.t.Helper()
	for currency, from := range map[string]time.Time{"USD": {}, "KGS": s.Store.Now().AddDate(0, 1, 0)} {
		tr, err := tariff.Parse([]string{"fixed=10.00", "percent=1.5", "min=5.00", "max=100.00"}, currency)
		if err != nil {
			s.t.Fatal(err)
		}
		k := tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: currency}
		if _, err := s.Store.SetTariff(s.t.Context(), 210, k, tariff.Holding{Tariff: tr, From: from}, store.By{Actor: "test"}); err != nil {
			s.t.Fatal(err)
		}
	}
}
