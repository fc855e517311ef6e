// Package providertest is the conformance suite of provider.Provider: what every adapter must do, whatever its bank.
// An adapter's test calls Run with its bank behind a Line.
package providertest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpay/internal/provider"
)

// Harness is an adapter with a bank behind it, fresh for each test. The bank must execute Paid soon and refuse
// Refused soon, both by themselves.
type Harness struct {
	// Provider is under test. Its deadlines should be a second or less, because the suite waits for them.
	Provider provider.Provider
	// Door is where its notifications come in.
	Door provider.Door
	// Line is where all of the adapter's requests pass.
	Line *Line
	// Paid is a transfer that the bank executes; the suite changes its key.
	Paid provider.Transfer
	// Refused is one that the bank declines, RefusedCode the code that the adapter gives for it.
	Refused     provider.Transfer
	RefusedCode int
	// Executed is how often the bank has executed the key, from its own books.
	Executed func(key string) int
	// Notification waits for the bank's own notification of the result of a transfer, as it comes in by HTTP.
	Notification func(key string) provider.Notification
}

// Run tests one adapter against its contract.
func Run(t *testing.T, start func(t *testing.T) Harness) {
	tests := []struct {
		name string
		test func(t *testing.T, h Harness)
	}{
		{"traits", traits},
		{"a transfer is paid once and echoed", paid},
		{"a refused transfer is declined with its code", refused},
		{"a key sent again", again},
		{"an unknown key", unknownKey},
		{"a context that has ended", ended},
		{"faults in submit", faultsInSubmit},
		{"faults in inquire", faultsInInquire},
		{"deadlines", deadlines},
		{"notifications", notifications},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, start(t)) })
		t.Run(tt.name+", in company", func(t *testing.T) {
			h := start(t)
			if h.Provider.Traits().TransfersPerCall < 2 {
				return // it takes one transfer a call
			}
			several, ok := h.Provider.(provider.BulkSubmitter)
			if !ok {
				t.Fatal("Traits.TransfersPerCall promises several transfers a call, and the provider is no provider.BulkSubmitter")
			}
			h.Provider = &company{Provider: h.Provider, several: several, t: t, neighbour: h.Paid}
			tt.test(t, h)
		})
	}
}

// company submits every transfer in one call with two others: what is promised of one holds there, too.
type company struct {
	provider.Provider
	several   provider.BulkSubmitter
	t         *testing.T
	neighbour provider.Transfer
	calls     atomic.Int64
}

// SubmitBulk implements provider.BulkSubmitter.
func (c *company) SubmitBulk(ctx context.Context, all []provider.Transfer, told func(i int, o provider.Outcome)) {
	c.several.SubmitBulk(ctx, all, told)
}

// Submit implements provider.Provider. The transfer comes last, so that an answer that breaks off lacks it.
func (c *company) Submit(ctx context.Context, t provider.Transfer) provider.Outcome {
	n := c.calls.Add(1)
	all := []provider.Transfer{with(c.neighbour, fmt.Sprint("LEFT", n)), with(c.neighbour, fmt.Sprint("RIGHT", n)), t}
	told := make([]int, len(all))
	var outcome provider.Outcome
	c.several.SubmitBulk(ctx, all, func(i int, o provider.Outcome) {
		told[i]++
		if i == len(all)-1 {
			outcome = o
		} else if o.Kind == provider.Declined {
			c.t.Errorf("a neighbour of %s was declined: %+v", t.Key, o)
		}
	})
	for i, times := range told {
		if times != 1 {
			c.t.Errorf("the outcome of %s was told %d times", all[i].Key, times)
		}
	}
	return outcome
}

// with is the transfer under another key.
func with(t provider.Transfer, key string) provider.Transfer {
	t.Key = key
	t.PaymentID = "order-" + key
	t.Reference = fmt.Sprintf("%d/%s", t.ProjectID, t.PaymentID)
	return t
}

func query(t provider.Transfer) provider.Query {
	return provider.Query{Key: t.Key, ProjectID: t.ProjectID, Account: t.Account}
}

