package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRequestsPerSecond starts the real program with a limit of one request a second and sends a burst of equal
// requests for each of two projects: one is answered at once, the others are told to come back, and neither project
// costs the other anything.
func TestRequestsPerSecond(t *testing.T) {
	const burst = 10
	database := "sqlite:" + filepath.Join(t.TempDir(), "flashpay.db")
	bodies := make([]string, 2)
	for i := range bodies {
		id := 210 + i
		variables := map[string]string{"FLASHPAY_DATABASE": database, "FLASHPAY_KEY": "K"}
		if code, _, errs := inProcess(t, t.Context(), variables, "", "project", "create", "--id", fmt.Sprint(id), "--key", "K", "--balance", "KGS=10000.00"); code != exitOK {
			t.Fatal(errs)
		}
		request := fmt.Sprintf(`{"general":{"project_id":%d,"payment_id":"p"},"customer":{"id":"c","ip_address":"192.0.2.0"},`+
			`"account":{"number":"00004598"},"payment":{"amount":100000,"currency":"KGS"}}`, id)
		var code int
		var errs string
		if code, bodies[i], errs = inProcess(t, t.Context(), variables, request, "sign", "--body"); code != exitOK {
			t.Fatal(errs)
		}
	}
	gate := limitedGate(t, database, "FLASHPAY_REQUESTS_PER_SECOND=1")
	started := time.Now()
	var mu sync.Mutex
	taken := make([]int, len(bodies))
	var sent sync.WaitGroup
	for i, body := range bodies {
		for range burst {
			sent.Go(func() {
				resp, err := http.Post(gate+"/v2/payment/bank-transfer/kyrgyzstan/payout", "application/json", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				again := resp.Header.Get("Retry-After")
				seconds, err := strconv.Atoi(again)
				switch {
				case resp.StatusCode == http.StatusOK && again == "":
					mu.Lock()
					taken[i]++
					mu.Unlock()
				case resp.StatusCode != http.StatusTooManyRequests || err != nil || seconds < 1 || seconds > burst:
					t.Errorf("answered %d with Retry-After %q, want 200, or 429 with whole seconds", resp.StatusCode, again)
				}
			})
		}
	}
	sent.Wait()
	most := 1 + int(time.Since(started)/time.Second)
	for i, n := range taken {
		if n < 1 || n > most || n == burst {
			t.Errorf("project %d: %d of %d requests were taken within %s", 210+i, n, burst, time.Since(started))
		}
	}
}

// limitedGate starts serve as a process of its own, with a variable, and returns Gate's address.
func limitedGate(t *testing.T, database, variable string) string {
	t.Helper()
	program, err := exec.LookPath("flashpay")
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "serve", "--database", database, "--gate", "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--log-level", "error")
	server.Env = append(server.Environ(), variable)
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	var at addresses
	if err := json.NewDecoder(stdout).Decode(&at); err != nil {
		t.Fatal(err)
	}
	return at.Gate
}
