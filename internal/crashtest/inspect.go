package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"flashpay/client"
	"flashpay/internal/ledger"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// facts is everything that the verdict rests on, read when all had drained.
type facts struct {
	project int64
	opening int64
	noDedup bool
	waited  time.Duration // after the last blow

	orders        []order               // by payment id
	statuses      map[string]told       // what Gate says, by payment id
	heard         map[string][]news     // acknowledged callbacks
	badCallbacks  []string              // what did not verify
	refused       int                   // callbacks answered with 500, as planned
	book          []transfer            // the bank's, of this project
	balance       ledger.Balance        // at the end
	deliveries    []store.Delivery      // the platform's own log of callbacks, newest first
	views         map[string]store.View // the database's own view of each payment
	discrepancies []store.Discrepancy   // of the project, and of no known one
	audit         auditResult
}

// told is what Gate answered when asked for a status.
type told struct {
	status   client.Status
	code     string
	amount   int64
	notFound bool
	err      string
}

// transfer is one line of the bank's book.
type transfer struct {
	Key         string `json:"key"`
	Reference   string `json:"reference"` // project/payment_id
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	Account     string `json:"account"`
	Submissions int    `json:"submissions"`
	Executed    int    `json:"executed"`
}

// drain waits until every request is answered, every answered payout has had its callback, and the platform has
// nothing open or pending for the project; at the limit it goes on, and the verdict says what is left.
func (t *test) drain(ctx context.Context, limit time.Time) error {
	t.senders.Wait()
	t.takeOvers.Wait()
	s := t.beside
	if s == nil {
		var err error
		if s, err = store.Open(ctx, store.Config{URL: t.config.Database, Keyset: t.config.Keyset}); err != nil {
			return err
		}
		defer func() { _ = closeStore(s) }()
	}
	for said := time.Now(); time.Now().Before(limit); {
		left, err := t.left(ctx, s)
		if err != nil {
			return err
		}
		if left == 0 {
			return sleep(ctx, time.Second) // for notifications that the bank repeats
		}
		if time.Since(said) > 15*time.Second {
			said = time.Now()
			t.config.Progress(fmt.Sprintf("%d payouts or callbacks are still under way", left))
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// left counts what has not come to its end. Payouts that were answered and are not there at all are not waited for: the
// verdict names them.
func (t *test) left(ctx context.Context, s *store.Store) (int, error) {
	n := 0
	for _, o := range t.shop.list() {
		v, err := s.PaymentView(ctx, t.shop.project, o.wish.id)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return 0, err
		case !settled(v), len(t.receiver.heard(o.wish.id)) == 0:
			n++
		}
	}
	if n > 0 {
		return n, nil
	}
	pending, err := s.Deliveries(ctx, store.DeliveryFilter{ProjectID: t.shop.project, State: store.CallbackPending, Limit: 1000})
	if err != nil || len(pending) > 0 {
		return len(pending), err
	}
	return waiting(ctx, s)
}

// settled tells whether the platform has no step left for a payment.
func settled(v *store.View) bool {
	for i := range v.Operations {
		if v.Operations[i].Stage != payout.Closed || !v.Operations[i].NextAt.IsZero() {
			return false
		}
	}
	return v.Payment.Status.Final()
}

// inspect gathers the facts: Gate's answers while the platform runs, then, when it has stopped in order, its database,
// the audit, and the bank's book; at last the bank is stopped, too.
func (t *test) inspect(ctx context.Context) (*facts, error) {
	f := &facts{project: t.shop.project, opening: t.shop.opening, noDedup: t.config.NoDedup, orders: t.shop.list()}
	slices.SortFunc(f.orders, func(a, b order) int { return strings.Compare(a.wish.id, b.wish.id) })
	f.statuses = t.askAll(ctx, f.orders)
	for _, c := range t.nodes {
		if err := c.terminate(); err != nil {
			t.violate(Violation{Kind: "orderly stop", Detail: err.Error()})
		}
	}
	f.heard, f.refused, f.badCallbacks = t.receiver.heardAll()
	var err error
	bankURL := "http://" + t.bank.args[2]
	if f.book, err = readBook(ctx, bankURL, fmt.Sprintf("%d/", f.project)); err != nil {
		return nil, err
	}
	if err := f.readDatabase(ctx, &t.config, bankURL); err != nil {
		return nil, err
	}
	if err := t.bank.terminate(); err != nil {
		t.violate(Violation{Kind: "orderly stop", Detail: err.Error()})
	}
	return f, ctx.Err()
}

// askAll asks Gate for the status of every payout, the nodes in turn.
func (t *test) askAll(ctx context.Context, orders []order) map[string]told {
	answers := make([]told, len(orders))
	var asking sync.WaitGroup
	for worker := range 8 {
		asking.Go(func() {
			for i := worker; i < len(orders); i += 8 {
				answers[i] = ask(ctx, t.gates[i%len(t.gates)], orders[i].wish.id)
			}
		})
	}
	asking.Wait()
	out := make(map[string]told, len(orders))
	for i, o := range orders {
		out[o.wish.id] = answers[i]
	}
	return out
}

// ask asks for one status; a busy machine gets three chances.
func ask(ctx context.Context, gate *client.Client, id string) told {
	var last error
	for range 3 {
		p, err := gate.Status(ctx, id)
		switch {
		case errors.Is(err, client.ErrNotFound):
			return told{notFound: true}
		case err != nil:
			last = err
			continue
		case len(p.Operations) != 1:
			return told{err: fmt.Sprintf("it has %d operations", len(p.Operations))}
		}
		return told{status: p.Status, code: p.Operations[0].Code, amount: p.Sum.Amount}
	}
	return told{err: last.Error()}
}

// readBook reads the bank's book as far as references begin with prefix.
func readBook(ctx context.Context, bankURL, prefix string) ([]transfer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, bankURL+"/transfers", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading the bank's book: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading the bank's book: answered %s", answer.Status)
	}
	var book []transfer
	for d := json.NewDecoder(answer.Body); ; {
		var tr transfer
		if err := d.Decode(&tr); errors.Is(err, io.EOF) {
			return book, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the bank's book: %w", err)
		}
		if len(tr.Reference) >= len(prefix) && tr.Reference[:len(prefix)] == prefix {
			book = append(book, tr)
		}
	}
}

// readDatabase reads what the database says of the project, and audits all of it.
func (f *facts) readDatabase(ctx context.Context, c *Config, bankURL string) error {
	s, err := store.Open(ctx, store.Config{URL: c.Database, Keyset: c.Keyset})
	if err != nil {
		return err
	}
	defer func() { _ = closeStore(s) }()
	balances, err := s.Balances(ctx, f.project)
	if err != nil {
		return err
	}
	f.balance = balances[currency]
	f.views = make(map[string]store.View, len(f.orders))
	for _, o := range f.orders {
		v, err := s.PaymentView(ctx, f.project, o.wish.id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		f.views[o.wish.id] = *v
	}
	for before := int64(0); ; before = f.deliveries[len(f.deliveries)-1].Number {
		page, err := s.Deliveries(ctx, store.DeliveryFilter{ProjectID: f.project, Before: before, Limit: 1000})
		if err != nil {
			return err
		}
		if f.deliveries = append(f.deliveries, page...); len(page) < 1000 {
			break
		}
	}
	for _, project := range []int64{f.project, 0} {
		found, err := s.Discrepancies(ctx, project)
		if err != nil {
			return err
		}
		f.discrepancies = append(f.discrepancies, found...)
	}
	f.audit, err = runAudit(ctx, s, bankURL, f.project == firstProject)
	return err
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
