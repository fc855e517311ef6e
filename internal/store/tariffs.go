package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"flashpay/internal/money"
	"flashpay/internal/store/sqldb"
	"flashpay/internal/tariff"
)

// TariffVersion is a version of a tariff as it is stored.
type TariffVersion struct {
	ProjectID int64
	tariff.Key
	tariff.Holding
	RecordedAt time.Time
	Actor      string // who set it
}

// Errors of SetTariff.
var (
	ErrTariff     = errors.New("store: the tariff is not valid")
	ErrTariffFar  = fmt.Errorf("%w: it begins too far ahead", ErrTariff)
	ErrTariffPast = errors.New("store: a tariff cannot hold from a moment that has passed: the fees of payouts that were accepted never change")
)

// MaxTariffAhead is how far ahead a tariff can begin.
const MaxTariffAhead = 2 * 366 * 24 * time.Hour

const tariffColumns = "project_id, method, currency, version, valid_at, fixed, percent, least, most, recorded_at, actor"

func scanTariff(r *sql.Rows) (v TariffVersion, err error) {
	var valid, recorded int64
	var percent string
	if err := r.Scan(&v.ProjectID, &v.Method, &v.Currency, &v.Version, &valid, &v.Fixed, &percent, &v.Min, &v.Max, &recorded, &v.Actor); err != nil {
		return v, err
	}
	v.From, v.RecordedAt = sqldb.FromMicros(valid), sqldb.FromMicros(recorded)
	return v, v.Percent.UnmarshalText([]byte(percent))
}

// Tariffs lists all versions of a project's tariffs by method, currency and version; of project 0 those of all projects.
func (s *Store) Tariffs(ctx context.Context, projectID int64) (out []TariffVersion, err error) {
	query, args := "SELECT "+tariffColumns+" FROM tariffs WHERE project_id = $1 ORDER BY method, currency, version", []any{projectID}
	if projectID == 0 {
		query, args = "SELECT "+tariffColumns+" FROM tariffs ORDER BY project_id, method, currency, version", nil
	}
	err = sqldb.Query(ctx, s.db.Reads, query, args...).Each(func(r *sql.Rows) error {
		v, err := scanTariff(r)
		out = append(out, v)
		return err
	})
	return out, s.db.Unavailable(err)
}

// loadTariffs reads the tariffs of all projects.
func (s *Store) loadTariffs(ctx context.Context, fresh *snapshot) error {
	return sqldb.Query(ctx, s.db.Reads, "SELECT "+tariffColumns+" FROM tariffs").Each(func(r *sql.Rows) error {
		v, err := scanTariff(r)
		if p := fresh.projects[v.ProjectID]; p != nil && err == nil {
			if p.Tariffs == nil {
				p.Tariffs = make(tariff.Book)
			}
			p.Tariffs[v.Key] = append(p.Tariffs[v.Key], v.Holding)
		}
		return err
	})
}

// SetTariff makes a version of a project's tariff that holds from a moment on, by default from now, and returns its number.
// Where it says what would hold then anyway nothing changes. What an accepted payout costs stays as it was agreed.
// ErrNotFound where there is no such project, ErrTariff or ErrTariffPast where the tariff cannot be.
func (s *Store) SetTariff(ctx context.Context, projectID int64, k tariff.Key, h tariff.Holding, by By) (version int64, err error) {
	if !money.Valid(k.Currency) || k.Method == "" {
		return 0, fmt.Errorf("%w: %q, %q: want a method's path and an alpha-3 code of ISO 4217", ErrTariff, k.Method, k.Currency)
	}
	if err := h.Check(k.Currency); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrTariff, err)
	}
	if _, err := s.projectNow(ctx, projectID); err != nil {
		return 0, err
	}
	err = s.change(ctx, by.idempotencyKey("tariff set", projectObject(projectID)), func(ctx context.Context, t *Tx) (err error) {
		version, err = t.setTariff(ctx, projectID, k, h, by.Actor)
		return err
	})
	return version, err
}

func (t *Tx) setTariff(ctx context.Context, projectID int64, k tariff.Key, h tariff.Holding, actor string) (int64, error) {
	if h.From.IsZero() {
		h.From = t.now
	}
	switch {
	case h.From.Before(t.now):
		return 0, ErrTariffPast
	case h.From.After(t.now.Add(MaxTariffAhead)):
		return 0, fmt.Errorf("%w: it would hold from %s on only: look at the date", ErrTariffFar, h.From.Format(time.RFC3339))
	}
	const find = "SELECT " + tariffColumns + " FROM tariffs WHERE project_id = $1 AND method = $2 AND currency = $3"
	known := make(tariff.Book)
	err := t.Query(ctx, find, func(r *sql.Rows) error {
		v, err := scanTariff(r)
		known[k] = append(known[k], v.Holding)
		return err
	}, projectID, k.Method, k.Currency)
	if err != nil {
		return 0, err
	}
	before, held := known.At(k, h.From)
	if held && before.Equal(&h.Tariff) {
		return before.Version, nil
	}
	h.Version = int64(len(known[k])) + 1
	const insert = "INSERT INTO tariffs (" + tariffColumns + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
	_, err = t.Exec(ctx, insert, projectID, k.Method, k.Currency, h.Version, h.From.UnixMicro(), h.Fixed, h.Percent.String(), h.Min, h.Max,
		t.now.UnixMicro(), actor)
	if err != nil {
		return 0, err
	}
	was := ""
	if held {
		was = before.Text(k.Currency)
	}
	detail := Detail{}.Text("method", k.Method).Text("currency", k.Currency).Int("version", h.Version).Text("from", h.From.UTC().Format(time.RFC3339Nano)).
		Change("tariff", was, h.Text(k.Currency))
	return h.Version, t.Audit(ctx, actor, "tariff set", projectObject(projectID), detail)
}
