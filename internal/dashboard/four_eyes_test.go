package dashboard

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"flashpay/internal/access"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

var linkInPage = regexp.MustCompile(`/invitation/([A-Za-z0-9_-]+)`)

// puppet makes a second account by way of the pages, follows the link that is shown, and signs in as it.
func (b *browser) puppet(email string, pairs ...string) *browser {
	b.site.t.Helper()
	shown := b.post("/team/invite", append([]string{"once", "invitation-of-" + email, "email", email}, pairs...)...).wants(http.StatusOK)
	return b.site.followed(shown, email)
}

// followed takes the link that a page shows.
func (s *site) followed(shown *answer, email string) *browser {
	s.t.Helper()
	found := linkInPage.FindStringSubmatch(shown.Body)
	if found == nil {
		s.t.Fatalf("no link is shown: %s", shown.Body)
	}
	if _, err := s.Access.Accept(s.t.Context(), found[1], "Second", "another-very-long-phrase-1", access.Client{}); err != nil {
		s.t.Fatal(err)
	}
	account, err := people.New(s.Store).UserByEmail(s.t.Context(), email)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.signInAgain(&account.User)
}

// topUpAsked asks for a top-up, and returns where it is decided.
func (b *browser) topUpAsked(idempotencyKey string) string {
	b.site.t.Helper()
	b.post("/operate/funds/210", "once", idempotencyKey, "kind", store.ApprovalTopUp, "currency", "KGS", "amount", "1234567.00", "reason", "transfer").wants(http.StatusSeeOther)
	waiting, err := b.site.Store.Approvals(b.site.t.Context(), store.ApprovalFilter{State: store.ApprovalWaiting, Limit: 1})
	if err != nil || len(waiting) != 1 {
		b.site.t.Fatalf("%+v, %v", waiting, err)
	}
	return fmt.Sprintf("/operate/funds/%d/decide", waiting[0].ID)
}

// An operator alone tops up nothing: not through an account that they made, and not through a colleague's that they reset.
func TestAnOperatorAloneTopsUpNothing(t *testing.T) {
	s := newSite(t)
	first := s.signedIn(staff.Operator)
	colleague := s.signedIn(staff.Operator)
	puppet := first.puppet("second@example.kg", "merchant", "0", "role", "operator")
	before, err := s.Store.Balances(t.Context(), 210)
	if err != nil {
		t.Fatal(err)
	}
	decide := first.topUpAsked("top-up-of-operator-1")
	puppet.post(decide, "once", "decision-of-puppet-1", "state", "approved").wants(http.StatusConflict).says("another person")
	puppet.post(fmt.Sprintf("/team/%d/confirm", puppet.user.ID), "once", "confirmed-by-puppet-1")
	first.post(fmt.Sprintf("/team/%d/confirm", puppet.user.ID), "once", "confirmed-by-maker-1").says("another person")
	puppet.post(decide, "once", "decision-of-puppet-2", "state", "approved").wants(http.StatusConflict)
	puppet.post(decide, "once", "decision-of-puppet-3", "state", "rejected").wants(http.StatusSeeOther)

	decide = puppet.topUpAsked("top-up-of-puppet-01")
	first.post(decide, "once", "decision-of-maker-01", "state", "approved").wants(http.StatusConflict)
	first.post(decide, "once", "decision-of-maker-02", "state", "rejected").wants(http.StatusSeeOther)

	shown := first.post(fmt.Sprintf("/team/%d/link", colleague.user.ID), "once", "reset-of-colleague-1").wants(http.StatusOK)
	captured := s.followed(shown, colleague.user.Email)
	decide = first.topUpAsked("top-up-of-operator-2")
	captured.post(decide, "once", "decision-as-colleague", "state", "approved").wants(http.StatusConflict)
	const waits = `id="errand-overview.funds"`
	if page := captured.get("/overview").wants(http.StatusOK); strings.Contains(page.Body, waits) || page.badgeOf("/operate") != "" {
		t.Errorf("who may be one person with who asked is told that it waits for them: %s", page.badgeOf("/operate"))
	}
	after, err := s.Store.Balances(t.Context(), 210)
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%v became %v, %v", before, after, err)
	}
	third := s.signedIn(staff.Operator)
	if page := third.get("/overview").wants(http.StatusOK); !strings.Contains(page.Body, waits) || page.badgeOf("/operate") != "1 Top-ups and corrections to decide: 1" {
		t.Errorf("somebody else is not told: %s", page.badgeOf("/operate"))
	}
	third.post(decide, "once", "decision-of-third-01", "state", "approved").wants(http.StatusSeeOther)
}

// The page of an account says from whom it comes, and another admin confirms whose it is.
func TestAnAccountsPageSaysWhereItComesFrom(t *testing.T) {
	s := newSite(t)
	maker, other := s.signedIn(staff.MerchantAdmin), s.signedIn(staff.MerchantAdmin)
	clerk := maker.puppet("clerk@example.kg", "role", "operations", "all_projects", "on")
	page := fmt.Sprintf("/team/%d", clerk.user.ID)
	if got := maker.get(page).says("was shown to " + maker.user.Name); strings.Contains(got.Body, page+"/confirm") {
		t.Error("the maker can confirm")
	}
	other.get(page).says("I know who uses this account")
	if another, err := s.Store.DifferentPeople(t.Context(), clerk.user.ID, maker.user.ID); err != nil || another {
		t.Errorf("they count as two people before it is confirmed, %v", err)
	}
	other.post(page+"/confirm", "once", "confirmed-by-another").wants(http.StatusSeeOther)
	if another, err := s.Store.DifferentPeople(t.Context(), clerk.user.ID, maker.user.ID); err != nil || !another {
		t.Errorf("they count as one person after it is confirmed, %v", err)
	}
	if got := maker.get(page); strings.Contains(got.Body, "was shown to") {
		t.Error("the page still says so")
	}
}

// Where links go by e-mail, whoever invites is told so, and shown none.
func TestAMailedLinkIsNotShown(t *testing.T) {
	s := newSite(t, func(c *Config) {
		var err error
		if c.Access, err = access.New(c.Store, access.Config{URL: "http://127.0.0.1", HashMemory: 64, Mails: true}); err != nil {
			t.Fatal(err)
		}
	})
	operator := s.signedIn(staff.Operator)
	page := operator.post("/team/invite", "once", "invitation-by-mail", "email", "new@example.kg", "merchant", "0", "role", "operator").wants(http.StatusOK)
	page.says("The link goes to new@example.kg by e-mail")
	if linkInPage.MatchString(page.Body) {
		t.Errorf("a link is shown: %s", page.Body)
	}
}

func TestFailedSignInsAreInTheAuditLog(t *testing.T) {
	s := newSite(t)
	u := s.signedIn(staff.Finance).user
	s.stranger().password(u.Email, "")
	for _, email := range []string{u.Email, "nobody@example.kg"} {
		s.stranger().post("/sign-in", "email", email, "password", "certainly-not-this-one")
	}
	lines, err := s.Store.AuditLog(t.Context(), store.AuditFilter{Action: "sign-in failed", Limit: 10})
	if err != nil || len(lines) != 2 || lines[0].Object != "user unknown" || lines[1].Object != u.Object() {
		t.Errorf("%+v, %v", lines, err)
	}
	for _, l := range lines {
		if strings.Contains(l.Detail, "certainly") || strings.Contains(l.Detail, "nobody@") {
			t.Errorf("the log keeps what was typed: %s", l.Detail)
		}
	}
}
