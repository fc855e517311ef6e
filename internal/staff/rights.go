// Package staff holds the nouns of the people who work in Dashboard: users, their roles, and the rights that roles give
// (protocol.md §11.5). Several roles add up; a single right can be added to or withheld from one user.
package staff

import "slices"

// Right is something that a user may do. Every route of Dashboard asks for one.
type Right string

// The rights, section by section, in the order in which forms show them.
const (
	ViewPayments     Right = "payments.view"     // register, payment pages, CSV, evidence
	ResendCallbacks  Right = "payments.resend"   // send callbacks again
	ViewManual       Right = "manual.view"       // lists of manual payouts
	IssuePayouts     Right = "manual.issue"      // send payouts, approve those of others
	ViewBalances     Right = "finance.view"      // balances and statements
	ManageReports    Right = "reports.manage"    // reports: view and manage
	ViewAnalytics    Right = "analytics.view"    // boards
	ViewRisks        Right = "risks.view"        // lists
	EditRisks        Right = "risks.edit"        // black lists
	ViewProjects     Right = "projects.view"     // settings, without secrets
	EditProjects     Right = "projects.edit"     // settings, secret keys
	ViewTeam         Right = "team.view"         // accounts of one's merchant
	ManageTeam       Right = "team.manage"       // invite, change, deactivate them
	EditProfile      Right = "profile.edit"      // one's own name, factors, sessions
	ManageTokens     Right = "profile.tokens"    // Data API tokens
	OperateMerchants Right = "operate.merchants" // create, pause and block merchants and projects
	OperateFunds     Right = "operate.funds"     // top up and correct balances, approve it for others
	OperateWork      Right = "operate.work"      // work overdue, discrepancies, callbacks in trouble
	ViewAuditLog     Right = "operate.audit"     // who changed what
)

// Rights lists all rights, in the order in which forms show them.
var Rights = []Right{
	ViewPayments, ResendCallbacks, ViewManual, IssuePayouts, ViewBalances, ManageReports, ViewAnalytics, ViewRisks, EditRisks,
	ViewProjects, EditProjects, ViewTeam, ManageTeam, EditProfile, ManageTokens,
	OperateMerchants, OperateFunds, OperateWork, ViewAuditLog,
}

// Role is a fixed set of rights.
type Role string

// The roles of merchants' staff, and the one of the platform's own.
const (
	Support       Role = "support"
	Operations    Role = "operations"
	Finance       Role = "finance"
	Risks         Role = "risks"
	MerchantAdmin Role = "merchant_admin"
	Operator      Role = "operator" // of the platform: all merchants and projects
)

// Roles lists all roles, in the order in which forms show them.
var Roles = []Role{Support, Operations, Finance, Risks, MerchantAdmin, Operator}

// MerchantRoles are the roles that a user of a merchant can have.
var MerchantRoles = []Role{Support, Operations, Finance, Risks, MerchantAdmin}

var ofEverybody = []Right{ViewPayments, ManageReports, ViewProjects, EditProfile, ManageTokens}

// table is protocol.md §11.5, less what has no place in a platform that only pays out. Sending a callback again is an
// act on a payment: those who may issue payouts may do it, and Support, whose work it is.
var table = map[Role][]Right{
	Support:    with(ResendCallbacks),
	Operations: with(ResendCallbacks, ViewManual, IssuePayouts, ViewAnalytics),
	Finance:    with(ViewBalances, ViewAnalytics),
	Risks:      with(ViewAnalytics, ViewRisks, EditRisks),
	MerchantAdmin: with(ResendCallbacks, ViewManual, IssuePayouts, ViewBalances, ViewAnalytics, ViewRisks, EditRisks, EditProjects,
		ViewTeam, ManageTeam),
	Operator: Rights,
}

func with(more ...Right) []Right { return slices.Concat(ofEverybody, more) }

// Gives tells whether a role gives a right.
func (r Role) Gives(right Right) bool { return slices.Contains(table[r], right) }

// Valid tells whether the role exists.
func (r Role) Valid() bool { return slices.Contains(Roles, r) }

// Valid tells whether the right exists.
func (r Right) Valid() bool { return slices.Contains(Rights, r) }

// OfPlatform tells whether a right concerns the platform as a whole: only operators can have it, whatever a user's
// roles and single rights say.
func (r Right) OfPlatform() bool {
	return !slices.ContainsFunc(MerchantRoles, func(role Role) bool { return role.Gives(r) })
}
