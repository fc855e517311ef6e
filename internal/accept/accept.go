// Package accept is the one way in for payouts, from Gate, mass payouts and Dashboard alike: it checks a request
// against the field table and its method, and hands the store a payout that is ready to be accepted. What needs the
// project's settings and funds is not its question; the store's consistency check asks that (product.md §2).
package accept

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/account"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/money"
	"flashpay/internal/payout"
	"flashpay/internal/rates"
	"flashpay/internal/rule"
	"flashpay/internal/store"
	"flashpay/internal/wire"
	"flashpay/signature"
)

// Endpoint is what the content hash knows the payout request as, wherever it enters: a row of a file and the same
// request through Gate are one content.
const Endpoint = "/v2/payment/{group}/{payment_method}/payout"

// Interface types (interface_type of the platform).
const (
	InterfaceGate      = 1
	InterfaceDashboard = 5
)

// Acceptor makes a payout durable. It returns store.ErrOtherData where the payment id has other content, and
// store.ErrQueueFull or store.ErrUnavailable where nothing can be said.
type Acceptor interface {
	Accept(ctx context.Context, p *store.NewPayout) (store.Receipt, error)
}

// Service takes payout requests. Its fields are set once and then only read.
type Service struct {
	Acceptor Acceptor
	// Route chooses the provider for a project's mode and a method; ok is false where none is live.
	Route func(p *merchant.Project, m *method.Method) (name string, id int64, ok bool)
	// Rates are what Foresee converts by; nil: there are none.
	Rates func() *rates.Book
	// Banks names banks by the first three digits of an account, for the account doctor; nil knows none.
	Banks account.Banks
}

// In is a payout request whose sender is known: for Gate, its signature was verified. The other ways in ask for no
// signature; their requests have the same members otherwise.
type In struct {
	Project   *merchant.Project
	Method    *method.Method // nil: unknown
	Tree      *signature.Value
	Form      *signature.Form // of Tree
	Body      []byte          // the request as received, to be sealed
	Interface int             // InterfaceGate or InterfaceDashboard
	Actor     string          // the person who sends it, for the audit log; empty: a program does
	Batch     store.BatchRow  // the row of a mass batch that it is; zero: it is none
	Report    *Report         // what Payout.Check found in Tree and CheckLines in Form; nil: not checked yet
}

// Refusal is why a request did not become a payment: nothing was stored. The HTTP status is 422 for code 2003,
// else 400.
type Refusal struct {
	Code   int // of the whole answer
	Faults []Fault
}

// Error says the code and what is wrong with which field; no value of the request is in it.
func (r *Refusal) Error() string {
	words := make([]string, 0, len(r.Faults))
	for i := range r.Faults {
		words = append(words, r.Faults[i].Description)
	}
	return strings.TrimSpace(fmt.Sprintf("refused with %d (%s) %s", r.Code, payout.Message(r.Code), strings.Join(words, "; ")))
}

// Payout checks a request and makes it durable. The error is a *Refusal (structure 2003, field faults together, method
// 2541, other content 3041, in this order), or the Acceptor's.
func (s *Service) Payout(ctx context.Context, in In) (store.Receipt, error) {
	if refusal := Examine(&in); refusal != nil {
		return store.Receipt{}, refusal
	}
	receipt, err := s.Acceptor.Accept(ctx, s.newPayout(&in))
	if errors.Is(err, store.ErrOtherData) {
		return receipt, otherData()
	}
	return receipt, err
}

// Examine tells whether a request would be refused before it reaches the store; nil: it would not. It stores nothing,
// so files and forms can be checked without sending.
func Examine(in *In) *Refusal {
	if in.Report == nil {
		r := Payout.Check(in.Tree)
		r.CheckLines(in.Form)
		in.Report = &r
	}
	if len(in.Report.Shape) > 0 {
		return &Refusal{Code: payout.CodeInvalidJSON, Faults: in.Report.Shape}
	}
	if faults := allFaults(in); len(faults) > 0 {
		return &Refusal{Code: BodyCode(faults), Faults: faults}
	}
	if in.Method == nil || !in.Method.Enabled {
		return &Refusal{Code: payout.CodeUnknownMethod}
	}
	return nil
}

func otherData() *Refusal {
	return &Refusal{Code: payout.CodePaymentIDExists, Faults: []Fault{{
		Field: "general.payment_id", Code: payout.CodePaymentIDExists, Message: payout.Message(payout.CodePaymentIDExists),
		Description: "a payment with this general.payment_id (letter case does not count) was requested with other data; " +
			"repeat the first request unchanged, or choose a new id for a new payment",
	}}}
}

