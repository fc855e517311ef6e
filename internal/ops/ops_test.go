package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/ops"
	"flashpay/internal/provider"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestReadiness(t *testing.T) {
	var fault error
	s := ops.New(ops.NewMetrics(),
		ops.Check{Name: "store", Ready: func(context.Context) error { return fault }},
		ops.Check{Name: "engine", Ready: func(context.Context) error { return nil }})
	if code, body := get(t, s, "/readyz"); code != 200 || strings.TrimSpace(body) != `{"ready":true}` {
		t.Errorf("ready: %d %s", code, body)
	}
	fault = errors.New("the database does not answer")
	if code, body := get(t, s, "/readyz"); code != 503 || strings.TrimSpace(body) != `{"ready":false,"reasons":{"store":"the database does not answer"}}` {
		t.Errorf("store away: %d %s", code, body)
	}
	if code, _ := get(t, s, "/healthz"); code != 200 {
		t.Errorf("alive although not ready: %d", code)
	}
	fault = nil
	s.Drain()
	if code, body := get(t, s, "/readyz"); code != 503 || !strings.Contains(body, "stopping") {
		t.Errorf("draining: %d %s", code, body)
	}
	if code, _ := get(t, s, "/healthz"); code != 200 {
		t.Errorf("alive while stopping: %d", code)
	}
}

// A database that hangs must not leave the orchestrator without an answer.
func TestReadinessIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ops.New(ops.NewMetrics(), ops.Check{Name: "store", Ready: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		started := time.Now()
		if code, body := get(t, s, "/readyz"); code != 503 || !strings.Contains(body, "store") {
			t.Errorf("%d %s", code, body)
		}
		if took := time.Since(started); took > 3*time.Second {
			t.Errorf("answered after %s", took)
		}
	})
}

