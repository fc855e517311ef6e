package demo

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// form is what stands in the page's form, as typed, and what is wrong with it.
type form struct {
	Amount      string
	Account     string
	Ending      string // of the sandbox table, chosen without script; empty: as typed
	PaymentID   string
	Name        string
	Description string
	Unchecked   bool // the page's own checks are left out, so that Gate's answer can be seen

	Errors map[string]string // by the name of the field; "" for what belongs to none
	Link   string            // to the payout that the errors are about; may be empty
}

func newForm(query url.Values) form {
	f := form{Amount: "1,000.00", Account: "00004598", PaymentID: newPaymentID()}
	if v := query.Get("account"); v != "" {
		f.Account = v
	}
	if v := query.Get("amount"); v != "" {
		f.Amount = v
	}
	return f
}

func readForm(v url.Values) form {
	return form{
		Amount:      strings.TrimSpace(v.Get("amount")),
		Account:     strings.TrimSpace(v.Get("account")),
		Ending:      v.Get("ending"),
		PaymentID:   strings.TrimSpace(v.Get("payment_id")),
		Name:        strings.TrimSpace(v.Get("name")),
		Description: strings.TrimSpace(v.Get("description")),
		Unchecked:   v.Get("unchecked") != "",
		Errors:      map[string]string{},
	}
}

// order checks the form and makes an order of it; what is wrong is in f.Errors.
func (f *form) order(customerIP string) order {
	amount, wrong := parseAmount(f.Amount)
	switch {
	case wrong != "":
		f.Errors["amount"] = wrong
	case !f.Unchecked && (amount < minAmount || amount > maxAmount):
		f.Errors["amount"] = fmt.Sprintf("Enter an amount from %s to %s.", formatAmount(minAmount), formatAmount(maxAmount))
	}
	if !f.Unchecked {
		f.require("account", f.Account, "Enter the account number to pay to.", 100)
		f.require("payment_id", f.PaymentID, "Enter an id for this payout.", 255)
		f.require("name", f.Name, "", 255)
		f.require("description", f.Description, "", 255)
	} else if f.PaymentID == "" {
		f.Errors["payment_id"] = "Enter an id: without one the shop could not find the payout again."
	}
	account := f.Account
	if f.Ending != "" && !strings.HasSuffix(account, f.Ending) {
		account = withEnding(account, f.Ending)
		f.Account = account
	}
	return order{
		PaymentID: f.PaymentID, Amount: amount, Account: account, Name: f.Name, Description: f.Description, CustomerIP: customerIP,
	}
}

func (f *form) require(name, value, missing string, most int) {
	switch n := utf8.RuneCountInString(value); {
	case n == 0 && missing != "":
		f.Errors[name] = missing
	case n > most:
		f.Errors[name] = fmt.Sprintf("This has %d characters; at most %d fit.", n, most)
	}
}

// fieldsOfGate tells which of the form's fields a member of the request is.
var fieldsOfGate = map[string]string{
	"payment.amount":        "amount",
	"account.number":        "account",
	"general.payment_id":    "payment_id",
	"account.customer_name": "name",
	"payment.description":   "description",
}

// refuse enters Gate's refusal, each fault at the field that it is about.
func (f *form) refuse(a *answer) {
	for _, fault := range a.Fields {
		name := fieldsOfGate[fault.Field]
		words := fault.Message
		if fault.Description != "" {
			words += ": " + fault.Description
		}
		if name == "" && fault.Field != "" {
			words = fault.Field + ": " + words
		}
		if fault.Code != "" {
			words += " (code " + fault.Code + ")"
		}
		f.Errors[name] = strings.TrimSpace(f.Errors[name] + " " + words)
	}
}

var (
	plainAmount   = regexp.MustCompile(`^[0-9]{1,13}([.,][0-9]{1,2})?$`)
	groupedAmount = regexp.MustCompile(`^[0-9]{1,3}(,[0-9]{3}){1,4}(\.[0-9]{1,2})?$`)
)

// parseAmount reads an amount in major units, such as 1000, 1,000.5 or 1000,50,
// and returns it in minor units, or else what is wrong with it. A group has three
// digits and a fraction at most two, so a comma is never in doubt.
func parseAmount(s string) (minor int64, wrong string) {
	s = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\u00A0' || r == '\u202F' {
			return -1
		}
		return r
	}, s)
	switch {
	case s == "":
		return 0, "Enter an amount, such as 1,000.00."
	case groupedAmount.MatchString(s):
		s = strings.ReplaceAll(s, ",", "")
	case plainAmount.MatchString(s):
		s = strings.Replace(s, ",", ".", 1)
	default:
		return 0, "This is not an amount such as 1,000.00: digits, with at most two of them after the point."
	}
	whole, fraction, _ := strings.Cut(s, ".")
	minor, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	if err != nil {
		return 0, "This amount is too large."
	}
	return minor, ""
}

// formatAmount writes minor units as major ones: 100000 as 1,000.00.
func formatAmount(minor int64) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	whole := strconv.FormatInt(minor/100, 10)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return fmt.Sprintf("%s%s.%02d", sign, whole, minor%100)
}

// customerIP is the address of who sits before the page.
func customerIP(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return "127.0.0.1"
	}
	return at.Addr().Unmap().WithZone("").String()
}
