package people

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
	"flashpay/internal/vault"
)

// Errors of the calls on users.
var (
	ErrUserExists = errors.New("store: a user of this e-mail address exists already")
	ErrLastAdmin  = errors.New("store: nobody would be left to manage the accounts: make another user an admin first")
)

// UserRecord is a user with what signs them in.
type UserRecord struct {
	staff.User
	Password   string    // argon2id hash; empty: none yet
	PasswordAt time.Time // when it was set
	SignedInAt time.Time // newest sign-in; zero: never
	Factors    []Factor  // oldest first
	CodesLeft  int       // recovery codes
	Invitation *Invitation
}

// HasFactor tells whether the account has a second factor. Recovery codes alone are none.
func (a *UserRecord) HasFactor() bool { return len(a.Factors) > 0 }

const userColumns = `u.id, u.merchant_id, u.email, u.name, u.roles, u.added, u.withheld, u.projects, u.all_projects, u.language, u.zone, u.theme,
	u.password, u.password_at, u.signed_in_at, u.deactivated_at, u.created_at, u.version`

func scanAccount(scan func(...any) error) (*UserRecord, error) {
	a := &UserRecord{}
	var roles, added, withheld, projects string
	var all, password, signedIn, deactivated, created int64
	err := scan(&a.ID, &a.MerchantID, &a.Email, &a.Name, &roles, &added, &withheld, &projects, &all, &a.Language, &a.Zone, &a.Theme,
		&a.Password, &password, &signedIn, &deactivated, &created, &a.Version)
	if err != nil {
		return nil, sqldb.NotFound(err)
	}
	a.AllProjects = all != 0
	a.PasswordAt, a.SignedInAt, a.Deactivated, a.CreatedAt = sqldb.FromMicros(password), sqldb.FromMicros(signedIn), sqldb.FromMicros(deactivated), sqldb.FromMicros(created)
	err = errors.Join(json.Unmarshal([]byte(roles), &a.Roles), json.Unmarshal([]byte(added), &a.Added),
		json.Unmarshal([]byte(withheld), &a.Withheld), json.Unmarshal([]byte(projects), &a.Projects))
	if err != nil {
		return nil, fmt.Errorf("store: user %d: %w", a.ID, err)
	}
	return a, nil
}

// list is a JSON list, as users have them.
func list[T any](values []T) string {
	if len(values) == 0 {
		return "[]"
	}
	text, err := json.Marshal(values)
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	return string(text)
}

// User returns an account with its factors. ErrNotFound where there is none.
func (dir *Directory) User(ctx context.Context, id int64) (*UserRecord, error) {
	return dir.account(ctx, "SELECT "+userColumns+" FROM users u WHERE u.id = $1", id)
}

// UserByEmail finds an account by its e-mail address, whose case does not matter.
func (dir *Directory) UserByEmail(ctx context.Context, email string) (*UserRecord, error) {
	return dir.account(ctx, "SELECT "+userColumns+" FROM users u WHERE u.email_key = $1", emailKey(email))
}

func emailKey(email string) string { return vault.Normalise("email", email) }

func (dir *Directory) account(ctx context.Context, query string, key any) (*UserRecord, error) {
	a, err := scanAccount(sqldb.One(ctx, dir.store.DB().Reads, query, key).Scan)
	if err != nil {
		return nil, dir.store.DB().Unavailable(err)
	}
	if a.Factors, err = dir.factors(ctx, a.ID); err != nil {
		return nil, dir.store.DB().Unavailable(err)
	}
	const left = "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at = 0"
	if err := sqldb.One(ctx, dir.store.DB().Reads, left, a.ID).Scan(&a.CodesLeft); err != nil {
		return nil, dir.store.DB().Unavailable(err)
	}
	if a.Invitation, err = dir.invitationOf(ctx, a.ID); err != nil {
		return nil, dir.store.DB().Unavailable(err)
	}
	return a, nil
}

// UserFilter chooses users.
type UserFilter struct {
	Merchant *int64 // nil: of every one
	After    int64  // with greater ids only
	Limit    int    // 0: 500
}

