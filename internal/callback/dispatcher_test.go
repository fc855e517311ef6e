package callback

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
	"flashpay/signature"
)

// logs keeps what is logged.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// road is a store with a dispatcher on a network of its own, and what the dispatcher observed.
type road struct {
	t    testing.TB
	url  string
	s    *store.Store
	d    *Dispatcher
	net  *network
	logs *logs
	stop func()

	mu       sync.Mutex
	observed []store.Attempt
	became   []store.CallbackState
}

const project = 210

// newRoad opens the road; change may change the configuration. In virtual time the store runs no background work:
// ten days of it would take minutes.
func newRoad(t testing.TB, url string, change func(*Config)) *road {
	t.Helper()
	r := &road{t: t, url: url, net: newNetwork(), logs: &logs{}}
	var err error
	if r.s, err = store.Open(t.Context(), store.Config{URL: url, Keyset: storetest.Keyset()}); err != nil {
		t.Fatal(err)
	}
	p := &merchant.Project{ID: project, Name: "shop", Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://shop/project"}}
	if err := r.s.CreateProject(t.Context(), p, "key-1", map[string]int64{"KGS": 1_000_000}, "test"); err != nil {
		t.Fatal(err)
	}
	c := Config{Store: r.s, DialContext: r.net.dial, Interval: time.Hour, Logger: slog.New(slog.NewJSONHandler(r.logs, nil)), Observe: r.observe}
	if change != nil {
		change(&c)
	}
	r.d = New(c)
	r.s.SetDispatcher(r.d)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.d.Run(ctx) }()
	synced := sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		for c, places := range r.d.lanes.reserved {
			if len(places) > 0 {
				t.Errorf("of class %d places were neither used nor given back: %v", c, places)
			}
		}
		r.net.close()
		if err := r.s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	r.stop = synced
	t.Cleanup(r.stop)
	for !r.d.Reserve(project, 1) { // until it takes callbacks
		time.Sleep(time.Millisecond)
	}
	r.d.Release(project, 1)
	return r
}

// virtual runs a test on a road in virtual time.
func virtual(t *testing.T, change func(*Config), test func(t *testing.T, r *road)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t, storetest.URL(t, storetest.SQLite), change)
		test(t, r)
		r.stop()
		time.Sleep(time.Minute) // until the endpoints' handlers have ended
	})
}

func (r *road) observe(a store.Attempt, became store.CallbackState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observed = append(r.observed, a)
	r.became = append(r.became, became)
}

func (r *road) attempts() []store.Attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.observed)
}

func newPayout(id string, amount int64, o payout.Options) *store.NewPayout {
	return &store.NewPayout{
		ProjectID: project, PaymentID: id, ContentHash: [32]byte{1}, Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank transfer Kyrgyzstan",
		Amount: amount, Currency: "KGS", Account: "ACC1234567896789", AccountMask: "ACC123******6789", CustomerID: "123", IP: "192.0.2.1",
		Description: "for «you»", Request: []byte(`{"account":{"number":"ACC1234567896789"}}`), Interface: 1, Threshold: time.Hour, Provider: "sandbox",
		ProviderID: 21432, Options: o,
		Check: rule.Item{Method: "bank-transfer/kyrgyzstan", Currencies: []string{"KGS"}, MinAmount: 100, MaxAmount: 1 << 40, Amount: amount, Currency: "KGS"},
	}
}

// decline makes a payout that is declined at once, for want of funds.
func (r *road) decline(id string, o payout.Options) {
	r.t.Helper()
	r.accept(id, 1<<30, o)
}

func (r *road) accept(id string, amount int64, o payout.Options) {
	r.t.Helper()
	if _, err := r.s.Accept(r.t.Context(), newPayout(id, amount, o)); err != nil {
		r.t.Fatal(err)
	}
}

