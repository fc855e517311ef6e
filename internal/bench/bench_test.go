package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashpay/client"
	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
	"flashpay/signature"
)

func testTemplate(t *testing.T) *template {
	t.Helper()
	made, err := newTemplate(project{ID: firstProject, Key: "secret"}, "run", amount, currency)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestTemplate(t *testing.T) {
	made := testTemplate(t)
	var room request
	seen := map[string]bool{}
	for _, number := range []int64{0, 1, 42, 9_999_999_999} {
		wire := made.request(&room, number)
		head, body, _ := bytes.Cut(wire, endOfHead)
		if length, ok := contentLength(append(head, "\r\n"...)); !ok || length != len(body) {
			t.Errorf("Content-Length %d, body has %d bytes", length, len(body))
		}
		if _, err := signature.Verify(body, "secret"); err != nil {
			t.Errorf("%d: %v", number, err)
		}
		v, err := signature.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		id := v.Get("general", "payment_id").Text
		if got, ok := numberOf(id, "run"); !ok || got != number {
			t.Errorf("payment id %s is number %d, %t; want %d", id, got, ok, number)
		}
		if account := v.Get("account", "number").Text; seen[account] || len(account) != 16 {
			t.Errorf("account %s", account)
		} else {
			seen[account] = true
		}
	}
	for _, foreign := range []string{"", "bench-run-1", "bench-other-0000000001", "bench-run-00000000x1", "bench-run--000000001"} {
		if n, ok := numberOf(foreign, "run"); ok {
			t.Errorf("%q is number %d", foreign, n)
		}
	}
}

// gateLike accepts what is signed, and counts it.
func gateLike(t *testing.T, counted *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if _, err := signature.Verify(body, "secret"); err != nil {
			t.Errorf("%v in %s", err, body)
		}
		counted.Add(1)
		_, _ = io.WriteString(w, `{"status":"success"}`)
	}
}

func dialServer(t *testing.T, h http.Handler, connections int) (*load, *numbers) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	var next numbers
	l, err := dial(t.Context(), s.Listener.Addr().String(), connections, []*template{testTemplate(t), testTemplate(t)}, &next)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l, &next
}

func TestClosedLoop(t *testing.T) {
	var counted atomic.Int64
	l, next := dialServer(t, gateLike(t, &counted), 4)
	answered, took, err := l.closed(t.Context(), 100*time.Millisecond)
	if err != nil || answered == 0 || answered != counted.Load() || answered != next.Load() || took < 100*time.Millisecond {
		t.Errorf("%d answered in %s, %d came, %d numbers: %v", answered, took, counted.Load(), next.Load(), err)
	}
}

// A stall must show in all payouts that were due while it lasted, not only in the one that it hit.
func TestPacedLoopCountsFromTheDueTime(t *testing.T) {
	const stall = 200 * time.Millisecond
	var counted atomic.Int64
	handle := gateLike(t, &counted)
	l, _ := dialServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if counted.Load() == 9 {
			time.Sleep(stall)
		}
		handle(w, r)
	}), 1)
	due := 0
	latencies, err := l.paced(t.Context(), 300*time.Millisecond, 200, func(int64, time.Time) { due++ })
	if err != nil || len(latencies) != 60 || due != 60 {
		t.Fatalf("%d latencies, %d due: %v", len(latencies), due, err)
	}
	late := 0
	for _, d := range latencies {
		if d > stall/4 {
			late++
		}
	}
	if late < 20 {
		t.Errorf("only %d of 60 latencies show a stall of %s at one every 5 ms", late, stall)
	}
}

func TestLoadFailsOnOtherAnswers(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"503": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"status":"error","code":"500"}`)
		},
		"200 with an error": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status":"error","code":"3041"}`)
		},
		"no length": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status":"success"}`)
			w.(http.Flusher).Flush()
		},
		"too long": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 8000)) },
		"broken": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		},
	} {
		l, _ := dialServer(t, h, 1)
		if answered, _, err := l.closed(t.Context(), time.Second); err == nil || answered != 0 {
			t.Errorf("%s: %d answered, %v", name, answered, err)
		}
	}
}

func TestLoadStops(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := errors.New("asked to stop")
	l, _ := dialServer(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel(asked)
		_, _ = io.ReadAll(r.Body) // then the connection's end can be seen
		<-r.Context().Done()
	}), 3)
	if _, _, err := l.closed(ctx, time.Minute); !errors.Is(err, asked) {
		t.Errorf("stopped with %v", err)
	}
}

// callback is a signed callback about a payout of this run.
func callback(t *testing.T, paymentID, status string, sum int64, key string) string {
	t.Helper()
	body := `{"project_id":4000000000,"payment":{"id":"` + paymentID + `","type":"payout","status":"` + status + `","date":"2025-02-13T14:59:31+0000",` +
		`"method":"x","sum":{"amount":` + strconv.FormatInt(sum, 10) + `,"currency":"KGS"},"description":""},"operation":{"id":1,"type":"payout","status":"` + status +
		`","sum_converted":{"amount":` + strconv.FormatInt(sum, 10) + `,"currency":"KGS"},"code":"0","message":"m"}}`
	sig, err := signature.Sign([]byte(body), key)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(body, "}") + `,"signature":"` + sig + `"}`
}

