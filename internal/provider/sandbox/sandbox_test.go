package sandbox_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/bank"
	"flashpay/internal/pgtest"
	"flashpay/internal/provider"
	"flashpay/internal/provider/providertest"
	"flashpay/internal/provider/sandbox"
	"flashpay/internal/vault"
)

const secret = "notify-secret"

// world is the real bank on loopback, and the platform's door for its notifications.
type world struct {
	t    *testing.T
	bank string // address
	door *httptest.Server

	mu  sync.Mutex
	got []provider.Notification
}

func newWorld(t *testing.T, cfg bank.Config) *world {
	t.Helper()
	w := &world{t: t}
	w.door = httptest.NewServer(w)
	t.Cleanup(w.door.Close)
	cfg.Logger = slog.New(slog.DiscardHandler)
	b, err := bank.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.bank = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, b.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	n := provider.Notification{Header: map[string]string{}, Body: body}
	for name := range r.Header {
		n.Header[name] = r.Header.Get(name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, n)
}

// notification waits for the one that speaks of the key.
func (w *world) notification(key string) provider.Notification {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		for _, n := range w.got {
			if strings.Contains(string(n.Body), `"`+key+`"`) {
				w.mu.Unlock()
				return n
			}
		}
		w.mu.Unlock()
	}
	w.t.Fatalf("no notification of %s", key)
	return provider.Notification{}
}

func (w *world) executed(key string) int {
	w.t.Helper()
	answer, err := http.Get(w.bank + "/transfers")
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		var line struct {
			Key      string
			Executed int
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			w.t.Fatal(err)
		}
		if line.Key == key {
			return line.Executed
		}
	}
	return 0
}

func (w *world) adapter(cfg sandbox.Config) *sandbox.Adapter {
	w.t.Helper()
	cfg.BankURL, cfg.NotifyURL, cfg.NotifySecret = w.bank, w.door.URL, secret
	return newAdapter(w.t, cfg)
}

