package access_test

import (
	"context"
	"errors"
	"regexp"
	"sync"
	"testing"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/jobs"
	"flashpay/internal/storetest"
	"flashpay/internal/work"
)

// mailedLinks is an installation with e-mail.
type mailedLinks struct {
	*access.Service
	t     *testing.T
	store *store.Store

	mu   sync.Mutex
	sent [][2]string // to whom, and the text
}

func newMailedLinks(t *testing.T, url string) *mailedLinks {
	t.Helper()
	m := &mailedLinks{t: t, store: storetest.Open(t, url)}
	var err error
	if m.Service, err = access.New(m.store, access.Config{URL: "http://localhost:8083", HashMemory: 64, Mails: true}); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *mailedLinks) send(_ context.Context, _, to, _, text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, [2]string{to, text})
	return nil
}

var linkInMail = regexp.MustCompile(`http://localhost:8083/invitation/([A-Za-z0-9_-]+)\n`)

// delivered has everything sent that waits, and returns the token of the one link that went to an address; none: there is none.
func (m *mailedLinks) delivered(to string) (token string) {
	m.t.Helper()
	ctx, stop := context.WithCancel(m.t.Context())
	mails := &access.LinkMail{Store: m.store, URL: "http://localhost:8083/", Send: m.send}
	runner := work.NewRunner(work.RunnerConfig{Store: m.store, Kinds: mails.Jobs(), Poll: 20 * time.Millisecond})
	var running sync.WaitGroup
	running.Go(func() { _ = runner.Run(ctx) })
	for {
		open, err := m.store.DB().Numbers(m.t.Context(), "SELECT id FROM jobs WHERE ended_at = 0")
		if err != nil {
			m.t.Fatal(err)
		}
		if len(open) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	running.Wait()
	for _, mail := range m.sent {
		links := linkInMail.FindAllStringSubmatch(mail[1], -1)
		if mail[0] != to || token != "" || len(links) != 3 { // one a language, as they have not chosen any
			m.t.Fatalf("sent %q, want one link to %s", m.sent, to)
		}
		token = links[0][1]
	}
	m.sent = nil
	return token
}

// origins tells whether an account's link, and its rights, come from somebody.
func (m *mailedLinks) origins(u int64) (link, rights bool) {
	m.t.Helper()
	all, err := m.store.Origins(m.t.Context(), u)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, o := range all {
		link, rights = link || o.Link, rights || !o.Link
	}
	return link, rights
}

// Where e-mail is set up, whoever invites or resets an account is shown no link: it goes to the account's address, once. Of an
// invitation they chose the address, so it may be theirs still; a reset gives them nothing.
func TestLinksGoByMail(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		m := newMailedLinks(t, url)
		boss := &staff.User{MerchantID: 1, Email: "boss@example.kg", Name: "Boss", Roles: []staff.Role{staff.MerchantAdmin}}
		if err := m.CreateReady(t.Context(), boss, goodPassword, testSecret, "test"); err != nil {
			t.Fatal(err)
		}
		by := access.ByUser(boss)
		u := &staff.User{MerchantID: 1, Email: "new@example.kg", Roles: []staff.Role{staff.Operations}}
		for range 2 { // a form that is sent twice
			invited := *u
			if path, err := m.Invite(t.Context(), "once", by, &invited); err != nil || path != "" {
				t.Fatalf("shown %q, %v", path, err)
			}
			u.ID = invited.ID
		}
		token := m.delivered(u.Email)
		accept := func(token string) {
			t.Helper()
			if _, err := m.Accept(t.Context(), token, "New", goodPassword, access.Client{}); err != nil {
				t.Fatal(err)
			}
		}
		accept(token)
		if link, rights := m.origins(u.ID); !link || !rights {
			t.Errorf("invited: link %t, rights %t of whoever invited", link, rights)
		}
		if err := m.store.ConfirmUser(t.Context(), u.ID, 0, "test"); err != nil {
			t.Fatal(err)
		}
		if path, err := m.NewLink(t.Context(), "reset", by, u.ID); err != nil || path != "" {
			t.Fatalf("shown %q, %v", path, err)
		}
		accept(m.delivered(u.Email))
		if link, rights := m.origins(u.ID); link || rights {
			t.Errorf("reset: link %t, rights %t of whoever reset it", link, rights)
		}
		if _, err := m.NewLink(t.Context(), "withdrawn", by, u.ID); err != nil {
			t.Fatal(err)
		}
		if err := m.WithdrawLink(t.Context(), by, u.ID); err != nil {
			t.Fatal(err)
		}
		if token := m.delivered(u.Email); token != "" {
			t.Error("a link that was withdrawn is sent")
		}
		shown, err := m.NewLink(t.Context(), "by command", access.ByCommand("cli"), u.ID)
		if err != nil || shown == "" || m.delivered(u.Email) != "" {
			t.Errorf("the command line is shown %q, %v", shown, err)
		}
	})
}

// A node without a mail server leaves links to those that have one.
func TestLinksAreLeftToANodeWithAMailServer(t *testing.T) {
	t.Parallel()
	if kinds := (&access.LinkMail{}).Jobs(); len(kinds) != 0 {
		t.Errorf("a node without a mail server takes %s", kinds[0].Name)
	}
}

// A link is tried as long as it lives, and then no more.
func TestALinkIsTriedUntilItExpires(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	s := storetest.OpenAs(t, store.Config{URL: storetest.URL(t, storetest.SQLite), Clock: clock.Now})
	service, err := access.New(s, access.Config{URL: "http://localhost:8083", HashMemory: 64, Mails: true})
	if err != nil {
		t.Fatal(err)
	}
	boss := &staff.User{MerchantID: 1, Email: "boss@example.kg", Name: "Boss", Roles: []staff.Role{staff.MerchantAdmin}}
	if err := service.CreateReady(t.Context(), boss, goodPassword, testSecret, "test"); err != nil {
		t.Fatal(err)
	}
	invited := &staff.User{MerchantID: 1, Email: "new@example.kg", Roles: []staff.Role{staff.Operations}}
	if _, err := service.Invite(t.Context(), "once", access.ByUser(boss), invited); err != nil {
		t.Fatal(err)
	}
	mails := &access.LinkMail{Store: s, URL: "http://localhost:8083/", Send: func(context.Context, string, string, string, string) error { return errors.New("no answer") }}
	runner := work.NewRunner(work.RunnerConfig{Store: s, Kinds: mails.Jobs(), Poll: 5 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = runner.Run(ctx) })
	defer running.Wait()
	defer stop()
	job := func(fits func(j *jobs.Job) bool) *jobs.Job {
		t.Helper()
		for {
			all, err := jobs.List(t.Context(), s, jobs.Filter{Kind: "link mail", Limit: 1})
			if err != nil || len(all) != 1 {
				t.Fatalf("%d jobs, %v", len(all), err)
			}
			if all[0].State.Ended() || fits(&all[0]) {
				return &all[0]
			}
			time.Sleep(time.Millisecond)
		}
	}
	for tried := range 20 {
		if j := job(func(j *jobs.Job) bool { return j.State == jobs.Queued && j.Attempts == tried+1 }); j.State.Ended() {
			t.Fatalf("given up after %d attempts: %s", j.Attempts, j.Outcome)
		}
		if tried < 19 {
			clock.Advance(10 * time.Minute)
		}
	}
	clock.Advance(access.InvitationLife)
	if j := job(func(*jobs.Job) bool { return false }); j.State != jobs.Done {
		t.Errorf("after the link has expired: %s, %s", j.State, j.Outcome)
	}
}