// Users lists accounts by their numbers, without their factors; with their invitations.
func (dir *Directory) Users(ctx context.Context, f UserFilter) ([]*UserRecord, error) {
	where, args := []string{"u.id > $1"}, []any{f.After}
	if f.Merchant != nil {
		where, args = append(where, "u.merchant_id = $2"), append(args, *f.Merchant)
	}
	if f.Limit == 0 {
		f.Limit = 500
	}
	args = append(args, f.Limit)
	query := "SELECT " + userColumns + ", COALESCE(i.kind, ''), COALESCE(i.made_by, ''), COALESCE(i.created_at, 0), COALESCE(i.expires_at, 0) " +
		"FROM users u LEFT JOIN invitations i ON i.user_id = u.id WHERE " + strings.Join(where, " AND ") +
		fmt.Sprintf(" ORDER BY u.id LIMIT $%d", len(args))
	var out []*UserRecord
	err := dir.store.DB().Read(ctx, query, func(r *sql.Rows) error {
		var i Invitation
		var created, expires int64
		a, err := scanAccount(func(into ...any) error { return r.Scan(append(into, &i.Kind, &i.By, &created, &expires)...) })
		if err != nil {
			return err
		}
		if i.Kind != "" {
			i.UserID, i.CreatedAt, i.ExpiresAt = a.ID, sqldb.FromMicros(created), sqldb.FromMicros(expires)
			a.Invitation = &i
		}
		out = append(out, a)
		return nil
	}, args...)
	return out, dir.store.DB().Unavailable(err)
}

// CreateUser makes an account, by its members but for ID, CreatedAt and Version, which are set. Where i is given, its
// invitation is made with it. Done again under the same idempotency key, it does nothing.
// ErrUserExists where the address is taken, store.ErrNeedsSecond where a user may not make it alone: Ask asks for a second person.
func (dir *Directory) CreateUser(ctx context.Context, idempotencyKey string, a *UserRecord, i *Invitation, actor string) error {
	err := dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		if err := t.CheckGrant(ctx, actor, a.MerchantID); err != nil {
			return err
		}
		return createUser(ctx, t, a, i, actor, actor)
	})
	if err != nil {
		return err
	}
	made, err := dir.UserByEmail(ctx, a.Email)
	if err != nil {
		return err
	}
	*a = *made
	return nil
}

// createUser makes an account that has its rights from the giver.
func createUser(ctx context.Context, t *store.Tx, a *UserRecord, i *Invitation, giver, actor string) error {
	if err := insertUser(ctx, t, a); err != nil {
		return err
	}
	if i != nil {
		i.UserID = a.ID
		if err := invite(ctx, t, i, actor); err != nil {
			return err
		}
	}
	if err := t.RecordOrigin(ctx, a.ID, giver, store.OriginRights); err != nil {
		return err
	}
	return t.Audit(ctx, actor, "user create", a.Object(), userDetail(&a.User).Text("email", a.Email))
}

