// Package e2e starts the real program and uses it as its users do: over HTTP, by the command line, and by killing it.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flashpay/client"
	"flashpay/internal/browsertest"
	"flashpay/internal/pgtest"
	"flashpay/internal/store"
)

// program is the path of the program under test, built once.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "flashpay-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "flashpay")
	build := exec.Command("go", "build", "-o", program, "flashpay/cmd/flashpay")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program under test: %v\n%s", err, out)
		return 1
	}
	runMoreAtOnce()
	return browsertest.Main(m)
}

// runMoreAtOnce lets four tests run at once where nobody asked for another number: they wait for processes more than they work,
// and go's own bound is the number of cores.
func runMoreAtOnce() {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked && runtime.GOMAXPROCS(0) < 4 {
		_ = flag.Set("test.parallel", "4")
	}
}

// engines runs a test on both engines, each with a fresh database, at the same time.
func engines(t *testing.T, test func(t *testing.T, db database)) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, newDatabase(t, engine))
		})
	}
}

// database is a database and the keyset that seals it.
type database struct {
	url string
	dir string
}

func newDatabase(t *testing.T, engine string) database {
	dir := t.TempDir()
	db := database{url: "sqlite:" + filepath.Join(dir, "flashpay.db"), dir: dir}
	if engine == "postgres" {
		db.url = pgtest.URL(t)
	}
	return db
}

func (db database) env() []string {
	return append(os.Environ(), "FLASHPAY_DATABASE="+db.url, "FLASHPAY_KEYSET="+filepath.Join(db.dir, "keyset"))
}

// open opens the database beside the running program.
func (db database) open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: db.url, Keyset: filepath.Join(db.dir, "keyset")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// flashpay runs a command to its end and returns what it printed.
func (db database) flashpay(t *testing.T, args ...string) string {
	t.Helper()
	out, err := db.try(args...)
	if err != nil {
		t.Fatalf("flashpay %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func (db database) try(args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Env = db.env()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.String())
	}
	return string(out), err
}

// project makes a project whose callbacks go to the receiver.
func (db database) project(t *testing.T, id int64, receiver *receiver, args ...string) {
	t.Helper()
	db.flashpay(t, append([]string{
		"project", "create", "--id", strconv.FormatInt(id, 10), "--name", "shop", "--mode", "test", "--key", "secret",
		"--callback-url", receiver.URL + "/callback", "--balance", "KGS=1000000.00",
	}, args...)...)
}

// process is the program running as a server.
type process struct {
	t         *testing.T
	cmd       *exec.Cmd
	Gate      string `json:"gate"`
	Ops       string `json:"ops"`
	Bank      string `json:"bank"`
	BankAhead int    `json:"bank_ahead"`
	ended     chan struct{}
	log       *syncBuffer
}

// serve starts a node and waits until it is ready. It is stopped, and must end well, when the test ends.
func (db database) serve(t *testing.T, args ...string) *process {
	t.Helper()
	args = append([]string{"serve", "--gate", "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--allow-private-callbacks", "--log-level", "warn"}, args...)
	return db.start(t, args...)
}

func (db database) start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), ended: make(chan struct{}), log: &syncBuffer{}}
	p.cmd.Env = db.env()
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	if err != nil {
		t.Fatalf("flashpay %s ended before it was ready: %s", args[0], p.log)
	}
	if err := json.Unmarshal(line, p); err != nil {
		t.Fatalf("ready line %q: %v", line, err)
	}
	return p
}

// stop asks the process to stop; it must exit with 0 within its grace.
func (p *process) stop() {
	select {
	case <-p.ended:
		return
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		p.t.Errorf("it did not stop within %s: %s", patience, p.log)
		return
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("exit code %d: %s", code, p.log)
	}
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// syncBuffer keeps what a process logs.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// receiver is a merchant's web service: it verifies callbacks as any merchant would, and keeps them.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	keys []string
	got  map[string][]*client.Callback
	bad  []string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{keys: []string{"secret"}, got: make(map[string][]*client.Callback)}
	known := func() []string {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.keys
	}
	handler := client.CallbackHandler(known, func(_ context.Context, cb *client.Callback) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got[cb.ID] = append(r.got[cb.ID], cb)
		return nil
	})
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, q)
		if answer.Code != http.StatusOK {
			r.mu.Lock()
			r.bad = append(r.bad, answer.Body.String())
			r.mu.Unlock()
		}
		w.WriteHeader(answer.Code)
	}))
	t.Cleanup(r.Close)
	return r
}

// callbacks are those that came for a payment so far.
func (r *receiver) callbacks(paymentID string) []*client.Callback {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*client.Callback(nil), r.got[paymentID]...)
}

// patience is for what takes a moment, or on a busy machine minutes: only a test that fails waits for its end.
const patience = 5 * time.Minute

// await waits for the first callback of a payment.
func (r *receiver) await(t *testing.T, paymentID string) *client.Callback {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if got := r.callbacks(paymentID); len(got) > 0 {
			return got[0]
		}
	}
	t.Fatalf("no callback for %s within %s; refused: %q", paymentID, patience, r.bad)
	return nil
}

// awaitStatus waits for the callback that tells of a status.
func (r *receiver) awaitStatus(t *testing.T, paymentID string, status client.Status) *client.Callback {
	t.Helper()
	var found *client.Callback
	eventually(t, "a callback of "+string(status), func() bool {
		for _, c := range r.callbacks(paymentID) {
			if c.Status == status {
				found = c
			}
		}
		return found != nil
	})
	return found
}

// shop is a client of Gate for a project.
func shop(t *testing.T, gate string, project int64) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{GateURL: gate, ProjectID: project, Key: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func to(account, id string) client.Payout {
	return client.Payout{
		Method: "kyrgyzstan", PaymentID: id, Amount: 100000, Currency: "KGS",
		Customer: client.Customer{ID: "customer123", IPAddress: "192.0.2.0"}, Account: client.Account{Number: account},
	}
}

// transfer is one line of the bank's book.
type transfer struct {
	Key         string `json:"key"`
	Reference   string `json:"reference"`
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	Account     string `json:"account"`
	Submissions int    `json:"submissions"`
	Executed    int    `json:"executed"`
}

// book reads the bank's book by the merchant's reference.
func book(t *testing.T, bank string) map[string]transfer {
	t.Helper()
	answer, err := http.Get(bank + "/transfers")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	out := make(map[string]transfer)
	for d := json.NewDecoder(answer.Body); ; {
		var tr transfer
		if err := d.Decode(&tr); err != nil {
			break
		}
		out[tr.Reference] = tr
	}
	return out
}

// funds are a project's balance as the command line shows it.
type funds struct {
	Available, Held, Disputed, Receivable int64
}

func (db database) funds(t *testing.T, project int64) funds {
	t.Helper()
	var all map[string]funds
	if err := json.Unmarshal([]byte(db.flashpay(t, "balance", "show", "--id", strconv.FormatInt(project, 10), "--json")), &all); err != nil {
		t.Fatal(err)
	}
	return all["KGS"]
}

// clean has the auditor look at the whole database, and at the bank's book.
func (db database) clean(t *testing.T, bank string) {
	t.Helper()
	if out, err := db.try("audit", "--bank-url", bank); err != nil {
		t.Errorf("the audit: %v: %s", err, out)
	}
}
