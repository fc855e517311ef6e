package staff

import (
	"slices"
	"time"

	"flashpay/internal/merchant"
)

// User is a person who works in Dashboard, as known at one moment: whoever holds it may read it without a lock.
type User struct {
	ID          int64
	MerchantID  int64 // 0: of the platform itself
	Email       string
	Name        string
	Roles       []Role
	Added       []Right // single rights beyond those of the roles
	Withheld    []Right // single rights that the roles give and this user has not
	AllProjects bool    // of the merchant, those to come too
	Projects    []int64 // where AllProjects is false: those that were granted, and no others
	Language    string  // "en", "ru", "ky"; empty: the browser's
	Zone        string  // IANA name, such as "Asia/Bishkek"; empty: UTC
	Theme       string  // "light", "dark"; empty: the system's
	Deactivated time.Time
	CreatedAt   time.Time
	Version     int64 // rises with each change
}

// Operator tells whether the user is one of the platform's.
func (u *User) Operator() bool { return u.MerchantID == 0 && slices.Contains(u.Roles, Operator) }

// Can tells whether the user has a right: by any role, with single rights added and withheld. A deactivated user has
// none, and nobody of a merchant has a right that concerns the whole platform.
func (u *User) Can(right Right) bool {
	switch {
	case !u.Deactivated.IsZero(), right.OfPlatform() && !u.Operator(), slices.Contains(u.Withheld, right):
		return false
	case slices.Contains(u.Added, right):
		return true
	}
	return slices.ContainsFunc(u.Roles, func(r Role) bool { return r.Gives(right) })
}

// Sees tells whether the user may know of a project at all: operators of every one, others of those of their merchant
// that are theirs. What is not seen does not exist for the user.
func (u *User) Sees(p *merchant.Project) bool {
	switch {
	case u.Operator():
		return true
	case p.MerchantID != u.MerchantID:
		return false
	}
	return u.AllProjects || slices.Contains(u.Roles, MerchantAdmin) || slices.Contains(u.Projects, p.ID)
}

// CanChange tells whether the user may change a setting of the projects that the user sees.
func (u *User) CanChange(s *merchant.Setting) bool {
	switch s.Editor {
	case merchant.ByStaff:
		return u.Can(EditProjects)
	case merchant.ByOperators:
		return u.Operator() && u.Can(EditProjects)
	}
	return false
}