func TestReceiver(t *testing.T) {
	r, err := receive("run")
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	r.keys[firstProject] = "secret"
	r.start()
	post := func(body string) bool {
		resp, err := http.Post(r.url(firstProject), "application/json", strings.NewReader(body))
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	id := paymentPrefix("run") + "0000000007"
	r.expect(7, time.Now().Add(-time.Second))
	good := callback(t, id, "success", amount, "secret")
	for _, body := range []string{good, good, callback(t, "bench-earlier-0000000007", "success", amount, "secret")} {
		if !post(body) {
			t.Fatalf("good callbacks are not acknowledged: %v", r.err())
		}
	}
	if d, again := r.delivered.Load(), r.repeated.Load(); d != 1 || again != 1 {
		t.Errorf("%d delivered, %d repeated", d, again)
	}
	if w := r.waited(); len(w) != 1 || w[0] < time.Second || len(r.waited()) != 0 {
		t.Errorf("waits %v", w)
	}
	if err := r.err(); err != nil {
		t.Errorf("good callbacks: %v", err)
	}
	for name, bad := range map[string]string{
		"signature": callback(t, id, "success", amount, "other"), "status": callback(t, id, "decline", amount, "secret"),
		"sum": callback(t, id, "success", amount+1, "secret"), "no JSON": "hello",
	} {
		r.mu.Lock()
		r.fault = nil
		r.mu.Unlock()
		if post(bad) || r.err() == nil {
			t.Errorf("%s: acknowledged, or no fault: %v", name, r.err())
		}
	}
}

func TestReceiverRefusesWhatIsNoCallback(t *testing.T) {
	for _, head := range []string{
		"POST /callback/x HTTP/1.1\r\nContent-Length: 1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "POST /callback/1 HTTP/1.1\r\n\r\n",
		"POST /callback/1 HTTP/1.1\r\nContent-Length: x\r\n\r\n", "POST /callback/1 HTTP/1.1\r\nContent-Length: " + strconv.Itoa(client.MaxCallback+1) + "\r\n\r\n", "",
	} {
		if _, _, err := readHead(bufio.NewReader(strings.NewReader(head))); err == nil {
			t.Errorf("%q was taken", head)
		}
	}
	project, length, err := readHead(bufio.NewReader(strings.NewReader("POST /callback/12 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")))
	if err != nil || project != 12 || length != 5 {
		t.Errorf("%d %d %v", project, length, err)
	}
}

func TestDatabaseOfOthersIsRefused(t *testing.T) {
	c := store.Config{URL: storetest.URL(t, storetest.SQLite)}
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	p := &merchant.Project{ID: 211, MerchantID: 211, Name: "Shop", Mode: merchant.Test}
	if err := errors.Join(s.CreateProject(t.Context(), p, "k", nil, "test"), s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	d, err := openDatabase(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.close() }()
	_, err = d.projects(t.Context(), 1, func(int64) string { return "" })
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "project 211 (Shop)") {
		t.Errorf("refused with %v", err)
	}
}

func TestProjectsAreTakenUpAgain(t *testing.T) {
	c := store.Config{URL: storetest.URL(t, storetest.SQLite)}
	var first []project
	for _, callbacks := range []string{"http://127.0.0.1:1/", "http://127.0.0.1:2/"} {
		d, err := openDatabase(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		made, err := d.projects(t.Context(), 3, func(id int64) string { return callbacks + strconv.FormatInt(id, 10) })
		if err != nil || len(made) != 3 {
			t.Fatalf("%v: %v", made, err)
		}
		if first == nil {
			first = made
		}
		if diff := cmp.Diff(first, made); diff != "" {
			t.Error(diff)
		}
		for _, p := range made {
			if known, _ := d.store.Project(p.ID); known.Settings.CallbackURL != callbacks+strconv.FormatInt(p.ID, 10) {
				t.Errorf("callbacks of %d go to %s", p.ID, known.Settings.CallbackURL)
			}
		}
		if err := errors.Join(d.nothingLeft(t.Context(), 0), d.close()); err != nil {
			t.Error(err)
		}
	}
}

// What is left over, or paid too often, must not pass for a good run.
func TestNothingLeft(t *testing.T) {
	url := storetest.URL(t, storetest.SQLite)
	r := newRoad(t, url, true, 1)
	r.pay(5)
	d := &database{store: r.store, ids: []int64{firstProject}}
	for payouts, ok := range map[int64]bool{4: false, 5: true, 6: false} {
		if err := d.nothingLeft(t.Context(), payouts); (err == nil) != ok {
			t.Errorf("%d payouts: %v", payouts, err)
		}
	}
	if open, err := d.open(t.Context()); open || err != nil {
		t.Errorf("open %t: %v", open, err)
	}
	r.store.SetEngine(nil)
	r.toEnd = false
	r.pay(1) // accepted, and nobody works on it
	if open, err := d.open(t.Context()); !open || err != nil {
		t.Errorf("open %t: %v", open, err)
	}
	if err := d.nothingLeft(t.Context(), 6); err == nil {
		t.Error("funds are held, and nothing is left over")
	}
}

func TestUsage(t *testing.T) {
	before := ReadUsage()
	var kept [][]byte
	for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
		kept = append(kept, make([]byte, 1<<10))
	}
	after := ReadUsage()
	if after.CPU <= before.CPU || after.Allocations < before.Allocations+uint64(len(kept)) || after.Allocated < before.Allocated+uint64(len(kept))<<10 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if p, ok := readProcess(os.Getpid()); ok && (p.parent != os.Getppid() || p.cpu == 0) {
		t.Errorf("/proc says %+v", p)
	}
	if _, ok := readProcess(-1); ok {
		t.Error("there is a process -1")
	}
	micros, err := syncTime(t.TempDir())
	if err != nil || micros <= 0 {
		t.Errorf("a durable write takes %f µs: %v", micros, err)
	}
}

func TestServeAnswersAndEnds(t *testing.T) {
	in, questions := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(t.Context(), in, out, func(ctx context.Context, out io.Writer) error {
			_, _ = io.WriteString(out, "ready\n")
			<-ctx.Done()
			return context.Cause(ctx)
		})
	}()
	lines := bufio.NewReader(answers)
	if first, err := lines.ReadString('\n'); first != "ready\n" || err != nil {
		t.Errorf("%q %v", first, err)
	}
	if _, err := io.WriteString(questions, "usage\n"); err != nil {
		t.Error(err)
	}
	var u Usage
	if line, err := lines.ReadBytes('\n'); err != nil || json.Unmarshal(line, &u) != nil || u.Allocations == 0 {
		t.Errorf("%s %v", line, err)
	}
	_ = questions.Close()
	if err := <-ended; err == nil {
		t.Error("it ended without a reason")
	}
}

