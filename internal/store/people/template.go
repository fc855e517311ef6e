package people

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// maxTemplates is how many templates of reports one may have.
const maxTemplates = 50

// ErrTooManyTemplates says that somebody has as many templates as there is room for.
var ErrTooManyTemplates = fmt.Errorf("store: one can have %d templates of reports: delete one first", maxTemplates)

// Template is the form of a report, kept under a name.
type Template struct {
	Name  string
	Query string // the form's entries, as in an address
}

// Templates lists a user's templates by name; user 0 is the command line.
func (dir *Directory) Templates(ctx context.Context, user int64) (out []Template, err error) {
	err = dir.store.DB().List(ctx, "SELECT name, query FROM report_templates WHERE user_id = $1 AND name <> '' ORDER BY name", func(r *sql.Rows) error {
		var t Template
		err := r.Scan(&t.Name, &t.Query)
		out = append(out, t)
		return err
	}, user)
	return out, dir.store.DB().Unavailable(err)
}

// Template finds a user's template. ErrNotFound where there is none of that name.
func (dir *Directory) Template(ctx context.Context, user int64, name string) (Template, error) {
	t := Template{Name: name}
	err := sqldb.One(ctx, dir.store.DB().Lists, "SELECT query FROM report_templates WHERE user_id = $1 AND name = $2", user, name).Scan(&t.Query)
	if errors.Is(err, sql.ErrNoRows) || name == "" {
		return t, store.ErrNotFound
	}
	return t, dir.store.DB().Unavailable(err)
}

const putTemplate = `INSERT INTO report_templates (user_id, name, query, created_at) SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT)
	WHERE (SELECT COUNT(*) FROM report_templates WHERE user_id = $5 AND name <> $6) < $7
	ON CONFLICT (user_id, name) DO UPDATE SET query = excluded.query`

// SaveTemplate keeps a template; one of the same name is replaced. ErrTooManyTemplates where there is no room.
func (dir *Directory) SaveTemplate(ctx context.Context, idempotencyKey string, user int64, f Template, actor string) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, putTemplate, user, f.Name, f.Query, t.Now().UnixMicro(), user, f.Name, maxTemplates+1) // the form of files is a row, too
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrTooManyTemplates
		}
		return t.Audit(ctx, actor, "template save", userObject(user), store.Detail{}.Text("name", f.Name))
	})
}

// DropTemplate deletes a template. ErrNotFound where there is none of that name.
func (dir *Directory) DropTemplate(ctx context.Context, idempotencyKey string, user int64, name, actor string) error {
	return dir.store.Do(ctx, idempotencyKey, func(ctx context.Context, t *store.Tx) error {
		n, err := t.Exec(ctx, "DELETE FROM report_templates WHERE user_id = $1 AND name = $2 AND name <> ''", user, name)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrNotFound
		}
		return t.Audit(ctx, actor, "template delete", userObject(user), store.Detail{}.Text("name", name))
	})
}

// FileForm is how a user's files were written last, as entries of the form of a report; empty: nothing is known.
func (dir *Directory) FileForm(ctx context.Context, user int64) (query string, err error) {
	err = sqldb.One(ctx, dir.store.DB().Lists, "SELECT query FROM report_templates WHERE user_id = $1 AND name = ''", user).Scan(&query)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return query, dir.store.DB().Unavailable(err)
}

// SaveFileForm remembers how a user's files are written.
func (dir *Directory) SaveFileForm(ctx context.Context, user int64, query string) error {
	return dir.store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		_, err := t.Exec(ctx, putTemplate, user, "", query, t.Now().UnixMicro(), user, "", maxTemplates+1)
		return err
	})
}