// succeed makes a payout that succeeds.
func (r *road) succeed(id string, o payout.Options) {
	r.t.Helper()
	r.accept(id, 1000, o)
	v, err := r.s.PaymentView(r.t.Context(), project, id)
	if err != nil {
		r.t.Fatal(err)
	}
	step := store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: payout.Succeeded, Kind: "succeeded", ProviderPaymentID: "b-1", AuthCode: "a-1"}
	if _, err := r.s.Apply(r.t.Context(), step); err != nil {
		r.t.Fatal(err)
	}
}

func (r *road) delivery(number int64) store.Delivery {
	r.t.Helper()
	list, err := r.s.Deliveries(r.t.Context(), store.DeliveryFilter{ProjectID: project, Before: number + 1, Limit: 1})
	if err != nil || len(list) != 1 || list[0].Number != number {
		r.t.Fatalf("callback %d: %+v, %v", number, list, err)
	}
	return list[0]
}

func (r *road) want(number int64, state store.CallbackState, attempts int) {
	r.t.Helper()
	if d := r.delivery(number); d.State != state || d.Attempts != attempts {
		r.t.Fatalf("callback %d: %+v; want %s after %d attempts", number, d, state, attempts)
	}
}

// inbox is a merchant's endpoint that keeps what it gets.
type inbox struct {
	answer func(n int, w http.ResponseWriter) // n counts from 1; nil: 200

	mu     sync.Mutex
	bodies [][]byte
	paths  []string
	times  []time.Time
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.bodies = append(b.bodies, body)
	b.paths = append(b.paths, r.URL.Path)
	b.times = append(b.times, time.Now())
	n := len(b.bodies)
	b.mu.Unlock()
	if b.answer != nil {
		b.answer(n, w)
	}
}

func (b *inbox) got() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.bodies)
}

func (b *inbox) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bodies, b.times, b.paths = nil, nil, nil
}

// when says when the callbacks came, and to which paths.
func (b *inbox) when() ([]time.Time, []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.times), slices.Clone(b.paths)
}

func verify(t *testing.T, body []byte, key string) {
	t.Helper()
	if _, err := signature.Verify(body, key); err != nil {
		t.Fatalf("does not verify under %s: %v\n%s", key, err, body)
	}
}

func unsigned(t *testing.T, body []byte) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "signature")
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestCallbackOfASuccess(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		shop := &inbox{}
		r.net.serve("shop", shop.ServeHTTP)
		start := time.Now()
		r.succeed("ORDER_1", payout.Options{})
		synctest.Wait()
		if time.Since(start) != 0 || len(shop.got()) != 1 {
			t.Fatalf("after %s: %d callbacks; want one at once", time.Since(start), len(shop.got()))
		}
		verify(t, shop.got()[0], "key-1")
		v, err := r.s.PaymentView(t.Context(), project, "ORDER_1")
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"project_id":210,"payment":{"id":"ORDER_1","type":"payout","status":"success","date":"2000-01-01T00:00:00+0000",`+
			`"method":"Bank transfer Kyrgyzstan","sum":{"amount":1000,"currency":"KGS"},"description":"for «you»"},"account":{"number":"ACC123******6789"},`+
			`"customer":{"id":"123"},"decision":{"message":"T"},"operation":{"id":%d,"type":"payout","status":"success","date":"2000-01-01T00:00:00+0000",`+
			`"created_date":"2000-01-01T00:00:00+0000","request_id":"%s","sum_initial":{"amount":1000,"currency":"KGS"},`+
			`"sum_converted":{"amount":1000,"currency":"KGS"},"code":"0","message":"Success","provider":{"id":0,"payment_id":"b-1","auth_code":"a-1"}},"signature":"`,
			v.Operations[0].ID, v.Payment.RequestID)
		if got := string(shop.got()[0]); !strings.HasPrefix(got, want) {
			t.Errorf("body\n%s\nwant\n%s…", got, want)
		}
		r.want(1, store.CallbackDelivered, 1)
	})
}

