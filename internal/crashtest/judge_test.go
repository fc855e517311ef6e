package crashtest

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"flashpay/client"
	"flashpay/internal/audit"
	"flashpay/internal/ledger"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// inOrder are the facts of a test in which three payouts succeeded and one was declined, and all is well.
func inOrder() *facts {
	f := &facts{
		project: 7, opening: 1000, statuses: make(map[string]told), heard: make(map[string][]news), views: make(map[string]store.View),
		audit: auditResult{fresh: true, report: &audit.Report{OK: true, Information: map[string]int64{notSealed: 9}}},
	}
	spent := int64(0)
	for i := range 4 {
		w := &wish{id: fmt.Sprint("p", i), account: fmt.Sprint("account", i), amount: int64(100 + i)}
		now := told{status: client.StatusSuccess, code: "0", amount: w.amount}
		tr := transfer{Key: w.id, Reference: "7/" + w.id, Amount: w.amount, Currency: currency, Account: w.account, Submissions: 2, Executed: 1}
		if i == 3 {
			w.ending.code = 20102
			now.status, now.code, tr.Executed = client.StatusDecline, "20102", 0
		} else {
			spent += w.amount
		}
		f.orders = append(f.orders, order{wish: w, requestID: "r-" + w.id, requests: 2})
		f.statuses[w.id] = now
		f.heard[w.id] = []news{{status: now.status, code: now.code, amount: w.amount, currency: currency}}
		f.book = append(f.book, tr)
		f.views[w.id] = store.View{
			Payment:    payout.Payment{ID: int64(i + 1), RequestID: "r-" + w.id, Status: payout.Status(now.status)},
			Operations: []payout.Operation{{Stage: payout.Closed}},
		}
		f.deliveries = append(f.deliveries, store.Delivery{Number: int64(4 - i), PaymentID: w.id, State: store.CallbackDelivered})
	}
	f.balance = ledger.NewBalance(7, currency, map[ledger.Account]int64{ledger.Available: 1000 - spent})
	return f
}

