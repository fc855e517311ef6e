package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"flashpay/client"
	"flashpay/signature"
)

// eventsAnswer is a signed answer of the feed, with the events from one number to another.
func eventsAnswer(from, to, last int64) string {
	var items []string
	for n := from; n <= to; n++ {
		items = append(items, fmt.Sprintf(`{"number":%d,"callback":{%s,"decision":{"message":"T"},"operation":%s}}`, n,
			strings.Replace(paymentJSON, `"id":"p-1"`, fmt.Sprintf(`"id":"p-%d"`, n), 1), operationJSON))
	}
	return signFeed(fmt.Sprintf(`{"project_id":210,"events":[%s],"last":%d}`, strings.Join(items, ","), last))
}

func signFeed(body string) string {
	v, err := signature.Parse([]byte(body))
	if err != nil {
		panic(err)
	}
	v.Members = append(v.Members, signature.Field("signature", signature.Str(signature.Canonical(v).Sign(key))))
	return string(v.AppendJSON(nil))
}

// feedOf is a platform whose project has so many events.
func feedOf(events int64) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, err := signature.Verify(b, key)
		var after, limit int64
		if v, parsed := signature.Parse(b); parsed == nil && err == nil {
			_, err = fmt.Sscan(v.Get("after").Text+" "+v.Get("limit").Text, &after, &limit)
		}
		if err != nil || r.URL.Path != "/v1/events/get" {
			answer(w, 400, `{"status":"error","code":"3261"}`)
			return
		}
		answer(w, 200, eventsAnswer(after+1, min(after+limit, events), events))
	}))
}

// read reads a feed until it ends, or want events have come.
func read(events func(func(client.Event, error) bool), want int) (numbers []int64, err error) {
	for e, err := range events {
		if err != nil {
			return numbers, err
		}
		if numbers = append(numbers, e.Number); len(numbers) == want {
			break
		}
	}
	return numbers, nil
}

func oneTo(n int64) (all []int64) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

func TestEventsPageByThemselves(t *testing.T) {
	s := feedOf(2345)
	defer s.Close()
	c := newClient(t, s.URL)
	if got, err := read(c.Events(t.Context(), 0), -1); err != nil || !slices.Equal(got, oneTo(2345)) {
		t.Errorf("%d events, %v", len(got), err)
	}
	if got, err := read(c.Events(t.Context(), 2345), -1); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := read(c.Events(t.Context(), 0), 7); err != nil || !slices.Equal(got, oneTo(7)) {
		t.Errorf("%v, %v", got, err)
	}
	for e, err := range c.Events(t.Context(), 2344) {
		if want := wantPayment(); err != nil || e.Callback.Operation.ID != 5028800010128225 || e.Callback.Sum != want.Sum || e.Callback.ID != "p-2345" ||
			e.Callback.Decision != "T" || !strings.HasPrefix(string(e.Callback.Raw), `{"project_id":210,"payment":{"id":"p-2345"`) {
			t.Errorf("%+v, %v", e, err)
		}
	}
}

// TestFollowedEventsAreWaitedFor: an empty answer is asked again, and so is what gave none.
func TestFollowedEventsAreWaitedFor(t *testing.T) {
	var asked atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(b), `"wait":30`) {
			t.Errorf("does not wait: %s", b)
		}
		switch asked.Add(1) {
		case 1:
			answer(w, 200, eventsAnswer(1, 2, 2))
		case 2:
			answer(w, 200, eventsAnswer(3, 2, 2))
		case 3:
			hangUp(w)
		case 4:
			answer(w, 429, `{"status":"error","code":"601"}`)
		case 5:
			answer(w, 200, eventsAnswer(3, 3, 3))
		default:
			cancel()
			hangUp(w)
		}
	}))
	defer s.Close()
	if got, err := read(newClient(t, s.URL).FollowEvents(ctx, 0), -1); !slices.Equal(got, oneTo(3)) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestWhatIsNoFeed: answers with a gap, of another project, or not signed are refused whole.
func TestWhatIsNoFeed(t *testing.T) {
	good := eventsAnswer(1, 2, 2)
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"begins too late":          {eventsAnswer(2, 3, 3), client.ErrGap},
		"begins too early":         {eventsAnswer(0, 3, 3), client.ErrGap},
		"one is missing":           {signFeed(strings.Replace(unsign(eventsAnswer(1, 3, 3)), `"number":2`, `"number":3`, 1)), client.ErrGap},
		"nothing, though there is": {eventsAnswer(1, 0, 5), client.ErrGap},
		"more than there are":      {eventsAnswer(1, 2, 1), client.ErrGap},
		"changed":                  {strings.Replace(good, `"amount":100000`, `"amount":900000`, 1), signature.ErrMismatch},
		"unsigned":                 {unsign(good), signature.ErrMissing},
		"another project":          {signFeed(strings.Replace(unsign(good), `"project_id":210`, `"project_id":211`, 1)), nil},
		"another project's event":  {signFeed(strings.Replace(unsign(good), `"callback":{"project_id":210`, `"callback":{"project_id":211`, 1)), nil},
		"no events":                {signFeed(`{"project_id":210,"last":0}`), nil},
		"no number":                {signFeed(strings.Replace(unsign(good), `"number":1`, `"number":"x"`, 1)), nil},
		"no callback":              {signFeed(`{"project_id":210,"events":[{"number":1}],"last":1}`), nil},
	} {
		url, _ := statusGate(t, 200, c.body)
		got, err := read(newClient(t, url).Events(t.Context(), 0), -1)
		if err == nil || len(got) > 0 || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
	url, _ := statusGate(t, 403, `{"status":"error","code":"303"}`)
	var refused *client.Error
	if _, err := read(newClient(t, url).Events(t.Context(), 0), -1); !errors.As(err, &refused) || refused.Code != "303" {
		t.Errorf("refused: %v", err)
	}
	url, _ = statusGate(t, 200, eventsAnswer(1, 0, 5))
	if _, err := read(newClient(t, url).Events(t.Context(), 9), -1); !errors.Is(err, client.ErrGap) {
		t.Errorf("a number that never was: %v", err)
	}
}

// unsign takes the signature out of a body.
func unsign(body string) string {
	return body[:strings.LastIndex(body, `,"signature"`)] + "}"
}
