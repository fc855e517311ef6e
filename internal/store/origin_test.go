package store_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
)

// colleagues makes users of one merchant, who came from the command line: nobody stands behind them.
func colleagues(t *testing.T, s *store.Store, names ...string) map[string]*staff.User {
	t.Helper()
	out := make(map[string]*staff.User)
	for _, name := range names {
		a := &people.UserRecord{User: staff.User{MerchantID: 7, Email: name + "@example.kg", Name: name, Roles: []staff.Role{staff.MerchantAdmin}}, Password: "hash"}
		if err := people.New(s).CreateUser(t.Context(), "make "+name, a, nil, "cli:root"); err != nil {
			t.Fatal(err)
		}
		out[name] = &a.User
	}
	return out
}

// invited makes a user whose link was shown to by, and followed.
func invited(t *testing.T, s *store.Store, by *staff.User, name string) *staff.User {
	t.Helper()
	token := [32]byte{byte(len(name))}
	copy(token[1:], name)
	a := &people.UserRecord{User: staff.User{MerchantID: 7, Email: name + "@example.kg", Roles: []staff.Role{staff.Operations}}}
	i := &people.Invitation{Token: token, Kind: people.Invite, ExpiresAt: s.Now().Add(time.Hour)}
	if err := people.New(s).CreateUser(t.Context(), "invite "+name, a, i, by.Actor()); err != nil {
		t.Fatal(err)
	}
	follow(t, s, token, &a.User)
	return &a.User
}

func follow(t *testing.T, s *store.Store, token [32]byte, u *staff.User) {
	t.Helper()
	session := &people.Session{Token: [32]byte{token[0], token[1], 1}, ExpiresAt: s.Now().Add(time.Hour)}
	acceptance := &people.Acceptance{Token: token, Name: u.Email, Password: "hash", Actor: u.Actor(), Session: session}
	if err := people.New(s).AcceptInvitation(t.Context(), acceptance); err != nil {
		t.Fatal(err)
	}
}

// reset gives a user another link, which by follows.
func reset(t *testing.T, s *store.Store, by, u *staff.User) {
	t.Helper()
	token := [32]byte{200, byte(by.ID), byte(u.ID)}
	i := &people.Invitation{UserID: u.ID, Token: token, Kind: people.Reset, ExpiresAt: s.Now().Add(time.Hour)}
	if err := people.New(s).Invite(t.Context(), fmt.Sprint("reset ", by.ID, u.ID), i, by.Actor()); err != nil {
		t.Fatal(err)
	}
	follow(t, s, token, u)
}

func fundedProject(t *testing.T, s *store.Store) {
	t.Helper()
	p := &merchant.Project{ID: 210, MerchantID: 7, Name: "Shop", Mode: merchant.Test}
	if err := s.CreateProject(t.Context(), p, "key", map[string]int64{"KGS": 100}, "test"); err != nil {
		t.Fatal(err)
	}
}

var acts atomic.Int64

