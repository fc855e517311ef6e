package dashboard

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"flashpay/internal/accept"
	"flashpay/internal/account"
	"flashpay/internal/ledger"
	"flashpay/internal/manual"
	"flashpay/internal/merchant"
	"flashpay/internal/method"
	"flashpay/internal/staff"
	"flashpay/internal/store"
)

// payoutForm is the form of a single payout.
type payoutForm struct {
	Projects, Methods, Currencies *input
	Amount                        *input
	Fields                        []fieldInput
	Project                       *merchant.Project // nil: the user sees none
	Method                        *method.Method    // nil: the project pays out by none
	Currency                      string
	Limits                        method.Currency
	Balance                       *balanceNote
	Doctor                        *doctorNote
	Approval                      *manual.Sum // above it a second person is needed; nil: never
	Existing                      string      // where the payout that has the payment id already is
}

// fieldInput is a field with the part that shows it.
type fieldInput struct {
	Name  string
	Field *input
	Part  string // "input" or "select"
}

// balanceNote says what a project can pay. Sums are for those who may see balances.
type balanceNote struct {
	Shown    bool
	Left     manual.Sum // available now
	After    manual.Sum // and after this payout
	Suffices bool
}

// doctorNote is what the account doctor says of the account.
type doctorNote struct {
	OK     bool
	Strict bool
	Text   string
}

// choice is what the upper part of the form has chosen, as far as it can be.
func (v *visit) choice(f *Form) (p *merchant.Project, m *method.Method, currency string, err error) {
	seen := v.projects()
	if len(seen) == 0 {
		return nil, nil, "", nil
	}
	p = seen[0]
	if id := f.Get("project"); id != "" {
		if p, err = v.project(id); err != nil {
			return nil, nil, "", err
		}
	}
	offered := v.d.manual().Offered(p)
	if len(offered) == 0 {
		return p, nil, "", nil
	}
	m = offered[0]
	if i := slices.IndexFunc(offered, func(m *method.Method) bool { return m.Path == f.Get("method") }); i >= 0 {
		m = offered[i]
	}
	currencies := manual.Currencies(p, m)
	currency = currencies[0].Code
	if slices.ContainsFunc(currencies, func(c method.Currency) bool { return c.Code == f.Get(manual.Currency) }) {
		currency = f.Get(manual.Currency)
	}
	return p, m, currency, nil
}

// serveManualForm shows the form: empty, with what was entered before, or, for htmx, its lower part after another
// project, method or currency was chosen.
func serveManualForm(d *Dashboard, v *visit) error {
	q := v.r.URL.Query()
	f := newForm("project", q.Get("project"), "method", q.Get("method"))
	if v.r.Method == http.MethodPost {
		var err error
		if f, err = v.form(); err != nil {
			return err
		}
	}
	return v.showPayoutForm(http.StatusOK, f)
}

func (v *visit) showPayoutForm(status int, f *Form) error {
	page, err := v.payoutForm(f)
	if err != nil {
		return err
	}
	p := Page{Title: v.t("manual.new_title"), Form: f, Data: page}
	if v.isFragment() {
		return v.fragment("manual_new", "entries", p)
	}
	return v.renderStatus(status, "manual_new", p)
}

// payoutForm makes the form of what is entered so far.
func (v *visit) payoutForm(f *Form) (*payoutForm, error) {
	p, m, currency, err := v.choice(f)
	if err != nil || p == nil {
		return &payoutForm{}, err
	}
	page := &payoutForm{Project: p, Method: m, Currency: currency}
	if page.Projects, err = v.projectChoice(f, p); err != nil || m == nil {
		return page, err
	}
	f.Values.Set("project", strconv.FormatInt(p.ID, 10))
	f.Values.Set("method", m.Path)
	f.Values.Set(manual.Currency, currency)
	if err := v.methodChoice(f, page); err != nil {
		return nil, err
	}
	for _, c := range manual.Currencies(p, m) {
		if c.Code == currency {
			page.Limits = c
		}
	}
	if f.Get(manual.PaymentID) == "" && f.FaultOf(manual.PaymentID) == "" {
		f.Values.Set(manual.PaymentID, manual.NewPaymentID(v.d.Store.Now()))
	}
	if !f.Values.Has(manual.CustomerIP) {
		f.Values.Set(manual.CustomerIP, v.address().String())
	}
	if limit, ok := p.Settings.Approval[currency]; ok {
		page.Approval = &manual.Sum{Amount: limit, Currency: currency}
	}
	if page.Balance, err = v.balanceNote(p, 0, currency); err != nil {
		return nil, err
	}
	page.Doctor = v.doctorNote(p, m, f.Get(manual.Account))
	return page, v.fieldInputs(f, page)
}

