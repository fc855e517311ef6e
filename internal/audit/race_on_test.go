//go:build race

package audit_test

// sparing tells that the race detector makes everything slow: the same tests, over fewer rows.
const sparing = true
