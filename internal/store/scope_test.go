package store_test

import (
	"errors"
	"testing"

	"flashpay/internal/merchant"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// TestAProjectSeesItsOwnPaymentsOnly: projects of one merchant share nothing. The same payment id is another payment in
// each, and neither its id, nor its request's, nor that of a refused one leads from one to the other.
func TestAProjectSeesItsOwnPaymentsOnly(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		requests := map[int64]string{}
		for _, id := range []int64{210, 211} {
			p := &merchant.Project{ID: id, MerchantID: 7, Name: "shop", Mode: merchant.Test}
			if err := s.CreateProject(t.Context(), p, "one key for both", map[string]int64{"KGS": 1000}, "test"); err != nil {
				t.Fatal(err)
			}
			r, err := s.Accept(t.Context(), newPayout(id, "both", id))
			if err != nil || r.Repeat {
				t.Fatalf("project %d: %+v, %v", id, r, err)
			}
			requests[id] = r.RequestID
		}
		if _, err := s.Accept(t.Context(), newPayout(211, "own", 100)); err != nil {
			t.Fatal(err)
		}
		for id, amount := range map[int64]int64{210: 210, 211: 211} {
			if v, err := s.PaymentView(t.Context(), id, "both"); err != nil || v.Payment.ProjectID != id || v.Payment.Amount != amount {
				t.Errorf("project %d: %+v, %v", id, v, err)
			}
			if a, h, _ := balance(t, s, id); a+h != 1000 {
				t.Errorf("project %d has %d", id, a+h)
			}
		}
		if _, err := s.PaymentView(t.Context(), 210, "own"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another project's payment: %v", err)
		}
		if _, err := s.PaymentViewByRequest(t.Context(), 210, requests[211]); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another project's request: %v", err)
		}
		refused := store.Rejection{RequestID: s.NewRequestID(), ProjectID: 211, Status: 400, Body: []byte("{}")}
		if err := s.SaveRejection(t.Context(), refused); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RejectionByRequest(t.Context(), 210, refused.RequestID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another project's refusal: %v", err)
		}
		if _, err := s.CallbackJob(t.Context(), 210, 2); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a callback number that the other project has: %v", err)
		}
	})
}
