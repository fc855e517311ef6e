//go:build !race

package gate

// raceFactor is how many times as much memory is allowed: as much as without the race detector.
const raceFactor = 1
