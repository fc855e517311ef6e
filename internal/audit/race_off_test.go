//go:build !race

package audit_test

const sparing = false
