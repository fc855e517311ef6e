package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/storetest"
	"flashpay/signature"
)

// happen adds an event of project 210, and wakes nobody.
func (m *memory) happen(status payout.Status, code int) *store.CallbackJob {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := view(status, code)
	n := int64(len(m.events)) + 1
	e := &store.CallbackJob{Payment: v.Payment, Operation: v.Operations[0], Event: store.Event{
		ProjectID: 210, Number: n, Payment: 1, Operation: v.Operations[0].ID, PaymentStatus: status, OperationStatus: status, Code: code, At: v.Payment.UpdatedAt,
	}}
	if status == payout.AwaitingRetry {
		e.Event.OperationStatus = payout.Processing
	}
	e.Payment.PaymentID = "P-" + strconv.FormatInt(n, 10)
	m.events = append(m.events, e)
	return e
}

// commit adds an event as a commit of this process does.
func (m *memory) commit() {
	m.happen(payout.Success, 0)
	m.mu.Lock()
	f := m.listeners[store.EventsTopic(210)]
	m.mu.Unlock()
	if f != nil {
		f()
	}
}

func eventsBody(t testing.TB, after int64, more string) string {
	t.Helper()
	return signed(t, fmt.Sprintf(`{"project_id":210,"after":%d%s}`, after, more), key)
}

// numbers are the numbers of an answer's events.
func numbers(t testing.TB, a *answer) (all []int64, last int64) {
	t.Helper()
	var body struct {
		Events []struct{ Number int64 }
		Last   int64
	}
	if err := json.Unmarshal(a.raw, &body); err != nil || a.status != http.StatusOK {
		t.Errorf("answered %d %s", a.status, a.raw)
	}
	for _, e := range body.Events {
		all = append(all, e.Number)
	}
	return all, body.Last
}

func TestEvents(t *testing.T) {
	g, m := setup(t)
	for range 1200 {
		m.happen(payout.Success, 0)
	}
	for _, c := range []struct {
		after int64
		more  string
		from  int64
		to    int64
	}{
		{0, "", 1, 10},
		{10, `,"limit":null,"wait":null`, 11, 20},
		{0, `,"limit":1000`, 1, 1000},
		{1000, `,"limit":1000,"wait":30`, 1001, 1200},
		{1199, `,"limit":1`, 1200, 1200},
		{1200, "", 1, 0},
		{5000, `,"wait":30`, 1, 0}, // a number that never was: nobody waits for it
	} {
		a := post(t, g, eventsPath, eventsBody(t, c.after, c.more))
		got, last := numbers(t, a)
		var want []int64
		for n := c.from; n <= c.to; n++ {
			want = append(want, n)
		}
		if !slices.Equal(got, want) || last != 1200 {
			t.Errorf("after %d%s: %d to %d, want %d to %d; last %d", c.after, c.more, first(got), final64(got), c.from, c.to, last)
		}
		wantSigned(t, a, key)
	}
}

func first(n []int64) int64   { return append(slices.Clone(n), 0)[0] }
func final64(n []int64) int64 { return append([]int64{0}, n...)[len(n)] }

// TestAnEventTellsItsCallback compares the feed with what is posted, member by member and byte by byte.
func TestAnEventTellsItsCallback(t *testing.T) {
	g, m := setup(t)
	m.happen(payout.Success, 0)
	m.happen(payout.Decline, payout.CodeAboveLimit) // with errors
	for range 8 {
		m.happen(payout.AwaitingRetry, payout.CodeAwaiting)
	}
	a := post(t, g, eventsPath, eventsBody(t, 0, ""))
	list := parsed(t, string(a.raw)).Get("events")
	for i := range list.Items {
		want := m.events[i].Body()
		if got := list.Items[i].Get("callback"); string(got.AppendJSON(nil)) != string(want.AppendJSON(nil)) {
			t.Errorf("event %d:\n%s\nwant\n%s", i+1, got.AppendJSON(nil), want.AppendJSON(nil))
		}
	}
	// Ten events verify whatever the order of the SDK: all of them make the same string.
	form := signature.Canonical(parsed(t, string(a.raw)))
	for _, o := range signature.Orders() {
		if string(form.SigningString(o)) != string(form.SigningString(signature.Natural)) {
			t.Errorf("order %v gives another signing string", o)
		}
	}
	if found := form.Ambiguous(); len(found) > 0 {
		t.Errorf("the answer can be cut in another way: %v", found)
	}
}

func TestEventsFaults(t *testing.T) {
	g, m := setup(t)
	for more, want := range map[string]string{
		`,"limit":0`: "702 limit", `,"limit":1001`: "702 limit", `,"limit":"10"`: "702 limit", `,"limit":1.0`: "702 limit",
		`,"wait":-1`: "702 wait", `,"wait":31`: "702 wait",
	} {
		wantRefused(t, post(t, g, eventsPath, eventsBody(t, 0, more)), 400, "702", want)
	}
	wantRefused(t, post(t, g, eventsPath, eventsBody(t, -1, "")), 400, "702", "702 after")
	wantRefused(t, post(t, g, eventsPath, signed(t, `{"project_id":210}`, key)), 400, "2004", "2004 after")
	wantRefused(t, post(t, g, eventsPath, signed(t, `{"project_id":210,"after":null}`, key)), 400, "2004", "2004 after")
	for err, status := range map[error]int{store.ErrUnavailable: 503, errDatabase: 500} {
		m.eventsErr = err
		for _, more := range []string{"", `,"wait":30`} {
			if a := post(t, g, eventsPath, eventsBody(t, 0, more)); a.status != status {
				t.Errorf("%v: answered %d %s", err, a.status, a.raw)
			}
		}
	}
}

