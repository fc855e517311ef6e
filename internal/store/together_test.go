package store_test

import (
	"errors"
	"testing"

	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// Several requests of one id that meet in one commit are answered as if they had come one after the other.
func TestOneIDInOneCommit(t *testing.T) {
	t.Parallel()
	const stored, other, third = 100, 101, 102 // amounts, of which a content's hash is made
	cases := map[string]struct {
		before  int64 // what is there already; 0: nothing
		amounts []int64
		taken   []bool
		repeats []bool
	}{
		"new, other content":            {0, []int64{stored, other, stored}, []bool{true, false, true}, []bool{false, false, true}},
		"there, other content second":   {stored, []int64{stored, other, stored}, []bool{true, false, true}, []bool{true, false, true}},
		"there, other content first":    {stored, []int64{other, stored, other}, []bool{false, true, false}, []bool{false, true, false}},
		"there, two others, none of it": {stored, []int64{other, third, other}, []bool{false, false, false}, []bool{false, false, false}},
	}
	storetest.Each(t, func(t *testing.T, url string) {
		s := openAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		createProject(t, s, 210, 10_000)
		for name, c := range cases {
			if c.before != 0 {
				if _, err := s.Accept(t.Context(), newPayout(210, name, c.before)); err != nil {
					t.Fatal(err)
				}
			}
			receipts, errs := make([]store.Receipt, len(c.amounts)), make([]error, len(c.amounts))
			var calls []func()
			for i, amount := range c.amounts {
				calls = append(calls, func() { receipts[i], errs[i] = s.Accept(t.Context(), newPayout(210, name, amount)) })
			}
			if err := s.Together(t.Context(), calls...); err != nil {
				t.Fatal(err)
			}
			v, err := s.PaymentView(t.Context(), 210, name)
			if err != nil || v.Payment.Amount != stored {
				t.Fatalf("%s: %+v, %v", name, v, err)
			}
			for i := range c.amounts {
				switch r, err := receipts[i], errs[i]; {
				case !c.taken[i]:
					if !errors.Is(err, store.ErrOtherData) {
						t.Errorf("%s: request %d: %+v, %v; want %v", name, i, r, err, store.ErrOtherData)
					}
				case err != nil || r.Repeat != c.repeats[i] || r.RequestID != v.Payment.RequestID || r.PaymentID != name:
					t.Errorf("%s: request %d: %+v, %v; want that of %s, repeat %t", name, i, r, err, v.Payment.RequestID, c.repeats[i])
				}
			}
		}
	})
}

// Ids are one where Unicode folds them into one; lower case alone would pay these twice.
func TestIDsThatFoldIntoOneAreOnePayment(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		for _, pair := range [][2]string{{"straße", "STRASSE"}, {"ΟΔΟΣ", "οδος"}, {"ﬁn", "FIN"}} {
			first, err := s.Accept(t.Context(), newPayout(210, pair[0], 100))
			if err != nil {
				t.Fatal(err)
			}
			again, err := s.Accept(t.Context(), newPayout(210, pair[1], 100))
			if err != nil || !again.Repeat || again.RequestID != first.RequestID || again.PaymentID != pair[0] {
				t.Errorf("%s after %s: %+v, %v; want a repeat of %+v", pair[1], pair[0], again, err, first)
			}
			if v, err := s.PaymentView(t.Context(), 210, pair[1]); err != nil || v.Payment.PaymentID != pair[0] {
				t.Errorf("%s is not found: %+v, %v", pair[1], v, err)
			}
		}
		if _, held, _ := balance(t, s, 210); held != 300 {
			t.Errorf("held %d, want three payouts", held)
		}
	})
}
