package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"flashpay/internal/merchant"
	"flashpay/internal/store/sqldb"
)

// ErrMerchantExists says that a number is taken.
var ErrMerchantExists = errors.New("store: a merchant of this id exists already")

// Merchant returns a merchant as this process knows it now.
func (s *Store) Merchant(id int64) (*merchant.Merchant, bool) {
	m, ok := s.snapshot.Load().merchants[id]
	return m, ok
}

// Merchants lists all merchants by their numbers.
func (s *Store) Merchants() []*merchant.Merchant {
	var out []*merchant.Merchant
	for _, m := range s.snapshot.Load().merchants {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *merchant.Merchant) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (s *Store) loadMerchants(ctx context.Context, fresh *snapshot) error {
	err := sqldb.Query(ctx, s.db.Reads, "SELECT id, name, blocked, paused, created_at FROM merchants").Each(func(r *sql.Rows) error {
		m := &merchant.Merchant{}
		var blocked, paused, created int64
		err := r.Scan(&m.ID, &m.Name, &blocked, &paused, &created)
		m.Restrictions, m.CreatedAt = merchant.Restrictions{Blocked: blocked != 0, Paused: paused != 0}, sqldb.FromMicros(created)
		fresh.merchants[m.ID] = m
		return err
	})
	if err != nil {
		return fmt.Errorf("store: reading merchants: %w", err)
	}
	return nil
}

func merchantObject(id int64) string { return "merchant " + strconv.FormatInt(id, 10) }

// CreateMerchant makes a merchant and returns its number: id, or for id 0 the next one that is free.
// ErrMerchantExists where the id is taken. Of an act that was done before it returns 0.
func (s *Store) CreateMerchant(ctx context.Context, id int64, name string, by By) (int64, error) {
	made := int64(0)
	err := s.change(ctx, by.idempotencyKey("merchant create", ""), func(ctx context.Context, t *Tx) error {
		made = id
		if made == 0 {
			const next = "SELECT COALESCE(MAX(id), 0) + 1 FROM merchants"
			if err := t.Query(ctx, next, func(r *sql.Rows) error { return r.Scan(&made) }); err != nil {
				return err
			}
		}
		n, err := t.insertMerchant(ctx, made, name)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrMerchantExists
		}
		return t.Audit(ctx, by.Actor, "merchant create", merchantObject(made), Detail{}.Text("name", name))
	})
	return made, err
}

func (t *Tx) insertMerchant(ctx context.Context, id int64, name string) (int64, error) {
	const insert = "INSERT INTO merchants (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING"
	return t.Exec(ctx, insert, id, name, t.now.UnixMicro())
}

// ensureMerchant sees to it that a project's merchant exists. 0 is the platform itself, which is no merchant.
func (t *Tx) ensureMerchant(ctx context.Context, id int64) error {
	if id == 0 {
		return nil
	}
	_, err := t.insertMerchant(ctx, id, "Merchant "+strconv.FormatInt(id, 10))
	return err
}

// RenameMerchant changes a merchant's name. ErrNotFound where there is no such merchant.
func (s *Store) RenameMerchant(ctx context.Context, id int64, name string, by By) error {
	return s.change(ctx, by.idempotencyKey("merchant rename", merchantObject(id)), func(ctx context.Context, t *Tx) error {
		before := ""
		if err := t.Query(ctx, "SELECT name FROM merchants WHERE id = $1", func(r *sql.Rows) error { return r.Scan(&before) }, id); err != nil {
			return err
		}
		n, err := t.Exec(ctx, "UPDATE merchants SET name = $1 WHERE id = $2", name, id)
		switch {
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("%w: merchant %d", ErrNotFound, id)
		case before == name:
			return nil
		}
		return t.Audit(ctx, by.Actor, "merchant rename", merchantObject(id), Detail{}.Change("name", before, name))
	})
}

// Restriction is a way to stop the payouts of a project or a merchant.
type Restriction string

// The restrictions. What each of them does is said at merchant.Restrictions.
const (
	Blocked Restriction = "blocked"
	Paused  Restriction = "paused"
)

// restrict holds the statements that set or lift a restriction, by kind of object.
var restrict = map[string]map[Restriction]string{
	"project": {
		Blocked: "UPDATE projects SET blocked = $1 WHERE id = $2 AND blocked <> $3",
		Paused:  "UPDATE projects SET paused = $1 WHERE id = $2 AND paused <> $3",
	},
	"merchant": {
		Blocked: "UPDATE merchants SET blocked = $1 WHERE id = $2 AND blocked <> $3",
		Paused:  "UPDATE merchants SET paused = $1 WHERE id = $2 AND paused <> $3",
	},
}

// restrictWords are the actions as the audit log names them.
var restrictWords = map[Restriction]map[bool]string{Blocked: {true: "block", false: "unblock"}, Paused: {true: "pause", false: "resume"}}

// RestrictProject sets a restriction of a project (on) or lifts it. Setting it twice changes nothing. Other processes learn of it
// within a second. ErrNotFound where there is no such project.
func (s *Store) RestrictProject(ctx context.Context, id int64, way Restriction, on bool, reason string, by By) error {
	if _, err := s.projectNow(ctx, id); err != nil {
		return err
	}
	return s.setRestriction(ctx, "project", id, way, on, reason, by)
}

// RestrictMerchant is RestrictProject for a merchant, which holds for all of its projects. ErrNotFound where there is no such merchant.
func (s *Store) RestrictMerchant(ctx context.Context, id int64, way Restriction, on bool, reason string, by By) error {
	if err := s.Refresh(ctx); err != nil {
		return err
	}
	if _, ok := s.Merchant(id); !ok {
		return fmt.Errorf("%w: merchant %d", ErrNotFound, id)
	}
	return s.setRestriction(ctx, "merchant", id, way, on, reason, by)
}

func (s *Store) setRestriction(ctx context.Context, kind string, id int64, way Restriction, on bool, reason string, by By) error {
	value := int64(0)
	if on {
		value = 1
	}
	object, act := kind+" "+strconv.FormatInt(id, 10), kind+" "+restrictWords[way][on]
	return s.change(ctx, by.idempotencyKey(act, object), func(ctx context.Context, t *Tx) error {
		n, err := t.Exec(ctx, restrict[kind][way], value, id, value)
		if err != nil || n == 0 { // it is so already
			return err
		}
		return t.Audit(ctx, by.Actor, act, object, Detail{}.Text("reason", reason))
	})
}
