// Package manual makes payouts by hand: it knows what a form must ask for, reads what was typed into the request that
// Gate would have got, and sends it on the very same way, accept; a sum above the project's limit waits for a second
// person first.
package manual

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/payout"
	"flashpay/internal/store"
	"flashpay/internal/wire"
	"flashpay/signature"
)

// Service makes payouts by hand. Its fields are set once and then only read.
type Service struct {
	Store   *store.Store
	Payouts *accept.Service
	Methods *method.Registry
	// Banks names banks by the first three digits of an account, for the account doctor; nil knows none.
	Banks account.Banks
}

// Draft is a form as it was filled in.
type Draft struct {
	Project  *merchant.Project
	Method   *method.Method
	Currency string
	Values   map[string]string // by path; Amount in major units
}

// Fault is what is wrong with a field. Word names what, for the page to word in its reader's language.
type Fault struct {
	Path string
	Word string
	Args []any // name, value pairs; sums are of type Sum
}

func newFault(path, word string, args ...any) Fault { return Fault{path, word, args} }

func faultAt(path, word string, args ...any) *Fault { return &Fault{path, word, args} }

// Order is a payout request that was checked.
type Order struct {
	Project   *merchant.Project
	Method    *method.Method
	PaymentID string
	Amount    int64
	Currency  string
	Account   string // in clear
	Body      []byte // the request, as Gate would have got it
	Policy    account.Policy
	Finding   account.Finding // the account doctor's; counts where Policy is not Off

	tree *signature.Value
}

// Offered lists the methods by which the project pays out now.
func (s *Service) Offered(p *merchant.Project) []*method.Method {
	var offered []*method.Method
	for _, m := range s.Methods.All() {
		if m.Enabled && !p.Settings.Methods[m.Path].Disabled && len(Currencies(p, m)) > 0 {
			offered = append(offered, m)
		}
	}
	return offered
}

// Currencies lists the currencies in which the project pays out by the method, with the limits of one sum.
func Currencies(p *merchant.Project, m *method.Method) []method.Currency {
	var out []method.Currency
	for _, c := range m.Currencies {
		if limits, ok := limitsOf(p, m, c.Code); ok {
			out = append(out, limits)
		}
	}
	return out
}

// limitsOf are the limits of one sum; ok is false where project or method does not take the currency.
func limitsOf(p *merchant.Project, m *method.Method, currency string) (limits method.Currency, ok bool) {
	settings := p.Settings.Methods[m.Path]
	limits, ok = m.Currency(currency)
	if !ok || len(settings.Currencies) > 0 && !slices.Contains(settings.Currencies, currency) {
		return method.Currency{}, false
	}
	limits.Min, limits.Max = settings.Limits(currency, limits.Min, limits.Max)
	return limits, true
}

// NewPaymentID proposes a payment id that people can read and nobody has: manual-20261125-143015-AB12.
func NewPaymentID(now time.Time) string {
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789" // 32, without those that are mistaken for others
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return "manual-" + now.UTC().Format("20060102-150405") + "-" + string(b[:])
}

// Validate is the account doctor's answer to a number that is being typed, under the policy of project and method.
func (s *Service) Validate(p *merchant.Project, m *method.Method, number string) (account.Policy, account.Finding) {
	policy := cmp.Or(accept.AccountPolicy(p, m), account.Off)
	if policy == account.Off {
		return policy, account.Finding{}
	}
	return policy, account.Check(number, s.Banks)
}

