package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// project makes a project of a merchant.
func (w *world) project(id, merchantID int64) {
	w.t.Helper()
	p := &merchant.Project{ID: id, MerchantID: merchantID, Name: "shop", Mode: merchant.Test}
	if err := w.store.CreateProject(w.t.Context(), p, "key", nil, "test"); err != nil {
		w.t.Fatal(err)
	}
}

func tokenOf(path string) string { return strings.TrimPrefix(path, "/invitation/") }

// A merchant's user learns of an address that is taken only where its account is the merchant's own, and cannot try
// addresses in a row. Operators see all accounts, so they learn it.
func TestInvitingTellsNothingOfOtherMerchants(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		boss := w.user("boss@example.kg", 1, staff.MerchantAdmin)
		w.user("own@example.kg", 1, staff.Operations)
		w.user("other@example.kg", 2, staff.MerchantAdmin)
		operator := w.user("operator@example.kg", 0, staff.Operator)
		invite := func(idempotencyKey string, by *staff.User, merchant int64, address string) error {
			_, err := w.Invite(t.Context(), idempotencyKey, access.ByUser(by), &staff.User{MerchantID: merchant, Email: address, Roles: []staff.Role{staff.Operations}})
			return err
		}
		for address, want := range map[string]error{
			"own@example.kg": people.ErrUserExists, "OWN@example.kg": people.ErrUserExists, "other@example.kg": access.ErrEmailUnfit,
			"Other@Example.kg": access.ErrEmailUnfit, "operator@example.kg": access.ErrEmailUnfit, "new@example.kg": nil,
		} {
			if err := invite("by "+address, boss, 1, address); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", address, err, want)
			}
		}
		if err := invite("operator's", operator, 1, "other@example.kg"); !errors.Is(err, people.ErrUserExists) {
			t.Errorf("an operator: %v", err)
		}
		refused := 0
		for i := range 30 {
			if err := invite(fmt.Sprint("tried", i), boss, 1, fmt.Sprintf("tried%d@example.kg", i)); isWait(err) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 30-(20-6) {
			t.Errorf("%d of 30 were refused, after 6, want %d", refused, 30-(20-6))
		}
		time.Sleep(time.Minute)
		if err := invite("later", boss, 1, "later@example.kg"); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		w.project(210, 1)
		boss := w.user("boss@example.kg", 1, staff.MerchantAdmin)
		by := access.ByUser(boss)
		u := &staff.User{MerchantID: 1, Email: email, Roles: []staff.Role{staff.Operations}, Projects: []int64{210}}
		path, err := w.Invite(t.Context(), "once", by, u)
		if err != nil || !strings.HasPrefix(path, "/invitation/") || len(tokenOf(path)) != 43 {
			t.Fatalf("%q, %v", path, err)
		}
		twice := *u
		if again, err := w.Invite(t.Context(), "once", by, &twice); err != nil || again != path || twice.ID != u.ID {
			t.Errorf("the same form again: %q, %v", again, err)
		}
		if _, err := w.Invite(t.Context(), "other", by, &twice); !errors.Is(err, people.ErrUserExists) {
			t.Errorf("the same address: %v", err)
		}
		if w.Link(path) != "http://localhost:8083"+path {
			t.Errorf("the link is %s", w.Link(path))
		}
		if invited, err := w.Invitation(t.Context(), tokenOf(path)); err != nil || invited.Reset || invited.User.Email != email {
			t.Fatalf("%+v, %v", invited, err)
		}
		for _, c := range []struct {
			name, password string
			want           error
		}{{"", goodPassword, access.ErrName}, {"Aida", "qwertyuiop", access.ErrPasswordCommon}, {"Battery Staple", goodPassword, access.ErrPasswordPersonal}} {
			if _, err := w.Accept(t.Context(), tokenOf(path), c.name, c.password, from("192.0.2.7")); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: %v, want %v", c.name, c.password, err, c.want)
			}
		}
		token, err := w.Accept(t.Context(), tokenOf(path), "Aida", goodPassword, from("192.0.2.7"))
		if err != nil || w.resumes(token) {
			t.Fatalf("accepted: %v", err)
		}
		session, err := w.Pending(t.Context(), token)
		if err != nil || session.User.Name != "Aida" {
			t.Fatalf("%+v, %v", session, err)
		}
		if _, err := w.Accept(t.Context(), tokenOf(path), "Eve", goodPassword, from("192.0.2.66")); !errors.Is(err, access.ErrLink) {
			t.Errorf("the same link again: %v", err)
		}
		if _, err := w.Invitation(t.Context(), tokenOf(path)); !errors.Is(err, access.ErrLink) {
			t.Errorf("the page of a used link: %v", err)
		}
	})
}

