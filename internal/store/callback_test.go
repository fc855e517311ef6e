package store_test

import (
	"errors"
	"testing"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
)

// declined makes a payment that is declined at once for want of funds, so that it has an event.
func declined(t *testing.T, s *store.Store, id string) *store.View {
	t.Helper()
	p := newPayout(210, id, 100_000)
	if _, err := s.Accept(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	v, err := s.PaymentView(t.Context(), 210, id)
	if err != nil || v.Payment.Status != payout.Decline || len(v.Operations) != 1 {
		t.Fatalf("want a declined payment: %+v, %v", v, err)
	}
	return v
}

func again(t *testing.T, s *store.Store, v *store.View) {
	t.Helper()
	if err := s.AnnounceAgain(t.Context(), v); err != nil {
		t.Fatal(err)
	}
}

func lease(t *testing.T, s *store.Store, want ...int64) []*store.CallbackJob {
	t.Helper()
	lanes, err := s.CallbackLanes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var jobs []*store.CallbackJob
	for _, l := range lanes {
		some, err := s.LeaseCallbacks(t.Context(), l.Lane, 10)
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, some...)
	}
	got := map[int64]bool{}
	for _, j := range jobs {
		got[j.Event.Number] = true
	}
	for _, n := range want {
		if !got[n] {
			t.Fatalf("leased %v, want %v", got, want)
		}
	}
	if len(jobs) != len(want) {
		t.Fatalf("leased %v, want %v", got, want)
	}
	return jobs
}

func held(t *testing.T, s *store.Store, job *store.CallbackJob, need time.Duration, want bool) {
	t.Helper()
	if ok, err := s.ConfirmCallbackLease(t.Context(), job, need); err != nil || ok != want {
		t.Fatalf("held: %v, %v; want %v", ok, err, want)
	}
}

func save(t *testing.T, s *store.Store, job *store.CallbackJob, status int, state store.CallbackState, next time.Time) {
	t.Helper()
	a := store.Attempt{
		ProjectID: 210, Number: job.Event.Number, Attempt: job.Attempts + 1, Scheduled: job.Scheduled, URL: job.URL, At: s.Now(),
		Duration: time.Second, HTTPStatus: status, Answer: []byte{0xff, 0}, Error: "because",
	}
	if err := s.SaveAttempt(t.Context(), a, state, next); err != nil {
		t.Fatal(err)
	}
}

func delivery(t *testing.T, s *store.Store, number int64) store.Delivery {
	t.Helper()
	list, err := s.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: 210, Before: number + 1, Limit: 1})
	if err != nil || len(list) != 1 || list[0].Number != number {
		t.Fatalf("callback %d: %+v, %v", number, list, err)
	}
	return list[0]
}

func TestCallbackIsHeldAndItsLeaseRenewed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		v := declined(t, s, "p")
		job := lease(t, s, 1)[0]
		if job.Payment.ID != v.Payment.ID || job.Payment.AccountMask != v.Payment.AccountMask || job.Operation.ID != v.Operations[0].ID {
			t.Fatalf("job %+v", job)
		}
		lease(t, s)
		held(t, s, job, 10*time.Second, true)
		before := *job
		held(t, s, job, time.Hour, true)
		if !job.LeasedUntil.After(before.LeasedUntil) {
			t.Fatalf("not renewed: %v, then %v", before.LeasedUntil, job.LeasedUntil)
		}
		held(t, s, &before, 10*time.Second, false)
		held(t, s, &before, time.Hour, false)
		save(t, s, job, 500, store.CallbackPending, s.Now().Add(time.Hour))
		held(t, s, job, 10*time.Second, false)
		lanes, err := s.CallbackLanes(t.Context())
		if err != nil || len(lanes) != 1 || lanes[0].Lane != job.Lane || lanes[0].DueAt.Before(s.Now().Add(59*time.Minute)) {
			t.Fatalf("lanes %+v, %v", lanes, err)
		}
	})
}

func TestNewerCallbackSupersedes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		v := declined(t, s, "p")
		other := declined(t, s, "other")
		again(t, s, v) // 3 supersedes 1, which nobody is sending
		if d := delivery(t, s, 1); d.State != store.CallbackSuperseded || !d.NextAt.IsZero() {
			t.Fatalf("superseded: %+v", d)
		}
		jobs := lease(t, s, 2, 3)
		under := jobs[0]
		if under.Event.Number == 2 {
			under = jobs[1]
		}
		again(t, s, v) // 4 supersedes 3, which is being sent
		held(t, s, under, time.Second, false)
		if d := delivery(t, s, 4); d.State != store.CallbackPending || !d.NextAt.Equal(under.LeasedUntil) {
			t.Fatalf("the newer one does not wait for the attempt under way: %+v, lease until %v", d, under.LeasedUntil)
		}
		lease(t, s)
		save(t, s, under, 200, store.CallbackDelivered, time.Time{})
		if d := delivery(t, s, 3); d.State != store.CallbackSuperseded || d.Attempts != 1 || d.HTTPStatus != 200 || !d.NextAt.IsZero() {
			t.Fatalf("superseded while it was sent: %+v", d)
		}
		if d := delivery(t, s, 2); d.State != store.CallbackPending || d.PaymentID != other.Payment.PaymentID {
			t.Fatalf("another payment's: %+v", d)
		}
		pending, err := s.Deliveries(t.Context(), store.DeliveryFilter{ProjectID: 210, PaymentID: "P", State: store.CallbackPending})
		if err != nil || len(pending) != 1 || pending[0].Number != 4 {
			t.Fatalf("pending ones of the payment: %+v, %v", pending, err)
		}
	})
}

