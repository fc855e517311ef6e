package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/store"
	"flashpay/internal/store/snapshot"
	"flashpay/internal/storetest"
	"flashpay/internal/tariff"
	"flashpay/internal/wire"
)

// fates are what can become of a payout.
var fates = []string{
	"pending", "success", "decline", "disputed", "disputed, not paid", "disputed, paid", "disputed, settled as paid", "disputed, settled as not paid",
	"success, settled as not paid", "decline, settled as paid", "success, reversed", "reversed at once", "disputed, settled as paid, returned",
	"success, returned in part",
}

// books are the accounts of one project as the test's own arithmetic has them.
type books map[string]int64

func (b books) move(currency string, from, to ledger.Account, sum int64) {
	b[currency+" "+from.String()] -= sum
	b[currency+" "+to.String()] += sum
}

// spend takes what a payout cost from an account; back gives it back.
func (b books) spend(o *payout.Operation, from ledger.Account, sign int64) {
	amount, fee, currency := o.Cost()
	b.move(currency, from, ledger.Fees, sign*fee)
	if currency == o.Currency {
		b.move(currency, from, ledger.Settlement, sign*amount)
		return
	}
	b.move(currency, from, ledger.Conversion, sign*amount)
	b.move(o.Currency, ledger.Conversion, ledger.Settlement, sign*o.Amount)
}

// reverse gives back what a payout cost, but for a fee that is kept, and pays with it what the project owes.
func (b books) reverse(o *payout.Operation) {
	amount, fee, currency := o.Cost()
	b.spend(o, ledger.Available, -1)
	back := amount + fee
	if o.KeepsFee() {
		b.move(currency, ledger.Available, ledger.Fees, fee)
		back = amount
	}
	b.move(currency, ledger.Available, ledger.Receivable, min(back, -b[currency+" receivable"]))
}

// TestNoUnitAppearsOrVanishes sends payouts at random rates and tariffs, in currencies of 0, 2 and 3 decimals, to every fate, late words
// of the bank and settlements among them: the ledger has what simple arithmetic says, and the audit finds nothing.
func TestNoUnitAppearsOrVanishes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		met := map[string]bool{}
		for round := range 3 {
			c := &conservation{T: t, s: s, random: rand.New(rand.NewPCG(uint64(round), 13)), project: int64(300 + round), have: books{}, met: met}
			c.open()
			for n, i := range c.random.Perm(2 * len(fates)) {
				c.pay(fmt.Sprintf("%d-%d", round, n), fates[i%len(fates)])
			}
			c.compare()
		}
		for _, fate := range append(fates, "converted, fee kept by a reversal", "converted, fee kept by a settlement") {
			if !met[fate] {
				t.Errorf("no payout met the fate %q", fate)
			}
		}
		auditClean(t, s)
	})
}

type conservation struct {
	*testing.T
	s       *store.Store
	random  *rand.Rand
	project int64
	pays    []string // currencies with a balance
	have    books
	met     map[string]bool // fates
}

var currencies = []string{"KGS", "USD", "JPY", "KWD"}

func (c *conservation) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// decimal is a random number with so many digits behind the point.
func (c *conservation) decimal(least, most int64, places int) money.Decimal {
	return money.Whole(least + c.random.Int64N(most-least)).Shift(-places)
}

func (c *conservation) open() {
	c.Helper()
	p := &merchant.Project{ID: c.project, Name: "shop", Mode: merchant.Test}
	p.Settings.Conversion = merchant.Conversion{On: true, Margin: c.decimal(0, 300, 2)}
	if c.project%3 > 0 {
		p.Settings.ReversalFee = merchant.KeepFee
	}
	opening := map[string]int64{}
	for _, i := range c.random.Perm(len(currencies))[:1+c.random.IntN(2)] {
		c.pays = append(c.pays, currencies[i])
		opening[currencies[i]] = 10_000 + c.random.Int64N(60_000)
		c.have.move(currencies[i], ledger.Funding, ledger.Available, opening[currencies[i]])
	}
	p.Settings.Conversion.MainBalance = c.pays[0]
	c.must(c.s.CreateProject(c.Context(), p, "key", opening, "test"))
	from := c.s.Now().Add(-time.Second)
	for _, base := range currencies[1:] {
		q := rates.Quote{Source: rates.NBKR, Series: rates.Daily, Base: base, Term: "KGS", Value: c.decimal(1, 5_000_000, 4), ValidFrom: from}
		addRates(c, c.s, q)
	}
	for _, currency := range c.pays {
		h := tariff.Holding{Tariff: tariff.Tariff{Fixed: c.random.Int64N(20), Percent: c.decimal(0, 90_000, 4), Min: c.random.Int64N(30), Max: 40 + c.random.Int64N(500)}}
		_, err := c.s.SetTariff(c.Context(), c.project, tariff.Key{Method: kyrgyzstan, Currency: currency}, h, store.By{Actor: "test"})
		c.must(err)
	}
}

