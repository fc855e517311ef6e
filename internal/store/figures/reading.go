package figures

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"flashpay/internal/store/sqldb"
)

// Reading is what one page reads: as of when figures are once, and each query once, however many tiles ask for it.
type Reading struct {
	*Figures
	mark  *Mark
	build map[Metric]reading[int64]
	rows  map[string]reading[[]Row]
}

type reading[T any] struct {
	of  T
	err error
}

// Read begins a page.
func (f *Figures) Read() *Reading {
	return &Reading{Figures: f, build: make(map[Metric]reading[int64]), rows: make(map[string]reading[[]Row])}
}

// Mark is how far the figures had come at least when the page read the first of them, if it asks for this before.
func (r *Reading) Mark(ctx context.Context) (Mark, error) {
	if r.mark == nil {
		m, err := r.Figures.Mark(ctx)
		if err != nil {
			return m, err
		}
		r.mark = &m
	}
	return *r.mark, nil
}

// Sum adds figures up, as Figures.Sum does.
func (r *Reading) Sum(ctx context.Context, q Query) ([]Row, error) {
	key, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	known, ok := r.rows[string(key)]
	if !ok {
		known.of, known.err = r.sum(ctx, q)
		r.rows[string(key)] = known
	}
	return slices.Clone(known.of), known.err // tiles leave rows out of what they got
}

func (r *Reading) sum(ctx context.Context, q Query) ([]Row, error) {
	if len(q.Projects) == 0 {
		return nil, nil
	}
	build, err := r.Build(ctx, q.What)
	if err != nil {
		return nil, err
	}
	return r.of(ctx, build, q)
}

// Build is the build of rollups that is read. ErrCounting: what is asked for is not there yet.
func (r *Reading) Build(ctx context.Context, what Metric) (int64, error) {
	if what != Callbacks {
		what = Payments // all others come from one build
	}
	known, ok := r.build[what]
	if !ok {
		known.of, known.err = r.source(ctx, what)
		r.build[what] = known
	}
	return known.of, known.err
}

// Attempts is how many attempts of callbacks there have been in projects since the day of a moment: what tells that figures of
// callbacks have changed, which go along with the attempts themselves.
func (f *Figures) Attempts(ctx context.Context, projects []int64, since time.Time) (n int64, err error) {
	if len(projects) == 0 {
		return 0, nil
	}
	s := (&sqldb.Statement{}).Text("SELECT CAST(COALESCE(SUM(attempts), 0) AS BIGINT) FROM callback_rollups WHERE ").In("project_id", sqldb.IntArgs(projects))
	s.Text(" AND hours = 24 AND start >= ").Arg(since.Truncate(24 * time.Hour).UnixMicro())
	err = f.store.DB().List(ctx, s.String(), func(r *sql.Rows) error { return r.Scan(&n) }, s.Args...)
	return n, f.store.DB().Unavailable(err)
}