// await sends requests that wait, and returns when they do; the answers come from the function that it returns.
func await(t *testing.T, g *Gate, n int, ctx context.Context) func() []*answer {
	t.Helper()
	answers := make([]*answer, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			answers[i] = post(t, g, eventsPath, eventsBody(t, 0, `,"wait":30`), func(r *http.Request) { *r = *r.WithContext(ctx) })
		})
	}
	synctest.Wait()
	return func() []*answer {
		all.Wait()
		return answers
	}
}

func TestEventsAreWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(g *Gate, m *memory)
		took    time.Duration // at most
		numbers int
	}{
		"a commit of this process": {func(_ *Gate, m *memory) { time.Sleep(100 * time.Millisecond); m.commit() }, 100 * time.Millisecond, 1},
		"a commit of another one":  {func(_ *Gate, m *memory) { time.Sleep(2500 * time.Millisecond); m.happen(payout.Success, 0) }, 3 * time.Second, 1},
		"nothing":                  {func(*Gate, *memory) {}, 30 * time.Second, 0},
		"the end of the server":    {func(g *Gate, _ *memory) { time.Sleep(time.Second / 2); g.StopWaiting(); g.StopWaiting() }, time.Second / 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, m := setup(t)
				began := time.Now()
				answers := await(t, g, feedWaiters, t.Context())
				c.happens(g, m)
				for _, a := range answers() {
					if got, _ := numbers(t, a); len(got) != c.numbers {
						t.Errorf("answered %s", a.raw)
					}
					wantSigned(t, a, key)
				}
				if took := time.Since(began); took > c.took {
					t.Errorf("answered after %v, want %v", took, c.took)
				}
			})
		})
	}
}

// TestWaitersAreBounded: the ninth waiter of a project is told to come again, who waits no more makes room, and asking
// without waiting needs none.
func TestWaitersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, m := setup(t)
		ctx, leave := context.WithCancel(t.Context())
		answers := await(t, g, feedWaiters, ctx)
		ninth := post(t, g, eventsPath, eventsBody(t, 0, `,"wait":30`))
		wantRefused(t, ninth, 429, "601")
		if ninth.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", ninth.header.Get("Retry-After"))
		}
		numbers(t, post(t, g, eventsPath, eventsBody(t, 0, "")))
		leave()
		for _, a := range answers() {
			if a.status != 503 {
				t.Errorf("to a client that has gone: %d", a.status)
			}
		}
		reads := m.eventReads
		m.commit()
		if synctest.Wait(); m.eventReads != reads {
			t.Error("somebody who has gone still reads")
		}
		numbers(t, post(t, g, eventsPath, eventsBody(t, 0, `,"wait":30`)))
	})
}

// TestARevokedKeyIsToldNothing: what became of a key while its holder waited counts.
func TestARevokedKeyIsToldNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, m := setup(t)
		answers := await(t, g, 1, t.Context())
		m.mu.Lock()
		m.projects = map[int64]*merchant.Project{210: {ID: 210, Mode: merchant.Test, Keys: []merchant.Key{{ID: 9, Secret: "new"}}}}
		m.mu.Unlock()
		m.commit()
		wantRefused(t, answers()[0], 400, "3261", "3261 signature")
	})
}

// TestEventsOfAnotherNodeAreWaitedFor: whoever waits at one node of PostgreSQL is told, signed, of what another one commits, and what
// both answer has the numbers without a gap.
func TestEventsOfAnotherNodeAreWaitedFor(t *testing.T) {
	t.Parallel()
	database := storetest.URL(t, storetest.Postgres)
	one, _ := node(t, database)
	two, _ := node(t, database)
	var waiting sync.WaitGroup
	var told *answer
	waiting.Go(func() { told = post(t, one, eventsPath, eventsBody(t, 0, `,"wait":30`)) })
	for _, id := range []string{"p-1", "p-2"} { // above the limit: declined as it is accepted
		a := post(t, two, kyrgyzstan, signed(t, edited(t, "general.payment_id", strconv.Quote(id), "payment.amount", "1500001"), key))
		if a.status != http.StatusOK {
			t.Fatalf("answered %d %s", a.status, a.raw)
		}
	}
	waiting.Wait()
	got, last := numbers(t, told)
	if len(got) == 0 || got[0] != 1 || last < int64(len(got)) {
		t.Errorf("who waited is told of %v, last %d", got, last)
	}
	wantSigned(t, told, key)
	for _, g := range []*Gate{one, two} {
		if got, last := numbers(t, post(t, g, eventsPath, eventsBody(t, 0, ""))); !slices.Equal(got, []int64{1, 2}) || last != 2 {
			t.Errorf("events %v, last %d", got, last)
		}
	}
}