// insertUser gives the account the next number. Numbers are small, so nodes may take the same one at once: the second
// takes the next.
func insertUser(ctx context.Context, t *store.Tx, a *UserRecord) error {
	const insert = `INSERT INTO users (id, merchant_id, email, email_key, name, roles, added, withheld, projects, all_projects, language, zone, theme,
			password, password_at, signed_in_at, deactivated_at, created_at, version)
		SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, 0, $15, 1 FROM users WHERE id > 0
		ON CONFLICT DO NOTHING RETURNING id`
	passwordAt := int64(0)
	if a.Password != "" {
		passwordAt = t.Now().UnixMicro()
	}
	for range 100 {
		a.ID = 0
		err := t.Query(ctx, insert, func(r *sql.Rows) error { return r.Scan(&a.ID) }, a.MerchantID, a.Email, emailKey(a.Email), a.Name,
			list(a.Roles), list(a.Added), list(a.Withheld), list(a.Projects), number(a.AllProjects), a.Language, a.Zone, a.Theme,
			a.Password, passwordAt, t.Now().UnixMicro())
		if err != nil || a.ID != 0 {
			return err
		}
		taken := false
		const find = "SELECT id FROM users WHERE email_key = $1"
		if err := t.Query(ctx, find, func(*sql.Rows) error { taken = true; return nil }, emailKey(a.Email)); err != nil {
			return err
		}
		if taken {
			return ErrUserExists
		}
	}
	return store.ErrMoved
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// userDetail is what the audit log keeps of a user's rights.
func userDetail(u *staff.User) store.Detail {
	d := store.Detail{}.Int("merchant", u.MerchantID).Text("name", u.Name).Text("roles", list(u.Roles))
	if len(u.Added) > 0 {
		d = d.Text("added", list(u.Added))
	}
	if len(u.Withheld) > 0 {
		d = d.Text("withheld", list(u.Withheld))
	}
	if u.AllProjects {
		return d.Text("projects", "all")
	}
	return d.Text("projects", list(u.Projects))
}

// lockUser locks the accounts of a user's side and returns the user as of now: what must hold of a whole side, such as
// that it has an admin, is decided by one commit at a time.
func lockUser(ctx context.Context, t *store.Tx, id int64) (user *UserRecord, side []*UserRecord, err error) {
	const lock = "SELECT " + userColumns + " FROM users u WHERE u.merchant_id = (SELECT o.merchant_id FROM users o WHERE o.id = $1) ORDER BY u.id{{for_update}}"
	err = t.Query(ctx, lock, func(r *sql.Rows) error {
		a, err := scanAccount(r.Scan)
		if err != nil {
			return err
		}
		if side = append(side, a); a.ID == id {
			user = a
		}
		return nil
	}, id)
	if err == nil && user == nil {
		err = store.ErrNotFound
	}
	return user, side, err
}

// ChangeRights gives a user the roles, single rights, projects and name of u, whose Version must be the one that was
// seen: else ErrMoved. Their sessions go on with the new rights, and need their second factor anew before anything that
// asks for a fresh one. ErrLastAdmin where the side would be without an admin.
func (dir *Directory) ChangeRights(ctx context.Context, idempotencyKey string, u *staff.User, actor string) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error { return changeRights(ctx, t, u, "", actor) })
}

// changeRights gives a user rights that come from the giver; without one they come from the actor, who needs a second person
// where the user gains something.
func changeRights(ctx context.Context, t *store.Tx, u *staff.User, giver, actor string) error {
	before, side, err := lockUser(ctx, t, u.ID)
	if err != nil {
		return err
	}
	if before.Version != u.Version {
		return store.ErrMoved
	}
	after := *u
	after.MerchantID, after.Deactivated = before.MerchantID, before.Deactivated
	if !adminLeft(side, &after) {
		return ErrLastAdmin
	}
	gains := after.Gains(&before.User)
	if gains && giver == "" {
		if err := t.CheckGrant(ctx, actor, after.MerchantID); err != nil {
			return err
		}
	}
	const update = `UPDATE users SET name = $1, roles = $2, added = $3, withheld = $4, projects = $5, all_projects = $6, version = version + 1
		WHERE id = $7`
	_, err = t.Exec(ctx, update, u.Name, list(u.Roles), list(u.Added), list(u.Withheld), list(u.Projects), number(u.AllProjects), u.ID)
	if err != nil {
		return err
	}
	if _, err := t.Exec(ctx, "UPDATE user_sessions SET factor_at = 0 WHERE user_id = $1", u.ID); err != nil {
		return err
	}
	if gains {
		if err := t.RecordOrigin(ctx, u.ID, cmp.Or(giver, actor), store.OriginRights); err != nil {
			return err
		}
	}
	detail := store.Detail{}.Text("before", userDetail(&before.User).String()).Text("after", userDetail(&after).String())
	return t.Audit(ctx, actor, "user rights", u.Object(), detail)
}

// adminLeft tells whether a side has an active admin who has signed in with a password of their own, or never had one,
// once a user has become what after says.
func adminLeft(side []*UserRecord, after *staff.User) bool {
	had := false
	for _, a := range side {
		u := &a.User
		had = had || u.Admin() && u.Deactivated.IsZero() && a.Password != ""
		if u.ID == after.ID {
			u = after
		}
		if u.Admin() && u.Deactivated.IsZero() && a.Password != "" {
			return true
		}
	}
	return !had
}

