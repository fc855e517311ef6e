package people

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// maxSavedFilters is how many filters a user can save.
const maxSavedFilters = 50

// ErrTooManyFilters says that a user has saved as many filters as there is room for.
var ErrTooManyFilters = fmt.Errorf("store: a user can save %d filters: delete one first", maxSavedFilters)

// SavedFilter is a filter of the register that a user has saved under a name.
type SavedFilter struct {
	Name  string
	Query string // as in the register's address
}

// SavedFilters lists a user's saved filters by name.
func (dir *Directory) SavedFilters(ctx context.Context, user int64) (out []SavedFilter, err error) {
	err = dir.store.DB().List(ctx, "SELECT name, query FROM saved_filters WHERE user_id = $1 ORDER BY name", func(r *sql.Rows) error {
		var f SavedFilter
		err := r.Scan(&f.Name, &f.Query)
		out = append(out, f)
		return err
	}, user)
	return out, dir.store.DB().Unavailable(err)
}

// SaveFilter saves a filter for a user; one of the same name is replaced. ErrTooManyFilters where there is no room.
func (dir *Directory) SaveFilter(ctx context.Context, idempotencyKey string, user *staff.User, f SavedFilter) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		const save = `INSERT INTO saved_filters (user_id, name, query, created_at) SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT)
			WHERE (SELECT COUNT(*) FROM saved_filters WHERE user_id = $5 AND name <> $6) < $7
			ON CONFLICT (user_id, name) DO UPDATE SET query = excluded.query`
		n, err := t.Exec(ctx, save, user.ID, f.Name, f.Query, t.Now().UnixMicro(), user.ID, f.Name, maxSavedFilters)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrTooManyFilters
		}
		return t.Audit(ctx, user.Actor(), "filter save", user.Object(), store.Detail{}.Text("name", f.Name))
	})
}

// DropFilter deletes a user's saved filter. One that is not there is no error.
func (dir *Directory) DropFilter(ctx context.Context, idempotencyKey string, user *staff.User, name string) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		if _, err := t.Exec(ctx, "DELETE FROM saved_filters WHERE user_id = $1 AND name = $2", user.ID, name); err != nil {
			return err
		}
		return t.Audit(ctx, user.Actor(), "filter delete", user.Object(), store.Detail{}.Text("name", name))
	})
}

// RegisterColumns are the columns that a user has chosen, in their order; none: the default.
func (dir *Directory) RegisterColumns(ctx context.Context, user int64) ([]string, error) {
	var text string
	err := sqldb.One(ctx, dir.store.DB().Lists, "SELECT columns FROM register_columns WHERE user_id = $1", user).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) || err == nil && text == "" {
		return nil, nil
	}
	return strings.Split(text, ","), dir.store.DB().Unavailable(err)
}

// SaveRegisterColumns keeps the columns that a user has chosen; none: the default again.
func (dir *Directory) SaveRegisterColumns(ctx context.Context, idempotencyKey string, user *staff.User, columns []string) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		const save = "INSERT INTO register_columns (user_id, columns) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET columns = excluded.columns"
		if _, err := t.Exec(ctx, save, user.ID, strings.Join(columns, ",")); err != nil {
			return err
		}
		return t.Audit(ctx, user.Actor(), "columns save", user.Object(), store.Detail{}.Text("columns", strings.Join(columns, ",")))
	})
}

// LogDownload notes in the audit log what a person takes out of the platform.
func (dir *Directory) LogDownload(ctx context.Context, actor, what, object string, detail store.Detail) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		return t.Audit(ctx, actor, "download "+what, object, detail)
	})
}
