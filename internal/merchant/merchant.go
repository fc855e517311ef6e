// Package merchant holds the nouns of a merchant's side: projects, their secret keys and their settings.
package merchant

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/money"
	"flashpay/internal/rates"
	"flashpay/internal/tariff"
)

// Mode tells whether a project moves money.
type Mode string

// The two modes. A live project never reaches the sandbox; a test project reaches nothing else.
const (
	Test Mode = "test"
	Live Mode = "live"
)

// Merchant is a party that pays through the platform, as known at one moment.
type Merchant struct {
	ID           int64
	Name         string
	Restrictions Restrictions // of the merchant: each of them stops all its projects
	CreatedAt    time.Time
}

// Restrictions are what operators have stopped, of a project or of a whole merchant.
type Restrictions struct {
	Blocked bool // new payouts are declined with 3299, and so is what waits unsent
	Paused  bool // new payouts are accepted and wait: nothing is handed to a provider
}

// Key is one live secret key of a project.
type Key struct {
	ID        int64
	Secret    string
	Label     string // for people: what uses it
	CreatedAt time.Time
}

// Project is one immutable version of a project: whoever holds it may read it without a lock.
type Project struct {
	ID           int64
	MerchantID   int64
	Name         string
	Mode         Mode
	Blocked      bool         // the project or its merchant is blocked: decline 3299
	Paused       bool         // the project or its merchant is paused: payouts wait
	Restrictions Restrictions // of the project alone, whatever its merchant's
	Keys         []Key        // live keys, oldest first; the first signs callbacks
	Settings     Settings
	Balances     []string // currencies in which operators have opened a balance, in the order of their codes
	Tariffs      tariff.Book
	Version      int64 // rises with each change of name and settings
	CreatedAt    time.Time
}

// SigningKey is the key that signs callbacks: the oldest live one, so that adding a key changes nothing and
// revoking the oldest promotes the next (product.md §2). ok is false where the project has no live key.
func (p *Project) SigningKey() (k Key, ok bool) {
	if len(p.Keys) == 0 {
		return Key{}, false
	}
	return p.Keys[0], true
}

