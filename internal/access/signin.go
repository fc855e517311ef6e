package access

import (
	"context"
	"errors"

	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// Tokens are what a browser gets when a second factor was right: each belongs into a cookie of its own.
type Tokens struct {
	Session string // the session's new token; the one that was used so far opens nothing any more
	Device  string // by which the browser is known from now on
}

// Password takes e-mail address and password, and returns the token of a session in which the second factor is due.
// ErrWrong where they do not fit an active user: whether it is the address or the password, neither answer nor time
// says. A *WaitError where too much was tried, ErrBusy where too many do.
func (s *Service) Password(ctx context.Context, email, password string, from Client) (token string, err error) {
	account, err := s.people.UserByEmail(ctx, email)
	if errors.Is(err, store.ErrNotFound) {
		account, err = &people.UserRecord{}, nil
	}
	if err != nil {
		return "", err
	}
	counts, err := s.passwordTries(ctx, email, account.ID, from)
	if err != nil {
		return "", err
	}
	if err := s.take(ctx, counts); err != nil {
		return "", err
	}
	hash := account.Password
	if !account.Deactivated.IsZero() {
		hash = ""
	}
	ok, stale, err := s.hashes.check(ctx, counts.source, password, hash)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", s.failed(ctx, account, "password", from)
	}
	if stale {
		if err := s.rehash(ctx, counts.source, account, password); err != nil {
			return "", err
		}
	}
	if err := s.right(ctx, counts); err != nil {
		return "", err
	}
	return s.beginPending(ctx, account.ID, from)
}

// failed keeps in the audit log that somebody could not sign in, and returns ErrWrong. Of an address that nobody has the
// line says no more: it can be a password that was typed into the wrong field.
func (s *Service) failed(ctx context.Context, account *people.UserRecord, what string, from Client) error {
	if err := s.people.LogFailedSignIn(ctx, account.ID, what, from.ip()); err != nil {
		return err
	}
	return ErrWrong
}

// rehash replaces a hash that was made with older parameters.
func (s *Service) rehash(ctx context.Context, source string, account *people.UserRecord, password string) error {
	fresh, err := s.hashes.hash(ctx, source, password)
	if err != nil {
		return err
	}
	return s.people.RehashPassword(ctx, account.ID, account.Password, fresh)
}

// beginPending starts a session in which the second factor is due.
func (s *Service) beginPending(ctx context.Context, userID int64, from Client) (token string, err error) {
	token, session := s.newSession(userID, from)
	session.Stage, session.ExpiresAt = people.Pending, s.store.Now().Add(pendingLife)
	return token, s.people.StartSession(ctx, session)
}

// Pending finds the session of a sign-in whose second factor is due. ErrNoSession where there is none, or one that is
// signed in already.
func (s *Service) Pending(ctx context.Context, token string) (*Session, error) {
	session, err := s.resume(ctx, token)
	if err == nil && !session.pending {
		err = ErrNoSession
	}
	if err != nil {
		return nil, err
	}
	if session.account, err = s.people.User(ctx, session.User.ID); err != nil {
		return nil, err
	}
	return session, nil
}

// Factors tells which second factors the session's user has.
type Factors struct{ TOTP, Passkey, Recovery bool }

// Any tells whether there is a factor; without one, the user has to add one before anything else.
func (f Factors) Any() bool { return f.TOTP || f.Passkey }

// Factors tells which second factors a session's user has now.
func (s *Service) Factors(ctx context.Context, session *Session) (f Factors, err error) {
	account, err := s.people.User(ctx, session.User.ID)
	if err != nil {
		return f, err
	}
	for _, factor := range account.Factors {
		f.TOTP = f.TOTP || factor.Kind == people.TOTP
		f.Passkey = f.Passkey || factor.Kind == people.Passkey && s.passkeys != nil
	}
	f.Recovery = account.CodesLeft > 0
	return f, nil
}

// ProveByCode takes a TOTP code as the session's second factor: a sign-in is complete with it, and a session that is
// signed in has a fresh one. ErrWrong where no authenticator of the user shows it, ErrCodeUsed where it was taken before.
func (s *Service) ProveByCode(ctx context.Context, session *Session, code string, from Client) (Tokens, error) {
	return s.prove(ctx, session, from, func(account *people.UserRecord) error {
		now := s.store.Now()
		for _, f := range account.Factors {
			if f.Kind != people.TOTP {
				continue
			}
			if step, ok := matchCode(code, string(f.Secret), now); ok {
				return s.people.UseCode(ctx, f.ID, step)
			}
		}
		return ErrWrong
	})
}

// ProveByRecoveryCode takes a recovery code in the place of the second factor. ErrWrong, ErrCodeUsed like ProveByCode.
func (s *Service) ProveByRecoveryCode(ctx context.Context, session *Session, code string, from Client) (Tokens, error) {
	return s.prove(ctx, session, from, func(account *people.UserRecord) error {
		err := s.people.UseRecoveryCode(ctx, account.ID, s.recoveryDigest(account.ID, code), account.Actor())
		if errors.Is(err, store.ErrNotFound) {
			err = ErrWrong
		}
		return err
	})
}

// prove counts a try, makes it, and gives the session another token where it was right. ErrNoFactor where the user has
// none, so that there is nothing to prove by: a first one is added, not proved.
func (s *Service) prove(ctx context.Context, session *Session, from Client, try func(*people.UserRecord) error) (Tokens, error) {
	account, err := s.people.User(ctx, session.User.ID)
	if err != nil {
		return Tokens{}, err
	}
	if !account.HasFactor() {
		return Tokens{}, ErrNoFactor
	}
	counts, err := s.codeTries(ctx, account.ID, from)
	if err != nil {
		return Tokens{}, err
	}
	if err := s.take(ctx, counts); err != nil {
		return Tokens{}, err
	}
	err = try(account)
	if errors.Is(err, people.ErrCodeUsed) {
		err = ErrCodeUsed
	}
	if errors.Is(err, ErrWrong) {
		err = s.failed(ctx, account, "second factor", from)
	}
	if errors.Is(err, ErrWrong) && session.pending { // somebody knows the password
		s.log.Warn("access: a second factor was wrong behind a right password", "user", account.ID, "ip", from.ip())
	}
	if err != nil {
		return Tokens{}, err
	}
	if err := s.right(ctx, counts); err != nil {
		return Tokens{}, err
	}
	return s.promote(ctx, session, from)
}

// promote gives a session that has just had its second factor another token. The old one ends with that: whoever had
// planted it, or read it before, gains nothing.
func (s *Service) promote(ctx context.Context, session *Session, from Client) (Tokens, error) {
	tokens := Tokens{Session: newToken(), Device: from.Device}
	renewed := &people.Session{
		ID: session.ID, UserID: session.User.ID, Token: hashToken(tokens.Session), Stage: people.Full, ExpiresAt: session.ExpiresAt, IP: from.ip(),
	}
	var device *people.Device
	if session.pending {
		renewed.ExpiresAt = s.store.Now().Add(s.config.Lifetime)
		if !isToken(tokens.Device) {
			tokens.Device = newToken()
		}
		from.Device = tokens.Device
		device = s.device(from)
	}
	err := s.people.RenewSession(ctx, session.token, renewed, device, session.User.Actor())
	if errors.Is(err, store.ErrMoved) {
		err = ErrNoSession
	}
	return tokens, err
}
