package client_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/client"
	"flashpay/signature"
)

const key = "secret"

// gate is a platform of a few lines: it verifies signatures, keeps one payout
// for each payment id, and lets a test spoil the nth request in any way.
type gate struct {
	*httptest.Server
	spoil func(n int, w http.ResponseWriter, accept func()) bool // true: answered

	mu       sync.Mutex
	bodies   []string
	payments map[string]string // request_id by payment id
}

func newGate(t *testing.T, spoil func(n int, w http.ResponseWriter, accept func()) bool) *gate {
	g := &gate{spoil: spoil, payments: map[string]string{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bodies = append(g.bodies, string(body))
	v, err := signature.Parse(body)
	if err != nil {
		answer(w, 422, `{"status":"error","code":"2003","message":"Invalid JSON string"}`)
		return
	}
	if _, err := signature.Verify(body, key); err != nil {
		answer(w, 400, `{"status":"error","code":"3261","message":"`+err.Error()+`"}`)
		return
	}
	if r.URL.Path != "/v2/payment/bank-transfer/kyrgyzstan/payout" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		answer(w, 404, fmt.Sprintf(`{"status":"error","message":"%s %s %s"}`, r.Method, r.URL.Path, r.Header.Get("Content-Type")))
		return
	}
	id := v.Get("general", "payment_id").Text
	accept := func() {
		if g.payments[id] == "" {
			g.payments[id] = fmt.Sprintf("request-%d", len(g.bodies))
		}
	}
	if g.spoil != nil && g.spoil(len(g.bodies), w, accept) {
		return
	}
	accept()
	answer(w, 200, fmt.Sprintf(`{"status":"success","request_id":%q,"project_id":210,"payment_id":%q}`, g.payments[id], id))
}

// seen returns the requests so far and the number of payments.
func (g *gate) seen() (bodies []string, payments int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.bodies), len(g.payments)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// hangUp breaks the connection, so that the client gets no answer.
func hangUp(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func newClient(t *testing.T, url string, change ...func(*client.Config)) *client.Client {
	t.Helper()
	cfg := client.Config{GateURL: url, ProjectID: 210, Key: key, Backoff: time.Millisecond}
	for _, f := range change {
		f(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func payout() client.Payout {
	return client.Payout{
		Method: "kyrgyzstan", PaymentID: "test_payment", Amount: 100000, Currency: "KGS",
		Customer: client.Customer{ID: "customer123", IPAddress: "192.0.2.0"},
		Account:  client.Account{Number: "00004598"},
	}
}

func TestBuildMakesTheSeedRequest(t *testing.T) {
	req, err := newClient(t, "https://gate.example").Build(payout())
	if err != nil {
		t.Fatal(err)
	}
	// Row R1 of the protocol reference, section 4.4.
	const sig = "u9Gt5ENX5uH5sJPAiknW45ir2Ft1UTywQsY3LvxHKe79X3mBQzuumsBd5kADSH/v/zhuKn9x9M5DFEGVTqlXxA=="
	want := client.Request{
		Path: "/v2/payment/bank-transfer/kyrgyzstan/payout",
		Body: []byte(`{"general":{"project_id":210,"payment_id":"test_payment","signature":"` + sig + `"},` +
			`"payment":{"amount":100000,"currency":"KGS"},` +
			`"customer":{"id":"customer123","ip_address":"192.0.2.0"},"account":{"number":"00004598"}}`),
		SigningString: "account:number:00004598;customer:id:customer123;customer:ip_address:192.0.2.0;" +
			"general:payment_id:test_payment;general:project_id:210;payment:amount:100000;payment:currency:KGS",
		Signature: sig,
	}
	if req.Path != want.Path || string(req.Body) != string(want.Body) || req.SigningString != want.SigningString || req.Signature != want.Signature {
		t.Errorf("got  %+v\nbody %s\nwant %+v", req, req.Body, want)
	}
}

func fullPayout() client.Payout {
	p := payout()
	p.Description, p.BestBefore = "Айлык акы", time.Date(2025, 2, 13, 20, 0, 0, 0, time.FixedZone("", 6*3600))
	p.CallbackURL, p.SuccessCallbackURL, p.DeclineCallbackURL = "https://s.example/a", "https://s.example/b", "https://s.example/c"
	p.CallbackDelay, p.DisableCallbacks = 90*time.Second, true
	p.Customer = client.Customer{
		ID: "c", IPAddress: "192.0.2.0", FirstName: "f", MiddleName: "m", LastName: "l", Email: "e@s.example",
		Phone: "996700000000", Country: "KG", City: "Бишкек", Address: "a", DayOfBirth: "01-02-1990",
	}
	p.Account = client.Account{Number: "0000", BankID: 14, BankName: "b", CustomerName: "n"}
	p.Sender = client.Sender{
		FirstName: "f", MiddleName: "m", LastName: "l", Phone: "996700000000", Country: "KG", City: "c", Address: "a",
		AccountNumber: "n", PaymentPurpose: "p",
	}
	return p
}

func TestBuildSendsEveryField(t *testing.T) {
	p := fullPayout()
	p.Extra = map[string]any{
		"customer.identify.doc_number": "AN1234567",
		"payment.is_fast":              true,
		"payment.currency":             nil, // replaces
		"tags":                         []int{1, 2},
	}
	req, err := newClient(t, "https://gate.example").Build(p)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Replace(string(req.Body), req.Signature, "…", 1)
	want := `{"general":{"project_id":210,"payment_id":"test_payment","merchant_callback_url":"https://s.example/a",` +
		`"merchant_success_callback_url":"https://s.example/b","merchant_decline_callback_url":"https://s.example/c","signature":"…"},` +
		`"payment":{"amount":100000,"currency":null,"description":"Айлык акы","best_before":"2025-02-13T14:00:00Z","is_fast":true},` +
		`"customer":{"id":"c","ip_address":"192.0.2.0","first_name":"f","middle_name":"m","last_name":"l","email":"e@s.example",` +
		`"phone":"996700000000","country":"KG","city":"Бишкек","address":"a","day_of_birth":"01-02-1990","identify":{"doc_number":"AN1234567"}},` +
		`"account":{"number":"0000","bank_id":14,"bank_name":"b","customer_name":"n"},` +
		`"sender":{"first_name":"f","middle_name":"m","last_name":"l","phone":"996700000000","country":"KG","city":"c","address":"a",` +
		`"account_number":"n","payment_purpose":"p"},"callback":{"delay":90,"force_disable":true},"tags":[1,2]}`
	if body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	if _, err := signature.Verify(req.Body, key); err != nil {
		t.Error(err)
	}
}

// TestFieldsAreThePlatforms holds the names to Gate's own table of fields.
func TestFieldsAreThePlatforms(t *testing.T) {
	f, err := os.Open("../internal/accept/gate-payout-fields.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, row := range rows {
		kinds[row[0]] = row[1]
	}
	req, err := newClient(t, "https://gate.example").Build(fullPayout())
	if err != nil {
		t.Fatal(err)
	}
	root, err := signature.Parse(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	kindOf := map[signature.Kind]string{
		signature.String: "string", signature.Number: "integer", signature.Bool: "boolean", signature.Object: "object",
	}
	var walk func(at string, v *signature.Value)
	walk = func(at string, v *signature.Value) {
		for i := range v.Members {
			path := strings.TrimPrefix(at+"."+v.Members[i].Name, ".")
			if got := kindOf[v.Members[i].Value.Kind]; got != kinds[path] {
				t.Errorf("%s is sent as %s, the table says %q", path, got, kinds[path])
			}
			walk(path, &v.Members[i].Value)
		}
	}
	walk("", root)
}

func TestBuildRefuses(t *testing.T) {
	c := newClient(t, "https://gate.example")
	for name, change := range map[string]func(*client.Payout){
		"Method is empty":            func(p *client.Payout) { p.Method = "" },
		`Extra["payment.amount.x"]`:  func(p *client.Payout) { p.Extra = map[string]any{"payment.amount.x": 1} },
		`Extra["f"]`:                 func(p *client.Payout) { p.Extra = map[string]any{"f": func() {}} },
		"no place for the signature": func(p *client.Payout) { p.Extra = map[string]any{"general": 5} },
	} {
		p := payout()
		change(&p)
		if _, err := c.Build(p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that says %s", err, name)
		}
	}
}

// TestAmbiguousRequestsAreNotSent: their signature would fit another request as well.
func TestAmbiguousRequestsAreNotSent(t *testing.T) {
	g := newGate(t, nil)
	c := newClient(t, g.URL)
	for field, change := range map[string]func(*client.Payout){
		"customer.last_name":    func(p *client.Payout) { p.Customer.LastName = "Doe;general:payment_id:NEW;zzz:" },
		"general.payment_id":    func(p *client.Payout) { p.PaymentID = "p;general:platform:7" },
		"payment.description":   func(p *client.Payout) { p.Description = "x;operation:code:0" },
		"note.0":                func(p *client.Payout) { p.Extra = map[string]any{"note": []string{"x;a:b"}} },
		"account.customer_name": func(p *client.Payout) { p.Account.CustomerName = "A;account:number:5" },
	} {
		p := payout()
		change(&p)
		_, err := c.Create(t.Context(), p)
		if !errors.Is(err, signature.ErrAmbiguous) || !strings.Contains(err.Error(), field+" must not hold") {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := c.Status(t.Context(), "p;a:b"); !errors.Is(err, signature.ErrAmbiguous) {
		t.Errorf("status: %v", err)
	}
	p := payout()
	p.Description = "Flat 5; floor: 2"
	if _, err := c.Create(t.Context(), p); err != nil {
		t.Error(err)
	}
	if bodies, _ := g.seen(); len(bodies) != 1 {
		t.Errorf("%d requests were sent, want the last one only", len(bodies))
	}
}

func TestNewRefuses(t *testing.T) {
	good := client.Config{GateURL: "https://gate.example", ProjectID: 210, Key: key}
	for name, change := range map[string]func(*client.Config){
		"GateURL":   func(c *client.Config) { c.GateURL = "gate.example" },
		"ProjectID": func(c *client.Config) { c.ProjectID = 0 },
		"Key":       func(c *client.Config) { c.Key = "" },
		"Attempts":  func(c *client.Config) { c.Attempts = -1 },
		"Backoff":   func(c *client.Config) { c.Backoff = -1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := client.New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error about %s", err, name)
		}
	}
}

// TestCreate spoils requests in all the ways in which an answer gets lost. The
// payout must exist once and the receipt must be the first one.
func TestCreate(t *testing.T) {
	type spoil = func(n int, w http.ResponseWriter, accept func()) bool
	firstTwo := func(how func(w http.ResponseWriter, accept func())) spoil {
		return func(n int, w http.ResponseWriter, accept func()) bool {
			if n <= 2 {
				how(w, accept)
			}
			return n <= 2
		}
	}
	for _, c := range []struct {
		name     string
		spoil    spoil
		requests int
		receipt  string
	}{
		{"answered at once", nil, 1, "request-1"},
		{"it did not happen, connection lost", firstTwo(func(w http.ResponseWriter, _ func()) { hangUp(w) }), 3, "request-3"},
		{"it happened, answer lost", firstTwo(func(w http.ResponseWriter, accept func()) { accept(); hangUp(w) }), 3, "request-1"},
		{"it happened, answer cut", firstTwo(func(w http.ResponseWriter, accept func()) { accept(); answer(w, 200, `{"status":"suc`) }), 3, "request-1"},
		{"it happened, 500", firstTwo(func(w http.ResponseWriter, accept func()) {
			accept()
			answer(w, 500, `{"status":"error","code":"501"}`)
		}), 3, "request-1"},
		{"busy: 503", firstTwo(func(w http.ResponseWriter, _ func()) { answer(w, 503, `{"status":"error"}`) }), 3, "request-3"},
		{"too many: 429", firstTwo(func(w http.ResponseWriter, _ func()) { answer(w, 429, ``) }), 3, "request-3"},
		{"proxy: 502 in HTML", firstTwo(func(w http.ResponseWriter, _ func()) { answer(w, 502, `<html>`) }), 3, "request-3"},
		{"timeout: 408", firstTwo(func(w http.ResponseWriter, _ func()) { answer(w, 408, ``) }), 3, "request-3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGate(t, c.spoil)
			receipt, err := newClient(t, g.URL).Create(t.Context(), payout())
			if err != nil {
				t.Fatal(err)
			}
			if want := (client.Receipt{RequestID: c.receipt, ProjectID: 210, PaymentID: "test_payment"}); receipt != want {
				t.Errorf("receipt %+v, want %+v", receipt, want)
			}
			bodies, payments := g.seen()
			if len(bodies) != c.requests || payments != 1 {
				t.Errorf("%d requests, %d payments; want %d and 1", len(bodies), payments, c.requests)
			}
			if same := slices.Compact(bodies); len(same) != 1 {
				t.Errorf("repeated with other bytes: %q", same)
			}
		})
	}
}

func TestCreateIsRefused(t *testing.T) {
	const refusal = `{"status":"error","code":"2004","message":"Required field not provided","request_id":"r-1","errors":[` +
		`{"code":3242,"message":"Missing","field":"account.number","description":"required"},{"code":"702","message":"Bad","field":""}]}`
	for _, status := range []int{400, 403, 404, 405, 413, 415, 422} {
		g := newGate(t, func(_ int, w http.ResponseWriter, _ func()) bool { answer(w, status, refusal); return true })
		_, err := newClient(t, g.URL).Create(t.Context(), payout())
		var refused *client.Error
		if !errors.As(err, &refused) || errors.Is(err, client.ErrUnknown) || errors.Is(err, client.ErrNotFound) {
			t.Fatalf("%d: %v, want an *Error only", status, err)
		}
		if refused.HTTPStatus != status || refused.Code != "2004" || refused.RequestID != "r-1" || len(refused.Fields) != 2 ||
			refused.Fields[0] != (client.FieldError{Code: "3242", Message: "Missing", Field: "account.number", Description: "required"}) {
			t.Errorf("%d: %+v", status, refused)
		}
		if want := "code 2004: Required field not provided (account.number: Missing, required; Bad)"; !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q does not end in %q", err, want)
		}
		if bodies, _ := g.seen(); len(bodies) != 1 {
			t.Errorf("%d: sent %d times", status, len(bodies))
		}
	}
}

func TestCreateOutcomeUnknown(t *testing.T) {
	lost := func(_ int, w http.ResponseWriter, accept func()) bool { accept(); hangUp(w); return true }
	t.Run("attempts used up", func(t *testing.T) {
		g := newGate(t, lost)
		_, err := newClient(t, g.URL, func(c *client.Config) { c.Attempts = 3 }).Create(t.Context(), payout())
		if bodies, _ := g.seen(); !errors.Is(err, client.ErrUnknown) || len(bodies) != 3 {
			t.Errorf("%v after %d requests; want ErrUnknown after 3", err, len(bodies))
		}
	})
	t.Run("context ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		g := newGate(t, func(n int, w http.ResponseWriter, accept func()) bool { accept(); cancel(); hangUp(w); return true })
		_, err := newClient(t, g.URL, func(c *client.Config) { c.Backoff = time.Hour }).Create(ctx, payout())
		if !errors.Is(err, client.ErrUnknown) || !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want ErrUnknown and context.Canceled", err)
		}
	})
	t.Run("no answer in time", func(t *testing.T) {
		g := newGate(t, nil)
		slow := func(c *client.Config) {
			c.Attempts, c.Timeout = 2, 20*time.Millisecond
			c.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				resp, err := http.DefaultTransport.RoundTrip(r) // it happened
				if err == nil {
					resp.Body.Close()
				}
				<-r.Context().Done()
				return nil, r.Context().Err()
			})}
		}
		_, err := newClient(t, g.URL, slow).Create(t.Context(), payout())
		if _, payments := g.seen(); !errors.Is(err, client.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) || payments != 1 {
			t.Errorf("%v, %d payments; want ErrUnknown and one payment", err, payments)
		}
	})
	t.Run("a repeat is refused", func(t *testing.T) {
		g := newGate(t, func(n int, w http.ResponseWriter, accept func()) bool {
			if n == 1 {
				return lost(n, w, accept)
			}
			answer(w, 403, `{"status":"error","code":"303"}`)
			return true
		})
		_, err := newClient(t, g.URL).Create(t.Context(), payout())
		var refused *client.Error
		if !errors.Is(err, client.ErrUnknown) || !errors.As(err, &refused) || refused.Code != "303" {
			t.Errorf("%v, want ErrUnknown and the refusal", err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestCreateDefinitelyNotSent: where nothing can have arrived, the outcome is not
// called unknown.
func TestCreateDefinitelyNotSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	closed := newClient(t, "http://"+l.Addr().String(), func(c *client.Config) { c.Attempts = 2 })
	if _, err := closed.Create(t.Context(), payout()); err == nil || errors.Is(err, client.ErrUnknown) {
		t.Errorf("nobody listens: %v", err)
	}
	busy := newGate(t, func(_ int, w http.ResponseWriter, _ func()) bool { answer(w, 429, ``); return true })
	if _, err := newClient(t, busy.URL, func(c *client.Config) { c.Attempts = 2 }).Create(t.Context(), payout()); err == nil || errors.Is(err, client.ErrUnknown) {
		t.Errorf("429: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newClient(t, busy.URL).Create(ctx, payout()); !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrUnknown) {
		t.Errorf("context ended before: %v", err)
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	g := newGate(t, func(n int, w http.ResponseWriter, _ func()) bool {
		if n == 1 {
			w.Header().Set("Retry-After", "1")
			answer(w, 429, ``)
		}
		return n == 1
	})
	start := time.Now()
	if _, err := newClient(t, g.URL).Create(t.Context(), payout()); err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(start); waited < time.Second {
		t.Errorf("sent again after %v, Retry-After was 1 s", waited)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	g := newGate(t, func(_ int, w http.ResponseWriter, _ func()) bool {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	})
	_, err := newClient(t, g.URL).Create(t.Context(), payout())
	var refused *client.Error
	if bodies, _ := g.seen(); !errors.As(err, &refused) || refused.HTTPStatus != 307 || len(bodies) != 1 {
		t.Errorf("%v after %d requests, want an *Error with 307 after one", err, len(bodies))
	}
}
