package people_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
)

func createUser(t testing.TB, s *store.Store, a *people.UserRecord) *people.UserRecord {
	t.Helper()
	if err := people.New(s).CreateUser(t.Context(), fmt.Sprint("create ", a.Email), a, nil, "test"); err != nil {
		t.Fatal(err)
	}
	return a
}

func clerk(email string) *people.UserRecord {
	return &people.UserRecord{User: staff.User{MerchantID: 1, Email: email, Name: "Clerk", Roles: []staff.Role{staff.Operations}, Projects: []int64{210}}}
}

func admin(email string) *people.UserRecord {
	return &people.UserRecord{User: staff.User{MerchantID: 1, Email: email, Roles: []staff.Role{staff.MerchantAdmin}}, Password: "hash"}
}

func TestUsersAreKeptWhole(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		a := clerk("Aida@Example.kg")
		a.Added, a.Withheld = []staff.Right{staff.ViewBalances}, []staff.Right{staff.IssuePayouts}
		a.Language, a.Zone, a.Theme = "ky", "Asia/Bishkek", "dark"
		createUser(t, s, a)
		if a.ID != 1 || a.Version != 1 || a.CreatedAt.IsZero() {
			t.Errorf("made %+v", a)
		}
		found, err := people.New(s).UserByEmail(t.Context(), " aIDA@example.KG ")
		if err != nil {
			t.Fatal(err)
		}
		want := a.User
		if diff := cmp.Diff(want, found.User); diff != "" {
			t.Errorf("by e-mail: %s", diff)
		}
		if byID, err := people.New(s).User(t.Context(), 1); err != nil || byID.Email != "Aida@Example.kg" {
			t.Errorf("by number: %+v, %v", byID, err)
		}
		if _, err := people.New(s).User(t.Context(), 2); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
		if err := people.New(s).CreateUser(t.Context(), "again", clerk("AIDA@example.kg"), nil, "test"); !errors.Is(err, people.ErrUserExists) {
			t.Errorf("the same address: %v", err)
		}
		again := clerk("aida@example.kg")
		if err := people.New(s).CreateUser(t.Context(), "create Aida@Example.kg", again, nil, "test"); err != nil || again.ID != 1 {
			t.Errorf("the same act: %d, %v", again.ID, err)
		}
	})
}

func TestUsersMadeAtOnceHaveNumbersOfTheirOwn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		stores := []*store.Store{storetest.Open(t, url)}
		if stores[0].DialectName() == "postgres" {
			stores = append(stores, storetest.Open(t, url))
		}
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if err := people.New(stores[i%len(stores)]).CreateUser(t.Context(), fmt.Sprint(i), clerk(fmt.Sprintf("u%d@example.kg", i)), nil, "test"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		merchant := int64(1)
		all, err := people.New(stores[0]).Users(t.Context(), people.UserFilter{Merchant: &merchant})
		if err != nil || len(all) != 20 || all[0].ID != 1 || all[19].ID != 20 {
			t.Fatalf("%d users, %v", len(all), err)
		}
	})
}

func TestRightsChangeOnceAndKeepAnAdmin(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		first, second := createUser(t, s, admin("a@example.kg")), createUser(t, s, clerk("b@example.kg"))
		change := func(u *people.UserRecord, roles ...staff.Role) error {
			now, err := people.New(s).User(t.Context(), u.ID)
			if err != nil {
				t.Fatal(err)
			}
			now.Roles = roles
			return people.New(s).ChangeRights(t.Context(), fmt.Sprint(u.ID, roles, now.Version), &now.User, "test")
		}
		if err := change(first, staff.Support); !errors.Is(err, people.ErrLastAdmin) {
			t.Errorf("the only admin: %v", err)
		}
		if err := people.New(s).SetActive(t.Context(), "off", first.ID, false, false, "test"); !errors.Is(err, people.ErrLastAdmin) {
			t.Errorf("the only admin, deactivated: %v", err)
		}
		if err := change(second, staff.MerchantAdmin); err != nil {
			t.Fatal(err)
		}
		if err := change(first, staff.Support); !errors.Is(err, people.ErrLastAdmin) {
			t.Errorf("the only admin who has ever signed in: %v", err)
		}
		if err := people.New(s).SetPassword(t.Context(), second.ID, "hash", 0, "test"); err != nil {
			t.Fatal(err)
		}
		if err := change(first, staff.Support); err != nil {
			t.Errorf("with another admin: %v", err)
		}
		stale := first.User
		if err := people.New(s).ChangeRights(t.Context(), "stale", &stale, "test"); !errors.Is(err, store.ErrMoved) {
			t.Errorf("a version that is gone: %v", err)
		}
		if err := people.New(s).SetActive(t.Context(), "operator", second.ID, false, true, "test"); err != nil {
			t.Errorf("an operator deactivates the last admin: %v", err)
		}
	})
}

func TestAdminsCannotDemoteEachOtherAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		stores := []*store.Store{storetest.Open(t, url)}
		if stores[0].DialectName() == "postgres" {
			stores = append(stores, storetest.Open(t, url))
		}
		a, b := createUser(t, stores[0], admin("a@example.kg")), createUser(t, stores[0], admin("b@example.kg"))
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, u := range []*people.UserRecord{a, b} {
			wg.Go(func() {
				after := u.User
				after.Roles = []staff.Role{staff.Support}
				errs[i] = people.New(stores[i%len(stores)]).ChangeRights(t.Context(), u.Email, &after, "test")
			})
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), people.ErrLastAdmin) {
			t.Fatalf("both went through, or none: %v", errs)
		}
	})
}

func TestSessionsAreFoundByTheirHashAndEnd(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		u := createUser(t, s, clerk("a@example.kg"))
		start := func(token byte, stage people.Stage) *people.Session {
			session := &people.Session{UserID: u.ID, Token: [32]byte{token}, Stage: stage, ExpiresAt: s.Now().Add(time.Hour), IP: "192.0.2.1", Agent: "Browser"}
			if err := people.New(s).StartSession(t.Context(), session); err != nil {
				t.Fatal(err)
			}
			return session
		}
		first := start(1, people.Pending)
		if found, user, err := people.New(s).Session(t.Context(), [32]byte{1}); err != nil || user.Email != u.Email || cmp.Diff(first, found) != "" {
			t.Fatalf("%v: %s", err, cmp.Diff(first, found))
		}
		renewed := *first
		renewed.Token, renewed.Stage = [32]byte{2}, people.Full
		if err := people.New(s).RenewSession(t.Context(), first.Token, &renewed, &people.Device{Token: [32]byte{9}, Network: "192.0.2.0/24"}, "test"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := people.New(s).Session(t.Context(), first.Token); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the token from before the factor still opens the session: %v", err)
		}
		if found, _, err := people.New(s).Session(t.Context(), renewed.Token); err != nil || found.Stage != people.Full || found.FactorAt.IsZero() {
			t.Errorf("renewed: %+v, %v", found, err)
		}
		if err := people.New(s).RenewSession(t.Context(), first.Token, &renewed, nil, "test"); !errors.Is(err, store.ErrMoved) {
			t.Errorf("renewed by its old token: %v", err)
		}
		device, network, err := people.New(s).KnownDevice(t.Context(), u.ID, people.Device{Token: [32]byte{9}, Network: "198.51.100.0/24"})
		if err != nil || !device || network {
			t.Errorf("device %v, network %v, %v", device, network, err)
		}
		second := start(3, people.Full)
		all, err := people.New(s).Sessions(t.Context(), u.ID, s.Now())
		if err != nil || len(all) != 2 || all[0].ID != second.ID {
			t.Fatalf("list: %+v, %v", all, err)
		}
		if later, err := people.New(s).Sessions(t.Context(), u.ID, s.Now().Add(2*time.Hour)); err != nil || len(later) != 0 {
			t.Errorf("expired ones are listed: %+v, %v", later, err)
		}
		if err := people.New(s).EndSession(t.Context(), u.ID+1, second.ID, "test"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := people.New(s).Session(t.Context(), second.Token); err != nil {
			t.Errorf("another user ended the session: %v", err)
		}
		if err := people.New(s).SetPassword(t.Context(), u.ID, "hash", second.ID, "test"); err != nil {
			t.Fatal(err)
		}
		if all, err := people.New(s).Sessions(t.Context(), u.ID, s.Now()); err != nil || len(all) != 1 || all[0].ID != second.ID {
			t.Errorf("after a new password: %+v, %v", all, err)
		}
		if err := people.New(s).SetActive(t.Context(), "off", u.ID, false, true, "test"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := people.New(s).Session(t.Context(), second.Token); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a deactivated user's session: %v", err)
		}
		if err := people.New(s).StartSession(t.Context(), &people.Session{UserID: u.ID, Stage: people.Pending}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a deactivated user signs in: %v", err)
		}
	})
}

func TestFactorsAndCodesCountOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		u := createUser(t, s, clerk("a@example.kg"))
		codes := [][32]byte{{1}, {2}}
		totp := &people.Factor{UserID: u.ID, Kind: people.TOTP, Name: "Phone", Secret: []byte("secret")}
		if err := people.New(s).AddFactor(t.Context(), "add totp", totp, 100, codes, "test"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			step int64
			want error
		}{{100, people.ErrCodeUsed}, {99, people.ErrCodeUsed}, {101, nil}, {101, people.ErrCodeUsed}} {
			if err := people.New(s).UseCode(t.Context(), totp.ID, c.step); !errors.Is(err, c.want) {
				t.Errorf("the code of step %d: %v, want %v", c.step, err, c.want)
			}
		}
		for _, c := range []struct {
			code byte
			want error
		}{{3, store.ErrNotFound}, {1, nil}, {1, people.ErrCodeUsed}} {
			if err := people.New(s).UseRecoveryCode(t.Context(), u.ID, [32]byte{c.code}, "test"); !errors.Is(err, c.want) {
				t.Errorf("recovery code %d: %v, want %v", c.code, err, c.want)
			}
		}
		if err := people.New(s).RemoveFactor(t.Context(), u.ID, totp.ID, "test"); !errors.Is(err, people.ErrLastFactor) {
			t.Errorf("the only factor: %v", err)
		}
		key := &people.Factor{UserID: u.ID, Kind: people.Passkey, Name: "Key", Secret: []byte("{}"), Credential: [32]byte{7}}
		if err := people.New(s).AddFactor(t.Context(), "add key", key, 0, nil, "test"); err != nil {
			t.Fatal(err)
		}
		twice := *key
		if err := people.New(s).AddFactor(t.Context(), "add key again", &twice, 0, nil, "test"); !errors.Is(err, people.ErrFactorExists) {
			t.Errorf("the same passkey: %v", err)
		}
		found, err := people.New(s).FactorByCredential(t.Context(), [32]byte{7})
		if err != nil || found.UserID != u.ID || string(found.Secret) != "{}" {
			t.Fatalf("by credential: %+v, %v", found, err)
		}
		found.Secret = []byte(`{"n":1}`)
		if err := people.New(s).UsePasskey(t.Context(), &found, "challenge"); err != nil {
			t.Fatal(err)
		}
		if err := people.New(s).UsePasskey(t.Context(), &found, "challenge"); !errors.Is(err, people.ErrCodeUsed) {
			t.Errorf("the same challenge: %v", err)
		}
		a, err := people.New(s).User(t.Context(), u.ID)
		if err != nil || len(a.Factors) != 2 || a.CodesLeft != 1 || string(a.Factors[1].Secret) != `{"n":1}` {
			t.Fatalf("%+v, %v", a, err)
		}
		if err := people.New(s).RemoveFactor(t.Context(), u.ID, totp.ID, "test"); err != nil {
			t.Errorf("one of two: %v", err)
		}
	})
}

func TestInvitationsAreTakenOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		u := clerk("a@example.kg")
		i := &people.Invitation{Token: [32]byte{1}, Kind: people.Invite, ExpiresAt: s.Now().Add(time.Hour)}
		if err := people.New(s).CreateUser(t.Context(), "invite", u, i, "user 1 <admin@example.kg>"); err != nil {
			t.Fatal(err)
		}
		if u.Invitation == nil || u.Invitation.By != "user 1 <admin@example.kg>" {
			t.Fatalf("the account lacks its invitation: %+v", u)
		}
		accept := func(token byte, session byte) error {
			return people.New(s).AcceptInvitation(t.Context(), &people.Acceptance{
				Token: [32]byte{token}, Name: "Aida", Password: "hash",
				Session: &people.Session{Token: [32]byte{session}, Stage: people.Full, ExpiresAt: s.Now().Add(time.Hour)},
			})
		}
		renewed := &people.Invitation{UserID: u.ID, Token: [32]byte{2}, Kind: people.Invite, ExpiresAt: s.Now().Add(time.Hour)}
		if err := people.New(s).Invite(t.Context(), "renew", renewed, "test"); err != nil {
			t.Fatal(err)
		}
		if err := accept(1, 1); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a link that was renewed: %v", err)
		}
		if err := accept(2, 2); err != nil {
			t.Fatal(err)
		}
		if err := accept(2, 3); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the same link again: %v", err)
		}
		session, user, err := people.New(s).Session(t.Context(), [32]byte{2})
		if err != nil || session.Stage != people.Pending || user.Name != "Aida" || user.Password != "hash" {
			t.Errorf("accepted: %+v, %+v, %v", session, user, err)
		}
		totp := &people.Factor{UserID: u.ID, Kind: people.TOTP, Name: "Phone", Secret: []byte("secret")}
		if err := people.New(s).AddFactor(t.Context(), "add", totp, 0, [][32]byte{{1}}, "test"); err != nil {
			t.Fatal(err)
		}
		expired := &people.Invitation{UserID: u.ID, Token: [32]byte{4}, Kind: people.Reset, ExpiresAt: s.Now().Add(-time.Second)}
		if err := people.New(s).Invite(t.Context(), "late", expired, "test"); err != nil {
			t.Fatal(err)
		}
		if err := accept(4, 4); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an expired link: %v", err)
		}
		reset := &people.Invitation{UserID: u.ID, Token: [32]byte{5}, Kind: people.Reset, ExpiresAt: s.Now().Add(time.Hour)}
		if err := people.New(s).Invite(t.Context(), "reset", reset, "test"); err != nil {
			t.Fatal(err)
		}
		if err := accept(5, 5); err != nil {
			t.Fatal(err)
		}
		if a, err := people.New(s).User(t.Context(), u.ID); err != nil || len(a.Factors) != 0 || a.CodesLeft != 0 {
			t.Errorf("after a reset: %+v, %v", a, err)
		}
		if _, _, err := people.New(s).Session(t.Context(), [32]byte{2}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a session from before the reset: %v", err)
		}
		if err := people.New(s).WithdrawInvitation(t.Context(), u.ID, "test"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("withdrawn without one: %v", err)
		}
	})
}

