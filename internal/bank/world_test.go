package bank

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/pgtest"
	"flashpay/internal/vault"
)

// world is a bank, its client and the receiver of its notifications.
type world struct {
	t      *testing.T
	bank   *Bank
	client *http.Client
	net    *network
	inbox  *inbox
	serves context.CancelFunc
	served chan error
}

// network joins servers and clients through net.Pipe, which works in virtual time as well as in real time.
type network struct {
	mu    sync.Mutex
	hosts map[string]*pipeListener
}

func (n *network) listen(host string) *pipeListener {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host] = l
	return l
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	n.mu.Lock()
	l := n.hosts[host]
	n.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	if l == nil {
		return nil, refused
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *network) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 100}}
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// arrival is a notice as it came in.
type arrival struct {
	Key       string
	ID        string
	Status    string
	Reason    string
	Returned  bool
	Reference string
	Amount    int64
	Currency  string
	Account   string
	At        time.Time
	came      time.Time
}

// inbox receives notifications, refusing as many as it is told to.
type inbox struct {
	t *testing.T

	mu       sync.Mutex
	refuse   int
	refused  []time.Time
	delay    time.Duration
	arrivals []arrival
	posts    int
	largest  int // bytes of a notification
}

const testSecret = "s3cret"

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		in.t.Errorf("read a notification: %v", err)
	}
	if r.Header.Get("Bank-Signature") != sign(testSecret, r.Header.Get("Bank-Timestamp"), body) {
		in.t.Errorf("a notification's signature does not fit: %s", body)
	}
	time.Sleep(in.delay)
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.refuse > 0 {
		in.refuse--
		in.refused = append(in.refused, time.Now())
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	var message struct{ Notifications []arrival }
	if err := json.Unmarshal(body, &message); err != nil {
		in.t.Errorf("notification %s: %v", body, err)
	}
	in.posts++
	in.largest = max(in.largest, len(body))
	for _, a := range message.Notifications {
		a.came = time.Now()
		in.arrivals = append(in.arrivals, a)
	}
}

// of are the notices of a key so far.
func (in *inbox) of(key string) []arrival {
	in.mu.Lock()
	defer in.mu.Unlock()
	var of []arrival
	for _, a := range in.arrivals {
		if a.Key == key {
			of = append(of, a)
		}
	}
	return of
}

// engines runs a test on SQLite in virtual time and on PostgreSQL in real time.
func engines(t *testing.T, test func(t *testing.T, state string)) {
	t.Run("sqlite", func(t *testing.T) {
		state := filepath.Join(t.TempDir(), "flashpay.bank")
		synctest.Test(t, func(t *testing.T) { test(t, state) })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, pgtest.URL(t))
	})
}

func newWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	w := &world{t: t, net: &network{hosts: map[string]*pipeListener{}}, inbox: &inbox{t: t}}
	w.client = w.net.client()
	server := &http.Server{Handler: w.inbox}
	platform := w.net.listen("platform")
	go func() {
		if err := server.Serve(platform); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the receiver: %v", err)
		}
	}()
	cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	cfg.Vault = seals(t)
	w.start(cfg)
	t.Cleanup(func() {
		w.stop()
		w.client.CloseIdleConnections()
		server.Close()
	})
	return w
}

func (w *world) start(cfg Config) {
	w.t.Helper()
	cfg.Client = w.net.client()
	bank, err := Open(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.bank, w.serves, w.served = bank, cancel, make(chan error, 1)
	l := w.net.listen("bank")
	go func() { w.served <- bank.Serve(ctx, l) }()
}

func (w *world) stop() {
	w.t.Helper()
	if w.serves == nil {
		return
	}
	w.client.CloseIdleConnections()
	w.serves()
	w.serves = nil
	if err := <-w.served; err != nil {
		w.t.Errorf("Serve: %v", err)
	}
	if err := w.bank.Close(); err != nil {
		w.t.Errorf("Close: %v", err)
	}
	w.bank.cfg.Client.CloseIdleConnections()
}

// restart closes the bank and opens its books again.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start(w.bank.cfg)
}

type fields map[string]any

func transferOf(key, account string) fields {
	return fields{
		"key": key, "reference": "1/" + key, "amount": 10000, "currency": "KGS", "account": account,
		"threshold": time.Now().Add(time.Second), "notify_url": "http://platform/bank", "notify_secret": testSecret,
	}
}

// reply is an answer of the bank.
type reply struct {
	status int // 0: the connection broke
	arrival
	Error struct{ Code, Key, Message string }
}

func (w *world) do(method, path string, body []byte) reply {
	w.t.Helper()
	request, err := http.NewRequest(method, "http://bank"+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.GetBody = nil // a broken connection must not be tried again behind the test's back
	answer, err := w.client.Do(request)
	if err != nil {
		return reply{}
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return reply{}
	}
	r := reply{status: answer.StatusCode}
	if err := json.Unmarshal(raw, &r); err != nil {
		w.t.Errorf("%s %s answered %d %s: %v", method, path, answer.StatusCode, raw, err)
	}
	return r
}

func (w *world) submit(f fields) reply {
	w.t.Helper()
	body, err := json.Marshal(f)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do("POST", "/transfers", body)
}

func (w *world) inquire(key string) reply {
	w.t.Helper()
	return w.do("GET", "/transfers/"+key, nil)
}

// counts is a line of GET /transfers.
type counts struct {
	Key, Reference, Currency, Account, State string
	Amount, Submissions, Executed            int64
}

func (w *world) list() []counts {
	w.t.Helper()
	answer, err := w.client.Get("http://bank/transfers")
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	var all []counts
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		var c counts
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			w.t.Fatalf("%s: %v", lines.Text(), err)
		}
		all = append(all, c)
	}
	if err := lines.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) counts(key string) counts {
	w.t.Helper()
	for _, c := range w.list() {
		if c.Key == key {
			return c
		}
	}
	return counts{}
}

// eventually waits until the condition holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never happened: %s", what)
		}
	}
}

// waiting is how many notices that bank holds.
func (w *world) waiting(b *Bank) int {
	b.notifier.mu.Lock()
	defer b.notifier.mu.Unlock()
	return len(b.notifier.held)
}

// settle waits until the bank has nothing left to do: what has not happened by then never will.
func (w *world) settle() {
	w.t.Helper()
	w.eventually("nothing is left to do", func() bool {
		_, found, err := w.bank.store.soonest(w.t.Context())
		return !found && err == nil && w.waiting(w.bank) == 0
	})
}

func statuses(arrivals []arrival) string {
	var all []string
	for _, a := range arrivals {
		s := a.Status
		if a.Reason != "" {
			s += "/" + a.Reason
		}
		if a.Returned {
			s += "/returned"
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}

func mustJSON(value any) []byte {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return raw
}

var testVault = sync.OnceValues(func() (*vault.Vault, error) {
	text, err := vault.Generate()
	if err != nil {
		return nil, err
	}
	return vault.Open(text)
})

// seals is one vault for all tests, so that no keyset is made outside of their folders.
func seals(t testing.TB) *vault.Vault {
	t.Helper()
	v, err := testVault()
	if err != nil {
		t.Fatal(err)
	}
	return v
}
