package gate

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flashpay/client"
	"flashpay/internal/storetest"
)

// listening is a Gate with its listener, and limits on time that every upload here is longer than.
func listening(t *testing.T, g *Gate, limit time.Duration) string {
	t.Helper()
	server := httptest.NewUnstartedServer(g.Handler())
	server.Listener = g.Listen(server.Listener)
	server.Config.ReadHeaderTimeout, server.Config.ReadTimeout, server.Config.WriteTimeout = time.Minute, limit, limit
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// TestTheClientSendsFiles has package client speak to Gate.
func TestTheClientSendsFiles(t *testing.T) {
	t.Parallel()
	g, mass := node(t, storetest.URL(t, storetest.SQLite))
	c, err := client.New(client.Config{GateURL: listening(t, g, time.Minute), ProjectID: 210, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	text := massFile(massRow("a", 150_000), massRow("b", 1))
	f := client.MassFile{Content: strings.NewReader(text), Size: int64(len(text)), Name: "зарплата 🙂.csv"}
	report, err := c.MassCheck(t.Context(), f)
	if err != nil || report.Rows != 2 || report.Bad != 1 || len(report.Faults) != 1 || report.Faults[0].Line != 3 || report.AllFaults != 1 || report.Totals[0].Amount != 150_000 {
		t.Errorf("check: %+v, %v", report, err)
	}
	var refused *client.Error
	if _, err := c.MassSend(t.Context(), f, false); !errors.As(err, &refused) || len(refused.Fields) != 2 || refused.Fields[1].Field != "line 3: payment.amount" {
		t.Errorf("sent whole: %v", err)
	}
	b, err := c.MassSend(t.Context(), f, true)
	if err != nil || b.Rows != 2 || b.Good != 1 || b.Repeat || b.State != "sending" {
		t.Fatalf("sent: %+v, %v", b, err)
	}
	if again, err := c.MassSend(t.Context(), f, true); err != nil || again.ID != b.ID || !again.Repeat {
		t.Errorf("sent again: %+v, %v", again, err)
	}
	if kept, err := mass.Status(t.Context(), b.ID); err != nil || kept.Name != f.Name {
		t.Errorf("the batch is called %q, %v", kept.Name, err)
	}
	status, err := c.MassStatus(t.Context(), b.ID)
	if err != nil || status.ID != b.ID || status.ByStatus["with faults"] != 1 {
		t.Errorf("status: %+v, %v", status, err)
	}
	result, err := c.MassResult(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(result)
	if err != nil || strings.Count(string(content), "\n") != 3 || result.Close() != nil {
		t.Errorf("result: %q, %v", content, err)
	}
	if _, err := c.MassStatus(t.Context(), 1); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("status of no batch: %v", err)
	}
	wrong, err := client.New(client.Config{GateURL: listening(t, g, time.Minute), ProjectID: 210, Key: "other"})
	if err != nil {
		t.Fatal(err)
	}
	large := client.MassFile{Content: strings.NewReader(strings.Repeat("x", 1<<20)), Size: 1 << 20}
	if _, err := wrong.MassSend(t.Context(), large, false); !errors.As(err, &refused) || refused.Code != "3261" {
		t.Errorf("under another key: %v", err)
	}
}

// TestAFileMayTakeItsTime sends a file for longer than a request may take.
func TestAFileMayTakeItsTime(t *testing.T) {
	t.Parallel()
	g, _ := node(t, storetest.URL(t, storetest.SQLite))
	const limit = 2 * time.Second
	address := listening(t, g, limit)
	file := massFile(massRow("a", 150_000), massRow("b", 150_000))
	in, out := io.Pipe()
	go func() {
		for _, part := range []string{file[:40], file[40:200], file[200:]} {
			time.Sleep(limit)
			_, _ = io.WriteString(out, part)
		}
		_ = out.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+massCheckPath, in)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(parametersHeader, signed(t, parameters("check", about(file)), key))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"good":2`) {
		t.Errorf("%d %s, %v", resp.StatusCode, body, err)
	}
}