// approves asks for a payout as one user, and for a top-up, and approves both as another one.
func approves(t *testing.T, s *store.Store, requester, decider *staff.User) error {
	t.Helper()
	var errs []error
	for _, kind := range []string{store.ApprovalPayout, store.ApprovalTopUp} {
		idempotencyKey := fmt.Sprint("act-", acts.Add(1))
		a := asked(210, idempotencyKey)
		a.Kind, a.RequestedBy, a.Requester = kind, requester.ID, requester.Name
		id, err := s.RequestApproval(t.Context(), idempotencyKey, a, requester.Actor())
		if err != nil {
			t.Fatal(err)
		}
		d := store.Decision{ID: id, State: store.ApprovalApproved, By: decider.ID, Decider: decider.Name}
		if kind == store.ApprovalPayout {
			err = s.DecideApproval(t.Context(), "decide "+idempotencyKey, d, decider.Actor())
		} else {
			err = s.DecideFunds(t.Context(), d, store.By{Actor: decider.Actor(), IdempotencyKey: "decide " + idempotencyKey})
		}
		another, err2 := s.DifferentPeople(t.Context(), requester.ID, decider.ID)
		if err2 != nil || another != (err == nil || errors.Is(err, store.ErrRequesterGone)) {
			t.Errorf("%s by %s: %v, but Another says %v, %v", requester.Email, decider.Email, err, another, err2)
		}
		if now, err2 := s.Approval(t.Context(), id); err2 != nil || (now.State == store.ApprovalApproved) != (err == nil) {
			t.Errorf("%+v, %v", now, err2)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func onePerson(t *testing.T, s *store.Store, story string, requester, decider *staff.User) {
	t.Helper()
	if err := approves(t, s, requester, decider); !errors.Is(err, store.ErrPossiblySamePerson) {
		t.Errorf("%s: %v", story, err)
	}
}

func twoPeople(t *testing.T, s *store.Store, story string, requester, decider *staff.User) {
	t.Helper()
	if err := approves(t, s, requester, decider); err != nil {
		t.Errorf("%s: %v", story, err)
	}
}

// One person with two accounts is not two people, whichever of them asks.
func TestAnAccountOfOnesOwnMakingDoesNotDecide(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		fundedProject(t, s)
		p := colleagues(t, s, "aida", "bakyt", "chynara")
		aida, bakyt := p["aida"], p["bakyt"]
		twoPeople(t, s, "colleagues", aida, bakyt)
		second := invited(t, s, aida, "second")
		third := invited(t, s, aida, "third")
		fourth := invited(t, s, second, "fourth")
		onePerson(t, s, "asks, and approves as the second account", aida, second)
		onePerson(t, s, "asks as the second account, and approves", second, aida)
		onePerson(t, s, "asks as one of two accounts, and approves as the other", second, third)
		onePerson(t, s, "by a chain of accounts", aida, fourth)
		onePerson(t, s, "by a chain of accounts, the other way", fourth, aida)
		onePerson(t, s, "by a chain, and by its side", fourth, third)
		twoPeople(t, s, "a colleague asks", bakyt, second)
		twoPeople(t, s, "a colleague decides", fourth, bakyt)

		reset(t, s, aida, bakyt)
		onePerson(t, s, "resets a colleague's password, and approves as them", aida, bakyt)
		onePerson(t, s, "resets a colleague's password, and asks as them", bakyt, aida)
		onePerson(t, s, "and as their own second account", bakyt, second)
		twoPeople(t, s, "somebody else", aida, p["chynara"])
	})
}

// mailed sends a user a link by e-mail, at a colleague's wish, which they follow.
func mailed(t *testing.T, s *store.Store, by, u *staff.User) {
	t.Helper()
	token := [32]byte{200 + byte(u.ID), byte(by.ID)}
	i := &people.Invitation{UserID: u.ID, Token: token, Kind: people.Invite, ExpiresAt: s.Now().Add(time.Hour), Mailed: true}
	if err := people.New(s).Invite(t.Context(), fmt.Sprint("mail ", by.ID, u.ID), i, by.Actor()); err != nil {
		t.Fatal(err)
	}
	follow(t, s, token, u)
}

// Who chose the address of an invitation that goes by e-mail may be the one who follows it, whoever had it sent.
func TestAnInvitationSentByAColleagueIsStillToOnesOwnAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		fundedProject(t, s)
		p := colleagues(t, s, "aida", "bakyt", "chynara", "dastan")
		aida, bakyt, chynara := p["aida"], p["bakyt"], p["chynara"]
		second := &people.UserRecord{User: staff.User{MerchantID: 7, Email: "second@example.kg", Roles: []staff.Role{staff.Support}}}
		i := &people.Invitation{Token: [32]byte{202}, Kind: people.Invite, ExpiresAt: s.Now().Add(time.Hour), Mailed: true}
		if err := people.New(s).CreateUser(t.Context(), "invite second", second, i, aida.Actor()); err != nil {
			t.Fatal(err)
		}
		more := second.User
		more.Roles = []staff.Role{staff.Operations}
		if err := people.New(s).ChangeRights(t.Context(), "more for second", &more, p["dastan"].Actor()); err != nil {
			t.Fatal(err)
		}
		asked := &people.Change{Act: people.ActInvite, User: staff.User{MerchantID: 7, Email: "third@example.kg", Roles: []staff.Role{staff.Operations}}}
		id, err := people.New(s).Ask(t.Context(), *asked, store.Requester{User: aida, IdempotencyKey: "third"})
		if err != nil {
			t.Fatal(err)
		}
		d := store.Decision{ID: id, State: store.ApprovalApproved, By: bakyt.ID, Decider: bakyt.Name}
		if err := people.New(s).Decide(t.Context(), d, store.By{Actor: bakyt.Actor(), IdempotencyKey: "decide third"}); err != nil {
			t.Fatal(err)
		}
		third, err := people.New(s).UserByEmail(t.Context(), "third@example.kg")
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range []*staff.User{&second.User, &third.User} {
			mailed(t, s, bakyt, u)
			onePerson(t, s, "asks at an address of their own, and approves", u, aida)
			onePerson(t, s, "asks, and approves at an address of their own", aida, u)
			onePerson(t, s, "had it sent", u, bakyt)
			twoPeople(t, s, "had nothing to do with it", u, chynara)
		}
		twoPeople(t, s, "gave rights before the link was followed, and chose no address", &second.User, p["dastan"])
		if err := s.ConfirmUser(t.Context(), third.ID, chynara.ID, chynara.Actor()); err != nil {
			t.Fatal(err)
		}
		twoPeople(t, s, "confirmed", &third.User, aida)
	})
}