// pay sends one payout to its fate.
func (c *conservation) pay(id, fate string) {
	c.Helper()
	asked, paid := currencies[c.random.IntN(len(currencies))], currencies[c.random.IntN(len(currencies))]
	p := c.request(id, 1+c.random.Int64N(4000), asked, paid)
	if !c.hold(p) {
		return
	}
	if c.met[fate] = true; fate != "pending" {
		c.follow(id, fate)
	}
}

func (c *conservation) request(id string, amount int64, asked, paid string) *store.NewPayout {
	const account = "1090000000000000"
	p := &store.NewPayout{
		ProjectID: c.project, PaymentID: id, Method: kyrgyzstan, MethodTitle: "Bank transfer Kyrgyzstan", Amount: amount, Currency: asked,
		Account: account, AccountMask: wire.Mask(account), Interface: 1, Threshold: time.Hour, Provider: "sandbox", ProviderID: 21432,
		Request: fmt.Appendf(nil, `{"general":{"payment_id":%q},"account":{"number":%q}}`, id, account),
	}
	p.Check.Method, p.Check.Currencies, p.Check.MinAmount, p.Check.MaxAmount, p.Check.Amount, p.Check.Currency = p.Method, []string{paid}, 1, 1<<50, p.Amount, asked
	if asked != paid {
		p.Check.Target = paid
	}
	return p
}

// hold accepts a payout, and tells whether its funds are held: they are where they suffice for its sum and its fee.
func (c *conservation) hold(p *store.NewPayout) bool {
	c.Helper()
	accept(c, c.s, p)
	o := &c.view(p.PaymentID).Operations[0]
	amount, fee, currency := o.Cost()
	switch code := o.Code; {
	case code == payout.CodeConvertedBelowUnit:
		return false
	case amount+fee > c.have[currency+" available"] != (code == payout.CodeInsufficientFunds):
		c.Fatalf("%s costs %d and %d %s of %d: code %d", p.PaymentID, amount, fee, currency, c.have[currency+" available"], code)
	case code == payout.CodeInsufficientFunds:
		return false
	case code != payout.CodeAwaiting:
		c.Fatalf("%s: code %d", p.PaymentID, code)
	}
	c.have.move(currency, ledger.Available, ledger.Held, amount+fee)
	return true
}

// follow takes a payout that is held to the end of its fate.
func (c *conservation) follow(id, fate string) {
	c.Helper()
	work, err := c.s.LeaseOperations(c.Context(), store.Lease{ProjectID: c.project, Provider: "sandbox", N: 100, Submit: true, SubmitDeadline: 10 * time.Second, Duration: 12 * time.Second})
	c.must(err)
	if len(work) == 0 {
		c.Fatalf("%s: nothing to send", id)
	}
	o := &c.view(id).Operations[0]
	amount, fee, currency := o.Cost()
	all := amount + fee
	switch fate {
	case "success", "success, settled as not paid":
		c.step(id, payout.Succeeded, 0)
		c.have.spend(o, ledger.Held, 1)
	case "success, returned in part": // what differs from what was paid moves nothing: an operator looks at it
		c.step(id, payout.Succeeded, 0)
		c.have.spend(o, ledger.Held, 1)
		v := c.view(id)
		_, err := c.s.Apply(c.Context(), store.Step{
			Payment: v.Payment, Operation: v.Operations[0], Kind: "mismatch", Discrepancy: payout.Mismatch, NextAt: c.s.Now().Add(time.Hour),
			Detail: store.Detail{}.Text("differs", fmt.Sprintf("amount %d", o.Amount/2)),
		})
		c.must(err)
	case "success, reversed", "reversed at once":
		if fate == "success, reversed" {
			c.step(id, payout.Succeeded, 0)
		}
		c.step(id, payout.Returned, 0)
		c.have.spend(o, ledger.Held, 1)
		c.have.reverse(o)
		c.meet("reversal", o)
	case "decline", "decline, settled as paid":
		c.step(id, payout.Declined, 20000)
		c.have.move(currency, ledger.Held, ledger.Available, all)
	default:
		const pass = "UPDATE operations SET threshold_at = created_at + 1 WHERE project_id = $1 AND id = $2"
		_, err := c.s.DB().Writes.ExecContext(c.Context(), pass, c.project, o.ID)
		c.must(err)
		c.step(id, payout.Threshold, payout.CodeAutoDecline)
		c.have.move(currency, ledger.Held, ledger.Disputed, all)
	}
	switch fate {
	case "disputed, not paid":
		c.step(id, payout.Declined, 20000)
		c.have.move(currency, ledger.Disputed, ledger.Available, all)
	case "disputed, paid": // an operator has to say so
		c.step(id, payout.Succeeded, 0)
	case "disputed, settled as paid", "disputed, settled as paid, returned":
		c.step(id, payout.Succeeded, 0)
		c.settle(id, payout.LateSuccess, payout.BankIsRight)
		c.have.spend(o, ledger.Disputed, 1)
		if fate == "disputed, settled as paid, returned" {
			c.step(id, payout.Returned, 0)
			c.settle(id, payout.MoneyReturned, payout.BankIsRight)
			c.have.reverse(o)
			c.meet("settlement", o)
		}
	case "disputed, settled as not paid":
		c.step(id, payout.Succeeded, 0)
		c.settle(id, payout.LateSuccess, payout.WeAreRight)
		c.have.move(currency, ledger.Disputed, ledger.Available, all)
	case "success, settled as not paid":
		c.step(id, payout.Declined, 20000)
		c.settle(id, payout.DeclinedAfterSuccess, payout.BankIsRight)
		c.have.spend(o, ledger.Available, -1)
		c.have.move(currency, ledger.Available, ledger.Receivable, min(all, -c.have[currency+" receivable"]))
	case "decline, settled as paid":
		if c.random.IntN(2) == 0 { // what comes back is spent before the bank changes its mind
			c.hold(c.request(id+" more", max(1, c.have[currency+" available"]-600), currency, currency))
		}
		c.step(id, payout.Succeeded, 0)
		c.settle(id, payout.PaidAfterDecline, payout.BankIsRight)
		c.have.move(currency, ledger.Receivable, ledger.Available, max(0, all-c.have[currency+" available"]))
		c.have.spend(o, ledger.Available, 1)
	}
}