func newAdapter(t *testing.T, cfg sandbox.Config) *sandbox.Adapter {
	t.Helper()
	a, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func transfer(key, account string) provider.Transfer {
	return provider.Transfer{
		Key: key, Reference: "7/" + key, ProjectID: 7, PaymentID: key, Amount: 123456, Currency: "KGS",
		Account: account, Threshold: time.Now().Add(time.Hour),
	}
}

func TestConformance(t *testing.T) {
	start := func(t *testing.T, cfg bank.Config) providertest.Harness {
		w := newWorld(t, cfg)
		base := &http.Transport{}
		t.Cleanup(base.CloseIdleConnections)
		line := providertest.NewLine(base)
		return providertest.Harness{
			Provider: w.adapter(sandbox.Config{
				Client: &http.Client{Transport: line}, NotIdempotent: cfg.NoDedup,
				SubmitDeadline: 5 * time.Second, InquireDeadline: 5 * time.Second, // most calls are to end well within them
			}),
			Door:         sandbox.Door(secret, nil),
			Line:         line,
			Paid:         transfer("", "1234567890"),
			Refused:      transfer("", "1234560003"),
			RefusedCode:  20106,
			Executed:     w.executed,
			Notification: w.notification,
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		providertest.Run(t, func(t *testing.T) providertest.Harness {
			return start(t, bank.Config{State: filepath.Join(t.TempDir(), "bank")})
		})
	})
	t.Run("sqlite without dedup", func(t *testing.T) {
		t.Parallel()
		providertest.Run(t, func(t *testing.T) providertest.Harness {
			return start(t, bank.Config{State: filepath.Join(t.TempDir(), "bank"), NoDedup: true})
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		providertest.Run(t, func(t *testing.T) providertest.Harness {
			return start(t, bank.Config{State: pgtest.URL(t), Vault: seals(t)})
		})
	})
}

// tableRow is a row of the bank's table, as the adapter tells it.
type tableRow struct {
	ending   string
	submits  []provider.Outcome // until it is accepted
	inquire  []provider.Outcome // right after each
	notified provider.Outcome   // the first notification; unknown: none
}

func table() []tableRow {
	unknown, blameless := provider.Outcome{Kind: provider.Unknown}, provider.Outcome{Kind: provider.Unknown, Blameless: true}
	accepted := provider.Outcome{Kind: provider.Accepted}
	succeeded := provider.Outcome{Kind: provider.Succeeded}
	declined := func(code int) provider.Outcome { return provider.Outcome{Kind: provider.Declined, Code: code} }
	notSent := provider.Outcome{Kind: provider.NotSent}
	return []tableRow{
		{"0001", []provider.Outcome{accepted}, []provider.Outcome{declined(20000)}, declined(20000)},
		{"0002", []provider.Outcome{accepted}, []provider.Outcome{declined(20102)}, declined(20102)},
		{"0003", []provider.Outcome{accepted}, []provider.Outcome{declined(20106)}, declined(20106)},
		{"0004", []provider.Outcome{accepted}, []provider.Outcome{declined(20204)}, declined(20204)},
		{"0005", []provider.Outcome{accepted}, []provider.Outcome{declined(20501)}, declined(20501)},
		{"0006", []provider.Outcome{blameless, blameless, accepted}, []provider.Outcome{notSent, notSent, succeeded}, succeeded},
		{"0007", []provider.Outcome{blameless}, []provider.Outcome{succeeded}, unknown},
		{"0008", []provider.Outcome{blameless, accepted}, []provider.Outcome{notSent, succeeded}, succeeded},
		{"0009", []provider.Outcome{accepted}, []provider.Outcome{accepted}, unknown},
		{"0010", []provider.Outcome{accepted}, []provider.Outcome{succeeded}, succeeded},
		{"0011", []provider.Outcome{accepted}, []provider.Outcome{succeeded}, succeeded},
		{"0013", []provider.Outcome{accepted}, []provider.Outcome{accepted}, unknown},
		{"0014", []provider.Outcome{succeeded}, []provider.Outcome{succeeded}, unknown},
		{"0016", []provider.Outcome{accepted}, []provider.Outcome{succeeded}, succeeded},
	}
}

func same(got, want provider.Outcome) bool {
	return got.Kind == want.Kind && got.Code == want.Code && got.Blameless == want.Blameless
}

// TestTable sends each row of the bank's table through the adapter until it is accepted, as the platform would.
func TestTable(t *testing.T) {
	w := newWorld(t, bank.Config{State: filepath.Join(t.TempDir(), "bank")})
	a := w.adapter(sandbox.Config{})
	for _, tt := range table() {
		tr := transfer("ROW"+tt.ending, "12345678"+tt.ending)
		for i, want := range tt.submits {
			if got := a.Submit(t.Context(), tr); !same(got, want) {
				t.Errorf("%s: submit %d: %+v, want %+v", tt.ending, i+1, got, want)
			}
			q := provider.Query{Key: tr.Key, ProjectID: 7, Account: tr.Account}
			if got := a.Inquire(t.Context(), q); !same(got, tt.inquire[i]) {
				t.Errorf("%s: inquiry %d: %+v, want %+v", tt.ending, i+1, got, tt.inquire[i])
			}
		}
		if tt.notified.Kind == provider.Unknown {
			continue
		}
		reports, err := a.ReadNotification(t.Context(), w.notification(tr.Key))
		// A notification may carry its neighbours' reports, too: 0010 tells three times.
		own := slices.IndexFunc(reports, func(r provider.Report) bool { return r.Key == tr.Key })
		if err != nil || own < 0 || !same(reports[own].Outcome, tt.notified) {
			t.Errorf("%s: notified %+v (%v), want %+v", tt.ending, reports, err, tt.notified)
		}
	}
}

// The newest transfers are listed first, those that the bank never recorded not at all, and what breaks off is no list.
func TestNewest(t *testing.T) {
	w := newWorld(t, bank.Config{State: filepath.Join(t.TempDir(), "bank")})
	a := w.adapter(sandbox.Config{})
	for _, tr := range []provider.Transfer{transfer("A", "1234567890"), transfer("B", "1234560003"), transfer("C", "1234560006"), transfer("D", "1234567890")} {
		a.Submit(t.Context(), tr)
	}
	booked, err := a.Newest(t.Context(), 2)
	if err != nil || len(booked) != 2 || booked[0].Key != "D" || booked[0].Reference != "7/D" || booked[1].Key != "B" || time.Since(booked[1].At) > time.Hour {
		t.Errorf("%+v, %v", booked, err)
	}
	if all, err := a.Newest(t.Context(), 10); err != nil || len(all) != 3 {
		t.Errorf("of fewer than were asked for: %+v, %v", all, err)
	}
	talkative := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(`{"key":"A"}`+"\n", 5))
	}))
	defer talkative.Close()
	if some, err := newAdapter(t, sandbox.Config{BankURL: talkative.URL}).Newest(t.Context(), 2); err != nil || len(some) != 2 {
		t.Errorf("of more than were asked for: %+v, %v", some, err)
	}
	for _, answer := range []string{"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"key\":\"A\"}\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[]\n"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if c, err := l.Accept(); err == nil {
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, answer)
				_ = c.Close()
			}
		}()
		if booked, err := newAdapter(t, sandbox.Config{BankURL: "http://" + l.Addr().String()}).Newest(t.Context(), 2); err == nil {
			t.Errorf("%q: %+v", answer, booked)
		}
		_ = l.Close()
	}
}

