package people

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// InvitationKind is what an invitation's link does.
type InvitationKind string

// The kinds: for a new user to begin, and for an old one to begin anew, with another password and other factors.
const (
	Invite InvitationKind = "invitation"
	Reset  InvitationKind = "reset"
)

// Invitation is a link that a user has been given, or is about to be. A user has at most one.
type Invitation struct {
	UserID    int64
	Token     [32]byte // SHA-256 of what the link holds
	Kind      InvitationKind
	By        string // the actor
	CreatedAt time.Time
	ExpiresAt time.Time
	Mailed    bool // it goes to the user by e-mail, and is shown to nobody else

	// With commits what goes with a new one; nil: nothing does.
	With func(ctx context.Context, t *store.Tx, userID int64) error
}

const invitationColumns = "i.user_id, i.token, i.kind, i.made_by, i.created_at, i.expires_at, i.mailed"

func (dir *Directory) invitation(ctx context.Context, where string, key any) (*Invitation, error) {
	var found *Invitation
	err := dir.store.DB().Read(ctx, "SELECT "+invitationColumns+" FROM invitations i WHERE "+where, func(r *sql.Rows) error {
		i := &Invitation{}
		var token []byte
		var created, expires, mailed int64
		err := r.Scan(&i.UserID, &token, &i.Kind, &i.By, &created, &expires, &mailed)
		copy(i.Token[:], token)
		i.Mailed = mailed != 0
		i.CreatedAt, i.ExpiresAt = sqldb.FromMicros(created), sqldb.FromMicros(expires)
		found = i
		return err
	}, key)
	return found, err
}

func (dir *Directory) invitationOf(ctx context.Context, userID int64) (*Invitation, error) {
	return dir.invitation(ctx, "i.user_id = $1", userID)
}

// Invitation finds an invitation by its token's hash, whether it has expired or not. ErrNotFound where there is none.
func (dir *Directory) Invitation(ctx context.Context, token [32]byte) (*Invitation, error) {
	i, err := dir.invitation(ctx, "i.token = $1", token[:])
	if err == nil && i == nil {
		err = store.ErrNotFound
	}
	return i, dir.store.DB().Unavailable(err)
}

// Invite gives a user a link; an older one ends with it. Done again under the same idempotency key, it does nothing. ErrNotFound where there is no such user, or
// a deactivated one.
func (dir *Directory) Invite(ctx context.Context, idempotencyKey string, i *Invitation, actor string) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		if err := invite(ctx, t, i, actor); err != nil {
			return err
		}
		return t.Audit(ctx, actor, "user "+string(i.Kind), userObject(i.UserID), nil)
	})
}

func invite(ctx context.Context, t *store.Tx, i *Invitation, actor string) error {
	i.By, i.CreatedAt = actor, t.Now()
	const insert = `INSERT INTO invitations (user_id, token, kind, made_by, created_at, expires_at, mailed)
		SELECT u.id, $1, $2, $3, $4, $5, $6 FROM users u WHERE u.id = $7 AND u.deactivated_at = 0
		ON CONFLICT (user_id) DO UPDATE SET token = excluded.token, kind = excluded.kind, made_by = excluded.made_by,
			created_at = excluded.created_at, expires_at = excluded.expires_at, mailed = excluded.mailed`
	n, err := t.Exec(ctx, insert, i.Token[:], string(i.Kind), actor, i.CreatedAt.UnixMicro(), i.ExpiresAt.UnixMicro(), number(i.Mailed), i.UserID)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil || i.With == nil {
		return err
	}
	return i.With(ctx, t, i.UserID)
}

// WithdrawInvitation ends a user's link. ErrNotFound where there is none.
func (dir *Directory) WithdrawInvitation(ctx context.Context, userID int64, actor string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, "DELETE FROM invitations WHERE user_id = $1", userID)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrNotFound
		}
		return t.Audit(ctx, actor, "user invitation withdraw", userObject(userID), nil)
	})
}

// Acceptance is what a user who follows a link decides.
type Acceptance struct {
	Token    [32]byte // SHA-256 of what the link holds
	Name     string
	Password string   // its hash
	Actor    string   // the user, for the audit log
	Session  *Session // that goes on from there: pending, for a second factor is due
}

// AcceptInvitation takes a link, once: the user gets name and password, loses all older factors, codes, devices and
// sessions, and has the given session, whose ID and UserID are set. ErrNotFound where the link is used, withdrawn or
// expired.
func (dir *Directory) AcceptInvitation(ctx context.Context, a *Acceptance) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		const take = "DELETE FROM invitations WHERE token = $1 AND expires_at > $2 RETURNING user_id, kind, made_by, mailed"
		var userID, mailed int64
		var kind, madeBy string
		err := t.Query(ctx, take, func(r *sql.Rows) error { return r.Scan(&userID, &kind, &madeBy, &mailed) }, a.Token[:], t.Now().UnixMicro())
		if err != nil {
			return err
		}
		if userID == 0 {
			return store.ErrNotFound
		}
		if err := setPassword(ctx, t, userID, a.Password, 0); err != nil {
			return err
		}
		if _, err := t.Exec(ctx, "UPDATE users SET name = $1 WHERE id = $2", a.Name, userID); err != nil {
			return err
		}
		if err := recordLink(ctx, t, userID, InvitationKind(kind), mailed != 0, madeBy); err != nil {
			return err
		}
		for _, forget := range []string{
			"DELETE FROM user_factors WHERE user_id = $1", "DELETE FROM recovery_codes WHERE user_id = $1", "DELETE FROM user_devices WHERE user_id = $1",
		} {
			if _, err := t.Exec(ctx, forget, userID); err != nil {
				return err
			}
		}
		a.Session.UserID, a.Session.Stage = userID, Pending
		if err := startSession(ctx, t, a.Session); err != nil {
			return err
		}
		return t.Audit(ctx, a.Actor, "user "+kind+" accept", userObject(userID), nil)
	})
}

// recordLink records who may be the one that follows a link. One that is not mailed was shown to whoever made it. A mailed invitation
// goes to the address of whoever made the account, which may be their own, and somebody else may have sent it: both count.
// A mailed reset goes to an address that was there before.
func recordLink(ctx context.Context, t *store.Tx, userID int64, kind InvitationKind, mailed bool, madeBy string) error {
	if mailed && kind != Invite {
		return nil
	}
	if err := t.RecordOrigin(ctx, userID, madeBy, store.OriginLink); err != nil || !mailed {
		return err
	}
	return t.RecordAddress(ctx, userID)
}