// allFaults are the common table's faults and those that need the project, the method or another table. A field that
// the table refuses is not judged again.
func allFaults(in *In) []Fault {
	faults := in.Report.Faults
	if in.Interface != InterfaceGate {
		faults = slices.DeleteFunc(slices.Clone(faults), func(f Fault) bool { return f.Field == "general.signature" })
	}
	add := func(path string, code int, words string, missing bool) {
		if slices.ContainsFunc(faults, func(f Fault) bool { return f.Field == path }) {
			return
		}
		order, ok := Payout.index[path]
		if !ok {
			order = len(Payout.rows)
		}
		faults = append(slices.Clip(faults), Fault{
			Field: path, Code: code, Message: payout.Message(code), Description: path + " " + words, Missing: missing, order: order,
		})
	}
	currency := textAt(in.Tree, "payment", "currency")
	if currency != "" && !money.Valid(currency) {
		add("payment.currency", payout.CodeCurrency, "must be an ISO 4217 currency code such as KGS", false)
	}
	checkURLs(in, add)
	if in.Method != nil && in.Method.Enabled {
		checkMethod(in, currency, add)
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return a.order - b.order })
	return faults
}

type addFault func(path string, code int, words string, missing bool)

var callbackURLs = [...]struct{ path, name string }{
	{"general.merchant_callback_url", "merchant_callback_url"},
	{"general.merchant_success_callback_url", "merchant_success_callback_url"},
	{"general.merchant_decline_callback_url", "merchant_decline_callback_url"},
}

func checkURLs(in *In, add addFault) {
	general := in.Tree.Get("general")
	for _, u := range callbackURLs {
		v := general.Get(u.name)
		if v == nil || v.Kind == signature.Null {
			continue
		}
		if words := urlFault(v.Text, in.Project.Mode == merchant.Live); words != "" {
			add(u.path, payout.CodeMalformed, words, false)
		}
	}
}

func checkMethod(in *In, currency string, add addFault) {
	for _, r := range in.Method.RulesFor(paidCurrency(in.Project, in.Method, currency)) {
		v := at(in.Tree, r.Path)
		absent := v == nil || v.Kind == signature.Null || v.Kind == signature.String && v.Text == ""
		switch {
		case absent && r.Required:
			add(r.Path, codesFor(r.Path).missing, "is required by "+in.Method.Path+"; it is missing, null or empty", true)
		case absent:
		default:
			if words := r.Fault(v.Text); words != "" {
				add(r.Path, codesFor(r.Path).invalid, words, false)
			}
		}
	}
	if v := in.Tree.Get("account", "bank_id"); v != nil && v.Kind == signature.Number && len(in.Method.Banks) > 0 {
		id, err := strconv.ParseInt(v.Text, 10, 64)
		if _, known := in.Method.Bank(id); err != nil || !known {
			add("account.bank_id", codeBankNotFound, "is not in the bank list of "+in.Method.Path, false)
		}
	}
}

// newPayout reads a request that Examine found good.
func (s *Service) newPayout(in *In) *store.NewPayout {
	t, m, p := in.Tree, in.Method, in.Project
	general, customer, payment := t.Get("general"), t.Get("customer"), t.Get("payment")
	number := textAt(t, "account", "number")
	n := &store.NewPayout{
		ProjectID:   p.ID,
		PaymentID:   textAt(general, "payment_id"),
		ContentHash: ContentHash(Endpoint, m.Path, in.Form.Lines()),
		Method:      m.Path,
		MethodTitle: m.Title,
		Amount:      integerAt(payment, "amount"),
		Currency:    textAt(payment, "currency"),
		Account:     number,
		AccountMask: wire.Mask(number),
		CustomerID:  textAt(customer, "id"),
		Description: textAt(payment, "description"),
		Email:       textAt(customer, "email"),
		Phone:       textAt(customer, "phone"),
		IP:          textAt(customer, "ip_address"),
		Options:     options(t),
		Request:     in.Body,
		Interface:   in.Interface,
		Actor:       in.Actor,
		Batch:       in.Batch,
		Threshold:   threshold(p, m),
	}
	n.Check = item(p, m, n)
	s.examineAccount(p, m, n)
	if s.Route != nil {
		if name, id, ok := s.Route(p, m); ok {
			n.Provider, n.ProviderID = name, id
		}
	}
	return n
}