// TestReturn follows the money of 0012 there and back, by inquiry and by notification.
func TestReturn(t *testing.T) {
	w := newWorld(t, bank.Config{State: filepath.Join(t.TempDir(), "bank"), ReturnAfter: 100 * time.Millisecond})
	a := w.adapter(sandbox.Config{})
	tr := transfer("RETURNED", "12340012")
	a.Submit(t.Context(), tr)
	q := provider.Query{Key: tr.Key, Account: tr.Account}
	for end := time.Now().Add(time.Minute); a.Inquire(t.Context(), q).Kind != provider.Returned; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the money never comes back")
		}
	}
	if o := a.Submit(t.Context(), tr); o.Kind != provider.Succeeded {
		t.Errorf("sent again after the return: %+v, want succeeded: a submission never says returned", o)
	}
	var kinds []provider.Kind
	for end := time.Now().Add(time.Minute); len(kinds) < 2 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		kinds = nil
		w.mu.Lock()
		for _, n := range w.got {
			reports, err := a.ReadNotification(t.Context(), n)
			if err != nil {
				t.Error(err)
			}
			for _, r := range reports {
				kinds = append(kinds, r.Outcome.Kind)
			}
		}
		w.mu.Unlock()
	}
	if len(kinds) != 2 || kinds[0] != provider.Succeeded || kinds[1] != provider.Returned {
		t.Errorf("notified %v", kinds)
	}
}

