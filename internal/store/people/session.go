package people

import (
	"context"
	"database/sql"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Stage says how far a sign-in has come.
type Stage string

// The stages. A pending session opens nothing but what leads to a second factor.
const (
	Pending Stage = "pending"
	Full    Stage = "full"
)

// Session is one browser in which a user is signed in, or about to be.
type Session struct {
	ID        int64 // what lists name it by
	UserID    int64
	Token     [32]byte // SHA-256 of what the cookie holds
	Stage     Stage
	CreatedAt time.Time // of the sign-in
	ExpiresAt time.Time // at the latest
	SeenAt    time.Time // to the minute
	FactorAt  time.Time // when a second factor was given last; zero: it must be given again
	IP        string
	Agent     string
}

const sessionColumns = "s.id, s.user_id, s.token, s.stage, s.created_at, s.expires_at, s.seen_at, s.factor_at, s.ip, s.agent"

// scanSession scans a session, and what stands behind it in the row.
func scanSession(scan func(...any) error, more ...any) (*Session, error) {
	u := &Session{}
	var token []byte
	var created, expires, seen, factor int64
	into := []any{&u.ID, &u.UserID, &token, (*string)(&u.Stage), &created, &expires, &seen, &factor, &u.IP, &u.Agent}
	if err := scan(append(into, more...)...); err != nil {
		return nil, sqldb.NotFound(err)
	}
	copy(u.Token[:], token)
	u.CreatedAt, u.ExpiresAt, u.SeenAt, u.FactorAt = sqldb.FromMicros(created), sqldb.FromMicros(expires), sqldb.FromMicros(seen), sqldb.FromMicros(factor)
	return u, nil
}

// Session finds a session by its token's hash, with its user as of now. Whether it has expired, and whether the user
// is active, is for the caller to judge. ErrNotFound where there is none.
func (dir *Directory) Session(ctx context.Context, token [32]byte) (*Session, *UserRecord, error) {
	const find = "SELECT " + userColumns + ", " + sessionColumns + " FROM user_sessions s JOIN users u ON u.id = s.user_id WHERE s.token = $1"
	var session *Session
	var user *UserRecord
	err := dir.store.DB().Read(ctx, find, func(r *sql.Rows) (err error) {
		user, err = scanAccount(func(head ...any) (err error) {
			session, err = scanSession(func(tail ...any) error { return r.Scan(append(head, tail...)...) })
			return err
		})
		return err
	}, token[:])
	if err == nil && user == nil {
		err = store.ErrNotFound
	}
	return session, user, dir.store.DB().Unavailable(err)
}

// Sessions lists a user's sessions that are signed in and have not expired at a time, newest first.
func (dir *Directory) Sessions(ctx context.Context, userID int64, at time.Time) ([]*Session, error) {
	const find = "SELECT " + sessionColumns + " FROM user_sessions s WHERE s.user_id = $1 AND s.stage = 'full' AND s.expires_at > $2 ORDER BY s.id DESC LIMIT 100"
	var out []*Session
	err := dir.store.DB().Read(ctx, find, func(r *sql.Rows) error {
		u, err := scanSession(r.Scan)
		out = append(out, u)
		return err
	}, userID, at.UnixMicro())
	return out, dir.store.DB().Unavailable(err)
}

// LogFailedSignIn keeps in the audit log that a password or second factor was wrong. userID is 0 where no account has the
// address. How many lines there can be is bounded by the tries that are counted before.
func (dir *Directory) LogFailedSignIn(ctx context.Context, userID int64, what, ip string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		object := "user unknown"
		if userID != 0 {
			object = userObject(userID)
		}
		return t.Audit(ctx, "visitor", "sign-in failed", object, store.Detail{}.Text("wrong", what).Text("ip", ip))
	})
}

// StartSession makes a session, by its members but for ID and CreatedAt, which are set; SeenAt is now.
func (dir *Directory) StartSession(ctx context.Context, u *Session) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error { return startSession(ctx, t, u) })
}

func startSession(ctx context.Context, t *store.Tx, u *Session) error {
	u.ID, u.CreatedAt, u.SeenAt = t.RowID(), t.Now(), t.Now()
	const insert = `INSERT INTO user_sessions (id, user_id, token, stage, created_at, expires_at, seen_at, factor_at, ip, agent)
		SELECT $1, u.id, $2, $3, $4, $5, $6, $7, $8, $9 FROM users u WHERE u.id = $10 AND u.deactivated_at = 0`
	n, err := t.Exec(ctx, insert, u.ID, u.Token[:], string(u.Stage), u.CreatedAt.UnixMicro(), u.ExpiresAt.UnixMicro(), u.SeenAt.UnixMicro(),
		sqldb.Micros(u.FactorAt), u.IP, u.Agent, u.UserID)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
}

