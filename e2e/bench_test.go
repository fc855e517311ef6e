package e2e

import (
	"encoding/json"
	"testing"
)

// TestBench runs the benchmark for a second on either engine, for sanity only, and once more on what the first run has
// left in the database: whatever was taken is paid and called back.
func TestBench(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, db database) {
		for range 2 {
			text := db.flashpay(t, "bench", "--seconds", "1", "--concurrency", "8", "--projects", "2", "--json")
			var result struct {
				EndToEnd float64 `json:"end_to_end_per_s"`
				Payouts  int64   `json:"payouts"`
				LeftOver int64   `json:"left_over"`
			}
			if err := json.Unmarshal([]byte(text), &result); err != nil || result.EndToEnd <= 0 || result.Payouts <= 0 || result.LeftOver != 0 {
				t.Fatalf("%v\n%s", err, text)
			}
		}
	})
}

// TestBenchMass runs the benchmark of files on a small one, for sanity only: its rows are all paid, and the result says so.
func TestBenchMass(t *testing.T) {
	engines(t, func(t *testing.T, db database) {
		text := db.flashpay(t, "bench", "--mass", "--rows", "1000", "--seconds", "1", "--concurrency", "8", "--json")
		var result struct {
			Payouts int64 `json:"payouts"`
			Mass    struct {
				Rows  int64   `json:"rows"`
				Check float64 `json:"check_s"`
				Gate  float64 `json:"gate_per_s"`
				Paid  float64 `json:"paid_per_s"`
			} `json:"mass"`
		}
		err := json.Unmarshal([]byte(text), &result)
		if m := result.Mass; err != nil || m.Rows != 1000 || m.Check <= 0 || m.Gate <= 0 || m.Paid <= 0 || result.Payouts <= m.Rows {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}
