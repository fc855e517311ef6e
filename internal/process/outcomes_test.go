package process_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/process"
	"flashpay/internal/provider"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// told is what a bank can say. Failures are blameless, so that the breaker stays out of it.
var told = []struct {
	name string
	provider.Outcome
}{
	{"unknown", provider.Outcome{Kind: provider.Unknown, Blameless: true}},
	{"accepted", provider.Outcome{Kind: provider.Accepted}},
	{"paid", provider.Outcome{Kind: provider.Succeeded, Amount: 100}},
	{"another sum", provider.Outcome{Kind: provider.Succeeded, Amount: 101}},
	{"refused", provider.Outcome{Kind: provider.Declined, Code: 20102}},
	{"returned", provider.Outcome{Kind: provider.Returned}},
	{"not sent", provider.Outcome{Kind: provider.NotSent, Blameless: true}},
	{"no funds", provider.Outcome{Kind: provider.Declined, Code: 20504}},
}

// stage is where a payout can stand when it is told.
type stage struct {
	name      string
	reached   provider.Outcome // what every call is answered until then
	threshold time.Duration
}

var stages = []stage{
	{"new", provider.Outcome{Kind: provider.NotSent, Blameless: true}, 24 * time.Hour},
	{"sending", provider.Outcome{Blameless: true}, 24 * time.Hour},
	{"disputed", provider.Outcome{Blameless: true}, time.Minute},
	{"unsettled", provider.Outcome{Blameless: true}, time.Minute},
	{"paid", provider.Outcome{Kind: provider.Succeeded}, 24 * time.Hour},
	{"declined", provider.Outcome{Kind: provider.Declined, Code: 20000}, 24 * time.Hour},
}

// ways are how a payout is told.
var ways = []string{
	"asked",    // by the answer to the next submit or inquiry
	"once",     // by a notification
	"twice",    // by two at once
	"late",     // by the answer to its first submit, whose lease had ended before it came to its stage
	"replayed", // by a notification, and by a copy of it an hour later
}

