package alerts

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// EndedBatch is a batch that ended, and not all of whose rows were paid.
type EndedBatch struct {
	ID         int64
	MerchantID int64
	Projects   []int64 // that its rows pay from
}

// facts bounds how many of a kind one look finds; the rest is found by the next.
const facts = 1000

// EndedBatches lists the batches that ended after a moment and had rows with faults, refused ones or declined ones.
func EndedBatches(ctx context.Context, s *store.Store, since time.Time) (out []EndedBatch, err error) {
	const find = `SELECT b.id, b.merchant_id, b.project_id, COALESCE(c.project_id, b.project_id) FROM batches b LEFT JOIN batch_counts c ON c.batch = b.id
		WHERE b.ended_at > $1 AND b.ended_at > 0 AND (b.bad > 0 OR EXISTS (SELECT 1 FROM batch_counts f WHERE f.batch = b.id AND f.status IN ('refused', 'decline') AND f.row_count > 0))
		GROUP BY b.ended_at, b.id, b.merchant_id, b.project_id, c.project_id ORDER BY b.ended_at DESC, b.id DESC LIMIT $2`
	err = s.DB().List(ctx, find, func(r *sql.Rows) error {
		var id, merchant, own, project int64
		if err := r.Scan(&id, &merchant, &own, &project); err != nil {
			return err
		}
		if len(out) == 0 || out[len(out)-1].ID != id {
			out = append(out, EndedBatch{id, merchant, []int64{own}})
		}
		if last := &out[len(out)-1]; project != own && project != 0 {
			last.Projects = append(last.Projects, project)
		}
		return nil
	}, since.UnixMicro(), facts)
	return out, s.DB().Unavailable(err)
}

// Opened is a discrepancy that is open.
type Opened struct{ ID, ProjectID int64 }

// OpenedDiscrepancies lists the discrepancies that were opened after a moment, and are open.
func OpenedDiscrepancies(ctx context.Context, s *store.Store, since time.Time) (out []Opened, err error) {
	const find = "SELECT id, project_id FROM discrepancies WHERE settled_at IS NULL AND opened_at > $1 ORDER BY opened_at DESC, id DESC LIMIT $2"
	err = s.DB().List(ctx, find, func(r *sql.Rows) error {
		var o Opened
		err := r.Scan(&o.ID, &o.ProjectID)
		out = append(out, o)
		return err
	}, since.UnixMicro(), facts)
	return out, s.DB().Unavailable(err)
}

// Mark is how it stands with a project's callbacks, and how it stood when that was last noted.
type Mark struct {
	ProjectID int64
	Repeated  bool      // one is repeated after several attempts
	GivenUp   int64     // the newest that was given up; 0: none
	Since     time.Time // since when they are known to fail; zero: they are not
	Past      int64     // the newest that had been given up when they last did not fail
}

// Fails tells whether callbacks fail that did not when that was last noted.
func (m *Mark) Fails() bool { return m.Repeated || m.GivenUp > m.Past }

// attempts is how often a callback was tried that is said to fail: the first two may be a short absence.
const attempts = 3

// CallbackMark reads the mark of a project.
func CallbackMark(ctx context.Context, s *store.Store, project int64) (m Mark, err error) {
	find := fmt.Sprintf(`SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM callbacks WHERE project_id = $1 AND next_at IS NOT NULL AND attempts > 0 AND attempts >= %d LIMIT 1) AS one),
		(SELECT COALESCE(MAX(number), 0) FROM callbacks WHERE project_id = $2 AND state = 'given up'),
		(SELECT COALESCE(MAX(since), 0) FROM alert_marks WHERE project_id = $3), (SELECT COALESCE(MAX(given_up), 0) FROM alert_marks WHERE project_id = $4)`, attempts)
	m.ProjectID = project
	err = s.DB().List(ctx, find, func(r *sql.Rows) error {
		var repeated, since int64
		err := r.Scan(&repeated, &m.GivenUp, &since, &m.Past)
		m.Repeated = repeated > 0
		m.Since = sqldb.FromMicros(since)
		return err
	}, project, project, project, project)
	return m, s.DB().Unavailable(err)
}

// Note notes in a commit that callbacks of a project fail, or do not any more. false: another commit has noted that.
func (m *Mark) Note(ctx context.Context, t *store.Tx) (bool, error) {
	const row = "INSERT INTO alert_marks (project_id, since, given_up) VALUES ($1, 0, 0) ON CONFLICT (project_id) DO NOTHING"
	if _, err := t.Exec(ctx, row, m.ProjectID); err != nil {
		return false, err
	}
	if m.Since.IsZero() {
		n, err := t.Exec(ctx, "UPDATE alert_marks SET since = $1 WHERE project_id = $2 AND since = 0", t.Now().UnixMicro(), m.ProjectID)
		return n == 1, err
	}
	n, err := t.Exec(ctx, "UPDATE alert_marks SET since = 0, given_up = $1 WHERE project_id = $2 AND since = $3", m.GivenUp, m.ProjectID, m.Since.UnixMicro())
	return n == 1, err
}

// Begin is since when there are alerts: what was before is not told of. The first call says so for good, and takes the callbacks
// that were given up by then for known.
func Begin(ctx context.Context, s *store.Store) (time.Time, error) {
	var since int64
	read := func(r *sql.Rows) error { return r.Scan(&since) }
	const find = "SELECT since FROM alert_marks WHERE project_id = 0"
	if err := s.DB().List(ctx, find, read); err != nil || since != 0 {
		return sqldb.FromMicros(since), s.DB().Unavailable(err)
	}
	err := s.DoRepeatable(ctx, func(ctx context.Context, t *store.Tx) error {
		const past = `INSERT INTO alert_marks (project_id, since, given_up) SELECT project_id, 0, MAX(number) FROM callbacks WHERE state = 'given up' GROUP BY project_id
			ON CONFLICT (project_id) DO NOTHING`
		if _, err := t.Exec(ctx, past); err != nil {
			return err
		}
		_, err := t.Exec(ctx, "INSERT INTO alert_marks (project_id, since, given_up) VALUES (0, $1, 0) ON CONFLICT (project_id) DO NOTHING", t.Now().UnixMicro())
		return err
	})
	if err == nil {
		err = s.DB().List(ctx, find, read)
	}
	return sqldb.FromMicros(since), s.DB().Unavailable(err)
}
