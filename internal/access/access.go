// Package access lets people into Dashboard: users and their invitations, passwords, second factors, sessions, and what
// slows down those who guess. It decides; the store remembers, so that all of it holds on several nodes.
package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"flashpay/internal/store"
	"flashpay/internal/store/people"
)

// Errors that callers act upon.
var (
	ErrNoSession    = errors.New("access: not signed in, or no longer")
	ErrWrong        = errors.New("access: what was given does not fit")
	ErrCodeUsed     = errors.New("access: this code was taken already; wait for the next")
	ErrEmailUnfit   = errors.New("access: no account can be made under this address")
	ErrBusy         = errors.New("access: too many people sign in at this moment; try again in a few seconds")
	ErrTicket       = errors.New("access: the page is too old; load it again")
	ErrNoFactor     = errors.New("access: the user has no second factor yet")
	ErrNoPasskeys   = errors.New("access: browsers have no passkeys for an IP address; Dashboard needs a host name")
	ErrFactorExists = errors.New("access: this passkey is among the user's already")
	ErrTooMany      = errors.New("access: the user has as many second factors as there can be; remove one first")
)

// Config says how people sign in. Zero members have the defaults that are named here.
type Config struct {
	URL      string        // under which browsers reach Dashboard, such as https://pay.example.kg; passkeys are bound to its host
	Idle     time.Duration // after which an unused session ends; 1 hour
	Lifetime time.Duration // after which every session ends; 12 hours
	Fresh    time.Duration // how long a second factor counts as fresh; 5 minutes
	Logger   *slog.Logger
	Mails    bool // links of those whom users invite, or reset, go by e-mail: there is a LinkMail that sends them

	HashMemory uint32 // KiB that a password's hash takes; 64 MiB
}

// pendingLife is how long a sign-in may take from the password to the second factor, enrolment included.
const pendingLife = 15 * time.Minute

// Service signs people in. It is safe for concurrent use.
type Service struct {
	store    *store.Store
	people   *people.Directory
	config   Config
	log      *slog.Logger
	hashes   *hasher
	passkeys *webauthn.WebAuthn // nil: Dashboard's address has none
}

// New makes a service on a store.
func New(s *store.Store, c Config) (*Service, error) {
	for value, fallback := range map[*time.Duration]time.Duration{&c.Idle: time.Hour, &c.Lifetime: 12 * time.Hour, &c.Fresh: 5 * time.Minute} {
		if *value == 0 {
			*value = fallback
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.HashMemory == 0 {
		c.HashMemory = 64 << 10
	}
	passkeys, err := newPasskeys(c.URL)
	if err != nil {
		return nil, err
	}
	return &Service{store: s, people: people.New(s), config: c, log: c.Logger, hashes: newHasher(c.HashMemory), passkeys: passkeys}, nil
}

// Client is the browser that a request came from.
type Client struct {
	Addr   netip.Addr // zero: not known
	Agent  string     // its User-Agent
	Device string     // the token of its device cookie; empty: it has none
}

// network is the part of the client's address that one party usually has to itself: a /24, or of IPv6 a /56.
func (c Client) network() string {
	bits := 56
	addr := c.Addr.Unmap()
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}

func (c Client) ip() string {
	if !c.Addr.IsValid() {
		return ""
	}
	return c.Addr.Unmap().String()
}

// maxAgent is how much of a User-Agent is kept, in bytes.
const maxAgent = 300

func (c Client) agent() string { return c.Agent[:min(len(c.Agent), maxAgent)] }

// newToken makes a token of 256 random bits, as text for cookies and links.
func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashToken is what the store knows a token by. A text that is no token has a hash that no token has.
func hashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// isToken tells whether a text can be a token that newToken made.
func isToken(text string) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(b) == 32
}
