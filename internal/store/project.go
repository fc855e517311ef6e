package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/rule"
	"flashpay/internal/store/sqldb"
)

// snapshot is all merchants and projects as they stood at one version of the settings. It is never changed, only
// replaced.
type snapshot struct {
	version   int64
	merchants map[int64]*merchant.Merchant
	projects  map[int64]*merchant.Project
}

// By says who acts, for the audit log and against repeats.
type By struct {
	Actor          string // for the audit log, such as "cli:root" or "user 17 <aida@example.kg>"
	IdempotencyKey string // an act with the same key again is a success without effect; empty: a key of its own
}

// Errors of calls that concern projects.
var (
	ErrProjectExists = errors.New("store: a project of this id exists already")
	ErrNoCallbackURL = errors.New("store: the project and the payment have no callback URL: set one first")
)

// Project returns a project from this process's snapshot of the settings, which follows changes by other processes within a
// second. ok is false where there is none.
func (s *Store) Project(id int64) (*merchant.Project, bool) {
	p, ok := s.snapshot.Load().projects[id]
	return p, ok
}

// Projects returns all projects, by id.
func (s *Store) Projects() []*merchant.Project {
	var out []*merchant.Project
	for _, p := range s.snapshot.Load().projects {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *merchant.Project) int { return int(a.ID - b.ID) })
	return out
}

// follow reads settings and rates again where somebody has changed them.
func (s *Store) follow(ctx context.Context) error {
	var version, ratesVersion int64
	if err := sqldb.One(ctx, s.db.Reads, "SELECT version, rates FROM settings_version WHERE one = 1").Scan(&version, &ratesVersion); err != nil {
		return fmt.Errorf("store: reading the settings' version: %w", err)
	}
	if err := s.loadRates(ctx, ratesVersion); err != nil {
		return err
	}
	if known := s.snapshot.Load(); known != nil && known.version == version {
		return nil
	}
	return s.load(ctx, version)
}

// Refresh reads the settings anew where they have changed: what was committed before the call is known afterwards.
func (s *Store) Refresh(ctx context.Context) error { return s.follow(ctx) }

// load replaces the snapshot. The version was read before the projects, so that a change in between is read again.
func (s *Store) load(ctx context.Context, version int64) error {
	s.refreshMu.Lock()
	defer s.refreshMu.Unlock()
	fresh := &snapshot{version: version, merchants: make(map[int64]*merchant.Merchant), projects: make(map[int64]*merchant.Project)}
	if err := s.loadMerchants(ctx, fresh); err != nil {
		return err
	}
	err := sqldb.Query(ctx, s.db.Reads, "SELECT id, merchant_id, name, mode, blocked, paused, settings, version, created_at FROM projects").Each(func(r *sql.Rows) error {
		p := &merchant.Project{}
		var settings string
		var created, blocked, paused int64
		if err := r.Scan(&p.ID, &p.MerchantID, &p.Name, (*string)(&p.Mode), &blocked, &paused, &settings, &p.Version, &created); err != nil {
			return err
		}
		p.Restrictions, p.CreatedAt = merchant.Restrictions{Blocked: blocked != 0, Paused: paused != 0}, sqldb.FromMicros(created)
		p.Blocked, p.Paused = p.Restrictions.Blocked, p.Restrictions.Paused
		if m := fresh.merchants[p.MerchantID]; m != nil {
			p.Blocked, p.Paused = p.Blocked || m.Restrictions.Blocked, p.Paused || m.Restrictions.Paused
		}
		fresh.projects[p.ID] = p
		return json.Unmarshal([]byte(settings), &p.Settings)
	})
	if err != nil {
		return fmt.Errorf("store: reading projects: %w", err)
	}
	if err := s.loadKeys(ctx, fresh); err != nil {
		return err
	}
	if err := s.loadBalances(ctx, fresh); err != nil {
		return err
	}
	if err := s.loadTariffs(ctx, fresh); err != nil {
		return fmt.Errorf("store: reading tariffs: %w", err)
	}
	if known := s.snapshot.Load(); known == nil || known.version <= version {
		s.snapshot.Store(fresh)
	}
	return nil
}

func projectObject(id int64) string { return "project " + strconv.FormatInt(id, 10) }

// idempotencyKey is the key of one act on one object; empty where the act has none.
func (b By) idempotencyKey(act, object string) string {
	if b.IdempotencyKey == "" {
		return ""
	}
	return act + " " + object + " " + b.IdempotencyKey
}

