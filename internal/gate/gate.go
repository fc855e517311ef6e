// Package gate is station 1 of the road: the HTTP interface that merchants' web services talk to. A request is parsed,
// its sender known by project, address and signature, its fields checked; what is good goes to the store, and the
// answer leaves when the payment is durable. Nothing is stored here. The package is also the providers' door: it turns away
// what is not theirs, and has their notifications stored as they came.
package gate

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/account"
	"flashpay/internal/massbatch"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/provider"
	"flashpay/internal/store"
)

// Projects gives the projects as this process knows them.
type Projects interface {
	// Project finds a project in the cached snapshot.
	Project(id int64) (*merchant.Project, bool)
	// Refresh reads the snapshot again; what was committed before the call is in it afterwards.
	Refresh(ctx context.Context) error
}

// Payments finds payments. Both return store.ErrNotFound where the project has none.
type Payments interface {
	PaymentView(ctx context.Context, projectID int64, paymentID string) (*store.View, error)
	PaymentViewByRequest(ctx context.Context, projectID int64, requestID string) (*store.View, error)
}

// Rejections keeps, for 24 hours, the requests that were refused although their signature was good.
type Rejections interface {
	NewRequestID() string
	SaveRejection(ctx context.Context, r store.Rejection) error
	// RejectionByRequest returns store.ErrNotFound where none is kept.
	RejectionByRequest(ctx context.Context, projectID int64, requestID string) (*store.Rejection, error)
}

// Notifications stores what providers send, as it came.
type Notifications interface {
	SaveNotification(ctx context.Context, provider string, n provider.Notification) error
	// WaitingNotifications counts those of the whole database that nobody has read, up to most.
	WaitingNotifications(ctx context.Context, most int64) (int64, error)
}

// Limiter limits the requests of one project. It is asked only about requests whose signature is good.
type Limiter interface {
	// Allow tells whether a request may enter now, and otherwise after which time another may be tried.
	Allow(projectID int64) (wait time.Duration, ok bool)
}

// Answer is what the hook learns about an answer that left.
type Answer struct {
	Endpoint string // path pattern of the endpoint; "other" where there is none
	Status   int    // HTTP status
	Code     int    // of the body; 0 where nothing was refused
	Repeat   bool   // an accepted request had been accepted before
	Took     time.Duration
}

// Config is what a Gate is made of. All interfaces may be one value.
type Config struct {
	Projects      Projects
	Acceptor      accept.Acceptor
	Payments      Payments
	Rejections    Rejections
	Notifications Notifications
	Events        Events
	Mass          *massbatch.Service // pays files; nil: there is nothing under their paths
	Methods       *method.Registry
	// Route chooses the provider for a project's mode and a method; ok is false where none is live.
	Route func(p *merchant.Project, m *method.Method) (name string, id int64, ok bool)
	// Doors say, by provider, whose notifications are taken.
	Doors map[string]provider.Door
	// NotificationsPerSecond is how many notifications of one provider this process stores each second, and at once; 0 is
	// 2,000.
	NotificationsPerSecond int
	// NotificationBacklog is how many notifications of the database may wait to be read before no more are stored; 0 is
	// 50,000.
	NotificationBacklog int64
	// Notified, where set, is told of each message at a provider's door, by many goroutines at once.
	Notified func(Notified)
	// Banks names banks for the account doctor; nil knows none.
	Banks account.Banks
	// TrustedProxies are the proxies whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// OtherKeys names keys that a test project's sender may have confused with the project's own, for the signature
	// doctor: revoked ones, or those of the merchant's other test projects. Nil knows none.
	OtherKeys func(p *merchant.Project) []OtherKey
	// KeyUsed, where set, is told which key has signed a request, by many goroutines at once.
	KeyUsed func(projectID, keyID int64)
	// Limiter limits requests by project; nil does not.
	Limiter Limiter
	// RefreshEvery is the shortest time between two readings of the projects that refusals ask for; 0 is 100 ms.
	RefreshEvery time.Duration
	// Logger gets one line for each request; nil logs nothing.
	Logger *slog.Logger
	// Answered, where set, is called after each answer, by many goroutines at once.
	Answered func(Answer)
}

// OtherKey is a secret key with words that name it, such as "the key of project 211 (Shop)".
type OtherKey struct{ Name, Secret string }

