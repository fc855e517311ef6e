package dashboard

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// controlled is a site whose project 210 asks for a second person above 1,000.00 KGS.
func controlled(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.control()
	return s
}

func (s *site) control() {
	s.t.Helper()
	now, _ := s.Store.Project(210)
	p := *now
	p.Settings.Approval = merchant.Sums{"KGS": 100_000}
	if err := s.Store.UpdateProject(s.t.Context(), &p, "test"); err != nil {
		s.t.Fatal(err)
	}
}

// waits finds the only approval that waits.
func (s *site) waits() store.Approval {
	s.t.Helper()
	waiting, err := s.Store.Approvals(s.t.Context(), store.ApprovalFilter{State: store.ApprovalWaiting, Limit: 10})
	if err != nil || len(waiting) != 1 {
		s.t.Fatalf("%d approvals wait, %v", len(waiting), err)
	}
	return waiting[0]
}

func (s *site) approvalSum() int64 {
	p, _ := s.Store.Project(210)
	return p.Settings.Approval["KGS"]
}

func (s *site) version() string {
	p, _ := s.Store.Project(210)
	return fmt.Sprint(p.Version)
}

// An admin who raises the approval sum, pays, and puts it back, gets no further than the first step, alone or with an
// account of their own.
func TestOneAdminDoesNotLiftTheApprovalSum(t *testing.T) {
	s := newSite(t)
	admin, other, clerk := s.signedIn(staff.MerchantAdmin), s.signedIn(staff.MerchantAdmin), s.signedIn(staff.Operations)
	operator := s.signedIn(staff.Operator)
	puppet := operator.puppet("puppet@example.kg", "merchant", "1", "role", "merchant_admin")
	s.control()
	admin.post("/projects/210/limits", "once", "once-of-the-raise-1", "version", s.version(), "approval.KGS", "9000000.00").wants(http.StatusSeeOther)
	if s.approvalSum() != 100_000 {
		t.Fatal("the sum is raised by one person")
	}
	a := s.waits()
	page := controlPath(a.ID)
	admin.get("/projects/210/limits").says("Waiting for approval: Change of settings:")
	admin.get("/manual/waiting").says("Change of settings")
	admin.post("/projects/210/limits", "once", "once-of-the-raise-2", "version", s.version(), "approval.KGS", "").wants(http.StatusConflict).says("Another change of this project waits")
	admin.get(page).says("1,000.00", "9,000,000.00", "You can withdraw it").saysNot("Approve the change")
	admin.post(page+"/decide", "once", "once-of-decision-01", "state", "approved").wants(http.StatusForbidden).says("A second person must decide")
	clerk.get(page).says("You may not decide this").saysNot("Approve the change", "Reject")
	clerk.post(page+"/decide", "once", "once-of-decision-02", "state", "approved").wants(http.StatusForbidden)
	other.get(page).says("Approve the change", "Reject")
	other.post(page+"/decide", "once", "once-of-decision-03", "state", "rejected").wants(http.StatusUnprocessableEntity)
	if s.approvalSum() != 100_000 {
		t.Fatal("the sum is raised")
	}
	other.post(page+"/decide", "once", "once-of-decision-04", "state", "approved").wants(http.StatusSeeOther)
	if s.approvalSum() != 900_000_000 {
		t.Error("two people have not raised the sum")
	}
	// To lower it is nobody's business but the admin's.
	admin.post("/projects/210/limits", "once", "once-of-lowering-01", "version", s.version(), "approval.KGS", "10.00").wants(http.StatusSeeOther)
	if s.approvalSum() != 1000 {
		t.Error("the sum is not lowered at once")
	}
	// An operator and the account whose link the operator has seen are one person.
	operator.post("/projects/210/limits", "once", "once-of-the-raise-3", "version", s.version(), "approval.KGS", "20.00").wants(http.StatusSeeOther)
	page = controlPath(s.waits().ID)
	puppet.get(page).says("This is for another person to decide", "Reject").saysNot("Approve the change")
	puppet.post(page+"/decide", "once", "once-of-decision-05", "state", "approved").wants(http.StatusForbidden)
	operator.post(page+"/decide", "once", "once-of-decision-06", "state", "withdrawn").wants(http.StatusSeeOther)
	if s.approvalSum() != 1000 {
		t.Errorf("the sum is %d", s.approvalSum())
	}
}

