package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"flashpay/signature"
)

// Payout is a request to pay to a bank account. Empty optional fields are not
// sent. Nothing is checked here but that the request can be built: the platform
// checks all fields together and names every fault in one [*Error].
type Payout struct {
	Method    string // payment method as in the address of the endpoint, e.g. "kyrgyzstan"
	PaymentID string // your id of the payout, 1 to 255 characters, compared without regard to case
	Amount    int64  // in minor units: 1,000.00 KGS is 100000
	Currency  string // ISO 4217, e.g. "KGS"

	Customer Customer
	Account  Account
	Sender   Sender // who sends the money, where that is not you

	Description string    // shown in Dashboard and echoed in callbacks
	BestBefore  time.Time // after it the payout expires; zero: never

	CallbackURL        string        // all callbacks of this payout, instead of the project's addresses
	SuccessCallbackURL string        // the callback of a success; outranks CallbackURL
	DeclineCallbackURL string        // the callback of a decline; outranks CallbackURL
	CallbackDelay      time.Duration // postpones callbacks; whole seconds, at most 600
	DisableCallbacks   bool          // no callbacks for this payout

	// Extra sets members that have no field here, by their path, names joined by
	// dots: "customer.identify.doc_number": "AN1234567". Values are what
	// encoding/json takes. A member that is set already is replaced.
	Extra map[string]any
}

// Customer is who receives the money. ID and IPAddress are required.
type Customer struct {
	ID         string // your id of the customer
	IPAddress  string // from which the customer asked for the payout
	FirstName  string
	MiddleName string
	LastName   string
	Email      string
	Phone      string // 4 to 24 digits, without "+"
	Country    string // ISO 3166-1 alpha-2
	City       string
	Address    string
	DayOfBirth string // DD-MM-YYYY
}

// Account is the bank account to pay to. Number is required.
type Account struct {
	Number       string // zeros in front are kept
	BankID       int64  // from the platform's list of banks; 0: not sent
	BankName     string
	CustomerName string // full name of the account's holder
}

// Sender is who sends the money, where that is not the merchant.
type Sender struct {
	FirstName      string
	MiddleName     string
	LastName       string
	Phone          string // 4 to 24 digits, without "+"
	Country        string // ISO 3166-1 alpha-2
	City           string
	Address        string
	AccountNumber  string
	PaymentPurpose string
}

// Request is a signed request, ready to be sent, and to be sent again: the same
// bytes under the same payment id are one payout.
type Request struct {
	Path          string // of the endpoint, from the root of Gate's address
	Body          []byte // JSON, with the signature in it
	SigningString string // what was signed
	Signature     string // base64, 88 characters
}