// finally inquires until the outcome is final.
func finally(t *testing.T, h Harness, tr provider.Transfer) provider.Outcome {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		o := h.Provider.Inquire(t.Context(), query(tr))
		if o.Kind != provider.Accepted {
			return o
		}
		if time.Now().After(end) {
			t.Fatalf("%s is never finished: %+v", tr.Key, o)
		}
	}
}

func expect(t *testing.T, what string, o provider.Outcome, kinds ...provider.Kind) {
	t.Helper()
	for _, k := range kinds {
		if o.Kind == k {
			return
		}
	}
	t.Errorf("%s: %v (%s), want one of %v", what, o.Kind, o.Message, kinds)
}

// echoes checks what the bank says that it was asked to pay, as far as it says so.
func echoes(t *testing.T, o provider.Outcome, tr provider.Transfer) {
	t.Helper()
	if o.Amount != 0 && o.Amount != tr.Amount || o.Currency != "" && o.Currency != tr.Currency || o.Account != "" && o.Account != tr.Account {
		t.Errorf("the outcome %+v echoes another transfer than %+v", o, tr)
	}
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

func traits(t *testing.T, h Harness) {
	tr := h.Provider.Traits()
	if !nameForm.MatchString(h.Provider.Name()) {
		t.Errorf("name %q has not the form %s", h.Provider.Name(), nameForm)
	}
	if tr.ID <= 0 || tr.SubmitDeadline <= 0 || tr.InquireDeadline <= 0 || tr.SettleTime < 0 || tr.Concurrency <= 0 || tr.PerSecond < 0 {
		t.Errorf("traits leave something open: %+v", tr)
	}
	if _, ok := h.Provider.(provider.BulkSubmitter); tr.TransfersPerCall < 0 || tr.TransfersPerCall > 1 && !ok {
		t.Errorf("traits promise %d transfers a call", tr.TransfersPerCall)
	}
	if again := h.Provider.Traits(); again != tr {
		t.Errorf("traits change: %+v, then %+v", tr, again)
	}
}

func paid(t *testing.T, h Harness) {
	tr := with(h.Paid, "PAIDONCE")
	o := h.Provider.Submit(t.Context(), tr)
	expect(t, "submit", o, provider.Accepted, provider.Succeeded)
	echoes(t, o, tr)
	o = finally(t, h, tr)
	expect(t, "inquire", o, provider.Succeeded)
	echoes(t, o, tr)
	if o.Amount == 0 || o.Currency == "" || o.Account == "" {
		t.Errorf("the inquiry does not say what was paid: %+v", o)
	}
	if n := h.Executed(tr.Key); n != 1 {
		t.Errorf("executed %d times", n)
	}
}

func refused(t *testing.T, h Harness) {
	tr := with(h.Refused, "REFUSED")
	expect(t, "submit", h.Provider.Submit(t.Context(), tr), provider.Accepted, provider.Declined)
	o := finally(t, h, tr)
	expect(t, "inquire", o, provider.Declined)
	if o.Code != h.RefusedCode || o.Message == "" {
		t.Errorf("declined with %d %q, want code %d and the bank's reason", o.Code, o.Message, h.RefusedCode)
	}
	if n := h.Executed(tr.Key); n != 0 {
		t.Errorf("executed %d times", n)
	}
}

// again sends a key several times at once and then once more.
func again(t *testing.T, h Harness) {
	if !h.Provider.Traits().Idempotent {
		return // nothing is promised, and the platform never does it
	}
	tr := with(h.Paid, "AGAIN")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			expect(t, "submit", h.Provider.Submit(t.Context(), tr), provider.Accepted, provider.Succeeded)
		})
	}
	wg.Wait()
	expect(t, "inquire", finally(t, h, tr), provider.Succeeded)
	expect(t, "submit after the result", h.Provider.Submit(t.Context(), tr), provider.Accepted, provider.Succeeded)
	if n := h.Executed(tr.Key); n != 1 {
		t.Errorf("executed %d times", n)
	}
}

func unknownKey(t *testing.T, h Harness) {
	expect(t, "inquire", h.Provider.Inquire(t.Context(), query(with(h.Paid, "NEVERSENT"))), provider.NotSent)
	expect(t, "inquire without a key", h.Provider.Inquire(t.Context(), query(with(h.Paid, ""))), provider.Unknown)
}