func TestPaths(t *testing.T) {
	s := ops.New(ops.NewMetrics())
	for path, want := range map[string]string{
		"/": "/metrics", "/metrics": "flashpay_build_info", "/debug/pprof/": "goroutine", "/debug/pprof/cmdline": "ops",
		"/debug/pprof/heap?debug=1": "heap profile",
	} {
		if code, body := get(t, s, path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, want %q in %.200s", path, code, want, body)
		}
	}
	var b ops.Build
	if code, body := get(t, s, "/version"); code != 200 || json.Unmarshal([]byte(body), &b) != nil || b != ops.ReadBuild() || b.Go == "" {
		t.Errorf("/version: %d %s", code, body)
	}
	if code, _ := get(t, s, "/elsewhere"); code != 404 {
		t.Errorf("unknown path: %d", code)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/metrics", nil))
	if w.Code != 405 {
		t.Errorf("POST /metrics: %d", w.Code)
	}
}

// bank answers every call as it is told.
type bank struct {
	outcome provider.Outcome
	err     error
}

func (b *bank) Name() string                                               { return "testbank" }
func (b *bank) Traits() provider.Traits                                    { return provider.Traits{ID: 7} }
func (b *bank) Submit(context.Context, provider.Transfer) provider.Outcome { return b.outcome }
func (b *bank) Inquire(context.Context, provider.Query) provider.Outcome   { return b.outcome }
func (b *bank) ReadNotification(context.Context, provider.Notification) ([]provider.Report, error) {
	return []provider.Report{{Key: "K", Outcome: b.outcome}}, b.err
}

// SubmitBulk answers the last one first.
func (b *bank) SubmitBulk(_ context.Context, all []provider.Transfer, told func(int, provider.Outcome)) {
	for i := len(all) - 1; i >= 0; i-- {
		told(i, b.outcome)
	}
}

// TestEachTransferOfACallIsMeasured has three transfers in one call counted and told one by one.
func TestEachTransferOfACallIsMeasured(t *testing.T) {
	m := ops.NewMetrics()
	p := m.Measure(&bank{outcome: provider.Outcome{Kind: provider.Accepted}})
	var order []int
	p.(provider.BulkSubmitter).SubmitBulk(t.Context(), make([]provider.Transfer, 3), func(i int, o provider.Outcome) {
		order = append(order, i)
		if o.Kind != provider.Accepted {
			t.Errorf("told %+v", o)
		}
	})
	if !slices.Equal(order, []int{2, 1, 0}) {
		t.Errorf("told of %v", order)
	}
	_, text := get(t, ops.New(m), "/metrics")
	if line := `flashpay_provider_outcomes_total{call="submit",outcome="accepted",provider="testbank"} 3`; !strings.Contains(text, line) {
		t.Errorf("/metrics lacks %s", line)
	}
}

func TestMetrics(t *testing.T) {
	m := ops.NewMetrics()
	m.Answered("/v2/payment/status", 200, 0, 3*time.Millisecond)
	m.Answered("/v2/payment/status", 404, 2442, time.Millisecond)
	m.Accepted(false)
	m.Accepted(true)
	m.CallbackAttempted("delivered", time.Second)
	m.Gauge("queue_length", "Waiting.", func() int64 { return 42 })
	m.Counter("commits_total", "Commits.", func() int64 { return 43 })
	b := &bank{outcome: provider.Outcome{Kind: provider.Declined, Code: 20106}}
	p := m.Measure(b)
	if p.Name() != "testbank" || p.Traits().ID != 7 {
		t.Errorf("measured provider is %s, %+v", p.Name(), p.Traits())
	}
	if o := p.Submit(t.Context(), provider.Transfer{}); o != b.outcome {
		t.Errorf("submit: %+v", o)
	}
	b.outcome = provider.Outcome{}
	if o := p.Inquire(t.Context(), provider.Query{}); o != b.outcome {
		t.Errorf("inquire: %+v", o)
	}
	b.outcome.Kind = provider.Succeeded
	if r, err := p.ReadNotification(t.Context(), provider.Notification{}); err != nil || len(r) != 1 || r[0].Outcome != b.outcome {
		t.Errorf("notification: %+v %v", r, err)
	}
	b.err = errors.New("not the bank's")
	if _, err := p.ReadNotification(t.Context(), provider.Notification{}); !errors.Is(err, b.err) {
		t.Errorf("notification refused: %v", err)
	}
	_, text := get(t, ops.New(m), "/metrics")
	for _, line := range []string{
		`flashpay_gate_requests_total{endpoint="/v2/payment/status",status="200"} 1`,
		`flashpay_gate_requests_total{endpoint="/v2/payment/status",status="404"} 1`,
		`flashpay_gate_refused_total{code="2442"} 1`,
		`flashpay_gate_request_seconds_count{endpoint="/v2/payment/status"} 2`,
		`flashpay_gate_payouts_accepted_total{repeat="false"} 1`,
		`flashpay_gate_payouts_accepted_total{repeat="true"} 1`,
		`flashpay_callback_attempts_total{result="delivered"} 1`,
		`flashpay_callback_attempt_seconds_count 1`,
		`flashpay_queue_length 42`,
		`flashpay_commits_total 43`,
		`flashpay_provider_outcomes_total{call="submit",outcome="declined",provider="testbank"} 1`,
		`flashpay_provider_outcomes_total{call="inquire",outcome="unknown",provider="testbank"} 1`,
		`flashpay_provider_outcomes_total{call="notification",outcome="refused",provider="testbank"} 1`,
		`flashpay_provider_outcomes_total{call="notification",outcome="succeeded",provider="testbank"} 1`,
		`flashpay_provider_declined_total{code="20106",provider="testbank"} 1`,
		`flashpay_provider_call_seconds_count{call="submit",provider="testbank"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	for _, name := range []string{"go_goroutines", "process_open_fds"} {
		if !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("/metrics lacks %s", name)
		}
	}
}
