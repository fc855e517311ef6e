package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store/sqldb"
)

// Errors of the calls on secret keys.
var (
	ErrKeyExists = errors.New("store: this project has this key already")
	ErrLastKey   = errors.New("store: this is the project's last live key: add another one first")
)

func (s *Store) loadKeys(ctx context.Context, fresh *snapshot) error {
	err := sqldb.Query(ctx, s.db.Reads, "SELECT project_id, id, sealed, label, created_at FROM project_keys WHERE revoked_at IS NULL ORDER BY project_id, id").Each(func(r *sql.Rows) error {
		var project, created int64
		var k merchant.Key
		var sealed []byte
		if err := r.Scan(&project, &k.ID, &sealed, &k.Label, &created); err != nil {
			return err
		}
		secret, err := s.vault.Unseal(sealed, keyPlace(project))
		if err != nil {
			return err
		}
		k.Secret, k.CreatedAt = string(secret), sqldb.FromMicros(created)
		if p := fresh.projects[project]; p != nil {
			p.Keys = append(p.Keys, k)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: reading keys: %w", err)
	}
	return nil
}

func keyPlace(projectID int64) string { return "key/" + strconv.FormatInt(projectID, 10) }

// AddKey adds a secret key to a project; of the key only its secret and label are read. Callbacks stay signed with the
// oldest live key. ErrKeyExists where the project has it already, ErrNotFound where there is no such project,
// ErrNeedsSecond where a user adds it to a project that asks for a second person: RequestKeyApproval asks for one.
func (s *Store) AddKey(ctx context.Context, projectID int64, key merchant.Key, by By) error {
	p, err := s.projectNow(ctx, projectID)
	if err != nil {
		return err
	}
	sealed, err := s.vault.Seal([]byte(key.Secret), keyPlace(projectID))
	if err != nil {
		return err
	}
	return s.change(ctx, by.idempotencyKey("key add", projectObject(projectID)), func(ctx context.Context, t *Tx) error {
		before, err := t.projectBefore(ctx, projectID)
		if err != nil {
			return err
		}
		if isUser(by.Actor) && before.Controlled() {
			return ErrNeedsSecond
		}
		return t.newKey(ctx, p, key, sealed, by.Actor)
	})
}

// newKey adds a key under the next number; p knows the others.
func (t *Tx) newKey(ctx context.Context, p *merchant.Project, key merchant.Key, sealed []byte, actor string) error {
	if hasKey(p, key.Secret) {
		return ErrKeyExists
	}
	newest := int64(0)
	err := t.Query(ctx, "SELECT MAX(id) FROM project_keys WHERE project_id = $1", func(r *sql.Rows) error { return r.Scan(&newest) }, p.ID)
	if err != nil {
		return err
	}
	if err := t.addKey(ctx, p.ID, newest+1, sealed, key.Label, actor); err != nil {
		return err
	}
	return t.Audit(ctx, actor, "key add", projectObject(p.ID), Detail{}.Int("key", newest+1).Text("label", key.Label))
}

func hasKey(p *merchant.Project, secret string) bool {
	return slices.ContainsFunc(p.Keys, func(k merchant.Key) bool { return k.Secret == secret })
}

func (t *Tx) addKey(ctx context.Context, projectID, id int64, sealed []byte, label, actor string) error {
	const insert = "INSERT INTO project_keys (project_id, id, sealed, created_at, label, added_by) VALUES ($1, $2, $3, $4, $5, $6)"
	_, err := t.Exec(ctx, insert, projectID, id, sealed, t.now.UnixMicro(), label, actor)
	return err
}

// RevokeKey ends a key at once. ErrLastKey where no other would be left, ErrNotFound where the project has no such live
// key.
func (s *Store) RevokeKey(ctx context.Context, projectID, keyID int64, by By) error {
	if _, err := s.projectNow(ctx, projectID); err != nil {
		return err
	}
	return s.change(ctx, by.idempotencyKey("key revoke", projectObject(projectID)), func(ctx context.Context, t *Tx) error {
		var live []int64
		const find = "SELECT id FROM project_keys WHERE project_id = $1 AND revoked_at IS NULL ORDER BY id{{for_update}}"
		err := t.Query(ctx, find, func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			live = append(live, id)
			return err
		}, projectID)
		switch {
		case err != nil:
			return err
		case !slices.Contains(live, keyID):
			return fmt.Errorf("%w: key %d of project %d", ErrNotFound, keyID, projectID)
		case len(live) == 1:
			return ErrLastKey
		}
		const revoke = "UPDATE project_keys SET revoked_at = $1 WHERE project_id = $2 AND id = $3"
		if _, err := t.Exec(ctx, revoke, t.now.UnixMicro(), projectID, keyID); err != nil {
			return err
		}
		return t.Audit(ctx, by.Actor, "key revoke", projectObject(projectID), Detail{}.Int("key", keyID))
	})
}

// KeyState is what is known of a secret key, live or revoked; its secret is not.
type KeyState struct {
	ID        int64
	Label     string
	AddedBy   string // empty: not known
	CreatedAt time.Time
	UsedAt    time.Time // when a request was last signed with it, a minute or two late; zero: never
	RevokedAt time.Time // zero: it is live
}

// Keys lists all keys that a project ever had, oldest first.
func (s *Store) Keys(ctx context.Context, projectID int64) ([]KeyState, error) {
	const find = "SELECT id, label, added_by, created_at, used_at, revoked_at FROM project_keys WHERE project_id = $1 ORDER BY id"
	var out []KeyState
	err := s.db.Read(ctx, find, func(r *sql.Rows) error {
		var k KeyState
		var created int64
		var used, revoked sql.NullInt64
		err := r.Scan(&k.ID, &k.Label, &k.AddedBy, &created, &used, &revoked)
		k.CreatedAt, k.UsedAt, k.RevokedAt = sqldb.FromMicros(created), sqldb.FromMicros(used.Int64), sqldb.FromMicros(revoked.Int64)
		out = append(out, k)
		return err
	}, projectID)
	return out, s.db.Unavailable(err)
}

type keyRef struct{ project, key int64 }

// KeyUsed notes that a request was signed with a key. It only remembers: the note is committed within a minute or two.
func (s *Store) KeyUsed(projectID, keyID int64) {
	ref := keyRef{projectID, keyID}
	at, known := s.used.Load(ref)
	if !known {
		at, _ = s.used.LoadOrStore(ref, new(atomic.Int64))
	}
	at.(*atomic.Int64).Store(s.Now().UnixMicro())
}

// saveKeyUse commits what KeyUsed has noted.
func (s *Store) saveKeyUse(ctx context.Context) error {
	used := make(map[keyRef]int64)
	s.used.Range(func(ref, at any) bool {
		if micros := at.(*atomic.Int64).Swap(0); micros != 0 {
			used[ref.(keyRef)] = micros
		}
		return true
	})
	if len(used) == 0 {
		return nil
	}
	return s.do(ctx, &command{exec: func(ctx context.Context, t *Tx) error {
		for ref, at := range used {
			const save = "UPDATE project_keys SET used_at = $1 WHERE project_id = $2 AND id = $3 AND (used_at IS NULL OR used_at < $4)"
			if _, err := t.Exec(ctx, save, at, ref.project, ref.key, at); err != nil {
				return err
			}
		}
		return nil
	}})
}
