package dashboard

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"flashpay/internal/staff"
	"flashpay/internal/store/people"
)

func TestTeamIsOnesOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	boss, operator := s.signedIn(staff.MerchantAdmin), s.signedIn(staff.Operator)
	clerk := s.userNamed("clerk@example.kg", staff.Support)
	strange := &staff.User{MerchantID: 2, Email: "strange@example.com", Name: "Strange", Roles: []staff.Role{staff.MerchantAdmin}}
	s.signedInAs(strange)
	boss.get("/team").wants(http.StatusOK).says("clerk@example.kg", boss.user.Email).saysNot("strange@example.com", operator.user.Email)
	operator.get("/team").wants(http.StatusOK).says("clerk@example.kg", "strange@example.com", "Platform")
	for _, id := range []int64{strange.ID, operator.user.ID, 999} {
		path := fmt.Sprintf("/team/%d", id)
		boss.get(path).wants(http.StatusNotFound)
		boss.get(fmt.Sprintf("/team/history?user=%d", id)).wants(http.StatusNotFound)
		for _, act := range []string{"rights", "link", "withdraw", "active", "sign-out"} {
			boss.post(path+"/"+act, "role", "support", "active", "no").wants(http.StatusNotFound)
		}
	}
	boss.get(fmt.Sprintf("/team/%d", clerk.ID)).wants(http.StatusOK).says("Roles and rights", "Deactivate", "as the roles say").saysNot("top up and correct balances")
	boss.get(fmt.Sprintf("/team/%d", boss.user.ID)).wants(http.StatusOK).says("your own account").saysNot("Deactivate")
}

func TestRightsOnThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	boss := s.signedIn(staff.MerchantAdmin)
	clerk := s.signedInAs(&staff.User{MerchantID: 1, Email: "clerk@example.kg", Name: "Clerk", Roles: []staff.Role{staff.Support}, Projects: []int64{210}})
	path := fmt.Sprintf("/team/%d", clerk.user.ID)
	version := func() string { return boss.get(path).field("version") }
	clerk.get("/team").wants(http.StatusForbidden)
	for _, c := range []struct {
		name   string
		fields []string
		says   string
	}{
		{"an admin", []string{"role", "merchant_admin"}, "cannot give this"},
		{"an operator", []string{"role", "operator"}, "at least one role"},
		{"nothing", nil, "at least one role"},
		{"a right of the platform", []string{"role", "support", "right-operate.funds", "add"}, "at least one role"},
		{"another merchant's project", []string{"role", "support", "project", "220"}, "cannot give this"},
		{"of long ago", []string{"role", "support", "version", "0"}, "meanwhile"},
	} {
		fields := append(c.fields, "name", "Clerk", "version", version(), "once", "once-of-"+strings.ReplaceAll(c.name, " ", "-")+"-0123456789")
		boss.post(path+"/rights", fields...).wants(http.StatusUnprocessableEntity).says(c.says)
	}
	seen := version()
	fields := []string{"name", "Clerk", "version", seen, "once", "0123456789abcdef", "role", "support", "role", "finance", "right-team.view", "add", "right-payments.resend", "withhold", "project", "210"}
	for range 2 { // the second click changes nothing, and says the same
		if a := boss.post(path+"/rights", fields...).wants(http.StatusSeeOther); a.Location != path {
			t.Fatalf("sent to %s", a.Location)
		}
	}
	clerk.get("/team").wants(http.StatusOK)
	boss.get(path).says("Finance", "see accounts", "send callbacks again")
	boss.get("/team/history").says("changed roles and rights", "signed in", boss.user.Email, "changed roles and rights clerk@example.kg", "roles: Support → Support, Finance", "rights added: – → see accounts")
	if a := clerk.post("/profile/recovery"); !strings.Contains(a.text(), "Confirm that it is you") {
		t.Error("after a change of rights no fresh second factor is asked for")
	}
	boss.post(path+"/active", "active", "no", "once", "off-0123456789abcdef").wants(http.StatusSeeOther)
	if a := clerk.get("/profile"); a.Status != http.StatusSeeOther {
		t.Errorf("a deactivated user still has a page: %d", a.Status)
	}
	boss.get("/team").saysNot("clerk@example.kg").says("Show 1 deactivated account")
	boss.get("/team?all=yes").says("clerk@example.kg", "deactivated")
	boss.post(path+"/active", "active", "yes", "once", "on-0123456789abcdef").wants(http.StatusSeeOther)
	boss.get(path).says("active").saysNot("Reactivate")
}

func TestResetAndSessionsOfAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	boss := s.signedIn(staff.MerchantAdmin)
	clerk := s.signedIn(staff.Support)
	path := fmt.Sprintf("/team/%d", clerk.user.ID)
	boss.get(path).says("Signed in in 1 browser.", "Make a link to begin anew")
	boss.post(path + "/sign-out").wants(http.StatusSeeOther)
	clerk.get("/profile").wants(http.StatusSeeOther)
	link := between(boss.post(path+"/link", "once", "0123456789abcdef").wants(http.StatusOK).says("old password and second factors end").Body, `<code class="secret">`, `</code>`)
	s.stranger().get(strings.TrimPrefix(link, "http://127.0.0.1")).wants(http.StatusOK).says("Begin anew")
	boss.get(path).says("Withdraw the link")
	boss.post(path + "/withdraw").wants(http.StatusSeeOther)
	boss.post(path + "/withdraw").wants(http.StatusUnprocessableEntity).says("meanwhile")
	s.stranger().get(strings.TrimPrefix(link, "http://127.0.0.1")).wants(http.StatusGone)
	own := fmt.Sprintf("/team/%d", boss.user.ID)
	for _, act := range []string{"link", "active", "sign-out", "rights", "withdraw"} {
		boss.post(own+"/"+act, "active", "no", "role", "merchant_admin", "name", "Boss", "version", "1").wants(http.StatusUnprocessableEntity).says("cannot give this")
	}
}

