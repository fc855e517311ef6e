package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/work"
)

// Every says of which periods a schedule makes reports.
type Every string

// The periods: calendar days, weeks from Monday on, and calendar months, of the request's zone.
const (
	Day   Every = "day"
	Week  Every = "week"
	Month Every = "month"
)

// Schedule makes a report of each period that has ended. Its request has no From and To: they are the period's.
type Schedule struct {
	Order Order  `json:"order"`
	Every Every  `json:"every"`
	Hour  int    `json:"hour"`           // of the request's zone, 0 to 23
	On    int    `json:"on,omitempty"`   // day on which it is made: of the week, 1 for Monday, or of the month; 0: the first. A shorter month ends earlier.
	Name  string `json:"name,omitempty"` // its owner's
}

// Errors of Check.
var (
	errEvery = errors.New("want day, week or month")
	errHour  = errors.New("want an hour, 0 to 23")
	errOn    = errors.New("want a day of the week, 1 to 7, or of the month, 1 to 31")
	errBound = errors.New("a schedule's reports are of its periods: it has no interval of its own")
)

// Check says what is wrong with a schedule.
func (s *Schedule) Check() error {
	most := map[Every]int{Day: 0, Week: 7, Month: 31}
	last, ok := most[s.Every]
	switch {
	case !ok:
		return fmt.Errorf("period %q: %w", s.Every, errEvery)
	case s.Hour < 0 || s.Hour > 23:
		return fmt.Errorf("hour %d: %w", s.Hour, errHour)
	case s.On < 0 || s.On > last:
		return fmt.Errorf("day %d: %w", s.On, errOn)
	case !s.Order.Request.From.IsZero() || !s.Order.Request.To.IsZero():
		return errBound
	}
	return nil
}

// Turn is one report of a schedule: when it is made, and of which period.
type Turn struct {
	At       time.Time
	From, To time.Time // To is exclusive
}

// Next is the schedule's first turn after a moment.
func (s *Schedule) Next(after time.Time) (Turn, error) {
	zone, err := s.Order.Request.location()
	if err != nil {
		return Turn{}, err
	}
	// The day before: at the same moment it may be another date there.
	year, month, day := after.In(zone).Date()
	for i := day - 1; ; i++ {
		date := time.Date(year, month, i, 12, 0, 0, 0, time.UTC)
		if at := wall(date, s.Hour, zone); at.After(after) && s.isOn(date) {
			from, to := s.period(date)
			return Turn{At: at, From: wall(from, 0, zone), To: wall(to, 0, zone)}, nil
		}
	}
}

// isOn tells whether reports are made on a date.
func (s *Schedule) isOn(date time.Time) bool {
	on := max(s.On, 1)
	switch s.Every {
	case Week:
		return weekday(date) == on
	case Month:
		last := time.Date(date.Year(), date.Month()+1, 0, 12, 0, 0, 0, time.UTC).Day()
		return date.Day() == min(on, last)
	}
	return true
}

// weekday is 1 for Monday.
func weekday(date time.Time) int { return (int(date.Weekday())+6)%7 + 1 }

// period is the newest period that has ended when a date begins, from one date to another.
func (s *Schedule) period(date time.Time) (from, to time.Time) {
	switch s.Every {
	case Week:
		to = date.AddDate(0, 0, 1-weekday(date))
		return to.AddDate(0, 0, -7), to
	case Month:
		to = date.AddDate(0, 0, 1-date.Day())
		return to.AddDate(0, -1, 0), to
	}
	return date.AddDate(0, 0, -1), date
}

// wall is when a zone's clocks show an hour of a date: for the first time, where they are set back, and the first moment
// after it, where they are set forward over it.
func wall(date time.Time, hour int, zone *time.Location) time.Time {
	const layout, step = "2006-01-02 15:04", 15 * time.Minute // no zone changes between quarters of an hour
	wanted := fmt.Sprintf("%s %02d:00", date.Format(time.DateOnly), hour)
	at := time.Date(date.Year(), date.Month(), date.Day(), hour, 0, 0, 0, zone).Add(-3 * time.Hour)
	for at.Format(layout) < wanted {
		at = at.Add(step)
	}
	return at.UTC()
}

// scheduled is a schedule as it stands.
type scheduled struct {
	After time.Time `json:"after"` // its newest turn
}

// ScheduleInfo is a schedule with what becomes of it.
type ScheduleInfo struct {
	ID int64
	Schedule
	State     jobs.State // running or queued: it goes on
	Next      time.Time  // when it makes the next report; zero: never
	Outcome   string
	CreatedAt time.Time
}

