package people

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// FactorKind is what a second factor is.
type FactorKind string

// The kinds.
const (
	TOTP    FactorKind = "totp"
	Passkey FactorKind = "passkey"
)

// Factor is a second factor of a user.
type Factor struct {
	ID         int64
	UserID     int64
	Kind       FactorKind
	Name       string   // what its owner calls it
	Secret     []byte   // TOTP: the secret; a passkey: its credential record. Sealed at rest
	Credential [32]byte // of a passkey: SHA-256 of its credential id
	CreatedAt  time.Time
	UsedAt     time.Time // zero: never
}

// Errors of the calls on factors.
var (
	ErrCodeUsed     = errors.New("store: this code was used already")
	ErrLastFactor   = errors.New("store: this is the user's only second factor: add another one first")
	ErrFactorExists = errors.New("store: this passkey is known already")
)

func factorPlace(userID, id int64) string {
	return "factor/" + strconv.FormatInt(userID, 10) + "/" + strconv.FormatInt(id, 10)
}

const factorColumns = "f.id, f.user_id, f.kind, f.name, f.sealed, f.credential, f.created_at, f.used_at"

func (dir *Directory) scanFactor(r *sql.Rows) (Factor, error) {
	var f Factor
	var sealed, credential []byte
	var created, used int64
	if err := r.Scan(&f.ID, &f.UserID, &f.Kind, &f.Name, &sealed, &credential, &created, &used); err != nil {
		return f, err
	}
	copy(f.Credential[:], credential)
	f.CreatedAt, f.UsedAt = sqldb.FromMicros(created), sqldb.FromMicros(used)
	var err error
	f.Secret, err = dir.store.Vault().Unseal(sealed, factorPlace(f.UserID, f.ID))
	return f, err
}

// factors reads a user's factors, oldest first.
func (dir *Directory) factors(ctx context.Context, userID int64) (out []Factor, err error) {
	const find = "SELECT " + factorColumns + " FROM user_factors f WHERE f.user_id = $1 ORDER BY f.created_at, f.id"
	err = dir.store.DB().Read(ctx, find, func(r *sql.Rows) error {
		f, err := dir.scanFactor(r)
		out = append(out, f)
		return err
	}, userID)
	return out, err
}

// FactorByCredential finds the passkey of a credential id's hash. ErrNotFound where there is none.
func (dir *Directory) FactorByCredential(ctx context.Context, credential [32]byte) (f Factor, err error) {
	const find = "SELECT " + factorColumns + " FROM user_factors f WHERE f.credential = $1"
	found := false
	err = dir.store.DB().Read(ctx, find, func(r *sql.Rows) (err error) {
		found = true
		f, err = dir.scanFactor(r)
		return err
	}, credential[:])
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return f, dir.store.DB().Unavailable(err)
}

// AddFactor adds a second factor; ID and CreatedAt are set. step is the time step of the TOTP code that proved it, which
// counts as used. idempotencyKey is such as the challenge that it answers. Where codes are given, they become the
// user's recovery codes, as keyed digests.
func (dir *Directory) AddFactor(ctx context.Context, idempotencyKey string, f *Factor, step int64, codes [][32]byte, actor string) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error { return addFactor(ctx, t, f, step, codes, actor) })
}

func addFactor(ctx context.Context, t *store.Tx, f *Factor, step int64, codes [][32]byte, actor string) error {
	f.ID, f.CreatedAt = t.RowID(), t.Now()
	sealed, err := t.Vault().Seal(f.Secret, factorPlace(f.UserID, f.ID))
	if err != nil {
		return err
	}
	var credential any
	if f.Kind == Passkey {
		credential = f.Credential[:]
	}
	const insert = `INSERT INTO user_factors (id, user_id, kind, name, sealed, credential, last_step, created_at, used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`
	n, err := t.Exec(ctx, insert, f.ID, f.UserID, string(f.Kind), f.Name, sealed, credential, step, t.Now().UnixMicro(), t.Now().UnixMicro())
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrFactorExists
	}
	if err := setRecoveryCodes(ctx, t, f.UserID, codes); err != nil {
		return err
	}
	return t.Audit(ctx, actor, "factor add", userObject(f.UserID), store.Detail{}.Text("kind", string(f.Kind)).Text("name", f.Name))
}

