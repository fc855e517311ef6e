package audit

import (
	"context"
	"encoding/json"
	"net/http"

	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/store/snapshot"
)

const numberWindow = 512 // numbers of callbacks that are read in one snapshot

// numbers is a walk over the numbers of one project.
type numbers struct {
	*run
	project int64
	next    int64 // the number that the next event should have
	last    int64 // the greatest number read
}

// checkNumbers walks over each project's numbers: events without gaps, one callback for each, and its attempts.
func (r *run) checkNumbers(ctx context.Context) error {
	const beforeAll = -1 << 62
	for project, more := int64(beforeAll), true; ; {
		err := snapshot.Of(r.store).Read(ctx, func(v *snapshot.Snapshot) (err error) {
			project, more, err = v.NextProject(ctx, project)
			return err
		})
		if err != nil || !more {
			return err
		}
		n := &numbers{run: r, project: project, next: 1, last: beforeAll}
		for more := true; more; {
			err := snapshot.Of(r.store).Read(ctx, func(v *snapshot.Snapshot) (err error) {
				more, err = n.window(ctx, v)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
}

// window checks the next numbers; behind the last, the project's counter. One snapshot: it ends where the counter stands.
func (n *numbers) window(ctx context.Context, v *snapshot.Snapshot) (more bool, err error) {
	first, more, err := v.NextNumber(ctx, n.project, n.last)
	if err != nil {
		return false, err
	}
	if !more {
		return false, n.counter(ctx, v)
	}
	last := first + numberWindow - 1
	logs, err := n.attempts(ctx, v, first, last)
	if err != nil {
		return false, err
	}
	n.last = first
	for number := range logs {
		n.last = max(n.last, number)
	}
	err = v.Callbacks(ctx, n.project, first, last, func(c *snapshot.Callback) error {
		number := c.Number
		if c.Event != nil {
			number = c.Event.Number
			n.event(c)
		}
		n.last = max(n.last, number)
		if c.State != "" {
			n.checked("callbacks", 1)
			n.callback(c, logs[number])
		}
		delete(logs, number)
		return nil
	})
	for number := range logs {
		n.fail(KindAttempt, n.project, "", "there are attempts of callback %d, which does not exist", number)
	}
	return true, err
}

func (n *numbers) counter(ctx context.Context, v *snapshot.Snapshot) error {
	events, found, project, err := v.Counter(ctx, n.project)
	switch {
	case err != nil:
		return err
	case !project:
		n.fail(KindEvent, n.project, "", "events, callbacks or a counter are there, but no such project")
	case !found:
		n.fail(KindEvent, n.project, "", "the project has no counter of events")
	}
	if found && events != n.next-1 {
		n.fail(KindEvent, n.project, "", "the counter of events says %d, the newest event is %d", events, n.next-1)
	}
	return nil
}

// event checks an event by its number; what it says is checked with its payment.
func (n *numbers) event(c *snapshot.Callback) {
	e := c.Event
	if e.Number != n.next {
		n.fail(KindEvent, n.project, "", "events are numbered without gaps, but %d stands where %d should", e.Number, n.next)
	}
	n.next = e.Number + 1
	if c.Batch != "" {
		n.batchEvent(c)
	} else {
		n.paymentEvent(c)
	}
	if e.State == "" {
		n.fail(KindCallback, n.project, c.PaymentID, "event %d has no callback", e.Number)
	}
}

func (n *numbers) paymentEvent(c *snapshot.Callback) {
	e := c.Event
	if c.PaymentID == "" {
		n.fail(KindEvent, n.project, "", "event %d belongs to no payment", e.Number)
	}
	if !e.PaymentStatus.Final() && e.PaymentStatus != payout.AwaitingRetry {
		n.fail(KindEvent, n.project, c.PaymentID, "event %d says %s: nobody is told of that", e.Number, e.PaymentStatus)
	}
}

func (n *numbers) batchEvent(c *snapshot.Callback) {
	if e := c.Event; e.Payment != 0 || e.Operation != 0 || string(e.PaymentStatus) != c.Batch {
		n.fail(KindEvent, n.project, "", "event %d is of a batch that ended as %s, and says %s of payment %d", e.Number, c.Batch, e.PaymentStatus, e.Payment)
	}
}

// callback checks where a callback stands.
func (n *numbers) callback(c *snapshot.Callback, log *attempts) {
	fail := func(format string, args ...any) {
		n.fail(KindCallback, n.project, c.PaymentID, "callback %d "+format, append([]any{c.Number}, args...)...)
	}
	switch {
	case c.Event == nil:
		fail("has no event")
	case c.Payment != c.Event.Payment:
		fail("is of payment %d, its event of %d", c.Payment, c.Event.Payment)
	}
	if c.Lane != store.Lane(c.ProjectID, c.URL) {
		fail("waits in another lane than that of its address")
	}
	pending := c.State == store.CallbackPending
	switch {
	case pending && !c.Due:
		fail("is pending, but never due: nobody would send it")
	case !pending && c.Due:
		fail("is %s, but due", c.State)
	case c.Lease && !c.Due:
		fail("is leased, but not due")
	}
	if (pending || c.State == store.CallbackDelivered || c.State == store.CallbackGivenUp) && c.URL == "" {
		fail("is %s, but has no address", c.State)
	}
	acknowledged := c.HTTPStatus.Int64 == http.StatusOK
	switch c.State {
	case store.CallbackPending:
		n.inform("callbacks pending", 1)
	case store.CallbackSuperseded:
	case store.CallbackDelivered:
		if c.Attempts == 0 || !acknowledged {
			fail("is delivered, but nothing acknowledged it: %d attempts, the last answered %d", c.Attempts, c.HTTPStatus.Int64)
		}
	case store.CallbackGivenUp:
		n.inform("callbacks given up", 1)
		if c.Attempts == 0 || acknowledged {
			fail("is given up after %d attempts, of which the last was answered %d", c.Attempts, c.HTTPStatus.Int64)
		}
	case store.CallbackDisabled:
		if c.Attempts != 0 || c.URL != "" && !callbacksDisabled(c.Options) {
			fail("is disabled, but its payment wants it, or it was sent")
		}
	default:
		fail("is %q: there is no such state", c.State)
	}
	n.log(c, log, fail)
}

func callbacksDisabled(options string) bool {
	var o payout.Options
	return json.Unmarshal([]byte(options), &o) == nil && o.CallbacksDisabled
}

// attempts is the delivery log of one callback.
type attempts struct {
	count int64
	first int64 // attempt's number
	gaps  bool
	last  store.Attempt
}

// attempts reads the delivery logs of a window.
func (n *numbers) attempts(ctx context.Context, v *snapshot.Snapshot, first, last int64) (map[int64]*attempts, error) {
	logs := make(map[int64]*attempts)
	err := v.Attempts(ctx, n.project, first, last, func(a *store.Attempt) error {
		n.checked("attempts", 1)
		log := logs[a.Number]
		if log == nil {
			log = &attempts{first: int64(a.Attempt)}
			logs[a.Number] = log
		} else if a.Attempt != log.last.Attempt+1 {
			log.gaps = true
		}
		log.count++
		log.last = *a
		return nil
	})
	return logs, err
}

// log compares a callback with its delivery log. Only the first attempt may be missing there: one that was acknowledged
// stands in the callback alone, until there is a second.
func (n *numbers) log(c *snapshot.Callback, log *attempts, fail func(string, ...any)) {
	if log == nil {
		log = &attempts{first: 1}
	}
	alone := c.Attempts == 1 && c.HTTPStatus.Int64 == http.StatusOK && c.State != store.CallbackPending // pending: resent, and logged then
	attempt := func(format string, args ...any) {
		n.fail(KindAttempt, n.project, c.PaymentID, "callback %d "+format, append([]any{c.Number}, args...)...)
	}
	switch {
	case c.Attempts < 0 || c.Scheduled < 0 || c.Scheduled > c.Attempts:
		fail("counts %d attempts, %d of them by its schedule", c.Attempts, c.Scheduled)
	case log.gaps || log.first != 1 || log.count != c.Attempts && !(alone && log.count == 0):
		attempt("counts %d attempts, its log has %d, beginning with %d", c.Attempts, log.count, log.first)
	case c.Attempts > 0 && !alone && !sameAttempt(c, &log.last):
		attempt("does not keep of its last attempt what the log has")
	}
	made := c.Attempts > 0
	if c.LastAt.Valid != made || c.Duration.Valid != made || c.HTTPStatus.Valid != made || c.Error.Valid != made || c.Answer != made {
		fail("counts %d attempts, which does not fit what it keeps of the last", c.Attempts)
	}
}

func sameAttempt(c *snapshot.Callback, a *store.Attempt) bool {
	return c.LastAt.Int64 == a.At.UnixMicro() && c.Duration.Int64 == a.Duration.Microseconds() && c.HTTPStatus.Int64 == int64(a.HTTPStatus) &&
		c.Error.String == a.Error
}