// Check reads a form and finds all its faults; nil faults: the order may be sent. It stores nothing.
func (s *Service) Check(d Draft) (*Order, []Fault) {
	limits, ok := limitsOf(d.Project, d.Method, d.Currency)
	if !ok {
		return nil, []Fault{newFault(Currency, "currency")}
	}
	var faults []Fault
	amount, fault := parseAmount(d.Values[Amount], d.Currency)
	if fault == nil {
		fault = limitFault(amount, limits)
	}
	if fault != nil {
		faults = append(faults, *fault)
	}
	inputs := accept.Inputs(d.Method, d.Currency)
	for i := range inputs {
		if f, ok := inputFault(&inputs[i], Clean(inputs[i].Path, d.Values[inputs[i].Path])); !ok {
			faults = append(faults, f)
		}
	}
	body := buildBody(d, inputs, amount)
	order, err := s.order(d.Project, d.Method, body)
	if err != nil {
		return nil, append(faults, newFault("", "unreadable"))
	}
	if order.Policy == account.Strict && !order.Finding.OK() {
		faults = add(faults, newFault(Account, AccountWord(order.Finding)))
	}
	if refusal := accept.Validate(order.in()); refusal != nil {
		faults = addRefusal(faults, refusal)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return order, nil
}

// Clean is a value as it counts: without the blanks around it, which people copy along and no field wants. Account
// numbers are pasted in groups, too.
func Clean(path, value string) string {
	if path == Account {
		return strings.Join(strings.Fields(value), "")
	}
	return strings.TrimSpace(value)
}

// add adds a fault where its field has none: one is enough to know what to do.
func add(faults []Fault, f Fault) []Fault {
	if slices.ContainsFunc(faults, func(other Fault) bool { return other.Path == f.Path }) {
		return faults
	}
	return append(faults, f)
}

// addRefusal adds what only the way in itself has found.
func addRefusal(faults []Fault, refusal *accept.Refusal) []Fault {
	if len(refusal.Faults) == 0 {
		return add(faults, newFault("", "code", "code", refusal.Code, "message", payout.Message(refusal.Code)))
	}
	for _, f := range refusal.Faults {
		if rowOf(f.Field).Type == "object" { // what it would have to hold is told beside each field
			continue
		}
		word := newFault(f.Field, "refused", "code", f.Code, "text", f.Description)
		switch {
		case f.Code == payout.CodePaymentIDExists:
			word = newFault(f.Field, "exists")
		case f.Missing:
			word = newFault(f.Field, "required")
		case rowOf(f.Field).Pattern == "format:email":
			word = newFault(f.Field, "email")
		case rowOf(f.Field).Pattern == "format:ip-address":
			word = newFault(f.Field, "ip")
		}
		faults = add(faults, word)
	}
	return faults
}

// AccountWord names the account doctor's verdict, like the word of a fault.
func AccountWord(f account.Finding) string {
	return "account_" + strings.ReplaceAll(f.Verdict.String(), " ", "_")
}

// order reads a request's body.
func (s *Service) order(p *merchant.Project, m *method.Method, body []byte) (*Order, error) {
	tree, err := signature.Parse(body)
	if err != nil {
		return nil, err
	}
	o := &Order{Project: p, Method: m, Body: body, tree: tree}
	o.PaymentID, o.Currency = text(tree, "general", "payment_id"), text(tree, "payment", "currency")
	o.Account, o.Amount = text(tree, "account", "number"), integer(tree, "payment", "amount")
	o.Policy, o.Finding = s.Validate(p, m, o.Account)
	return o, nil
}

func (o *Order) in() *accept.In {
	return &accept.In{
		Project: o.Project, Method: o.Method, Tree: o.tree, Form: signature.Canonical(o.tree), Body: o.Body, Interface: accept.InterfaceDashboard,
	}
}

// Send makes the payout, durable when it returns; sent again, it is the same payout. The error is a *accept.Refusal, or
// the store's where nothing can be said. The actor stands in the audit log, in the commit that makes the payout.
func (s *Service) Send(ctx context.Context, o *Order, actor string) (store.Receipt, error) {
	in := o.in()
	in.Actor = actor
	return s.Payouts.Payout(ctx, *in)
}

// Refused turns an error of Send into faults beside the fields; ok is false where it is no refusal.
func Refused(err error) (faults []Fault, ok bool) {
	var refusal *accept.Refusal
	if !errors.As(err, &refusal) {
		return nil, false
	}
	return addRefusal(nil, refusal), true
}

// duplicatesWithin is how far back PossibleDuplicates looks.
const duplicatesWithin = 24 * time.Hour

// PossibleDuplicates finds payments of the project that paid the same sum to the same account within the last 24 hours, newest first, at
// most five: the commonest double. Payments of the last moment may not be among them yet.
func (s *Service) PossibleDuplicates(ctx context.Context, o *Order) ([]store.RegisterRow, error) {
	found, err := s.Store.Register(ctx, store.RegisterFilter{
		Projects: []int64{o.Project.ID}, From: s.Store.Now().Add(-duplicatesWithin), Search: o.Account, MinAmount: o.Amount, MaxAmount: o.Amount,
		Currencies: []string{o.Currency}, Statuses: []payout.Status{payout.Processing, payout.AwaitingRetry, payout.Success},
	}, store.RegisterPage{Limit: 6})
	if err != nil {
		return nil, err
	}
	duplicates := slices.DeleteFunc(found.Rows, func(r store.RegisterRow) bool {
		return r.AccountMask != wire.Mask(o.Account) || payout.Fold(r.PaymentID) == payout.Fold(o.PaymentID) // found by other than its account, or itself
	})
	return duplicates[:min(5, len(duplicates))], nil
}
