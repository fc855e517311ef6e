package store

import (
	"context"
	"database/sql"
	"errors"

	"flashpay/internal/staff"
)

// Errors of decisions by a second person.
var (
	ErrPossiblySamePerson = errors.New("store: the two accounts may be one person's: one has its sign-in or its rights from the other, and nobody else has confirmed whose it is")
	ErrRequesterGone      = errors.New("store: who asked for it has been deactivated: reject it, and ask anew")
)

// What one user can have from another.
const (
	OriginLink   = "link"   // the link by which password and factors were set was shown to that user, sent by them, or sent to an address of their choice
	OriginRights = "rights" // roles, rights, projects, or being active again
)

// RecordOrigin records from whom an account has its sign-in (OriginLink) or its rights (OriginRights). The actor is written as in the
// audit log. What the command line gives comes from nobody, since whoever runs it controls the database anyway.
func (t *Tx) RecordOrigin(ctx context.Context, userID int64, actor, what string) error {
	giver, ok := staff.ActorID(actor)
	if !ok || giver == userID {
		return nil
	}
	const insert = "INSERT INTO user_origins (user_id, giver, what, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
	_, err := t.Exec(ctx, insert, userID, giver, what, t.now.UnixMicro())
	return err
}

// RecordAddress records that an account's link went to an address that somebody chose: whoever gave it rights in the commit that made it.
func (t *Tx) RecordAddress(ctx context.Context, userID int64) error {
	const insert = `INSERT INTO user_origins (user_id, giver, what, at)
		SELECT o.user_id, o.giver, 'link', CAST($1 AS BIGINT) FROM user_origins o JOIN users u ON u.id = o.user_id
		WHERE o.user_id = $2 AND o.what = 'rights' AND o.at = u.created_at ON CONFLICT DO NOTHING`
	_, err := t.Exec(ctx, insert, t.now.UnixMicro(), userID)
	return err
}

// mayBeOne counts who may be behind both of two accounts. Whoever was shown an account's link may be the one who uses it,
// and so may who stands behind that account in turn: they are the requester's hands. From whom the decider has sign-in or
// rights, by any chain, is where the decider comes from. Where the two meet, one person may be both.
const mayBeOne = `WITH RECURSIVE
	hands (id) AS (SELECT CAST($1 AS BIGINT) UNION SELECT o.giver FROM user_origins o JOIN hands h ON o.user_id = h.id WHERE o.what = 'link'),
	sources (id) AS (SELECT CAST($2 AS BIGINT) UNION SELECT o.giver FROM user_origins o JOIN sources s ON o.user_id = s.id)
	SELECT COUNT(*) FROM hands JOIN sources ON hands.id = sources.id`

// checkDifferentPeople gives ErrPossiblySamePerson where one person may be behind both accounts.
func (t *Tx) checkDifferentPeople(ctx context.Context, requester, decider int64) error {
	common := int64(0)
	if err := t.Query(ctx, mayBeOne, func(r *sql.Rows) error { return r.Scan(&common) }, requester, decider); err != nil {
		return err
	}
	if common > 0 {
		return ErrPossiblySamePerson
	}
	return nil
}

// checkRequester gives ErrRequesterGone where who asked can act no more.
func (t *Tx) checkRequester(ctx context.Context, requester int64) error {
	gone := false
	const find = "SELECT id FROM users WHERE id = $1 AND deactivated_at <> 0"
	if err := t.Query(ctx, find, func(*sql.Rows) error { gone = true; return nil }, requester); err != nil {
		return err
	}
	if gone {
		return ErrRequesterGone
	}
	return nil
}

// DifferentPeople reports whether two accounts belong to two people as far as is known, so that decider may decide what requester
// asks for. DecideApproval applies the same rule.
func (s *Store) DifferentPeople(ctx context.Context, requester, decider int64) (bool, error) {
	common := int64(0)
	err := s.db.Read(ctx, mayBeOne, func(r *sql.Rows) error { return r.Scan(&common) }, requester, decider)
	return err == nil && common == 0, s.db.Unavailable(err)
}

// Origin says what a user has from another user, as long as no third person has confirmed the account.
type Origin struct {
	Giver int64  // the other user's id
	Name  string // the giver's, or their e-mail address
	Link  bool   // the account's link was shown to them, sent by them, or sent to an address of their choice; false: they gave rights
}

// Origins lists from whom a user has sign-in and rights. It is empty once ConfirmUser has confirmed the account.
func (s *Store) Origins(ctx context.Context, userID int64) (out []Origin, err error) {
	const find = `SELECT o.giver, COALESCE(NULLIF(u.name, ''), u.email), o.what FROM user_origins o JOIN users u ON u.id = o.giver
		WHERE o.user_id = $1 ORDER BY o.at, o.giver, o.what`
	err = s.db.Read(ctx, find, func(r *sql.Rows) error {
		var o Origin
		var what string
		err := r.Scan(&o.Giver, &o.Name, &what)
		o.Link = what == OriginLink
		out = append(out, o)
		return err
	}, userID)
	return out, s.db.Unavailable(err)
}

// ConfirmUser records that another person vouches for an account: it is used by the person whom its name says, with the rights that
// they should have. From then on it has no Origins. by is the id of the user who vouches, 0 for the command line.
// ErrPossiblySamePerson where that user may be the account's own, or has theirs from it.
func (s *Store) ConfirmUser(ctx context.Context, userID, by int64, actor string) error {
	return s.Do(ctx, "", func(ctx context.Context, t *Tx) error {
		if by != 0 {
			if err := t.checkDifferentPeople(ctx, userID, by); err != nil {
				return err
			}
		}
		n, err := t.Exec(ctx, "DELETE FROM user_origins WHERE user_id = $1", userID)
		if err != nil || n == 0 {
			return err
		}
		return t.Audit(ctx, actor, "user confirm", (&staff.User{ID: userID}).Object(), nil)
	})
}
