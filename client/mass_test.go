package client_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/client"
	"flashpay/signature"
)

const massBody = "operation_type;general.project_id\npayout;210\n"

func massFile() client.MassFile {
	return client.MassFile{Content: bytes.NewReader([]byte(massBody)), Size: int64(len(massBody)), Name: "зарплата 🙂.csv"}
}

// massGate answers requests about files, the nth as spoil likes.
func massGate(t *testing.T, spoil func(n int64, w http.ResponseWriter) bool) *httptest.Server {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		parameters := body
		if r.URL.Path == "/v2/mass-payout/send" {
			parameters = []byte(r.Header.Get("Flashpay-Parameters"))
			sum := sha256.Sum256(body)
			v, parsed := signature.Parse(parameters)
			if parsed != nil || v.Get("body_sha256").Text != hex.EncodeToString(sum[:]) || v.Get("name").Text != massFile().Name || string(body) != massBody {
				err = errors.New("other parameters")
			}
		}
		if _, wrong := signature.Verify(parameters, key); err != nil || wrong != nil {
			answer(w, 400, `{"status":"error","code":"3261"}`)
			return
		}
		if spoil != nil && spoil(requests.Add(1), w) {
			return
		}
		switch r.URL.Path {
		case "/v2/mass-payout/send":
			answer(w, 200, signFeed(`{"project_id":210,"batch":7,"state":"sending","rows":1,"good":1,"bad":0,"repeat":false}`))
		case "/v2/mass-payout/status":
			answer(w, 200, signFeed(`{"project_id":210,"batch":7,"state":"done","rows":3,"paid_already":1,"by_status":{"success":2}}`))
		case "/v2/mass-payout/result":
			_, _ = io.WriteString(w, massBody)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestMassSendRepeatsWhatGotNoAnswer(t *testing.T) {
	server := massGate(t, func(n int64, w http.ResponseWriter) bool {
		switch n {
		case 1:
			hangUp(w)
		case 2:
			answer(w, 503, `{"status":"error","code":"601"}`)
		case 3:
			answer(w, 200, `{"project_id":210,"batch":8,"state":"sending","rows":1,"good":1,"bad":0,"repeat":false}`) // of somebody else
		}
		return n <= 3
	})
	b, err := newClient(t, server.URL).MassSend(t.Context(), massFile(), true)
	if err != nil || b.ID != 7 || b.State != "sending" || b.Rows != 1 {
		t.Errorf("%+v, %v", b, err)
	}
	server = massGate(t, func(_ int64, w http.ResponseWriter) bool { hangUp(w); return true })
	_, err = newClient(t, server.URL, func(c *client.Config) { c.Attempts = 2 }).MassSend(t.Context(), massFile(), true)
	if !errors.Is(err, client.ErrUnknown) {
		t.Errorf("without any answer: %v", err)
	}
	short := massFile()
	short.Size++
	if _, err := newClient(t, server.URL).MassSend(t.Context(), short, false); err == nil || errors.Is(err, client.ErrUnknown) {
		t.Errorf("a file that is shorter than it says: %v", err)
	}
}

func TestMassRefusals(t *testing.T) {
	server := massGate(t, func(_ int64, w http.ResponseWriter) bool {
		answer(w, 400, `{"status":"error","code":"702","message":"Malformed request","errors":[{"code":702,"message":"Incorrect Amount (line# 3)","field":"line 3: payment.amount"}]}`)
		return true
	})
	c := newClient(t, server.URL)
	_, err := c.MassSend(t.Context(), massFile(), false)
	var refused *client.Error
	if !errors.As(err, &refused) || errors.Is(err, client.ErrUnknown) || len(refused.Fields) != 1 || refused.Fields[0].Field != "line 3: payment.amount" {
		t.Errorf("%v", err)
	}
	server = massGate(t, func(_ int64, w http.ResponseWriter) bool {
		answer(w, 404, `{"status":"error","code":"3061"}`)
		return true
	})
	c = newClient(t, server.URL)
	if _, err := c.MassStatus(t.Context(), 9); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("status: %v", err)
	}
	if _, err := c.MassResult(t.Context(), 9); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("result: %v", err)
	}
}

func TestMassResultStreams(t *testing.T) {
	more := make(chan struct{})
	server := massGate(t, func(n int64, w http.ResponseWriter) bool {
		if n == 1 {
			return false
		}
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-more
		if n == 3 {
			hangUp(w)
		}
		_, _ = io.WriteString(w, "second\n")
		return true
	})
	c := newClient(t, server.URL, func(c *client.Config) { c.Timeout = time.Minute })
	status, err := c.MassStatus(t.Context(), 7)
	if err != nil || status.State != "done" || status.PaidAlready != 1 || status.ByStatus["success"] != 2 {
		t.Errorf("status %+v, %v", status, err)
	}
	for _, want := range []string{"second\n", ""} {
		result, err := c.MassResult(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 6)
		if _, err := io.ReadFull(result, first); err != nil || string(first) != "first\n" {
			t.Errorf("before the rest is sent: %q, %v", first, err)
		}
		if want != "" {
			more <- struct{}{}
		} else {
			close(more)
		}
		rest, err := io.ReadAll(result)
		if string(rest) != want || (want == "") != (err != nil) {
			t.Errorf("rest %q, %v", rest, err)
		}
		if err := result.Close(); err != nil {
			t.Error(err)
		}
	}
}
