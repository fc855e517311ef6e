package export

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store"
	"flashpay/internal/store/sqldb"
)

// Page is a part of a list of operations by the time of their last action.
//
// An operation that has ended stands where its event does. A project's events are numbered without gaps in the order of
// their commits, so a page of an unfiltered list is found by its number, however deep it is: only the events beside the ends
// of the period are counted. An operation that is not at its end comes behind those that are, by its id.
type Page struct {
	Projects  []int64
	From, To  time.Time // of the last action; To is exclusive; zero: no bound
	Statuses  []payout.Status
	Customers []string // customer ids; none: of all
	Email     string   // the customer's; empty: of all
	Newest    bool     // the order is turned round: what happened last comes first
	Offset    int64
	Limit     int
	Needs     record.Fields
}

// blurred is how far the times of events may be from the order of their numbers: several nodes commit, each by its own
// clock.
const blurred = 5 * time.Second

// maxTime is behind all times.
var maxTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// run is a part of the list that one statement walks.
type run struct {
	project     int64
	open        bool  // operations that have not ended
	first, last int64 // numbers of events
	exact       bool  // every number is of the period and chosen: places are numbers
}

// pager reads one page.
type pager struct {
	Page
	operationReader
	skip    int64 // what of the offset is still to be skipped
	skipsBy int64 // from how deep an offset on rollups are asked
	jumps   int   // how often they said how much to skip
	rows    []record.Operation
}

// Read returns the operations of a page as they are now.
func Read(ctx context.Context, s *store.Store, page Page) ([]record.Operation, error) {
	p := newPager(s, page)
	p.skipsBy = skipsBy
	return p.page(ctx)
}

func newPager(s *store.Store, page Page) *pager {
	x := &Export{store: s, projects: make(map[int64]*record.Project)}
	for _, id := range page.Projects {
		x.projects[id] = projectOf(s, id)
	}
	if page.From.IsZero() {
		page.From = time.Unix(0, 0)
	}
	if page.To.IsZero() {
		page.To = maxTime
	}
	return &pager{Page: page, operationReader: operationReader{export: x, needs: page.Needs}, skip: page.Offset}
}

func (p *pager) page(ctx context.Context) ([]record.Operation, error) {
	projects := slices.Clone(p.Projects)
	slices.Sort(projects)
	if p.Newest {
		slices.Reverse(projects)
	}
	for _, project := range projects {
		runs, err := p.runs(ctx, project)
		if err != nil {
			return nil, p.export.store.DB().Unavailable(err)
		}
		for _, r := range runs {
			if len(p.rows) == p.Limit {
				return p.rows, nil
			}
			if err := p.walk(ctx, r); err != nil {
				return nil, p.export.store.DB().Unavailable(err)
			}
		}
	}
	return p.rows, nil
}

func (p *pager) filtered() bool { return len(p.Statuses) > 0 || len(p.Customers) > 0 || p.Email != "" }

// runs cuts a project's list into runs, in the order of the list.
func (p *pager) runs(ctx context.Context, project int64) (out []run, err error) {
	last, err := p.export.store.DB().Numbers(ctx, newestEvent, project)
	if err != nil {
		return nil, err
	}
	if len(last) > 0 && last[0] > 0 {
		if out, err = p.completedRuns(ctx, project, last[0]); err != nil {
			return nil, err
		}
	}
	out = append(out, run{project: project, open: true})
	if p.Newest {
		slices.Reverse(out)
	}
	return out, nil
}

// completedRuns splits the events of the period into those beside its ends, which are looked at one by one, and those
// between.
func (p *pager) completedRuns(ctx context.Context, project, last int64) ([]run, error) {
	var at [4]int64 // the first event at each of these times or later
	for i, t := range []time.Time{p.From.Add(-blurred), p.From.Add(blurred), p.To.Add(-blurred), p.To.Add(blurred)} {
		var err error
		if at[i], err = p.firstEvent(ctx, project, last, t); err != nil {
			return nil, err
		}
	}
	if p.filtered() || at[1] >= at[2] {
		return []run{{project: project, first: at[0], last: at[3] - 1}}, nil
	}
	out := []run{{project: project, first: at[0], last: at[1] - 1}}
	// Events of batches are of no operation: they part the numbers that are counted.
	const batches = "SELECT number FROM batch_events WHERE project_id = $1 AND number >= $2 AND number < $3 ORDER BY number"
	parts, err := p.export.store.DB().Numbers(ctx, batches, project, at[1], at[2])
	if err != nil {
		return nil, err
	}
	first := at[1]
	for _, number := range parts {
		out = append(out, run{project: project, first: first, last: number - 1, exact: true})
		first = number + 1
	}
	return append(
		out,
		run{project: project, first: first, last: at[2] - 1, exact: true},
		run{project: project, first: at[2], last: at[3] - 1},
	), nil
}

const (
	newestEvent = "SELECT events FROM counters WHERE project_id = $1"
	eventAt     = "SELECT at FROM events WHERE project_id = $1 AND number = $2"
)

