package callback

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/internal/wire"
)

// Sample is what became of a sample callback.
type Sample struct {
	URL        string
	Body       []byte // as sent, with its signature
	HTTPStatus int    // 0: there was no answer
	Answer     []byte // its first part
}

// allowance is how many samples somebody may send: somebody has to read each answer.
type allowance struct{ atOnce, perMinute int }

// What a project may send, and all projects of a merchant together.
var (
	ofProject  = allowance{atOnce: 2, perMinute: 10}
	ofMerchant = allowance{atOnce: 4, perMinute: 20}
)

// Tester sends samples, of each project and of each merchant a bounded number at once and in a minute. It keeps no connection.
type Tester struct {
	sender *sender

	mu        sync.Mutex
	projects  map[int64]*samples
	merchants map[int64]*samples // by ownerOf
}

// samples are what a project or a merchant sends, and may still send.
type samples struct {
	allowance
	whose   string
	running int
	rate    *rate.Limiter
}

// NewTester makes a Tester that goes only where the Dispatcher of this configuration would.
func NewTester(c Config) *Tester {
	t := &Tester{sender: newSender(&c), projects: make(map[int64]*samples), merchants: make(map[int64]*samples)}
	t.sender.transport.DisableKeepAlives = true
	return t
}

func find(all map[int64]*samples, id int64, whose string, a allowance) *samples {
	s := all[id]
	if s == nil {
		s = &samples{allowance: a, whose: whose, rate: rate.NewLimiter(rate.Every(time.Minute/time.Duration(a.perMinute)), a.perMinute)}
		all[id] = s
	}
	return s
}

// begin takes one of a project's samples, and of its merchant's; end gives its place back.
func (t *Tester) begin(p *merchant.Project) (end func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	both := []*samples{find(t.projects, p.ID, "project", ofProject), find(t.merchants, ownerOf(p), "merchant", ofMerchant)}
	for _, s := range both {
		if s.running >= s.atOnce || s.rate.Tokens() < 1 {
			return nil, fmt.Errorf("this %s's samples are limited to %d at once and %d a minute: try again in a minute", s.whose, s.atOnce, s.perMinute)
		}
	}
	for _, s := range both {
		s.rate.Allow()
		s.running++
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, s := range both {
			s.running--
		}
	}, nil
}

// Send posts the callback of a made-up successful payout to where the project's callbacks of such payouts go, signed as
// they are. No payment is made and no number is used up. The error says in words why the endpoint would not acknowledge.
func (t *Tester) Send(ctx context.Context, project *merchant.Project, method, title, currency string, now time.Time) (Sample, error) {
	job := sampleJob(project.ID, method, title, currency, now)
	s := Sample{URL: rule.CallbackURL(project, payout.Options{}, method, payout.Success)}
	if s.URL == "" {
		return s, errors.New("the project has no callback URL for successful payouts")
	}
	to, err := address(project, s.URL)
	if err != nil {
		return s, err
	}
	key, ok := project.SigningKey()
	if !ok {
		return s, errors.New("the project has no live key to sign with: add one")
	}
	end, err := t.begin(project)
	if err != nil {
		return s, err
	}
	defer end()
	s.Body = wire.SignedJSON(job.Body(), key.Secret)
	hook := webhook(fmt.Sprintf("sample_%d_%d", project.ID, now.UnixMicro()), now, project.Keys, s.Body)
	s.HTTPStatus, s.Answer, err = t.sender.post(ctx, ownerOf(project), to, s.Body, hook)
	if err == nil && s.HTTPStatus != http.StatusOK {
		err = fmt.Errorf("answered %d: only 200 acknowledges", s.HTTPStatus)
	}
	return s, err
}

// sampleJob is a callback of a payout that never was: its ids say so.
func sampleJob(projectID int64, method, title, currency string, now time.Time) *store.CallbackJob {
	const amount = 10000
	return &store.CallbackJob{
		Event: store.Event{ProjectID: projectID, PaymentStatus: payout.Success, OperationStatus: payout.Success, Code: payout.CodeSuccess, At: now},
		Payment: payout.Payment{
			ProjectID: projectID, PaymentID: "sample", RequestID: "sample-00000001", Status: payout.Success, Method: method, MethodTitle: title,
			Amount: amount, Currency: currency, Description: "A sample: no money was paid", AccountMask: "000000******0000", CustomerID: "sample",
		},
		Operation: payout.Operation{ProjectID: projectID, Amount: amount, Currency: currency, Status: payout.Success, CreatedAt: now},
	}
}
