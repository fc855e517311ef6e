package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"net/http"
	"slices"
	"time"

	"flashpay/internal/store/sqldb"
)

// Attempts of callbacks are counted by the commit that logs them: once, as the callback moves once, whoever else logs the same
// attempt. They can be counted again at any time: what the log makes and what is counted are read as of one instant, and the
// difference is added, while the next attempts are counted beside it.

// CallbackHours are the lengths of the periods in which attempts are counted, in hours.
var CallbackHours = []int64{1, 24}

// CallbackRollup names a row of how often callbacks were attempted.
type CallbackRollup struct {
	Project      int64
	Hours, Start int64 // the period: its length, and when it began, in microseconds
	Acknowledged int64 // 0 or 1
	Bucket       int64 // as of TimeBucket, from the event on; 0: not acknowledged
}

func (k CallbackRollup) compare(o CallbackRollup) int {
	return cmp.Or(cmp.Compare(k.Project, o.Project), cmp.Compare(k.Hours, o.Hours), cmp.Compare(k.Start, o.Start),
		cmp.Compare(k.Acknowledged, o.Acknowledged), cmp.Compare(k.Bucket, o.Bucket))
}

// rollUpAttempt calls add for each row that an attempt is counted in. It is the one place that knows what the rows are made of.
func rollUpAttempt(project, event, at, took, status int64, add func(CallbackRollup)) {
	for _, hours := range CallbackHours {
		k := CallbackRollup{Project: project, Hours: hours, Start: startOf(at, hours)}
		if status == http.StatusOK {
			k.Acknowledged, k.Bucket = 1, TimeBucket(time.Duration(at+took-event)*time.Microsecond)
		}
		add(k)
	}
}

var addCallbackRollups = sqldb.NewBulk("INSERT INTO callback_rollups (project_id, hours, start, acknowledged, bucket, shard, attempts) VALUES ",
	"(%i, %i, %i, %i, %i, %i, %i)", ` ON CONFLICT (project_id, hours, start, acknowledged, bucket, shard) DO UPDATE
		SET attempts = callback_rollups.attempts + excluded.attempts`)

func callbackRollupArgs(shard int64, counts map[CallbackRollup]int64) (args []any) {
	for _, k := range slices.SortedFunc(maps.Keys(counts), CallbackRollup.compare) {
		args = append(args, k.Project, k.Hours, k.Start, k.Acknowledged, k.Bucket, shard, counts[k])
	}
	return args
}

// attemptKey names an attempt.
type attemptKey struct{ project, number, attempt int64 }

// logAttempts logs and counts the attempts that moved their callback. An attempt that did not was made by somebody whose lease had
// ended, while another's of the same number did: the log has one of each number, and it is the one that counts.
func (t *Tx) logAttempts(ctx context.Context, commands []*command) error {
	made := slices.ContainsFunc(commands, func(c *command) bool { return c.attempt != nil })
	if !made {
		return nil
	}
	if err := t.conn.Flush(ctx); err != nil {
		return err
	}
	var log []any
	counts := make(map[CallbackRollup]int64)
	for _, c := range commands {
		a := c.attempt
		if a == nil {
			continue
		}
		key := attemptKey{a.ProjectID, a.Number, int64(a.Attempt.Attempt)}
		event, moved := t.attempted[key]
		if !moved {
			continue
		}
		delete(t.attempted, key) // one of each number
		log = a.logRow(log)
		rollUpAttempt(key.project, event, a.At.UnixMicro(), a.Duration.Microseconds(), int64(a.HTTPStatus), func(k CallbackRollup) { counts[k]++ })
	}
	if err := insertAttempts.Later(ctx, t.conn, log, nil); err != nil {
		return err
	}
	return addCallbackRollups.Later(ctx, t.conn, callbackRollupArgs(t.store.shard.Load(), counts), nil)
}

