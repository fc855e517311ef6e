package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"flashpay/internal/store/sqldb"
)

// EventsTopic is what a commit wakes that numbers events of a project.
func EventsTopic(projectID int64) string { return "events " + strconv.FormatInt(projectID, 10) }

// EventsAfter reads the events of a project whose numbers are above after, limit at most, in the order of their numbers and
// without a gap between them, and the number of the project's newest event: 0 where it has none. A project's numbers become
// visible in their order, since a commit holds the project's counter; so where one is missing the database is damaged, and
// that is an error.
func (s *Store) EventsAfter(ctx context.Context, projectID, after int64, limit int) (events []*CallbackJob, last int64, err error) {
	newest, err := s.db.Numbers(ctx, "SELECT events FROM counters WHERE project_id = $1", projectID)
	if err != nil || len(newest) == 0 {
		return nil, 0, s.db.Unavailable(err)
	}
	last = newest[0]
	if after >= last {
		return nil, last, nil
	}
	to := min(last, after+int64(limit))
	const find = "SELECT " + callbackColumns + " FROM events e" + ofEvents + " WHERE e.project_id = $1 AND e.number > $2 AND e.number <= $3 ORDER BY e.number"
	err = sqldb.Query(ctx, s.db.Reads, find, projectID, after, to).Each(func(r *sql.Rows) error {
		job, err := scanCallback(r)
		if err != nil {
			return err
		}
		events = append(events, job)
		return nil
	})
	if err == nil {
		events, err = s.withBatches(ctx, events, projectID, after, to)
	}
	for i, job := range events {
		if want := after + int64(i) + 1; err == nil && job.Event.Number != want {
			err = fmt.Errorf("store: event %d of project %d is missing: the next one is %d", want, projectID, job.Event.Number)
		}
	}
	if got := after + int64(len(events)); err == nil && got != to {
		err = fmt.Errorf("store: event %d of project %d is missing: its newest is %d", got+1, projectID, last)
	}
	if err != nil {
		return nil, 0, s.db.Unavailable(err)
	}
	return events, last, nil
}