func TestJudgeFindsNothingWhereAllIsWell(t *testing.T) {
	if found := judge(inOrder()); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

func TestJudgeFindsEachViolation(t *testing.T) {
	change := func(id string, f *facts, how func(o *payout.Operation)) {
		v := f.views[id]
		v.Operations = slices.Clone(v.Operations)
		how(&v.Operations[0])
		f.views[id] = v
	}
	for name, c := range map[string]struct {
		damage func(f *facts)
		want   []string // kinds
		names  []string // payments of the first
	}{
		"never answered":       {func(f *facts) { f.orders[0].requestID = "" }, []string{"never answered"}, []string{"p0"}},
		"refused":              {func(f *facts) { f.orders[1].refused = "400" }, []string{"refused"}, []string{"p1"}},
		"other receipt":        {func(f *facts) { f.orders[1].differs = "a, then b" }, []string{"repeat answered differently"}, []string{"p1"}},
		"other stored receipt": {func(f *facts) { f.orders[1].requestID = "x" }, []string{"repeat answered differently"}, []string{"p1"}},
		"lost": {func(f *facts) {
			f.statuses["p3"] = told{notFound: true}
			delete(f.views, "p3")
			f.heard["p3"] = nil
		}, []string{"lost"}, []string{"p3"}},
		"lost in the database": {func(f *facts) { delete(f.views, "p0") }, []string{"lost"}, []string{"p0"}},
		"no status":            {func(f *facts) { f.statuses["p3"] = told{err: "no answer"} }, []string{"status cannot be asked", "callback tells something else"}, []string{"p3"}},
		"not final": {func(f *facts) {
			f.statuses["p3"] = told{status: client.StatusProcessing}
			f.heard["p3"] = nil
			change("p3", f, func(o *payout.Operation) { o.Stage, o.NextAt = payout.Sending, time.Unix(1, 0) })
		}, []string{"not final", "left over"}, []string{"p3"}},
		"wrong code":  {func(f *facts) { f.statuses["p3"] = told{client.StatusDecline, "603", 103, false, ""} }, []string{"wrong result", "callback tells something else"}, []string{"p3"}},
		"wrong sum":   {func(f *facts) { f.statuses["p0"] = told{client.StatusSuccess, "0", 1, false, ""} }, []string{"wrong result"}, []string{"p0"}},
		"no callback": {func(f *facts) { f.heard["p1"] = nil }, []string{"no callback"}, []string{"p1"}},
		"two results": {func(f *facts) {
			f.heard["p1"] = append(f.heard["p1"], news{client.StatusDecline, "603", 101, currency})
		}, []string{"callback tells something else"}, []string{"p1"}},
		"bad signature":        {func(f *facts) { f.badCallbacks = []string{"answered 400"} }, []string{"callback does not verify"}, nil},
		"step left":            {func(f *facts) { change("p2", f, func(o *payout.Operation) { o.NextAt = time.Unix(1, 0) }) }, []string{"left over"}, []string{"p2"}},
		"paid twice":           {func(f *facts) { f.book[1].Executed = 2 }, []string{"paid twice"}, []string{"p1"}},
		"paid under two keys":  {func(f *facts) { f.book = append(f.book, f.book[0]) }, []string{"more than one key"}, []string{"p0"}},
		"not paid":             {func(f *facts) { f.book[2].Executed = 0 }, []string{"a success that was not paid"}, []string{"p2"}},
		"bank never heard":     {func(f *facts) { f.book = f.book[1:] }, []string{"a success that was not paid"}, []string{"p0"}},
		"a decline paid":       {func(f *facts) { f.book[3].Executed = 1 }, []string{"paid, and not a success"}, []string{"p3"}},
		"other account":        {func(f *facts) { f.book[0].Account = "x" }, []string{"bank was asked for something else"}, []string{"p0"}},
		"other amount":         {func(f *facts) { f.book[0].Amount++ }, []string{"bank was asked for something else"}, []string{"p0"}},
		"paid without request": {func(f *facts) { f.book = append(f.book, transfer{Reference: "7/x", Executed: 1}) }, []string{"paid without a request"}, []string{"x"}},
		"balance":              {func(f *facts) { f.opening++ }, []string{"balance"}, nil},
		"held": {func(f *facts) {
			f.balance = ledger.NewBalance(7, currency, map[ledger.Account]int64{ledger.Available: 697, ledger.Held: 1})
		}, []string{"balance"}, nil},
		"gap":                   {func(f *facts) { f.deliveries[0].Number = 5 }, []string{"gap in the numbers of callbacks"}, []string{"p0"}},
		"pending":               {func(f *facts) { f.deliveries[2].State = store.CallbackPending }, []string{"callback not delivered"}, []string{"p2"}},
		"two final statuses":    {func(f *facts) { f.deliveries[3].PaymentID = "p0" }, []string{"more than one final status"}, []string{"p0"}},
		"discrepancy":           {func(f *facts) { f.discrepancies = []store.Discrepancy{{Payment: 2, Kind: payout.LateSuccess}} }, []string{"discrepancy"}, []string{"p1"}},
		"audit left over":       {func(f *facts) { f.audit.report.Information["notifications waiting"] = 1 }, []string{"audit: left over"}, nil},
		"audit without finding": {func(f *facts) { f.audit.report.OK = false }, []string{"audit"}, nil},
		"audit": {func(f *facts) {
			f.audit.report.OK, f.audit.report.Findings = false, []audit.Finding{{Kind: audit.KindJournal, ProjectID: 7, PaymentID: "p1", What: "broken"}}
		}, []string{"audit: journal"}, []string{"p1"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := inOrder()
			c.damage(f)
			found := judge(f)
			var kinds []string
			for _, v := range found {
				kinds = append(kinds, v.Kind)
			}
			if !slices.Equal(kinds, c.want) || !slices.Equal(found[0].Payments, c.names) {
				t.Errorf("found %v; want %v of %v", found, c.want, c.names)
			}
		})
	}
}

// A database that was used before may hold what an interrupted test left in it.
func TestLeftOversOfOthersAreNoViolation(t *testing.T) {
	f := inOrder()
	f.audit.fresh = false
	f.audit.report.Information["callbacks pending"] = 3
	if found := judge(f); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

func TestViolationsOfAKindAreOne(t *testing.T) {
	f := inOrder()
	for i := range 30 {
		f.book = append(f.book, transfer{Reference: "7/x" + strconv.Itoa(i), Executed: 1})
	}
	found := judge(f)
	if len(found) != 1 || found[0].Count != 30 || len(found[0].Payments) != 20 {
		t.Errorf("found %v", found)
	}
}