func TestErrorsOfADecline(t *testing.T) {
	for _, c := range []struct {
		event store.Event
		want  string
	}{
		{store.Event{PaymentStatus: payout.Decline, Code: payout.CodeAboveLimit}, "payment.amount"},
		{store.Event{PaymentStatus: payout.Decline, Code: payout.CodeBelowLimit}, "payment.amount"},
		{store.Event{PaymentStatus: payout.Decline, Code: payout.CodeInvalidAmount}, "payment.amount"},
		{store.Event{PaymentStatus: payout.Decline, Code: payout.CodeInvalidAmount, ProviderID: 21432}, ""},
		{store.Event{PaymentStatus: payout.Decline, Code: payout.CodeCurrencyDisabled}, "payment.currency"},
		{store.Event{PaymentStatus: payout.Decline, Code: payout.CodeAccountData}, "account.number"},
		{store.Event{PaymentStatus: payout.Decline, Code: payout.CodeAccountData, ProviderID: 21432}, ""}, // the bank's
		{store.Event{PaymentStatus: payout.Decline, Code: payout.CodeGeneralDecline, ProviderID: 21432}, ""},
		{store.Event{PaymentStatus: payout.Decline, Code: payout.CodeInsufficientFunds}, ""},
		{store.Event{PaymentStatus: payout.Decline, Code: payout.CodeAutoDecline}, ""},
		{store.Event{PaymentStatus: payout.Success}, ""},
	} {
		got := (&store.CallbackJob{Event: c.event}).Body().Get("errors")
		switch {
		case c.want == "" && got != nil:
			t.Errorf("%+v: errors %+v", c.event, got)
		case c.want != "" && (got == nil || len(got.Items) != 1 || got.Items[0].Get("field").Text != c.want ||
			got.Items[0].Get("code").Text != fmt.Sprint(c.event.Code)):
			t.Errorf("%+v: errors %+v, want field %s", c.event, got, c.want)
		}
	}
}

// The whole schedule against a dead endpoint, to its end.
func TestScheduleToItsEnd(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		start := time.Now()
		r.decline("p", payout.Options{CallbackURL: "http://dead/cb"})
		time.Sleep(11 * 24 * time.Hour)
		attempts := r.attempts()
		if len(attempts) != 120 || r.became[119] != store.CallbackGivenUp || r.became[118] != store.CallbackPending {
			t.Fatalf("%d attempts, became %v", len(attempts), r.became)
		}
		due := start
		for i, a := range attempts {
			if a.Attempt != i+1 || a.HTTPStatus != 0 || a.Error != "no connection within 15s" || a.Duration != 15*time.Second {
				t.Fatalf("attempt %+v", a)
			}
			want, _ := Next(i, due)
			if late := a.At.Sub(want); late < 0 || late > time.Millisecond {
				t.Errorf("attempt %d at %s, %s off the schedule", i+1, a.At, late)
			}
			due = a.At.Add(a.Duration)
		}
		r.want(1, store.CallbackGivenUp, 120)
		logged, err := r.s.DeliveryAttempts(t.Context(), project, 1)
		if err != nil || len(logged) != 120 || logged[119].Error != "no connection within 15s" {
			t.Fatalf("delivery log: %d attempts, %v", len(logged), err)
		}

		// Resent, it begins anew.
		shop := &inbox{answer: func(n int, w http.ResponseWriter) {
			if n < 3 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}}
		r.net.serve("dead", shop.ServeHTTP)
		if _, err := r.s.ResendCallback(t.Context(), "", project, "p", 0, "test"); err != nil {
			t.Fatal(err)
		}
		resent := time.Now()
		time.Sleep(time.Minute)
		r.want(1, store.CallbackDelivered, 123)
		times, _ := shop.when()
		for i, at := range times {
			if late := at.Sub(resent.Add(time.Duration(i) * 10 * time.Second)); late < 0 || late > 50*time.Millisecond {
				t.Errorf("attempt %d of the resend at %s, %s late", i+1, at, late)
			}
		}
		if !strings.Contains(r.logs.String(), `"level":"WARN","msg":"callback attempt","project_id":210,"number":1`) {
			t.Error("no log line says that the callback was given up")
		}
	})
}