// RemoveFactor removes one of a user's factors. ErrLastFactor where no other is left, ErrNotFound where there is none.
func (dir *Directory) RemoveFactor(ctx context.Context, userID, id int64, actor string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		if _, _, err := lockUser(ctx, t, userID); err != nil {
			return err
		}
		var removed *Factor
		others := 0
		const find = "SELECT id, kind, name FROM user_factors WHERE user_id = $1"
		err := t.Query(ctx, find, func(r *sql.Rows) error {
			var f Factor
			err := r.Scan(&f.ID, &f.Kind, &f.Name)
			if f.ID == id {
				removed = &f
			} else {
				others++
			}
			return err
		}, userID)
		switch {
		case err != nil:
			return err
		case removed == nil:
			return store.ErrNotFound
		case others == 0:
			return ErrLastFactor
		}
		if _, err := t.Exec(ctx, "DELETE FROM user_factors WHERE user_id = $1 AND id = $2", userID, id); err != nil {
			return err
		}
		return t.Audit(ctx, actor, "factor remove", userObject(userID), store.Detail{}.Text("kind", string(removed.Kind)).Text("name", removed.Name))
	})
}

// UseCode takes the code of a time step from a TOTP factor. ErrCodeUsed where that step's code, or a later one, was taken
// before.
func (dir *Directory) UseCode(ctx context.Context, id, step int64) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		const update = "UPDATE user_factors SET last_step = $1, used_at = $2 WHERE id = $3 AND last_step < $4"
		n, err := t.Exec(ctx, update, step, t.Now().UnixMicro(), id, step)
		if err == nil && n == 0 {
			err = ErrCodeUsed
		}
		return err
	})
}

// UsePasskey takes an answer to a challenge, which is taken once (ErrCodeUsed), and keeps the credential record, whose
// counter has risen.
func (dir *Directory) UsePasskey(ctx context.Context, f *Factor, challenge string) error {
	sealed, err := dir.store.Vault().Seal(f.Secret, factorPlace(f.UserID, f.ID))
	if err != nil {
		return err
	}
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		done, err := t.TakeIdempotencyKey(ctx, "passkey "+challenge)
		if err != nil {
			return err
		}
		if done {
			return ErrCodeUsed
		}
		n, err := t.Exec(ctx, "UPDATE user_factors SET sealed = $1, used_at = $2 WHERE id = $3", sealed, t.Now().UnixMicro(), f.ID)
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		return err
	})
}

// SetRecoveryCodes replaces a user's recovery codes by those of the given keyed digests. Done again under the same idempotency key, it does nothing.
func (dir *Directory) SetRecoveryCodes(ctx context.Context, idempotencyKey string, userID int64, codes [][32]byte, actor string) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		if err := setRecoveryCodes(ctx, t, userID, codes); err != nil {
			return err
		}
		return t.Audit(ctx, actor, "recovery codes", userObject(userID), nil)
	})
}

func setRecoveryCodes(ctx context.Context, t *store.Tx, userID int64, codes [][32]byte) error {
	if len(codes) == 0 {
		return nil
	}
	if _, err := t.Exec(ctx, "DELETE FROM recovery_codes WHERE user_id = $1", userID); err != nil {
		return err
	}
	for _, c := range codes {
		if _, err := t.Exec(ctx, "INSERT INTO recovery_codes (user_id, digest, used_at) VALUES ($1, $2, 0)", userID, c[:]); err != nil {
			return err
		}
	}
	return nil
}

// UseRecoveryCode takes one of a user's recovery codes. ErrNotFound where there is no such code, ErrCodeUsed where it was
// taken before.
func (dir *Directory) UseRecoveryCode(ctx context.Context, userID int64, code [32]byte, actor string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		const use = "UPDATE recovery_codes SET used_at = $1 WHERE user_id = $2 AND digest = $3 AND used_at = 0"
		n, err := t.Exec(ctx, use, t.Now().UnixMicro(), userID, code[:])
		if err != nil {
			return err
		}
		if n == 0 {
			err := store.ErrNotFound
			const find = "SELECT used_at FROM recovery_codes WHERE user_id = $1 AND digest = $2"
			e := t.Query(ctx, find, func(*sql.Rows) error { err = ErrCodeUsed; return nil }, userID, code[:])
			if e != nil {
				return fmt.Errorf("store: recovery codes: %w", e)
			}
			return err
		}
		return t.Audit(ctx, actor, "recovery code used", userObject(userID), nil)
	})
}
