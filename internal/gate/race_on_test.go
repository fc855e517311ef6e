//go:build race

package gate

// raceFactor is how many times as much memory is allowed: under the race detector pools forget what they are given.
const raceFactor = 6
