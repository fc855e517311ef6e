package export_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashpay/internal/ledger"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/internal/store/export"
	"flashpay/internal/storetest"
)

// road makes payouts.
type road struct {
	t     testing.TB
	store *store.Store
}

func newRoad(t testing.TB, url string) *road {
	t.Helper()
	return newRoadOf(t, url, storetest.Keyset())
}

func newRoadOf(t testing.TB, url, keyset string) *road {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, Keyset: keyset, Serve: true, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	r := &road{t, s}
	r.addProjects()
	return r
}

func (r *road) addProjects() {
	r.t.Helper()
	for _, id := range []int64{210, 211} {
		p := &merchant.Project{ID: id, Name: fmt.Sprint("Shop ", id), Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://192.0.2.1/callback"}}
		r.must(r.store.CreateProject(r.t.Context(), p, "secret", map[string]int64{"KGS": 1 << 40, "USD": 1 << 40}, "test"))
	}
}

// accept makes a payout; a negative sum is declined at once.
func (r *road) accept(ctx context.Context, project int64, id string, amount int64, currency string) error {
	declined := amount < 0
	amount = max(amount, -amount)
	body := fmt.Sprintf(`{"general":{"project_id":%d,"payment_id":%q},"customer":{"id":"customer123","ip_address":"192.0.2.7","email":"aida@example.kg"},"account":{"number":"00004598"}}`, project, id)
	_, err := r.store.Accept(ctx, &store.NewPayout{
		ProjectID: project, PaymentID: id, Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan", Amount: amount, Currency: currency,
		Account: "00004598", AccountMask: "0000**98", CustomerID: "customer123", Description: "salary", IP: "192.0.2.7", Request: []byte(body), Interface: 1,
		Check: rule.Item{Method: "bank-transfer/kyrgyzstan", Currencies: []string{"KGS", "USD"}, MinAmount: 1, MaxAmount: 1 << 40, Amount: amount, Currency: currency, BadAccount: declined}, Threshold: time.Hour, Provider: "bank-" + id, ProviderID: 7,
	})
	return err
}

// settle ends a payout that is under way.
func (r *road) settle(ctx context.Context, project int64, id string, event payout.Event, code int) error {
	work, err := r.store.LeaseOperations(ctx, store.Lease{
		ProjectID: project, Provider: "bank-" + id, N: 1, Submit: true, SubmitDeadline: time.Second, Duration: time.Minute,
	})
	if err != nil || len(work) != 1 {
		return errors.Join(err, fmt.Errorf("leased %d of %s", len(work), id))
	}
	_, err = r.store.Apply(ctx, store.Step{
		Payment: work[0].Payment, Operation: work[0].Operation, Event: event, Kind: event.String(), Code: code, Detail: store.Detail{}.Int("code", int64(code)),
		ProviderPaymentID: "B-" + id, AuthCode: "123456",
	})
	return err
}

func (r *road) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// deliver logs an attempt of the payout's callback.
func (r *road) deliver(project int64, id string, attempt, status int) {
	r.t.Helper()
	found, err := r.store.Deliveries(r.t.Context(), store.DeliveryFilter{ProjectID: project, PaymentID: id})
	if err != nil || len(found) != 1 {
		r.t.Fatal(len(found), err)
	}
	state, next := store.CallbackDelivered, time.Time{}
	if status != 200 {
		state, next = store.CallbackPending, r.store.Now().Add(time.Hour)
	}
	r.must(r.store.SaveAttempt(r.t.Context(), store.Attempt{
		ProjectID: project, Number: found[0].Number, Attempt: attempt, Scheduled: attempt - 1, URL: found[0].URL, At: r.store.Now(), HTTPStatus: status,
	}, state, next))
}

// seen is everything that an export streams.
type seen struct {
	Operations, Payments []record.Operation
	Movements            []record.Movement
	Callbacks            []record.Callback
}

const everything = record.Texts | record.Bank | record.Request

func collect(t testing.TB, x *export.Export, f export.Filter) (s seen) {
	t.Helper()
	ctx := t.Context()
	err := errors.Join(
		x.Operations(ctx, f, everything, func(o *record.Operation) error {
			s.Operations = append(s.Operations, *o)
			return nil
		}),
		x.Payments(ctx, f, everything, func(o *record.Operation) error {
			s.Payments = append(s.Payments, *o)
			return nil
		}),
		x.Movements(ctx, f, func(m *record.Movement) error {
			s.Movements = append(s.Movements, *m)
			return nil
		}),
		x.Callbacks(ctx, f, func(c *record.Callback) error {
			s.Callbacks = append(s.Callbacks, *c)
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t testing.TB, s *store.Store, projects ...int64) *export.Export {
	t.Helper()
	x, err := export.Open(t.Context(), s, projects)
	if err != nil {
		t.Fatal(err)
	}
	x.SetPage(3)
	return x
}

// What is read is the state of the watermark, whatever is committed while it is read.
func TestOneConsistentState(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		r := newRoad(t, url)
		ctx := t.Context()
		for i := range 8 {
			r.must(r.accept(ctx, 210+int64(i%2), fmt.Sprint("P-", i), 1000+int64(i), "KGS"))
		}
		r.must(r.accept(ctx, 210, "P-declined", -500, "USD"))
		r.must(r.settle(ctx, 210, "P-0", payout.Succeeded, 0))
		r.must(r.settle(ctx, 211, "P-1", payout.Declined, 20000))
		r.deliver(210, "P-0", 1, 500)
		r.deliver(211, "P-1", 1, 200)

		x, all := open(t, r.store, 210, 211), export.Filter{Projects: []int64{210, 211}}
		before := collect(t, x, all)
		if len(before.Operations) != 9 || len(before.Payments) != 9 || len(before.Callbacks) != 3 || len(before.Movements) < 11 {
			t.Fatalf("%d operations, %d payments, %d callbacks, %d movements", len(before.Operations), len(before.Payments), len(before.Callbacks), len(before.Movements))
		}
		r.must(r.settle(ctx, 210, "P-2", payout.Succeeded, 0))
		r.must(r.settle(ctx, 211, "P-3", payout.Threshold, payout.CodeAutoDecline))
		r.must(r.accept(ctx, 210, "P-later", 7, "KGS"))
		r.must(r.store.TopUp(ctx, 210, "KGS", 5, "more", "test"))
		r.deliver(210, "P-0", 2, 200)
		r.deliver(210, "P-2", 1, 200)
		if diff := cmp.Diff(before, collect(t, x, all)); diff != "" {
			t.Errorf("what was committed later shows:\n%s", diff)
		}
		if fresh := collect(t, open(t, r.store, 210, 211), all); reflect.DeepEqual(before, fresh) {
			t.Error("a fresh export does not show what was committed")
		}
	})
}

// Beside traffic, operations and movements of one export agree to the unit.
func TestAgreesWithTheLedgerBesideTraffic(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		r := newRoad(t, url)
		var workers sync.WaitGroup
		var stop atomic.Bool
		var made atomic.Int64
		for w := range 4 {
			workers.Go(func() {
				for i := 0; !stop.Load(); i++ {
					project, id := 210+int64(i%2), fmt.Sprintf("P-%d-%d", w, i)
					err := r.accept(t.Context(), project, id, int64(100+i), "KGS")
					if err == nil && i%3 > 0 {
						err = r.settle(t.Context(), project, id, []payout.Event{0, payout.Succeeded, payout.Declined}[i%3], []int{0, 0, 20000}[i%3])
					}
					if err != nil {
						t.Error(err)
						return
					}
					made.Add(1)
					time.Sleep(time.Millisecond) // SQLite's lock is not fair: others want it, too
				}
			})
		}
		defer workers.Wait()
		defer stop.Store(true)
		deadline := time.Now().Add(time.Minute)
		for exports := 0; exports < 5 || made.Load() < 100; exports++ {
			if time.Now().After(deadline) {
				t.Fatalf("%d payouts in a minute", made.Load())
			}
			x := open(t, r.store, 210, 211)
			x.SetPage(20)
			agree(t, collect(t, x, export.Filter{Projects: []int64{210, 211}}))
		}
	})
}

