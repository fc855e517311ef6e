package bench

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/gate"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// road is the platform without network and bank: requests go into Gate's handler and the real store; processing and
// callbacks are replaced by the steps that they commit when all goes well.
type road struct {
	tb       testing.TB
	handler  http.Handler
	projects []*template // a template of each project
	next     int64
	toEnd    bool // pay and call back, too
	open     sync.WaitGroup
	store    *store.Store
	failed   atomic.Pointer[error]
}

func newRoad(tb testing.TB, databaseURL string, toEnd bool, projects int) *road {
	tb.Helper()
	c := store.Config{URL: databaseURL, Serve: true, Keyset: filepath.Join(tb.TempDir(), "keyset")}
	s, err := store.Open(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	r := &road{tb: tb, store: s, toEnd: toEnd}
	if toEnd {
		s.SetEngine(r)
		s.SetDispatcher(dispatcher{r})
	}
	tb.Cleanup(func() {
		if err := s.Close(tb.Context()); err != nil && tb.Context().Err() == nil {
			tb.Error(err)
		}
	})
	for i := range projects {
		p := project{ID: firstProject + int64(i), Key: "secret"}
		if err := s.CreateProject(tb.Context(), benchProject(p.ID, "http://127.0.0.1/callback"), p.Key, map[string]int64{currency: funds}, actor); err != nil {
			tb.Fatal(err)
		}
		t, err := newTemplate(p, "test", amount, currency)
		if err != nil {
			tb.Fatal(err)
		}
		r.projects = append(r.projects, t)
	}
	methods, err := method.Load(nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.handler = gate.New(gate.Config{
		Projects: s, Acceptor: s, Payments: s, Rejections: s, Notifications: s, Events: s, Methods: methods,
		Route:  func(*merchant.Project, *method.Method) (string, int64, bool) { return "bank", 7, true },
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	}).Handler()
	return r
}

// pay sends payouts, all at once, and returns when everything that they lead to is committed.
func (r *road) pay(payouts int) {
	toEnd := r.toEnd // a request may outlive what it led to, and with it this call
	for range payouts {
		number := r.next
		r.next++
		r.open.Add(1)
		go func() {
			var room request
			wire := r.projects[number%int64(len(r.projects))].request(&room, number)
			body := wire[bytes.Index(wire, endOfHead)+len(endOfHead):]
			w := answer{header: make(http.Header, 4)}
			r.handler.ServeHTTP(&w, &http.Request{
				Method: http.MethodPost, URL: &url.URL{Path: "/v2/payment/bank-transfer/kyrgyzstan/payout"}, ContentLength: int64(len(body)),
				Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), RemoteAddr: "192.0.2.1:1",
			})
			if w.status != http.StatusOK {
				r.fail(fmt.Errorf("answered %d", w.status))
			}
			if !toEnd || w.status != http.StatusOK {
				r.open.Done()
			}
		}()
	}
	r.open.Wait()
	if err := r.failed.Load(); err != nil {
		r.tb.Fatal(*err)
	}
}

func (r *road) fail(err error) { r.failed.CompareAndSwap(nil, &err) }

// answer is an http.ResponseWriter that allocates next to nothing.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }

func (r *road) Reserve(int64, string) (time.Duration, bool) { return 10 * time.Second, true }
func (r *road) Release(int64, string)                       {}
func (r *road) Wake()                                       {}
func (r *road) Notify(*store.StoredNotification)            {}

// Start pays at once.
func (r *road) Start(w *store.Work) {
	go func() {
		_, err := r.store.Apply(r.tb.Context(), store.Step{
			Payment: w.Payment, Operation: w.Operation, Event: payout.Succeeded, Kind: payout.Succeeded.String(),
			ProviderPaymentID: "B0123456789ABCDEF", AuthCode: "123456",
			Detail: store.Detail{}.Text("by", "notification").Text("outcome", "succeeded").Int("code", 0).Int("submits", 1),
		})
		if err != nil {
			r.fail(err)
			r.open.Done()
		}
	}()
}

// dispatcher has every callback delivered at once.
type dispatcher struct{ *road }

func (d dispatcher) Reserve(int64, int64) bool { return true }
func (d dispatcher) Release(int64, int64)      {}

func (d dispatcher) Start(job *store.CallbackJob) {
	go func() {
		defer d.open.Done()
		a := store.Attempt{
			ProjectID: job.Event.ProjectID, Number: job.Event.Number, Attempt: 1, URL: job.URL, At: d.store.Now(), Duration: time.Millisecond,
			HTTPStatus: http.StatusOK,
		}
		if err := d.store.SaveAttempt(d.tb.Context(), a, store.CallbackDelivered, time.Time{}); err != nil {
			d.fail(err)
		}
	}()
}

// together is how many payouts are under way at once, as in flashpay bench.
const together = 256

// TestAllocations holds what a payout may allocate, in objects of the heap and over all goroutines, on SQLite, with all that the
// follower of the journal makes of it: a little above what docs/performance.md says that it does. Who makes the road allocate less
// lowers the ceiling.
func TestAllocations(t *testing.T) {
	for name, c := range map[string]struct {
		toEnd   bool
		ceiling float64
	}{
		"intake":     {false, 175},
		"end to end": {true, 270},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoad(t, storetest.URL(t, storetest.SQLite), c.toEnd, 1)
			payAll := func() {
				r.pay(together)
				if err := r.store.FollowJournal(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			payAll() // statements are prepared, pools filled
			got := testing.AllocsPerRun(8, payAll) / together
			t.Logf("%.1f allocations a payout", got)
			if ceiling := c.ceiling * raceFactor; got > ceiling {
				t.Errorf("a payout allocates %.1f objects; the ceiling is %.0f", got, ceiling)
			}
			if got < 10 {
				t.Errorf("a payout allocates %.1f objects: that cannot be all", got)
			}
		})
	}
}

// BenchmarkRoad measures the road without network, bank and client: its own share of a payout, of one project and of a
// hundred.
func BenchmarkRoad(b *testing.B) {
	for _, engine := range storetest.Engines() {
		for way, toEnd := range map[string]bool{"intake": false, "end-to-end": true} {
			for _, projects := range []int{1, 100} {
				b.Run(fmt.Sprintf("%s/%s/projects=%d", engine, way, projects), func(b *testing.B) {
					address := storetest.URL(b, engine)
					measureRoad(b, address, newRoad(b, address, toEnd, projects))
				})
			}
		}
	}
}

func measureRoad(b *testing.B, address string, r *road) {
	b.Helper()
	r.pay(together)
	b.ReportAllocs()
	d, isPostgres := database{}, strings.HasPrefix(address, "postgres")
	if isPostgres {
		direct, err := sql.Open("pgx", address)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = direct.Close() }()
		d.postmaster = findPostmaster(b.Context(), direct)
	}
	b.ResetTimer()
	before, databaseBefore := processorTime(), d.cpu()
	for left := b.N; left > 0; left -= together {
		r.pay(min(left, together))
	}
	b.ReportMetric(float64((processorTime()-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
	if isPostgres {
		b.ReportMetric(float64((d.cpu()-databaseBefore).Nanoseconds())/1000/float64(b.N), "db-cpu-µs/op")
	}
}