// Admits tells whether a request from addr may enter: an empty list admits everybody.
func (p *Project) Admits(addr netip.Addr) bool {
	if len(p.Settings.AllowIP) == 0 {
		return true
	}
	addr = addr.Unmap()
	return slices.ContainsFunc(p.Settings.AllowIP, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// Settings are a project's settings, one versioned value, stored as JSON.
type Settings struct {
	CallbackURL   string                    `json:"callback_url,omitempty"`
	CallbackRules []CallbackRule            `json:"callback_rules,omitempty"`
	Threshold     Duration                  `json:"threshold,omitempty"` // 0: the method's own
	AllowIP       []netip.Prefix            `json:"allow_ip,omitempty"`
	AccountCheck  account.Policy            `json:"account_check,omitempty"`  // empty: off for test, the method's own for live
	MassRetention Duration                  `json:"mass_retention,omitempty"` // how long files of mass payouts are kept; 0: 400 days
	Approval      Sums                      `json:"approval,omitempty"`       // a manual payout above its currency's sum needs a second person
	Methods       map[string]MethodSettings `json:"methods,omitempty"`        // by method path; absent: enabled, method's limits
	Conversion    Conversion                `json:"conversion,omitzero"`
	ReversalFee   FeePolicy                 `json:"reversal_fee,omitempty"`   // what becomes of a fee where a bank returns what it had paid; empty: returned
	CallbackFee   bool                      `json:"callback_fee,omitempty"`   // callbacks of success carry operation_fee
	BatchCallback bool                      `json:"batch_callback,omitempty"` // the end of a batch of payouts is told by a callback, too
}

// FeePolicy says what becomes of a fee.
type FeePolicy string

// The policies.
const (
	ReturnFee FeePolicy = "return"
	KeepFee   FeePolicy = "keep"
)

// Conversion says whether a project's payouts may be asked for, and paid, in other currencies than their method's, and at
// which rates.
type Conversion struct {
	On          bool          `json:"on,omitempty"`
	BaseSource  rates.Source  `json:"base_source,omitempty"`  // asked first; empty: the National Bank
	Margin      money.Decimal `json:"margin,omitzero"`        // percent, on top of the rate
	MaxAge      Duration      `json:"max_age,omitempty"`      // of a rate; 0: seven days
	MainBalance string        `json:"main_balance,omitempty"` // the currency of the balance that pays where there is none in the payout's
}

// defaultMaxAge lets the rates of a week, and of the longest holidays, be used.
const defaultMaxAge = 7 * 24 * time.Hour

// Rate finds the rate of two currencies at a moment, as the settings say. ok is false where no source has a usable one.
func (c *Conversion) Rate(book *rates.Book, from, to string, at time.Time) (r rates.Rate, ok bool) {
	maxAge := time.Duration(cmp.Or(c.MaxAge, Duration(defaultMaxAge)))
	return book.Rate(from, to, at, maxAge, rates.Order(c.Base()))
}

// Base is the source that is asked first.
func (c *Conversion) Base() rates.Source { return cmp.Or(c.BaseSource, rates.NBKR) }

// PayingBalance is the currency of the balance that pays for a payout: the payout's own, unless the project may convert
// and has no such balance. Then it is the main one: that of the settings, else the only one, else the request's.
func (p *Project) PayingBalance(payout, request string) string {
	c := &p.Settings.Conversion
	switch {
	case !c.On || slices.Contains(p.Balances, payout):
		return payout
	case c.MainBalance != "":
		return c.MainBalance
	case len(p.Balances) == 1:
		return p.Balances[0]
	case slices.Contains(p.Balances, request):
		return request
	}
	return payout
}

// Pays tells whether the project's payouts by a method may be in a currency; the method's own are given.
func (m MethodSettings) Pays(currency string, methods []string) bool {
	if len(m.Currencies) > 0 && !slices.Contains(m.Currencies, currency) {
		return false
	}
	return slices.Contains(methods, currency)
}

// NeedsApproval tells whether a manual payout of this sum waits for a second person. Currencies that are not named
// need none.
func (s *Settings) NeedsApproval(amount int64, currency string) bool {
	above, asked := s.Approval[currency]
	return asked && amount > above
}

// Sums are sums in minor units by currency.
type Sums map[string]int64

// MethodSettings are a project's settings for one payout method.
type MethodSettings struct {
	Disabled   bool     `json:"disabled,omitempty"`
	Currencies []string `json:"currencies,omitempty"` // empty: the method's
	Min        Sums     `json:"min,omitempty"`        // smallest sum, inclusive; a currency that is absent: the method's
	Max        Sums     `json:"max,omitempty"`        // largest sum, inclusive; a currency that is absent: the method's
}

// Limits are the limits that hold for a currency: the project's own where it has one, else the method's, which are
// given. All are minor units.
func (m MethodSettings) Limits(currency string, methodMin, methodMax int64) (least, most int64) {
	least, most = methodMin, methodMax
	if own, ok := m.Min[currency]; ok {
		least = own
	}
	if own, ok := m.Max[currency]; ok {
		most = own
	}
	return least, most
}

// CallbackRule sends the callbacks that fit all its conditions to one URL; an empty condition fits everything.
// The first enabled rule that fits wins; without one, Settings.CallbackURL takes them (protocol.md §5.2).
type CallbackRule struct {
	Type     string `json:"type,omitempty"`   // payment type
	Result   string `json:"result,omitempty"` // payment status, such as "success" or "decline"
	Method   string `json:"method,omitempty"` // method path
	URL      string `json:"url"`
	Disabled bool   `json:"disabled,omitempty"`
}

// Duration is a time.Duration that JSON shows as text such as "24h0m0s".
type Duration time.Duration

// MarshalJSON writes the duration as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads the text form.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("duration: want text such as \"24h\": %w", err)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("duration %q: want text such as \"24h\" or \"90m\": %w", s, err)
	}
	*d = Duration(v)
	return nil
}
