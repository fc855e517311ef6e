package callback

import (
	"math/big"
	"time"
)

// The schedule of protocol.md §5.1: six attempts every 10 s, then growing periods until four hours are reached, then
// every four hours.
const (
	maxAttempts  = 120
	firstPeriod  = 10 * time.Second
	lastPeriod   = 4 * time.Hour
	lastOfFirst  = 6
	lastGrowing  = 68
	growsFrom    = 4  // n − growsFrom is the exponent
	growingBase  = 70 // seconds
	growingScale = 10 // seconds
)

// Next returns when the next attempt is due, given how many attempts of the schedule were made and when the last of them ended.
// ok is false after the last attempt, the 120th.
func Next(scheduled int, lastEnd time.Time) (at time.Time, ok bool) {
	if scheduled >= maxAttempts {
		return time.Time{}, false
	}
	return lastEnd.Add(period(scheduled + 1)), true
}

// period is the time between the end of attempt n−1 and attempt n.
func period(n int) time.Duration {
	switch {
	case n <= 1:
		return 0
	case n <= lastOfFirst:
		return firstPeriod
	case n <= lastGrowing:
		return growing[n-lastOfFirst-1]
	}
	return lastPeriod
}

// growing holds the periods before the attempts 7 to 68.
var growing = growingPeriods()

// growingPeriods works out 70 + 10·1.12^(n−4) seconds, to the nearest second. 1.12 is 28/25, so whole numbers do.
func growingPeriods() []time.Duration {
	var periods []time.Duration
	for n := int64(lastOfFirst + 1); n <= lastGrowing; n++ {
		above := power(28, n-growsFrom)
		below := power(25, n-growsFrom)
		above.Mul(above, big.NewInt(growingScale))
		half := new(big.Int).Rsh(below, 1)
		seconds := above.Add(above, half).Quo(above, below).Int64()
		periods = append(periods, time.Duration(growingBase+seconds)*time.Second)
	}
	return periods
}

func power(base, exponent int64) *big.Int {
	return new(big.Int).Exp(big.NewInt(base), big.NewInt(exponent), nil)
}
