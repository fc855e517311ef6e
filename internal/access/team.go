package access

import (
	"context"
	"errors"
	"time"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// Member finds an account that a user may know of: of their own merchant, or, for operators, any. store.ErrNotFound for
// all others, whether they exist or not.
func (s *Service) Member(ctx context.Context, viewer *staff.User, userID int64) (*people.UserRecord, error) {
	account, err := s.people.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	if !viewer.Can(staff.ViewTeam) || !viewer.Operator() && account.MerchantID != viewer.MerchantID {
		return nil, store.ErrNotFound
	}
	return account, nil
}

// seeTo finds an account that somebody may change. store.ErrNotFound where they may not know of it, ErrForbidden where
// it is their own, or can do more than they can.
func (s *Service) seeTo(ctx context.Context, by By, userID int64) (*people.UserRecord, error) {
	if by.user == nil {
		return s.people.User(ctx, userID)
	}
	account, err := s.Member(ctx, by.user, userID)
	if err != nil {
		return nil, err
	}
	if account.ID == by.user.ID || !by.user.Covers(&account.User) {
		return nil, ErrForbidden
	}
	return account, nil
}

// ChangeRights gives a user the name, roles, single rights and projects that after has; its Version is the one that was
// seen (store.ErrMoved where it is gone). ErrForbidden where whoever asks may not give this, store.ErrLastAdmin where
// nobody would be left to manage the accounts. once names the act.
func (s *Service) ChangeRights(ctx context.Context, idempotencyKey string, by By, after *staff.User) error {
	before, err := s.seeTo(ctx, by, after.ID)
	if err != nil {
		return err
	}
	changed := before.User
	changed.Name, changed.Roles, changed.Added, changed.Withheld = after.Name, after.Roles, after.Added, after.Withheld
	changed.Projects, changed.AllProjects, changed.Version = after.Projects, after.AllProjects, after.Version
	if !changed.Consistent() {
		return ErrRights
	}
	if by.user != nil && !by.user.MayGive(&before.User, &changed) || !s.ownProjects(&changed) {
		return ErrForbidden
	}
	return s.people.ChangeRights(ctx, "user rights "+before.Object()+" "+idempotencyKey, &changed, by.actor)
}

// SetActive deactivates a user, whose sessions end at once, or takes that back. ErrForbidden and store.ErrLastAdmin like
// ChangeRights. once names the act.
func (s *Service) SetActive(ctx context.Context, idempotencyKey string, by By, userID int64, active bool) error {
	account, err := s.seeTo(ctx, by, userID)
	if err != nil {
		return err
	}
	operator := by.user == nil || by.user.Operator()
	return s.people.SetActive(ctx, "user active "+account.Object()+" "+idempotencyKey, userID, active, operator, by.actor)
}

// Confirm takes the word of who asks that an account is used by the person whom its name says, so that it counts as
// another person's than the one who invited or reset it. store.ErrPossiblySamePerson where who asks may be that one.
func (s *Service) Confirm(ctx context.Context, by By, userID int64) error {
	if _, err := s.seeTo(ctx, by, userID); err != nil {
		return err
	}
	var id int64 // of the command line 0
	if by.user != nil {
		id = by.user.ID
	}
	return s.store.ConfirmUser(ctx, userID, id, by.actor)
}

// EndSessionsOf ends all sessions of another user.
func (s *Service) EndSessionsOf(ctx context.Context, by By, userID int64) error {
	if _, err := s.seeTo(ctx, by, userID); err != nil {
		return err
	}
	return s.people.EndSessions(ctx, userID, 0, by.actor)
}

// ChangePassword gives a session's user another password, and ends all their other sessions. The old password is tried
// like at the sign-in: ErrWrong, a *WaitError, ErrBusy; and what CheckPassword says of the new one.
func (s *Service) ChangePassword(ctx context.Context, session *Session, old, fresh string, from Client) error {
	if err := CheckPassword(fresh, session.User); err != nil {
		return err
	}
	account, err := s.people.User(ctx, session.User.ID)
	if err != nil {
		return err
	}
	counts, err := s.passwordTries(ctx, account.Email, account.ID, from)
	if err != nil {
		return err
	}
	if err := s.take(ctx, counts); err != nil {
		return err
	}
	ok, _, err := s.hashes.check(ctx, counts.source, old, account.Password)
	if err != nil {
		return err
	}
	if !ok {
		return ErrWrong
	}
	hash, err := s.hashes.hash(ctx, counts.source, fresh)
	if err != nil {
		return err
	}
	if err := s.right(ctx, counts); err != nil {
		return err
	}
	return s.people.SetPassword(ctx, account.ID, hash, session.ID, session.User.Actor())
}

// SaveProfile stores a session's user's own name, language ("en", "ru", "ky", or empty), zone (an IANA name, or empty)
// and theme ("light", "dark", or empty).
func (s *Service) SaveProfile(ctx context.Context, session *Session, after staff.User) error {
	if err := CheckName(after.Name); err != nil {
		return err
	}
	if _, err := time.LoadLocation(after.Zone); err != nil || after.Zone == "Local" {
		return ErrZone
	}
	changed := *session.User
	changed.Name, changed.Language, changed.Zone, changed.Theme = after.Name, after.Language, after.Zone, after.Theme
	return s.people.SaveProfile(ctx, &changed, session.User.Actor())
}

// Errors of the calls on accounts.
var (
	ErrForbidden = errors.New("access: this account can do more, or is one's own, or is not to be given this")
	ErrLink      = errors.New("access: this link is used, withdrawn, replaced or expired; ask for another")
	ErrZone      = errors.New("access: there is no such time zone")
)

// HistoryPage is how many acts a page of the history has.
const HistoryPage = 50

// History lists what a user of the viewer's merchant did, or, of user 0, what all of them did: newest first, a page of
// 50, behind an act where one is given. Operators see their own side's, and any user's. store.ErrNotFound for users that
// the viewer may not know of.
func (s *Service) History(ctx context.Context, viewer *staff.User, userID int64, behind store.AuditEntry) ([]store.AuditEntry, error) {
	if userID != 0 {
		account, err := s.Member(ctx, viewer, userID)
		if err != nil {
			return nil, err
		}
		return s.store.AuditEntriesOf(ctx, []string{account.Actor()}, behind, HistoryPage)
	}
	side, err := s.people.Users(ctx, people.UserFilter{Merchant: &viewer.MerchantID})
	if err != nil {
		return nil, err
	}
	var actors []string
	for _, a := range side {
		actors = append(actors, a.Actor())
	}
	return s.store.AuditEntriesOf(ctx, actors, behind, HistoryPage)
}

// OwnActs lists what a session's user did last, newest first.
func (s *Service) OwnActs(ctx context.Context, session *Session) ([]store.AuditEntry, error) {
	return s.store.AuditEntriesOf(ctx, []string{session.User.Actor()}, store.AuditEntry{}, HistoryPage)
}
