package alert_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"flashpay/internal/alert"
	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/report"
	"flashpay/internal/rule"
	"flashpay/internal/staff"
	"flashpay/internal/store"
	"flashpay/internal/store/alerts"
	"flashpay/internal/store/people"
	"flashpay/internal/storetest"
	"flashpay/internal/work"
)

// post is a mail server that keeps what it is given: the texts by receiver.
type post struct {
	mu  sync.Mutex
	got map[string][]string
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &delivery{post: p}, nil }

type delivery struct {
	post *post
	to   string
}

func (d *delivery) Mail(string, *smtp.MailOptions) error      { return nil }
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error { d.to = to; return nil }
func (d *delivery) Reset()                                    {}
func (d *delivery) Logout() error                             { return nil }

func (d *delivery) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		return err
	}
	d.post.mu.Lock()
	defer d.post.mu.Unlock()
	d.post.got[d.to] = append(d.post.got[d.to], subject+"\n"+string(text))
	return nil
}

// told is all that somebody was sent.
func (p *post) told(to string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.got[to], "\n")
}

func openPost(t *testing.T) (*post, *report.Mail) {
	t.Helper()
	p := &post{got: make(map[string][]string)}
	server := smtp.NewServer(p)
	server.Domain = "localhost"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	m, err := report.NewMail("smtp://"+listener.Addr().String()+"?tls=off", "alerts@pay.example.kg", "https://pay.example.kg/reports/link/")
	if err != nil {
		t.Fatal(err)
	}
	return p, m
}

// place is a platform with two nodes, or one where its engine has one, and those who work there.
type place struct {
	t     *testing.T
	nodes []*alert.Service
	post  *post
	users map[string]*staff.User
}

func newPlace(t *testing.T, url string) *place {
	t.Helper()
	first := storetest.Open(t, url)
	p := &place{t: t, users: make(map[string]*staff.User)}
	var m *report.Mail
	p.post, m = openPost(t)
	second := first
	if first.Path() == "" {
		second = storetest.Open(t, url)
	}
	for _, s := range []*store.Store{first, second} {
		p.nodes = append(p.nodes, &alert.Service{Store: s, Mail: m, URL: "https://pay.example.kg"})
	}
	for _, project := range []*merchant.Project{
		{ID: 210, MerchantID: 1, Name: "Shop", Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: "http://192.0.2.1/callback"}},
		{ID: 220, MerchantID: 2, Name: "Others", Mode: merchant.Test},
	} {
		p.must(first.CreateProject(t.Context(), project, fmt.Sprint("secret-", project.ID), map[string]int64{"KGS": 1 << 40}, "test"))
	}
	for _, known := second.Project(220); !known; _, known = second.Project(220) { // the other node hears of it
		time.Sleep(10 * time.Millisecond)
	}
	p.join("aida", "en", 1, staff.Operations)
	p.join("bakyt", "ru", 1, staff.Operations)
	p.join("quiet", "en", 1, staff.Operations)
	p.join("support", "ky", 1, staff.Support)
	p.join("stranger", "en", 2, staff.Operations)
	p.join("operator", "en", 0, staff.Operator)
	p.must(alerts.SetOff(t.Context(), first, "once", p.users["quiet"], []string{alerts.Approval}))
	return p
}

func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) join(name, lang string, merchantID int64, role staff.Role) {
	p.t.Helper()
	u := &people.UserRecord{User: staff.User{
		MerchantID: merchantID, Email: name + "@example.kg", Name: name, Roles: []staff.Role{role}, AllProjects: merchantID != 0, Language: lang,
	}}
	u.Password = "a hash"
	p.must(people.New(p.nodes[0].Store).CreateUser(p.t.Context(), "", u, nil, "test"))
	p.users[name] = &u.User
}

