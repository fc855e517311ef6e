package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/store/sqldb"
)

// UpdateProject stores a project's changed name and settings. ErrMoved where somebody has changed them since p was read.
func (s *Store) UpdateProject(ctx context.Context, p *merchant.Project, actor string) error {
	return s.SaveProject(ctx, p, By{Actor: actor})
}

// SaveProject is UpdateProject for an act that has a name. It keeps the version before, and writes into the audit log
// what differs. Where nothing differs there is no new version. ErrNeedsSecond where a user weakens control over a project
// that asks for a second person: RequestSettingsApproval asks for one.
func (s *Store) SaveProject(ctx context.Context, p *merchant.Project, by By) error {
	settings, err := json.Marshal(p.Settings)
	if err != nil {
		return fmt.Errorf("store: settings: %w", err)
	}
	return s.change(ctx, by.idempotencyKey("project settings", projectObject(p.ID)), func(ctx context.Context, t *Tx) error {
		before, err := t.projectBefore(ctx, p.ID)
		if err != nil {
			return err
		}
		if before.Version == p.Version && isUser(by.Actor) && before.Controlled() && len(merchant.Weakening(before, p)) > 0 {
			return ErrNeedsSecond
		}
		return t.saveProject(ctx, before, p, string(settings), by.Actor)
	})
}

// saveProject stores what differs from before.
func (t *Tx) saveProject(ctx context.Context, before, p *merchant.Project, settings, actor string) error {
	if before.Version != p.Version {
		return ErrMoved
	}
	differences := merchant.Differences(before, p)
	if len(differences) == 0 {
		return nil
	}
	const update = "UPDATE projects SET name = $1, settings = $2, version = version + 1 WHERE id = $3 AND version = $4"
	n, err := t.Exec(ctx, update, p.Name, settings, p.ID, p.Version)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrMoved
	}
	if err := t.addVersion(ctx, p.ID, p.Version+1, p.Name, settings, actor); err != nil {
		return err
	}
	detail := Detail{}.Int("version", p.Version+1)
	for _, d := range differences {
		detail = detail.Change(d.Key(), d.Before, d.After)
	}
	return t.Audit(ctx, actor, "project settings", projectObject(p.ID), detail)
}

// projectBefore reads a project's name and settings as they are before this commit.
func (t *Tx) projectBefore(ctx context.Context, id int64) (*merchant.Project, error) {
	p := &merchant.Project{}
	found := false
	err := t.Query(ctx, "SELECT id, name, mode, settings, version FROM projects WHERE id = $1", func(r *sql.Rows) error {
		found = true
		var settings string
		if err := r.Scan(&p.ID, &p.Name, (*string)(&p.Mode), &settings, &p.Version); err != nil {
			return err
		}
		return json.Unmarshal([]byte(settings), &p.Settings)
	}, id)
	if err == nil && !found {
		err = fmt.Errorf("%w: project %d", ErrNotFound, id)
	}
	return p, err
}

func (t *Tx) addVersion(ctx context.Context, projectID, version int64, name, settings, actor string) error {
	const insert = "INSERT INTO project_versions (project_id, version, name, settings, actor, at) VALUES ($1, $2, $3, $4, $5, $6)"
	_, err := t.Exec(ctx, insert, projectID, version, name, settings, actor, t.now.UnixMicro())
	return err
}

// ProjectVersion is a project's name and settings as they were from a moment on.
type ProjectVersion struct {
	Project *merchant.Project // only ID, Name, Settings and Version are known
	Actor   string            // who made it; empty: it was there before versions were kept
	At      time.Time
}

// ProjectVersions lists a project's versions below a number, newest first, at most limit; below 0: from the newest on.
func (s *Store) ProjectVersions(ctx context.Context, projectID, below int64, limit int) ([]ProjectVersion, error) {
	if below == 0 {
		below = math.MaxInt64
	}
	const find = `SELECT version, name, settings, actor, at FROM project_versions WHERE project_id = $1 AND version < $2
		ORDER BY version DESC LIMIT $3`
	var out []ProjectVersion
	err := s.db.Read(ctx, find, func(r *sql.Rows) error {
		v := ProjectVersion{Project: &merchant.Project{ID: projectID}}
		var settings string
		var at int64
		if err := r.Scan(&v.Project.Version, &v.Project.Name, &settings, &v.Actor, &at); err != nil {
			return err
		}
		v.At = sqldb.FromMicros(at)
		out = append(out, v)
		return json.Unmarshal([]byte(settings), &v.Project.Settings)
	}, projectID, below, limit)
	return out, s.db.Unavailable(err)
}