// outcomesTable says where a payout stands after it was told. A point: nothing changed, not even when the next call is
// due. «put off»: the next call is due at another time. «again»: it was handed over once more. «given back»: declined at
// the threshold, and its hold is returned. A discrepancy follows a comma. A dash: nobody asks there, or nothing leads there.
const outcomesTable = `
with dedup               asked                    once                    twice                   late                    replayed
new         unknown      sending again            .                       .                       .                       sending again
new         accepted     sending again            .                       .                       .                       sending again
new         paid         paid again               paid                    paid                    paid                    paid
new         another sum  sending again, mismatch  ., mismatch             ., mismatch             ., mismatch             sending again, mismatch
new         refused      declined again           declined                declined                declined                declined
new         returned     reversed again           reversed                reversed                reversed                reversed
new         not sent     . again                  .                       .                       .                       sending again
new         no funds     . again                  .                       .                       .                       sending again
sending     unknown      .                        .                       .                       .                       .
sending     accepted     .                        .                       .                       .                       .
sending     paid         paid                     paid                    paid                    paid                    paid
sending     another sum  ., mismatch              ., mismatch             ., mismatch             ., mismatch             ., mismatch
sending     refused      declined                 declined                declined                declined                declined
sending     returned     reversed                 reversed                reversed                reversed                reversed
sending     not sent     . again                  .                       .                       .                       .
sending     no funds     new                      .                       .                       .                       .
disputed    unknown      .                        .                       .                       .                       .
disputed    accepted     .                        .                       .                       .                       .
disputed    paid         unsettled, late success  unsettled, late success unsettled, late success unsettled, late success unsettled, late success
disputed    another sum  ., mismatch              ., mismatch             ., mismatch             ., mismatch             ., mismatch
disputed    refused      given back               given back              given back              given back              given back
disputed    returned     unsettled, returned      unsettled, returned     unsettled, returned     unsettled, returned     unsettled, returned
disputed    not sent     given back               .                       .                       .                       .
disputed    no funds     given back               .                       .                       .                       .
unsettled   unknown      -                        .                       .                       .                       .
unsettled   accepted     -                        .                       .                       .                       .
unsettled   paid         -                        .                       .                       .                       .
unsettled   another sum  -                        ., mismatch             ., mismatch             ., mismatch             ., mismatch
unsettled   refused      -                        ., declined after success ., declined after success ., declined after success ., declined after success
unsettled   returned     -                        ., returned             ., returned             ., returned             ., returned
unsettled   not sent     -                        .                       .                       .                       .
unsettled   no funds     -                        .                       .                       .                       .
paid        unknown      -                        .                       .                       .                       .
paid        accepted     -                        .                       .                       .                       .
paid        paid         -                        .                       .                       .                       .
paid        another sum  -                        ., mismatch             ., mismatch             ., mismatch             ., mismatch
paid        refused      -                        ., declined after success ., declined after success ., declined after success ., declined after success
paid        returned     -                        reversed                reversed                reversed                reversed
paid        not sent     -                        .                       .                       .                       .
paid        no funds     -                        .                       .                       .                       .
declined    unknown      -                        .                       .                       .                       .
declined    accepted     -                        .                       .                       .                       .
declined    paid         -                        ., paid after decline   ., paid after decline   ., paid after decline   ., paid after decline
declined    another sum  -                        ., mismatch             ., mismatch             ., mismatch             ., mismatch
declined    refused      -                        .                       .                       .                       .
declined    returned     -                        ., returned             ., returned             ., returned             ., returned
declined    not sent     -                        .                       .                       .                       .
declined    no funds     -                        .                       .                       .                       .
without                  asked                    once                    twice                   late                    replayed
new         unknown      sending again            .                       .                       -                       sending again
new         accepted     sending again            .                       .                       -                       sending again
new         paid         paid again               paid                    paid                    -                       paid
new         another sum  sending again, mismatch  ., mismatch             ., mismatch             -                       sending again, mismatch
new         refused      declined again           declined                declined                -                       declined
new         returned     reversed again           reversed                reversed                -                       reversed
new         not sent     . again                  .                       .                       -                       sending again
new         no funds     . again                  .                       .                       -                       sending again
sending     unknown      .                        .                       .                       .                       .
sending     accepted     .                        .                       .                       .                       .
sending     paid         paid                     paid                    paid                    paid                    paid
sending     another sum  ., mismatch              ., mismatch             ., mismatch             ., mismatch             ., mismatch
sending     refused      declined                 declined                declined                declined                declined
sending     returned     reversed                 reversed                reversed                reversed                reversed
sending     not sent     .                        .                       .                       .                       .
sending     no funds     .                        .                       .                       .                       .
disputed    unknown      .                        .                       .                       .                       .
disputed    accepted     .                        .                       .                       .                       .
disputed    paid         unsettled, late success  unsettled, late success unsettled, late success unsettled, late success unsettled, late success
disputed    another sum  ., mismatch              ., mismatch             ., mismatch             ., mismatch             ., mismatch
disputed    refused      given back               given back              given back              given back              given back
disputed    returned     unsettled, returned      unsettled, returned     unsettled, returned     unsettled, returned     unsettled, returned
disputed    not sent     .                        .                       .                       .                       .
disputed    no funds     .                        .                       .                       .                       .
unsettled   unknown      -                        .                       .                       .                       .
unsettled   accepted     -                        .                       .                       .                       .
unsettled   paid         -                        .                       .                       .                       .
unsettled   another sum  -                        ., mismatch             ., mismatch             ., mismatch             ., mismatch
unsettled   refused      -                        ., declined after success ., declined after success ., declined after success ., declined after success
unsettled   returned     -                        ., returned             ., returned             ., returned             ., returned
unsettled   not sent     -                        .                       .                       .                       .
unsettled   no funds     -                        .                       .                       .                       .
paid        unknown      -                        .                       .                       .                       .
paid        accepted     -                        .                       .                       .                       .
paid        paid         -                        .                       .                       .                       .
paid        another sum  -                        ., mismatch             ., mismatch             ., mismatch             ., mismatch
paid        refused      -                        ., declined after success ., declined after success ., declined after success ., declined after success
paid        returned     -                        reversed                reversed                reversed                reversed
paid        not sent     -                        .                       .                       .                       .
paid        no funds     -                        .                       .                       .                       .
declined    unknown      -                        .                       .                       .                       .
declined    accepted     -                        .                       .                       .                       .
declined    paid         -                        ., paid after decline   ., paid after decline   ., paid after decline   ., paid after decline
declined    another sum  -                        ., mismatch             ., mismatch             ., mismatch             ., mismatch
declined    refused      -                        .                       .                       .                       .
declined    returned     -                        ., returned             ., returned             ., returned             ., returned
declined    not sent     -                        .                       .                       .                       .
declined    no funds     -                        .                       .                       .                       .
`