// AddSchedule begins a schedule. once names the act, as for Add.
func (s *Service) AddSchedule(ctx context.Context, idempotencyKey string, sc Schedule) (id int64, err error) {
	if err := sc.Check(); err != nil {
		return 0, fmt.Errorf("report: schedule: %w", err)
	}
	first, err := sc.Next(s.Store.Now())
	if err != nil {
		return 0, err
	}
	params, err := json.Marshal(sc)
	if err != nil {
		return 0, fmt.Errorf("report: %w", err)
	}
	o := &sc.Order
	err = s.Store.Do(ctx, "", func(ctx context.Context, t *store.Tx) error {
		var added bool
		id, added, err = jobs.Add(ctx, t, jobs.New{
			Kind: JobSchedule, Key: keyOf(o.UserID, idempotencyKey), MerchantID: o.MerchantID, UserID: o.UserID, Params: params, DueAt: first.At, KeepFor: KeepFor,
		})
		if err != nil || !added {
			return err
		}
		return t.Audit(ctx, o.Actor, "report schedule", object(id), store.Detail{}.Text("kind", o.Request.Kind).Text("every", string(sc.Every)))
	})
	return id, err
}

// schedule makes the reports of a schedule that are due, one for each period since the newest, and waits for the next one.
// A turn and its report are one commit, so a period has one report, whatever is down for how long.
func (s *Service) schedule(ctx context.Context, r *jobs.Run) error {
	var sc Schedule
	at := scheduled{After: r.CreatedAt}
	if err := json.Unmarshal(r.Params, &sc); err != nil {
		return r.Fail(ctx, "it cannot be read")
	}
	if len(r.Position) > 0 {
		if err := json.Unmarshal(r.Position, &at); err != nil {
			return r.Fail(ctx, "its position cannot be read")
		}
	}
	switch _, err := s.seen(ctx, r.UserID); {
	case errors.Is(err, ErrNoRight), errors.Is(err, store.ErrNotFound):
		return r.Fail(ctx, "its owner may not have reports any more")
	case err != nil:
		return err
	}
	for {
		turn, err := sc.Next(at.After)
		if err != nil {
			return err
		}
		if turn.At.After(s.Store.Now()) {
			return &work.JobPause{Until: turn.At}
		}
		if err := s.take(ctx, r, sc.Order, turn); err != nil {
			return err
		}
		at.After = turn.At
	}
}

// take commits a turn with its report.
func (s *Service) take(ctx context.Context, r *jobs.Run, o Order, turn Turn) error {
	o.Schedule, o.Request.From, o.Request.To = r.ID, turn.From, turn.To
	params, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	position, err := json.Marshal(scheduled{After: turn.At})
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return r.Checkpoint(ctx, position, r.Done+1, 0, func(ctx context.Context, t *store.Tx) error {
		_, _, err := jobs.Add(ctx, t, jobs.New{
			Kind: JobReport, Key: "schedule/" + strconv.FormatInt(r.ID, 10) + "/" + turn.From.Format(time.RFC3339),
			MerchantID: r.MerchantID, UserID: r.UserID, Params: params, KeepFor: KeepFor,
		})
		return err
	})
}

// Schedules lists the schedules of a user, newest first; user 0 sees them all.
func (s *Service) Schedules(ctx context.Context, userID int64, limit int) (out []*ScheduleInfo, err error) {
	found, err := jobs.List(ctx, s.Store, jobs.Filter{Kind: JobSchedule, UserID: userID, Limit: limit})
	if err != nil {
		return nil, err
	}
	for i := range found {
		j, err := jobs.Get(ctx, s.Store, found[i].ID)
		if errors.Is(err, store.ErrNotFound) { // deleted just now
			continue
		}
		if err != nil {
			return nil, err
		}
		info := &ScheduleInfo{ID: j.ID, State: j.State, Next: j.NextAt, Outcome: j.Outcome, CreatedAt: j.CreatedAt}
		if err := json.Unmarshal(j.Params, &info.Schedule); err != nil {
			return nil, fmt.Errorf("report: schedule %d: %w", j.ID, err)
		}
		info.Order.UserID, info.Order.MerchantID = j.UserID, j.MerchantID
		out = append(out, info)
	}
	return out, nil
}

// CancelSchedule ends a schedule of a user; the reports that it has made stay. ErrNotFound where there is none.
func (s *Service) CancelSchedule(ctx context.Context, userID, id int64, actor string) error {
	j, err := jobs.Get(ctx, s.Store, id)
	if err == nil && (j.Kind != JobSchedule || userID != 0 && j.UserID != userID) {
		err = fmt.Errorf("%w: schedule %d", store.ErrNotFound, id)
	}
	if err != nil {
		return err
	}
	return s.cancel(ctx, id, actor, "report schedule end")
}