func TestNothingAnswers(t *testing.T) {
	s := httptest.NewServer(Nothing())
	defer s.Close()
	resp, err := http.Post(s.URL, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || len(got) != 4 || got["status"] != "success" {
		t.Errorf("%v %v", got, err)
	}
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	if text, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 400 ") {
		t.Errorf("a body that ends early is answered %q, %v", text, err)
	}
}

func TestResult(t *testing.T) {
	r := newResult(&Config{Time: 3 * time.Second, Concurrency: 2, Projects: 1})
	r.Engine = "sqlite"
	for i, s := range (&run{}).stages() {
		for round := range 3 {
			rate := float64(1000 * (8 >> i) * (round + 1)) // medians 16,000, 8,000, 4,000, 2,000
			r.stage(s).measured(rate, 100, usages{}, usages{platform: Usage{CPU: time.Millisecond, Allocations: 200, Allocated: 300}})
			r.stage(s).paced(rate/2, []time.Duration{3 * time.Millisecond, time.Millisecond, 2 * time.Millisecond}, nil)
		}
	}
	r.stage(stage{name: "end_to_end"}).paced(1, nil, []time.Duration{time.Second})
	r.finish()
	if diff := cmp.Diff([]float64{16000, 8000, 4000, 2000, 0.5, 0.5, 0.25}, []float64{
		r.BareHTTP, r.NullGate, r.Intake, r.EndToEnd, r.GateRatio, r.IntakeRatio, r.EndToEndRatio,
	}); diff != "" {
		t.Error(diff)
	}
	if r.GateCPURatio != 1 || r.IntakeCPURatio != 1 || r.EndToEndCPURatio != 1 {
		t.Errorf("CPU ratios %f %f %f", r.GateCPURatio, r.IntakeCPURatio, r.EndToEndCPURatio)
	}
	s := r.Stages[2]
	if s.CPU["platform"] != 10 || s.Allocations["platform"] != 2 || s.Allocated["platform"] != 3 || s.Answer != (Latency{2, 3, 3}) || s.Callback != nil {
		t.Errorf("%+v", s)
	}
	if c := r.Stages[3].Callback; c == nil || c.P50 != 1000 {
		t.Errorf("%+v", c)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"bare_http_per_s", "null_gate_per_s", "intake_per_s", "end_to_end_per_s", "intake_ratio", "end_to_end_ratio", "left_over", "stages",
	} {
		if _, ok := members[name]; !ok {
			t.Errorf("no member %s in %s", name, text)
		}
	}
	var table bytes.Buffer
	if err := r.Print(&table); err != nil || !strings.Contains(table.String(), "end to end") || !strings.Contains(table.String(), "0.250") {
		t.Errorf("%v\n%s", err, table.String())
	}
}

func TestWords(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999.4: "999", 999.5: "1,000", 1234567: "1,234,567"} {
		if got := grouped(v); got != want {
			t.Errorf("%f: %s", v, got)
		}
	}
	if m := median(nil); m != 0 {
		t.Error(m)
	}
	if m := median([]float64{4, 1, 2}); m != 2 {
		t.Error(m)
	}
	if m := median([]float64{4, 1}); m != 2.5 {
		t.Error(m)
	}
	if count(1, "project") != "1 project" || count(100, "project") != "100 projects" {
		t.Error(count(1, "project"), count(100, "project"))
	}
}