func TestLinksEnd(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		boss := w.user("boss@example.kg", 1, staff.MerchantAdmin)
		by := access.ByUser(boss)
		u := &staff.User{MerchantID: 1, Email: email, Roles: []staff.Role{staff.Operations}}
		valid := func(path string) bool {
			_, err := w.Invitation(t.Context(), tokenOf(path))
			if err != nil && !errors.Is(err, access.ErrLink) {
				t.Fatal(err)
			}
			return err == nil
		}
		first, err := w.Invite(t.Context(), "once", by, u)
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.NewLink(t.Context(), "renew", by, u.ID)
		if err != nil || valid(first) || !valid(second) {
			t.Errorf("renewed: %v, first %v, second %v", err, valid(first), valid(second))
		}
		if err := w.WithdrawLink(t.Context(), by, u.ID); err != nil || valid(second) {
			t.Errorf("withdrawn: %v, %v", err, valid(second))
		}
		third, err := w.NewLink(t.Context(), "again", by, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(72*time.Hour - time.Second)
		if !valid(third) {
			t.Error("a link ends before 72 hours")
		}
		time.Sleep(time.Second)
		if valid(third) {
			t.Error("a link lives longer than 72 hours")
		}
		if _, err := w.Accept(t.Context(), tokenOf(third), "Aida", goodPassword, from("192.0.2.7")); !errors.Is(err, access.ErrLink) {
			t.Errorf("an expired link: %v", err)
		}
		fourth, err := w.NewLink(t.Context(), "once more", by, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.SetActive(t.Context(), "off", by, u.ID, false); err != nil || valid(fourth) {
			t.Errorf("of a deactivated user: %v", err)
		}
		for _, guess := range []string{"", "x", strings.Repeat("A", 43)} {
			if valid("/invitation/" + guess) {
				t.Errorf("%q is a link", guess)
			}
		}
	})
}

func TestResetReplacesWhatTheUserHad(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		boss := w.user("boss@example.kg", 1, staff.MerchantAdmin)
		w.user(email, 1, staff.Operations)
		session, client := w.signIn(from("192.0.2.7"))
		old := w.begin(session.User)
		path, err := w.NewLink(t.Context(), "reset", access.ByUser(boss), session.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		if invited, err := w.Invitation(t.Context(), tokenOf(path)); err != nil || !invited.Reset {
			t.Fatalf("%+v, %v", invited, err)
		}
		if !w.resumes(old) {
			t.Error("a link alone ends sessions")
		}
		token, err := w.Accept(t.Context(), tokenOf(path), "Aida", "tulips-and-trains", client)
		if err != nil || w.resumes(old) {
			t.Fatalf("%v; the old session lives: %v", err, w.resumes(old))
		}
		pending, err := w.Pending(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := w.Factors(t.Context(), pending); err != nil || f.Any() || f.Recovery {
			t.Errorf("old factors live: %+v, %v", f, err)
		}
		if _, err := w.Password(t.Context(), email, goodPassword, client); !errors.Is(err, access.ErrWrong) {
			t.Errorf("the old password: %v", err)
		}
	})
}