// The log and the rows of a project, in one statement: so of one instant. A callback's own row has its last attempt, which the log
// has not, where it was the only one and was acknowledged.
const readAttempts = `SELECT 0, c.created_at, a.at, a.duration, a.http_status, 0 FROM attempts a JOIN callbacks c ON c.project_id = a.project_id AND c.number = a.number
		WHERE a.project_id = $1
	UNION ALL SELECT 0, c.created_at, COALESCE(c.last_at, 0), COALESCE(c.duration, 0), COALESCE(c.http_status, 0), 0 FROM callbacks c WHERE c.project_id = $2 AND c.attempts > 0
		AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.project_id = c.project_id AND a.number = c.number AND a.attempt = c.attempts)
	UNION ALL SELECT hours, start, acknowledged, bucket, attempts, 1 FROM callback_rollups WHERE project_id = $3`

// CheckCallbackRollups counts the attempts of a project's callbacks again. off is by how much rows are too small; rows is how
// many there are.
func (s *Store) CheckCallbackRollups(ctx context.Context, project int64) (off map[CallbackRollup]int64, rows int64, err error) {
	off = make(map[CallbackRollup]int64)
	err = sqldb.Query(ctx, s.db.Reads, readAttempts, project, project, project).Each(func(r *sql.Rows) error {
		var v [6]int64
		err := r.Scan(&v[0], &v[1], &v[2], &v[3], &v[4], &v[5])
		if v[5] == 1 {
			rows++
			off[CallbackRollup{project, v[0], v[1], v[2], v[3]}] -= v[4]
			return err
		}
		rollUpAttempt(project, v[1], v[2], v[3], v[4], func(k CallbackRollup) { off[k]++ })
		return err
	})
	maps.DeleteFunc(off, func(_ CallbackRollup, n int64) bool { return n == 0 })
	return off, rows, s.db.Unavailable(err)
}

// recountCallbacks brings the rows of projects right that are to be counted again.
func (s *Store) recountCallbacks(ctx context.Context) error {
	type order struct{ project, askedAt int64 }
	var orders []order
	err := sqldb.Query(ctx, s.db.Reads, "SELECT project_id, asked_at FROM callback_recounts ORDER BY project_id").Each(func(r *sql.Rows) error {
		var o order
		err := r.Scan(&o.project, &o.askedAt)
		orders = append(orders, o)
		return err
	})
	if err != nil {
		return s.db.Unavailable(err)
	}
	for _, o := range orders {
		off, _, err := s.CheckCallbackRollups(ctx, o.project)
		if err != nil {
			return err
		}
		err = s.offWriter(ctx, func(ctx context.Context, on *sqldb.Conn) error {
			n, err := on.Exec(ctx, "DELETE FROM callback_recounts WHERE project_id = $1 AND asked_at = $2", o.project, o.askedAt)
			if err != nil || n == 0 { // another node has done it
				return err
			}
			return addCallbackRollups.Run(ctx, on, callbackRollupArgs(s.shard.Load(), off), nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// askToRecountCallbacks has the attempts of all projects counted again.
func (t *Tx) askToRecountCallbacks(ctx context.Context) error {
	const ask = `INSERT INTO callback_recounts (project_id, asked_at) SELECT id, CAST($1 AS BIGINT) FROM projects WHERE 1 = 1
		ON CONFLICT (project_id) DO UPDATE SET asked_at = excluded.asked_at WHERE callback_recounts.asked_at <> 0`
	_, err := t.Exec(ctx, ask, t.now.UnixMicro())
	return err
}

// CallbacksCounted tells whether the attempts of callbacks have been counted since the database knows of such counts.
func (s *Store) CallbacksCounted(ctx context.Context) (bool, error) {
	var n int64
	err := sqldb.One(ctx, s.db.Lists, "SELECT COUNT(*) FROM callback_recounts WHERE asked_at = 0").Scan(&n)
	return n == 0, s.db.Unavailable(err)
}
