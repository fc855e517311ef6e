package dashboard

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"flashpay/internal/accept"
	"flashpay/internal/account"
	"flashpay/internal/manual"
	"flashpay/internal/store"
)

// orderView is an order as people check it before it is sent, or approved.
type orderView struct {
	*manual.Order
	Sum                manual.Sum
	Entries            []entryView
	Fee, Debit         manual.Sum // the fee by the tariff that holds now, and what the balance pays with it
	Balance            *balanceNote
	Doctor             *doctorNote
	PossibleDuplicates []duplicateView
	Approves           bool            // it waits for a second person
	Sent               store.SentAlone // what who sends it has sent alone
	Waits              time.Duration   // at most
	Hidden             []hiddenValue
	Trouble            string
}

type entryView struct{ Label, Value string }

type duplicateView struct {
	store.RegisterRow
	Href string
}

// hiddenValue carries an entry from page to page.
type hiddenValue struct{ Name, Value string }

func (v *visit) orderView(o *manual.Order) (*orderView, error) {
	view := &orderView{Order: o, Sum: manual.Sum{Amount: o.Amount, Currency: o.Currency}, Waits: store.ApprovalLife}
	for _, e := range o.Entries() {
		value := e.Value
		if e.Path == "account.bank_id" {
			value = manual.BankName(o.Method, value)
		}
		view.Entries = append(view.Entries, entryView{v.fieldLabel(e.Path), value})
	}
	if o.Policy != account.Off {
		view.Doctor = v.wordFinding(o.Policy, o.Finding)
	}
	var err error
	amount, fee, currency := v.d.manual().Payouts.Cost(&accept.Candidate{
		Project: o.Project, Method: o.Method, Amount: o.Amount, Currency: o.Currency, Account: o.Account,
	}, v.d.Store.Now())
	view.Fee, view.Debit = manual.Sum{Amount: fee, Currency: currency}, manual.Sum{Amount: amount + fee, Currency: currency}
	if view.Balance, err = v.balanceNote(o.Project, amount+fee, currency); err != nil {
		return nil, err
	}
	duplicates, err := v.d.manual().PossibleDuplicates(v.ctx(), o)
	for _, t := range duplicates {
		view.PossibleDuplicates = append(view.PossibleDuplicates, duplicateView{t, paymentAddress(t.ProjectID, t.ID, "")})
	}
	return view, err
}

// checkedOrder reads the form and checks it. Where the order is nil, the answer was given already.
func (v *visit) checkedOrder() (*Form, *manual.Order, error) {
	f, err := v.form()
	if err != nil {
		return nil, nil, err
	}
	draft, err := v.draft(f)
	if err != nil {
		return nil, nil, err
	}
	order, faults := v.d.manual().Check(draft)
	if f.Get("project") == "" || f.Get("method") != draft.Method.Path || f.Get(manual.Currency) != draft.Currency {
		// What was chosen is not offered any more: what is offered instead must be seen before anything is sent.
		faults = append(faults, manual.Fault{Path: "method", Word: "chosen"})
	}
	if len(faults) > 0 {
		v.faults(f, faults)
		return f, nil, v.showPayoutForm(http.StatusUnprocessableEntity, f)
	}
	return f, order, nil
}

// showTaken shows the form again where the payment id is taken.
func (v *visit) showTaken(f *Form, href string, fault manual.Fault) error {
	v.faults(f, []manual.Fault{fault})
	page, err := v.payoutForm(f)
	if err != nil {
		return err
	}
	page.Existing = href
	return v.renderStatus(http.StatusUnprocessableEntity, "manual_new", Page{Title: v.t("manual.new_title"), Form: f, Data: page})
}

// serveManualCheck checks the form and shows all of it for confirmation. Nothing is stored.
func serveManualCheck(_ *Dashboard, v *visit) error {
	f, order, err := v.checkedOrder()
	if order == nil || err != nil {
		return err
	}
	href, fault, err := v.existing(order.Project, order.PaymentID)
	if err != nil {
		return err
	}
	if href != "" {
		return v.showTaken(f, href, fault)
	}
	return v.showConfirmation(http.StatusOK, f, order, "")
}

func (v *visit) showConfirmation(status int, f *Form, order *manual.Order, trouble string) error {
	view, err := v.orderView(order)
	if err != nil {
		return err
	}
	view.Trouble = trouble
	if view.Sent, view.Approves, err = v.d.manual().NeedsApproval(v.ctx(), order, v.user.ID); err != nil {
		return err
	}
	for name, values := range f.Values {
		if name == "once" || name == "kept" || len(values) == 0 {
			continue
		}
		view.Hidden = append(view.Hidden, hiddenValue{name, values[0]})
	}
	slices.SortFunc(view.Hidden, func(a, b hiddenValue) int { return strings.Compare(a.Name, b.Name) })
	return v.renderStatus(status, "manual_confirm", Page{Title: v.t("manual.confirm_title"), Form: f, Data: view})
}

// serveManualSend checks the order again and sends it, or lets it wait for a second person. Sent twice, it is the same
// payout, or the same order that waits.
func serveManualSend(d *Dashboard, v *visit) error {
	f, order, err := v.checkedOrder()
	if order == nil || err != nil {
		return err
	}
	_, needs, err := d.manual().NeedsApproval(v.ctx(), order, v.user.ID)
	if err != nil {
		return err
	}
	if needs {
		return v.ask(f, order)
	}
	if id, err := d.Store.WaitingApproval(v.ctx(), order.Project.ID, store.ApprovalPayout, order.PaymentID); err == nil {
		return v.showTaken(f, approvalPath(id), manual.Fault{Path: manual.PaymentID, Word: "waits"})
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	receipt, err := d.manual().Send(v.ctx(), order, v.actor())
	if errors.Is(err, store.ErrNeedsSecond) { // another payout of the same person was sent meanwhile
		return v.ask(f, order)
	}
	if err != nil {
		return v.notSent(f, order, err)
	}
	return v.redirect(manualPath(order.Project.ID, receipt.RequestID), "")
}

// ask lets an order wait for a second person.
func (v *visit) ask(f *Form, order *manual.Order) error {
	id, err := v.d.manual().Ask(v.ctx(), f.IdempotencyKey, order, v.user.ID, v.user.Name, v.actor())
	switch {
	case errors.Is(err, store.ErrApprovalWaits):
		waiting, err := v.d.Store.WaitingApproval(v.ctx(), order.Project.ID, store.ApprovalPayout, order.PaymentID)
		if err != nil {
			return err
		}
		return v.showTaken(f, approvalPath(waiting), manual.Fault{Path: manual.PaymentID, Word: "waits"})
	case err != nil:
		return v.notSent(f, order, err)
	}
	return v.redirect(approvalPath(id), "manual.asked")
}

// notSent shows why an order was not sent, with all that was entered.
func (v *visit) notSent(f *Form, order *manual.Order, err error) error {
	if store.Unavailable(err) || errors.Is(err, store.ErrQueueFull) {
		v.d.Logger.Error("dashboard: a payout by hand could not be sent", "err", err)
		return v.showConfirmation(http.StatusServiceUnavailable, f, order, v.t("manual.not_known"))
	}
	faults, ok := manual.Refused(err)
	if !ok {
		return err
	}
	if href, fault, err := v.existing(order.Project, order.PaymentID); err != nil {
		return err
	} else if href != "" {
		return v.showTaken(f, href, fault)
	}
	v.faults(f, faults)
	return v.showPayoutForm(http.StatusUnprocessableEntity, f)
}