func threshold(p *merchant.Project, m *method.Method) time.Duration {
	if p.Settings.Threshold > 0 {
		return time.Duration(p.Settings.Threshold)
	}
	return m.Threshold
}

func options(t *signature.Value) payout.Options {
	general := t.Get("general")
	o := payout.Options{
		CallbackURL:        textAt(general, "merchant_callback_url"),
		SuccessCallbackURL: textAt(general, "merchant_success_callback_url"),
		DeclineCallbackURL: textAt(general, "merchant_decline_callback_url"),
		CallbackDelay:      time.Duration(integerAt(t.Get("callback"), "delay")) * time.Second,
		CallbacksDisabled:  textAt(t, "callback", "force_disable") == "true",
	}
	if best := textAt(t, "payment", "best_before"); best != "" {
		o.BestBefore, _ = instant(best) // the table has refused everything else
	}
	return o
}

// item is what the consistency check will judge. Limits are those of the currency that is paid; where the method lacks
// the request's and the project may not convert they are zero, and the check refuses the currency first.
func item(p *merchant.Project, m *method.Method, n *store.NewPayout) rule.Item {
	i := rule.Item{
		Method: m.Path, Amount: n.Amount, Currency: n.Currency, BestBefore: n.Options.BestBefore,
		Currencies: make([]string, len(m.Currencies)),
	}
	for k := range m.Currencies {
		i.Currencies[k] = m.Currencies[k].Code
	}
	paid := paidCurrency(p, m, n.Currency)
	if paid != n.Currency {
		i.Target = paid
	}
	if c, ok := m.Currency(paid); ok {
		i.MinAmount, i.MaxAmount, i.Step = c.Min, c.Max, c.Step
	}
	return i
}

// paidCurrency is the currency in which a request is paid: its own, unless the project's method does not pay in it and the
// project may convert. Then it is the method's main one, of those that the project has.
func paidCurrency(p *merchant.Project, m *method.Method, currency string) string {
	settings := p.Settings.Methods[m.Path]
	if _, ok := m.Currency(currency); ok && (len(settings.Currencies) == 0 || slices.Contains(settings.Currencies, currency)) || !p.Settings.Conversion.On {
		return currency
	}
	for _, c := range m.Currencies {
		if len(settings.Currencies) == 0 || slices.Contains(settings.Currencies, c.Code) {
			return c.Code
		}
	}
	return currency
}

// AccountPolicy is the account doctor's policy for a payout: the project's own, else off in a test project and the
// method's in a live one (product.md §12.1). Methods of other countries have accounts that the doctor cannot read.
func AccountPolicy(p *merchant.Project, m *method.Method) account.Policy {
	switch {
	case m.Country != account.Country:
		return account.Off
	case p.Settings.AccountCheck != "":
		return p.Settings.AccountCheck
	case p.Mode == merchant.Test:
		return account.Off
	default:
		return m.AccountCheck
	}
}

func (s *Service) examineAccount(p *merchant.Project, m *method.Method, n *store.NewPayout) {
	policy := AccountPolicy(p, m)
	if policy != account.Warn && policy != account.Strict {
		return
	}
	finding := account.Check(n.Account, s.Banks)
	if finding.OK() {
		return
	}
	n.Options.AccountRemark = finding.Message
	n.Check.BadAccount = policy == account.Strict
}

// at follows a path with dots.
func at(v *signature.Value, path string) *signature.Value {
	for name := range strings.SplitSeq(path, ".") {
		v = v.Get(name)
	}
	return v
}

func textAt(v *signature.Value, path ...string) string {
	if v = v.Get(path...); v == nil {
		return ""
	}
	return v.Text // empty for null
}

// integerAt reads an integer that the table has checked; 0 where there is none.
func integerAt(v *signature.Value, path ...string) int64 {
	n, _ := strconv.ParseInt(textAt(v, path...), 10, 64)
	return n
}

// FitsLimits tells whether a method takes the currency and the sum under a project's settings for it. An empty
// currency stands for any, an amount of 0 for none in particular.
func FitsLimits(settings merchant.MethodSettings, m *method.Method, currency string, amount int64) bool {
	if currency == "" {
		return true
	}
	c, ok := m.Currency(currency)
	if !ok || len(settings.Currencies) > 0 && !slices.Contains(settings.Currencies, currency) {
		return false
	}
	least, most := settings.Limits(currency, c.Min, c.Max)
	return amount == 0 || least <= amount && amount <= most && amount%max(c.Step, 1) == 0
}
