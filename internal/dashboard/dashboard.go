// Package dashboard is the web site of merchants' staff and of the platform's operators: server-rendered pages that work
// without script where they can. routes.go is its table of contents; each section has a file, its pages stand in
// pages/*.html, its words in words/SECTION.LANGUAGE.yaml. Everything that a page needs is served from here.
package dashboard

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"

	"flashpay/internal/accept"
	"flashpay/internal/access"
	"flashpay/internal/account"
	"flashpay/internal/method"
	"flashpay/internal/report"
	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// Config is what a Dashboard is made of.
type Config struct {
	Store   *store.Store
	Access  *access.Service
	Accept  *accept.Service
	Methods *method.Registry
	// Reports makes reports; nil: it is made here, without e-mail.
	Reports *report.Service
	// Banks names banks for the account doctor; nil knows none.
	Banks account.Banks
	// URL is where browsers reach Dashboard, such as https://pay.example.kg: links in invitations begin with it, passkeys
	// belong to its host, and cookies travel over TLS only where it is https.
	URL string
	// TrustedProxies are the proxies whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// TestCallback sends a signed sample to a project's callback URL and says what the endpoint answered.
	TestCallback func(ctx context.Context, projectID int64) (SampleAnswer, error)
	Logger       *slog.Logger
}

// SampleAnswer is what an endpoint answered to a sample callback.
type SampleAnswer struct {
	URL        string
	Body       []byte // what was sent
	HTTPStatus int    // 0: there was no answer
	Answer     []byte // its first part
	Error      string // why there was none, or why it does not acknowledge
}

// Dashboard serves the pages. It is safe for concurrent use.
type Dashboard struct {
	Config
	people *people.Directory
	pages  map[string]*pageSet // by language
	mux    *http.ServeMux
	shown  map[string]bool // the patterns of forms that can be shown again
	secure bool            // cookies travel over TLS only
	shelf  badgeShelf
}

// New makes a Dashboard. Its pages and words are checked: what is wrong with them is an error, not a broken page later.
func New(c Config) (*Dashboard, error) {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("dashboard: its address must be where browsers reach it, such as https://pay.example.kg")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Reports == nil {
		c.Reports = &report.Service{Store: c.Store}
	}
	pages, err := allPages()
	if err != nil {
		return nil, err
	}
	d := &Dashboard{Config: c, people: people.New(c.Store), secure: base.Scheme == "https", pages: pages, mux: http.NewServeMux(), shown: make(map[string]bool)}
	for i := range routes {
		d.mux.HandleFunc(routes[i].pattern, d.serve(&routes[i]))
		d.shown[routes[i].pattern] = routes[i].again != nil
	}
	d.mux.HandleFunc("GET /static/", serveStatic)
	d.mux.HandleFunc("/", d.serve(&route{right: anyone, serve: func(*Dashboard, *visit) error { return errNotFound }}))
	return d, nil
}

// Handler serves Dashboard.
func (d *Dashboard) Handler() http.Handler {
	return d.guarded(http.NewCrossOriginProtection().Handler(d.mux))
}
