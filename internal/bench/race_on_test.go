//go:build race

package bench

// raceFactor is what more is allocated under the race detector: it has pools lose a part of what they are given, at random.
const raceFactor = 1.5
