package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"flashpay/signature"
)

// ErrGap says that the feed's answer does not continue where it was asked to. Nothing of
// it was handed out. Where it comes again, tell the platform: it has lost events,
// or the number belongs to another project.
var ErrGap = errors.New("events: the answer has a gap")

// Event is one event of the project: what a callback tells, with its number.
// Numbers begin at 1 and have no gaps within a project, in the order in which the
// results came about. Events whose callback was superseded or disabled are among
// them. The Raw of the callback is its body without a signature.
type Event struct {
	Number   int64
	Callback Callback
}

const (
	eventsPage   = 1000 // events of one answer
	eventsWait   = 30 * time.Second
	eventsAnswer = 8 << 20 // bytes
)

// Events reads the events with numbers above after, 0 for all, in the order of
// their numbers, and ends with the newest that there is. It asks for page after
// page, repeats what gives no answer, verifies each answer's signature, and that
// no number is missing: whoever has read to the end has been told everything.
//
// Store the number of the last event that you have handled, together with what
// you make of it, and go on from there. After an error there are no more events.
func (c *Client) Events(ctx context.Context, after int64) iter.Seq2[Event, error] {
	return c.events(ctx, after, 0)
}

// FollowEvents is [Client.Events] without an end: where there is no newer event
// it waits for one, which comes at once when it is committed, or a second later.
// It ends with an error: ctx's own when that ends. A project may have eight
// readers that wait.
func (c *Client) FollowEvents(ctx context.Context, after int64) iter.Seq2[Event, error] {
	return c.events(ctx, after, eventsWait)
}

func (c *Client) events(ctx context.Context, after int64, wait time.Duration) iter.Seq2[Event, error] {
	patient := *c
	patient.cfg.Timeout += wait
	patient.maxAnswer = eventsAnswer
	return func(yield func(Event, error) bool) {
		for {
			page, last, err := patient.eventsPage(ctx, after, wait)
			if err != nil {
				yield(Event{}, fmt.Errorf("client: events after %d: %w", after, err))
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				after = e.Number
			}
			if wait == 0 && after == last {
				return
			}
		}
	}
}

// eventsPage asks once, and gives what is verified to follow after without a gap.
func (c *Client) eventsPage(ctx context.Context, after int64, wait time.Duration) (page []Event, last int64, err error) {
	root := signature.Obj(
		signature.Field("project_id", signature.Int(c.cfg.ProjectID)),
		signature.Field("after", signature.Int(after)),
		signature.Field("limit", signature.Int(eventsPage)),
		signature.Field("wait", signature.Int(int64(wait/time.Second))),
	)
	req, err := c.sign("/v1/events/get", &root, "signature")
	if err != nil {
		return nil, 0, err
	}
	var body []byte
	if _, err = c.post(ctx, req, func(b []byte) error {
		body = b
		return nil
	}); err != nil {
		return nil, 0, err
	}
	v, order, err := verified(body, c.cfg.Key)
	if err != nil {
		return nil, 0, fmt.Errorf("answer refused: %w", err)
	}
	r := reader{v: v}
	project := r.int("project_id")
	last = r.int("last")
	if r.err != nil {
		return nil, 0, fmt.Errorf("answer cannot be read: %w", r.err)
	}
	if project != c.cfg.ProjectID {
		return nil, 0, fmt.Errorf("answer is about project %d", project)
	}
	if page, err = c.readEvents(v.Get("events"), after, order); err != nil {
		return nil, 0, err
	}
	if newest := after + int64(len(page)); last < newest || len(page) == 0 && last > newest {
		return nil, 0, fmt.Errorf("%w: the newest event is %d, after %d there came %d", ErrGap, last, after, len(page))
	}
	return page, last, nil
}

// readEvents reads the events of a verified answer: all of them, or none.
func (c *Client) readEvents(list *signature.Value, after int64, order signature.Order) ([]Event, error) {
	if list == nil || list.Kind != signature.Array {
		return nil, errors.New("answer cannot be read: events is no array")
	}
	page := make([]Event, 0, len(list.Items))
	for i := range list.Items {
		r := reader{v: &list.Items[i]}
		number := r.int("number")
		if want := after + int64(i) + 1; r.err == nil && number != want {
			return nil, fmt.Errorf("%w: event %d came where %d was due", ErrGap, number, want)
		}
		body := list.Items[i].Get("callback")
		if r.err != nil {
			return nil, fmt.Errorf("answer cannot be read: events[%d]: %w", i, r.err)
		}
		if body == nil || body.Kind != signature.Object {
			return nil, fmt.Errorf("answer cannot be read: events[%d] has no callback", i)
		}
		cb, err := callbackOf(body, body.AppendJSON(nil), order)
		if err != nil {
			return nil, fmt.Errorf("answer cannot be read: events[%d]: %w", i, err)
		}
		if cb.ProjectID != c.cfg.ProjectID {
			return nil, fmt.Errorf("event %d is about project %d", number, cb.ProjectID)
		}
		page = append(page, Event{Number: number, Callback: *cb})
	}
	return page, nil
}
