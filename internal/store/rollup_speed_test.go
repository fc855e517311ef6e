package store

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"flashpay/internal/payout"
)

// BenchmarkRollUp adds up what the follower takes in at a time: payouts with their results, of so many projects and banks. It says how many
// rows of rollups that is for each payout.
func BenchmarkRollUp(b *testing.B) {
	for name, c := range map[string]struct{ projects, banks int }{"one": {1, 1}, "banks": {1, 25}, "hundred": {100, 25}} {
		b.Run(name, func(b *testing.B) {
			random := rand.New(rand.NewPCG(7, 7))
			at := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC).UnixMicro()
			var lines []followedLine
			for i := range followBatch / 2 {
				of := followedLine{
					project: int64(200 + i%c.projects), created: at, at: at, method: "bank-transfer/kyrgyzstan", currency: "KGS", amount: 100_00,
					bank: strconv.Itoa(101 + random.IntN(c.banks)), after: result{status: payout.Processing},
				}
				ended := of
				ended.before, ended.after, ended.ended, ended.at = of.after, result{status: payout.Success}, payout.Success, at+100_000+random.Int64N(400_000)
				lines = append(lines, of, ended)
			}
			rows := 0
			for b.Loop() {
				rows = len(rollupArgs([]int64{1}, rollUp(lines))) / addRollups.Columns
			}
			payouts := float64(len(lines) / 2)
			b.ReportMetric(float64(rows)/payouts, "rows/payout")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/payouts, "ns/payout")
		})
	}
}
