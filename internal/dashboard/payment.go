package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flashpay/internal/merchant"
	"flashpay/internal/payout"
	"flashpay/internal/store"
)

// paymentData is what is shown about a payment, on its own page and beside the list.
type paymentData struct {
	Project        *merchant.Project
	Payment        *payout.Payment
	Operations     []operationView
	Timeline       []timelineLine
	Discrepancies  []store.Discrepancy
	Callbacks      []callbackView
	Here           string // the payment's own page, without what it came from
	List           string // the register, as it was when that page was opened
	ListQuery      string // the register's, to come back to after an act
	Beside         bool   // it is shown beside the list
	IdempotencyKey string
	Recipient      string                             // the name; empty: the request has none
	Paid           struct{ Account, Customer string } // the register of all that went to the account, or to the customer
	Namesake       string                             // another payment of the project, whose payment id is this one's number; empty: there is none
	left           time.Duration
}

type operationView struct {
	payout.Operation
	Message string // of the registry
	Advice  string // a message id
}

// IsReversal tells whether the operation is of what the bank has returned.
func (o operationView) IsReversal() bool { return o.Type() == payout.TypeReversal }

type timelineLine struct {
	store.JournalLine
	Word    string // a message id; empty: Kind is shown as it is
	Members []member
}

// member is one member of a journal line's detail.
type member struct{ Name, Value string }

type callbackView struct {
	store.PaymentCallback
	Body string // indented
}

// readPayment finds the payment that the path names, among those that the user sees.
func (v *visit) readPayment() (*merchant.Project, *store.View, error) {
	return v.payment(v.r.PathValue("project"), v.r.PathValue("id"))
}

// payment finds a payment among those that the user sees.
func (v *visit) payment(projectID, paymentID string) (*merchant.Project, *store.View, error) {
	project, err := v.project(projectID)
	if err != nil {
		return nil, nil, err
	}
	id, err := strconv.ParseInt(paymentID, 10, 64)
	if err != nil {
		return project, nil, errNotFound
	}
	view, err := v.d.Store.PaymentByID(v.ctx(), project.ID, id)
	return project, view, err
}

// servePayment shows a payment on a page of its own: the address that stays.
func servePayment(_ *Dashboard, v *visit) error {
	project, view, err := v.readPayment()
	namesake, other := v.byPaymentID(project)
	if isAny(err, errNotFound, store.ErrNotFound) && other == nil && project != nil {
		list, _ := url.ParseQuery(v.r.URL.RawQuery) // what can be read of it
		return v.redirect(paymentAddress(project.ID, namesake, "?"+list.Get("list")), "")
	}
	if err != nil {
		return err
	}
	data, err := v.paymentData(project, view)
	if err != nil {
		return err
	}
	if v.wantsFile() {
		return v.sendOf(v.paymentLists(data))
	}
	if other == nil && namesake != view.Payment.ID {
		data.Namesake = paymentAddress(project.ID, namesake, "")
	}
	data.List, data.ListQuery = v.back(), v.r.URL.Query().Get("list")
	return v.render("payment", Page{Title: v.t("payments.payment_title", "id", view.Payment.PaymentID), Data: data, Wide: true})
}

// byPaymentID finds the payment whose payment id the path names, as merchants write links.
func (v *visit) byPaymentID(project *merchant.Project) (id int64, err error) {
	if project == nil {
		return 0, errNotFound
	}
	view, err := v.d.Store.PaymentView(v.ctx(), project.ID, v.r.PathValue("id"))
	if err != nil {
		return 0, err
	}
	return view.Payment.ID, nil
}

// paymentData reads all that is shown about a payment.
func (v *visit) paymentData(project *merchant.Project, view *store.View) (*paymentData, error) {
	p, s := &view.Payment, v.d.Store
	data := &paymentData{Project: project, Payment: p, Here: paymentAddress(p.ProjectID, p.ID, ""), IdempotencyKey: newForm().IdempotencyKey}
	row := []store.RegisterRow{{ProjectID: p.ProjectID, ID: p.ID}}
	if err := s.NameRecipients(v.ctx(), row); err != nil {
		return nil, err
	}
	data.Recipient = row[0].Recipient
	data.Paid.Account, data.Paid.Customer = payeeAddress("account", p.ProjectID, p.ID), payeeAddress("customer", p.ProjectID, p.ID)
	lines, err := s.Journal(v.ctx(), p.ProjectID, p.ID)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		data.Timeline = append(data.Timeline, timelineOf(v, l))
	}
	if data.Discrepancies, err = s.PaymentDiscrepancies(v.ctx(), p.ProjectID, p.ID); err != nil {
		return nil, err
	}
	callbacks, err := s.PaymentCallbacks(v.ctx(), p.ProjectID, p.ID)
	if err != nil {
		return nil, err
	}
	for _, c := range callbacks {
		data.Callbacks = append(data.Callbacks, callbackView{c, indented(c.Job.Body().AppendJSON(nil))})
	}
	for _, o := range view.Operations {
		data.Operations = append(data.Operations, operationView{o, payout.Message(o.Code), adviceFor(p, &o, data.Discrepancies)})
		data.left = o.ThresholdAt.Sub(s.Now())
	}
	return data, nil
}

// Head begins a heading below the payment's own, and End ends it: beside the list all of them stand one level lower, under
// the list's. The id is empty where nothing names the heading.
func (data *paymentData) Head(depth int, id string) template.HTML {
	if id != "" {
		id = ` id="` + template.HTMLEscapeString(id) + `"`
	}
	return template.HTML("<" + data.heading(depth) + id + ">")
}

// End ends a heading.
func (data *paymentData) End(depth int) template.HTML {
	return template.HTML("</" + data.heading(depth) + ">")
}

