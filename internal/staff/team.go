package staff

import (
	"fmt"
	"slices"
	"time"
)

// Actor is how the audit log names the user who acts: "user 17 <aida@example.kg>".
func (u *User) Actor() string { return fmt.Sprintf("%s <%s>", u.Object(), u.Email) }

// ActorID is the number of the user whom the audit log names so; ok is false for others, such as the command line.
func ActorID(actor string) (id int64, ok bool) {
	n, err := fmt.Sscanf(actor, "user %d <", &id)
	return id, err == nil && n == 1
}

// Object is how the audit log names the user who is acted upon: "user 17".
func (u *User) Object() string { return fmt.Sprintf("user %d", u.ID) }

// Admin tells whether the user can manage the accounts of their side at all: what a side must not be without.
func (u *User) Admin() bool {
	return u.Operator() || u.MerchantID != 0 && slices.Contains(u.Roles, MerchantAdmin)
}

// Covers tells whether the user may see to the account of another: it is of the same merchant, and has no right and no
// project that the user has not. Whoever could change, or reset, an account that can do more would get those rights by
// way of it. An operator covers everybody.
func (u *User) Covers(other *User) bool {
	if u.Operator() {
		return u.Can(ManageTeam)
	}
	if !u.Can(ManageTeam) || u.MerchantID == 0 || other.MerchantID != u.MerchantID {
		return false
	}
	for _, right := range Rights {
		if other.has(right) && !u.Can(right) {
			return false
		}
	}
	return u.seesAll() || !other.seesAll() && !slices.ContainsFunc(other.Projects, func(id int64) bool { return !slices.Contains(u.Projects, id) })
}

// MayGive tells whether the user may make another user what after says, of what before says; before is nil for a new
// one. Beside Covers on both ends: the role of a merchant's admin is given by operators only (protocol.md §11.5), nobody
// moves between merchants, and nobody changes their own roles, rights and projects.
func (u *User) MayGive(before, after *User) bool {
	if !u.Covers(after) || !after.Consistent() {
		return false
	}
	admin := slices.Contains(after.Roles, MerchantAdmin)
	if before != nil {
		if before.ID == u.ID || before.MerchantID != after.MerchantID || !u.Covers(before) {
			return false
		}
		admin = admin && !slices.Contains(before.Roles, MerchantAdmin)
	}
	return u.Operator() || !admin
}

// Consistent tells whether roles, rights and projects are such that a user of this side can have them.
func (u *User) Consistent() bool {
	for _, r := range u.Roles {
		if !r.Valid() || (r == Operator) != (u.MerchantID == 0) {
			return false
		}
	}
	for _, r := range u.Added {
		if !r.Valid() || r.OfPlatform() && u.MerchantID != 0 || slices.Contains(u.Withheld, r) {
			return false
		}
	}
	return len(u.Roles) > 0 && !slices.ContainsFunc(u.Withheld, func(r Right) bool { return !r.Valid() })
}

// Gains tells whether the user may do or see anything that the same user could not before.
func (u *User) Gains(before *User) bool {
	return slices.ContainsFunc(Rights, func(r Right) bool { return u.has(r) && !before.has(r) }) || u.seesAll() && !before.seesAll() ||
		slices.ContainsFunc(u.Projects, func(id int64) bool { return !before.seesAll() && !slices.Contains(before.Projects, id) })
}

// has is Can, also for the deactivated: what they would have.
func (u *User) has(right Right) bool {
	active := *u
	active.Deactivated = time.Time{}
	return active.Can(right)
}

func (u *User) seesAll() bool { return u.AllProjects || u.Admin() }
