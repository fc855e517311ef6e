package store_test

import (
	"errors"
	"sync"
	"testing"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
)

func requester(u *staff.User, idempotencyKey string) store.Requester {
	return store.Requester{User: u, IdempotencyKey: idempotencyKey}
}

// raised is project 210 with a higher approval sum.
func raised(t *testing.T, s *store.Store, sum int64) *merchant.Project {
	t.Helper()
	now, _ := s.Project(210)
	p := *now
	p.Settings.Approval = merchant.Sums{"KGS": sum}
	return &p
}

func decides(s *store.Store, t *testing.T, u *staff.User, id int64, state string) error {
	d := store.Decision{ID: id, State: state, By: u.ID, Decider: u.Name, Reason: "because"}
	return s.DecideControl(t.Context(), d, store.By{Actor: u.Actor(), IdempotencyKey: "decided by " + u.Name + state})
}

func TestWhatWeakensControlWaitsForASecondPerson(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := node(t, url, nil)
		users := colleagues(t, s, "aida", "bakyt")
		aida, bakyt := users["aida"], users["bakyt"]
		puppet := invited(t, s, aida, "puppet")
		limit(t, s)
		sum := func() int64 { p, _ := s.Project(210); return p.Settings.Approval["KGS"] }
		if err := s.SaveProject(t.Context(), raised(t, s, 1001), store.By{Actor: aida.Actor()}); !errors.Is(err, store.ErrNeedsSecond) {
			t.Fatalf("raised alone: %v", err)
		}
		id, err := s.RequestSettingsApproval(t.Context(), raised(t, s, 1001), requester(aida, "ask"))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := s.RequestSettingsApproval(t.Context(), raised(t, s, 1001), requester(aida, "ask")); err != nil || again != id {
			t.Errorf("a second click: %d, %v", again, err)
		}
		if _, err := s.RequestSettingsApproval(t.Context(), raised(t, s, 5), requester(bakyt, "ask")); !errors.Is(err, store.ErrApprovalWaits) {
			t.Errorf("another change while one waits: %v", err)
		}
		if err := decides(s, t, aida, id, store.ApprovalApproved); !errors.Is(err, store.ErrSamePerson) {
			t.Errorf("approved by the requester: %v", err)
		}
		if err := decides(s, t, puppet, id, store.ApprovalApproved); !errors.Is(err, store.ErrPossiblySamePerson) || sum() != 1000 {
			t.Errorf("approved by an account that the requester made: %v", err)
		}
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := decides(s, t, bakyt, id, store.ApprovalApproved); err != nil {
					t.Errorf("approved by another person: %v", err)
				}
			})
		}
		wg.Wait()
		if p, _ := s.Project(210); sum() != 1001 || p.Version != 2 {
			t.Errorf("after the approval: sum %d, version %d", sum(), p.Version)
		}
		if err := s.SaveProject(t.Context(), raised(t, s, 900), store.By{Actor: aida.Actor()}); err != nil {
			t.Errorf("lowered alone: %v", err)
		}
		if err := s.UpdateProject(t.Context(), raised(t, s, 950), "cli:root"); err != nil {
			t.Errorf("raised by the command line: %v", err)
		}
	})
}

func TestAStaleChangeIsNotMade(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := limited(t, url, nil)
		users := colleagues(t, s, "aida", "bakyt")
		id, err := s.RequestSettingsApproval(t.Context(), raised(t, s, 2000), requester(users["aida"], "ask"))
		if err != nil {
			t.Fatal(err)
		}
		stale := raised(t, s, 3000)
		if err := s.SaveProject(t.Context(), raised(t, s, 500), store.By{Actor: users["bakyt"].Actor()}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RequestSettingsApproval(t.Context(), stale, requester(users["bakyt"], "late")); !errors.Is(err, store.ErrMoved) {
			t.Errorf("asked for on old settings: %v", err)
		}
		if err := decides(s, t, users["bakyt"], id, store.ApprovalApproved); !errors.Is(err, store.ErrStale) {
			t.Errorf("approved: %v", err)
		}
		if a, err := s.Approval(t.Context(), id); err != nil || a.State != store.ApprovalWaiting {
			t.Errorf("%+v, %v", a, err)
		}
		if err := decides(s, t, users["bakyt"], id, store.ApprovalRejected); err != nil {
			t.Errorf("rejected: %v", err)
		}
		if p, _ := s.Project(210); p.Settings.Approval["KGS"] != 500 {
			t.Errorf("the sum is %d", p.Settings.Approval["KGS"])
		}
	})
}

