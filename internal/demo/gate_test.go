package demo_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"flashpay/internal/demo"
	"flashpay/signature"
)

const (
	project = 210
	key     = "a key of the tests"
)

// fakeGate answers as Gate does, as far as a test needs: it knows payment ids by
// their content, and sends a callback when it is told to.
type fakeGate struct {
	*httptest.Server
	mu       sync.Mutex
	down     bool
	hold     chan struct{} // answers wait for it, where there is one
	requests []string      // bodies of payout requests, in the order of their arrival
	accepted map[string]string
	callback http.Handler // where callbacks go; nil: none are sent
	status   string       // that callbacks and status answers tell
	code     string
}

func newGate(t testing.TB) *fakeGate {
	g := &fakeGate{accepted: map[string]string{}, status: "success", code: "0"}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *fakeGate) set(change func(*fakeGate)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

func (g *fakeGate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.requests)
}

func (g *fakeGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	down, hold := g.down, g.hold
	g.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	if down {
		panic(http.ErrAbortHandler) // the connection breaks
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if _, err := signature.Verify(body, key); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"status":"error","code":"3261","message":"Signature invalid"}`)
		return
	}
	v, _ := signature.Parse(body)
	if r.URL.Path == "/v2/payment/status" {
		_, _ = w.Write(g.signed(v.Get("general", "payment_id").Text, "operations"))
		return
	}
	g.payout(w, string(body), v)
}

func (g *fakeGate) payout(w http.ResponseWriter, body string, v *signature.Value) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, body)
	id := v.Get("general", "payment_id").Text
	before, known := g.accepted[id]
	var code, text, field, description string
	switch {
	case known && before != body:
		code, text, field, description = "3041", "Payment ID already exists", "general.payment_id", "this id was used with other data; a new payout needs a new id"
	case v.Get("account", "number").Text == "bad!":
		code, text, field, description = "702", "Validation error", "account.number", "only letters and digits, at most 34 of them"
	default:
		g.accepted[id] = body
		fmt.Fprintf(w, `{"status":"success","request_id":"%x-00000001","project_id":%d,"payment_id":%q}`, "req"+id[max(0, len(id)-4):], project, id)
		if g.callback != nil && !known {
			go g.tell(id)
		}
		return
	}
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"status":"error","code":%q,"message":%q,"request_id":"77-00000001","project_id":%d,"payment_id":%q,`+
		`"errors":[{"code":%s,"message":%q,"field":%q,"description":%q}]}`, code, text, project, id, code, text, field, description)
}

// tell sends a payout's callback and returns the status of its answer.
func (g *fakeGate) tell(id string) int { return post(g.callback, g.signed(id, "operation")) }

func post(h http.Handler, body []byte) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/callback", bytes.NewReader(body)))
	return w.Code
}

// signed is what Gate says of a payment, with its operation or operations.
func (g *fakeGate) signed(id, operation string) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	texts := map[string]string{"0": "Success", "20102": "Incorrect account data entered", "29999": "Awaiting processing"}
	status := g.status
	if status == "reversed" {
		status = "success"
	}
	op := fmt.Sprintf(`{"id":1000000000214,"type":"payout","status":%q,"date":"2025-02-13T14:59:31+0000","created_date":"2025-02-13T14:59:24+0000",`+
		`"request_id":"2fbe5a03094681-00000001","sum_initial":{"amount":100000,"currency":"KGS"},"sum_converted":{"amount":100000,"currency":"KGS"},`+
		`"code":%q,"message":%q,"provider":{"id":1,"payment_id":"bank-7f3","auth_code":""}}`, status, g.code, texts[g.code])
	if operation == "operations" {
		op = "[" + op + "]"
	}
	return sign(fmt.Sprintf(`{"project_id":%d,"payment":{"id":%q,"type":"payout","status":%q,"date":"2025-02-13T14:59:31+0000",`+
		`"method":"Bank transfer Kyrgyzstan","sum":{"amount":100000,"currency":"KGS"},"description":""},"account":{"number":"00******98"},`+
		`"customer":{"id":"123"},"decision":{"message":"T"},%q:%s}`, project, id, g.status, operation, op), key)
}

// sign adds the signature at the root.
func sign(body, key string) []byte {
	sig, err := signature.Sign([]byte(body), key)
	if err != nil {
		panic(err)
	}
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		panic(err)
	}
	return []byte(body[:len(body)-1] + `,"signature":"` + sig + `"}`)
}

// open starts a shop on a folder and ends it with the test.
func open(t testing.TB, gate, state string) *demo.Shop {
	t.Helper()
	s, err := demo.New(demo.Config{
		GateURL: gate, ProjectID: project, Key: key, State: state, Logger: quiet(t),
		Attempts: 3, Backoff: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