// choosing makes a select that asks for the lower part of the form anew, where there is script.
func choosing(f *Form, name, label string, options []option) (*input, error) {
	return newInput(f, name, label, "options", options, "asks", "entries", "required", "yes")
}

func (v *visit) projectChoice(f *Form, chosen *merchant.Project) (*input, error) {
	var options []option
	for _, p := range v.projects() {
		options = append(options, option{Value: strconv.FormatInt(p.ID, 10), Label: fmt.Sprintf("%d · %s (%s)", p.ID, p.Name, v.t("manual.mode."+string(p.Mode)))})
	}
	f.Values.Set("project", strconv.FormatInt(chosen.ID, 10))
	return choosing(f, "project", v.t("manual.project"), options)
}

func (v *visit) methodChoice(f *Form, page *payoutForm) (err error) {
	var methods, currencies []option
	for _, m := range v.d.manual().Offered(page.Project) {
		methods = append(methods, option{Value: m.Path, Label: v.words().methodTitle(m.Path, m.Title)})
	}
	for _, c := range manual.Currencies(page.Project, page.Method) {
		currencies = append(currencies, option{Value: c.Code, Label: c.Code})
	}
	if page.Methods, err = choosing(f, "method", v.t("manual.method"), methods); err != nil {
		return err
	}
	page.Currencies, err = choosing(f, manual.Currency, v.t("manual.currency"), currencies)
	return err
}

// fieldInputs makes the method's own fields. They have no maxlength: a browser would cut what is pasted without a word,
// and an account number that was cut is another account.
func (v *visit) fieldInputs(f *Form, page *payoutForm) (err error) {
	help := v.t("manual.amount_help", "min", v.sum(manual.Sum{Amount: page.Limits.Min, Currency: page.Currency}), "max", v.sum(manual.Sum{Amount: page.Limits.Max, Currency: page.Currency}))
	if page.Limits.Step > 1 {
		help += " " + v.t("manual.amount_step", "step", v.sum(manual.Sum{Amount: page.Limits.Step, Currency: page.Currency}))
	}
	page.Amount, err = newInput(f, manual.Amount, v.t("manual.amount"), "inputmode", "decimal", "autocomplete", "off", "required", "yes", "help", help)
	if err != nil {
		return err
	}
	fields := accept.Inputs(page.Method, page.Currency)
	for i := range fields {
		shown, err := v.fieldInput(f, &fields[i])
		if err != nil {
			return err
		}
		page.Fields = append(page.Fields, shown)
	}
	return nil
}

func (v *visit) fieldInput(f *Form, field *accept.Input) (fieldInput, error) {
	attrs := []any{"autocomplete", "off", "help", v.fieldHelp(field)}
	if field.Required {
		attrs = append(attrs, "required", "yes")
	}
	part := "select"
	options := []option{{Value: "", Label: v.t("manual.choose")}}
	switch field.Kind {
	case accept.ChoiceInput:
		for _, value := range field.Values {
			options = append(options, option{Value: value, Label: value})
		}
	case accept.BankInput:
		for _, b := range field.Banks {
			options = append(options, option{Value: strconv.FormatInt(b.ID, 10), Label: b.Name})
		}
	case accept.BooleanInput:
		options = append(options, option{Value: "true", Label: v.t("manual.yes")}, option{Value: "false", Label: v.t("manual.no")})
	default:
		part, options = "input", nil
		if field.Kind == accept.IntegerInput {
			attrs = append(attrs, "inputmode", "numeric")
		}
		if field.Format == "email" {
			attrs = append(attrs, "inputmode", "email")
		}
		if field.Path == manual.Account {
			attrs = append(attrs, "hx-post", "/manual/account", "hx-trigger", "input changed delay:400ms", "hx-target", "#doctor", "hx-sync", "this:replace")
		}
	}
	in, err := newInput(f, field.Path, v.fieldLabel(field.Path), append(attrs, "options", options)...)
	return fieldInput{field.Path, in, part}, err
}

// fieldLabel names a field: in words, or as the field table describes it.
func (v *visit) fieldLabel(path string) string {
	if id := "manual.field." + path; v.d.pages[v.lang].words.has(id) {
		return v.t(id)
	}
	return cmp.Or(manual.Describe(path), path) + " (" + path + ")"
}

