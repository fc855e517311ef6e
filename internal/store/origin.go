package store

import (
	"context"
	"database/sql"
	"errors"

	"flashpay/internal/staff"
)

// Errors of decisions, beside those of DecideApproval.
var (
	ErrNotAnother    = errors.New("store: the two accounts may be one person's: one has its sign-in or its rights from the other, and nobody else has confirmed whose it is")
	ErrRequesterGone = errors.New("store: who asked for it has been deactivated: reject it, and ask anew")
)

// What one user has from another.
const (
	OriginLink   = "link"   // the link by which password and factors were set was shown to that user
	OriginRights = "rights" // roles, rights, projects, or being active again
)

// ComeFrom notes from whom an account has its sign-in or its rights. The actor is as the audit log names it: what the
// command line gives comes from nobody, for whoever runs it holds the database.
func (t *Tx) ComeFrom(ctx context.Context, userID int64, actor, what string) error {
	giver, ok := staff.ActorID(actor)
	if !ok || giver == userID {
		return nil
	}
	const insert = "INSERT INTO user_origins (user_id, giver, what, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
	_, err := t.Exec(ctx, insert, userID, giver, what, t.now.UnixMicro())
	return err
}

// mayBeOne counts who may be behind both of two accounts. Whoever was shown an account's link may be the one who uses it,
// and so may who stands behind that account in turn: they are the requester's hands. From whom the decider has sign-in or
// rights, by any chain, is where the decider comes from. Where the two meet, one person may be both.
const mayBeOne = `WITH RECURSIVE
	hands (id) AS (SELECT CAST($1 AS BIGINT) UNION SELECT o.giver FROM user_origins o JOIN hands h ON o.user_id = h.id WHERE o.what = 'link'),
	sources (id) AS (SELECT CAST($2 AS BIGINT) UNION SELECT o.giver FROM user_origins o JOIN sources s ON o.user_id = s.id)
	SELECT COUNT(*) FROM hands JOIN sources ON hands.id = sources.id`

// checkAnother gives ErrNotAnother where one person may be behind both accounts.
func (t *Tx) checkAnother(ctx context.Context, requester, decider int64) error {
	common := int64(0)
	if err := t.Query(ctx, mayBeOne, func(r *sql.Rows) error { return r.Scan(&common) }, requester, decider); err != nil {
		return err
	}
	if common > 0 {
		return ErrNotAnother
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

// Another tells whether two accounts are two people's, as far as is known: whether decider may decide what requester asks
// for. It answers as DecideApproval would.
func (s *Store) Another(ctx context.Context, requester, decider int64) (bool, error) {
	common := int64(0)
	err := s.db.Read(ctx, mayBeOne, func(r *sql.Rows) error { return r.Scan(&common) }, requester, decider)
	return err == nil && common == 0, s.db.Unavailable(err)
}

// Origin is what a user has from another one, and nobody else has confirmed yet.
type Origin struct {
	Giver int64
	Name  string // the giver's, or their e-mail address
	Link  bool   // the account's link was shown to them; false: they gave rights
}

// Origins lists from whom a user has sign-in and rights, as long as nobody else has confirmed whose the account is.
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

// ConfirmUser takes the word of another person that an account is used by the person whom its name says, with the rights
// that they should have: from then on it counts as that person's own. ErrNotAnother where by may be who uses it, or has it
// from them. by is 0 for the command line.
func (s *Store) ConfirmUser(ctx context.Context, userID, by int64, actor string) error {
	return s.Do(ctx, "", func(ctx context.Context, t *Tx) error {
		if by != 0 {
			if err := t.checkAnother(ctx, userID, by); err != nil {
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