// teller is a bank that answers each payout as its case wants.
type teller struct {
	traits provider.Traits

	mu   sync.Mutex
	keys map[string]string           // by payment
	says map[string]provider.Outcome // by key: to all calls
	next map[string]provider.Outcome // by key: to the next call only
	late map[string]chan provider.Outcome
}

func newTeller(dedup bool) *teller {
	return &teller{
		traits: provider.Traits{
			ID: 7, Idempotent: dedup, SubmitDeadline: 10 * time.Second, InquireDeadline: 5 * time.Second, SettleTime: 2 * time.Second, Concurrency: 200,
		},
		keys: map[string]string{}, says: map[string]provider.Outcome{}, next: map[string]provider.Outcome{}, late: map[string]chan provider.Outcome{},
	}
}

func (b *teller) Name() string            { return "scripted" }
func (b *teller) Traits() provider.Traits { return b.traits }

func (b *teller) Submit(_ context.Context, t provider.Transfer) provider.Outcome {
	if answer := b.first(t); answer != nil {
		return <-answer
	}
	return b.answer(t.Key)
}

// first notes a first submit; of one that shall be answered late it returns the answer.
func (b *teller) first(t provider.Transfer) chan provider.Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, again := b.keys[t.PaymentID]; again {
		return nil
	}
	way, name, _ := parts(t.PaymentID)
	b.keys[t.PaymentID] = t.Key
	b.says[t.Key] = stageOf(name).reached
	if way == "late" {
		b.late[t.PaymentID] = make(chan provider.Outcome, 1)
	}
	return b.late[t.PaymentID]
}

func (b *teller) Inquire(_ context.Context, q provider.Query) provider.Outcome {
	return b.answer(q.Key)
}

func (b *teller) answer(key string) provider.Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	if out, ok := b.next[key]; ok {
		delete(b.next, key)
		return out
	}
	return b.says[key]
}

// say sets what all calls for a payment are answered from now on.
func (b *teller) say(id string, out provider.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.says[b.keys[id]] = out
}

// ReadNotification reads a payment's id, which ends with the name of what it is told.
func (b *teller) ReadNotification(_ context.Context, n provider.Notification) ([]provider.Report, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, _, outcome := parts(string(n.Body))
	return []provider.Report{{Key: b.keys[string(n.Body)], Outcome: outcomeOf(outcome)}}, nil
}

// parts are the way, stage and outcome that a payment's id names.
func parts(id string) (way, stage, outcome string) {
	p := strings.Split(id, "/")
	return p[0], p[1], p[2]
}

func outcomeOf(name string) provider.Outcome {
	for _, o := range told {
		if o.name == name {
			return o.Outcome
		}
	}
	panic("no outcome " + name)
}

// world is a store, an engine and a bank with a payout of each case.
type world struct {
	t     *testing.T
	store *store.Store
	bank  *teller
	ids   []string
	stood map[string]*store.View // before they were told
	told  time.Time
	ended map[string]string // how what changed reads in the table
}