func TestOnly200Acknowledges(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		statuses := []int{201, 202, 204, 301, 307, 400, 500, 503, 200}
		shop := &inbox{answer: func(n int, w http.ResponseWriter) {
			w.Header().Set("Location", "http://elsewhere/")
			w.WriteHeader(statuses[n-1])
			if n == 6 {
				_, _ = io.WriteString(w, strings.Repeat("bad ", 20<<10))
			}
		}}
		r.net.serve("shop", shop.ServeHTTP)
		r.decline("p", payout.Options{})
		time.Sleep(time.Hour)
		r.want(1, store.CallbackDelivered, len(statuses))
		attempts, err := r.s.DeliveryAttempts(t.Context(), project, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range attempts {
			want := fmt.Sprintf("answered %d: only 200 acknowledges", statuses[i])
			switch statuses[i] {
			case 200:
				want = ""
			case 301, 307:
				want = fmt.Sprintf("answered %d: redirects are not followed, and only 200 acknowledges", statuses[i])
			}
			if a.HTTPStatus != statuses[i] || a.Error != want {
				t.Errorf("attempt %d: %d, %q; want %d, %q", a.Attempt, a.HTTPStatus, a.Error, statuses[i], want)
			}
		}
		if len(attempts[5].Answer) != answerKept {
			t.Errorf("%d bytes of the answer are kept, want %d", len(attempts[5].Answer), answerKept)
		}
		bodies := shop.got()
		for _, b := range bodies {
			if !bytes.Equal(b, bodies[0]) { // one key, one event: the signature is the same as well
				t.Fatalf("bodies differ:\n%s\n%s", bodies[0], b)
			}
		}
	})
}

func TestWhereCallbacksGo(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		shop := &inbox{}
		r.net.serve("shop", shop.ServeHTTP)
		own := payout.Options{CallbackURL: "http://shop/payment"}
		exact := payout.Options{CallbackURL: "http://shop/payment", SuccessCallbackURL: "http://shop/success", DeclineCallbackURL: "http://shop/decline"}
		for i, o := range []payout.Options{{}, own, exact, {CallbacksDisabled: true}} {
			r.decline(fmt.Sprint("d", i), o)
			synctest.Wait()
			r.succeed(fmt.Sprint("s", i), o)
			synctest.Wait()
		}
		want := "[/project /project /payment /payment /decline /success]"
		_, paths := shop.when()
		if got := fmt.Sprint(paths); got != want {
			t.Errorf("callbacks went to %s, want %s", got, want)
		}
		for _, number := range []int64{7, 8} {
			r.want(number, store.CallbackDisabled, 0)
		}
	})
}

func TestDelay(t *testing.T) {
	virtual(t, func(c *Config) { c.Interval = 0 }, func(t *testing.T, r *road) {
		shop := &inbox{}
		r.net.serve("shop", shop.ServeHTTP)
		start := time.Now()
		r.decline("p", payout.Options{CallbackDelay: 600 * time.Second})
		time.Sleep(599 * time.Second)
		if len(shop.got()) != 0 {
			t.Fatal("sent before its delay had passed")
		}
		time.Sleep(2 * time.Second)
		times, _ := shop.when()
		if len(times) != 1 || times[0].Sub(start) < 600*time.Second {
			t.Fatalf("%d callbacks, at %v", len(times), times)
		}
	})
}