// change runs a change of settings in the writer, raises their version, and reads them again.
func (s *Store) change(ctx context.Context, idempotencyKey string, f func(ctx context.Context, t *Tx) error) error {
	act := func(ctx context.Context, t *Tx) error {
		if err := f(ctx, t); err != nil {
			return err
		}
		return t.settingsChanged(ctx)
	}
	if err := s.Do(ctx, idempotencyKey, act); err != nil {
		return err
	}
	return s.Refresh(ctx)
}

// settingsChanged makes all processes read the settings again.
func (t *Tx) settingsChanged(ctx context.Context) error {
	_, err := t.Exec(ctx, "UPDATE settings_version SET version = version + 1 WHERE one = 1")
	return err
}

// CreateProject creates a project with its first key and its opening balances (minor units by currency), which are booked as
// top-ups. The merchant is created where there is none with that number. ErrProjectExists where the id is taken.
func (s *Store) CreateProject(ctx context.Context, p *merchant.Project, key string, opening map[string]int64, actor string) error {
	return s.OpenProject(ctx, p, key, opening, By{Actor: actor})
}

// OpenProject is CreateProject under the idempotency key of by.
func (s *Store) OpenProject(ctx context.Context, p *merchant.Project, key string, opening map[string]int64, by By) error {
	settings, err := json.Marshal(p.Settings)
	if err != nil {
		return fmt.Errorf("store: settings: %w", err)
	}
	sealed, err := s.vault.Seal([]byte(key), keyPlace(p.ID))
	if err != nil {
		return err
	}
	return s.change(ctx, by.idempotencyKey("project create", projectObject(p.ID)), func(ctx context.Context, t *Tx) error {
		const insert = `INSERT INTO projects (id, merchant_id, name, mode, settings, version, created_at)
			VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT (id) DO NOTHING`
		n, err := t.Exec(ctx, insert, p.ID, p.MerchantID, p.Name, string(p.Mode), string(settings), t.now.UnixMicro())
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrProjectExists
		}
		if err := t.ensureMerchant(ctx, p.MerchantID); err != nil {
			return err
		}
		if err := t.addVersion(ctx, p.ID, 1, p.Name, string(settings), by.Actor); err != nil {
			return err
		}
		if _, err := t.Exec(ctx, "INSERT INTO counters (project_id, events) VALUES ($1, 0)", p.ID); err != nil {
			return err
		}
		if err := t.addKey(ctx, p.ID, 1, sealed, "", by.Actor); err != nil {
			return err
		}
		for currency, amount := range opening {
			if err := t.topUp(ctx, p.ID, currency, amount, "opening balance"); err != nil {
				return err
			}
		}
		detail := Detail{}.Text("name", p.Name).Text("mode", string(p.Mode)).Int("merchant", p.MerchantID)
		for _, d := range merchant.Differences(&merchant.Project{Name: p.Name, Mode: p.Mode}, p) {
			detail = detail.Text(d.Key(), d.After)
		}
		return t.Audit(ctx, by.Actor, "project create", projectObject(p.ID), detail)
	})
}

func (s *Store) projectNow(ctx context.Context, id int64) (*merchant.Project, error) {
	if err := s.Refresh(ctx); err != nil {
		return nil, err
	}
	p, ok := s.Project(id)
	if !ok {
		return nil, fmt.Errorf("%w: project %d", ErrNotFound, id)
	}
	return p, nil
}

// Audit writes a line of the audit log, in this commit.
func (t *Tx) Audit(ctx context.Context, actor, action, object string, detail Detail) error {
	const insert = "INSERT INTO audit_log (id, at, actor, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)"
	_, err := t.Exec(ctx, insert, t.RowID(), t.now.UnixMicro(), actor, action, object, detail.String())
	return err
}

// callbackTarget is where a callback goes by the settings of now.
func (s *Store) callbackTarget(job *CallbackJob) string {
	p, ok := s.Project(job.Event.ProjectID)
	if !ok {
		return ""
	}
	return targetOf(p, &job.Event, &job.Payment)
}

// targetOf says where the callback of an event goes; empty: nobody wants it.
func targetOf(p *merchant.Project, e *Event, of *payout.Payment) string {
	if e.Batch != nil {
		return rule.BatchCallbackURL(p)
	}
	return rule.CallbackURL(p, of.Options, of.Method, e.PaymentStatus)
}