// TestAnswers has a made-up bank answer in all ways that the package comment names.
func TestAnswers(t *testing.T) {
	ok := func(members string) string { return `{"key":"K","id":"B1","amount":5,` + members + `}` }
	refusal := func(code, key string) string {
		return `{"error":{"code":"` + code + `","key":"` + key + `","message":"m"}}`
	}
	tests := []struct {
		name   string
		status int
		body   string
		submit provider.Kind
		ask    provider.Kind
		code   int
	}{
		{"accepted", 200, ok(`"status":"ACCP"`), provider.Accepted, provider.Accepted, 0},
		{"technically valid", 200, ok(`"status":"ACTC"`), provider.Accepted, provider.Accepted, 0},
		{"in process", 200, ok(`"status":"ACSP"`), provider.Accepted, provider.Accepted, 0},
		{"pending", 200, ok(`"status":"PDNG"`), provider.Accepted, provider.Accepted, 0},
		{"settled", 200, ok(`"status":"ACSC"`), provider.Succeeded, provider.Succeeded, 0},
		{"credited", 200, ok(`"status":"ACCC"`), provider.Succeeded, provider.Succeeded, 0},
		{"returned", 200, ok(`"status":"ACSC","returned":true`), provider.Succeeded, provider.Returned, 0},
		{"rejected", 200, ok(`"status":"RJCT","reason":"AC01"`), provider.Declined, provider.Declined, 20102},
		{"our account is empty", 200, ok(`"status":"RJCT","reason":"AM04"`), provider.Declined, provider.Declined, 20504},
		{"a reason that has no code", 200, ok(`"status":"RJCT","reason":"ZZ99"`), provider.Declined, provider.Declined, 20000},
		{"no reason", 200, ok(`"status":"RJCT"`), provider.Declined, provider.Declined, 20000},
		{"rejected as a duplicate", 200, ok(`"status":"RJCT","reason":"AM05"`), provider.Unknown, provider.Unknown, 0},
		{"a status nobody knows", 200, ok(`"status":"BLCK"`), provider.Unknown, provider.Unknown, 0},
		{"no status", 200, ok(`"at":"2025-01-01T00:00:00Z"`), provider.Unknown, provider.Unknown, 0},
		{"another key", 200, `{"key":"L","status":"ACSC"}`, provider.Unknown, provider.Unknown, 0},
		{"no key", 200, `{"status":"ACSC"}`, provider.Unknown, provider.Unknown, 0},
		{"two objects", 200, ok(`"status":"ACSC"`) + "{}", provider.Unknown, provider.Unknown, 0},
		{"paid, and an amount that is none", 200, `{"key":"K","status":"ACSC","amount":"5"}`, provider.Unknown, provider.Unknown, 0},
		{"rejected, and a time that is none", 200, ok(`"status":"RJCT","reason":"AC01","at":"today"`), provider.Unknown, provider.Unknown, 0},
		{"404 that is half the bank's", 404, `{"error":{"code":"unknown_key","key":"K"},"amount":"5"}`, provider.Unknown, provider.Unknown, 0},
		{"404 without an error", 404, `{}`, provider.Unknown, provider.Unknown, 0},
		{"null", 200, `null`, provider.Unknown, provider.Unknown, 0},
		{"too long", 200, ok(`"status":"ACSC","x":"` + strings.Repeat("x", 70000) + `"`), provider.Unknown, provider.Unknown, 0},
		{"201", 201, ok(`"status":"ACSC"`), provider.Unknown, provider.Unknown, 0},
		{"the bank's 400", 400, refusal("bad_request", ""), provider.Declined, provider.Unknown, 20502},
		{"somebody's 400", 400, `{"error":"bad request"}`, provider.Unknown, provider.Unknown, 0},
		{"a 400 page", 400, `<html>`, provider.Unknown, provider.Unknown, 0},
		{"the bank's 413", 413, refusal("too_large", ""), provider.Declined, provider.Unknown, 20502},
		{"the bank's 409", 409, refusal("key_conflict", "K"), provider.Unknown, provider.Unknown, 0},
		{"the bank's 404", 404, refusal("unknown_key", "K"), provider.Unknown, provider.NotSent, 0},
		{"404 for another key", 404, refusal("unknown_key", "L"), provider.Unknown, provider.Unknown, 0},
		{"404 with another code", 404, refusal("no_such_page", "K"), provider.Unknown, provider.Unknown, 0},
		{"unknown key with 200", 200, refusal("unknown_key", "K"), provider.Unknown, provider.Unknown, 0},
		{"unknown key with 500", 500, refusal("unknown_key", "K"), provider.Unknown, provider.Unknown, 0},
		{"401", 401, refusal("unauthorized", ""), provider.Unknown, provider.Unknown, 0},
		{"429", 429, refusal("busy", "K"), provider.Unknown, provider.Unknown, 0},
		{"503", 503, refusal("busy", "K"), provider.Unknown, provider.Unknown, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer server.Close()
			a := newAdapter(t, sandbox.Config{BankURL: server.URL + "/"})
			o := a.Submit(t.Context(), transfer("K", "1234"))
			if o.Kind != tt.submit || o.Code != tt.code || o.Blameless {
				t.Errorf("submit: %+v, want %v with code %d", o, tt.submit, tt.code)
			}
			o = a.Inquire(t.Context(), provider.Query{Key: "K"})
			if o.Kind != tt.ask {
				t.Errorf("inquire: %+v, want %v", o, tt.ask)
			}
		})
	}
}

// TestOnePostPerSubmit breaks kept-alive connections in the ways in which net/http would like to try again.
func TestOnePostPerSubmit(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var posts atomic.Int64
	var dead atomic.Bool // connections that are in use break when the next request comes
	go serveRaw(l, &posts, &dead)
	a := newAdapter(t, sandbox.Config{BankURL: "http://" + l.Addr().String()})
	for range 20 {
		dead.Store(false)
		if o := a.Submit(t.Context(), transfer("K", "1234")); o.Kind != provider.Accepted {
			// The connection that broke last may still be the pool's.
			if o.Kind != provider.Unknown {
				t.Fatalf("submit: %+v", o)
			}
			continue
		}
		before := posts.Load()
		dead.Store(true)
		o := a.Submit(t.Context(), transfer("K", "1234"))
		if o.Kind != provider.Unknown {
			t.Fatalf("submit on a connection that breaks: %+v", o)
		}
		if n := posts.Load() - before; n > 1 {
			t.Fatalf("one submit was sent %d times", n)
		}
	}
}

// serveRaw answers requests on kept-alive connections, or breaks the connection after reading the request.
func serveRaw(l net.Listener, posts *atomic.Int64, dead *atomic.Bool) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := bufio.NewReader(c)
			for {
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				posts.Add(1)
				if dead.Load() {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n"+`{"key":"K" , "status":"ACCP"}`)
			}
		}()
	}
}

