package dashboard

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"

	"flashpay/internal/store"
)

// The page of a recipient is the register of all that one account or one customer was paid. Its address names a payment to
// them, «account.210.4711», and not what is sealed.

// payeeView is whose payments the register shows.
type payeeView struct {
	Title    string
	Name     string // empty: no request has one
	Account  string // its mask; empty: the customer counts, who can have several
	Customer string
	Other    string // the register of the same payment's customer, or account
}

func payeeAddress(by string, project, payment int64) string {
	return "/payments?" + url.Values{"recipient": {by + "." + tabName(project, payment)}}.Encode()
}

// readPayee reads whose payments are asked for.
func (l *listing) readPayee(v *visit) error {
	text := l.Form.Get("recipient")
	if text == "" {
		return nil
	}
	by, rest, _ := strings.Cut(text, ".")
	projectID, id, _ := strings.Cut(rest, ".")
	project, view, err := v.payment(projectID, id)
	if (by != "account" && by != "customer") || isAny(err, errNotFound, store.ErrNotFound) {
		l.Form.Fault("", v.t("payments.fault_unknown", "value", text))
		return nil
	}
	if err != nil {
		return err
	}
	p := &view.Payment
	if l.filter.Payee, err = v.d.Store.PayeeOf(v.ctx(), project.ID, p.ID, by == "customer"); err != nil {
		return err
	}
	row := []store.RegisterRow{{ProjectID: project.ID, ID: p.ID}}
	if err := v.d.Store.NameRecipients(v.ctx(), row); err != nil {
		return err
	}
	l.payee = &payeeView{Name: row[0].Recipient, Other: payeeAddress("account", project.ID, p.ID)}
	if l.payee.Customer = p.CustomerID; by == "account" {
		l.payee.Account, l.payee.Customer, l.payee.Other = p.AccountMask, "", payeeAddress("customer", project.ID, p.ID)
	} else {
		l.payee.Customer += " (" + strconv.FormatInt(project.ID, 10) + ")"
	}
	l.payee.Title = v.t("payments.payee_title", "name", cmp.Or(l.payee.Name, l.payee.Account, l.payee.Customer))
	return nil
}

// Payee is whose payments the register shows; nil: everybody's.
func (l *listing) Payee() *payeeView { return l.payee }

// Recipient is what the address names.
func (l *listing) Recipient() string { return l.Form.Get("recipient") }
