package access_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
)

const (
	goodPassword = "horse-battery-staple"
	testSecret   = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

// world is a store and the service on it, on virtual time where the test runs in a bubble.
type world struct {
	*access.Service
	t     *testing.T
	store *store.Store
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: storetest.URL(t, storetest.SQLite), Keyset: storetest.Keyset()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	service, err := access.New(s, access.Config{URL: "http://localhost:8083", HashMemory: 64})
	if err != nil {
		t.Fatal(err)
	}
	return &world{Service: service, t: t, store: s}
}

// bubble runs a test on virtual time.
func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

// user makes a user who can sign in.
func (w *world) user(email string, merchant int64, roles ...staff.Role) *staff.User {
	w.t.Helper()
	u := &staff.User{MerchantID: merchant, Email: email, Name: "Somebody", Roles: roles}
	if err := w.CreateReady(w.t.Context(), u, goodPassword, testSecret, "test"); err != nil {
		w.t.Fatal(err)
	}
	return u
}

func from(addr string) access.Client {
	return access.Client{Addr: netip.MustParseAddr(addr), Agent: "Browser/1.0"}
}

func (w *world) begin(u *staff.User) string {
	w.t.Helper()
	token, err := w.Begin(w.t.Context(), u.ID, from("192.0.2.7"))
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// resumes tells whether a token opens a session.
func (w *world) resumes(token string) bool {
	w.t.Helper()
	_, err := w.Resume(w.t.Context(), token)
	if err != nil && !errors.Is(err, access.ErrNoSession) {
		w.t.Fatal(err)
	}
	return err == nil
}

func TestSessionLivesAsLongAsItIsUsedAndNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		u := w.user("aida@example.kg", 1, staff.Operations)
		idle, busy := w.begin(u), w.begin(u)
		start := time.Now()
		for time.Since(start) < 12*time.Hour-time.Minute {
			time.Sleep(30 * time.Minute)
			if time.Since(start) < 12*time.Hour && !w.resumes(busy) {
				t.Fatalf("a session in use ended after %v", time.Since(start))
			}
			if time.Since(start) >= time.Hour && w.resumes(idle) {
				t.Fatalf("an unused session lives after %v", time.Since(start))
			}
		}
		time.Sleep(time.Minute)
		if w.resumes(busy) {
			t.Error("a session lives longer than 12 hours")
		}
	})
}

func TestSessionIsWrittenAtMostOnceAMinute(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		token := w.begin(w.user("aida@example.kg", 1, staff.Operations))
		before := w.store.Stats().Items
		for range 100 {
			if !w.resumes(token) {
				t.Fatal("no session")
			}
			time.Sleep(3 * time.Second)
		}
		if n := w.store.Stats().Items - before; n < 4 || n > 5 {
			t.Errorf("%d writes in five minutes of requests", n)
		}
	})
}

// A page that asks by itself does not keep a session alive whose user has left.
func TestWatchingIsNoUse(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		token := w.begin(w.user("aida@example.kg", 1, staff.Operations))
		for range 59 {
			time.Sleep(time.Minute)
			if _, err := w.Watch(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if _, err := w.Watch(t.Context(), token); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("after an hour without use: %v", err)
		}
	})
}

func TestResumeRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("aida@example.kg", 1, staff.Operations)
	for name, token := range map[string]string{"nothing": "", "a guess": "x", "a token that was never given": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if w.resumes(token) {
			t.Errorf("%s opens a session", name)
		}
	}
	token := w.begin(u)
	session, err := w.Resume(t.Context(), token)
	if err != nil || session.User.Email != u.Email || session.IP != "192.0.2.7" || session.Agent != "Browser/1.0" || !session.Fresh(time.Now()) {
		t.Fatalf("%+v, %v", session, err)
	}
	if err := w.SignOut(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if w.resumes(token) {
		t.Error("the token opens a session that was ended")
	}
	token = w.begin(u)
	if err := people.New(w.store).SetActive(t.Context(), "off", u.ID, false, true, "test"); err != nil {
		t.Fatal(err)
	}
	if w.resumes(token) {
		t.Error("a deactivated user has a session")
	}
	if _, err := w.Begin(t.Context(), u.ID, from("192.0.2.7")); err == nil {
		t.Error("a deactivated user begins one")
	}
}

func TestRightsAreThoseOfNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("aida@example.kg", 1, staff.Operations)
	token := w.begin(u)
	account, err := people.New(w.store).User(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	account.Roles = []staff.Role{staff.Support}
	if err := people.New(w.store).ChangeRights(t.Context(), "change", &account.User, "test"); err != nil {
		t.Fatal(err)
	}
	session, err := w.Resume(t.Context(), token)
	if err != nil || session.User.Can(staff.IssuePayouts) || session.Fresh(time.Now()) {
		t.Errorf("after a change of rights: %+v, %v", session, err)
	}
}

func TestSecondFactorStaysFreshForFiveMinutes(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		token := w.begin(w.user("aida@example.kg", 1, staff.Operations))
		for _, c := range []struct {
			wait time.Duration
			want bool
		}{{0, true}, {5*time.Minute - time.Second, true}, {time.Second, false}} {
			time.Sleep(c.wait)
			session, err := w.Resume(t.Context(), token)
			if err != nil || session.Fresh(time.Now()) != c.want {
				t.Errorf("%v later: fresh until %v, %v", c.wait, session.FreshUntil, err)
			}
		}
	})
}
