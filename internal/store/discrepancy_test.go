package store_test

import (
	"strings"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// Open discrepancies are found with and without a project; those that are settled are not among them.
func TestOpenDiscrepancies(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		want := func(project int64, limit int, kinds string) {
			t.Helper()
			of := &project
			if project < 0 {
				of = nil
			}
			found, err := s.OpenDiscrepancies(t.Context(), of, limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range found {
				got = append(got, d.PaymentID+": "+d.Kind)
				if d.ID == 0 || time.Since(d.OpenedAt) > time.Minute || !d.SettledAt.IsZero() || (d.Payment == 0) != (d.PaymentID == "") || (d.Operation == 0) != (d.PaymentID == "") {
					t.Errorf("%+v", d)
				}
			}
			if strings.Join(got, ", ") != kinds {
				t.Errorf("project %d: %s, want %s", project, got, kinds)
			}
		}
		count := func(want int64) {
			t.Helper()
			if n, err := s.CountOpenDiscrepancies(t.Context()); err != nil || n != want {
				t.Errorf("%d open, %v, want %d", n, err, want)
			}
		}
		want(-1, 10, "")
		count(0)
		for _, project := range []int64{210, 211} {
			createProject(t, s, project, 1000)
			returned(t, s, project, "Order_1")
		}
		if err := s.OpenUnknownKey(t.Context(), "sandbox", "NOTOURS", store.Detail{}.Text("key", "NOTOURS")); err != nil {
			t.Fatal(err)
		}
		want(-1, 10, ": unknown key, Order_1: returned, Order_1: returned")
		want(-1, 1, ": unknown key")
		want(0, 10, ": unknown key")
		want(210, 10, "Order_1: returned")
		want(212, 10, "")
		count(3)
		settle(t, url, "UPDATE discrepancies SET settled_at = opened_at, reason = 'test' WHERE project_id = 210")
		want(-1, 10, ": unknown key, Order_1: returned")
		want(210, 10, "")
		count(2)
	})
}

// returned makes a payout that was declined and whose money, says the bank, came back.
func returned(t *testing.T, s *store.Store, project int64, id string) {
	t.Helper()
	if _, err := s.Accept(t.Context(), newPayout(project, id, 100)); err != nil {
		t.Fatal(err)
	}
	work, err := s.LeaseOperations(t.Context(), store.Lease{
		ProjectID: project, Provider: "sandbox", N: 1, Submit: true, SubmitDeadline: 10 * time.Second, Duration: 12 * time.Second,
	})
	if err != nil || len(work) != 1 {
		t.Fatalf("%+v, %v", work, err)
	}
	after := store.StepResult{Payment: work[0].Payment, Operation: work[0].Operation}
	for _, step := range []store.Step{{Event: payout.Declined, Code: 20000, Kind: "declined"}, {Event: payout.Returned, Kind: "returned", ProviderPaymentID: "b-1"}} {
		step.Payment, step.Operation = after.Payment, after.Operation
		if after, err = s.Apply(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
}

func settle(t *testing.T, url, statement string) {
	t.Helper()
	if _, err := plain(t, url).ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
