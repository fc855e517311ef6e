package staff_test

import (
	"testing"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/staff"
)

// The table of protocol.md §11.5, row by row: S O F R A are Support, Operations, Finance, Risks and Merchant admin.
func TestRightsFollowTheProtocolsTable(t *testing.T) {
	t.Parallel()
	columns := map[rune]staff.Role{'S': staff.Support, 'O': staff.Operations, 'F': staff.Finance, 'R': staff.Risks, 'A': staff.MerchantAdmin}
	rows := map[staff.Right]string{
		staff.ViewTeam: "A", staff.ManageTeam: "A", staff.ViewBalances: "FA", staff.ManageReports: "SOFRA", staff.ViewPayments: "SOFRA",
		staff.ViewManual: "OA", staff.IssuePayouts: "OA", staff.ViewRisks: "RA", staff.EditRisks: "RA", staff.EditProfile: "SOFRA",
		staff.ManageTokens: "SOFRA", staff.ViewAnalytics: "OFRA", staff.ViewProjects: "SOFRA", staff.EditProjects: "A",
		staff.ResendCallbacks: "SOA", staff.OperateMerchants: "", staff.OperateFunds: "", staff.OperateWork: "", staff.ViewAuditLog: "",
	}
	if len(rows) != len(staff.Rights) {
		t.Errorf("the table has %d rows, there are %d rights", len(rows), len(staff.Rights))
	}
	for right, who := range rows {
		given := make(map[staff.Role]bool)
		for _, c := range who {
			given[columns[c]] = true
		}
		for _, role := range columns {
			if role.Gives(right) != given[role] {
				t.Errorf("%s gives %s: %v, want %v", role, right, role.Gives(right), given[role])
			}
		}
		if !staff.Operator.Gives(right) {
			t.Errorf("the operator lacks %s", right)
		}
	}
}

func TestUserRights(t *testing.T) {
	t.Parallel()
	u := staff.User{MerchantID: 1, Roles: []staff.Role{staff.Support, staff.Finance}}
	if !u.Can(staff.ViewBalances) || !u.Can(staff.ResendCallbacks) || u.Can(staff.IssuePayouts) {
		t.Error("the rights of several roles do not add up")
	}
	u.Added, u.Withheld = []staff.Right{staff.IssuePayouts, staff.OperateFunds}, []staff.Right{staff.ViewBalances}
	if !u.Can(staff.IssuePayouts) || u.Can(staff.ViewBalances) {
		t.Error("single rights do not count")
	}
	if u.Can(staff.OperateFunds) {
		t.Error("a merchant's user has a right of the platform")
	}
	u.Roles = []staff.Role{staff.Operator}
	if u.Operator() || u.Can(staff.ViewAuditLog) {
		t.Error("a merchant's user is an operator by a role alone")
	}
	u.MerchantID = 0
	if !u.Operator() || !u.Can(staff.ViewAuditLog) {
		t.Error("an operator lacks the operator's rights")
	}
	u.Deactivated = time.Unix(1, 0)
	if u.Can(staff.EditProfile) {
		t.Error("a deactivated user has rights")
	}
}

func TestUserSees(t *testing.T) {
	t.Parallel()
	own, other, strange := &merchant.Project{ID: 1, MerchantID: 7}, &merchant.Project{ID: 2, MerchantID: 7}, &merchant.Project{ID: 3, MerchantID: 8}
	clerk := staff.User{MerchantID: 7, Roles: []staff.Role{staff.Operations}, Projects: []int64{1, 3}}
	if !clerk.Sees(own) || clerk.Sees(other) || clerk.Sees(strange) {
		t.Error("a clerk sees other projects than those granted")
	}
	clerk.AllProjects = true
	if !clerk.Sees(other) || clerk.Sees(strange) {
		t.Error("all projects are those of the merchant")
	}
	admin := staff.User{MerchantID: 7, Roles: []staff.Role{staff.MerchantAdmin}}
	if !admin.Sees(other) || admin.Sees(strange) {
		t.Error("a merchant's admin sees all of the merchant's projects, and no others")
	}
	operator := staff.User{Roles: []staff.Role{staff.Operator}}
	if !operator.Sees(strange) {
		t.Error("an operator sees every project")
	}
}