// Nobody gets more by way of another account than they have.
func TestRightsCannotBeRaised(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.project(210, 1)
	w.project(211, 1)
	w.project(300, 2)
	operator := w.user("operator@flashpay.example", 0, staff.Operator)
	second := w.user("operator2@flashpay.example", 0, staff.Operator)
	boss, deputy := w.user("boss@example.kg", 1, staff.MerchantAdmin), w.user("deputy@example.kg", 1, staff.MerchantAdmin)
	clerk, strange := w.user("clerk@example.kg", 1, staff.Support), w.user("strange@example.com", 2, staff.MerchantAdmin)
	helper := w.user("helper@example.kg", 1, staff.Operations)
	grant(t, w, helper, func(u *staff.User) {
		u.Added, u.Projects = []staff.Right{staff.ViewTeam, staff.ManageTeam}, []int64{210}
	})
	change := func(by *staff.User, whom *staff.User, f func(*staff.User)) error {
		account, err := people.New(w.store).User(t.Context(), whom.ID)
		if err != nil {
			t.Fatal(err)
		}
		after := account.User
		f(&after)
		return w.ChangeRights(t.Context(), t.Name()+time.Now().String(), access.ByUser(now(t, w, by)), &after)
	}
	roles := func(roles ...staff.Role) func(*staff.User) { return func(u *staff.User) { u.Roles = roles } }
	for _, c := range []struct {
		name     string
		by, whom *staff.User
		change   func(*staff.User)
		want     error
	}{
		{"an admin gives a role", boss, clerk, roles(staff.Support, staff.Finance), nil},
		{"an admin grants a project", boss, clerk, func(u *staff.User) { u.Projects = []int64{211} }, nil},
		{"another merchant's project", boss, clerk, func(u *staff.User) { u.Projects = []int64{300} }, access.ErrForbidden},
		{"no project", boss, clerk, func(u *staff.User) { u.Projects = []int64{999} }, access.ErrForbidden},
		{"an admin makes an admin", boss, clerk, roles(staff.MerchantAdmin), access.ErrForbidden},
		{"an admin makes an operator", boss, clerk, roles(staff.Operator), access.ErrRights},
		{"an admin gives a right of the platform", boss, clerk, func(u *staff.User) { u.Added = []staff.Right{staff.OperateFunds} }, access.ErrRights},
		{"no role at all", boss, clerk, roles(), access.ErrRights},
		{"a role that is none", boss, clerk, roles("root"), access.ErrRights},
		{"an admin's own roles", boss, boss, roles(staff.MerchantAdmin, staff.Risks), access.ErrForbidden},
		{"another merchant's user", boss, strange, roles(staff.Support), store.ErrNotFound},
		{"an operator, by an admin", boss, operator, roles(staff.Operator), store.ErrNotFound},
		{"a helper gives what is theirs", helper, clerk, func(u *staff.User) { u.Roles, u.Projects = []staff.Role{staff.Support}, []int64{210} }, access.ErrForbidden},
		{"the admin makes it theirs", boss, clerk, func(u *staff.User) { u.Roles, u.Projects = []staff.Role{staff.Support}, []int64{210} }, nil},
		{"a helper now", helper, clerk, roles(staff.Operations), nil},
		{"a helper gives more than they have", helper, clerk, roles(staff.Finance), access.ErrForbidden},
		{"a helper adds a right they lack", helper, clerk, func(u *staff.User) { u.Added = []staff.Right{staff.EditProjects} }, access.ErrForbidden},
		{"a helper gives another project", helper, clerk, func(u *staff.User) { u.Projects = []int64{211} }, access.ErrForbidden},
		{"a helper gives all projects", helper, clerk, func(u *staff.User) { u.AllProjects = true }, access.ErrForbidden},
		{"a helper takes an admin's role away", helper, boss, roles(staff.Support), access.ErrForbidden},
		{"a helper's own rights", helper, helper, roles(staff.Operations, staff.Support), access.ErrForbidden},
		{"a clerk, who has no right to it", clerk, helper, roles(staff.Support), store.ErrNotFound},
		{"an operator makes an admin", operator, clerk, roles(staff.MerchantAdmin), nil},
		{"an operator's own roles", operator, operator, func(u *staff.User) { u.Name = "Me" }, access.ErrForbidden},
		{"an admin takes another's role away", boss, deputy, roles(staff.Support), nil},
	} {
		if err := change(c.by, c.whom, c.change); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	acts := map[string]func(by *staff.User, id int64) error{
		"deactivate": func(by *staff.User, id int64) error {
			return w.SetActive(t.Context(), time.Now().String(), access.ByUser(now(t, w, by)), id, false)
		},
		"reset": func(by *staff.User, id int64) error {
			_, err := w.NewLink(t.Context(), time.Now().String(), access.ByUser(now(t, w, by)), id)
			return err
		},
		"end sessions": func(by *staff.User, id int64) error {
			return w.EndSessionsOf(t.Context(), access.ByUser(now(t, w, by)), id)
		},
	}
	for name, act := range acts {
		for _, c := range []struct {
			by, whom *staff.User
			want     error
		}{
			{boss, boss, access.ErrForbidden},
			{boss, strange, store.ErrNotFound},
			{boss, operator, store.ErrNotFound},
			{helper, boss, access.ErrForbidden},
			{operator, operator, access.ErrForbidden},
			{deputy, helper, store.ErrNotFound},
		} {
			if err := act(c.by, c.whom.ID); !errors.Is(err, c.want) {
				t.Errorf("%s %s by %s: %v, want %v", name, c.whom.Email, c.by.Email, err, c.want)
			}
		}
	}
	if err := w.SetActive(t.Context(), "second", access.ByUser(operator), second.ID, false); err != nil {
		t.Fatal(err)
	}
	if err := w.SetActive(t.Context(), "last", access.ByCommand("cli"), operator.ID, false); !errors.Is(err, people.ErrLastAdmin) {
		t.Errorf("the last operator: %v", err)
	}
}

func now(t *testing.T, w *world, u *staff.User) *staff.User {
	t.Helper()
	account, err := people.New(w.store).User(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return &account.User
}

func grant(t *testing.T, w *world, u *staff.User, f func(*staff.User)) {
	t.Helper()
	after := *now(t, w, u)
	f(&after)
	if err := w.ChangeRights(t.Context(), "grant "+u.Email, access.ByCommand("test"), &after); err != nil {
		t.Fatal(err)
	}
}

func TestInvitersGiveWhatIsTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.project(210, 1)
	boss, operator := w.user("boss@example.kg", 1, staff.MerchantAdmin), w.user("operator@flashpay.example", 0, staff.Operator)
	for i, c := range []struct {
		name string
		by   *staff.User
		u    staff.User
		want error
	}{
		{"a clerk", boss, staff.User{MerchantID: 1, Roles: []staff.Role{staff.Operations}, AllProjects: true}, nil},
		{"for another merchant", boss, staff.User{MerchantID: 2, Roles: []staff.Role{staff.Support}}, access.ErrForbidden},
		{"for the platform", boss, staff.User{Roles: []staff.Role{staff.Operator}}, access.ErrForbidden},
		{"an admin, by an admin", boss, staff.User{MerchantID: 1, Roles: []staff.Role{staff.MerchantAdmin}}, access.ErrForbidden},
		{"an admin, by an operator", operator, staff.User{MerchantID: 1, Roles: []staff.Role{staff.MerchantAdmin}}, nil},
		{"an operator, by an operator", operator, staff.User{Roles: []staff.Role{staff.Operator}}, nil},
		{"an operator with a merchant", operator, staff.User{MerchantID: 1, Roles: []staff.Role{staff.Operator}}, access.ErrRights},
		{"a clerk of the platform", operator, staff.User{Roles: []staff.Role{staff.Support}}, access.ErrRights},
		{"without an address", boss, staff.User{Email: "x", MerchantID: 1, Roles: []staff.Role{staff.Support}}, access.ErrEmail},
		{"with a name in the address", boss, staff.User{Email: "Eve <eve@example.kg>", MerchantID: 1, Roles: []staff.Role{staff.Support}}, access.ErrEmail},
	} {
		if c.u.Email == "" {
			c.u.Email = strings.ReplaceAll(c.name, " ", ".") + "@example.kg"
			c.u.Email = strings.ReplaceAll(c.u.Email, ",", "")
		}
		if _, err := w.Invite(t.Context(), strings.Repeat("i", i+1), access.ByUser(c.by), &c.u); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestTeamHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss, clerk := w.user("boss@example.kg", 1, staff.MerchantAdmin), w.user("clerk@example.kg", 1, staff.Support)
	strange := w.user("strange@example.com", 2, staff.MerchantAdmin)
	for _, u := range []*staff.User{boss, clerk, strange} {
		w.begin(u)
	}
	if err := w.SetActive(t.Context(), "off", access.ByUser(boss), clerk.ID, false); err != nil {
		t.Fatal(err)
	}
	acts, err := w.History(t.Context(), boss, 0, store.AuditEntry{})
	if err != nil || len(acts) != 3 || acts[0].Action != "user deactivate" || acts[0].Object != clerk.Object() || acts[2].Actor != boss.Actor() {
		t.Fatalf("%+v, %v", acts, err)
	}
	if acts, err = w.History(t.Context(), boss, clerk.ID, store.AuditEntry{}); err != nil || len(acts) != 1 || acts[0].Action != "sign-in" {
		t.Errorf("one user's: %+v, %v", acts, err)
	}
	if _, err = w.History(t.Context(), boss, strange.ID, store.AuditEntry{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another merchant's user: %v", err)
	}
}
