package main

import (
	"slices"
	"testing"

	"flashpay/internal/payout"
)

// TestDiscrepancyKindsHaveWords sees to it that each kind that can be opened is explained, and nothing else.
func TestDiscrepancyKindsHaveWords(t *testing.T) {
	kinds := []string{payout.Mismatch, payout.UnknownKey, payout.HoldDisputed}
	for _, m := range payout.Moves() {
		if m.Discrepancy != "" && !slices.Contains(kinds, m.Discrepancy) {
			kinds = append(kinds, m.Discrepancy)
		}
	}
	for _, kind := range kinds {
		if words := discrepancyKinds[kind]; words.meaning == "" || words.advice == "" || words.bank == "" || words.ours == "" {
			t.Errorf("%s has no words", kind)
		}
	}
	if len(kinds) != len(discrepancyKinds) {
		t.Errorf("%d kinds, %d have words", len(kinds), len(discrepancyKinds))
	}
	if words := wordsOf("of another version"); words.meaning == "" || words.advice == "" {
		t.Error("no words for a kind of a newer version")
	}
}