// meet notes that a reversal or settlement has given a converted sum back without its fee.
func (c *conservation) meet(by string, o *payout.Operation) {
	if _, fee, currency := o.Cost(); o.KeepsFee() && fee > 0 && currency != o.Currency {
		c.met["converted, fee kept by a "+by] = true
	}
}

func (c *conservation) view(id string) *store.View {
	c.Helper()
	v, err := c.s.PaymentView(c.Context(), c.project, id)
	c.must(err)
	return v
}

func (c *conservation) step(id string, e payout.Event, code int) {
	c.Helper()
	step(c.T, c.s, c.view(id), e, code)
}

// settle decides on a payout's discrepancy. What the case announces is what comes about.
func (c *conservation) settle(id, kind string, d payout.Decision) {
	c.Helper()
	all, err := c.s.PaymentDiscrepancies(c.Context(), c.project, c.view(id).Payment.ID)
	c.must(err)
	for i := range all {
		if all[i].Kind != kind {
			continue
		}
		found, err := c.s.Case(c.Context(), all[i].ID)
		c.must(err)
		effect := found.Effect(d)
		c.must(c.s.Settle(c.Context(), store.SettlementOf(found, d, "statement of May"), store.By{Actor: "test"}))
		balances, err := c.s.Balances(c.Context(), c.project)
		c.must(err)
		if have := balances[found.Balance.Currency]; have != effect.After {
			c.Fatalf("%s, %s: %+v, announced %+v", id, kind, have, effect.After)
		}
		return
	}
	c.Fatalf("%s has no discrepancy %q: %+v", id, kind, all)
}

// compare compares the ledger with the test's own books.
func (c *conservation) compare() {
	c.Helper()
	err := snapshot.Of(c.s).Ledger(c.Context(), snapshot.Ledger{
		Marks:    func(*snapshot.Marks) error { return nil },
		Transfer: func(*ledger.Transfer) error { return nil },
		Balance: func(b *snapshot.Balance) error {
			if b.ProjectID != c.project {
				return nil
			}
			total := int64(0)
			for _, a := range ledger.Accounts() {
				total += b.Sum(a)
				if want := c.have[b.Currency+" "+a.String()]; b.Sum(a) != want {
					c.Errorf("project %d: %s in %s is %d, want %d", c.project, a, b.Currency, b.Sum(a), want)
				}
				delete(c.have, b.Currency+" "+a.String())
			}
			if total != 0 {
				c.Errorf("project %d: the accounts in %s add up to %d", c.project, b.Currency, total)
			}
			return nil
		},
	})
	c.must(err)
	for account, sum := range c.have {
		if sum != 0 {
			c.Errorf("project %d: there is no %s, want %d", c.project, account, sum)
		}
	}
}
