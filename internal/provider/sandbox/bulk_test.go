package sandbox_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpay/internal/bank"
	"flashpay/internal/provider"
	"flashpay/internal/provider/sandbox"
)

// submitSeveral returns the outcomes, each of which must be told once.
func submitSeveral(t *testing.T, a *sandbox.Adapter, all []provider.Transfer) []provider.Outcome {
	t.Helper()
	outcomes, told := make([]provider.Outcome, len(all)), make([]int, len(all))
	a.SubmitBulk(t.Context(), all, func(i int, o provider.Outcome) {
		outcomes[i] = o
		told[i]++
	})
	for i, n := range told {
		if n != 1 {
			t.Errorf("%s: told %d times", all[i].Key, n)
		}
	}
	return outcomes
}

// TestTableInOneRequest sends all rows of the bank's table together, and those again that ask for it: what the account of
// one asks for (an error, a broken connection before or after it is recorded, an answer that waits) concerns it alone.
func TestTableInOneRequest(t *testing.T) {
	w := newWorld(t, bank.Config{State: filepath.Join(t.TempDir(), "bank")})
	a := w.adapter(sandbox.Config{})
	rows := table()
	for round := 0; len(rows) > 0; round++ {
		var all []provider.Transfer
		for _, row := range rows {
			all = append(all, transfer("ROW"+row.ending, "12345678"+row.ending))
		}
		outcomes := submitSeveral(t, a, all)
		var left []tableRow
		for i, row := range rows {
			if !same(outcomes[i], row.submits[round]) {
				t.Errorf("%s: submit %d: %+v, want %+v", row.ending, round+1, outcomes[i], row.submits[round])
			}
			q := provider.Query{Key: all[i].Key, ProjectID: 7, Account: all[i].Account}
			if got := a.Inquire(t.Context(), q); !same(got, row.inquire[round]) {
				t.Errorf("%s: inquiry %d: %+v, want %+v", row.ending, round+1, got, row.inquire[round])
			}
			if round+1 < len(row.submits) {
				left = append(left, row)
			}
		}
		rows = left
	}
	for _, row := range table() {
		want := 1
		if row.inquire[len(row.inquire)-1].Kind != provider.Succeeded {
			want = 0
		}
		if n := w.executed("ROW" + row.ending); n != want {
			t.Errorf("%s: executed %d times, want %d", row.ending, n, want)
		}
	}
}

// TestLinesThatMakeNoSense has a made-up bank answer two transfers: only a line of its own says anything about one.
func TestLinesThatMakeNoSense(t *testing.T) {
	const lines = "application/x-ndjson"
	line := func(n int, key string) string {
		return fmt.Sprintf(`{"line":%d,"status":200,"answer":{"key":"%s","status":"ACCP"}}`+"\n", n, key)
	}
	refusal := `{"error":{"code":"bad_request","key":"","message":"m"}}`
	accepted, unknown, declined := provider.Accepted, provider.Unknown, provider.Declined
	tests := map[string]struct {
		status      int
		contentType string
		body        string
		k, l        provider.Kind
	}{
		"both":                      {200, lines, line(1, "K") + line(2, "L"), accepted, accepted},
		"in another order":          {200, lines, line(2, "L") + line(1, "K"), accepted, accepted},
		"one is missing":            {200, lines, line(2, "L"), unknown, accepted},
		"one twice":                 {200, lines, line(1, "K") + line(1, "K"), accepted, unknown},
		"keys exchanged":            {200, lines, line(1, "L") + line(2, "K"), unknown, unknown},
		"a line that is not ours":   {200, lines, line(1, "K") + line(3, "L"), accepted, unknown},
		"line nought":               {200, lines, line(0, "K") + line(2, "L"), unknown, unknown},
		"a line cut short":          {200, lines, line(1, "K") + line(2, "L")[:40], accepted, unknown},
		"no end of line":            {200, lines, line(1, "K") + strings.TrimSpace(line(2, "L")), accepted, unknown},
		"a page":                    {200, "text/html", "<html>", unknown, unknown},
		"lines called JSON":         {200, "application/json", line(1, "K") + line(2, "L"), unknown, unknown},
		"nothing":                   {200, lines, "", unknown, unknown},
		"refused as a whole":        {400, "application/json", refusal, unknown, unknown},
		"too large as a whole":      {413, "application/json", strings.Replace(refusal, "bad_request", "too_large", 1), unknown, unknown},
		"lines with another status": {503, lines, line(1, "K") + line(2, "L"), unknown, unknown},
		"one is unfit":              {200, lines, line(1, "K") + `{"line":2,"status":400,"answer":` + refusal + "}\n", accepted, declined},
		"one is refused by another": {200, lines, line(1, "K") + `{"line":2,"status":400,"answer":{"error":"bad request"}}` + "\n", accepted, unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer server.Close()
			a := newAdapter(t, sandbox.Config{BankURL: server.URL})
			got := submitSeveral(t, a, []provider.Transfer{transfer("K", "1234"), transfer("L", "1234")})
			if got[0].Kind != tt.k || got[1].Kind != tt.l || got[0].Blameless || got[1].Blameless {
				t.Errorf("%+v, want %v and %v", got, tt.k, tt.l)
			}
		})
	}
}

// TestNothingIsSentPastItsTime hands transfers over when their time is up: each is told, once, that it was not sent.
func TestNothingIsSentPastItsTime(t *testing.T) {
	a := newAdapter(t, sandbox.Config{BankURL: "http://no-such-bank.invalid"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	all := []provider.Transfer{transfer("K", "1234"), transfer("L", "1234")}
	var told []int
	a.SubmitBulk(ctx, all, func(i int, o provider.Outcome) {
		told = append(told, i)
		if o.Kind != provider.NotSent || !strings.Contains(o.Message, "the time was up") {
			t.Errorf("%s: %+v", all[i].Key, o)
		}
	})
	if !slices.Equal(told, []int{0, 1}) {
		t.Errorf("told %v", told)
	}
}

// TestOneAtATime: a limit of one is no missing limit.
func TestOneAtATime(t *testing.T) {
	a := newAdapter(t, sandbox.Config{BankURL: "http://no-such-bank.invalid", Concurrency: 1, TransfersPerCall: 1, SettleTime: 1})
	if got := a.Traits(); got.Concurrency != 1 || got.TransfersPerCall != 1 || got.SettleTime != 1 {
		t.Errorf("%+v", got)
	}
}

// TestSeveralToNobody has nobody listen, and a transfer that has no message: nothing was sent.
func TestSeveralToNobody(t *testing.T) {
	a := newAdapter(t, sandbox.Config{BankURL: "http://no-such-bank.invalid"})
	late := transfer("L", "1234")
	late.Threshold = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, all := range [][]provider.Transfer{{transfer("K", "1234"), late}, {late}, {}} {
		for i, o := range submitSeveral(t, a, all) {
			if o.Kind != provider.NotSent || o.Blameless {
				t.Errorf("%s: %+v", all[i].Key, o)
			}
		}
	}
}