// TestNobodyThere has nobody listen at the bank's address: nothing was sent, and an inquiry learns nothing.
func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for _, url := range []string{"http://" + address, "http://no-such-bank.invalid"} {
		a := newAdapter(t, sandbox.Config{BankURL: url})
		if o := a.Submit(t.Context(), transfer("K", "12340007")); o.Kind != provider.NotSent || o.Blameless {
			t.Errorf("%s: submit: %+v", url, o)
		}
		if o := a.Inquire(t.Context(), provider.Query{Key: "K"}); o.Kind != provider.Unknown {
			t.Errorf("%s: inquire: %+v", url, o)
		}
	}
}

func TestNotificationsThatAreRefused(t *testing.T) {
	a := newAdapter(t, sandbox.Config{BankURL: "http://bank", NotifyURL: "http://door", NotifySecret: secret})
	deaf := newAdapter(t, sandbox.Config{BankURL: "http://bank"})
	notice := `{"key":"K","status":"ACSC"}`
	tests := map[string]struct {
		body string
		says string
	}{
		"no JSON":          {`<xml/>`, "not the bank's JSON"},
		"cut short":        {`{"notifications":[` + notice, "not the bank's JSON"},
		"something behind": {`{"notifications":[` + notice + `]}{}`, "not the bank's JSON"},
		"nothing said":     {`{"notifications":[]}`, "says nothing"},
		"another shape":    {notice, "says nothing"},
		"a nameless one":   {`{"notifications":[` + notice + `,{"status":"ACSC"}]}`, "notice 2"},
	}
	for name, tt := range tests {
		if _, err := a.ReadNotification(t.Context(), signed(secret, tt.body)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want an error that says %q", name, err, tt.says)
		}
	}
	good := signed(secret, `{"notifications":[`+notice+`,{"key":"L","status":"XXXX"}]}`)
	reports, err := a.ReadNotification(t.Context(), good)
	if err != nil || len(reports) != 2 || reports[0].Outcome.Kind != provider.Succeeded || reports[1].Outcome.Kind != provider.Unknown {
		t.Errorf("a good one beside one that is not understood: %+v, %v", reports, err)
	}
	if _, err := a.ReadNotification(t.Context(), signed("other", `{"notifications":[`+notice+`]}`)); err == nil {
		t.Error("a notification under another secret was believed")
	}
	if sandbox.Door("", nil).Verify(signed("", `{}`), signedAt) == nil {
		t.Error("a door without a secret lets something in")
	}
	if _, err := deaf.ReadNotification(t.Context(), signed("", `{"notifications":[`+notice+`]}`)); err == nil {
		t.Error("an adapter without a secret believed a notification")
	}
}

// TestPlayedBack: the door takes what was signed by now, give or take the difference of two clocks. What is stored is
// read however old it is.
func TestPlayedBack(t *testing.T) {
	door := sandbox.Door(secret, nil)
	n := signed(secret, `{"notifications":[{"key":"K","status":"ACSC"}]}`)
	for late, passes := range map[time.Duration]bool{0: true, 14 * time.Minute: true, -14 * time.Minute: true, 16 * time.Minute: false, -16 * time.Minute: false, 24 * time.Hour: false} {
		if err := door.Verify(n, signedAt.Add(late)); (err == nil) != passes {
			t.Errorf("%s after it was signed: %v", late, err)
		}
	}
	a := newAdapter(t, sandbox.Config{BankURL: "http://bank", NotifyURL: "http://door", NotifySecret: secret})
	if reports, err := a.ReadNotification(t.Context(), n); err != nil || len(reports) != 1 {
		t.Errorf("read years later: %v", err)
	}
}

func TestNewErrors(t *testing.T) {
	for name, cfg := range map[string]sandbox.Config{
		"no address":        {},
		"a relative one":    {BankURL: "/bank"},
		"another scheme":    {BankURL: "ftp://bank"},
		"no host":           {BankURL: "http:///x"},
		"URL, no secret":    {BankURL: "http://bank", NotifyURL: "http://door"},
		"secret, no URL":    {BankURL: "http://bank", NotifySecret: "x"},
		"an impossible one": {BankURL: "http://%zz"},
	} {
		if _, err := sandbox.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "sandbox: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// signedAt is when signed's notifications were signed.
var signedAt = time.Unix(1700000000, 0)

// signed is a notification as the bank's interface describes it.
func signed(secret, body string) provider.Notification {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("1700000000." + body))
	return provider.Notification{
		Header: map[string]string{"Bank-Timestamp": "1700000000", "Bank-Signature": hex.EncodeToString(mac.Sum(nil))},
		Body:   []byte(body),
	}
}

func seals(t *testing.T) *vault.Vault {
	t.Helper()
	text, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