// What else weakens control waits as well; what strengthens it, and a revoked key, do not.
func TestWhatWeakensControlWaits(t *testing.T) {
	s := controlled(t)
	admin, operator := s.signedIn(staff.MerchantAdmin), s.signedIn(staff.Operator)
	set := func(tab, key, value string) {
		t.Helper()
		admin.post("/projects/210/"+tab, "once", "once-of-"+key+value, "version", s.version(), key, value).wants(http.StatusSeeOther)
	}
	set("security", "allow_ip", "192.0.2.0/24")
	if p, _ := s.Store.Project(210); len(p.Settings.AllowIP) != 1 {
		t.Error("a list of addresses that begins waits")
	}
	set("callbacks", "callback_url", "https://elsewhere.example/")
	page := controlPath(s.waits().ID)
	operator.get(page).says("https://elsewhere.example/")
	operator.post(page+"/decide", "once", "once-of-decision-11", "state", "rejected", "reason", "whose is it?").wants(http.StatusSeeOther)
	admin.get(page).says("whose is it?")
	set("security", "allow_ip", "0.0.0.0/0")
	page = controlPath(s.waits().ID)
	set("general", "name", "Another name") // not weaker: it is saved, and what waits is of old settings then
	operator.get(page).says("The settings have changed since").saysNot("Approve the change")
	operator.post(page+"/decide", "once", "once-of-decision-12", "state", "approved").wants(http.StatusConflict).says("The settings have changed")
	admin.post(page+"/decide", "once", "once-of-decision-13", "state", "withdrawn").wants(http.StatusSeeOther)

	shown := admin.post("/projects/210/keys", "once", "once-of-the-new-key", "label", "own tool").wants(http.StatusOK).says("The key works once a second person has approved it")
	if p, _ := s.Store.Project(210); len(p.Keys) != 1 || p.Settings.CallbackURL != "" || fmt.Sprint(p.Settings.AllowIP) != "[192.0.2.0/24]" {
		t.Errorf("one person has made %d keys, address %q, list %v", len(p.Keys), p.Settings.CallbackURL, p.Settings.AllowIP)
	}
	page = controlPath(s.waits().ID)
	operator.get(page).says("own tool")
	operator.post(page+"/decide", "once", "once-of-decision-14", "state", "approved").wants(http.StatusSeeOther)
	p, _ := s.Store.Project(210)
	if len(p.Keys) != 2 || !strings.Contains(shown.Body, p.Keys[1].Secret) {
		t.Error("the key that was shown is not the one that was approved")
	}
	admin.post("/projects/210/keys/1/revoke", "once", "once-of-revoked-key").wants(http.StatusSeeOther)
	if p, _ := s.Store.Project(210); len(p.Keys) != 1 {
		t.Error("a key is not revoked at once")
	}
}

// An account gains nothing by one person: neither one that is invited, nor an old one.
func TestAnAccountGainsRightsByTwoPeople(t *testing.T) {
	s := controlled(t)
	admin, other, clerk := s.signedIn(staff.MerchantAdmin), s.signedIn(staff.Finance), s.signedIn(staff.Support)
	operator := s.signedIn(staff.Operator)
	admin.post("/team/invite", "once", "once-of-invitation-1", "email", "second@example.kg", "role", "operations", "all_projects", "on").wants(http.StatusSeeOther)
	if _, err := s.Dashboard.people.UserByEmail(t.Context(), "second@example.kg"); err == nil {
		t.Fatal("one person has made an account")
	}
	page := controlPath(s.waits().ID)
	admin.get("/team").says("Waiting for approval: Rights of an account: second@example.kg")
	other.get(page).wants(http.StatusNotFound)
	operator.get(page).says("second@example.kg", "Approve the change")
	admin.post(page+"/decide", "once", "once-of-decision-21", "state", "approved").wants(http.StatusForbidden)
	operator.post(page+"/decide", "once", "once-of-decision-22", "state", "approved").wants(http.StatusSeeOther)
	made, err := s.Dashboard.people.UserByEmail(t.Context(), "second@example.kg")
	if err != nil {
		t.Fatal(err)
	}
	if another, err := s.Store.DifferentPeople(t.Context(), admin.user.ID, made.ID); err != nil || another {
		t.Errorf("the account decides for who asked for it, %v", err)
	}
	member := fmt.Sprintf("/team/%d", clerk.user.ID)
	rights := func(idempotencyKey, role string) {
		t.Helper()
		now, err := s.Dashboard.people.User(t.Context(), clerk.user.ID)
		if err != nil {
			t.Fatal(err)
		}
		admin.post(member+"/rights", "once", idempotencyKey, "name", now.Name, "version", fmt.Sprint(now.Version), "role", role, "all_projects", "on").wants(http.StatusSeeOther)
	}
	rights("once-of-the-rights-1", "operations")
	if now, _ := s.Dashboard.people.User(t.Context(), clerk.user.ID); now.Can(staff.IssuePayouts) {
		t.Error("one person gives the right to send payouts")
	}
	admin.get(member).says("Waiting for approval: Rights of an account")
	page = controlPath(s.waits().ID)
	operator.get(page).says("Operations")
	operator.post(page+"/decide", "once", "once-of-decision-23", "state", "approved").wants(http.StatusSeeOther)
	if now, _ := s.Dashboard.people.User(t.Context(), clerk.user.ID); !now.Can(staff.IssuePayouts) {
		t.Error("two people do not give the right")
	}
	rights("once-of-the-rights-2", "support") // takes rights away: at once
	admin.post(member+"/active", "once", "once-of-deactivation", "active", "no").wants(http.StatusSeeOther)
	admin.post(member+"/active", "once", "once-of-reactivation", "active", "yes").wants(http.StatusSeeOther)
	if now, _ := s.Dashboard.people.User(t.Context(), clerk.user.ID); now.Deactivated.IsZero() || now.Can(staff.IssuePayouts) {
		t.Error("one person has made an account active again, or could not take its rights")
	}
	page = controlPath(s.waits().ID)
	operator.post(page+"/decide", "once", "once-of-decision-24", "state", "approved").wants(http.StatusSeeOther)
	if now, _ := s.Dashboard.people.User(t.Context(), clerk.user.ID); !now.Deactivated.IsZero() {
		t.Error("two people have not made it active again")
	}
}