func agree(t *testing.T, s seen) {
	t.Helper()
	byStatus, byKind := map[payout.Status]int64{}, map[ledger.Kind]int64{}
	all, ended := int64(0), 0
	for _, o := range s.Operations {
		byStatus[o.Status] += o.Amount
		all += o.Amount
		if o.Status.Final() {
			ended++
		}
	}
	for _, m := range s.Movements {
		byKind[m.Kind] += m.Amount
	}
	if all != byKind[ledger.Hold] || byStatus[payout.Success] != byKind[ledger.Spend] || byStatus[payout.Decline] != byKind[ledger.Return] || ended != len(s.Callbacks) {
		t.Errorf("%d operations: %d in all, %v, %d ended; %d movements: %v; %d callbacks", len(s.Operations), all, byStatus, ended, len(s.Movements), byKind, len(s.Callbacks))
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		r := newRoad(t, url)
		ctx := t.Context()
		for i := range 6 {
			currency := []string{"KGS", "USD"}[i%2]
			r.must(r.accept(ctx, 210, fmt.Sprint("P-", i), int64(100*(i+1)), currency))
		}
		r.must(r.settle(ctx, 210, "P-1", payout.Succeeded, 0))
		r.must(r.settle(ctx, 210, "P-2", payout.Declined, 20102))
		r.must(r.accept(ctx, 211, "other", 100, "KGS"))
		x := open(t, r.store, 210, 211)
		whole := collect(t, x, export.Filter{Projects: []int64{210, 211}})
		third := whole.Payments[2].PaymentCreatedAt
		for _, c := range []struct {
			name   string
			filter export.Filter
			want   []string
		}{
			{"nothing", export.Filter{}, nil},
			{"all of a project", export.Filter{Projects: []int64{211}}, []string{"other"}},
			{"status", export.Filter{Projects: []int64{210}, Statuses: []payout.Status{payout.Success, payout.Decline}}, []string{"P-1", "P-2"}},
			{"code", export.Filter{Projects: []int64{210}, Codes: []int{20102}}, []string{"P-2"}},
			{"currency", export.Filter{Projects: []int64{210}, Currencies: []string{"USD"}}, []string{"P-1", "P-3", "P-5"}},
			{"sum", export.Filter{Projects: []int64{210}, MinAmount: 200, MaxAmount: 300}, []string{"P-1", "P-2"}},
			{"method", export.Filter{Projects: []int64{210}, Methods: []string{"bank-transfer/sepa"}}, nil},
			{"from", export.Filter{Projects: []int64{210}, From: third, Currencies: []string{"KGS"}}, []string{"P-2", "P-4"}},
			{"to", export.Filter{Projects: []int64{210}, To: third}, []string{"P-0", "P-1"}},
		} {
			found := collect(t, x, c.filter)
			var payments, operations []string
			for i := range found.Payments {
				payments = append(payments, found.Payments[i].PaymentID)
			}
			for i := range found.Operations {
				operations = append(operations, found.Operations[i].PaymentID)
			}
			if !reflect.DeepEqual(payments, c.want) || !reflect.DeepEqual(operations, c.want) {
				t.Errorf("%s: payments %q, operations %q, want %q", c.name, payments, operations, c.want)
			}
		}
		first := whole.Operations[0]
		if first.CustomerIP != "192.0.2.7" || first.CustomerEmail != "aida@example.kg" || first.Project.Name != "Shop 210" || first.AccountMask != "0000**98" {
			t.Errorf("the first operation: %+v", first)
		}
		if done := whole.Operations[1]; done.ProviderPaymentID != "B-P-1" || done.Status != payout.Success || !done.Reached {
			t.Errorf("the second operation: %+v", done)
		}
	})
}

// A reader that stops has its error back, and nothing goes on reading.
func TestStopsWithItsReader(t *testing.T) {
	t.Parallel()
	r := newRoad(t, storetest.URL(t, storetest.SQLite))
	for i := range 20 {
		r.must(r.accept(t.Context(), 210, fmt.Sprint("P-", i), 100, "KGS"))
	}
	enough, n := errors.New("enough"), 0
	err := open(t, r.store, 210).Operations(t.Context(), export.Filter{Projects: []int64{210}}, 0, func(*record.Operation) error {
		if n++; n == 5 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 5 {
		t.Errorf("after %d rows: %v", n, err)
	}
}
