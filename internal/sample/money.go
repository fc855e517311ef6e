package sample

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/money"
	"flashpay/internal/rates"
	"flashpay/internal/store"
	"flashpay/internal/tariff"
)

// approvalSum is above which a file waits for a second person: the files of wages stay below it.
const approvalSum = 30_000_000 // 300,000.00 KGS

// settings are those of one of the projects.
func (c *Config) settings(p *Project) merchant.Settings {
	s := merchant.Settings{CallbackURL: p.CallbackURL, AccountCheck: account.Warn}
	switch p {
	case &c.Salaries:
		if c.Waiting {
			s.Approval = merchant.Sums{"KGS": approvalSum}
		}
	case &c.Market:
		s.Conversion = merchant.Conversion{
			On: true, Margin: money.Whole(75).Shift(-2), MaxAge: merchant.Duration(rates.MaxAge), MainBalance: "USD",
		}
		s.CallbackFee = true
	}
	return s
}

// agreed is a version of a tariff, and when it was agreed.
type agreed struct {
	at      time.Time
	project *Project
	key     tariff.Key
	holding tariff.Holding
}

// planAgreements decides what each project pays for its payouts: the shop nothing, the others by a tariff that changed once.
func (p *plan) planAgreements(m *method.Method) {
	p.agreement = make(map[*Project]*merchant.Project)
	for _, project := range p.config.projects() {
		a := &merchant.Project{ID: project.ID, Settings: p.config.settings(project), Balances: []string{"KGS"}, Tariffs: make(tariff.Book)}
		if project == &p.config.Market {
			a.Balances = []string{"USD"}
		}
		p.agreement[project] = a
	}
	percent := func(hundredths int64) money.Decimal { return money.Whole(hundredths).Shift(-2) }
	p.agree(&p.config.Salaries, m, 0, tariff.Tariff{Fixed: 500})
	p.agree(&p.config.Salaries, m, 180, tariff.Tariff{Fixed: 200, Percent: percent(15), Min: 500, Max: 2000})
	if p.config.Market.ID != 0 {
		p.agree(&p.config.Market, m, 0, tariff.Tariff{Percent: percent(120), Min: 20, Max: 200})
		p.agree(&p.config.Market, m, 240, tariff.Tariff{Percent: percent(100), Min: 15})
	}
}

// agree adds a version of a tariff that is agreed on a day of the year.
func (p *plan) agree(project *Project, m *method.Method, day int, t tariff.Tariff) {
	a := p.agreement[project]
	k := tariff.Key{Method: m.Path, Currency: a.Balances[0]}
	t.Version = int64(len(a.Tariffs[k])) + 1
	at := p.start.Add(time.Duration(day)*24*time.Hour + 30*time.Second)
	h := tariff.Holding{Tariff: t, From: at}
	a.Tariffs[k] = append(a.Tariffs[k], h)
	p.tariffs = append(p.tariffs, agreed{at, project, k, h})
}

func (r *runner) agree(ctx context.Context, a *agreed) error {
	_, err := r.store.SetTariff(ctx, a.project.ID, a.key, a.holding, store.By{Actor: actor})
	return err
}

// costOf is what the balance pays for a payout.
func (p *plan) costOf(i *planned, m *method.Method) int64 {
	amount, fee, _ := p.costs.Cost(&accept.Candidate{Project: p.agreement[i.project], Method: m, Amount: i.amount, Currency: i.currency}, i.at)
	return amount + fee
}

// marketPayout is a payout to a seller in dollars or euros.
func (p *plan) marketPayout(at time.Time, people []*person) *planned {
	r := p.random
	payee := people[min(r.IntN(len(people)), r.IntN(len(people)))]
	p.orders += 1 + r.IntN(4)
	i := &planned{
		project: &p.config.Market, at: at, id: fmt.Sprintf("sale-%d-%06d", at.In(bishkek).Year(), p.orders), payee: payee, account: payee.account,
		description: orderText(payee.language, p.orders, true), purpose: "payment to a seller", hands: accept.InterfaceGate, currency: "USD",
	}
	if r.IntN(10) < 3 {
		i.currency = "EUR"
	}
	i.amount = p.around(4_000)
	if r.IntN(3) > 0 {
		i.amount = i.amount / 100 * 100
	}
	i.amount = max(100, min(i.amount, 14_000)) // at any rate of the year within the method's limits
	return i
}

// imported is what was imported of a source at a time.
type imported struct {
	at     time.Time
	quotes []rates.Quote
}

// walk is a rate that changes a little from day to day, within bounds.
type walk struct{ value, step, least, most int64 }

func (w *walk) next(r *rand.Rand) int64 {
	w.value = max(w.least, min(w.value+r.Int64N(2*w.step+1)-w.step, w.most))
	return w.value
}

// planRates decides the year's rates. The National Bank's are imported each working day and hold from the next midnight in
// Bishkek on, those of the European Central Bank hold from 15:00 UTC on and are imported once a week. Both begin some days
// before the year.
func (p *plan) planRates() {
	r := rand.New(rand.NewPCG(p.config.Seed, 0x7261746573))
	dollar, euro := walk{874_500, 1_800, 850_000, 900_000}, walk{10_850, 45, 10_500, 11_200} // ten-thousandths
	rouble, tenge := walk{9_520, 60, 8_800, 10_400}, walk{1_712, 8, 1_580, 1_840}
	first, weekly := midnight(p.start).AddDate(0, 0, -8), []rates.Quote(nil)
	var all, early []rates.Quote
	for day := first; day.Before(p.end); day = day.AddDate(0, 0, 1) {
		if !workday(day) {
			continue
		}
		d, e := dollar.next(r), euro.next(r)
		quotes := make([]rates.Quote, 0, 4)
		for _, of := range []struct {
			base  string
			value int64
		}{{"USD", d}, {"EUR", d * e / 10_000}, {"RUB", rouble.next(r)}, {"KZT", tenge.next(r)}} {
			quotes = append(quotes, quote(rates.NBKR, of.base, "KGS", of.value, day.AddDate(0, 0, 1)))
		}
		all = append(all, quotes...)
		if at := day.Add(15*time.Hour + 30*time.Minute); at.After(p.start.Add(time.Minute)) {
			p.imports = append(p.imports, imported{at.UTC(), quotes})
		} else {
			early = append(early, quotes...)
		}
		y, m, n := day.Date()
		weekly = append(weekly, quote(rates.ECB, "EUR", "USD", e, time.Date(y, m, n, 15, 0, 0, 0, time.UTC)))
		if at := day.Add(23 * time.Hour); day.Weekday() == time.Friday && at.After(p.start.Add(time.Minute)) {
			p.imports, weekly = append(p.imports, imported{at.UTC(), weekly}), nil
		}
	}
	p.imports = append(p.imports, imported{p.start.Add(40 * time.Second), early})
	book := rates.NewBook(all)
	p.costs.Rates = func() *rates.Book { return book }
}

func quote(source rates.Source, base, term string, value int64, from time.Time) rates.Quote {
	return rates.Quote{Source: source, Series: rates.Daily, Base: base, Term: term, Value: money.Whole(value).Shift(-4), ValidFrom: from.UTC()}
}