func (data *paymentData) heading(depth int) string {
	if data.Beside {
		depth++
	}
	return "h" + strconv.Itoa(1+depth)
}

// Left is the time to the threshold; zero once it has passed.
func (data *paymentData) Left() time.Duration { return max(0, data.left) }

// Open tells whether the payment has no final status yet.
func (data *paymentData) Open() bool { return !data.Payment.Status.Final() }

// Disputed is what is held while the bank may have paid; empty where nothing is.
func (data *paymentData) Disputed() (out []payout.Operation) {
	for _, o := range data.Operations {
		if o.Stage == payout.Disputed || o.Stage == payout.Unsettled {
			out = append(out, o.Operation)
		}
	}
	return out
}

// Interface is where the payment was made.
func (data *paymentData) Interface() string { return interfaceWord(data.Payment.Interface) }

// adviceFor is the word for what a person should do about an operation. Where the bank may have the payout, or says
// otherwise than we do, it is never to send it again (product.md §3.5).
func adviceFor(p *payout.Payment, o *payout.Operation, open []store.Discrepancy) string {
	for _, d := range open {
		if d.SettledAt.IsZero() {
			return "payments.advice.discrepancy"
		}
	}
	switch {
	case o.Stage == payout.Disputed || o.Stage == payout.Unsettled:
		return "payments.advice.clarified"
	case o.Stage == payout.Sending:
		return "payments.advice.with_bank"
	case o.Stage == payout.Settled:
		return "payments.advice.settled_paid"
	case o.Stage == payout.Refunded, p.Status == payout.Reversed:
		return "payments.advice.refunded"
	case !p.Status.Final():
		return "payments.advice.waiting"
	case p.Status == payout.Success:
		return "payments.advice.paid"
	}
	code, known := payout.LookUp(o.Code)
	if !known {
		return "payments.advice.support"
	}
	return "payments.advice." + code.Action
}

// DiscrepancyWord is the id of the words about a kind of discrepancy.
func (data *paymentData) DiscrepancyWord(kind string) string {
	return "payments.discrepancy." + strings.ReplaceAll(kind, " ", "_")
}

// SettledWord is the id of the words about what a settlement did with the sum.
func (data *paymentData) SettledWord(funds string) string {
	if funds == "" {
		return "payments.settled.nothing"
	}
	return "payments.settled." + strings.ReplaceAll(funds, " ", "_")
}

func timelineOf(v *visit, l store.JournalLine) timelineLine {
	line := timelineLine{JournalLine: l}
	if word := "payments.kind." + strings.ReplaceAll(l.Kind, " ", "_"); v.words().has(word) {
		line.Word = word
	}
	if l.Kind == "declined" && l.Seq == 1 {
		line.Word = "payments.kind.refused"
	}
	decoder := json.NewDecoder(strings.NewReader(l.Detail))
	decoder.UseNumber()
	if _, err := decoder.Token(); err != nil {
		return line
	}
	for decoder.More() { // in the order in which they stand
		var value any
		name, err := decoder.Token()
		if err == nil {
			err = decoder.Decode(&value)
		}
		if err != nil {
			return line
		}
		text, isText := value.(string)
		if !isText {
			packed, err := json.Marshal(value)
			if err != nil {
				continue
			}
			text = string(packed)
		}
		if n, ok := name.(string); ok {
			line.Members = append(line.Members, member{n, text})
		}
	}
	return line
}

func indented(body []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, body, "", "  ") != nil {
		return string(body)
	}
	return out.String()
}

// callbackColours are the badges of callbacks' states.
var callbackColours = map[store.CallbackState]string{
	store.CallbackPending: "blue", store.CallbackDelivered: "green", store.CallbackSuperseded: "grey", store.CallbackDisabled: "grey", store.CallbackGivenUp: "red",
}

// Colour is the colour of the callback's badge.
func (c callbackView) Colour() string { return callbackColours[c.State] }

// StateWord is the word for the callback's state.
func (c callbackView) StateWord() string {
	return "payments.callback." + strings.ReplaceAll(string(c.State), " ", "_")
}

// AnswerText is an attempt's answer as text.
func (data *paymentData) AnswerText(answer []byte) string {
	return strings.ToValidUTF8(string(answer), "\uFFFD")
}

// Address is where a callback goes, without what can be a secret in it.
func (data *paymentData) Address(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// serveResend makes a callback of a payment due again: the one with the number, or the newest.
func serveResend(d *Dashboard, v *visit) error {
	project, view, err := v.readPayment()
	if err != nil {
		return err
	}
	f, err := v.form()
	if err != nil {
		return err
	}
	number := int64(0)
	if text := f.Get("number"); text != "" {
		if number, err = strconv.ParseInt(text, 10, 64); err != nil || number < 1 {
			return errNotFound
		}
	}
	p := &view.Payment
	number, err = d.Store.ResendCallback(v.ctx(), f.IdempotencyKey, project.ID, p.PaymentID, number, v.actor())
	switch {
	case errors.Is(err, store.ErrNewerCallback):
		return &userError{ID: "payments.fault_newer", Status: 409}
	case errors.Is(err, store.ErrNoCallbackURL):
		return &userError{ID: "payments.fault_no_url", Status: 409}
	case err != nil:
		return err
	}
	if f.Get("beside") == "" {
		return v.redirect(paymentAddress(project.ID, p.ID, "?"+f.Get("list")), "payments.resent", "number", number)
	}
	// Not by HX-Redirect, which would load the list anew: htmx follows this one, and gets the panel.
	v.leaveNotice("payments.resent", []any{"number", number})
	http.Redirect(v.w, v.r, localPath("/payments"+withQuery(f.Get("list"))), http.StatusSeeOther)
	return nil
}