// RenewSession gives a session another token, expiry and stage, with a second factor given now. The old token ends with
// it. Where device is given, it is remembered as one of the user's. ErrMoved where the session has the old token no
// more.
func (dir *Directory) RenewSession(ctx context.Context, old [32]byte, u *Session, device *Device, actor string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		const update = "UPDATE user_sessions SET token = $1, stage = $2, expires_at = $3, seen_at = $4, factor_at = $5 WHERE id = $6 AND token = $7"
		now := t.Now().UnixMicro()
		n, err := t.Exec(ctx, update, u.Token[:], string(u.Stage), u.ExpiresAt.UnixMicro(), now, now, u.ID, old[:])
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrMoved
		}
		u.FactorAt, u.SeenAt = t.Now(), t.Now()
		return signedIn(ctx, t, u, device, actor)
	})
}

// SignIn makes a session that is signed in at once, with a factor that was given now, such as a passkey.
func (dir *Directory) SignIn(ctx context.Context, u *Session, device *Device, actor string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		u.FactorAt = t.Now()
		if err := startSession(ctx, t, u); err != nil {
			return err
		}
		return signedIn(ctx, t, u, device, actor)
	})
}

// signedIn notes a sign-in; without a device it was only a factor given again.
func signedIn(ctx context.Context, t *store.Tx, u *Session, device *Device, actor string) error {
	if device == nil {
		return nil
	}
	if _, err := t.Exec(ctx, "UPDATE users SET signed_in_at = $1 WHERE id = $2", t.Now().UnixMicro(), u.UserID); err != nil {
		return err
	}
	const remember = `INSERT INTO user_devices (user_id, token, network, seen_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, token) DO UPDATE SET network = excluded.network, seen_at = excluded.seen_at`
	if _, err := t.Exec(ctx, remember, u.UserID, device.Token[:], device.Network, t.Now().UnixMicro()); err != nil {
		return err
	}
	return t.Audit(ctx, actor, "sign-in", userObject(u.UserID), store.Detail{}.Text("ip", u.IP))
}

// SeenSession notes that a session is in use. It is worth a commit once a minute, not at each request.
func (dir *Directory) SeenSession(ctx context.Context, id int64) error {
	return dir.store.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		_, err := t.Exec(ctx, "UPDATE user_sessions SET seen_at = $1 WHERE id = $2", t.Now().UnixMicro(), id)
		return err
	})
}

// EndSession ends one session of a user. One that has ended already is no error.
func (dir *Directory) EndSession(ctx context.Context, userID, id int64, actor string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, "DELETE FROM user_sessions WHERE user_id = $1 AND id = $2", userID, id)
		if err != nil || n == 0 {
			return err
		}
		return t.Audit(ctx, actor, "session end", userObject(userID), nil)
	})
}

// EndSessions ends all sessions of a user but one, 0 for all.
func (dir *Directory) EndSessions(ctx context.Context, userID, keep int64, actor string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		if err := endSessions(ctx, t, userID, keep); err != nil {
			return err
		}
		return t.Audit(ctx, actor, "session end all", userObject(userID), nil)
	})
}

func endSessions(ctx context.Context, t *store.Tx, userID, keep int64) error {
	_, err := t.Exec(ctx, "DELETE FROM user_sessions WHERE user_id = $1 AND id <> $2", userID, keep)
	return err
}

// Device is a browser that a user has signed in with.
type Device struct {
	Token   [32]byte // SHA-256 of what its cookie holds
	Network string   // of the address that it signed in from last
}

// KnownDevice tells whether a user has signed in with this device, and whether from this network, within half a year.
func (dir *Directory) KnownDevice(ctx context.Context, userID int64, d Device) (device, network bool, err error) {
	const find = `SELECT COALESCE(SUM(CASE WHEN token = $1 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN network = $2 THEN 1 ELSE 0 END), 0)
		FROM user_devices WHERE user_id = $3 AND seen_at > $4`
	var devices, networks int64
	err = dir.store.DB().Read(ctx, find, func(r *sql.Rows) error { return r.Scan(&devices, &networks) },
		d.Token[:], d.Network, userID, dir.store.Now().Add(-store.DeviceLife).UnixMicro())
	return devices > 0, networks > 0, dir.store.DB().Unavailable(err)
}
