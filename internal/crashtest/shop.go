package crashtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"flashpay/client"
	"flashpay/internal/merchant"
	"flashpay/internal/store"
)

const (
	// projectName marks the projects that crash tests make: a database that has others is refused.
	projectName  = "flashpay crashtest"
	firstProject = 7_000_001
	currency     = "KGS"
	spare        = 1_000_000 // of the opening balance: what remains when everything is paid

	attemptTimeout = 5 * time.Second
	answerLimit    = 2 * time.Minute // for a request to be answered at last, repeats included
)

// ErrForeignData refuses a database that holds somebody's data.
var ErrForeignData = errors.New("this database has projects that are no crash test's: give an empty one, or leave --database out for a temporary file")

// shop is the merchant: its project, and what it knows of its payouts.
type shop struct {
	project int64
	key     string
	opening int64 // balance, minor units

	mu     sync.Mutex
	orders map[string]*order // by payment id
}

// order is what the merchant knows of one payout.
type order struct {
	wish      *wish
	asked     int    // the node that was asked last
	requestID string // of the answer; empty: not answered yet
	refused   string // a refusal, in words
	differs   string // another request id, which a repeat was answered with
	requests  int
}

// openShop makes a project of its own in the database, which must hold nothing but crash tests'.
func openShop(ctx context.Context, c *Config, p *plan, callbackURL string) (*shop, error) {
	s := &shop{project: firstProject, key: rand.Text(), opening: p.sum() + spare, orders: make(map[string]*order)}
	db, err := store.Open(ctx, store.Config{URL: c.Database, Keyset: c.Keyset})
	if err != nil {
		return nil, err
	}
	for _, other := range db.Projects() {
		if other.Name != projectName {
			return nil, errors.Join(fmt.Errorf("%w (project %d %q)", ErrForeignData, other.ID, other.Name), closeStore(db))
		}
		s.project = max(s.project, other.ID+1)
	}
	if s.project > math.MaxUint32 {
		return nil, errors.Join(errors.New("this database has no number left for another project"), closeStore(db))
	}
	project := &merchant.Project{
		ID: s.project, MerchantID: 1, Name: projectName, Mode: merchant.Test, Settings: merchant.Settings{CallbackURL: callbackURL},
	}
	err = db.CreateProject(ctx, project, s.key, map[string]int64{currency: s.opening}, "crashtest")
	return s, errors.Join(err, closeStore(db))
}

func closeStore(s *store.Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.Close(ctx)
}

// client is a client of one node's Gate. It does not repeat by itself: the repeats here go to another node.
func (s *shop) client(gate string) (*client.Client, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute}
	return client.New(client.Config{
		GateURL: gate, ProjectID: s.project, Key: s.key, Attempts: 1, Timeout: attemptTimeout,
		HTTPClient: &http.Client{Transport: transport},
	})
}

func (w *wish) payout() client.Payout {
	return client.Payout{
		Method: "kyrgyzstan", PaymentID: w.id, Amount: w.amount, Currency: currency,
		Customer: client.Customer{ID: "customer-1", IPAddress: "192.0.2.1", FirstName: "Aida"},
		Account:  client.Account{Number: w.account},
	}
}

// send begins to request a portion of the payouts, each at its time; it returns at once.
func (t *test) send(ctx context.Context, wishes []*wish) {
	for _, w := range wishes {
		t.senders.Go(func() {
			if sleep(ctx, w.offset) == nil {
				t.request(ctx, w, w.node)
			}
		})
		if w.copied == 0 {
			continue
		}
		t.count(func(c *counts) { c.copies++ })
		t.senders.Go(func() { // somebody pressed the button twice
			if sleep(ctx, w.offset+w.copied) == nil {
				t.request(ctx, w, w.node+1)
			}
		})
	}
}

// request sends one payout again and again under its id, to each node in turn, until it is answered.
func (t *test) request(ctx context.Context, w *wish, node int) {
	t.shop.begin(w)
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	for n := 0; ctx.Err() == nil; n++ {
		at := (node + n) % len(t.gates)
		t.shop.asks(w, at)
		receipt, err := t.gates[at].Create(ctx, w.payout())
		var refused *client.Error
		switch {
		case err == nil:
			t.shop.answered(w, receipt)
			return
		case !errors.Is(err, client.ErrUnknown) && errors.As(err, &refused) && refused.HTTPStatus < http.StatusInternalServerError &&
			refused.HTTPStatus != http.StatusTooManyRequests:
			t.shop.refusedWith(w, err.Error())
			return
		}
		_ = sleep(ctx, min(50*time.Millisecond<<min(n, 4), 500*time.Millisecond))
	}
}

func (s *shop) begin(w *wish) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orders[w.id] == nil {
		s.orders[w.id] = &order{wish: w}
	}
}

func (s *shop) asks(w *wish, node int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[w.id]
	o.requests++
	if o.requestID == "" {
		o.asked = node
	}
}

// answered keeps the first answer; each later one must be the same.
func (s *shop) answered(w *wish, r client.Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[w.id]
	switch {
	case r.RequestID == "" || r.ProjectID != s.project || r.PaymentID != w.id:
		o.differs = fmt.Sprintf("the answer is about project %d, payment %q, request %q", r.ProjectID, r.PaymentID, r.RequestID)
	case o.requestID == "":
		o.requestID = r.RequestID
	case o.requestID != r.RequestID:
		o.differs = fmt.Sprintf("request %s, then request %s", o.requestID, r.RequestID)
	}
}

func (s *shop) refusedWith(w *wish, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders[w.id].refused = why
}

// list copies what is known of the orders.
func (s *shop) list() []order {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]order, 0, len(s.orders))
	for _, o := range s.orders {
		out = append(out, *o)
	}
	return out
}