func TestOldestLiveKeySigns(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		shop := &inbox{answer: func(n int, w http.ResponseWriter) {
			if n < 4 {
				w.WriteHeader(http.StatusBadGateway)
			}
		}}
		r.net.serve("shop", shop.ServeHTTP)
		r.decline("p", payout.Options{})
		synctest.Wait()
		if err := r.s.AddKey(t.Context(), project, merchant.Key{Secret: "key-2"}, store.By{Actor: "test"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		if err := r.s.RevokeKey(t.Context(), project, 1, store.By{Actor: "test"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		bodies := shop.got()
		if len(bodies) != 4 {
			t.Fatalf("%d attempts", len(bodies))
		}
		for i, key := range []string{"key-1", "key-1", "key-2", "key-2"} {
			verify(t, bodies[i], key)
			if unsigned(t, bodies[i]) != unsigned(t, bodies[0]) {
				t.Errorf("the body changed:\n%s\n%s", bodies[0], bodies[i])
			}
		}
	})
}

func TestWhatIsNotSent(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		shop := &inbox{}
		r.net.serve("shop", shop.ServeHTTP)
		live := &merchant.Project{ID: 211, Name: "live", Mode: merchant.Live, Settings: merchant.Settings{CallbackURL: "http://shop/cb"}}
		if err := r.s.CreateProject(t.Context(), live, "key", nil, "test"); err != nil {
			t.Fatal(err)
		}
		p := newPayout("p", 1000, payout.Options{})
		p.ProjectID = live.ID
		if _, err := r.s.Accept(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		attempts := r.attempts()
		if len(attempts) != 1 || attempts[0].Error != "not sent: callbacks of a live project go to https addresses only" || len(shop.got()) != 0 {
			t.Fatalf("attempts %+v, sent %d", attempts, len(shop.got()))
		}
		db := r.open()
		exec(t, db, "UPDATE project_keys SET revoked_at = 1 WHERE project_id = 210")
		exec(t, db, "UPDATE settings_version SET version = version + 1")
		if err := r.s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.decline("q", payout.Options{})
		synctest.Wait()
		attempts = r.attempts()
		if len(attempts) != 2 || attempts[1].Error != "not sent: the project has no live key to sign with: add one" || len(shop.got()) != 0 {
			t.Fatalf("attempts %+v, sent %d", attempts, len(shop.got()))
		}
		r.want(1, store.CallbackPending, 1)
	})
}

// open opens the road's SQLite file beside the store.
func (r *road) open() *sql.DB {
	r.t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(r.url, "sqlite:"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { db.Close() })
	return db
}

func exec(t testing.TB, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}

// supersede writes what the store writes when a second event of a payment supersedes the first (its own tests show
// that it does so on both engines).
func (r *road) supersede(older, newer int64, due time.Time) {
	r.t.Helper()
	db := r.open()
	exec(r.t, db, "UPDATE callbacks SET state = 'superseded', next_at = NULL, lease = NULL WHERE project_id = ? AND number = ? AND state = 'pending'", project, older)
	exec(r.t, db, `INSERT INTO events (project_id, number, payment, operation, payment_status, operation_status, code, provider_id, provider_payment_id, auth_code, at)
		SELECT project_id, ?, payment, operation, 'success', 'success', 0, provider_id, provider_payment_id, auth_code, at FROM events WHERE project_id = ? AND number = ?`,
		newer, project, older)
	exec(r.t, db, `INSERT INTO callbacks (project_id, number, payment, state, url, lane, attempts, scheduled, next_at, created_at)
		SELECT project_id, ?, payment, 'pending', url, lane, 0, 0, ?, created_at FROM callbacks WHERE project_id = ? AND number = ?`,
		newer, due.UnixMicro(), project, older)
}

func TestSupersededDuringItsAttempt(t *testing.T) {
	virtual(t, func(c *Config) { c.Interval = 0 }, func(t *testing.T, r *road) {
		var under, most int
		var mu sync.Mutex
		shop := &inbox{}
		shop.answer = func(n int, w http.ResponseWriter) {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			time.Sleep(14 * time.Second)
			mu.Lock()
			under--
			mu.Unlock()
		}
		r.net.serve("shop", shop.ServeHTTP)
		start := time.Now()
		r.decline("p", payout.Options{})
		time.Sleep(time.Second)
		r.supersede(1, 2, start.Add(store.CallbackLease))
		time.Sleep(time.Minute)
		r.want(1, store.CallbackSuperseded, 1) // though it was acknowledged
		r.want(2, store.CallbackDelivered, 1)
		times, _ := shop.when()
		mu.Lock()
		defer mu.Unlock()
		if most != 1 || len(times) != 2 || times[1].Sub(start) < store.CallbackLease {
			t.Errorf("%d attempts at once, %d in all, at %v", most, len(times), times)
		}
	})
}

// smallPools makes the pools an eighth of their size, so that a test needs fewer callbacks to fill them.
func smallPools(t *testing.T) {
	before := pools
	for c := range pools {
		pools[c].Running /= 8
		pools[c].OwnerRunning /= 8
		pools[c].GroupRunning /= 8
		pools[c].LaneRunning = max(1, pools[c].LaneRunning/8)
	}
	t.Cleanup(func() { pools = before })
}

func TestSupersededWhileItWaits(t *testing.T) {
	smallPools(t)
	virtual(t, func(c *Config) { c.Interval = 0 }, func(t *testing.T, r *road) {
		shop := &inbox{answer: func(n int, w http.ResponseWriter) { time.Sleep(900 * time.Millisecond) }}
		r.net.serve("shop", shop.ServeHTTP)
		for i := range 3 * pools[quick].LaneRunning {
			r.decline(fmt.Sprint("p", i), payout.Options{})
		}
		last := int64(3 * pools[quick].LaneRunning)
		time.Sleep(100 * time.Millisecond)
		r.supersede(last, last+1, time.Now())
		time.Sleep(time.Minute)
		r.want(last, store.CallbackSuperseded, 0)
		r.want(last+1, store.CallbackDelivered, 1)
		if n := len(shop.got()); n != int(last) {
			t.Errorf("%d callbacks were sent, want %d: the superseded one is not", n, last)
		}
	})
}

// A burst to an endpoint that is just quick enough: what waits longer than its lease is kept, and nothing is sent twice.
func TestWaitingLongerThanTheLease(t *testing.T) {
	smallPools(t)
	virtual(t, func(c *Config) { c.Interval = 0 }, func(t *testing.T, r *road) {
		seen := make(map[string]int)
		shop := &inbox{answer: func(n int, w http.ResponseWriter) { time.Sleep(990 * time.Millisecond) }}
		r.net.serve("shop", shop.ServeHTTP)
		const burst = 240                    // 8 at once make 30 s
		r.decline("first", payout.Options{}) // so that the endpoint is known to be quick
		time.Sleep(time.Second)
		shop.forget()
		var wg sync.WaitGroup
		for i := range burst {
			wg.Go(func() { r.decline(fmt.Sprint("p", i), payout.Options{}) })
		}
		wg.Wait()
		start := time.Now()
		for len(shop.got()) < burst {
			time.Sleep(time.Second)
			if time.Since(start) > 2*time.Minute {
				t.Fatalf("%d of %d after %s", len(shop.got()), burst, time.Since(start))
			}
		}
		took := time.Since(start)
		time.Sleep(time.Minute)
		for _, b := range shop.got() {
			seen[string(b)]++
		}
		if len(seen) != burst || len(shop.got()) != burst {
			t.Errorf("%d callbacks in %d attempts, want %d in as many", len(seen), len(shop.got()), burst)
		}
		if took > 36*time.Second {
			t.Errorf("took %s, want about 30 s", took)
		}
	})
}

func TestStopLetsAttemptsEnd(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		shop := &inbox{answer: func(n int, w http.ResponseWriter) { time.Sleep(5 * time.Second) }}
		r.net.serve("shop", shop.ServeHTTP)
		r.decline("p", payout.Options{})
		r.decline("q", payout.Options{CallbackURL: "http://dead/"})
		synctest.Wait()
		start := time.Now()
		r.stop()
		if took := time.Since(start); took != 8*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if r.d.Reserve(project, 1) {
			t.Error("it takes callbacks after its end")
		}
		attempts := r.attempts()
		if len(attempts) != 2 || attempts[0].HTTPStatus != 200 || attempts[1].Error != "the platform's server stopped before an answer came" {
			t.Fatalf("attempts %+v", attempts)
		}
		db := r.open()
		var states string
		if err := db.QueryRow("SELECT group_concat(state || ' ' || attempts, ', ') FROM (SELECT state, attempts FROM callbacks ORDER BY number)").Scan(&states); err != nil {
			t.Fatal(err)
		}
		if states != "delivered 1, pending 1" {
			t.Errorf("saved: %s", states)
		}
	})
}

