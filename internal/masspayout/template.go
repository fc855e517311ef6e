package masspayout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"flashpay/internal/accept"
	"flashpay/internal/method"
	"flashpay/internal/money"
)

// samplePaymentID is the payment id of a template's sample row, by which it is known when it comes back.
const samplePaymentID = "sample-row-delete-it"

// sampleAccount is one that the account doctor finds well-formed, of no bank.
const sampleAccount = "9990000000000048"

var sampleCells = map[string]string{
	colPaymentID: samplePaymentID, colAccount: sampleAccount, colCustomerID: "customer-1", colCustomerIP: "192.0.2.1",
	accept.PathDescription: "Salary for November", "account.customer_name": "Aida Asanova", "customer.first_name": "Aida",
	"customer.last_name": "Asanova", "customer.email": "aida@example.com", colPhone: "996555000000", colBirth: "31-01-1990",
	"customer.address": "Chuy Avenue 1", "customer.city": "Bishkek", "customer.zip": "720000", "customer.country": "KG",
	"customer.street": "Chuy Avenue",
}

// Template is the file that a clerk begins with: the columns that the method needs, then those that it takes, and a sample row,
// which is refused if it comes back. It is CSV in UTF-8 with «;», without a byte order mark.
func Template(m *method.Method, projectID int64) string {
	currency := m.MainCurrency()
	names := []string{colOperationType, colProject, colMethod, colPaymentID, colAmount, colCurrency}
	cells := []string{"payout", strconv.FormatInt(projectID, 10), m.Path, samplePaymentID, sampleAmount(m, currency), currency}
	inputs := accept.Inputs(m, currency)
	for _, wanted := range []bool{true, false} {
		for i := range inputs {
			in := &inputs[i]
			if in.Required != wanted || slices.Contains(names, in.Path) {
				continue
			}
			names, cells = append(names, in.Path), append(cells, sampleCell(in))
		}
	}
	return strings.Join(names, ";") + "\n" + strings.Join(cells, ";") + "\n"
}

// sampleAmount is the method's least sum of whole units.
func sampleAmount(m *method.Method, currency string) string {
	c, _ := m.Currency(currency)
	unit := int64(1)
	if cur, ok := money.Lookup(currency); ok {
		for range cur.Exponent {
			unit *= 10
		}
	}
	amount := (c.Min + unit - 1) / unit * unit
	if amount > c.Max || amount%max(c.Step, 1) != 0 {
		amount = c.Min
	}
	return fmt.Sprint(amount)
}

func sampleCell(in *accept.Input) string {
	switch {
	case in.Kind == accept.BankInput && len(in.Banks) > 0:
		return strconv.FormatInt(in.Banks[0].ID, 10)
	case len(in.Values) > 0:
		return in.Values[0]
	case in.Kind == accept.BooleanInput:
		return "false"
	}
	cell := sampleCells[in.Path]
	if _, misfit := in.FailedPattern(cell); misfit && cell != "" {
		for n := range 40 {
			if digits := strings.Repeat("1", n+1); in.MinLength <= n+1 && (in.MaxLength == 0 || n < in.MaxLength) {
				if _, misfit := in.FailedPattern(digits); !misfit {
					return digits
				}
			}
		}
	}
	return cell
}
