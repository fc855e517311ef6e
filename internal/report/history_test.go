package report_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"flashpay/internal/audit"
	"flashpay/internal/merchant"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/report"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
	"flashpay/internal/tariff"
	"flashpay/internal/wire"
)

// ways are what becomes of the payouts of random histories. Where there is a settlement, bank and operator contradict the status,
// which stays as it was told.
var ways = []string{
	"open", "paid", "declined", "refused at once", "disputed", "disputed, not paid", "disputed, settled as paid", "disputed, settled as not paid",
	"paid, settled as not paid", "declined, settled as paid", "returned", "returned at once", "returned in part",
}

// TestEverythingAgreesOnRandomHistories holds that statement, register totals, analytics, reports, Data API and ledger agree to
// the unit where currencies of 0, 2 and 3 decimals are converted at random rates, fees are charged, and banks decline, stay
// silent, return money, also in part, and contradict themselves. The audit agrees, too.
func TestEverythingAgreesOnRandomHistories(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		d := &desk{t: t, url: url, clock: &clock{}}
		d.Service = &report.Service{Store: d.open()}
		met, settled := make(map[string]int), make(map[string]int64)
		seeds := []uint64{uint64(time.Now().UnixNano()), 13}
		t.Logf("seeds %d", seeds)
		for i, seed := range seeds {
			h := &history{desk: d, random: rand.New(rand.NewPCG(seed, 29)), project: 210 + int64(i), settled: make(map[string]int64), met: met}
			h.begin()
			for n, k := range h.random.Perm(2 * len(ways)) {
				h.pay(fmt.Sprintf("%d-%d", i, n), ways[k%len(ways)])
			}
			d.reconcile(t, []int64{h.project}, h.settled)
			for key, sum := range h.settled {
				settled[key] += sum
			}
		}
		d.reconcile(t, []int64{210, 211}, settled)
		for _, way := range ways {
			if met[way] == 0 {
				t.Errorf("no payout was %s", way)
			}
		}
		if met["converted"] == 0 || met["charged"] == 0 {
			t.Errorf("too little was converted or charged: %v", met)
		}
		found, err := audit.Run(t.Context(), audit.Config{Store: d.Store})
		d.must(err)
		for _, f := range found.Findings {
			t.Errorf("audit: %s %s: %s", f.Kind, f.Name(), f.What)
		}
	})
}

// history is what happens to the payouts of a project.
type history struct {
	*desk
	random  *rand.Rand
	project int64
	settled map[string]int64 // what operators moved against the statuses
	met     map[string]int
}

var coins = []string{"KGS", "USD", "JPY", "KWD"}