// fieldHelp says what a field wants.
func (v *visit) fieldHelp(field *accept.Input) string {
	help := ""
	if id := "manual.hint." + field.Path; v.d.pages[v.lang].words.has(id) {
		help = v.t(id)
	}
	for _, shape := range manual.Shapes(field) {
		if help != "" {
			help += " "
		}
		help += v.t("manual.shape."+shape.Word, shape.Args...)
	}
	return help
}

// sum words a sum in the visitor's language.
func (v *visit) sum(s manual.Sum) string { return v.d.pages[v.lang].words.sum(s.Amount, s.Currency) }

// balanceNote says whether a project's funds suffice; with the sums for those who may see balances.
func (v *visit) balanceNote(p *merchant.Project, amount int64, currency string) (*balanceNote, error) {
	all, err := v.d.Store.Balances(v.ctx(), p.ID)
	if err != nil {
		return nil, err
	}
	available := int64(0)
	if b, ok := all[currency]; ok {
		available = b.Sum(ledger.Available)
	}
	return &balanceNote{
		Shown: v.user.Can(staff.ViewBalances), Left: manual.Sum{Amount: available, Currency: currency},
		After: manual.Sum{Amount: available - amount, Currency: currency}, Suffices: available > 0 && amount <= available,
	}, nil
}

// doctorNote is the account doctor's answer; nil where it is not asked, or nothing is typed yet.
func (v *visit) doctorNote(p *merchant.Project, m *method.Method, number string) *doctorNote {
	policy, finding := v.d.manual().Validate(p, m, manual.Clean(manual.Account, number))
	if policy == account.Off || number == "" {
		return nil
	}
	return v.wordFinding(policy, finding)
}

func (v *visit) wordFinding(policy account.Policy, finding account.Finding) *doctorNote {
	note := &doctorNote{OK: finding.OK(), Strict: policy == account.Strict, Text: v.t("manual.fault." + manual.AccountWord(finding))}
	if finding.Bank != "" {
		note.Text += " " + v.t("manual.bank_is", "bank", finding.Bank)
	}
	return note
}

// serveAccountDoctor says what the account doctor thinks of the number that is being typed. It is a POST, so that no
// account number stands in an address, and so in the logs of proxies.
func serveAccountDoctor(_ *Dashboard, v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	p, m, _, err := v.choice(f)
	if err != nil {
		return err
	}
	page := &payoutForm{Project: p, Method: m}
	if p != nil && m != nil {
		page.Doctor = v.doctorNote(p, m, f.Get(manual.Account))
	}
	return v.fragment("manual_new", "doctor", Page{Form: f, Data: page})
}

// draft reads a form.
func (v *visit) draft(f *Form) (manual.Draft, error) {
	p, m, currency, err := v.choice(f)
	if err != nil {
		return manual.Draft{}, err
	}
	if p == nil || m == nil {
		return manual.Draft{}, &userError{ID: "manual.no_method"}
	}
	d := manual.Draft{Project: p, Method: m, Currency: currency, Values: make(map[string]string)}
	for name := range f.Values {
		d.Values[name] = f.Values.Get(name)
	}
	return d, nil
}

// faults puts what is wrong beside the fields.
func (v *visit) faults(f *Form, faults []manual.Fault) {
	for _, fault := range faults {
		args := slices.Clone(fault.Args)
		for i := range args {
			if s, ok := args[i].(manual.Sum); ok {
				args[i] = v.sum(s)
			}
		}
		f.Fault(fault.Path, v.t("manual.fault."+fault.Word, args...))
	}
}

// existing finds what has the payment id already: a payout, or an order that waits. Empty: nothing has.
func (v *visit) existing(p *merchant.Project, paymentID string) (href string, fault manual.Fault, err error) {
	view, err := v.d.Store.PaymentView(v.ctx(), p.ID, paymentID)
	if err == nil {
		return manualPath(p.ID, view.Payment.RequestID), manual.Fault{Path: manual.PaymentID, Word: "exists"}, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", fault, err
	}
	id, err := v.d.Store.WaitingApproval(v.ctx(), p.ID, store.ApprovalPayout, paymentID)
	if errors.Is(err, store.ErrNotFound) {
		return "", fault, nil
	}
	return approvalPath(id), manual.Fault{Path: manual.PaymentID, Word: "waits"}, err
}