// SetActive deactivates a user, whose sessions and invitation end with it, or takes that back. An operator may leave a
// merchant without an admin, anybody else gets ErrLastAdmin; the last operator stays in any case.
func (dir *Directory) SetActive(ctx context.Context, idempotencyKey string, id int64, active, byOperator bool, actor string) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		return setActive(ctx, t, id, active, byOperator, "", actor)
	})
}

// setActive is for a giver what changeRights is.
func setActive(ctx context.Context, t *store.Tx, id int64, active, byOperator bool, giver, actor string) error {
	user, side, err := lockUser(ctx, t, id)
	if err != nil || user.Deactivated.IsZero() == active {
		return err
	}
	if active && giver == "" {
		if err := t.CheckGrant(ctx, actor, user.MerchantID); err != nil {
			return err
		}
	}
	after, at, action := user.User, int64(0), "user reactivate"
	if after.Deactivated = (time.Time{}); !active {
		after.Deactivated, at, action = t.Now(), t.Now().UnixMicro(), "user deactivate"
	}
	if !adminLeft(side, &after) && (after.MerchantID == 0 || !byOperator) {
		return ErrLastAdmin
	}
	if _, err := t.Exec(ctx, "UPDATE users SET deactivated_at = $1, version = version + 1 WHERE id = $2", at, id); err != nil {
		return err
	}
	if active {
		err = t.RecordOrigin(ctx, id, cmp.Or(giver, actor), store.OriginRights)
	}
	if err != nil {
		return err
	}
	if !active {
		if err := endSessions(ctx, t, id, 0); err != nil {
			return err
		}
		for _, drop := range []string{"DELETE FROM invitations WHERE user_id = $1", "DELETE FROM data_api_tokens WHERE user_id = $1"} {
			if _, err := t.Exec(ctx, drop, id); err != nil {
				return err
			}
		}
	}
	return t.Audit(ctx, actor, action, user.Object(), nil)
}

// SaveProfile stores what users decide for themselves: name, language, zone and theme.
func (dir *Directory) SaveProfile(ctx context.Context, u *staff.User, actor string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		before, _, err := lockUser(ctx, t, u.ID)
		if err != nil {
			return err
		}
		const update = "UPDATE users SET name = $1, language = $2, zone = $3, theme = $4, version = version + 1 WHERE id = $5"
		if _, err := t.Exec(ctx, update, u.Name, u.Language, u.Zone, u.Theme, u.ID); err != nil {
			return err
		}
		detail := store.Detail{}.Text("before", profileDetail(&before.User).String()).Text("after", profileDetail(u).String())
		return t.Audit(ctx, actor, "user profile", u.Object(), detail)
	})
}

func profileDetail(u *staff.User) store.Detail {
	return store.Detail{}.Text("name", u.Name).Text("language", u.Language).Text("zone", u.Zone).Text("theme", u.Theme)
}

// SetPassword stores the hash of a new password and ends all sessions of the user but one, 0 for all.
func (dir *Directory) SetPassword(ctx context.Context, id int64, hash string, keep int64, actor string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		if err := setPassword(ctx, t, id, hash, keep); err != nil {
			return err
		}
		return t.Audit(ctx, actor, "user password", userObject(id), nil)
	})
}

func setPassword(ctx context.Context, t *store.Tx, id int64, hash string, keep int64) error {
	const update = "UPDATE users SET password = $1, password_at = $2, version = version + 1 WHERE id = $3 AND deactivated_at = 0"
	n, err := t.Exec(ctx, update, hash, t.Now().UnixMicro(), id)
	if err != nil {
		return err
	}
	if n == 0 {
		return store.ErrNotFound
	}
	return endSessions(ctx, t, id, keep)
}

// RehashPassword replaces a hash by one of the same password, made with newer parameters.
func (dir *Directory) RehashPassword(ctx context.Context, id int64, old, fresh string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		_, err := t.Exec(ctx, "UPDATE users SET password = $1 WHERE id = $2 AND password = $3", fresh, id, old)
		return err
	})
}

func userObject(id int64) string { return (&staff.User{ID: id}).Object() }