// begin makes the project, with one or two balances, tariffs, and rates.
func (h *history) begin() {
	h.t.Helper()
	p := &merchant.Project{ID: h.project, MerchantID: 7, Name: fmt.Sprint("Shop ", h.project), Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://192.0.2.1/callback"}}
	p.Settings.Conversion = merchant.Conversion{On: true, Margin: money.Whole(h.random.Int64N(300)).Shift(-2)}
	if h.random.IntN(2) == 0 {
		p.Settings.ReversalFee = merchant.KeepFee
	}
	opening := make(map[string]int64)
	for _, i := range h.random.Perm(len(coins))[:1+h.random.IntN(2)] {
		p.Settings.Conversion.MainBalance, opening[coins[i]] = coins[i], 1<<40
	}
	h.must(h.Store.CreateProject(h.t.Context(), p, "secret", opening, "test"))
	var quotes []rates.Quote
	for _, base := range coins[1:] {
		value := money.Whole(1_000 + h.random.Int64N(5_000_000)).Shift(-4)
		quotes = append(quotes, rates.Quote{Source: rates.NBKR, Series: rates.Daily, Base: base, Term: "KGS", Value: value, ValidFrom: h.Store.Now().Add(-time.Second)})
	}
	_, err := h.Store.AddRates(h.t.Context(), quotes, store.By{Actor: "test"})
	h.must(err)
	for currency := range opening {
		fee := tariff.Holding{Tariff: tariff.Tariff{Fixed: h.random.Int64N(20), Percent: money.Whole(h.random.Int64N(90_000)).Shift(-4), Min: 1 + h.random.Int64N(30), Max: 40 + h.random.Int64N(500)}}
		_, err := h.Store.SetTariff(h.t.Context(), h.project, tariff.Key{Method: "bank-transfer/kyrgyzstan", Currency: currency}, fee, store.By{Actor: "test"})
		h.must(err)
	}
}

// accept accepts a payout, and tells whether it is under way.
func (h *history) accept(id string, refuse bool) bool {
	h.t.Helper()
	asked, paid := coins[h.random.IntN(len(coins))], coins[h.random.IntN(len(coins))]
	amount := 1_000 + h.random.Int64N(100_000)
	n := &store.NewPayout{
		ProjectID: h.project, PaymentID: id, Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan", Amount: amount, Currency: asked,
		Account: "00004598", AccountMask: wire.Mask("00004598"), Interface: 1, Threshold: time.Hour, Provider: "bank-" + id, ProviderID: 7,
		Request: fmt.Appendf(nil, `{"general":{"payment_id":%q},"account":{"number":"00004598"}}`, id),
		Check:   rule.Item{Method: "bank-transfer/kyrgyzstan", Currencies: []string{paid}, MinAmount: 1, MaxAmount: 1 << 50, Amount: amount, Currency: asked, BadAccount: refuse},
	}
	if asked != paid {
		n.Check.Target = paid
	}
	_, err := h.Store.Accept(h.t.Context(), n)
	h.must(err)
	o := h.operation(id)
	if o.Terms != nil && len(o.Terms.Conversions()) > 0 {
		h.met["converted"]++
	}
	if _, fee, _ := o.Cost(); fee > 0 {
		h.met["charged"]++
	}
	return o.Status == payout.Processing
}

func (h *history) operation(id string) *payout.Operation {
	h.t.Helper()
	v, err := h.Store.PaymentView(h.t.Context(), h.project, id)
	h.must(err)
	return &v.Operations[0]
}

// pay has one payout go its way.
func (h *history) pay(id, way string) {
	h.t.Helper()
	under := h.accept(id, way == "refused at once")
	if under == (way == "refused at once") { // of a sum too small to be converted nothing else becomes
		return
	}
	h.met[way]++
	first, code := payout.Succeeded, 0
	switch way {
	case "open", "refused at once":
		return
	case "declined", "declined, settled as paid":
		first, code = payout.Declined, 20000
	case "disputed", "disputed, not paid", "disputed, settled as paid", "disputed, settled as not paid":
		first, code = payout.Threshold, payout.CodeAutoDecline
	case "returned at once":
		first = payout.Returned
	}
	work, err := h.Store.LeaseOperations(h.t.Context(), store.Lease{
		ProjectID: h.project, Provider: "bank-" + id, N: 1, Submit: true, SubmitDeadline: time.Second, Duration: time.Minute,
	})
	if err != nil || len(work) != 1 {
		h.t.Fatal(len(work), err)
	}
	if first == payout.Threshold {
		const pass = "UPDATE operations SET threshold_at = created_at + 1 WHERE project_id = $1 AND id = $2"
		_, err := h.Store.DB().Writes.ExecContext(h.t.Context(), pass, h.project, work[0].Operation.ID)
		h.must(err)
	}
	h.apply(work[0], first, code)
	h.clarify(id, way)
}

// clarify goes on where the first word was not the last.
func (h *history) clarify(id, way string) {
	h.t.Helper()
	o := h.operation(id)
	switch way {
	case "disputed, not paid":
		h.again(h.project, id, payout.Declined)
	case "disputed, settled as paid":
		h.again(h.project, id, payout.Succeeded)
		h.decide(id, payout.LateSuccess, payout.BankIsRight)
		cost(h.settled, o, 1, false)
	case "disputed, settled as not paid":
		h.again(h.project, id, payout.Succeeded)
		h.decide(id, payout.LateSuccess, payout.WeAreRight)
	case "paid, settled as not paid":
		h.again(h.project, id, payout.Declined)
		h.decide(id, payout.DeclinedAfterSuccess, payout.BankIsRight)
		cost(h.settled, o, -1, false)
	case "declined, settled as paid":
		h.again(h.project, id, payout.Succeeded)
		h.decide(id, payout.PaidAfterDecline, payout.BankIsRight)
		cost(h.settled, o, 1, false)
	case "returned":
		h.again(h.project, id, payout.Returned)
	case "returned in part": // whatever differs from what was paid decides nothing
		v, err := h.Store.PaymentView(h.t.Context(), h.project, id)
		h.must(err)
		_, err = h.Store.Apply(h.t.Context(), store.Step{
			Payment: v.Payment, Operation: v.Operations[0], Kind: "mismatch", Discrepancy: payout.Mismatch, NextAt: h.now().Add(time.Hour),
			Detail: store.Detail{}.Text("differs", fmt.Sprintf("amount %d", o.Amount/2)),
		})
		h.must(err)
	}
}

// decide settles a payout's discrepancy.
func (h *history) decide(id, kind string, d payout.Decision) {
	h.t.Helper()
	v, err := h.Store.PaymentView(h.t.Context(), h.project, id)
	h.must(err)
	all, err := h.Store.PaymentDiscrepancies(h.t.Context(), h.project, v.Payment.ID)
	h.must(err)
	for i := range all {
		if all[i].Kind == kind {
			found, err := h.Store.Case(h.t.Context(), all[i].ID)
			h.must(err)
			h.must(h.Store.Settle(h.t.Context(), store.SettlementOf(found, d, "statement of the bank"), store.By{Actor: "test"}))
			return
		}
	}
	h.t.Fatalf("%s has no discrepancy %q: %+v", id, kind, all)
}
