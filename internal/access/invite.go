package access

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// InvitationLife is how long the link of an invitation, or of a reset, can be followed.
const InvitationLife = 72 * time.Hour

// By is who sees to accounts: a user, as far as their rights go, or the command line, which may do all.
type By struct {
	user  *staff.User
	actor string
}

// ByUser is a user who sees to accounts.
func ByUser(u *staff.User) By { return By{u, u.Actor()} }

// ByCommand is the command line; actor is what the audit log calls it.
func ByCommand(actor string) By { return By{nil, actor} }

// Invite makes a user, by the members of u but for the ID, CreatedAt and Version, which are set, and returns the link
// with which they begin, as a path. It is shown to whoever invites, who hands it over; only its hash is stored. Where links
// go by e-mail (Config.Mails), it is sent to the user's address, and the path is empty: nobody is shown it. What the command
// line makes is shown there. The idempotency key names the act: the same act returns the same link. ErrForbidden where the inviter may not give this. Where the address
// is taken, people.ErrUserExists says so to whoever may see that account, and ErrEmailUnfit tells a merchant's user nothing of
// other merchants. A *WaitError where a merchant invites too many.
func (s *Service) Invite(ctx context.Context, idempotencyKey string, by By, u *staff.User) (path string, err error) {
	if err := checkNew(u); err != nil {
		return "", err
	}
	if by.user != nil && !by.user.MayGive(nil, u) || !s.ownProjects(u) {
		return "", ErrForbidden
	}
	merchants := by.user != nil && !by.user.Operator()
	if merchants {
		if err := s.take(ctx, tries{own: []people.Try{s.count(inviteBudget, fmt.Sprintf("invite %d", by.user.MerchantID))}}); err != nil {
			return "", err
		}
	}
	account := &people.UserRecord{User: *u}
	invitation, path := s.newInvitation("invite "+idempotencyKey+" "+u.Email, people.Invite, by)
	if err := s.people.CreateUser(ctx, "user invite "+u.Email+" "+idempotencyKey, account, invitation, by.actor); errors.Is(err, people.ErrUserExists) && merchants {
		return "", s.takenAddress(ctx, by.user, u.Email, err)
	} else if err != nil {
		return "", err
	}
	*u = account.User
	return path, nil
}

// takenAddress is what a merchant's user learns of an address that has an account: taken, where that is the merchant's own.
func (s *Service) takenAddress(ctx context.Context, by *staff.User, email string, taken error) error {
	owner, err := s.people.UserByEmail(ctx, email)
	if err == nil && owner.MerchantID == by.MerchantID {
		return taken
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ErrEmailUnfit
}

// ownProjects tells whether the projects that a user is granted exist, and are the merchant's.
func (s *Service) ownProjects(u *staff.User) bool {
	for _, id := range u.Projects {
		if p, ok := s.store.Project(id); !ok || p.MerchantID != u.MerchantID {
			return false
		}
	}
	return true
}

// linkToken derives the token of a link from what names the act: sealed under the installation's secret, so that nobody
// else can, and the same for a form that is sent twice.
func linkToken(s *store.Store, act string) string {
	sum := s.Vault().Digest("invitation link", []byte(act))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// newInvitation makes an invitation, and the path that is shown of its link; it is empty where the link goes by e-mail.
func (s *Service) newInvitation(act string, kind people.InvitationKind, by By) (i *people.Invitation, path string) {
	token := linkToken(s.store, act)
	i = &people.Invitation{Token: hashToken(token), Kind: kind, ExpiresAt: s.store.Now().Add(InvitationLife)}
	if s.config.Mails && by.user != nil {
		mailed(i, act)
		return i, ""
	}
	return i, linkPath(token)
}

const linkPrefix = "/invitation/"

func linkPath(token string) string { return linkPrefix + token }

// Link is the whole address of a link's path.
func (s *Service) Link(path string) string { return strings.TrimRight(s.config.URL, "/") + path }

// NewLink gives a user a new link, and ends the one before: to begin with where they never have, or else to begin anew
// with another password and other second factors, which replace theirs when the link is followed. It returns the link's
// path, or nothing where it goes by e-mail. ErrForbidden for one's own account, and for those that can do more than one's own.
func (s *Service) NewLink(ctx context.Context, idempotencyKey string, by By, userID int64) (path string, err error) {
	account, err := s.seeTo(ctx, by, userID)
	if err != nil {
		return "", err
	}
	kind := people.Reset
	if account.Password == "" {
		kind = people.Invite
	}
	invitation, path := s.newInvitation("link "+idempotencyKey+" "+account.Object(), kind, by)
	invitation.UserID = userID
	return path, s.people.Invite(ctx, "user link "+account.Object()+" "+idempotencyKey, invitation, by.actor)
}

// WithdrawLink ends a user's link. store.ErrNotFound where there is none.
func (s *Service) WithdrawLink(ctx context.Context, by By, userID int64) error {
	if _, err := s.seeTo(ctx, by, userID); err != nil {
		return err
	}
	return s.people.WithdrawInvitation(ctx, userID, by.actor)
}

// Invited is what a link leads to.
type Invited struct {
	User  *staff.User
	Reset bool // the user begins anew
}

// Invitation finds who a link is for. ErrLink where it is used, withdrawn, replaced or expired.
func (s *Service) Invitation(ctx context.Context, token string) (*Invited, error) {
	i, err := s.people.Invitation(ctx, hashToken(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && !s.store.Now().Before(i.ExpiresAt) {
		return nil, ErrLink
	}
	if err != nil {
		return nil, err
	}
	account, err := s.people.User(ctx, i.UserID)
	if err != nil {
		return nil, err
	}
	if !account.Deactivated.IsZero() {
		return nil, ErrLink
	}
	return &Invited{User: &account.User, Reset: i.Kind == people.Reset}, nil
}

// Accept takes a link, once, with the name and the password that its user chooses, and returns the token of a session in
// which a second factor has to be added before anything else.
func (s *Service) Accept(ctx context.Context, token, name, password string, from Client) (session string, err error) {
	invited, err := s.Invitation(ctx, token)
	if err != nil {
		return "", err
	}
	if err := CheckName(name); err != nil {
		return "", err
	}
	user := *invited.User
	user.Name = name
	if err := CheckPassword(password, &user); err != nil {
		return "", err
	}
	hash, err := s.hashes.hash(ctx, "network "+from.network(), password)
	if err != nil {
		return "", err
	}
	session, pending := s.newSession(user.ID, from)
	pending.Stage, pending.ExpiresAt = people.Pending, s.store.Now().Add(pendingLife)
	err = s.people.AcceptInvitation(ctx, &people.Acceptance{Token: hashToken(token), Name: name, Password: hash, Actor: user.Actor(), Session: pending})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrLink
	}
	return session, err
}