func ended(t *testing.T, h Harness) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	tr := with(h.Paid, "TOOLATE")
	expect(t, "submit", h.Provider.Submit(ctx, tr), provider.NotSent)
	// For an inquiry, NotSent would mean that the bank does not know the key.
	expect(t, "inquire", h.Provider.Inquire(ctx, query(tr)), provider.Unknown)
	if n := h.Line.Requests(); n != 0 {
		t.Errorf("%d requests were made all the same", n)
	}
}

// submitFaults tell what submit says to each fault, and whether the bank has the transfer afterwards.
var submitFaults = []struct {
	fault Fault
	says  provider.Kind
	acted bool
}{
	{Refused, provider.NotSent, false},
	{LostRequest, provider.Unknown, false},
	{LostAnswer, provider.Unknown, true},
	{CutAnswer, provider.Unknown, true},
	{TruncatedBody, provider.Unknown, true},
	{Hang, provider.Unknown, false},
	{ActThenHang, provider.Unknown, true},
	{Garbage, provider.Unknown, false},
	{EmptyAnswer, provider.Unknown, false},
	{ServerError, provider.Unknown, false},
	{ActThenError, provider.Unknown, true},
	{NotFoundPage, provider.Unknown, false},
	{Redirect, provider.Unknown, false},
	{OtherAnswer, provider.Unknown, true},
}

func faultsInSubmit(t *testing.T, h Harness) {
	// A first exchange, for OtherAnswer to repeat.
	expect(t, "submit", h.Provider.Submit(t.Context(), with(h.Paid, "BEFORE")), provider.Accepted, provider.Succeeded)
	for i, tt := range submitFaults {
		tr := with(h.Paid, "FAULT"+string(rune('A'+i)))
		requests := h.Line.Requests()
		h.Line.Fail(tt.fault)
		o := h.Provider.Submit(t.Context(), tr)
		expect(t, "submit, "+tt.fault.String(), o, tt.says)
		if o.Code != 0 {
			t.Errorf("%v was mapped to code %d", tt.fault, o.Code)
		}
		if n := h.Line.Requests() - requests; n != 1 {
			t.Errorf("submit, %v: %d requests were made, want one", tt.fault, n)
		}
		o = finally(t, h, tr)
		if !tt.acted {
			expect(t, "inquire after "+tt.fault.String(), o, provider.NotSent)
			// What the bank does not know may be sent again.
			expect(t, "submit again after "+tt.fault.String(), h.Provider.Submit(t.Context(), tr), provider.Accepted, provider.Succeeded)
			o = finally(t, h, tr)
		}
		expect(t, "inquire in the end, "+tt.fault.String(), o, provider.Succeeded)
		if n := h.Executed(tr.Key); n != 1 {
			t.Errorf("%v: executed %d times", tt.fault, n)
		}
	}
}

func faultsInInquire(t *testing.T, h Harness) {
	tr := with(h.Paid, "ASKED")
	other := with(h.Paid, "OTHER")
	for _, tr := range []provider.Transfer{tr, other} {
		expect(t, "submit", h.Provider.Submit(t.Context(), tr), provider.Accepted, provider.Succeeded)
		finally(t, h, tr)
	}
	for _, tt := range submitFaults {
		if tt.fault == OtherAnswer {
			h.Provider.Inquire(t.Context(), query(other))
		}
		h.Line.Fail(tt.fault)
		o := h.Provider.Inquire(t.Context(), query(tr))
		expect(t, "inquire, "+tt.fault.String(), o, provider.Unknown)
		expect(t, "inquire after "+tt.fault.String(), h.Provider.Inquire(t.Context(), query(tr)), provider.Succeeded)
	}
}

