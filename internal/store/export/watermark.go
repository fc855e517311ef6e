package export

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Watermark says how far the tables that only grow had grown at one instant.
type Watermark struct {
	At time.Time

	lines     map[int64]int64       // by shard, the id of its newest journal line
	transfers map[transferRun]int64 // the id of the newest transfer of each run
	events    map[int64]int64       // by project, the number of its newest event
	byHand    map[int64]struct{}    // transfers of the command line: several programs share its shard, so their order says nothing
	positions map[int64]int64       // of batches that were being sent: the line that each had come to
}

// transferRun is a run of transfers whose ids rise in commit order: of a shard; on PostgreSQL, whose key begins with the
// project, of a shard and project.
type transferRun struct{ shard, project int64 }

// settled is how long after its time a commit is surely visible: what was changed earlier than that before the watermark
// is in it.
const settled = time.Minute

// unsettled says whether what carries this time may have been committed after the watermark.
func (m *Watermark) unsettled(at time.Time) bool { return at.After(m.At.Add(-settled)) }

// hadLine tells whether a journal line was there at the watermark's instant.
func (m *Watermark) hadLine(id int64) bool {
	last, ok := m.lines[store.ShardOf(id)]
	return ok && id <= last
}

// markReader reads a watermark in one short transaction.
type markReader struct {
	store    *store.Store
	conn     *sql.Conn
	postgres bool
	projects []int64
	mark     *Watermark
}

func takeWatermark(ctx context.Context, s *store.Store, projects []int64) (mark *Watermark, err error) {
	conn, err := s.DB().Lists.Conn(ctx)
	if err != nil {
		return nil, s.DB().Unavailable(err)
	}
	defer func() {
		if _, e := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); e != nil { // the pool must not get it back inside a transaction
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		_ = conn.Close()
	}()
	m := &markReader{store: s, conn: conn, projects: slices.Clone(projects), postgres: s.DB().Dialect == &sqldb.Postgres}
	begin := "BEGIN" // the first read takes the snapshot, and no writer waits for it
	if m.postgres {
		begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	}
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return nil, s.DB().Unavailable(err)
	}
	m.mark = &Watermark{lines: make(map[int64]int64), transfers: make(map[transferRun]int64), events: make(map[int64]int64), byHand: make(map[int64]struct{}), positions: make(map[int64]int64)}
	for _, part := range []func(context.Context) error{m.lines, m.transfers, m.byHand, m.events, m.positions} {
		if err := part(ctx); err != nil {
			return nil, s.DB().Unavailable(err)
		}
	}
	m.mark.At = s.Now()
	return m.mark, nil
}

// numbers runs a query whose rows have two numbers.
func (m *markReader) numbers(ctx context.Context, query string, found func(a, b int64), args ...any) error {
	return sqldb.Query(ctx, m.conn, query, args...).Each(func(r *sql.Rows) error {
		var a, b sql.NullInt64
		err := r.Scan(&a, &b)
		if b.Valid {
			found(a.Int64, b.Int64)
		}
		return err
	})
}

// shards lists the shards, with the span of their ids.
func (m *markReader) shards(ctx context.Context) (out []int64, err error) {
	err = m.numbers(ctx, "SELECT shard, shard FROM shards ORDER BY shard", func(shard, _ int64) { out = append(out, shard) })
	return out, err
}

func (m *markReader) lines(ctx context.Context) error {
	shards, err := m.shards(ctx)
	if err != nil {
		return err
	}
	for _, shard := range shards {
		after, last := store.ShardRange(shard)
		err := m.numbers(ctx, "SELECT 0, MAX(id) FROM journal WHERE id > $1 AND id <= $2", func(_, id int64) { m.mark.lines[shard] = id }, after, last)
		if err != nil {
			return err
		}
	}
	return nil
}

// transfers finds the newest transfer of each run.
func (m *markReader) transfers(ctx context.Context) error {
	shards, err := m.shards(ctx)
	if err != nil {
		return err
	}
	query, projects := "SELECT 0, MAX(id) FROM transfers WHERE id > $1 AND id <= $2", []int64{0}
	if m.postgres {
		query, projects = query+" AND project_id = $3", m.projects
	}
	for _, shard := range shards {
		after, last := store.ShardRange(shard)
		for _, project := range projects {
			args := []any{after, last}
			if m.postgres {
				args = append(args, project)
			}
			if err := m.numbers(ctx, query, func(_, id int64) { m.mark.transfers[transferRun{shard, project}] = id }, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// byHand lists the transfers of the command line's shard, which are few.
func (m *markReader) byHand(ctx context.Context) error {
	after, last := store.ShardRange(store.CommandShard)
	for _, project := range m.projects {
		query := "SELECT 0, id FROM transfers WHERE id > $1 AND id <= $2 AND project_id = $3"
		err := m.numbers(ctx, query, func(_, id int64) { m.mark.byHand[id] = struct{}{} }, after, last, project)
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *markReader) events(ctx context.Context) error {
	for _, project := range m.projects {
		err := m.numbers(ctx, "SELECT project_id, events FROM counters WHERE project_id = $1", func(project, events int64) { m.mark.events[project] = events }, project)
		if err != nil {
			return fmt.Errorf("newest event of project %d: %w", project, err)
		}
	}
	return nil
}

// positions lists the batches of the projects' merchants that may still be sent. Rows of a batch that was cancelled just now may be
// on their way, too.
func (m *markReader) positions(ctx context.Context) error {
	since := m.store.Now().Add(-settled).UnixMicro()
	const find = "SELECT id, position FROM batches WHERE merchant_id = $1 AND (state IN ('sending', 'paused') OR state = 'cancelled' AND ended_at > $2)"
	for _, merchant := range merchantsOf(m.store, m.projects) {
		if err := m.numbers(ctx, find, func(id, line int64) { m.mark.positions[id] = line }, merchant, since); err != nil {
			return err
		}
	}
	return nil
}

// merchantsOf are the merchants of projects, each once.
func merchantsOf(s *store.Store, projects []int64) (out []int64) {
	for _, id := range projects {
		if p, ok := s.Project(id); ok && !slices.Contains(out, p.MerchantID) {
			out = append(out, p.MerchantID)
		}
	}
	return out
}
