package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Only 200 acknowledges a callback: whoever forwards to a service that answers 204 is told so, and so is whoever lists.
func TestForwardedNoContentIsNoAcknowledgement(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer target.Close()
	_, signed, _ := inProcess(t, t.Context(), nil, `{"payment":{"id":"1"}}`, "sign", "--key", "K", "--body")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, stdout := io.Pipe()
	go func() {
		run(ctx, []string{"listen", "--addr", "127.0.0.1:0", "--key", "K", "--forward", target.URL}, func(string) string { return "" }, strings.NewReader(""), stdout, io.Discard)
		_ = stdout.Close()
	}()
	lines := bufio.NewScanner(out)
	lines.Scan()
	address, found := strings.CutPrefix(lines.Text(), "Listening for callbacks on ")
	if !found {
		t.Fatalf("first line %q", lines.Text())
	}
	go func() {
		if resp, err := http.Post(address, "application/json", strings.NewReader(signed)); err == nil {
			_ = resp.Body.Close()
		}
	}()
	for _, want := range []string{"answered 204", "not acknowledged: only 200 is"} {
		if lines.Scan(); !strings.Contains(lines.Text(), want) {
			t.Errorf("it says %q, want %q", lines.Text(), want)
		}
	}
	stop()
	_, _ = io.Copy(io.Discard, out)
}

func TestAttemptWords(t *testing.T) {
	for status, want := range map[int]string{200: "answered 200", 204: "answered 204: no acknowledgement, only 200 is", 500: "answered 500", 0: "timeout"} {
		if got := attemptWords(status, "timeout"); got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
}
