package export

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"flashpay/internal/store/figures"
	"flashpay/internal/store/sqldb"
)

// What a list by status skips is counted by rollups where whole hours are skipped. They count by the times of results, the list
// goes by the numbers of events, and the two may part by as much as [blurred]; so the events beside the hour at which the
// rollups' count ends are looked at one by one. Numbers have no gaps. So such a count is proved by all that ended between its two
// ends: where their numbers do not come to it, for the rollups have not come as far, or are being counted anew, it is not used.

// skipsBy is how deep an offset must be for rollups to be asked: what is less is counted as fast.
const skipsBy = 2000

const (
	anHour = time.Hour
	aDay   = 24 * time.Hour
)

// tally is how many operations have ended: all, and those of them that a page chooses.
type tally struct{ all, chosen int64 }

func (t tally) plus(o tally) tally  { return tally{t.all + o.all, t.chosen + o.chosen} }
func (t tally) minus(o tally) tally { return tally{t.all - o.all, t.chosen - o.chosen} }

// boundary is a whole hour as a place in a project's list.
type boundary struct {
	at     time.Time
	number int64 // what is before the hour ends with the event before this one, but for
	beyond tally // events from it on that were before the hour, less those before it that were not
}

// hours are what is skipped, in the direction of the list.
type hours struct{ from, to time.Time }

// byStatus tells whether rollups and events alone say which operations of a run are chosen.
func (p *pager) byStatus(r run) bool {
	return !r.open && len(p.Statuses) > 0 && len(p.Customers) == 0 && p.Email == ""
}

// seek skips what of a run by status lies before the page. The run begins with the page then; false: it has nothing for it.
func (p *pager) seek(ctx context.Context, r run) (run, bool, error) {
	if p.skip == 0 {
		return r, true, nil
	}
	if p.skip >= p.skipsBy {
		var err error
		if r, err = p.jump(ctx, r); err != nil {
			return r, false, err
		}
	}
	q := p.place(r)
	at, err := p.export.store.DB().Numbers(ctx, q.String(), q.Args...)
	if err != nil {
		return r, false, err
	}
	if len(at) == 0 {
		n, err := p.count(ctx, r)
		p.skip = max(0, p.skip-n)
		return r, false, err
	}
	if p.skip = 0; p.Newest {
		r.last = at[0]
	} else {
		r.first = at[0]
	}
	return r, true, nil
}

// place finds the event at which the page begins in a run.
func (p *pager) place(r run) *sqldb.Statement {
	q := p.chosen("number", r).Text(" ORDER BY number")
	if p.Newest {
		q.Text(" DESC")
	}
	return q.Text(" LIMIT 1 OFFSET ").Arg(p.skip)
}

// chosen reads of the events of a run that are chosen by their status.
func (p *pager) chosen(what string, r run) *sqldb.Statement {
	q := (&sqldb.Statement{}).Text("SELECT " + what + " FROM events WHERE project_id = ").Arg(r.project)
	q.Text(" AND number >= ").Arg(r.first).Text(" AND number <= ").Arg(r.last)
	q.Text(" AND at >= ").Arg(p.From.UnixMicro()).Text(" AND at < ").Arg(p.To.UnixMicro())
	return q.Text(" AND ").In("operation_status", sqldb.TextArgs(p.Statuses))
}