func TestTriesAreDelayedMoreAndMore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		c := people.Try{Digest: [32]byte{1}, Free: 3, Base: time.Hour, Most: 4 * time.Hour, Forget: 24 * time.Hour}
		take := func() time.Duration {
			next, err := people.New(s).TakeTry(t.Context(), []people.Try{c})
			if err != nil {
				t.Fatal(err)
			}
			if next.IsZero() {
				return 0
			}
			return next.Sub(s.Now()).Round(time.Hour)
		}
		var waits []time.Duration
		for range 5 {
			waits = append(waits, take())
		}
		if want := []time.Duration{0, 0, 0, time.Hour, time.Hour}; !slices.Equal(waits, want) {
			t.Errorf("waits %v, want %v", waits, want)
		}
		if next, err := people.New(s).NextTry(t.Context(), []people.Try{c}); err != nil || !next.After(s.Now()) {
			t.Errorf("next %v, %v", next, err)
		}
		if err := people.New(s).GiveBackTry(t.Context(), nil, []people.Try{c}); err != nil {
			t.Fatal(err)
		}
		if wait := take(); wait != 0 {
			t.Errorf("a try that was given back still delays: %v", wait)
		}
		if err := people.New(s).GiveBackTry(t.Context(), []people.Try{c}, nil); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for range 30 {
			wg.Go(func() {
				next, err := people.New(s).TakeTry(t.Context(), []people.Try{c})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				} else if next.IsZero() {
					made++
				}
			})
		}
		wg.Wait()
		if made != 3 {
			t.Errorf("%d tries at once went through, want 3", made)
		}
	})
}

func TestActsOfAnActorArePagedAndInOrder(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		u := createUser(t, s, clerk("a@example.kg"))
		actor := u.Actor()
		for i := range 7 {
			who := []string{actor, "somebody else"}[i/6]
			after := u.User
			after.Name = fmt.Sprint("name ", i)
			if err := people.New(s).SaveProfile(t.Context(), &after, who); err != nil {
				t.Fatal(err)
			}
		}
		var seen []string
		for behind := (store.AuditEntry{}); ; {
			acts, err := s.AuditEntriesOf(t.Context(), []string{actor, "nobody"}, behind, 4)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range acts {
				if a.Actor != actor || a.Action != "user profile" || a.Object != "user 1" {
					t.Errorf("%+v", a)
				}
				seen = append(seen, a.Detail)
				behind = a
			}
			if len(acts) < 4 {
				break
			}
		}
		if len(seen) != 6 || !strings.Contains(seen[0], "name 5") || !strings.Contains(seen[0], "name 4") || !strings.Contains(seen[5], "name 0") {
			t.Errorf("%d acts: %v", len(seen), seen)
		}
		if acts, err := s.AuditEntriesOf(t.Context(), nil, store.AuditEntry{}, 4); err != nil || len(acts) != 0 {
			t.Errorf("of nobody: %v, %v", acts, err)
		}
	})
}

func TestOldSessionsDevicesAndTriesGo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		u := createUser(t, s, clerk("a@example.kg"))
		for i, expires := range []time.Duration{-time.Second, time.Hour} {
			session := &people.Session{UserID: u.ID, Token: [32]byte{byte(i)}, Stage: people.Full, ExpiresAt: s.Now().Add(expires)}
			if err := people.New(s).StartSession(t.Context(), session); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := people.New(s).TakeTry(t.Context(), []people.Try{{Digest: [32]byte{1}, Free: 1, Base: time.Hour, Most: time.Hour, Forget: time.Hour}}); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := people.New(s).Session(t.Context(), [32]byte{0}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an expired session: %v", err)
		}
		if _, _, err := people.New(s).Session(t.Context(), [32]byte{1}); err != nil {
			t.Errorf("a session that lives: %v", err)
		}
		if next, err := people.New(s).NextTry(t.Context(), []people.Try{{Digest: [32]byte{1}}}); err != nil || !next.After(s.Now()) {
			t.Errorf("a count of now is forgotten: %v, %v", next, err)
		}
	})
}

func TestHashIsReplacedOnlyWhereItIsTheOldOne(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		u := createUser(t, s, admin("a@example.kg"))
		for _, c := range []struct{ old, fresh, want string }{{"another", "x", "hash"}, {"hash", "new", "new"}} {
			if err := people.New(s).RehashPassword(t.Context(), u.ID, c.old, c.fresh); err != nil {
				t.Fatal(err)
			}
			if a, err := people.New(s).User(t.Context(), u.ID); err != nil || a.Password != c.want {
				t.Errorf("%+v, %v", a, err)
			}
		}
	})
}
