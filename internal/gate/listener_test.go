package gate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// overTCP serves a Gate on a listener of its own and returns its address.
func overTCP(t *testing.T, g *Gate) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{
		Handler: g.Handler(), MaxHeaderBytes: 8 << 10, DisableGeneralOptionsHandler: true, ReadHeaderTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn),
	}
	var done sync.WaitGroup
	done.Go(func() { _ = s.Serve(g.Listen(ln)) })
	t.Cleanup(func() {
		_ = s.Close()
		done.Wait()
	})
	return ln.Addr().String()
}

// rawAnswer is an answer that was read from a connection, to its end.
type rawAnswer struct {
	Status     string
	StatusCode int
	Header     http.Header
	body       []byte
	closed     bool // the server hung up behind it
}

// raw sends bytes and reads one answer.
func raw(t *testing.T, address, request string) rawAnswer {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	closed := false
	if answer.Close {
		_, err = in.ReadByte()
		closed = err != nil
	}
	return rawAnswer{answer.Status, answer.StatusCode, answer.Header, body, closed}
}

// locked is a log that several goroutines write.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestErrorsBeforeTheHandlerAreJSON(t *testing.T) {
	var log locked
	var mu sync.Mutex
	var answered []Answer
	g, _ := setup(t, func(c *Config) {
		c.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		c.Answered = func(a Answer) {
			mu.Lock()
			defer mu.Unlock()
			answered = append(answered, a)
		}
	})
	address := overTCP(t, g)
	cases := []struct {
		name, request string
		status        int
		words         string
	}{
		{"no Host", "POST /v2/payment/status HTTP/1.1\r\n\r\n", 400, "Host"},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "Host"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "Content-Length"},
		{"a length that is none", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, "length"},
		{"unknown Expect", "POST / HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\n\r\n", 417, "Expect"},
		{"unknown Expect, old version", "POST / HTTP/1.0\r\nHost: a\r\nExpect: a-miracle\r\n\r\n", 417, "Expect"},
		{"no request line", "nonsense\r\n\r\n", 400, "request line"},
		{"a method that is none", "P@ST / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request line"},
		{"header line without colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400, "header"},
		{"header name that is none", "GET / HTTP/1.1\r\nHost: a\r\na b: c\r\n\r\n", 400, "header"},
		{"unknown encoding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "Transfer-Encoding"},
		{"other version", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "version"},
		{"large header", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", 431, "header"},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "nothing under this path"},
	}
	for _, c := range cases {
		answer := raw(t, address, c.request)
		var got struct {
			Status, Code string
			RequestID    string `json:"request_id"`
			Errors       []struct{ Description string }
		}
		err := json.Unmarshal(answer.body, &got)
		if err != nil || answer.StatusCode != c.status || answer.Header.Get("Content-Type") != "application/json; charset=UTF-8" || got.Status != "error" ||
			got.Code != "702" || got.RequestID == "" || len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Description, c.words) {
			t.Errorf("%s: %d %v %s", c.name, answer.StatusCode, answer.Header, answer.body)
		}
		if !answer.closed {
			t.Errorf("%s: the connection stays open", c.name)
		}
		if answer.Status != http.StatusText(c.status) && !strings.HasSuffix(answer.Status, " "+http.StatusText(c.status)) {
			t.Errorf("%s: %s", c.name, answer.Status)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(answered) != len(cases) || strings.Count(log.String(), "gate request") != len(cases) {
		t.Errorf("%d answers were told to the hook, %d stand in the log, want %d", len(answered), strings.Count(log.String(), "gate request"), len(cases))
	}
}

// TestAnswersOfTheHandlerPassTheListener: good ones, refusals, several on one connection, and after «100 Continue».
func TestAnswersOfTheHandlerPassTheListener(t *testing.T) {
	g, _ := setup(t)
	address := overTCP(t, g)
	client := &http.Client{Timeout: time.Minute}
	for range 2 {
		answer, err := client.Post("http://"+address+kyrgyzstan, "application/json", strings.NewReader(request(t)))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !strings.HasPrefix(string(body), `{"status":"success"`) {
			t.Errorf("%d %s", answer.StatusCode, body)
		}
	}
	r, _ := http.NewRequest(http.MethodPost, "http://"+address+"/nowhere", strings.NewReader("{}"))
	r.Header.Set("Expect", "100-continue")
	answer, err := client.Do(r)
	if err != nil || answer.StatusCode != http.StatusNotFound {
		t.Fatalf("%v %v", answer, err)
	}
	_ = answer.Body.Close()
}