func TestWhoGaveTheRightToDecideDoesNotAsk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		fundedProject(t, s)
		p := colleagues(t, s, "aida", "bakyt")
		aida, bakyt := p["aida"], p["bakyt"]
		less := *bakyt
		less.Roles = []staff.Role{staff.Support}
		if err := people.New(s).ChangeRights(t.Context(), "less", &less, aida.Actor()); err != nil {
			t.Fatal(err)
		}
		twoPeople(t, s, "what was taken away is no gift", aida, bakyt)
		more := less
		more.Version++
		more.Roles = []staff.Role{staff.Operations}
		if err := people.New(s).ChangeRights(t.Context(), "more", &more, aida.Actor()); err != nil {
			t.Fatal(err)
		}
		onePerson(t, s, "gave the right to approve", aida, bakyt)
		twoPeople(t, s, "asks with rights that the decider gave: two people", bakyt, aida)
		for _, active := range []bool{false, true} {
			if err := people.New(s).SetActive(t.Context(), fmt.Sprint("active ", active), aida.ID, active, true, bakyt.Actor()); err != nil {
				t.Fatal(err)
			}
		}
		onePerson(t, s, "brought the decider back", bakyt, aida)
	})
}

// Another person's word makes an account one of its own; nobody gives it for themselves.
func TestAnotherPersonConfirmsWhoseAnAccountIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		fundedProject(t, s)
		p := colleagues(t, s, "aida", "bakyt")
		aida, bakyt := p["aida"], p["bakyt"]
		second, third := invited(t, s, aida, "second"), invited(t, s, aida, "third")
		for _, by := range []*staff.User{aida, second, third} {
			if err := s.ConfirmUser(t.Context(), second.ID, by.ID, by.Actor()); !errors.Is(err, store.ErrPossiblySamePerson) {
				t.Errorf("confirmed by %s: %v", by.Email, err)
			}
		}
		if origins, err := s.Origins(t.Context(), second.ID); err != nil || len(origins) != 2 || origins[0].Name != "aida" {
			t.Errorf("%+v, %v", origins, err)
		}
		if err := s.ConfirmUser(t.Context(), second.ID, bakyt.ID, bakyt.Actor()); err != nil {
			t.Fatal(err)
		}
		twoPeople(t, s, "confirmed", aida, second)
		twoPeople(t, s, "confirmed, the other way", second, aida)
		onePerson(t, s, "the other one is not", third, aida)
		if err := s.ConfirmUser(t.Context(), third.ID, 0, "cli:root"); err != nil {
			t.Fatal(err)
		}
		twoPeople(t, s, "confirmed by the command line", third, aida)
		reset(t, s, aida, second)
		onePerson(t, s, "and reset after that", aida, second)
		lines, err := s.AuditLog(t.Context(), store.AuditFilter{Action: "user confirm", Limit: 10})
		if err != nil || len(lines) != 2 || lines[1].Actor != bakyt.Actor() {
			t.Errorf("%+v, %v", lines, err)
		}
	})
}

// What a person who has left asked for is not done in silence.
func TestARequesterWhoHasLeftIsNotApproved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := open(t, url)
		p := colleagues(t, s, "aida", "bakyt")
		a := asked(210, "left")
		a.RequestedBy = p["aida"].ID
		id := ask(t, s, "left", a)
		if err := people.New(s).SetActive(t.Context(), "off", p["aida"].ID, false, true, "cli:root"); err != nil {
			t.Fatal(err)
		}
		if err := s.DecideApproval(t.Context(), "yes", decision(id, store.ApprovalApproved, p["bakyt"].ID), "test"); !errors.Is(err, store.ErrRequesterGone) {
			t.Errorf("approved: %v", err)
		}
		if err := s.DecideApproval(t.Context(), "no", decision(id, store.ApprovalRejected, p["bakyt"].ID), "test"); err != nil {
			t.Errorf("rejected: %v", err)
		}
	})
}