// Gate answers merchants and providers. It is safe for use by many goroutines.
type Gate struct {
	Config
	payouts accept.Service
	fresh   refresher
	turns   *turns
	feed    *feed
	files   *slots // files that come in, and results that go out
	doors   map[string]*door
	backlog backlog
	// searches limits, by test project, how often the mistake in a signature is searched for.
	searches Limiter
	buffers  sync.Pool
}

// New makes a Gate.
func New(c Config) *Gate {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.RefreshEvery == 0 {
		c.RefreshEvery = 100 * time.Millisecond
	}
	g := &Gate{
		Config: c, payouts: accept.Service{Acceptor: c.Acceptor, Route: c.Route, Banks: c.Banks},
		turns: newTurns(processors()), feed: newFeed(c.Events), files: newSlots(), searches: PerProject(doctorEvery, doctorBurst), doors: make(map[string]*door, len(c.Doors)),
		backlog: backlog{most: cmp.Or(c.NotificationBacklog, notificationBacklog), count: c.Notifications.WaitingNotifications},
	}
	for name, d := range c.Doors {
		g.doors[name] = newDoor(d, cmp.Or(c.NotificationsPerSecond, notificationsPerSecond))
	}
	g.fresh = refresher{every: c.RefreshEvery, refresh: c.Projects.Refresh}
	g.buffers.New = func() any { b := make([]byte, 0, 1024); return &b }
	return g
}

// Handler serves all endpoints. It answers everything itself, unknown paths too, always with JSON (openapi.yaml apart).
func (g *Gate) Handler() http.Handler { return http.HandlerFunc(g.serve) }

func (g *Gate) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{gate: g, w: w, r: r, started: time.Now()}
	buf := g.buffers.Get().(*[]byte)
	body := g.answer(x, (*buf)[:0])
	if !x.streamed {
		x.write(w, body)
	}
	g.report(x)
	if x.broken {
		panic(http.ErrAbortHandler) // so that whoever reads the answer sees that it has no end
	}
	if cap(body) <= maxBody {
		*buf = body
		g.buffers.Put(buf)
	}
}

// answer runs the endpoint and renders what came of it, whatever that is.
func (g *Gate) answer(x *exchange, dst []byte) (body []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			body = x.refuse(dst, panicked(cause))
		}
	}()
	route, param, f := findRoute(x.r)
	x.route, x.param = route, param
	if f != nil {
		return x.refuse(dst, f)
	}
	body, f = route.serve(x.r.Context(), x, dst)
	if f != nil {
		return x.refuse(dst, f)
	}
	x.status = http.StatusOK
	return body
}

// report tells the log and the hook about an answer. Neither gets account numbers or secrets.
func (g *Gate) report(x *exchange) {
	took := time.Since(x.started)
	if g.Answered != nil {
		g.Answered(Answer{Endpoint: x.route.name, Status: x.status, Code: x.code, Repeat: x.repeat, Took: took})
	}
	level := slog.LevelInfo
	switch {
	case x.status == http.StatusInternalServerError:
		level = slog.LevelError
	case x.status == http.StatusServiceUnavailable || x.saveErr != nil || x.broken:
		level = slog.LevelWarn
	}
	ctx := x.r.Context()
	if !g.Logger.Enabled(ctx, level) {
		return
	}
	// Not by LogAttrs, which looks for the line of code that calls it: nobody reads that.
	line := slog.NewRecord(time.Now(), level, "gate request", 0)
	line.AddAttrs(
		slog.String("endpoint", x.route.name), slog.String("method", cut(x.r.Method, 16)), slog.Int("status", x.status),
		slog.Int("code", x.code), slog.String("request_id", x.requestID), slog.Int64("project_id", x.projectID),
		slog.String("payment_id", x.paymentID), slog.String("from", x.from().String()), slog.Int("bytes", len(x.body)),
		slog.Bool("repeat", x.repeat), slog.Bool("reread", x.reread), slog.Int64("took_us", took.Microseconds()),
	)
	if x.route == &noRoute {
		line.AddAttrs(slog.String("path", cut(x.r.URL.Path, 200)))
	}
	if x.param != "" {
		line.AddAttrs(slog.String("name", cut(x.param, 100)))
	}
	if x.cause != nil {
		line.AddAttrs(slog.String("err", x.cause.Error()))
	}
	if x.saveErr != nil {
		line.AddAttrs(slog.String("rejection_not_kept", x.saveErr.Error()))
	}
	_ = g.Logger.Handler().Handle(ctx, line)
}

// cut shortens a text to at most n bytes, at the end of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
