package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Get reads a job with its parameters. ErrNotFound where there is none.
func Get(ctx context.Context, s *store.Store, id int64) (*Job, error) {
	return one(ctx, s, "id = $1", id)
}

// Find reads the job of a kind and key, like Get.
func Find(ctx context.Context, s *store.Store, kind, key string) (*Job, error) {
	return one(ctx, s, "kind = $1 AND key = $2", kind, key)
}

func one(ctx context.Context, s *store.Store, where string, args ...any) (*Job, error) {
	var found *Job
	err := s.DB().Read(ctx, "SELECT "+columns+", sealed FROM jobs WHERE "+where, func(r *sql.Rows) error {
		var sealed []byte
		j, err := scan(r, &sealed)
		if err != nil {
			return err
		}
		found = &j
		return found.unseal(s, sealed)
	}, args...)
	if err == nil && found == nil {
		err = fmt.Errorf("%w: job of %s %v", store.ErrNotFound, where, args)
	}
	return found, s.DB().Unavailable(err)
}

// Filter says which jobs of a kind are listed; what is zero fits everything.
type Filter struct {
	Kind       string // it must be given
	ProjectID  int64
	MerchantID int64
	UserID     int64
	State      State
	Behind     *Job // continue behind this job, of which CreatedAt and ID count; nil: from the newest
	Limit      int
}

// List lists jobs of a kind, newest first, without their parameters.
func List(ctx context.Context, s *store.Store, f Filter) (out []Job, err error) {
	q := &sqldb.Statement{}
	q.Text("SELECT " + columns + " FROM jobs WHERE kind = ").Arg(f.Kind)
	for _, owner := range []struct {
		column string
		id     int64
	}{{"project_id", f.ProjectID}, {"merchant_id", f.MerchantID}, {"user_id", f.UserID}} {
		if owner.id != 0 {
			q.Text(" AND " + owner.column + " = ").Arg(owner.id)
		}
	}
	if f.State != "" {
		q.Text(" AND state = ").Arg(string(f.State))
	}
	if f.Behind != nil {
		q.Text(" AND (created_at, id) < (").Arg(f.Behind.CreatedAt.UnixMicro()).Text(", ").Arg(f.Behind.ID).Text(")")
	}
	q.Text(" ORDER BY created_at DESC, id DESC LIMIT ").Arg(int64(f.Limit))
	err = s.DB().List(ctx, q.String(), func(r *sql.Rows) error {
		j, err := scan(r)
		out = append(out, j)
		return err
	}, q.Args...)
	return out, s.DB().Unavailable(err)
}

// dropPiece is how many jobs one commit of DeleteExpired deletes at most: the writer has other work.
const dropPiece = 200

// DeleteExpired deletes the jobs of a kind whose time after their end is over. What they have left outside of the database is cleared
// first, by clean, which may be nil: it is called again for a job that it has cleared where the process ends in between.
func DeleteExpired(ctx context.Context, s *store.Store, kind string, clean func(ctx context.Context, j *Job) error) error {
	const find = "SELECT " + columns + " FROM jobs WHERE kind = $1 AND next_at IS NULL AND ended_at + keep_for < $2 ORDER BY ended_at LIMIT $3"
	now := s.Now()
	for {
		var old []Job
		err := s.DB().List(ctx, find, func(r *sql.Rows) error {
			j, err := scan(r)
			old = append(old, j)
			return err
		}, kind, now.UnixMicro(), dropPiece)
		if err != nil || len(old) == 0 {
			return s.DB().Unavailable(err)
		}
		ids := make([]int64, 0, len(old))
		for i := range old {
			if clean != nil {
				if err := clean(ctx, &old[i]); err != nil {
					return fmt.Errorf("jobs: clearing %s %s: %w", kind, old[i].Key, err)
				}
			}
			ids = append(ids, old[i].ID)
		}
		q := &sqldb.Statement{}
		q.Text("DELETE FROM jobs WHERE next_at IS NULL AND ").In("id", sqldb.IntArgs(ids))
		err = s.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
			_, err := t.Exec(ctx, q.String(), q.Args...)
			return err
		})
		if err != nil {
			return err
		}
	}
}

// auditPage is how many jobs an audit reads at a time.
const auditPage = 500

// Audit reads all jobs and says of each what is wrong with it; nothing where it is as it should be.
func Audit(ctx context.Context, s *store.Store, each func(j *Job, faults []string) error) error {
	const page = "SELECT " + columns + ", sealed FROM jobs WHERE id > $1 ORDER BY id LIMIT $2"
	after, n := int64(-1<<62), auditPage
	for n == auditPage {
		n = 0
		err := s.DB().List(ctx, page, func(r *sql.Rows) error {
			var sealed []byte
			j, err := scan(r, &sealed)
			if err != nil {
				return err
			}
			n, after = n+1, j.ID
			return each(&j, j.faults(s, sealed))
		}, after, auditPage)
		if err != nil {
			return s.DB().Unavailable(err)
		}
	}
	return nil
}

// faults says what of a job contradicts itself.
func (j *Job) faults(s *store.Store, sealed []byte) (faults []string) {
	if err := j.unseal(s, sealed); err != nil {
		faults = append(faults, "its parameters cannot be opened: "+err.Error())
	}
	if !known(j.State) {
		return append(faults, fmt.Sprintf("it is %q: there is no such state", j.State))
	}
	if j.State.Ended() != j.NextAt.IsZero() || j.State.Ended() != !j.EndedAt.IsZero() {
		faults = append(faults, fmt.Sprintf("it is %s, which does not fit whether it is due or has ended", j.State))
	}
	if j.lease.Valid && j.State != Running {
		faults = append(faults, fmt.Sprintf("it is %s, but leased to shard %d", j.State, j.lease.Int64))
	}
	if j.Done < 0 || j.Total < 0 || j.Total > 0 && j.Done > j.Total {
		faults = append(faults, fmt.Sprintf("it has done %d of %d", j.Done, j.Total))
	}
	if j.State != Queued && j.version == 0 && j.State != Cancelled {
		faults = append(faults, fmt.Sprintf("it is %s, but was never leased", j.State))
	}
	return faults
}

// Late is how much later than due a job is at a time; zero where it is not late, or has ended.
func (j *Job) Late(now time.Time) time.Duration {
	if j.NextAt.IsZero() {
		return 0
	}
	return max(0, now.Sub(j.NextAt))
}
