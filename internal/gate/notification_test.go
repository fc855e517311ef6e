package gate

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpay/internal/provider"
	"flashpay/internal/store"
)

const doorPath = "/provider/sandbox/notification"

// proven is a notification's proof.
func proven(body string) option { return header(proof, strconv.Itoa(len(body))) }

// TestNotifications: what is the provider's is stored as it came, with the headers that its adapter reads and no others.
func TestNotifications(t *testing.T) {
	g, m := setup(t)
	raw := "\x00\xffnot JSON at all"
	a := post(t, g, doorPath, raw, proven(raw), header(proof, "second"), header("X-Filler", strings.Repeat("x", 20_000)),
		func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
	if a.status != 200 || len(m.notifications) != 1 {
		t.Fatalf("answered %d %s", a.status, a.raw)
	}
	if n := m.notifications[0]; string(n.Body) != raw || len(n.Header) != 1 || n.Header[proof] != strconv.Itoa(len(raw)) {
		t.Errorf("stored %q %v", n.Body, n.Header)
	}
	large := strings.Repeat("x", maxBody)
	if a := post(t, g, doorPath, large, proven(large)); a.status != 200 {
		t.Errorf("65,536 bytes: %d", a.status)
	}
	wantRefused(t, post(t, g, doorPath, large+"x", proven(large+"x")), 413, "702")
	wantRefused(t, post(t, g, "/provider/unknown/notification", raw), 404, "702")
	m.notifyErr = errDatabase
	wantRefused(t, post(t, g, doorPath, "another", proven("another")), 503, "601")
	m.notifyErr = store.ErrQueueFull
	wantRefused(t, post(t, g, doorPath, "another", proven("another")), 503, "601")
	m.notifyErr = nil
	if a := post(t, g, doorPath, "another", proven("another")); a.status != 200 || len(m.notifications) != 3 {
		t.Errorf("what had not been stored, sent again: %d, %d stored, want 3", a.status, len(m.notifications))
	}
}

// TestStrangersStoreNothing: what is not the provider's, or comes from elsewhere, is refused before it is stored, and of
// one from elsewhere not even the body is read.
func TestStrangersStoreNothing(t *testing.T) {
	var heard []Notified
	g, m := setup(t, func(c *Config) {
		d := c.Doors["sandbox"]
		d.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		c.Doors["sandbox"] = d
		c.Notified = func(n Notified) { heard = append(heard, n) }
	})
	inside := from("192.0.2.9:1234")
	a := post(t, g, doorPath, "forged", inside)
	wantRefused(t, a, 401, "3261")
	if a.header.Get("WWW-Authenticate") == "" {
		t.Error("a 401 without WWW-Authenticate")
	}
	wantRefused(t, post(t, g, doorPath, "forged", inside, header(proof, "5")), 401, "3261")
	wantRefused(t, post(t, g, doorPath, "true", from("198.51.100.1:1234"), proven("true")), 403, "303")
	wantRefused(t, post(t, g, doorPath, "true", from("nobody"), proven("true")), 403, "303")
	if len(m.notifications) != 0 {
		t.Fatalf("%d were stored", len(m.notifications))
	}
	if a := post(t, g, doorPath, "true", inside, proven("true")); a.status != 200 || len(m.notifications) != 1 {
		t.Errorf("the provider's own: %d, %d stored", a.status, len(m.notifications))
	}
	want := []Notified{
		{"sandbox", NotificationUnsigned, 6},
		{"sandbox", NotificationUnsigned, 6},
		{"sandbox", NotificationElsewhere, 0},
		{"sandbox", NotificationElsewhere, 0},
		{"sandbox", NotificationStored, 4},
	}
	if !slices.Equal(heard, want) {
		t.Errorf("counted %v, want %v", heard, want)
	}
}

// TestACopyIsStoredOnce: a notification that is played back is answered as before and takes no more room, until so many
// others came that it is no longer known.
func TestACopyIsStoredOnce(t *testing.T) {
	g, m := setup(t)
	g.doors["sandbox"].seen = newRecent(3)
	say := func(body string, stored int) {
		t.Helper()
		if a := post(t, g, doorPath, body, proven(body)); a.status != 200 || len(m.notifications) != stored {
			t.Errorf("%s: answered %d, %d stored, want %d", body, a.status, len(m.notifications), stored)
		}
	}
	for range 5 {
		say("a", 1)
	}
	say("b", 2)
	say("c", 3)
	say("a", 3)
	say("d", 4)
	say("b", 4)
	say("a", 5)
	if n := len(g.doors["sandbox"].seen.known); n != 3 {
		t.Errorf("%d are remembered, want 3", n)
	}
}

// TestNotificationsHaveLimits: a node stores so many a second, and none while too many wait to be read; what was turned
// away is taken when it comes again.
func TestNotificationsHaveLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results := map[NotificationResult]int{}
		g, m := setup(t, func(c *Config) {
			c.NotificationsPerSecond, c.NotificationBacklog = 3, 1000
			c.Notified = func(n Notified) { results[n.Result]++ }
		})
		sent := 0
		burst := func(n int) (statuses map[int]int) {
			statuses = map[int]int{}
			for range n {
				sent++
				body := fmt.Sprint(sent)
				a := post(t, g, doorPath, body, proven(body))
				statuses[a.status]++
				if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); a.status != 200 && (err != nil || seconds < 1) {
					t.Errorf("answered %d with Retry-After %q", a.status, a.header.Get("Retry-After"))
				}
			}
			return statuses
		}
		if got := burst(10); got[200] != 3 || got[429] != 7 {
			t.Errorf("ten at once, three a second: %v", got)
		}
		time.Sleep(time.Second)
		if got := burst(3); got[200] != 3 {
			t.Errorf("a second later: %v", got)
		}
		m.waiting = 1000
		time.Sleep(time.Second)
		if got := burst(3); got[503] != 3 {
			t.Errorf("while a thousand wait: %v", got)
		}
		m.waiting, m.waitingErr = 999, errDatabase
		time.Sleep(time.Second)
		if got := burst(1); got[503] != 1 {
			t.Errorf("while they cannot be counted: %v", got)
		}
		m.waitingErr = nil
		if got := burst(2); got[200] != 2 {
			t.Errorf("when there is room: %v", got)
		}
		if results[NotificationStored] != 8 || results[NotificationTooFast] != 7 || results[NotificationBacklog] != 4 || len(m.notifications) != 8 {
			t.Errorf("counted %v, %d stored", results, len(m.notifications))
		}
	})
}

// TestForgeriesWaitTheirTurn: what is verified at once is bounded at the door as everywhere in Gate.
func TestForgeriesWaitTheirTurn(t *testing.T) {
	verifying, release := make(chan struct{}), make(chan struct{})
	g, _ := setup(t, func(c *Config) {
		c.Doors["sandbox"] = provider.Door{MaxBody: maxBody, Verify: func(provider.Notification, time.Time) error {
			verifying <- struct{}{}
			<-release
			return nil
		}}
	})
	g.turns = newTurns(1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	const crowd = 20
	for range crowd {
		go func() {
			defer func() { ended <- struct{}{} }()
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost, doorPath, strings.NewReader("x"))
			_, _ = (&exchange{gate: g, r: r, started: time.Now()}).takeNotification(ctx, g.doors["sandbox"])
		}()
	}
	for range cap(g.turns.small) {
		<-verifying
	}
	cancel() // whoever waits for a turn gives up: nobody else was verified
	for range crowd - cap(g.turns.small) {
		<-ended
	}
	close(release)
	for range cap(g.turns.small) {
		<-ended
	}
}