func TestResendOfADelivered(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		shop := &inbox{}
		r.net.serve("shop", shop.ServeHTTP)
		r.decline("p", payout.Options{})
		synctest.Wait()
		if n, err := r.s.ResendCallback(t.Context(), "", project, "p", 0, "test"); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		time.Sleep(time.Second)
		if got := shop.got(); len(got) != 2 || !bytes.Equal(got[0], got[1]) {
			t.Fatalf("sent %q; want the same twice", got)
		}
		attempts, err := r.s.DeliveryAttempts(t.Context(), project, 1)
		if err != nil || len(attempts) != 2 {
			t.Fatalf("log %+v, %v", attempts, err)
		}
	})
}

func TestLogHasNoSecrets(t *testing.T) {
	virtual(t, nil, func(t *testing.T, r *road) {
		r.net.refuse("shop")
		r.decline("p", payout.Options{CallbackURL: "http://user:sesame@shop/cb?token=hush"})
		synctest.Wait()
		var line map[string]any
		if err := json.Unmarshal([]byte(strings.SplitN(r.logs.String(), "\n", 2)[0]), &line); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]any{
			"msg": "callback attempt", "project_id": 210.0, "number": 1.0, "payment_id": "p", "payment_status": "decline", "host": "shop", "attempt": 1.0,
			"http_status": 0.0, "state": "pending", "reason": "no connection: connection refused", "cause": "dial tcp: connection refused",
		} {
			if line[name] != want {
				t.Errorf("%s is %v, want %v", name, line[name], want)
			}
		}
		for _, secret := range []string{"sesame", "hush", "key-1", "6789"} {
			if strings.Contains(r.logs.String(), secret) {
				t.Errorf("the log holds %s:\n%s", secret, r.logs)
			}
		}
	})
}