// Build makes the signed request of a payout without sending it. It fails where
// Extra or Method make it impossible, and with [signature.ErrAmbiguous], naming
// the member, where a text reads as several members in the signing string:
// nothing is signed then, since the signature would fit another request, too.
func (c *Client) Build(p Payout) (Request, error) {
	if p.Method == "" {
		return Request{}, errors.New("client: Payout.Method is empty; it is the last but one part of the endpoint's address, such as kyrgyzstan")
	}
	general := object{}.
		add("project_id", signature.Int(c.cfg.ProjectID)).
		str("payment_id", p.PaymentID).
		str("merchant_callback_url", p.CallbackURL).
		str("merchant_success_callback_url", p.SuccessCallbackURL).
		str("merchant_decline_callback_url", p.DeclineCallbackURL)
	root := signature.Obj(signature.Field("general", signature.Obj(general...)))
	for _, part := range []struct {
		name    string
		members object
	}{
		{"payment", p.payment()},
		{"customer", p.Customer.members()},
		{"account", p.Account.members()},
		{"sender", p.Sender.members()},
		{"callback", p.callback()},
	} {
		if len(part.members) > 0 {
			root.Members = append(root.Members, signature.Field(part.name, signature.Obj(part.members...)))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(p.Extra)) {
		if err := setAny(&root, path, p.Extra[path]); err != nil {
			return Request{}, fmt.Errorf("client: Payout.Extra[%q]: %w", path, err)
		}
	}
	return c.sign("/v2/payment/bank-transfer/"+url.PathEscape(p.Method)+"/payout", &root, "general", "signature")
}

// sign signs root and puts the signature at the path.
func (c *Client) sign(endpoint string, root *signature.Value, at ...string) (Request, error) {
	form := signature.Canonical(root)
	if found := form.Ambiguous(); len(found) > 0 {
		return Request{}, fmt.Errorf("client: not signed: %w: %s %s", signature.ErrAmbiguous, strings.ReplaceAll(found[0].Path, ":", "."), found[0].Why)
	}
	sig := form.Sign(c.cfg.Key)
	if err := set(root, at, signature.Str(sig)); err != nil {
		return Request{}, fmt.Errorf("client: no place for the signature: %w", err)
	}
	return Request{
		Path:          endpoint,
		Body:          root.AppendJSON(nil),
		SigningString: string(form.SigningString(signature.Natural)),
		Signature:     sig,
	}, nil
}

func (p *Payout) payment() object {
	o := object{}.
		add("amount", signature.Int(p.Amount)).
		str("currency", p.Currency).
		str("description", p.Description)
	if !p.BestBefore.IsZero() {
		o = o.str("best_before", p.BestBefore.UTC().Format(time.RFC3339))
	}
	return o
}

func (p *Payout) callback() object {
	o := object{}.int("delay", int64(p.CallbackDelay/time.Second))
	if p.DisableCallbacks {
		o = o.add("force_disable", signature.Boolean(true))
	}
	return o
}

func (c *Customer) members() object {
	return object{}.
		str("id", c.ID).
		str("ip_address", c.IPAddress).
		str("first_name", c.FirstName).
		str("middle_name", c.MiddleName).
		str("last_name", c.LastName).
		str("email", c.Email).
		str("phone", c.Phone).
		str("country", c.Country).
		str("city", c.City).
		str("address", c.Address).
		str("day_of_birth", c.DayOfBirth)
}

func (a *Account) members() object {
	return object{}.
		str("number", a.Number).
		int("bank_id", a.BankID).
		str("bank_name", a.BankName).
		str("customer_name", a.CustomerName)
}

func (s *Sender) members() object {
	return object{}.
		str("first_name", s.FirstName).
		str("middle_name", s.MiddleName).
		str("last_name", s.LastName).
		str("phone", s.Phone).
		str("country", s.Country).
		str("city", s.City).
		str("address", s.Address).
		str("account_number", s.AccountNumber).
		str("payment_purpose", s.PaymentPurpose)
}

// object collects members and leaves out what is empty.
type object []signature.Member

func (o object) add(name string, v signature.Value) object {
	return append(o, signature.Field(name, v))
}

func (o object) str(name, s string) object {
	if s == "" {
		return o
	}
	return o.add(name, signature.Str(s))
}

func (o object) int(name string, n int64) object {
	if n == 0 {
		return o
	}
	return o.add(name, signature.Int(n))
}

// setAny puts any value that encoding/json takes at a dotted path.
func setAny(root *signature.Value, path string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	v, err := signature.Parse(raw)
	if err != nil {
		return err
	}
	return set(root, strings.Split(path, "."), *v)
}

// set puts v at the path, making the objects on the way.
func set(at *signature.Value, path []string, v signature.Value) error {
	for _, name := range path {
		if at.Kind != signature.Object {
			return fmt.Errorf("cannot set %q in what is no object but %s", name, at.Kind)
		}
		next := at.Get(name)
		if next == nil {
			at.Members = append(at.Members, signature.Field(name, signature.Obj()))
			next = at.Get(name)
		}
		at = next
	}
	*at = v
	return nil
}
