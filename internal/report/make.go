package report

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"flashpay/internal/staff"
	"flashpay/internal/store/export"
	"flashpay/internal/store/people"
)

// Made is what is known of a report that was written.
type Made struct {
	Rows int64     `json:"rows"`
	AsOf time.Time `json:"as_of"` // the instant whose state it shows
}

// Write makes a report and writes it to w, for a user who sees these projects: a small one at once, without a job. progress,
// which may be nil, is called now and then with how many rows there are so far; its error ends the report.
func (s *Service) Write(ctx context.Context, w io.Writer, q *Request, projects []int64, progress func(rows int64) error) (made Made, err error) {
	kind, ok := Find(q.Kind)
	if !ok {
		return made, fmt.Errorf("report: kind %q: there is none", q.Kind)
	}
	if len(q.Projects) > 0 {
		projects = intersect(q.Projects, projects)
	}
	if err := kind.choose(q.Columns); err != nil {
		return made, fmt.Errorf("report: %w", err)
	}
	x, err := export.Open(ctx, s.Store, projects)
	if err != nil {
		return made, err
	}
	made.AsOf = x.AsOf()
	if q.Format.Gzip {
		packed := gzip.NewWriter(w)
		defer func() { err = errors.Join(err, packed.Close()) }()
		w = packed
	}
	err = kind.write(ctx, &making{request: q, store: s.Store, export: x, filter: q.filter(projects), out: w, row: func() error {
		if made.Rows++; made.Rows%progressRows != 0 || progress == nil {
			return nil
		}
		return progress(made.Rows)
	}})
	return made, err
}

// expected is about how many rows a report will have; 0 where that is not known.
func (s *Service) expected(ctx context.Context, q *Request, projects []int64) (int64, error) {
	if kind, ok := Find(q.Kind); !ok || !kind.perPayment || len(q.Statuses)+len(q.Codes) > 0 || q.MinAmount+q.MaxAmount > 0 {
		return 0, nil
	}
	return export.Estimate(ctx, s.Store, q.filter(projects))
}

// progressRows is how many rows are written between two calls of progress.
const progressRows = 1000

func intersect(wanted, seen []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(wanted), func(id int64) bool { return !slices.Contains(seen, id) })
}

// seen are the projects that a user may see in reports now; user 0 is the command line, which sees all.
func (s *Service) seen(ctx context.Context, userID int64) (ids []int64, err error) {
	user := &staff.User{Roles: []staff.Role{staff.Operator}}
	if userID != 0 {
		account, err := people.New(s.Store).User(ctx, userID)
		if err != nil {
			return nil, fmt.Errorf("report: user %d: %w", userID, err)
		}
		user = &account.User
	}
	if userID != 0 && !user.Can(staff.ManageReports) {
		return nil, fmt.Errorf("%w: user %d", ErrNoRight, userID)
	}
	for _, p := range s.Store.Projects() {
		if user.Sees(p) {
			ids = append(ids, p.ID)
		}
	}
	return ids, nil
}

// FileName is the name under which a report is saved.
func (q *Request) FileName(asOf time.Time) string {
	zone, err := q.location()
	if err != nil {
		zone = time.UTC
	}
	from, to := "all", asOf.In(zone).Format(time.DateOnly)
	if !q.From.IsZero() {
		from = q.From.In(zone).Format(time.DateOnly)
	}
	if !q.To.IsZero() {
		to = q.To.Add(-time.Second).In(zone).Format(time.DateOnly)
	}
	name := q.Kind + "_" + from + "_" + to
	if len(q.Projects) == 1 {
		name = strconv.FormatInt(q.Projects[0], 10) + "_" + name
	}
	if q.Format.Gzip {
		return name + ".csv.gz"
	}
	return name + ".csv"
}