func TestResendKeepsTheLog(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		declined(t, s, "p")
		job := lease(t, s, 1)[0]
		save(t, s, job, 200, store.CallbackDelivered, time.Time{})
		if n, err := s.ResendCallback(t.Context(), "", 210, "P", 0, "test"); err != nil || n != 1 {
			t.Fatalf("resend: %d, %v", n, err)
		}
		job = lease(t, s, 1)[0]
		if job.Attempts != 1 || job.Scheduled != 0 {
			t.Fatalf("resent: %+v", job)
		}
		save(t, s, job, 503, store.CallbackGivenUp, time.Time{})
		attempts, err := s.DeliveryAttempts(t.Context(), 210, 1)
		if err != nil || len(attempts) != 2 || attempts[0].HTTPStatus != 200 || attempts[1].HTTPStatus != 503 || attempts[1].Attempt != 2 ||
			string(attempts[0].Answer) != "\xff\x00" || attempts[0].Duration != time.Second {
			t.Fatalf("log %+v, %v", attempts, err)
		}
		for _, wrong := range []struct {
			payment string
			number  int64
		}{{"q", 0}, {"q", 1}, {"p", 2}} {
			if _, err := s.ResendCallback(t.Context(), "", 210, wrong.payment, wrong.number, "test"); !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("resend of %+v: %v", wrong, err)
			}
		}
	})
}

func TestResendDuringAnAttempt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		declined(t, s, "p")
		job := lease(t, s, 1)[0]
		save(t, s, job, 500, store.CallbackPending, s.Now())
		last := lease(t, s, 1)[0] // say, the last of the schedule
		if _, err := s.ResendCallback(t.Context(), "", 210, "p", 1, "test"); err != nil {
			t.Fatal(err)
		}
		lease(t, s) // not while the attempt is under way
		held(t, s, last, time.Second, true)
		save(t, s, last, 500, store.CallbackGivenUp, time.Time{})
		if d := delivery(t, s, 1); d.State != store.CallbackPending || d.Attempts != 2 {
			t.Fatalf("the resend was lost: %+v", d)
		}
		for due := delivery(t, s, 1).NextAt; !s.Now().After(due); time.Sleep(time.Millisecond) {
		}
		job = lease(t, s, 1)[0]
		if job.Attempts != 2 || job.Scheduled != 0 {
			t.Fatalf("resent: attempts %d, scheduled %d", job.Attempts, job.Scheduled)
		}
		save(t, s, job, 200, store.CallbackDelivered, time.Time{})
		if d := delivery(t, s, 1); d.State != store.CallbackDelivered || d.Attempts != 3 {
			t.Fatalf("delivered: %+v", d)
		}
	})
}

func TestResendOfAnOlderCallback(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		createProject(t, s, 210, 1000)
		v := declined(t, s, "p")
		again(t, s, v)
		if _, err := s.ResendCallback(t.Context(), "", 210, "p", 1, "test"); !errors.Is(err, store.ErrNewerCallback) {
			t.Fatalf("an older one beside a newer that is pending: %v", err)
		}
		save(t, s, lease(t, s, 2)[0], 200, store.CallbackDelivered, time.Time{})
		if n, err := s.ResendCallback(t.Context(), "", 210, "p", 1, "test"); err != nil || n != 1 {
			t.Fatalf("an older one alone: %d, %v", n, err)
		}
		older := lease(t, s, 1)[0]
		if n, err := s.ResendCallback(t.Context(), "", 210, "p", 0, "test"); err != nil || n != 2 {
			t.Fatalf("the newest: %d, %v", n, err)
		}
		if d := delivery(t, s, 1); d.State != store.CallbackSuperseded {
			t.Fatalf("the older one: %+v", d)
		}
		if d := delivery(t, s, 2); d.State != store.CallbackPending || !d.NextAt.Equal(older.LeasedUntil) {
			t.Fatalf("the newest does not wait for the older one's attempt: %+v", d)
		}
	})
}
