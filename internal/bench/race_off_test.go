//go:build !race

package bench

const raceFactor = 1