func TestAKeyWaitsForASecondPerson(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := limited(t, url, nil)
		users := colleagues(t, s, "aida", "bakyt")
		key := merchant.Key{Secret: "a key of aida's own", Label: "payroll"}
		if err := s.AddKey(t.Context(), 210, key, store.By{Actor: users["aida"].Actor()}); !errors.Is(err, store.ErrNeedsSecond) {
			t.Fatalf("added alone: %v", err)
		}
		withdrawn, err := s.RequestKeyApproval(t.Context(), 210, key, requester(users["aida"], "ask-1"))
		if err != nil {
			t.Fatal(err)
		}
		if err := decides(s, t, users["aida"], withdrawn, store.ApprovalWithdrawn); err != nil {
			t.Errorf("withdrawn: %v", err)
		}
		id, err := s.RequestKeyApproval(t.Context(), 210, key, requester(users["aida"], "ask-2"))
		if err != nil {
			t.Fatal(err)
		}
		if p, _ := s.Project(210); len(p.Keys) != 1 {
			t.Errorf("%d keys before the approval", len(p.Keys))
		}
		if err := decides(s, t, users["bakyt"], id, store.ApprovalApproved); err != nil {
			t.Fatal(err)
		}
		if p, _ := s.Project(210); len(p.Keys) != 2 || p.Keys[1].Secret != key.Secret || p.Keys[1].Label != key.Label {
			t.Errorf("keys after the approval: %d", len(p.Keys))
		}
		if err := s.RevokeKey(t.Context(), 210, 2, store.By{Actor: users["aida"].Actor()}); err != nil {
			t.Errorf("revoked alone: %v", err)
		}
		var acts []string
		for _, action := range []string{"approval request", "approval decide", "key add"} {
			lines, err := s.AuditLog(t.Context(), store.AuditFilter{Action: action, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				acts = append(acts, l.Action)
			}
		}
		if len(acts) != 5 {
			t.Errorf("the audit log has %v", acts)
		}
	})
}

func TestAnAccountGainsNothingByOnePerson(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := limited(t, url, nil)
		dir := people.New(s)
		users := colleagues(t, s, "aida", "bakyt")
		aida, bakyt := users["aida"], users["bakyt"]
		made := staff.User{MerchantID: 7, Email: "second@example.kg", Roles: []staff.Role{staff.Operations}}
		if err := dir.CreateUser(t.Context(), "make", &people.UserRecord{User: made}, nil, aida.Actor()); !errors.Is(err, store.ErrNeedsSecond) {
			t.Fatalf("made alone: %v", err)
		}
		gain := *bakyt
		gain.AllProjects = true
		gain.Added = []staff.Right{staff.ViewAnalytics}
		gain.Roles = []staff.Role{staff.Support, staff.MerchantAdmin}
		lose := *bakyt
		lose.Roles = []staff.Role{staff.Support}
		if err := dir.ChangeRights(t.Context(), "lose", &lose, aida.Actor()); err != nil {
			t.Errorf("taken alone: %v", err)
		}
		gain.Version++
		if err := dir.ChangeRights(t.Context(), "gain", &gain, aida.Actor()); !errors.Is(err, store.ErrNeedsSecond) {
			t.Errorf("given alone: %v", err)
		}
		id, err := dir.Ask(t.Context(), people.Change{Act: people.ActInvite, User: made}, requester(aida, "ask"))
		if err != nil {
			t.Fatal(err)
		}
		d := store.Decision{ID: id, State: store.ApprovalApproved, By: aida.ID, Decider: "aida"}
		if err := dir.Decide(t.Context(), d, store.By{Actor: aida.Actor(), IdempotencyKey: "d1"}); !errors.Is(err, store.ErrSamePerson) {
			t.Errorf("decided alone: %v", err)
		}
		d.By = bakyt.ID
		if err := dir.Decide(t.Context(), d, store.By{Actor: bakyt.Actor(), IdempotencyKey: "d2"}); err != nil {
			t.Fatal(err)
		}
		second, err := dir.UserByEmail(t.Context(), made.Email)
		if err != nil {
			t.Fatal(err)
		}
		if another, err := s.DifferentPeople(t.Context(), aida.ID, second.ID); err != nil || another {
			t.Errorf("it decides for who asked for it: %v", err)
		}
		stale := gain
		id, err = dir.Ask(t.Context(), people.Change{Act: people.ActRights, User: stale}, requester(aida, "ask-2"))
		if err != nil {
			t.Fatal(err)
		}
		if err := dir.ChangeRights(t.Context(), "by the command line", &gain, "cli:root"); err != nil {
			t.Errorf("given by the command line: %v", err)
		}
		d = store.Decision{ID: id, State: store.ApprovalApproved, By: second.ID + 1000, Decider: "x"}
		if err := dir.Decide(t.Context(), d, store.By{Actor: "test", IdempotencyKey: "d3"}); !errors.Is(err, store.ErrStale) {
			t.Errorf("a stale change: %v", err)
		}
	})
}
