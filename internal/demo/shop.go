package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"flashpay/client"
)

// The payout method that the shop uses, and its rules, as its page says them.
const (
	methodName = "kyrgyzstan"
	currency   = "KGS"
	minAmount  = 15_00     // minor units, of one payout
	maxAmount  = 15_000_00 // minor units, of one payout
)

// StateFile is the name of the shop's file in its state folder.
const StateFile = "shop.jsonl"

// Config says where the platform is, which project asks, and where the shop
// keeps what it knows.
type Config struct {
	GateURL   string       // address of Gate, such as http://127.0.0.1:8080
	ProjectID int64        // the project's number
	Key       string       // the project's secret key; callbacks must verify under it
	State     string       // folder for the shop's file of state; made where missing
	Logger    *slog.Logger // nil: slog.Default()

	// Threshold is what the page says about the time after which the platform
	// gives a payout up; 0: 24 h.
	Threshold time.Duration

	// HTTPClient, Attempts and Backoff are those of client.Config; zero takes the
	// client's defaults.
	HTTPClient *http.Client
	Attempts   int
	Backoff    time.Duration
}

var errClosed = errors.New("demo: the shop is closed")

// Shop is the merchant's web service. It is safe for use by several goroutines.
type Shop struct {
	cfg       Config
	client    *client.Client
	log       *slog.Logger
	scenarios []scenarioGroup
	handler   http.Handler
	callbacks http.Handler

	book    *book
	journal *journal
	write   sync.Mutex // so that the book changes in the journal's order
	live    *live

	slots   chan struct{} // one for each request that may be under way
	ctx     context.Context
	cancel  context.CancelFunc
	closing sync.Mutex // guards closed and running.Add
	closed  bool
	running sync.WaitGroup
}

const (
	maxUnderWay = 20
	poolSize    = 32
)

// New opens the shop's state and goes on where it was: requests that had no
// answer are sent again, in the background. It fails where the configuration is
// wrong or the state cannot be read; it does not wait for Gate.
func New(cfg Config) (*Shop, error) {
	if cfg.State == "" {
		return nil, errors.New("demo: Config.State is empty; it is the folder in which the shop keeps its payouts")
	}
	c, err := client.New(client.Config{
		GateURL: cfg.GateURL, ProjectID: cfg.ProjectID, Key: cfg.Key,
		HTTPClient: observing(cfg.HTTPClient), Attempts: cfg.Attempts, Backoff: cfg.Backoff,
	})
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	s := &Shop{
		cfg: cfg, client: c, log: cmp.Or(cfg.Logger, slog.Default()), scenarios: scenarios(cfg.Threshold),
		book: newBook(), live: newLive(), slots: make(chan struct{}, maxUnderWay),
	}
	name := filepath.Join(cfg.State, StateFile)
	j, torn, err := openJournal(name, s.book.apply)
	if err != nil {
		return nil, err
	}
	if torn > 0 {
		s.log.Warn("the last line of the shop's state was not whole and is dropped", "file", name, "bytes", torn)
	}
	s.journal = j
	s.book.down = "" // that was in another life
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.callbacks = client.CallbackHandler(func() []string { return []string{cfg.Key} }, s.keepCallback)
	s.handler = s.routes()
	s.resume()
	return s, nil
}

// Handler returns the web service: the page at /, callbacks at POST /callback.
func (s *Shop) Handler() http.Handler { return s.handler }

// Close ends what is under way and the pages' live connections, and closes the
// state. A request that has no answer yet is sent again after the next New.
// Callbacks that come later are answered 500, so the platform repeats them.
// Close before http.Server.Shutdown, which waits for the live connections.
func (s *Shop) Close() error {
	s.closing.Lock()
	again := s.closed
	s.closed = true
	s.closing.Unlock()
	if again {
		return nil
	}
	s.cancel()
	s.running.Wait()
	return s.journal.close()
}

// enter makes a record durable, then known.
func (s *Shop) enter(r *record) error {
	s.write.Lock()
	defer s.write.Unlock()
	return s.enterLocked(r)
}

func (s *Shop) enterLocked(r *record) error {
	if err := s.journal.append(r); err != nil {
		s.log.Error("the shop cannot store what it is told", "kind", r.Kind, "payment_id", r.PaymentID, "err", err)
		return err
	}
	s.book.mu.Lock()
	s.book.apply(r)
	s.book.mu.Unlock()
	s.live.changed()
	return nil
}

// newPaymentID makes an id that no other payout has.
func newPaymentID() string { return "payout-" + strings.ToLower(rand.Text()[:10]) }

func now() time.Time { return time.Now().UTC() }