// What people write about themselves is shown, and never run.
func TestNamesAreOnlyShown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	boss := s.signedIn(staff.MerchantAdmin)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	clerk := s.signedInAs(&staff.User{MerchantID: 1, Email: "evil@example.kg", Name: evil, Roles: []staff.Role{staff.Support}})
	clerk.header.Set("User-Agent", evil)
	clerk.post("/profile", "name", evil+"2", "zone", "UTC").wants(http.StatusSeeOther)
	for b, paths := range map[*browser][]string{boss: {"/team", fmt.Sprintf("/team/%d", clerk.user.ID), "/team/history"}, clerk: {"/profile"}} {
		for _, path := range paths {
			a := b.get(path).wants(http.StatusOK)
			if strings.Contains(a.Body, "<script>alert") || strings.Contains(a.Body, "<img src=x") || !strings.Contains(a.Body, "&lt;script&gt;") {
				t.Errorf("%s shows a name as markup, or not at all", path)
			}
		}
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.Finance)
	b.get("/profile").wants(http.StatusOK).says(b.user.Email, "see balances", "this browser", "authenticator app", "0 unused codes")
	for _, c := range []struct {
		field, value, says string
	}{
		{"name", "", "1 to 100 characters"},
		{"zone", "Asia/Nowhere", "no such time zone"},
		{"zone", "Local", "no such time zone"},
		{"language", "xx", "Choose one of the list"},
		{"theme", "pink", "Choose one of the list"},
	} {
		fields := map[string]string{"name": "Aida", "zone": "UTC", "language": "en", "theme": "dark"}
		fields[c.field] = c.value
		var pairs []string
		for name, value := range fields {
			pairs = append(pairs, name, value)
		}
		b.post("/profile", pairs...).wants(http.StatusUnprocessableEntity).says(c.says)
	}
	b.post("/profile", "name", "Аида", "zone", "Asia/Bishkek", "language", "ru", "theme", "dark").wants(http.StatusSeeOther)
	b.get("/profile").says("Аида", "Мой профиль", "изменение профиля")
	b.post("/profile", "name", "Aida", "zone", "", "language", "en", "theme", "").wants(http.StatusSeeOther)

	other := s.signInAgain(b.user)
	page := b.get("/profile")
	if n := strings.Count(page.Body, "/profile/sessions/"); n != 3 { // two of them, and all others at once
		t.Errorf("%d forms to end sessions", n)
	}
	b.post("/profile/sessions/end").wants(http.StatusSeeOther)
	other.get("/profile").wants(http.StatusSeeOther)
	b.get("/profile").wants(http.StatusOK)

	b.post("/profile/password", "old", "wrong wrong wrong", "password", "tulips and trains", "again", "tulips and trains").wants(http.StatusUnprocessableEntity).says("not your present password")
	b.post("/profile/password", "old", sitePassword, "password", "password123", "again", "password123").wants(http.StatusUnprocessableEntity).says("first that are tried")
	b.post("/profile/password", "old", sitePassword, "password", "tulips and trains", "again", "tulips and trains").wants(http.StatusSeeOther)
	s.stranger().post("/sign-in", "email", b.user.Email, "password", "tulips and trains").wants(http.StatusSeeOther)
}

func TestFactorsOnThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(staff.Finance)
	a, err := people.New(s.Store).User(t.Context(), b.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	first := fmt.Sprintf("/profile/factor/%d/remove", a.Factors[0].ID)
	b.post(first).wants(http.StatusConflict).says("only second factor")
	page := b.post("/profile/factor/new").wants(http.StatusOK).says("Authenticator app")
	secret := strings.ReplaceAll(between(page.Body, `<code class="secret">`, `</code>`), " ", "")
	code := codeOf(t, s, secret)
	b.post("/profile/factor", "kind", "totp", "ticket", page.field("ticket"), "code", code, "name", "Work phone").wants(http.StatusOK).says("Recovery codes")
	b.get("/profile").says("Work phone", "10 unused codes are left")
	b.post(first).wants(http.StatusSeeOther)
	b.post(first).wants(http.StatusSeeOther) // a second click
	b.get("/profile").says("removed a second factor")
	stranger := s.signedIn(staff.Support)
	if a, err = people.New(s.Store).User(t.Context(), b.user.ID); err != nil {
		t.Fatal(err)
	}
	stranger.post(fmt.Sprintf("/profile/factor/%d/remove", a.Factors[0].ID)).wants(http.StatusSeeOther)
	if a, err = people.New(s.Store).User(t.Context(), b.user.ID); err != nil || len(a.Factors) != 1 {
		t.Errorf("somebody else removed a factor: %+v, %v", a, err)
	}
	stranger.post("/profile/sessions/1/end").wants(http.StatusSeeOther)
}
