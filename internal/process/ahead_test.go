package process_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/process"
	"flashpay/internal/provider"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// listed is a bank that lists its books.
type listed []provider.Booked

func (l listed) Newest(context.Context, int) ([]provider.Booked, error) { return l, nil }

// What the bank has of ours and the database lacks, or has not sent, shows; what it has from others does not.
func TestTheBankIsAhead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.OpenAs(t, store.Config{URL: url, Keyset: storetest.Keyset()})
		if err := s.CreateProject(t.Context(), &merchant.Project{ID: 210, Name: "shop", Mode: merchant.Test}, "secret", map[string]int64{"KGS": 1000}, "test"); err != nil {
			t.Fatal(err)
		}
		r := &road{t: t, store: s}
		r.accept("Unsent")
		at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
		booked := func(reference string, name store.PaymentRef, minute int) provider.Booked {
			return provider.Booked{Reference: reference, Key: s.ProviderKey(name), At: at.Add(time.Duration(minute) * time.Minute)}
		}
		look := func(books ...provider.Booked) *process.BankAhead {
			t.Helper()
			a, err := process.FindBankAhead(t.Context(), s, listed(books))
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		others := []provider.Booked{
			booked("210/of another platform", store.PaymentRef{ProjectID: 211, PaymentID: "of another platform"}, 9),
			{Reference: "nobody's", Key: "X"},
			{},
			{Reference: "210/\x00\xff", Key: "Y"},
		}
		if a := look(others...); a.Any() {
			t.Errorf("others' transfers: %+v", a)
		}
		a := look(append(others,
			booked("210/lost/2", store.PaymentRef{ProjectID: 210, PaymentID: "lost/2"}, 3), booked("210/unsent", store.PaymentRef{ProjectID: 210, PaymentID: "unsent"}, 2),
			booked("999/lost", store.PaymentRef{ProjectID: 999, PaymentID: "LOST"}, 1))...)
		if a.Missing != 2 || a.Unsent != 1 || !a.Newest.Equal(at.Add(3*time.Minute)) || !a.Oldest.Equal(at.Add(time.Minute)) || a.LookedAt != 7 || a.Partial ||
			!slices.Equal(a.Payouts, []string{"210/lost/2", "210/unsent", "999/lost"}) {
			t.Errorf("%+v", a)
		}
		r.accept("lost/2")
		work, err := s.LeaseOperations(t.Context(), store.Lease{Provider: "scripted", ProjectID: 210, Submit: true, N: 10, SubmitDeadline: time.Second, Duration: time.Minute})
		if err != nil || len(work) != 2 {
			t.Fatalf("%d leased, %v", len(work), err)
		}
		if a := look(booked("210/lost/2", store.PaymentRef{ProjectID: 210, PaymentID: "lost/2"}, 3), booked("210/unsent", store.PaymentRef{ProjectID: 210, PaymentID: "unsent"}, 2)); a.Any() {
			t.Errorf("handed over here as well: %+v", a)
		}
	})
}