func (p *pager) count(ctx context.Context, r run) (int64, error) {
	if r.first > r.last {
		return 0, nil
	}
	q := p.chosen("COUNT(*)", r)
	n, err := p.export.store.DB().Numbers(ctx, q.String(), q.Args...)
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// jump skips whole hours of a run. Where rollups do not say how much that is, the run stays as it is.
func (p *pager) jump(ctx context.Context, r run) (run, error) {
	whole, err := p.wholeHours(ctx, r)
	if err != nil {
		return r, err
	}
	// The list begins at its newest end where rollups may not have come to yet.
	for _, back := range []time.Duration{0, anHour, aDay} {
		if !p.Newest && back > 0 {
			break
		}
		within := hours{whole.from, whole.to.Add(-back)}
		if within.to.Sub(within.from) < anHour {
			break
		}
		shorter, jumped, err := p.jumpWithin(ctx, r, within)
		if err != nil || jumped {
			return shorter, err
		}
	}
	return r, nil
}

// wholeHours are the hours between the ends of a run, all of whose events are of the period.
func (p *pager) wholeHours(ctx context.Context, r run) (h hours, err error) {
	var ends [2]time.Time
	for i, number := range []int64{r.first, r.last} {
		at, err := p.export.store.DB().Numbers(ctx, eventAt, r.project, number)
		if err != nil || len(at) == 0 {
			return h, err
		}
		ends[i] = sqldb.FromMicros(at[0])
	}
	from, to := later(p.From, ends[0]).Add(2*blurred), earlier(p.To, ends[1]).Add(-2*blurred)
	return hours{from.Add(anHour - 1).Truncate(anHour), to.Truncate(anHour)}, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// jumpWithin skips hours of a run from one end of some hours on.
func (p *pager) jumpWithin(ctx context.Context, r run, within hours) (out run, jumped bool, err error) {
	begin, beside := within.from, r // beside: what lies between the end of the run and that of the hours
	if p.Newest {
		begin = within.to
	}
	base, err := p.boundary(ctx, r.project, begin)
	if err != nil {
		return r, false, err
	}
	if p.Newest {
		beside.first = base.number
	} else {
		beside.last = base.number - 1
	}
	n, err := p.count(ctx, beside)
	if err != nil || n > p.skip {
		return r, false, err
	}
	left := p.skip - n
	// Fewer hours are skipped where the events beside their end make it too many.
	for room := left; room > 0; {
		skipped, counted, err := p.pick(ctx, r.project, within, room)
		if err != nil || skipped.from.Equal(skipped.to) {
			return r, false, err
		}
		end := skipped.to
		if p.Newest {
			end = skipped.from
		}
		target, err := p.boundary(ctx, r.project, end)
		if err != nil {
			return r, false, err
		}
		first, last := base, target
		if p.Newest {
			first, last = target, base
		}
		between := counted.minus(last.beyond).plus(first.beyond)
		if ok, err := p.proved(ctx, r.project, first.number, last.number, between.all); err != nil || !ok {
			return r, false, err
		}
		if between.chosen > left {
			room = counted.chosen - 1
			continue
		}
		if p.skip = left - between.chosen; p.Newest {
			r.last = target.number - 1
		} else {
			r.first = target.number
		}
		p.jumps++
		return r, true, nil
	}
	return r, false, nil
}

// proved tells whether so many operations ended with the events from one number to before another.
func (p *pager) proved(ctx context.Context, project, from, to, all int64) (bool, error) {
	const batches = "SELECT COUNT(*) FROM batch_events WHERE project_id = $1 AND number >= $2 AND number < $3"
	n, err := p.export.store.DB().Numbers(ctx, batches, project, from, to)
	return err == nil && to-from == all+n[0], err
}

// pick finds how many whole hours from one end of some on have no more than so many of what is chosen, and what they have.
func (p *pager) pick(ctx context.Context, project int64, within hours, most int64) (skipped hours, sum tally, err error) {
	if p.Newest {
		skipped = hours{within.to, within.to}
	} else {
		skipped = hours{within.from, within.from}
	}
	rest := within
	for _, length := range []time.Duration{aDay, anHour} {
		steps, err := p.steps(ctx, project, rest, length)
		if err != nil {
			return skipped, sum, err
		}
		rest = hours{}
		for _, s := range steps {
			if sum.chosen+s.chosen > most {
				rest = s.hours // the place is in it
				break
			}
			sum = sum.plus(s.tally)
			if p.Newest {
				skipped.from = s.from
			} else {
				skipped.to = s.to
			}
		}
	}
	return skipped, sum, nil
}

// step is a stretch that can be skipped, and what it has.
type step struct {
	hours
	tally
}

// steps are the hours of a stretch, or its whole days with shorter periods at its ends, in the direction of the list. Those that have
// nothing are left out.
func (p *pager) steps(ctx context.Context, project int64, h hours, length time.Duration) (out []step, err error) {
	if !h.from.Before(h.to) {
		return nil, nil
	}
	q := figures.Query{What: figures.Results, Projects: []int64{project}, From: h.from, To: h.to, By: []figures.Column{figures.Hour, figures.Status}}
	if length == aDay {
		q.Points = []time.Time{h.from, h.to}
	}
	rows, err := figures.Of(p.export.store).Sum(ctx, q)
	if errors.Is(err, figures.ErrCounting) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b figures.Row) int { return a.Hour.Compare(b.Hour) })
	for _, row := range rows {
		if n := len(out); n == 0 || !out[n-1].from.Equal(row.Hour) {
			out = append(out, step{hours: hours{row.Hour, row.Hour.Add(row.Length)}})
		}
		s := &out[len(out)-1]
		s.all += row.Payments
		if slices.Contains(p.Statuses, row.Status) {
			s.chosen += row.Payments
		}
	}
	if p.Newest {
		slices.Reverse(out)
	}
	return out, nil
}

// boundary finds where an hour begins in a project's list.
func (p *pager) boundary(ctx context.Context, project int64, at time.Time) (b boundary, err error) {
	var near [3]int64
	last, err := p.export.store.DB().Numbers(ctx, newestEvent, project)
	if err != nil || len(last) == 0 {
		return b, err
	}
	for i, t := range []time.Time{at.Add(-blurred), at, at.Add(blurred)} {
		if near[i], err = p.firstEvent(ctx, project, last[0], t); err != nil {
			return b, err
		}
	}
	b = boundary{at: at, number: near[1]}
	const beside = `SELECT operation_status, CAST(SUM(CASE WHEN number >= $1 THEN 1 ELSE -1 END) AS BIGINT) FROM events
		WHERE project_id = $2 AND number >= $3 AND number < $4 AND (number >= $5) = (at < $6) AND operation_status <> '' GROUP BY operation_status`
	err = p.export.store.DB().Read(ctx, beside, func(r *sql.Rows) error {
		var status string
		var n int64
		err := r.Scan(&status, &n)
		b.beyond.all += n
		if slices.Contains(sqldb.TextArgs(p.Statuses), any(status)) {
			b.beyond.chosen += n
		}
		return err
	}, b.number, project, near[0], near[2], b.number, at.UnixMicro())
	return b, err
}
