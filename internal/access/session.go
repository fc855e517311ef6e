package access

import (
	"context"
	"errors"
	"time"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// Session is one browser in which a user is signed in, as known at one moment.
type Session struct {
	ID         int64       // what lists name it by; it opens nothing
	User       *staff.User // with the rights of now
	CreatedAt  time.Time   // of the sign-in
	SeenAt     time.Time   // to the minute
	ExpiresAt  time.Time   // at the latest; unused for an hour it ends before
	FreshUntil time.Time   // until when the second factor counts as fresh; zero: it does not
	IP         string      // of the sign-in, like Agent
	Agent      string

	pending bool
	token   [32]byte // hash
	account *people.UserRecord
}

// Fresh tells whether the second factor counts as fresh at a time.
func (s *Session) Fresh(now time.Time) bool { return now.Before(s.FreshUntil) }

// Begin signs a user in who has proved who they are, and returns the token for the session's cookie. Tests and
// demonstrations call it by itself. store.ErrNotFound where there is no such user, or a deactivated one.
func (s *Service) Begin(ctx context.Context, userID int64, from Client) (token string, err error) {
	account, err := s.people.User(ctx, userID)
	if err != nil {
		return "", err
	}
	tokens, err := s.begin(ctx, account, from)
	return tokens.Session, err
}

func (s *Service) begin(ctx context.Context, account *people.UserRecord, from Client) (Tokens, error) {
	tokens := Tokens{Device: from.Device}
	if !isToken(tokens.Device) {
		tokens.Device = newToken()
	}
	from.Device = tokens.Device
	token, session := s.newSession(account.ID, from)
	tokens.Session = token
	return tokens, s.people.SignIn(ctx, session, s.device(from), account.Actor())
}

// newSession is a session that is signed in, with its token; it is not stored yet.
func (s *Service) newSession(userID int64, from Client) (token string, session *people.Session) {
	token = newToken()
	return token, &people.Session{
		UserID: userID, Token: hashToken(token), Stage: people.Full, ExpiresAt: s.store.Now().Add(s.config.Lifetime), IP: from.ip(), Agent: from.agent(),
	}
}

// device is what is remembered of a browser that a user signs in with.
func (s *Service) device(from Client) *people.Device {
	return &people.Device{Token: hashToken(from.Device), Network: from.network()}
}

// Resume finds the session of a cookie's token, with its user's rights as of now. ErrNoSession where there is none that
// is signed in with both factors, unexpired, of an active user.
func (s *Service) Resume(ctx context.Context, token string) (*Session, error) {
	session, err := s.Watch(ctx, token)
	if err != nil {
		return nil, err
	}
	if s.store.Now().Sub(session.SeenAt) >= time.Minute {
		if err := s.people.SeenSession(ctx, session.ID); err != nil {
			return nil, err
		}
	}
	return session, nil
}

// Watch is Resume for what a page asks by itself: nobody uses the session by it, and it ends when nobody does.
func (s *Service) Watch(ctx context.Context, token string) (*Session, error) {
	session, err := s.resume(ctx, token)
	if err != nil {
		return nil, err
	}
	if session.pending {
		return nil, ErrNoSession
	}
	return session, nil
}

// resume finds a session of any stage.
func (s *Service) resume(ctx context.Context, token string) (*Session, error) {
	if token == "" {
		return nil, ErrNoSession
	}
	found, account, err := s.people.Session(ctx, hashToken(token))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, err
	}
	now := s.store.Now()
	if !now.Before(found.ExpiresAt) || now.Sub(found.SeenAt) >= s.config.Idle || !account.Deactivated.IsZero() {
		return nil, ErrNoSession
	}
	return s.view(found, account), nil
}

func (s *Service) view(u *people.Session, account *people.UserRecord) *Session {
	view := &Session{
		ID: u.ID, User: &account.User, CreatedAt: u.CreatedAt, SeenAt: u.SeenAt, ExpiresAt: u.ExpiresAt, IP: u.IP, Agent: u.Agent,
		pending: u.Stage != people.Full, token: u.Token, account: account,
	}
	if !u.FactorAt.IsZero() && !view.pending {
		view.FreshUntil = u.FactorAt.Add(s.config.Fresh)
	}
	return view
}

// Sessions lists the sessions in which a user is signed in, newest first.
func (s *Service) Sessions(ctx context.Context, user *staff.User) ([]*Session, error) {
	now := s.store.Now()
	found, err := s.people.Sessions(ctx, user.ID, now)
	if err != nil {
		return nil, err
	}
	var out []*Session
	for _, u := range found {
		if now.Sub(u.SeenAt) < s.config.Idle {
			out = append(out, s.view(u, &people.UserRecord{User: *user}))
		}
	}
	return out, nil
}

// SignOut ends a session. Its token opens nothing from then on.
func (s *Service) SignOut(ctx context.Context, session *Session) error {
	return s.people.EndSession(ctx, session.User.ID, session.ID, session.User.Actor())
}

// EndSession ends one of the user's own sessions, by its ID.
func (s *Service) EndSession(ctx context.Context, user *staff.User, id int64) error {
	return s.people.EndSession(ctx, user.ID, id, user.Actor())
}

// EndOtherSessions ends all of the user's own sessions but this one.
func (s *Service) EndOtherSessions(ctx context.Context, session *Session) error {
	return s.people.EndSessions(ctx, session.User.ID, session.ID, session.User.Actor())
}
