// Package export streams what the database has of operations, movements of balances and callbacks, however many there are,
// in constant memory and from one consistent state.
//
// # How it is consistent
//
// A read transaction that lasts as long as an export would keep SQLite from shortening its log and PostgreSQL from
// cleaning up. So an export begins with a [Watermark], which one short transaction reads: how far each shard's journal and
// transfers, and each project's events, had come at one instant. Then it reads pages by key, each a statement of its own.
// Rows that came after the watermark are left out: within a shard ids become visible in the order of their commits, and
// events are numbered in it. Rows that have changed since, or may have, are taken back to what they were: what a status was
// before is in the events and the journal, and an earlier state of a delivery in the log of its attempts. What a bank says
// about its own id of a payment after the final status is not dated and comes as it is when it is read.
//
// # Order
//
// Projects come in the order of the filter. Within a project payments, with their operations, come by the time of their
// making, callbacks by their number, movements by their id.
package export

import (
	"context"
	"fmt"
	"time"

	"flashpay/internal/payout"
	"flashpay/internal/record"
	"flashpay/internal/store"
)

// Filter chooses what is exported. Zero members choose everything; Projects is never wider than what the asking user
// sees, and where it is empty nothing is found.
type Filter struct {
	Projects   []int64
	From, To   time.Time // when the payment was made, the movement booked, the event happened; To is exclusive
	Methods    []string  // paths
	Statuses   []payout.Status
	Codes      []int // of operations
	Currencies []string
	MinAmount  int64 // minor units; 0: no bound
	MaxAmount  int64 // minor units, inclusive; 0: no bound
}

// Export reads one consistent state of a database.
type Export struct {
	store    *store.Store
	mark     *Watermark
	projects map[int64]*record.Project
	page     int // rows of a page
	readers  int // pages that are read at a time
}

const (
	pageRows = 2000
	readers  = 2
)

// Open takes the watermark of an export of these projects.
func Open(ctx context.Context, s *store.Store, projects []int64) (*Export, error) {
	x := &Export{store: s, projects: make(map[int64]*record.Project), page: pageRows, readers: readers}
	for _, id := range projects {
		x.projects[id] = projectOf(s, id)
	}
	mark, err := takeWatermark(ctx, s, projects)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	x.mark = mark
	return x, nil
}

// AsOf is the instant whose state is read.
func (x *Export) AsOf() time.Time { return x.mark.At }

func projectOf(s *store.Store, id int64) *record.Project {
	out := &record.Project{ID: id}
	p, ok := s.Project(id)
	if !ok {
		return out
	}
	out.Name, out.MerchantID = p.Name, p.MerchantID
	if m, ok := s.Merchant(p.MerchantID); ok {
		out.MerchantName = m.Name
	}
	return out
}

// place is a place in the order by time and id.
type place struct{ at, id int64 }

// pageRange is what lies behind a place, up to another one, of one project.
type pageRange struct {
	project   int64
	after, to place
}

// inOrder reads what plan yields, so many at a time, and hands it over in plan's order. Each result is used up before the
// next one is taken; no more than readers of them wait.
func inOrder[R, T any](ctx context.Context, readers int, plan func(yield func(R) error) error, read func(context.Context, R) (T, error), each func(T) error) error {
	type result struct {
		value T
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	waiting := make(chan chan result, readers-1)
	planned := make(chan error, 1)
	go func() {
		defer close(waiting)
		planned <- plan(func(r R) error {
			out := make(chan result, 1)
			select {
			case waiting <- out:
			case <-ctx.Done():
				return ctx.Err()
			}
			go func() {
				value, err := read(ctx, r)
				out <- result{value, err}
			}()
			return nil
		})
	}()
	for out := range waiting {
		r := <-out
		if r.err == nil {
			r.err = each(r.value)
		}
		if r.err != nil {
			return r.err
		}
	}
	return <-planned
}
