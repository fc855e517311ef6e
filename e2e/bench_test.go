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
