package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"flashpay/internal/ledger"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// bankSays accepts a payout and has the bank say what came of it.
func bankSays(t *testing.T, s *store.Store, id string, event payout.Event) *store.View {
	t.Helper()
	if _, err := s.Accept(t.Context(), newPayout(210, id, 100)); err != nil {
		t.Fatal(err)
	}
	v, err := s.PaymentView(t.Context(), 210, id)
	if err != nil {
		t.Fatal(err)
	}
	if event != 0 {
		step := store.Step{Payment: v.Payment, Operation: v.Operations[0], Event: event, Kind: event.String(), Code: payout.CodeGeneralDecline}
		if _, err := s.Apply(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// TestProofs holds that each line of a sealed journal can be proved to be under its seal, and no other one can.
func TestProofs(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 100_000)
		for seals := range 3 { // of 1, 5 and 11 payments
			for i := range 1 + 4*seals + 2*(seals/2) {
				bankSays(t, s, fmt.Sprint("p", seals, "-", i), payout.Succeeded)
			}
			if err := s.SealJournal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for seals := range 3 {
			v, err := s.PaymentView(t.Context(), 210, fmt.Sprint("p", seals, "-0"))
			if err != nil {
				t.Fatal(err)
			}
			lines, err := s.Journal(t.Context(), 210, v.Payment.ID)
			if err != nil || len(lines) != 2 {
				t.Fatalf("%v, %v", lines, err)
			}
			for _, l := range lines {
				proof, err := s.SealProof(t.Context(), l.ID)
				if err != nil {
					t.Fatal(err)
				}
				if proof.Root(l.Hash) != proof.Seal.Root || proof.Seal.Chain(proof.Previous) != proof.Seal.Hash {
					t.Errorf("line %d is not proved", l.ID)
				}
				l.Hash[7]++
				if proof.Root(l.Hash) == proof.Seal.Root {
					t.Errorf("a changed line %d is proved", l.ID)
				}
			}
		}
		fresh := bankSays(t, s, "fresh", 0)
		lines, err := s.Journal(t.Context(), 210, fresh.Payment.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.SealProof(t.Context(), lines[0].ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a line that is not sealed: %v", err)
		}
	})
}

// TestPaymentTransfers holds that all of a payment's transfers are found behind its journal lines: together they move
// what the project's balances say.
func TestPaymentTransfers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 10_000)
		for id, want := range map[string][]ledger.Kind{
			"paid": {ledger.Hold, ledger.Spend}, "declined": {ledger.Hold, ledger.Return}, "open": {ledger.Hold},
		} {
			event := map[string]payout.Event{"paid": payout.Succeeded, "declined": payout.Declined}[id]
			v := bankSays(t, s, id, event)
			lines, err := s.Journal(t.Context(), 210, v.Payment.ID)
			if err != nil {
				t.Fatal(err)
			}
			transfers, err := s.PaymentTransfers(t.Context(), lines)
			if err != nil {
				t.Fatal(err)
			}
			var kinds []ledger.Kind
			for _, tr := range transfers {
				kinds = append(kinds, tr.Kind)
				if tr.Payment != v.Payment.ID || tr.Amount != 100 {
					t.Errorf("%s: %+v", id, tr)
				}
			}
			if !slices.Equal(kinds, want) {
				t.Errorf("%s: %v, want %v", id, kinds, want)
			}
		}
	})
}