// inWorld runs test in virtual time with a payout of each case.
func inWorld(t *testing.T, url string, bank *teller, ids []string, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset(), Serve: true, Follow: time.Hour, Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		engine := process.New(process.Config{Store: s, Providers: []provider.Provider{bank}, Times: process.Times{
			Inquiries: []time.Duration{30 * time.Minute}, Every: 30 * time.Minute, Disputed: 30 * time.Minute, GiveUp: 30 * 24 * time.Hour,
			Resubmit: time.Hour, OutOfFunds: time.Hour, Poll: 10 * time.Second,
		}})
		s.SetEngine(engine)
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { _ = engine.Run(ctx) })
		if err := s.CreateProject(ctx, &merchant.Project{ID: 210, Name: "shop", Mode: merchant.Test}, "secret", map[string]int64{"KGS": 1_000_000}, "test"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // the engine is open
		w := &world{t: t, store: s, bank: bank, ids: ids, stood: map[string]*store.View{}, ended: map[string]string{}}
		for _, id := range ids {
			w.accept(id)
		}
		test(w)
		cancel()
		done.Wait()
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func (w *world) accept(id string) {
	w.t.Helper()
	_, name, _ := parts(id)
	_, err := w.store.Accept(w.t.Context(), &store.NewPayout{
		ProjectID: 210, PaymentID: id, Method: "m", MethodTitle: "M", Amount: 100, Currency: "KGS", Account: "123", AccountMask: "1", CustomerID: "c",
		Request: []byte(`{"account":{"number":"123"}}`), Threshold: stageOf(name).threshold, Provider: "scripted", ProviderID: 7,
		Check: rule.Item{Method: "m", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 1000, Amount: 100, Currency: "KGS"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) view(id string) *store.View {
	w.t.Helper()
	v, err := w.store.PaymentView(w.t.Context(), 210, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) notify(id string) {
	w.t.Helper()
	if err := w.store.SaveNotification(w.t.Context(), "scripted", provider.Notification{Body: []byte(id)}); err != nil {
		w.t.Fatal(err)
	}
}

// reach brings every payout to its stage and has the bank fall silent.
func (w *world) reach() {
	time.Sleep(5 * time.Minute) // the leases of first submits have ended, and thresholds of a minute have come
	for _, id := range w.ids {
		if _, name, _ := parts(id); name == "unsettled" {
			w.bank.say(id, provider.Outcome{Kind: provider.Succeeded})
		}
	}
	time.Sleep(40 * time.Minute)
	for _, id := range w.ids {
		w.bank.say(id, provider.Outcome{Blameless: true})
		w.stood[id] = w.view(id)
	}
}

// tell tells every payout of these ways its outcome.
func (w *world) tell() {
	w.told = time.Now()
	for _, id := range w.ids {
		way, _, outcome := parts(id)
		switch way {
		case "asked":
			w.bank.mu.Lock()
			w.bank.next[w.bank.keys[id]] = outcomeOf(outcome)
			w.bank.mu.Unlock()
		case "late":
			w.bank.late[id] <- outcomeOf(outcome)
		case "twice":
			w.notify(id)
			w.notify(id)
		default:
			w.notify(id)
		}
	}
}

// look notes how the payouts of some ways stand.
func (w *world) look(these ...string) {
	w.t.Helper()
	found, err := w.store.Discrepancies(w.t.Context(), 210)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, id := range w.ids {
		way, name, _ := parts(id)
		if !slices.Contains(these, way) {
			continue
		}
		before, after := w.stood[id], w.view(id)
		is := standing(after)
		switch {
		case standing(before) != name || way == "asked" && !before.Operations[0].Stage.Open():
			w.ended[id] = "-" // nothing leads there, or nobody asks
			continue
		case is != name:
		case way != "asked" && way != "replayed" && !after.Operations[0].NextAt.Equal(before.Operations[0].NextAt):
			is = "put off"
		default:
			is = "."
		}
		if after.Operations[0].Submits > before.Operations[0].Submits {
			is += " again"
		}
		for _, d := range found {
			if d.Payment == after.Payment.ID && !d.OpenedAt.Before(w.told) {
				is += ", " + d.Kind
			}
		}
		w.ended[id] = is
	}
}

// standing names where a payout stands as the table does.
func standing(v *store.View) string {
	switch o := v.Operations[0]; {
	case v.Payment.Status == payout.Success:
		return "paid"
	case v.Payment.Status == payout.Reversed:
		return "reversed"
	case o.Stage == payout.Closed && o.Code == payout.CodeAutoDecline:
		return "given back"
	case o.Stage == payout.Closed:
		return "declined"
	default:
		return string(o.Stage)
	}
}

// balance checks that the project's funds are where its payouts stand.
func (w *world) balance() {
	w.t.Helper()
	var held, disputed, spent int64
	for _, id := range w.ids {
		switch standing(w.view(id)) {
		case "new", "sending":
			held += 100
		case "disputed", "unsettled":
			disputed += 100
		case "paid":
			spent += 100
		}
	}
	all, err := w.store.Balances(w.t.Context(), 210)
	if err != nil {
		w.t.Fatal(err)
	}
	b := all["KGS"]
	if b.Sum(ledger.Held) != held || b.Sum(ledger.Disputed) != disputed || b.Sum(ledger.Available) != 1_000_000-held-disputed-spent {
		w.t.Errorf("funds %+v; want %d held, %d disputed, %d spent", b, held, disputed, spent)
	}
}

func stageOf(name string) stage {
	return stages[slices.IndexFunc(stages, func(s stage) bool { return s.name == name })]
}

// meet lets the payouts of some cases be told their outcomes, and returns how each ended.
func meet(t *testing.T, url string, dedup bool, ids []string) map[string]string {
	var ended map[string]string
	inWorld(t, url, newTeller(dedup), ids, func(w *world) {
		w.reach()
		w.tell()
		time.Sleep(5 * time.Minute)
		w.look("once", "twice", "late")
		time.Sleep(35 * time.Minute) // every call was due
		w.look("asked")
		time.Sleep(20 * time.Minute)
		for _, id := range w.ids {
			if strings.HasPrefix(id, "replayed/") {
				w.notify(id)
			}
		}
		time.Sleep(time.Minute)
		w.look("replayed")
		w.balance()
		ended = w.ended
	})
	return ended
}

// Every outcome meets every stage, told in every way, by a bank that does not pay a key twice and by one that would. What
// a bank answers of its own funds stops its submits, so it is asked in a world of its own.
func TestEveryOutcomeAtEveryStage(t *testing.T) {
	var worlds [3][]string
	for _, way := range ways {
		for _, s := range stages {
			for _, o := range told {
				id := way + "/" + s.name + "/" + o.name
				switch {
				case way != "asked" || o.name != "no funds":
					worlds[0] = append(worlds[0], id)
				case s.name == "new": // its submit must not be stopped by the answers to the others' inquiries
					worlds[1] = append(worlds[1], id)
				default:
					worlds[2] = append(worlds[2], id)
				}
			}
		}
	}
	for _, engine := range storetest.Engines() {
		t.Run(engine, func(t *testing.T) {
			table := "\n"
			for _, dedup := range []bool{true, false} {
				ended := make(map[string]string)
				for _, ids := range worlds {
					maps.Copy(ended, meet(t, storetest.URL(t, engine), dedup, ids))
				}
				table += tableOf(map[bool]string{true: "with dedup", false: "without"}[dedup], ended)
			}
			if table != outcomesTable {
				t.Errorf("got%s", table)
			}
		})
	}
}

// tableOf is the part of outcomesTable that shows one bank.
func tableOf(title string, ended map[string]string) string {
	rows := [][]string{append([]string{title, ""}, ways...)}
	for _, s := range stages {
		for _, o := range told {
			row := []string{s.name, o.name}
			for _, way := range ways {
				row = append(row, ended[way+"/"+s.name+"/"+o.name])
			}
			rows = append(rows, row)
		}
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(strings.TrimRight(fmt.Sprintf("%-11s %-12s %-24s %-23s %-23s %-23s %s", row[0], row[1], row[2], row[3], row[4], row[5], row[6]), " ") + "\n")
	}
	return out.String()
}