// look has all nodes look at once, twice.
func (p *place) look() {
	p.t.Helper()
	for range 2 {
		var all sync.WaitGroup
		for _, node := range p.nodes {
			all.Go(func() {
				if err := node.Look(p.t.Context()); err != nil {
					p.t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// wants compares how often each was told of a kind.
func (p *place) wants(kind string, want map[string]int) {
	p.t.Helper()
	for name, u := range p.users {
		told, err := alerts.List(p.t.Context(), p.nodes[0].Store, u.ID, 100)
		p.must(err)
		n := 0
		for i := range told {
			if told[i].Kind == kind {
				n++
			}
		}
		if n != want[name] {
			p.t.Errorf("%s: %s was told %d times, want %d", kind, name, n, want[name])
		}
	}
}

func (p *place) ask(id string) {
	p.t.Helper()
	_, err := p.nodes[0].Store.RequestApproval(p.t.Context(), "once "+id, store.Approval{
		Kind: store.ApprovalPayout, ProjectID: 210, MerchantID: 1, Subject: id, Title: id, Amount: 100, Currency: "KGS",
		RequestedBy: p.users["aida"].ID, Requester: "Aida", Content: []byte("{}"),
	}, "test")
	p.must(err)
}

// pay makes a payout and lets the bank say things about it.
func (p *place) pay(id string, events ...payout.Event) {
	p.t.Helper()
	s := p.nodes[0].Store
	_, err := s.Accept(p.t.Context(), &store.NewPayout{
		ProjectID: 210, PaymentID: id, Method: "bank-transfer/kyrgyzstan", MethodTitle: "Bank", Amount: 100, Currency: "KGS", Account: "00004598",
		AccountMask: "0000**98", CustomerID: "c", Interface: 1, Threshold: time.Hour, Request: []byte(`{"customer":{"ip_address":"192.0.2.7"},"account":{"number":"00004598"}}`), Provider: "bank-" + id, ProviderID: 7,
		Check: rule.Item{Method: "bank-transfer/kyrgyzstan", Currencies: []string{"KGS"}, MinAmount: 1, MaxAmount: 1 << 40, Amount: 100, Currency: "KGS"},
	})
	p.must(err)
	leased, err := s.LeaseOperations(p.t.Context(), store.Lease{ProjectID: 210, Provider: "bank-" + id, N: 1, Submit: true, SubmitDeadline: time.Second, Duration: time.Minute})
	if err != nil || len(leased) != 1 {
		p.t.Fatal(leased, err)
	}
	w := leased[0]
	for _, event := range events {
		after, err := s.Apply(p.t.Context(), store.Step{
			Payment: w.Payment, Operation: w.Operation, Event: event, Kind: event.String(), ProviderPaymentID: "B-" + id, NextAt: s.Now().Add(time.Hour),
		})
		p.must(err)
		w.Payment, w.Operation = after.Payment, after.Operation
	}
}

// answer is what an endpoint says to the callback with a number.
func (p *place) answer(number int64, attempt int, state store.CallbackState) {
	p.t.Helper()
	s := p.nodes[0].Store
	a := store.Attempt{ProjectID: 210, Number: number, Attempt: attempt, At: s.Now(), HTTPStatus: 500}
	next := s.Now().Add(time.Hour)
	if state != store.CallbackPending {
		next = time.Time{}
	}
	p.must(s.SaveAttempt(p.t.Context(), a, state, next))
}

// endBatch is a mass payout that has ended with a row that was refused.
func (p *place) endBatch(id int64, status string) {
	p.t.Helper()
	p.must(p.nodes[0].Store.Do(p.t.Context(), "", func(ctx context.Context, t *store.Tx) error {
		now := t.Now().UnixMicro()
		const batch = `INSERT INTO batches (id, project_id, merchant_id, state, version, sealed, file, digest, size, row_count, good, bad, good_only, position, reason,
			user_id, user_name, created_at, sent_at, updated_at, ended_at, drop_at) VALUES ($1, 210, 1, 'done', 1, $2, 0, $3, 1, 1, 1, 0, 0, 1, '', 0, '', $4, $5, $6, $7, $8)`
		if _, err := t.Exec(ctx, batch, id, []byte{1}, []byte{2}, now, now, now, now, now); err != nil {
			return err
		}
		_, err := t.Exec(ctx, "INSERT INTO batch_counts (batch, project_id, currency, status, row_count, amount) VALUES ($1, 210, 'KGS', $2, 1, 100)", id, status)
		return err
	}))
}

// mailed lets all nodes send until no e-mail waits.
func (p *place) mailed() {
	p.t.Helper()
	ctx, stop := context.WithCancel(p.t.Context())
	var runners sync.WaitGroup
	for _, node := range p.nodes {
		runner := work.NewRunner(work.RunnerConfig{Store: node.Store, Kinds: []work.JobKind{node.Job()}, Poll: 20 * time.Millisecond})
		runners.Go(func() { _ = runner.Run(ctx) })
	}
	for {
		open, err := p.nodes[0].Store.DB().Numbers(p.t.Context(), "SELECT id FROM jobs WHERE kind = 'alert mail' AND ended_at = 0")
		p.must(err)
		if len(open) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	runners.Wait()
}

// Each of those who may act is told once, on pages and by e-mail, whichever node finds it first.
func TestEachIsToldOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlace(t, url)
		p.ask("of before")
		p.look() // what was before there were alerts is not told of
		p.wants(alerts.Approval, nil)

		p.ask("Manual-1")
		p.endBatch(77, "refused")
		p.endBatch(78, "success")
		p.pay("Salary-42", payout.Declined, payout.Succeeded)
		p.look()
		p.wants(alerts.Approval, map[string]int{"bakyt": 1})
		p.wants(alerts.Batch, map[string]int{"aida": 1, "bakyt": 1, "quiet": 1})
		p.wants(alerts.Discrepancy, map[string]int{"operator": 1})
		p.wants(alerts.Callbacks, nil)
		p.mailed()
		for name, want := range map[string][]string{
			"aida":     {"Flashpay: alerts (1)", "A mass payout has ended, and not all of it was paid: project 210, Shop", "https://pay.example.kg/manual/mass/77"},
			"bakyt":    {"Flashpay: сообщения (2)", "Запрос ждёт вашего одобрения: проект 210, Shop", "https://pay.example.kg/manual/approvals/"},
			"operator": {"A discrepancy with the bank was opened", "https://pay.example.kg/operate/discrepancies/"},
		} {
			for _, words := range want {
				if text := p.post.told(name + "@example.kg"); strings.Count(text, words) != 1 {
					t.Errorf("%s was sent:\n%s\nwant %q once", name, text, words)
				}
			}
		}
		for _, name := range []string{"support", "stranger"} {
			if text := p.post.told(name + "@example.kg"); text != "" {
				t.Errorf("%s was sent:\n%s", name, text)
			}
		}
		p.look()
		p.wants(alerts.Approval, map[string]int{"bakyt": 1})
		p.mailed()
		if got := len(p.post.got["bakyt@example.kg"]); got != 1 {
			t.Errorf("bakyt was sent %d e-mails", got)
		}

		bakyt := p.users["bakyt"].ID
		told, err := alerts.List(t.Context(), p.nodes[0].Store, bakyt, 1)
		p.must(err)
		p.must(alerts.Saw(t.Context(), p.nodes[0].Store, bakyt, told[0].ID))
		if n, err := alerts.Unseen(t.Context(), p.nodes[0].Store, bakyt, 100); n != 0 || err != nil {
			t.Errorf("%d are not seen, %v", n, err)
		}
	})
}

// Callbacks of a project that fail are told of once, however many do, until they do not; then again.
func TestFailingCallbacksAreToldOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlace(t, url)
		who := func(n int) map[string]int { return map[string]int{"aida": n, "bakyt": n, "quiet": n, "support": n} }
		p.look()
		p.pay("one", payout.Succeeded)
		p.pay("two", payout.Succeeded)
		p.answer(1, 1, store.CallbackPending)
		p.answer(1, 2, store.CallbackPending)
		p.look() // a short absence is none
		p.wants(alerts.Callbacks, nil)
		p.answer(1, 3, store.CallbackPending)
		p.look()
		p.wants(alerts.Callbacks, who(1))
		p.answer(2, 1, store.CallbackGivenUp)
		p.look()
		p.wants(alerts.Callbacks, who(1))
		p.answer(1, 4, store.CallbackDelivered)
		p.look()
		p.wants(alerts.Callbacks, who(1))
		p.pay("three", payout.Succeeded)
		p.answer(3, 1, store.CallbackGivenUp)
		p.look()
		p.wants(alerts.Callbacks, who(2))
	})
}