// firstEvent finds the first event that happened at a time or later, by halving; last+1: none did.
func (p *pager) firstEvent(ctx context.Context, project, last int64, at time.Time) (int64, error) {
	low, high := int64(1), last+1
	for low < high {
		middle := low + (high-low)/2
		times, err := p.export.store.DB().Numbers(ctx, eventAt, project, middle)
		if err != nil {
			return 0, err
		}
		if len(times) == 0 {
			return 0, fmt.Errorf("export: event %d of project %d is missing: flashpay audit tells more", middle, project)
		}
		if times[0] < at.UnixMicro() {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// walk takes what a run has for the page.
func (p *pager) walk(ctx context.Context, r run) error {
	if !r.open && r.first > r.last {
		return nil
	}
	if p.byStatus(r) {
		begins, some, err := p.seek(ctx, r)
		if err != nil || !some {
			return err
		}
		r = begins
	}
	skip := p.skip
	if r.exact {
		length := r.last - r.first + 1
		if p.skip >= length {
			p.skip -= length
			return nil
		}
		if p.Newest {
			r.last -= p.skip
		} else {
			r.first += p.skip
		}
		skip, p.skip = 0, 0
	}
	before := len(p.rows)
	if err := p.read(ctx, p.statement(r, skip), r.project); err != nil {
		return err
	}
	if len(p.rows) > before {
		p.skip = 0
		return nil
	}
	if p.skip == 0 {
		return nil
	}
	q := &sqldb.Statement{}
	q.Text("SELECT COUNT(*)")
	p.body(q, r)
	n, err := p.export.store.DB().Numbers(ctx, q.String(), q.Args...)
	if err == nil {
		p.skip = max(0, p.skip-n[0])
	}
	return err
}

func (p *pager) statement(r run, skip int64) *sqldb.Statement {
	q := p.columns(&sqldb.Statement{})
	p.body(q, r)
	order := "e.number"
	if r.open {
		order = "o.id + 0" // the open ones are few: PostgreSQL must not walk all operations by their key to have them in order
	}
	if p.Newest {
		order += " DESC"
	}
	return q.Text(" ORDER BY " + order + " LIMIT ").Arg(int64(p.Limit - len(p.rows))).Text(" OFFSET ").Arg(skip)
}

// body is from where a run is read, and what is chosen of it.
func (p *pager) body(q *sqldb.Statement, r run) {
	request := p.needs&record.Request != 0 || p.Email != ""
	if r.open {
		q.Text(" FROM operations o CROSS JOIN payments p")
	} else {
		q.Text(" FROM events e CROSS JOIN operations o CROSS JOIN payments p")
	}
	if request {
		q.Text(" CROSS JOIN requests r")
	}
	q.Text(" WHERE o.project_id = ").Arg(r.project)
	q.Text(" AND p.project_id = o.project_id AND p.id = o.payment")
	if request {
		q.Text(" AND r.project_id = p.project_id AND r.payment = p.id")
	}
	if r.open {
		q.Text(" AND o.next_at IS NOT NULL AND ").In("o.status", sqldb.TextArgs([]payout.Status{payout.Processing, payout.AwaitingRetry}))
		if len(p.Statuses) > 0 {
			q.Text(" AND ").In("o.status", sqldb.TextArgs(p.Statuses))
		}
		q.Text(" AND o.updated_at >= ").Arg(p.From.UnixMicro()).Text(" AND o.updated_at < ").Arg(p.To.UnixMicro())
	} else {
		q.Text(" AND e.project_id = ").Arg(r.project).Text(" AND e.number >= ").Arg(r.first).Text(" AND e.number <= ").Arg(r.last)
		q.Text(" AND o.id = e.operation AND o.status = e.operation_status")
		if len(p.Statuses) > 0 {
			q.Text(" AND ").In("e.operation_status", sqldb.TextArgs(p.Statuses))
		}
		if !r.exact {
			q.Text(" AND e.at >= ").Arg(p.From.UnixMicro()).Text(" AND e.at < ").Arg(p.To.UnixMicro())
		}
	}
	if len(p.Customers) > 0 {
		q.Text(" AND ").In("p.customer_id", sqldb.TextArgs(p.Customers))
	}
	if p.Email != "" {
		q.Text(" AND r.email_key = ").Arg(p.export.store.Vault().Index("email", p.Email))
	}
}

func (p *pager) read(ctx context.Context, q *sqldb.Statement, project int64) error {
	rows, err := p.scan(ctx, q, project)
	p.rows = append(p.rows, rows...)
	return err
}

// OfPayment returns the operations of the payments of an id, newest first: each of the projects may have one.
func OfPayment(ctx context.Context, s *store.Store, projects []int64, paymentID string, needs record.Fields) (out []record.Operation, err error) {
	x := &Export{store: s, projects: make(map[int64]*record.Project)}
	reader := &operationReader{export: x, needs: needs}
	for _, project := range projects {
		x.projects[project] = projectOf(s, project)
		var id int64
		const find = "SELECT id FROM payments WHERE project_id = $1 AND payment_key = $2"
		err := sqldb.One(ctx, s.DB().Reads, find, project, payout.Fold(paymentID)).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, s.DB().Unavailable(err)
		}
		q := reader.columns(&sqldb.Statement{})
		q.Text(" FROM payments p CROSS JOIN operations o")
		if needs&record.Request != 0 {
			q.Text(" CROSS JOIN requests r")
		}
		q.Text(" WHERE p.project_id = ").Arg(project).Text(" AND p.id = ").Arg(id)
		q.Text(" AND o.project_id = p.project_id AND o.payment = p.id AND (o.id = p.id OR o.number > 1)")
		if needs&record.Request != 0 {
			q.Text(" AND r.project_id = p.project_id AND r.payment = p.id")
		}
		rows, err := reader.scan(ctx, q.Text(" ORDER BY o.number DESC"), project)
		if err != nil {
			return nil, s.DB().Unavailable(err)
		}
		out = append(out, rows...)
	}
	return out, nil
}
