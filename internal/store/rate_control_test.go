package store_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpay/internal/rates"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
)

// operator makes an account of the platform.
func operator(t *testing.T, s *store.Store, name, by string, withheld ...staff.Right) *staff.User {
	t.Helper()
	a := &people.UserRecord{User: staff.User{Email: name + "@example.kg", Name: name, Roles: []staff.Role{staff.Operator}, Withheld: withheld}, Password: "hash"}
	if err := people.New(s).CreateUser(t.Context(), "make "+name, a, nil, by); err != nil {
		t.Fatal(err)
	}
	return &a.User
}

func decidesRate(t *testing.T, s *store.Store, u *staff.User, id int64, state string) error {
	t.Helper()
	d := store.Decision{ID: id, State: state, By: u.ID, Decider: u.Name, Reason: "because"}
	return s.DecideRate(t.Context(), d, store.By{Actor: u.Actor(), IdempotencyKey: "decided by " + u.Name + state})
}

func byHand(s *store.Store) string {
	r, ok := s.Rates().Rate("USD", "KGS", s.Now(), rates.MaxAge, []rates.Source{rates.Manual})
	if !ok {
		return "none"
	}
	return r.Value().String()
}

// Where there is an operator, nobody sets a rate alone: not by command, and not in Dashboard.
func TestARateByHandWaitsForASecondPerson(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := node(t, url, nil)
		q := quote(t, rates.Manual, "USD", "KGS", "88.1", time.Time{})
		if n, err := s.RateDeciders(t.Context(), 0); n != 0 || err != nil {
			t.Errorf("without operators %d may decide, %v", n, err)
		}
		addRates(t, s, q)
		aida, bakyt := operator(t, s, "aida", "cli:root"), operator(t, s, "bakyt", "cli:root")
		q.Value = quote(t, rates.Manual, "USD", "KGS", "89", time.Time{}).Value
		if _, err := s.AddRates(t.Context(), []rates.Quote{q}, store.By{Actor: "cli:root"}); !errors.Is(err, store.ErrNeedsSecond) {
			t.Fatalf("set alone: %v", err)
		}
		if n, err := s.RateDeciders(t.Context(), aida.ID); n != 1 || err != nil {
			t.Errorf("%d others may decide, %v", n, err)
		}
		byCommand, err := s.RequestRateApproval(t.Context(), &q, nil, store.By{Actor: "cli:root", IdempotencyKey: "1"})
		if err != nil {
			t.Fatal(err)
		}
		if same, err := s.RequestRateApproval(t.Context(), &q, nil, store.By{Actor: "cli:root", IdempotencyKey: "1"}); err != nil || same != byCommand {
			t.Errorf("asked a second time: request %d, %v; want %d", same, err, byCommand)
		}
		corrected := q
		corrected.Value = quote(t, rates.Manual, "USD", "KGS", "98", time.Time{}).Value
		if _, err := s.RequestRateApproval(t.Context(), &corrected, nil, store.By{Actor: "cli:root", IdempotencyKey: "1"}); !errors.Is(err, store.ErrApprovalWaits) {
			t.Errorf("the form that comes back corrected is no act of its own: %v", err)
		}
		if _, err := s.RequestRateApproval(t.Context(), &q, aida, store.By{Actor: aida.Actor(), IdempotencyKey: "2"}); !errors.Is(err, store.ErrApprovalWaits) {
			t.Errorf("another one of the pair: %v", err)
		}
		commandLine := &staff.User{Name: "cli:root"}
		if err := decidesRate(t, s, commandLine, byCommand, store.ApprovalApproved); !errors.Is(err, store.ErrSamePerson) || byHand(s) != "88.1" {
			t.Errorf("approved by who asked: %v; the rate is %s", err, byHand(s))
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := decidesRate(t, s, aida, byCommand, store.ApprovalApproved); err != nil {
					t.Errorf("approved by an operator: %v", err)
				}
			})
		}
		wg.Wait()
		if have := byHand(s); have != "89" {
			t.Errorf("the rate is %s", have)
		}

		q.Value = quote(t, rates.Manual, "USD", "KGS", "90", time.Time{}).Value
		byPage, err := s.RequestRateApproval(t.Context(), &q, aida, store.By{Actor: aida.Actor(), IdempotencyKey: "3"})
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range []string{store.ApprovalApproved, store.ApprovalRejected} {
			if err := decidesRate(t, s, aida, byPage, state); !errors.Is(err, store.ErrSamePerson) {
				t.Errorf("%s by who asked: %v", state, err)
			}
		}
		if err := decidesRate(t, s, bakyt, byPage, store.ApprovalRejected); err != nil || byHand(s) != "89" {
			t.Errorf("rejected: %v; the rate is %s", err, byHand(s))
		}
		if err := decidesRate(t, s, commandLine, byPage, store.ApprovalApproved); !errors.Is(err, store.ErrMoved) {
			t.Errorf("approved after the rejection: %v", err)
		}
		if byPage, err = s.RequestRateApproval(t.Context(), &q, aida, store.By{Actor: aida.Actor(), IdempotencyKey: "4"}); err != nil {
			t.Fatal(err)
		}
		if err := decidesRate(t, s, commandLine, byPage, store.ApprovalApproved); err != nil || byHand(s) != "90" {
			t.Errorf("approved by the command line: %v; the rate is %s", err, byHand(s))
		}
		details := auditDetails(t, s, "rates add")
		if !slices.ContainsFunc(details, func(d string) bool {
			return strings.Contains(d, `"asked_by":"cli:root"`) && strings.Contains(d, `"value":"89"`) && strings.Contains(d, `"pair":"USD/KGS"`)
		}) {
			t.Errorf("audit log %q", details)
		}
	})
}

// An operator who may not move funds decides on no rate, and neither does the account that who asks has made.
func TestWhoDecidesOnARate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := node(t, url, nil)
		aida := operator(t, s, "aida", "cli:root")
		operator(t, s, "chynara", "cli:root", staff.OperateFunds)
		made := operator(t, s, "made-by-aida", aida.Actor())
		if n, err := s.RateDeciders(t.Context(), aida.ID); n != 0 || err != nil {
			t.Errorf("%d others may decide, %v", n, err)
		}
		if n, err := s.RateDeciders(t.Context(), 0); n != 2 || err != nil {
			t.Errorf("%d may decide on what the command line asks for, %v", n, err)
		}
		q := quote(t, rates.Manual, "USD", "KGS", "88", time.Time{})
		id, err := s.RequestRateApproval(t.Context(), &q, aida, store.By{Actor: aida.Actor()})
		if err != nil {
			t.Fatal(err)
		}
		if err := decidesRate(t, s, made, id, store.ApprovalApproved); !errors.Is(err, store.ErrPossiblySamePerson) || byHand(s) != "none" {
			t.Errorf("approved by an account of who asked: %v", err)
		}
	})
}