// deadlines has the bank hang: the adapter keeps its own deadlines, and the caller's where that one is shorter.
func deadlines(t *testing.T, h Harness) {
	tr := with(h.Paid, "SLOW")
	traits := h.Provider.Traits()
	calls := []struct {
		name string
		call func(ctx context.Context) provider.Outcome
		most time.Duration
	}{
		{"submit", func(ctx context.Context) provider.Outcome { return h.Provider.Submit(ctx, tr) }, traits.SubmitDeadline},
		{"inquire", func(ctx context.Context) provider.Outcome { return h.Provider.Inquire(ctx, query(tr)) }, traits.InquireDeadline},
	}
	for _, c := range calls {
		for _, limit := range []time.Duration{0, c.most / 4} {
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			least, most := c.most/2, c.most+time.Minute // a slow machine is late; only a call without a deadline never ends
			if limit > 0 {
				ctx, cancel = context.WithTimeout(ctx, limit)
				least, most = limit/2, c.most
			}
			h.Line.Fail(Hang)
			began := time.Now()
			expect(t, c.name+" at its deadline", c.call(ctx), provider.Unknown)
			if took := time.Since(began); took > most || took < least {
				t.Errorf("%s took %v, want %v to %v", c.name, took, least, most)
			}
			cancel()
		}
	}
}

func notifications(t *testing.T, h Harness) {
	tr := with(h.Paid, "NOTIFIED")
	expect(t, "submit", h.Provider.Submit(t.Context(), tr), provider.Accepted, provider.Succeeded)
	genuine := h.Notification(tr.Key)
	reports, err := h.Provider.ReadNotification(t.Context(), genuine)
	if err != nil {
		t.Fatalf("the bank's own notification is refused: %v", err)
	}
	found := false
	for _, r := range reports {
		if r.Key == tr.Key {
			found = true
			expect(t, "notification", r.Outcome, provider.Succeeded)
			echoes(t, r.Outcome, tr)
		}
	}
	if !found {
		t.Errorf("the reports %+v do not speak of %s", reports, tr.Key)
	}
	throughDoor(t, h.Door, genuine)
	for name, forged := range forgeries(genuine) {
		if h.Door.Verify(forged, time.Now()) == nil {
			t.Errorf("%s: passes the door", name)
		}
		if reports, err := h.Provider.ReadNotification(t.Context(), forged); err == nil {
			t.Errorf("%s: believed: %+v", name, reports)
		}
	}
}

// throughDoor has a notification pass the door with no more than the door keeps of it.
func throughDoor(t *testing.T, d provider.Door, genuine provider.Notification) {
	t.Helper()
	kept := provider.Notification{Header: make(map[string]string), Body: genuine.Body}
	for _, name := range d.Headers {
		if name != http.CanonicalHeaderKey(name) {
			t.Errorf("the door names the header %s, whose canonical name is %s", name, http.CanonicalHeaderKey(name))
		}
		kept.Header[name] = genuine.Header[name]
	}
	if err := d.Verify(kept, time.Now()); err != nil || len(genuine.Body) > d.MaxBody {
		t.Errorf("the bank's own notification of %d bytes does not pass the door: %v", len(genuine.Body), err)
	}
}

// forgeries are notifications that the bank did not send.
func forgeries(genuine provider.Notification) map[string]provider.Notification {
	body := string(genuine.Body)
	forged := map[string]provider.Notification{
		"truncated":       {Header: genuine.Header, Body: []byte(body[:len(body)/2])},
		"one byte less":   {Header: genuine.Header, Body: []byte(body[:len(body)-1])},
		"one byte more":   {Header: genuine.Header, Body: []byte(body + " ")},
		"another key":     {Header: genuine.Header, Body: []byte(strings.Replace(body, "NOTIFIED", "NOTIFIEX", 1))},
		"empty":           {Header: genuine.Header},
		"without headers": {Body: genuine.Body},
	}
	// Each header that the bank sent beside the ordinary ones carries part of its proof.
	for name, value := range genuine.Header {
		switch name {
		case "Accept-Encoding", "Content-Length", "Content-Type", "Date", "User-Agent":
			continue
		}
		without := maps.Clone(genuine.Header)
		delete(without, name)
		forged["without "+name] = provider.Notification{Header: without, Body: genuine.Body}
		other := maps.Clone(genuine.Header)
		other[name] = flipLast(value)
		forged["another "+name] = provider.Notification{Header: other, Body: genuine.Body}
	}
	return forged
}

func flipLast(s string) string {
	if s == "" {
		return "x"
	}
	last := byte('0')
	if s[len(s)-1] == '0' {
		last = '1'
	}
	return s[:len(s)-1] + string(last)
}