func TestOnPostgreSQL(t *testing.T) {
	r := newRoad(t, storetest.URL(t, storetest.Postgres), func(c *Config) {
		c.Interval = 50 * time.Millisecond
		c.Schedule = func(scheduled int, lastEnd time.Time) (time.Time, bool) {
			return lastEnd.Add(20 * time.Millisecond), scheduled < 4
		}
	})
	shop := &inbox{answer: func(n int, w http.ResponseWriter) {
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "\x00\xff")
		}
	}}
	r.net.serve("shop", shop.ServeHTTP)
	r.net.refuse("refuses")
	r.succeed("p", payout.Options{})
	r.decline("q", payout.Options{CallbackURL: "http://refuses/"})
	until(t, func() bool {
		return r.delivery(1).State == store.CallbackDelivered && r.delivery(2).State == store.CallbackGivenUp
	})
	r.want(1, store.CallbackDelivered, 2)
	r.want(2, store.CallbackGivenUp, 4)
	if got := shop.got(); !bytes.Equal(got[0], got[1]) {
		t.Errorf("bodies differ:\n%s\n%s", got[0], got[1])
	}
	verify(t, shop.got()[0], "key-1")
	for _, id := range []string{"p", "q"} {
		if _, err := r.s.ResendCallback(t.Context(), "", project, id, 0, "test"); err != nil {
			t.Fatal(err)
		}
	}
	until(t, func() bool { return r.delivery(1).Attempts == 3 && r.delivery(2).Attempts == 8 })
	r.want(1, store.CallbackDelivered, 3)
	r.want(2, store.CallbackGivenUp, 8)
}

func until(t *testing.T, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("did not come about in a minute")
		}
	}
}
